//! A writer that the database gives up to break a deadlock writes again; it loses nothing.

use std::time::Duration;

use market::{Bar, fold};
use sqlx::{Connection, Executor, MySqlConnection, PgConnection};
use store::Store;
use tests::databases::Database;
use tests::trades::trades;

/// Until the writer waits for the lock; less than PostgreSQL waits before it looks for deadlocks.
const WRITER_WAITS: Duration = Duration::from_millis(400);

fn bars(object_count: u64) -> Vec<Bar> {
    let bars = fold(trades(1, 100, 10)).expect("small sums");
    bars.into_iter().map(|bar| Bar { object_count, ..bar }).collect()
}

/// Holds all rows but the first, and asks for that one when the writer holds it and waits for the
/// next: the writer is given up, as the one that waited first and changed less.
macro_rules! deadlock {
    ($connection:ty, $database:expr) => {{
        let store: Store = $database.store();
        store.put_newer(&bars(1)).await.expect("written");
        let mut other = <$connection>::connect(&$database.url).await.expect("connected");
        let mut other = other.begin().await.expect("begun");
        let touch = async |other: &mut $connection, which: &'static str| {
            other.execute(which).await.expect("touched").rows_affected()
        };
        let rest = "update bars set quarantined_count = 5 where minute > '2026-11-20 12:00'";
        assert_eq!(touch(&mut *other, rest).await, 9);
        let writer = tokio::spawn(async move { store.put_newer(&bars(2)).await });
        tokio::time::sleep(WRITER_WAITS).await;
        let first = "update bars set quarantined_count = 6 where minute = '2026-11-20 12:00'";
        assert_eq!(touch(&mut *other, first).await, 1, "the other is not given up");
        other.commit().await.expect("committed");
        let written = writer.await.expect("no panic").expect("tried again");
        assert_eq!(written, 10, "{}", $database.name);
    }};
}

#[tokio::test]
async fn a_writer_that_postgresql_gives_up_tries_again() {
    let database = Database::postgres().await;
    deadlock!(PgConnection, database);
}

#[tokio::test]
async fn a_writer_that_mariadb_gives_up_tries_again() {
    let database = Database::mariadb().await;
    deadlock!(MySqlConnection, database);
}
