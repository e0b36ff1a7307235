//! snark-verifier's loader over a [`Backend`]: scalars are computed, points stay symbols.
//!
//! # Scalars
//! A product is made when it is needed as such: one that is added to something becomes a gate `a·b + c` with the sum, and constant factors wait for the sum
//! they end in.
//!
//! # Points
//! A point is a base of the loader by its place, the generator, or a sum of multiples of these.
//!
//! # Domain
//! The powers of ω, `1/n` and the power to `n` that the verifier takes for constants are recognised by the [stand-in domain](crate::evm::template). With the
//! bits `b_i` of `n`, one of which is 1, `z^n = Σ b_i·z^(2^i)`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::ops::{Add, AddAssign, Mul, MulAssign, Neg, Sub, SubAssign};
use std::rc::Rc;

use halo2_base::halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_base::halo2_proofs::halo2curves::ff::Field;
use laminate_protocol::backend::Backend;
use laminate_protocol::error::{Check, VerifyError};
use snark_verifier::Error;
use snark_verifier::loader::{
    EcPointLoader, LoadedEcPoint, LoadedScalar, Loader as VerifierLoader, ScalarLoader,
};
use snark_verifier::util::arithmetic::FieldOps;

use super::error::SnarkError;
use super::key::Key;
use crate::evm::template::{MAX_ROTATION, ROWS, stand_in};

/// What all values of a loader share.
struct Shared<'a, B: Backend> {
    backend: RefCell<&'a mut B>,
    points: Vec<B::Point>,
    rows_bits: Vec<B::Scalar>,
    domain: Domain<B::Scalar>,
    failure: RefCell<Option<SnarkError>>,
}

/// The key's domain behind the stand-ins.
struct Domain<S> {
    /// Stands for `1/n`.
    stand_in: Fr,
    rows_inverse: S,
    /// Stand-ins of the powers of ω.
    exponents: HashMap<Fr, i32>,
    /// ω and `1/ω`, and the powers that were asked for.
    powers: RefCell<HashMap<i32, S>>,
}

impl<S: Clone> Domain<S> {
    fn new<P>(key: &Key<S, P>) -> Self {
        let domain = stand_in();
        let mut exponents = HashMap::new();
        for (sign, base) in [(1, domain.r#gen), (-1, domain.gen_inv)] {
            let mut power = base;
            for exponent in 1..=MAX_ROTATION as i32 {
                exponents.insert(power, sign * exponent);
                power *= base;
            }
        }
        let powers = [
            (1, key.generator.clone()),
            (-1, key.generator_inverse.clone()),
        ];
        Self {
            stand_in: domain.n_inv,
            rows_inverse: key.rows_inverse.clone(),
            exponents,
            powers: RefCell::new(powers.into()),
        }
    }

    /// What a constant stands for, if for anything.
    fn resolve<B: Backend<Scalar = S>>(&self, backend: &mut B, constant: &Fr) -> Option<S> {
        if *constant == self.stand_in {
            return Some(self.rows_inverse.clone());
        }
        let exponent = *self.exponents.get(constant)?;
        let mut powers = self.powers.borrow_mut();
        let sign = exponent.signum();
        let base = powers.get(&sign)?.clone();
        let mut power = base.clone();
        for step in 2..=exponent.abs() {
            power = match powers.get(&(sign * step)) {
                Some(known) => known.clone(),
                None => backend.mul(&power, &base),
            };
            powers.insert(sign * step, power.clone());
        }
        Some(power)
    }
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
            rows_bits,
            domain: Domain::new(key),
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

/// A value, or what it will be made of.
enum Value<S> {
    /// Known to the verifier.
    Constant(Fr),
    /// A multiple of a value.
    Scaled(Fr, S),
    /// A product.
    Product(S, S),
}

impl<S: Clone> Value<S> {
    fn make<B: Backend<Scalar = S>>(&self, backend: &mut B) -> S {
        match self {
            Self::Constant(value) => backend.constant(*value),
            Self::Scaled(factor, value) if *factor == Fr::ONE => value.clone(),
            Self::Scaled(factor, value) => backend.linear(Fr::ZERO, &[(*factor, value.clone())]),
            Self::Product(a, b) => backend.mul(a, b),
        }
    }

    /// Constant, or factor and value.
    fn single<B: Backend<Scalar = S>>(&self, backend: &mut B) -> (Fr, Option<S>) {
        match self {
            Self::Constant(value) => (*value, None),
            Self::Scaled(factor, value) => (*factor, Some(value.clone())),
            Self::Product(a, b) => (Fr::ONE, Some(backend.mul(a, b))),
        }
    }

    fn add<B: Backend<Scalar = S>>(backend: &mut B, a: &Self, b: &Self) -> Self {
        if let (Self::Product(x, y), c) | (c, Self::Product(x, y)) = (a, b) {
            let c = c.make(backend);
            return Self::Scaled(Fr::ONE, backend.mul_add(x, y, &c));
        }
        let mut constant = Fr::ZERO;
        let mut terms = vec![];
        for value in [a, b] {
            match value.single(backend) {
                (value, None) => constant += value,
                term => terms.extend(term.1.map(|value| (term.0, value))),
            }
        }
        match terms.as_slice() {
            [] => Self::Constant(constant),
            [(factor, value)] if constant == Fr::ZERO => Self::Scaled(*factor, value.clone()),
            _ => Self::Scaled(Fr::ONE, backend.linear(constant, &terms)),
        }
    }

    fn negated<B: Backend<Scalar = S>>(&self, backend: &mut B) -> Self {
        match self.single(backend) {
            (value, None) => Self::Constant(-value),
            (factor, Some(value)) => Self::Scaled(-factor, value),
        }
    }

    fn mul<B: Backend<Scalar = S>>(backend: &mut B, a: &Self, b: &Self) -> Self {
        match (a, b) {
            (Self::Constant(one), Self::Product(x, y))
            | (Self::Product(x, y), Self::Constant(one))
                if *one == Fr::ONE =>
            {
                return Self::Product(x.clone(), y.clone());
            }
            _ => {}
        }
        let ((a, x), (b, y)) = (a.single(backend), b.single(backend));
        let factor = a * b;
        match (x, y) {
            (None, None) => Self::Constant(factor),
            _ if factor == Fr::ZERO => Self::Constant(factor),
            (Some(value), None) | (None, Some(value)) => Self::Scaled(factor, value),
            (Some(x), Some(y)) if factor == Fr::ONE => Self::Product(x, y),
            (Some(x), Some(y)) => Self::Scaled(factor, backend.mul(&x, &y)),
        }
    }
}

/// A loaded scalar.
pub(super) struct Scalar<'a, B: Backend> {
    loader: Loader<'a, B>,
    value: Rc<Value<B::Scalar>>,
}

impl<B: Backend> Clone for Scalar<'_, B> {
    fn clone(&self) -> Self {
        Self {
            loader: self.loader.clone(),
            value: self.value.clone(),
        }
    }
}

impl<B: Backend> fmt::Debug for Scalar<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scalar")
    }
}

/// Whether they are copies; snark-verifier compares no scalars.
impl<B: Backend> PartialEq for Scalar<'_, B> {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.value, &other.value)
    }
}

impl<B: Backend> Neg for Scalar<'_, B> {
    type Output = Self;

    fn neg(self) -> Self {
        let value = self.loader.with(|backend| self.value.negated(backend));
        self.loader.made(value)
    }
}

macro_rules! operator {
    ($operator:ident, $function:ident, $assign:ident, $assign_function:ident, $compute:expr) => {
        impl<'b, B: Backend> $operator<&'b Self> for Scalar<'_, B> {
            type Output = Self;

            fn $function(self, other: &'b Self) -> Self {
                let value = self
                    .loader
                    .with(|backend| $compute(backend, &self.value, &other.value));
                self.loader.made(value)
            }
        }

        impl<B: Backend> $operator for Scalar<'_, B> {
            type Output = Self;

            fn $function(self, other: Self) -> Self {
                $operator::$function(self, &other)
            }
        }

        impl<'b, B: Backend> $assign<&'b Self> for Scalar<'_, B> {
            fn $assign_function(&mut self, other: &'b Self) {
                *self = $operator::$function(self.clone(), other);
            }
        }

        impl<B: Backend> $assign for Scalar<'_, B> {
            fn $assign_function(&mut self, other: Self) {
                *self = $operator::$function(self.clone(), &other);
            }
        }
    };
}

fn difference<B: Backend>(
    backend: &mut B,
    a: &Value<B::Scalar>,
    b: &Value<B::Scalar>,
) -> Value<B::Scalar> {
    let b = b.negated(backend);
    Value::add(backend, a, &b)
}

operator!(Add, add, AddAssign, add_assign, Value::add);
operator!(Sub, sub, SubAssign, sub_assign, difference);
operator!(Mul, mul, MulAssign, mul_assign, Value::mul);

impl<B: Backend> FieldOps for Scalar<'_, B> {
    fn invert(&self) -> Option<Self> {
        let value = self.loader.value(self);
        match self.loader.with(|b| b.invert(&value, "denominator")) {
            Ok(inverse) => Some(self.loader.scalar(inverse)),
            Err(error) => {
                self.loader.fail(error);
                None
            }
        }
    }
}

impl<'a, B: Backend> LoadedScalar<Fr> for Scalar<'a, B> {
    type Loader = Loader<'a, B>;

    fn loader(&self) -> &Loader<'a, B> {
        &self.loader
    }

    /// Square and multiply, but for the exponent that stands for `n`.
    fn pow_const(&self, exponent: u64) -> Self {
        if exponent != ROWS {
            let bits = (0..u64::BITS - exponent.leading_zeros()).rev();
            return bits.fold(self.loader.load_one(), |power, bit| {
                let square = power.clone() * &power;
                match exponent >> bit & 1 {
                    1 => square * self,
                    _ => square,
                }
            });
        }
        let mut power = self.loader.value(self);
        let bits = &self.loader.0.rows_bits;
        let sum = self.loader.with(|backend| {
            bits.iter().fold(backend.constant(Fr::ZERO), |sum, bit| {
                power = backend.mul(&power, &power);
                backend.mul_add(bit, &power, &sum)
            })
        });
        self.loader.scalar(sum)
    }

    fn pow_var(&self, _: &Self, _: usize) -> Self {
        self.loader.unsupported("powers to loaded exponents");
        self.clone()
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
        let equal: Result<(), VerifyError> = self.with(|b_| b_.assert_equal(&a, &b, check));
        if let Err(error) = equal {
            self.fail(error);
        }
    }
}

/// A point that is not computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    Generator,
    /// By place.
    Point(usize),
}

enum Node<'a, B: Backend> {
    Base(Base),
    Sum(Rc<Vec<(Scalar<'a, B>, Base)>>),
}

impl<B: Backend> Clone for Node<'_, B> {
    fn clone(&self) -> Self {
        match self {
            Self::Base(base) => Self::Base(*base),
            Self::Sum(terms) => Self::Sum(terms.clone()),
        }
    }
}

/// A loaded point.
pub(super) struct Point<'a, B: Backend> {
    loader: Loader<'a, B>,
    node: Node<'a, B>,
}

impl<B: Backend> Clone for Point<'_, B> {
    fn clone(&self) -> Self {
        Self {
            loader: self.loader.clone(),
            node: self.node.clone(),
        }
    }
}

impl<B: Backend> fmt::Debug for Point<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            Node::Base(base) => write!(f, "{base:?}"),
            Node::Sum(terms) => write!(f, "Sum of {}", terms.len()),
        }
    }
}

impl<B: Backend> PartialEq for Point<'_, B> {
    fn eq(&self, other: &Self) -> bool {
        match (&self.node, &other.node) {
            (Node::Base(a), Node::Base(b)) => a == b,
            (Node::Sum(a), Node::Sum(b)) => Rc::ptr_eq(a, b),
            _ => false,
        }
    }
}

impl<'a, B: Backend> LoadedEcPoint<G1Affine> for Point<'a, B> {
    type Loader = Loader<'a, B>;

    fn loader(&self) -> &Loader<'a, B> {
        &self.loader
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
