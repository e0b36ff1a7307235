//! The tables of a layer, and passes over them.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::poly::eq;
use rayon::prelude::*;

#[cfg(target_arch = "x86_64")]
use super::vector;
use super::{GROUP, LOW, Level, portable};
#[cfg(target_arch = "x86_64")]
use crate::kernels::lanes::Avx512;

/// What a pass over the tables `p0, p1, q0, q1` of a round does.
pub struct Pass {
    /// Challenge of the round before, to which the tables are still to be bound, in their place.
    pub bind: Option<Fr>,
    /// Whether `λ·q0` has still to be added to the first table.
    pub add_lambda: bool,
    /// `λ`
    pub lambda: Fr,
    /// Number of terms, a half of the bound tables.
    pub half: usize,
    /// Sums by [`vector`](super::vector) if the processor allows.
    pub vectors: bool,
}

impl Pass {
    /// Values behind the tables' ends.
    pub fn rest(&self) -> [Fr; 4] {
        let first = if self.add_lambda {
            Fr::ZERO
        } else {
            self.lambda
        };
        [first, Fr::ZERO, Fr::ONE, Fr::ONE]
    }
}

/// The equality polynomial of the variables behind the present one, as a product of two tables.
#[derive(Debug)]
pub struct Weights {
    /// Of the first variables.
    pub upper: Vec<Fr>,
    /// Of the last.
    pub lower: Vec<Fr>,
}

impl Weights {
    /// Of all variables.
    pub fn new(point: &[Fr]) -> Self {
        let low = point.len().saturating_sub(1).min(LOW);
        let (upper, lower) = point.split_at(point.len() - low);
        Self {
            upper: eq::table(upper),
            lower: eq::table(lower),
        }
    }

    /// Sums the first variable out.
    pub fn advance(&mut self) {
        let table = if self.upper.len() > 1 {
            &mut self.upper
        } else {
            &mut self.lower
        };
        let half = table.len() / 2;
        let (low, high) = table.split_at_mut(half);
        low.iter_mut().zip(high).for_each(|(l, h)| *l += *h);
        table.truncate(half);
    }
}

/// The tables, bound in the memory of the level.
#[derive(Debug)]
pub struct Tables {
    /// `p0` then `p1`; of a level with unwritten ones, the numerators behind those.
    p: Vec<Fr>,
    /// `q0` then `q1`.
    q: Vec<Fr>,
    ones: usize,
    /// Where `p1` and `q1` begin.
    split: [usize; 2],
    /// Stored values of the first and the second halves.
    stored: [usize; 2],
    /// Full length.
    pub len: usize,
    /// Whether `λ·q0` was added to `p0`.
    pub lambda_added: bool,
}

impl Tables {
    /// Of the halves of a level.
    pub fn new(level: Level) -> Self {
        let len = (1 << level.log) / 2;
        let split = level.q.len().min(len);
        Self {
            split: [split; 2],
            stored: [split, level.q.len() - split],
            ones: level.ones,
            p: level.p,
            q: level.q,
            len,
            lambda_added: false,
        }
    }

    /// `p0, p1, q0, q1` at `i`.
    pub fn at(&self, i: usize, lambda: Fr) -> [Fr; 4] {
        let get = |values: &[Fr], split: usize, ones: usize, side: usize, rest| {
            if i >= self.stored[side] {
                return rest;
            }
            match (i + side * split).checked_sub(ones) {
                Some(at) => values[at],
                None => Fr::ONE,
            }
        };
        let rest = if self.lambda_added { lambda } else { Fr::ZERO };
        let [p, q] = self.split;
        let q0 = get(&self.q, q, 0, 0, Fr::ONE);
        let mut p0 = get(&self.p, p, self.ones, 0, rest);
        if self.lambda_added {
            p0 -= lambda * q0;
        }
        let p1 = get(&self.p, p, self.ones, 1, Fr::ZERO);
        [p0, p1, q0, get(&self.q, q, 0, 1, Fr::ONE)]
    }

    /// Runs a pass: `Σ weight·f(0)` and `Σ weight·f(∞)`.
    pub fn run(&mut self, pass: &Pass, weights: &Weights) -> [Fr; 2] {
        let bound = pass.bind.map(|_| 2 * pass.half);
        let stored = self.stored.map(|n| n.min(bound.unwrap_or(n)));
        let [p, q] = self.split;
        let (q0, q1) = self.q.split_at_mut(q);
        let q = [&mut q0[..self.stored[0]], &mut q1[..self.stored[1]]];
        let sums = if self.ones == 0 {
            let (p0, p1) = self.p.split_at_mut(p);
            let p = [&mut p0[..self.stored[0]], &mut p1[..self.stored[1]]];
            let empty = [Default::default(), Default::default()];
            run(pass, weights, jobs(pass, weights, p, q, empty), None)
        } else {
            let leaf = Leaf {
                ones: self.ones,
                p: &self.p,
                split: p,
            };
            let size = if bound.is_some() { stored } else { [0; 2] };
            let mut out = vec![Fr::ZERO; size[0] + size[1]];
            let (first, second) = out.split_at_mut(size[0]);
            let empty = [Default::default(), Default::default()];
            let jobs = jobs(pass, weights, empty, q, [first, second]);
            let sums = run(pass, weights, jobs, Some(&leaf));
            if bound.is_some() {
                self.p = out;
                self.split[0] = size[0];
                self.ones = 0;
            }
            sums
        };
        if let Some(bound) = bound {
            self.len = bound;
            self.stored = stored;
            self.lambda_added = true;
        }
        sums
    }
}

/// Numerators of a level of which the first are one and not stored.
struct Leaf<'a> {
    ones: usize,
    p: &'a [Fr],
    split: usize,
}

impl Leaf<'_> {
    /// Numerators `[first, first + count)`.
    fn numerators(&self, first: usize, count: usize) -> Vec<Fr> {
        let ones = self.ones.saturating_sub(first).min(count);
        let mut out = vec![Fr::ONE; ones];
        if ones < count {
            let at = first + ones - self.ones;
            out.extend_from_slice(&self.p[at..at + (count - ones)]);
        }
        out
    }
}

/// For some terms, the quarters of each table that they read (halves if it is not to be bound); the
/// bound values take the place of the first two.
pub type Parts<'a> = [[&'a mut [Fr]; 4]; 4];

/// The terms under one value of the upper weights.
pub struct Job<'a> {
    /// What they read.
    pub parts: Parts<'a>,
    /// Where the bound numerators go if the level's were not stored.
    out: [[&'a mut [Fr]; 2]; 2],
}

/// Cuts tables into the parts of the terms that have a stored value.
pub fn jobs<'a>(
    pass: &Pass,
    weights: &Weights,
    [p0, p1]: [&'a mut [Fr]; 2],
    [q0, q1]: [&'a mut [Fr]; 2],
    out: [&'a mut [Fr]; 2],
) -> Vec<Job<'a>> {
    let size = weights.lower.len();
    // The first halves of the level are the longest tables.
    let terms = q0.len().min(pass.half);
    let mut tables = [p0, p1, q0, q1].map(|t| cut::<4>(t, pass.half, size));
    let mut out = out.map(|t| cut::<2>(t, pass.half, size));
    (0..terms.div_ceil(size))
        .map(|_| Job {
            parts: tables.each_mut().map(next),
            out: out.each_mut().map(next),
        })
        .collect()
}

type Chunks<'a> = std::slice::ChunksMut<'a, Fr>;

/// Parts of `length` of a table, in chunks of `size`.
fn cut<const N: usize>(mut table: &mut [Fr], length: usize, size: usize) -> [Chunks<'_>; N] {
    std::array::from_fn(|_| {
        let all = std::mem::take(&mut table);
        let (part, rest) = all.split_at_mut(length.min(all.len()));
        table = rest;
        part.chunks_mut(size)
    })
}

fn next<'a, const N: usize>(parts: &mut [Chunks<'a>; N]) -> [&'a mut [Fr]; N] {
    parts.each_mut().map(|p| p.next().unwrap_or_default())
}

fn run(pass: &Pass, weights: &Weights, jobs: Vec<Job<'_>>, leaf: Option<&Leaf<'_>>) -> [Fr; 2] {
    let size = weights.lower.len();
    let chunk = |(i, job): (usize, Job<'_>)| {
        let lower = &weights.lower[..job.parts[2][0].len()];
        let covered = if lower.len() == size {
            Fr::ONE
        } else {
            lower.iter().sum()
        };
        let sums = match leaf {
            None => sum_chunk(pass, lower, job.parts),
            Some(leaf) => sum_leaf_chunk(pass, lower, job, leaf, i * size),
        };
        [sums[0], sums[1], covered].map(|s| weights.upper[i] * s)
    };
    let add = |a: [Fr; 3], b: [Fr; 3]| [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
    let zero = || [Fr::ZERO; 3];
    let [h0, h2, covered] = if jobs.len() > 1 {
        let jobs = jobs.into_par_iter().enumerate();
        jobs.map(chunk).reduce(zero, add)
    } else {
        jobs.into_iter().enumerate().map(chunk).fold(zero(), add)
    };
    // Behind the stored values every term is its weight times `λ`.
    [h0 + pass.lambda * (Fr::ONE - covered), h2]
}

/// [`sum_chunk`] with numerators written out for the chunk only.
fn sum_leaf_chunk(
    pass: &Pass,
    weights: &[Fr],
    job: Job<'_>,
    leaf: &Leaf<'_>,
    first: usize,
) -> [Fr; 2] {
    let [_, _, q0, q1] = job.parts;
    let mut numerators = [(0, &q0), (leaf.split, &q1)].map(|(start, q)| {
        std::array::from_fn::<_, 4, _>(|quarter| {
            let at = start + quarter * pass.half + first;
            leaf.numerators(at, q[quarter].len())
        })
    });
    let [p0, p1] = numerators
        .each_mut()
        .map(|quarters| quarters.each_mut().map(Vec::as_mut_slice));
    let sums = sum_chunk(pass, weights, [p0, p1, q0, q1]);
    for (out, values) in job.out.into_iter().zip(numerators) {
        for (out, values) in out.into_iter().zip(values) {
            let size = out.len();
            out.copy_from_slice(&values[..size]);
        }
    }
    sums
}

/// The sums of some terms, one for each of `weights`.
fn sum_chunk(pass: &Pass, weights: &[Fr], parts: Parts<'_>) -> [Fr; 2] {
    let whole = weights.len().is_multiple_of(GROUP) && pass.half.is_multiple_of(GROUP);
    if pass.vectors && whole {
        #[cfg(target_arch = "x86_64")]
        if let Some(token) = Avx512::detect() {
            return vector::sum(token, pass, weights, parts);
        }
    }
    portable::sum(pass, weights, parts)
}
