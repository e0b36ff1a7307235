//! The trace polynomial as the prover holds it: limbs, multiplicities and blinds.

use halo2curves_axiom::bn256::{Fr, G1, G1Affine};
use halo2curves_axiom::ff::Field;
use halo2curves_axiom::group::Curve;
use laminate_protocol::claim::View;
use laminate_protocol::layout::{Block, Layout, Poly};
use laminate_protocol::lookup::{Kind, Segments};
use laminate_protocol::program::Program;
use rand::RngCore;

use super::WeightColumns;
use crate::exec::Trace;
use crate::kernels::msm;

/// The trace polynomial: the used prefix of its `2^trace_log` entries.
#[derive(Clone, Debug)]
pub struct TraceColumns {
    /// Limbs; zero where multiplicities and blinds stand.
    pub values: Vec<u16>,
    /// Multiplicities of the lookup tables.
    pub multiplicities: Vec<(Block, Vec<u32>)>,
    /// Random entries.
    pub blinds: (Block, Vec<Fr>),
    /// Whether limbs have 16 bits.
    pub(super) wide: bool,
}

impl TraceColumns {
    /// Lays out a trace and counts the lookups.
    pub fn new(
        program: &Program,
        layout: &Layout,
        segments: &Segments,
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
            blinds: (layout.blinds, vec![]),
            wide: bits > 8,
        };
        out.recount(program, layout, segments, weights);
        out.blinds.1 = (0..1 << layout.blinds.log)
            .map(|_| Fr::random(&mut *rng))
            .collect();
        out
    }

    /// Limbs of 16 bits and blinds that no trace was laid out for.
    #[cfg(test)]
    pub(crate) fn of_limbs(values: Vec<u16>, blinds: (Block, Vec<Fr>)) -> Self {
        Self {
            values,
            multiplicities: vec![],
            blinds,
            wide: true,
        }
    }

    /// Counts the lookups of the stored limbs. A value that is in no table is not counted: no proof
    /// of it is accepted.
    pub fn recount(
        &mut self,
        program: &Program,
        layout: &Layout,
        segments: &Segments,
        weights: &WeightColumns,
    ) {
        self.multiplicities = count(program, layout, segments, weights, self);
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
        let (block, values) = &self.blinds;
        place(block, &|from, to, points| {
            msm::full(&values[from..to], points)
        });
        rows.iter().map(Curve::to_affine).collect()
    }
}

/// How often each table entry is looked up.
fn count(
    program: &Program,
    layout: &Layout,
    segments: &Segments,
    weights: &WeightColumns,
    trace: &TraceColumns,
) -> Vec<(Block, Vec<u32>)> {
    let mut limbs = vec![0u32; 1 << program.limb_bits];
    let mut bytes = vec![0u32; 256];
    let mut tables: Vec<Vec<u32>> = layout
        .table_multiplicities
        .iter()
        .map(|block| vec![0u32; 1 << block.log])
        .collect();
    for segment in &segments.segments {
        match &segment.kind {
            Kind::Range { view, .. } => {
                let block = view.terms[0].block;
                let range = block.offset..block.offset + (1 << block.log);
                match block.poly {
                    Poly::Trace => {
                        for i in range {
                            let value = trace.values.get(i).copied().unwrap_or(0);
                            tally(&mut limbs, value.into());
                        }
                    }
                    Poly::Weight => {
                        let table = if layout.byte_multiplicities.is_some() {
                            &mut bytes
                        } else {
                            &mut limbs
                        };
                        for i in range {
                            let value = weights.bytes.get(i).copied().unwrap_or(0);
                            tally(table, value.into());
                        }
                    }
                }
            }
            Kind::Use { table, input, .. } => {
                // Stored limbs of the index column; the table starts at the lowest index.
                let lowest = program.tables[*table].lowest();
                for index in trace.indices(input) {
                    tally(&mut tables[*table], index - lowest);
                }
            }
            Kind::RangeTable { .. } | Kind::Table { .. } => {}
        }
    }
    let mut out = vec![(layout.limb_multiplicities, limbs)];
    out.extend(layout.byte_multiplicities.map(|block| (block, bytes)));
    out.extend(layout.table_multiplicities.iter().copied().zip(tables));
    out
}

fn tally(table: &mut [u32], entry: i64) {
    let count = usize::try_from(entry).ok().and_then(|i| table.get_mut(i));
    if let Some(count) = count {
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
