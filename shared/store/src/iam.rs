//! Logging in to RDS with IAM: a URL signed on this machine, in the password's place; asks nobody.

use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::StoreError;

/// As long as RDS allows. Only a new connection needs a token; an open one outlives it.
const VALID: Duration = Duration::from_secs(15 * 60);
/// Leaves a connection that starts with a token enough time, on a clock that is minutes off too.
const RENEW_AFTER: Duration = Duration::from_secs(10 * 60);
/// What a signature leaves as it is: RFC 3986's unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Who signs, and for which region.
#[derive(Debug, Clone)]
pub struct Iam {
    pub region: String,
    pub credentials: SharedCredentialsProvider,
}

impl Iam {
    /// What Lambda gives every function: `AWS_REGION`, `AWS_ACCESS_KEY_ID`,
    /// `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`. The AWS SDK's configuration knows more
    /// sources, but would be most of what a function loads; who has it anyway fills in the fields.
    pub(crate) fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Iam, StoreError> {
        let required = |name| {
            variable(name)
                .ok_or_else(|| StoreError::Login(format!("iam needs {name}, which is not set")))
        };
        let credentials = Credentials::new(
            required("AWS_ACCESS_KEY_ID")?,
            required("AWS_SECRET_ACCESS_KEY")?,
            variable("AWS_SESSION_TOKEN"),
            None,
            "environment",
        );
        let credentials = SharedCredentialsProvider::new(credentials);
        Ok(Iam { region: required("AWS_REGION")?, credentials })
    }

    /// The password of `user` for the next 15 minutes.
    pub async fn token(
        &self,
        host: &str,
        port: u16,
        user: &str,
        now: SystemTime,
    ) -> Result<String, StoreError> {
        let credentials = self.credentials.provide_credentials().await;
        let identity = credentials.map_err(|error| failed("no credentials", &error))?.into();
        let mut settings = SigningSettings::default();
        settings.expires_in = Some(VALID);
        settings.signature_location = SignatureLocation::QueryParams;
        let parameters = SigningParams::builder().identity(&identity).region(&self.region);
        let parameters = parameters.name("rds-db").time(now).settings(settings).build();
        let parameters = parameters.map_err(|error| failed("cannot sign", &error))?.into();
        let user = utf8_percent_encode(user, ENCODED);
        let url = format!("https://{host}:{port}/?Action=connect&DBUser={user}");
        let request = SignableRequest::new("GET", &url, std::iter::empty(), SignableBody::empty());
        let signed = request.and_then(|request| sign(request, &parameters));
        let (signed, _) = signed.map_err(|error| failed("cannot sign", &error))?.into_parts();
        let mut token = url.trim_start_matches("https://").to_owned();
        for (name, value) in signed.params() {
            token.push_str(&format!("&{name}={}", utf8_percent_encode(value, ENCODED)));
        }
        Ok(token)
    }
}

/// The tokens of one user of one server.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) iam: Iam,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) signed_at: Mutex<Option<SystemTime>>,
}

impl Tokens {
    /// Hands a new token to `log_in_with` if the last one is too old for another connection.
    pub(crate) async fn renew(
        &self,
        now: SystemTime,
        log_in_with: impl FnOnce(&str),
    ) -> Result<(), StoreError> {
        let age = || now.duration_since((*self.signed_at.lock().ok()?)?).ok();
        // A clock that was set back gives no age, and so a new token.
        if age().is_some_and(|age| age < RENEW_AFTER) {
            return Ok(());
        }
        let token = self.iam.token(&self.host, self.port, &self.user, now).await?;
        log_in_with(&token);
        // Only now: another caller must not connect without a token because one is on its way.
        *self.signed_at.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(now);
        Ok(())
    }
}

fn failed(what: &str, error: &dyn std::error::Error) -> StoreError {
    let why = error.source().map(|source| format!(": {source}")).unwrap_or_default();
    StoreError::Login(format!("iam: {what}: {error}{why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-20T12:00:00Z.
    const NOON: Duration = Duration::from_secs(1_795_176_000);
    const HOST: &str = "bars.abc123.eu-west-1.rds.amazonaws.com";

    fn iam() -> Iam {
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        let session = Some("tok/en+==".into());
        let credentials = Credentials::new("AKIDEXAMPLE", secret, session, None, "test");
        let credentials = SharedCredentialsProvider::new(credentials);
        Iam { region: "eu-west-1".into(), credentials }
    }

    fn noon() -> SystemTime {
        SystemTime::UNIX_EPOCH + NOON
    }

    /// Expected: `generate_db_auth_token` of botocore 1.43 with its clock at the same second, but
    /// for its last two parameters, which it writes in the other order.
    #[tokio::test]
    async fn a_token_is_what_the_sdk_of_python_signs() {
        for (user, encoded, signature) in [
            (
                "tickfold",
                "tickfold",
                "3b2f68014dfecc5867e124d322fa2f2acf35bfe6f7a8cf45512fc2f7fd74cb48",
            ),
            (
                "tickfold app",
                "tickfold%20app",
                "528905169367ce45c19ef863e6174ba28abc01fa03e53950407434a17ce94d48",
            ),
        ] {
            let token = iam().token(HOST, 5432, user, noon()).await;
            let expected = format!(
                "{HOST}:5432/?Action=connect&DBUser={encoded}&X-Amz-Algorithm=AWS4-HMAC-SHA256\
                 &X-Amz-Credential=AKIDEXAMPLE%2F20261120%2Feu-west-1%2Frds-db%2Faws4_request\
                 &X-Amz-Date=20261120T120000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host\
                 &X-Amz-Signature={signature}&X-Amz-Security-Token=tok%2Fen%2B%3D%3D"
            );
            assert_eq!(token.expect("signed"), expected);
        }
    }

    #[tokio::test]
    async fn a_token_is_renewed_before_it_ends_and_not_for_every_call() {
        let tokens = Tokens {
            iam: iam(),
            host: HOST.into(),
            port: 5432,
            user: "tickfold".into(),
            signed_at: Mutex::new(None),
        };
        let renewed = async |seconds: u64| {
            let mut given = None;
            let now = noon() + Duration::from_secs(seconds);
            tokens.renew(now, |token| given = Some(token.to_owned())).await.expect("signed");
            given
        };
        let first = renewed(0).await.expect("there was none");
        assert_eq!(renewed(599).await, None);
        let second = renewed(600).await.expect("it is ten minutes old");
        assert_ne!(first, second);
        assert_eq!(renewed(1_199).await, None);
        assert!(renewed(500).await.is_some(), "the clock was set back: its age is unknown");
    }

    #[test]
    fn a_missing_variable_is_named() {
        let error = Iam::read(|name| (name == "AWS_ACCESS_KEY_ID").then(|| "AKID".into()));
        let error = error.expect_err("half of them").to_string();
        assert_eq!(error, "DATABASE_AUTH: iam needs AWS_SECRET_ACCESS_KEY, which is not set");
    }
}
