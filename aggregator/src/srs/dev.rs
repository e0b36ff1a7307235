//! The development string: from a secret that is public on purpose, so that it can be made in seconds and by anyone.
//!
//! `ParamsKZG::setup` multiplies twice a point by a full scalar with a constant-time ladder, 2^(k+1) times. Here the
//! secret is known, so both bases are scalars first (`τ^i`, and `L_i(τ) = (τ^n − 1)·ω^i / (n·(τ − ω^i))`) and then
//! multiples of one point ([`super::fixed_base`]).

use halo2_base::halo2_proofs::halo2curves::{
    bn256::{Fr, G1Affine, G2, G2Affine},
    ff::{Field, FromUniformBytes, PrimeField},
    group::Curve,
};
use rayon::prelude::*;
use sha2::{Digest, Sha512};

use super::{MAX_LAGRANGE_K, Parts, fixed_base::FixedBase};

/// The public label that the development secret is hashed from.
const LABEL: &[u8] =
    b"laminate development srs v1: this secret is public, proofs under it prove nothing";

/// Scalars computed by one task.
const CHUNK: usize = 1 << 12;

/// The development secret: `sha512(LABEL) mod r`.
pub(super) fn development_tau() -> Fr {
    Fr::from_uniform_bytes(&Sha512::digest(LABEL).into())
}

/// Points made between two calls of `progress`.
const STEP: usize = 1 << 16;

/// The string of 2^`k` powers of `tau`, with its Lagrange basis up to [`MAX_LAGRANGE_K`].
///
/// `tau` must not be a 2^k-th root of unity (the development secret is not one, for any k).
pub(super) fn parts_from_tau(k: u32, tau: Fr, progress: &(dyn Fn(u64, u64) + Sync)) -> Parts {
    let table = FixedBase::new(G1Affine::generator());
    let basis = k <= MAX_LAGRANGE_K;
    let total = (1 + u64::from(basis)) << k;
    let multiply = |scalars: Vec<Fr>, before: u64| {
        let mut points = Vec::with_capacity(scalars.len());
        for scalars in scalars.chunks(STEP) {
            points.extend(table.multiply(scalars));
            progress(before + points.len() as u64, total);
        }
        points
    };
    let g = multiply(powers(tau, 1 << k), 0);
    let g_lagrange = if basis {
        multiply(lagrange_at(tau, k), 1 << k)
    } else {
        vec![]
    };
    Parts {
        k,
        g,
        g_lagrange,
        g2: G2Affine::generator(),
        s_g2: (G2::generator() * tau).to_affine(),
    }
}

/// `[1, base, …, base^(n − 1)]`, in parallel.
pub(super) fn powers(base: Fr, n: usize) -> Vec<Fr> {
    let mut values = vec![Fr::ONE; n];
    values
        .par_chunks_mut(CHUNK)
        .enumerate()
        .for_each(|(chunk, values)| {
            let mut power = base.pow_vartime([(chunk * CHUNK) as u64]);
            for value in values {
                *value = power;
                power *= base;
            }
        });
    values
}

/// `[L_0(x), …, L_(n−1)(x)]` over the domain of the n = 2^k-th roots of unity, for `x` outside of it.
pub(super) fn lagrange_at(x: Fr, k: u32) -> Vec<Fr> {
    let n = 1u64 << k;
    let scale = (x.pow_vartime([n]) - Fr::ONE) * Fr::TWO_INV.pow_vartime([u64::from(k)]);
    let mut values = powers(root_of_unity(k), 1 << k);
    values.par_chunks_mut(CHUNK).for_each(|values| {
        // Inverses of (x − ω^i) by prefix products; none is zero by the condition on x.
        let mut prefixes = Vec::with_capacity(values.len());
        let mut product = Fr::ONE;
        for root in values.iter() {
            prefixes.push(product);
            product *= x - root;
        }
        let mut inverse = Option::<Fr>::from(product.invert()).unwrap_or(Fr::ZERO) * scale;
        for (value, prefix) in values.iter_mut().zip(prefixes).rev() {
            let root = *value;
            *value = inverse * prefix * root;
            inverse *= x - root;
        }
    });
    values
}

/// halo2's generator of the 2^k-th roots of unity.
pub(super) fn root_of_unity(k: u32) -> Fr {
    (k..Fr::S).fold(Fr::ROOT_OF_UNITY, |root, _| root.square())
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2_base::halo2_proofs::{
        halo2curves::{bn256::Bn256, serde::SerdeObject},
        poly::{commitment::Params, kzg::commitment::ParamsKZG},
    };
    use rand::{SeedableRng, rngs::StdRng};

    #[test]
    fn matches_the_library_setup() {
        for k in [1u32, 2, 5, 9] {
            let expected = ParamsKZG::<Bn256>::setup(k, StdRng::seed_from_u64(u64::from(k)));
            let tau = Fr::random(StdRng::seed_from_u64(u64::from(k)));
            let mut bytes = Vec::new();
            expected.write(&mut bytes).unwrap();
            let parts = parts_from_tau(k, tau, &|_, _| {});
            let mut found = k.to_le_bytes().to_vec();
            for point in parts.g.iter().chain(&parts.g_lagrange) {
                found.extend(point.to_raw_bytes());
            }
            found.extend(parts.g2.to_raw_bytes());
            found.extend(parts.s_g2.to_raw_bytes());
            assert!(bytes == found, "k = {k}");
        }
    }

    #[test]
    fn development_secret_is_fixed() {
        let tau = development_tau();
        assert_eq!(
            super::super::origin::hex(&tau.to_bytes()),
            "04d79c1c47d10d849d30886e8fcea426cbdf55372e2f815ae041fef568c91101"
        );
        assert_ne!(tau.pow_vartime([1 << 28]), Fr::ONE);
    }
}
