//! The demo's folder: one process at a time, and what the next start has to know of this one;
//! holds neither the objects nor the rows, which have folders of their own in it.

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use market::Minute;
use serde::{Deserialize, Serialize};

const MEMORY: &str = "demo.json";
const LOCK: &str = "demo.lock";

/// Whose trades they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mode {
    Simulated,
    Live,
}

/// What one start leaves to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Memory {
    pub(super) mode: Mode,
    /// Of the simulated exchange.
    pub(super) seed: u64,
    /// The first minute of the simulated exchange: with the seed it decides all of its trades.
    pub(super) anchor: Minute,
    /// Everything before this minute is in the objects and in the rows.
    pub(super) resume: Minute,
}

pub(super) struct Folder {
    path: PathBuf,
    pub(super) memory: Memory,
    /// Held by the operating system for as long as the file is open.
    _lock: File,
}

impl Folder {
    /// Opens the folder, and makes it if it is not there: then it is given this memory. A seed of
    /// `None` takes what the folder knows.
    pub(super) fn open(path: &Path, seed: Option<u64>, new: Memory) -> anyhow::Result<Folder> {
        fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
        // As an absolute path it means the same to the database and to the S3 server.
        let path =
            path.canonicalize().with_context(|| format!("cannot open {}", path.display()))?;
        // Before anything of ours is laid into it.
        if !path.join(MEMORY).exists() {
            refuse_foreign(&path)?;
        }
        let lock = lock(&path)?;
        let remembered = read(&path)?;
        let known = remembered.is_some();
        let memory = remembered.unwrap_or(new.clone());
        let shown = path.display();
        let remedy = "name another folder with --data-dir, or remove this one";
        if memory.mode != new.mode {
            let (holds, wanted) = match memory.mode {
                Mode::Simulated => ("the simulated exchange", "--live"),
                Mode::Live => ("the real exchange", "the simulated exchange"),
            };
            bail!("{shown} holds trades of {holds}, and {wanted} would mix with them: {remedy}");
        }
        if seed.is_some_and(|seed| seed != memory.seed) {
            let held = memory.seed;
            bail!(
                "{shown} holds trades of --seed {held}, and another would mix with them: {remedy}"
            );
        }
        let folder = Folder { path, memory, _lock: lock };
        if !known {
            folder.write()?;
        }
        Ok(folder)
    }

    /// Where the S3 server keeps its buckets.
    pub(super) fn objects(&self) -> PathBuf {
        self.path.join("s3")
    }

    pub(super) fn database(&self) -> PathBuf {
        self.path.join("tickfold.db")
    }

    /// The next start loads history from this minute on.
    pub(super) fn resume_from(&mut self, minute: Minute) -> anyhow::Result<()> {
        self.memory.resume = minute;
        self.write()
    }

    /// A crash leaves the old text or the new one, never a part.
    fn write(&self) -> anyhow::Result<()> {
        let (path, new) = (self.path.join(MEMORY), self.path.join(format!("{MEMORY}.new")));
        let text = serde_json::to_string_pretty(&self.memory)? + "\n";
        let write = || {
            let mut file = File::create(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &path)
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }
}

fn lock(path: &Path) -> anyhow::Result<File> {
    let name = path.join(LOCK);
    let file = File::options().create(true).append(true).open(&name);
    let file = file.with_context(|| format!("cannot open {}", name.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "another tickfold demo works in {}: end it, or name another folder with --data-dir",
            path.display()
        ),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", name.display()))
        }
    }
}

fn read(path: &Path) -> anyhow::Result<Option<Memory>> {
    let name = path.join(MEMORY);
    let text = match fs::read_to_string(&name) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", name.display())),
    };
    let what = || {
        let shown = name.display();
        format!("{shown} is not what a demo leaves: remove its folder, or name another one")
    };
    serde_json::from_str(&text).map(Some).with_context(what)
}

/// A folder of somebody else's files is not ours to fill.
fn refuse_foreign(path: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        if name != LOCK && name != format!("{MEMORY}.new").as_str() {
            bail!(
                "{} is no folder of a demo, and not empty: name another one with --data-dir",
                path.display()
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(mode: Mode, seed: u64) -> Memory {
        let anchor: Minute = "2026-11-20T12:00:00Z".parse().expect("minute");
        Memory { mode, seed, anchor, resume: anchor }
    }

    fn refusal(path: &Path, seed: Option<u64>, mode: Mode) -> String {
        let opened = Folder::open(path, seed, memory(mode, 1));
        opened.err().map(|error| format!("{error:#}")).expect("refused")
    }

    #[test]
    fn a_folder_remembers_and_refuses_what_would_mix() {
        let root = tempfile::tempdir().expect("folder");
        let path = root.path().join("a").join("b");
        let mut folder =
            Folder::open(&path, Some(7), memory(Mode::Simulated, 7)).expect("a new folder");
        assert!(refusal(&path, None, Mode::Simulated).contains("another tickfold demo works in"));
        folder.resume_from(folder.memory.anchor.plus(5)).expect("written");
        drop(folder);

        assert!(refusal(&path, Some(8), Mode::Simulated).contains("--seed 7"));
        assert!(refusal(&path, None, Mode::Live).contains("the simulated exchange"));
        let folder = Folder::open(&path, None, memory(Mode::Simulated, 1)).expect("known");
        assert_eq!((folder.memory.seed, folder.memory.resume), (7, folder.memory.anchor.plus(5)));
    }

    #[test]
    fn a_folder_of_somebody_else_is_left_alone() {
        let root = tempfile::tempdir().expect("folder");
        fs::write(root.path().join("thesis.txt"), "mine").expect("written");
        assert!(refusal(root.path(), None, Mode::Simulated).contains("not empty"));
        assert_eq!(fs::read_dir(root.path()).expect("it is there").count(), 1, "nothing was added");
        fs::write(root.path().join(MEMORY), "{").expect("written");
        assert!(refusal(root.path(), None, Mode::Simulated).contains("is not what a demo leaves"));
    }
}
