//! The sumcheck of one layer of a LogUp-GKR tree:
//! `Σ_x eq(point, x) · (p0·q1 + p1·q0 + λ·q0·q1)(x)`.
//!
//! The round polynomial is `s·ℓ(X)·h(X)` (Gruen, eprint 2024/108): `s` the equality polynomial of the
//! bound variables, `ℓ(X) = (1-z) + (2z-1)·X` that of the present one, and `h` quadratic. Two sums give
//! `h(0)` and the coefficient of `X²`; the claim gives `h(1)`. The equality polynomial of the later
//! variables is a product of two short tables, and is not bound. A round reads the tables of the round
//! before, binds and sums in one pass. `p0` is held as `p0 + λ·q0`, which saves a product a term.
//!
//! Levels are held up to their last leaf that is not `0/1`; behind, every term is `eq · λ`.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::poly::eq;
use rayon::prelude::*;

#[cfg(target_arch = "x86_64")]
use super::lanes::Avx512;

mod ones;
mod portable;
mod prove;
mod tables;
#[cfg(target_arch = "x86_64")]
mod vector;

use ones::Ones;
pub use prove::{Layer, prove, reference};
use tables::{Pass, Tables, Weights};

/// log2 of the terms summed under one value of the upper equality table.
const LOW: usize = 10;
/// Stored lengths are multiples of this, as vectors are.
const GROUP: usize = 8;

/// A level of the tree: `2^log` fractions `p/q`, of which those behind `q.len()` are `0/1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    log: usize,
    /// So many first numerators are one and not stored.
    ones: usize,
    p: Vec<Fr>,
    q: Vec<Fr>,
}

impl Level {
    /// Fractions of `2^log`; the rest is `0/1`.
    ///
    /// # Panics
    /// If the lengths differ or exceed `2^log`.
    pub fn new(log: usize, p: Vec<Fr>, q: Vec<Fr>) -> Self {
        Self::with_ones(log, 0, p, q)
    }

    /// Fractions of `2^log` whose first `ones` numerators are one, `p` the others; the rest is `0/1`.
    ///
    /// # Panics
    /// If the lengths differ or exceed `2^log`.
    pub fn with_ones(log: usize, ones: usize, mut p: Vec<Fr>, mut q: Vec<Fr>) -> Self {
        assert_eq!(ones + p.len(), q.len(), "numerators and denominators");
        assert!(q.len() <= 1 << log, "level of 2^{log}");
        let kept = ones / GROUP * GROUP;
        if kept < ones {
            p.splice(..0, std::iter::repeat_n(Fr::ONE, ones - kept));
        }
        let stored = q.len().next_multiple_of(GROUP).min(1 << log);
        p.resize(stored - kept, Fr::ZERO);
        q.resize(stored, Fr::ONE);
        Self {
            log,
            ones: kept,
            p,
            q,
        }
    }

    /// log2 of the number of fractions.
    pub fn log(&self) -> usize {
        self.log
    }

    /// The level above: `(p, q)(x) = (p(0,x)·q(1,x) + p(1,x)·q(0,x), q(0,x)·q(1,x))`.
    #[must_use]
    pub fn above(&self) -> Self {
        let log = self.log.saturating_sub(1);
        let (q0, q1) = self.q.split_at(self.q.len().min(1 << log));
        if q0.len() < GROUP {
            let numerators = self.numerators();
            let (p0, p1) = numerators.split_at(q0.len());
            let (mut p, mut q) = (p0.to_vec(), q0.to_vec());
            portable::join((&mut p, &mut q), (p1, q1));
            return Self::new(log, p, q);
        }
        let half = q0.len() / GROUP;
        let [q0, q1, p] = [q0, q1, &self.p].map(|x| x.as_chunks::<GROUP>().0);
        let one = [Fr::ONE; GROUP];
        let numerator = |i: usize| match i.checked_sub(self.ones / GROUP) {
            None => &one,
            Some(i) => &p[i],
        };
        let (mut p, mut q) = (vec![], vec![]);
        (0..half)
            .into_par_iter()
            .with_min_len(1 << (LOW - 3))
            .map(|i| match q1.get(i) {
                Some(q1) => join((numerator(i), &q0[i]), (numerator(half + i), q1)),
                None => (*numerator(i), q0[i]),
            })
            .unzip_into_vecs(&mut p, &mut q);
        Self::new(log, p.into_flattened(), q.into_flattened())
    }

    /// All stored numerators.
    fn numerators(&self) -> Vec<Fr> {
        let ones = std::iter::repeat_n(Fr::ONE, self.ones);
        ones.chain(self.p.iter().copied()).collect()
    }
}

/// Some fractions `p/q`.
#[derive(Clone, Debug)]
pub struct Fractions {
    /// Numerators; none if all are one.
    pub p: Option<Vec<Fr>>,
    /// Denominators.
    pub q: Vec<Fr>,
}

impl Fractions {
    /// The sums of fractions with others, one by one.
    ///
    /// # Panics
    /// If the lengths differ.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        assert_eq!(self.q.len(), other.q.len(), "fractions");
        let ones = self.p.is_none() && other.p.is_none();
        let count = self.q.len();
        let numerators = |p: Option<Vec<Fr>>| p.unwrap_or_else(|| vec![Fr::ONE; count]);
        let (mut p, p1, mut q, q1) = (numerators(self.p), numerators(other.p), self.q, other.q);
        let whole = count / GROUP * GROUP;
        let eights = p.as_chunks_mut().0.iter_mut().zip(q.as_chunks_mut().0);
        let others = p1.as_chunks().0.iter().zip(q1.as_chunks().0);
        for ((p, q), (p1, q1)) in eights.zip(others) {
            (*p, *q) = if ones {
                join_ones(q, q1)
            } else {
                join((p, q), (p1, q1))
            };
        }
        portable::join(
            (&mut p[whole..], &mut q[whole..]),
            (&p1[whole..], &q1[whole..]),
        );
        Self { p: Some(p), q }
    }
}

type Eight = [Fr; GROUP];

/// Sums of eight fractions each.
fn join((p0, q0): (&Eight, &Eight), (p1, q1): (&Eight, &Eight)) -> (Eight, Eight) {
    #[cfg(target_arch = "x86_64")]
    if let Some(token) = Avx512::detect() {
        return vector::join(token, (p0, q0), (p1, q1));
    }
    let (mut p, mut q) = (*p0, *q0);
    portable::join((&mut p, &mut q), (p1, q1));
    (p, q)
}

/// Sums of eight fractions each whose numerators are one.
fn join_ones(q0: &Eight, q1: &Eight) -> (Eight, Eight) {
    #[cfg(target_arch = "x86_64")]
    if let Some(token) = Avx512::detect() {
        return vector::join_ones(token, q0, q1);
    }
    let at = |i: usize| (q0[i] + q1[i], q0[i] * q1[i]);
    (
        std::array::from_fn(|i| at(i).0),
        std::array::from_fn(|i| at(i).1),
    )
}

/// The tables that are not bound yet.
#[derive(Debug)]
enum Held {
    Plain(Tables),
    Ones(Ones),
}

impl Held {
    fn len(&self) -> usize {
        match self {
            Self::Plain(tables) => tables.len,
            Self::Ones(ones) => ones.len(),
        }
    }

    /// `p0, p1, q0, q1` at `i`.
    fn at(&self, i: usize, lambda: Fr) -> [Fr; 4] {
        match self {
            Self::Plain(tables) => tables.at(i, lambda),
            Self::Ones(ones) => ones.at(i),
        }
    }
}

/// Prover of one layer.
#[derive(Debug)]
pub struct LayerSumcheck {
    tables: Held,
    weights: Weights,
    point: Vec<Fr>,
    inverses: Vec<Fr>,
    round: usize,
    lambda: Fr,
    /// Claim on `h` of the present round, and the factor before it.
    claim: Fr,
    factor: Fr,
    last: [Fr; 3],
    vectors: bool,
}

impl LayerSumcheck {
    /// The layer whose halves are those of `level`, with `claim = p + λ·q` at `point`, which has
    /// `level.log() - 1` variables.
    ///
    /// # Panics
    /// If the point has another length.
    pub fn new(level: Level, point: &[Fr], lambda: Fr, claim: Fr) -> Self {
        assert_eq!(point.len() + 1, level.log, "variables of the layer");
        let mut inverses = point.to_vec();
        // Zeros stay zero; `message` handles them.
        super::invert::all(&mut inverses);
        Self {
            tables: match Ones::new(level, lambda) {
                Ok(ones) => Held::Ones(ones),
                Err(level) => Held::Plain(Tables::new(level)),
            },
            weights: Weights::new(point),
            point: point.to_vec(),
            inverses,
            round: 0,
            lambda,
            claim,
            factor: Fr::ONE,
            last: [Fr::ZERO; 3],
            vectors: true,
        }
    }

    /// Number of messages.
    pub fn rounds(&self) -> usize {
        self.point.len()
    }

    /// Binds the challenge on the message before, then gives the coefficients `c_0, c_2, c_3` of the
    /// next one.
    ///
    /// # Panics
    /// If called more than [`rounds`](Self::rounds) times, or with a challenge missing.
    pub fn message(&mut self, challenge: Option<Fr>) -> [Fr; 3] {
        assert_eq!(challenge.is_some(), self.round > 0, "challenge");
        if let Some(r) = challenge {
            self.fix(r);
        }
        let z = self.point[self.round];
        let [h0, h2] = self.sums(challenge);
        let h1 = if bool::from(z.is_zero()) {
            self.value_at_one()
        } else {
            (self.claim - (Fr::ONE - z) * h0) * self.inverses[self.round]
        };
        let rise = h1 - h0 - h2;
        self.last = [h0, rise, h2];
        self.round += 1;
        let (constant, slope) = (
            self.factor * (Fr::ONE - z),
            self.factor * (z.double() - Fr::ONE),
        );
        [constant * h0, constant * h2 + slope * rise, slope * h2]
    }

    /// The values `p0, p1, q0, q1` at the point, given the last challenge (none without variables).
    ///
    /// # Panics
    /// If rounds are missing.
    pub fn finish(self, challenge: Option<Fr>) -> [Fr; 4] {
        assert_eq!(self.round, self.point.len(), "rounds");
        let low = self.tables.at(0, self.lambda);
        let Some(r) = challenge else { return low };
        let high = self.tables.at(1, self.lambda);
        std::array::from_fn(|t| low[t] + r * (high[t] - low[t]))
    }

    /// Moves the claim to the challenge on the last message.
    fn fix(&mut self, r: Fr) {
        let z = self.point[self.round - 1];
        let [constant, linear, square] = self.last;
        self.claim = (square * r + linear) * r + constant;
        self.factor *= Fr::ONE - z + (z.double() - Fr::ONE) * r;
    }

    /// `Σ eq·f(0)` and `Σ eq·f(∞)`; binds the tables if there is a challenge.
    fn sums(&mut self, challenge: Option<Fr>) -> [Fr; 2] {
        self.weights.advance();
        let left = self.tables.len() >> u32::from(challenge.is_some());
        if let Held::Ones(ones) = &self.tables
            && !ones.lasts(left)
        {
            self.tables = Held::Plain(ones.tables());
        }
        let mut pass = Pass {
            bind: challenge,
            add_lambda: false,
            lambda: self.lambda,
            half: left / 2,
            vectors: self.vectors,
        };
        match &mut self.tables {
            Held::Plain(tables) => {
                pass.add_lambda = !tables.lambda_added;
                tables.run(&pass, &self.weights)
            }
            Held::Ones(ones) => ones.run(&pass, &self.weights),
        }
    }

    /// `h(1)` by its definition.
    fn value_at_one(&self) -> Fr {
        let half = self.tables.len() / 2;
        eq::table(&self.point[self.round + 1..])
            .iter()
            .enumerate()
            .map(|(x, weight)| {
                let [p0, p1, q0, q1] = self.tables.at(half + x, self.lambda);
                weight * ((p0 + self.lambda * q0) * q1 + p1 * q0)
            })
            .sum()
    }
}

#[cfg(test)]
mod tests;
