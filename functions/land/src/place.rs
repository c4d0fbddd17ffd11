//! Where a line belongs; the rules are those of `vector/vector.yaml`, and nothing else of a line is
//! looked at: what is wrong with it, `aggregate` finds and counts. One stream carries all kinds:
//! what Vector takes from the topic's name, the line itself tells.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lake::{Kind, MinutePrefix};
use market::Time;
use market::trade::Traces;

/// A line that claims to be younger has a time of another unit, or of a broken clock.
const FUTURE_MICROS: i64 = 5 * 60 * 1_000_000;

/// Lines of one place are one object.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Minute(MinutePrefix),
    /// By the date on which they arrived.
    Dead(String),
}

type Placed = (Vec<u8>, Result<MinutePrefix, String>);

/// The lines of a record that arrived at that time. Each has its minute, or the reason why not.
pub(crate) fn lines(data: &str, arrival: Time) -> Vec<Placed> {
    match STANDARD.decode(data) {
        Ok(bytes) => {
            let lines = bytes.split(|byte| *byte == b'\n').filter(|it| !it.trim_ascii().is_empty());
            lines.map(|line| (line.to_vec(), place(line, arrival))).collect()
        }
        Err(why) => vec![(data.as_bytes().to_vec(), Err(format!("not base64: {why}")))],
    }
}

fn place(line: &[u8], arrival: Time) -> Result<MinutePrefix, String> {
    let Traces { exchange, minute, levels, .. } = Traces::of(line);
    let exchange = exchange.ok_or("exchange: it tells none of 1 to 32 of a-z 0-9 _ -")?;
    let minute = minute.ok_or("time: it tells none in microseconds between 2009 and 2100")?;
    if minute.start().micros() - arrival.micros() > FUTURE_MICROS {
        return Err(format!("time: {minute}, but it came at {arrival}"));
    }
    let kind = if levels { Kind::Books } else { Kind::Trades };
    Ok(MinutePrefix::raw(kind, exchange, minute))
}
