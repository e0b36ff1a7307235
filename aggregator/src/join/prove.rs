//! Joining proofs.

use halo2_base::halo2_proofs::halo2curves::bn256::{Fr, G1, G1Affine};
use halo2_base::halo2_proofs::halo2curves::ff::Field;
use halo2_base::halo2_proofs::halo2curves::group::Curve;
use halo2_base::halo2_proofs::halo2curves::group::prime::PrimeCurveAffine;
use laminate_engine::backend::Native;
use laminate_engine::field::fr_from_i64;
use laminate_model::statement;
use laminate_prover::multiexp;
use rand::{CryptoRng, RngCore};

use super::error::JoinError;
use super::plan::{Mode, Plan};
use super::verify::{Front, Join, combine};
use super::witness::{ChildWitness, Given, JoinWitness};
use crate::keys::PublicShape;
use crate::prove::{AggregationProof, Target};
use crate::snark::{Key, Snark};

/// A child's proof with its key's words.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    /// The key.
    pub key: &'a Key<Fr, G1Affine>,
    /// A proof that was made to be joined.
    pub proof: &'a AggregationProof,
}

/// The witness of a join circuit: verifies every child up to its pairings, sums them up, and proves the sum. `powers` are those
/// of the reference string, `2^row_log + 1` or more.
///
/// # Errors
/// Proofs that are not those of the plan or do not verify; a short reference string.
pub fn prove(
    join: &Join,
    parts: &[Part<'_>],
    powers: &[G1Affine],
    rng: &mut (impl RngCore + CryptoRng),
) -> Result<JoinWitness<Fr, G1Affine>, JoinError> {
    let given = given(join, parts, rng)?;
    let front = join.front(&mut Native, &given)?;
    let [left, right] = sums(&front).map(|sum| sum.to_affine());
    let refused = |index, problem: &str| JoinError::Child {
        index,
        problem: problem.to_owned(),
    };
    if [left, right].iter().any(|p| bool::from(p.is_identity())) {
        return Err(refused(0, "the joined pairing is of the point at infinity"));
    }
    let mut combination = combine(&mut Native, front, &left, &right);
    let multiexp = multiexp::prove(
        &join.multiexp,
        &mut combination.transcript,
        (&combination.terms, &combination.generator),
        powers,
        rng,
    )?;
    Ok(JoinWitness {
        given,
        left,
        right,
        multiexp,
    })
}

/// Both sides of the joined pairing.
fn sums(front: &Front<Native>) -> [G1; 2] {
    let side = |side: usize| -> G1 {
        let terms = front.terms.iter();
        terms
            .filter_map(|(sides, point)| sides.get(side)?.map(|scalar| *point * scalar))
            .sum()
    };
    [side(0), side(1) + G1Affine::generator() * front.generator]
}

fn given(
    join: &Join,
    parts: &[Part<'_>],
    rng: &mut (impl RngCore + CryptoRng),
) -> Result<Given<Fr, G1Affine>, JoinError> {
    let plan = &join.plan;
    if parts.len() != plan.children.len() {
        return Err(JoinError::Plan {
            problem: format!("{} proofs, expected {}", parts.len(), plan.children.len()),
        });
    }
    let mut children = vec![];
    for (index, (part, child)) in parts.iter().zip(&plan.children).enumerate() {
        let refused = |problem: String| JoinError::Child { index, problem };
        let proof = part.proof;
        if proof.target != Target::Join {
            return Err(refused(
                "it was made for a contract; make it with --for-join".into(),
            ));
        }
        let shape = PublicShape::of(&proof.public);
        if shape != child.public {
            return Err(refused(format!("{shape}, expected {}", child.public)));
        }
        if part.key.digest(&mut Native) != child.key.0 {
            return Err(refused(
                "its verifying key is not the one of the plan".into(),
            ));
        }
        if proof.public.statement.first() != Some(&child.program.0) {
            return Err(refused("its program is not the one of the plan".into()));
        }
        let snark = |source| JoinError::Snark { index, source };
        let instances = proof.instances()?;
        let read = Snark::read(&join.template, part.key.clone(), instances, &proof.proof);
        children.push(ChildWitness {
            snark: read.map_err(snark)?,
            range: child.range.value(),
            statement: proof.public.statement.clone(),
            deferred: proof.public.deferred.clone(),
        });
    }
    Ok(Given {
        salt: Fr::random(rng),
        tokens: tokens(plan, &children),
        children,
    })
}

/// The tokens behind the output words of both ends.
fn tokens(plan: &Plan, children: &[ChildWitness<Fr, G1Affine>]) -> [Vec<Fr>; 2] {
    let Mode::Chain(Some(whole)) = plan.mode else {
        return [vec![], vec![]];
    };
    let words = |place: Option<usize>| -> &[Fr] {
        let Some(place) = place else { return &[] };
        let (child, witness) = (plan.children.get(place), children.get(place));
        let (Some(child), Some(witness)) = (child, witness) else {
            return &[];
        };
        let from = witness.statement.len().saturating_sub(child.words());
        witness.statement.get(from..).unwrap_or(&[])
    };
    // Words that hold none fail in the verifier.
    let unpack = |words: &[Fr], count: usize| -> Vec<Fr> {
        let ids = statement::unpack(whole.packing, words, count);
        let ids = ids.unwrap_or_else(|| vec![0; count]);
        ids.into_iter().map(|id| fr_from_i64(id.into())).collect()
    };
    [
        unpack(words(Some(0)), whole.fed()),
        unpack(words(children.len().checked_sub(1)), whole.choices()),
    ]
}
