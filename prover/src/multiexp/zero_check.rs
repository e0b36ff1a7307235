//! Zero-checks of any degree over any number of columns: `0 = Σ_x eq(τ, x)·f(columns(x))`.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::backend::Native;
use laminate_engine::poly::eq;
use laminate_engine::sumcheck::SumcheckProof;
use laminate_engine::transcript::Transcript;
use rayon::prelude::*;

use crate::kernels::blend;
use crate::sumcheck::evaluate;

/// Pairs that a task takes at least.
const TASK: usize = 1 << 6;

/// Runs all rounds; returns the messages and the point. `degree` counts the equality polynomial.
pub fn prove(
    transcript: &mut Transcript<Native>,
    mut tables: Vec<Vec<Fr>>,
    tau: &[Fr],
    degree: usize,
    summand: &(dyn Fn(&[Fr]) -> Fr + Sync),
) -> (SumcheckProof<Fr>, Vec<Fr>) {
    let mut weights = eq::table(tau);
    let basis = Basis::new(degree);
    let label = "multiexp zero-check round";
    let (mut rounds, mut point) = (vec![], vec![]);
    let mut claim = Fr::ZERO;
    while weights.len() > 1 {
        let values = round(&tables, &weights, degree, claim, summand);
        let message = basis.message(&values);
        transcript.absorb(label, &message);
        let r = transcript.challenge(&mut Native, label);
        claim = evaluate(&message, claim, r);
        tables
            .par_iter_mut()
            .chain(rayon::iter::once(&mut weights))
            .for_each(|table| bind(table, r));
        point.push(r);
        rounds.push(message);
    }
    (SumcheckProof { rounds }, point)
}

fn bind(table: &mut Vec<Fr>, r: Fr) {
    let half = table.len() / 2;
    let (low, high) = table.split_at_mut(half);
    blend::bind(low, high, &r);
    table.truncate(half);
}

/// The round polynomial at `0 … degree`.
fn round(
    tables: &[Vec<Fr>],
    weights: &[Fr],
    degree: usize,
    claim: Fr,
    summand: &(dyn Fn(&[Fr]) -> Fr + Sync),
) -> Vec<Fr> {
    let half = weights.len() / 2;
    let add = |mut a: Vec<Fr>, b: Vec<Fr>| {
        a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        a
    };
    let mut values = (0..half)
        .into_par_iter()
        .with_min_len(TASK)
        .fold(
            || vec![Fr::ZERO; degree + 1],
            |mut sums, i| {
                let mut row: Vec<Fr> = tables.iter().map(|t| t[i]).collect();
                let rises: Vec<Fr> = tables.iter().map(|t| t[i + half] - t[i]).collect();
                let (mut weight, rise) = (weights[i], weights[i + half] - weights[i]);
                for (at, sum) in sums.iter_mut().enumerate() {
                    // The value at 1 follows from the claim.
                    if at != 1 {
                        *sum += weight * summand(&row);
                    }
                    row.iter_mut().zip(&rises).for_each(|(v, r)| *v += r);
                    weight += rise;
                }
                sums
            },
        )
        .reduce(|| vec![Fr::ZERO; degree + 1], add);
    values[1] = claim - values[0];
    values
}

/// Lagrange polynomials at `0 … degree`, by coefficients.
struct Basis(Vec<Vec<Fr>>);

impl Basis {
    fn new(degree: usize) -> Self {
        let nodes: Vec<Fr> = (0..=degree as u64).map(Fr::from).collect();
        let polynomials = nodes.iter().map(|own| {
            let mut coefficients = vec![Fr::ONE];
            for node in nodes.iter().filter(|n| *n != own) {
                let scale = (own - node).invert().unwrap_or(Fr::ZERO);
                // Times (X - node)/(own - node).
                let mut next = vec![Fr::ZERO; coefficients.len() + 1];
                for (i, c) in coefficients.iter().enumerate() {
                    next[i] -= c * node * scale;
                    next[i + 1] += c * scale;
                }
                coefficients = next;
            }
            coefficients
        });
        Self(polynomials.collect())
    }

    /// `c_0, c_2, …` of the polynomial with these values.
    fn message(&self, values: &[Fr]) -> Vec<Fr> {
        let coefficient = |k: usize| -> Fr {
            let pairs = self.0.iter().zip(values);
            pairs.map(|(basis, value)| basis[k] * value).sum()
        };
        (0..values.len())
            .filter(|k| *k != 1)
            .map(coefficient)
            .collect()
    }
}
