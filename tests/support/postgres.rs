//! A private PostgreSQL server for the tests of one process: its own folder, reached by a socket in
//! it, gone with the last test that uses it. No system cluster is touched.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::unprivileged;

/// It takes one to two seconds on an idle machine.
const START_TIMEOUT: Duration = Duration::from_secs(60);

pub struct Postgres {
    server: Child,
    folder: TempDir,
    databases: AtomicU32,
}

impl Postgres {
    /// The server that all tests of this process share.
    pub fn shared() -> Arc<Postgres> {
        static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        shared.upgrade().unwrap_or_else(|| {
            let postgres = Arc::new(Postgres::start());
            *shared = Arc::downgrade(&postgres);
            postgres
        })
    }

    /// A server of one's own, for a test that stops it.
    pub fn start() -> Postgres {
        let folder = unprivileged::folder();
        let data = folder.path().join("data");
        let initdb = unprivileged::command(program("initdb"))
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"])
            .args(["--no-sync", "--no-instructions", "--pgdata"])
            .arg(&data)
            .output()
            .expect("initdb starts");
        assert!(initdb.status.success(), "{}", String::from_utf8_lossy(&initdb.stderr));
        let server = unprivileged::command(program("postgres"))
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(folder.path())
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "autovacuum=off"])
            .args(["-c", "max_connections=100", "-c", "timezone=Asia/Kolkata"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("postgres starts");
        let postgres = Postgres { server, folder, databases: AtomicU32::new(0) };
        let deadline = Instant::now() + START_TIMEOUT;
        while !postgres.try_sql("postgres", "select 1") {
            assert!(Instant::now() < deadline, "PostgreSQL did not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        postgres
    }

    /// The URL of a new, empty database.
    pub fn database(&self) -> String {
        let name = format!("t{}", self.databases.fetch_add(1, Ordering::Relaxed));
        assert!(self.try_sql("postgres", &format!("create database {name}")), "create {name}");
        self.url(&name)
    }

    pub fn url(&self, database: &str) -> String {
        let folder = self.folder.path().to_str().expect("UTF-8").replace('/', "%2F");
        format!("postgres://postgres@{folder}/{database}")
    }

    fn try_sql(&self, database: &str, sql: &str) -> bool {
        let status = Command::new(program("psql"))
            .arg("-h")
            .arg(self.folder.path())
            .args(["-U", "postgres", "-q", "-c", sql, database])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.expect("psql starts").success()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGINT is PostgreSQL's "fast shutdown": it ends its own children first.
        let pid = self.server.id().to_string();
        let _ = Command::new("kill").args(["-INT", &pid]).status();
        let _ = self.server.wait();
    }
}

/// Debian keeps the server's programs beside the PATH.
fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    found.sort();
    let debian = found.pop().map(|bin| bin.join(name)).filter(|path| path.exists());
    debian.unwrap_or(PathBuf::from(name))
}
