//! Bodies of bounded size, read in bounded time.

use axum::body::Body;
use axum::http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::problem::Problem;
use crate::serve::Limits;

/// The whole body.
///
/// # Errors
/// More bytes than the limit, of which no more are read; a body that does not come in time, or breaks off.
pub async fn read(body: Body, limits: &Limits) -> Result<Vec<u8>, Problem> {
    let too_large = || {
        let text = format!(
            "the request's body has more than {} bytes; --max-body allows more",
            limits.body
        );
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, text)
    };
    // What it says of itself, before anything of it is read.
    let least = axum::body::HttpBody::size_hint(&body).lower();
    if least > limits.body as u64 {
        return Err(too_large());
    }
    let whole = Limited::new(body, limits.body).collect();
    match tokio::time::timeout(limits.patience, whole).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes().into()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "the request's body breaks off",
        )),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            format!(
                "the request's body did not come within {} s",
                limits.patience.as_secs()
            ),
        )),
    }
}
