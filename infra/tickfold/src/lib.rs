//! The operator's command as a library, so that tests drive the same code; holds no logic of the
//! pipeline's own, which is in `shared/`, `functions/` and `infra/ingest`.

mod deliver;
pub mod demo;
pub mod doctor;
pub mod fold;
mod http;
pub mod migrate;
pub mod serve;
mod signals;
