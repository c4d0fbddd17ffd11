//! Why an exchange gave no answer, and whether it may give one later; decides nothing.

use std::time::Duration;

use market::{ExchangeName, LineError};

#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// Asked for patience, again and again or for longer than anybody here waits.
    #[error("{url} refuses for {} s: {why}", wait.as_secs())]
    Throttled { url: String, wait: Duration, why: String },
    #[error("{url}, asked {attempts} times: {why}")]
    Unreachable { url: String, attempts: u32, why: String },
    #[error("{url} answers {status}: {why}")]
    Refused { url: String, status: u16, why: String },
    #[error("{url} is not there")]
    NotFound { url: String },
    #[error("the answer of {url} has more than {limit} bytes")]
    TooLarge { url: String, limit: u64 },
    #[error("the answer of {url} cannot be read: {why}")]
    Unreadable { url: String, why: LineError },
    #[error("the answer of {url} is a wrong page: {why}")]
    WrongPage { url: String, why: String },
    #[error("{url} is not what its checksum says: it has {found}, and {expected} was published")]
    Checksum { url: String, found: String, expected: String },
    #[error("{url} is broken: {why}")]
    Broken { url: String, why: String },
    #[error("no room for {url} in the temporary folder: {why}")]
    NoRoom { url: String, why: std::io::Error },
    #[error("{what} are not to be had: {why}")]
    Absent { what: String, why: String },
    #[error("{name} is no exchange known here")]
    Unknown { name: ExchangeName },
    #[error("cannot make an HTTP client: {0}")]
    Client(reqwest::Error),
}

impl HistoryError {
    /// Whether the same question may be answered at another time.
    pub fn is_passing(&self) -> bool {
        match self {
            HistoryError::Throttled { .. }
            | HistoryError::Unreachable { .. }
            | HistoryError::NotFound { .. }
            | HistoryError::Unreadable { .. }
            // Files are replaced, and then their checksums are.
            | HistoryError::Checksum { .. }
            | HistoryError::Broken { .. }
            | HistoryError::NoRoom { .. }
            | HistoryError::WrongPage { .. } => true,
            HistoryError::Refused { .. }
            | HistoryError::TooLarge { .. }
            | HistoryError::Absent { .. }
            | HistoryError::Unknown { .. }
            | HistoryError::Client(_) => false,
        }
    }

    /// How long the exchange wants to be left alone.
    pub fn wait(&self) -> Option<Duration> {
        match self {
            HistoryError::Throttled { wait, .. } => Some(*wait),
            _ => None,
        }
    }
}
