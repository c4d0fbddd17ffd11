//! AWS Lambda as far as a function's program sees it: the Runtime API over HTTP on a local port,
//! one invocation at a time. It knows no event; a function that ends is not started again.
//!
//! Source: "Using the Lambda runtime API" of the Lambda developer guide.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path as Place, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::{Mutex, mpsc};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use crate::binary;

/// No step takes a tenth of it, however busy the machine is; it only ends a test that would hang.
const DEADLINE: Duration = Duration::from_secs(120);
/// How often one looks whether the program has ended instead.
const POLL: Duration = Duration::from_millis(20);
/// Of an event and of an answer, as Lambda has it.
const MAX_BODY: usize = 6 << 20;

/// A function's program that has asked for its first event; dropping it kills it.
pub struct Function {
    program: Program,
    events: mpsc::UnboundedSender<Event>,
    signs: mpsc::UnboundedReceiver<Sign>,
    invocations: u64,
    deadline: Duration,
    server: AbortHandle,
}

/// A program that ended before it asked for an event.
#[derive(Debug)]
pub struct Refused {
    pub status: ExitStatus,
    pub log: String,
}

struct Event {
    id: String,
    payload: String,
}

/// What the program tells the Runtime API.
#[derive(Debug)]
enum Sign {
    Ready,
    Answer { id: String, answer: Result<Value, Value> },
}

struct Api {
    events: Mutex<mpsc::UnboundedReceiver<Event>>,
    signs: mpsc::UnboundedSender<Sign>,
}

impl Function {
    /// Starts a function of the workspace; it gets this environment and nothing of the test's own.
    pub async fn start(
        name: &'static str,
        environment: &[(&str, String)],
    ) -> Result<Function, Refused> {
        Function::run(&binary::program(name), environment).await
    }

    /// Starts any program that is written for the Runtime API.
    pub async fn run(program: &Path, environment: &[(&str, String)]) -> Result<Function, Refused> {
        let (events, pending) = mpsc::unbounded_channel();
        let (tell, mut signs) = mpsc::unbounded_channel();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let router = router(Api { events: Mutex::new(pending), signs: tell });
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let server = server.abort_handle();
        let mut program = Program::spawn(program, &address, environment);
        let ready = async {
            loop {
                tokio::select! {
                    sign = signs.recv() => return assert!(matches!(sign, Some(Sign::Ready))),
                    () = sleep(POLL) => if program.ended().is_some() { return },
                }
            }
        };
        if timeout(DEADLINE, ready).await.is_err() {
            panic!("the function does not ask for an event:\n{}", program.log());
        }
        match program.ended() {
            Some(status) => Err(Refused { status, log: program.log() }),
            None => {
                Ok(Function { program, events, signs, invocations: 0, deadline: DEADLINE, server })
            }
        }
    }

    /// For what takes longer than other tests.
    pub fn within(mut self, deadline: Duration) -> Function {
        self.deadline = deadline;
        self
    }

    /// The function's answer to an event, or the error that it reports instead.
    pub async fn invoke(&mut self, event: &Value) -> Result<Value, Value> {
        let answer = self.invoke_mortal(event).await;
        answer.unwrap_or_else(|| panic!("the function gives no answer:\n{}", self.program.log()))
    }

    /// The same, and `None` if the program ends instead.
    pub async fn invoke_mortal(&mut self, event: &Value) -> Option<Result<Value, Value>> {
        self.invocations += 1;
        let asked = self.invocations.to_string();
        let event = Event { id: asked.clone(), payload: event.to_string() };
        self.events.send(event).expect("the server runs");
        let answer = async {
            loop {
                tokio::select! {
                    biased;
                    sign = self.signs.recv() => match sign.expect("the server runs") {
                        Sign::Ready => {}
                        Sign::Answer { id, answer } => {
                            assert_eq!(id, asked, "the answer is to another invocation");
                            return Some(answer);
                        }
                    },
                    () = sleep(POLL) => if self.program.ended().is_some() { return None },
                }
            }
        };
        let answer = timeout(self.deadline, answer).await;
        answer.unwrap_or_else(|_| panic!("the function gives no answer:\n{}", self.program.log()))
    }

    /// The program's process, for whoever wants to kill it.
    pub fn process(&self) -> u32 {
        self.program.child.id()
    }

    /// The most memory that the program had at a time, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let status = format!("/proc/{}/status", self.process());
        let status = std::fs::read_to_string(status).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("the peak");
        let kilobytes = line.split_whitespace().nth(1).and_then(|it| it.parse::<u64>().ok());
        kilobytes.expect("a number") << 10
    }

    /// How long the program has had a processor, which a busy machine does not change.
    pub fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process()));
        let stat = stat.expect("it runs");
        // Behind the program's name, which may have spaces: user's and system's time are the 14th
        // and 15th of all, in hundredths of a second. Source: proc_pid_stat(5).
        let fields = stat.rsplit(')').next().expect("what is behind it").split_whitespace();
        let times = fields.skip(11).take(2).map(|it| it.parse::<u64>().expect("a number"));
        Duration::from_millis(10 * times.sum::<u64>())
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.program.log()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.server.abort();
    }
}

struct Program {
    child: Child,
    folder: TempDir,
}

impl Program {
    fn spawn(program: &Path, api: &str, environment: &[(&str, String)]) -> Program {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = File::create(folder.path().join("log")).expect("a file");
        let child = Command::new(program)
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_RUNTIME_API", api)
            .env("AWS_LAMBDA_FUNCTION_NAME", program.file_name().expect("a file"))
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stderr(log.try_clone().expect("a file"))
            .stdout(log)
            .spawn()
            .expect("the function starts");
        Program { child, folder }
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("it is this process's child")
    }

    fn log(&self) -> String {
        let log = std::fs::read(self.folder.path().join("log")).expect("the log");
        String::from_utf8_lossy(&log).into_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An event of `events/`.
pub fn example(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn router(api: Api) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(Arc::new(api))
}

async fn next(State(api): State<Arc<Api>>) -> Response {
    let mut events = api.events.lock().await;
    // Nobody listens any more when the test is over.
    let _ = api.signs.send(Sign::Ready);
    let Some(Event { id, payload }) = events.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:test";
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", id),
        ("lambda-runtime-deadline-ms", (now + DEADLINE).as_millis().to_string()),
        ("lambda-runtime-invoked-function-arn", arn.to_owned()),
    ];
    (headers, payload).into_response()
}

async fn response(State(api): State<Arc<Api>>, Place(id): Place<String>, body: Bytes) -> Response {
    let answer = Ok(serde_json::from_slice(&body).expect("an answer is JSON"));
    let _ = api.signs.send(Sign::Answer { id, answer });
    StatusCode::ACCEPTED.into_response()
}

async fn error(State(api): State<Arc<Api>>, Place(id): Place<String>, body: Bytes) -> Response {
    let answer = Err(serde_json::from_slice(&body).expect("an error is JSON"));
    let _ = api.signs.send(Sign::Answer { id, answer });
    StatusCode::ACCEPTED.into_response()
}
