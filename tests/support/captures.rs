//! Recorded market data, which is no part of the project: it lies in the folder that
//! `TICKFOLD_CAPTURES` names. Without it a test says visibly that it was skipped.

use std::env;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use flate2::read::MultiGzDecoder;

/// A recording by its path in the folder; `None`, and a line that says so, where there is none.
pub fn capture(test: &str, name: &str) -> Option<PathBuf> {
    let Some(folder) = env::var_os("TICKFOLD_CAPTURES") else {
        crate::skipped(test, "TICKFOLD_CAPTURES is not set");
        return None;
    };
    Some(PathBuf::from(folder).join(name))
}

/// A recording's text, decompressed.
pub fn capture_text(test: &str, name: &str) -> Option<String> {
    let path = capture(test, name)?;
    let file = File::open(&path).expect("the recording is in TICKFOLD_CAPTURES");
    let mut text = String::new();
    MultiGzDecoder::new(file).read_to_string(&mut text).expect("the recording is whole");
    Some(text)
}
