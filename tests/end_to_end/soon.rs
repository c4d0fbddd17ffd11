//! A limit to how long these tests wait for anything: it ends one that would hang, and decides
//! nothing else.

use std::future::Future;
use std::time::Duration;

/// Nothing here takes so long, however busy the machine is.
const SOON: Duration = Duration::from_secs(600);

pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.unwrap_or_else(|_| panic!("no sign of {what}"))
}
