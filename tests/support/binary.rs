//! The workspace's programs, built as the tests are and run as their users run them; starts none.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The `tickfold` program. Cargo builds no program for the tests of another package, and one that
/// lies there may be older than its source: so the first call has cargo build it.
pub fn tickfold() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| build("tickfold"))
}

/// The `ingest` program, likewise.
pub fn ingest() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| build("ingest"))
}

fn build(name: &str) -> PathBuf {
    // <target>/<profile>/deps/<this test>
    let test = env::current_exe().expect("a test knows where it lies");
    let directory = test.ancestors().nth(2).expect("a test lies two folders down").to_owned();
    let target = directory.parent().expect("a profile's folder lies in the target folder");
    let profile = match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests is a member");
    let mut build = Command::new(env!("CARGO"));
    // Named by its binary, not by `-p`: so it shares the features of the whole workspace.
    build.args(["build", "--quiet", "--locked", "--bin", name, "--profile", profile]);
    build.arg("--target-dir").arg(target).current_dir(workspace);
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
