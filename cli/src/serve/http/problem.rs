//! Errors as `application/problem+json` (RFC 9457), with the sentences that the commands have.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::output::sentence;
use crate::printable::printable_json;

/// Seconds after which a refused request may be repeated.
const AGAIN: u64 = 10;

/// An error with its status.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    detail: String,
}

impl Problem {
    /// An error in one sentence.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
        }
    }

    /// What was sent does not fit.
    pub fn unfit(error: &eyre::Report) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, sentence(error))
    }

    /// Nothing is there.
    pub fn not_found(detail: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// The server ends.
    pub fn stopping() -> Self {
        let text = "the server is about to end; ask again when it is back";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, text)
    }
}

/// A failure of the server itself.
impl From<eyre::Report> for Problem {
    fn from(error: eyre::Report) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, sentence(&error))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let body = printable_json(&body.to_string()).into_owned();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, kind);
        match self.status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(RETRY_AFTER, AGAIN.into());
            }
            StatusCode::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        response
    }
}
