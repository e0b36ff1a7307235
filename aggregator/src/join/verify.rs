//! The verifier that a join circuit runs, on any backend.

use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use halo2_base::halo2_proofs::halo2curves::ff::Field;
use laminate_engine::backend::{Backend, Part};
use laminate_engine::deferred::Deferred;
use laminate_engine::error::{Check, VerifyError, expect_len};
use laminate_engine::field::fr_from_digest;
use laminate_engine::fold::powers;
use laminate_engine::multiexp::Multiexp;
use laminate_engine::switch::on;
use laminate_engine::transcript::{Domain, Transcript};
use laminate_model::public::{self, ACCUMULATOR_LIMBS, PublicValues};

use super::error::JoinError;
use super::plan::Plan;
use super::statement;
use super::witness::{ChildWitness, Given, JoinWitness};
use crate::snark::{self, Pairing, Template};

/// A checked plan with what verifies it.
#[derive(Clone, Debug)]
pub struct Join {
    /// What is joined.
    pub plan: Plan,
    /// The constraint system of all circuits.
    pub template: Template,
    /// The verifier of the combination.
    pub multiexp: Multiexp,
}

/// One pairing, each point with its scalars on both sides, if it is there.
struct Claim<S, P> {
    terms: Vec<(Sides<S>, P)>,
    generator: S,
}

/// Scalars on the left and on the right.
type Sides<S> = [Option<S>; 2];

/// All pairings, combined, before the two sums are known.
pub(super) struct Front<B: Backend> {
    pub(super) transcript: Transcript<B>,
    pub(super) fields: Vec<B::Scalar>,
    /// Each point's scalars in both sums.
    pub(super) terms: Vec<(Sides<B::Scalar>, B::Point)>,
    /// The generator's in the right sum.
    pub(super) generator: B::Scalar,
}

/// A combination that must be zero, and the transcript that its proof goes on with.
pub(super) struct Combination<B: Backend> {
    pub(super) transcript: Transcript<B>,
    pub(super) terms: Vec<(B::Scalar, B::Point)>,
    pub(super) generator: B::Scalar,
}

impl Join {
    /// Checks the plan.
    ///
    /// # Errors
    /// [`JoinError::Plan`].
    pub fn new(plan: Plan, template: Template) -> Result<Self, JoinError> {
        plan.check()?;
        let multiexp = plan.multiexp()?;
        Ok(Self {
            plan,
            template,
            multiexp,
        })
    }

    /// Verifies all children up to one pairing; what the join makes public.
    ///
    /// # Soundness
    /// Whoever relies on the join compares the program digest with that of a plan whose keys were derived from
    /// circuits ([`Plan::digest`]).
    ///
    /// # Errors
    /// The first violated check; a circuit backend records violations as constraints instead.
    pub fn verify<B: Backend>(
        &self,
        backend: &mut B,
        witness: &JoinWitness<B::Scalar, B::Point>,
    ) -> Result<PublicValues<B::Scalar, B::Point>, JoinError> {
        let front = self.front(backend, &witness.given)?;
        let statement = front.fields.clone();
        let (left, right) = (&witness.left, &witness.right);
        let Combination {
            mut transcript,
            terms,
            generator,
        } = combine(backend, front, left, right);
        let mut deferred = self.multiexp.verify(
            backend,
            &mut transcript,
            (&terms, &generator),
            &witness.multiexp,
        )?;
        backend.enter(Part::Opening);
        // e(w + δL, [τ]_2) = e(Σ + δR, [1]_2): the combination's own pairing, and that of the children.
        let proof = deferred.terms.pop().ok_or(VerifyError::Shape {
            what: "points of an opening",
            expected: 1,
            found: 0,
        })?;
        transcript.absorb_point(backend, "join opening", &proof.1);
        let delta = transcript.challenge(backend, "join delta");
        let zero = backend.constant(Fr::ZERO);
        let delta = if on("pairing of the children") {
            delta
        } else {
            zero.clone()
        };
        deferred.terms.push((delta.clone(), right.clone()));
        deferred.terms.push((zero, left.clone()));
        deferred.terms.push(proof);
        Ok(PublicValues {
            outputs: self.plan.outputs(),
            statement,
            deferred: Deferred {
                left: vec![delta],
                ..deferred
            },
        })
    }

    /// Everything before the sums: scalars of all points, and the statement.
    pub(super) fn front<B: Backend>(
        &self,
        backend: &mut B,
        given: &Given<B::Scalar, B::Point>,
    ) -> Result<Front<B>, JoinError> {
        let expected = self.plan.children.len();
        expect_len("proofs to join", given.children.len(), expected)?;
        let mut transcript = Transcript::new(backend, Domain::Main);
        let version = backend.constant(fr_from_digest(b"laminate/join", b"v1"));
        transcript.absorb("join version", &[version]);
        transcript.absorb("join salt", std::slice::from_ref(&given.salt));
        let (mut claims, mut keys) = (vec![], vec![]);
        for (index, child) in given.children.iter().enumerate() {
            backend.enter(Part::Opening);
            let key = child.snark.key.digest(backend);
            let digest = self.public_values(backend, index, child)?;
            backend.enter(Part::Snark);
            let pairing = snark::verify(backend, &self.template, &child.snark)
                .map_err(|source| JoinError::Snark { index, source })?;
            transcript.absorb("child", &[key.clone(), digest, pairing.seal.clone()]);
            keys.push([key, child.range.clone()]);
            claims.push((on("pairing of a child's proof"), of_snark(pairing)));
            let left = of_deferred(backend, &child.deferred);
            claims.push((on("pairing that a child leaves"), left));
        }
        backend.enter(Part::Statement);
        let statements = given.children.iter().map(|c| c.statement.as_slice());
        let statements: Vec<&[B::Scalar]> = statements.collect();
        let [fed, choices] = &given.tokens;
        let fields = statement::join(backend, &self.plan, &keys, &statements, [fed, choices])?;
        transcript.absorb("join statement", &fields);
        let rho = transcript.challenge(backend, "join rho");
        let powers = powers(backend, &rho, claims.len());
        let mut terms = vec![];
        let mut generator = backend.constant(Fr::ZERO);
        let zero = backend.constant(Fr::ZERO);
        for ((checked, claim), power) in claims.into_iter().zip(&powers) {
            let power = if checked { power } else { &zero };
            generator = backend.mul_add(&claim.generator, power, &generator);
            for (sides, point) in claim.terms {
                let sides = sides.map(|s| s.map(|s| backend.mul(&s, power)));
                terms.push((sides, point));
            }
        }
        Ok(Front {
            transcript,
            fields,
            terms,
            generator,
        })
    }

    /// The digest of a child's public values, which its proof states.
    fn public_values<B: Backend>(
        &self,
        backend: &mut B,
        index: usize,
        child: &ChildWitness<B::Scalar, B::Point>,
    ) -> Result<B::Scalar, JoinError> {
        let shape = self.plan.children.get(index).map(|c| c.public);
        let shape = shape.unwrap_or_default();
        let deferred = &child.deferred;
        expect_len(
            "points of a proof",
            deferred.terms.len(),
            shape.terms as usize,
        )?;
        expect_len(
            "factors of a proof",
            deferred.left.len(),
            shape.left as usize,
        )?;
        let public = PublicValues {
            outputs: shape.outputs,
            statement: child.statement.clone(),
            deferred: deferred.clone(),
        };
        let values = public.values(backend);
        let digest = public::digest(backend, &values);
        let missing = VerifyError::Shape {
            what: "instances",
            expected: public::INSTANCES,
            found: child.snark.instances.len(),
        };
        let stated = child.snark.instances.get(ACCUMULATOR_LIMBS);
        let stated = stated.ok_or(missing)?;
        if on("digest of a child's public values") {
            backend.assert_equal(&digest, stated, Check::PublicValues)?;
        }
        Ok(digest)
    }
}

fn of_snark<S, P>(pairing: Pairing<S, P>) -> Claim<S, P> {
    let left = pairing.left.into_iter().map(|(s, p)| ([Some(s), None], p));
    let right = pairing.right.into_iter().map(|(s, p)| ([None, Some(s)], p));
    Claim {
        terms: left.chain(right).collect(),
        generator: pairing.generator,
    }
}

fn of_deferred<B: Backend>(
    backend: &mut B,
    deferred: &Deferred<B::Scalar, B::Point>,
) -> Claim<B::Scalar, B::Point> {
    let one = backend.constant(Fr::ONE);
    let mut left: Vec<Option<B::Scalar>> = deferred.left.iter().cloned().map(Some).collect();
    left.push(Some(one));
    let before = deferred.terms.len().saturating_sub(left.len());
    let left = std::iter::repeat_n(None, before).chain(left);
    let terms = deferred.terms.iter().zip(left);
    Claim {
        terms: terms
            .map(|((right, point), left)| ([left, Some(right.clone())], point.clone()))
            .collect(),
        generator: deferred.generator.clone(),
    }
}

/// `Σ (right_i + σ·left_i)·P_i + g·G - R - σ·L`, with `σ` drawn after both sums.
pub(super) fn combine<B: Backend>(
    backend: &mut B,
    front: Front<B>,
    left: &B::Point,
    right: &B::Point,
) -> Combination<B> {
    let mut transcript = front.transcript;
    transcript.absorb_point(backend, "join left", left);
    transcript.absorb_point(backend, "join right", right);
    let sigma = transcript.challenge(backend, "join sigma");
    let mut terms = vec![];
    for (sides, point) in front.terms {
        let scalar = match sides {
            [Some(l), Some(r)] => backend.mul_add(&sigma, &l, &r),
            [Some(l), None] => backend.mul(&sigma, &l),
            [None, Some(r)] => r,
            [None, None] => continue,
        };
        terms.push((scalar, point));
    }
    let zero = backend.constant(Fr::ZERO);
    terms.push((backend.constant(-Fr::ONE), right.clone()));
    terms.push((backend.sub(&zero, &sigma), left.clone()));
    Combination {
        transcript,
        terms,
        generator: front.generator,
    }
}
