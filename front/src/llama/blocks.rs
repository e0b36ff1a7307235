//! Weights packed in blocks: one function a format, block in, floats out.
//!
//! The formats are those of ggml (`ggml-common.h`, `ggml-quants.c` of ggml-org/llama.cpp), little endian;
//! `d` and `m` are half-precision scales.
//!
//! | format | elements | bytes | layout | value |
//! | --- | --- | --- | --- | --- |
//! | Q4_0 | 32 | 18 | d, 16 × two nibbles | d (q - 8) |
//! | Q4_1 | 32 | 20 | d, m, 16 × two nibbles | d q + m |
//! | Q5_0 | 32 | 22 | d, 32 high bits, 16 × two nibbles | d (q - 16) |
//! | Q5_1 | 32 | 24 | d, m, 32 high bits, 16 × two nibbles | d q + m |
//! | Q8_0 | 32 | 34 | d, 32 × i8 | d q |
//! | Q4_K | 256 | 144 | d, m, 8 × (6-bit s, 6-bit t), 128 × two nibbles | d s q - m t |
//! | Q5_K | 256 | 176 | as Q4_K with 32 bytes of high bits before the nibbles | d s q - m t |
//! | Q6_K | 256 | 210 | 128 × two nibbles, 64 × four high pairs, 16 × i8 s, d | d s (q - 32) |
//! | TQ1_0 | 256 | 54 | 52 bytes of up to five trits, d | d (trit - 1) |
//! | TQ2_0 | 256 | 66 | 64 × four 2-bit trits, d | d (trit - 1) |
#![cfg_attr(
    not(test),
    expect(
        clippy::indexing_slicing,
        reason = "blocks are arrays and no index depends on their bytes, so that the tests reach every one"
    )
)]

use half::f16;

fn half(bytes: [u8; 2]) -> f32 {
    f16::from_le_bytes(bytes).to_f32()
}

/// Low nibbles, then high nibbles.
fn nibbles(packed: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let low = packed.iter().map(|byte| byte & 15);
    low.chain(packed.iter().map(|byte| byte >> 4))
}

/// Nibbles with a fifth bit: bit i of the little-endian word belongs to element i.
fn fives(high: [u8; 4], packed: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let high = u32::from_le_bytes(high);
    nibbles(packed)
        .enumerate()
        .map(move |(i, q)| q | ((high >> i & 1) as u8) << 4)
}

pub(super) fn q4_0(b: &[u8; 18], out: &mut Vec<f32>) {
    let d = half([b[0], b[1]]);
    out.extend(nibbles(&b[2..]).map(|q| d * (f32::from(q) - 8.0)));
}

pub(super) fn q4_1(b: &[u8; 20], out: &mut Vec<f32>) {
    let (d, m) = (half([b[0], b[1]]), half([b[2], b[3]]));
    out.extend(nibbles(&b[4..]).map(|q| d * f32::from(q) + m));
}

pub(super) fn q5_0(b: &[u8; 22], out: &mut Vec<f32>) {
    let d = half([b[0], b[1]]);
    let values = fives([b[2], b[3], b[4], b[5]], &b[6..]);
    out.extend(values.map(|q| d * (f32::from(q) - 16.0)));
}

pub(super) fn q5_1(b: &[u8; 24], out: &mut Vec<f32>) {
    let (d, m) = (half([b[0], b[1]]), half([b[2], b[3]]));
    let values = fives([b[4], b[5], b[6], b[7]], &b[8..]);
    out.extend(values.map(|q| d * f32::from(q) + m));
}

pub(super) fn q8_0(b: &[u8; 34], out: &mut Vec<f32>) {
    let d = half([b[0], b[1]]);
    out.extend(b[2..].iter().map(|&q| d * f32::from(q.cast_signed())));
}

/// Eight pairs of 6-bit scale and minimum: the low six bits of bytes 0..8 are the first four of each; the
/// nibbles of bytes 8..12 with the top bits of bytes 0..8 are the last four of each.
fn scales(b: &[u8], d: f32, m: f32) -> [(f32, f32); 8] {
    std::array::from_fn(|j| {
        let k = j % 4;
        let (s, t) = if j < 4 {
            (b[k] & 63, b[k + 4] & 63)
        } else {
            (
                b[k + 8] & 15 | b[k] >> 6 << 4,
                b[k + 8] >> 4 | b[k + 4] >> 6 << 4,
            )
        };
        (d * f32::from(s), m * f32::from(t))
    })
}

pub(super) fn q4_k(b: &[u8; 144], out: &mut Vec<f32>) {
    let scales = scales(&b[4..16], half([b[0], b[1]]), half([b[2], b[3]]));
    for (j, (s, t)) in scales.into_iter().enumerate() {
        let packed = &b[16 + j / 2 * 32..][..32];
        let shift = j % 2 * 4;
        out.extend(packed.iter().map(|q| s * f32::from(q >> shift & 15) - t));
    }
}

pub(super) fn q5_k(b: &[u8; 176], out: &mut Vec<f32>) {
    let scales = scales(&b[4..16], half([b[0], b[1]]), half([b[2], b[3]]));
    for (j, (s, t)) in scales.into_iter().enumerate() {
        let packed = &b[48 + j / 2 * 32..][..32];
        let shift = j % 2 * 4;
        let values = packed.iter().zip(&b[16..48]);
        out.extend(values.map(|(q, h)| {
            let q = q >> shift & 15 | (h >> j & 1) << 4;
            s * f32::from(q) - t
        }));
    }
}

pub(super) fn q6_k(b: &[u8; 210], out: &mut Vec<f32>) {
    let d = half([b[208], b[209]]);
    // Two halves of 128 elements, each four runs of 32, each two scales.
    for run in 0..8 {
        let (side, quarter) = (run / 4, run % 4);
        let low = &b[side * 64 + quarter % 2 * 32..][..32];
        let high = &b[128 + side * 32..][..32];
        let scale = &b[192 + run * 2..][..2];
        for (l, (q, h)) in low.iter().zip(high).enumerate() {
            let q = q >> (quarter / 2 * 4) & 15 | (h >> (quarter * 2) & 3) << 4;
            let s = d * f32::from(scale[l / 16].cast_signed());
            out.push(s * (f32::from(q) - 32.0));
        }
    }
}

/// The trit after `skip` leading ones of a byte `ceil(256 n / 3^5)`, where n is the five trits in base 3.
fn trit(byte: u8, skip: u32) -> f32 {
    let rest = byte.wrapping_mul(3u8.pow(skip));
    f32::from(((u16::from(rest) * 3) >> 8) as u8) - 1.0
}

pub(super) fn tq1_0(b: &[u8; 54], out: &mut Vec<f32>) {
    let d = half([b[52], b[53]]);
    for (bytes, trits) in [(&b[..32], 5), (&b[32..48], 5), (&b[48..52], 4)] {
        for skip in 0..trits {
            out.extend(bytes.iter().map(|&byte| d * trit(byte, skip)));
        }
    }
}

pub(super) fn tq2_0(b: &[u8; 66], out: &mut Vec<f32>) {
    let d = half([b[64], b[65]]);
    for bytes in [&b[..32], &b[32..64]] {
        for shift in [0, 2, 4, 6] {
            out.extend(
                bytes
                    .iter()
                    .map(|byte| d * (f32::from(byte >> shift & 3) - 1.0)),
            );
        }
    }
}
