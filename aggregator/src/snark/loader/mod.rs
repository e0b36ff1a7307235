//! snark-verifier's loader over a [`Backend`]: scalars are computed, points stay symbols.
//!
//! A point is a base of the loader by its place, the generator, or a sum of multiples of these. snark-verifier's loaders panic where something is wrong; this
//! one keeps the first failure for [`Loader::failure`].

mod domain;
mod point;
mod scalar;

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use halo2_base::halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_base::halo2_proofs::halo2curves::ff::Field;
use laminate_engine::backend::Backend;
use laminate_engine::error::Check;
use snark_verifier::Error;
use snark_verifier::loader::{EcPointLoader, Loader as VerifierLoader, ScalarLoader};

use self::domain::Domain;
pub(super) use self::point::Point;
use self::point::{Base, Node};
pub(super) use self::scalar::Scalar;
use self::scalar::Value;
use super::error::SnarkError;
use super::key::Key;

/// What all values of a loader share.
struct Shared<'a, B: Backend> {
    backend: RefCell<&'a mut B>,
    points: Vec<B::Point>,
    domain: Domain<B::Scalar>,
    failure: RefCell<Option<SnarkError>>,
}

/// The loader.
pub(super) struct Loader<'a, B: Backend>(Rc<Shared<'a, B>>);

impl<'a, B: Backend> Loader<'a, B> {
    /// For a key, the bits of its rows from 2 on ([`Key::domain`]), and points.
    pub(super) fn new(
        backend: &'a mut B,
        key: &Key<B::Scalar, B::Point>,
        rows_bits: Vec<B::Scalar>,
        points: Vec<B::Point>,
    ) -> Self {
        Self(Rc::new(Shared {
            backend: RefCell::new(backend),
            points,
            domain: Domain::new(key, rows_bits),
            failure: RefCell::new(None),
        }))
    }

    /// Runs `f` on the backend.
    pub(super) fn with<T>(&self, f: impl FnOnce(&mut B) -> T) -> T {
        f(&mut self.0.backend.borrow_mut())
    }

    /// What went wrong first in a function that has no error.
    pub(super) fn failure(&self) -> Option<SnarkError> {
        self.0.failure.borrow_mut().take()
    }

    fn fail(&self, error: impl Into<SnarkError>) {
        self.0.failure.borrow_mut().get_or_insert(error.into());
    }

    fn unsupported(&self, function: &str) {
        self.fail(SnarkError::Protocol {
            reason: format!("it needs {function}"),
        });
    }

    /// A value of the backend.
    pub(super) fn scalar(&self, value: B::Scalar) -> Scalar<'a, B> {
        self.made(Value::Scaled(Fr::ONE, value))
    }

    fn made(&self, value: Value<B::Scalar>) -> Scalar<'a, B> {
        Scalar {
            loader: self.clone(),
            value: Rc::new(value),
        }
    }

    /// The backend's value of a scalar.
    pub(super) fn value(&self, scalar: &Scalar<'a, B>) -> B::Scalar {
        self.with(|backend| scalar.value.make(backend))
    }

    /// The point at a place.
    pub(super) fn base(&self, index: usize) -> Point<'a, B> {
        self.point(Node::Base(Base::Point(index)))
    }

    fn point(&self, node: Node<'a, B>) -> Point<'a, B> {
        Point {
            loader: self.clone(),
            node,
        }
    }

    /// The transcript's encoding of a point that is not computed.
    pub(super) fn encoding(&self, point: &Point<'a, B>) -> Result<[B::Scalar; 3], Error> {
        let base = match point.node {
            Node::Base(Base::Point(index)) => self.0.points.get(index),
            _ => None,
        };
        let base = base.ok_or_else(|| {
            Error::InvalidProtocol("the transcript absorbs a point of no key or proof".to_owned())
        })?;
        Ok(self.with(|backend| backend.encode_point(base)))
    }

    /// Terms of a sum: the backend's points, and the generator's scalar.
    #[expect(clippy::type_complexity, reason = "a list of terms and a scalar")]
    pub(super) fn terms(
        &self,
        sum: &Point<'a, B>,
    ) -> Result<(Vec<(B::Scalar, B::Point)>, B::Scalar), SnarkError> {
        let Node::Sum(terms) = &sum.node else {
            return Err(SnarkError::Protocol {
                reason: "a side of the pairing is no sum".to_owned(),
            });
        };
        let mut points = vec![];
        let mut generator = self.load_zero();
        for (scalar, base) in terms.iter() {
            match base {
                Base::Generator => generator += scalar,
                Base::Point(index) => {
                    let point = self.0.points.get(*index);
                    points.extend(point.map(|point| (self.value(scalar), point.clone())));
                }
            }
        }
        Ok((points, self.value(&generator)))
    }
}

impl<B: Backend> Clone for Loader<'_, B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<B: Backend> fmt::Debug for Loader<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Loader")
    }
}

impl<'a, B: Backend> ScalarLoader<Fr> for Loader<'a, B> {
    type LoadedScalar = Scalar<'a, B>;

    fn load_const(&self, value: &Fr) -> Scalar<'a, B> {
        let domain = &self.0.domain;
        match self.with(|backend| domain.resolve(backend, value)) {
            Some(known) => self.scalar(known),
            None => self.made(Value::Constant(*value)),
        }
    }

    fn assert_eq(&self, _: &str, a: &Scalar<'a, B>, b: &Scalar<'a, B>) {
        let [a, b] = [a, b].map(|scalar| self.value(scalar));
        let check = Check::Linear("a halo2 proof");
        if let Err(error) = self.with(|backend| backend.assert_equal(&a, &b, check)) {
            self.fail(error);
        }
    }
}

impl<'a, B: Backend> EcPointLoader<G1Affine> for Loader<'a, B> {
    type LoadedEcPoint = Point<'a, B>;

    fn ec_point_load_const(&self, value: &G1Affine) -> Point<'a, B> {
        if *value != G1Affine::generator() {
            self.unsupported("a constant point");
        }
        self.point(Node::Base(Base::Generator))
    }

    fn ec_point_assert_eq(&self, _: &str, _: &Point<'a, B>, _: &Point<'a, B>) {
        self.unsupported("equality of points");
    }

    /// Of points that are not sums themselves: the verifier has no others.
    #[expect(
        clippy::expect_used,
        reason = "the trait has no error; snark-verifier never sums nothing"
    )]
    fn multi_scalar_multiplication(
        pairs: &[(&<Self as ScalarLoader<Fr>>::LoadedScalar, &Point<'a, B>)],
    ) -> Point<'a, B> {
        let (first, _) = pairs.first().expect("a sum of points has a term");
        let terms = pairs.iter().filter_map(|(scalar, point)| match point.node {
            Node::Base(base) => Some(((*scalar).clone(), base)),
            Node::Sum(_) => {
                first.loader.unsupported("a sum of sums of points");
                None
            }
        });
        let terms = Rc::new(terms.collect());
        first.loader.point(Node::Sum(terms))
    }
}

impl<B: Backend> VerifierLoader<G1Affine> for Loader<'_, B> {}
