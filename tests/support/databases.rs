//! The databases that a test is run on, one after the other: each test body is written once.

use std::any::Any;
use std::str::FromStr;

use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use store::{DECIMAL, Store, decimal_order};

use crate::mariadb::Mariadb;
use crate::postgres::Postgres;

/// An empty, migrated database that lives as long as this.
pub struct Database {
    pub name: &'static str,
    pub url: String,
    /// Its server or its folder.
    _home: Box<dyn Any + Send>,
}

impl Database {
    pub async fn postgres() -> Database {
        let server = Postgres::shared();
        Database::migrated("PostgreSQL", server.database(), server).await
    }

    pub async fn mariadb() -> Database {
        let server = Mariadb::shared();
        Database::migrated("MariaDB", server.database(), server).await
    }

    pub async fn sqlite() -> Database {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite://{}/bars.db", folder.path().display());
        Database::migrated("SQLite", url, folder).await
    }

    pub async fn all() -> [Database; 3] {
        [Database::postgres().await, Database::mariadb().await, Database::sqlite().await]
    }

    /// A store of its own connections, as another process would have.
    pub fn store(&self) -> Store {
        Store::connect(&self.url, 4).expect("a database URL")
    }

    /// Runs one statement past tickfold; returns the first column of its rows, which is text.
    pub async fn sql(&self, statement: &str) -> Vec<String> {
        let statement = AssertSqlSafe(statement.to_owned());
        macro_rules! run {
            ($options:expr) => {{
                let mut connection = $options.connect().await.expect("connected");
                let query = sqlx::query_scalar::<_, String>(statement);
                let rows = query.fetch_all(&mut connection).await;
                connection.close().await.expect("closed");
                rows.expect(self.name)
            }};
        }
        match self.name {
            "PostgreSQL" => run!(PgConnectOptions::from_str(&self.url).expect("a URL")),
            "MariaDB" => run!(MySqlConnectOptions::from_str(&self.url).expect("a URL")),
            _ => {
                let options = SqliteConnectOptions::from_str(&self.url).expect("a URL");
                run!(options.collation(DECIMAL, decimal_order))
            }
        }
    }

    /// A table's rows in the order of its key, each with all its columns but `updated_at`.
    pub async fn dump(&self, table: &str) -> Vec<String> {
        let (of_schema, text) = match self.name {
            "PostgreSQL" => ("table_schema = current_schema()", "text"),
            "MariaDB" => ("table_schema = database()", "char"),
            _ => ("", "text"),
        };
        let columns = match of_schema {
            "" => format!("select name from pragma_table_info('{table}') order by cid"),
            of_schema => format!(
                "select cast(column_name as {text}) from information_schema.columns \
                 where table_name = '{table}' and {of_schema} order by ordinal_position"
            ),
        };
        let columns = self.sql(&columns).await;
        let kept: Vec<_> = columns.iter().filter(|column| *column != "updated_at").collect();
        assert_eq!(kept.len() + 1, columns.len(), "{table} has that column");
        let texts = kept.iter().map(|it| format!("coalesce(cast({it} as {text}), 'null')"));
        let texts: Vec<_> = texts.collect();
        let key = "exchange, symbol, minute";
        let row = format!("concat_ws('|', {})", texts.join(", "));
        self.sql(&format!("select {row} from {table} order by {key}")).await
    }

    async fn migrated(name: &'static str, url: String, home: impl Any + Send) -> Database {
        let database = Database { name, url, _home: Box::new(home) };
        let store = database.store();
        store.migrate().await.expect(name);
        store.close().await;
        database
    }
}
