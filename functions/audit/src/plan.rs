//! Which minutes of a symbol are to be audited; reads no clock, asks nobody.

use market::{Exchange, Minute, Time};
use store::{StoredAudit, StoredSymbol};

use crate::Span;

/// Minutes of one audit. A day has some of them, and Kraken, which has candles of its last 720
/// minutes alone, has all of it for hours.
pub(crate) const SPAN_MINUTES: i64 = 480;
/// How long after its end a span is left alone: what is late has come, and `repair` has asked for
/// what is missing three times.
const SETTLED_MINUTES: i64 = 30;
/// What does not agree is audited again until it is so old, as `repair` fills gaps that long.
pub(crate) const DAYS: i64 = 3;
const KRAKEN_MINUTES: i64 = 720;

/// How far back an exchange is asked for its candles.
fn reach(exchange: Exchange) -> i64 {
    match exchange {
        Exchange::Kraken => KRAKEN_MINUTES,
        _ => DAYS * market::time::MINUTES_PER_DAY,
    }
}

/// The first minute of which anything may be due.
pub(crate) fn since(exchange: Exchange, now: Time) -> Minute {
    now.minute().plus(-reach(exchange)).max(Minute::MIN)
}

/// The spans of a symbol that have not been audited, or not with the end that all agrees; the
/// oldest first.
///
/// The minute in which a symbol begins may have begun before us: it is of no span. One without a
/// row for three days is not recorded any more.
pub(crate) fn due(
    exchange: Exchange,
    symbol: &StoredSymbol,
    audits: &[StoredAudit],
    now: Time,
) -> Vec<Span> {
    let since = since(exchange, now);
    if symbol.last_minute < since {
        return Vec::new();
    }
    let settled = now.minute().plus(-SETTLED_MINUTES);
    // A day has a whole number of spans, so each midnight begins one.
    let first = since.since(since.midnight()).cast_signed();
    let mut start = since.midnight().plus((first + SPAN_MINUTES - 1) / SPAN_MINUTES * SPAN_MINUTES);
    let mut due = Vec::new();
    while start.plus(SPAN_MINUTES) <= settled {
        let to = start.plus(SPAN_MINUTES);
        let from = start.max(symbol.first_minute.plus(1));
        let is_done = |it: &StoredAudit| (it.from, it.to) == (from, to) && it.found.agrees();
        if from < to && !audits.iter().any(is_done) {
            let StoredSymbol { exchange, symbol, .. } = symbol.clone();
            due.push(Span { exchange, symbol, from, to });
        }
        start = to;
    }
    due
}

#[cfg(test)]
mod tests {
    use market::Audit;

    use super::*;

    fn minute(text: &str) -> Minute {
        text.parse().expect("a minute")
    }

    fn time(text: &str) -> Time {
        text.parse().expect("a time")
    }

    fn recorded(first: &str, last: &str) -> StoredSymbol {
        StoredSymbol {
            exchange: "kraken".parse().expect("a name"),
            symbol: "BTC-USD".parse().expect("a symbol"),
            first_minute: minute(first),
            last_minute: minute(last),
            last_time: time(last),
        }
    }

    fn spans(due: &[Span]) -> Vec<String> {
        due.iter().map(|it| format!("{} {}", it.from, it.to)).collect()
    }

    const FIRST: &str = "2026-11-01T00:00:00Z";
    const LAST: &str = "2026-11-20T16:39:00Z";
    const NOW: &str = "2026-11-20T16:40:00Z";

    #[test]
    fn thirds_of_the_last_days_are_due_as_far_as_the_exchange_tells() {
        let of = |exchange, now| spans(&due(exchange, &recorded(FIRST, LAST), &[], time(now)));
        let kraken = of(Exchange::Kraken, NOW);
        assert_eq!(kraken, ["2026-11-20T08:00:00Z 2026-11-20T16:00:00Z"]);
        assert_eq!(of(Exchange::Kraken, "2026-11-20T16:29:59Z"), [""; 0], "not yet, and no more");
        let all = of(Exchange::Binance, NOW);
        assert_eq!((all.len(), all.last()), (8, kraken.first()));
        assert_eq!(all[0], "2026-11-18T00:00:00Z 2026-11-18T08:00:00Z");
        assert_eq!(of(Exchange::Binance, "2026-11-21T00:00:00Z").len(), 8, "one ends at midnight");
    }

    #[test]
    fn nothing_is_due_before_a_symbol_began_and_long_after_it_ended() {
        let begun = "2026-11-20T09:30:00Z";
        let due_of =
            |first, last| spans(&due(Exchange::Binance, &recorded(first, last), &[], time(NOW)));
        assert_eq!(due_of(begun, LAST), ["2026-11-20T09:31:00Z 2026-11-20T16:00:00Z"]);
        assert_eq!(due_of("2026-11-20T15:59:00Z", LAST), [""; 0]);
        assert_eq!(due_of(FIRST, "2026-11-17T16:39:00Z"), [""; 0], "three days ago");
        assert_eq!(due_of(FIRST, "2026-11-17T16:40:00Z").len(), 8, "it fell silent, who knows why");
    }

    #[test]
    fn what_agreed_is_due_no_more_and_what_did_not_is() {
        let symbol = recorded(FIRST, LAST);
        let before = due(Exchange::Binance, &symbol, &[], time(NOW));
        let audit = |Span { exchange, symbol, from, to }: Span, equal| StoredAudit {
            exchange,
            symbol,
            from,
            to,
            audited_at: time(NOW),
            found: Audit { compared: 480, equal, ..Audit::default() },
        };
        let mut audits: Vec<_> = before.iter().cloned().map(|it| audit(it, 480)).collect();
        assert_eq!(due(Exchange::Binance, &symbol, &audits, time(NOW)), []);
        audits[2].found.equal = 479;
        audits[3].to = audits[3].to.plus(-1);
        assert_eq!(due(Exchange::Binance, &symbol, &audits, time(NOW)), before[2..4]);
    }
}
