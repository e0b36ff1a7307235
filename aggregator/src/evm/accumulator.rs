//! The KZG accumulator that the circuit exposes: two points whose pairing the contract checks beside the proof's own.
//!
//! # Convention
//! snark-verifier's (`KzgAs::decide`): `e(lhs, G2) · e(rhs, −τ·G2) = 1`, so `lhs = τ·rhs`. The protocol's [`Accumulator`] says
//! `e(left, τ·G2) = e(right, G2)`; therefore **lhs is `right` and rhs is `left`**. The contract folds this pairing with the proof's own by a
//! hash of both.
//!
//! # Layout
//! The 12 leading instances: `lhs.x, lhs.y, rhs.x, rhs.y`, each 3 limbs of 88 bits, least significant first.

use halo2_base::halo2_proofs::halo2curves::{
    CurveAffine,
    bn256::{Fq, Fr, G1Affine},
    ff::PrimeField,
    group::prime::PrimeCurveAffine,
};
use laminate_engine::accumulator::Accumulator;
use laminate_engine::backend::{LIMB_BITS, limbs};
use laminate_model::public::ACCUMULATOR_LIMBS;

use super::error::EvmError;

/// Limbs of a coordinate.
const LIMBS: usize = ACCUMULATOR_LIMBS / 4;

/// The 12 leading instances.
#[must_use]
pub fn accumulator_limbs(accumulator: &Accumulator<G1Affine>) -> [Fr; ACCUMULATOR_LIMBS] {
    let (lhs, rhs) = (&accumulator.right, &accumulator.left);
    let coordinates = [lhs.x, lhs.y, rhs.x, rhs.y].map(|coordinate| limbs(&coordinate));
    let mut instances = coordinates.into_iter().flatten();
    std::array::from_fn(|_| instances.next().unwrap_or_default())
}

/// The accumulator of the leading instances, with the contract's checks: limbs below 2^88 (the topmost below 2^80), coordinates reduced, points on the
/// curve and not infinity.
///
/// # Errors
/// [`EvmError::InstanceCount`], [`EvmError::Accumulator`].
pub fn accumulator_from_limbs(instances: &[Fr]) -> Result<Accumulator<G1Affine>, EvmError> {
    let limbs = instances
        .get(..ACCUMULATOR_LIMBS)
        .ok_or(EvmError::InstanceCount {
            expected: ACCUMULATOR_LIMBS,
            found: instances.len(),
        })?;
    let mut coordinates = limbs
        .chunks_exact(LIMBS)
        .zip(["lhs.x", "lhs.y", "rhs.x", "rhs.y"]);
    let mut next = || match coordinates.next() {
        Some((limbs, part)) => coordinate(limbs, part),
        None => Err(EvmError::Accumulator {
            part: "limbs",
            reason: "too few",
        }),
    };
    let right = point(next()?, next()?, "lhs")?;
    let left = point(next()?, next()?, "rhs")?;
    Ok(Accumulator { left, right })
}

fn coordinate(limbs: &[Fr], part: &'static str) -> Result<Fq, EvmError> {
    let width = LIMB_BITS / 8;
    let mut bytes = [0u8; 32];
    for (limb, target) in limbs.iter().zip(bytes.chunks_mut(width)) {
        let limb = limb.to_repr();
        let (value, above) = limb.split_at(target.len());
        if above.iter().any(|&byte| byte != 0) {
            return Err(EvmError::Accumulator {
                part,
                reason: "a limb is out of range",
            });
        }
        target.copy_from_slice(value);
    }
    Option::from(Fq::from_repr(bytes)).ok_or(EvmError::Accumulator {
        part,
        reason: "not below the field modulus",
    })
}

fn point(x: Fq, y: Fq, part: &'static str) -> Result<G1Affine, EvmError> {
    let point = Option::<G1Affine>::from(G1Affine::from_xy(x, y));
    match point {
        Some(point) if !bool::from(point.is_identity()) => Ok(point),
        Some(_) => Err(EvmError::Accumulator {
            part,
            reason: "the point at infinity",
        }),
        None => Err(EvmError::Accumulator {
            part,
            reason: "not on the curve",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2_base::halo2_proofs::halo2curves::{
        bn256::G1,
        ff::Field,
        group::{Curve, Group},
    };
    use rand::{SeedableRng, rngs::StdRng};

    fn random() -> Accumulator<G1Affine> {
        let mut rng = StdRng::seed_from_u64(1);
        Accumulator {
            left: G1::random(&mut rng).to_affine(),
            right: G1::random(&mut rng).to_affine(),
        }
    }

    #[test]
    fn limbs_round_trip_right_first() {
        let accumulator = random();
        let limbs = accumulator_limbs(&accumulator);
        assert_eq!(accumulator_from_limbs(&limbs).unwrap(), accumulator);
        let radix = Fr::from_u128(1 << 88);
        let low = accumulator.right.x.to_repr();
        let value = Fr::from_u128(
            low.iter()
                .take(11)
                .rev()
                .fold(0, |sum, byte| sum << 8 | u128::from(*byte)),
        );
        assert_eq!(limbs[0], value);
        assert!(
            limbs
                .iter()
                .all(|limb| limb.to_repr() < radix.to_repr() || limb.to_repr()[11..] == [0; 21])
        );
    }

    #[test]
    fn limbs_out_of_range_and_bad_points_are_refused() {
        let good = accumulator_limbs(&random());
        let refused = |limbs: &[Fr]| accumulator_from_limbs(limbs).is_err();
        let radix = Fr::from_u128(1 << 88);
        let mut tried = 0;
        for index in 0..ACCUMULATOR_LIMBS {
            // Out of range, with the value carried to the next limb so that the sum is the same.
            let mut bad = good;
            bad[index] += radix;
            if index % 3 < 2 {
                bad[index + 1] -= Fr::ONE;
            }
            assert!(refused(&bad), "limb {index} above 2^88");
            let mut bad = good;
            bad[index] += Fr::ONE;
            assert!(refused(&bad), "limb {index} + 1");
            tried += 2;
        }
        assert!(refused(&[Fr::ZERO; 12]), "infinity");
        assert!(refused(&good[..11]));
        println!("{} limb vectors tried, 0 accepted", tried + 2);
    }
}
