//! The `audit` function: rows beside the exchanges' own candles, a third of a day at a time; keeps
//! what it finds and touches no row. What is compared, and how, is `market`'s.
//!
//! One program that is deployed twice. The database can be reached only from inside its network,
//! the exchanges only from outside. So [`Outside`] asks those for their candles, and [`Inside`]
//! holds the rows against them. On a laptop both are in one process.

mod inside;
mod outside;
mod plan;

use anyhow::Context;
use invoke::Answers;
use market::{ExchangeName, Minute, Symbol, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use crate::inside::{Inside, Question};
pub use crate::outside::{AuditError, Outside, audit, check_over};
pub use crate::plan::thirds;

/// Which of the two a program is; its environment says so.
#[derive(Debug)]
pub enum App {
    Outside(Outside),
    Inside(Inside),
}

/// The minutes of one symbol that one audit is of: `from <= minute < to`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub exchange: ExchangeName,
    pub symbol: Symbol,
    pub from: Minute,
    pub to: Minute,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audited {
    /// Spans.
    pub audited: u64,
    /// Spans in which something disagrees; they are audited again for three days.
    pub disagreeing: u64,
    /// Minutes, and these as well: see `market::Audit`.
    pub compared: u64,
    pub different: u64,
    pub missing_here: u64,
    pub missing_there: u64,
}

/// Whatever the one outside is called with, it audits what is due.
pub async fn handle(app: &App, event: Value) -> anyhow::Result<Value> {
    match app {
        // Boxed, since the futures of the clients nest deeper than the compiler cares to follow.
        App::Outside(outside) => {
            Ok(serde_json::to_value(Box::pin(outside.audit_due(now())).await?)?)
        }
        App::Inside(inside) => {
            let question = serde_json::from_value(event);
            let question = question
                .context("the half inside answers questions, such as events/audit-question.json")?;
            inside.answer(question).await
        }
    }
}

/// The clock of this function's rim.
fn now() -> Time {
    let micros = chrono::Utc::now().timestamp_micros();
    Time::from_micros(micros).expect("the clock of this machine is between 2009 and 2100")
}
