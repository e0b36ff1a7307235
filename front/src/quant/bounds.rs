//! The static bound of every node's intermediate, far below the field.

use laminate_model::ops::{Io, Place};
use laminate_model::program::{ACTIVATION_BOUND, BIAS_BOUND, Program, TensorId, Weights};

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
    /// Largest absolute real output on the calibration rows, of a fused ReLU before it.
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
                bound: node.op.bound(&Io { program, node }, weights),
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
    let bits = program.tensors.get(id).map_or(16, |t| t.bits);
    let own = if bits == 32 {
        BIAS_BOUND
    } else {
        ACTIVATION_BOUND
    };
    let lookups = program.nodes.iter().flat_map(|node| {
        let lookups = node.op.lookups().into_iter();
        lookups.filter(|lookup| match lookup.index {
            Place::Operand(operand) => node.inputs.get(operand) == Some(&id),
            Place::Output | Place::Auxiliary(_) => false,
        })
    });
    let tables = lookups.filter_map(|lookup| program.tables.get(lookup.table));
    tables.fold(own, |limit, table| limit.min(-table.lowest()))
}
