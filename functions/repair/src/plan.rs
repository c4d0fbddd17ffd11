//! Which gaps are tried when, and what an attempt leaves behind; reads no clock, asks nobody.

use std::cmp::Reverse;

use market::gap::is_final;
use market::{Gap, Minute, Time};
use store::{Outcome, Repair};

/// Gaps that one call tries: more would not end in its time.
pub(crate) const MAX_GAPS: usize = 100;
/// The first pause between two attempts at a gap; each further one is twice as long, up to the
/// longest: half a day of outage of an exchange is ridden out, and a gap that nobody fills costs a
/// dozen requests.
const FIRST_PAUSE_MICROS: u64 = 5 * 60 * 1_000_000;
const LONGEST_PAUSE_MICROS: u64 = 4 * 60 * 60 * 1_000_000;
/// Attempts before a gap is given up.
pub(crate) const MAX_ATTEMPTS: u32 = 12;
/// The same where the exchange answers that it does not have the trades: it may still be behind
/// itself, but not for long.
const MAX_ABSENT: u32 = 3;

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Came {
    /// Every id that was missing was written.
    Whole { written: u64 },
    /// The minute's objects have every id.
    Stored,
    /// The exchange's answer is that it does not have them, or not all.
    Absent { why: String },
    /// There was no answer that could be used.
    Failed { why: String },
    /// The exchange asks to be left alone so long.
    Throttled { why: String, micros: u64 },
    /// Whoever asks again gets the same answer.
    Hopeless { why: String },
}

pub(crate) fn is_due(gap: &Gap, repair: Option<&Repair>, now: Time) -> bool {
    // Before that its trades may still be on their way.
    let settled = is_final(gap.minute(), now);
    settled
        && repair.is_none_or(|repair| {
            repair.outcome != Outcome::Unfillable
                && repair.next_attempt.is_none_or(|next| next <= now)
        })
}

/// What was tried less goes first, then what is newer: exchanges forget.
pub(crate) fn order(gap: &Gap, repair: Option<&Repair>) -> (u32, Reverse<Minute>, u64) {
    (repair.map_or(0, |it| it.attempts), Reverse(gap.minute()), gap.first_missing_id)
}

/// What is kept of an attempt.
pub(crate) fn after(gap: Gap, before: Option<&Repair>, came: &Came, now: Time) -> Repair {
    let attempts = before.map_or(0, |repair| repair.attempts);
    let next = |attempts: u32| {
        let pause = FIRST_PAUSE_MICROS << (attempts - 1).min(16);
        now.plus(pause.min(LONGEST_PAUSE_MICROS))
    };
    let (reason, most) = match came {
        Came::Throttled { why, micros } => {
            let until = now.plus(*micros);
            return Repair {
                gap,
                // It was not about this gap.
                attempts,
                outcome: Outcome::Open,
                reason: Some(why.clone()),
                last_attempt: now,
                next_attempt: Some(until),
                throttled_until: Some(until),
            };
        }
        Came::Whole { .. } => (None, MAX_ATTEMPTS),
        Came::Stored => (Some("its objects have all of it".to_owned()), MAX_ATTEMPTS),
        Came::Absent { why } => (Some(why.clone()), MAX_ABSENT),
        Came::Failed { why } => (Some(why.clone()), MAX_ATTEMPTS),
        Came::Hopeless { why } => (Some(why.clone()), 0),
    };
    let attempts = attempts + 1;
    let given_up = attempts >= most;
    let reason = match (given_up, came) {
        (true, Came::Whole { .. } | Came::Stored) => {
            Some("all of its trades are stored, and the row still lacks them".to_owned())
        }
        _ => reason,
    };
    Repair {
        gap,
        attempts,
        outcome: if given_up { Outcome::Unfillable } else { Outcome::Open },
        reason,
        last_attempt: now,
        next_attempt: (!given_up).then(|| next(attempts)),
        throttled_until: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(minutes: u64) -> Time {
        let noon: Time = "2026-11-20T12:00:00Z".parse().expect("a time");
        noon.plus(minutes * 60_000_000)
    }

    fn gap() -> Gap {
        Gap {
            exchange: "binance".parse().expect("a name"),
            symbol: "BTCUSDT".parse().expect("a symbol"),
            first_missing_id: 5,
            last_missing_id: 9,
            missing_count: 5,
            from_time: time(0),
            to_time: time(2),
        }
    }

    fn absent() -> Came {
        Came::Absent { why: "no such ids".to_owned() }
    }

    fn failed() -> Came {
        Came::Failed { why: "503".to_owned() }
    }

    /// Attempts with the same result, each as soon as it is due; returns the last, and when.
    fn tried(came: &Came) -> (Repair, Time) {
        let (mut repair, mut now) = (None, time(10));
        loop {
            let next = after(gap(), repair.as_ref(), came, now);
            let Some(at) = next.next_attempt else { return (next, now) };
            assert!(at > now && !is_due(&gap(), Some(&next), now));
            assert!(is_due(&gap(), Some(&next), at));
            (repair, now) = (Some(next), at);
        }
    }

    #[test]
    fn a_gap_is_left_alone_until_its_trades_had_their_time() {
        assert!(!is_due(&gap(), None, time(7)));
        assert!(is_due(&gap(), None, time(8)), "five minutes after the end of its minute");
    }

    #[test]
    fn attempts_are_bounded_and_further_and_further_apart() {
        let (last, at) = tried(&failed());
        assert_eq!((last.attempts, last.outcome), (MAX_ATTEMPTS, Outcome::Unfillable));
        assert_eq!(last.reason.as_deref(), Some("503"), "what it says last");
        assert!(at > time(12 * 60), "an outage of half a day is ridden out: {at}");
        let (last, at) = tried(&absent());
        assert_eq!((last.attempts, last.reason.as_deref()), (MAX_ABSENT, Some("no such ids")));
        assert_eq!(at, time(10 + 5 + 10));
        let (last, _) = tried(&Came::Hopeless { why: "unknown exchange".to_owned() });
        assert_eq!(last.attempts, 1);
        let (last, _) = tried(&Came::Whole { written: 5 });
        let why = "all of its trades are stored, and the row still lacks them";
        assert_eq!((last.attempts, last.reason.as_deref()), (MAX_ATTEMPTS, Some(why)));
    }

    #[test]
    fn an_exchange_that_asks_for_patience_gets_it_and_the_gap_no_blame() {
        let first = after(gap(), None, &failed(), time(10));
        let throttled = Came::Throttled { why: "418".to_owned(), micros: 3_600_000_000 };
        let second = after(gap(), Some(&first), &throttled, time(20));
        assert_eq!((second.attempts, second.outcome), (1, Outcome::Open));
        assert_eq!((second.throttled_until, second.next_attempt), (Some(time(80)), Some(time(80))));
        let third = after(gap(), Some(&second), &failed(), time(80));
        assert_eq!((third.attempts, third.throttled_until), (2, None));
    }

    #[test]
    fn what_was_tried_less_goes_first_then_what_is_newer() {
        let newer = Gap { to_time: time(3), ..gap() };
        let tried = after(newer.clone(), None, &failed(), time(20));
        let mut all = [(&newer, Some(&tried)), (&newer, None), (&gap(), None)];
        all.sort_by_key(|(gap, repair)| order(gap, *repair));
        let order = all.map(|(gap, repair)| (gap.minute(), repair.is_some()));
        let (newer, older) = (newer.minute(), gap().minute());
        assert_eq!(order, [(newer, false), (older, false), (newer, true)]);
    }

    #[test]
    fn a_gap_that_is_there_again_is_tried_again() {
        let first = after(gap(), None, &Came::Whole { written: 5 }, time(10));
        let filled = Repair { outcome: Outcome::Filled, next_attempt: None, ..first };
        assert!(is_due(&gap(), Some(&filled), time(11)));
    }
}
