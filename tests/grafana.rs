//! The Grafana dashboards: their form, and every query of theirs on a real PostgreSQL, with Grafana's
//! macros filled in as its PostgreSQL data source does; Grafana itself is not run.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use market::{Bar, fold};
use serde_json::Value;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Column, Connection, Row, TypeInfo};
use tests::books::{book_bars, book_lines};
use tests::databases::Database;
use tests::trades::{MINUTE, NOON, SECOND, name, symbol, trade};

#[path = "grafana/books.rs"]
mod books;

/// What Grafana itself migrates to; a dashboard of a later one would not load.
const NEWEST_SCHEMA: u64 = 42;
const WIDTH: u64 = 24;

fn grafana() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/grafana")
}

fn text(path: &str) -> String {
    std::fs::read_to_string(grafana().join(path)).expect(path)
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&text(path)).expect(path)
}

fn dashboards() -> Vec<(String, Value)> {
    let files = std::fs::read_dir(grafana().join("dashboards")).expect("the dashboards");
    let names = files.map(|file| file.expect("a file").file_name().into_string().expect("UTF-8"));
    let read = |name: String| {
        let json = text(&format!("dashboards/{name}"));
        let dashboard = serde_json::from_str(&json).expect(&name);
        (name, dashboard)
    };
    names.map(read).collect()
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).expect(pointer)
}

fn string<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer}: {value:#}"))
}

fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer}: {value:#}"))
}

#[test]
fn the_data_source_takes_everything_that_differs_from_the_environment() {
    let file = yaml("provisioning/datasources/tickfold.yaml");
    let [source] = list(&file, "/datasources") else { panic!("one data source") };
    assert_eq!(string(source, "/type"), "grafana-postgresql-datasource");
    for (pointer, variable) in [
        ("/url", "$TICKFOLD_DATABASE_ADDRESS"),
        ("/user", "$TICKFOLD_DATABASE_USER"),
        ("/secureJsonData/password", "$TICKFOLD_DATABASE_PASSWORD"),
        ("/jsonData/database", "$TICKFOLD_DATABASE_NAME"),
        ("/jsonData/sslmode", "$TICKFOLD_DATABASE_SSLMODE"),
        ("/jsonData/sslRootCertFile", "$TICKFOLD_DATABASE_ROOT_CERTIFICATE"),
    ] {
        assert_eq!(string(source, pointer), variable);
    }
}

#[test]
fn every_dashboard_is_well_formed() {
    let file = yaml("provisioning/datasources/tickfold.yaml");
    let source = string(&file, "/datasources/0/uid");
    let provider = yaml("provisioning/dashboards/tickfold.yaml");
    assert_eq!(string(&provider, "/providers/0/options/path"), "/etc/grafana/dashboards");

    let mut uids = HashSet::new();
    for (file, dashboard) in dashboards() {
        assert!(uids.insert(string(&dashboard, "/uid").to_owned()), "{file}: a second uid");
        assert!(dashboard["id"].is_null(), "{file}: an id belongs to one Grafana's database");
        assert!(number(&dashboard, "/schemaVersion") <= NEWEST_SCHEMA, "{file}");
        let mut ids = HashSet::new();
        let mut taken = HashSet::new();
        for panel in list(&dashboard, "/panels") {
            let title = string(panel, "/title");
            assert!(ids.insert(number(panel, "/id")), "{file}: {title}: a second id");
            assert!(!string(panel, "/description").is_empty(), "{file}: {title}");
            assert!(!string(panel, "/fieldConfig/defaults/unit").is_empty(), "{file}: {title}");
            assert_eq!(string(panel, "/datasource/uid"), source, "{file}: {title}");
            let [x, y, w, h] =
                ["x", "y", "w", "h"].map(|it| number(&panel["gridPos"], &format!("/{it}")));
            assert!(w > 0 && h > 0 && x + w <= WIDTH, "{file}: {title} is beside the grid");
            for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                assert!(taken.insert(cell), "{file}: {title} lies on another panel");
            }
            let mut refs = HashSet::new();
            for target in list(panel, "/targets") {
                assert!(refs.insert(string(target, "/refId")), "{file}: {title}: a second refId");
                assert_eq!(string(target, "/datasource/uid"), source, "{file}: {title}");
                assert!(["table", "time_series"].contains(&string(target, "/format")));
                assert!(!string(target, "/rawSql").is_empty(), "{file}: {title}");
                assert_eq!(target["rawQuery"], true, "{file}: {title}");
            }
            assert!(!refs.is_empty(), "{file}: {title} asks nothing");
        }
        for variable in list(&dashboard, "/templating/list") {
            assert_eq!(string(variable, "/datasource/uid"), source, "{file}");
            // The picked value of whoever saved it last is nobody else's.
            assert_eq!(variable["current"], serde_json::json!({}), "{file}");
        }
    }
    assert!(uids.contains("tickfold-market"));
}

/// Grafana takes a candle's prices from the columns that are named here.
#[test]
fn the_candlestick_panel_names_its_columns() {
    let (_, dashboard) = market();
    let panel = panel(&dashboard, "Candles");
    assert_eq!(string(panel, "/type"), "candlestick");
    for column in ["open", "high", "low", "close", "volume"] {
        assert_eq!(string(&panel["options"]["fields"], &format!("/{column}")), column);
    }
}

fn market() -> (String, Value) {
    dashboards().into_iter().find(|(name, _)| name == "market.json").expect("market.json")
}

fn panel<'a>(dashboard: &'a Value, title: &str) -> &'a Value {
    let mut panels = list(dashboard, "/panels").iter();
    panels.find(|panel| panel["title"] == title).expect(title)
}

/// What the browser and the data source would fill in.
#[derive(Clone, Copy)]
struct Choice {
    exchange: &'static str,
    symbol: &'static str,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    interval: TimeDelta,
}

/// Fills in variables (`sqlstring`: quoted, quotes doubled) and macros, by the rules of Grafana's
/// `public/app/features/variables` and `pkg/tsdb/grafana-postgresql-datasource/macros.go`: those
/// that we use, and no other.
fn filled_in(sql: &str, choice: Choice) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let time = |time: DateTime<Utc>| format!("'{}'", time.format("%Y-%m-%dT%H:%M:%S%.fZ"));
    let filled = sql
        .replace("${exchange:sqlstring}", &quoted(choice.exchange))
        .replace("${symbol:sqlstring}", &quoted(choice.symbol))
        .replace("$__timeFrom()", &time(choice.from))
        .replace("$__timeTo()", &time(choice.to))
        .replace("$__interval_ms", &choice.interval.num_milliseconds().to_string());
    assert!(!filled.contains('$'), "a macro that is not known here: {filled}");
    filled
}

async fn ask(connection: &mut PgConnection, sql: &str, choice: Choice) -> Vec<PgRow> {
    let sql = filled_in(sql, choice);
    let rows = sqlx::query(AssertSqlSafe(sql.clone())).fetch_all(connection).await;
    rows.unwrap_or_else(|error| panic!("{error}\n{sql}"))
}

fn columns(row: &PgRow) -> Vec<(&str, &str)> {
    row.columns().iter().map(|column| (column.name(), column.type_info().name())).collect()
}

/// The answer's values as text; times as minutes since noon.
async fn values(connection: &mut PgConnection, sql: &str, choice: Choice) -> Vec<Vec<String>> {
    let sql = format!(
        "select array(select value from json_each_text(to_json(answer))) from ({sql}) as answer"
    );
    let value = |value: Option<String>| {
        let Some(text) = value else { return "null".to_owned() };
        let Ok(time) = DateTime::parse_from_rfc3339(&text) else { return text };
        ((time.timestamp_micros() - NOON) / MINUTE).to_string()
    };
    let rows = ask(connection, &sql, choice).await;
    let rows = rows.iter().map(|row| row.get::<Vec<Option<String>>, _>(0));
    rows.map(|row| row.into_iter().map(value).collect()).collect()
}

fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(NOON + minutes * MINUTE).expect("a time")
}

/// Minutes of 10 trades each, from noon; id 25 is missing inside minute 2, ids 40 to 42 between the
/// minutes 3 and 5 (4 has no row), and minute 7 has a refused line.
fn bars() -> Vec<Bar> {
    let ids = (0..100).filter(|id| *id != 25 && !(40..=42).contains(id));
    let minute = |id: u64| if (43..50).contains(&id) { 5 } else { id as i64 / 10 };
    let trades =
        ids.map(|id| trade(id + 1_000, NOON + minute(id) * MINUTE + (id % 10) as i64 * SECOND));
    let mut bars = fold(trades).expect("small sums");
    for bar in &mut bars {
        bar.object_count = 1;
    }
    bars.iter_mut()
        .find(|bar| bar.minute.start().micros() == NOON + 7 * MINUTE)
        .expect("minute 7")
        .quarantined_count = 1;
    bars
}

/// A connection that may do what the data source's role must be allowed, and nothing else.
async fn reader(database: &Database) -> PgConnection {
    let mut connection = PgConnection::connect(&database.url).await.expect("connected");
    let view = "create or replace view candles as
        select exchange, symbol, minute as time, open, high, low, close,
            buy_base_volume + sell_base_volume as volume
        from bars";
    let made: Option<String> = sqlx::query_scalar("select to_regclass('candles')::text")
        .fetch_one(&mut connection)
        .await
        .expect("an answer");
    // The tests' databases share their server, and with it the roles.
    let role = format!("reader_of_{}", database.url.rsplit('/').next().expect("a name"));
    for sql in [
        if made.is_none() { view } else { "select 1" },
        &format!("create role {role}"),
        &format!("grant select on bars, candles, book_bars to {role}"),
        &format!("set role {role}"),
    ] {
        sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.expect(sql);
    }
    connection
}

const CHOICE: Choice = Choice {
    exchange: "binance",
    symbol: "BTCUSDT",
    from: DateTime::UNIX_EPOCH,
    to: DateTime::UNIX_EPOCH,
    interval: TimeDelta::minutes(1),
};

#[tokio::test]
async fn every_query_answers_with_the_columns_that_its_panel_reads() {
    let database = Database::postgres().await;
    let store = database.store();
    let mut rows = bars();
    rows.extend(bars().into_iter().map(|bar| Bar { symbol: symbol("ETHUSDT"), ..bar }));
    rows.extend(bars().into_iter().map(|bar| Bar { exchange: name("kraken"), ..bar }));
    store.put_newer(&rows).await.expect("written");
    store.put_newer(&book_bars(book_lines(120, 10), 1)).await.expect("written");
    let mut reader = reader(&database).await;
    let write = sqlx::query("delete from bars").execute(&mut reader).await;
    assert!(write.is_err(), "it reads only");

    let (_, dashboard) = market();
    let choice = Choice { from: at(0), to: at(60), ..CHOICE };
    let price = "NUMERIC";
    for (title, expected) in [
        (
            "Candles",
            vec![
                ("open", price),
                ("high", price),
                ("low", price),
                ("close", price),
                ("volume", price),
            ],
        ),
        ("Buy and sell volume", vec![("buy", "NUMERIC"), ("sell", "NUMERIC")]),
        ("Spread", vec![("spread", "NUMERIC")]),
        ("Imbalance", vec![("imbalance", "NUMERIC")]),
        ("Data age", vec![("age", "NUMERIC")]),
        ("Missing trades", vec![("inside", "NUMERIC"), ("between", "NUMERIC")]),
        (
            "Incomplete minutes",
            vec![
                ("missing_before", "INT8"),
                ("missing_inside", "INT8"),
                ("quarantined", "INT8"),
                ("conflicts", "INT8"),
                ("trades", "INT8"),
                ("objects", "INT8"),
                ("updated_at", "TIMESTAMPTZ"),
            ],
        ),
    ] {
        let sql = string(panel(&dashboard, title), "/targets/0/rawSql");
        let rows = ask(&mut reader, sql, choice).await;
        let expected: Vec<_> = [("time", "TIMESTAMPTZ")].into_iter().chain(expected).collect();
        assert_eq!(columns(rows.first().expect(title)), expected, "{title}");
    }
    assert_eq!(list(&dashboard, "/panels").len(), 7, "every panel is tested above");

    let mut listed = Vec::new();
    for variable in list(&dashboard, "/templating/list") {
        let rows = ask(&mut reader, string(variable, "/query"), choice).await;
        listed.push(rows.iter().map(|row| row.get(0)).collect::<Vec<String>>());
    }
    assert_eq!(
        listed,
        [
            ["binance", "kraken"].map(String::from).to_vec(),
            vec!["BTCUSDT".into(), "ETHUSDT".into()]
        ]
    );
    let injected = Choice { exchange: "' or true --", ..choice };
    let sql = string(&list(&dashboard, "/templating/list")[1], "/query");
    assert_eq!(ask(&mut reader, sql, injected).await.len(), 0);
}

#[tokio::test]
async fn candles_of_several_minutes_are_folded_from_their_rows() {
    let database = Database::postgres().await;
    database.store().put_newer(&bars()).await.expect("written");
    let mut reader = reader(&database).await;
    let (_, dashboard) = market();
    let sql = string(panel(&dashboard, "Candles"), "/targets/0/rawSql");
    // From the middle of the first five minutes: their candle is whole nevertheless.
    let interval = TimeDelta::minutes(5);
    let choice = Choice { from: at(3), to: at(60), interval, ..CHOICE };
    let found = values(&mut reader, sql, choice).await;
    let all = bars();
    let expected: Vec<Vec<String>> = [0..5, 5..10]
        .map(|minutes| {
            let inside =
                |bar: &&Bar| minutes.contains(&((bar.minute.start().micros() - NOON) / MINUTE));
            let bars: Vec<&Bar> = all.iter().filter(inside).collect();
            let trades: u64 = bars.iter().map(|bar| bar.buy_count + bar.sell_count).sum();
            let (first, last) = (bars[0], bars[bars.len() - 1]);
            let high = bars.iter().map(|bar| bar.high).max().expect("bars");
            let low = bars.iter().map(|bar| bar.low).min().expect("bars");
            vec![
                minutes.start.to_string(),
                first.open.to_string(),
                high.to_string(),
                low.to_string(),
                last.close.to_string(),
                // Each trade is one of 0.00123.
                format!("0.{:05}", trades * 123),
            ]
        })
        .into();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn what_is_missing_is_counted_inside_rows_and_between_them() {
    let database = Database::postgres().await;
    database.store().put_newer(&bars()).await.expect("written");
    let mut reader = reader(&database).await;
    let (_, dashboard) = market();
    let sql = |title| string(panel(&dashboard, title), "/targets/0/rawSql");
    let mut answer = async |title, from| {
        let choice = Choice { from: at(from), to: at(60), ..CHOICE };
        values(&mut reader, sql(title), choice).await
    };
    let missing = answer("Missing trades", 0).await;
    assert_eq!(missing.len(), 9);
    assert_eq!(missing[0], ["0", "0", "null"], "nothing is known of what was before the first row");
    assert_eq!(missing[1], ["1", "0", "0"]);
    assert_eq!(missing[2], ["2", "1", "0"]);
    assert_eq!(missing[4], ["5", "0", "3"], "minute 4 has no row");
    // The row before the range tells what is missing before the range's first row.
    assert_eq!(answer("Missing trades", 5).await[0], ["5", "0", "3"]);

    let incomplete = answer("Incomplete minutes", 0).await;
    let facts: Vec<_> = incomplete.iter().map(|row| row[..6].join(" ")).collect();
    assert_eq!(facts, ["7 0 0 1 0 10", "5 3 0 0 0 17", "2 0 1 0 0 9"]);
}

/// What `terraform/quicksight.tf` says of the view, in QuickSight's own types.
#[tokio::test]
async fn quicksights_data_set_has_the_columns_of_the_view() {
    let database = Database::postgres().await;
    let mut owner = PgConnection::connect(&database.url).await.expect("connected");
    let of_the_view = sqlx::query_as::<_, (String, String)>(
        "select column_name::text, data_type::text from information_schema.columns
         where table_name = 'minute_totals' order by ordinal_position",
    );
    let of_the_view = of_the_view.fetch_all(&mut owner).await.expect("columns");
    let stack = std::fs::read_to_string(grafana().join("../../terraform/quicksight.tf"));
    let stack = stack.expect("QuickSight's file");
    let set = stack.split("minute_totals = {\n").nth(1).and_then(|it| it.split('}').next());
    let columns = set.expect("its columns").lines().filter_map(|line| line.split_once(" = "));
    let columns = columns.map(|(name, kind)| (name.trim(), kind.trim_matches('"')));
    let quicksights = |kind: &str| match kind {
        "text" | "character varying" => "STRING",
        "timestamp without time zone" => "DATETIME",
        "bigint" => "INTEGER",
        "numeric" => "DECIMAL",
        other => panic!("{other}: what is it in QuickSight?"),
    };
    let expected = of_the_view.iter().map(|(name, kind)| (name.as_str(), quicksights(kind)));
    assert!(columns.eq(expected), "{of_the_view:?}");
}
