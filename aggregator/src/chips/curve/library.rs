//! Group operations from halo2-ecc: coordinates of three 88-bit limbs, complete for every input.
//!
//! `variable_base_msm` and `fixed_base_msm` start from a prover-chosen point and use strict additions
//! (`x` coordinates proven different) in every step that a prover could steer, so equal or opposite
//! points make the circuit unsatisfiable instead of unsound. The final subtraction accepts the
//! identity, encoded `(0, 0)`; [`LibraryCurve::msm`] refuses it.

use halo2_base::gates::circuit::builder::BaseCircuitBuilder;
use halo2_base::gates::{GateInstructions, RangeChip, RangeInstructions};
use halo2_base::halo2_proofs::halo2curves::bn256::{Fq, Fr, G1Affine};
use halo2_base::{AssignedValue, Context};
use halo2_ecc::bigint::ProperCrtUint;
use halo2_ecc::ecc::{EcPoint, EccChip};
use halo2_ecc::fields::FieldChip;
use halo2_ecc::fields::fp::FpChip;
use laminate_protocol::backend::LIMB_BITS;

/// Limbs of a coordinate.
pub const LIMBS: usize = 3;
/// Bits of a scalar.
const SCALAR_BITS: usize = 254;

/// A point on the curve, not the identity, with coordinates below the field modulus.
pub type Point = EcPoint<Fr, ProperCrtUint<Fr>>;

/// Limbs `[x0, x1, x2]`, `[y0, y1, y2]` of a point.
pub fn limbs(point: &Point) -> [[AssignedValue<Fr>; LIMBS]; 2] {
    [point.x(), point.y()].map(|c| std::array::from_fn(|i| c.limbs()[i]))
}

/// Curve operations over halo2-ecc.
#[derive(Clone, Debug)]
pub struct LibraryCurve {
    range: RangeChip<Fr>,
}

impl LibraryCurve {
    /// Operations that use `range` for their range checks.
    pub fn new(range: RangeChip<Fr>) -> Self {
        Self { range }
    }

    fn field(&self) -> FpChip<'_, Fr, Fq> {
        FpChip::new(&self.range, LIMB_BITS, LIMBS)
    }

    /// Loads a point: on the curve, which excludes the identity's encoding `(0, 0)`, and with
    /// coordinates below the modulus, so its limbs are unique.
    pub fn load(&self, ctx: &mut Context<Fr>, point: &G1Affine) -> Point {
        let field = self.field();
        let chip = EccChip::new(&field);
        let loaded = chip.load_private::<G1Affine>(ctx, (point.x, point.y));
        self.reduce(ctx, &loaded);
        loaded
    }

    fn reduce(&self, ctx: &mut Context<Fr>, point: &Point) {
        let field = self.field();
        field.enforce_less_than_p(ctx, point.x().clone());
        field.enforce_less_than_p(ctx, point.y().clone());
    }

    /// `Σ scalar·point + Σ unit + generator·G`. The result is not the identity and its coordinates
    /// are below the modulus.
    pub fn msm(
        &self,
        builder: &mut BaseCircuitBuilder<Fr>,
        pairs: &[(AssignedValue<Fr>, Point)],
        units: &[Point],
        generator: Option<AssignedValue<Fr>>,
    ) -> Point {
        let field = self.field();
        let chip = EccChip::new(&field);
        let pool = builder.pool(0);
        let mut terms = units.to_vec();
        if !pairs.is_empty() {
            let points: Vec<Point> = pairs.iter().map(|(_, p)| p.clone()).collect();
            let scalars = pairs.iter().map(|(s, _)| vec![*s]).collect();
            terms.push(chip.variable_base_msm::<G1Affine>(pool, &points, scalars, SCALAR_BITS));
        }
        if let Some(scalar) = generator {
            let generator = [G1Affine::generator()];
            let scalars = vec![vec![scalar]];
            terms.push(chip.fixed_base_msm(pool, &generator, scalars, SCALAR_BITS));
        }
        let ctx = builder.main(0);
        let sum = chip.sum::<G1Affine>(ctx, terms);
        let is_zero = field.is_soft_zero(ctx, sum.y().clone());
        self.range
            .gate()
            .assert_is_const(ctx, &is_zero, &Fr::zero());
        self.reduce(ctx, &sum);
        sum
    }
}
