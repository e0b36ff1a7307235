//! Columns as linear views of committed blocks, and evaluation claims on them.

use halo2curves_axiom::bn256::Fr;

use crate::field::{fr_from_i64, pow2};
use crate::layout::{Block, DenseBlocks, Layout, Pair};
use crate::program::{ACTIVATION_BOUND, BIAS_BOUND, TensorId, WEIGHT_BOUND};

/// A column `constant + Σ coefficient · block`; all blocks have the same size.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Constant term.
    pub constant: Fr,
    /// Blocks with their coefficients; never empty.
    pub terms: Vec<(Fr, Block)>,
}

impl View {
    /// The block itself.
    pub fn block(block: Block) -> Self {
        Self {
            constant: Fr::from(0),
            terms: vec![(Fr::from(1), block)],
        }
    }

    /// `constant + Σ 256^i · block_i`
    pub fn bytes(constant: Fr, blocks: &[Block]) -> Self {
        let terms = blocks
            .iter()
            .enumerate()
            .map(|(i, b)| (pow2(8 * i), *b))
            .collect();
        Self { constant, terms }
    }

    /// An unsigned 16-bit column.
    pub fn unsigned(pair: &Pair) -> Self {
        Self::bytes(Fr::from(0), pair)
    }

    /// The integer values of a tensor.
    pub fn tensor(layout: &Layout, id: TensorId) -> Self {
        let pair = layout
            .tensors
            .get(id)
            .map_or(&[] as &[Block], |p| p.as_slice());
        let offset = if layout.unsigned.get(id) == Some(&true) {
            0
        } else {
            -ACTIVATION_BOUND
        };
        Self::bytes(fr_from_i64(offset), pair)
    }

    /// int8 weights.
    pub fn weight(dense: &DenseBlocks) -> Self {
        Self::bytes(fr_from_i64(-WEIGHT_BOUND), &[dense.weight])
    }

    /// int32 biases.
    pub fn bias(dense: &DenseBlocks) -> Self {
        Self::bytes(fr_from_i64(-BIAS_BOUND), &dense.bias)
    }

    /// Multipliers.
    pub fn multiplier(dense: &DenseBlocks) -> Self {
        Self::bytes(Fr::from(0), &dense.multiplier)
    }

    /// `self · factor + other`
    #[must_use]
    pub fn scale_add(&self, factor: Fr, other: &Self) -> Self {
        let mut terms: Vec<_> = self.terms.iter().map(|(c, b)| (*c * factor, *b)).collect();
        terms.extend(other.terms.iter().copied());
        Self {
            constant: self.constant * factor + other.constant,
            terms,
        }
    }

    /// log2 of the column's length.
    pub fn log(&self) -> usize {
        self.terms.first().map_or(0, |(_, b)| b.log)
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
