//! Scalars.
//!
//! A product is made when it is needed as such: one that is added to something becomes a gate `a·b + c` with the sum, and constant factors wait for the sum
//! they end in.

use std::fmt;
use std::ops::{Add, AddAssign, Mul, MulAssign, Neg, Sub, SubAssign};
use std::rc::Rc;

use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use halo2_base::halo2_proofs::halo2curves::ff::Field;
use laminate_engine::backend::Backend;
use snark_verifier::loader::{LoadedScalar, ScalarLoader};
use snark_verifier::util::arithmetic::FieldOps;

use super::Loader;
use crate::evm::template::ROWS;

/// A value, or what it will be made of.
pub(super) enum Value<S> {
    /// Known to the verifier.
    Constant(Fr),
    /// A multiple of a value.
    Scaled(Fr, S),
    /// A product.
    Product(S, S),
}

impl<S: Clone> Value<S> {
    pub(super) fn make<B: Backend<Scalar = S>>(&self, backend: &mut B) -> S {
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
pub(in super::super) struct Scalar<'a, B: Backend> {
    pub(super) loader: Loader<'a, B>,
    pub(super) value: Rc<Value<B::Scalar>>,
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
        let value = self.loader.value(self);
        let domain = &self.loader.0.domain;
        let power = self
            .loader
            .with(|backend| domain.rows_power(backend, value));
        self.loader.scalar(power)
    }

    fn pow_var(&self, _: &Self, _: usize) -> Self {
        self.loader.unsupported("powers to loaded exponents");
        self.clone()
    }
}
