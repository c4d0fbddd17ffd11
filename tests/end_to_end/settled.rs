//! What the programs have made when their work is done: the rows of two databases, held against the
//! trades; and what `tickfold` says and does about those that are missing. Nothing comes any more.

use std::process::Output;
use std::sync::Arc;

use market::{Bar, Exchange, Minute};
use serde_json::Value;
use store::{Range, Store};
use tests::binary::tickfold;
use tests::bucket::environment;
use tests::moto::{KEY, Moto};
use tests::rest::RestExchange;
use tests::runtime::Function;
use tests::trades::symbol;
use tokio::process::Command;

use crate::mapping::Mapping;
use crate::market::{self as truth, Arrived, Deal, Row, SYMBOLS};
use crate::world::Database;

/// What is compared of a gap: nothing that a clock decides.
const TOLD: [&str; 7] = [
    "symbol",
    "first_missing_id",
    "last_missing_id",
    "missing_count",
    "state",
    "attempts",
    "reason",
];

pub(crate) struct Settled {
    pub(crate) moto: Arc<Moto>,
    /// Of `aggregate`.
    pub(crate) queue_url: String,
    /// What the exchange has made.
    pub(crate) deals: Vec<Deal>,
    /// What of it the bucket has.
    pub(crate) arrived: Arrived,
    pub(crate) aggregate: Mapping,
    pub(crate) databases: [Database; 2],
}

impl Settled {
    /// What the exchange has made and nobody has stored.
    pub(crate) fn lost(&self) -> Vec<&Deal> {
        let lost = |deal: &&Deal| !self.arrived[deal.symbol].contains(&deal.first);
        self.deals.iter().filter(lost).collect()
    }

    /// Compares the rows of both databases, as `query` answers them, with those that the arrived
    /// trades make. Returns how many raw trades the rows say are missing.
    pub(crate) async fn judge(&self) -> u64 {
        let lost: u64 = self.lost().iter().map(|deal| deal.raw_trades()).sum();
        for database in &self.databases {
            let environment = [("DATABASE_URL", database.url().to_owned())];
            let mut query = Function::start("query", &environment).await.expect("it starts");
            let mut missing = 0;
            for symbol in SYMBOLS {
                let told = answer(&mut query, symbol).await;
                let expected = truth::rows(&self.deals, symbol, &self.arrived);
                for (told, expected) in told.iter().zip(&expected) {
                    assert_eq!(told, expected, "{symbol} of {}", database.url());
                }
                assert_eq!(told.len(), expected.len(), "{symbol} of {}", database.url());
                missing += told.iter().map(Row::missing_up_to_here).sum::<u64>();
            }
            assert_eq!(missing, lost, "{}", database.url());
        }
        lost
    }

    /// The rows of both databases are those that one fold of all trades makes, in every column that
    /// tells of trades and not of objects.
    pub(crate) async fn judge_as_uninterrupted(&mut self) {
        for deal in &self.deals {
            self.arrived.get_mut(deal.symbol).expect("a symbol of ours").insert(deal.first);
        }
        assert_eq!(self.judge().await, 0);
        let of_no_object = |bar: Bar| Bar { object_count: 0, duplicate_count: 0, ..bar };
        let whole = market::fold(self.deals.iter().map(Deal::trade)).expect("small sums");
        let whole: Vec<Bar> = whole.into_iter().map(of_no_object).collect();
        for database in &self.databases {
            let store = Store::connect(database.url(), 1).expect("a database URL");
            let mut told = Vec::new();
            for name in SYMBOLS {
                let (exchange, symbol) = (Exchange::Binance.name(), symbol(name));
                let (from, to, limit) = (Minute::MIN, Minute::MAX, 5_000);
                let rows = store.bars(&Range { exchange, symbol, from, to, limit }).await;
                told.extend(rows.expect("rows").into_iter().map(|row| of_no_object(row.bar)));
            }
            store.close().await;
            assert_eq!(told, whole, "{}", database.url());
        }
    }

    /// Runs `tickfold repair` on one of the databases, with the exchange's REST interface at this
    /// place, and folds what it has written; returns what it says.
    pub(crate) async fn repair(&self, database: usize, rest: &RestExchange) -> String {
        let mut command = self.command("repair", database);
        command
            .envs(environment(self.moto.endpoint(), KEY, KEY))
            .env("AWS_ENDPOINT_URL_SQS", self.moto.endpoint())
            .env("QUEUE_URL", &self.queue_url)
            .env("BINANCE_REST_URL", rest.url());
        let Output { status, stdout, stderr } = command.output().await.expect("it starts");
        let log = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "{log}");
        self.aggregate.drain().await;
        String::from_utf8(stdout).expect("UTF-8")
    }

    /// What `tickfold gaps` lists of one of the databases.
    pub(crate) async fn gaps(&self, database: usize) -> Vec<Value> {
        let output = self.command("gaps", database).output().await.expect("it starts");
        let lines = String::from_utf8(output.stdout).expect("UTF-8");
        let told = |line: &str| -> Value {
            let gap: Value = serde_json::from_str(line).expect("JSON");
            TOLD.iter().map(|name| ((*name).to_owned(), gap[name].clone())).collect()
        };
        let gaps: Vec<Value> = lines.lines().map(told).collect();
        let is_filled = gaps.iter().all(|gap| gap["state"] == "filled");
        assert_eq!(output.status.success(), is_filled, "{lines}");
        gaps
    }

    fn command(&self, name: &str, database: usize) -> Command {
        let mut command = Command::new(tickfold());
        command.arg(name).env_clear().env("DATABASE_URL", self.databases[database].url());
        command.kill_on_drop(true);
        command
    }
}

async fn answer(query: &mut Function, symbol: &str) -> Vec<Row> {
    let mut event: Value =
        serde_json::from_str(include_str!("../../events/query.json")).expect("JSON");
    let asked = [("exchange", "binance"), ("symbol", symbol), ("from", "1690000000000")];
    let asked = [&asked[..], &[("limit", "5000")]].concat();
    let text: Vec<String> = asked.iter().map(|(name, value)| format!("{name}={value}")).collect();
    event["rawQueryString"] = text.join("&").into();
    event["queryStringParameters"] = asked
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Value::from(*value)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let answer = query.invoke(&event).await.expect("an answer");
    assert_eq!(answer["statusCode"], 200, "{answer}");
    let page: Value = serde_json::from_str(answer["body"].as_str().expect("text")).expect("JSON");
    assert!(page["next"].is_null(), "one page is enough");
    page["bars"].as_array().expect("bars").iter().map(truth::told).collect()
}
