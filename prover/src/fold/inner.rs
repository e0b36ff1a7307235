//! Inner products of a polynomial's chunks with field vectors: passes over the integers, and what stands
//! beside them.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::geometry::{Block, Poly};

use super::outer::{Cut, Inside};
use crate::columns::{Columns, Small, Unlimbed};
use crate::kernels::pass;

/// A polynomial as it is committed in rows of `2^row_log`, cut into strips and chunks.
#[derive(Clone, Copy)]
pub struct Stored<'a> {
    /// Where it is stored.
    pub columns: &'a Columns<'a>,
    /// Which.
    pub poly: Poly,
    /// log2 of a commitment row: blinds may stand inside.
    pub row_log: usize,
    /// Strips and chunks.
    pub cut: Cut,
}

impl<'a> Stored<'a> {
    /// Entries up to the last that may not be zero.
    fn end(&self) -> usize {
        let others = self.columns.unlimbed(self.poly, self.row_log);
        let ends = others.map(|(at, values)| at + values.count());
        ends.fold(self.columns.used(self.poly), usize::max)
    }

    /// Strips up to the last that may not be zero.
    pub fn strips(&self) -> usize {
        self.end().div_ceil(1 << self.cut.strip)
    }

    /// `Σ_(chunk, place) chunks[chunk] · places[place] · strip[(chunk, place)]` for every strip.
    pub fn with_product(&self, inside: &Inside) -> Vec<Fr> {
        let chunks = 1usize << (self.cut.strip - self.cut.chunk());
        let inner = self.every(0, 1, &inside.places);
        let strips = inner.chunks(chunks);
        strips
            .map(|strip| strip.iter().zip(&inside.chunks).map(|(v, e)| v * e).sum())
            .collect()
    }

    /// `Σ_i kernel[i] · strip[i]` for every strip; missing ends of the kernel are zero.
    pub fn with_strip(&self, kernel: &[Fr]) -> Vec<Fr> {
        let (chunk, step) = (self.cut.chunk(), self.cut.strip - self.cut.chunk());
        let mut out = vec![Fr::ZERO; self.strips()];
        for (i, part) in kernel.chunks(1 << chunk).enumerate() {
            if part.iter().all(|k| *k == Fr::ZERO) {
                continue;
            }
            let inner = self.every(i, 1 << step, part);
            out.iter_mut().zip(inner).for_each(|(o, v)| *o += v);
        }
        out
    }

    /// The inner products with `table` of chunk `first` and every `step`-th after it.
    fn every(&self, first: usize, step: usize, table: &[Fr]) -> Vec<Fr> {
        let chunk = self.cut.chunk();
        let all = self.end().div_ceil(1 << chunk).div_ceil(step) * step;
        let indices: Vec<usize> = (first..all).step_by(step).collect();
        let part = |index: &usize| {
            let block = Block {
                poly: self.poly,
                offset: index << chunk,
                log: chunk,
            };
            self.columns.small(&block)
        };
        let mut out = match self.poly {
            Poly::Weight => dot_parts(
                indices.iter().map(|i| match part(i) {
                    Small::Bytes(bytes) => bytes,
                    Small::Limbs(_) => &[],
                }),
                table,
                pass::dot_parts_u8,
            ),
            Poly::Trace => dot_parts(
                indices.iter().map(|i| match part(i) {
                    Small::Limbs(limbs) => limbs,
                    Small::Bytes(_) => &[],
                }),
                table,
                pass::dot_parts_u16,
            ),
        };
        out.resize(indices.len(), Fr::ZERO);
        for (at, values) in self.columns.unlimbed(self.poly, self.row_log) {
            let end = at + values.count();
            for index in at >> chunk..end.div_ceil(1 << chunk) {
                if index % step != first {
                    continue;
                }
                let start = index << chunk;
                let (from, to) = (at.max(start), end.min(start + table.len()));
                if from < to {
                    let table = &table[from - start..to - start];
                    out[index / step] += dot_unlimbed(values.part(from - at, to - at), table);
                }
            }
        }
        out
    }
}

/// Inner products of parts with the beginning of `table`: parts are as long as `table`, or longer, up to the
/// polynomial's end, where one is shorter and others are empty.
fn dot_parts<'v, T: Copy + Default + 'v>(
    parts: impl Iterator<Item = &'v [T]>,
    table: &[Fr],
    dot: fn(&[&[T]], &[Fr]) -> Vec<Fr>,
) -> Vec<Fr> {
    let mut last = vec![];
    let mut whole = vec![];
    for part in parts {
        match part.get(..table.len()) {
            Some(part) => whole.push(part),
            None if part.is_empty() => break,
            None => {
                last = part.to_vec();
                last.resize(table.len(), T::default());
                break;
            }
        }
    }
    if !last.is_empty() {
        whole.push(&last);
    }
    dot(&whole, table)
}

/// Inner product with as many elements.
fn dot_unlimbed(values: Unlimbed<'_>, table: &[Fr]) -> Fr {
    match values {
        Unlimbed::Elements(values) => values.iter().zip(table).map(|(v, e)| v * e).sum(),
        Unlimbed::Counts(values) => {
            let half = |shift: u32| -> Vec<u16> {
                let halves = values.iter().map(|v| (v >> shift) as u16);
                halves.collect()
            };
            let [low, high] = [0, 16].map(|shift| pass::dot_u16(&half(shift), table));
            low + high * Fr::from(1 << 16)
        }
    }
}
