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
    // Named by its binary, not by `-p`: so it shares the features of the whole workspace.
    let build = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "--bin", name, "--profile", profile])
        .arg("--target-dir")
        .arg(target)
        .current_dir(workspace)
        .output()
        .expect("cargo starts");
    let why = String::from_utf8_lossy(&build.stderr);
    assert!(build.status.success(), "cargo cannot build {name}:\n{why}");
    directory.join(format!("{name}{}", env::consts::EXE_SUFFIX))
}
