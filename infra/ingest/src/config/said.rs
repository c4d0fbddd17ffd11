//! Values of the configuration with the places where they stand, so that a refusal can name them;
//! knows no field.

use std::ops::RangeInclusive;
use std::time::Duration;

use anyhow::anyhow;
use toml::Spanned;

/// A value and where it stands: `INGEST_SYMBOLS`, or `ingest.toml:7`.
pub(super) struct Said<T> {
    pub(super) value: T,
    pub(super) origin: String,
}

impl<T> Said<T> {
    pub(super) fn refuse(&self, field: &str, why: impl std::fmt::Display) -> anyhow::Error {
        anyhow!("{}: {field}: {why}", self.origin)
    }
}

impl Said<i64> {
    pub(super) fn seconds(
        &self,
        field: &str,
        range: RangeInclusive<i64>,
    ) -> anyhow::Result<Duration> {
        let inside = u64::try_from(self.value).ok().filter(|_| range.contains(&self.value));
        inside.map(Duration::from_secs).ok_or_else(|| {
            let (first, last) = range.into_inner();
            self.refuse(field, format!("{} is not from {first} to {last} seconds", self.value))
        })
    }
}

/// Tells a file's lines.
pub(super) struct Lines<'a> {
    pub(super) path: String,
    pub(super) text: &'a str,
}

impl Lines<'_> {
    fn at(&self, offset: usize) -> String {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        format!("{}:{}", self.path, before.iter().filter(|byte| **byte == b'\n').count() + 1)
    }

    pub(super) fn said<T>(&self, spanned: Spanned<T>) -> Said<T> {
        Said { origin: self.at(spanned.span().start), value: spanned.into_inner() }
    }

    /// TOML's own refusal, with the line it speaks of: that holds the field and the value.
    pub(super) fn refuse(&self, error: &toml::de::Error) -> anyhow::Error {
        let start = error.span().map_or(0, |span| span.start.min(self.text.len()));
        let number = self.text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count();
        let line = self.text.lines().nth(number).unwrap_or_default().trim();
        anyhow!("{}: `{line}`: {}", self.at(start), error.message())
    }
}
