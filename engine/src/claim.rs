//! Columns as linear views of committed blocks, and evaluation claims on them.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use crate::backend::Backend;
use crate::field::pow2;
use crate::geometry::Block;
use crate::poly::eq;

/// How a block's entries stand in a column whose leading axis is the stack of `count` blocks,
/// padded to `2^log`. Entry `l` of the column is…
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// …entry `l` of the block, which has the column's shape.
    Direct,
    /// …entry `l + 1` of the block for `l < count - 1`, else zero.
    Next {
        /// Number of entries.
        count: usize,
        /// log2 of the padded axis.
        log: usize,
    },
    /// …entry `l - 1` of the block, which has the column's shape, zero for `l = 0`; the axis is the whole
    /// column.
    Previous,
    /// …the block, which has no stack axis, for `l = count - 1`, else zero.
    Last {
        /// Number of entries.
        count: usize,
        /// log2 of the padded axis.
        log: usize,
    },
}

/// `coefficient · block`, wired.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Term {
    /// Coefficient.
    pub coefficient: Fr,
    /// Block.
    pub block: Block,
    /// How the block stands in the column.
    pub wire: Wire,
}

/// A column `constant + Σ coefficient · block`; all terms have the column's size.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Constant term.
    pub constant: Fr,
    /// A further constant on the first `count` of the `2^log` entries of the stack axis:
    /// `(constant, count, log)`.
    pub below: Option<(Fr, usize, usize)>,
    /// Blocks with their coefficients; never empty.
    pub terms: Vec<Term>,
}

impl View {
    /// The block itself.
    pub fn block(block: Block) -> Self {
        Self::limbs(Fr::ZERO, &[block], 8)
    }

    /// `constant + Σ 2^(bits·i) · block_i`
    pub fn limbs(constant: Fr, blocks: &[Block], bits: usize) -> Self {
        let terms = blocks
            .iter()
            .enumerate()
            .map(|(i, b)| Term {
                coefficient: pow2(bits * i),
                block: *b,
                wire: Wire::Direct,
            })
            .collect();
        Self {
            constant,
            below: None,
            terms,
        }
    }

    /// `self · factor + other`
    #[must_use]
    pub fn scale_add(&self, factor: Fr, other: &Self) -> Self {
        let scaled = |term: &Term| Term {
            coefficient: term.coefficient * factor,
            ..*term
        };
        let mut terms: Vec<Term> = self.terms.iter().map(scaled).collect();
        terms.extend(other.terms.iter().copied());
        let below = match (self.below, other.below) {
            (None, below) => below,
            (Some((c, count, log)), other) => {
                Some((c * factor + other.map_or(Fr::ZERO, |o| o.0), count, log))
            }
        };
        Self {
            constant: self.constant * factor + other.constant,
            below,
            terms,
        }
    }

    /// log2 of the column's length.
    pub fn log(&self) -> usize {
        self.terms.first().map_or(0, |term| match term.wire {
            Wire::Last { log, .. } => log + term.block.log,
            _ => term.block.log,
        })
    }

    /// The constant part of the column's extension at `point`.
    pub fn constant_at<B: Backend>(&self, backend: &mut B, point: &[B::Scalar]) -> B::Scalar {
        let constant = backend.constant(self.constant);
        match self.below {
            None => constant,
            Some((value, count, log)) => {
                let stack = point.get(..log).unwrap_or(&[]);
                let below = eq::below(backend, count, stack);
                backend.linear(self.constant, &[(value, below)])
            }
        }
    }
}

/// `view(point) = value`, still to be shown by an opening. Point length = `view.log()`.
#[must_use = "an evaluation claim proves nothing until it is opened"]
#[derive(Clone, Debug)]
pub struct EvalClaim<S> {
    /// The column.
    pub view: View,
    /// Where.
    pub point: Vec<S>,
    /// What.
    pub value: S,
}
