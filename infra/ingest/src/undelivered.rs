//! Names lines that were not delivered, so that somebody can look for them: how many of which
//! symbol, and the ids of trades; delivers nothing.

use std::collections::BTreeMap;

use market::trade::Ids;

use crate::line::Line;

/// Ranges of ids that are named for one symbol; a burst has one or two.
const RANGES: usize = 10;

/// `7 lines: 5 of binance BTCUSDT (ids 100-106, 110), 2 of binance ETHUSDT (ids 8-9)`
pub(crate) fn describe(lines: &[Line]) -> String {
    let mut trades: BTreeMap<_, Vec<&Ids>> = BTreeMap::new();
    let mut books: BTreeMap<_, usize> = BTreeMap::new();
    for line in lines {
        match line {
            Line::Trade(trade) => {
                trades.entry((&trade.exchange, &trade.symbol)).or_default().push(&trade.ids);
            }
            Line::Book(book) => *books.entry((&book.exchange, &book.symbol)).or_default() += 1,
        }
    }
    let trades = trades.iter().map(|((exchange, symbol), ids)| {
        format!("{} of {exchange} {symbol}{}", ids.len(), ranges(ids))
    });
    let books = books
        .iter()
        .map(|((exchange, symbol), count)| format!("{count} of the book of {exchange} {symbol}"));
    format!("{} lines: {}", lines.len(), trades.chain(books).collect::<Vec<_>>().join(", "))
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

    fn trade(symbol: &str, first: u64, last: u64) -> Line {
        let line = format!(
            r#"{{"exchange":"binance","symbol":"{symbol}","time":1700000000120000,"side":"buy","price":"1","size":"1","first_id":{first},"last_id":{last},"received":1700000000123456,"source":"ws"}}"#
        );
        Line::Trade(market::Trade::from_line(line.as_bytes()).expect("a line"))
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
