//! Who may ask, before anything else of a request is looked at; and counts of what is answered.

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use super::{App, DESCRIPTION, HEALTH};

/// Whose key a request has; empty where none is asked for.
#[derive(Clone, Debug)]
pub struct Owner(pub String);

/// Lets a request through with its [`Owner`].
pub async fn guard(State(server): State<App>, mut request: Request, next: Next) -> Response {
    let method = request.method().as_str().to_owned();
    let path = request.extensions().get::<MatchedPath>();
    let path = path.map_or("other", MatchedPath::as_str).to_owned();
    let response = match owner(&server, request.headers(), &path) {
        Ok(owner) => {
            request.extensions_mut().insert(owner);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    // Methods that nobody knows would be labels without end.
    let known = ["GET", "POST", "DELETE", "OPTIONS", "HEAD"];
    let method = known.into_iter().find(|m| *m == method).unwrap_or("other");
    server
        .metrics
        .request(method, &path, response.status().as_u16());
    response
}

fn owner(server: &App, headers: &HeaderMap, path: &str) -> Result<Owner, Problem> {
    if !server.keys.are_asked_for() {
        return match is_local(headers) {
            true => Ok(Owner(String::new())),
            false => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "without API keys requests must name this machine as their host, 127.0.0.1 or localhost; start the server with --api-keys to serve others",
            )),
        };
    }
    if matches!(path, HEALTH | DESCRIPTION) {
        return Ok(Owner(String::new()));
    }
    let given = headers.get(AUTHORIZATION).map(|value| value.as_bytes());
    let key = given.and_then(|value| value.strip_prefix(b"Bearer "));
    let owner = key.and_then(|key| server.keys.owner(key));
    owner.map(|name| Owner(name.to_owned())).ok_or_else(|| {
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "no API key, or one that this server does not know; send `Authorization: Bearer KEY`",
        )
    })
}

/// Whether a request is for this machine by name: a page elsewhere, whose name somebody lets point here, has another.
fn is_local(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else {
        return false;
    };
    let port = |rest: &str| {
        rest.is_empty()
            || rest
                .strip_prefix(':')
                .is_some_and(|p| p.parse::<u16>().is_ok())
    };
    ["127.0.0.1", "localhost", "[::1]"]
        .iter()
        .any(|name| host.strip_prefix(name).is_some_and(port))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_this_machine_is_local() {
        for (host, expected) in [
            ("127.0.0.1:8780", true),
            ("localhost", true),
            ("[::1]:1", true),
            ("localhost.example.org", false),
            ("127.0.0.1.example.org:8780", false),
            ("example.org", false),
            ("127.0.0.1:x", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static(host));
            assert_eq!(is_local(&headers), expected, "{host}");
        }
        assert!(!is_local(&HeaderMap::new()));
    }
}
