//! The program: architecture and integer semantics of a model, without its weights.
//!
//! A [`Program`] is a list of [`Node`]s in topological order over integer tensors of shape
//! `(slots, width)`; `slots` is the padded batch. It is public: its digest is part of every statement.
//! What each op computes is specified in `docs/specs/numerics.md` and implemented by the prover's
//! executor; how each op is proven is in [`crate::relations`].

mod check;
mod table;

pub use check::{MAX_BATCH_LOG, MAX_NODES, MAX_TABLES, MAX_WIDTH, ProgramError};
pub use table::{OUTPUT_SCALE, TABLE_LOG, Table, TableKind};

use halo2curves_axiom::bn256::Fr;
use serde::{Deserialize, Serialize};

use crate::field::fr_from_digest;

/// Index of a tensor in [`Program::tensors`].
pub type TensorId = usize;

/// Half the range of an int16 activation: values lie in `[-ACTIVATION_BOUND, ACTIVATION_BOUND)`.
pub const ACTIVATION_BOUND: i64 = 1 << 15;

/// Half the range of an int8 weight: values lie in `[-WEIGHT_BOUND, WEIGHT_BOUND)`.
pub const WEIGHT_BOUND: i64 = 1 << 7;

/// Half the range of an int32 bias.
pub const BIAS_BOUND: i64 = 1 << 31;

/// Multipliers lie in `[0, MULTIPLIER_BOUND)`: three bytes.
pub const MULTIPLIER_BOUND: i64 = 1 << 24;

/// An integer tensor of shape `(slots, width)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tensor {
    /// Name of the value in the source model.
    pub name: String,
    /// Unpadded number of features.
    pub width: u32,
    /// Real value = integer · 2^-scale.
    pub scale: i8,
}

/// The shape of one dense layer's hidden parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DenseShape {
    /// Output features (unpadded).
    pub rows: u32,
    /// Input features (unpadded).
    pub cols: u32,
}

/// The fixed catalogue of ops. `s` is always a multiple of eight, so that remainders are whole bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// `y[b,j] = floor((m[j]·(Σ_k w[j,k]·x[b,k] + bias[j]) + 2^(s-1)) / 2^s)`; `weight` indexes
    /// [`Program::weights`].
    Dense {
        /// Index of the hidden parameters.
        weight: usize,
        /// `s`: 16, 24 or 32.
        shift: u8,
    },
    /// `y = max(x, 0)`.
    Relu,
    /// `y = floor((max(x,0)·2^16 + min(x,0)·slope + 2^15) / 2^16)`, `0 < slope < 2^16`.
    LeakyRelu {
        /// Slope times 2^16.
        slope: u32,
    },
    /// `y = table[x + 2^11]`; `table` indexes [`Program::tables`].
    Activation {
        /// Index of the table.
        table: usize,
    },
    /// `y = floor((left·a + right·b + 2^(s-1)) / 2^s)`.
    Add {
        /// Factor of the first operand, below 2^24.
        left: u32,
        /// Factor of the second operand, below 2^24.
        right: u32,
        /// `s`: 8, 16 or 24.
        shift: u8,
    },
    /// `y = floor((a·b·multiplier + 2^(s-1)) / 2^s)`.
    Mul {
        /// Factor below 2^24.
        multiplier: u32,
        /// `s`: 8, 16, 24 or 32.
        shift: u8,
    },
    /// `y = x`, the same flat index under another shape: no data moves and nothing is committed.
    Reshape,
}

impl Op {
    /// Name of the op as it stands in messages and artifacts.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Dense { .. } => "dense",
            Self::Relu => "relu",
            Self::LeakyRelu { .. } => "leaky_relu",
            Self::Activation { .. } => "activation",
            Self::Add { .. } => "add",
            Self::Mul { .. } => "mul",
            Self::Reshape => "reshape",
        }
    }

    /// Number of operands.
    pub fn arity(&self) -> usize {
        match self {
            Self::Add { .. } | Self::Mul { .. } => 2,
            _ => 1,
        }
    }

    /// Number of bytes of the rounding remainder committed for each output element.
    pub fn remainder_bytes(&self) -> usize {
        match self {
            Self::Dense { shift, .. } | Self::Add { shift, .. } | Self::Mul { shift, .. } => {
                usize::from(*shift) / 8
            }
            Self::LeakyRelu { .. } => 2,
            Self::Relu | Self::Activation { .. } | Self::Reshape => 0,
        }
    }
}

/// One op applied to tensors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Name of the node in the source model.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// Operands, each produced by an earlier node or the program's input.
    pub inputs: Vec<TensorId>,
    /// The tensor it defines.
    pub output: TensorId,
}

/// Architecture and integer semantics of a model; see the module documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Name for people.
    pub name: String,
    /// log2 of the number of batch slots.
    pub batch_log: u8,
    /// All tensors.
    pub tensors: Vec<Tensor>,
    /// Nodes in topological order.
    pub nodes: Vec<Node>,
    /// The tensor that the input fills.
    pub input: TensorId,
    /// The tensor that is the public output.
    pub output: TensorId,
    /// Shapes of the hidden parameters.
    pub weights: Vec<DenseShape>,
    /// Activation tables.
    pub tables: Vec<Table>,
    /// log2 of the row length of commitments: a polynomial of more values is several rows.
    pub row_log: u8,
}

impl Program {
    /// Number of batch slots, a power of two.
    pub fn slots(&self) -> usize {
        1 << self.batch_log
    }

    /// Number of public outputs: slots times output width.
    pub fn output_len(&self) -> usize {
        self.slots() * self.tensor_width(self.output)
    }

    /// Number of input values: slots times input width.
    pub fn input_len(&self) -> usize {
        self.slots() * self.tensor_width(self.input)
    }

    /// Unpadded width of a tensor; zero if there is no such tensor.
    pub fn tensor_width(&self, id: TensorId) -> usize {
        self.tensors.get(id).map_or(0, |t| t.width as usize)
    }

    /// The value of each tensor's padded features: what its producer computes from zero weights.
    ///
    /// # Errors
    /// [`ProgramError::Node`] if such a value leaves the activation range or a table's domain.
    pub fn padding_values(&self) -> Result<Vec<i64>, ProgramError> {
        let mut values = vec![0i64; self.tensors.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            let operand = |i: usize| {
                node.inputs
                    .get(i)
                    .and_then(|id| values.get(*id))
                    .copied()
                    .unwrap_or(0)
            };
            let (a, b) = (operand(0), operand(1));
            let value = match node.op {
                Op::Dense { .. } => Some(0),
                Op::Relu => Some(a.max(0)),
                Op::LeakyRelu { slope } => {
                    Some(round((a.max(0) << 16) + a.min(0) * i64::from(slope), 16))
                }
                Op::Activation { table } => {
                    self.tables.get(table).and_then(|t| t.get(a)).map(i64::from)
                }
                Op::Add { left, right, shift } => {
                    Some(round(a * i64::from(left) + b * i64::from(right), shift))
                }
                Op::Mul { multiplier, shift } => Some(round(a * b * i64::from(multiplier), shift)),
                Op::Reshape => Some(a),
            };
            let inside = value.filter(|v| (-ACTIVATION_BOUND..ACTIVATION_BOUND).contains(v));
            match (inside, values.get_mut(node.output)) {
                (Some(value), Some(slot)) => *slot = value,
                _ => {
                    return Err(ProgramError::Node {
                        node: index,
                        op: node.op.name(),
                        problem: format!(
                            "its value on zero padding is {value:?}, outside its range"
                        ),
                    });
                }
            }
        }
        Ok(values)
    }

    /// The program digest: SHA-256 of its canonical encoding, reduced into the field.
    ///
    /// # Errors
    /// [`ProgramError::Encoding`] if the program cannot be encoded.
    pub fn digest(&self) -> Result<Fr, ProgramError> {
        let bytes = postcard::to_stdvec(self).map_err(|e| ProgramError::Encoding(e.to_string()))?;
        Ok(fr_from_digest(b"laminate/program/v1", &bytes))
    }
}

/// `floor((value + 2^(shift-1)) / 2^shift)`, the rounding of every op.
pub fn round(value: i64, shift: u8) -> i64 {
    (value + (1 << (shift - 1))) >> shift
}

/// log2 of `n` rounded up to a power of two (`n >= 1`).
pub fn padded_log(n: usize) -> usize {
    n.max(1).next_power_of_two().trailing_zeros() as usize
}

/// Hidden parameters of one dense layer. Shapes: `weight (rows, cols)` row-major, `bias (rows)`,
/// `multiplier (rows)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DenseWeights {
    /// int8 weights.
    pub weight: Vec<i8>,
    /// int32 bias at accumulator scale.
    pub bias: Vec<i32>,
    /// Requantisation multipliers, below 2^24.
    pub multiplier: Vec<u32>,
}

/// All hidden parameters of a model, in the order of [`Program::weights`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weights {
    /// Dense layers.
    pub dense: Vec<DenseWeights>,
}
