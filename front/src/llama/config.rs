//! The shape of a Llama model: dimensions, rotary embedding, norms.

use super::error::LlmError;
use super::rope::Rope;

/// Most layers.
pub const MAX_LAYERS: usize = 1 << 10;
/// Widest residual stream, widest head times number of heads.
pub const MAX_DIM: usize = 1 << 16;
/// Widest MLP.
pub const MAX_HIDDEN: usize = 1 << 18;
/// Largest vocabulary.
pub const MAX_VOCAB: usize = 1 << 20;
/// Longest context.
pub const MAX_TOKENS: usize = 1 << 24;

/// Dimensions and constants of a Llama model (RMS norm, rotary embedding in half-split order, grouped
/// query attention, SwiGLU, no biases).
#[derive(Clone, Debug, PartialEq)]
pub struct LlamaConfig {
    /// Width of the residual stream.
    pub dim: usize,
    /// Width of the MLP's hidden layer.
    pub hidden: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of a head; even.
    pub head_dim: usize,
    /// Number of token ids.
    pub vocab: usize,
    /// Longest sequence the model was made for.
    pub max_tokens: usize,
    /// Rotary position embedding.
    pub rope: Rope,
    /// Added to the mean square in every norm.
    pub norm_eps: f32,
    /// Whether the head is the embedding.
    pub tied: bool,
}

/// One weight tensor of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Token embedding, `(vocab, dim)`.
    Embedding,
    /// Output head, `(vocab, dim)`; the embedding where they are tied.
    Head,
    /// Scale of the last norm, `(dim)`.
    FinalNorm,
    /// A tensor of the block with this index.
    Block(usize, BlockPart),
}

/// One weight tensor of a block. Matrices are `(outputs, inputs)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlockPart {
    /// Scale of the norm before attention, `(dim)`.
    AttentionNorm,
    /// Queries, `(heads * head_dim, dim)`, rows in half-split order.
    Q,
    /// Keys, `(kv_heads * head_dim, dim)`, rows in half-split order.
    K,
    /// Values, `(kv_heads * head_dim, dim)`.
    V,
    /// Output projection, `(dim, heads * head_dim)`.
    O,
    /// Scale of the norm before the MLP, `(dim)`.
    MlpNorm,
    /// Gate projection, `(hidden, dim)`.
    Gate,
    /// Up projection, `(hidden, dim)`.
    Up,
    /// Down projection, `(dim, hidden)`.
    Down,
}

impl BlockPart {
    /// All parts of a block, in the order of evaluation.
    pub const ALL: [Self; 9] = [
        Self::AttentionNorm,
        Self::Q,
        Self::K,
        Self::V,
        Self::O,
        Self::MlpNorm,
        Self::Gate,
        Self::Up,
        Self::Down,
    ];
}

impl Part {
    /// Whether it is a norm's scale, a vector.
    pub fn is_norm(self) -> bool {
        matches!(
            self,
            Self::FinalNorm | Self::Block(_, BlockPart::AttentionNorm | BlockPart::MlpNorm)
        )
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Embedding => f.write_str("the embedding"),
            Self::Head => f.write_str("the head"),
            Self::FinalNorm => f.write_str("the final norm"),
            Self::Block(layer, part) => write!(f, "block {layer}, {part:?}"),
        }
    }
}

impl LlamaConfig {
    /// Checks every dimension and constant.
    ///
    /// # Errors
    /// [`LlmError::Config`] naming the first setting out of its bounds.
    pub fn check(&self) -> Result<(), LlmError> {
        let bounds = [
            ("dim", self.dim, MAX_DIM),
            ("hidden", self.hidden, MAX_HIDDEN),
            ("layers", self.layers, MAX_LAYERS),
            ("heads", self.heads, MAX_DIM),
            ("kv_heads", self.kv_heads, MAX_DIM),
            ("head_dim", self.head_dim, MAX_DIM),
            ("vocab", self.vocab, MAX_VOCAB),
            ("max_tokens", self.max_tokens, MAX_TOKENS),
        ];
        for (field, found, limit) in bounds {
            if found == 0 || found > limit {
                return Err(wrong(field, found, format!("1 to {limit}")));
            }
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            return Err(wrong(
                "kv_heads",
                self.kv_heads,
                format!("a divisor of the {} query heads", self.heads),
            ));
        }
        if !self.head_dim.is_multiple_of(2) {
            return Err(wrong("head_dim", self.head_dim, "an even number"));
        }
        // Both factors are at most 2^16.
        if self.heads * self.head_dim > MAX_DIM {
            return Err(wrong(
                "heads * head_dim",
                self.heads * self.head_dim,
                format!("1 to {MAX_DIM}"),
            ));
        }
        if !(self.norm_eps > 0.0 && self.norm_eps < 1.0) {
            return Err(wrong("norm_eps", self.norm_eps, "a number in (0, 1)"));
        }
        self.rope.check()
    }

    /// Width of all query heads together.
    pub fn q_dim(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Width of all key (or value) heads together.
    pub fn kv_dim(&self) -> usize {
        self.kv_heads * self.head_dim
    }

    /// Query heads that share one key head.
    pub fn rep(&self) -> usize {
        self.heads / self.kv_heads
    }

    /// Rows and columns of a part; a norm is one row.
    pub fn shape(&self, part: Part) -> (usize, usize) {
        match part {
            Part::Embedding | Part::Head => (self.vocab, self.dim),
            Part::FinalNorm => (1, self.dim),
            Part::Block(_, part) => match part {
                BlockPart::AttentionNorm | BlockPart::MlpNorm => (1, self.dim),
                BlockPart::Q => (self.q_dim(), self.dim),
                BlockPart::K | BlockPart::V => (self.kv_dim(), self.dim),
                BlockPart::O => (self.dim, self.q_dim()),
                BlockPart::Gate | BlockPart::Up => (self.hidden, self.dim),
                BlockPart::Down => (self.dim, self.hidden),
            },
        }
    }

    /// All parts that a file stores: without the head where it is the embedding.
    pub fn parts(&self) -> impl Iterator<Item = Part> + use<> {
        let blocks =
            (0..self.layers).flat_map(|layer| BlockPart::ALL.map(|part| Part::Block(layer, part)));
        let head = (!self.tied).then_some(Part::Head);
        std::iter::once(Part::Embedding)
            .chain(blocks)
            .chain([Part::FinalNorm])
            .chain(head)
    }

    /// Number of weights a file stores.
    pub fn weights(&self) -> u64 {
        let size = |part| {
            let (rows, cols) = self.shape(part);
            rows as u64 * cols as u64
        };
        self.parts().map(size).sum()
    }
}

/// A [`LlmError::Config`].
pub(super) fn wrong(
    field: impl Into<String>,
    found: impl std::fmt::Display,
    expected: impl Into<String>,
) -> LlmError {
    LlmError::Config {
        field: field.into(),
        found: found.to_string(),
        expected: expected.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::build::tiny_config;
    use super::*;

    #[test]
    fn every_bound_is_checked() {
        type Change = fn(&mut LlamaConfig);
        let good = tiny_config();
        good.check().unwrap();
        let bad: [(&str, Change); 14] = [
            ("dim", |c| c.dim = 0),
            ("dim", |c| c.dim = MAX_DIM + 1),
            ("hidden", |c| c.hidden = 0),
            ("layers", |c| c.layers = MAX_LAYERS + 1),
            ("heads", |c| c.heads = 0),
            ("kv_heads", |c| c.kv_heads = 0),
            ("kv_heads", |c| c.kv_heads = 3),
            ("head_dim", |c| c.head_dim = 3),
            ("head_dim", |c| c.head_dim = usize::MAX),
            ("heads * head_dim", |c| c.head_dim = MAX_DIM),
            ("vocab", |c| c.vocab = MAX_VOCAB + 1),
            ("max_tokens", |c| c.max_tokens = 0),
            ("norm_eps", |c| c.norm_eps = f32::NAN),
            ("rope theta", |c| c.rope.theta = 0.0),
        ];
        for (expected, change) in bad {
            let mut config = good.clone();
            change(&mut config);
            match config.check() {
                Err(LlmError::Config { field, .. }) => assert_eq!(field, expected),
                other => panic!("{expected}: {other:?}"),
            }
        }
    }

    #[test]
    fn parts_cover_the_model() {
        let config = tiny_config();
        assert_eq!(config.parts().count(), 3 + 9 * config.layers);
        let tied = LlamaConfig {
            tied: true,
            ..config.clone()
        };
        assert_eq!(
            config.weights() - tied.weights(),
            (config.vocab * config.dim) as u64
        );
    }
}
