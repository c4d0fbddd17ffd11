//! What `history` makes of the files that exchanges publish of a day: all of a file that is whole
//! and is what its checksum says, and nothing of one that is not.

use history::{DayTrades, History, HistoryError, Places};
use market::trade::Marks;
use market::{Day, Exchange, Ids, Source, Trade};
use tests::archive::{
    binance_path, binance_row, bybit_path, bybit_rows, gzipped, publish_binance, publish_zip,
    sha256, zipped,
};
use tests::rest::{Fault, RestExchange};
use tests::trades::{NOON, SECOND, symbol, time, trade};

/// That of noon.
fn day() -> Day {
    "2026-11-20".parse().expect("a day")
}

async fn exchange(exchange: Exchange) -> (RestExchange, History) {
    let server = RestExchange::start(exchange, vec![]).await;
    let history = History::new(exchange, Places::local(server.url())).expect("a client");
    (server, history)
}

/// Two seconds apart from noon on, with odd microseconds.
fn market(count: u64) -> Vec<Trade> {
    (0..count).map(|at| trade(100 + at, NOON + at as i64 * 2 * SECOND + 7)).collect()
}

async fn open(history: &History) -> Result<DayTrades, HistoryError> {
    history.trades_of_day(&symbol("BTCUSDT"), day()).await
}

async fn all(mut trades: DayTrades) -> Vec<Trade> {
    let mut found = Vec::new();
    while let Some(page) = trades.next().await.expect("a page") {
        assert!(page.len() <= 1_000, "a page at a time");
        found.extend(page);
    }
    found
}

/// As the archive tells it, whenever it was read.
fn archived(trade: &Trade, received: market::Time) -> Trade {
    Trade { source: Source::Archive, received, marks: Marks::default(), ..trade.clone() }
}

#[tokio::test]
async fn a_binance_day_is_loaded_whole_and_its_checksum_kept() {
    let (server, history) = exchange(Exchange::Binance).await;
    let trades = market(2_500);
    let sum = publish_binance(&server, day(), &trades);
    // A download that breaks off begins again.
    server.order([Fault::Status(503, None), Fault::Short(0), Fault::BreaksOff]);
    let found = open(&history).await.expect("a day");
    let evidence = found.evidence().clone();
    assert_eq!((evidence.sha256, evidence.verified, evidence.rows), (Some(sum), true, 2_500));
    assert!(evidence.url.ends_with(&binance_path(&symbol("BTCUSDT"), day())));
    let found = all(found).await;
    let expected: Vec<_> =
        trades.iter().zip(&found).map(|(trade, got)| archived(trade, got.received)).collect();
    assert_eq!(found, expected);
    assert_eq!(found.len(), 2_500);
}

#[tokio::test]
async fn units_of_time_are_told_row_by_row_and_voided_rows_are_none() {
    let (server, history) = exchange(Exchange::Binance).await;
    let rows = "7,43000.01,0.5,100,101,1795176000000,False,True\n\
                8,0.0,0.0,-1,-1,1795176000500,True,True\n\
                9,43000.02,0.5,102,102,1795176001000007,true,True\r\n";
    let path = binance_path(&symbol("BTCUSDT"), day());
    publish_zip(&server, &path, &zipped("day.csv", rows));
    let found = open(&history).await.expect("a day");
    assert_eq!(found.evidence().rows, 3);
    let times: Vec<_> = all(found).await.iter().map(|it| it.time.micros()).collect();
    assert_eq!(times, [NOON, NOON + SECOND + 7]);
}

#[tokio::test]
async fn a_bybit_day_may_begin_with_its_end_and_has_the_sockets_times() {
    let (server, history) = exchange(Exchange::Bybit).await;
    let trades: Vec<_> = (0..1_500)
        .map(|at| Trade {
            exchange: Exchange::Bybit.name(),
            time: time(NOON + at * 40_900),
            ids: Ids::opaque(&format!("a9188a0a-{at}")).expect("an id"),
            ..trade(at as u64, NOON)
        })
        .collect();
    let file = gzipped(&bybit_rows(&trades));
    server.publish(&bybit_path(&symbol("BTCUSDT"), day()), file.clone());
    let found = open(&history).await.expect("a day");
    let evidence = found.evidence();
    assert_eq!((evidence.sha256.as_deref(), evidence.verified), (Some(&*sha256(&file)), false));
    let mut found = all(found).await;
    found.reverse();
    let expected = trades.iter().zip(&found).map(|(trade, got)| {
        let millis = trade.time.micros() / 1_000 * 1_000;
        Trade { time: time(millis), ..archived(trade, got.received) }
    });
    assert_eq!(found, expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn nothing_is_given_of_a_file_that_is_not_what_it_should_be() {
    let (server, history) = exchange(Exchange::Binance).await;
    let path = binance_path(&symbol("BTCUSDT"), day());
    let row = binance_row(1, &market(1)[0]);
    let many = row.repeat(2_000);
    let whole = zipped("day.csv", &many);
    let mut bent = whole.clone();
    let middle = bent.len() / 2;
    bent[middle] ^= 0x55;
    let two = many.clone() + &row.replace("43015", "x");
    let late = many.clone() + &row.replace("1795176000", "1795326000");
    let cases: [(&str, Vec<u8>, &str); 7] = [
        ("bent", bent, "is broken: "),
        ("cut", whole[..whole.len() - 30].to_vec(), "is broken: "),
        ("no zip", b"<html>".to_vec(), "is broken: "),
        ("empty", vec![], "is broken: "),
        ("a row", zipped("day.csv", &two), "is broken: row 2001, \"1,x.00"),
        (
            "a day",
            zipped("day.csv", &late),
            "is broken: row 2001 is of 2026-11-22T05:40:00.000007Z",
        ),
        ("a line", zipped("day.csv", &"9".repeat(5_000)), "is broken: it has more than"),
    ];
    for (what, zip, expected) in cases {
        publish_zip(&server, &path, &zip);
        let error = open(&history).await.expect_err(what);
        assert!(matches!(error, HistoryError::Broken { .. }), "{what}: {error}");
        assert!(error.to_string().contains(expected), "{what}: {error}");
        assert!(error.is_passing(), "files are replaced");
    }
    publish_zip(&server, &path, &whole);
    server.publish(&format!("{path}.CHECKSUM"), format!("{}  day.zip", "0".repeat(64)));
    let error = open(&history).await.expect_err("a wrong checksum").to_string();
    assert!(error.contains(&sha256(&whole)) && error.contains("was published"), "{error}");
    server.publish(&format!("{path}.CHECKSUM"), "soon");
    let error = open(&history).await.expect_err("no checksum").to_string();
    assert!(error.ends_with("is broken: it is no SHA-256 checksum"), "{error}");
}

#[tokio::test]
async fn a_day_that_is_not_published_or_does_not_arrive_is_told_as_that() {
    let (server, history) = exchange(Exchange::Binance).await;
    let error = open(&history).await.expect_err("not there");
    assert!(matches!(error, HistoryError::NotFound { .. }), "{error}");
    assert!(error.is_passing() && error.to_string().contains(".zip.CHECKSUM is not there"));
    publish_binance(&server, day(), &market(100));
    // The checksum arrives, the file never does.
    server.order([Fault::Short(0)]);
    server.order((0..6).map(|_| Fault::BreaksOff));
    let error = open(&history).await.expect_err("it breaks off");
    assert!(matches!(error, HistoryError::Unreachable { attempts: 6, .. }), "{error}");
    let (server, history) = exchange(Exchange::Bybit).await;
    let path = bybit_path(&symbol("BTCUSDT"), day());
    let file = gzipped(&"1795176000.5,BTCUSDT,Buy,1,1,PlusTick,a,1,1,1\n".repeat(1_000));
    server.publish(&path, &file[..file.len() - 9]);
    let error = open(&history).await.expect_err("half a gzip");
    assert!(matches!(error, HistoryError::Broken { .. }), "{error}");
}

#[tokio::test]
async fn where_no_files_are_published_a_day_is_its_pages() {
    for venue in [Exchange::Kraken, Exchange::Coinbase, Exchange::Deribit] {
        let name = if venue == Exchange::Deribit { "BTC_USDC-PERPETUAL" } else { "BTC-USD" };
        let (start, end) = (day().start().start().micros(), day().end().start().micros());
        // From the day before to the day behind, with one at each edge.
        let times = [start - 1_000, start, NOON, end - 1_000, end, end + 9 * SECOND];
        let trades = (100..).zip(times).map(|(id, micros)| Trade {
            exchange: venue.name(),
            symbol: symbol(name),
            ..trade(id, micros)
        });
        let server = RestExchange::start(venue, trades.collect()).await;
        let history = History::new(venue, Places::local(server.url())).expect("a client");
        let found = history.trades_of_day(&symbol(name), day()).await.expect("a day");
        assert_eq!((found.evidence().source, &found.evidence().sha256), (Source::Rest, &None));
        let mut found: Vec<_> = all(found).await.iter().map(|it| it.time.micros()).collect();
        found.sort_unstable();
        assert_eq!(found, times[1..4], "{venue}");
    }
}
