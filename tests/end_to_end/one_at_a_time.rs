//! A door before moto's Kinesis that lets one request in at a time, this test's own among them.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::post;
use tests::moto::Moto;
use tokio::net::TcpListener;

/// The door's URL.
pub(crate) async fn before(moto: &Arc<Moto>) -> String {
    let (client, to) = (tests::http_client(), moto.endpoint().to_owned());
    let moto = Arc::clone(moto);
    let forward = async move |headers: HeaderMap, body: Bytes| {
        let _turn = moto.turn().await;
        let answer = client.post(to).headers(headers).body(body).send().await.expect("an answer");
        (answer.status(), answer.text().await.expect("text"))
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let router = Router::new().route("/", post(forward));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}
