//! How a program is encoded: as a struct of its fields, sequence and binding in one.

use serde::{Deserialize, Serialize};

use super::{Carry, DenseShape, Node, Program, RopeTable, Table, Tensor, TensorId, TensorView};
use crate::ends::stored::{self, Ends};

/// The fields of a [`Program`] in their order.
#[derive(Serialize, Deserialize)]
pub(super) struct Encoded {
    name: String,
    batch_log: u8,
    tensors: Vec<Tensor>,
    nodes: Vec<Node>,
    input: TensorId,
    output: TensorId,
    weights: Vec<DenseShape>,
    tables: Vec<Table>,
    row_log: u8,
    limb_bits: u8,
    check_weights: bool,
    #[serde(rename = "sequence", with = "stored")]
    ends: Ends,
    carry: Option<Carry>,
    rope: Vec<RopeTable>,
    views: Vec<TensorView>,
}

impl From<Program> for Encoded {
    fn from(program: Program) -> Self {
        let Program {
            name,
            batch_log,
            tensors,
            nodes,
            input,
            output,
            weights,
            tables,
            row_log,
            limb_bits,
            check_weights,
            sequence,
            binding,
            carry,
            rope,
            views,
        } = program;
        Self {
            name,
            batch_log,
            tensors,
            nodes,
            input,
            output,
            weights,
            tables,
            row_log,
            limb_bits,
            check_weights,
            ends: (sequence, binding),
            carry,
            rope,
            views,
        }
    }
}

impl From<Encoded> for Program {
    fn from(encoded: Encoded) -> Self {
        let (sequence, binding) = encoded.ends;
        Self {
            name: encoded.name,
            batch_log: encoded.batch_log,
            tensors: encoded.tensors,
            nodes: encoded.nodes,
            input: encoded.input,
            output: encoded.output,
            weights: encoded.weights,
            tables: encoded.tables,
            row_log: encoded.row_log,
            limb_bits: encoded.limb_bits,
            check_weights: encoded.check_weights,
            sequence,
            binding,
            carry: encoded.carry,
            rope: encoded.rope,
            views: encoded.views,
        }
    }
}
