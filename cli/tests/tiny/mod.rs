//! The smallest language model that tests prove.

const DIM: usize = 16;
const HIDDEN: usize = 24;
const BLOCKS: usize = 2;
const HEADS: usize = 4;
const KV_HEADS: usize = 2;
const VOCAB: usize = 32;
const CONTEXT: usize = 32;

/// A llama2.c checkpoint of version 0 with seeded weights, whose head is its embedding.
pub fn checkpoint() -> Vec<u8> {
    let (kv, head) = (KV_HEADS * DIM / HEADS, DIM / HEADS);
    let header = [DIM, HIDDEN, BLOCKS, HEADS, KV_HEADS, VOCAB, CONTEXT];
    let mut bytes: Vec<u8> = header
        .iter()
        .flat_map(|n| (*n as i32).to_le_bytes())
        .collect();
    let mut state = 1u64;
    let mut matrix = |count: usize, cols: usize| {
        for _ in 0..count * cols {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let uniform = (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0;
            let value = if cols == 1 {
                1.0 + 0.25 * uniform
            } else {
                uniform * (3.0 / cols as f32).sqrt()
            };
            bytes.extend(value.to_le_bytes());
        }
    };
    matrix(VOCAB, DIM);
    for (rows, cols) in [
        (DIM, 1),
        (DIM, DIM),
        (kv, DIM),
        (kv, DIM),
        (DIM, DIM),
        (DIM, 1),
        (HIDDEN, DIM),
        (DIM, HIDDEN),
        (HIDDEN, DIM),
    ] {
        matrix(BLOCKS * rows, cols);
    }
    matrix(DIM, 1);
    bytes.extend(vec![0; 4 * CONTEXT * head]);
    bytes
}
