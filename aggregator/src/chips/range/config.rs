//! Columns and the gate.
//!
//! | row | a0 | a1 | a2 | a3 | selector |
//! | --- | --- | --- | --- | --- | --- |
//! | 0 | `z_0` | `z'_0` | `z''_0` | `z'''_0` | 1 |
//! | 1 | `z_1` | `z'_1` | `z''_1` | `z'''_1` | 1 |
//! | … | | | | | 1 |
//! | m | 0 | 0 | 0 | 0 | 0 |
//!
//! In each column `d = z - 4·z₊` satisfies `d·(d - 1)·(d - 2)·(d - 3) = 0`: degree 5 with the selector.

use halo2_base::gates::circuit::BaseConfig;
use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use halo2_base::halo2_proofs::plonk::{Advice, Column, ConstraintSystem, Expression, Selector};
use halo2_base::halo2_proofs::poly::Rotation;

use super::COLUMNS;

/// Columns and selector of the chip.
#[derive(Clone, Debug)]
pub struct RangeConfig {
    /// Running sums.
    pub advice: [Column<Advice>; COLUMNS],
    /// Selects rows whose digit is checked.
    pub selector: Selector,
}

impl RangeConfig {
    /// Adds the chip to `base`; `None` if `base` has fewer than [`COLUMNS`] advice columns.
    pub fn configure(meta: &mut ConstraintSystem<Fr>, base: &BaseConfig<Fr>) -> Option<Self> {
        let gates = base.gate().basic_gates.first()?;
        let advice: Vec<Column<Advice>> = gates.iter().take(COLUMNS).map(|g| g.value).collect();
        let config = Self {
            advice: advice.try_into().ok()?,
            selector: meta.selector(),
        };
        meta.create_gate("digit of two bits", |meta| {
            let selector = meta.query_selector(config.selector);
            config.advice.map(|column| {
                let above = meta.query_advice(column, Rotation::cur());
                let digit = above - meta.query_advice(column, Rotation::next()) * Fr::from(4);
                let less = |d: u64| digit.clone() - Expression::Constant(Fr::from(d));
                selector.clone() * digit.clone() * less(1) * less(2) * less(3)
            })
        });
        Some(config)
    }
}
