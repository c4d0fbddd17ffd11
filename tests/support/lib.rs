//! What the whole-pipeline tests share: private servers, made-up trades, recorded data; no test.

pub mod archive;
pub mod aws;
pub mod binary;
pub mod books;
pub mod bucket;
pub mod captures;
pub mod databases;
pub mod demo;
pub mod kafka;
pub mod mariadb;
pub mod moto;
pub mod postgres;
pub mod python;
pub mod queue;
pub mod replay;
pub mod rest;
pub mod runtime;
pub mod secrets;
pub mod stream;
pub mod terraform;
pub mod tls;
pub mod trades;
mod unprivileged;

use std::io::{self, Write};

/// Says that a test did not run, past the test harness, which shows nothing of a test that passes.
pub fn skipped(test: &str, why: &str) {
    let _ = writeln!(io::stderr(), "SKIPPED: {test}: {why}");
}

/// An HTTP client for local servers; the TLS back end is chosen as the programs choose it.
pub fn http_client() -> reqwest::Client {
    // Fails only if it was chosen before, by another test of this process.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().expect("a client")
}
