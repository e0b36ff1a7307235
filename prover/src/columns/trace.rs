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

use super::blinds::{self, blind_rows};
use super::weights::add_block;
use super::{Columns, WeightColumns, cut};
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
                        let keys: Vec<Vec<Option<i64>>> = looked_up
                            .iter()
                            .take(keys)
                            .map(|key| trace.indices(key, weights))
                            .collect();
                        for i in 0..keys.first().map_or(0, Vec::len) {
                            let key: Vec<Option<i64>> = keys.iter().map(|k| k[i]).collect();
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

fn tally(table: &mut [u32], entry: Option<usize>) {
    if let Some(count) = entry.and_then(|i| table.get_mut(i)) {
        *count += 1;
    }
}

impl TraceColumns {
    /// The integers of a column of keys; none where one is beyond 62 bits.
    fn indices(&self, view: &View, weights: &WeightColumns) -> Vec<Option<i64>> {
        let plain = view.masked.is_empty() && view.terms.iter().all(|t| t.wiring.is_none());
        let Some(constant) = small(view.constant).filter(|_| plain) else {
            let columns = Columns::new(weights, self, vec![]);
            return columns.values(view).into_iter().map(small).collect();
        };
        // Limbs, the least significant first.
        let bits = if self.wide { 16 } else { 8 };
        (0..1usize << view.log())
            .map(|i| {
                let limbs = view.terms.iter().enumerate();
                let sum = limbs.fold(constant, |acc, (limb, term)| {
                    acc + (i64::from(self.values[term.block.offset + i]) << (bits * limb))
                });
                Some(sum)
            })
            .collect()
    }
}

/// An integer between -2^62 and 2^62; none if the element is none.
fn small(value: Fr) -> Option<i64> {
    let low = |v: Fr| {
        let bytes = v.to_bytes();
        let (low, high) = bytes.split_at(8);
        let low = u64::from_le_bytes(low.try_into().ok()?);
        let fits = high.iter().all(|byte| *byte == 0) && low >> 62 == 0;
        fits.then_some(low as i64)
    };
    low(value).or_else(|| Some(-low(-value)?))
}
