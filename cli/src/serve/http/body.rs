//! Bodies of bounded size, read in bounded time.

use axum::body::Body;
use axum::http::StatusCode;
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::problem::Problem;
use crate::serve::Limits;

/// Of a body that is too large, so many times the limit are passed over before it is refused: who sends much and reads
/// nothing meanwhile would not see the answer.
const PASSED_OVER: usize = 16;

/// The whole body.
///
/// # Errors
/// More bytes than the limit, of which no more are kept; a body that does not come in time, or breaks off.
pub async fn read(mut body: Body, limits: &Limits) -> Result<Vec<u8>, Problem> {
    // What it says of itself, before anything of it is read.
    let said = axum::body::HttpBody::size_hint(&body).lower();
    let said = usize::try_from(said).unwrap_or(usize::MAX);
    if said > limits.body.saturating_mul(PASSED_OVER) {
        return Err(too_large(limits));
    }
    match timeout(limits.patience, kept(&mut body, said, limits)).await {
        Ok(read) => read,
        Err(_) if said > limits.body => Err(too_large(limits)),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            format!(
                "the request's body did not come within {} s",
                limits.patience.as_secs()
            ),
        )),
    }
}

async fn kept(body: &mut Body, said: usize, limits: &Limits) -> Result<Vec<u8>, Problem> {
    let mut fits = said <= limits.body;
    let (mut bytes, mut seen) = (vec![], 0usize);
    while let Some(frame) = body.frame().await {
        let broken = |_| Problem::new(StatusCode::BAD_REQUEST, "the request's body breaks off");
        let Ok(data) = frame.map_err(broken)?.into_data() else {
            continue;
        };
        seen = seen.saturating_add(data.len());
        fits &= seen <= limits.body;
        if fits {
            bytes.extend_from_slice(&data);
            continue;
        }
        bytes = vec![];
        if seen > limits.body.saturating_mul(PASSED_OVER) {
            break;
        }
    }
    match fits {
        true => Ok(bytes),
        false => Err(too_large(limits)),
    }
}

fn too_large(limits: &Limits) -> Problem {
    let text = format!(
        "the request's body has more than {} bytes; --max-body allows more",
        limits.body
    );
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, text)
}
