//! The `tickfold demo` program in a folder of its own: started, asked, ended; expects nothing of
//! what it answers.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// No step takes a tenth of it on an idle machine; it only ends a test that would hang.
pub const DEADLINE: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(300);

/// A demo that runs; dropping it kills it.
pub struct Demo {
    child: Child,
    stdout: mpsc::Receiver<String>,
    stderr: PathBuf,
    pub port: u16,
}

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    /// What came on standard output and had not been taken.
    pub stdout: Vec<String>,
    pub stderr: String,
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(crate::binary::tickfold());
    command.arg("demo").args(arguments).args(["--data-dir", "data"]).current_dir(folder);
    // A developer's own wish for logs is no part of a test.
    command.env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

/// Runs a demo that is expected to end by itself.
pub fn run(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
    let mut command = command(folder, arguments);
    command.envs(environment.iter().copied());
    spawn(command, folder).end()
}

/// Starts a demo on a free port.
pub fn launch(folder: &Path, arguments: &[&str]) -> Demo {
    let mut command = command(folder, arguments);
    command.args(["--port", "0"]);
    spawn(command, folder)
}

/// Starts a demo on a free port, and waits until it is ready.
pub fn start(folder: &Path, arguments: &[&str]) -> Demo {
    let mut demo = launch(folder, arguments);
    let line = demo.stdout.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("{}", demo.log()));
    let port = line
        .strip_prefix("tickfold demo is ready: http://127.0.0.1:")
        .and_then(|rest| rest.strip_suffix('/'))
        .and_then(|port| port.parse().ok());
    demo.port = port.unwrap_or_else(|| panic!("{line:?} names no address"));
    demo
}

fn spawn(mut command: Command, folder: &Path) -> Demo {
    let stderr = folder.join("stderr");
    let errors = File::options().create(true).append(true).open(&stderr).expect("a file");
    let mut child = command.stdout(Stdio::piped()).stderr(errors).spawn().expect("tickfold starts");
    let (send, stdout) = mpsc::channel();
    let lines = BufReader::new(child.stdout.take().expect("it is piped"));
    thread::spawn(move || {
        for line in lines.lines() {
            let _ = send.send(line.expect("UTF-8"));
        }
    });
    Demo { child, stdout, stderr, port: 0 }
}

impl Demo {
    /// Everything that the demos of this folder had to say.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.stderr).expect("what it wrote")
    }

    pub fn signal(&self, name: &str) {
        crate::binary::signal(name, &self.child.id().to_string());
    }

    /// Waits until it has ended.
    pub fn end(mut self) -> Ended {
        let from = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is a child of ours") {
                // The sender ends with the pipe: nothing comes any more.
                let stdout = self.stdout.iter().collect();
                return Ended { status, stdout, stderr: self.log() };
            }
            assert!(from.elapsed() < DEADLINE, "it does not end: {}", self.log());
            thread::sleep(POLL);
        }
    }

    pub fn is_listening(port: u16) -> bool {
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
    }

    pub async fn get(&self, path: &str) -> Value {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let answer = crate::http_client().get(&url).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{url}: {}", answer.status());
        answer.json().await.expect("JSON")
    }

    /// All bars of a symbol.
    pub async fn bars(&self, symbol: &str) -> Vec<Value> {
        let query =
            format!("exchange=binance&symbol={symbol}&from=2020-01-01T00:00:00Z&limit=5000");
        let page = self.get(&format!("/v1/bars?{query}")).await;
        assert_eq!(page["next"], Value::Null);
        page["bars"].as_array().expect("bars").clone()
    }

    /// Asks again and again until the answer is what is waited for.
    pub async fn bars_until(&self, symbol: &str, wanted: impl Fn(&[Value]) -> bool) {
        let from = Instant::now();
        while !wanted(&self.bars(symbol).await) {
            assert!(from.elapsed() < DEADLINE, "it does not happen: {}", self.log());
            tokio::time::sleep(POLL).await;
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It has ended already where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All files below a folder whose name ends so.
pub fn files(folder: &Path, suffix: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path, suffix));
        } else if path.to_str().is_some_and(|path| path.ends_with(suffix)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

pub fn gunzip(path: &Path) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut packed = flate2::read::MultiGzDecoder::new(File::open(path).expect("a file"));
    packed.read_to_end(&mut plain).expect("gzip");
    plain
}
