//! A private moto: AWS's services in the memory of a Python process, over HTTP, for what only AWS
//! does by itself, such as notifying a queue of an object. It accepts any credentials.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard};

use crate::{http_client, python, skipped};

const PACKAGE: &str = "moto[server]==5.2.5";
pub const REGION: &str = "us-east-1";
/// Both halves of the key.
pub const KEY: &str = "test";

/// Serves on a free port until its standard input ends: it goes with the test, however that ends.
const SERVER: &str = "\
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer('127.0.0.1', 0, verbose=False)
server.start()
print('http://%s:%d' % server.get_host_and_port(), flush=True)
sys.stdin.read()";

pub struct Moto {
    server: Child,
    endpoint: String,
    /// Of its Kinesis: it says of itself that it is not safe for concurrency, and loses records.
    turn: Mutex<()>,
}

impl Moto {
    /// `None`, and a line that says so, where Python cannot provide it.
    pub fn start(test: &str) -> Option<Moto> {
        Moto::run(test, |server| server.args(["-c", SERVER]).stderr(Stdio::null()))
    }

    /// With what it lacks for Terraform, and functions that run as processes: those find the
    /// database of RDS at this `host:port`. What they and moto say goes to this test's own output.
    pub fn start_with_functions(test: &str, database: &str) -> Option<Moto> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("support/aws/moto_server.py");
        Moto::run(test, |server| {
            server
                .arg(script)
                .env("TICKFOLD_DATABASE", database)
                .env("PYTHONDONTWRITEBYTECODE", "1")
        })
    }

    fn run(test: &str, how: impl FnOnce(&mut Command) -> &mut Command) -> Option<Moto> {
        let python = match python::environment("moto", PACKAGE) {
            Ok(folder) => folder.join("bin/python"),
            Err(why) => {
                skipped(test, &format!("no {PACKAGE}: {why}"));
                return None;
            }
        };
        let mut server = Command::new(python);
        how(&mut server).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut server = server.spawn().expect("Python starts");
        let stdout = server.stdout.take().expect("it is piped");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let endpoint = line.trim().to_owned();
        assert!(endpoint.starts_with("http://"), "moto did not start");
        Some(Moto { server, endpoint, turn: Mutex::new(()) })
    }

    /// Runs a script in moto's own Python, which has AWS's library for it.
    pub fn run_script(script: &str, environment: &[(&str, String)]) {
        let environment = environment.iter().map(|(name, value)| (*name, value));
        let folder = python::environment("moto", PACKAGE).expect("a server of it runs");
        let mut python = Command::new(folder.join("bin/python"));
        python::run(python.args(["-c", script]).envs(environment)).expect("it succeeds");
    }

    /// Whoever calls Kinesis holds it meanwhile; [`Moto::call`] does.
    pub async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .region(Region::from_static(REGION))
            .credentials_provider(Credentials::new(KEY, KEY, None, None, "moto"))
            .endpoint_url(&self.endpoint)
            .force_path_style(true);
        aws_sdk_s3::Client::from_conf(config.build())
    }

    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .region(Region::from_static(REGION))
            .credentials_provider(Credentials::new(KEY, KEY, None, None, "moto"))
            .endpoint_url(&self.endpoint);
        aws_sdk_sqs::Client::from_conf(config.build())
    }

    /// An operation of a service that speaks the JSON protocol: `("sqs", "AmazonSQS.SendMessage")`.
    pub async fn call(&self, service: &str, target: &str, parameters: &Value) -> Value {
        let _turn = if service == "kinesis" { Some(self.turn().await) } else { None };
        // moto finds the service by the scope of the signature, and checks nothing else of it.
        let scope = format!("{KEY}/20261120/{REGION}/{service}/aws4_request");
        let signature =
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
        let request = http_client()
            .post(&self.endpoint)
            .header("authorization", signature)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", target)
            .body(parameters.to_string());
        let answer = request.send().await.expect("an answer");
        let (status, text) = (answer.status(), answer.text().await.expect("text"));
        assert!(status.is_success(), "{target}: {text}");
        if text.is_empty() { Value::Null } else { serde_json::from_str(&text).expect("JSON") }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // The end of its input, which lets it end what it has started.
        drop(self.server.stdin.take());
        let _ = self.server.wait();
    }
}
