//! The points, each with its double and triple: one row a position of a window.
//!
//! A row shows that its point is on the curve, `y² = x³ + 3`, and computes `2P` by the tangent and `3P = 2P +
//! P` by the chord. The group has prime order, so `y ≠ 0` and `2P ≠ ±P`: both slopes are unique.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use super::sheet::{Challenge, Row};
use crate::backend::Backend;
use crate::switch::on;

/// Integers of a row: `x, y, x², λ, 2P.x, 2P.y, μ, 3P.x, 3P.y`.
pub const INTEGERS: usize = 9;
/// The point.
pub const POINT: usize = 0;
/// Its triple.
pub const TRIPLE: usize = 7;
/// Identities modulo the base field.
pub const IDENTITIES: usize = 8;
/// Degree of the zero-check's rounds.
pub const DEGREE: usize = 3;

/// The joined identities of a row; zero in every row.
pub fn identities<B: Backend>(
    backend: &mut B,
    challenge: &Challenge<B::Scalar>,
    row: &Row<B::Scalar>,
) -> Option<B::Scalar> {
    let [
        x,
        y,
        square,
        tangent,
        double_x,
        double_y,
        chord,
        triple_x,
        triple_y,
    ] = row.integers.as_slice()
    else {
        return None;
    };
    let (one, two) = (Fr::ONE, Fr::from(2));
    let mut left = vec![];
    // x² and the curve.
    let xx = backend.mul(x, x);
    left.push(backend.sub(&xx, square));
    let yy = backend.mul(y, y);
    let cube = backend.mul(square, x);
    left.push(backend.linear(-Fr::from(3), &[(one, yy), (-one, cube)]));
    // The double.
    let rise = backend.mul(tangent, y);
    left.push(backend.linear(Fr::ZERO, &[(two, rise), (-Fr::from(3), xx)]));
    left.extend(third(backend, tangent, [x, y], x, [double_x, double_y]));
    // The triple.
    let run = backend.sub(double_x, x);
    let run = backend.mul(chord, &run);
    left.push(backend.linear(
        Fr::ZERO,
        &[(one, run), (-one, double_y.clone()), (one, y.clone())],
    ));
    left.extend(third(
        backend,
        chord,
        [x, y],
        double_x,
        [triple_x, triple_y],
    ));
    let pairs = left.iter().zip(&row.rests);
    let all: Vec<B::Scalar> = pairs.map(|(a, b)| backend.add(a, b)).collect();
    let checked = [
        on("square of an abscissa"),
        on("point on the curve"),
        on("tangent of a double"),
        on("abscissa of a double"),
        on("ordinate of a double"),
        on("chord of a triple"),
        on("abscissa of a triple"),
        on("ordinate of a triple"),
    ];
    Some(challenge.join(backend, all, &checked))
}

/// `λ² - a.x - b.x - c.x` and `λ·(a.x - c.x) - a.y - c.y`.
fn third<B: Backend>(
    backend: &mut B,
    slope: &B::Scalar,
    a: [&B::Scalar; 2],
    b_x: &B::Scalar,
    c: [&B::Scalar; 2],
) -> [B::Scalar; 2] {
    let one = Fr::ONE;
    let square = backend.mul(slope, slope);
    let run = backend.sub(a[0], c[0]);
    let run = backend.mul(slope, &run);
    let minus = |value: &B::Scalar| (-one, value.clone());
    [
        backend.linear(
            Fr::ZERO,
            &[(one, square), minus(a[0]), minus(b_x), minus(c[0])],
        ),
        backend.linear(Fr::ZERO, &[(one, run), minus(a[1]), minus(c[1])]),
    ]
}
