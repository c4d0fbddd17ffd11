//! Brings the database to this version while a deployment waits for it: the tables, then the
//! accounts of those who use them; writes no row, and keeps no password.
//!
//! One program that is deployed twice. The database can be reached only from inside its network,
//! and Secrets Manager, which has the password of its owner, only from outside: an endpoint between
//! them would cost half of what the database does. So [`Outside`] reads the password and calls
//! [`Inside`], which logs in with it.

mod inside;
mod outside;

use serde::{Deserialize, Serialize};
use store::{Account, Logins};

pub use crate::inside::Inside;
pub use crate::outside::Outside;

/// Which of the two a program is; its environment says so.
#[derive(Debug)]
pub enum App {
    Outside(Outside),
    Inside(Inside),
}

/// What either is called with; unknown fields are passed over, such as what Terraform says of
/// itself.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Event {
    /// Who logs in, for the one inside; without it, whom `DATABASE_URL` names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Account>,
}

/// What the database is like now.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migrated {
    /// The newest migration that was applied, now or before.
    pub migration: i64,
    /// How the accounts log in.
    pub logins: Logins,
}

pub async fn handle(app: &App, event: Event) -> anyhow::Result<Migrated> {
    match app {
        App::Outside(outside) => outside.migrate().await,
        App::Inside(inside) => inside.migrate(event.account).await,
    }
}
