//! What an OAUTHBEARER broker is told of who this is: MSK's presigned URL, or an unsecured JWT;
//! knows nothing of connections, and when a token is wanted is librdkafka's affair.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow, bail};
use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rdkafka::client::OAuthToken;
use tokio::runtime::Handle;

use crate::config::Security;

/// The longest that MSK takes a token for.
const MSK_LIFETIME: Duration = Duration::from_secs(900);
/// Credentials come from memory, from the container's own service, or not at all. The thread that
/// asks is the one that hears what the broker acknowledges.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(10);
/// What a query's value may hold as it is.
const UNRESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Where tokens come from.
pub(super) enum Tokens {
    /// This connection takes none.
    None,
    Msk {
        config: Box<SdkConfig>,
        region: String,
        runtime: Handle,
    },
    Unsecured {
        principal: String,
        lifetime: Duration,
    },
}

impl Tokens {
    pub(super) async fn new(security: &Security) -> anyhow::Result<Tokens> {
        match security {
            Security::Plaintext => Ok(Tokens::None),
            Security::MskIam => {
                let config = aws_config::defaults(aws_config::BehaviorVersion::latest());
                let config = Box::new(config.http_client(aws::https()).load().await);
                let region = config.region().map(ToString::to_string);
                let region = region.context("AWS_REGION: not set, and MSK's tokens name it")?;
                Ok(Tokens::Msk { config, region, runtime: Handle::current() })
            }
            Security::Unsecured { principal, lifetime } => {
                Ok(Tokens::Unsecured { principal: principal.clone(), lifetime: *lifetime })
            }
        }
    }

    /// A new token. Called on a thread of its own, never on one of the runtime's.
    pub(super) fn make(&self) -> anyhow::Result<OAuthToken> {
        let now = SystemTime::now();
        match self {
            Tokens::None => bail!("this connection takes no token"),
            Tokens::Msk { config, region, runtime } => {
                let credentials = config.credentials_provider().context("no AWS credentials")?;
                let credentials = async {
                    let wanted = credentials.provide_credentials();
                    tokio::time::timeout(CREDENTIALS_TIMEOUT, wanted).await
                };
                let credentials = runtime.block_on(credentials).map_err(|_| {
                    let seconds = CREDENTIALS_TIMEOUT.as_secs();
                    anyhow!("no AWS credentials within {seconds} s")
                })?;
                msk(credentials.context("no AWS credentials")?, region, now)
            }
            Tokens::Unsecured { principal, lifetime } => unsecured(principal, now, *lifetime),
        }
    }
}

/// A `kafka-cluster:Connect` request that nobody sends: whoever holds it could have.
fn msk(credentials: Credentials, region: &str, now: SystemTime) -> anyhow::Result<OAuthToken> {
    let mut url = format!("https://kafka.{region}.amazonaws.com/?Action=kafka-cluster%3AConnect");
    let principal_name = credentials.access_key_id().to_owned();
    let identity = credentials.into();
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(MSK_LIFETIME);
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("kafka-cluster")
        .time(now)
        .settings(settings)
        .build()?
        .into();
    let body = SignableBody::Bytes(&[]);
    let request = SignableRequest::new("GET", url.as_str(), std::iter::empty(), body)?;
    let (signature, _) = sign(request, &parameters)?.into_parts();
    for (name, value) in signature.params() {
        url += &format!("&{name}={}", utf8_percent_encode(value, &UNRESERVED));
    }
    // Not signed, for their log only.
    url += "&User-Agent=tickfold-ingest";
    let lifetime_ms = millis(now + MSK_LIFETIME)?;
    Ok(OAuthToken { token: URL_SAFE_NO_PAD.encode(url), principal_name, lifetime_ms })
}

/// A JWT without a signature, which proves nothing.
fn unsecured(principal: &str, now: SystemTime, lifetime: Duration) -> anyhow::Result<OAuthToken> {
    let lifetime_ms = millis(now + lifetime)?;
    let (issued, expires) = (millis(now)? / 1_000, lifetime_ms / 1_000);
    let claims = format!(r#"{{"sub":"{principal}","iat":{issued},"exp":{expires}}}"#);
    let [header, claims] = [r#"{"alg":"none"}"#, &claims].map(|it| URL_SAFE_NO_PAD.encode(it));
    let token = format!("{header}.{claims}.");
    Ok(OAuthToken { token, principal_name: principal.to_owned(), lifetime_ms })
}

fn millis(time: SystemTime) -> anyhow::Result<i64> {
    Ok(time.duration_since(UNIX_EPOCH)?.as_millis().try_into()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "https://kafka.eu-central-1.amazonaws.com/?Action=kafka-cluster%3AConnect&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20261120%2Feu-central-1%2Fkafka-cluster%2Faws4_request&X-Amz-Date=20261120T120000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=4b0559820ad5f2a7a2292d6ba70836193a2a2e97c50329005b484ebee691155b";
    const SESSION: &str = "https://kafka.eu-central-1.amazonaws.com/?Action=kafka-cluster%3AConnect&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20261120%2Feu-central-1%2Fkafka-cluster%2Faws4_request&X-Amz-Date=20261120T120000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Security-Token=a%2Fsession%2Btoken%3D%3D&X-Amz-Signature=2c8f0196160c95ea7c71f2e46c61588031df5228aff324426f36a6a0548b177c";

    /// Against botocore's own presigning of the same request.
    #[test]
    fn a_token_for_msk_is_what_aws_would_presign() {
        let now = UNIX_EPOCH + Duration::from_secs(1_795_176_000);
        let credentials = |session: Option<&str>| {
            Credentials::new(
                "AKIDEXAMPLE",
                "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                session.map(str::to_owned),
                None,
                "test",
            )
        };
        for (session, expected) in [(None, PLAIN), (Some("a/session+token=="), SESSION)] {
            let made = msk(credentials(session), "eu-central-1", now).expect("a token");
            let url = URL_SAFE_NO_PAD.decode(&made.token).expect("base64");
            let url = String::from_utf8(url).expect("text");
            let sorted = |url: &str| {
                let (base, query) = url.split_once('?').expect("a query");
                let mut query: Vec<_> = query.split('&').map(str::to_owned).collect();
                query.sort_unstable();
                (base.to_owned(), query)
            };
            assert_eq!(sorted(&url), sorted(&format!("{expected}&User-Agent=tickfold-ingest")));
            assert_eq!(
                (made.principal_name.as_str(), made.lifetime_ms),
                ("AKIDEXAMPLE", 1_795_176_900_000)
            );
        }
    }
}
