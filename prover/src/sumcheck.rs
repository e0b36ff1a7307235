//! The prover's side of sumcheck: round polynomials of a summand over tables of values.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::{Field, PrimeField};
use laminate_engine::backend::Native;
use laminate_engine::sumcheck::SumcheckProof;
use laminate_engine::transcript::Transcript;
use rayon::prelude::*;

use crate::kernels::blend;

/// Below this many pairs a round runs on one thread.
const PARALLEL: usize = 1 << 10;

/// `Σ_x f(tables(x))` for a polynomial `f` of degree at most three.
pub struct TableSumcheck<'a, const N: usize> {
    tables: [Vec<Fr>; N],
    summand: &'a (dyn Fn(&[Fr; N]) -> Fr + Sync),
    degree: usize,
}

impl<'a, const N: usize> TableSumcheck<'a, N> {
    /// Tables of equal power-of-two length, most significant variable first.
    pub fn new(
        tables: [Vec<Fr>; N],
        degree: usize,
        summand: &'a (dyn Fn(&[Fr; N]) -> Fr + Sync),
    ) -> Self {
        Self {
            tables,
            summand,
            degree,
        }
    }

    /// Coefficients `c_0, c_2, …` of the round polynomial, whose values at 0 and 1 sum to `claim`.
    fn round(&self, claim: Fr) -> Vec<Fr> {
        let half = self.tables[0].len() / 2;
        let at = |i: usize| {
            let low: [Fr; N] = std::array::from_fn(|t| self.tables[t][i]);
            let rise: [Fr; N] = std::array::from_fn(|t| self.tables[t][i + half] - low[t]);
            let back: [Fr; N] = std::array::from_fn(|t| low[t] - rise[t]);
            let two = if self.degree > 2 {
                let two: [Fr; N] = std::array::from_fn(|t| low[t] + rise[t].double());
                (self.summand)(&two)
            } else {
                Fr::ZERO
            };
            [(self.summand)(&low), (self.summand)(&back), two]
        };
        let add = |a: [Fr; 3], b: [Fr; 3]| [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
        let [zero, minus, two] = if half >= PARALLEL {
            (0..half)
                .into_par_iter()
                .map(at)
                .reduce(|| [Fr::ZERO; 3], add)
        } else {
            (0..half).map(at).fold([Fr::ZERO; 3], add)
        };
        interpolate(self.degree, claim, zero, minus, two)
    }

    fn bind(&mut self, r: &Fr) {
        for table in &mut self.tables {
            let half = table.len() / 2;
            let (low, high) = table.split_at_mut(half);
            blend::bind(low, high, r);
            table.truncate(half);
        }
    }

    /// Runs all rounds; returns the messages, the point and the tables' values there.
    pub fn prove(
        mut self,
        transcript: &mut Transcript<Native>,
        label: &'static str,
        mut claim: Fr,
    ) -> (SumcheckProof<Fr>, Vec<Fr>, [Fr; N]) {
        let mut rounds = vec![];
        let mut point = vec![];
        while self.tables[0].len() > 1 {
            let message = self.round(claim);
            transcript.absorb(label, &message);
            let r = transcript.challenge(&mut Native, label);
            claim = evaluate(&message, claim, r);
            self.bind(&r);
            point.push(r);
            rounds.push(message);
        }
        (
            SumcheckProof { rounds },
            point,
            std::array::from_fn(|t| self.tables[t][0]),
        )
    }
}

/// `c_0, c_2, …, c_d` of the polynomial with the given values at 0, -1, 2 and `claim - g(0)` at 1.
pub fn interpolate(degree: usize, claim: Fr, zero: Fr, minus: Fr, two: Fr) -> Vec<Fr> {
    let one = claim - zero;
    let half = <Fr as PrimeField>::TWO_INV;
    let square = (one + minus) * half - zero;
    if degree <= 2 {
        return vec![zero, square];
    }
    // Third difference: g(2) - 3g(1) + 3g(0) - g(-1) = 6·c_3.
    let third = two - one * Fr::from(3) + zero * Fr::from(3) - minus;
    vec![zero, square, third * sixth()]
}

/// Value at `r` of the polynomial with compressed coefficients `message`.
pub fn evaluate(message: &[Fr], claim: Fr, r: Fr) -> Fr {
    let constant = message[0];
    let linear = claim - constant.double() - message[1..].iter().sum::<Fr>();
    let higher = message[1..]
        .iter()
        .rev()
        .fold(Fr::ZERO, |acc, c| acc * r + c);
    (higher * r + linear) * r + constant
}

fn sixth() -> Fr {
    static SIXTH: std::sync::LazyLock<Fr> =
        std::sync::LazyLock::new(|| Fr::from(6).invert().unwrap_or(Fr::ZERO));
    *SIXTH
}
