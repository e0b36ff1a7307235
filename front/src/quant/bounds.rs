//! The static bound of every node's intermediate, far below the field.

use laminate_model::ops::{
    Activation, Add, Argmax, Dense, DenseAdd, Forest, Mix, Mul, Relu, Reshape, RmsNorm, Scores,
};
use laminate_model::program::{
    ACTIVATION_BOUND, BIAS_BOUND, DenseWeights, MULTIPLIER_BOUND, Node, Op, Program, TensorId,
    WEIGHT_BOUND, Weights, axes_len,
};

use super::QuantError;

/// Intermediates stay below 2^BOUND_LIMIT in absolute value; the field has 254 bits.
pub const BOUND_LIMIT: u32 = 120;

/// What can be said of a node before any input is known.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeBound {
    /// Index of the node.
    pub node: usize,
    /// Its name in the model.
    pub name: String,
    /// Its op.
    pub op: &'static str,
    /// Output features.
    pub width: usize,
    /// Scale of the output.
    pub scale: i8,
    /// Largest absolute real output on the calibration rows.
    pub calibrated: f64,
    /// Largest absolute real output that fits: `2^15·2^-scale`, or `2^11·2^-scale` where a table reads it.
    pub accepted: f64,
    /// Bound of the absolute value that is rounded, over all int16 operands.
    pub bound: u128,
}

impl NodeBound {
    /// Number of bits of the bound.
    pub fn bits(&self) -> u32 {
        u128::BITS - self.bound.leading_zeros()
    }
}

/// Bounds of all nodes; `calibrated` by program tensor.
///
/// # Errors
/// [`QuantError::Bound`] if one is too large.
pub fn report(
    program: &Program,
    weights: &Weights,
    calibrated: &[f64],
) -> Result<Vec<NodeBound>, QuantError> {
    let nodes = program.nodes.iter().enumerate();
    nodes
        .map(|(index, node)| {
            let tensor = &program.tensors[node.output];
            let entry = NodeBound {
                node: index,
                name: node.name.clone(),
                op: node.op.name(),
                width: tensor.width(),
                scale: tensor.scale,
                calibrated: calibrated[node.output],
                accepted: limit(program, node.output) as f64 * libm::exp2(-f64::from(tensor.scale)),
                bound: bound(program, node, weights),
            };
            if entry.bits() > BOUND_LIMIT {
                return Err(QuantError::Bound {
                    node: entry.name.clone(),
                    bits: entry.bits(),
                    limit: BOUND_LIMIT,
                });
            }
            Ok(entry)
        })
        .collect()
}

/// Half the range of a tensor: that of an index if a table reads it.
fn limit(program: &Program, id: TensorId) -> i64 {
    let index = |n: &Node| match n.op {
        Op::Activation(Activation { table }) if n.inputs.contains(&id) => program.tables.get(table),
        _ => None,
    };
    let bits = program.tensors.get(id).map_or(16, |t| t.bits);
    let own = if bits == 32 {
        BIAS_BOUND
    } else {
        ACTIVATION_BOUND
    };
    let table = program.nodes.iter().filter_map(index).map(|t| -t.lowest());
    table.min().map_or(own, |limit| limit.min(own))
}

/// Bound of `|v| + 2^(s-1)`, where `v` is what the op rounds.
fn bound(program: &Program, node: &Node, weights: &Weights) -> u128 {
    let x: u128 = ACTIVATION_BOUND.unsigned_abs().into();
    let half = |shift: u8| 1u128 << (shift - 1);
    match node.op {
        Op::Dense(Dense { weight, shift }) | Op::DenseAdd(DenseAdd { weight, shift }) => {
            dense(&weights.dense[weight]) + half(shift)
        }
        Op::Embed(_) => (WEIGHT_BOUND * MULTIPLIER_BOUND).unsigned_abs().into(),
        Op::RmsNorm(RmsNorm { numerator, .. }) => (u128::from(numerator) << 31) + half(32),
        Op::Rope(_) => 2 * (x << 16) + half(16),
        Op::Scores(Scores { multiplier, shift }) => {
            let keys = node.inputs.get(1).and_then(|id| program.tensors.get(*id));
            let head = keys.map_or(0, |k| axes_len(k.axes.get(1..).unwrap_or(&[])));
            head as u128 * x * x * u128::from(multiplier) + half(shift)
        }
        Op::Softmax(_) | Op::Argmax(Argmax) => 2 * x,
        // The reciprocal times the sum of the weights is at most 2^32.
        Op::Mix(Mix) => (x << 32) + half(32),
        Op::LeakyRelu(_) => (x << 16) + half(16),
        Op::Add(Add { left, right, shift }) => {
            x * (u128::from(left) + u128::from(right)) + half(shift)
        }
        Op::Mul(Mul { multiplier, shift }) => x * x * u128::from(multiplier) + half(shift),
        Op::Forest(Forest { steps, .. }) => u128::from(steps) << 31,
        Op::Relu(Relu) | Op::Activation(_) | Op::Reshape(Reshape) => x,
    }
}

/// `max_j (Σ_k |w[j,k]|·2^15 + |bias[j]|)·m[j]`.
fn dense(dense: &DenseWeights) -> u128 {
    let cols = dense.weight.len() / dense.multiplier.len().max(1);
    let rows = dense
        .weight
        .chunks_exact(cols.max(1))
        .zip(&dense.multiplier)
        .enumerate();
    let row = |(j, (weights, m)): (usize, (&[i8], &u32))| {
        let bias = dense.bias.get(j).copied().unwrap_or(0);
        let sum: u128 = weights.iter().map(|w| u128::from(w.unsigned_abs())).sum();
        (sum * u128::from(ACTIVATION_BOUND.unsigned_abs()) + u128::from(bias.unsigned_abs()))
            * u128::from(*m)
    };
    rows.map(row).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dense_bound_is_the_worst_row() {
        let layer = DenseWeights {
            weight: vec![1, -2, 127, 0],
            bias: vec![-5, 0],
            multiplier: vec![10, 1],
        };
        assert_eq!(dense(&layer), 127 << 15);
        let first = DenseWeights {
            multiplier: vec![1000, 1],
            ..layer
        };
        assert_eq!(dense(&first), ((3 << 15) + 5) * 1000);
    }
}
