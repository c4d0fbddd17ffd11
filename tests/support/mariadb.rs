//! A private MariaDB server for the tests of one process, which stands for MySQL as well: its own
//! folder, reached by a socket in it, gone with the last test that uses it. No service is touched.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::tls::Identity;
use crate::{binary, unprivileged};

/// It takes less than a second on an idle machine.
const START_TIMEOUT: Duration = Duration::from_secs(60);

pub struct Mariadb {
    server: Child,
    folder: TempDir,
    options: Vec<String>,
    databases: AtomicU32,
}

impl Mariadb {
    /// The server that all tests of this process share. It has no accounts: whoever reaches its
    /// socket may do everything.
    pub fn shared() -> Arc<Mariadb> {
        static SHARED: Mutex<Weak<Mariadb>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        shared.upgrade().unwrap_or_else(|| {
            let mariadb = Arc::new(Mariadb::start());
            *shared = Arc::downgrade(&mariadb);
            mariadb
        })
    }

    /// A server of one's own, for a test that stops it.
    pub fn start() -> Mariadb {
        let folder = unprivileged::folder();
        let data = folder.path().join("data");
        // An empty folder of this name is all it needs without accounts, and it starts at once.
        unprivileged::create_folder(&data.join("mysql"));
        let options = ["--skip-grant-tables", "--skip-networking"].map(str::to_owned);
        Mariadb::run(folder, &options)
    }

    /// A server that can be killed and started again.
    pub fn start_mortal() -> Mariadb {
        let folder = unprivileged::folder();
        unprivileged::create_folder(&folder.path().join("data/mysql"));
        let options = ["--skip-grant-tables", "--skip-networking", "--innodb-doublewrite=1"];
        let mut mariadb = Mariadb::run(folder, &options.map(str::to_owned));
        // The files of a new server are whole after its first clean end.
        binary::signal("TERM", &mariadb.server.id().to_string());
        mariadb.server.wait().expect("it has ended");
        mariadb.restart();
        mariadb
    }

    /// A server that also listens at `port` of this machine, where it speaks TLS if it has an
    /// identity.
    pub fn start_at(port: u16, identity: Option<&Identity>) -> Mariadb {
        let folder = unprivileged::folder();
        unprivileged::create_folder(&folder.path().join("data/mysql"));
        let mut options = vec![
            "--skip-grant-tables".to_owned(),
            "--skip-networking=0".into(), // which the line before would turn on
            "--bind-address=127.0.0.1".into(),
            format!("--port={port}"),
        ];
        if let Some(identity) = identity {
            let (certificate, key) = identity.write(folder.path());
            options.push(format!("--ssl-cert={}", certificate.display()));
            options.push(format!("--ssl-key={}", key.display()));
        }
        Mariadb::run(folder, &options)
    }

    /// A server with accounts and the rights of each; takes some seconds.
    pub fn start_with_accounts() -> Mariadb {
        let folder = unprivileged::folder();
        let install = unprivileged::command("mariadb-install-db")
            .args(["--no-defaults", "--auth-root-authentication-method=normal"])
            .args(["--skip-test-db", "--skip-name-resolve", "--innodb-flush-method=nosync"])
            .arg(format!("--datadir={}", folder.path().join("data").display()))
            .arg(format!("--tmpdir={}", folder.path().display()))
            .output()
            .expect("mariadb-install-db starts");
        assert!(install.status.success(), "{}", String::from_utf8_lossy(&install.stderr));
        Mariadb::run(folder, &["--skip-networking".to_owned()])
    }

    fn run(folder: TempDir, options: &[String]) -> Mariadb {
        let server = spawn(&folder, options);
        let (options, databases) = (options.to_vec(), AtomicU32::new(0));
        let mariadb = Mariadb { server, folder, options, databases };
        mariadb.wait_until_ready();
        mariadb
    }

    /// The server is gone at once, as when the machine's memory ran out.
    pub fn kill(&mut self) {
        self.server.kill().expect("a process of ours");
        self.server.wait().expect("it has ended");
    }

    /// Starts it on the same folder.
    pub fn restart(&mut self) {
        self.server = spawn(&self.folder, &self.options);
        self.wait_until_ready();
    }

    fn wait_until_ready(&self) {
        let deadline = Instant::now() + START_TIMEOUT;
        while !self.try_sql("select 1") {
            assert!(Instant::now() < deadline, "MariaDB did not start");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The URL of a new, empty database.
    pub fn database(&self) -> String {
        let name = format!("t{}", self.databases.fetch_add(1, Ordering::Relaxed));
        assert!(self.try_sql(&format!("create database {name}")), "create {name}");
        let socket = self.folder.path().join("socket");
        format!("mysql://root@localhost/{name}?socket={}", socket.display())
    }

    fn try_sql(&self, sql: &str) -> bool {
        let socket = format!("--socket={}", self.folder.path().join("socket").display());
        let status = Command::new("mariadb")
            .args(["--no-defaults", "--user=root", &socket, "--execute", sql])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.expect("mariadb starts").success()
    }
}

impl Drop for Mariadb {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// What is committed is with the operating system (2), so that it outlives the server, not the
/// machine.
fn spawn(folder: &TempDir, options: &[String]) -> Child {
    unprivileged::command(program())
        .arg("--no-defaults")
        .arg(format!("--datadir={}", folder.path().join("data").display()))
        .arg(format!("--socket={}", folder.path().join("socket").display()))
        // A server that starts removes the temporary tables it finds, whosever they are.
        .arg(format!("--tmpdir={}", folder.path().display()))
        .args(["--innodb-flush-method=nosync", "--innodb-flush-log-at-trx-commit=2"])
        .args(["--innodb-doublewrite=0", "--innodb-log-file-size=16M", "--skip-log-bin"])
        .arg("--max-connections=400")
        .args(["--performance-schema=off", "--default-time-zone=+05:30"])
        .args(options)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("mariadbd starts")
}

/// Debian keeps the server off the PATH of most users.
fn program() -> &'static Path {
    let debian = Path::new("/usr/sbin/mariadbd");
    if debian.exists() { debian } else { Path::new("mariadbd") }
}
