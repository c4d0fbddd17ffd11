//! The databases that a test is run on, one after the other: each test body is written once.

use std::sync::Arc;

use store::Store;
use tempfile::TempDir;

use crate::postgres::Postgres;

/// An empty, migrated database that lives as long as this.
pub struct Database {
    pub name: &'static str,
    pub url: String,
    _postgres: Option<Arc<Postgres>>,
    _folder: Option<TempDir>,
}

impl Database {
    pub async fn postgres() -> Database {
        let postgres = Postgres::shared();
        let url = postgres.database();
        Database { name: "PostgreSQL", url, _postgres: Some(postgres), _folder: None }
            .migrated()
            .await
    }

    pub async fn sqlite() -> Database {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite://{}/bars.db", folder.path().display());
        Database { name: "SQLite", url, _postgres: None, _folder: Some(folder) }.migrated().await
    }

    pub async fn all() -> [Database; 2] {
        [Database::postgres().await, Database::sqlite().await]
    }

    /// A store of its own connections, as another process would have.
    pub fn store(&self) -> Store {
        Store::connect(&self.url, 4).expect("a database URL")
    }

    async fn migrated(self) -> Database {
        let store = self.store();
        store.migrate().await.expect(self.name);
        store.close().await;
        self
    }
}
