//! This machine's clock against the database's, the one other clock that is at hand.

use store::Condition;

use super::Outcome::{self, Failed, Ok as Good, Skipped};

/// A second of books is ended by the clock two seconds later, and Vector refuses what is told to be
/// five minutes ahead: a clock that somebody sets stays far below this.
const MAX_MICROS: u64 = 1_000_000;

/// `condition` with the time here when it was seen.
pub(super) fn check(condition: Option<&(Condition, i64)>) -> Outcome {
    let Some((condition, here)) = condition else {
        return Skipped("no database has told the time".to_owned());
    };
    let Some(there) = condition.now_micros else {
        return Skipped("the database is a file, which has no clock".to_owned());
    };
    let micros = here.abs_diff(there);
    let told = format!("{}.{:03} s", micros / 1_000_000, micros / 1_000 % 1_000);
    let word = if *here < there { "behind" } else { "ahead of" };
    let seen = format!("{told} {word} the database's, the way there included");
    if micros <= MAX_MICROS {
        return Good(seen);
    }
    Failed(format!("{seen}: let NTP set both (`chronyc tracking`, `timedatectl`)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_too_much_in_either_direction() {
        let condition = Condition {
            version: Ok(Some(1)),
            expected: 1,
            refused: None,
            now_micros: Some(5_000_000),
        };
        for (here, expected) in [
            (4_000_000, Ok("1.000 s behind the database's")),
            (5_003_000, Ok("0.003 s ahead of the database's")),
            (3_999_999, Err("1.000 s behind the database's")),
            (6_000_001, Err("1.000 s ahead of the database's")),
        ] {
            let told = match check(Some(&(condition.clone(), here))) {
                Good(told) => Ok(told),
                Failed(told) => Err(told),
                Skipped(why) => panic!("{why}"),
            };
            match (&told, expected) {
                (Ok(told), Ok(begin)) | (Err(told), Err(begin)) => assert!(told.starts_with(begin)),
                _ => panic!("{here}: {told:?}"),
            }
        }
    }
}
