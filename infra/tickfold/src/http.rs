//! An HTTP server on one address that ends when it is asked to; knows no route.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::Router;
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How long answers that are under way may take at the end.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// `remedy` tells how another port is named.
pub(crate) async fn listen(address: SocketAddr, remedy: &str) -> anyhow::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            bail!("port {} is taken: {remedy}", address.port())
        }
        Err(error) => Err(error).with_context(|| format!("cannot listen on {address}")),
    }
}

/// Serves until `stop`, and then what is under way.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let asked = stop.clone().cancelled_owned();
    let server = axum::serve(listener, router).with_graceful_shutdown(asked);
    let too_long = async {
        stop.cancelled().await;
        sleep(LAST_ANSWERS).await;
    };
    tokio::select! {
        served = server.into_future() => Ok(served?),
        () = too_long => Ok(()),
    }
}
