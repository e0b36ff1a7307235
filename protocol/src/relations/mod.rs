//! Relations: one per op, as data that prover, native verifier and circuit all read.
//!
//! | op | file | proof |
//! | --- | --- | --- |
//! | dense + requantise | [`dense`] | two sumchecks |
//! | ReLU, leaky ReLU | [`relu`] | one zero-check |
//! | add | [`add`] | linear, a random point |
//! | mul | [`mul`] | one zero-check |
//! | activation | [`activation`] | lookups only |
//! | reshape | – | wiring: the output is the operand's column |
//!
//! Range checks are not part of a relation: every committed column lies in a byte region that one
//! lookup covers ([`crate::lookup`]).

pub mod activation;
pub mod add;
pub mod dense;
pub mod elementwise;
pub mod mul;
pub mod relu;

use serde::{Deserialize, Serialize};

use crate::backend::Backend;
use crate::claim::EvalClaim;
use crate::error::{VerifyError, expect_len};
use crate::layout::Layout;
use crate::program::{Op, Program};
use crate::sumcheck::SumcheckProof;
use crate::transcript::Transcript;

pub use dense::DenseRelation;
pub use elementwise::{Elementwise, Expression, Monomial};

/// What a node's layer proof has to show.
#[derive(Clone, Debug)]
pub enum Relation {
    /// Dense layer with requantisation.
    Dense(Box<DenseRelation>),
    /// Identities between columns, element by element.
    Elementwise(Elementwise),
    /// Nothing beyond lookups and wiring.
    Wiring,
}

/// The proof of one layer; its file is what `--keep-layers` writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerProof<S> {
    /// Sumchecks in the order of the relation.
    pub sumchecks: Vec<SumcheckProof<S>>,
    /// Evaluations of the relation's columns, in its order.
    pub evaluations: Vec<S>,
}

/// The relation of node `index`.
pub fn relation(program: &Program, layout: &Layout, index: usize) -> Relation {
    let Some(node) = program.nodes.get(index) else {
        return Relation::Wiring;
    };
    let aux = layout.aux.get(index).cloned().unwrap_or_default();
    match node.op {
        Op::Dense { weight, shift } => dense::relation(program, layout, node, &aux, weight, shift)
            .map_or(Relation::Wiring, |dense| Relation::Dense(Box::new(dense))),
        Op::Relu => Relation::Elementwise(relu::relu(layout, node, &aux)),
        Op::LeakyRelu { slope } => {
            Relation::Elementwise(relu::leaky_relu(layout, node, &aux, slope))
        }
        Op::Add { left, right, shift } => {
            Relation::Elementwise(add::relation(layout, node, &aux, left, right, shift))
        }
        Op::Mul { multiplier, shift } => {
            Relation::Elementwise(mul::relation(layout, node, &aux, multiplier, shift))
        }
        Op::Activation { .. } | Op::Reshape => Relation::Wiring,
    }
}

/// Verifies one layer proof on its own forked transcript and returns the claims it leaves.
///
/// # Errors
/// Shape errors and failed identities.
pub fn verify<B: Backend>(
    backend: &mut B,
    transcript: &mut Transcript<B>,
    relation: &Relation,
    proof: &LayerProof<B::Scalar>,
) -> Result<Vec<EvalClaim<B::Scalar>>, VerifyError> {
    match relation {
        Relation::Dense(dense) => dense::verify(backend, transcript, dense, proof),
        Relation::Elementwise(elementwise) => {
            elementwise::verify(backend, transcript, elementwise, proof)
        }
        Relation::Wiring => {
            expect_len("layer sumchecks", proof.sumchecks.len(), 0)?;
            expect_len("layer evaluations", proof.evaluations.len(), 0)?;
            Ok(vec![])
        }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::Elementwise;
    use crate::field::fr_from_i64;
    use halo2curves_axiom::bn256::Fr;

    /// Asserts that the relation accepts `good` columns and refuses each of `bad`.
    pub fn accepts_and_refuses(relation: &Elementwise, good: &[i64], bad: &[&[i64]]) {
        let holds = |row: &[i64]| {
            let row: Vec<Fr> = row.iter().map(|v| fr_from_i64(*v)).collect();
            assert_eq!(row.len(), relation.columns.len());
            relation
                .quadratic
                .iter()
                .chain(&relation.linear)
                .all(|e| e.evaluate(&row) == Fr::from(0))
        };
        assert!(holds(good), "{good:?} refused");
        for row in bad {
            assert!(!holds(row), "{row:?} accepted");
        }
    }
}
