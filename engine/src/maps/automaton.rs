//! The extension of `[Σ_j a_j·v_j = c]·Π_j [v_j < n_j]` by an automaton that reads the variables' bits together.
//!
//! From the lowest bits up, the state is the carry of the sum and, for every bound that is no power of two, whether
//! the bits so far are below the bound's. Every bit is read once, so the sum over all paths of the products of bit
//! weights is multilinear, and it is the extension (Holmgren and Rothblum 2018; jagged commitments of Hemo, Jue,
//! Rabinovich, Roh and Rothblum 2025).

use std::collections::{BTreeMap, BTreeSet};

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use crate::backend::Backend;

/// A variable of the relation.
#[derive(Clone, Copy, Debug)]
pub struct Variable<'p, S> {
    /// Its coefficient.
    pub coefficient: i64,
    /// Its point, most significant bit first.
    pub point: &'p [S],
    /// Its bound.
    pub size: usize,
}

/// Most states of a level.
pub const MAX_WIDTH: usize = 256;
/// Most variables.
pub const MAX_VARIABLES: usize = 6;

/// Carry, and whether the bits so far are below the bound, a bit for each variable.
type State = (i64, u32);
/// From a state by a choice of bits to a state of the next level.
type Edge = (State, usize, State);

/// The structure: coefficients, logs and bounds.
struct Shape {
    coefficients: Vec<i64>,
    logs: Vec<usize>,
    sizes: Vec<usize>,
    constant: i64,
}

impl Shape {
    fn bounded(&self, j: usize) -> bool {
        matches!((self.logs.get(j), self.sizes.get(j)), (Some(log), Some(size)) if *size < 1 << log)
    }

    /// Variables that have bit `k`.
    fn live(&self, k: usize) -> Vec<usize> {
        let logs = self.logs.iter().enumerate();
        logs.filter(|(_, log)| k < **log).map(|(j, _)| j).collect()
    }

    /// Bits until nothing can be carried any more.
    fn length(&self) -> usize {
        let longest = self.logs.iter().copied().max().unwrap_or(0);
        let reach: i64 = self.coefficients.iter().map(|a| a.abs()).sum();
        let total = (reach + 1)
            .unsigned_abs()
            .saturating_mul(1 << longest.min(40));
        let total = total.saturating_add(self.constant.unsigned_abs());
        (u64::BITS - total.leading_zeros()) as usize + 1
    }

    /// Where a choice of bits leads; none if the sum's bit is not the constant's.
    fn step(&self, k: usize, (carry, less): State, live: &[usize], bits: usize) -> Option<State> {
        let constant = match k {
            0..63 => (self.constant.unsigned_abs() >> k & 1) as i64 * self.constant.signum(),
            _ => 0,
        };
        let bit = |i: usize| (bits >> i & 1) as i64;
        let chosen = live.iter().enumerate();
        let sum: i64 = chosen
            .map(|(i, j)| self.coefficients.get(*j).copied().unwrap_or(0) * bit(i))
            .sum();
        let q = carry + sum - constant;
        if q % 2 != 0 {
            return None;
        }
        let mut below = less;
        for (i, j) in live.iter().enumerate().filter(|(_, j)| self.bounded(**j)) {
            let bound = (self.sizes.get(*j).copied().unwrap_or(0) >> k & 1) as i64;
            match bit(i).cmp(&bound) {
                std::cmp::Ordering::Less => below |= 1 << j,
                std::cmp::Ordering::Greater => below &= !(1 << j),
                std::cmp::Ordering::Equal => {}
            }
        }
        Some((q / 2, below))
    }

    /// The edges of every level that lie on a path from the start to the end.
    fn edges(&self) -> Vec<Vec<Edge>> {
        let mut levels: Vec<Vec<Edge>> = vec![];
        let mut states = BTreeSet::from([(0i64, 0u32)]);
        for k in 0..self.length() {
            let live = self.live(k);
            let mut edges = vec![];
            for state in &states {
                for bits in 0..1usize << live.len() {
                    let next = self.step(k, *state, &live, bits);
                    edges.extend(next.map(|next| (*state, bits, next)));
                }
            }
            states = edges.iter().map(|(_, _, next)| *next).collect();
            levels.push(edges);
        }
        let mut wanted = BTreeSet::from([self.end()]);
        for edges in levels.iter_mut().rev() {
            edges.retain(|(_, _, next)| wanted.contains(next));
            wanted = edges.iter().map(|(from, _, _)| *from).collect();
        }
        levels
    }

    fn end(&self) -> State {
        let bounded = (0..self.sizes.len()).filter(|j| self.bounded(*j));
        (0, bounded.fold(0, |all, j| all | 1 << j))
    }
}

fn shape<S>(variables: &[Variable<'_, S>], constant: i64) -> Shape {
    Shape {
        coefficients: variables.iter().map(|v| v.coefficient).collect(),
        logs: variables.iter().map(|v| v.point.len()).collect(),
        sizes: variables.iter().map(|v| v.size).collect(),
        constant,
    }
}

/// The extension of `[Σ_j a_j·v_j = constant]` inside the bounds.
pub fn evaluate<B: Backend>(
    backend: &mut B,
    variables: &[Variable<'_, B::Scalar>],
    constant: i64,
) -> B::Scalar {
    let shape = shape(variables, constant);
    let mut states = BTreeMap::from([((0i64, 0u32), backend.constant(Fr::ONE))]);
    for (k, edges) in shape.edges().into_iter().enumerate() {
        let used: BTreeSet<usize> = edges.iter().map(|(_, bits, _)| *bits).collect();
        let weights = weights(backend, variables, &shape.live(k), k, &used);
        let mut next: BTreeMap<State, B::Scalar> = BTreeMap::new();
        for (from, bits, to) in edges {
            let (Some(value), Some(weight)) = (states.get(&from), weights.get(&bits)) else {
                continue;
            };
            let sum = match next.get(&to) {
                Some(sum) => backend.mul_add(value, weight, sum),
                None => backend.mul(value, weight),
            };
            next.insert(to, sum);
        }
        states = next;
    }
    let end = states.remove(&shape.end());
    end.unwrap_or_else(|| backend.constant(Fr::ZERO))
}

/// `Π_j (z_j or 1 - z_j)` for every choice of bits that is used.
fn weights<B: Backend>(
    backend: &mut B,
    variables: &[Variable<'_, B::Scalar>],
    live: &[usize],
    k: usize,
    used: &BTreeSet<usize>,
) -> BTreeMap<usize, B::Scalar> {
    let mut partial = BTreeMap::from([(0usize, None::<B::Scalar>)]);
    for (i, j) in live.iter().enumerate() {
        let point = variables.get(*j).map_or(&[] as &[B::Scalar], |v| v.point);
        let Some(bit) = point.len().checked_sub(k + 1).and_then(|at| point.get(at)) else {
            continue;
        };
        let other = backend.linear(Fr::ONE, &[(-Fr::ONE, bit.clone())]);
        let mask = (2usize << i) - 1;
        let prefixes: BTreeSet<usize> = used.iter().map(|bits| bits & mask).collect();
        let mut next = BTreeMap::new();
        for bits in prefixes {
            let Some(before) = partial.get(&(bits & (mask >> 1))) else {
                continue;
            };
            let factor = if bits >> i & 1 == 1 { bit } else { &other };
            let product = match before {
                None => factor.clone(),
                Some(before) => backend.mul(before, factor),
            };
            next.insert(bits, Some(product));
        }
        partial = next;
    }
    let one = backend.constant(Fr::ONE);
    let all = partial.into_iter();
    all.map(|(bits, value)| (bits, value.unwrap_or_else(|| one.clone())))
        .collect()
}

/// The most states of a level, for bounding what a program may ask for.
pub fn width(coefficients: &[i64], logs: &[usize], sizes: &[usize], constant: i64) -> usize {
    let shape = Shape {
        coefficients: coefficients.to_vec(),
        logs: logs.to_vec(),
        sizes: sizes.to_vec(),
        constant,
    };
    let levels = shape.edges();
    let width = |edges: &Vec<Edge>| edges.iter().map(|e| e.0).collect::<BTreeSet<_>>().len();
    levels.iter().map(width).max().unwrap_or(0)
}
