//! The half inside the network: logs in to the database and changes it; asks no service of AWS.

use anyhow::Context;
use store::{Access, Account, Login, Store};

use crate::Migrated;

/// The migrations take one and give it back before the accounts need it.
const CONNECTIONS: u32 = 1;

/// A database, and how it is reached.
#[derive(Debug)]
pub struct Inside {
    pub database_url: String,
    pub access: Access,
}

impl Inside {
    /// Connects anew each time: the password of the last time may have been changed since.
    pub(crate) async fn migrate(&self, account: Option<Account>) -> anyhow::Result<Migrated> {
        let mut access = self.access.clone();
        if let Some(account) = account {
            access.login = Login::As(account);
        }
        let store = Store::connect_with(&self.database_url, CONNECTIONS, &access)?;
        let migration = store.migrate().await.context("the tables")?;
        let logins = store.make_roles().await.context("the accounts")?;
        store.close().await;
        tracing::info!("the tables have migration {migration}, the accounts their rights");
        Ok(Migrated { migration, logins })
    }
}
