//! Which two symbols the file sets against each other, and why others cannot be.

use ingest::{Named, Spread};
use market::Exchange;

use super::{FILE, load};

const SPREAD: &str = r#"
[[feed]]
exchange = "kraken"
symbols = ["BTC-USD"]
books = true

[[feed]]
exchange = "coinbase"
symbols = ["BTC-USD"]

[[spread]]
of = "binance BTCUSDT"
against = "kraken BTC-USD"
"#;

#[test]
fn two_symbols_are_set_against_each_other_by_their_names() {
    let config = load(&(FILE.to_owned() + SPREAD), &[]).expect("a spread");
    let named = |exchange, symbol: &str| Named { exchange, symbol: symbol.parse().expect(symbol) };
    let of = named(Exchange::Binance, "BTCUSDT");
    let spread = Spread { of, against: named(Exchange::Kraken, "BTC-USD") };
    assert_eq!(config.spreads, [spread]);
    let plan = ingest::plan(&config).expect("a plan");
    let last = plan.lines().last();
    assert_eq!(last, Some("live spread: binance BTCUSDT against kraken BTC-USD"));
}

#[test]
fn a_spread_that_no_books_tell_is_refused() {
    let whole = FILE.to_owned() + SPREAD;
    let (of, against) = ("of = \"binance BTCUSDT\"", "against = \"kraken BTC-USD\"");
    for (from, to, refusal) in [
        (
            of,
            "",
            "ingest.toml:23: spread.of: missing; write exchange and symbol, such as \"binance BTCUSDT\"",
        ),
        (
            of,
            "of = \"binance\"",
            "ingest.toml:24: spread.of: \"binance\" is not exchange and symbol with a space between: binance BTCUSDT",
        ),
        (
            of,
            "of = \"binance SOLUSDT\"",
            "ingest.toml:24: spread.of: no feed has SOLUSDT of binance",
        ),
        (
            against,
            "against = \"coinbase BTC-USD\"",
            "ingest.toml:25: spread.against: the feed of coinbase reads no books: give it books = true",
        ),
        (
            against,
            "against = \"binance BTCUSDT\"",
            "ingest.toml:23: spread: a symbol has none against itself",
        ),
        (
            against,
            "and = 1",
            "ingest.toml:25: `and = 1`: unknown field `and`, expected `of` or `against`",
        ),
    ] {
        assert_eq!(load(&whole.replace(from, to), &[]), Err(refusal.to_owned()));
    }
    let twice = format!("{whole}[[spread]]\n{of}\n{against}\n");
    let refusal =
        "ingest.toml:26: spread: binance BTCUSDT against kraken BTC-USD stands there twice";
    assert_eq!(load(&twice, &[]), Err(refusal.to_owned()));
}
