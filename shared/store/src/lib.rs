//! The bars in a database: the only crate that knows SQL; knows no object, no event and no trade.
//!
//! One [`Store`] over several databases. A bar goes in and comes out as the JSON of
//! [`market::Bar`], whose field names are the column names; decimals travel as their exact text.
//! MySQL's SQL keeps to what MySQL 8 and MariaDB 10.11 share; the tests run it on MariaDB.
//! The SQL is in `queries/` and `migrations/`, one folder per database, and each statement is
//! written for each. To add a database: a variant of `Pool`, its two folders, and its line in
//! `connect` and `Sql`; the compiler and the tests name the rest.

mod sql;

use std::time::Duration;

use market::{Bar, ExchangeName, Minute, Symbol, Time};
use serde::{Deserialize, Serialize};
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Executor, MySqlPool, PgPool};
#[cfg(feature = "sqlite")]
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

/// Rows in one statement: a day of one symbol and some more. Measured rates are flat from 500 to
/// 10,000; the JSON of this many is about a megabyte.
const ROWS_AT_ONCE: usize = 2_000;
/// How long a caller waits for a connection: less than any function's time, so that the error
/// still reaches the log.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a statement is tried that others undo. Each time one of them got its rows in, so this
/// is enough for as many writers of the same minute at the same time.
const PUT_ATTEMPTS: u32 = 16;
/// What a MySQL connection starts with: a number that does not fit is an error and not the nearest
/// one that does, and a writer locks the rows it writes, not the gaps between them.
const MYSQL_SESSION: &str = "set session sql_mode = 'STRICT_ALL_TABLES'; \
    set session transaction isolation level read committed";
/// How long SQLite waits for another writer; a write takes milliseconds.
#[cfg(feature = "sqlite")]
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("DATABASE_URL: {0}")]
    Url(String),
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    #[error("migration: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    #[error("a stored row cannot be read: {0}")]
    Row(#[from] serde_json::Error),
}

/// A bar as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredBar {
    #[serde(flatten)]
    pub bar: Bar,
    /// When the row was last written; decides nothing.
    pub updated_at: Time,
}

/// A symbol that has bars.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredSymbol {
    pub exchange: ExchangeName,
    pub symbol: Symbol,
    pub first_minute: Minute,
    pub last_minute: Minute,
    /// Exchange time of the newest trade.
    pub last_time: Time,
}

/// Which bars to read: `from <= minute < to`, ascending, at most `limit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    pub exchange: ExchangeName,
    pub symbol: Symbol,
    pub from: Minute,
    pub to: Minute,
    pub limit: u32,
}

/// A database of bars. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    pool: Pool,
}

#[derive(Debug, Clone)]
enum Pool {
    Postgres(PgPool),
    MySql(MySqlPool),
    #[cfg(feature = "sqlite")]
    Sqlite(SqlitePool),
}

/// Runs one body against whichever database is open.
macro_rules! on {
    ($self:expr, |$pool:ident, $sql:ident| $body:expr) => {
        match &$self.pool {
            Pool::Postgres($pool) => {
                let $sql = &sql::POSTGRES;
                $body
            }
            Pool::MySql($pool) => {
                let $sql = &sql::MYSQL;
                $body
            }
            #[cfg(feature = "sqlite")]
            Pool::Sqlite($pool) => {
                let $sql = &sql::SQLITE;
                $body
            }
        }
    };
}

impl Store {
    /// `postgres://user@host/db`, `mysql://user@host/db` or, where it is built in,
    /// `sqlite:///path/to/file.db`. Connects at the first use, with at most `connections`.
    pub fn connect(url: &str, connections: u32) -> Result<Store, StoreError> {
        let wrong = |error: sqlx::Error| StoreError::Url(error.to_string());
        let pool = match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("postgres" | "postgresql") => {
                let options = url.parse::<PgConnectOptions>().map_err(wrong)?;
                let pool = PgPoolOptions::new().max_connections(connections);
                Pool::Postgres(pool.acquire_timeout(ACQUIRE_TIMEOUT).connect_lazy_with(options))
            }
            Some("mysql" | "mariadb") => {
                let options = url.parse::<MySqlConnectOptions>().map_err(wrong)?;
                let pool = MySqlPoolOptions::new().max_connections(connections);
                let pool = pool.after_connect(|connection, _| {
                    Box::pin(async { connection.execute(MYSQL_SESSION).await.map(drop) })
                });
                Pool::MySql(pool.acquire_timeout(ACQUIRE_TIMEOUT).connect_lazy_with(options))
            }
            #[cfg(feature = "sqlite")]
            Some("sqlite") => {
                let options = url.parse::<SqliteConnectOptions>().map_err(wrong)?;
                let options = options
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Normal)
                    .busy_timeout(BUSY_TIMEOUT);
                let pool = SqlitePoolOptions::new().max_connections(connections);
                // A writer may wait for the others as long as SQLite lets it.
                Pool::Sqlite(pool.acquire_timeout(BUSY_TIMEOUT).connect_lazy_with(options))
            }
            _ => return Err(StoreError::Url(unknown_scheme(url))),
        };
        Ok(Store { pool })
    }

    /// Brings the tables to this version. Twice is once.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        on!(self, |pool, sql| Ok(sql.migrator().run(pool).await?))
    }

    /// Writes each bar unless the stored one is of the same or a later version; returns how many
    /// were written. The rest were stale or known already.
    pub async fn put_newer(&self, bars: &[Bar]) -> Result<u64, StoreError> {
        let mut written = 0;
        for bars in bars.chunks(ROWS_AT_ONCE) {
            let rows = serde_json::to_string(bars)?;
            on!(self, |pool, sql| for statement in sql.put_bars {
                let mut attempt = 1;
                written += loop {
                    match sqlx::query(*statement).bind(&rows).execute(pool).await {
                        Ok(done) => break done.rows_affected(),
                        Err(error) if attempt < PUT_ATTEMPTS && lost_to_another(&error) => {}
                        Err(error) => return Err(error.into()),
                    }
                    attempt += 1;
                };
            });
        }
        Ok(written)
    }

    pub async fn bars(&self, range: &Range) -> Result<Vec<StoredBar>, StoreError> {
        let rows: Vec<String> = on!(self, |pool, sql| {
            sqlx::query_scalar(sql.bars)
                .bind(range.exchange.as_str())
                .bind(range.symbol.as_str())
                .bind(range.from.to_string())
                .bind(range.to.to_string())
                .bind(i64::from(range.limit))
                .fetch_all(pool)
                .await?
        });
        read_all(&rows)
    }

    /// The nearest bar of a symbol before `minute`.
    pub async fn bar_before(
        &self,
        exchange: &ExchangeName,
        symbol: &Symbol,
        minute: Minute,
    ) -> Result<Option<StoredBar>, StoreError> {
        let row: Option<String> = on!(self, |pool, sql| {
            sqlx::query_scalar(sql.bar_before)
                .bind(exchange.as_str())
                .bind(symbol.as_str())
                .bind(minute.to_string())
                .fetch_optional(pool)
                .await?
        });
        row.map(|row| Ok(serde_json::from_str(&row)?)).transpose()
    }

    pub async fn symbols(&self) -> Result<Vec<StoredSymbol>, StoreError> {
        let rows: Vec<String> =
            on!(self, |pool, sql| sqlx::query_scalar(sql.symbols).fetch_all(pool).await?);
        read_all(&rows)
    }

    /// Waits for what is running and closes the connections.
    pub async fn close(&self) {
        on!(self, |pool, _sql| pool.close().await);
    }
}

/// Whether a statement was undone for the sake of another writer. Running it again is safe: it
/// writes what is newer than what is there by then, and nothing else.
fn lost_to_another(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else { return false };
    // A deadlock and a failed serialization; PostgreSQL has a code of its own for the first.
    let undone = error.code().is_some_and(|code| code == "40001" || code == "40P01");
    undone || error.is_unique_violation()
}

fn read_all<T: for<'a> Deserialize<'a>>(rows: &[String]) -> Result<Vec<T>, StoreError> {
    rows.iter().map(|row| Ok(serde_json::from_str(row)?)).collect()
}

/// Says what would have been right, and never prints a password.
fn unknown_scheme(url: &str) -> String {
    let scheme = url.split_once("://").map_or("no scheme", |(scheme, _)| scheme);
    let known = "postgres:// or mysql://";
    let sqlite = if cfg!(feature = "sqlite") { " or sqlite://" } else { "" };
    format!("{scheme} is no database known here; expected {known}{sqlite}")
}
