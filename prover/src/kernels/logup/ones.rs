//! The layer of a full level whose numerators are one, but for a few at its end: that of the leaves of a long tree.
//!
//! With `p = 1` the summand is `q0 + q1 + λ·q0·q1 = λ·Q0·Q1 - 1/λ` for `Q = q + 1/λ`: two tables instead of four, and one product a
//! term. Where the second half's numerators are `1 + e`, it has `e·q0` besides. Those stand at the end, so that while the
//! first half of what is left has none of them, binding only scales them.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use rayon::prelude::*;

use super::tables::{Job, Pass, Tables, Weights, jobs};
#[cfg(target_arch = "x86_64")]
use super::vector;
use super::{GROUP, Level};
#[cfg(target_arch = "x86_64")]
use crate::kernels::lanes::Avx512;

/// Terms for which this is worth its while.
const LEAST: usize = 8 * GROUP;

/// See the module.
#[derive(Debug)]
pub struct Ones {
    /// `q0` then `q1`, from the second pass on with `1/λ` added.
    q: Vec<Fr>,
    /// Where `q1` begins.
    split: usize,
    /// Terms that are left.
    len: usize,
    /// What the last numerators of the second half are beyond one.
    rest: Vec<Fr>,
    /// `1/λ`
    shift: Fr,
    shifted: bool,
}

impl Ones {
    /// The layer of this level, if it is such a one.
    pub fn new(level: Level, lambda: Fr) -> Result<Self, Level> {
        let len = (1 << level.log) / 2;
        let full = level.q.len() == 2 * len && level.ones >= len && apart(level.p.len(), len);
        let Some(shift) = Option::from(lambda.invert()).filter(|_| full) else {
            return Err(level);
        };
        Ok(Self {
            q: level.q,
            split: len,
            len,
            rest: level.p.iter().map(|p| p - Fr::ONE).collect(),
            shift,
            shifted: false,
        })
    }

    /// Terms that are left.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether a pass that leaves so many terms can be one of this kind.
    pub fn lasts(&self, left: usize) -> bool {
        apart(self.rest.len(), left)
    }

    /// `p0, p1, q0, q1` at `i`.
    pub fn at(&self, i: usize) -> [Fr; 4] {
        let shift = if self.shifted { self.shift } else { Fr::ZERO };
        let rest = (i + self.rest.len()).checked_sub(self.len);
        let p1 = Fr::ONE + rest.map_or(Fr::ZERO, |at| self.rest[at]);
        let [q0, q1] = [0, self.split].map(|start| self.q[start + i] - shift);
        [Fr::ONE, p1, q0, q1]
    }

    /// What is left as plain tables.
    pub fn tables(&self) -> Tables {
        let values: Vec<[Fr; 4]> = (0..self.len).map(|i| self.at(i)).collect();
        let column = |t: usize| values.iter().map(move |v| v[t]);
        let p = column(0).chain(column(1)).collect();
        let q = column(2).chain(column(3)).collect();
        Tables::new(Level::new(self.len.ilog2() as usize + 1, p, q))
    }

    /// Runs a pass: `Σ weight·f(0)` and `Σ weight·f(∞)`.
    pub fn run(&mut self, pass: &Pass, weights: &Weights) -> [Fr; 2] {
        let shift = (!self.shifted).then_some(self.shift);
        let (q0, q1) = self.q.split_at_mut(self.split);
        let q = [&mut q0[..self.len], &mut q1[..self.len]];
        let empty = || [Default::default(), Default::default()];
        let jobs = jobs(pass, weights, empty(), q, empty());
        let chunk = |(i, job): (usize, Job<'_>)| {
            let sums = product(pass, shift, &weights.lower, job);
            sums.map(|s| weights.upper[i] * s)
        };
        let add = |a: [Fr; 2], b: [Fr; 2]| [a[0] + b[0], a[1] + b[1]];
        let sums = jobs.into_par_iter().enumerate().map(chunk);
        let [zero, infinity] = sums.reduce(|| [Fr::ZERO; 2], add);
        if let Some(r) = pass.bind {
            self.len = 2 * pass.half;
            self.shifted = true;
            self.rest.iter_mut().for_each(|e| *e *= r);
        }
        [
            pass.lambda * zero - self.shift,
            pass.lambda * infinity + self.rest_at_infinity(pass.half, weights),
        ]
    }

    /// `Σ weight · e(1)·(q0(1) - q0(0))`: in the lower half there is no `e`.
    fn rest_at_infinity(&self, half: usize, weights: &Weights) -> Fr {
        let first = half - self.rest.len();
        let terms = self.rest.iter().enumerate().map(|(at, e)| {
            let i = first + at;
            let size = weights.lower.len();
            weights.upper[i / size] * weights.lower[i % size] * e * (self.q[half + i] - self.q[i])
        });
        terms.sum()
    }
}

/// Whether the first half of so many terms has none of the last numerators, and there are enough.
fn apart(rest: usize, len: usize) -> bool {
    rest <= len / 2 && len >= LEAST
}

/// `Σ weight·Q0·Q1` at 0 and at infinity; binds the tables if there is a challenge, and adds `shift`.
fn product(pass: &Pass, shift: Option<Fr>, weights: &[Fr], job: Job<'_>) -> [Fr; 2] {
    #[cfg(target_arch = "x86_64")]
    if pass.vectors
        && weights.len().is_multiple_of(GROUP)
        && let Some(token) = Avx512::detect()
    {
        return vector::product(token, pass, shift, weights, job.parts);
    }
    let [_, _, mut q0, mut q1] = job.parts;
    let mut sums = [Fr::ZERO; 2];
    for (i, weight) in weights.iter().enumerate() {
        let [a, b] = [&mut q0, &mut q1].map(|q| -> [Fr; 2] {
            std::array::from_fn(|side| {
                let low = q[side][i];
                let value = match &pass.bind {
                    None => low,
                    Some(r) => low + r * (q[side + 2][i] - low),
                };
                let value = shift.map_or(value, |shift| value + shift);
                if pass.bind.is_some() {
                    q[side][i] = value;
                }
                value
            })
        });
        sums[0] += weight * a[0] * b[0];
        sums[1] += weight * (a[1] - a[0]) * (b[1] - b[0]);
    }
    sums
}
