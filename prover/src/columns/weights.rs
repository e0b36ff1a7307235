//! The weight polynomial as the prover holds it: bytes, and words of tables.

use halo2curves_axiom::bn256::{Fr, G1, G1Affine};
use halo2curves_axiom::group::Curve;
use laminate_engine::geometry::Block;
use laminate_model::layout::Layout;
use laminate_model::program::{
    DenseShape, DenseWeights, Program, WeightFormat, Weights, axes_log, padded_index,
};
use rayon::prelude::*;

use super::blinds::blind_rows;
use crate::kernels::msm;

/// The weight polynomial: bytes, the used prefix of its `2^weight_log` entries.
#[derive(Clone, Debug)]
pub struct WeightColumns {
    /// Entries; zero where words stand.
    pub bytes: Vec<u8>,
    /// Tables of words, as they are committed: `word + 2^31`.
    pub words: Vec<(Block, Vec<u32>)>,
    /// Where a row's blind stands: `2^blind_log`. It follows from the weights and the row length alone, so
    /// that programs of several batches share a commitment. In a longer row of the trace it is an entry that
    /// no block covers.
    pub blind_log: usize,
}

impl WeightColumns {
    /// Lays out the parameters; shapes must match the program (checked by the executor).
    pub fn new(program: &Program, layout: &Layout, weights: &Weights) -> Self {
        let mut bytes = vec![0u8; layout.geometry.weight_used];
        let mut words = vec![];
        for ((shape, blocks), dense) in program
            .weights
            .iter()
            .zip(&layout.dense)
            .zip(&weights.dense)
        {
            let block = blocks.weight;
            if shape.format == WeightFormat::Word {
                words.push((block, stored_words(shape, dense)));
                continue;
            }
            let target = &mut bytes[block.offset..block.offset + (1 << block.log)];
            place_matrix(target, shape, &dense.weight);
            place_words(&mut bytes, &blocks.multiplier, shape, |i| {
                dense.multiplier.get(i).copied().unwrap_or(0)
            });
            if let Some(bias) = &blocks.bias {
                let zero = 1u32 << 31;
                for block in &bias[..] {
                    let fill = if block == &bias[3] { 128 } else { 0 };
                    bytes[block.offset..block.offset + (1 << block.log)].fill(fill);
                }
                place_words(&mut bytes, bias, shape, |i| {
                    let bias = dense.bias.get(i).copied().unwrap_or(0);
                    (bias as u32).wrapping_add(zero)
                });
            }
        }
        let blind_log = layout.geometry.weight_log.min(program.row_log.into());
        Self {
            bytes,
            words,
            blind_log,
        }
    }

    /// No weights.
    pub(crate) fn none() -> Self {
        Self {
            bytes: vec![],
            words: vec![],
            blind_log: 0,
        }
    }

    /// Commits every row of `2^row_log` values, each with its blind.
    pub fn commit(&self, row_log: usize, blinds: &[Fr], powers: &[G1Affine]) -> Vec<G1Affine> {
        let mut rows = msm::rows(&self.bytes, 1 << row_log, powers);
        for (block, words) in &self.words {
            add_block(
                &mut rows,
                1 << row_log,
                block,
                powers,
                &|from, to, points| msm::small(&words[from..to], points),
            );
        }
        blind_rows(&mut rows, blinds, &powers[1 << self.blind_log]);
        rows.iter().map(Curve::to_affine).collect()
    }
}

/// The words of a table, column by column, every column padded with words of zero.
fn stored_words(shape: &DenseShape, dense: &DenseWeights) -> Vec<u32> {
    let entries = shape.col_count();
    let mut out = vec![1u32 << 31; 1 << (shape.row_log() + shape.col_log())];
    for (i, column) in out.chunks_exact_mut(1 << shape.col_log()).enumerate() {
        for (to, word) in column.iter_mut().zip(dense.words(i, entries)) {
            *to = word.cast_unsigned() ^ (1 << 31);
        }
    }
    out
}

/// Adds what `commit(from, to, points)` makes of each part of a block to the row of `size` values that it stands in.
pub(super) fn add_block(
    rows: &mut [G1],
    size: usize,
    block: &Block,
    powers: &[G1Affine],
    commit: &dyn Fn(usize, usize, &[G1Affine]) -> G1,
) {
    let (mut at, end) = (block.offset, block.offset + (1 << block.log));
    while at < end {
        let next = end.min((at / size + 1) * size);
        let points = &powers[at % size..at % size + (next - at)];
        rows[at / size] += commit(at - block.offset, next - block.offset, points);
        at = next;
    }
}

/// Bytes `w + 128` of a `(stack, rows, cols)` matrix, padding included.
fn place_matrix(target: &mut [u8], shape: &DenseShape, weight: &[i8]) {
    let (rows, cols) = (shape.row_count(), shape.col_count());
    let (width, height) = (1 << axes_log(&shape.cols), 1 << axes_log(&shape.rows));
    let map: Vec<usize> = (0..cols).map(|k| padded_index(&shape.cols, k)).collect();
    target.par_chunks_mut(width).for_each(|row| row.fill(128));
    for (i, source) in weight.chunks_exact(cols).enumerate() {
        let (block, j) = (i / rows, i % rows);
        let start = (block * height + padded_index(&shape.rows, j)) * width;
        let row = &mut target[start..start + width];
        for (at, w) in map.iter().zip(source) {
            row[*at] = (i16::from(*w) + 128) as u8;
        }
    }
}

/// Bytes of one number for each row of each copy.
fn place_words(
    bytes: &mut [u8],
    blocks: &[Block],
    shape: &DenseShape,
    value: impl Fn(usize) -> u32,
) {
    let rows = shape.row_count();
    let height = 1 << axes_log(&shape.rows);
    for i in 0..shape.stack as usize * rows {
        let at = (i / rows) * height + padded_index(&shape.rows, i % rows);
        for (block, byte) in blocks.iter().zip(value(i).to_le_bytes()) {
            bytes[block.offset + at] = byte;
        }
    }
}
