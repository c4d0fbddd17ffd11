//! The same of order books: after a break or a hole a book begins anew, and no line reaches across.

use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use market::BookLine;

use crate::broker::Broker;
use crate::exchange::Exchange;
use crate::in_conversation;
use crate::running::{config, start};
use crate::venue::{VENUES, Venue};

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
    for venue in VENUES.into_iter().filter(Venue::converses) {
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
    in_conversation(Venue::books_topic, async |venue, mut exchange, broker| {
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
