//! Round polynomials of a summand over tables of values.

use std::ops::Range;

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use rayon::prelude::*;

use crate::kernels::blend;
use crate::sumcheck::interpolate;

/// Below this many pairs a round runs on one thread.
const PARALLEL: usize = 1 << 10;

/// `coefficient · Π tables`
#[derive(Clone, Debug)]
pub struct Monomial {
    /// The coefficient, if it is not one.
    pub coefficient: Option<Fr>,
    /// Indices of the tables.
    pub tables: Vec<usize>,
}

/// `Σ_x weight(x) · Σ_monomials coefficient · Π tables(x)`, of degree three at most.
#[derive(Clone, Debug)]
pub struct Rounds {
    /// Tables of equal power-of-two length, most significant variable first: columns before all that is public.
    tables: Vec<Vec<Fr>>,
    /// Table of the weight.
    weight: Option<usize>,
    monomials: Vec<Monomial>,
    degree: usize,
}

impl Rounds {
    /// A summand over tables; `weight` is one more.
    pub fn new(
        mut tables: Vec<Vec<Fr>>,
        weight: Option<Vec<Fr>>,
        monomials: Vec<Monomial>,
    ) -> Self {
        let factors = monomials.iter().map(|m| m.tables.len()).max().unwrap_or(0);
        let degree = factors + usize::from(weight.is_some());
        let at = tables.len();
        let weight = weight.map(|weight| {
            tables.push(weight);
            at
        });
        Self {
            tables,
            weight,
            monomials,
            degree,
        }
    }

    /// The summand of tables' values.
    fn value(&self, table: impl Fn(usize) -> Fr) -> Fr {
        let mut sum = Fr::ZERO;
        for monomial in &self.monomials {
            let factors = monomial.coefficient.into_iter();
            let mut factors = factors.chain(monomial.tables.iter().map(|t| table(*t)));
            let first = factors.next().unwrap_or(Fr::ONE);
            sum += factors.fold(first, |product, factor| product * factor);
        }
        self.weight.map_or(sum, |weight| table(weight) * sum)
    }

    /// Sums of the values at 0, -1 and 2 over some of the pairs; the last only if the degree needs it.
    fn partial(&self, pairs: Range<usize>, half: usize) -> [Fr; 3] {
        let mut sums = [Fr::ZERO; 3];
        let mut lines = vec![[Fr::ZERO; 3]; self.tables.len()];
        for i in pairs {
            for (line, table) in lines.iter_mut().zip(&self.tables) {
                let (low, high) = (table[i], table[i + half]);
                let rise = high - low;
                *line = [low, low - rise, high + rise];
            }
            let points = if self.degree > 2 { 3 } else { 2 };
            for (at, sum) in sums.iter_mut().enumerate().take(points) {
                *sum += self.value(|table| lines[table][at]);
            }
        }
        sums
    }

    /// `c_0, c_2, c_3` of the round polynomial, whose values at 0 and 1 sum to `claim`.
    pub fn round(&self, claim: Fr) -> [Fr; 3] {
        let half = self.tables.first().map_or(0, Vec::len) / 2;
        let add = |a: [Fr; 3], b: [Fr; 3]| [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
        let [zero, minus, two] = if half >= PARALLEL {
            let tasks = (0..half).into_par_iter().step_by(PARALLEL);
            tasks
                .map(|start| self.partial(start..half.min(start + PARALLEL), half))
                .reduce(|| [Fr::ZERO; 3], add)
        } else {
            self.partial(0..half, half)
        };
        let message = interpolate(self.degree, claim, zero, minus, two);
        std::array::from_fn(|i| message.get(i).copied().unwrap_or(Fr::ZERO))
    }

    /// Binds the first variable, and gives back half of the memory.
    pub fn bind(&mut self, r: &Fr) {
        self.tables.par_iter_mut().for_each(|table| {
            let half = table.len() / 2;
            let (low, high) = table.split_at_mut(half);
            blend::bind(low, high, r);
            table.truncate(half);
            table.shrink_to_fit();
        });
    }

    /// The tables' values once all variables are bound.
    pub fn ends(&self) -> impl Iterator<Item = Fr> + '_ {
        self.tables
            .iter()
            .filter_map(|table| table.first().copied())
    }
}
