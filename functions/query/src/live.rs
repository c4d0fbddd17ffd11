//! `GET /v1/live`: what ingest tells of this moment, passed on byte for byte; keeps none of it, and
//! knows not what is in it.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tracing::error;

use crate::problem::Problem;

/// It answers from memory, and in the same network.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Some 700 bytes a symbol: thousands of them. Lambda passes on no more than 6 MB.
const MAX_BYTES: usize = 4 << 20;

/// Where ingest tells the live state.
#[derive(Clone)]
pub struct Ingest {
    client: Client<HttpConnector, Empty<Bytes>>,
    live: Uri,
}

impl Ingest {
    /// `base` is `http://host:port`, as `INGEST_LISTEN` of ingest has it.
    pub fn at(base: &str) -> Result<Ingest, String> {
        let good = |uri: &Uri| {
            uri.scheme_str() == Some("http")
                && uri.host().is_some_and(|host| !host.is_empty())
                && uri.path() == "/"
                && uri.query().is_none()
        };
        let refused = || format!("LIVE_URL: {base:?} is not such as http://10.0.0.7:9101");
        let base_uri = base.parse().ok().filter(good).ok_or_else(refused)?;
        let mut parts = Uri::into_parts(base_uri);
        parts.path_and_query = Some("/live".parse().expect("a path written here is one"));
        let live = Uri::from_parts(parts).map_err(|_| refused())?;
        let client = Client::builder(TokioExecutor::new()).build_http();
        Ok(Ingest { client, live })
    }

    /// At `LIVE_URL`, if that is set.
    pub fn from_env() -> Result<Option<Ingest>, String> {
        // What is no UTF-8 is no address: it is refused like any other.
        let base = std::env::var_os("LIVE_URL").map(|base| base.to_string_lossy().into_owned());
        base.filter(|base| !base.is_empty()).map(|base| Ingest::at(&base)).transpose()
    }

    async fn ask(&self) -> Result<Bytes, String> {
        let asked = async {
            let answer = self.client.get(self.live.clone()).await;
            let answer = answer.map_err(|error| with_sources(&error))?;
            if answer.status() != StatusCode::OK {
                return Err(format!("it answered {}", answer.status()));
            }
            let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await;
            body.map(|body| body.to_bytes()).map_err(|error| with_sources(&*error))
        };
        let late = |_| format!("it did not answer within {} s", ANSWER_WITHIN.as_secs());
        tokio::time::timeout(ANSWER_WITHIN, asked).await.map_err(late)?
    }
}

pub(crate) async fn get(State(ingest): State<Option<Ingest>>) -> Result<Response, Problem> {
    let Some(ingest) = ingest else { return Err(Problem::not_live()) };
    match ingest.ask().await {
        Ok(told) => Ok(([(header::CONTENT_TYPE, "application/json")], told).into_response()),
        Err(why) => {
            error!("ingest at {} did not tell the live state: {why}", ingest.live);
            Err(Problem::ingest_unavailable())
        }
    }
}

/// hyper's own text is only where it went wrong.
fn with_sources(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |error| error.source());
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_address_is_taken() {
        for base in ["http://10.0.0.7:9101", "http://ingest:9101/", "http://[fd00::1]:9101"] {
            let live = Ingest::at(base).map(|ingest| ingest.live.to_string());
            assert_eq!(live, Ok(format!("{}/live", base.trim_end_matches('/'))));
        }
        for base in ["10.0.0.7:9101", "https://a:1", "http://a:1/live", "http://a:1/?x", "http://"]
        {
            let why = Ingest::at(base).err().expect(base);
            assert_eq!(why, format!("LIVE_URL: {base:?} is not such as http://10.0.0.7:9101"));
        }
    }
}
