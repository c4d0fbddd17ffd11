//! The workspace's programs, built as the tests are and run as their users run them; starts none.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The `tickfold` program.
pub fn tickfold() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| program("tickfold"))
}

/// A program of the workspace. Cargo builds none for the tests of another package, and one that
/// lies there may be older than its source: so the first call for each has cargo build it.
pub fn program(name: &'static str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<&str, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    built.entry(name).or_insert_with(|| build(name)).clone()
}

/// Sends a signal to processes, named by their ids. The program `kill` is not on every machine.
pub fn signal(name: &str, processes: &str) {
    let kill = format!("kill -{name} {processes}");
    let _ = Command::new("sh").args(["-c", &kill]).stderr(Stdio::null()).status();
}

/// Where cargo puts what it builds.
pub fn target() -> PathBuf {
    profile().parent().expect("a profile's folder lies in the target folder").to_owned()
}

/// `<target>/<profile>`, of `<target>/<profile>/deps/<this test>`.
fn profile() -> PathBuf {
    let test = env::current_exe().expect("a test knows where it lies");
    test.ancestors().nth(2).expect("a test lies two folders down").to_owned()
}

fn build(name: &str) -> PathBuf {
    let directory = profile();
    let profile = match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests is a member");
    let mut build = Command::new(env!("CARGO"));
    // Named by its binary, not by `-p`: so it shares the features of the whole workspace.
    build.args(["build", "--quiet", "--locked", "--bin", name, "--profile", profile]);
    build.arg("--target-dir").arg(target()).current_dir(workspace);
    // What cargo tells a test about its package would make build scripts run anew, each time.
    let about = ["CARGO_PKG_", "CARGO_MANIFEST_"];
    for (variable, _) in env::vars_os() {
        if about.iter().any(|prefix| variable.to_string_lossy().starts_with(prefix)) {
            build.env_remove(variable);
        }
    }
    let build = build.output().expect("cargo starts");
    let why = String::from_utf8_lossy(&build.stderr);
    assert!(build.status.success(), "cargo cannot build {name}:\n{why}");
    directory.join(format!("{name}{}", env::consts::EXE_SUFFIX))
}
