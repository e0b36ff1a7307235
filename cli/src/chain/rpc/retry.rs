//! Reads asked again where a node was only busy. Nothing is ever sent again this way.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use alloy::transports::http::reqwest;
use alloy::transports::{RpcError, TransportError, TransportErrorKind, TransportResult};

/// Most times that one question is asked.
const TRIES: u32 = 6;
/// Pause before the second time; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Asks until there is an answer, an error that asking again does not mend, or `budget` is spent.
pub async fn retried<T>(
    budget: Duration,
    request: impl AsyncFn() -> TransportResult<T>,
) -> TransportResult<T> {
    let start = Instant::now();
    let mut pause = FIRST_PAUSE;
    for _ in 1..TRIES {
        let error = match request().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let wait = match transient(&error) {
            Some(asked_for) => asked_for.max(pause),
            None => return Err(error),
        };
        if start.elapsed() + wait >= budget {
            return Err(error);
        }
        tokio::time::sleep(wait).await;
        pause *= 2;
    }
    request().await
}

/// Whether the same question may have an answer later, and how long the node asks to wait.
fn transient(error: &TransportError) -> Option<Duration> {
    let busy = |status: u16| status == 429 || (500..600).contains(&status) && status != 501;
    match error {
        RpcError::Transport(TransportErrorKind::HttpError(error)) => {
            busy(error.status).then_some(Duration::ZERO)
        }
        RpcError::Transport(TransportErrorKind::HttpErrorWithRetryAfter { error, retry_after }) => {
            busy(error.status).then_some(*retry_after)
        }
        RpcError::Transport(TransportErrorKind::Custom(error)) => {
            let error = error.downcast_ref::<reqwest::Error>()?;
            dropped(error).then_some(Duration::ZERO)
        }
        // Some providers say so in an answer.
        RpcError::ErrorResp(payload) => {
            let message = payload.message.to_lowercase();
            let limited = ["rate limit", "too many requests", "request limit reached"];
            (payload.code == 429 || limited.iter().any(|text| message.contains(text)))
                .then_some(Duration::ZERO)
        }
        _ => None,
    }
}

/// Whether a connection ended before its answer. One that never was (no node there) or stayed silent is no such.
fn dropped(error: &reqwest::Error) -> bool {
    if error.is_timeout() || error.is_builder() || error.is_redirect() {
        return false;
    }
    if !error.is_connect() {
        return error.is_request() || error.is_body();
    }
    let mut cause = std::error::Error::source(error);
    while let Some(found) = cause {
        if let Some(io) = found.downcast_ref::<std::io::Error>()
            && matches!(
                io.kind(),
                ErrorKind::ConnectionReset
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::UnexpectedEof
            )
        {
            return true;
        }
        cause = found.source();
    }
    false
}
