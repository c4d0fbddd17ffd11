//! What the clients of all of AWS's services have in common: how they speak TLS, and how it is said
//! what went wrong; knows no service.

use std::error::Error;

use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

pub use aws_smithy_runtime_api::client::http::SharedHttpClient;

/// HTTPS as everywhere here: by ring, and with the authorities that the machine trusts.
pub fn https() -> SharedHttpClient {
    let tls = Provider::Rustls(CryptoMode::Ring);
    aws_smithy_http_client::Builder::new().tls_provider(tls).build_https()
}

/// What a service says of a request: its code and its words, where it has answered.
pub fn said(error: &(impl Error + ProvideErrorMetadata)) -> String {
    match (error.code(), error.message()) {
        (Some(code), Some(message)) if !message.is_empty() => format!("{code}: {message}"),
        (Some(code), _) => code.to_owned(),
        (None, _) => chain(error),
    }
}

/// An error and what it comes from, on one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(why) = cause {
        text = format!("{text}: {why}");
        cause = why.source();
    }
    text
}
