//! `repair` over moto's S3 and queue, a database and a scripted exchange's REST interface: lost
//! events heal by one sweep, lost trades come back, and what cannot be filled says why.

use std::sync::Arc;
use std::time::Duration;

use ::market::{Bar, BookBar, Exchange, Ids, Minute, Source, Trade};
use aggregate::App;
use history::Places;
use invoke::Half;
use lake::{Kind, Lake, MinutePrefix};
use repair::{Event, Inside, Outside, Repaired};
use serde_json::Value;
use store::{KnownGap, Outcome, Range, Store};
use tests::books::book_lines;
use tests::bucket::{BUCKET, event};
use tests::databases::Database;
use tests::moto::Moto;
use tests::queue::Queue;
use tests::rest::{Fault, RestExchange};
use tests::trades::{MINUTE, NOON, SECOND, lines, name, symbol, time, trades};

use self::market::{PER_SECOND, instrument, market};

#[path = "repair/market.rs"]
mod market;

const PAGED: [Exchange; 4] =
    [Exchange::Binance, Exchange::Deribit, Exchange::Coinbase, Exchange::Kraken];

/// Everything but ingest: what it would have written the tests write.
struct World {
    queue: Queue,
    app: App,
    outside: Outside,
    _database: Database,
    _moto: Arc<Moto>,
}

impl World {
    async fn start(test: &str, places: &[(Exchange, &str)]) -> Option<World> {
        let moto = Moto::start(test).map(Arc::new)?;
        let queue = Queue::create(&moto, "aggregate", serde_json::json!({})).await;
        moto.s3().create_bucket().bucket(BUCKET).send().await.expect("a bucket");
        queue.listen_to(BUCKET).await;
        let database = Database::sqlite().await;
        let lake = Lake::new(moto.s3(), BUCKET);
        let app = App { lake: lake.clone(), store: database.store() };
        let places = places.iter().map(|(it, url)| (it.as_str(), Places::local(url)));
        let outside = Outside {
            rows: Half::Here(Inside { store: database.store() }),
            lake,
            queue: repair::Queue::new(moto.sqs(), &queue.url),
            places: places.collect(),
            time: Duration::from_secs(60),
        };
        let world = World { queue, app, outside, _database: database, _moto: moto };
        world.take().await;
        Some(world)
    }

    fn store(&self) -> &Store {
        &self.app.store
    }

    /// Writes an object for each minute, as Vector does.
    async fn put(&self, trades: &[Trade]) {
        for trades in trades.chunk_by(|one, next| one.minute() == next.minute()) {
            let minute = MinutePrefix::raw_trades(trades[0].exchange.clone(), trades[0].minute());
            let text = lines(trades);
            self.app.lake.put_lines(&minute, "vector", text.as_bytes()).await.expect("written");
        }
    }

    /// All messages of the queue, which loses them.
    async fn take(&self) -> Vec<Value> {
        let mut taken = Vec::new();
        loop {
            let messages = self.queue.receive().await;
            if messages.is_empty() {
                return taken;
            }
            for message in &messages {
                self.queue.delete(message).await;
            }
            taken.extend(messages);
        }
    }

    async fn fold(&self, messages: &[Value]) {
        for messages in messages.chunks(10) {
            let answer = aggregate::handle(&self.app, event(self.queue.event(messages))).await;
            assert_eq!(answer.expect("never fails whole").batch_item_failures.len(), 0);
        }
    }

    /// Folds whatever the queue tells of.
    async fn drain(&self) {
        let messages = self.take().await;
        self.fold(&messages).await;
    }

    async fn repair(&self, minutes: i64) -> Repaired {
        let now = time(NOON + minutes * MINUTE);
        self.outside.repair(&Event::default(), now).await.expect("repaired")
    }

    async fn bars(&self, exchange: Exchange) -> Vec<Bar> {
        let rows = self.store().bars(&range(exchange)).await.expect("rows").into_iter();
        rows.map(|row| comparable(row.bar)).collect()
    }

    async fn gaps(&self, exchange: Exchange) -> Vec<KnownGap> {
        self.store().known_gaps(&range(exchange)).await.expect("gaps").gaps
    }
}

fn range(exchange: Exchange) -> Range {
    let (exchange, symbol) = (exchange.name(), symbol(instrument(exchange)));
    Range { exchange, symbol, from: Minute::MIN, to: Minute::MAX, limit: 5_000 }
}

/// But for how many objects told it.
fn comparable(bar: Bar) -> Bar {
    Bar { object_count: 0, duplicate_count: 0, ..bar }
}

fn folded(trades: Vec<Trade>) -> Vec<Bar> {
    ::market::fold(trades).expect("small sums").into_iter().map(comparable).collect()
}

/// Without those of 90 seconds.
fn cut(trades: &[Trade]) -> Vec<Trade> {
    let lost = time(NOON + 75 * SECOND)..time(NOON + 165 * SECOND);
    trades.iter().filter(|trade| !lost.contains(&trade.time)).cloned().collect()
}

#[tokio::test]
async fn ninety_seconds_without_a_socket_come_back_from_every_exchange() {
    for exchange in PAGED {
        let rest = RestExchange::start(exchange, market(exchange, Source::Rest)).await;
        let test = "ninety_seconds_without_a_socket_come_back_from_every_exchange";
        let Some(world) = World::start(test, &[(exchange, rest.url())]).await else { return };
        let whole = market(exchange, Source::Ws);
        world.put(&cut(&whole)).await;
        world.drain().await;
        let gaps = world.gaps(exchange).await;
        assert_eq!((gaps.len(), gaps[0].state, gaps[0].attempts), (1, Outcome::Open, 0));

        let early = world.repair(5).await;
        assert_eq!(early, Repaired { open: 1, ..Repaired::default() }, "it may still come");
        // What the exchange's client deals with by itself.
        rest.order([
            Fault::Status(429, Some(0)),
            Fault::Short(400),
            Fault::BreaksOff,
            Fault::Status(503, None),
        ]);
        let repaired = world.repair(20).await;
        assert_eq!((repaired.tried, repaired.unfillable), (1, 0), "{exchange}: {repaired:?}");
        assert_eq!(repaired.written, 90 * PER_SECOND, "{exchange}");
        world.drain().await;
        assert_eq!(world.bars(exchange).await, folded(whole), "{exchange}");

        let asked = rest.asked().len();
        let settled = world.repair(40).await;
        assert_eq!((settled.open, settled.tried), (0, 0), "{exchange}: {settled:?}");
        let gaps = world.gaps(exchange).await;
        assert_eq!((gaps.len(), gaps[0].state, gaps[0].attempts), (1, Outcome::Filled, 1));
        assert_eq!(rest.asked().len(), asked, "nothing is asked for twice");
    }
}

#[tokio::test]
async fn single_trades_inside_a_minute_come_back_and_nothing_else_is_written() {
    let exchange = Exchange::Binance;
    let rest = RestExchange::start(exchange, market(exchange, Source::Rest)).await;
    let test = "single_trades_inside_a_minute_come_back_and_nothing_else_is_written";
    let Some(world) = World::start(test, &[(exchange, rest.url())]).await else { return };
    let whole = market(exchange, Source::Ws);
    let kept = |at: &usize| ![1_000, 1_001, 1_700, 4_000].contains(at);
    let kept = whole.iter().enumerate().filter(|(at, _)| kept(at)).map(|(_, it)| it.clone());
    world.put(&kept.collect::<Vec<_>>()).await;
    world.drain().await;
    assert_eq!(world.gaps(exchange).await.len(), 2, "minutes with something missing inside");
    let repaired = world.repair(20).await;
    assert_eq!((repaired.tried, repaired.written), (2, 4), "{repaired:?}");
    world.drain().await;
    assert_eq!(world.bars(exchange).await, folded(whole));
    assert_eq!(world.repair(40).await.open, 0);
}

#[tokio::test]
async fn wrong_pages_are_refused_and_the_gap_is_filled_when_they_are_right() {
    let exchange = Exchange::Coinbase;
    let rest = RestExchange::start(exchange, market(exchange, Source::Rest)).await;
    let test = "wrong_pages_are_refused_and_the_gap_is_filled_when_they_are_right";
    let Some(world) = World::start(test, &[(exchange, rest.url())]).await else { return };
    let whole = market(exchange, Source::Ws);
    world.put(&cut(&whole)).await;
    world.drain().await;
    // Ids out of range, of a right spelling.
    let strange =
        r#"[{"trade_id":7,"side":"buy","size":"1","price":"1","time":"2026-11-20T12:01:20Z"}]"#;
    let faults = [
        (Fault::Skips, "it goes on with id"),
        (Fault::Says("<html>".into()), "cannot be read"),
        (Fault::Says(strange.into()), "not to be had"),
    ];
    for (attempt, (fault, why)) in (1..).zip(faults) {
        rest.order([fault]);
        let repaired = world.repair(20 * attempt).await;
        assert_eq!((repaired.open + repaired.unfillable, repaired.written), (1, 0), "{why}");
        world.drain().await;
        let gap = world.gaps(exchange).await.remove(0);
        let reason = gap.reason.expect("a reason");
        assert!(reason.contains(why), "{reason}");
        assert_eq!(i64::from(gap.attempts), attempt);
        // The third is an answer of the exchange's, and the third attempt.
        assert_eq!(gap.state == Outcome::Unfillable, attempt == 3);
        if attempt == 2 {
            let left = world.repair(20 * attempt + 1).await;
            assert_eq!((left.open, left.tried), (1, 0), "it waits for its time");
        }
    }

    // Another one, with pages that are right after a wrong one.
    let exchange = Exchange::Binance;
    let rest = RestExchange::start(exchange, market(exchange, Source::Rest)).await;
    let Some(world) = World::start(test, &[(exchange, rest.url())]).await else { return };
    let whole = market(exchange, Source::Ws);
    world.put(&cut(&whole)).await;
    world.drain().await;
    rest.order([Fault::Short(1_500), Fault::Skips]);
    let first = world.repair(20).await;
    world.drain().await;
    assert_eq!((first.tried, first.open), (1, 1), "{first:?}");
    for minutes in [40, 60] {
        world.repair(minutes).await;
        world.drain().await;
    }
    assert_eq!(world.bars(exchange).await, folded(whole));
    assert_eq!(world.repair(80).await.open, 0);
}

#[tokio::test]
async fn a_gap_that_its_exchange_refuses_stays_visible_and_says_why() {
    let exchange = Exchange::Binance;
    let rest = RestExchange::start(exchange, market(exchange, Source::Rest)).await;
    let test = "a_gap_that_its_exchange_refuses_stays_visible_and_says_why";
    let Some(world) = World::start(test, &[(exchange, rest.url())]).await else { return };
    let whole = market(exchange, Source::Ws);
    let before = cut(&whole);
    world.put(&before).await;
    world.drain().await;

    // A ban is obeyed, and is nothing the gap could help.
    rest.order([Fault::Status(418, Some(3_600))]);
    assert_eq!(world.repair(20).await.open, 1);
    let gap = world.gaps(exchange).await.remove(0);
    assert_eq!((gap.state, gap.attempts), (Outcome::Open, 0));
    assert!(gap.reason.expect("a reason").contains("refuses for 3600 s"));
    for minutes in [25, 50, 79] {
        assert_eq!(world.repair(minutes).await.tried, 0);
    }
    assert_eq!(rest.asked().len(), 1, "it is left alone for an hour");

    let (mut minutes, mut tried) = (80, 0);
    loop {
        rest.order([Fault::Status(451, None)]);
        let repaired = world.repair(minutes).await;
        tried += repaired.tried;
        minutes += 30;
        if repaired.unfillable == 1 {
            break;
        }
        assert!(tried < 20, "it ends");
    }
    let gap = world.gaps(exchange).await.remove(0);
    assert_eq!((gap.state, i64::from(gap.attempts)), (Outcome::Unfillable, tried as i64));
    assert!(gap.reason.expect("a reason").contains("451"));
    let asked = rest.asked().len();
    let later = world.repair(minutes).await;
    assert_eq!((later.unfillable, later.tried, rest.asked().len()), (1, 0, asked));
    assert_eq!(world.bars(exchange).await, folded(before), "no row was touched");
}

#[tokio::test]
async fn ids_that_the_exchange_does_not_have_are_named() {
    let exchange = Exchange::Binance;
    let whole = market(exchange, Source::Rest);
    let without = |at: &usize| !(1_500..1_503).contains(at);
    let there = whole.iter().enumerate().filter(|(at, _)| without(at)).map(|(_, it)| it.clone());
    let rest = RestExchange::start(exchange, there.collect()).await;
    let test = "ids_that_the_exchange_does_not_have_are_named";
    let Some(world) = World::start(test, &[(exchange, rest.url())]).await else { return };
    world.put(&cut(&market(exchange, Source::Ws))).await;
    world.drain().await;
    for minutes in [20, 40, 60] {
        world.repair(minutes).await;
        world.drain().await;
    }
    let gaps = world.gaps(exchange).await;
    let open: Vec<&KnownGap> = gaps.iter().filter(|gap| gap.state != Outcome::Filled).collect();
    let (Ids::Range { first, .. }, Ids::Range { last, .. }) =
        (&whole[1_500].ids, &whole[1_502].ids)
    else {
        panic!("contiguous ids")
    };
    assert_eq!((open.len(), open[0].gap.missing_count), (1, last - first + 1), "{gaps:#?}");
    let why = format!("binance answers that ids {first} to {last} do not exist");
    assert_eq!(open[0].reason.as_deref(), Some(why.as_str()));
    for minutes in [80, 110, 140] {
        world.repair(minutes).await;
    }
    let gaps = world.gaps(exchange).await;
    let given_up = gaps.iter().find(|gap| gap.state == Outcome::Unfillable).expect("given up");
    assert_eq!(given_up.gap.missing_count, last - first + 1);
}

#[tokio::test]
async fn one_sweep_heals_lost_repeated_and_late_events() {
    let test = "one_sweep_heals_lost_repeated_and_late_events";
    let Some(world) = World::start(test, &[]).await else { return };
    let exchange = Exchange::Binance;
    let all = trades(1, 600, 10);
    world.put(&all).await;
    let books = book_lines(60, 10);
    for books in books.chunk_by(|one, next| one.minute() == next.minute()) {
        let minute = MinutePrefix::raw(Kind::Books, name("binance"), books[0].minute());
        let text = lines(books);
        world.app.lake.put_lines(&minute, "vector", text.as_bytes()).await.expect("written");
    }
    // A second object of a minute whose first event arrived.
    let late = Trade { symbol: symbol("ETHUSDT"), ..all[0].clone() };
    let messages = world.take().await;
    assert_eq!(messages.len(), 20);
    let sent = |part: usize| -> Vec<Value> {
        messages
            .iter()
            .enumerate()
            .filter(|(at, _)| at % 3 == part)
            .map(|(_, it)| it.clone())
            .collect()
    };
    world.fold(&sent(0)).await;
    let noon = MinutePrefix::raw_trades(name("binance"), time(NOON).minute());
    let text = lines([&late]);
    world.app.lake.put_lines(&noon, "late", text.as_bytes()).await.expect("written");
    world.take().await;

    let repaired = world.repair(20).await;
    assert!(repaired.refolded >= 13, "{repaired:?}");
    let told = world.take().await;
    assert_eq!(told.len() as u64, repaired.refolded, "one message for each minute");
    world.fold(&told).await;
    let right = world.bars(exchange).await;
    assert_eq!(right, folded(all));
    let books_of = async || -> Vec<BookBar> {
        let rows = world.store().rows::<BookBar>(&range(exchange)).await.expect("rows");
        rows.into_iter().map(|row| row.bar).collect()
    };
    let books = books_of().await;
    assert_eq!(books.iter().map(|row| row.line_count).sum::<u64>(), 60);
    let other = Range { symbol: symbol("ETHUSDT"), ..range(exchange) };
    assert_eq!(world.store().bars(&other).await.expect("rows").len(), 1);

    // What comes late or again changes nothing, and a second sweep finds nothing to do.
    for part in [1, 0] {
        world.fold(&sent(part)).await;
    }
    assert_eq!((world.bars(exchange).await, books_of().await), (right, books));
    assert_eq!(world.repair(20).await.refolded, 0);
    let named = Event { minutes: Some(1_440), ..Event::default() };
    let later = world.outside.repair(&named, time(NOON + 600 * MINUTE)).await.expect("repaired");
    assert_eq!(later.refolded, 0);
}

#[tokio::test]
async fn an_object_that_cannot_be_read_is_not_made_a_dead_letter_again_and_again() {
    let test = "an_object_that_cannot_be_read_is_not_made_a_dead_letter_again_and_again";
    let Some(world) = World::start(test, &[]).await else { return };
    let minute = MinutePrefix::raw_trades(name("binance"), time(NOON).minute());
    let key = minute.object("broken").expect("a key").to_string();
    let put = world._moto.s3().put_object().bucket(BUCKET).key(key);
    put.body(b"no gzip".to_vec().into()).send().await.expect("written");
    assert_eq!(world.take().await.len(), 1, "S3's own event, which would fail");
    assert_eq!(world.repair(20).await.refolded, 1);
    // `fold` refuses messages that fail.
    world.drain().await;
}
