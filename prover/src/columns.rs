//! The committed polynomials as the prover holds them: bytes, multiplicities and blinds.

use halo2curves_axiom::bn256::{Fr, G1, G1Affine};
use halo2curves_axiom::ff::Field;
use halo2curves_axiom::group::{Curve, Group};
use laminate_protocol::claim::View;
use laminate_protocol::layout::{Block, Layout, Pair, Poly};
use laminate_protocol::program::{ACTIVATION_BOUND, Program, Table, Weights, padded_log};
use laminate_protocol::relations::DenseRelation;
use rand::RngCore;

use crate::exec::Trace;
use crate::kernels::msm;

/// The weight polynomial: bytes only, length `2^weight_log`.
#[derive(Clone, Debug)]
pub struct WeightColumns {
    /// Entries.
    pub bytes: Vec<u8>,
}

impl WeightColumns {
    /// Lays out the parameters; shapes must match the program (checked by the executor).
    pub fn new(program: &Program, layout: &Layout, weights: &Weights) -> Self {
        let mut bytes = vec![0u8; 1 << layout.weight_log];
        for ((shape, blocks), dense) in program
            .weights
            .iter()
            .zip(&layout.dense)
            .zip(&weights.dense)
        {
            let (rows, cols) = (shape.rows as usize, shape.cols as usize);
            let width = 1 << padded_log(cols);
            let start = blocks.weight.offset;
            bytes[start..start + (1 << blocks.weight.log)].fill(128);
            for j in 0..rows {
                for k in 0..cols {
                    bytes[start + j * width + k] =
                        (i16::from(dense.weight[j * cols + k]) + 128) as u8;
                }
            }
            for j in 0..1usize << blocks.bias[0].log {
                let bias = dense.bias.get(j).copied().unwrap_or(0);
                let stored = (i64::from(bias) + (1 << 31)) as u32;
                for (block, byte) in blocks.bias.iter().zip(stored.to_le_bytes()) {
                    bytes[block.offset + j] = byte;
                }
                let multiplier = dense.multiplier.get(j).copied().unwrap_or(0);
                for (block, byte) in blocks.multiplier.iter().zip(multiplier.to_le_bytes()) {
                    bytes[block.offset + j] = byte;
                }
            }
        }
        Self { bytes }
    }

    /// Commits every row of `2^row_log` values.
    pub fn commit(&self, row_log: usize, powers: &[G1Affine]) -> Vec<G1Affine> {
        self.bytes
            .chunks(1 << row_log)
            .map(|row| msm::bytes(row, powers).to_affine())
            .collect()
    }
}

/// The trace polynomial, length `2^trace_log`: a byte region, multiplicities, blinds.
#[derive(Clone, Debug)]
pub struct TraceColumns {
    /// The byte region.
    pub bytes: Vec<u8>,
    /// Multiplicities of the byte table, then of each activation table.
    pub multiplicities: Vec<(Block, Vec<u32>)>,
    /// Random entries.
    pub blinds: (Block, Vec<Fr>),
    region: Block,
    log: usize,
}

impl TraceColumns {
    /// Lays out a trace and counts the lookups.
    pub fn new(
        program: &Program,
        layout: &Layout,
        weights: &WeightColumns,
        trace: &Trace,
        rng: &mut impl RngCore,
    ) -> Self {
        let mut bytes = vec![0u8; 1 << layout.bytes.log];
        let base = layout.bytes.offset;
        let mut put = |block: &Block, i: usize, byte: u8| bytes[block.offset - base + i] = byte;
        for (id, values) in trace.tensors.iter().enumerate() {
            let offset = if layout.unsigned[id] {
                0
            } else {
                ACTIVATION_BOUND
            };
            for (i, value) in values.iter().enumerate() {
                put_pair(
                    &mut put,
                    &layout.tensors[id],
                    i,
                    (i64::from(*value) + offset) as u64,
                );
            }
        }
        for (blocks, aux) in layout.aux.iter().zip(&trace.aux) {
            for (i, remainder) in aux.remainder.iter().enumerate() {
                for (block, byte) in blocks
                    .remainder
                    .iter()
                    .zip(u64::from(*remainder).to_le_bytes())
                {
                    put(block, i, byte);
                }
            }
            for (pair, values) in [
                (&blocks.positive, &aux.positive),
                (&blocks.negative, &aux.negative),
            ] {
                for (i, value) in values.iter().enumerate() {
                    if let Some(pair) = pair {
                        put_pair(&mut put, pair, i, u64::from(*value));
                    }
                }
            }
        }
        let multiplicities = count(program, layout, weights, &bytes, trace);
        let blinds = (0..1 << layout.blinds.log)
            .map(|_| Fr::random(&mut *rng))
            .collect();
        Self {
            bytes,
            multiplicities,
            blinds: (layout.blinds, blinds),
            region: layout.bytes,
            log: layout.trace_log,
        }
    }

    /// Commits every row of `2^row_log` values.
    pub fn commit(&self, row_log: usize, powers: &[G1Affine]) -> Vec<G1Affine> {
        let size = 1usize << row_log.min(self.log);
        let mut rows = vec![G1::identity(); (1 << self.log) / size];
        let mut place = |block: &Block, commit: &dyn Fn(usize, usize, &[G1Affine]) -> G1| {
            let (mut at, end) = (block.offset, block.offset + (1 << block.log));
            while at < end {
                let next = end.min((at / size + 1) * size);
                let points = &powers[at % size..at % size + (next - at)];
                rows[at / size] += commit(at - block.offset, next - block.offset, points);
                at = next;
            }
        };
        place(&self.region, &|from, to, points| {
            msm::bytes(&self.bytes[from..to], points)
        });
        for (block, values) in &self.multiplicities {
            place(block, &|from, to, points| {
                msm::small(&values[from..to], points)
            });
        }
        let (block, values) = &self.blinds;
        place(block, &|from, to, points| {
            msm::full(&values[from..to], points)
        });
        rows.iter().map(Curve::to_affine).collect()
    }
}

fn put_pair(put: &mut impl FnMut(&Block, usize, u8), pair: &Pair, i: usize, value: u64) {
    put(&pair[0], i, value as u8);
    put(&pair[1], i, (value >> 8) as u8);
}

/// How often each table entry is looked up.
fn count(
    program: &Program,
    layout: &Layout,
    weights: &WeightColumns,
    bytes: &[u8],
    trace: &Trace,
) -> Vec<(Block, Vec<u32>)> {
    let mut histogram = vec![0u32; 256];
    for byte in bytes.iter().chain(&weights.bytes) {
        histogram[usize::from(*byte)] += 1;
    }
    let mut out = vec![(layout.byte_multiplicities, histogram)];
    for (table, block) in layout.table_multiplicities.iter().enumerate() {
        let mut counts = vec![0u32; 1 << block.log];
        for node in &program.nodes {
            if node.op == (laminate_protocol::program::Op::Activation { table }) {
                for index in &trace.tensors[node.inputs[0]] {
                    counts[(i64::from(*index) - Table::LOWEST) as usize] += 1;
                }
            }
        }
        out.push((*block, counts));
    }
    out
}

/// Both polynomials, and views of them as field vectors.
#[derive(Clone, Debug)]
pub struct Columns<'a> {
    weights: &'a WeightColumns,
    trace: &'a TraceColumns,
    bytes: Vec<Fr>,
}

impl<'a> Columns<'a> {
    /// Borrows both polynomials.
    pub fn new(weights: &'a WeightColumns, trace: &'a TraceColumns) -> Self {
        Self {
            weights,
            trace,
            bytes: (0..256).map(Fr::from).collect(),
        }
    }

    /// A byte as a field element.
    pub fn byte(&self, byte: u8) -> Fr {
        self.bytes[usize::from(byte)]
    }

    /// The stored bytes of a dense layer's weights, `(rows, cols)` padded.
    pub fn weight_bytes(&self, relation: &DenseRelation) -> &[u8] {
        let block = relation.weight.terms[0].1;
        &self.weights.bytes[block.offset..block.offset + (1 << block.log)]
    }

    /// The values of a view.
    pub fn values(&self, view: &View) -> Vec<Fr> {
        let mut out = vec![view.constant; 1 << view.log()];
        for (coefficient, block) in &view.terms {
            self.accumulate(&mut out, *coefficient, block);
        }
        out
    }

    fn accumulate(&self, out: &mut [Fr], coefficient: Fr, block: &Block) {
        if let Some(bytes) = self.byte_slice(block) {
            let scaled: Vec<Fr> = self.bytes.iter().map(|b| coefficient * b).collect();
            for (o, byte) in out.iter_mut().zip(bytes) {
                *o += scaled[usize::from(*byte)];
            }
            return;
        }
        let counted = self.trace.multiplicities.iter().find(|(b, _)| b == block);
        if let Some((_, values)) = counted {
            for (o, v) in out.iter_mut().zip(values) {
                *o += coefficient * Fr::from(u64::from(*v));
            }
        }
    }

    /// The bytes of a block that lies in a byte region.
    fn byte_slice(&self, block: &Block) -> Option<&[u8]> {
        let (bytes, base) = match block.poly {
            Poly::Weight => (&self.weights.bytes, 0),
            Poly::Trace => (&self.trace.bytes, self.trace.region.offset),
        };
        let start = block.offset.checked_sub(base)?;
        bytes.get(start..start + (1 << block.log))
    }

    /// A whole polynomial as field elements, zero-extended to `2^log`.
    pub fn polynomial(&self, poly: Poly, log: usize) -> Vec<Fr> {
        let mut out = vec![Fr::ZERO; 1 << log];
        match poly {
            Poly::Weight => {
                for (o, byte) in out.iter_mut().zip(&self.weights.bytes) {
                    *o = self.byte(*byte);
                }
            }
            Poly::Trace => {
                let start = self.trace.region.offset;
                for (o, byte) in out[start..].iter_mut().zip(&self.trace.bytes) {
                    *o = self.byte(*byte);
                }
                for (block, values) in &self.trace.multiplicities {
                    for (o, v) in out[block.offset..].iter_mut().zip(values) {
                        *o = Fr::from(u64::from(*v));
                    }
                }
                let (block, values) = &self.trace.blinds;
                out[block.offset..block.offset + values.len()].copy_from_slice(values);
            }
        }
        out
    }
}
