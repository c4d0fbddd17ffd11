//! What the whole-pipeline tests share: private servers, made-up trades, recorded data; no test.

pub mod binary;
pub mod bucket;
pub mod databases;
pub mod postgres;
pub mod trades;
