//! `/v1/live` over other servers than ingest: what is passed on, and what is a problem. The real
//! ingest behind it is in `tests/live.rs`.

use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use query::Ingest;
use store::Store;

use super::Server;

/// Answers each request with what `answer` makes; returns its base.
async fn other_ingest(answer: impl IntoResponse + Clone + Send + Sync + 'static) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let router = Router::new().route("/live", get(async move || answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    base
}

fn nowhere() -> Store {
    Store::connect("postgres://me@127.0.0.1:1/db", 1).expect("URL")
}

#[tokio::test]
async fn the_live_state_is_passed_on_as_it_is_and_needs_no_database() {
    // Neither its spaces nor its digits are query's.
    let told = r#"{"symbols" : [{"bid":"43000.10"}], "odd": 1.10}"#;
    let base = other_ingest(([("content-type", "text/odd")], told)).await;
    let server = Server::with(nowhere(), Some(Ingest::at(&base).expect("a base"))).await;
    let answer = server.get("/v1/live").await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["cache-control"]),
        (200, &"no-store".parse().expect("a value"))
    );
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.text().await.expect("text"), told);
}

#[tokio::test]
async fn without_an_ingest_the_route_says_what_to_set() {
    let server = Server::start(nowhere()).await;
    let (status, _, detail) = server.problem("/v1/live").await;
    let expected =
        "set LIVE_URL to where ingest listens (its INGEST_LISTEN), such as http://10.0.0.7:9101";
    assert_eq!((status, &*detail), (404, expected));
}

#[tokio::test]
async fn an_ingest_that_does_not_answer_well_is_a_problem() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let silent_base = format!("http://{}", silent.local_addr().expect("an address"));
    for base in [
        "http://127.0.0.1:1".to_owned(),
        silent_base,
        other_ingest((StatusCode::INTERNAL_SERVER_ERROR, "no clock")).await,
        // Above all that a real one says.
        other_ingest("x".repeat((4 << 20) + 1)).await,
    ] {
        let server = Server::with(nowhere(), Some(Ingest::at(&base).expect("a base"))).await;
        let (status, _, detail) = server.problem("/v1/live").await;
        let expected = "ingest, whose state it is, did not answer; try again";
        assert_eq!((status, &*detail), (503, expected), "{base}");
    }
}
