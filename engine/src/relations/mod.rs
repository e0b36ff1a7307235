//! The kinds of relations between columns, as data that prover, native verifier and circuit all read.
//!
//! | kind | file | proof |
//! | --- | --- | --- |
//! | sums of products over axes, weights in [`kernel`] | [`product`] | one stage of the joint sumcheck, or two |
//! | element-wise identities | [`elementwise`] | a zero-check in its first stage; linear ones a claim |
//! | sums of rows | [`row_sum`] | a claim at a random row |
//! | distances to a known entry of largest value | [`gap`] | a claim |
//! | padding that is zero | [`zeros`] | claims, no message |
//!
//! One joint sumcheck shows those of a whole group ([`crate::joint`]). Ranges are not part of a relation: lookups show them ([`crate::lookup`]).

pub mod elementwise;
pub mod gap;
pub mod kernel;
pub mod product;
pub mod row_sum;
pub mod zeros;

pub use elementwise::{Causal, Elementwise, Expression, Monomial};
pub use gap::Gap;
pub use kernel::{Kernel, Rotation};
pub use product::{Factor, Product, Stage};
pub use row_sum::RowSum;
pub use zeros::Zeros;

/// One statement about columns; a group of them is proven together.
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

impl Relation {
    /// Name in errors.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Product(relation) => relation.name,
            Self::Elementwise(relation) => relation.name,
            Self::RowSum(_) => "row sum",
            Self::Gap(_) => "gap",
            Self::Zeros(_) => "zeros",
        }
    }

    /// Number of variables of its point before any stage: of a target, a zero-check, a row, a claim.
    pub fn point_log(&self) -> usize {
        match self {
            Self::Product(relation) => relation.point_log(),
            Self::Elementwise(relation) => relation.log(),
            Self::RowSum(relation) => relation.row_log(),
            Self::Gap(relation) => relation.logs.iter().sum(),
            Self::Zeros(relation) => relation.point_log(),
        }
    }

    /// Number of sumchecks.
    pub fn stages(&self) -> usize {
        match self {
            Self::Product(relation) => relation.stages.len(),
            Self::Elementwise(relation) => usize::from(!relation.quadratic.is_empty()),
            Self::RowSum(_) | Self::Gap(_) | Self::Zeros(_) => 0,
        }
    }
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
