//! Layer proofs: the prover's side of [`laminate_protocol::relations`].
//!
//! Every layer works on its own forked transcript, so layers run in parallel and in any order.

mod axes;
mod elementwise;
mod kernel;
mod product;
mod simple;

use halo2curves_axiom::bn256::Fr;
use laminate_protocol::backend::Native;
use laminate_protocol::claim::EvalClaim;
use laminate_protocol::program::Program;
use laminate_protocol::relations::{LayerProof, Relation, RelationProof, zeros};
use laminate_protocol::transcript::Transcript;

use crate::columns::Columns;

/// What a layer's prover reads.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The program.
    pub program: &'a Program,
    /// Committed columns.
    pub columns: &'a Columns<'a>,
    /// Exact sums of a dense layer, `(stack, slots, rows)` padded, if the executor kept them.
    pub accumulator: Option<&'a [i64]>,
    /// Input token of every slot.
    pub tokens: &'a [usize],
    /// Output token of every slot.
    pub choices: &'a [usize],
}

/// Proves one layer; returns the proof and the claims it leaves.
pub fn prove(
    transcript: &mut Transcript<Native>,
    inputs: &Inputs<'_>,
    relations: &[Relation],
) -> (LayerProof<Fr>, Vec<EvalClaim<Fr>>) {
    let mut proofs = vec![];
    let mut all = vec![];
    for relation in relations {
        let (proof, claims) = match relation {
            Relation::Product(relation) => product::prove(transcript, inputs, relation),
            Relation::Elementwise(relation) => {
                elementwise::prove(transcript, inputs.columns, relation)
            }
            Relation::RowSum(relation) => simple::row_sum(transcript, inputs.columns, relation),
            Relation::Gap(relation) => simple::gap(transcript, inputs.columns, relation),
            Relation::Zeros(relation) => {
                let proof = RelationProof {
                    sumchecks: vec![],
                    evaluations: vec![],
                };
                (proof, zeros::claims(&mut Native, transcript, relation))
            }
        };
        proofs.push(proof);
        all.extend(claims);
    }
    (LayerProof { relations: proofs }, all)
}
