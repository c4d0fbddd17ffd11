//! The page at `/`, carried in the binary; it reads the same API as everybody else.

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use crate::Parts;

/// Own files only, nothing inline, no other host.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

pub(crate) fn router() -> Router<Parts> {
    Router::new()
        .route("/", file("text/html; charset=utf-8", include_str!("../page/dist/index.html")))
        .route("/page.js", file("text/javascript", include_str!("../page/dist/page.js")))
        .route("/page.css", file("text/css", include_str!("../page/dist/page.css")))
}

fn file(kind: &'static str, text: &'static str) -> axum::routing::MethodRouter<Parts> {
    let headers =
        [(header::CONTENT_TYPE, kind), (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY)];
    get(async move || (headers, text).into_response())
}
