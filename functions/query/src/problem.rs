//! Errors as RFC 9457 problems; decides no status code beyond its own constructors.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use market::{ExchangeName, Symbol};
use serde::Serialize;
use store::StoreError;
use tracing::error;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    /// The query parameter that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
}

impl Problem {
    /// 400: says which parameter, what it was and what would be right.
    pub(crate) fn parameter(name: &str, detail: impl ToString) -> Problem {
        let parameter = Some(name.to_owned());
        let (kind, title) = ("urn:tickfold:problem:parameter", "A parameter is wrong");
        Problem { kind, title, status: 400, detail: detail.to_string(), parameter }
    }

    /// 404: the parameters are well-formed, but there is no such symbol.
    pub(crate) fn unknown_symbol(
        (what, hint): (&str, &str),
        exchange: &ExchangeName,
        symbol: &Symbol,
    ) -> Problem {
        let detail = format!("there are no {what} of {symbol} at {exchange}; {hint}");
        Problem { status: 404, title: "No such symbol", ..Problem::parameter("symbol", detail) }
    }

    pub(crate) fn not_found() -> Problem {
        Problem::plain(
            404,
            "Not found",
            "the routes are /, /v1/bars, /v1/books, /v1/gaps, /v1/live, /v1/symbols and /v1/health",
        )
    }

    /// 404: nobody has said where ingest tells it.
    pub(crate) fn not_live() -> Problem {
        let detail = "set LIVE_URL to where ingest listens (its INGEST_LISTEN), such as \
            http://10.0.0.7:9101";
        Problem::plain(404, "Live state not set up", detail)
    }

    /// 503: why is the operator's, in the log.
    pub(crate) fn ingest_unavailable() -> Problem {
        let detail = "ingest, whose state it is, did not answer; try again";
        Problem::plain(503, "Live state unavailable", detail)
    }

    pub(crate) fn method_not_allowed() -> Problem {
        Problem::plain(405, "Method not allowed", "every route answers GET only")
    }

    fn plain(status: u16, title: &'static str, detail: &str) -> Problem {
        let detail = detail.to_owned();
        Problem { kind: "about:blank", title, status, detail, parameter: None }
    }
}

/// The reader learns that it may try again; what went wrong is the operator's, in the log.
impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        error!("the database did not answer: {error}");
        Problem::plain(503, "Database unavailable", "the database did not answer; try again")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).expect("only real status codes are used");
        let body = serde_json::to_vec(&self).expect("strings and a number are JSON");
        (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
    }
}
