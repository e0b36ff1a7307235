//! Small models of random weights and odd shapes.

use laminate_front::llama::{self, BlockPart, FloatLlama, LlamaConfig, Part, Rope};

/// Query heads, key heads, head size, blocks.
pub const SHAPES: [(usize, usize, usize, usize); 7] = [
    (4, 4, 6, 3),
    (4, 2, 6, 3),
    (6, 2, 6, 3),
    (5, 1, 2, 2),
    (3, 3, 8, 1),
    (9, 3, 4, 5),
    (1, 1, 6, 4),
];

/// A model of width 24, hidden width 20, 37 tokens.
pub fn model(
    (heads, kv_heads, head_dim, layers): (usize, usize, usize, usize),
    seed: u64,
) -> FloatLlama {
    let config = LlamaConfig {
        dim: 24,
        hidden: 20,
        layers,
        heads,
        kv_heads,
        head_dim,
        vocab: 37,
        max_tokens: 16,
        rope: Rope {
            theta: 10_000.0,
            scaling: None,
        },
        norm_eps: 1e-5,
        tied: seed.is_multiple_of(2),
    };
    FloatLlama::random(config, seed).unwrap()
}

/// Sequences of tokens without a pattern.
pub fn tokens(seed: u64, count: usize, length: usize) -> Vec<Vec<u32>> {
    let token = |i: usize| (((seed + 1) * 2_654_435_761 * (i as u64 + 3)) >> 9) as u32 % 37;
    (0..count)
        .map(|c| (0..length).map(|i| token(c * length + i)).collect())
        .collect()
}

/// The model with altered parts, through a llama2.c file; its heads must fill its width. Rows of queries
/// and keys come back in another order than they were given in.
pub fn altered(model: &FloatLlama, alter: impl Fn(Part, &mut Vec<f32>)) -> FloatLlama {
    use BlockPart::{AttentionNorm, Down, Gate, K, MlpNorm, O, Q, Up, V};
    let c = &model.config;
    assert_eq!(c.q_dim(), c.dim);
    let vocab = if c.tied {
        c.vocab as i32
    } else {
        -(c.vocab as i32)
    };
    let sizes = [c.dim, c.hidden, c.layers, c.heads, c.kv_heads].map(|n| n as i32);
    let header = sizes.into_iter().chain([vocab, c.max_tokens as i32]);
    let mut bytes: Vec<u8> = header.flat_map(i32::to_le_bytes).collect();
    let mut write = |part: Part| {
        let mut values = model.part(part).unwrap();
        alter(part, &mut values);
        bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    };
    write(Part::Embedding);
    for part in [AttentionNorm, Q, K, V, O, MlpNorm, Gate, Down, Up] {
        (0..c.layers).for_each(|layer| write(Part::Block(layer, part)));
    }
    write(Part::FinalNorm);
    bytes.resize(bytes.len() + 4 * c.max_tokens * c.head_dim, 0);
    if !c.tied {
        let head = model.part(Part::Head).unwrap();
        bytes.extend(head.iter().flat_map(|v| v.to_le_bytes()));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("altered.bin");
    std::fs::write(&path, bytes).unwrap();
    llama::read(&path).unwrap()
}
