//! Ingest against each exchange that is subscribed to by messages, scripted: whatever the exchange
//! does, the lines on the topic are the trades that were sent, once, or it is counted that they
//! are not.

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use futures_util::future::join_all;
use market::{BookLine, Exchange as Name};

use broker::Broker;
use exchange::{Exchange, Session};
use running::{config, start};
use venue::{VENUES, Venue};

#[path = "ingest/books.rs"]
mod books;
#[path = "ingest/broker.rs"]
#[expect(dead_code, reason = "it is shared with the tests of Binance's feed")]
mod broker;
#[path = "ingest/exchange.rs"]
#[expect(dead_code, reason = "it is shared with the tests of Binance's feed")]
mod exchange;
#[path = "ingest/running.rs"]
#[expect(dead_code, reason = "it is shared with the tests of Binance's feed")]
mod running;
#[path = "ingest/venue.rs"]
mod venue;

/// Plays a scene at every exchange, all at once: some make ingest wait.
async fn everywhere<F: Future<Output = ()>>(scene: impl Fn(Venue, Exchange, Broker) -> F) {
    everywhere_with(Venue::topic, scene).await;
}

async fn everywhere_with<F: Future<Output = ()>>(
    topic: impl Fn(&Venue) -> String,
    scene: impl Fn(Venue, Exchange, Broker) -> F,
) {
    let play = |venue: &Venue| {
        let (venue, topic, scene) = (*venue, topic(venue), &scene);
        async move { scene(venue, Exchange::start().await, Broker::with(&topic)).await }
    };
    join_all(VENUES.iter().map(play)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_cut_everything_is_there_once() {
    everywhere(async |venue, mut exchange, broker| {
        let running = start(venue.config(&exchange, &broker));
        let mut first = exchange.session().await;
        venue.subscribe(&mut first).await;
        (1..=5).for_each(|id| first.send(venue.trade(id)));
        first.read_so_far().await;
        first.cut();
        let mut second = exchange.session().await;
        venue.subscribe(&mut second).await;
        (4..=8).for_each(|id| second.send(venue.trade(id)));
        second.read_so_far().await;
        let report = running.stop().await.expect("a clean end");
        assert_eq!(venue.lines(&broker, report.published).await, venue.expected(1..=8));
        assert_eq!((report.repeated, report.gaps, report.reconnects), (2, 0, 1), "{venue:?}");
        assert_eq!(report.unproven, u64::from(!venue.contiguous()), "{venue:?}");
        assert_eq!((report.refused_channels, report.refused_frames), (0, 0), "{venue:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trades_in_disorder_are_all_there_and_a_hole_is_counted() {
    everywhere(async |venue, mut exchange, broker| {
        let running = start(venue.config(&exchange, &broker));
        let mut session = exchange.session().await;
        venue.subscribe(&mut session).await;
        [1, 2, 2, 4, 3, 6].iter().for_each(|id| session.send(venue.trade(*id)));
        session.read_so_far().await;
        let report = running.stop().await.expect("a clean end");
        assert_eq!(venue.lines(&broker, report.published).await, venue.expected([1, 2, 3, 4, 6]));
        let gaps = if venue.contiguous() { (2, 2) } else { (0, 0) };
        assert_eq!((report.gaps, report.missing_ids), gaps, "{venue:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_falls_silent_is_replaced() {
    everywhere(async |venue, mut exchange, broker| {
        let mut config = venue.config(&exchange, &broker);
        config.feeds[0].silence = Duration::from_secs(1);
        let running = start(config);
        let mut first = exchange.session().await;
        venue.subscribe(&mut first).await;
        first.send(venue.trade(1));
        // On a busy machine the second one may be silent for too long as well.
        let mut others = Vec::new();
        let answer = async {
            loop {
                let mut other = exchange.session().await;
                let serve = venue.subscribe(&mut other);
                if tokio::time::timeout(Duration::from_secs(20), serve).await.is_ok() {
                    (1..=2).for_each(|id| other.send(venue.trade(id)));
                }
                others.push(other);
            }
        };
        let lines = tokio::select! {
            lines = venue.lines(&broker, 2) => lines,
            () = answer => vec![],
        };
        assert_eq!(lines, venue.expected([1, 2]));
        let report = running.stop().await.expect("a clean end");
        assert_eq!((report.published, report.gaps), (2, 0), "{venue:?}");
        assert!(report.reconnects >= 1, "{venue:?}: {report:?}");
        assert_eq!(report.unproven >= 1, !venue.contiguous(), "{venue:?}: {report:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_refused_or_dropped_comes_later_and_the_others_go_on() {
    everywhere(async |venue, mut exchange, broker| {
        let running = start(venue.config(&exchange, &broker));
        let mut session = exchange.session().await;
        let [good, bad] = venue.symbols;
        venue.settle(&mut session, venue.channels(), Some(bad)).await;
        (1..=2).for_each(|id| session.send(venue.trade(id)));
        let late: BTreeSet<_> = venue.channels();
        let bad_pair = bad.replace('-', "/");
        let late = late.into_iter().filter(|it| it.contains(bad) || it.contains(&bad_pair));
        venue.settle(&mut session, late.collect(), None).await;
        session.send(venue.trade_of(bad, 1));
        session.send(venue.trade(3));
        session.read_so_far().await;
        let report = running.stop().await.expect("a clean end");
        let expected = [(good, 1), (good, 2), (good, 3), (bad, 1)];
        let expected: Vec<_> = expected.map(|(name, id)| (name.to_owned(), id)).into();
        assert_eq!(venue.lines(&broker, report.published).await, expected);
        let kinds = if venue.name == Name::Coinbase { 2 } else { 1 };
        // The first time it may be asked for again before the others are granted.
        assert!(report.refused_channels >= kinds, "{venue:?}: {report:?}");
        assert_eq!((report.refused_frames, report.reconnects), (0, 0), "{venue:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn before_its_time_is_over_a_connection_is_relieved_and_nothing_is_lost() {
    everywhere(async |venue, mut exchange, broker| {
        let mut config = venue.config(&exchange, &broker);
        config.feeds[0].renew = Duration::from_secs(2);
        // Time for the old connection to bring the rest, however busy the machine is.
        config.feeds[0].overlap = Duration::from_secs(5);
        let running = start(config);
        let mut first = exchange.session().await;
        venue.subscribe(&mut first).await;
        (1..=3).for_each(|id| first.send(venue.trade(id)));
        let mut second = exchange.session().await;
        venue.subscribe(&mut second).await;
        (4..=7).for_each(|id| second.send(venue.trade(id)));
        (4..=5).for_each(|id| first.send(venue.trade(id)));
        assert_eq!(venue.lines(&broker, 7).await, venue.expected(1..=7));
        let report = running.stop().await.expect("a clean end");
        assert_eq!((report.published, report.repeated), (7, 2), "{venue:?}");
        assert_eq!((report.gaps, report.unproven), (0, 0), "{venue:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_messages_are_counted_and_cost_nothing() {
    everywhere(async |venue, mut exchange, broker| {
        let running = start(venue.config(&exchange, &broker));
        let mut session = exchange.session().await;
        venue.subscribe(&mut session).await;
        session.send(venue.trade(1));
        let unknown = match venue.name {
            Name::Binance | Name::Bybit | Name::BybitSpot => r#"{"topic":"moon.BTCUSDT"}"#,
            Name::Deribit => r#"{"jsonrpc":"2.0","method":"moon","params":{}}"#,
            Name::Coinbase => r#"{"type":"moon"}"#,
            Name::Kraken => r#"{"channel":"moon","data":[]}"#,
        };
        (0..3).for_each(|_| session.send(unknown));
        session.send(venue.trade(2));
        session.read_so_far().await;
        let report = running.stop().await.expect("a clean end");
        assert_eq!(venue.lines(&broker, report.published).await, venue.expected([1, 2]));
        assert_eq!((report.unknown, report.refused_frames), (3, 0), "{venue:?}");
    })
    .await;
}

fn venue(name: Name) -> Venue {
    VENUES.into_iter().find(|venue| venue.name == name).expect("it is one of them")
}

#[tokio::test(flavor = "multi_thread")]
async fn deribits_test_is_answered() {
    let venue = venue(Name::Deribit);
    let (mut exchange, broker) = (Exchange::start().await, Broker::with(&venue.topic()));
    let running = start(venue.config(&exchange, &broker));
    let mut session = exchange.session().await;
    let first = venue.heard(&mut session).await;
    assert!(first.contains(r#""method":"public/set_heartbeat""#), "{first}");
    session.send(r#"{"jsonrpc":"2.0","id":0,"result":"ok"}"#);
    venue.subscribe(&mut session).await;
    session.send(r#"{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"heartbeat"}}"#);
    session.send(r#"{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}"#);
    let answer = venue.heard(&mut session).await;
    assert!(answer.contains(r#""method":"public/test""#), "{answer}");
    session.send(r#"{"jsonrpc":"2.0","id":4294967295,"result":{"version":"1.2.26"}}"#);
    session.send(venue.trade(1));
    session.read_so_far().await;
    let report = running.stop().await.expect("a clean end");
    assert_eq!((report.published, report.refused_channels, report.unknown), (1, 0, 0));
}

async fn pings(session: &mut Session, venue: Venue, ping: &str, pong: &str) {
    for _ in 0..2 {
        assert_eq!(venue.heard(session).await, ping);
        session.send(pong);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_client_keeps_the_connection_it_does() {
    for (name, ping, pong) in [
        (
            Name::Bybit,
            r#"{"op":"ping"}"#,
            r#"{"success":true,"ret_msg":"pong","conn_id":"d8bu1o","req_id":"","op":"ping"}"#,
        ),
        (Name::Kraken, r#"{"method":"ping"}"#, r#"{"method":"pong"}"#),
    ] {
        let venue = venue(name);
        let (mut exchange, broker) = (Exchange::start().await, Broker::with(&venue.topic()));
        let mut config = venue.config(&exchange, &broker);
        config.feeds[0].keep_alive = Some(Duration::from_millis(600));
        let running = start(config);
        let mut session = exchange.session().await;
        venue.subscribe(&mut session).await;
        pings(&mut session, venue, ping, pong).await;
        session.send(venue.trade(1));
        session.read_so_far().await;
        let report = running.stop().await.expect("a clean end");
        assert_eq!((report.published, report.refused_frames, report.unknown), (1, 0, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn coinbases_heartbeat_shows_a_trade_that_never_came() {
    let venue = venue(Name::Coinbase);
    let (mut exchange, broker) = (Exchange::start().await, Broker::with(&venue.topic()));
    let running = start(venue.config(&exchange, &broker));
    let mut session = exchange.session().await;
    venue.subscribe(&mut session).await;
    let beat = |id: u64| {
        format!(
            r#"{{"type":"heartbeat","last_trade_id":{id},"product_id":"BTC-USD","sequence":7,"time":"2023-11-14T22:13:21.000000Z"}}"#
        )
    };
    // The last trade before the subscription is known to be another's.
    session.send(venue.trade(7).replacen("match", "last_match", 1));
    session.send(venue.trade(8));
    session.send(beat(8));
    session.send(beat(10));
    session.send(beat(10));
    session.send(venue.trade(11));
    session.read_so_far().await;
    let report = running.stop().await.expect("a clean end");
    assert_eq!(venue.lines(&broker, report.published).await, venue.expected([8, 11]));
    assert_eq!((report.gaps, report.missing_ids), (1, 2));
}

/// So many milliseconds after the beginning of a second that is far enough ahead for the clock to
/// have no say: ingest ends a second of its own accord when it is two seconds past.
fn ahead(now: DateTime<Utc>, millis: i64) -> DateTime<Utc> {
    now.trunc_subsecs(0) + TimeDelta::seconds(30) + TimeDelta::milliseconds(millis)
}

/// The best bids of the lines on the topic, each run of equal ones once.
async fn best_bids(broker: &Broker, count: u64) -> Vec<String> {
    let mut bids = Vec::new();
    for _ in 0..count {
        let record = broker.record().await;
        let line = BookLine::from_line(&record.value).expect("a book's line");
        assert_eq!(record.key, line.symbol.as_str());
        assert_eq!(record.millis, Some(line.time.micros() / 1_000));
        bids.push(line.bids[0].0.value().to_string());
    }
    bids.dedup();
    bids
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_book_is_asked_for_anew_and_no_line_reaches_across() {
    for venue in VENUES {
        let (mut exchange, broker) = (Exchange::start().await, Broker::with(&venue.books_topic()));
        let mut config = venue.config(&exchange, &broker);
        config.feeds[0].books = true;
        let running = start(config);
        let mut session = exchange.session().await;
        let mut channels = venue.channels();
        channels.extend(venue.symbols.map(|symbol| venue.book_channel(symbol)));
        venue.settle(&mut session, channels, None).await;
        let now = Utc::now();
        session.send(venue.snapshot(10, "43000.1"));
        session.send(venue.change(10, 11, "43000.2", ahead(now, 500)));
        // Its second is not over when the next one shows that something is lost.
        session.send(venue.hole("43000.3", ahead(now, 600)));
        session.send(venue.change(13, 14, "43000.4", ahead(now, 2_000)));
        for verb in ["unsubscribe", "subscribe"] {
            let text = venue.heard(&mut session).await;
            let said = text.contains("unsubscribe");
            assert_eq!(said, verb == "unsubscribe", "{venue:?}: {text}");
            assert!(text.contains(venue.book_kind()), "{venue:?}: {text}");
            venue.grant(&session, &text);
        }
        session.send(venue.snapshot(20, "43000.5"));
        session.send(venue.change(20, 21, "43000.6", ahead(Utc::now(), 4_000)));
        session.read_so_far().await;
        let report = running.stop().await.expect("a clean end");
        assert_eq!((report.published, report.broken_books), (report.book_lines, 1), "{venue:?}");
        let bids = best_bids(&broker, report.book_lines).await;
        assert_eq!(bids, ["43000.1", "43000.5"], "{venue:?}");
        assert_eq!((report.refused_frames, report.refused_channels), (0, 0), "{venue:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_cut_a_book_begins_anew() {
    everywhere_with(Venue::books_topic, async |venue, mut exchange, broker| {
        let mut config = venue.config(&exchange, &broker);
        config.feeds[0].books = true;
        let running = start(config);
        let mut channels = venue.channels();
        channels.extend(venue.symbols.map(|symbol| venue.book_channel(symbol)));
        let mut first = exchange.session().await;
        venue.settle(&mut first, channels.clone(), None).await;
        let now = Utc::now();
        first.send(venue.snapshot(10, "43000.1"));
        first.send(venue.change(10, 11, "43000.2", ahead(now, 500)));
        first.read_so_far().await;
        first.cut();
        let mut second = exchange.session().await;
        venue.settle(&mut second, channels, None).await;
        // Without a snapshot this says nothing.
        second.send(venue.change(11, 12, "43000.3", ahead(now, 2_000)));
        second.send(venue.snapshot(20, "43000.5"));
        second.send(venue.change(20, 21, "43000.6", ahead(Utc::now(), 4_000)));
        second.read_so_far().await;
        let report = running.stop().await.expect("a clean end");
        let bids = best_bids(&broker, report.book_lines).await;
        assert_eq!(bids, ["43000.1", "43000.5"], "{venue:?}");
        assert_eq!((report.broken_books, report.reconnects), (0, 1), "{venue:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn binances_books_are_whole_each_time_and_a_line_comes_without_another_change() {
    let (mut exchange, broker) = (Exchange::start().await, Broker::with("binance.books"));
    let mut config = config(&exchange, &broker);
    config.feeds[0].books = true;
    let running = start(config);
    let session = exchange.session().await;
    let streams = "btcusdt@aggTrade/ethusdt@aggTrade/btcusdt@depth20@100ms/ethusdt@depth20@100ms";
    assert!(session.address.contains(streams), "{}", session.address);
    let same = async {
        for id in 160_u64.. {
            session.send(format!(
                r#"{{"stream":"btcusdt@depth20@100ms","data":{{"lastUpdateId":{id},"bids":[["43000.1","1"]],"asks":[["43000.9","1"]]}}}}"#
            ));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        bids = best_bids(&broker, 1) => assert_eq!(bids, ["43000.1"]),
        () = same => {}
    }
    let report = running.stop().await.expect("a clean end");
    assert_eq!((report.published, report.broken_books), (report.book_lines, 0));
}
