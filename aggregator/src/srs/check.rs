//! Whether a string is what it claims to be: generators, non-degenerate and unknown secret, consecutive powers, Lagrange basis.
//!
//! Points are on the curve (and G2 points in the subgroup) before this module sees them; G1 of BN254 has no other subgroup.
//!
//! # Soundness
//! With `z` random, `A = Σ_i z^i·P_i` over all n powers. The powers are consecutive iff `P_(i+1) = τ·P_i` for each i; combined with
//! `z^i`: `(A − P_0)/z = τ·(A − z^(n−1)·P_(n−1))`, a polynomial identity in `z` of degree below n, so a wrong string passes with
//! probability below n/r < 2^-230. The evaluations of `Σ_i z^i·X^i` on the domain are `(z^n − 1)/(z·ω^i − 1)`, so the Lagrange points must
//! give the same `A`, with the same error. One multi-scalar multiplication each. `z` comes from the system's generator, after the string is fixed.

use halo2_base::halo2_proofs::{
    arithmetic::best_multiexp,
    halo2curves::{
        bn256::{Bn256, Fr, G1, G1Affine, G2Affine},
        ff::Field,
        group::{Curve, Group},
        pairing::{Engine, MillerLoopResult, MultiMillerLoop},
    },
};
use rand::rngs::OsRng;

use super::{
    dev::{lagrange_at, powers},
    error::{PointList, SrsError},
    origin::{Origin, refuse_public_secret},
};

/// What is checked, borrowed from a string.
pub(super) struct View<'a> {
    pub(super) k: u32,
    pub(super) g: &'a [G1Affine],
    /// Empty in a string for commitments only.
    pub(super) g_lagrange: &'a [G1Affine],
    pub(super) g2: &'a G2Affine,
    pub(super) s_g2: &'a G2Affine,
}

/// Every check of this module.
///
/// # Errors
/// The first refusal, in the order of the module's title.
pub(super) fn check(srs: &View<'_>, origin: &Origin) -> Result<(), SrsError> {
    check_generators(srs)?;
    check_secret(srs, origin)?;
    let z = random_point(srs.k);
    let combination = check_powers(srs, z)?;
    if srs.g_lagrange.is_empty() {
        return Ok(());
    }
    check_lagrange(srs, z, &combination)
}

fn check_generators(srs: &View<'_>) -> Result<(), SrsError> {
    if srs.g.first() != Some(&G1Affine::generator()) {
        return Err(SrsError::Generator {
            list: PointList::Powers,
        });
    }
    if *srs.g2 != G2Affine::generator() {
        return Err(SrsError::Generator {
            list: PointList::G2,
        });
    }
    Ok(())
}

fn check_secret(srs: &View<'_>, origin: &Origin) -> Result<(), SrsError> {
    if !origin.is_development() {
        refuse_public_secret(srs.s_g2)?;
    }
    // τ^n = 1 iff τ·τ^(n−1) = 1; then the Lagrange basis holds zeros.
    let (Some(first), Some(last)) = (srs.g.first(), srs.g.last()) else {
        return Err(SrsError::Generator {
            list: PointList::Powers,
        });
    };
    if pairings_equal(last, srs.s_g2, first, srs.g2) {
        return Err(SrsError::Degenerate {
            reason: "τ is a root of unity of the domain",
        });
    }
    Ok(())
}

/// Returns `A` of the module's documentation.
fn check_powers(srs: &View<'_>, z: Fr) -> Result<G1, SrsError> {
    let failure = SrsError::Powers { k: srs.k };
    let coefficients = powers(z, srs.g.len());
    let combination = best_multiexp(&coefficients, srs.g);
    let (Some(first), Some(last), Some(top)) = (srs.g.first(), srs.g.last(), coefficients.last())
    else {
        return Err(failure);
    };
    let z_inverse = Option::<Fr>::from(z.invert()).unwrap_or(Fr::ZERO);
    let shifted = ((combination - first) * z_inverse).to_affine();
    let lower = (combination - *last * top).to_affine();
    if pairings_equal(&shifted, srs.g2, &lower, srs.s_g2) {
        Ok(combination)
    } else {
        Err(failure)
    }
}

fn check_lagrange(srs: &View<'_>, z: Fr, combination: &G1) -> Result<(), SrsError> {
    // (z^n − 1)/(z·ω^i − 1): with x = 1/z, L_i(x) = (x^n − 1)·ω^i/(n·(x − ω^i)), so this is n·z^(n−1)·(ω^-i)·L_i(x).
    let (k, n) = (srs.k, srs.g.len() as u64);
    let x = Option::<Fr>::from(z.invert()).unwrap_or(Fr::ZERO);
    let omega_inverse =
        Option::<Fr>::from(super::dev::root_of_unity(k).invert()).unwrap_or(Fr::ZERO);
    let scale = Fr::from(n) * z.pow_vartime([n - 1]);
    let mut evaluations = lagrange_at(x, k);
    for (value, factor) in evaluations
        .iter_mut()
        .zip(powers(omega_inverse, srs.g.len()))
    {
        *value *= factor * scale;
    }
    if best_multiexp(&evaluations, srs.g_lagrange) == *combination {
        Ok(())
    } else {
        Err(SrsError::Lagrange { k })
    }
}

/// A random point outside of the domain and of zero.
fn random_point(k: u32) -> Fr {
    loop {
        let z = Fr::random(OsRng);
        if z != Fr::ZERO && z.pow_vartime([1u64 << k]) != Fr::ONE {
            return z;
        }
    }
}

/// `e(a, b) = e(c, d)`.
fn pairings_equal(a: &G1Affine, b: &G2Affine, c: &G1Affine, d: &G2Affine) -> bool {
    let minus_c = -*c;
    let (b, d) = (
        <Bn256 as MultiMillerLoop>::G2Prepared::from(*b),
        <Bn256 as MultiMillerLoop>::G2Prepared::from(*d),
    );
    let result: <Bn256 as Engine>::Gt =
        Bn256::multi_miller_loop(&[(a, &b), (&minus_c, &d)]).final_exponentiation();
    bool::from(result.is_identity())
}
