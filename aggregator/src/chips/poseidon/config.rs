//! Columns and gates.
//!
//! With words `x_i`, constants `c_i`, `u_i` the outputs of a round's S-box layer and `n = M·u` the next
//! state (the next two lines show the cells of a round; `n` is the first row of the next round):
//!
//! | row | a0 | a1 | a2 | a3 | a4 | k0 | k1 |
//! | --- | --- | --- | --- | --- | --- | --- | --- |
//! | full, r | x0 | x1 | x2 | x3 | | c0 | c1 |
//! | full, r+1 | s0 | s1 | s2 | s3 | | c2 | c3 |
//! | partial, r | x0 | x1 | x2 | x3 | s0 | c0 | |
//!
//! - full, selected at its first row: `s_i = (x_i + c_i)²`, `(M⁻¹·n)_i = s_i²·(x_i + c_i)`;
//! - partial, selected one row above it: `s_0 = (x_0 + c_0)²`, `(M⁻¹·n)_0 = s_0²·(x_0 + c_0)`,
//!   `(M⁻¹·n)_i = x_i` for `i = 1, 2, 3`.
//!
//! Both read `n` two rows below the selector, so the sixteen products `M⁻¹·n` are the same
//! expressions in both gates and the generated contract computes them once. `k0` is halo2-base's
//! constants column: its constants fill it from the top, the round constants stand in the chip's rows.
//!
//! Degree 4 with the selector, as halo2-base with range lookups has already.

use halo2_base::gates::circuit::BaseConfig;
use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use halo2_base::halo2_proofs::plonk::{
    Advice, Column, ConstraintSystem, Expression, Fixed, Selector,
};
use halo2_base::halo2_proofs::poly::Rotation;
use laminate_protocol::transcript::poseidon::WIDTH;

use super::COLUMNS;
use super::constants::gate_constants;

/// Columns and selectors of the chip.
#[derive(Clone, Debug)]
pub struct PoseidonConfig {
    /// State words and, in partial rounds, the square.
    pub advice: [Column<Advice>; COLUMNS],
    /// Round constants; the first is shared with halo2-base.
    pub constants: [Column<Fixed>; 2],
    /// Selects full rounds.
    pub full: Selector,
    /// Selects partial rounds, one row above them.
    pub partial: Selector,
}

impl PoseidonConfig {
    /// Adds the chip to `base`; `None` if `base` has fewer than [`COLUMNS`] advice columns or no
    /// constants column.
    pub fn configure(meta: &mut ConstraintSystem<Fr>, base: &BaseConfig<Fr>) -> Option<Self> {
        let gates = base.gate().basic_gates.first()?;
        let advice: Vec<Column<Advice>> = gates.iter().take(COLUMNS).map(|g| g.value).collect();
        let config = Self {
            advice: advice.try_into().ok()?,
            constants: [*base.constants().first()?, meta.fixed_column()],
            full: meta.selector(),
            partial: meta.selector(),
        };
        config.create_gates(meta);
        Some(config)
    }

    fn create_gates(&self, meta: &mut ConstraintSystem<Fr>) {
        let [_, _, _, _, square] = self.advice;
        let [k0, k1] = self.constants;
        meta.create_gate("poseidon full round", |meta| {
            let selector = meta.query_selector(self.full);
            let constants = [(k0, 0), (k1, 0), (k0, 1), (k1, 1)]
                .map(|(column, row)| meta.query_fixed(column, Rotation(row)));
            let mut out = vec![];
            let linear = self.inverse_layer(meta);
            for (i, (constant, linear)) in constants.into_iter().zip(linear).enumerate() {
                let x = meta.query_advice(self.advice[i], Rotation(0)) + constant;
                let s = meta.query_advice(self.advice[i], Rotation(1));
                out.push(selector.clone() * (s.clone() - x.clone() * x.clone()));
                out.push(selector.clone() * (linear - s.clone() * s * x));
            }
            out
        });
        meta.create_gate("poseidon partial round", |meta| {
            let selector = meta.query_selector(self.partial);
            let constant = meta.query_fixed(k0, Rotation(1));
            let x = meta.query_advice(self.advice[0], Rotation(1)) + constant;
            let s = meta.query_advice(square, Rotation(1));
            let mut out = vec![selector.clone() * (s.clone() - x.clone() * x.clone())];
            for (i, linear) in self.inverse_layer(meta).into_iter().enumerate() {
                let word = if i == 0 {
                    s.clone() * s.clone() * x.clone()
                } else {
                    meta.query_advice(self.advice[i], Rotation(1))
                };
                out.push(selector.clone() * (linear - word));
            }
            out
        });
    }

    /// `M⁻¹·n` with `n` two rows below.
    fn inverse_layer(
        &self,
        meta: &mut halo2_base::halo2_proofs::plonk::VirtualCells<'_, Fr>,
    ) -> [Expression<Fr>; WIDTH] {
        let next: [Expression<Fr>; WIDTH] =
            std::array::from_fn(|i| meta.query_advice(self.advice[i], Rotation(2)));
        gate_constants().mds_inverse.map(|row| {
            row.into_iter()
                .zip(&next)
                .map(|(m, n)| n.clone() * m)
                .reduce(|a, b| a + b)
                .unwrap_or(Expression::Constant(Fr::zero()))
        })
    }
}
