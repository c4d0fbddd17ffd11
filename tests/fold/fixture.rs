//! A folder of made-up files and a `tickfold fold` in it; expects nothing of the outcome.

use std::fs;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::thread;

use flate2::Compression;
use flate2::write::GzEncoder;
use market::{Bar, Decimal};
use tempfile::TempDir;
pub(crate) use tests::trades::{MINUTE, NOON, SECOND};

/// A trade line of one raw trade. Side, price and size go by the id, so that equal ids are equal
/// trades.
pub(crate) fn line(id: u64, time: i64) -> String {
    let side = if id.is_multiple_of(3) { "sell" } else { "buy" };
    let (cents, size) = (id * 7 % 100, id % 9 + 1);
    format!(
        r#"{{"exchange":"binance","symbol":"BTCUSDT","time":{time},"side":"{side}","price":"43000.{cents:02}000000","size":"0.00{size}00000","first_id":{id},"last_id":{id},"received":{time},"source":"ws"}}"#
    )
}

/// Trade lines of contiguous ids, one each 250 ms from noon on.
pub(crate) fn lines(first_id: u64, count: u64) -> Vec<String> {
    let time = |n: u64| NOON + n as i64 * SECOND / 4;
    (0..count).map(|n| line(first_id + n, time(n))).collect()
}

pub(crate) fn joined(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

pub(crate) fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes.as_ref()).expect("a vector takes every byte");
    encoder.finish().expect("a vector takes every byte")
}

pub(crate) fn decimal(text: &str) -> Decimal {
    text.parse().expect(text)
}

/// Where the program runs, so that it names files as the tests wrote them.
pub(crate) struct Folder(TempDir);

/// What a program left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Folder {
    pub(crate) fn new() -> Folder {
        Folder(TempDir::new().expect("a folder for the test"))
    }

    pub(crate) fn with(files: &[(&str, &[u8])]) -> Folder {
        let folder = Folder::new();
        for (name, bytes) in files {
            fs::write(folder.0.path().join(name), bytes).expect("a file for the test");
        }
        folder
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(tests::binary::tickfold());
        command.arg("fold").args(arguments).current_dir(self.0.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn fold(&self, arguments: &[&str]) -> Ran {
        self.fold_stdin(arguments, b"")
    }

    pub(crate) fn fold_stdin(&self, arguments: &[&str], input: &[u8]) -> Ran {
        let child = self.command(arguments).spawn().expect("tickfold starts");
        finish(child, input)
    }
}

/// Folds one text, given by standard input.
pub(crate) fn fold(arguments: &[&str], input: &str) -> Ran {
    Folder::new().fold_stdin(arguments, input.as_bytes())
}

pub(crate) fn finish(mut child: Child, input: &[u8]) -> Ran {
    let mut stdin = child.stdin.take().expect("piped");
    let output = thread::scope(|scope| {
        // A program that has refused its arguments does not read: that is no fault of the test.
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().expect("tickfold ends")
    });
    let text = |bytes| String::from_utf8(bytes).expect("what tickfold prints is text");
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

impl Ran {
    /// The bars that were printed as JSON.
    pub(crate) fn bars(&self) -> Vec<Bar> {
        self.stdout.lines().map(|row| serde_json::from_str(row).expect(row)).collect()
    }

    /// The counts, where nothing but them was said.
    pub(crate) fn summary(&self) -> &str {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        let summary = self.stderr.strip_suffix('\n').expect("a whole line");
        assert!(!summary.contains('\n'), "{summary}");
        summary
    }

    /// Exit code and everything on standard error, line by line.
    pub(crate) fn said(&self) -> (Option<i32>, Vec<&str>) {
        (self.code, self.stderr.lines().collect())
    }
}
