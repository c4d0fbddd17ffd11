//! Everything that users run, as programs: a scripted exchange -> `ingest` -> Kafka or Kinesis ->
//! Vector or `land` -> S3 -> SQS -> `aggregate` -> PostgreSQL and MariaDB -> `query`; while it is
//! left alone, while each of them is killed again and again, and when the socket was cut.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ::market::Exchange;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tests::moto::Moto;
use tests::rest::{Fault, RestExchange};
use tokio::task::block_in_place;

use market::{Deal, MINUTE, Market, SYMBOLS};
use world::{Stream, World};

#[path = "kafka/broker.rs"]
#[expect(dead_code, reason = "shared with the tests of Kafka")]
mod broker;
#[path = "ingest/exchange.rs"]
#[expect(dead_code, reason = "shared with the tests of ingest")]
mod exchange;
#[path = "end_to_end/kept.rs"]
mod kept;
#[path = "end_to_end/mapping.rs"]
mod mapping;
#[path = "end_to_end/market.rs"]
mod market;
#[path = "end_to_end/one_at_a_time.rs"]
mod one_at_a_time;
#[expect(dead_code, reason = "shared with the tests of ingest")]
#[path = "ingest/running.rs"]
mod running;
#[path = "end_to_end/settled.rs"]
mod settled;
#[path = "end_to_end/topic.rs"]
mod topic;
#[path = "end_to_end/world.rs"]
mod world;

const SEED: u64 = 20_261_120;
const SECOND: i64 = MINUTE / 60;
/// Deaths of each kind of program.
const DEATHS: usize = 20;
/// Trades of each symbol between two of them.
const BATCH: usize = 40;
/// How long after the start of an event `aggregate` may live; it takes about so long for one.
const LIFE: std::ops::Range<u64> = 0..30;
/// A minute of trades passes in less than a second.
const OPEN: Duration = Duration::from_millis(300);
/// What is open only its end closes.
const OPEN_TO_THE_END: Duration = Duration::from_secs(3_600);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Ingest,
    Broker,
    Batcher,
    Land,
    /// That of one of the databases.
    Aggregate(usize),
    Database(usize),
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rows_are_those_of_the_trades_that_the_exchange_sent() {
    let Some(moto) = Moto::start("end to end").map(Arc::new) else { return };
    let mut world = World::over_kafka("end to end", moto, Market::new(SEED), OPEN_TO_THE_END).await;
    let deals = world.market.trade(2_000);
    world.send(&deals);
    assert_eq!(world.judge().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_the_same_by_kinesis_and_land() {
    let Some(moto) = Moto::start("end to end by Kinesis").map(Arc::new) else { return };
    let kinesis = one_at_a_time::before(&moto).await;
    let mut world = World::over_kinesis(moto, kinesis, Market::new(SEED)).await;
    let deals = world.market.trade(2_000);
    world.send(&deals);
    assert_eq!(world.judge().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn ninety_seconds_without_a_socket_are_a_gap_until_they_come_back_by_repair() {
    let Some(moto) = Moto::start("ninety seconds").map(Arc::new) else { return };
    let begin = hours_ago();
    let market = Market::since(begin, SEED);
    let mut world = World::over_kafka("ninety seconds", moto, market, OPEN).await;
    let deals = world.market.trade(2_000);
    // With a whole minute among them, in which all symbols are traded.
    let cut = begin + 10 * MINUTE - 15 * SECOND;
    let spans = [begin..cut, cut..cut + 90 * SECOND, cut + 90 * SECOND..i64::MAX];
    let [before, unheard, after] = spans.map(|span| -> Vec<Deal> {
        deals.iter().filter(|deal| span.contains(&deal.micros)).cloned().collect()
    });
    world.send(&before);
    world.cut(&before, &unheard).await;
    world.send(&after);
    let mut settled = world.settle().await;
    let lost = settled.judge().await;
    assert_eq!(lost, unheard.iter().map(Deal::raw_trades).sum::<u64>());

    let rest =
        RestExchange::start(Exchange::Binance, deals.iter().map(Deal::trade).collect()).await;
    let said = |tried, written, open| {
        format!(
            "0 minutes folded again; {tried} gaps tried, {written} trades written; {open} gaps are \
             open and 0 given up\n"
        )
    };
    rest.order([const { Fault::Status(451, None) }; SYMBOLS.len()]);
    assert_eq!(settled.repair(1, &rest).await, said(3, 0, 3));
    assert_eq!(settled.judge().await, lost, "nothing came");
    assert_eq!(settled.gaps(0).await, holes(&unheard, "open", 0));
    let refused = settled.gaps(1).await;
    let says_why = |gap: &Value| {
        (&gap["state"], &gap["attempts"]) == (&"open".into(), &1.into())
            && gap["reason"].as_str().is_some_and(|why| why.contains("451"))
    };
    assert!(refused.len() == 3 && refused.iter().all(says_why), "{refused:#?}");

    assert_eq!(settled.repair(0, &rest).await, said(3, unheard.len(), 3));
    settled.judge_as_uninterrupted().await;
    // Each finds it filled, also the one that could not fill it.
    for database in [0, 1] {
        assert_eq!(settled.repair(database, &rest).await, said(0, 0, 0));
        assert_eq!(settled.gaps(database).await, holes(&unheard, "filled", 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_killed_the_rows_are_right_and_count_what_is_lost() {
    let Some(moto) = Moto::start("killing").map(Arc::new) else { return };
    let world = World::over_kafka("killing", moto, Market::new(SEED), OPEN).await;
    use Victim::{Aggregate, Batcher, Broker, Database, Ingest};
    // Each of the two databases, and the function that writes to it.
    let kinds = [Ingest, Broker, Batcher, Aggregate(0), Aggregate(1), Database(0), Database(1)];
    kill(world, &kinds).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_kinesis_as_well() {
    let Some(moto) = Moto::start("killing by Kinesis").map(Arc::new) else { return };
    let kinesis = one_at_a_time::before(&moto).await;
    let world = World::over_kinesis(moto, kinesis, Market::new(SEED)).await;
    use Victim::{Aggregate, Database, Ingest, Land};
    let kinds = [Ingest, Land, Aggregate(0), Aggregate(1), Database(0), Database(1)];
    kill(world, &kinds).await;
}

/// Long enough ago for every minute to be final, not so long that repair leaves it to the archives.
/// A full hour, so that nothing but the date differs from one run to the next.
fn hours_ago() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    let hours = i64::try_from(now.as_secs() / 3_600).expect("a time");
    (hours - 6) * 60 * MINUTE
}

/// What `tickfold gaps` says where these trades are missing, or were.
fn holes(deals: &[Deal], state: &str, attempts: u64) -> Vec<Value> {
    let hole = |symbol| {
        let lost: Vec<&Deal> = deals.iter().filter(|deal| deal.symbol == symbol).collect();
        let (first, last) = (lost[0].first, lost[lost.len() - 1].last);
        json!({
            "symbol": symbol,
            "first_missing_id": first,
            "last_missing_id": last,
            "missing_count": last - first + 1,
            "state": state,
            "attempts": attempts,
            "reason": null,
        })
    };
    SYMBOLS.map(hole).into()
}

/// Kills each kind in a random order, at a random place in a batch of trades.
async fn kill(mut world: World, kinds: &[Victim]) {
    let mut random = StdRng::seed_from_u64(SEED);
    let mut victims: Vec<Victim> =
        kinds.iter().copied().cycle().take(kinds.len() * DEATHS).collect();
    victims.shuffle(&mut random);
    let deals = world.market.trade(BATCH);
    world.send(&deals);
    let mut killed = Vec::new();
    for victim in &victims {
        let at = random.random_range(0..BATCH);
        let after = Duration::from_millis(random.random_range(LIFE));
        if *victim == Victim::Ingest {
            world.kill_ingest(at).await;
            continue;
        }
        let deals = world.market.trade(BATCH);
        let at = at * SYMBOLS.len();
        world.send(&deals[..at]);
        match (*victim, &mut world.stream) {
            (Victim::Broker, Stream::Kafka { broker, .. }) => block_in_place(|| {
                broker.kill();
                broker.restart();
            }),
            (Victim::Batcher, Stream::Kafka { batcher, .. }) => batcher.kill().await,
            (Victim::Land, Stream::Kinesis { land }) => killed.push(land.kill(0, after).await),
            (Victim::Aggregate(which), _) => killed.push(world.aggregate.kill(which, after).await),
            (Victim::Database(which), _) => world.kill_database(which),
            (victim, _) => panic!("there is no {victim:?}"),
        }
        world.send(&deals[at..]);
    }
    for which in 0..world.databases.len() {
        world.miss_database(which).await;
    }
    // What comes last is not lost, so that the ids before it prove what is.
    let deals = world.market.trade(BATCH);
    world.send(&deals);
    for killed in killed {
        running::soon("a death", killed).await.expect("it is killed");
    }
    let all = world.market.deals.len();
    let lost = world.judge().await;
    let said = format!("{} deaths, {all} aggregate trades, {lost} raw trades lost", victims.len());
    let _ = writeln!(io::stderr(), "end to end: {said}, all of them counted in the rows");
}
