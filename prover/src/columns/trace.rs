//! The trace polynomial as the prover holds it: limbs, multiplicities and blinds.

use halo2curves_axiom::bn256::{Fr, G1, G1Affine};
use halo2curves_axiom::ff::Field;
use halo2curves_axiom::group::Curve;
use laminate_engine::claim::View;
use laminate_engine::geometry::{Block, Poly};
use laminate_engine::lookup::segments::{key_columns, row_of};
use laminate_engine::lookup::{Kind, Range, Segments};
use laminate_engine::multiexp::Placement;
use laminate_model::layout::{Boundary, Layout};
use laminate_model::program::Program;
use rand::RngCore;
use rayon::prelude::*;

use super::blinds::{self, blind_rows};
use super::weights::add_block;
use super::{Small, WeightColumns, cut};
use crate::exec::Trace;
use crate::kernels::msm;
use crate::prove::Links;

/// The trace polynomial: the used prefix of its `2^trace_log` entries.
#[derive(Clone, Debug)]
pub struct TraceColumns {
    /// Limbs; zero where multiplicities and blinds stand.
    pub values: Vec<u16>,
    /// Multiplicities of the lookup tables.
    pub multiplicities: Vec<(Block, Vec<u32>)>,
    /// Entries that are field elements: the blinds of the whole, then those of each boundary; columns of
    /// elements, where there are any.
    pub elements: Vec<(Block, Vec<Fr>)>,
    /// Blinds of the commitment's rows.
    pub row_blinds: Vec<Fr>,
    /// Whether limbs have 16 bits.
    pub(super) wide: bool,
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
        let mut values = vec![0u16; layout.geometry.trace_used];
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
            elements: vec![],
            row_blinds: vec![],
            wide: bits > 8,
        };
        out.recount(trees, weights);
        for boundary in &layout.boundaries {
            out.copy_boundary(layout, boundary);
        }
        let ends = layout.boundaries.iter().map(|b| b.blinds);
        out.elements = std::iter::once(layout.blinds)
            .chain(ends)
            .map(|block| {
                let values = (0..1 << block.log).map(|_| Fr::random(&mut *rng));
                (block, values.collect())
            })
            .collect();
        let rows = layout.geometry.rows(Poly::Trace);
        out.row_blinds = (0..rows).map(|_| Fr::random(&mut *rng)).collect();
        out.blind_boundaries(layout);
        out
    }

    /// Limbs of 16 bits and blinds that no trace was laid out for.
    #[cfg(test)]
    pub(crate) fn of_limbs(values: Vec<u16>, blinds: (Block, Vec<Fr>)) -> Self {
        Self {
            values,
            multiplicities: vec![],
            elements: vec![blinds],
            row_blinds: vec![],
            wide: true,
        }
    }

    /// A trace of 16-bit limbs that belongs to no program, with columns of field elements; counts the
    /// lookups and draws the blinds.
    pub(crate) fn of_columns(
        placement: &Placement,
        values: Vec<u16>,
        columns: Vec<(Block, Vec<Fr>)>,
        rng: &mut impl RngCore,
    ) -> Self {
        let mut random =
            |count: usize| -> Vec<Fr> { (0..count).map(|_| Fr::random(&mut *rng)).collect() };
        let block = placement.blinds;
        let mut out = Self {
            values,
            multiplicities: vec![],
            elements: vec![(block, random(1 << block.log))],
            row_blinds: random(placement.geometry.rows(Poly::Trace)),
            wide: true,
        };
        let weights = WeightColumns::none();
        out.recount(std::slice::from_ref(&placement.tree), &weights);
        out.elements.extend(columns);
        out
    }

    /// Copies the limbs of a tensor to the rows of its boundary.
    pub fn copy_boundary(&mut self, layout: &Layout, boundary: &Boundary) {
        let tensor = layout.tensor(boundary.tensor);
        for (term, copy) in tensor.terms.iter().zip(&boundary.limbs) {
            let from = term.block.offset;
            let limb = from..from + (1 << copy.log);
            self.values.copy_within(limb, copy.offset);
        }
    }

    /// Takes the blinds that are given for the boundaries.
    pub fn link(&mut self, layout: &Layout, links: &Links) {
        for (boundary, (_, blinds)) in layout
            .boundaries
            .iter()
            .zip(self.elements.iter_mut().skip(1))
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
        self.blind_boundaries(layout);
    }

    /// Rows of a boundary take blinds that follow from the boundary's, which neighbours share.
    fn blind_boundaries(&mut self, layout: &Layout) {
        for (boundary, (_, shared)) in layout.boundaries.iter().zip(self.elements.iter().skip(1)) {
            let rows: Vec<usize> = boundary.rows(layout.geometry.row_log).collect();
            let derived = blinds::derive(shared, rows.len());
            for (row, blind) in rows.into_iter().zip(derived) {
                self.row_blinds[row] = blind;
            }
        }
    }

    /// Counts the lookups of the stored limbs. A value that is in no table is not counted: no proof
    /// of it is accepted.
    pub fn recount(&mut self, trees: &[Segments], weights: &WeightColumns) {
        self.multiplicities = count(trees, weights, self);
    }

    /// Commits every row of `2^row_log` values, each with its blind.
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
        for (block, values) in &self.multiplicities {
            add_block(&mut rows, size, block, powers, &|from, to, points| {
                msm::small(&values[from..to], points)
            });
        }
        for (block, values) in &self.elements {
            add_block(&mut rows, size, block, powers, &|from, to, points| {
                msm::full(&values[from..to], points)
            });
        }
        blind_rows(&mut rows, &self.row_blinds, &powers[size]);
        rows.iter().map(Curve::to_affine).collect()
    }
}

/// How often each table entry is looked up, tree by tree.
fn count(
    trees: &[Segments],
    weights: &WeightColumns,
    trace: &TraceColumns,
) -> Vec<(Block, Vec<u32>)> {
    trees
        .iter()
        .flat_map(|tree| count_tree(tree, weights, trace))
        .collect()
}

fn count_tree(
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
                pack,
            } => {
                let mut values = vec![0u32; 1 << (range.log() << pack)];
                let same = |kind: &&Kind| match kind {
                    Kind::Range {
                        range: r, pack: p, ..
                    } => (r, p) == (range, pack),
                    _ => false,
                };
                for looked_up in kinds().filter(same).flat_map(Kind::columns) {
                    match looked_up.as_block() {
                        Some(block) => {
                            let stored = match block.poly {
                                Poly::Trace => Small::Limbs(cut(&trace.values, &block)),
                                Poly::Weight => Small::Bytes(cut(&weights.bytes, &block)),
                            };
                            let leaves = 1 << (block.log - pack);
                            count_range((*range, *pack), stored, leaves, &mut values);
                        }
                        None => trace.integers(looked_up).into_iter().for_each(|value| {
                            let value = u64::try_from(value).ok();
                            tally(&mut values, value.and_then(|v| range.index(v)));
                        }),
                    }
                }
                counted.push((multiplicity.terms[0].block, values));
            }
            Kind::Table {
                table,
                columns,
                multiplicity,
            } => {
                let block = multiplicity.terms[0].block;
                let mut values = vec![0u32; 1 << block.log];
                let keys = key_columns(columns);
                for kind in kinds() {
                    if let Kind::Use {
                        table: t,
                        columns: looked_up,
                    } = kind
                        && t == table
                    {
                        let keys = looked_up.iter().take(keys);
                        let keys: Vec<Vec<i64>> = keys.map(|key| trace.integers(key)).collect();
                        for i in 0..keys.first().map_or(0, Vec::len) {
                            let key: Vec<i64> = keys.iter().map(|k| k[i]).collect();
                            tally(&mut values, row_of(columns, block.log, &key));
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

/// Counts the tuples of a block's entries; those that nothing covers are zero.
fn count_range(
    (range, pack): (Range, usize),
    stored: Small<'_>,
    leaves: usize,
    counts: &mut [u32],
) {
    let covered = match stored {
        Small::Bytes(values) => count_tuples(range, pack, values, counts),
        Small::Limbs(values) => count_tuples(range, pack, values, counts),
    };
    if let Some(zero) = range.row(std::iter::repeat_n(0, 1 << pack)) {
        counts[zero] += (leaves - covered) as u32;
    }
}

/// Entries that are counted in one table.
const COUNTED: usize = 1 << 20;

/// Counts tuples, the last one filled with zeros; their number.
fn count_tuples<T: Copy + Sync + Into<u64>>(
    range: Range,
    pack: usize,
    values: &[T],
    counts: &mut [u32],
) -> usize {
    let size = 1usize << pack;
    let part = |values: &[T]| {
        let mut own = vec![0u32; 1 << (range.log() << pack)];
        for tuple in values.chunks(size) {
            let entries = tuple.iter().map(|v| (*v).into());
            let entries = entries.chain(std::iter::repeat_n(0, size - tuple.len()));
            tally(&mut own, range.row(entries));
        }
        own
    };
    let parts: Vec<Vec<u32>> = values.par_chunks(COUNTED).map(part).collect();
    for part in parts {
        counts
            .iter_mut()
            .zip(part)
            .for_each(|(all, own)| *all += own);
    }
    values.len().div_ceil(size)
}

fn tally(table: &mut [u32], entry: Option<usize>) {
    if let Some(count) = entry.and_then(|i| table.get_mut(i)) {
        *count += 1;
    }
}

impl TraceColumns {
    /// The integers of a column of limbs and constants, which may stand by maps.
    pub(super) fn integers(&self, view: &View) -> Vec<i64> {
        let mut out = vec![small(view.constant); 1 << view.log()];
        for wired in &view.constants {
            let (inner, totals) = wired.wiring.totals();
            let value = small(wired.value);
            for (part, total) in out.chunks_mut(1 << inner).zip(totals) {
                let more = value.wrapping_mul(total);
                part.iter_mut().for_each(|v| *v = v.wrapping_add(more));
            }
        }
        for term in &view.terms {
            let limbs = &self.values[term.block.offset..][..1 << term.block.log];
            let add = |out: &mut [i64], factor: i64, from: usize| {
                for (v, limb) in out.iter_mut().zip(&limbs[from..]) {
                    *v = v.wrapping_add(factor.wrapping_mul(i64::from(*limb)));
                }
            };
            let coefficient = small(term.coefficient);
            let Some(wiring) = &term.wiring else {
                add(&mut out, coefficient, 0);
                continue;
            };
            let runs = wiring.runs();
            for (out, parts) in out.chunks_mut(1 << runs.inner).zip(&runs.parts) {
                for (part, entry) in parts {
                    add(out, coefficient.wrapping_mul(*entry), part << runs.inner);
                }
            }
        }
        out
    }
}

/// A constant between -2^63 and 2^63 as an integer.
fn small(value: Fr) -> i64 {
    let low = |v: Fr| i64::from_le_bytes(v.to_bytes()[..8].try_into().unwrap_or([0; 8]));
    if value.to_bytes()[31] == 0 {
        low(value)
    } else {
        -low(-value)
    }
}
