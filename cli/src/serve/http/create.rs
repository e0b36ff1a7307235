//! `POST /v1/jobs`: an input, checked and committed to before it is answered for.

use axum::Extension;
use axum::Json;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use eyre::eyre;
use rand::RngCore;
use rand::rngs::OsRng;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::guard::Owner;
use super::problem::Problem;
use super::{App, IDEMPOTENCY_KEY, REPLAYED, blocking, body};
use crate::bound::Element;
use crate::serve::inputs::{Binding, Content};
use crate::serve::job::{Idempotency, Job, NewJob, new_id};
use crate::serve::store::{Before, Inserted};

/// Longest idempotency key.
const LONGEST_KEY: usize = 255;

/// A job in JSON; the same but for the inputs in a query.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Name of the model.
    model: String,
    /// Rows or tokens.
    #[serde(default)]
    input: Option<Value>,
    /// Rows as CSV.
    #[serde(default)]
    csv: Option<String>,
    /// What `laminate input commit` wrote, in hex.
    #[serde(default)]
    committed_input: Option<String>,
    #[serde(default)]
    context: Option<String>,
    #[serde(default)]
    scope: Option<String>,
    /// What `laminate credential prove` wrote, in hex.
    #[serde(default)]
    credential: Option<String>,
    #[serde(default)]
    submit: bool,
}

/// A request as it came.
struct Request {
    owner: String,
    key: Option<String>,
    kind: String,
    query: String,
    body: Vec<u8>,
}

/// Takes a job.
pub async fn create(
    State(server): State<App>,
    Extension(Owner(owner)): Extension<Owner>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    if server.is_stopping() {
        return Err(Problem::stopping());
    }
    let text = |name| headers.get(name).map(|value| value.to_str().ok());
    let kind = text(&CONTENT_TYPE).flatten().unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let key = match text(&IDEMPOTENCY_KEY) {
        None => None,
        Some(Some(key)) if (1..=LONGEST_KEY).contains(&key.len()) => Some(key.to_owned()),
        Some(_) => {
            let text = "Idempotency-Key: expected 1 to 255 characters of ASCII";
            return Err(Problem::new(StatusCode::BAD_REQUEST, text));
        }
    };
    let request = Request {
        owner,
        key,
        kind: kind.to_ascii_lowercase(),
        query: query.unwrap_or_default(),
        body: body::read(body, &server.limits).await?,
    };
    let (job, replayed) = blocking(&server, move |server| admit(server, &request)).await?;
    let place = format!("/v1/jobs/{}", job.id);
    let replayed = replayed.then_some([(REPLAYED, "true")]);
    let answer = Json(serde_json::json!(job.view()));
    Ok((StatusCode::ACCEPTED, [(LOCATION, place)], replayed, answer).into_response())
}

/// The job of a request; whether it was there before.
fn admit(server: &App, request: &Request) -> Result<(Job, bool), Problem> {
    if let Some(found) = before(server, request)? {
        return Ok((found, true));
    }
    let (wanted, content) = wanted(request)?;
    let served = server.models.get(&wanted.model).ok_or_else(|| {
        let names: Vec<&str> = server.models.keys().map(String::as_str).collect();
        let (wanted, names) = (&wanted.model, names.join(", "));
        Problem::unfit(&eyre!(
            "there is no model {wanted:?} here; there are: {names}"
        ))
    })?;
    if wanted.submit && served.view.registry.is_none() {
        return Err(Problem::unfit(&eyre!(
            "this server cannot submit proofs of {}; leave submit out, or start it with --deployment",
            wanted.model
        )));
    }
    let binding = binding(&wanted)?;
    let id = new_id();
    let added = server.inputs.add(&id, served, &content, &binding);
    let input_commitment = added.map_err(|error| {
        server.inputs.discard(&id);
        Problem::unfit(&error)
    })?;
    let idempotency = request.key.clone().map(|key| {
        let mut salt = [0; 32];
        OsRng.fill_bytes(&mut salt);
        let digest = request.digest(&salt);
        Idempotency { key, salt, digest }
    });
    let job = NewJob {
        id,
        owner: request.owner.clone(),
        idempotency,
        model: wanted.model,
        input_commitment,
        context: wanted.context,
        scope: wanted.scope,
        submit: wanted.submit,
    };
    let inserted = server.store.insert(&job, server.limits.queue);
    match inserted {
        Ok(Inserted::New(job)) => {
            server.changed(&job);
            Ok((*job, false))
        }
        other => {
            server.inputs.discard(&job.id);
            match other? {
                Inserted::Full => Err(Problem::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    format!("{} jobs wait already, as many as may", server.limits.queue),
                )),
                // Another request with the key came meanwhile.
                _ => match before(server, request)? {
                    Some(job) => Ok((job, true)),
                    None => Err(eyre!("job {} was not added", job.id).into()),
                },
            }
        }
    }
}

fn before(server: &App, request: &Request) -> Result<Option<Job>, Problem> {
    let Some(key) = &request.key else {
        return Ok(None);
    };
    let digest = |salt: [u8; 32]| request.digest(&salt);
    match server.store.before(&request.owner, key, digest)? {
        None => Ok(None),
        Some(Before::Same(job)) => Ok(Some(*job)),
        Some(Before::OtherRequest) => Err(Problem::unfit(&eyre!(
            "this Idempotency-Key was given to another request; take a new one"
        ))),
    }
}

impl Request {
    fn digest(&self, salt: &[u8; 32]) -> [u8; 32] {
        let mut hash = Sha256::new_with_prefix(salt);
        for part in [self.kind.as_bytes(), self.query.as_bytes(), &self.body] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }
}

/// What a request asks for, and its input.
fn wanted(request: &Request) -> Result<(Wanted, Content), Problem> {
    let bad = |text: String| Problem::new(StatusCode::BAD_REQUEST, text);
    let query = || {
        let wanted: Result<Wanted, _> = axum::extract::Query::try_from_uri(
            &axum::http::Uri::builder()
                .path_and_query(format!("/?{}", request.query))
                .build()
                .map_err(|e| bad(e.to_string()))?,
        )
        .map(|query| query.0);
        let wanted = wanted.map_err(|error| bad(error.body_text()))?;
        match (&wanted.input, &wanted.csv, &wanted.committed_input) {
            (None, None, None) => Ok(wanted),
            // Queries end up in logs on the way.
            _ => Err(bad("inputs belong into the body, not into the query".into())),
        }
    };
    match request.kind.as_str() {
        "application/json" => {
            let mut wanted: Wanted = serde_json::from_slice(&request.body)
                .map_err(|error| bad(format!("the body is no job in JSON: {error}")))?;
            let given = (
                wanted.input.take(),
                wanted.csv.take(),
                wanted.committed_input.take(),
            );
            let content = match given {
                (Some(input), None, None) => Content::Json(input.to_string().into_bytes()),
                (None, Some(csv), None) => Content::Csv(csv.into_bytes()),
                (None, None, Some(text)) => Content::Committed(of_hex("committed_input", &text)?),
                _ => {
                    let text = "expected one of input, csv and committed_input";
                    return Err(Problem::unfit(&eyre!(text)));
                }
            };
            Ok((wanted, content))
        }
        "text/csv" => Ok((query()?, Content::Csv(request.body.clone()))),
        "application/octet-stream" => Ok((query()?, Content::Committed(request.body.clone()))),
        other => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!(
                "Content-Type {other:?}: expected application/json, or with ?model=NAME text/csv or application/octet-stream (what `laminate input commit` wrote)"
            ),
        )),
    }
}

fn binding(wanted: &Wanted) -> Result<Binding, Problem> {
    let element = |name: &str, text: &Option<String>| {
        let parsed = text.as_ref().map(|text| text.parse::<Element>());
        let parsed = parsed.transpose();
        parsed.map_err(|error| Problem::unfit(&eyre!("{name}: {error}")))
    };
    let credential = wanted.credential.as_ref();
    Ok(Binding {
        context: element("context", &wanted.context)?,
        scope: element("scope", &wanted.scope)?,
        credential: credential
            .map(|text| of_hex("credential", text))
            .transpose()?,
    })
}

fn of_hex(name: &str, text: &str) -> Result<Vec<u8>, Problem> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    hex::decode(digits).map_err(|error| Problem::unfit(&eyre!("{name} is no hex: {error}")))
}
