//! The prover's side of [`laminate_engine::joint`].
//!
//! The driver knows rounds, not relations: a relation is a [`Rounds`], tables and a polynomial in them, made when its
//! first round comes. Before that it is constant, so it halves its claim.

mod axes;
mod elementwise;
mod kernel;
mod product;
mod rounds;

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::backend::Native;
use laminate_engine::claim::EvalClaim;
use laminate_engine::joint::point::{At, resolve};
use laminate_engine::joint::{Joint, JointProof, Sent, Stage, StageProof, Summand};
use laminate_engine::relations::product::Points;
use laminate_engine::relations::{Context, Relation};
use laminate_engine::sumcheck::SumcheckProof;
use laminate_engine::transcript::Transcript;
use rayon::prelude::*;

use crate::columns::Columns;
use crate::exec::NodeAux;
use crate::sumcheck::evaluate;
use rounds::Rounds;

/// What the prover of relations reads.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// Committed columns.
    pub columns: &'a Columns<'a>,
    /// What the executor kept of every node, exact sums of dense layers among it; empty if nothing was kept.
    pub kept: &'a [NodeAux],
    /// Lists of known indices, one for each slot.
    pub known: &'a [Vec<usize>],
}

impl Inputs<'_> {
    /// Exact sums of a dense layer, `(stack, slots, rows)` padded, if the executor kept them.
    fn accumulator(&self, node: usize) -> Option<&[i64]> {
        let kept = self.kept.get(node)?.sums.as_slice();
        (!kept.is_empty()).then_some(kept)
    }

    /// Known indices as bits, most significant first, as long as a claim that reads them wants them.
    fn bits(&self, joint: &Joint) -> Vec<Vec<Vec<Fr>>> {
        let lists = self.known.iter().enumerate();
        let bits = lists.map(|(number, ids)| {
            let log = joint.relations.iter().find_map(|(_, r)| match r {
                Relation::Gap(gap) if gap.list == number => Some(gap.logs[1]),
                _ => None,
            });
            let log = log.unwrap_or(0);
            let bit = |id: usize, i: usize| Fr::from((id >> (log - 1 - i) & 1) as u64);
            let ids = ids.iter();
            ids.map(|id| (0..log).map(|i| bit(*id, i)).collect())
                .collect()
        });
        bits.collect()
    }
}

/// Proves the relations of a group; returns the proof and the claims it leaves.
pub fn prove(
    transcript: &mut Transcript<Native>,
    inputs: &Inputs<'_>,
    joint: &Joint,
) -> (JointProof<Fr>, Vec<EvalClaim<Fr>>) {
    let mut drawn = vec![transcript.challenges(&mut Native, "joint point", joint.variables)];
    let targets = joint.sent.get(..joint.targets).unwrap_or(&[]);
    let targets: Vec<Fr> = targets
        .par_iter()
        .map(|sent| value_of(inputs, &drawn, sent))
        .collect();
    if !targets.is_empty() {
        transcript.absorb("joint targets", &targets);
    }
    let mut values = targets.clone();
    let mut stages = vec![];
    for stage in &joint.stages {
        let (sumcheck, point, ends) = sum(transcript, inputs, (joint, stage), &drawn, &values);
        drawn.push(point);
        let evaluations: Vec<Fr> = stage
            .evaluations
            .clone()
            .into_par_iter()
            .map(|slot| match ends.iter().find(|(end, _)| *end == slot) {
                Some((_, value)) => *value,
                None => value_of(inputs, &drawn, &joint.sent[slot]),
            })
            .collect();
        if !evaluations.is_empty() {
            transcript.absorb("joint evaluations", &evaluations);
        }
        values.extend(&evaluations);
        stages.push(StageProof {
            sumcheck,
            evaluations,
        });
    }
    let known = inputs.bits(joint);
    let context = Context { known: &known };
    let claims = joint.claims(&mut Native, &context, &drawn, &values);
    (JointProof { targets, stages }, claims)
}

/// A column's value, from its integers; an inner factor's is its table's end.
fn value_of(inputs: &Inputs<'_>, drawn: &[Vec<Fr>], sent: &Sent) -> Fr {
    match sent {
        Sent::Evaluation { view, point } => {
            let point = resolve(&mut Native, drawn, point);
            inputs.columns.evaluate(view, &point)
        }
        Sent::Inner => Fr::ZERO,
    }
}

/// One summand in the course of the rounds.
struct Part<'a> {
    summand: &'a Summand,
    /// What its round polynomials are multiplied by.
    scale: Fr,
    /// What is left to sum up to.
    claim: Fr,
    /// Powers of the stage's challenge that join its identities.
    powers: &'a [Fr],
    /// From its first round on.
    rounds: Option<Rounds>,
}

impl<'a> Part<'a> {
    fn new(stage: &Stage, summand: &'a Summand, powers: &'a [Fr], values: &[Fr]) -> Self {
        let claimed = summand.claimed_value(&mut Native, values);
        let claim = claimed.map_or(Fr::ZERO, |(factor, value)| factor * value);
        Self {
            summand,
            // Identities are joined inside, and sum up to zero.
            scale: match summand.powers {
                1 => powers.first().copied().unwrap_or(Fr::ONE),
                _ => Fr::ONE,
            },
            claim: claim * summand.repeated(stage),
            powers,
            rounds: None,
        }
    }

    /// Makes the tables if `left` rounds are as many as there are variables.
    fn start(&mut self, inputs: &Inputs<'_>, joint: &Joint, drawn: &[Vec<Fr>], left: usize) {
        if self.summand.variables != left || self.rounds.is_some() {
            return;
        }
        let before: Points<Fr> = self.summand.points[0]
            .iter()
            .map(|axis: &Vec<At>| resolve(&mut Native, drawn, axis))
            .collect();
        let (node, relation) = &joint.relations[self.summand.relation];
        self.rounds = match relation {
            Relation::Product(relation) => {
                let number = self.summand.number;
                Some(product::rounds(inputs, *node, relation, number, &before))
            }
            Relation::Elementwise(relation) => {
                let joins = match self.summand.powers {
                    1 => &[Fr::ONE],
                    _ => self.powers,
                };
                Some(elementwise::rounds(inputs, relation, &before[0], joins))
            }
            _ => None,
        };
    }

    /// `c_0, c_2, c_3` of its round polynomial.
    fn round(&self) -> [Fr; 3] {
        match &self.rounds {
            Some(rounds) => rounds.round(self.claim),
            None => [
                self.claim * Fr::from(2).invert().unwrap_or(Fr::ZERO),
                Fr::ZERO,
                Fr::ZERO,
            ],
        }
    }

    fn bind(&mut self, message: &[Fr; 3], r: &Fr) {
        self.claim = evaluate(message, self.claim, *r);
        if let Some(rounds) = &mut self.rounds {
            rounds.bind(r);
        }
    }
}

/// The values of tables at the end, with their places among the scalars that are sent.
type Ends = Vec<(usize, Fr)>;

/// Runs the rounds of a stage.
fn sum(
    transcript: &mut Transcript<Native>,
    inputs: &Inputs<'_>,
    (joint, stage): (&Joint, &Stage),
    drawn: &[Vec<Fr>],
    values: &[Fr],
) -> (SumcheckProof<Fr>, Vec<Fr>, Ends) {
    let lambda = transcript.challenge(&mut Native, "joint lambda");
    let all = stage.powers(&mut Native, &lambda);
    let mut powers = all.as_slice();
    let mut parts: Vec<Part<'_>> = vec![];
    for summand in &stage.summands {
        let (own, rest) = powers.split_at(summand.powers);
        powers = rest;
        parts.push(Part::new(stage, summand, own, values));
    }
    let (mut rounds, mut point) = (vec![], vec![]);
    for left in (0..=stage.variables).rev() {
        parts
            .par_iter_mut()
            .for_each(|part| part.start(inputs, joint, drawn, left));
        if left == 0 {
            break;
        }
        let messages: Vec<[Fr; 3]> = parts.par_iter().map(Part::round).collect();
        let mut message = vec![Fr::ZERO; stage.degree];
        for (part, own) in parts.iter().zip(&messages) {
            let coefficients = message.iter_mut().zip(own);
            coefficients.for_each(|(sum, c)| *sum += part.scale * c);
        }
        transcript.absorb("joint round", &message);
        let r = transcript.challenge(&mut Native, "joint round");
        parts
            .par_iter_mut()
            .zip(&messages)
            .for_each(|(part, message)| part.bind(message, &r));
        rounds.push(message);
        point.push(r);
    }
    let ends = parts.iter().flat_map(|part| {
        let tables = part.rounds.iter().flat_map(Rounds::ends);
        part.summand.slots.iter().copied().zip(tables)
    });
    let ends = ends.collect();
    (SumcheckProof { rounds }, point, ends)
}
