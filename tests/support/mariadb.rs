//! A private MariaDB server for the tests of one process, which stands for MySQL as well: its own
//! folder, reached by a socket in it, gone with the last test that uses it. No service is touched.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::tls::Identity;
use crate::unprivileged;

/// It takes less than a second on an idle machine.
const START_TIMEOUT: Duration = Duration::from_secs(60);

pub struct Mariadb {
    server: Child,
    folder: TempDir,
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
        let server = unprivileged::command(program())
            .arg("--no-defaults")
            .arg(format!("--datadir={}", folder.path().join("data").display()))
            .arg(format!("--socket={}", folder.path().join("socket").display()))
            // A server that starts removes the temporary tables it finds, whosever they are.
            .arg(format!("--tmpdir={}", folder.path().display()))
            .args(["--innodb-flush-method=nosync", "--innodb-flush-log-at-trx-commit=0"])
            .args(["--innodb-doublewrite=0", "--innodb-log-file-size=16M", "--skip-log-bin"])
            .arg("--max-connections=400")
            .args(["--performance-schema=off", "--default-time-zone=+05:30"])
            .args(options)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("mariadbd starts");
        let mariadb = Mariadb { server, folder, databases: AtomicU32::new(0) };
        let deadline = Instant::now() + START_TIMEOUT;
        while !mariadb.try_sql("select 1") {
            assert!(Instant::now() < deadline, "MariaDB did not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        mariadb
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

/// Debian keeps the server off the PATH of most users.
fn program() -> &'static Path {
    let debian = Path::new("/usr/sbin/mariadbd");
    if debian.exists() { debian } else { Path::new("mariadbd") }
}
