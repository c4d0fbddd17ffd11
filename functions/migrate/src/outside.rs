//! The half outside the network: takes the password from Secrets Manager to the half inside, and
//! its answer back; touches no database.

use std::time::Duration;

use anyhow::{Context, bail};
use aws_config::BehaviorVersion;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_sdk_lambda::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_lambda::primitives::Blob;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use serde::Deserialize;
use store::Account;

use crate::{Event, Migrated};

/// The first deployment calls this seconds after its role was made, and what a new role may do is
/// not known everywhere in AWS at once. Half a minute together; then it is no matter of time.
const UNTIL_KNOWN_SECONDS: [u64; 5] = [1, 2, 4, 8, 16];

/// Where the password is, and who logs in with it.
#[derive(Debug)]
pub struct Outside {
    secrets: aws_sdk_secretsmanager::Client,
    lambda: aws_sdk_lambda::Client,
    /// The ARN of the secret that RDS made for the owner of the database.
    secret: String,
    /// The name of the function inside.
    function: String,
}

/// What Lambda tells of a function that failed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    error_message: String,
}

impl Outside {
    /// With the credentials and the region that the environment names.
    pub async fn from_env(secret: String, function: String) -> Outside {
        let tls = Provider::Rustls(CryptoMode::Ring);
        let http = aws_smithy_http_client::Builder::new().tls_provider(tls).build_https();
        // The answer comes when the migrations are through: until then nothing is sent, for minutes
        // if they take that long. Lambda ends what hangs.
        let patient = StalledStreamProtectionConfig::disabled();
        let config = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .stalled_stream_protection(patient)
            .load()
            .await;
        Outside {
            secrets: aws_sdk_secretsmanager::Client::new(&config),
            lambda: aws_sdk_lambda::Client::new(&config),
            secret,
            function,
        }
    }

    pub(crate) async fn migrate(&self) -> anyhow::Result<Migrated> {
        let account = self.owner().await.with_context(|| format!("secret {}", self.secret))?;
        let event = serde_json::to_vec(&Event { account: Some(account) })?;
        self.invoke(event).await.with_context(|| format!("function {}", self.function))
    }

    async fn owner(&self) -> anyhow::Result<Account> {
        let get = async || self.secrets.get_secret_value().secret_id(&self.secret).send().await;
        let secret = when_allowed(get).await;
        let secret = secret.map_err(|error| anyhow::anyhow!("{}", DisplayErrorContext(error)))?;
        let text = secret.secret_string().context("it has no text")?;
        // What serde says of a wrong text may quote it.
        let account = serde_json::from_str(text).ok();
        account.context("it is not {\"username\": ..., \"password\": ...}, as RDS writes it")
    }

    async fn invoke(&self, event: Vec<u8>) -> anyhow::Result<Migrated> {
        let invoke = self.lambda.invoke().function_name(&self.function).payload(Blob::new(event));
        let sent = when_allowed(async || invoke.clone().send().await).await;
        let answer = sent.map_err(|error| anyhow::anyhow!("{}", DisplayErrorContext(error)))?;
        let text = answer.payload().map(|payload| payload.as_ref()).unwrap_or_default();
        if answer.function_error().is_some() {
            let said = String::from_utf8_lossy(text);
            let failure = serde_json::from_slice::<Failure>(text);
            bail!("{}", failure.map_or(said.into_owned(), |failure| failure.error_message));
        }
        serde_json::from_slice(text).context("its answer is not of this version")
    }
}

/// Asks again while the answer is that this role may not.
async fn when_allowed<T, E: ProvideErrorMetadata>(
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
