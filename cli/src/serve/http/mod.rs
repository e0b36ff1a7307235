//! The interface over HTTP: [`ROUTES`], described by `openapi.json`.
//!
//! | module | what |
//! | --- | --- |
//! | [`guard`] | who may ask; counts |
//! | [`body`] | bodies of bounded size, read in bounded time |
//! | [`create`] | a new job |
//! | [`jobs`] | what became of one |
//! | [`stream`] | what happens to one, as it happens |
//! | [`problem`] | errors as `application/problem+json` (RFC 9457) |

mod body;
mod create;
mod guard;
mod jobs;
mod problem;
mod stream;

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router, middleware};
use eyre::eyre;
use tower_http::cors::{AllowOrigin, CorsLayer};

use self::problem::Problem;
use super::{Server, metrics};

/// The interface's description.
pub const OPENAPI: &str = include_str!("openapi.json");

/// What names a request that may be repeated.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that a request was repeated.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

type App = Arc<Server>;
type Route = (&'static str, fn() -> MethodRouter<App>);

/// Every route.
pub const ROUTES: [Route; 8] = [
    ("/v1/jobs", || post(create::create)),
    ("/v1/jobs/{id}", || get(jobs::show).delete(jobs::cancel)),
    ("/v1/jobs/{id}/proof", || get(jobs::proof)),
    ("/v1/jobs/{id}/events", || get(stream::events)),
    ("/v1/models", || get(models)),
    (HEALTH, || get(health)),
    ("/metrics", || get(counts)),
    (DESCRIPTION, || get(openapi)),
];

/// Routes that need no key.
const HEALTH: &str = "/healthz";
const DESCRIPTION: &str = "/openapi.json";

/// The service; pages of these origins may ask, too.
///
/// # Errors
/// An origin that is none.
pub fn service(server: &App, origins: &[String]) -> eyre::Result<Router> {
    let mut router = Router::new();
    for (path, methods) in ROUTES {
        router = router.route(path, methods());
    }
    let guard = middleware::from_fn_with_state(Arc::clone(server), guard::guard);
    // Of the fallbacks, too: who has no key learns nothing.
    let mut router = router
        .fallback(|| async { Problem::not_found("there is no such route; see /openapi.json") })
        .method_not_allowed_fallback(|| async {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "this route does not take this method; see /openapi.json",
            )
        })
        .layer(guard);
    if !origins.is_empty() {
        let origins = origins.iter().map(|origin| {
            let value = HeaderValue::from_str(origin).ok();
            let plain = origin.starts_with("http://") || origin.starts_with("https://");
            let plain = plain && !origin.ends_with('/');
            value.filter(|_| plain).ok_or_else(|| {
                eyre!("--origin {origin}: expected one such as https://example.org, without a path")
            })
        });
        let origins: Vec<HeaderValue> = origins.collect::<eyre::Result<_>>()?;
        let cors = CorsLayer::new()
            .allow_origin(AllowOrigin::list(origins))
            .allow_methods([Method::GET, Method::POST, Method::DELETE])
            .allow_headers([AUTHORIZATION, CONTENT_TYPE, IDEMPOTENCY_KEY])
            .expose_headers([LOCATION, RETRY_AFTER, REPLAYED]);
        router = router.layer(cors);
    }
    Ok(router.with_state(Arc::clone(server)))
}

async fn models(State(server): State<App>) -> Response {
    let all: Vec<_> = server.models.values().map(|m| m.view.clone()).collect();
    Json(serde_json::json!({ "models": all })).into_response()
}

async fn health(State(server): State<App>) -> Result<Response, Problem> {
    if server.is_stopping() {
        return Err(Problem::stopping());
    }
    // A database that cannot be read is no good health.
    blocking(&server, |server| Ok(server.store.counts()?)).await?;
    Ok(Json(serde_json::json!({ "status": "ok" })).into_response())
}

async fn counts(State(server): State<App>) -> Result<Response, Problem> {
    let text = blocking(&server, |server| Ok(server.metrics.text(&server.store)?)).await?;
    Ok(([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response())
}

async fn openapi() -> Response {
    ([(CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

/// Work with files or the database, off the threads that answer.
async fn blocking<T: Send + 'static>(
    server: &App,
    work: impl FnOnce(&App) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let server = Arc::clone(server);
    let done = tokio::task::spawn_blocking(move || work(&server)).await;
    done.unwrap_or_else(|error| Err(eyre!("the request failed inside: {error}").into()))
}
