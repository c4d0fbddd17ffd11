//! Names trades that were not delivered, so that somebody can look for them: how many of which
//! symbol, and their ids; delivers nothing.

use std::collections::BTreeMap;

use market::Trade;
use market::trade::Ids;

/// Ranges of ids that are named for one symbol; a burst has one or two.
const RANGES: usize = 10;

/// `7 lines: 5 of binance BTCUSDT (ids 100-106, 110), 2 of binance ETHUSDT (ids 8-9)`
pub(crate) fn describe(trades: &[Trade]) -> String {
    let mut symbols: BTreeMap<_, Vec<&Ids>> = BTreeMap::new();
    for trade in trades {
        symbols.entry((&trade.exchange, &trade.symbol)).or_default().push(&trade.ids);
    }
    let told = symbols.iter().map(|((exchange, symbol), ids)| {
        format!("{} of {exchange} {symbol}{}", ids.len(), ranges(ids))
    });
    format!("{} lines: {}", trades.len(), told.collect::<Vec<_>>().join(", "))
}

fn ranges(ids: &[&Ids]) -> String {
    let range = |ids: &&Ids| match ids {
        Ids::Range { first, last } => Some((*first, *last)),
        Ids::Opaque(_) => None,
    };
    let mut ranges: Vec<_> = ids.iter().filter_map(range).collect();
    ranges.sort_unstable();
    ranges.dedup_by(|next, before| {
        let joins = next.0 <= before.1.saturating_add(1);
        if joins {
            before.1 = before.1.max(next.1);
        }
        joins
    });
    let mut told: Vec<_> = ranges
        .iter()
        .take(RANGES)
        .map(|(first, last)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        })
        .collect();
    if ranges.len() > RANGES {
        told.push(format!("and {} ranges more", ranges.len() - RANGES));
    }
    if told.is_empty() { String::new() } else { format!(" (ids {})", told.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trade(symbol: &str, first: u64, last: u64) -> Trade {
        let line = format!(
            r#"{{"exchange":"binance","symbol":"{symbol}","time":1700000000120000,"side":"buy","price":"1","size":"1","first_id":{first},"last_id":{last},"received":1700000000123456,"source":"ws"}}"#
        );
        Trade::from_line(line.as_bytes()).expect("a line")
    }

    #[test]
    fn ids_are_joined_to_ranges_whatever_their_order() {
        let mut trades: Vec<_> = [(104, 106), (100, 103), (110, 110), (102, 105)]
            .map(|(first, last)| trade("BTCUSDT", first, last))
            .into();
        trades.push(trade("ETHUSDT", 8, 9));
        assert_eq!(
            describe(&trades),
            "5 lines: 4 of binance BTCUSDT (ids 100-106, 110), 1 of binance ETHUSDT (ids 8-9)"
        );
    }

    #[test]
    fn the_list_is_bounded() {
        let trades: Vec<_> = (0..30).map(|id| trade("BTCUSDT", id * 2, id * 2)).collect();
        let told = describe(&trades);
        assert!(
            told.ends_with("(ids 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, and 20 ranges more)"),
            "{told}"
        );
    }
}
