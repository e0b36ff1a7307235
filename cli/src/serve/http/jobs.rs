//! What became of a job.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

use super::guard::Owner;
use super::problem::Problem;
use super::{App, blocking};
use crate::serve::job::Job;

/// Of others' jobs nobody learns that they exist.
pub fn unknown(id: &str) -> Problem {
    Problem::not_found(&format!("there is no job {id:?}"))
}

/// An owner's job.
pub fn find(server: &App, owner: &str, id: &str) -> Result<Job, Problem> {
    server.store.job(owner, id)?.ok_or_else(|| unknown(id))
}

/// `GET /v1/jobs/{id}`.
pub async fn show(
    State(server): State<App>,
    Extension(Owner(owner)): Extension<Owner>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let job = blocking(&server, move |server| find(server, &owner, &id)).await?;
    Ok(Json(serde_json::json!(job.view())).into_response())
}

/// `DELETE /v1/jobs/{id}`: takes a queued job back.
pub async fn cancel(
    State(server): State<App>,
    Extension(Owner(owner)): Extension<Owner>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let job = blocking(&server, move |server| {
        let Some(job) = server.store.cancel(&owner, &id)? else {
            let job = find(server, &owner, &id)?;
            let text = format!(
                "job {id} is {}; only a queued one can be cancelled",
                job.state.name()
            );
            return Err(Problem::new(StatusCode::CONFLICT, text));
        };
        server.inputs.remove(&job.id);
        server.changed(&job);
        Ok(job)
    });
    let job = job.await?;
    Ok(Json(serde_json::json!(job.view())).into_response())
}

/// `GET /v1/jobs/{id}/proof`: the file that `laminate verify` and the client read.
pub async fn proof(
    State(server): State<App>,
    Extension(Owner(owner)): Extension<Owner>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let proof = blocking(&server, move |server| {
        if let Some(proof) = server.store.proof(&owner, &id)? {
            return Ok((id, proof));
        }
        let job = find(server, &owner, &id)?;
        let text = format!("job {id} has no proof, it is {}", job.state.name());
        Err(Problem::new(StatusCode::CONFLICT, text))
    });
    let (id, proof) = proof.await?;
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{id}.proof\""),
        ),
    ];
    Ok((headers, proof).into_response())
}
