//! The bucket of lines: keys, compression, quarantine. The only crate that knows them; knows no
//! database, no event, and no exchange's own spelling.
//!
//! * [`key`]: the layout of the bucket as one type.
//! * [`lines`]: an object's bytes -> its lines and what is refused, within limits.
//! * [`Lake`]: list, read and write, over S3.

mod days;
mod filled;
pub mod key;
pub mod lines;
mod quarantine;
mod s3;
mod sweep;

pub use key::{Area, DayKey, Kind, MinutePrefix, ObjectKey};
pub use lines::{Limits, Line, Refusal, Unreadable};
pub use quarantine::DeadLine;
pub use s3::{EnvError, Lake, LakeError, MinuteRead, client_from_env};
pub use sweep::ObjectCounts;
