//! Our bars beside the exchange's own candles, field by field where both have it, in exact decimals;
//! asks nobody for either.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bar::Bar;
use crate::candle::Candle;
use crate::decimal::Decimal;
use crate::exchange::Exchange;
use crate::time::Minute;

/// Deribit tells the base volume of its inverse contracts rounded at this digit; ours are exact in
/// 18. Its other instruments have fewer decimals than that.
const DERIBIT_DECIMALS: u32 = 8;

/// More than that tells nobody more: the whole is wrong, or the one side is of something else.
pub const MAX_TOLD: usize = 200;

/// What came of comparing some minutes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// Minutes that both sides have trades in.
    pub compared: u64,
    /// Of them those that agree in every field that both sides tell.
    pub equal: u64,
    /// Minutes in which neither side has a trade, where the exchange has candles of such.
    pub empty: u64,
    /// Minutes in which the exchange has trades and we have none.
    pub missing_here_count: u64,
    /// Minutes in which we have trades and the exchange tells of none.
    pub missing_there_count: u64,
    /// The first [`MAX_TOLD`] of each, in the order of minutes. A minute that is not equal has one or
    /// more differences.
    pub differences: Vec<Difference>,
    pub missing_here: Vec<Minute>,
    pub missing_there: Vec<Minute>,
}

/// One field of one minute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    pub minute: Minute,
    pub field: String,
    pub ours: Decimal,
    pub theirs: Decimal,
    /// `ours - theirs`.
    #[serde(with = "crate::decimal::signed")]
    pub delta: Decimal,
}

impl Audit {
    /// Whether nothing at all speaks against our rows.
    pub fn agrees(&self) -> bool {
        let missing = self.missing_here_count + self.missing_there_count;
        self.compared == self.equal && missing == 0
    }
}

/// Compares the bars of one symbol with the candles of the same minutes.
pub fn audit(exchange: Exchange, bars: &[Bar], candles: &[Candle]) -> Audit {
    let mut bars: BTreeMap<Minute, &Bar> = bars.iter().map(|bar| (bar.minute, bar)).collect();
    let decimals = price_decimals(candles);
    let mut audit = Audit::default();
    for candle in candles {
        match bars.remove(&candle.minute) {
            Some(bar) => {
                audit.compared += 1;
                let found = differences(exchange, bar, candle, decimals);
                audit.equal += u64::from(found.is_empty());
                let room = MAX_TOLD.saturating_sub(audit.differences.len());
                audit.differences.extend(found.into_iter().take(room));
            }
            None if candle.is_empty() => audit.empty += 1,
            None => audit.missing_here.push(candle.minute),
        }
    }
    audit.missing_there = bars.into_keys().collect();
    audit.missing_here_count = audit.missing_here.len() as u64;
    audit.missing_there_count = audit.missing_there.len() as u64;
    audit.missing_here.truncate(MAX_TOLD);
    audit.missing_there.truncate(MAX_TOLD);
    audit
}

/// As many decimals as any price of the candles has: exchanges write all of a symbol's with the same
/// number, of which a decimal does not keep the zeros at its end.
fn price_decimals(candles: &[Candle]) -> u32 {
    let prices = candles.iter().flat_map(|it| [it.open, it.high, it.low, it.close]);
    prices.chain(candles.iter().filter_map(|it| it.vwap)).map(Decimal::decimals).max().unwrap_or(0)
}

fn differences(exchange: Exchange, bar: &Bar, candle: &Candle, decimals: u32) -> Vec<Difference> {
    let (base, quote) = (bar.base_volume(), bar.quote_volume());
    let vwap = quote.zip(base).and_then(|(quote, base)| quote.checked_div_cut(base, decimals));
    let base = match exchange {
        Exchange::Deribit => base.and_then(|base| base.rounded(DERIBIT_DECIMALS)),
        _ => base,
    };
    let fields = [
        ("open", Some(bar.open), Some(candle.open)),
        ("high", Some(bar.high), Some(candle.high)),
        ("low", Some(bar.low), Some(candle.low)),
        ("close", Some(bar.close), Some(candle.close)),
        ("base_volume", base, Some(candle.base_volume)),
        ("quote_volume", quote, candle.quote_volume),
        (
            "trade_count",
            Some(Decimal::from(bar.trade_count)),
            candle.trade_count.map(Decimal::from),
        ),
        ("buy_base_volume", Some(bar.buy_base_volume), candle.buy_base_volume),
        ("buy_quote_volume", Some(bar.buy_quote_volume), candle.buy_quote_volume),
        ("vwap", vwap, candle.vwap),
    ];
    let minute = bar.minute;
    let differ = fields.into_iter().filter_map(|(field, ours, theirs)| {
        let (ours, theirs) = ours.zip(theirs).filter(|(ours, theirs)| ours != theirs)?;
        let delta = ours.checked_sub(theirs).expect("neither is below zero");
        Some(Difference { minute, field: field.to_owned(), ours, theirs, delta })
    });
    differ.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Time;
    use crate::fold::fold;
    use crate::trade::{Ids, Marks, Side, Source, Trade, fill};

    const NOON: i64 = 1_795_176_000_000_000;

    fn number(text: &str) -> Decimal {
        text.parse().expect(text)
    }

    /// Two trades in each minute.
    fn bars(minutes: i64) -> Vec<Bar> {
        let trade = |id: i64| Trade {
            exchange: "kraken".parse().expect("name"),
            symbol: "BTC-USD".parse().expect("symbol"),
            time: Time::from_micros(NOON + id * 30_000_000).expect("time"),
            side: if id % 2 == 0 { Side::Buy } else { Side::Sell },
            fill: fill(if id % 2 == 0 { "100.1" } else { "100.2" }, "0.3").expect("fill"),
            ids: Ids::range(id as u64, id as u64).expect("ids"),
            received: Time::from_micros(NOON).expect("time"),
            source: Source::Ws,
            marks: Marks::default(),
        };
        fold((0..2 * minutes).map(trade)).expect("small sums")
    }

    /// What an exchange that tells everything tells of them.
    fn candle(bar: &Bar) -> Candle {
        Candle {
            minute: bar.minute,
            open: bar.open,
            high: bar.high,
            low: bar.low,
            close: bar.close,
            base_volume: number("0.6"),
            quote_volume: Some(number("60.09")),
            trade_count: Some(2),
            buy_base_volume: Some(number("0.3")),
            buy_quote_volume: Some(number("30.03")),
            // 100.15 is cut off, not rounded.
            vwap: Some(number("100.1")),
        }
    }

    fn told(audit: &Audit) -> Vec<String> {
        let tell = |it: &Difference| {
            let Difference { minute, field, ours, theirs, delta } = it;
            format!("{minute} {field} {ours} {theirs} {delta}")
        };
        audit.differences.iter().map(tell).collect()
    }

    #[test]
    fn equal_minutes_are_equal_in_every_field_that_is_told() {
        let bars = bars(5);
        let candles: Vec<_> = bars.iter().map(candle).collect();
        let found = audit(Exchange::Kraken, &bars, &candles);
        assert_eq!((found.compared, found.equal, found.agrees()), (5, 5, true));
        let less = |candle: &Candle| {
            let mut less = Candle::new(candle.minute, [candle.open; 4], candle.base_volume);
            (less.high, less.low, less.close) = (candle.high, candle.low, candle.close);
            less
        };
        let candles: Vec<_> = candles.iter().map(less).collect();
        assert_eq!(audit(Exchange::Coinbase, &bars, &candles).equal, 5);
    }

    #[test]
    fn a_difference_is_named_with_its_minute_field_and_delta() {
        let bars = bars(3);
        let mut candles: Vec<_> = bars.iter().map(candle).collect();
        candles[1].quote_volume = Some(number("60.089999"));
        candles[1].trade_count = Some(3);
        candles[2].vwap = Some(number("100.2"));
        let found = audit(Exchange::Binance, &bars, &candles);
        let expected = [
            "2026-11-20T12:01:00Z quote_volume 60.09 60.089999 0.000001",
            "2026-11-20T12:01:00Z trade_count 2 3 -1",
            "2026-11-20T12:02:00Z vwap 100.1 100.2 -0.1",
        ];
        assert_eq!(told(&found), expected);
        assert_eq!((found.compared, found.equal, found.agrees()), (3, 1, false));
        let text = serde_json::to_string(&found).expect("JSON");
        assert_eq!(serde_json::from_str::<Audit>(&text).expect("an audit"), found);
    }

    #[test]
    fn what_one_side_lacks_is_missing_there_and_a_flat_candle_is_no_trade() {
        let bars = bars(4);
        let mut candles: Vec<_> = bars[1..].iter().map(candle).collect();
        let flat = Candle::new(bars[3].minute.plus(1), [number("100.2"); 4], Decimal::ZERO);
        candles
            .extend([flat.clone(), Candle { minute: flat.minute.plus(1), ..candles[0].clone() }]);
        let found = audit(Exchange::Binance, &bars[..3], &candles);
        assert_eq!((found.compared, found.equal, found.empty), (2, 2, 1));
        assert_eq!(found.missing_there, [bars[0].minute]);
        assert_eq!(found.missing_here, [bars[3].minute, bars[3].minute.plus(2)]);
        // Where we have trades, a flat candle is no agreement.
        let wrong = Candle { minute: bars[0].minute, ..flat };
        assert!(!audit(Exchange::Binance, &bars[..1], &[wrong]).agrees());
    }

    #[test]
    fn deribits_base_volume_is_compared_as_it_rounds_it() {
        let mut bar = bars(1).remove(0);
        (bar.buy_base_volume, bar.sell_base_volume) =
            (number("0.021205551423462202"), Decimal::ZERO);
        let mut theirs = Candle::new(bar.minute, [bar.open; 4], number("0.02120555"));
        (theirs.high, theirs.low, theirs.close) = (bar.high, bar.low, bar.close);
        let of = |exchange| told(&audit(exchange, &[bar.clone()], &[theirs.clone()]));
        assert_eq!(of(Exchange::Deribit), [""; 0]);
        assert_eq!(of(Exchange::Binance).len(), 1);
    }
}
