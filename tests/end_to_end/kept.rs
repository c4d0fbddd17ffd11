//! A program that is started again whenever it ends, as whoever runs containers does; and killed
//! when the test wants it.

use std::fs::{File, read_to_string};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tests::binary::signal;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::running::soon;

/// Before a program that ended by itself is started again.
const PAUSE: Duration = Duration::from_millis(100);
/// Of a log, when the test fails.
const LAST_LINES: usize = 40;

pub(crate) struct Kept {
    name: &'static str,
    orders: mpsc::Sender<Order>,
    /// How it ended, and how often it had ended by itself before.
    task: JoinHandle<(ExitStatus, u32)>,
    log: PathBuf,
}

enum Order {
    Kill(oneshot::Sender<()>),
    Stop,
}

impl Kept {
    /// `folder` gets its log.
    pub(crate) fn start(
        name: &'static str,
        folder: &std::path::Path,
        command: impl Fn() -> Command + Send + 'static,
    ) -> Kept {
        let log = folder.join(format!("{name}.log"));
        let (orders, received) = mpsc::channel(1);
        let task = tokio::spawn(keep(spawn(log.clone(), command), received));
        Kept { name, orders, task, log }
    }

    /// Ends it without a word (SIGKILL); returns when the next one is started.
    pub(crate) async fn kill(&self) {
        let (done, started) = oneshot::channel();
        self.orders.send(Order::Kill(done)).await.expect("it is kept");
        started.await.expect("it is started");
    }

    /// Asks it to end (SIGTERM), which it has to do cleanly, and never before.
    pub(crate) async fn stop(mut self) {
        self.orders.send(Order::Stop).await.expect("it is kept");
        let (status, ends) = soon(self.name, &mut self.task).await.expect("no panic");
        assert!(status.success() && ends == 0, "{}: {status}, {ends} before", self.name);
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.task.abort();
        if std::thread::panicking() {
            let log = read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
            eprintln!("the log of {} ends with:\n{}", self.name, last.join("\n"));
        }
    }
}

fn spawn(log: PathBuf, command: impl Fn() -> Command) -> impl Fn() -> Child {
    move || {
        let log = File::options().create(true).append(true).open(&log).expect("a log");
        let mut command = command();
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a handle")).stderr(log);
        command.kill_on_drop(true).spawn().expect("it starts")
    }
}

async fn keep(spawn: impl Fn() -> Child, mut orders: mpsc::Receiver<Order>) -> (ExitStatus, u32) {
    let (mut child, mut ends) = (spawn(), 0);
    loop {
        tokio::select! {
            _ = child.wait() => {
                ends += 1;
                tokio::time::sleep(PAUSE).await;
                child = spawn();
            }
            order = orders.recv() => match order {
                Some(Order::Kill(done)) => {
                    child.kill().await.expect("a process of ours");
                    child = spawn();
                    let _ = done.send(());
                }
                Some(Order::Stop) | None => break,
            },
        }
    }
    if let Some(process) = child.id() {
        signal("TERM", &process.to_string());
    }
    (child.wait().await.expect("a process of ours"), ends)
}
