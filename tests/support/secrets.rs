//! Secrets Manager with one secret and Lambda with one function, as far as `migrate` speaks to them
//! over HTTP; checks no signature.
//!
//! Source: GetSecretValue and Invoke in the references of the two services' APIs.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::AbortHandle;

use crate::runtime::Function;

pub const SECRET: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:rds!db-0a1b";
pub const FUNCTION: &str = "tickfold-migrate-database";

/// Both, on a free port; dropping it ends them.
pub struct Secrets {
    endpoint: String,
    state: Shared,
    server: AbortHandle,
}

type Shared = Arc<Mutex<Parts>>;

struct Parts {
    /// The text of the secret.
    text: String,
    /// How many calls are still refused, as of a role that is not known everywhere yet.
    refusals: u32,
    function: Function,
}

impl Secrets {
    pub async fn start(text: String, function: Function) -> Secrets {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(Mutex::new(Parts { text, refusals: 0, function }));
        let router = Router::new()
            .route("/", post(secret))
            .route("/2015-03-31/functions/{name}/invocations", post(invoke))
            .with_state(state.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        Secrets { endpoint, state, server: server.abort_handle() }
    }

    /// What the function outside finds in its environment.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let pairs = [
            ("MIGRATE_SECRET", SECRET),
            ("MIGRATE_FUNCTION", FUNCTION),
            ("AWS_ENDPOINT_URL", &self.endpoint),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "key"),
            // Everything that any part of the program ever says.
            ("RUST_LOG", "trace"),
            ("AWS_LAMBDA_LOG_LEVEL", "TRACE"),
        ];
        pairs.map(|(name, value)| (name, value.to_owned())).into()
    }

    /// What another function that calls [`FUNCTION`] finds in its environment.
    pub fn environment_of_lambda(&self) -> Vec<(&'static str, String)> {
        let pairs = [
            ("AWS_ENDPOINT_URL", self.endpoint.as_str()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "key"),
        ];
        pairs.map(|(name, value)| (name, value.to_owned())).into()
    }

    /// RDS changes it by itself, from time to time.
    pub async fn change(&self, text: &str) {
        self.state.lock().await.text = text.to_owned();
    }

    /// Refuses as many calls, whatever they ask for.
    pub async fn refuse(&self, calls: u32) {
        self.state.lock().await.refusals = calls;
    }

    /// What the function inside has logged so far.
    pub async fn log(&self) -> String {
        self.state.lock().await.function.log()
    }
}

impl Drop for Secrets {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The answer to a role that may not, while there are refusals left.
async fn refused(parts: &Shared) -> Option<Response> {
    let mut parts = parts.lock().await;
    parts.refusals = parts.refusals.checked_sub(1)?;
    let refusal = json!({ "__type": "AccessDeniedException", "Message": "not authorized" });
    let kind = [("x-amzn-errortype", "AccessDeniedException")];
    Some((StatusCode::FORBIDDEN, kind, refusal.to_string()).into_response())
}

async fn secret(State(parts): State<Shared>, headers: HeaderMap, body: String) -> Response {
    if let Some(refused) = refused(&parts).await {
        return refused;
    }
    let asked: Value = serde_json::from_str(&body).expect("JSON");
    let is_known = asked["SecretId"] == SECRET;
    let is_get = headers["x-amz-target"] == "secretsmanager.GetSecretValue";
    if !is_known || !is_get {
        let refusal = json!({ "__type": "ResourceNotFoundException", "message": "no such secret" });
        return (StatusCode::BAD_REQUEST, refusal.to_string()).into_response();
    }
    let text = parts.lock().await.text.clone();
    json!({ "ARN": SECRET, "SecretString": text }).to_string().into_response()
}

async fn invoke(
    State(parts): State<Shared>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    if let Some(refused) = refused(&parts).await {
        return refused;
    }
    assert_eq!(name, FUNCTION);
    let kind = headers.get("x-amz-invocation-type");
    assert!(kind.is_none_or(|kind| kind == "RequestResponse"), "it waits for the answer");
    let event = serde_json::from_str(&body).expect("JSON");
    // One that fails is no failure of Lambda's, which says so in a header.
    match parts.lock().await.function.invoke(&event).await {
        Ok(answer) => answer.to_string().into_response(),
        Err(error) => ([("x-amz-function-error", "Unhandled")], error.to_string()).into_response(),
    }
}
