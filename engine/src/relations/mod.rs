//! The kinds of relations between columns, as data that prover, native verifier and circuit all read.
//!
//! | kind | file | proof |
//! | --- | --- | --- |
//! | sums of products over axes, weights in [`kernel`] | [`product`] | a sumcheck a stage |
//! | element-wise identities | [`elementwise`] | one zero-check, or a random point |
//! | sums of rows | [`row_sum`] | a random row |
//! | distances to a known entry of largest value | [`gap`] | a random point |
//! | padding that is zero | [`zeros`] | a random point, no message |
//!
//! Ranges are not part of a relation: lookups show them ([`crate::lookup`]).

pub mod elementwise;
pub mod gap;
pub mod kernel;
pub mod product;
mod proof;
pub mod row_sum;
pub mod zeros;

use crate::backend::Backend;
use crate::claim::EvalClaim;
use crate::error::{VerifyError, expect_len};
use crate::transcript::Transcript;

pub use elementwise::{Causal, Elementwise, Expression, Monomial};
pub use gap::Gap;
pub use kernel::{Kernel, Rotation};
pub use product::{Factor, Product, Stage};
pub use proof::{LayerProof, RelationProof};
pub use row_sum::RowSum;
pub use zeros::Zeros;

/// One statement about columns; a layer's proof shows a list of them.
#[derive(Clone, Debug)]
pub enum Relation {
    /// A column is a sum of products of others.
    Product(Product),
    /// Identities between columns, element by element.
    Elementwise(Elementwise),
    /// Sums of rows.
    RowSum(RowSum),
    /// Entries below the largest.
    Gap(Gap),
    /// Padding that is zero.
    Zeros(Zeros),
}

/// What relations read beside committed columns: lists of indices that the verifier knows, one for each slot, as
/// bits, most significant first.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a, S> {
    /// The lists; a relation names one by its number.
    pub known: &'a [Vec<Vec<S>>],
}

impl<'a, S> Context<'a, S> {
    /// A list; empty if there is none of that number.
    pub fn list(&self, number: usize) -> &'a [Vec<S>] {
        self.known.get(number).map_or(&[], Vec::as_slice)
    }
}

/// Verifies one layer proof on its own forked transcript and returns the claims it leaves.
///
/// # Errors
/// Shape errors and failed identities.
pub fn verify<B: Backend>(
    backend: &mut B,
    transcript: &mut Transcript<B>,
    context: &Context<'_, B::Scalar>,
    relations: &[Relation],
    proof: &LayerProof<B::Scalar>,
) -> Result<Vec<EvalClaim<B::Scalar>>, VerifyError> {
    expect_len("layer relations", proof.relations.len(), relations.len())?;
    let mut claims = vec![];
    for (relation, proof) in relations.iter().zip(&proof.relations) {
        claims.extend(match relation {
            Relation::Product(product) => {
                product::verify(backend, transcript, context, product, proof)?
            }
            Relation::Elementwise(relation) => {
                elementwise::verify(backend, transcript, relation, proof)?
            }
            Relation::RowSum(relation) => row_sum::verify(backend, transcript, relation, proof)?,
            Relation::Gap(relation) => gap::verify(backend, transcript, context, relation, proof)?,
            Relation::Zeros(relation) => {
                expect_len("sumchecks of padding", proof.sumchecks.len(), 0)?;
                expect_len("evaluations of padding", proof.evaluations.len(), 0)?;
                zeros::claims(backend, transcript, relation)
            }
        });
    }
    Ok(claims)
}
