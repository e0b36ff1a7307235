//! Element types of stored tensors.

use half::{bf16, f16};

use super::blocks;

/// How a tensor's elements are stored; row-major, little endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// The upper half of a single-precision float.
    BF16,
    /// Blocks of 32 with a scale, 4 bits.
    Q4_0,
    /// Blocks of 32 with a scale and a minimum, 4 bits.
    Q4_1,
    /// Blocks of 32 with a scale, 5 bits.
    Q5_0,
    /// Blocks of 32 with a scale and a minimum, 5 bits.
    Q5_1,
    /// Blocks of 32 with a scale, 8 bits.
    Q8_0,
    /// Blocks of 256 with 8 scales and minima, 4 bits.
    Q4K,
    /// Blocks of 256 with 8 scales and minima, 5 bits.
    Q5K,
    /// Blocks of 256 with 16 scales, 6 bits.
    Q6K,
    /// Blocks of 256 with a scale, ternary, five to a byte.
    TQ1_0,
    /// Blocks of 256 with a scale, ternary, four to a byte.
    TQ2_0,
}

impl Encoding {
    /// The types a GGUF file may hold, by their number in the file.
    pub const GGUF: [(u32, Self); 13] = [
        (0, Self::F32),
        (1, Self::F16),
        (2, Self::Q4_0),
        (3, Self::Q4_1),
        (6, Self::Q5_0),
        (7, Self::Q5_1),
        (8, Self::Q8_0),
        (12, Self::Q4K),
        (13, Self::Q5K),
        (14, Self::Q6K),
        (30, Self::BF16),
        (34, Self::TQ1_0),
        (35, Self::TQ2_0),
    ];

    /// Elements and bytes of a block; a plain float is a block of one.
    pub fn block(self) -> (u64, u64) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::BF16 => (1, 2),
            Self::Q4_0 => (32, 18),
            Self::Q4_1 => (32, 20),
            Self::Q5_0 => (32, 22),
            Self::Q5_1 => (32, 24),
            Self::Q8_0 => (32, 34),
            Self::Q4K => (256, 144),
            Self::Q5K => (256, 176),
            Self::Q6K => (256, 210),
            Self::TQ1_0 => (256, 54),
            Self::TQ2_0 => (256, 66),
        }
    }

    /// Bytes of a row of `cols` elements; `None` if blocks do not divide it or the size overflows.
    pub fn row_bytes(self, cols: u64) -> Option<u64> {
        let (elements, bytes) = self.block();
        cols.is_multiple_of(elements)
            .then(|| (cols / elements).checked_mul(bytes))
            .flatten()
    }

    /// The elements of `bytes`, whole blocks only.
    pub fn decode(self, bytes: &[u8]) -> Vec<f32> {
        let (elements, size) = self.block();
        let blocks = bytes.len() as u64 / size;
        let mut out = Vec::with_capacity((blocks * elements) as usize);
        match self {
            Self::F32 => each(bytes, &mut out, |b, out| out.push(f32::from_le_bytes(*b))),
            Self::F16 => each(bytes, &mut out, |b, out| {
                out.push(f16::from_le_bytes(*b).to_f32());
            }),
            Self::BF16 => each(bytes, &mut out, |b, out| {
                out.push(bf16::from_le_bytes(*b).to_f32());
            }),
            Self::Q4_0 => each(bytes, &mut out, blocks::q4_0),
            Self::Q4_1 => each(bytes, &mut out, blocks::q4_1),
            Self::Q5_0 => each(bytes, &mut out, blocks::q5_0),
            Self::Q5_1 => each(bytes, &mut out, blocks::q5_1),
            Self::Q8_0 => each(bytes, &mut out, blocks::q8_0),
            Self::Q4K => each(bytes, &mut out, blocks::q4_k),
            Self::Q5K => each(bytes, &mut out, blocks::q5_k),
            Self::Q6K => each(bytes, &mut out, blocks::q6_k),
            Self::TQ1_0 => each(bytes, &mut out, blocks::tq1_0),
            Self::TQ2_0 => each(bytes, &mut out, blocks::tq2_0),
        }
        out
    }
}

fn each<const N: usize>(
    bytes: &[u8],
    out: &mut Vec<f32>,
    decode: impl Fn(&[u8; N], &mut Vec<f32>),
) {
    for block in bytes.as_chunks().0 {
        decode(block, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Format, half-precision fields (offset, bits), sum and position-weighted sum of the decoded values; from
    /// `gguf.quants.dequantize` of the PyPI package gguf (ggml-org), over the bytes of [`sample`].
    #[expect(clippy::type_complexity, reason = "a table")]
    const GOLDEN: &[(u32, &[(usize, u16)], f64, f64)] = &[
        (2, &[(0, 0x2E66)], -6.2984619140625, -165.0596923828125),
        (
            3,
            &[(0, 0x2E66), (2, 0x211F)],
            45.5291748046875,
            1432.65966796875,
        ),
        (6, &[(0, 0x2E66)], 7.2982177734375, 169.2586669921875),
        (
            7,
            &[(0, 0x2E66), (2, 0x211F)],
            89.0185546875,
            3005.3756103515625,
        ),
        (8, &[(0, 0x2E66)], 1.0997314453125, 1901.735595703125),
        (
            12,
            &[(0, 0x2E66), (2, 0x211F)],
            11801.897094726562,
            3195777.321166992,
        ),
        (
            13,
            &[(0, 0x2E66), (2, 0x211F)],
            23223.598052978516,
            5919930.026321411,
        ),
        (14, &[(208, 0x2E66)], 794.006103515625, 692659.9522705078),
        (34, &[(52, 0x2E66)], -1.6995849609375, -224.945068359375),
        (35, &[(64, 0x2E66)], 22.8944091796875, 5736.399169921875),
    ];

    /// Pseudo-random blocks whose half-precision fields are 0.1 and 0.01.
    fn sample(id: u32, encoding: Encoding, halves: &[(usize, u16)]) -> Vec<u8> {
        let size = encoding.block().1 as usize;
        let mut state = u64::from(id);
        let mut bytes: Vec<u8> = (0..2 * size)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            })
            .collect();
        for block in bytes.chunks_mut(size) {
            for &(at, value) in halves {
                block[at..at + 2].copy_from_slice(&value.to_le_bytes());
            }
        }
        bytes
    }

    #[test]
    fn blocks_match_an_independent_implementation() {
        for &(id, halves, sum, weighted) in GOLDEN {
            let encoding = Encoding::GGUF.iter().find(|e| e.0 == id).unwrap().1;
            let values = encoding.decode(&sample(id, encoding, halves));
            assert_eq!(values.len() as u64, 2 * encoding.block().0, "{encoding:?}");
            let found: f64 = values.iter().map(|&v| f64::from(v)).sum();
            let found_weighted: f64 = (1..)
                .zip(&values)
                .map(|(i, &v)| f64::from(i) * f64::from(v))
                .sum();
            let size: f64 = values.iter().map(|&v| f64::from(v).abs()).sum();
            assert!(
                (found - sum).abs() < 1e-6 * size,
                "{encoding:?}: {found} {sum}"
            );
            assert!(
                (found_weighted - weighted).abs() < 1e-6 * size * values.len() as f64,
                "{encoding:?}: {found_weighted} {weighted}"
            );
        }
    }

    #[test]
    fn plain_floats() {
        assert_eq!(Encoding::F32.decode(&1.5f32.to_le_bytes()), [1.5]);
        assert_eq!(Encoding::F16.decode(&[0x00, 0xBE]), [-1.5]);
        assert_eq!(Encoding::BF16.decode(&[0xC0, 0xBF]), [-1.5]);
    }

    #[test]
    fn ternary_blocks_are_ternary() {
        let bytes = sample(34, Encoding::TQ1_0, &[(52, 0x3C00)]);
        assert!(
            Encoding::TQ1_0
                .decode(&bytes)
                .iter()
                .all(|v| v.abs() <= 1.0)
        );
    }

    #[test]
    fn row_sizes() {
        assert_eq!(Encoding::Q4K.row_bytes(512), Some(288));
        assert_eq!(Encoding::Q4K.row_bytes(576), None);
        assert_eq!(Encoding::F32.row_bytes(u64::MAX), None);
    }
}
