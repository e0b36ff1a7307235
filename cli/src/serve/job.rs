//! A job: an input to prove, and what became of it.

use std::time::{SystemTime, UNIX_EPOCH};

use alloy::primitives::B256;
use rand::RngCore;
use rand::rngs::OsRng;
use serde::Serialize;
use serde_json::Value;

use crate::chain::Signed;

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It waits for the prover.
    Queued,
    /// The prover works on it.
    Proving,
    /// Its proof is made and verified; the end, unless it is to be submitted.
    Proven,
    /// Its proof is on its way to the chain.
    Submitting,
    /// The registry has its statement.
    Submitted,
    /// It came to nothing.
    Failed,
    /// Its owner took it back before it was proven.
    Cancelled,
}

impl State {
    /// Each, in the order of a job's life.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Proving,
        Self::Proven,
        Self::Submitting,
        Self::Submitted,
        Self::Failed,
        Self::Cancelled,
    ];

    /// As it is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Proving => "proving",
            Self::Proven => "proven",
            Self::Submitting => "submitting",
            Self::Submitted => "submitted",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// That of a name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// What a proof states, and how its output reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The proof file.
    pub proof: Vec<u8>,
    /// The outputs as `laminate prove` prints them.
    pub output: Value,
    /// Commitment to the weights.
    pub weight_commitment: String,
}

/// What a new job is.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Its name, which nobody can guess.
    pub id: String,
    /// Whose it is: the name of an API key.
    pub owner: String,
    /// What its owner calls the request, so that it can be repeated.
    pub idempotency: Option<Idempotency>,
    /// Name of the model.
    pub model: String,
    /// X, which its proof will state.
    pub input_commitment: String,
    /// What the proof is for, if its statement says so.
    pub context: Option<String>,
    /// What its credential is used for.
    pub scope: Option<String>,
    /// Whether the proof goes to the registry.
    pub submit: bool,
}

/// A request that may be repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The header.
    pub key: String,
    /// Salt of the digest: nobody who reads the database finds the input by trying.
    pub salt: [u8; 32],
    /// SHA-256 of salt and request.
    pub digest: [u8; 32],
}

/// A job as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its name.
    pub id: String,
    /// Whose it is.
    pub owner: String,
    /// Name of the model.
    pub model: String,
    /// Where it is.
    pub state: State,
    /// Milliseconds since 1970.
    pub created: i64,
    /// When its state changed last.
    pub updated: i64,
    /// How often the prover began it.
    pub attempts: i64,
    /// X.
    pub input_commitment: String,
    /// What the proof is for.
    pub context: Option<String>,
    /// What its credential is used for.
    pub scope: Option<String>,
    /// Whether the proof goes to the registry.
    pub submit: bool,
    /// Commitment to the weights, once proven.
    pub weight_commitment: Option<String>,
    /// The outputs, once proven.
    pub output: Option<Value>,
    /// Why it failed, or what went wrong with the last attempt to submit it.
    pub error: Option<String>,
    /// Hash of its statement on the chain.
    pub statement_hash: Option<String>,
    /// The transaction that was signed for it last.
    pub signed: Option<Signed>,
    /// Block that recorded the statement.
    pub block: Option<i64>,
    /// Whether the statement stood before this job's proof was sent.
    pub already_recorded: bool,
}

impl Job {
    /// Whether nothing more will become of it.
    pub fn is_done(&self) -> bool {
        match self.state {
            State::Queued | State::Proving | State::Submitting => false,
            State::Proven => !self.submit,
            State::Submitted | State::Failed | State::Cancelled => true,
        }
    }

    /// As the API shows it.
    pub fn view(&self) -> View<'_> {
        View {
            id: &self.id,
            model: &self.model,
            state: self.state,
            done: self.is_done(),
            submit: self.submit,
            created: self.created as f64 / 1e3,
            updated: self.updated as f64 / 1e3,
            attempts: self.attempts,
            input_commitment: &self.input_commitment,
            context: self.context.as_deref(),
            scope: self.scope.as_deref(),
            weight_commitment: self.weight_commitment.as_deref(),
            output: self.output.as_ref(),
            statement_hash: self.statement_hash.as_deref(),
            transaction: self.signed.map(|signed| signed.hash),
            block: self.block,
            already_recorded: self.already_recorded,
            error: self.error.as_deref(),
        }
    }
}

/// A job as the API shows it.
#[derive(Debug, Serialize)]
pub struct View<'a> {
    id: &'a str,
    model: &'a str,
    state: State,
    /// Whether nothing more will become of it.
    done: bool,
    submit: bool,
    /// Seconds since 1970.
    created: f64,
    updated: f64,
    attempts: i64,
    input_commitment: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight_commitment: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statement_hash: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction: Option<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block: Option<i64>,
    already_recorded: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// 128 random bits.
pub fn new_id() -> String {
    let mut bytes = [0; 16];
    OsRng.fill_bytes(&mut bytes);
    hex::encode(bytes)
}

/// Milliseconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}
