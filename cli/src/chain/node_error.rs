//! A node's failures as one sentence each, without the parts of a URL that may be secret.

use alloy::transports::http::reqwest;
use alloy::transports::{HttpError, RpcError, TransportError, TransportErrorKind};
use eyre::{Report, eyre};

use super::Revert;
use super::rpc::TooLong;
use crate::printable::printable;

/// Most of a node's own message that is shown.
const MESSAGE_LIMIT: usize = 300;

/// A node as messages name it.
#[derive(Clone, Debug)]
pub struct NodeName {
    url: String,
    shown: String,
    timeout: u64,
}

impl NodeName {
    /// Scheme, host and port are shown; user, path and query may hold an access key and are not.
    pub fn new(url: &reqwest::Url, timeout: u64) -> Self {
        let host = url.host_str().unwrap_or("?");
        let port = url.port().map(|p| format!(":{p}")).unwrap_or_default();
        Self {
            url: url.to_string(),
            shown: format!("{}://{host}{port}", url.scheme()),
            timeout,
        }
    }

    /// For messages.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The failure of a request as a report; a contract's refusal becomes a [`Revert`].
    pub fn explain(&self, action: &str, error: &TransportError) -> Report {
        match error {
            RpcError::ErrorResp(payload) => {
                if let Some(data) = payload.as_revert_data() {
                    return Revert::decode(&data).into();
                }
                let message = payload.message.to_lowercase();
                if message.contains("revert") {
                    return Revert::decode(&[]).into();
                }
                if message.contains("insufficient funds") {
                    return eyre!(
                        "the account has too little ether on {} to {action}: {}; send it some, or use another account",
                        self.shown,
                        self.redact(&payload.message)
                    );
                }
                eyre!(
                    "{} refuses to {action}: {} (code {})",
                    self.shown,
                    self.redact(&payload.message),
                    payload.code
                )
            }
            RpcError::Transport(kind) => self.transport(action, kind),
            RpcError::DeserError { .. } | RpcError::NullResp => eyre!(
                "{} does not answer as an Ethereum node does; check --rpc-url (cannot {action})",
                self.shown
            ),
            other => eyre!(
                "cannot {action} on {}: {}",
                self.shown,
                self.redact(&other.to_string())
            ),
        }
    }

    /// What a node said, or what kept it from answering, in a few words.
    pub fn said(&self, error: &TransportError) -> String {
        match error {
            RpcError::ErrorResp(payload) => self.redact(&payload.message),
            RpcError::Transport(kind) => match kind.as_http_error() {
                Some(error) => format!("HTTP {}", error.status),
                None => self.redact(&kind.to_string()),
            },
            _ => "an answer that is none of an Ethereum node".into(),
        }
    }

    /// Whether there is no node, so that nothing can have reached one.
    pub fn is_absent(&self, error: &TransportError) -> bool {
        let RpcError::Transport(TransportErrorKind::Custom(error)) = error else {
            return false;
        };
        let error = error.downcast_ref::<reqwest::Error>();
        error.is_some_and(reqwest::Error::is_connect)
    }

    fn transport(&self, action: &str, kind: &TransportErrorKind) -> Report {
        match kind {
            TransportErrorKind::HttpError(error)
            | TransportErrorKind::HttpErrorWithRetryAfter { error, .. } => self.http(action, error),
            TransportErrorKind::Custom(error) | TransportErrorKind::NonRetryable(error) => {
                if error.is::<TooLong>() {
                    return eyre!(
                        "{} gives {error} (to {action}), which is none of an Ethereum node; check --rpc-url",
                        self.shown
                    );
                }
                match error.downcast_ref::<reqwest::Error>() {
                    Some(error) if error.is_timeout() => {
                        eyre!(
                            "{} gave no answer in {} s (to {action}); try again, or give a longer --timeout",
                            self.shown,
                            self.timeout
                        )
                    }
                    Some(error) if error.is_connect() => eyre!(
                        "no node answers at {} (to {action}); start one (for a local chain: `npx anvil`) or check --rpc-url",
                        self.shown
                    ),
                    _ => eyre!(
                        "cannot {action} on {}: {}",
                        self.shown,
                        self.redact(&error.to_string())
                    ),
                }
            }
            other => eyre!(
                "cannot {action} on {}: {}",
                self.shown,
                self.redact(&other.to_string())
            ),
        }
    }

    fn http(&self, action: &str, error: &HttpError) -> Report {
        let mend = match error.status {
            401 | 403 => "the access key in --rpc-url is not accepted",
            429 => "too many requests; wait and try again",
            _ => "check --rpc-url",
        };
        eyre!(
            "{} answers HTTP {} (to {action}): {mend}",
            self.shown,
            error.status
        )
    }

    /// A node's message, shortened, with no URL of ours and nothing a terminal would act on.
    fn redact(&self, message: &str) -> String {
        let clean: String = message
            .replace(&self.url, &self.shown)
            .replace(self.url.trim_end_matches('/'), &self.shown)
            .chars()
            .take(MESSAGE_LIMIT)
            .collect();
        printable(clean.trim()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_of_a_url_is_shown() {
        let url = reqwest::Url::parse("https://user:s3cret@node.example:8443/v3/k3y?token=t0ken")
            .unwrap();
        let node = NodeName::new(&url, 5);
        assert_eq!(node.shown(), "https://node.example:8443");
        let report = node.explain(
            "read",
            &TransportErrorKind::custom_str(&format!("error for url ({url})\u{1b}[2J")),
        );
        let text = format!("{report:?}");
        for secret in ["s3cret", "k3y", "t0ken", "user", "\u{1b}"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
