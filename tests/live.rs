//! What ingest tells of this moment over HTTP, while a scripted exchange talks to it.

use std::net::TcpListener;

use ingest::{Named, Spread};
use market::Exchange as Name;
use query::Ingest;
use serde_json::{Value, json};
use store::Store;

use broker::Broker;
use exchange::Exchange;
use running::{soon, start};
use venue::{VENUES, Venue};

#[path = "ingest/books.rs"]
#[expect(dead_code, reason = "it is shared with the tests of the feeds")]
mod books;
#[path = "ingest/broker.rs"]
#[expect(dead_code, reason = "it is shared with the tests of the feeds")]
mod broker;
#[path = "ingest/exchange.rs"]
#[expect(dead_code, reason = "it is shared with the tests of the feeds")]
mod exchange;
#[path = "ingest/running.rs"]
#[expect(dead_code, reason = "it is shared with the tests of the feeds")]
mod running;
#[path = "ingest/venue.rs"]
#[expect(dead_code, reason = "it is shared with the tests of the feeds")]
mod venue;

async fn ask(url: &str) -> Option<(u16, String)> {
    let answer = reqwest::get(url).await.ok()?;
    Some((answer.status().as_u16(), answer.text().await.ok()?))
}

/// Asks until the answer is as expected.
async fn until(url: &str, expected: impl Fn(u16, &str) -> bool) -> String {
    let asked = async {
        loop {
            if let Some((status, text)) = ask(url).await
                && expected(status, &text)
            {
                return text;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    soon(url, asked).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_trade_and_the_book_of_each_symbol_are_told() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let venue = VENUES.into_iter().find(|venue| venue.name == Name::Kraken).expect("kraken");
    let (mut exchange, broker) = (Exchange::start().await, Broker::with(&venue.topic()));
    let mut config = venue.config(&exchange, &broker);
    config.feeds[0].books = true;
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("an address");
    drop(free);
    config.listen = Some(address);
    let running = start(config);
    let url = |path: &str| format!("http://{address}{path}");

    assert_eq!(until(&url("/healthz"), |status, _| status == 200).await, "ok\n");
    let why = until(&url("/readyz"), |status, _| status == 503).await;
    assert_eq!(why, "nothing has come from kraken yet\n");
    let mut session = exchange.session().await;
    let mut channels = venue.channels();
    channels.extend(venue.symbols.map(|symbol| venue.book_channel(symbol)));
    venue.settle(&mut session, channels, None).await;
    session.send(venue.trade(1));
    session.send(venue.snapshot(1, "43000.5"));
    session.read_so_far().await;

    assert_eq!(until(&url("/readyz"), |status, _| status == 200).await, "ready\n");
    let rows: Value =
        serde_json::from_str(&until(&url("/live"), |status, _| status == 200).await).expect("JSON");
    let rows = &rows["symbols"];
    let (traded, quiet) = (&rows[0], &rows[1]);
    assert_eq!((&traded["exchange"], &traded["symbol"]), (&"kraken".into(), &"BTC-USD".into()));
    for (field, expected) in [
        ("last_price", "43000.1"),
        ("last_side", "buy"),
        ("bid", "43000.5"),
        ("ask", "43001"),
        ("mid", "43000.75"),
        ("spread", "0.5"),
        ("imbalance_1", "0"),
    ] {
        assert_eq!(traded[field], Value::from(expected), "{field}: {rows}");
    }
    assert_eq!((&quiet["symbol"], &quiet["bid"]), (&"ETH-USD".into(), &Value::Null));
    let counted = r#"tickfold_ingest_trades_total{exchange="kraken"} 1"#;
    until(&url("/metrics"), |_, text| text.lines().any(|line| line == counted)).await;

    // A book that is out of step is no book.
    session.send(venue.hole("43000.6", chrono::Utc::now()));
    session.read_so_far().await;
    let rows: Value =
        serde_json::from_str(&until(&url("/live"), |status, _| status == 200).await).expect("JSON");
    let row = &rows["symbols"][0];
    assert_eq!((&row["bid"], &row["last_price"]), (&Value::Null, &"43000.1".into()));
    running.stop().await.expect("a clean end");
}

/// Asks for JSON until it is as expected.
async fn json_until(url: &str, expected: impl Fn(&Value) -> bool) -> Value {
    let read = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    read(&until(url, |status, text| status == 200 && expected(&read(text))).await)
}

fn venue(name: Name) -> Venue {
    VENUES.into_iter().find(|venue| venue.name == name).expect("it is one of them")
}

/// Ingest's words as query passes them on.
async fn passed_on(base: &str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    // The live state needs no database.
    let store = Store::connect("postgres://nobody@127.0.0.1:1/none", 1).expect("a URL");
    let router = query::router(store, Some(Ingest::at(base).expect("a base")));
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/v1/live")
}

#[tokio::test(flavor = "multi_thread")]
async fn one_coin_at_two_exchanges_is_set_against_itself_and_query_passes_it_on() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let venues = [venue(Name::Kraken), venue(Name::Coinbase)];
    let broker = Broker::with(&venues[0].topic());
    let mut exchanges = [Exchange::start().await, Exchange::start().await];
    let mut config = venues[0].config(&exchanges[0], &broker);
    config.feeds.extend(venues[1].config(&exchanges[1], &broker).feeds);
    config.feeds.iter_mut().for_each(|feed| feed.books = true);
    let named = |venue: &Venue| Named {
        exchange: venue.name,
        symbol: venue.symbols[0].parse().expect("a symbol"),
    };
    config.spreads = vec![Spread { of: named(&venues[0]), against: named(&venues[1]) }];
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("an address");
    drop(free);
    config.listen = Some(address);
    let running = start(config);
    let base = format!("http://{address}");
    let (url, passed_on) = (format!("{base}/live"), passed_on(&base).await);
    until(&url, |status, _| status == 200).await;

    let mut sessions = Vec::new();
    for ((venue, exchange), bid) in venues.iter().zip(&mut exchanges).zip(["43000.5", "43000.1"]) {
        let mut session = exchange.session().await;
        let mut channels = venue.channels();
        channels.extend(venue.symbols.map(|symbol| venue.book_channel(symbol)));
        venue.settle(&mut session, channels, None).await;
        session.send(venue.snapshot(1, bid));
        sessions.push(session);
    }
    // The mids are 43000.75 and 43000.55.
    let told = json_until(&url, |told| !told["spreads"][0]["spread_15s"].is_null()).await;
    let spread = &told["spreads"][0];
    for (field, expected) in [
        ("exchange", "kraken"),
        ("symbol", "BTC-USD"),
        ("against_exchange", "coinbase"),
        ("against_symbol", "BTC-USD"),
        ("spread", "0.2"),
        ("spread_bps", "0.046511"),
        ("spread_15s", "0.2"),
    ] {
        assert_eq!(spread[field], Value::from(expected), "{field}: {told}");
    }
    assert_eq!(told["spreads"].as_array().map(Vec::len), Some(1));
    assert!(told["now"].is_string(), "{told}");

    // A book that is out of step is no book: what was known of it stays in the average.
    sessions[0].send(venues[0].hole("43000.6", chrono::Utc::now()));
    let told = json_until(&passed_on, |told| told["spreads"][0]["spread"].is_null()).await;
    assert_eq!(told["spreads"][0]["spread_15s"], json!("0.2"), "{told}");
    assert_eq!(told["symbols"].as_array().map(Vec::len), Some(4));

    running.stop().await.expect("a clean end");
    let problem = until(&passed_on, |status, _| status == 503).await;
    let problem: Value = serde_json::from_str(&problem).expect("JSON");
    assert_eq!(problem["title"], "Live state unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_derivatives_exchange_says_beside_trades_is_told() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let venue = VENUES.into_iter().find(|venue| venue.name == Name::Bybit).expect("bybit");
    let (mut exchange, broker) = (Exchange::start().await, Broker::with(&venue.topic()));
    let mut config = venue.config(&exchange, &broker);
    config.feeds[0].context = true;
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("an address");
    drop(free);
    config.listen = Some(address);
    let running = start(config);
    let mut session = exchange.session().await;
    let mut channels = venue.channels();
    channels.extend(venue.symbols.map(|symbol| format!("tickers.{symbol}")));
    venue.settle(&mut session, channels, None).await;
    for news in [
        r#""fundingRate":"-0.0001","openInterest":"5500.5","markPrice":"43001.20""#,
        r#""markPrice":"43001.30""#,
    ] {
        session.send(format!(
            r#"{{"topic":"tickers.BTCUSDT","type":"delta","data":{{"symbol":"BTCUSDT",{news}}},"cs":7,"ts":1700000000125}}"#
        ));
    }
    session.read_so_far().await;
    let url = format!("http://{address}/live");
    let rows: Value =
        serde_json::from_str(&until(&url, |status, _| status == 200).await).expect("JSON");
    let told =
        ["funding_rate", "open_interest", "mark_price"].map(|field| &rows["symbols"][0][field]);
    assert_eq!(told, ["-0.0001", "5500.5", "43001.3"]);
    running.stop().await.expect("a clean end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_a_refusal_to_start() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let (exchange, broker) = (Exchange::start().await, Broker::start());
    let mut config = running::config(&exchange, &broker);
    config.listen = Some(taken.local_addr().expect("an address"));
    let error = start(config).stop().await.expect_err("the port is taken").to_string();
    assert!(error.starts_with("INGEST_LISTEN: cannot use 127.0.0.1:"), "{error}");
}
