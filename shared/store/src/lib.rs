//! The rows in a database: the only crate that knows SQL; knows no object, no event and no trade.
//!
//! One [`Store`] over several databases. A row goes in and comes out as the JSON of
//! [`market::Bar`] or [`market::BookBar`], whose field names are the column names; decimals travel
//! as their exact text.
//! MySQL's SQL keeps to what MySQL 8 and MariaDB 10.11 share; the tests run it on MariaDB. The SQL
//! is in `queries/`, `migrations/` and `roles/`, one folder per database, and each statement is
//! written for each. To add a database: a variant of `Pool`, its folders, and its line in `Access`
//! and `Sql`; the compiler and the tests name the rest.

mod access;
mod audits;
mod condition;
#[cfg(feature = "sqlite")]
mod decimals;
mod gaps;
mod iam;
mod known;
mod sql;

use std::sync::Arc;
use std::time::SystemTime;

use market::{Bar, BookBar, ExchangeName, Minute, Symbol, Time};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
#[cfg(feature = "sqlite")]
use sqlx::SqlitePool;
use sqlx::{Connection, MySqlPool, PgPool};

pub use crate::access::{Access, Account, Login, Password};
pub use crate::audits::StoredAudit;
pub use crate::condition::Condition;
#[cfg(feature = "sqlite")]
pub use crate::decimals::{DECIMAL, decimal_order};
pub use crate::gaps::{Gaps, Objects, Outcome, Repair};
pub use crate::iam::Iam;
use crate::iam::Tokens;
pub use crate::known::{KnownGap, KnownGaps};

/// Rows in one statement: a day of one symbol and some more. Measured rates are flat from 500 to
/// 10,000; the JSON of this many is about a megabyte.
const ROWS_AT_ONCE: usize = 2_000;
/// How often a statement is tried that others undo. Each time one of them got its rows in, so this
/// is enough for as many writers of the same minute at the same time: more than any function's
/// concurrency here.
const PUT_ATTEMPTS: u32 = 128;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("DATABASE_URL: {0}")]
    Url(String),
    #[error("DATABASE_CA: {0}: {1}")]
    Authorities(String, String),
    #[error("DATABASE_AUTH: {0}")]
    Login(String),
    #[error("no connection to the database at {server}: {why}{}", about_connecting(.why))]
    Unreachable { server: String, why: sqlx::Error },
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    #[error("migration: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    #[error("a stored row cannot be read: {0}")]
    Row(#[from] serde_json::Error),
    #[error("a file has no accounts: only a server can have tickfold_readonly and tickfold_writer")]
    NoAccounts,
    #[error("another deployment has been changing the tables for long: try again when it is done")]
    Busy,
}

/// What a minute is folded to, one row for each symbol.
pub trait Row: Serialize + DeserializeOwned {
    const TABLE: Table;
}

/// Where rows of one kind stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    Bars,
    BookBars,
}

impl Row for Bar {
    const TABLE: Table = Table::Bars;
}

impl Row for BookBar {
    const TABLE: Table = Table::BookBars;
}

/// A row as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored<R> {
    #[serde(flatten)]
    pub bar: R,
    /// When the row was last written; decides nothing.
    pub updated_at: Time,
}

pub type StoredBar = Stored<Bar>;

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

/// What has rows of a kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Series {
    pub exchange: ExchangeName,
    pub symbol: Symbol,
}

/// How the accounts that [`Store::make_roles`] makes log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Logins {
    /// With a token of IAM: the server is one of RDS.
    Iam,
    /// Not at all before somebody gives each a password: the files in `roles/` say how.
    Closed,
}

/// Which rows to read: `from <= minute < to`, ascending, at most `limit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    pub exchange: ExchangeName,
    pub symbol: Symbol,
    pub from: Minute,
    pub to: Minute,
    pub limit: u32,
}

/// A database of rows. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    pool: Pool,
    /// Where passwords end.
    tokens: Option<Arc<Tokens>>,
}

#[derive(Debug, Clone)]
enum Pool {
    Postgres(PgPool),
    MySql(MySqlPool),
    #[cfg(feature = "sqlite")]
    Sqlite(SqlitePool),
}

/// Runs one body on a connection to whichever database is open.
macro_rules! on {
    ($store:expr, |$connection:pat_param, $sql:ident| $body:expr) => {
        match $store.pool().await? {
            Pool::Postgres(pool) => {
                let acquired = pool.acquire().await;
                let ($connection, $sql) = ($store.reached(acquired)?, &sql::POSTGRES);
                $body
            }
            Pool::MySql(pool) => {
                let acquired = pool.acquire().await;
                let ($connection, $sql) = ($store.reached(acquired)?, &sql::MYSQL);
                $body
            }
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(pool) => {
                let acquired = pool.acquire().await;
                let ($connection, $sql) = ($store.reached(acquired)?, &sql::SQLITE);
                $body
            }
        }
    };
}

pub(crate) use on;

/// Waits until nobody else changes tables or rights.
macro_rules! locked {
    ($connection:ident, $sql:ident) => {
        if let Some(lock) = $sql.lock {
            let got: Option<i64> = sqlx::query_scalar(lock).fetch_one(&mut $connection).await?;
            if got != Some(1) {
                return Err(StoreError::Busy);
            }
        }
    };
}

impl Store {
    /// `postgres://user@host/db`, `mysql://user@host/db` or, where it is built in,
    /// `sqlite:///path/to/file.db`. Connects at the first use, with at most `connections`.
    pub fn connect(url: &str, connections: u32) -> Result<Store, StoreError> {
        Store::connect_with(url, connections, &Access::default())
    }

    /// The same for a server that asks for more than a URL says.
    pub fn connect_with(url: &str, connections: u32, access: &Access) -> Result<Store, StoreError> {
        let (pool, tokens) = access.pool(url, connections)?;
        Ok(Store { pool, tokens: tokens.map(Arc::new) })
    }

    /// The connections, with a password that a new one can log in with.
    async fn pool(&self) -> Result<&Pool, StoreError> {
        let Some(tokens) = &self.tokens else { return Ok(&self.pool) };
        let log_in_with = |token: &str| match &self.pool {
            Pool::Postgres(pool) => {
                let options = (*pool.connect_options()).clone();
                pool.set_connect_options(options.password(token));
            }
            Pool::MySql(pool) => {
                let options = (*pool.connect_options()).clone();
                pool.set_connect_options(options.password(token));
            }
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(_) => {}
        };
        tokens.renew(SystemTime::now(), log_in_with).await?;
        Ok(&self.pool)
    }

    /// Brings the tables to this version and returns its number. Twice is once; of several at the
    /// same time one does it and the others wait.
    pub async fn migrate(&self) -> Result<i64, StoreError> {
        on!(self, |connection, sql| {
            // Closing it is what unlocks.
            let mut connection = connection.detach();
            locked!(connection, sql);
            sql.migrator().run(&mut connection).await?;
            connection.close().await?;
            Ok(sql.version())
        })
    }

    /// Makes the accounts of those who use the tables, with the rights that each needs and no more,
    /// or brings their rights to this version. The tables must be of it. Twice is once.
    pub async fn make_roles(&self) -> Result<Logins, StoreError> {
        on!(self, |connection, sql| {
            let roles = sql.roles.as_ref().ok_or(StoreError::NoAccounts)?;
            let mut connection = connection.detach();
            locked!(connection, sql);
            for statements in roles.make {
                sqlx::raw_sql(*statements).execute(&mut connection).await?;
            }
            let known: i64 = sqlx::query_scalar(roles.iam_known).fetch_one(&mut connection).await?;
            if known > 0 {
                sqlx::raw_sql(roles.iam).execute(&mut connection).await?;
            }
            connection.close().await?;
            Ok(if known > 0 { Logins::Iam } else { Logins::Closed })
        })
    }

    /// Writes each row unless the stored one is of the same or a later version; returns how many
    /// were written. The rest were stale or known already.
    pub async fn put_newer<R: Row>(&self, rows: &[R]) -> Result<u64, StoreError> {
        let mut written = 0;
        for rows in rows.chunks(ROWS_AT_ONCE) {
            let rows = serde_json::to_string(rows)?;
            on!(self, |mut connection, sql| for statement in sql.rows(R::TABLE).put {
                let mut attempt = 1;
                written += loop {
                    match sqlx::query(*statement).bind(&rows).execute(&mut *connection).await {
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
        self.rows(range).await
    }

    pub async fn rows<R: Row>(&self, range: &Range) -> Result<Vec<Stored<R>>, StoreError> {
        self.select(|sql| sql.rows(R::TABLE).range, range).await
    }

    /// What a statement selects of a range.
    async fn select<T: DeserializeOwned>(
        &self,
        statement: impl Fn(&sql::Sql) -> &'static str,
        range: &Range,
    ) -> Result<Vec<T>, StoreError> {
        let rows: Vec<String> = on!(self, |mut connection, sql| {
            sqlx::query_scalar(statement(sql))
                .bind(range.exchange.as_str())
                .bind(range.symbol.as_str())
                .bind(range.from.to_string())
                .bind(range.to.to_string())
                .bind(i64::from(range.limit))
                .fetch_all(&mut *connection)
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
        let row: Option<String> = on!(self, |mut connection, sql| {
            sqlx::query_scalar(sql.bar_before)
                .bind(exchange.as_str())
                .bind(symbol.as_str())
                .bind(minute.to_string())
                .fetch_optional(&mut *connection)
                .await?
        });
        row.map(|row| Ok(serde_json::from_str(&row)?)).transpose()
    }

    pub async fn symbols(&self) -> Result<Vec<StoredSymbol>, StoreError> {
        let rows: Vec<String> = on!(self, |mut connection, sql| sqlx::query_scalar(sql.symbols)
            .fetch_all(&mut *connection)
            .await?);
        read_all(&rows)
    }

    /// What there are rows of a kind of, in order.
    pub async fn series<R: Row>(&self) -> Result<Vec<Series>, StoreError> {
        let series: Vec<String> = on!(self, |mut connection, sql| {
            sqlx::query_scalar(sql.rows(R::TABLE).series).fetch_all(&mut *connection).await?
        });
        read_all(&series)
    }

    /// Waits for what is running and closes the connections.
    pub async fn close(&self) {
        match &self.pool {
            Pool::Postgres(pool) => pool.close().await,
            Pool::MySql(pool) => pool.close().await,
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(pool) => pool.close().await,
        }
    }

    /// A connection, or which server gave none.
    fn reached<T>(&self, acquired: Result<T, sqlx::Error>) -> Result<T, StoreError> {
        acquired.map_err(|why| StoreError::Unreachable { server: self.server(), why })
    }

    /// What the URL names, without the user and the password.
    fn server(&self) -> String {
        match &self.pool {
            Pool::Postgres(pool) => {
                let options = pool.connect_options();
                format!("{}:{}", options.get_host(), options.get_port())
            }
            Pool::MySql(pool) => {
                let options = pool.connect_options();
                format!("{}:{}", options.get_host(), options.get_port())
            }
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(pool) => pool.connect_options().get_filename().display().to_string(),
        }
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

/// What to look at where there is no connection.
fn about_connecting(why: &sqlx::Error) -> &'static str {
    if why.to_string().contains("invalid peer certificate") {
        return "; is this the server's name, and does DATABASE_CA name who vouches for it?";
    }
    match why {
        // It was tried again until then: a server that starts refuses, too.
        sqlx::Error::PoolTimedOut => {
            "; it refused or did not answer, or all connections are in use: \
             does it run, and may this machine reach that host and port?"
        }
        sqlx::Error::Io(_) => "; are the host and port of DATABASE_URL right?",
        sqlx::Error::Database(_) => "; are the user, password and database of DATABASE_URL right?",
        _ => "",
    }
}

fn read_all<T: for<'a> Deserialize<'a>>(rows: &[String]) -> Result<Vec<T>, StoreError> {
    rows.iter().map(|row| Ok(serde_json::from_str(row)?)).collect()
}
