//! The databases that a test is run on, one after the other: each test body is written once.

use std::any::Any;

use store::Store;

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

    async fn migrated(name: &'static str, url: String, home: impl Any + Send) -> Database {
        let database = Database { name, url, _home: Box::new(home) };
        let store = database.store();
        store.migrate().await.expect(name);
        store.close().await;
        database
    }
}
