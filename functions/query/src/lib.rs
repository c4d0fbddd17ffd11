//! The `query` function: bars, books, gaps and the live state over HTTP, and the page that draws
//! them; writes nothing.
//!
//! One router for Lambda and for a local server. Decimals are strings, times are UTC, errors are
//! RFC 9457 problems that name the parameter.

mod audit;
mod bars;
mod books;
mod gaps;
mod live;
mod page;
mod problem;
mod range;
mod status;

use axum::Router;
use axum::extract::FromRef;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::get;
use market::Time;
use store::Store;

pub use live::Ingest;
use problem::Problem;

/// Every answer carries these; the page adds what it needs to run.
const HEADERS: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    // A minute that was repaired must be seen: nothing keeps an answer.
    (header::CACHE_CONTROL, "no-store"),
];

/// What the routes answer from.
#[derive(Clone)]
struct Parts {
    store: Store,
    ingest: Option<Ingest>,
}

/// All routes over one store; without `ingest` there is no live state.
pub fn router(store: Store, ingest: Option<Ingest>) -> Router {
    Router::new()
        .route("/v1/bars", get(bars::get))
        .route("/v1/books", get(books::get))
        .route("/v1/gaps", get(gaps::get))
        .route("/v1/live", get(live::get))
        .route("/v1/audit", get(audit::get))
        .route("/v1/symbols", get(status::symbols))
        .route("/v1/health", get(status::health))
        .merge(page::router())
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(map_response(with_headers))
        .with_state(Parts { store, ingest })
}

impl FromRef<Parts> for Store {
    fn from_ref(parts: &Parts) -> Store {
        parts.store.clone()
    }
}

impl FromRef<Parts> for Option<Ingest> {
    fn from_ref(parts: &Parts) -> Option<Ingest> {
        parts.ingest.clone()
    }
}

async fn with_headers(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        let headers = response.headers_mut();
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// The clock of this function's rim.
fn now() -> Time {
    let micros = chrono::Utc::now().timestamp_micros();
    Time::from_micros(micros).expect("the clock of this machine is between 2009 and 2100")
}
