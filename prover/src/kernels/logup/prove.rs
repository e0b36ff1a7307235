//! A layer's sumcheck against a transcript, and its reference.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::backend::Native;
use laminate_engine::lookup::LAYER_DEGREE;
use laminate_engine::poly::eq;
use laminate_engine::sumcheck::SumcheckProof;
use laminate_engine::transcript::Transcript;

use super::{LayerSumcheck, Level};
use crate::sumcheck::TableSumcheck;

/// Label of the messages and challenges.
const LABEL: &str = "lookup round";

/// A layer's proof: messages, their point, and `p0, p1, q0, q1` there.
pub type Layer = (SumcheckProof<Fr>, Vec<Fr>, [Fr; 4]);

/// Proves `claim = Σ_x eq(point, x) · (p0·q1 + p1·q0 + λ·q0·q1)(x)` over the halves of `level`.
pub fn prove(
    transcript: &mut Transcript<Native>,
    level: Level,
    point: &[Fr],
    lambda: Fr,
    claim: Fr,
) -> Layer {
    let mut sumcheck = LayerSumcheck::new(level, point, lambda, claim);
    let (mut rounds, mut challenges) = (vec![], vec![]);
    for _ in 0..sumcheck.rounds() {
        let message = sumcheck.message(challenges.last().copied()).to_vec();
        transcript.absorb(LABEL, &message);
        challenges.push(transcript.challenge(&mut Native, LABEL));
        rounds.push(message);
    }
    let halves = sumcheck.finish(challenges.last().copied());
    (SumcheckProof { rounds }, challenges, halves)
}

/// Reference of [`prove`]: the generic sumcheck over full tables.
pub fn reference(
    transcript: &mut Transcript<Native>,
    level: &Level,
    point: &[Fr],
    lambda: Fr,
    claim: Fr,
) -> Layer {
    let half = 1 << point.len();
    let (mut p0, mut q0) = (level.numerators(), level.q.clone());
    p0.resize(2 * half, Fr::ZERO);
    q0.resize(2 * half, Fr::ONE);
    let (p1, q1) = (p0.split_off(half), q0.split_off(half));
    let tables = [eq::table(point), p0, p1, q0, q1];
    // eq·(p0·q1 + p1·q0 + λ·q0·q1) with one product saved.
    let summand = |t: &[Fr; 5]| t[0] * ((t[1] + lambda * t[3]) * t[4] + t[2] * t[3]);
    let (proof, lower, [_, p0, p1, q0, q1]) =
        TableSumcheck::new(tables, LAYER_DEGREE, &summand).prove(transcript, LABEL, claim);
    (proof, lower, [p0, p1, q0, q1])
}
