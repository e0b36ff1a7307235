//! The static bound of every node's intermediate, far below the field.

use laminate_protocol::program::{
    ACTIVATION_BOUND, DenseWeights, Node, Op, Program, Table, TensorId, Weights,
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
                width: tensor.width as usize,
                scale: tensor.scale,
                calibrated: calibrated[node.output],
                accepted: limit(program, node.output) as f64 * libm::exp2(-f64::from(tensor.scale)),
                bound: bound(&node.op, weights),
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
    let is_index = |n: &Node| matches!(n.op, Op::Activation { .. }) && n.inputs.contains(&id);
    if program.nodes.iter().any(is_index) {
        -Table::LOWEST
    } else {
        ACTIVATION_BOUND
    }
}

/// Bound of `|v| + 2^(s-1)`, where `v` is what the op rounds.
fn bound(op: &Op, weights: &Weights) -> u128 {
    let x = ACTIVATION_BOUND.unsigned_abs().into();
    let half = |shift: u8| 1u128 << (shift - 1);
    match *op {
        Op::Dense { weight, shift } => dense(&weights.dense[weight]) + half(shift),
        Op::LeakyRelu { .. } => (x << 16) + half(16),
        Op::Add { left, right, shift } => x * (u128::from(left) + u128::from(right)) + half(shift),
        Op::Mul { multiplier, shift } => x * x * u128::from(multiplier) + half(shift),
        Op::Relu | Op::Activation { .. } | Op::Reshape => x,
    }
}

/// `max_j (Σ_k |w[j,k]|·2^15 + |bias[j]|)·m[j]`.
fn dense(dense: &DenseWeights) -> u128 {
    let cols = dense.weight.len() / dense.bias.len().max(1);
    let rows = dense
        .weight
        .chunks_exact(cols.max(1))
        .zip(&dense.bias)
        .zip(&dense.multiplier);
    let row = |((weights, bias), m): ((&[i8], &i32), &u32)| {
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
