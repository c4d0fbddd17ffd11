//! A private PostgreSQL server for the tests of one process: its own folder, reached by a socket in
//! it, gone with the last test that uses it. No system cluster is touched.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::tls::Identity;
use crate::{binary, unprivileged};

/// It takes one to two seconds on an idle machine.
const START_TIMEOUT: Duration = Duration::from_secs(60);

const DEFAULT_PORT: u16 = 5432;

pub struct Postgres {
    server: Child,
    folder: TempDir,
    /// Part of its socket's name.
    port: u16,
    settings: Vec<String>,
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
        Postgres::run(unprivileged::folder(), DEFAULT_PORT, &["listen_addresses=".into()])
    }

    /// A server that also listens at `port` of this machine: with an identity it speaks TLS, and
    /// lets in there whoever uses it. `app` and `tickfold` have to give their password, unencoded
    /// as to RDS.
    pub fn start_at(port: u16, identity: Option<&Identity>) -> Postgres {
        let folder = unprivileged::folder();
        let rules = folder.path().join("rules");
        let of_app = "hostssl all app,tickfold 127.0.0.1/32 password";
        let rules_text =
            format!("local all all trust\n{of_app}\nhost all all 127.0.0.1/32 trust\n");
        std::fs::write(&rules, rules_text).expect("written");
        unprivileged::give(&rules);
        let mut settings =
            vec!["listen_addresses=127.0.0.1".to_owned(), format!("hba_file={}", rules.display())];
        if let Some(identity) = identity {
            let (certificate, key) = identity.write(folder.path());
            settings.push("ssl=on".into());
            settings.push(format!("ssl_cert_file={}", certificate.display()));
            settings.push(format!("ssl_key_file={}", key.display()));
        }
        Postgres::run(folder, port, &settings)
    }

    fn run(folder: TempDir, port: u16, settings: &[String]) -> Postgres {
        let data = folder.path().join("data");
        let initdb = unprivileged::command(program("initdb"))
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"])
            .args(["--no-sync", "--no-instructions", "--pgdata"])
            .arg(&data)
            .output()
            .expect("initdb starts");
        assert!(initdb.status.success(), "{}", String::from_utf8_lossy(&initdb.stderr));
        let server = spawn(&folder, port, settings);
        let (settings, databases) = (settings.to_vec(), AtomicU32::new(0));
        let mut postgres = Postgres { server, folder, port, settings, databases };
        postgres.wait_until_ready();
        postgres
    }

    /// The server and all its processes are gone at once, as when the machine's memory ran out.
    pub fn kill(&mut self) {
        let server = self.server.id();
        let children = std::fs::read_to_string(format!("/proc/{server}/task/{server}/children"));
        binary::signal("KILL", &format!("{server} {}", children.expect("its children")));
        self.server.wait().expect("it has ended");
    }

    /// Starts it on the same folder and port.
    pub fn restart(&mut self) {
        self.server = spawn(&self.folder, self.port, &self.settings);
        self.wait_until_ready();
    }

    fn wait_until_ready(&mut self) {
        let deadline = Instant::now() + START_TIMEOUT;
        while !self.try_sql("postgres", "select 1") {
            assert!(Instant::now() < deadline, "PostgreSQL did not start");
            std::thread::sleep(Duration::from_millis(50));
            // It refuses to start while a process of the killed one is still there.
            if self.server.try_wait().expect("a process of ours").is_some() {
                self.server = spawn(&self.folder, self.port, &self.settings);
            }
        }
    }

    /// The URL of a new, empty database.
    pub fn database(&self) -> String {
        let name = format!("t{}", self.databases.fetch_add(1, Ordering::Relaxed));
        assert!(self.try_sql("postgres", &format!("create database {name}")), "create {name}");
        self.url(&name)
    }

    pub fn url(&self, database: &str) -> String {
        let folder = self.folder.path().to_str().expect("UTF-8").replace('/', "%2F");
        format!("postgres://postgres@{folder}:{}/{database}", self.port)
    }

    fn try_sql(&self, database: &str, sql: &str) -> bool {
        let status = Command::new(program("psql"))
            .arg("-h")
            .arg(self.folder.path())
            .args(["-p", &self.port.to_string(), "-U", "postgres", "-q", "-c", sql, database])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.expect("psql starts").success()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGINT is PostgreSQL's "fast shutdown": it ends its own children first.
        binary::signal("INT", &self.server.id().to_string());
        let _ = self.server.wait();
    }
}

/// What is committed is with the operating system, so that it outlives the server, not the machine.
fn spawn(folder: &TempDir, port: u16, settings: &[String]) -> Child {
    unprivileged::command(program("postgres"))
        .arg("-D")
        .arg(folder.path().join("data"))
        .arg("-k")
        .arg(folder.path())
        .args(["-c", "fsync=off", "-c", "autovacuum=off"])
        .args(["-c", "max_connections=400", "-c", "timezone=Asia/Kolkata"])
        .args(["-c", &format!("port={port}")])
        .args(settings.iter().flat_map(|setting| ["-c", setting]))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("postgres starts")
}

/// Debian keeps the server's programs beside the PATH.
fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    found.sort();
    let debian = found.pop().map(|bin| bin.join(name)).filter(|path| path.exists());
    debian.unwrap_or(PathBuf::from(name))
}
