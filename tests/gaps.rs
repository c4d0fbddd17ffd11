//! `tickfold gaps` as its users run it: what is missing, in each form, and the exit status that
//! tells whether anything is.

use std::process::{Command, Output};

use market::{Bar, Gap, Trade, fold};
use serde_json::Value;
use store::{Outcome, Repair};
use tests::binary::tickfold;
use tests::databases::Database;
use tests::trades::{NOON, SECOND, name, symbol, time, trades};

fn gaps(database: &Database, arguments: &[&str]) -> Output {
    let mut command = Command::new(tickfold());
    command.arg("gaps").args(arguments).env("DATABASE_URL", &database.url);
    command.output().expect("it starts")
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).expect("UTF-8")
}

const DAY: [&str; 4] = ["--from", "2026-11-20T00:00:00Z", "--to", "2026-11-21T00:00:00Z"];

/// Two symbols; of the first ids 4 to 7 are lost, and 12 was.
async fn with_gaps() -> Database {
    let database = Database::sqlite().await;
    let all = trades(1, 20, 10).into_iter().enumerate();
    let kept = all.filter(|(at, _)| !(3..7).contains(at)).map(|(_, trade)| trade);
    let other = trades(1, 20, 10).into_iter();
    let other = other.map(|trade| Trade { symbol: symbol("ETHUSDT"), ..trade });
    let bars = fold(kept.chain(other)).expect("small sums").into_iter();
    let bars: Vec<Bar> = bars.map(|bar| Bar { object_count: 1, ..bar }).collect();
    let store = database.store();
    store.put_newer(&bars).await.expect("written");
    let filled = Repair {
        gap: Gap {
            exchange: name("binance"),
            symbol: symbol("BTCUSDT"),
            first_missing_id: 12,
            last_missing_id: 12,
            missing_count: 1,
            from_time: time(NOON + 300 * SECOND),
            to_time: time(NOON + 360 * SECOND),
        },
        attempts: 2,
        outcome: Outcome::Filled,
        reason: None,
        last_attempt: time(NOON + 900 * SECOND),
        next_attempt: None,
        throttled_until: None,
    };
    store.put_repairs(&[filled]).await.expect("written");
    database
}

#[tokio::test]
async fn what_is_missing_is_listed_in_each_form_and_told_by_the_exit_status() {
    let database = with_gaps().await;
    let json = gaps(&database, &DAY);
    assert_eq!(json.status.code(), Some(2), "{}", text(&json.stderr));
    let lines: Vec<Value> =
        text(&json.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let told: Vec<_> = lines
        .iter()
        .map(|it| (it["first_missing_id"].as_u64(), it["missing_count"].as_u64(), &it["state"]))
        .collect();
    let expected =
        [(Some(4), Some(4), &Value::from("open")), (Some(12), Some(1), &Value::from("filled"))];
    assert_eq!(told, expected);

    let csv = gaps(&database, &[&DAY[..], &["--output", "csv"]].concat());
    let expected = "\
exchange,symbol,minute,first_missing_id,last_missing_id,missing_count,from_time,to_time,state,\
attempts,last_attempt,reason
binance,BTCUSDT,2026-11-20T12:03:00Z,4,7,4,2026-11-20T12:01:00.000000Z,\
2026-11-20T12:03:30.000000Z,open,0,,
binance,BTCUSDT,2026-11-20T12:06:00Z,12,12,1,2026-11-20T12:05:00.000000Z,\
2026-11-20T12:06:00.000000Z,filled,2,2026-11-20T12:15:00.000000Z,
";
    assert_eq!(text(&csv.stdout), expected);

    let table = gaps(&database, &[&DAY[..], &["--output", "table"]].concat());
    let rows: Vec<&str> = text(&table.stdout).lines().collect();
    assert_eq!(rows.len(), 3, "{rows:#?}");
    assert!(rows[0].starts_with("exchange  symbol   minute  "), "{}", rows[0]);
    assert_eq!(rows[0].find("state"), rows[1].find("open"), "{rows:#?}");

    for quiet in [
        &["--symbol", "ETHUSDT"][..],
        &["--exchange", "kraken"],
        &["--from", "2026-11-20T12:04:00Z"],
    ] {
        let ran = gaps(&database, &[&DAY[2..], quiet, &["--output", "ndjson"]].concat());
        assert_eq!(ran.status.code(), Some(0), "{quiet:?}: {}", text(&ran.stdout));
    }
    let none = gaps(&database, &["--symbol", "ETHUSDT", "--output", "table"]);
    assert_eq!((none.status.code(), text(&none.stdout)), (Some(0), "nothing is missing\n"));
}

#[tokio::test]
async fn what_cannot_be_told_is_an_error_that_says_why() {
    let mut database = with_gaps().await;
    let wrong = gaps(&database, &["--symbol", "btc/usdt"]);
    assert!(text(&wrong.stderr).contains("is not a symbol"), "{}", text(&wrong.stderr));
    database.url = "postgres://me:secret@127.0.0.1:1/db".into();
    let away = gaps(&database, &[]);
    let said = text(&away.stderr);
    assert_eq!(away.status.code(), Some(1));
    assert!(said.starts_with("tickfold gaps: no connection to the database at"), "{said}");
    assert!(!said.contains("secret"), "{said}");
}
