//! The accounts of those who use the tables: each does what its programs do, and the server lets it
//! do nothing else. What dashboards read with theirs is in `store_views`.

use futures_util::future::join_all;
use market::{Audit, Bar, BookBar, Gap, Minute, fold};
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection, PgConnection};
use store::{Logins, Outcome, Range, Repair, Store, StoreError, StoredAudit};
use tests::books::{book_bars, book_lines};
use tests::mariadb::Mariadb;
use tests::postgres::Postgres;
use tests::trades::{NOON, SECOND, name, symbol, time, trades};

/// Deployments of the same account at the same time.
const AT_ONCE: usize = 6;

const REFUSED_TO_BOTH: [&str; 10] = [
    "delete from audits",
    "delete from bars",
    "delete from repairs",
    "delete from book_bars",
    "drop table book_bars",
    "truncate table bars",
    "drop table bars",
    "alter table bars add note int",
    "create table mine (it int)",
    "select * from _sqlx_migrations",
];

fn bars(first_id: u64) -> Vec<Bar> {
    fold(trades(first_id, 40, 2)).expect("small sums")
}

fn all() -> Range {
    let (from, to, limit) = (Minute::MIN, Minute::MAX, 10);
    Range { exchange: name("binance"), symbol: symbol("BTCUSDT"), from, to, limit }
}

fn repair() -> Repair {
    Repair {
        gap: Gap {
            exchange: name("binance"),
            symbol: symbol("BTCUSDT"),
            first_missing_id: 5,
            last_missing_id: 9,
            missing_count: 5,
            from_time: time(NOON),
            to_time: time(NOON + SECOND),
        },
        attempts: 1,
        outcome: Outcome::Open,
        reason: None,
        last_attempt: time(NOON),
        next_attempt: None,
        throttled_until: None,
    }
}

fn store(url: &str) -> Store {
    Store::connect(url, 1).expect("a URL")
}

/// Migrates as several deployments at the same time would; returns how the accounts log in.
async fn migrated(url: &str) -> Logins {
    let stores: Vec<Store> = (0..AT_ONCE).map(|_| store(url)).collect();
    let migrations = join_all(stores.iter().map(Store::migrate)).await;
    assert!(migrations.into_iter().all(|done| done.expect("migrated") == 6));
    // Connected before, so that all of them begin at once.
    join_all(stores.iter().map(Store::symbols)).await;
    let logins = join_all(stores.iter().map(Store::make_roles)).await;
    let logins: Vec<Logins> = logins.into_iter().map(|done| done.expect("made")).collect();
    assert!(logins.windows(2).all(|two| two[0] == two[1]), "{logins:?}");
    logins[0]
}

/// What `aggregate` does with its account and `query` with its own.
async fn each_does_its_work(writer: &Store, reader: &Store) {
    let old = bars(100);
    assert_eq!(writer.put_newer(&old).await.expect("new rows"), 2);
    assert_eq!(writer.put_newer(&old).await.expect("known rows"), 0);
    let newer: Vec<Bar> = bars(500).into_iter().map(|bar| Bar { object_count: 2, ..bar }).collect();
    assert_eq!(writer.put_newer(&newer).await.expect("newer rows"), 2);

    let read: Vec<Bar> =
        reader.bars(&all()).await.expect("rows").into_iter().map(|row| row.bar).collect();
    assert_eq!(read, newer);
    assert_eq!(reader.symbols().await.expect("symbols").len(), 1);
    let before = reader.bar_before(&name("binance"), &symbol("BTCUSDT"), newer[1].minute).await;
    assert_eq!(before.expect("a row").map(|row| row.bar), Some(newer[0].clone()));
    reader.put_newer(&bars(900)).await.expect_err("it only reads");

    assert_eq!(writer.put_newer(&book_bars(book_lines(40, 2), 1)).await.expect("new rows"), 2);
    let newer = book_bars(book_lines(40, 2), 2);
    assert_eq!(writer.put_newer(&newer).await.expect("newer rows"), 2);
    let read: Vec<BookBar> =
        reader.rows(&all()).await.expect("rows").into_iter().map(|row| row.bar).collect();
    assert_eq!(read, newer);
    reader.put_newer(&book_bars(book_lines(40, 2), 3)).await.expect_err("it only reads");

    let repair = repair();
    for _ in 0..2 {
        writer
            .put_repairs(std::slice::from_ref(&repair))
            .await
            .expect("a new row, and a known one");
    }
    assert_eq!(reader.repairs(&all()).await.expect("rows"), std::slice::from_ref(&repair));
    assert_eq!(reader.gaps(&all()).await.expect("gaps").gaps, []);
    reader.put_repairs(&[repair]).await.expect_err("it only reads");

    let Range { exchange, symbol, .. } = all();
    let (from, audited_at, found) = (time(NOON).minute(), time(NOON), Audit::default());
    let audit = StoredAudit { exchange, symbol, from, to: from.plus(1), audited_at, found };
    for _ in 0..2 {
        writer.put_audit(&audit).await.expect("a new row, and a known one");
    }
    assert_eq!(reader.audits(&all()).await.expect("rows"), std::slice::from_ref(&audit));
    reader.put_audit(&audit).await.expect_err("it only reads");
}

#[tokio::test]
async fn on_postgresql_each_account_does_its_work_and_nothing_else() {
    let server = Postgres::start();
    let root = server.url("postgres");
    let mut root = PgConnection::connect(&root).await.expect("connected");
    // As on RDS: who owns the database may make accounts, and is no superuser.
    root.execute("create role tickfold login createrole").await.expect("made");
    root.execute("create database tickfold owner tickfold").await.expect("made");
    let owner = server.url("tickfold").replace("postgres@", "tickfold@");
    assert_eq!(migrated(&owner).await, Logins::Closed);

    let [writer, reader] = ["tickfold_writer", "tickfold_readonly"]
        .map(|user| owner.replace("tickfold@", &format!("{user}@")));
    each_does_its_work(&store(&writer), &store(&reader)).await;
    for url in [writer, reader] {
        let mut connection = PgConnection::connect(&url).await.expect("it logs in");
        connection.execute("set default_transaction_read_only = off").await.expect("off");
        for sql in REFUSED_TO_BOTH.into_iter().chain(["create role mine"]) {
            let refused = connection.execute(sql).await.expect_err(sql).to_string();
            let why = ["permission denied", "must be owner"];
            assert!(why.iter().any(|why| refused.contains(why)), "{sql}: {refused}");
        }
    }

    root.execute("create role rds_iam").await.expect("made");
    root.execute("grant rds_iam to tickfold with admin option").await.expect("granted");
    assert_eq!(migrated(&owner).await, Logins::Iam);
    let members = "select count(*) from pg_roles where rolname in ('tickfold_writer', \
                   'tickfold_readonly') and pg_has_role(oid, 'rds_iam', 'member')";
    let members: i64 = sqlx::query_scalar(members).fetch_one(&mut root).await.expect("a number");
    assert_eq!(members, 2);
}

#[tokio::test]
async fn on_mysql_each_account_does_its_work_and_nothing_else() {
    let server = Mariadb::start_with_accounts();
    let owner = server.database();
    assert_eq!(migrated(&owner).await, Logins::Closed);

    let mut root = MySqlConnection::connect(&owner).await.expect("connected");
    let [writer, reader] = ["tickfold_writer", "tickfold_readonly"]
        .map(|user| owner.replace("root@", &format!("{user}:pass@")));
    store(&writer).symbols().await.expect_err("it is locked");
    for user in ["tickfold_writer", "tickfold_readonly"] {
        let unlock = format!("alter user {user} identified by 'pass' account unlock");
        root.execute(AssertSqlSafe(unlock)).await.expect("unlocked");
    }
    each_does_its_work(&store(&writer), &store(&reader)).await;
    for url in [&writer, &reader] {
        let mut connection = MySqlConnection::connect(url).await.expect("it logs in");
        for sql in REFUSED_TO_BOTH.into_iter().chain(["create user mine"]) {
            let refused = connection.execute(sql).await.expect_err(sql).to_string();
            let why = ["denied", "Access denied"];
            assert!(why.iter().any(|why| refused.contains(why)), "{sql}: {refused}");
        }
    }

    assert_eq!(migrated(&owner).await, Logins::Closed);
    store(&writer).symbols().await.expect("a second time locks nobody out");
    // RDS alone has this plugin: another one, in its place, reads the rest of the statements.
    let iam = include_str!("../shared/store/roles/mysql/iam.sql");
    assert_eq!(iam.matches("AWSAuthenticationPlugin").count(), 2);
    let iam = iam.replace("AWSAuthenticationPlugin", "unix_socket");
    sqlx::raw_sql(AssertSqlSafe(iam)).execute(&mut root).await.expect("it is understood");
    store(&writer).symbols().await.expect_err("its password is gone");
}

#[tokio::test]
async fn a_file_has_no_accounts() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = store(&format!("sqlite://{}/bars.db", folder.path().display()));
    store.migrate().await.expect("migrated");
    let error = store.make_roles().await.expect_err("nobody logs in to a file");
    assert!(matches!(error, StoreError::NoAccounts), "{error}");
}
