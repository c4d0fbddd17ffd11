//! What is known of one symbol's trades: the last id, and which came lately; knows no connection.

use std::collections::HashSet;
use std::mem;

use market::trade::Ids;
use market::{Seen, Sequence};

/// Ids that are remembered, and at most twice as many: the busiest symbols bring some hundreds a
/// second, and two connections are apart by seconds.
const REMEMBERED: usize = 5_000;

/// One symbol's trades as far as they came.
#[derive(Debug, Default)]
pub(super) struct Track {
    sequence: Sequence,
    heard: bool,
    /// The latest ids, and those before them.
    new: HashSet<Ids>,
    old: HashSet<Ids>,
}

impl Track {
    /// Whether a trade came at all.
    pub(super) fn was_heard(&self) -> bool {
        self.heard
    }

    /// Where the trade stands among those before; ids without order are always the next ones.
    pub(super) fn observe(&mut self, ids: &Ids) -> Seen {
        self.heard = true;
        match ids {
            Ids::Range { first, last } => self.sequence.observe(*first, *last),
            Ids::Opaque(_) => Seen::Next,
        }
    }

    /// The exchange says that `newest` is the last id so far.
    pub(super) fn announce(&mut self, newest: u64) -> Seen {
        self.sequence.announce(newest)
    }

    /// Whether the very same ids came lately; they are remembered.
    pub(super) fn repeats(&mut self, ids: &Ids) -> bool {
        if self.new.contains(ids) || self.old.contains(ids) {
            return true;
        }
        if self.new.len() == REMEMBERED {
            self.old = mem::take(&mut self.new);
        }
        self.new.insert(ids.clone());
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_lately_is_known_and_what_is_remembered_is_bounded() {
        let mut track = Track::default();
        let ids = |number: usize| Ids::Opaque(number.to_string().into());
        for number in 0..3 * REMEMBERED {
            assert!(!track.repeats(&ids(number)), "{number}");
            assert!(track.repeats(&ids(number)), "{number}");
            assert!(track.repeats(&ids(number.saturating_sub(REMEMBERED))), "{number}");
            assert!(track.new.len() + track.old.len() <= 2 * REMEMBERED);
        }
        assert!(!track.repeats(&ids(0)), "it is long ago");
    }
}
