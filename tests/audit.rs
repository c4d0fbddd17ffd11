//! Audits: `tickfold audit` and the function's two halves against an exchange that serves candles,
//! what is kept of them in each database, and what `/v1/audit` tells.

use std::collections::BTreeMap;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::audit::{Audited, Inside, Outside};
use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use history::Places;
use invoke::Half;
use market::{Audit, Bar, Decimal, Minute, Trade, fold};
use serde_json::{Value, json};
use store::{Range, StoredAudit};
use tests::binary::tickfold;
use tests::databases::Database;
use tests::http_client;
use tests::rest::{Fault, RestExchange};
use tests::trades::{MINUTE, NOON, name, symbol, time, trades};
use tokio::process::Command;

/// Ten minutes with trades.
fn bars() -> Vec<Bar> {
    let bars = fold(trades(1, 100, 10)).expect("small sums");
    bars.into_iter().map(|bar| Bar { object_count: 1, ..bar }).collect()
}

fn noon() -> Minute {
    time(NOON).minute()
}

/// `[time, open, high, low, close, volume, end, quote volume, trades, bought, bought quote, _]`
fn candle(bar: &Bar) -> Value {
    let start = bar.minute.start().micros() / 1_000;
    json!([
        start,
        bar.open,
        bar.high,
        bar.low,
        bar.close,
        bar.base_volume(),
        start + 59_999,
        bar.quote_volume(),
        bar.trade_count,
        bar.buy_base_volume,
        bar.buy_quote_volume,
        "0"
    ])
}

/// An exchange that has Binance's candles.
#[derive(Clone, Default)]
struct Exchange {
    candles: Arc<Mutex<Vec<Value>>>,
}

impl Exchange {
    async fn start(bars: &[Bar]) -> (Exchange, String) {
        let exchange = Exchange::default();
        exchange.have(bars.iter().map(candle));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router =
            Router::new().route("/api/v3/klines", get(klines)).with_state(exchange.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (exchange, url)
    }

    fn have(&self, candles: impl IntoIterator<Item = Value>) {
        *self.candles.lock().expect("no panic") = candles.into_iter().collect();
    }
}

async fn klines(
    State(exchange): State<Exchange>,
    Query(asked): Query<BTreeMap<String, String>>,
) -> Json<Vec<Value>> {
    let number = |name: &str| asked[name].parse::<i64>().expect("a number");
    let (from, to) = (number("startTime"), number("endTime"));
    assert_eq!((asked["symbol"].as_str(), asked["interval"].as_str()), ("BTCUSDT", "1m"));
    let candles = exchange.candles.lock().expect("no panic").clone();
    let within = |candle: &Value| (from..=to).contains(&candle[0].as_i64().expect("a time"));
    Json(candles.into_iter().filter(within).collect())
}

async fn run(url: &str, database: &Database, more: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(tickfold());
    command.args(["audit", "--exchange", "binance", "--symbol", "BTCUSDT"]).args(more);
    command.env_clear().env("DATABASE_URL", &database.url).env("BINANCE_REST_URL", url);
    command.stdin(Stdio::null());
    let Output { status, stdout, stderr } = command.output().await.expect("tickfold starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout), text(stderr))
}

const NOON_TO_TEN_PAST: [&str; 4] =
    ["--from", "2026-11-20T12:00:00Z", "--to", "2026-11-20T12:10:00Z"];

fn all() -> Range {
    let (exchange, symbol) = (name("binance"), symbol("BTCUSDT"));
    Range { exchange, symbol, from: Minute::MIN, to: Minute::MAX, limit: 10 }
}

/// Without when it was.
fn timeless(audits: Vec<StoredAudit>) -> Vec<StoredAudit> {
    audits.into_iter().map(|audit| StoredAudit { audited_at: time(NOON), ..audit }).collect()
}

#[tokio::test]
async fn rows_agree_with_the_exchange_and_a_planted_difference_is_named() {
    let bars = bars();
    let (exchange, url) = Exchange::start(&bars).await;
    for database in Database::all().await {
        let store = database.store();
        store.put_newer(&bars).await.expect("written");
        exchange.have(bars.iter().map(candle));
        let (status, out, err) = run(&url, &database, &NOON_TO_TEN_PAST).await;
        assert_eq!((status, out.as_str()), (Some(0), ""), "{}: {err}", database.name);
        let said = "10 minutes compared, 10 equal, 0 different, 0 missing on one side, 0 without a \
                    trade\n";
        assert_eq!(err, said);
        let kept = |found| StoredAudit {
            exchange: name("binance"),
            symbol: symbol("BTCUSDT"),
            from: noon(),
            to: noon().plus(10),
            audited_at: time(NOON),
            found,
        };
        let agrees = kept(Audit { compared: 10, equal: 10, ..Audit::default() });
        let found = store.audits(&all()).await.expect("audits");
        assert_eq!(timeless(found), [agrees], "{}", database.name);

        // A digit of a quote volume, and a candle of a minute that has none, for one that has.
        let mut candles: Vec<_> = bars.iter().map(candle).collect();
        candles[4][7] = "5000.000000000000000001".into();
        candles[9][0] = (NOON / 1_000 - MINUTE / 1_000).into();
        candles.rotate_right(1);
        exchange.have(candles);
        let span = ["--from", "2026-11-20T11:59:00Z", "--to", "2026-11-20T12:10:00Z"];
        let (status, out, err) = run(&url, &database, &span).await;
        let ours = bars[4].quote_volume().expect("fits");
        let theirs = "5000.000000000000000001".parse::<Decimal>().expect("a number");
        let delta = ours.checked_sub(theirs).expect("fits");
        let expected = format!(
            "2026-11-20T12:04:00Z quote_volume: ours {ours}, theirs {theirs}, delta {delta}\n\
             2026-11-20T11:59:00Z: missing here\n2026-11-20T12:09:00Z: missing there\n"
        );
        assert_eq!((status, out), (Some(1), expected), "{}: {err}", database.name);
        assert!(err.starts_with("9 minutes compared, 8 equal, 1 different, 2 missing"), "{err}");
        let found = store.audits(&all()).await.expect("audits");
        assert_eq!((found.len(), found[0].from), (2, noon().plus(-1)), "{}", database.name);
        assert_eq!(found[0].found.differences[0].delta, delta, "below zero or not");

        // Of the same beginning the longer one stays, and then the later.
        let shorter = ["--from", "2026-11-20T12:00:00Z", "--to", "2026-11-20T12:05:00Z"];
        assert_eq!(run(&url, &database, &shorter).await.0, Some(1));
        let to = store.audits(&all()).await.expect("audits").remove(1).to;
        assert_eq!(to, noon().plus(10), "{}", database.name);
        let (status, _, err) = run(&url, &database, &NOON_TO_TEN_PAST).await;
        assert_eq!(status, Some(1), "{err}");
        store.put_audit(&kept(Audit::default())).await.expect("an older one");
        let found = store.audits(&all()).await.expect("audits").remove(1);
        assert_eq!((found.found.compared, found.found.equal), (9, 8), "{}", database.name);
    }
}

fn told(audited: &Audited) -> [u64; 5] {
    let Audited { audited, disagreeing, compared, different, missing_here, .. } = *audited;
    [audited, disagreeing, compared, different, missing_here]
}

/// The third of a day around noon is over, and settled.
#[tokio::test]
async fn what_is_due_is_audited_until_it_agrees() {
    let bars = bars();
    let (exchange, url) = Exchange::start(&bars).await;
    let now = time(NOON + (4 * 60 + 40) * MINUTE);
    let at = |url: &str| BTreeMap::from([("binance", Places::local(url))]);
    for database in Database::all().await {
        let name = database.name;
        let store = database.store();
        let rows = || Half::Here(Inside { store: database.store() });
        let time = Duration::from_secs(60);
        let mut outside = Outside { rows: rows(), places: at(&url), time };
        assert_eq!(outside.audit_due(now).await.expect("nothing"), Audited::default(), "{name}");

        store.put_newer(&bars).await.expect("written");
        let mut candles: Vec<_> = bars.iter().map(candle).collect();
        candles[4][8] = 1.into();
        exchange.have(candles);
        // The minute in which the symbol begins is not compared.
        let audited = outside.audit_due(now).await.expect("audited");
        assert_eq!(told(&audited), [1, 1, 9, 1, 0], "{name}");
        let kept = store.audits(&all()).await.expect("audits").remove(0);
        let (from, to) = (noon().plus(1), noon().plus(4 * 60));
        assert_eq!((kept.from, kept.to, kept.audited_at), (from, to, now), "{name}");
        assert_eq!(kept.found.differences[0].field, "trade_count", "{name}");

        let elsewhere = Outside { rows: rows(), places: at(&format!("{url}/elsewhere")), time };
        let why = elsewhere.audit_due(now).await.expect_err("it is not there").to_string();
        let said = "1 of 1 spans are not audited: binance BTCUSDT, 2026-11-20T12:01:00Z to \
                    2026-11-20T16:00:00Z: ";
        assert!(why.starts_with(said) && why.contains("/elsewhere/api/v3/klines"), "{why}");
        assert_eq!(store.audits(&all()).await.expect("audits"), [kept], "{name}: as it was");

        outside.time = Duration::ZERO;
        let why = outside.audit_due(now).await.expect_err("at once").to_string();
        assert!(why.ends_with("the time is up"), "{why}");
        outside.time = time;

        // The exchange has mended its candle.
        exchange.have(bars.iter().map(candle));
        let audited = outside.audit_due(now).await.expect("audited again");
        assert_eq!(told(&audited), [1, 0, 9, 0, 0], "{name}");
        assert_eq!(outside.audit_due(now).await.expect("nothing"), Audited::default(), "{name}");
    }
}

#[tokio::test]
async fn the_api_tells_of_audits_page_by_page() {
    let database = Database::sqlite().await;
    let store = database.store();
    for at in 0..3 {
        let found = Audit { compared: 480, equal: 480, ..Audit::default() };
        let from = noon().plus(at * 480);
        let (exchange, symbol) = (name("binance"), symbol("BTCUSDT"));
        let audited_at = time(NOON + 500 * MINUTE);
        let audit = StoredAudit { exchange, symbol, from, to: from.plus(480), audited_at, found };
        store.put_audit(&audit).await.expect("written");
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/v1/audit", listener.local_addr().expect("an address"));
    let router = query::router(store, None);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let get = async |query: &str| {
        let answer = http_client().get(format!("{url}?{query}")).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json::<Value>().await.expect("JSON"))
    };
    let of = "exchange=binance&symbol=BTCUSDT&from=2026-11-20T00:00:00Z&limit=2";
    let (status, page) = get(of).await;
    assert_eq!((status, page["audits"].as_array().map(Vec::len)), (200, Some(2)), "{page}");
    let first = json!({
        "exchange": "binance", "symbol": "BTCUSDT", "from": "2026-11-20T12:00:00Z",
        "to": "2026-11-20T20:00:00Z", "audited_at": "2026-11-20T20:20:00.000000Z",
        "found": {
            "compared": 480, "equal": 480, "empty": 0, "missing_here_count": 0,
            "missing_there_count": 0, "differences": [], "missing_here": [], "missing_there": [],
        },
    });
    assert_eq!(page["audits"][0], first);
    assert_eq!(page["next"], "2026-11-20T20:00:00Z");
    let (_, page) = get(&format!("{of}&cursor=2026-11-20T20:00:00Z")).await;
    assert_eq!(page["audits"].as_array().map(Vec::len), Some(1), "{page}");
    assert_eq!(
        (&page["audits"][0]["from"], &page["next"]),
        (&"2026-11-21T04:00:00Z".into(), &Value::Null)
    );
    let (_, page) = get("exchange=binance&symbol=ETHUSDT").await;
    assert_eq!(page, json!({ "audits": [], "next": null }));
    assert_eq!(get("exchange=binance").await.0, 400);
}

/// Two symbols of an exchange that wants to be left alone, and one of another.
#[tokio::test]
async fn an_exchange_that_asks_for_patience_gets_it_and_holds_up_no_other() {
    let database = Database::sqlite().await;
    let store = database.store();
    let kraken = |bar: Bar| Bar { exchange: name("kraken"), symbol: symbol("BTC-USD"), ..bar };
    let ether = |bar: Bar| Bar { symbol: symbol("ETHUSDT"), ..bar };
    let rows: Vec<Bar> =
        bars().into_iter().flat_map(|bar| [bar.clone(), ether(bar.clone()), kraken(bar)]).collect();
    store.put_newer(&rows).await.expect("written");
    let busy = RestExchange::start(market::Exchange::Binance, Vec::new()).await;
    busy.order([Fault::Status(418, Some(3_600))]);
    // A minute more than is compared: its last one an exchange does not tell yet.
    let traded: Vec<Trade> = trades(1, 110, 11)
        .into_iter()
        .map(|it| Trade { exchange: name("kraken"), symbol: symbol("BTC-USD"), ..it })
        .collect();
    let other = RestExchange::start(market::Exchange::Kraken, traded).await;
    let places =
        [("binance", Places::local(busy.url())), ("kraken", Places::local(other.url()))].into();
    let rows = Half::Here(Inside { store: database.store() });
    let outside = Outside { rows, places, time: Duration::from_secs(60) };
    let now = time(NOON + (4 * 60 + 40) * MINUTE);
    let why = outside.audit_due(now).await.expect_err("two are unanswered").to_string();
    assert!(why.starts_with("2 of 3 spans are not audited: binance BTCUSDT, "), "{why}");
    assert!(why.contains("418") || why.contains("3600"), "{why}");
    assert_eq!(busy.asked().len(), 1, "it was not asked again: {:?}", busy.asked());
    let of_kraken = Range { exchange: name("kraken"), symbol: symbol("BTC-USD"), ..all() };
    let found = store.audits(&of_kraken).await.expect("audits").remove(0).found;
    assert_eq!((found.compared, found.equal), (9, 9), "{found:?}");
    assert_eq!(store.audits(&all()).await.expect("none"), []);
}

/// Kraken's first candle tells from when on it has them.
#[tokio::test]
async fn what_an_exchange_has_forgotten_is_not_said_to_agree() {
    let database = Database::sqlite().await;
    let of_kraken = |it| Trade { exchange: name("kraken"), symbol: symbol("BTC-USD"), ..it };
    // A minute more than is compared: its last one an exchange does not tell yet.
    let traded: Vec<Trade> = trades(1, 110, 11).into_iter().map(of_kraken).collect();
    let bars = fold(traded.clone()).expect("small sums");
    let bars: Vec<Bar> = bars.into_iter().map(|it| Bar { object_count: 1, ..it }).collect();
    database.store().put_newer(&bars).await.expect("written");
    let kraken = RestExchange::start(market::Exchange::Kraken, traded).await;
    let audit = async |from: &str| {
        let mut command = Command::new(tickfold());
        command.args(["audit", "--exchange", "kraken", "--symbol", "BTC-USD", "--from", from]);
        command.args(["--to", "2026-11-20T12:10:00Z"]);
        command.env_clear().env("DATABASE_URL", &database.url);
        let output = command.env("KRAKEN_REST_URL", kraken.url()).output().await.expect("it runs");
        (output.status.code(), String::from_utf8(output.stderr).expect("UTF-8"))
    };
    let all = "10 minutes compared, 10 equal, 0 different, 0 missing on one side, 0 without a \
               trade\n";
    assert_eq!(audit("2026-11-20T12:00:00Z").await, (Some(0), all.to_owned()));
    // Of the third before there is nothing, of this one a part.
    let forgotten = format!("305 minutes are not compared: kraken forgets\n{all}");
    assert_eq!(audit("2026-11-20T06:55:00Z").await, (Some(2), forgotten));
}

#[tokio::test]
async fn what_cannot_be_asked_is_neither_equal_nor_different() {
    let database = Database::sqlite().await;
    let (_, url) = Exchange::start(&[]).await;
    let elsewhere = format!("{url}/elsewhere");
    for (url, more, why) in [
        (elsewhere.as_str(), NOON_TO_TEN_PAST, "/elsewhere/api/v3/klines"),
        (&url, ["--from", "2026-11-21", "--to", "2026-11-20"], "is not before --to"),
        (&url, ["--from", "2026-11-20", "--to", "2099-11-20"], "is not over long enough"),
    ] {
        let (status, out, err) = run(url, &database, &more).await;
        assert_eq!((status, out.as_str()), (Some(2), ""), "{err}");
        assert!(err.contains(why), "{err}");
    }
    assert_eq!(database.store().audits(&all()).await.expect("none"), []);
    let (status, _, err) = run(&url, &database, &NOON_TO_TEN_PAST).await;
    assert_eq!(status, Some(2), "{err}");
    assert!(err.contains("there is nothing to compare"), "{err}");
}
