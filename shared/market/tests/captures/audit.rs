//! Recorded trades, folded, against the exchanges' recorded candles: what an audit finds in them, and
//! that it names what was planted.

use market::exchange::{Exchange, Found};
use market::{Audit, Bar, Candle, Decimal, Minute, Source, Time, audit, fold};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{received, symbol, text};

fn bars(exchange: Exchange, of: &str, body: &str) -> Vec<Bar> {
    let page = exchange.decode_page(&symbol(of), body, received(), Source::Rest);
    let trades = page.expect("a page").into_iter().filter_map(|record| {
        match record.outcome.expect("a trade") {
            Found::Trade { trade, .. } => Some(trade),
            Found::Tombstone { .. } => None,
        }
    });
    fold(trades).expect("small sums")
}

/// `[time in milliseconds, open, high, low, close, volume]`: what its recorder kept of a candle.
#[derive(Deserialize)]
struct Kept<'a>(
    i64,
    #[serde(borrow)] &'a RawValue,
    #[serde(borrow)] &'a RawValue,
    #[serde(borrow)] &'a RawValue,
    #[serde(borrow)] &'a RawValue,
    #[serde(borrow)] &'a RawValue,
);

/// The recorded 30 hours of XRPETH: bars and candles.
fn xrpeth() -> Option<(Vec<Bar>, Vec<Candle>)> {
    let name = |what| format!("binance/freqtrade_XRPETH_{what}_201910_part1.json.gz");
    let trades = text("audit of binance", &name("rest_aggTrades"))?;
    let candles = text("audit of binance", &name("klines_1m"))?;
    let kept: Vec<Kept<'_>> = serde_json::from_str(&candles).expect("candles");
    let number = |value: &RawValue| value.get().parse::<Decimal>().expect("a plain number");
    let candle = |Kept(time, open, high, low, close, volume): &Kept<'_>| Candle {
        minute: Time::from_millis_or_micros(*time).expect("a time").minute(),
        open: number(open),
        high: number(high),
        low: number(low),
        close: number(close),
        base_volume: number(volume),
        quote_volume: None,
        trade_count: None,
        buy_base_volume: None,
        buy_quote_volume: None,
        vwap: None,
    };
    Some((bars(Exchange::Binance, "XRPETH", &trades), kept.iter().map(candle).collect()))
}

fn within(bars: &[Bar], from: Minute, to: Minute) -> Vec<Bar> {
    bars.iter().filter(|bar| (from..to).contains(&bar.minute)).cloned().collect()
}

#[test]
fn every_traded_minute_of_thirty_hours_is_binances() {
    let Some((bars, candles)) = xrpeth() else { return };
    let found = audit(Exchange::Binance, &bars, &candles);
    assert_eq!((bars.len(), candles.len()), (1_231, 1_800));
    let expected = Audit { compared: 1_231, equal: 1_231, empty: 569, ..Audit::default() };
    assert_eq!(found, expected);

    // One digit of one field, a candle that is gone, and a bar.
    let (mut wrong, mut fewer) = (candles, bars);
    let planted = &mut wrong[700];
    planted.high = planted.high.checked_add("0.0000001".parse().expect("a number")).expect("fits");
    let (minute, theirs) = (planted.minute, planted.high);
    let ours = fewer.iter().find(|bar| bar.minute == minute).expect("it has trades").high;
    let gone = fewer.remove(40).minute;
    let theirs_gone = fewer[900].minute;
    wrong.retain(|candle| candle.minute != theirs_gone);
    let found = audit(Exchange::Binance, &fewer, &wrong);
    assert_eq!((found.compared, found.equal), (1_229, 1_228));
    assert_eq!((found.missing_here, found.missing_there), (vec![gone], vec![theirs_gone]));
    let [planted] = &found.differences[..] else { panic!("{:?}", found.differences) };
    assert_eq!((planted.minute, planted.field.as_str()), (minute, "high"));
    assert_eq!((planted.ours, planted.theirs), (ours, theirs));
    assert_eq!(planted.delta.to_string(), "-0.0000001");
}

#[test]
fn every_traded_minute_is_krakens_its_cut_off_vwap_too() {
    let name = |what| format!("kraken/nautilus_rest_{what}_XBTUSDT_part1.json");
    let Some(trades) = text("audit of kraken", &name("Trades")) else { return };
    let candles = text("audit of kraken", &name("OHLC")).expect("both");
    let bars = bars(Exchange::Kraken, "XBT-USDT", &trades);
    let candles = Exchange::Kraken.decode_candles(&candles).expect("candles");
    // The trades that were asked for begin inside their first minute, and the candles go on.
    let (first, end) = (bars[0].minute.plus(1), bars[bars.len() - 1].minute.plus(1));
    let of_span: Vec<_> =
        candles.into_iter().filter(|it| (first..end).contains(&it.minute)).collect();
    let found = audit(Exchange::Kraken, &within(&bars, first, end), &of_span);
    let expected = Audit { compared: 139, equal: 139, empty: 77, ..Audit::default() };
    assert_eq!(found, expected);
    let traded = of_span.iter().filter(|it| it.vwap.is_some() && it.trade_count > Some(0));
    assert_eq!(traded.count(), 139, "all that can be compared was told");

    let mut rounded = of_span;
    let last = rounded.last_mut().expect("one");
    let vwap = last.vwap.expect("told");
    last.vwap = vwap.checked_add("0.1".parse().expect("a number"));
    let found = audit(Exchange::Kraken, &within(&bars, first, end), &rounded);
    let [planted] = &found.differences[..] else { panic!("{:?}", found.differences) };
    assert_eq!((planted.field.as_str(), planted.ours), ("vwap", vwap));
}
