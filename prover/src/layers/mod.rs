//! Layer proofs: the prover's side of [`laminate_engine::relations`].
//!
//! Every layer works on its own forked transcript, so layers run in parallel and in any order.

mod axes;
mod elementwise;
mod kernel;
mod product;
mod simple;

use halo2curves_axiom::bn256::Fr;
use laminate_engine::backend::Native;
use laminate_engine::claim::EvalClaim;
use laminate_engine::relations::{LayerProof, Relation, RelationProof, zeros};
use laminate_engine::transcript::Transcript;

use crate::columns::Columns;

/// What a layer's prover reads.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// Committed columns.
    pub columns: &'a Columns<'a>,
    /// Exact sums of a dense layer, `(stack, slots, rows)` padded, if the executor kept them.
    pub accumulator: Option<&'a [i64]>,
    /// The lists of known indices, one of each for every slot.
    pub known: &'a [Vec<usize>],
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
