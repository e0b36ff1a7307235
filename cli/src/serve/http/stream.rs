//! `GET /v1/jobs/{id}/events`: what happens to a job, as server-sent events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

use super::guard::Owner;
use super::problem::Problem;
use super::{App, blocking, jobs};
use crate::serve::events::Event;

/// So often something is sent, whatever happens.
const ALIVE: Duration = Duration::from_secs(15);

/// A listener.
struct Listening {
    /// Not sent yet.
    past: VecDeque<Event>,
    live: Receiver<Event>,
    stopping: watch::Receiver<bool>,
    ended: bool,
}

/// The state now, what happened so far, and what will.
pub async fn events(
    State(server): State<App>,
    Extension(Owner(owner)): Extension<Owner>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let listening = blocking(&server, move |server| {
        jobs::find(server, &owner, &id)?;
        let (mut past, live) = server.events.listen(&id);
        // Whatever happens from here on is heard: nothing falls between what is told and what will be.
        let job = jobs::find(server, &owner, &id)?;
        let now = Event::state(&job);
        if now.last {
            server.events.forget(&id);
        }
        // The present goes first; of the past, states are stale.
        past.retain(|event| event.name != "state");
        past.push_front(now);
        Ok(Listening {
            past,
            live,
            stopping: server.stopping(),
            ended: false,
        })
    });
    let stream = stream::unfold(listening.await?, async |mut listening| {
        let event = listening.next().await?;
        let sent = sse::Event::default().event(event.name).data(event.data);
        Some((Ok::<_, Infallible>(sent), listening))
    });
    let alive = KeepAlive::new().interval(ALIVE);
    Ok(Sse::new(stream).keep_alive(alive).into_response())
}

impl Listening {
    async fn next(&mut self) -> Option<Event> {
        if self.ended {
            return None;
        }
        let event = match self.past.pop_front() {
            Some(event) => event,
            None => self.heard().await?,
        };
        self.ended = event.last;
        Some(event)
    }

    async fn heard(&mut self) -> Option<Event> {
        loop {
            let heard = tokio::select! {
                heard = self.live.recv() => heard,
                _ = self.stopping.wait_for(|stopping| *stopping) => return None,
            };
            match heard {
                Ok(event) => return Some(event),
                // A slow listener misses stages.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }
}
