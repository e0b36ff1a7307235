//! Layer proofs: the prover's side of [`laminate_protocol::relations`].
//!
//! Every layer works on its own forked transcript, so layers run in parallel and in any order.

mod dense;
mod elementwise;

use halo2curves_axiom::bn256::Fr;
use laminate_protocol::backend::Native;
use laminate_protocol::claim::EvalClaim;
use laminate_protocol::relations::{LayerProof, Relation};
use laminate_protocol::transcript::Transcript;

use crate::columns::Columns;

/// Proves one layer; returns the proof and the claims it leaves.
pub fn prove(
    transcript: &mut Transcript<Native>,
    columns: &Columns<'_>,
    relation: &Relation,
) -> (LayerProof<Fr>, Vec<EvalClaim<Fr>>) {
    match relation {
        Relation::Dense(dense) => dense::prove(transcript, columns, dense),
        Relation::Elementwise(elementwise) => elementwise::prove(transcript, columns, elementwise),
        Relation::Wiring => (
            LayerProof {
                sumchecks: vec![],
                evaluations: vec![],
            },
            vec![],
        ),
    }
}
