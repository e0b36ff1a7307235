//! What a join circuit is shown.

use std::convert::Infallible;

use halo2_base::halo2_proofs::halo2curves::bn256::{Fr, G1, G1Affine};
use halo2_base::halo2_proofs::halo2curves::ff::Field;
use halo2_base::halo2_proofs::halo2curves::group::Curve;
use laminate_engine::deferred::Deferred;
use laminate_engine::multiexp::{Multiexp, MultiexpProof};

use super::plan::{Mode, Plan};
use crate::circuit::shape;
use crate::snark::{Snark, Template};

/// A child's proof and what it makes public.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildWitness<S, P> {
    /// Key, instances and proof.
    pub snark: Snark<S, P>,
    /// [`super::plan::WeightRange::value`]
    pub range: S,
    /// Fields of its statement.
    pub statement: Vec<S>,
    /// The pairing it leaves.
    pub deferred: Deferred<S, P>,
}

/// What determines all challenges but those of the combination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given<S, P> {
    /// Random, absorbed before everything else.
    pub salt: S,
    /// Children.
    pub children: Vec<ChildWitness<S, P>>,
    /// Public tokens that the first shard of a whole run was fed, then those that the last one chose.
    pub tokens: [Vec<S>; 2],
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinWitness<S, P> {
    /// Children.
    pub given: Given<S, P>,
    /// Left side of the joined pairing.
    pub left: P,
    /// Right side.
    pub right: P,
    /// Proof that they are.
    pub multiexp: MultiexpProof<S, P>,
}

fn all<A, B, E>(items: &[A], f: &mut impl FnMut(&A) -> Result<B, E>) -> Result<Vec<B>, E> {
    items.iter().map(f).collect()
}

impl<S, P> ChildWitness<S, P> {
    fn try_map<T, Q, E>(
        &self,
        scalar: &mut impl FnMut(&S) -> Result<T, E>,
        point: &mut impl FnMut(&P) -> Result<Q, E>,
    ) -> Result<ChildWitness<T, Q>, E> {
        let deferred = &self.deferred;
        Ok(ChildWitness {
            snark: self.snark.try_map(scalar, point)?,
            range: scalar(&self.range)?,
            statement: all(&self.statement, scalar)?,
            deferred: Deferred {
                terms: all(&deferred.terms, &mut |(s, p)| Ok((scalar(s)?, point(p)?)))?,
                generator: scalar(&deferred.generator)?,
                left: all(&deferred.left, scalar)?,
            },
        })
    }
}

impl<S, P> JoinWitness<S, P> {
    /// Maps every scalar and every point, in a fixed order.
    ///
    /// # Errors
    /// The first error of `scalar` or `point`.
    pub fn try_map<T, Q, E>(
        &self,
        scalar: &mut impl FnMut(&S) -> Result<T, E>,
        point: &mut impl FnMut(&P) -> Result<Q, E>,
    ) -> Result<JoinWitness<T, Q>, E> {
        let given = &self.given;
        let [fed, choices] = &given.tokens;
        Ok(JoinWitness {
            given: Given {
                salt: scalar(&given.salt)?,
                children: all(&given.children, &mut |c| c.try_map(scalar, point))?,
                tokens: [all(fed, scalar)?, all(choices, scalar)?],
            },
            left: point(&self.left)?,
            right: point(&self.right)?,
            multiexp: self.multiexp.try_map(scalar, point)?,
        })
    }
}

impl JoinWitness<Fr, G1Affine> {
    /// A witness of the plan's shape and without meaning, from which keys are derived.
    pub fn placeholder(plan: &Plan, template: &Template, multiexp: &Multiexp) -> Self {
        let snark = Snark::placeholder(template);
        let point = G1Affine::generator();
        let tokens = match plan.mode {
            Mode::Chain(Some(tokens)) => [tokens.fed(), tokens.choices()],
            _ => [0, 0],
        };
        let children = plan.children.iter().map(|child| ChildWitness {
            snark: snark.clone(),
            range: Fr::ONE,
            statement: vec![Fr::ONE; child.public.statement as usize],
            deferred: Deferred {
                terms: vec![(Fr::ONE, point); child.public.terms as usize],
                generator: Fr::ONE,
                left: vec![Fr::ONE; child.public.left as usize],
            },
        });
        let witness = Self {
            given: Given {
                salt: Fr::ONE,
                children: children.collect(),
                tokens: tokens.map(|count| vec![Fr::ONE; count]),
            },
            left: point,
            right: point,
            multiexp: shape::multiexp(multiexp),
        };
        // Distinct values, so that no step of the circuit's arithmetic degenerates; but a key's numbers are
        // those of a domain.
        let mut counter = 1u64;
        let mut next = move |value: &Fr| {
            counter += 1;
            Ok(if *value == Fr::ONE {
                Fr::from(counter).pow_vartime([5 + counter])
            } else {
                *value
            })
        };
        let mut scalar = Fr::from(3);
        let filled: Result<Self, Infallible> = witness.try_map(&mut next, &mut |_| {
            scalar = scalar.square() + Fr::ONE;
            Ok((G1::generator() * scalar).to_affine())
        });
        match filled {
            Ok(witness) => witness,
            Err(never) => match never {},
        }
    }
}
