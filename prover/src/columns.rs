//! The committed polynomials as the prover holds them: small integers, multiplicities and blinds.

pub mod blinds;
mod trace;
mod unlimbed;
mod weights;
mod wired;

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::backend::Native;
use laminate_engine::claim::{Term, View};
use laminate_engine::field::fr_from_i64;
use laminate_engine::geometry::{Block, Poly};
use laminate_engine::maps;
use laminate_engine::poly::{self, eq};
use rayon::prelude::*;

use crate::kernels::pass;

pub use trace::TraceColumns;
pub use unlimbed::Unlimbed;
pub use weights::WeightColumns;

/// log2 of the part of a column that is evaluated with one equality table.
const EVALUATION_LOG: usize = 13;

/// The part of a block that is stored.
fn cut<'v, T>(values: &'v [T], block: &Block) -> &'v [T] {
    let end = values.len().min(block.offset + (1 << block.log));
    values.get(block.offset..end).unwrap_or(&[])
}

/// Both polynomials, and views of them as field vectors.
#[derive(Clone, Debug)]
pub struct Columns<'a> {
    weights: &'a WeightColumns,
    trace: &'a TraceColumns,
    weight_blinds: Vec<Fr>,
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
    /// Borrows both polynomials; `weight_blinds` are those of the weight commitment's rows.
    pub fn new(
        weights: &'a WeightColumns,
        trace: &'a TraceColumns,
        weight_blinds: Vec<Fr>,
    ) -> Self {
        let count = if trace.wide { 1u64 << 16 } else { 1 << 8 };
        Self {
            weights,
            trace,
            weight_blinds,
            limbs: (0..count).map(Fr::from).collect(),
        }
    }

    /// A limb as a field element.
    pub fn limb(&self, limb: u16) -> Fr {
        self.limbs[usize::from(limb)]
    }

    /// Number of values that a limb has.
    pub fn limb_count(&self) -> usize {
        self.limbs.len()
    }

    /// The coefficient of `X^(2^row_log)` of `Σ_row selector[row]·(W_row + ρ·T_row)`.
    pub fn blind(&self, selector: &[Fr], row_log: usize, rho: Fr) -> Fr {
        let sum = |blinds: &[Fr]| -> Fr { selector.iter().zip(blinds).map(|(s, b)| s * b).sum() };
        let trace = rho * sum(&self.trace.row_blinds);
        match self.inner_blind(row_log) {
            Some(_) => trace,
            None => trace + sum(&self.weight_blinds),
        }
    }

    /// Where the blind of the one row of weights stands, if that is inside rows of `2^row_log`.
    fn inner_blind(&self, row_log: usize) -> Option<usize> {
        let at = self.weights.blind_log;
        (at < row_log && !self.weight_blinds.is_empty()).then_some(1 << at)
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
        for wired in &view.constants {
            let (inner, totals) = wired.wiring.totals();
            let parts = out.chunks_mut(1 << inner).zip(totals);
            for (part, total) in parts.filter(|(_, total)| *total != 0) {
                let value = fr_from_i64(total) * wired.value;
                part.iter_mut().for_each(|o| *o += value);
            }
        }
        for term in &view.terms {
            self.accumulate(&mut out, term);
        }
        out
    }

    /// The integers of a view of limbs.
    pub fn integers(&self, view: &View) -> Vec<i64> {
        self.trace.integers(view)
    }

    fn accumulate(&self, out: &mut [Fr], term: &Term) {
        let (coefficient, block) = (term.coefficient, &term.block);
        let Some(wiring) = &term.wiring else {
            return self.add(out, coefficient, block, 0);
        };
        if let Some((to, from, count)) = wiring.shifted() {
            return self.add(&mut out[to..to + count], coefficient, block, from);
        }
        let runs = wiring.runs();
        let parts = out.chunks_mut(1 << runs.inner).zip(&runs.parts);
        for (out, parts) in parts {
            for (part, entry) in parts {
                let factor = coefficient * fr_from_i64(*entry);
                self.add(out, factor, block, part << runs.inner);
            }
        }
    }

    /// The multiplicities or words that a block holds.
    fn counted(&self, block: &Block) -> Option<&'a [u32]> {
        let all = match block.poly {
            Poly::Weight => &self.weights.words,
            Poly::Trace => &self.trace.multiplicities,
        };
        let (whole, values) = all.iter().find(|(whole, _)| whole.contains(block))?;
        let from = block.offset - whole.offset;
        values.get(from..from + (1 << block.log))
    }

    /// `out[i] += coefficient · block[skip + i]`
    fn add(&self, out: &mut [Fr], coefficient: Fr, block: &Block, skip: usize) {
        if let Some(values) = self.counted(block) {
            for (o, v) in out.iter_mut().zip(&values[skip..]) {
                *o += coefficient * Fr::from(u64::from(*v));
            }
            return;
        }
        let elements = self.trace.elements.iter().find(|(b, _)| b == block);
        if let Some((_, values)) = elements {
            for (o, v) in out.iter_mut().zip(&values[skip..]) {
                *o += coefficient * v;
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

    /// A view's values at `point` for each of `2^pack` neighbouring entries, whose variables are its last.
    pub fn evaluate_each(&self, view: &View, point: &[Fr], pack: usize) -> Vec<Fr> {
        let place = |k: usize| {
            (0..pack)
                .rev()
                .map(move |bit| Fr::from((k >> bit & 1) as u64))
        };
        let places = 0..1usize << pack;
        let at = |k: usize| -> Vec<Fr> { point.iter().copied().chain(place(k)).collect() };
        places.map(|k| self.evaluate(view, &at(k))).collect()
    }

    /// A view's value at `point`, straight from the integers.
    pub fn evaluate(&self, view: &View, point: &[Fr]) -> Fr {
        let constant = view.constant_at(&mut Native, point);
        let element = |block: &Block| self.trace.elements.iter().any(|(b, _)| b == block);
        let limbs = |block: &Block| self.counted(block).is_none() && !element(block);
        let direct = |term: &Term| term.wiring.is_none() && limbs(&term.block);
        if !view.terms.iter().all(direct) {
            let first = view.terms.iter().find_map(|term| term.wiring.as_ref());
            let axes = first.map_or(vec![], |wiring| maps::cut(&wiring.view, point));
            let points: Vec<Option<&[Fr]>> = axes.into_iter().map(Some).collect();
            if let Some(value) = self.bind_wired(view, &points) {
                return value[0];
            }
            return poly::evaluate(&self.values(view), point);
        }
        // The last variables' equality table serves every part of every limb.
        let low = point.len().min(EVALUATION_LOG);
        let (high, low) = point.split_at(point.len() - low);
        let (rows, table) = (eq::table(high), eq::table(low));
        view.terms.iter().fold(constant, |sum, term| {
            let parts: Vec<Fr> = match self.small(&term.block) {
                Small::Bytes(values) => {
                    let (whole, rest) = values.split_at(values.len() / table.len() * table.len());
                    let mut parts = pass::dot_rows_u8(whole, &table);
                    if !rest.is_empty() {
                        parts.extend(pass::dot_rows_u8(rest, &table[..rest.len()]));
                    }
                    parts
                }
                Small::Limbs(values) => {
                    let parts = values.par_chunks(table.len());
                    let dot = |part: &[u16]| pass::dot_u16(part, &table[..part.len()]);
                    parts.map(dot).collect()
                }
            };
            let whole: Fr = rows.iter().zip(&parts).map(|(row, part)| row * part).sum();
            sum + term.coefficient * whole
        })
    }

    /// The integers of a block of weights or limbs, as far as blocks cover it.
    pub fn small(&self, block: &Block) -> Small<'a> {
        match block.poly {
            Poly::Weight => Small::Bytes(cut(&self.weights.bytes, block)),
            Poly::Trace => Small::Limbs(cut(&self.trace.values, block)),
        }
    }

    /// Length of a polynomial's used prefix, and the bytes of an entry.
    pub fn stored(&self, poly: Poly) -> (usize, usize) {
        match poly {
            Poly::Weight => (self.used(poly), size_of::<u8>()),
            Poly::Trace => (self.used(poly), size_of::<u16>()),
        }
    }

    /// What a polynomial in rows of `2^row_log` holds beside small integers, each with its first place.
    pub fn unlimbed(
        &self,
        poly: Poly,
        row_log: usize,
    ) -> impl Iterator<Item = (usize, Unlimbed<'_>)> {
        let trace = (poly == Poly::Trace).then_some(self.trace);
        let blind = match poly {
            Poly::Weight => self.inner_blind(row_log),
            Poly::Trace => None,
        };
        let counts = match poly {
            Poly::Weight => &self.weights.words,
            Poly::Trace => &self.trace.multiplicities,
        };
        let counts = counts.iter();
        let elements = trace.into_iter().flat_map(|t| &t.elements);
        let blind = blind.map(|at| (at, Unlimbed::Elements(&self.weight_blinds[..1])));
        counts
            .map(|(block, values)| (block.offset, Unlimbed::Counts(values)))
            .chain(elements.map(|(block, values)| (block.offset, Unlimbed::Elements(values))))
            .chain(blind)
    }

    /// Length of a polynomial's used prefix.
    pub fn used(&self, poly: Poly) -> usize {
        match poly {
            Poly::Weight => self.weights.bytes.len(),
            Poly::Trace => self.trace.values.len(),
        }
    }

    /// The used prefix of a polynomial as field elements, with what blinds stand inside rows of `2^row_log`.
    pub fn polynomial(&self, poly: Poly, row_log: usize) -> Vec<Fr> {
        let mut out: Vec<Fr> = match poly {
            Poly::Weight => {
                let bytes = self.weights.bytes.par_iter();
                bytes.map(|byte| self.limb(u16::from(*byte))).collect()
            }
            Poly::Trace => {
                let limbs = self.trace.values.par_iter();
                limbs.map(|v| self.limb(*v)).collect()
            }
        };
        for (at, values) in self.unlimbed(poly, row_log) {
            let end = out.len().max(at + values.count());
            out.resize(end, Fr::ZERO);
            values.for_each(|i, v| out[at + i] += v);
        }
        out
    }
}
