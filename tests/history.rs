//! What `history` makes of an exchange's pages, with each exchange scripted on a port of its own:
//! every trade that was asked for, once, or an error that says why not.

use std::time::Duration;

use history::{History, HistoryError, Places};
use market::trade::fill;
use market::{Exchange, Ids, Side, Source, Time, Trade};
use tests::rest::{Fault, RestExchange};
use tests::trades::{MINUTE, NOON, SECOND, symbol, time};

const PAGED: [Exchange; 4] =
    [Exchange::Binance, Exchange::Deribit, Exchange::Coinbase, Exchange::Kraken];

/// The name that each exchange gives the instrument of these tests.
fn instrument(exchange: Exchange) -> &'static str {
    match exchange {
        Exchange::Binance | Exchange::Bybit | Exchange::BybitSpot => "BTCUSDT",
        Exchange::Deribit => "BTC_USDC-PERPETUAL",
        Exchange::Coinbase | Exchange::Kraken => "BTC-USD",
    }
}

/// Trades with ids from 5000 on, ten a second from noon; some share a time. Binance's are
/// aggregates of one to three fills.
fn market(exchange: Exchange, count: u64) -> Vec<Trade> {
    let mut id = 5_000;
    let trade = |at: u64| {
        let fills = if exchange == Exchange::Binance { 1 + at % 3 } else { 1 };
        let opaque = matches!(exchange, Exchange::Bybit | Exchange::BybitSpot);
        let ids = if opaque {
            Ids::opaque(&format!("a9188a0a-{at}")).expect("an id")
        } else {
            Ids::range(id, id + fills - 1).expect("ids")
        };
        id += fills;
        let micros = NOON + (at - u64::from(at % 4 == 1)) as i64 * 100_000;
        Trade {
            exchange: exchange.name(),
            symbol: symbol(instrument(exchange)),
            time: time(micros),
            side: if at.is_multiple_of(3) { Side::Sell } else { Side::Buy },
            fill: fill(&format!("{}.50", 43_000 + at % 17), "0.00123000").expect("a fill"),
            ids,
            received: time(micros),
            source: Source::Rest,
            marks: Default::default(),
        }
    };
    (0..count).map(trade).collect()
}

async fn exchange(exchange: Exchange, count: u64) -> (RestExchange, History, Vec<Trade>) {
    let trades = market(exchange, count);
    let server = RestExchange::start(exchange, trades.clone()).await;
    let history = History::new(exchange, Places::local(server.url())).expect("a client");
    (server, history, trades)
}

/// All pages of ids; the time of receipt does not count.
async fn by_ids(
    history: &History,
    first: u64,
    last: u64,
    since: Time,
) -> Result<Vec<Trade>, HistoryError> {
    let name = symbol(instrument(history.exchange()));
    all(history.trades_between_ids(&name, first, last, since)).await
}

async fn by_time(history: &History, from: i64, to: i64) -> Result<Vec<Trade>, HistoryError> {
    let name = symbol(instrument(history.exchange()));
    all(history.trades_between(&name, time(from), time(to))).await
}

async fn all(mut pages: history::Pages) -> Result<Vec<Trade>, HistoryError> {
    let mut trades = Vec::new();
    while let Some(page) = pages.next().await? {
        assert!(page.is_sorted_by_key(first_id), "a page is in order");
        trades.extend(page.into_iter().map(|it| Trade { received: it.time, ..it }));
    }
    trades.sort_by_key(first_id);
    Ok(trades)
}

fn first_id(trade: &Trade) -> u64 {
    match trade.ids {
        Ids::Range { first, .. } => first,
        Ids::Opaque(_) => 0,
    }
}

fn covering(trades: &[Trade], from: u64, to: u64) -> Vec<Trade> {
    let covers = |trade: &&Trade| match trade.ids {
        Ids::Range { first, last } => first <= to && from <= last,
        Ids::Opaque(_) => false,
    };
    trades.iter().filter(covers).cloned().collect()
}

#[tokio::test]
async fn ids_are_walked_over_pages_and_nothing_else_comes_along() {
    for venue in PAGED {
        let (_server, history, trades) = exchange(venue, 3_500).await;
        let (first, last) = (first_id(&trades[700]), first_id(&trades[3_200]) - 1);
        let found = by_ids(&history, first, last, trades[699].time).await;
        assert_eq!(found.expect("pages"), covering(&trades, first, last), "{venue}");
        let one = by_ids(&history, first, first, trades[699].time).await.expect("one");
        assert_eq!(one, covering(&trades, first, first), "{venue}");
    }
}

#[tokio::test]
async fn a_span_of_time_is_walked_from_its_first_trade_to_its_last() {
    for venue in PAGED {
        let (_server, history, trades) = exchange(venue, 3_500).await;
        let (from, to) = (NOON + 10 * SECOND, NOON + 320 * SECOND);
        let found = by_time(&history, from, to).await.expect("pages");
        let within = |trade: &&Trade| (from..to).contains(&trade.time.micros());
        let expected: Vec<_> = trades.iter().filter(within).cloned().collect();
        assert_eq!(found, expected, "{venue}");
        let to_the_end = by_time(&history, from, NOON + 60 * MINUTE).await.expect("pages");
        assert_eq!(to_the_end.last(), trades.last(), "{venue}: the exchange has no more");
        let before = by_time(&history, NOON - 60 * MINUTE, NOON - 30 * MINUTE).await;
        assert_eq!(before.expect("none"), [], "{venue}");
    }
}

#[tokio::test]
async fn refusals_short_and_broken_answers_change_nothing_but_the_number_of_requests() {
    for venue in PAGED {
        let (server, history, trades) = exchange(venue, 3_500).await;
        let (first, last) = (first_id(&trades[700]), first_id(&trades[3_200]) - 1);
        server.order([
            Fault::Status(429, None),
            Fault::Status(503, None),
            Fault::Status(429, Some(0)),
            Fault::BreaksOff,
            Fault::Short(17),
            Fault::Status(500, None),
            Fault::Short(1),
        ]);
        let found = by_ids(&history, first, last, trades[699].time).await;
        assert_eq!(found.expect("pages"), covering(&trades, first, last), "{venue}");
        assert!(server.asked().len() >= 3 + 7, "{venue}: {:?}", server.asked());
    }
    for (venue, refusal) in [
        (Exchange::Kraken, r#"{"error":["EGeneral:Too many requests"]}"#),
        (Exchange::Bybit, r#"{"retCode":10006,"retMsg":"Too many visits!","result":{}}"#),
    ] {
        let (server, history, trades) = exchange(venue, 100).await;
        server.order([Fault::Says(refusal.to_owned())]);
        let found = by_time(&history, NOON + SECOND, NOON + 60 * MINUTE).await.expect("pages");
        assert_eq!(found.len(), trades.len() - 10, "{venue}");
    }
}

#[tokio::test]
async fn a_page_that_is_not_what_was_asked_for_is_an_error() {
    for venue in PAGED {
        let (server, history, trades) = exchange(venue, 3_500).await;
        let (first, last) = (first_id(&trades[700]), first_id(&trades[3_200]) - 1);
        server.order([Fault::Skips]);
        let error = by_ids(&history, first, last, trades[699].time).await.expect_err("a hole");
        assert!(matches!(error, HistoryError::WrongPage { .. }), "{venue}: {error}");
        assert!(error.to_string().contains("it goes on with id"), "{venue}: {error}");
        assert!(error.is_passing(), "{venue}");
        server.order([Fault::Says("<html>busy</html>".to_owned())]);
        let error = by_ids(&history, first, last, trades[699].time).await.expect_err("no page");
        assert!(matches!(error, HistoryError::Unreadable { .. }), "{venue}: {error}");
        // The same walk can be gone on with.
        let name = symbol(instrument(venue));
        let mut pages = history.trades_between_ids(&name, first, last, trades[699].time);
        server.order([Fault::Skips]);
        assert!(pages.next().await.is_err(), "{venue}");
        assert_eq!(all(pages).await.expect("pages"), covering(&trades, first, last), "{venue}");
    }
}

#[tokio::test]
async fn ids_that_the_exchange_does_not_have_are_absent_for_good() {
    for venue in PAGED {
        let (_server, history, trades) = exchange(venue, 100).await;
        let newest = first_id(trades.last().expect("some")) + 100;
        let since = trades[98].time;
        for (first, last) in [(newest, newest + 5), (newest - 150, newest + 5), (1, 3)] {
            let error = by_ids(&history, first, last, since).await;
            let error = error.expect_err("there are none");
            assert!(matches!(error, HistoryError::Absent { .. }), "{venue}: {error}");
            assert!(
                !error.is_passing() && error.to_string().contains(&last.to_string()),
                "{error}"
            );
        }
    }
}

#[tokio::test]
async fn a_ban_is_told_at_once_and_patience_ends() {
    let (server, history, trades) = exchange(Exchange::Binance, 100).await;
    let ids = async || by_ids(&history, 5_000, 5_010, trades[0].time).await;
    for (fault, wait) in [
        (Fault::Status(418, Some(7_200)), 7_200),
        (Fault::Status(403, None), 600),
        (Fault::Status(429, Some(3_600)), 3_600),
    ] {
        let before = server.asked().len();
        server.order([fault]);
        let error = ids().await.expect_err("banned");
        assert_eq!(error.wait(), Some(Duration::from_secs(wait)), "{error}");
        assert_eq!(server.asked().len(), before + 1, "nobody asks again");
    }
    let before = server.asked().len();
    server.order((0..6).map(|_| Fault::Status(500, None)));
    let error = ids().await.expect_err("down");
    assert!(matches!(error, HistoryError::Unreachable { attempts: 6, .. }), "{error}");
    assert!(error.to_string().contains("500 Internal Server Error"), "{error}");
    assert_eq!(server.asked().len(), before + 6);
    server.order([Fault::Status(400, None)]);
    let error = ids().await.expect_err("refused");
    assert!(matches!(error, HistoryError::Refused { status: 400, .. }), "{error}");
    assert_eq!(ids().await.expect("it is back").len(), 6);
}

#[tokio::test]
async fn requests_keep_their_distance_for_all_who_ask_the_same_exchange() {
    let (server, _, trades) = exchange(Exchange::Binance, 50).await;
    let places = Places { pace: Some(Duration::from_millis(20)), ..Places::local(server.url()) };
    let history = History::new(Exchange::Binance, places).expect("a client");
    let started = std::time::Instant::now();
    let walks = (0..3).map(|_| {
        let (history, since) = (history.clone(), trades[0].time);
        tokio::spawn(async move { by_ids(&history, 5_000, 5_003, since).await })
    });
    for walk in walks.collect::<Vec<_>>() {
        assert!(walk.await.expect("no panic").is_ok());
    }
    // A page weighs four units: the third may begin after eight of them.
    assert!(started.elapsed() >= Duration::from_millis(160), "{:?}", started.elapsed());
}

#[tokio::test]
async fn binances_times_are_microseconds_as_the_sockets_are() {
    let mut trades = market(Exchange::Binance, 10);
    for (at, trade) in (0..).zip(&mut trades) {
        trade.time = time(NOON + at * SECOND + 7);
    }
    let server = RestExchange::start(Exchange::Binance, trades.clone()).await;
    let history = History::new(Exchange::Binance, Places::local(server.url())).expect("a client");
    let found = by_time(&history, NOON, NOON + MINUTE).await.expect("pages");
    assert_eq!(
        found.iter().map(|it| it.time).collect::<Vec<_>>(),
        trades.iter().map(|it| it.time).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn of_bybit_only_the_newest_can_be_had_and_that_is_said() {
    for (venue, window) in [(Exchange::Bybit, 1_000), (Exchange::BybitSpot, 60)] {
        let (_server, history, trades) = exchange(venue, 1_200).await;
        let oldest = trades[trades.len() - window].time.micros();
        let found = by_time(&history, oldest + 1, NOON + 60 * MINUTE).await.expect("a window");
        let ids = |trades: &[Trade]| trades.iter().map(|it| it.ids.clone()).collect::<Vec<_>>();
        let expected: Vec<_> =
            trades.iter().filter(|it| it.time.micros() > oldest).cloned().collect();
        assert_eq!(ids(&found), ids(&expected), "{venue}");
        let error = by_time(&history, oldest, NOON + 60 * MINUTE).await.expect_err("too far");
        assert!(error.to_string().contains("the oldest of the newest is of"), "{error}");
        let error = by_ids(&history, 1, 2, trades[0].time).await.expect_err("no ids");
        assert!(matches!(error, HistoryError::Absent { .. }), "{error}");
    }
}

#[tokio::test]
async fn candles_are_the_bars_of_the_same_trades() {
    for venue in Exchange::ALL {
        let trades = market(venue, 12_000);
        let bars = market::fold(trades.clone()).expect("small sums");
        let server = RestExchange::start(venue, trades).await;
        let history = History::new(venue, Places::local(server.url())).expect("a client");
        server.order([Fault::Status(429, None)]);
        let (from, to) = (bars[1].minute, bars[15].minute);
        let name = symbol(instrument(venue));
        let candles = history.candles(&name, from, to).await.expect("candles");
        assert_eq!((candles.from, candles.candles.len()), (from, 14), "{venue}");
        let candles = candles.candles;
        for (candle, bar) in candles.iter().zip(&bars[1..]) {
            assert_eq!((candle.minute, candle.open), (bar.minute, bar.open), "{venue}");
            assert_eq!((candle.high, candle.low), (bar.high, bar.low), "{venue}");
            assert_eq!(candle.close, bar.close, "{venue}");
            assert_eq!(Some(candle.base_volume), bar.base_volume(), "{venue}");
            assert!(candle.trade_count.is_none_or(|count| count == bar.trade_count), "{venue}");
            let quote = candle.quote_volume;
            assert!(quote.is_none() || quote == bar.quote_volume(), "{venue}");
        }
        // A day has more pages than one where empty minutes have no candle.
        let before = from.plus(-1_000);
        let day = history.candles(&name, before, from.plus(1)).await.expect("candles");
        assert_eq!(day.candles.len(), 2, "{venue}: from noon on");
        // One that has a candle of every minute tells by the first from when on it has them.
        let told = if venue == Exchange::Kraken { from.plus(-1) } else { before };
        assert_eq!(day.from, told, "{venue}");
        let forgotten = history.candles(&name, before, before.plus(5)).await;
        let absent = matches!(forgotten, Err(HistoryError::Absent { .. }));
        assert_eq!(absent, venue == Exchange::Kraken, "{venue}: {forgotten:?}");
    }
}
