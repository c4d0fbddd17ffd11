//! Which two symbols the live state sets against each other, as the file names them; reads no file.

use anyhow::anyhow;
use market::{Exchange, Symbol};
use serde::Deserialize;
use toml::Spanned;

use super::said::{Lines, Said};
use super::{Feed, Named, Spread};

/// `[[spread]]` of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileSpread {
    of: Option<Spanned<String>>,
    against: Option<Spanned<String>>,
}

/// The same with the lines where it stands, nothing checked.
pub(super) struct RawSpread {
    origin: String,
    of: Option<Said<String>>,
    against: Option<Said<String>>,
}

impl RawSpread {
    pub(super) fn new(lines: &Lines, spread: Spanned<FileSpread>) -> RawSpread {
        let Said { value: FileSpread { of, against }, origin } = lines.said(spread);
        let said = |text: Spanned<String>| lines.said(text);
        RawSpread { origin, of: of.map(said), against: against.map(said) }
    }
}

/// The pairs, if each of them can be told from the books of these feeds.
pub(super) fn spreads(raw: Vec<RawSpread>, feeds: &[Feed]) -> anyhow::Result<Vec<Spread>> {
    let mut spreads: Vec<Spread> = Vec::new();
    for RawSpread { origin, of, against } in raw {
        let named = |field: &str, said: Option<Said<String>>| {
            let example = "write exchange and symbol, such as \"binance BTCUSDT\"";
            let said = said.ok_or_else(|| anyhow!("{origin}: {field}: missing; {example}"))?;
            named(&said.value, feeds).map_err(|why| said.refuse(field, why))
        };
        let spread =
            Spread { of: named("spread.of", of)?, against: named("spread.against", against)? };
        if spread.of == spread.against {
            return Err(anyhow!("{origin}: spread: a symbol has none against itself"));
        }
        if spreads.contains(&spread) {
            return Err(anyhow!("{origin}: spread: {} stands there twice", spread));
        }
        spreads.push(spread);
    }
    Ok(spreads)
}

fn named(text: &str, feeds: &[Feed]) -> Result<Named, String> {
    let (exchange, symbol) = text.split_once(' ').ok_or_else(|| {
        format!("{text:?} is not exchange and symbol with a space between: binance BTCUSDT")
    })?;
    let exchange: Exchange = exchange.parse()?;
    let symbol: Symbol = symbol.trim().parse()?;
    let is_of = |feed: &&Feed| feed.exchange == exchange && feed.symbols.contains(&symbol);
    match feeds.iter().find(is_of) {
        None => Err(format!("no feed has {symbol} of {exchange}")),
        Some(feed) if !feed.books => {
            Err(format!("the feed of {exchange} reads no books: give it books = true"))
        }
        Some(_) => Ok(Named { exchange, symbol }),
    }
}
