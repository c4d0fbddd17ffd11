//! The operator's command as a library, so that tests drive the same code; holds no logic of the
//! pipeline's own, which is in `shared/`, `functions/` and `infra/ingest`.

pub mod audit;
pub mod backfill;
mod clock;
mod deliver;
pub mod demo;
pub mod doctor;
pub mod fold;
pub mod gaps;
mod http;
pub mod migrate;
mod progress;
pub mod rebuild;
pub mod repair;
pub mod serve;
mod signals;
mod span;
