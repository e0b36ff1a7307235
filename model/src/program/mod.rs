//! The program: architecture and integer semantics of a model, without its weights.
//!
//! A [`Program`] is a list of [`Node`]s in topological order over integer tensors of shape
//! `(slots, width)`; `slots` is the padded batch. It is public: its digest is part of every statement.
//! What each op computes is specified in `docs/specs/numerics.md` and implemented by the prover's
//! executor; how each op is proven is in [`crate::relations`].

mod carry;
mod check;
mod encoding;
pub mod packed;
mod padding;
mod recurrence;
mod table;
mod tensor;
pub mod view;
mod weights;

pub use crate::ends::{End, Sequence, Shard};
pub use crate::ops::{AuxColumn, Extent, Op, Role};
pub use carry::{Carry, RopeTable};
pub use check::{
    MAX_BATCH_LOG, MAX_ENTRIES, MAX_INPUT_SCALE, MAX_NODES, MAX_STACK, MAX_TABLES, MAX_VOCAB,
    MAX_WIDTH, ProgramError, SHORT_VOCAB,
};
pub use laminate_engine::poly::padded_log;
pub use recurrence::Recurrence;
pub use table::{MASKED, OUTPUT_SCALE, TABLE_LOG, Table, TableKind, WIDE_TABLE_LOG};
pub use tensor::{DenseShape, Tensor, WeightFormat, axes_len, axes_log, padded_index};

pub use view::{AxisMap, AxisMask, AxisPair, TensorView, ViewTerm};

use halo2curves_axiom::bn256::Fr;
use serde::{Deserialize, Serialize};

use crate::binding::Binding;
use laminate_engine::field::fr_from_digest;

/// Index of a tensor in [`Program::tensors`].
pub type TensorId = usize;

/// Half the range of an int16 activation: values lie in `[-ACTIVATION_BOUND, ACTIVATION_BOUND)`.
pub const ACTIVATION_BOUND: i64 = 1 << 15;

/// Half the range of an int8 weight: values lie in `[-WEIGHT_BOUND, WEIGHT_BOUND)`.
pub const WEIGHT_BOUND: i64 = laminate_engine::lookup::BYTE_OFFSET;

/// Half the range of an int32 bias.
pub const BIAS_BOUND: i64 = 1 << 31;

/// Half the range of an int32 value or word.
pub const WORD_BOUND: i64 = 1 << 31;

/// Multipliers lie in `[0, MULTIPLIER_BOUND)`: three bytes.
pub const MULTIPLIER_BOUND: i64 = 1 << 24;

/// One op applied to tensors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Name of the node in the source model.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// Operands, each produced by an earlier node or the program's input, but for what a delay reads, which a later one makes.
    pub inputs: Vec<TensorId>,
    /// The tensor it defines.
    pub output: TensorId,
}

/// Architecture and integer semantics of a model; see the module documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "encoding::Encoded", into = "encoding::Encoded")]
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
    /// Width of the limbs that values are committed and range-checked in: 8, or 16 where the table
    /// of 2^16 entries is small beside the trace.
    pub limb_bits: u8,
    /// Whether every proof shows that the weight polynomial holds bytes; otherwise the weight
    /// commitment needs a proof of its own.
    pub check_weights: bool,
    /// Set for programs over tokens.
    pub sequence: Option<Sequence>,
    /// What statements say beside weights, input commitment and output.
    pub binding: Binding,
    /// The residual stream of stacked blocks.
    pub carry: Option<Carry>,
    /// Rotation angles.
    pub rope: Vec<RopeTable>,
    /// How tensors are read off others.
    pub views: Vec<TensorView>,
    /// Scale of each column of an input of int32, `x·2^scale` being the integer of a number `x`; none if all have the input
    /// tensor's.
    pub input_scales: Vec<i8>,
}

impl Program {
    /// A program without tensors and nodes: limbs of 8 bits, weights checked in every proof.
    pub fn empty(name: impl Into<String>, batch_log: u8, row_log: u8) -> Self {
        Self {
            name: name.into(),
            batch_log,
            tensors: vec![],
            nodes: vec![],
            input: 0,
            output: 0,
            weights: vec![],
            tables: vec![],
            row_log,
            limb_bits: 8,
            check_weights: true,
            sequence: None,
            binding: Binding::default(),
            carry: None,
            rope: vec![],
            views: vec![],
            input_scales: vec![],
        }
    }

    /// Number of batch slots, a power of two.
    pub fn slots(&self) -> usize {
        1 << self.batch_log
    }

    /// Whether an end's values are int32 rows.
    pub fn is_wide(&self, end: TensorId) -> bool {
        let wide = self.tensors.get(end).is_some_and(|t| t.bits == 32);
        self.sequence.is_none() && !self.is_weights_only() && wide
    }

    /// The scale of a column of the input.
    pub fn input_scale(&self, column: usize) -> i8 {
        let own = self.input_scales.get(column).copied();
        own.unwrap_or_else(|| self.tensors.get(self.input).map_or(0, |t| t.scale))
    }

    /// Whether the input's values are ordered keys of float32 numbers, as forests compare them, rather than numbers
    /// at a scale.
    pub fn takes_keys(&self) -> bool {
        self.nodes
            .iter()
            .any(|node| matches!(node.op, Op::Forest(_)) && node.inputs == [self.input])
    }

    /// Number of limbs that hold `bytes` bytes.
    pub fn limbs(&self, bytes: usize) -> usize {
        (8 * bytes).div_ceil(usize::from(self.limb_bits).max(1))
    }

    /// log2 of the length of a tensor's column: stack, slots and features.
    pub fn column_log(&self, id: TensorId) -> usize {
        let shape = self.tensors.get(id);
        usize::from(self.batch_log) + shape.map_or(0, |t| t.stack_log() + t.width_log())
    }

    /// Unpadded width of a tensor; zero if there is no such tensor.
    pub fn tensor_width(&self, id: TensorId) -> usize {
        self.tensors.get(id).map_or(0, Tensor::width)
    }

    /// The program digest: SHA-256 of its canonical encoding, reduced into the field.
    ///
    /// # Errors
    /// [`ProgramError::Encoding`] if the program cannot be encoded.
    pub fn digest(&self) -> Result<Fr, ProgramError> {
        let bytes = postcard::to_stdvec(self).map_err(|e| ProgramError::Encoding(e.to_string()))?;
        Ok(fr_from_digest(b"laminate/program/v3", &bytes))
    }
}

/// `floor((value + 2^(shift-1)) / 2^shift)`, the rounding of every op.
pub fn round(value: i64, shift: u8) -> i64 {
    (value + (1 << (shift - 1))) >> shift
}

/// Hidden parameters of one dense layer. Shapes: `weight (stack, rows, cols)` row-major, `bias`
/// (empty if the layer has none) and `multiplier (stack, rows)`; unpadded. Of a table of words
/// ([`WeightFormat::Word`]) there is `bias (rows, cols)` alone: its words ([`DenseWeights::of_words`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DenseWeights {
    /// int8 weights; stored with two bits each if all are ternary.
    #[serde(with = "packed")]
    pub weight: Vec<i8>,
    /// int32 bias at accumulator scale.
    pub bias: Vec<i32>,
    /// Requantisation multipliers, below 2^24.
    pub multiplier: Vec<u32>,
}

impl DenseWeights {
    /// A table of words, one column after the other.
    pub fn of_words(columns: &[&[i32]]) -> Self {
        Self {
            weight: vec![],
            bias: columns.concat(),
            multiplier: vec![],
        }
    }

    /// Column `column` of a table of words of `entries` entries.
    pub fn words(&self, column: usize, entries: usize) -> &[i32] {
        let from = column.saturating_mul(entries);
        self.bias
            .get(from..from.saturating_add(entries))
            .unwrap_or(&[])
    }
}

/// All hidden parameters of a model, in the order of [`Program::weights`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weights {
    /// Dense layers.
    pub dense: Vec<DenseWeights>,
}
