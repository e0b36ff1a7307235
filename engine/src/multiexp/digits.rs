//! The terms, which the verifier knows, against the committed points and digits.

use halo2curves_axiom::bn256::{Fr, G1Affine};
use halo2curves_axiom::ff::Field;

use super::chunks::LIMB_BITS;
use super::{Combination, FIXED_POSITIONS, Multiexp, WINDOW_LOG, multiples, steps};
use crate::backend::{self, Backend};
use crate::claim::{EvalClaim, View};
use crate::field::pow2;
use crate::geometry::Block;
use crate::poly::eq;
use crate::switch::on;

/// Limbs of 16 bits in a point's encoding ([`backend::point_scalars`]) below the cut between its scalars:
/// `e0 = x mod 2^176`, `e1 = y mod 2^176`, `e2 = (x >> 176) + 2^88·(y >> 176)`.
const LOW_LIMBS: usize = 2 * backend::LIMB_BITS / LIMB_BITS;

/// Claims that the points' limbs and the scalars' digits are those of `terms`, at the positions' point.
///
/// All are linear in the columns, so there is no message. The digits `d_j` of a scalar satisfy
/// `Σ_j 4^(127-j)·d_j = s`; as `4^(127-j)` is a product over the bits of `j`, the sum is a multiple of the
/// column's extension at a fixed point.
pub(super) fn claims<B: Backend>(
    backend: &mut B,
    multiexp: &Multiexp,
    (terms, own): Combination<'_, B::Scalar, B::Point>,
    positions: &[B::Scalar],
) -> Vec<EvalClaim<B::Scalar>> {
    let (windows, total) = window_point();
    let generator = backend::point_scalars(&G1Affine::generator()).map(|e| backend.constant(e));
    let filled = 1usize << multiexp.log;
    let mut scalars = vec![backend.constant(total); steps::DOUBLINGS];
    scalars.push(own.clone());
    let mut points = vec![generator.clone(); FIXED_POSITIONS];
    for (scalar, point) in terms {
        scalars.push(scalar.clone());
        points.push(backend.encode_point(point));
    }
    scalars.resize(filled, backend.constant(Fr::ZERO));
    points.resize(filled, generator);

    let mut claims = vec![];
    let weights = eq::table_of(backend, positions);
    let sum = |backend: &mut B, values: &mut dyn Iterator<Item = &B::Scalar>| {
        let mut sum = backend.constant(Fr::ZERO);
        for (weight, value) in weights.iter().zip(values) {
            sum = backend.mul_add(weight, value, &sum);
        }
        sum
    };
    let claimed = [
        on("low limbs of an abscissa"),
        on("low limbs of an ordinate"),
        on("high limbs of a point"),
    ];
    for ((i, view), claimed) in encodings(multiexp).into_iter().enumerate().zip(claimed) {
        if !claimed {
            continue;
        }
        let value = sum(backend, &mut points.iter().filter_map(|e| e.get(i)));
        claims.push(EvalClaim {
            view,
            point: positions.to_vec(),
            value,
        });
    }
    if !on("digits of a scalar") {
        return claims;
    }
    let value = sum(backend, &mut scalars.iter());
    let inverse = Option::from(total.invert()).unwrap_or(Fr::ZERO);
    let mut point: Vec<B::Scalar> = windows.iter().map(|u| backend.constant(*u)).collect();
    point.extend_from_slice(positions);
    claims.push(EvalClaim {
        view: digits(multiexp),
        value: backend.linear(Fr::ZERO, &[(inverse, value)]),
        point,
    });
    claims
}

/// The point `u` and the factor `Π (4^(2^i) + 1)` with `Σ_j 4^(127-j)·f(j) = factor·f(u)`.
fn window_point() -> ([Fr; WINDOW_LOG], Fr) {
    let mut factor = Fr::ONE;
    let point = std::array::from_fn(|i| {
        let sum = pow2(2 << (WINDOW_LOG - 1 - i)) + Fr::ONE;
        factor *= sum;
        Option::from(sum.invert()).unwrap_or(Fr::ZERO)
    });
    (point, factor)
}

/// `1 + 2·large - 2·negative - 4·both`: the digit.
fn digits(multiexp: &Multiexp) -> View {
    let mut view = View::limbs(Fr::ONE, &[], LIMB_BITS);
    let coefficients = [Fr::from(2), -Fr::from(2), -Fr::from(4)];
    for (block, coefficient) in multiexp.columns.flags.iter().zip(coefficients) {
        let column = View::block(*block);
        view.terms.extend(column.terms.into_iter().map(|mut term| {
            term.coefficient = coefficient;
            term
        }));
    }
    view
}

/// The scalars of the points' encodings as columns.
fn encodings(multiexp: &Multiexp) -> [View; 3] {
    let integers = &multiexp.columns.multiples.integers;
    let limbs = |at: usize| -> (&[Block], &[Block]) {
        let limbs = integers
            .get(multiples::POINT + at)
            .map_or(&[] as &[_], Vec::as_slice);
        limbs.split_at(LOW_LIMBS.min(limbs.len()))
    };
    let ((x_low, x_high), (y_low, y_high)) = (limbs(0), limbs(1));
    let view = |blocks: &[Block]| View::limbs(Fr::ZERO, blocks, LIMB_BITS);
    let shift = pow2(backend::LIMB_BITS);
    [
        view(x_low),
        view(y_low),
        view(y_high).scale_add(shift, &view(x_high)),
    ]
}
