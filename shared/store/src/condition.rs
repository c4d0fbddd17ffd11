//! How a database is, for whoever looks after it: the tables' version, whether rows may be written,
//! and its clock. Changes nothing.

#[cfg(feature = "sqlite")]
use sqlx::Sqlite;
use sqlx::{Database, Executor, IntoArguments, MySql, Postgres};

use crate::{Pool, Store, StoreError, sql};

/// What one connection could see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Of the newest migration that was applied; `None` where there are no tables.
    pub version: Result<Option<i64>, String>,
    /// Of the newest one that this program knows.
    pub expected: i64,
    /// Why rows cannot be written, if they cannot.
    pub refused: Option<String>,
    /// The server's time in microseconds; a file has no clock.
    pub now_micros: Option<i64>,
}

/// The statements of one database.
struct Questions {
    version: &'static str,
    may_write: &'static str,
    now: Option<&'static str>,
}

macro_rules! questions {
    ($folder:literal, $now:expr) => {
        Questions {
            version: include_str!(concat!("../queries/", $folder, "/version.sql")),
            may_write: include_str!(concat!("../queries/", $folder, "/may_write.sql")),
            now: $now,
        }
    };
}

const POSTGRES: Questions =
    questions!("postgres", Some(include_str!("../queries/postgres/now.sql")));
const MYSQL: Questions = questions!("mysql", Some(include_str!("../queries/mysql/now.sql")));
#[cfg(feature = "sqlite")]
const SQLITE: Questions = questions!("sqlite", None);

impl Store {
    /// Looks; fails only if nothing can be asked.
    pub async fn condition(&self) -> Result<Condition, StoreError> {
        match self.pool().await? {
            Pool::Postgres(pool) => {
                let mut connection = self.reached(pool.acquire().await)?;
                ask::<Postgres>(&mut connection, &POSTGRES, sql::POSTGRES.version()).await
            }
            Pool::MySql(pool) => {
                let mut connection = self.reached(pool.acquire().await)?;
                ask::<MySql>(&mut connection, &MYSQL, sql::MYSQL.version()).await
            }
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(pool) => {
                let mut connection = self.reached(pool.acquire().await)?;
                ask::<Sqlite>(&mut connection, &SQLITE, sql::SQLITE.version()).await
            }
        }
    }
}

async fn ask<D: Database>(
    connection: &mut D::Connection,
    questions: &Questions,
    expected: i64,
) -> Result<Condition, StoreError>
where
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
    D::Arguments: IntoArguments<D>,
    i64: sqlx::Type<D> + for<'r> sqlx::Decode<'r, D>,
    usize: sqlx::ColumnIndex<D::Row>,
    (Option<i64>,): for<'r> sqlx::FromRow<'r, D::Row>,
{
    let version = sqlx::query_as::<D, (Option<i64>,)>(questions.version);
    let version = match version.fetch_one(&mut *connection).await {
        Ok((version,)) => Ok(version),
        Err(error) if has_no_table(&error) => Ok(None),
        Err(error) => Err(error.to_string()),
    };
    let wrote = sqlx::query::<D>(questions.may_write).execute(&mut *connection).await;
    let now_micros = match questions.now {
        Some(now) => sqlx::query_as::<D, (Option<i64>,)>(now).fetch_one(&mut *connection).await?.0,
        None => None,
    };
    Ok(Condition { version, expected, refused: wrote.err().map(|it| it.to_string()), now_micros })
}

/// PostgreSQL and MySQL have a code for it, SQLite words.
fn has_no_table(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else { return false };
    let coded = error.code().is_some_and(|code| code == "42P01" || code == "42S02");
    coded || error.message().starts_with("no such table")
}
