//! The committed polynomials as the prover holds them: small integers, multiplicities and blinds.

use halo2curves_axiom::bn256::{Fr, G1, G1Affine};
use halo2curves_axiom::ff::Field;
use halo2curves_axiom::group::Curve;
use laminate_protocol::backend::Native;
use laminate_protocol::claim::{Term, View, Wire};
use laminate_protocol::layout::{Block, Boundary, Layout, Poly};
use laminate_protocol::lookup::{Kind, Range, Segments};
use laminate_protocol::poly::{self, eq};
use laminate_protocol::program::{DenseShape, Program, Weights, axes_log, padded_index};
use rand::RngCore;
use rayon::prelude::*;

use crate::exec::Trace;
use crate::kernels::{msm, pass};
use crate::prove::Links;

/// log2 of the part of a column that is evaluated with one equality table.
const EVALUATION_LOG: usize = 16;

/// The weight polynomial: bytes, the used prefix of its `2^weight_log` entries.
#[derive(Clone, Debug)]
pub struct WeightColumns {
    /// Entries.
    pub bytes: Vec<u8>,
}

impl WeightColumns {
    /// Lays out the parameters; shapes must match the program (checked by the executor).
    pub fn new(program: &Program, layout: &Layout, weights: &Weights) -> Self {
        let mut bytes = vec![0u8; layout.weight_used];
        for ((shape, blocks), dense) in program
            .weights
            .iter()
            .zip(&layout.dense)
            .zip(&weights.dense)
        {
            let block = blocks.weight;
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
        Self { bytes }
    }

    /// Commits every row of `2^row_log` values.
    pub fn commit(&self, row_log: usize, powers: &[G1Affine]) -> Vec<G1Affine> {
        let rows = msm::rows(&self.bytes, 1 << row_log, powers);
        rows.iter().map(Curve::to_affine).collect()
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

/// The trace polynomial: the used prefix of its `2^trace_log` entries.
#[derive(Clone, Debug)]
pub struct TraceColumns {
    /// Limbs; zero where multiplicities and blinds stand.
    pub values: Vec<u16>,
    /// Multiplicities of the lookup tables.
    pub multiplicities: Vec<(Block, Vec<u32>)>,
    /// Random entries: those of the whole, then those of each boundary.
    pub blinds: Vec<(Block, Vec<Fr>)>,
    wide: bool,
}

impl TraceColumns {
    /// Lays out a trace and counts the lookups.
    pub fn new(
        program: &Program,
        layout: &Layout,
        trees: &[Segments],
        weights: &WeightColumns,
        trace: &Trace,
        rng: &mut impl RngCore,
    ) -> Self {
        let bits = u32::from(program.limb_bits);
        let mut values = vec![0u16; layout.trace_used];
        let mask = (1u128 << bits) - 1;
        let mut put = |blocks: &[Block], i: usize, value: u128| {
            for (limb, block) in blocks.iter().enumerate() {
                values[block.offset + i] = ((value >> (bits * limb as u32)) & mask) as u16;
            }
        };
        for (id, tensor) in trace.tensors.iter().enumerate() {
            let blocks = &layout.tensors[id];
            if blocks.is_empty() {
                continue;
            }
            let offset = match program.tensors[id].bits {
                _ if layout.unsigned[id] => 0,
                bits => 1i64 << (bits - 1),
            };
            for (i, value) in tensor.iter().enumerate() {
                put(blocks, i, (i64::from(*value) + offset) as u128);
            }
        }
        for (blocks, aux) in layout.aux.iter().zip(&trace.aux) {
            for (role, blocks) in blocks {
                if let Some(column) = aux.column(*role) {
                    for i in 0..column.len() {
                        put(blocks, i, column.get(i));
                    }
                }
            }
        }
        let mut out = Self {
            values,
            multiplicities: vec![],
            blinds: vec![],
            wide: bits > 8,
        };
        out.recount(program, trees, weights);
        for boundary in &layout.boundaries {
            out.copy_boundary(layout, boundary);
        }
        let ends = layout.boundaries.iter().map(|b| b.blinds);
        out.blinds = std::iter::once(layout.blinds)
            .chain(ends)
            .map(|block| {
                let values = (0..1 << block.log).map(|_| Fr::random(&mut *rng));
                (block, values.collect())
            })
            .collect();
        out
    }

    /// Copies the limbs of a tensor to the rows of its boundary.
    pub fn copy_boundary(&mut self, layout: &Layout, boundary: &Boundary) {
        let tensor = View::tensor(layout, boundary.tensor);
        for (term, copy) in tensor.terms.iter().zip(&boundary.limbs) {
            let from = term.block.offset;
            let limb = from..from + (1 << copy.log);
            self.values.copy_within(limb, copy.offset);
        }
    }

    /// Takes the blinds that are given for the boundaries.
    pub fn link(&mut self, layout: &Layout, links: &Links) {
        for (boundary, (_, blinds)) in layout.boundaries.iter().zip(self.blinds.iter_mut().skip(1))
        {
            let given = if boundary.input {
                links.input
            } else {
                links.output
            };
            if let Some(given) = given {
                *blinds = given.to_vec();
            }
        }
    }

    /// Counts the lookups of the stored limbs. A value that is in no table is not counted: no proof
    /// of it is accepted.
    pub fn recount(&mut self, program: &Program, trees: &[Segments], weights: &WeightColumns) {
        self.multiplicities = count(program, trees, weights, self);
    }

    /// Commits every row of `2^row_log` values.
    pub fn commit(&self, row_log: usize, powers: &[G1Affine]) -> Vec<G1Affine> {
        let size = 1usize << row_log;
        let mut rows: Vec<G1> = self
            .values
            .chunks(size)
            .map(|row| {
                if self.wide {
                    return msm::words(row, powers);
                }
                let bytes: Vec<u8> = row.iter().map(|v| *v as u8).collect();
                msm::bytes(&bytes, powers)
            })
            .collect();
        let mut place = |block: &Block, commit: &dyn Fn(usize, usize, &[G1Affine]) -> G1| {
            let (mut at, end) = (block.offset, block.offset + (1 << block.log));
            while at < end {
                let next = end.min((at / size + 1) * size);
                let points = &powers[at % size..at % size + (next - at)];
                rows[at / size] += commit(at - block.offset, next - block.offset, points);
                at = next;
            }
        };
        for (block, values) in &self.multiplicities {
            place(block, &|from, to, points| {
                msm::small(&values[from..to], points)
            });
        }
        for (block, values) in &self.blinds {
            place(block, &|from, to, points| {
                msm::full(&values[from..to], points)
            });
        }
        rows.iter().map(Curve::to_affine).collect()
    }
}

/// How often each table entry is looked up, tree by tree.
fn count(
    program: &Program,
    trees: &[Segments],
    weights: &WeightColumns,
    trace: &TraceColumns,
) -> Vec<(Block, Vec<u32>)> {
    trees
        .iter()
        .flat_map(|tree| count_tree(program, tree, weights, trace))
        .collect()
}

fn count_tree(
    program: &Program,
    tree: &Segments,
    weights: &WeightColumns,
    trace: &TraceColumns,
) -> Vec<(Block, Vec<u32>)> {
    let kinds = || tree.segments.iter().map(|s| &s.kind);
    let mut counted = vec![];
    for kind in kinds() {
        match kind {
            Kind::RangeTable {
                multiplicity,
                range,
            } => {
                let mut values = vec![0u32; 1 << range.log()];
                let same =
                    |kind: &&Kind| matches!(kind, Kind::Range { range: r, .. } if r == range);
                for looked_up in kinds().filter(same).flat_map(Kind::columns) {
                    count_range(
                        *range,
                        looked_up.terms[0].block,
                        weights,
                        trace,
                        &mut values,
                    );
                }
                counted.push((multiplicity.terms[0].block, values));
            }
            Kind::Table {
                table,
                multiplicity,
            } => {
                let block = multiplicity.terms[0].block;
                let mut values = vec![0u32; 1 << block.log];
                let lowest = program.tables[*table].lowest();
                for kind in kinds() {
                    if let Kind::Use {
                        table: t, input, ..
                    } = kind
                        && t == table
                    {
                        // Stored limbs of the index column; the table starts at the lowest index.
                        for index in trace.indices(input) {
                            tally(&mut values, usize::try_from(index - lowest).ok());
                        }
                    }
                }
                counted.push((block, values));
            }
            Kind::Range { .. } | Kind::Use { .. } => {}
        }
    }
    counted
}

/// Counts a block's entries; those that nothing covers are zero.
fn count_range(
    range: Range,
    block: Block,
    weights: &WeightColumns,
    trace: &TraceColumns,
    counts: &mut [u32],
) {
    fn all<T: Copy + Into<u64>>(range: Range, values: &[T], counts: &mut [u32]) {
        for value in values {
            tally(counts, range.index((*value).into()));
        }
    }
    let covered = match block.poly {
        Poly::Trace => {
            let values = cut(&trace.values, &block);
            all(range, values, counts);
            values.len()
        }
        Poly::Weight => {
            let values = cut(&weights.bytes, &block);
            all(range, values, counts);
            values.len()
        }
    };
    if let Some(zero) = range.index(0) {
        counts[zero] += ((1usize << block.log) - covered) as u32;
    }
}

/// The part of a block that is stored.
fn cut<'v, T>(values: &'v [T], block: &Block) -> &'v [T] {
    let end = values.len().min(block.offset + (1 << block.log));
    values.get(block.offset..end).unwrap_or(&[])
}

fn tally(table: &mut [u32], entry: Option<usize>) {
    if let Some(count) = entry.and_then(|i| table.get_mut(i)) {
        *count += 1;
    }
}

impl TraceColumns {
    /// The integers of an index column: limbs and a small constant.
    fn indices(&self, view: &View) -> Vec<i64> {
        let bits = if self.wide { 16 } else { 8 };
        let constant = small(view.constant);
        (0..1usize << view.log())
            .map(|i| {
                let limbs = view.terms.iter().enumerate();
                limbs.fold(constant, |acc, (limb, term)| {
                    acc + (i64::from(self.values[term.block.offset + i]) << (bits * limb))
                })
            })
            .collect()
    }
}

/// A constant between -2^31 and 2^31 as an integer.
fn small(value: Fr) -> i64 {
    let low = |v: Fr| {
        i64::from(u32::from_le_bytes(
            v.to_bytes()[..4].try_into().unwrap_or([0; 4]),
        ))
    };
    if value.to_bytes()[31] == 0 {
        low(value)
    } else {
        -low(-value)
    }
}

/// Both polynomials, and views of them as field vectors.
#[derive(Clone, Debug)]
pub struct Columns<'a> {
    weights: &'a WeightColumns,
    trace: &'a TraceColumns,
    limbs: Vec<Fr>,
}

/// The stored integers of a block.
#[derive(Clone, Copy, Debug)]
pub enum Small<'a> {
    /// Weights.
    Bytes(&'a [u8]),
    /// Limbs of the trace.
    Limbs(&'a [u16]),
}

impl<'a> Columns<'a> {
    /// Borrows both polynomials.
    pub fn new(weights: &'a WeightColumns, trace: &'a TraceColumns) -> Self {
        let count = if trace.wide { 1u64 << 16 } else { 1 << 8 };
        Self {
            weights,
            trace,
            limbs: (0..count).map(Fr::from).collect(),
        }
    }

    /// A limb as a field element.
    pub fn limb(&self, limb: u16) -> Fr {
        self.limbs[usize::from(limb)]
    }

    /// The weight polynomial's used prefix.
    pub fn weight_bytes(&self) -> &[u8] {
        &self.weights.bytes
    }

    /// `out[a, b] = Σ_m selector[m]·w[a, m, b]` for a weight view of shape `(a, m, b)`.
    pub fn weight_combine(
        &self,
        view: &View,
        (a, m, b): (usize, usize, usize),
        selector: &[Fr],
    ) -> Vec<Fr> {
        let block = view.terms[0].block;
        let bytes = &self.weights.bytes[block.offset..block.offset + (1 << block.log)];
        debug_assert_eq!(bytes.len(), a * m * b);
        let mut out = if b == 1 {
            pass::dot_rows_u8(bytes, selector)
        } else {
            let rows = bytes.chunks_exact(m * b);
            rows.flat_map(|rows| pass::combine_rows_u8(rows, b, selector))
                .collect()
        };
        let correction = view.constant * selector.iter().sum::<Fr>();
        out.par_iter_mut()
            .with_min_len(1 << 12)
            .for_each(|v| *v += correction);
        out
    }

    /// The values of a view.
    pub fn values(&self, view: &View) -> Vec<Fr> {
        let mut out = vec![view.constant; 1 << view.log()];
        if let Some((constant, count, log)) = view.below {
            let part = out.len() >> log;
            out[..count * part].iter_mut().for_each(|o| *o += constant);
        }
        for term in &view.terms {
            self.accumulate(&mut out, term);
        }
        out
    }

    fn accumulate(&self, out: &mut [Fr], term: &Term) {
        let size = 1usize << term.block.log;
        match term.wire {
            Wire::Direct => self.add(out, term.coefficient, &term.block, 0),
            Wire::Next { count, log } => {
                let part = size >> log;
                let end = part * (count - 1);
                self.add(&mut out[..end], term.coefficient, &term.block, part);
            }
            Wire::Last { count, .. } => {
                let start = size * (count - 1);
                let target = &mut out[start..start + size];
                self.add(target, term.coefficient, &term.block, 0);
            }
        }
    }

    /// `out[i] += coefficient · block[skip + i]`
    fn add(&self, out: &mut [Fr], coefficient: Fr, block: &Block, skip: usize) {
        let counted = self.trace.multiplicities.iter().find(|(b, _)| b == block);
        if let Some((_, values)) = counted {
            for (o, v) in out.iter_mut().zip(&values[skip..]) {
                *o += coefficient * Fr::from(u64::from(*v));
            }
            return;
        }
        // Scaling a table once is cheaper than every element, for columns that are longer.
        let one = coefficient == Fr::ONE;
        let scaled: Vec<Fr> = match (one, out.len() > self.limbs.len()) {
            (false, true) => self.limbs.iter().map(|b| coefficient * b).collect(),
            _ => vec![],
        };
        let value = |limb: usize| match scaled.get(limb) {
            Some(v) => *v,
            None if one => self.limbs[limb],
            None => coefficient * self.limbs[limb],
        };
        match self.small(block) {
            Small::Bytes(bytes) => {
                let pairs = out.iter_mut().zip(bytes.iter().skip(skip));
                pairs.for_each(|(o, v)| *o += value(usize::from(*v)));
            }
            Small::Limbs(limbs) => {
                let rest = limbs.get(skip..).unwrap_or(&[]);
                let pairs = out.par_iter_mut().zip(rest).with_min_len(1 << 12);
                pairs.for_each(|(o, v)| *o += value(usize::from(*v)));
            }
        }
    }

    /// A view's value at `point`, straight from the integers.
    pub fn evaluate(&self, view: &View, point: &[Fr]) -> Fr {
        let constant = view.constant_at(&mut Native, point);
        let counted = |block: &Block| self.trace.multiplicities.iter().any(|(b, _)| b == block);
        let direct = |term: &Term| term.wire == Wire::Direct && !counted(&term.block);
        if !view.terms.iter().all(direct) {
            return poly::evaluate(&self.values(view), point);
        }
        // The last variables' equality table serves every part of every limb.
        let low = point.len().min(EVALUATION_LOG);
        let (high, low) = point.split_at(point.len() - low);
        let (rows, table) = (eq::table(high), eq::table(low));
        view.terms.iter().fold(constant, |sum, term| {
            let parts = rows.par_iter().enumerate().map(|(i, row)| {
                let part = Block {
                    offset: term.block.offset + i * table.len(),
                    log: low.len(),
                    ..term.block
                };
                row * match self.small(&part) {
                    Small::Bytes([]) | Small::Limbs([]) => Fr::ZERO,
                    Small::Bytes(v) => pass::dot_rows_u8(v, &table[..v.len()])[0],
                    Small::Limbs(v) => pass::dot_u16(v, &table[..v.len()]),
                }
            });
            sum + term.coefficient * parts.sum::<Fr>()
        })
    }

    /// The integers of a block of weights or limbs, as far as blocks cover it.
    pub fn small(&self, block: &Block) -> Small<'a> {
        match block.poly {
            Poly::Weight => Small::Bytes(cut(&self.weights.bytes, block)),
            Poly::Trace => Small::Limbs(cut(&self.trace.values, block)),
        }
    }

    /// Adds what the trace holds beside limbs, multiplicities and blinds, to its rows' combination.
    pub fn add_unlimbed(&self, out: &mut [Fr], selector: &[Fr], row_log: usize) {
        let mask = (1usize << row_log) - 1;
        let mut add = |at: usize, value: Fr| out[at & mask] += selector[at >> row_log] * value;
        for (block, values) in &self.trace.multiplicities {
            for (i, v) in values.iter().enumerate() {
                add(block.offset + i, Fr::from(u64::from(*v)));
            }
        }
        for (block, values) in &self.trace.blinds {
            for (i, v) in values.iter().enumerate() {
                add(block.offset + i, *v);
            }
        }
    }

    /// Length of a polynomial's used prefix.
    pub fn used(&self, poly: Poly) -> usize {
        match poly {
            Poly::Weight => self.weights.bytes.len(),
            Poly::Trace => self.trace.values.len(),
        }
    }

    /// The used prefix of a polynomial as field elements.
    pub fn polynomial(&self, poly: Poly) -> Vec<Fr> {
        match poly {
            Poly::Weight => {
                let bytes = self.weights.bytes.par_iter();
                bytes.map(|byte| self.limbs[usize::from(*byte)]).collect()
            }
            Poly::Trace => {
                let limbs = self.trace.values.par_iter();
                let mut out: Vec<Fr> = limbs.map(|v| self.limbs[usize::from(*v)]).collect();
                for (block, values) in &self.trace.multiplicities {
                    for (o, v) in out[block.offset..].iter_mut().zip(values) {
                        *o = Fr::from(u64::from(*v));
                    }
                }
                for (block, values) in &self.trace.blinds {
                    out[block.offset..block.offset + values.len()].copy_from_slice(values);
                }
                out
            }
        }
    }
}
