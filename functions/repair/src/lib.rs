//! The `repair` function: minutes whose objects the rows do not know are folded again, and trades
//! that are missing are asked for at their exchange and written as another object of their minute.
//! It touches no row.
//!
//! One program that is deployed twice. The database can be reached only from inside its network,
//! the exchanges and the queue only from outside. So [`Outside`] does the work and asks [`Inside`]
//! for what the rows say. On a laptop both are in one process.

mod fill;
mod inside;
mod notice;
mod outside;
mod plan;
mod sweep;

use anyhow::Context;
use invoke::Answers;
use market::{Minute, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use crate::inside::{Inside, Question};
pub use crate::notice::Queue;
pub use crate::outside::Outside;

/// Which of the two a program is; its environment says so.
#[derive(Debug)]
pub enum App {
    Outside(Box<Outside>),
    Inside(Inside),
}

/// What the schedule calls the one outside with; unknown fields are passed over, such as those of
/// EventBridge.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Event {
    /// How many of the last minutes are swept.
    #[serde(default)]
    pub minutes: Option<u32>,
    /// The first minute that is swept, instead.
    #[serde(default)]
    pub from: Option<Minute>,
    /// The minute behind the last one that is swept.
    #[serde(default)]
    pub to: Option<Minute>,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repaired {
    /// Minutes that were folded again.
    pub refolded: u64,
    /// Gaps whose exchange was asked for them.
    pub tried: u64,
    /// Trades that were written.
    pub written: u64,
    /// Gaps that are given up, now or before, of those that were looked at.
    pub unfillable: u64,
    /// Gaps that are there and tried again.
    pub open: u64,
}

pub async fn handle(app: &App, event: Value) -> anyhow::Result<Value> {
    match app {
        App::Outside(outside) => {
            let event = serde_json::from_value(event)?;
            // Boxed, since the futures of the clients nest deeper than the compiler cares to follow.
            Ok(serde_json::to_value(Box::pin(outside.repair(&event, now())).await?)?)
        }
        App::Inside(inside) => {
            let question = serde_json::from_value(event);
            let question = question.context(
                "the half inside answers questions, such as events/repair-question.json",
            )?;
            inside.answer(question).await
        }
    }
}

/// The clock of this function's rim.
fn now() -> Time {
    let micros = chrono::Utc::now().timestamp_micros();
    Time::from_micros(micros).expect("the clock of this machine is between 2009 and 2100")
}
