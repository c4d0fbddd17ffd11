//! Which minutes of a symbol are to be audited; reads no clock, asks nobody.

use market::time::MINUTES_PER_DAY;
use market::{Exchange, Minute, Time};
use store::{StoredAudit, StoredSymbol};

use crate::Span;

/// Minutes of one audit, a third of a day: so much exchanges that forget their candles have for some
/// hours after its end.
const SPAN_MINUTES: i64 = 480;
/// How long after its end a span is left alone: what is late has come, and `repair` has asked for
/// what is missing three times.
const SETTLED_MINUTES: i64 = 30;
/// What does not agree is audited again until it is so old, as `repair` fills gaps that long.
const DAYS: i64 = 3;
/// What an exchange forgets next may be forgotten when it is asked.
const MARGIN_MINUTES: i64 = 10;

/// Cuts minutes where the thirds of days are cut, so that an audit of the same ones is the same.
pub fn thirds(from: Minute, to: Minute) -> impl Iterator<Item = (Minute, Minute)> {
    let mut start = from;
    std::iter::from_fn(move || {
        let end = third(start).plus(SPAN_MINUTES).min(to);
        let span = (start < to).then_some((start, end));
        start = end;
        span
    })
}

/// The first minute of a minute's third.
fn third(minute: Minute) -> Minute {
    let into = minute.since(minute.midnight()).cast_signed();
    minute.plus(-(into % SPAN_MINUTES))
}

/// The first minute of which anything may be due.
pub(crate) fn since(exchange: Exchange, now: Time) -> Minute {
    let reach = history::candles_reach(exchange).map(|minutes| minutes - MARGIN_MINUTES);
    now.minute().plus(-reach.unwrap_or(DAYS * MINUTES_PER_DAY)).max(Minute::MIN)
}

/// The spans of a symbol that have not been audited, or not with the end that all agrees, the
/// oldest first; and of each whether it never was.
///
/// The minute in which a symbol begins may have begun before us: it is of no span. One without a
/// row for as long as anything is due is not recorded any more.
pub(crate) fn due(
    exchange: Exchange,
    symbol: &StoredSymbol,
    audits: &[StoredAudit],
    now: Time,
) -> Vec<(Span, bool)> {
    let since = since(exchange, now);
    if symbol.last_minute < since {
        return Vec::new();
    }
    let settled = now.minute().plus(-SETTLED_MINUTES);
    let whole = |&(from, to): &(Minute, Minute)| from == third(from) && to <= settled;
    // The last one may go on: it is whole or it is not settled.
    let spans = thirds(since, settled.plus(SPAN_MINUTES)).filter(whole);
    let spans = spans.map(|(from, to)| (from.max(symbol.first_minute.plus(1)), to));
    let due = spans.filter(|(from, to)| from < to).filter_map(|(from, to)| {
        let before = audits.iter().find(|it| (it.from, it.to) == (from, to));
        let StoredSymbol { exchange, symbol, .. } = symbol.clone();
        let is_done = before.is_some_and(|it| it.found.agrees());
        (!is_done).then(|| (Span { exchange, symbol, from, to }, before.is_none()))
    });
    due.collect()
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

    fn spans(due: &[(Span, bool)]) -> Vec<String> {
        due.iter().map(|(it, _)| format!("{} {}", it.from, it.to)).collect()
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
        let forgets = |now| of(Exchange::Kraken, now).len();
        assert_eq!((forgets("2026-11-20T19:50:59Z"), forgets("2026-11-20T19:51:00Z")), (1, 0));
    }

    #[test]
    fn minutes_are_cut_where_the_thirds_of_days_are() {
        let cut = |from: &str, to: &str| -> Vec<String> {
            let cut = thirds(minute(from), minute(to));
            cut.map(|(from, to)| format!("{from} {to}").replace(":00Z", "")).collect()
        };
        assert_eq!(cut("2026-11-20T08:00:00Z", "2026-11-20T08:00:00Z"), [""; 0]);
        assert_eq!(
            cut("2026-11-20T15:59:00Z", "2026-11-21T00:01:00Z"),
            [
                "2026-11-20T15:59 2026-11-20T16:00",
                "2026-11-20T16:00 2026-11-21T00:00",
                "2026-11-21T00:00 2026-11-21T00:01"
            ]
        );
        assert_eq!(cut("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z").len(), 3);
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
        assert!(before.iter().all(|(_, is_fresh)| *is_fresh));
        let mut audits: Vec<_> = before.iter().cloned().map(|(it, _)| audit(it, 480)).collect();
        assert_eq!(due(Exchange::Binance, &symbol, &audits, time(NOW)), []);
        audits[2].found.equal = 479;
        audits[3].to = audits[3].to.plus(-1);
        let again = due(Exchange::Binance, &symbol, &audits, time(NOW));
        assert_eq!(again, [(before[2].0.clone(), false), before[3].clone()]);
    }
}
