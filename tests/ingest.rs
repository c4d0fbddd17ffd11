//! Ingest as a whole: a scripted exchange on one side, a Kafka broker on the other, and nothing
//! that either of them does may lose a trade.

use std::time::Duration;

use axum::extract::ws::Message;
use ingest::{Config, Report};
use market::Trade;
use market::trade::Ids;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use tokio_util::sync::CancellationToken;

use broker::Broker;
use exchange::Exchange;
use running::{agg_trade, config, kafka, soon, start, trade};

#[path = "ingest/broker.rs"]
mod broker;
#[path = "ingest/exchange.rs"]
mod exchange;
#[path = "ingest/running.rs"]
mod running;

#[tokio::test(flavor = "multi_thread")]
async fn a_trade_arrives_byte_for_byte_under_its_symbol_and_time() {
    let (mut exchange, broker) = (Exchange::start().await, Broker::start());
    let running = start(config(&exchange, &broker));
    let session = exchange.session().await;
    assert_eq!(
        session.address,
        "/stream?streams=btcusdt@aggTrade/ethusdt@aggTrade&timeUnit=MICROSECOND"
    );
    session.send(agg_trade("ETHUSDT", 100, 105));
    let record = broker.record().await;
    let read = Trade::from_line(&record.value).expect("a trade line");
    assert_eq!(
        String::from_utf8(record.value).expect("text"),
        format!(
            r#"{{"exchange":"binance","symbol":"ETHUSDT","time":1700000000100700,"side":"buy","price":"43000.01000000","size":"0.00123000","first_id":100,"last_id":105,"received":{},"source":"ws"}}"#,
            read.received.micros()
        )
    );
    assert_eq!((record.key.as_str(), record.millis), ("ETHUSDT", Some(1_700_000_000_100)));
    let report = running.stop().await.expect("a clean end");
    assert_eq!(report, Report { received: 1, published: 1, ..Report::default() });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_is_answered_with_its_own_payload() {
    let (mut exchange, broker) = (Exchange::start().await, Broker::start());
    let running = start(config(&exchange, &broker));
    let mut session = exchange.session().await;
    session.message(Message::Ping(b"1700000000120".to_vec().into()));
    assert_eq!(session.heard().await, Some(Message::Pong(b"1700000000120".to_vec().into())));
    running.stop().await.expect("a clean end");
    // And it leaves with a goodbye.
    assert!(matches!(session.heard().await, Some(Message::Close(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_ends_is_opened_again_and_what_comes_twice_is_written_once() {
    let (mut exchange, broker) = (Exchange::start().await, Broker::start());
    let running = start(config(&exchange, &broker));
    let mut first = exchange.session().await;
    (1..=5).for_each(|id| first.send(trade(id)));
    first.read_so_far().await;
    first.close(1001, "going away");
    let mut second = exchange.session().await;
    (4..=8).for_each(|id| second.send(trade(id)));
    second.read_so_far().await;
    second.cut();
    let third = exchange.session().await;
    (8..=9).for_each(|id| third.send(trade(id)));

    let ids = broker.ids(&["BTCUSDT"], 9).await;
    assert_eq!(ids.values().sum::<u64>(), 9);
    let report = running.stop().await.expect("a clean end");
    let expected = Report { received: 9, published: 9, repeated: 3, reconnects: 2, ..report };
    assert_eq!((report, report.missing_ids), (expected, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn before_an_announced_end_the_next_connection_is_open_and_no_gap_is_made_up() {
    let (mut exchange, broker) = (Exchange::start().await, Broker::start());
    let mut config = config(&exchange, &broker);
    // Time for the old connection to bring the rest, however busy the machine is.
    config.feeds[0].overlap = Duration::from_secs(5);
    let running = start(config);
    let mut first = exchange.session().await;
    (1..=3).for_each(|id| first.send(trade(id)));
    first.send(r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1700000000125}}"#);
    let second = exchange.session().await;
    // The new connection is ahead of the old one, which still brings what is between.
    (6..=9).for_each(|id| second.send(trade(id)));
    (4..=7).for_each(|id| first.send(trade(id)));

    let ids = broker.ids(&["BTCUSDT"], 9).await;
    assert_eq!(ids.values().sum::<u64>(), 9);
    while let Some(message) = first.heard().await {
        assert!(matches!(message, Message::Close(_)), "{message:?}");
    }
    let report = running.stop().await.expect("a clean end");
    assert_eq!((report.gaps, report.repeated, report.reconnects), (0, 2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_connection_is_replaced_before_the_exchange_ends_it() {
    let (mut exchange, broker) = (Exchange::start().await, Broker::start());
    let mut config = config(&exchange, &broker);
    config.feeds[0].renew = Duration::from_secs(3);
    let running = start(config);
    let mut first = exchange.session().await;
    first.send(trade(1));
    let second = exchange.session().await;
    second.send(trade(1));
    second.send(trade(2));
    while let Some(message) = first.heard().await {
        assert!(matches!(message, Message::Close(_)), "{message:?}");
    }
    broker.ids(&["BTCUSDT"], 2).await;
    let report = running.stop().await.expect("a clean end");
    assert_eq!((report.gaps, report.repeated), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_are_no_data_and_silence_ends_a_connection() {
    let (mut exchange, broker) = (Exchange::start().await, Broker::start());
    let mut config = config(&exchange, &broker);
    config.feeds[0].silence = Duration::from_secs(1);
    let running = start(config);
    let first = exchange.session().await;
    first.send(trade(1));
    let ping = async {
        loop {
            first.message(Message::Ping(b"alive".to_vec().into()));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    // On a busy machine the second one may be silent for too long as well.
    let mut others = Vec::new();
    let answer = async {
        loop {
            let other = exchange.session().await;
            other.send(trade(2));
            others.push(other);
        }
    };
    tokio::select! {
        _ = broker.ids(&["BTCUSDT"], 2) => {}
        () = ping => {}
        () = answer => {}
    }
    let report = running.stop().await.expect("a clean end");
    assert_eq!(report.missing_ids, 0);
    assert!(report.reconnects >= 1, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_that_refuses_is_asked_again() {
    let (mut exchange, broker) = (Exchange::start_refusing(2).await, Broker::start());
    let running = start(config(&exchange, &broker));
    exchange.session().await.send(trade(1));
    broker.ids(&["BTCUSDT"], 1).await;
    let report = running.stop().await.expect("a clean end");
    assert_eq!((report.published, report.reconnects), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_frame_costs_itself_only() {
    let (mut exchange, broker) = (Exchange::start().await, Broker::start());
    let running = start(config(&exchange, &broker));
    let session = exchange.session().await;
    session.send(trade(1));
    session.send("<html>503</html>");
    session.send(trade(2).replace("0.00123000", "0"));
    session.message(Message::Binary(vec![0xff, 0xfe, 0x00].into()));
    session.send("");
    session.send(r#"{"result":null,"id":1}"#);
    session.send(trade(3));
    for id in [1, 3] {
        let trade = Trade::from_line(&broker.record().await.value).expect("a trade line");
        assert_eq!(trade.ids, Ids::Range { first: id, last: id });
    }
    let report = running.stop().await.expect("a clean end");
    let expected = Report { received: 2, refused_frames: 4, gaps: 1, missing_ids: 1, ..report };
    assert_eq!((report, report.reconnects), (expected, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_beyond_all_measure_ends_the_connection_and_not_the_feed() {
    let (mut exchange, broker) = (Exchange::start().await, Broker::start());
    let running = start(config(&exchange, &broker));
    let first = exchange.session().await;
    first.send(trade(1));
    first.send("x".repeat(2 << 20));
    exchange.session().await.send(trade(2));
    broker.ids(&["BTCUSDT"], 2).await;
    assert_eq!(running.stop().await.expect("a clean end").reconnects, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_ids_are_counted_by_symbol() {
    let (mut exchange, broker) = (Exchange::start().await, Broker::start());
    let running = start(config(&exchange, &broker));
    let mut session = exchange.session().await;
    session.send(agg_trade("BTCUSDT", 1, 4));
    session.send(agg_trade("ETHUSDT", 1_000, 1_000));
    session.send(agg_trade("BTCUSDT", 10, 12));
    session.send(agg_trade("ETHUSDT", 1_002, 1_002));
    session.send(agg_trade("BTCUSDT", 13, 13));
    session.read_so_far().await;
    let report = running.stop().await.expect("a clean end");
    assert_eq!((report.received, report.gaps, report.missing_ids), (5, 2, 6));
    assert_eq!(report.published, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_for_a_while_costs_nothing() {
    let (mut exchange, broker) = (Exchange::start().await, Broker::start());
    broker.down();
    let running = start(config(&exchange, &broker));
    let mut session = exchange.session().await;
    (1..=50).for_each(|id| session.send(trade(id)));
    session.read_so_far().await;
    broker.up();
    broker.ids(&["BTCUSDT"], 50).await;
    broker.down();
    (51..=100).for_each(|id| session.send(trade(id)));
    session.read_so_far().await;
    broker.up();
    (101..=150).for_each(|id| session.send(trade(id)));
    session.read_so_far().await;
    let report = running.stop().await.expect("a clean end");
    assert_eq!((report.received, report.published), (150, 150));
    assert_eq!((report.missing_ids, report.reconnects), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_librdkafka_gives_up_is_sent_again() {
    let (mut exchange, broker) = (Exchange::start().await, Broker::start());
    broker.down();
    let mut config = config(&exchange, &broker);
    kafka(&mut config).delivery_timeout = Duration::from_secs(1);
    let running = start(config);
    let mut session = exchange.session().await;
    (1..=20).for_each(|id| session.send(trade(id)));
    session.read_so_far().await;
    // Five times what librdkafka was given.
    tokio::time::sleep(Duration::from_secs(5)).await;
    broker.up();
    broker.ids(&["BTCUSDT"], 20).await;
    let report = running.stop().await.expect("a clean end");
    assert_eq!(report.published, 20);
    assert!(report.resent >= 1, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_broker_refuses_is_sent_again() {
    let (mut exchange, broker) = (Exchange::start().await, Broker::start());
    let refusals = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 3];
    broker.cluster.request_errors(RDKafkaApiKey::Produce, &refusals);
    let running = start(config(&exchange, &broker));
    let session = exchange.session().await;
    (1..=20).for_each(|id| session.send(trade(id)));
    broker.ids(&["BTCUSDT"], 20).await;
    let report = running.stop().await.expect("a clean end");
    assert_eq!(report.published, 20);
    assert!(report.resent >= 1, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_that_fails_for_good_is_replaced() {
    let (mut exchange, broker) = (Exchange::start().await, Broker::start());
    // The first is fatal before anything is sent, the second with lines in flight.
    let fatal = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED];
    broker.cluster.request_errors(RDKafkaApiKey::InitProducerId, &fatal);
    let fatal = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER];
    broker.cluster.request_errors(RDKafkaApiKey::Produce, &fatal);
    let running = start(config(&exchange, &broker));
    let session = exchange.session().await;
    (1..=20).for_each(|id| session.send(trade(id)));
    broker.ids(&["BTCUSDT"], 20).await;
    let report = running.stop().await.expect("a clean end");
    assert_eq!((report.received, report.published), (20, 20));
    assert!(report.resent >= 1, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_stops_the_reading_and_nothing_is_dropped() {
    const TRADES: u64 = 50_000;
    let (mut exchange, broker) = (Exchange::start().await, Broker::start());
    broker.down();
    let mut config = config(&exchange, &broker);
    config.queued = 100;
    kafka(&mut config).in_flight = 1_000;
    let running = start(config);
    let session = exchange.session().await;
    // Padded, so that the sockets' own buffers are no match for it.
    let padding = format!(r#"{{"padding":"{}","stream""#, "x".repeat(2_000));
    for id in 1..=TRADES {
        let symbol = if id % 2 == 0 { "ETHUSDT" } else { "BTCUSDT" };
        let id = id.div_ceil(2);
        session.send(agg_trade(symbol, id, id).replacen(r#"{"stream""#, &padding, 1));
    }
    let sent = session.stuck().await;
    assert!(sent < TRADES, "{sent} frames were taken while nothing could be delivered");
    broker.up();
    broker.ids(&["BTCUSDT", "ETHUSDT"], TRADES / 2).await;
    let report = running.stop().await.expect("a clean end");
    assert_eq!((report.received, report.published, report.gaps), (TRADES, TRADES, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_delivers_what_was_received() {
    let (mut exchange, broker) = (Exchange::start().await, Broker::start());
    broker.down();
    let running = start(config(&exchange, &broker));
    let mut session = exchange.session().await;
    (1..=1_000).for_each(|id| session.send(trade(id)));
    session.read_so_far().await;
    running.shutdown.cancel();
    while let Some(message) = session.heard().await {
        assert!(matches!(message, Message::Close(_)), "{message:?}");
    }
    broker.up();
    let report = running.stop().await.expect("a clean end");
    assert_eq!((report.received, report.published), (1_000, 1_000));
    broker.ids(&["BTCUSDT"], 1_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_without_a_broker_names_what_is_lost() {
    let (mut exchange, broker) = (Exchange::start().await, Broker::start());
    broker.down();
    let mut config = config(&exchange, &broker);
    config.drain = Duration::from_secs(1);
    // Lines with librdkafka and lines in the queue are told alike.
    config.queued = 1;
    kafka(&mut config).in_flight = 2;
    let running = start(config);
    let mut session = exchange.session().await;
    session.send(agg_trade("BTCUSDT", 100, 104));
    session.send(agg_trade("BTCUSDT", 105, 105));
    session.send(agg_trade("ETHUSDT", 8, 9));
    session.read_so_far().await;
    let error = running.stop().await.expect_err("lines are left").to_string();
    assert_eq!(
        error,
        format!(
            "Kafka at {} has not acknowledged within 1 s: 3 lines: \
             2 of binance BTCUSDT (ids 100-105), 1 of binance ETHUSDT (ids 8-9)",
            broker.brokers()
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_to_do_is_said_at_once() {
    let nothing = ingest::run(Config::new("127.0.0.1:9092", vec![]), CancellationToken::new());
    let error = soon("a refusal", nothing).await.expect_err("no feed").to_string();
    assert_eq!(error, "feeds: there is none, so there is nothing to do");
}
