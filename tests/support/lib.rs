//! What the whole-pipeline tests share: private servers, made-up trades, recorded data; no test.

pub mod binary;
pub mod bucket;
pub mod captures;
pub mod databases;
pub mod kafka;
pub mod postgres;
pub mod replay;
pub mod trades;

/// An HTTP client for local servers; the TLS back end is chosen as the programs choose it.
pub fn http_client() -> reqwest::Client {
    // Fails only if it was chosen before, by another test of this process.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().expect("a client")
}
