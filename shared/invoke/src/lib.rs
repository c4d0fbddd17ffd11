//! One function of AWS Lambda calls another and waits for its answer, as the two halves of a program
//! do that is deployed on both sides of a network; knows nobody's events.

use std::time::Duration;

use anyhow::{Context, bail};
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::ProvideErrorMetadata;
use aws_sdk_lambda::primitives::Blob;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A deployment calls a function seconds after its role was made, and what a new role may do is not
/// known everywhere in AWS at once. Half a minute together; then it is no matter of time.
const UNTIL_KNOWN_SECONDS: [u64; 5] = [1, 2, 4, 8, 16];

/// The credentials and the region that the environment names, for clients that wait.
pub async fn config_from_env() -> SdkConfig {
    // The answer comes when the other one is through: until then nothing is sent, for minutes if it
    // takes that long. Lambda ends what hangs.
    let patient = StalledStreamProtectionConfig::disabled();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(aws::https())
        .stalled_stream_protection(patient)
        .load()
        .await
}

/// Another function.
#[derive(Debug, Clone)]
pub struct Function {
    client: Client,
    name: String,
}

/// What Lambda tells of a function that failed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    error_message: String,
}

impl Function {
    pub fn new(config: &SdkConfig, name: impl Into<String>) -> Function {
        Function { client: Client::new(config), name: name.into() }
    }

    /// Its answer to an event; what it fails with is this one's error.
    pub async fn call<A: DeserializeOwned>(&self, event: &impl Serialize) -> anyhow::Result<A> {
        let answer = self.ask(serde_json::to_vec(event)?).await;
        answer.with_context(|| format!("function {}", self.name))
    }

    async fn ask<A: DeserializeOwned>(&self, event: Vec<u8>) -> anyhow::Result<A> {
        let invoke = self.client.invoke().function_name(&self.name).payload(Blob::new(event));
        let sent = when_allowed(async || invoke.clone().send().await).await;
        let answer = sent.map_err(|error| anyhow::anyhow!(aws::said(&error)))?;
        let text = answer.payload().map(|payload| payload.as_ref()).unwrap_or_default();
        if answer.function_error().is_some() {
            let said = String::from_utf8_lossy(text);
            let failure = serde_json::from_slice::<Failure>(text);
            bail!("{}", failure.map_or(said.into_owned(), |failure| failure.error_message));
        }
        serde_json::from_slice(text).context("its answer is not of this version")
    }
}

/// The half of a program that answers questions: the one that can reach the database.
pub trait Answers {
    type Question: Serialize;

    fn answer(
        &self,
        question: Self::Question,
    ) -> impl Future<Output = anyhow::Result<Value>> + Send;
}

/// Which half a program is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Side {
    Outside { function: String },
    Inside { database_url: String },
}

impl Side {
    /// By its environment: `DATABASE_URL` is the database of the one inside, and `variable` names the
    /// function of that one to the one outside.
    pub fn from_env(variable: &str) -> anyhow::Result<Side> {
        match (std::env::var("DATABASE_URL"), std::env::var(variable)) {
            (Err(_), Ok(function)) => Ok(Side::Outside { function }),
            (Ok(database_url), Err(_)) => Ok(Side::Inside { database_url }),
            _ => bail!("set DATABASE_URL, or {variable}, and not both"),
        }
    }
}

/// Where that half is, to the other one.
#[derive(Debug)]
pub enum Half<I> {
    /// The same program, inside the database's network.
    There(Function),
    /// This process.
    Here(I),
}

impl<I: Answers> Half<I> {
    pub async fn ask<A: DeserializeOwned>(&self, question: I::Question) -> anyhow::Result<A> {
        match self {
            Half::There(inside) => inside.call(&question).await,
            Half::Here(inside) => Ok(serde_json::from_value(inside.answer(question).await?)?),
        }
    }
}

/// Asks again while the answer is that this role may not.
pub async fn when_allowed<T, E: ProvideErrorMetadata>(
    mut ask: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, E> {
    for seconds in UNTIL_KNOWN_SECONDS {
        match ask().await {
            Err(error) if error.code() == Some("AccessDeniedException") => {
                tracing::warn!("not allowed, perhaps not yet; again in {seconds} s");
                tokio::time::sleep(Duration::from_secs(seconds)).await;
            }
            done => return done,
        }
    }
    ask().await
}
