//! Private Python environments, one for each tool that tests need of PyPI; what runs in them is the
//! caller's.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use crate::binary;

/// The folder of an environment with these packages, parted by spaces; it lies among what cargo
/// builds and is made once for all tests.
pub fn environment(name: &str, packages: &str) -> Result<PathBuf, String> {
    let folder = binary::target().join(name);
    let (python, made) = (folder.join("bin/python"), folder.join("made"));
    fs::create_dir_all(binary::target()).map_err(|error| error.to_string())?;
    // Other tests, also of other processes, wait until it is whole.
    let lock = File::create(folder.with_extension("lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    if fs::read_to_string(&made).is_ok_and(|it| it == packages) {
        return Ok(folder);
    }
    let _ = fs::remove_dir_all(&folder);
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    let install = ["-m", "pip", "install", "--quiet"];
    run(Command::new(&python).args(install).args(packages.split(' ')))?;
    fs::write(&made, packages).map_err(|error| error.to_string())?;
    Ok(folder)
}

/// Runs a program to its end; fails with the last line of what it says.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let ran = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let said = [ran.stdout, ran.stderr].concat();
    let last = String::from_utf8_lossy(&said).trim().lines().last().map(str::to_owned);
    if ran.status.success() { Ok(()) } else { Err(last.unwrap_or_else(|| ran.status.to_string())) }
}
