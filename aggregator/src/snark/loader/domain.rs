//! The key's domain behind the [stand-in domain](crate::evm::template).
//!
//! The powers of ω, `1/n` and the power to `n` that the verifier takes for constants are recognised and computed from the key's words. With the bits `b_i`
//! of `n`, one of which is 1, `z^n = Σ b_i·z^(2^i)`.

use std::cell::RefCell;
use std::collections::HashMap;

use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use halo2_base::halo2_proofs::halo2curves::ff::Field;
use laminate_engine::backend::Backend;

use super::super::key::Key;
use crate::evm::template::{MAX_ROTATION, stand_in};

/// The key's domain behind the stand-ins.
pub(super) struct Domain<S> {
    /// Stands for `1/n`.
    stand_in: Fr,
    rows_inverse: S,
    /// Stand-ins of the powers of ω.
    exponents: HashMap<Fr, i32>,
    /// ω and `1/ω`, and the powers that were asked for.
    powers: RefCell<HashMap<i32, S>>,
    /// Bits of `n` from 2 on.
    rows_bits: Vec<S>,
}

impl<S: Clone> Domain<S> {
    /// For a key and the bits of its rows from 2 on ([`Key::domain`]).
    pub(super) fn new<P>(key: &Key<S, P>, rows_bits: Vec<S>) -> Self {
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
            rows_bits,
        }
    }

    /// What a constant stands for, if for anything.
    pub(super) fn resolve<B: Backend<Scalar = S>>(
        &self,
        backend: &mut B,
        constant: &Fr,
    ) -> Option<S> {
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

    /// `value^n`.
    pub(super) fn rows_power<B: Backend<Scalar = S>>(&self, backend: &mut B, value: S) -> S {
        let mut power = value;
        let mut sum = backend.constant(Fr::ZERO);
        for bit in &self.rows_bits {
            power = backend.mul(&power, &power);
            sum = backend.mul_add(bit, &power, &sum);
        }
        sum
    }
}
