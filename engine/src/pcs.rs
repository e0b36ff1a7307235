//! Multilinear openings of univariate KZG commitments with a constant number of group elements.
//!
//! A vector `f` of `N = 2^n` values is committed as the polynomial `f(X) = Σ f_i X^i`. Its multilinear
//! evaluation at `u` is the inner product `<f, eq(u, ·)>`, and
//! `P_u(X) = Σ_i eq(u, i) X^i = Π_k ((1-u_k) + u_k X^{2^{n-1-k}})` is evaluated in `O(n)`. With
//!
//! `f(X)·P(1/X) + f(1/X)·P(X) = 2v + X·S(X) + X^{-1}·S(1/X)`
//!
//! the constant term of the left side is `2<f, P>`, so committing to a polynomial `S` shows `v`
//! (the inner-product step of Mercury, eprint 2025/385, and Samaritan, 2025/419, applied to the
//! whole vector). `f` and `S` are opened at `z` and `1/z` by the two-step batch opening of
//! Boneh–Drake–Fisch–Gabizon (eprint 2020/81, §4).
//!
//! Coefficients of `f` above `N` do not matter: `P` has none there. So every committed row carries a
//! random coefficient of `X^N`, its *blind*, which makes the commitment hiding; a reference string must
//! have `N + 1` powers. `S` needs no degree bound: any polynomial leaves the constant term alone.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use serde::{Deserialize, Serialize};

use crate::backend::Backend;
use crate::error::VerifyError;
use crate::transcript::Transcript;

/// Messages of one opening.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PcsProof<S, P> {
    /// Commitment to `S`.
    pub inner: P,
    /// `f(z)`
    pub value_z: S,
    /// `f(1/z)`
    pub value_inverse: S,
    /// `S(z)`; `S(1/z)` follows from the identity.
    pub inner_z: S,
    /// Commitment to the quotient of `f + γS` by `(X - z)(X - 1/z)`.
    pub quotient: P,
    /// The KZG opening proof at `y`.
    pub opening: P,
}

/// What is left to check of an opening of a vector under the commitment `C`:
/// `e(W, [τ]_2) = e(C + Σ scalar·point + generator·G, [1]_2)`, with `W` the last point.
#[must_use = "an opening proves nothing until its pairing is checked"]
#[derive(Clone, Debug)]
pub struct OpeningTerms<S, P> {
    /// Terms of the right side beside the commitment: `S`, the quotient and the KZG proof `W`.
    pub terms: [(S, P); 3],
    /// Scalar of the generator.
    pub generator: S,
}

/// `P_u(x)`.
pub fn eq_polynomial<B: Backend>(backend: &mut B, point: &[B::Scalar], x: &B::Scalar) -> B::Scalar {
    let mut power = x.clone();
    let mut acc: Option<B::Scalar> = None;
    for u in point.iter().rev() {
        // 1 - u + u·x^(2^k)
        let rest = backend.linear(Fr::ONE, &[(-Fr::ONE, u.clone())]);
        let factor = backend.mul_add(u, &power, &rest);
        acc = Some(match acc {
            None => factor,
            Some(acc) => backend.mul(&acc, &factor),
        });
        power = backend.mul(&power, &power);
    }
    acc.unwrap_or_else(|| backend.constant(Fr::ONE))
}

/// Verifies that a committed vector evaluates to `value` at `point`, up to the returned pairing. The
/// commitment itself enters there only; the transcript must have absorbed what it is made of.
///
/// # Errors
/// [`VerifyError::Degenerate`] for the negligible challenges `z = 0` or `z = ±1`.
///
/// # Soundness
/// `(3D + 5) / |Fr|` in the algebraic group model for a reference string of degree `D`, once the
/// pairing holds.
pub fn verify<B: Backend>(
    backend: &mut B,
    transcript: &mut Transcript<B>,
    point: &[B::Scalar],
    value: &B::Scalar,
    proof: &PcsProof<B::Scalar, B::Point>,
) -> Result<OpeningTerms<B::Scalar, B::Point>, VerifyError> {
    transcript.absorb_point(backend, "opening inner commitment", &proof.inner);
    let z = transcript.challenge(backend, "opening z");
    let z_inverse = backend.invert(&z, "opening challenge z")?;
    transcript.absorb(
        "opening values",
        &[
            proof.value_z.clone(),
            proof.value_inverse.clone(),
            proof.inner_z.clone(),
        ],
    );
    let gamma = transcript.challenge(backend, "opening gamma");

    // S(1/z) = z·(f(z)P(1/z) + f(1/z)P(z) - 2v - z·S(z))
    let p_z = eq_polynomial(backend, point, &z);
    let p_inverse = eq_polynomial(backend, point, &z_inverse);
    let left = backend.mul(&proof.value_z, &p_inverse);
    let left = backend.mul_add(&proof.value_inverse, &p_z, &left);
    let shifted = backend.mul(&z, &proof.inner_z);
    let rest = backend.linear(
        Fr::ZERO,
        &[
            (Fr::ONE, left),
            (-Fr::from(2), value.clone()),
            (-Fr::ONE, shifted),
        ],
    );
    let inner_inverse = backend.mul(&z, &rest);

    // F = f + γS at z and 1/z; R interpolates both.
    let at_z = backend.mul_add(&gamma, &proof.inner_z, &proof.value_z);
    let at_inverse = backend.mul_add(&gamma, &inner_inverse, &proof.value_inverse);
    transcript.absorb_point(backend, "opening quotient", &proof.quotient);
    let y = transcript.challenge(backend, "opening y");
    let y_minus_z = backend.sub(&y, &z);
    let gap = backend.sub(&z_inverse, &z);
    let gap = backend.invert(&gap, "opening challenge 1/z - z")?;
    let rise = backend.sub(&at_inverse, &at_z);
    let slope = backend.mul(&rise, &gap);
    let remainder = backend.mul_add(&y_minus_z, &slope, &at_z);
    let y_minus_inverse = backend.sub(&y, &z_inverse);
    let vanishing = backend.mul(&y_minus_z, &y_minus_inverse);

    // [F] - R(y)·G - Z(y)·[Q] + y·[W] = τ·[W]
    let zero = backend.constant(Fr::ZERO);
    Ok(OpeningTerms {
        terms: [
            (gamma, proof.inner.clone()),
            (backend.sub(&zero, &vanishing), proof.quotient.clone()),
            (y, proof.opening.clone()),
        ],
        generator: backend.sub(&zero, &remainder),
    })
}
