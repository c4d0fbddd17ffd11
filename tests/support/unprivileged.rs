//! Database servers refuse to run as root, or should: then a test starts them as another user.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// A temporary folder that the servers may write to.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    give(folder.path());
    folder
}

/// Makes a folder, and those above it that are missing, for the servers to write to.
pub(crate) fn create_folder(path: &Path) {
    let parent = path.parent().expect("not the root");
    if !parent.exists() {
        create_folder(parent);
    }
    fs::create_dir(path).expect("a folder");
    give(path);
}

/// Hands a file or folder to the user that the servers run as.
pub(crate) fn give(path: &Path) {
    if let Some((uid, gid)) = user() {
        chown(path, Some(uid), Some(gid)).expect("chown");
    }
}

/// A program that is run as that user.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    // The folder that the tests run in need not be open to everyone.
    command.current_dir("/");
    if let Some((uid, gid)) = user() {
        command.uid(uid).gid(gid);
    }
    command
}

/// Another user if this one is root.
fn user() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").expect("Linux has /proc/self").uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("/etc/passwd");
    let find = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    Some(find("postgres").or_else(|| find("nobody")).expect("a user for the servers"))
}
