//! HTTP with answers of bounded size: what a node says must not fill the memory.

use std::fmt;
use std::task::{Context, Poll};
use std::time::Duration;

use alloy::rpc::json_rpc::{RequestPacket, ResponsePacket};
use alloy::transports::http::reqwest::{self, Client, Response, Url, header};
use alloy::transports::{TransportError, TransportErrorKind, TransportFut, TransportResult};
use tower_service::Service;

/// Most bytes of an answer. Code has 48 KiB in hex, and events are asked for in ranges.
pub const MOST: usize = 16 << 20;

/// An answer of more than [`MOST`] bytes.
#[derive(Debug)]
pub struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an answer of more than {} MiB", MOST >> 20)
    }
}

impl std::error::Error for TooLong {}

/// Whether a request failed as its answer was too long.
pub fn is_too_long(error: &TransportError) -> bool {
    let TransportError::Transport(TransportErrorKind::Custom(error)) = error else {
        return false;
    };
    error.is::<TooLong>()
}

/// Sends requests as JSON-RPC over HTTP and reads no more than [`MOST`] bytes of an answer.
#[derive(Clone, Debug)]
pub struct Bounded {
    client: Client,
    url: Url,
}

impl Bounded {
    /// To a node's address.
    pub fn new(client: Client, url: Url) -> Self {
        Self { client, url }
    }

    async fn ask(self, request: RequestPacket) -> TransportResult<ResponsePacket> {
        let body = serde_json::to_vec(&request).map_err(TransportError::ser_err)?;
        let mut headers = request.headers();
        let json = header::HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        let sent = self.client.post(self.url).headers(headers).body(body);
        let answer = sent.send().await.map_err(TransportErrorKind::custom)?;
        let status = answer.status();
        let retry_after = retry_after(&answer);
        let body = read(answer).await;
        if status.is_success() {
            let body = body?;
            return serde_json::from_slice(&body)
                .map_err(|error| TransportError::deser_err(error, String::from_utf8_lossy(&body)));
        }
        // The status says more than what kept its text from being read.
        let body = body.unwrap_or_default();
        match serde_json::from_slice::<ResponsePacket>(&body) {
            Ok(answer) if answer.is_error() => Ok(answer),
            _ => Err(TransportErrorKind::http_error_with_retry_after(
                status.as_u16(),
                String::from_utf8_lossy(&body).into_owned(),
                retry_after,
            )),
        }
    }
}

/// Seconds that a busy node asks to wait.
fn retry_after(answer: &Response) -> Option<Duration> {
    let value = answer.headers().get(header::RETRY_AFTER)?;
    let seconds = value.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The body, piece by piece: the length that a node announces need not be the one that it sends.
async fn read(mut answer: Response) -> TransportResult<Vec<u8>> {
    let too_long = || TransportErrorKind::custom(TooLong);
    if answer
        .content_length()
        .is_some_and(|length| length > MOST as u64)
    {
        return Err(too_long());
    }
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(failed)? {
        if body.len() + piece.len() > MOST {
            return Err(too_long());
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

fn failed(error: reqwest::Error) -> TransportError {
    TransportErrorKind::custom(error)
}

impl Service<RequestPacket> for Bounded {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: RequestPacket) -> Self::Future {
        Box::pin(self.clone().ask(request))
    }
}
