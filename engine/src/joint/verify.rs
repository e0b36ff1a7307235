//! Verification of a joint sumcheck.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use super::point::resolve;
use super::{Claimed, Joint, JointProof, Known, Sent, Stage, Summand};
use crate::backend::Backend;
use crate::claim::EvalClaim;
use crate::error::{Check, VerifyError, expect_len};
use crate::fold::powers;
use crate::relations::product::Points;
use crate::relations::{Context, Relation, elementwise, gap, product};
use crate::sumcheck;
use crate::switch::on;
use crate::transcript::Transcript;

/// What is known when a stage is checked.
struct Run<'a, S> {
    /// All that was drawn.
    drawn: &'a [Vec<S>],
    /// All that was sent.
    values: &'a [S],
    /// Powers of the stage's challenge.
    powers: &'a [S],
}

impl Joint {
    /// Verifies the stages and returns the claims that are left.
    ///
    /// # Errors
    /// Shape errors and stages whose last claim is not that of the evaluations.
    ///
    /// # Soundness
    /// Committed columns must have been absorbed; the claims MUST be opened. The error is the number of
    /// variables of the joint point for each identity, and for each stage its summands' powers and `degree ·
    /// variables`, all over `|Fr|`.
    pub fn verify<B: Backend>(
        &self,
        backend: &mut B,
        transcript: &mut Transcript<B>,
        context: &Context<'_, B::Scalar>,
        proof: &JointProof<B::Scalar>,
    ) -> Result<Vec<EvalClaim<B::Scalar>>, VerifyError> {
        expect_len("joint targets", proof.targets.len(), self.targets)?;
        expect_len("joint stages", proof.stages.len(), self.stages.len())?;
        let mut drawn = vec![transcript.challenges(backend, "joint point", self.variables)];
        absorb(transcript, "joint targets", &proof.targets);
        let mut values = proof.targets.clone();
        for (stage, messages) in self.stages.iter().zip(&proof.stages) {
            expect_len(
                "joint evaluations",
                messages.evaluations.len(),
                stage.evaluations.len(),
            )?;
            let lambda = transcript.challenge(backend, "joint lambda");
            let powers = stage.powers(backend, &lambda);
            let claim = stage.claim(backend, &powers, &values);
            let shape = (stage.variables, stage.degree);
            let rounds = &messages.sumcheck;
            let last = sumcheck::verify(backend, transcript, "joint round", rounds, shape, claim)?;
            drawn.push(last.point);
            absorb(transcript, "joint evaluations", &messages.evaluations);
            values.extend(messages.evaluations.iter().cloned());
            let run = Run {
                drawn: &drawn,
                values: &values,
                powers: &powers,
            };
            let expected = self.value(backend, context, stage, &run);
            if on("stage of a joint sumcheck") {
                backend.assert_equal(&expected, &last.value, Check::Sumcheck(stage.name))?;
            }
        }
        Ok(self.claims(backend, context, &drawn, &values))
    }

    /// `Σ λ^i · weight_i · summand_i` at the stage's point.
    fn value<B: Backend>(
        &self,
        backend: &mut B,
        context: &Context<'_, B::Scalar>,
        stage: &Stage,
        run: &Run<'_, B::Scalar>,
    ) -> B::Scalar {
        let Run {
            drawn,
            values,
            powers,
        } = *run;
        let mut sum = backend.constant(Fr::ZERO);
        let mut powers = powers;
        for summand in &stage.summands {
            let (own, rest) = powers.split_at(summand.powers.min(powers.len()));
            powers = rest;
            let [before, after] = summand
                .points
                .each_ref()
                .map(|points| -> Points<B::Scalar> {
                    let axes = points.iter();
                    axes.map(|axis| resolve(backend, drawn, axis)).collect()
                });
            let read = summand.slots.iter().filter_map(|slot| values.get(*slot));
            let read: Vec<B::Scalar> = read.cloned().collect();
            let (weight, inner) = match self.relations.get(summand.relation) {
                Some((_, Relation::Product(relation))) => {
                    let Some(part) = relation.stages.get(summand.number) else {
                        continue;
                    };
                    let value = product::value(backend, context, part, [&before, &after], &read);
                    let Some(power) = own.first() else { continue };
                    (power.clone(), value)
                }
                Some((_, Relation::Elementwise(relation))) => {
                    let [Some(before), Some(after)] = [before.first(), after.first()] else {
                        continue;
                    };
                    elementwise::value(backend, relation, [before, after], &read, own)
                }
                _ => continue,
            };
            sum = backend.mul_add(&weight, &inner, &sum);
        }
        sum
    }

    /// The claims on committed columns, given all that was drawn and sent.
    pub fn claims<B: Backend>(
        &self,
        backend: &mut B,
        context: &Context<'_, B::Scalar>,
        drawn: &[Vec<B::Scalar>],
        values: &[B::Scalar],
    ) -> Vec<EvalClaim<B::Scalar>> {
        let mut out = vec![];
        for (sent, value) in self.sent.iter().zip(values) {
            if let Sent::Evaluation { view, point } = sent {
                out.push(EvalClaim {
                    view: view.clone(),
                    point: resolve(backend, drawn, point),
                    value: value.clone(),
                });
            }
        }
        for known in &self.known {
            let point = resolve(backend, drawn, &known.point);
            let value = match known.value {
                Known::Constant(value) => backend.constant(value),
                Known::Scaled(factor, slot) => {
                    let Some(value) = values.get(slot) else {
                        continue;
                    };
                    backend.linear(Fr::ZERO, &[(factor, value.clone())])
                }
                Known::BelowBest(slot) => {
                    let relation = self.relations.get(known.relation);
                    let (Some((_, Relation::Gap(relation))), Some(best)) =
                        (relation, values.get(slot))
                    else {
                        continue;
                    };
                    gap::below_best(backend, context, relation, &point, best)
                }
            };
            out.push(EvalClaim {
                view: known.view.clone(),
                point,
                value,
            });
        }
        out
    }
}

impl Stage {
    /// Powers of its challenge, in the order of the summands.
    pub fn powers<B: Backend>(&self, backend: &mut B, lambda: &B::Scalar) -> Vec<B::Scalar> {
        let count = self.summands.iter().map(|s| s.powers).sum();
        powers(backend, lambda, count)
    }

    /// What the stage sums up to: `Σ λ^i · 2^(variables - own variables) · claim_i`.
    fn claim<B: Backend>(
        &self,
        backend: &mut B,
        powers: &[B::Scalar],
        values: &[B::Scalar],
    ) -> B::Scalar {
        let mut terms = vec![];
        let mut at = 0;
        for summand in &self.summands {
            let power = powers.get(at);
            at += summand.powers;
            let claimed = summand.claimed_value(backend, values);
            if let (Some(power), Some((factor, value))) = (power, claimed) {
                let scaled = backend.mul(power, &value);
                terms.push((factor * summand.repeated(self), scaled));
            }
        }
        backend.linear(Fr::ZERO, &terms)
    }
}

impl Summand {
    /// What it sums up to over its own variables, as a constant times a value; none if that is zero.
    pub fn claimed_value<B: Backend>(
        &self,
        backend: &mut B,
        values: &[B::Scalar],
    ) -> Option<(Fr, B::Scalar)> {
        match self.claimed {
            Claimed::Zero => None,
            Claimed::Target { factor, slot } => Some((factor, values.get(slot)?.clone())),
            Claimed::Inner { slot, offset } => {
                let inner = values.get(slot)?;
                let value = match offset.and_then(|slot| values.get(slot)) {
                    Some(offset) => backend.sub(inner, offset),
                    None => inner.clone(),
                };
                Some((Fr::ONE, value))
            }
        }
    }
}

/// Absorbs a message that is not empty.
fn absorb<B: Backend>(transcript: &mut Transcript<B>, label: &'static str, message: &[B::Scalar]) {
    if !message.is_empty() {
        transcript.absorb(label, message);
    }
}
