//! The `query` router over real sockets and both databases: answers, pages, and problems.

use std::net::SocketAddr;

use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use futures_util::future::join_all;
use market::{Bar, BookLine, Gap, Trade};
use query::Ingest;
use reqwest::{Client, Response};
use serde_json::Value;
use store::{Outcome, Repair, Store};
use tests::books::{book_bars, book_line, book_lines};
use tests::databases::Database;
use tests::trades::{MINUTE, NOON, SECOND, name, symbol, time, trade, trades};

struct Server {
    address: SocketAddr,
    client: Client,
}

impl Server {
    async fn start(store: Store) -> Server {
        Server::with(store, None).await
    }

    async fn with(store: Store, ingest: Option<Ingest>) -> Server {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, query::router(store, ingest)).await });
        Server { address, client: tests::http_client() }
    }

    async fn get(&self, path: &str) -> Response {
        let url = format!("http://{}{path}", self.address);
        self.client.get(url).send().await.expect("an answer")
    }

    async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.expect("JSON")
    }

    /// The problem's status, parameter and detail.
    async fn problem(&self, path: &str) -> (u16, String, String) {
        let answer = self.get(path).await;
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{path}");
        let status = answer.status().as_u16();
        let problem: Value = answer.json().await.expect("JSON");
        assert_eq!(problem["status"], status, "{path}");
        assert!(problem["type"].is_string() && problem["title"].is_string(), "{path}");
        let text = |field: &str| problem[field].as_str().unwrap_or_default().to_owned();
        (status, text("parameter"), text("detail"))
    }
}

async fn with_rows(database: &Database, trades: Vec<Trade>) -> Server {
    let bars = market::fold(trades).expect("small sums");
    let bars: Vec<Bar> = bars.into_iter().map(|bar| Bar { object_count: 1, ..bar }).collect();
    let store = database.store();
    store.put_newer(&bars).await.expect("written");
    Server::start(store).await
}

const BARS: &str = "/v1/bars?exchange=binance&symbol=BTCUSDT";

fn minutes(page: &Value) -> Vec<&str> {
    let bars = page["bars"].as_array().expect("bars");
    bars.iter().map(|bar| &bar["minute"].as_str().expect("a minute")[11..16]).collect()
}

#[tokio::test]
async fn a_bar_has_every_column_and_what_is_derived_of_it() {
    for database in Database::all().await {
        let all = [NOON - MINUTE, NOON, NOON + 1, NOON + MINUTE]
            .iter()
            .enumerate()
            .map(|(at, micros)| trade(at as u64 + 9, *micros));
        let server = with_rows(&database, all.collect()).await;
        let from = format!("{BARS}&from=2026-11-20T12:00:00Z&to=2026-11-20T12:01:00Z");
        let page = server.json(&from).await;
        let mut bar = page["bars"][0].clone();
        let updated_at = bar["updated_at"].take();
        assert!(updated_at.as_str().expect("a time").ends_with('Z'), "{updated_at}");
        let expected = serde_json::json!({
            "exchange": "binance", "symbol": "BTCUSDT", "minute": "2026-11-20T12:00:00Z",
            "open": "43010.1", "high": "43011.11", "low": "43010.1", "close": "43011.11",
            "buy_count": 2, "sell_count": 0,
            "buy_base_volume": "0.00246", "sell_base_volume": "0",
            "buy_quote_volume": "105.8060883", "sell_quote_volume": "0",
            "first_id": 10, "last_id": 11,
            "first_time": "2026-11-20T12:00:00.000000Z", "last_time": "2026-11-20T12:00:00.000001Z",
            "trade_count": 2, "missing_count": 0, "duplicate_count": 0, "conflict_count": 0,
            "quarantined_count": 0, "object_count": 1, "fingerprint": bar["fingerprint"],
            "updated_at": null,
            "base_volume": "0.00246", "quote_volume": "105.8060883", "volume_delta": "0.00246",
            "vwap": "43010.605", "missing_before": 0, "missing_after": 0,
            "completeness": bar["completeness"], "final": bar["final"],
        });
        assert_eq!(bar, expected, "{}", database.name);
        assert_eq!(page["next"], Value::Null);
        let settled = if bar["final"] == true { "complete" } else { "open" };
        assert_eq!(bar["completeness"], settled);
    }
}

#[tokio::test]
async fn pages_are_walked_without_a_hole_or_a_repetition() {
    for database in Database::all().await {
        let server = with_rows(&database, trades(1, 50, 25)).await;
        let all = server.json(&format!("{BARS}&from=2026-11-20T00:00:00Z")).await;
        assert_eq!(minutes(&all).len(), 25, "{}", database.name);
        let (mut walked, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("{BARS}&from=2026-11-20T00:00:00Z&limit=10{cursor}");
            let page = server.json(&path).await;
            walked.extend(page["bars"].as_array().expect("bars").clone());
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(Value::Array(walked), all["bars"], "page edges prove as much as the middle");
    }
}

#[tokio::test]
async fn ranges_are_half_open_and_take_milliseconds() {
    let database = Database::sqlite().await;
    let server = with_rows(&database, trades(1, 10, 10)).await;
    let noon = NOON / 1_000;
    for (range, expected) in [
        ("from=2026-11-20T12:03:00Z&to=2026-11-20T12:05:00Z".to_owned(), vec!["12:03", "12:04"]),
        ("from=2026-11-20T12:02:30Z&to=2026-11-20T12:04:01Z".into(), vec!["12:03", "12:04"]),
        (format!("from={}&to={}", noon + 180_000, noon + 300_000), vec!["12:03", "12:04"]),
        ("to=2026-11-20T12:02:00Z".into(), vec!["12:00", "12:01"]),
        ("from=2026-11-20T13:33:00%2B01:30&limit=1".into(), vec!["12:03"]),
        ("from=2026-11-20T18:00:00Z&to=2026-11-20T19:00:00Z".into(), vec![]),
    ] {
        let page = server.json(&format!("{BARS}&{range}")).await;
        assert_eq!(minutes(&page), expected, "{range}");
    }
}

#[tokio::test]
async fn holes_are_told_on_both_sides_and_never_a_false_complete() {
    let database = Database::sqlite().await;
    // Minutes 0..=3 of ids 1..=8; ids 4 and 5 are lost: minute 1 ends early, minute 2 begins late.
    let kept = trades(1, 8, 4).into_iter().enumerate().filter(|(at, _)| ![3, 4].contains(at));
    let server = with_rows(&database, kept.map(|(_, trade)| trade).collect()).await;
    let page = server.json(&format!("{BARS}&from=2026-11-20T12:00:00Z")).await;
    let told = |field: &str| -> Vec<Value> {
        page["bars"].as_array().expect("bars").iter().map(|bar| bar[field].clone()).collect()
    };
    let json = |values: [Option<i64>; 4]| values.map(Value::from).to_vec();
    assert_eq!(told("missing_before"), json([None, Some(0), Some(2), Some(0)]));
    assert_eq!(told("missing_after"), json([Some(0), Some(2), Some(0), None]));
    assert_eq!(told("missing_count"), json([Some(0); 4]));
    let told = told("completeness");
    let expected = ["unknown", "gap", "gap", "open"].map(Value::from);
    assert_eq!(told, expected, "the first and the last are not proved");
}

#[tokio::test]
async fn gaps_are_told_with_what_came_of_filling_them() {
    for database in Database::all().await {
        // Minutes 0..=9, two ids each; 4 to 7 and 12 are lost, and 17 was, once.
        let kept = trades(1, 20, 10).into_iter().enumerate();
        let kept = kept.filter(|(at, _)| ![3, 4, 5, 6, 11].contains(at)).map(|(_, trade)| trade);
        let server = with_rows(&database, kept.collect()).await;
        let gap = |first: u64, last: u64, from: i64, to: i64| Gap {
            exchange: name("binance"),
            symbol: symbol("BTCUSDT"),
            first_missing_id: first,
            last_missing_id: last,
            missing_count: last - first + 1,
            from_time: time(NOON + from * SECOND),
            to_time: time(NOON + to * SECOND),
        };
        let tried = Repair {
            gap: gap(4, 7, 60, 210),
            attempts: 3,
            outcome: Outcome::Unfillable,
            reason: Some("binance has no such ids".into()),
            last_attempt: time(NOON + 600 * SECOND),
            next_attempt: None,
            throttled_until: None,
        };
        let filled = Repair {
            gap: gap(17, 17, 450, 510),
            outcome: Outcome::Filled,
            reason: None,
            attempts: 1,
            ..tried.clone()
        };
        database.store().put_repairs(&[filled, tried]).await.expect("written");
        let all = format!("{}&from=2026-11-20T12:00:00Z", BARS.replace("bars", "gaps"));
        let page = server.json(&all).await;
        let named = serde_json::json!({ "exchange": "binance", "symbol": "BTCUSDT" });
        let told = |of: Value| -> Value {
            let mut all = named.as_object().expect("an object").clone();
            all.extend(of.as_object().expect("an object").clone());
            all.into()
        };
        let expected = serde_json::json!({ "gaps": [
            told(serde_json::json!({
                "minute": "2026-11-20T12:03:00Z",
                "first_missing_id": 4, "last_missing_id": 7, "missing_count": 4,
                "from_time": "2026-11-20T12:01:00.000000Z",
                "to_time": "2026-11-20T12:03:30.000000Z",
                "state": "unfillable", "reason": "binance has no such ids", "attempts": 3,
                "last_attempt": "2026-11-20T12:10:00.000000Z", "next_attempt": null,
            })),
            told(serde_json::json!({
                "minute": "2026-11-20T12:06:00Z",
                "first_missing_id": 12, "last_missing_id": 12, "missing_count": 1,
                "from_time": "2026-11-20T12:05:00.000000Z",
                "to_time": "2026-11-20T12:06:00.000000Z",
                "state": "open", "reason": null, "attempts": 0,
                "last_attempt": null, "next_attempt": null,
            })),
            told(serde_json::json!({
                "minute": "2026-11-20T12:08:00Z",
                "first_missing_id": 17, "last_missing_id": 17, "missing_count": 1,
                "from_time": "2026-11-20T12:07:30.000000Z",
                "to_time": "2026-11-20T12:08:30.000000Z",
                "state": "filled", "reason": null, "attempts": 1,
                "last_attempt": "2026-11-20T12:10:00.000000Z", "next_attempt": null,
            })),
        ], "next": null });
        assert_eq!(page, expected, "{}", database.name);

        let (mut walked, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = server.json(&format!("{all}&limit=1{cursor}")).await;
            walked.extend(page["gaps"].as_array().expect("gaps").clone());
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(Value::Array(walked), expected["gaps"], "{}", database.name);
        let quiet = all.replace("12:00", "12:09");
        assert_eq!(server.json(&quiet).await, serde_json::json!({ "gaps": [], "next": null }));
        assert_eq!(server.problem(&all.replace("BTC", "ETH")).await.0, 404);
    }
}

#[tokio::test]
async fn problems_name_the_parameter_and_what_would_be_right() {
    let database = Database::sqlite().await;
    let server = with_rows(&database, trades(1, 2, 1)).await;
    for (query, parameter, expected) in [
        ("symbol=BTCUSDT", "exchange", "exchange is required"),
        ("exchange=binance", "symbol", "symbol is required"),
        ("exchange=Binance&symbol=X", "exchange", "\"Binance\" is not an exchange (1 to 32 of"),
        ("exchange=binance&symbol=btc/usdt", "symbol", "\"btc/usdt\" is not a symbol"),
        ("exchange=binance&symbol=X&from=yesterday", "from", "\"yesterday\" is not a UTC time"),
        ("exchange=binance&symbol=X&to=1700000000", "to", "is no time between 2009 and 2100"),
        (
            "exchange=binance&symbol=X&from=2026-11-20T12:00:00Z&to=2026-11-20T12:00:00Z",
            "from",
            "from (2026-11-20T12:00:00Z) is not before to (2026-11-20T12:00:00Z)",
        ),
        ("exchange=binance&symbol=X&limit=0", "limit", "\"0\" is no number from 1 to 5000"),
        ("exchange=binance&symbol=X&limit=5001", "limit", "\"5001\" is no number from 1 to 5000"),
        ("exchange=binance&symbol=X&limit=-1", "limit", "\"-1\" is no number"),
        ("exchange=binance&symbol=X&cursor=abc", "cursor", "\"abc\" is no cursor; give what"),
        ("exchange=binance&symbol=X&form=1", "form", "\"form\" is no parameter of this route"),
        ("exchange=binance&symbol=X&symbol=Y", "symbol", "symbol is given twice"),
        ("exchange=binance&symbol=%27;drop%20table%20bars;--", "symbol", "is not a symbol"),
    ] {
        let (status, named, detail) = server.problem(&format!("/v1/bars?{query}")).await;
        assert_eq!((status, named.as_str()), (400, parameter), "{query}: {detail}");
        assert!(detail.contains(expected), "{query}: {detail}");
    }
    let unknown = server.problem("/v1/bars?exchange=binance&symbol=BTCUSD").await;
    let detail = "there are no bars of BTCUSD at binance; /v1/symbols lists all";
    assert_eq!(unknown, (404, "symbol".into(), detail.into()));
    assert_eq!(server.problem("/v2/bars").await.0, 404);
    let post = server.client.post(format!("http://{}/v1/bars", server.address)).send().await;
    assert_eq!(post.expect("an answer").status(), 405);
}

#[tokio::test]
async fn a_row_of_books_has_every_column_and_its_averages() {
    for database in Database::all().await {
        let mut rows = book_bars(book_lines(6, 3), 1);
        // A side was empty all through the last minute.
        let empty = BookLine { bids: vec![], mid: None, ..book_line(NOON + 3 * MINUTE) };
        let (quoted_micros, zero) = (0, market::Decimal::ZERO);
        let (spread_seconds, bid_size_seconds, ask_size_seconds) = (zero, zero, zero);
        rows.extend(book_bars(
            [BookLine {
                quoted_micros,
                spread_seconds,
                bid_size_seconds,
                ask_size_seconds,
                ..empty
            }],
            1,
        ));
        database.store().put_newer(&rows).await.expect("written");
        let server = Server::start(database.store()).await;
        let books = "/v1/books?exchange=binance&symbol=BTCUSDT&from=2026-11-20T12:00:00Z";
        let all = server.json(books).await;
        let mut row = all["books"][0].clone();
        assert!(row["updated_at"].take().as_str().expect("a time").ends_with('Z'));
        let expected = serde_json::json!({
            "exchange": "binance", "symbol": "BTCUSDT", "minute": "2026-11-20T12:00:00Z",
            "mid_open": "43000.05", "mid_high": "43000.05", "mid_low": "43000.01",
            "mid_close": "43000.01", "update_count": 4, "quoted_micros": 2_000_000,
            "spread_seconds": "0.04", "bid_size_seconds": "7", "ask_size_seconds": "3",
            "ofi": "-1.5", "line_count": 2, "duplicate_count": 0, "conflict_count": 0,
            "quarantined_count": 0, "object_count": 1, "fingerprint": row["fingerprint"],
            "updated_at": null, "spread": "0.02", "imbalance": "0.4", "final": row["final"],
        });
        assert_eq!(row, expected, "{}", database.name);
        let row = &all["books"][3];
        let none = ["mid_open", "mid_high", "mid_low", "mid_close", "spread", "imbalance"];
        assert!(none.iter().all(|column| row[column].is_null()), "{}: {row}", database.name);

        let first = server.json(&format!("{books}&limit=3")).await;
        assert_eq!(
            first["books"].as_array().expect("rows")[..],
            all["books"].as_array().expect("rows")[..3]
        );
        let cursor = first["next"].as_str().expect("a second page");
        let second = server.json(&format!("{books}&limit=3&cursor={cursor}")).await;
        assert_eq!((&second["books"][0], &second["next"]), (&all["books"][3], &Value::Null));
        let later = books.replace("2026", "2027");
        assert_eq!(server.json(&later).await["books"], serde_json::json!([]));
        let unknown = server.problem(&books.replace("BTCUSDT", "ETHUSDT")).await;
        let detail = "there are no books of ETHUSDT at binance; are they recorded?";
        assert_eq!(unknown, (404, "symbol".into(), detail.into()));
        assert_eq!(server.problem(&format!("{books}&form=1")).await.1, "form");
    }
}

#[tokio::test]
async fn symbols_health_and_the_page() {
    for database in Database::all().await {
        let empty = Server::start(database.store()).await;
        assert_eq!(empty.json("/v1/symbols").await, serde_json::json!({ "symbols": [] }));
        let health = empty.json("/v1/health").await;
        assert_eq!((&health["status"], &health["last_time"]), (&"ok".into(), &Value::Null));

        let server = with_rows(&database, trades(1, 20, 10)).await;
        let symbols = server.json("/v1/symbols").await;
        let expected = serde_json::json!({ "symbols": [{
            "exchange": "binance", "symbol": "BTCUSDT",
            "first_minute": "2026-11-20T12:00:00Z", "last_minute": "2026-11-20T12:09:00Z",
            "last_time": "2026-11-20T12:09:30.000000Z",
        }]});
        assert_eq!(symbols, expected, "{}", database.name);
        let health = server.json("/v1/health").await;
        assert_eq!(health["last_time"], "2026-11-20T12:09:30.000000Z");
        assert!(health["data_age_seconds"].is_i64(), "{health}");
        assert_eq!(health["live"], false);

        let page = server.get("/").await;
        let policy = page.headers()["content-security-policy"].to_str().expect("text");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{policy}");
        assert!(page.text().await.expect("HTML").contains("<main"));
        assert_eq!(server.get("/page.js").await.headers()["content-type"], "text/javascript");
        let api = server.get("/v1/symbols").await;
        assert_eq!(api.headers()["x-content-type-options"], "nosniff");
        assert_eq!(api.headers()["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn without_its_database_it_says_so_and_hides_how() {
    let nowhere = "postgres://me:secret@127.0.0.1:1/db";
    let server = Server::start(Store::connect(nowhere, 3).expect("URL")).await;
    let bars = format!("{BARS}&limit=1");
    let books = bars.replace("bars", "books");
    let gaps = bars.replace("bars", "gaps");
    let paths = [&*bars, &books, &gaps, "/v1/symbols", "/v1/health"];
    for (status, _, detail) in join_all(paths.map(|path| server.problem(path))).await {
        assert_eq!((status, &*detail), (503, "the database did not answer; try again"));
    }
}

/// Answers each request with what `answer` makes; returns its base.
async fn other_ingest(answer: impl IntoResponse + Clone + Send + Sync + 'static) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let router = Router::new().route("/live", get(async move || answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    base
}

fn nowhere() -> Store {
    Store::connect("postgres://me@127.0.0.1:1/db", 1).expect("URL")
}

#[tokio::test]
async fn the_live_state_is_passed_on_as_it_is_and_needs_no_database() {
    // Neither its spaces nor its digits are query's.
    let told = r#"{"symbols" : [{"bid":"43000.10"}], "odd": 1.10}"#;
    let base = other_ingest(([("content-type", "text/odd")], told)).await;
    let server = Server::with(nowhere(), Some(Ingest::at(&base).expect("a base"))).await;
    let answer = server.get("/v1/live").await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["cache-control"]),
        (200, &"no-store".parse().expect("a value"))
    );
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.text().await.expect("text"), told);
}

#[tokio::test]
async fn without_an_ingest_the_route_says_what_to_set() {
    let server = Server::start(nowhere()).await;
    let (status, _, detail) = server.problem("/v1/live").await;
    let expected =
        "set LIVE_URL to where ingest listens (its INGEST_LISTEN), such as http://10.0.0.7:9101";
    assert_eq!((status, &*detail), (404, expected));
}

#[tokio::test]
async fn an_ingest_that_does_not_answer_well_is_a_problem() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let silent_base = format!("http://{}", silent.local_addr().expect("an address"));
    for base in [
        "http://127.0.0.1:1".to_owned(),
        silent_base,
        other_ingest((StatusCode::INTERNAL_SERVER_ERROR, "no clock")).await,
        // Above all that a real one says.
        other_ingest("x".repeat((4 << 20) + 1)).await,
    ] {
        let server = Server::with(nowhere(), Some(Ingest::at(&base).expect("a base"))).await;
        let (status, _, detail) = server.problem("/v1/live").await;
        let expected = "ingest, whose state it is, did not answer; try again";
        assert_eq!((status, &*detail), (503, expected), "{base}");
    }
}
