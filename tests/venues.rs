//! Ingest against each exchange, scripted: whatever the exchange does, or the broker, the lines on
//! the topic are the trades that were sent, once, or it is counted that they are not.

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use axum::extract::ws::Message;
use futures_util::future::join_all;
use market::Exchange as Name;

use broker::Broker;
use exchange::{Exchange, Session};
use running::{kafka, start};
use venue::{VENUES, Venue};

#[path = "ingest/books.rs"]
mod books;
#[path = "ingest/broker.rs"]
#[expect(dead_code, reason = "it is shared with the tests of Binance's feed")]
mod broker;
#[path = "ingest/exchange.rs"]
mod exchange;
#[path = "ingest/running.rs"]
#[expect(dead_code, reason = "it is shared with the tests of Binance's feed")]
mod running;
#[path = "venues/books.rs"]
mod scenes_of_books;
#[path = "ingest/venue.rs"]
mod venue;

/// Plays a scene at every exchange, all at once: some make ingest wait.
async fn everywhere<F: Future<Output = ()>>(scene: impl Fn(Venue, Exchange, Broker) -> F) {
    join_all(VENUES.into_iter().map(|venue| at(venue, venue.topic(), &scene))).await;
}

/// The same, where there is somebody to talk to.
async fn in_conversation<F: Future<Output = ()>>(
    topic: impl Fn(&Venue) -> String,
    scene: impl Fn(Venue, Exchange, Broker) -> F,
) {
    let venues = VENUES.into_iter().filter(Venue::converses);
    join_all(venues.map(|venue| at(venue, topic(&venue), &scene))).await;
}

async fn at<F: Future<Output = ()>>(
    venue: Venue,
    topic: String,
    scene: &impl Fn(Venue, Exchange, Broker) -> F,
) {
    scene(venue, Exchange::start().await, Broker::with(&topic)).await;
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
async fn a_goodbye_costs_nothing_that_is_told_again() {
    everywhere(async |venue, mut exchange, broker| {
        let running = start(venue.config(&exchange, &broker));
        let mut first = exchange.session().await;
        venue.subscribe(&mut first).await;
        (1..=3).for_each(|id| first.send(venue.trade(id)));
        first.close(1001, "going away");
        let mut second = exchange.session().await;
        venue.subscribe(&mut second).await;
        (2..=5).for_each(|id| second.send(venue.trade(id)));
        second.read_so_far().await;
        let report = running.stop().await.expect("a clean end");
        assert_eq!(venue.lines(&broker, report.published).await, venue.expected(1..=5));
        assert_eq!((report.repeated, report.gaps, report.reconnects), (2, 0, 1), "{venue:?}");
        assert_eq!(report.unproven, u64::from(!venue.contiguous()), "{venue:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websockets_ping_is_answered_with_its_own_payload() {
    everywhere(async |venue, mut exchange, broker| {
        let running = start(venue.config(&exchange, &broker));
        let mut session = exchange.session().await;
        venue.subscribe(&mut session).await;
        session.message(Message::Ping(b"1700000000120".to_vec().into()));
        loop {
            match session.heard().await {
                Some(Message::Pong(payload)) => break assert_eq!(*payload, *b"1700000000120"),
                Some(_) => {}
                None => panic!("{venue:?}: the connection ended"),
            }
        }
        session.send(venue.trade(1));
        assert_eq!(venue.lines(&broker, 1).await, venue.expected([1]));
        running.stop().await.expect("a clean end");
    })
    .await;
}

/// Frames of a slow reader: some 40 MB, which no socket's buffers hold.
const UNREAD: u64 = 2_000;
const PADDING: usize = 20_000;

/// While Kafka is away, so many lines wait and no more; then the exchange is not read, and ends it.
/// What it has sent by then in vain is counted.
#[tokio::test(flavor = "multi_thread")]
async fn behind_a_broker_that_stands_still_memory_is_bounded_and_the_loss_is_counted() {
    for venue in VENUES {
        let (mut exchange, broker) = (Exchange::start().await, Broker::with(&venue.topic()));
        let mut config = venue.config(&exchange, &broker);
        config.queued = 10;
        kafka(&mut config).in_flight = 20;
        let running = start(config);
        let mut first = exchange.session().await;
        venue.subscribe(&mut first).await;
        broker.down();
        let padding = format!(r#"{{"padding":"{}","#, "x".repeat(PADDING));
        (1..=UNREAD).for_each(|id| first.send(venue.trade(id).replacen('{', &padding, 1)));
        let taken = first.stuck().await;
        assert!(taken < UNREAD, "{venue:?}: {taken} frames were taken, and 30 lines may wait");
        first.cut();
        while first.heard().await.is_some() {}
        broker.up();
        let mut second = exchange.session().await;
        venue.subscribe(&mut second).await;
        second.send(venue.trade(UNREAD + 1));
        second.read_so_far().await;
        let report = running.stop().await.expect("a clean end");
        let lines = venue.lines(&broker, report.published).await;
        let read = report.received - 1;
        assert_eq!(lines, venue.expected((1..=read).chain([UNREAD + 1])), "{venue:?}");
        assert!(read >= 30 && read <= taken, "{venue:?}: {read} of {taken}");
        let lost = if venue.contiguous() { (1, UNREAD - read, 0) } else { (0, 0, 1) };
        assert_eq!((report.gaps, report.missing_ids, report.unproven), lost, "{venue:?}");
    }
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
    in_conversation(Venue::topic, async |venue, mut exchange, broker| {
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
            Name::Binance => r#"{"stream":"btcusdt@moon","data":{"e":"moon","s":"BTCUSDT"}}"#,
            Name::Bybit | Name::BybitSpot => r#"{"topic":"moon.BTCUSDT"}"#,
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
        (
            Name::BybitSpot,
            r#"{"op":"ping"}"#,
            r#"{"success":true,"ret_msg":"pong","conn_id":"d8bu1o","op":"ping"}"#,
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
