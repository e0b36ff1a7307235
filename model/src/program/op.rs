//! The fixed catalogue of ops.

use serde::{Deserialize, Serialize};

/// The fixed catalogue of ops. `s` is always a multiple of [`super::Program::limb_bits`], so that
/// remainders are whole limbs. `round_s(v) = floor((v + 2^(s-1)) / 2^s)`. Index `t` is the slot; the
/// stack index of repeated blocks is left out. `docs/specs/numerics.md` has every formula.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// `y[b,j] = floor((m[j]·(Σ_k w[j,k]·x[b,k] + bias[j]) + 2^(s-1)) / 2^s)`; `weight` indexes
    /// [`super::Program::weights`].
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
    /// `y = table[x + 2^11]`; `table` indexes [`super::Program::tables`].
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
    /// `y[t,d] = m[id_t]·w[id_t,d]`: the row of a token, int32.
    Embed {
        /// Index of the hidden parameters, `(vocab, dim)`.
        weight: usize,
    },
    /// `y[t,j] = res[t,j] + round_s(m[j]·Σ_k w[j,k]·x[t,k])`; operands `x` (int16), `res` (int32).
    DenseAdd {
        /// Index of the hidden parameters.
        weight: usize,
        /// `s`.
        shift: u8,
    },
    /// `A = Σ_d x² + eps`, `s = isqrt(A)`, `R = floor(numerator / s)`, `y = round_32(x·R)`.
    RmsNorm {
        /// `eps`, at least one.
        epsilon: u64,
        /// `K`.
        numerator: u64,
    },
    /// Rotation of the pairs `(x[i], x[i + half])` of every head by the angles of slot `t`;
    /// `y = round_16(…)`.
    Rope {
        /// Index into [`super::Program::rope`].
        table: usize,
    },
    /// `y[t,g,r,u] = round_s(multiplier·Σ_d q[t,g,r,d]·k[u,g,d])`; operands `q`, `k`.
    Scores {
        /// Factor below 2^24.
        multiplier: u32,
        /// `s`.
        shift: u8,
    },
    /// `y[t,g,r,u] = table[max_{u'≤t} x[t,g,r,u'] - x[t,g,r,u] - 2^15]` for `u ≤ t`, else 0.
    Softmax {
        /// Index of the exponential table.
        table: usize,
    },
    /// `D = Σ_u e[t,g,r,u]`, `R = floor(2^32 / D)`, `y[t,g,r,d] = round_32(R·Σ_u e[t,g,r,u]·v[u,g,d])`;
    /// operands `e`, `v`.
    Mix,
    /// The lowest token of the largest logit of every slot, as int16 `id - 2^15`.
    Argmax,
}

/// What an auxiliary column of a node holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Rounding remainder.
    Remainder,
    /// `max(x, 0)`.
    Positive,
    /// `max(-x, 0)`.
    Negative,
    /// Norm: `A`.
    Energy,
    /// Norm: `s`.
    Root,
    /// Norm: `A - s²`.
    RootLow,
    /// Norm: `2s - (A - s²)`.
    RootHigh,
    /// Norm and mix: `R`.
    Reciprocal,
    /// Norm and mix: remainder of the division that gives `R`.
    DivisionLow,
    /// Norm and mix: divisor less one less that remainder.
    DivisionHigh,
    /// Softmax: the row's maximum, plus 2^15.
    Maximum,
    /// Softmax: maximum less score; 2^16 - 1 where masked.
    Depth,
    /// Softmax: one at a place of the maximum, else zero.
    Pick,
    /// Mix: `D`.
    Total,
    /// Argmax: largest logit, plus 2^15.
    Best,
    /// Argmax: `best - logit - [v < id]`.
    Gap,
}

/// The shape of an auxiliary column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// That of the output.
    Output,
    /// The output without its last feature axis.
    Rows,
    /// One value a slot.
    Slots,
    /// That of the first operand.
    Operand,
}

/// An auxiliary column: unsigned values of `bytes` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuxColumn {
    /// What it holds.
    pub role: Role,
    /// Bytes of a value.
    pub bytes: usize,
    /// Shape.
    pub extent: Extent,
}

impl Op {
    /// One of each op.
    pub const EACH: [Self; 15] = [
        Self::Dense {
            weight: 0,
            shift: 16,
        },
        Self::Relu,
        Self::LeakyRelu { slope: 1 },
        Self::Activation { table: 0 },
        Self::Add {
            left: 1,
            right: 1,
            shift: 16,
        },
        Self::Mul {
            multiplier: 1,
            shift: 16,
        },
        Self::Reshape,
        Self::Embed { weight: 0 },
        Self::DenseAdd {
            weight: 0,
            shift: 16,
        },
        Self::RmsNorm {
            epsilon: 1,
            numerator: 1,
        },
        Self::Rope { table: 0 },
        Self::Scores {
            multiplier: 1,
            shift: 16,
        },
        Self::Softmax { table: 0 },
        Self::Mix,
        Self::Argmax,
    ];

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
            Self::Embed { .. } => "embed",
            Self::DenseAdd { .. } => "dense_add",
            Self::RmsNorm { .. } => "rms_norm",
            Self::Rope { .. } => "rope",
            Self::Scores { .. } => "scores",
            Self::Softmax { .. } => "softmax",
            Self::Mix => "mix",
            Self::Argmax => "argmax",
        }
    }

    /// Whether the op belongs to programs over tokens.
    pub fn over_tokens(&self) -> bool {
        matches!(
            self,
            Self::Embed { .. }
                | Self::DenseAdd { .. }
                | Self::RmsNorm { .. }
                | Self::Rope { .. }
                | Self::Scores { .. }
                | Self::Softmax { .. }
                | Self::Mix
                | Self::Argmax
        )
    }

    /// Number of operands.
    pub fn arity(&self) -> usize {
        match self {
            Self::Add { .. }
            | Self::Mul { .. }
            | Self::DenseAdd { .. }
            | Self::Scores { .. }
            | Self::Mix => 2,
            _ => 1,
        }
    }

    /// Number of bytes of the rounding remainder committed for each output element.
    pub fn remainder_bytes(&self) -> usize {
        match self {
            Self::Dense { shift, .. }
            | Self::DenseAdd { shift, .. }
            | Self::Add { shift, .. }
            | Self::Mul { shift, .. }
            | Self::Scores { shift, .. } => usize::from(*shift) / 8,
            Self::LeakyRelu { .. } | Self::Rope { .. } => 2,
            Self::RmsNorm { .. } | Self::Mix => 4,
            Self::Relu
            | Self::Activation { .. }
            | Self::Reshape
            | Self::Embed { .. }
            | Self::Softmax { .. }
            | Self::Argmax => 0,
        }
    }

    /// The auxiliary columns of the op, in the order in which they are laid out.
    pub fn aux_columns(&self) -> Vec<AuxColumn> {
        use Extent::{Operand, Output, Rows, Slots};
        let column = |role, bytes, extent| AuxColumn {
            role,
            bytes,
            extent,
        };
        let mut out = match self {
            Self::LeakyRelu { .. } => vec![
                column(Role::Positive, 2, Output),
                column(Role::Negative, 2, Output),
            ],
            Self::Relu => vec![column(Role::Negative, 2, Output)],
            Self::RmsNorm { .. } => vec![
                column(Role::Energy, 10, Slots),
                column(Role::Root, 6, Slots),
                column(Role::RootLow, 6, Slots),
                column(Role::RootHigh, 6, Slots),
                column(Role::Reciprocal, 6, Slots),
                column(Role::DivisionLow, 6, Slots),
                column(Role::DivisionHigh, 6, Slots),
            ],
            Self::Softmax { .. } => vec![
                column(Role::Maximum, 2, Rows),
                column(Role::Depth, 2, Output),
                column(Role::Pick, 2, Output),
            ],
            Self::Mix => vec![
                column(Role::Total, 4, Rows),
                column(Role::Reciprocal, 4, Rows),
                column(Role::DivisionLow, 4, Rows),
                column(Role::DivisionHigh, 4, Rows),
            ],
            Self::Argmax => vec![column(Role::Best, 2, Slots), column(Role::Gap, 2, Operand)],
            _ => vec![],
        };
        if self.remainder_bytes() > 0 {
            out.push(column(Role::Remainder, self.remainder_bytes(), Output));
        }
        out
    }
}
