//! What contiguous trade ids prove: next, again, or a gap; knows neither time nor silence, since a
//! quiet market and a lost connection look alike.

/// What an id range is to the ids before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It continues the sequence, or begins it.
    Next,
    /// Some or all of it was seen before: a duplicate, or a late arrival that may fill a gap.
    Again,
    /// Ids between the last one seen and this one were not seen.
    Gap { missing: u64 },
}

/// The highest id seen of one exchange and symbol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sequence {
    last: Option<u64>,
}

impl Sequence {
    pub fn observe(&mut self, first: u64, last: u64) -> Seen {
        let seen = match self.last {
            Some(before) if first <= before => Seen::Again,
            Some(before) if first > before + 1 => Seen::Gap { missing: first - before - 1 },
            _ => Seen::Next,
        };
        self.last = self.last.max(Some(last));
        seen
    }

    /// The exchange says that `newest` is the last id so far. Where nothing was seen yet, the
    /// sequence begins behind it.
    pub fn announce(&mut self, newest: u64) -> Seen {
        let seen = match self.last {
            Some(before) if newest > before => Seen::Gap { missing: newest - before },
            Some(_) => Seen::Again,
            None => Seen::Next,
        };
        self.last = self.last.max(Some(newest));
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_again_and_gap() {
        let mut sequence = Sequence::default();
        assert_eq!(sequence.observe(100, 105), Seen::Next);
        assert_eq!(sequence.observe(106, 106), Seen::Next);
        assert_eq!(sequence.observe(100, 105), Seen::Again);
        assert_eq!(sequence.observe(110, 112), Seen::Gap { missing: 3 });
        assert_eq!(sequence.observe(107, 109), Seen::Again);
        assert_eq!(sequence.observe(112, 114), Seen::Again);
        assert_eq!(sequence.observe(115, 115), Seen::Next);
    }

    #[test]
    fn what_the_exchange_announces_shows_a_gap_before_the_next_trade() {
        let mut sequence = Sequence::default();
        assert_eq!(sequence.announce(100), Seen::Next, "nothing was asked for before");
        assert_eq!(sequence.observe(101, 101), Seen::Next);
        assert_eq!(sequence.announce(101), Seen::Again);
        assert_eq!(sequence.announce(104), Seen::Gap { missing: 3 });
        assert_eq!(sequence.observe(102, 102), Seen::Again, "late");
        assert_eq!(sequence.observe(105, 105), Seen::Next);
    }
}
