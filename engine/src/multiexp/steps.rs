//! The running sum: one row a step, doublings and additions alike.
//!
//! Row `(j, p)` is step `p` of window `j`. Positions 0 and 1 double; position `p >= 2` adds the multiple
//! `±1, ±3` of point `p` that the scalar's digit says, where `large` chooses between the point and its
//! triple and `negative` the sign. With `a` the sum before, `b` what is added, `c` the sum after and `λ`
//! the slope, modulo the base field:
//!
//! - `λ·(b.x - a.x) = b.y - a.y` in additions, `2·λ·a.y = 3·a.x²` in doublings,
//! - `λ² = a.x + b.x + c.x`, `λ·(a.x - c.x) = a.y + c.y`.
//!
//! Additions are incomplete: for `b = a` any slope would do. So `b.x ≠ a.x` is shown as well: both are below
//! 2^254 < 2q, hence equal modulo `q` only if their difference `d` is `0` or `±q`, and
//! `inverse·d·(d² - q²) = 1` in the scalar field excludes these three. Where the sum meets a point by
//! chance there is no proof; the start is a point without known relation to others.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use super::chunks::{CHUNKS, contract, modulus, native};
use super::sheet::{Challenge, Row};
use crate::backend::Backend;
use crate::switch::on;

/// Integers of a step: slope, then the sum's coordinates.
pub const INTEGERS: usize = 3;
/// The abscissa, which is below 2^254.
pub const ABSCISSA: usize = 1;
/// Identities modulo the base field.
pub const IDENTITIES: usize = 3;
/// Positions of a window before those of the points.
pub const DOUBLINGS: usize = 2;
/// Degree of the zero-check's rounds: `eq · (1 - double)·slope·large·x`.
pub const DEGREE: usize = 5;

/// Columns of single elements.
#[derive(Clone, Debug)]
pub struct Flags<S> {
    /// 1 where the digit is ±3.
    pub large: S,
    /// 1 where it is negative.
    pub negative: S,
    /// Their product.
    pub both: S,
    /// `b.x` in the scalar field; `a.x + 1` in doublings.
    pub chosen: S,
    /// Of `d·(d² - q²)`.
    pub inverse: S,
}

/// A point's coordinates with powers of `χ`, and the abscissa in the scalar field.
#[derive(Clone, Debug)]
pub struct Contracted<S> {
    /// Abscissa.
    pub x: S,
    /// Ordinate.
    pub y: S,
    /// Abscissa modulo the scalar field.
    pub native_x: S,
}

impl<S: Clone> Contracted<S> {
    /// Of the chunks of both coordinates.
    pub fn new<B: Backend<Scalar = S>>(
        backend: &mut B,
        challenge: &Challenge<S>,
        chunks: &[S],
    ) -> Self {
        let (x, y) = chunks.split_at(CHUNKS.min(chunks.len()));
        Self {
            x: contract(backend, x, &challenge.chi),
            y: contract(backend, y, &challenge.chi),
            native_x: native(backend, x),
        }
    }
}

/// What a step reads beside its own row.
#[derive(Clone, Debug)]
pub struct Operands<S> {
    /// The sum before.
    pub before: Contracted<S>,
    /// The position's point.
    pub point: Contracted<S>,
    /// Its triple.
    pub triple: Contracted<S>,
    /// `[p < 2]`
    pub double: S,
}

/// The joined identities of a step; zero in every row.
pub fn identities<B: Backend>(
    backend: &mut B,
    challenge: &Challenge<B::Scalar>,
    row: &Row<B::Scalar>,
    flags: &Flags<B::Scalar>,
    operands: &Operands<B::Scalar>,
) -> Option<B::Scalar> {
    let [slope, x, y] = row.integers.as_slice() else {
        return None;
    };
    let [chord, sum, line] = row.rests.as_slice() else {
        return None;
    };
    let Operands {
        before,
        point,
        triple,
        double,
    } = operands;
    let (one, two) = (Fr::ONE, Fr::from(2));
    // What is added: the point or its triple, negated or not.
    let rise = backend.sub(&triple.x, &point.x);
    let added_x = backend.mul_add(&flags.large, &rise, &point.x);
    let rise = backend.sub(&triple.y, &point.y);
    let sign = backend.linear(one, &[(-two, flags.negative.clone())]);
    let large = backend.linear(
        Fr::ZERO,
        &[(one, flags.large.clone()), (-two, flags.both.clone())],
    );
    let added_y = backend.mul(&sign, &point.y);
    let added_y = backend.mul_add(&large, &rise, &added_y);

    let run = backend.sub(&added_x, &before.x);
    let run = backend.mul(slope, &run);
    let addition = backend.linear(
        Fr::ZERO,
        &[(one, run), (-one, added_y), (one, before.y.clone())],
    );
    let tangent = backend.mul(slope, &before.y);
    let square = backend.mul(&before.x, &before.x);
    let doubling = backend.linear(Fr::ZERO, &[(two, tangent), (-Fr::from(3), square)]);
    let chosen = select(backend, double, &doubling, &addition);
    let chord = backend.add(&chosen, chord);

    let second = select(backend, double, &before.x, &added_x);
    let square = backend.mul(slope, slope);
    let sum = backend.linear(
        Fr::ZERO,
        &[
            (one, square),
            (-one, before.x.clone()),
            (-one, second),
            (-one, x.clone()),
            (one, sum.clone()),
        ],
    );
    let run = backend.sub(&before.x, x);
    let run = backend.mul(slope, &run);
    let line = backend.linear(
        Fr::ZERO,
        &[
            (one, run),
            (-one, before.y.clone()),
            (-one, y.clone()),
            (one, line.clone()),
        ],
    );
    let mut all = vec![chord, sum, line];
    all.extend(digit(backend, flags));
    all.extend(distinct(backend, flags, operands));
    let checked = [
        on("slope of a step"),
        on("abscissa of a step"),
        on("ordinate of a step"),
        on("size of a digit"),
        on("sign of a digit"),
        on("product of a digit's bits"),
        on("abscissa that is added"),
        on("distinct abscissas"),
    ];
    Some(challenge.join(backend, all, &checked))
}

/// `flag·a + (1 - flag)·b`
fn select<B: Backend>(
    backend: &mut B,
    flag: &B::Scalar,
    a: &B::Scalar,
    b: &B::Scalar,
) -> B::Scalar {
    let difference = backend.sub(a, b);
    backend.mul_add(flag, &difference, b)
}

/// Flags are bits, and `both` their product.
fn digit<B: Backend>(backend: &mut B, flags: &Flags<B::Scalar>) -> [B::Scalar; 3] {
    let bit = |backend: &mut B, flag: &B::Scalar| {
        let square = backend.mul(flag, flag);
        backend.sub(&square, flag)
    };
    let product = backend.mul(&flags.large, &flags.negative);
    [
        bit(backend, &flags.large),
        bit(backend, &flags.negative),
        backend.sub(&flags.both, &product),
    ]
}

/// `chosen` is what its column says, and differs from the sum's abscissa.
fn distinct<B: Backend>(
    backend: &mut B,
    flags: &Flags<B::Scalar>,
    operands: &Operands<B::Scalar>,
) -> [B::Scalar; 2] {
    let (point, triple) = (&operands.point.native_x, &operands.triple.native_x);
    let before = &operands.before.native_x;
    let rise = backend.sub(triple, point);
    let added = backend.mul_add(&flags.large, &rise, point);
    let next = backend.linear(Fr::ONE, &[(Fr::ONE, before.clone())]);
    let expected = select(backend, &operands.double, &next, &added);
    let difference = backend.sub(&flags.chosen, before);
    let square = backend.mul(&difference, &difference);
    let rest = backend.linear(-modulus().square(), &[(Fr::ONE, square)]);
    let product = backend.mul(&difference, &rest);
    let inverse = backend.mul(&flags.inverse, &product);
    [
        backend.sub(&flags.chosen, &expected),
        backend.linear(-Fr::ONE, &[(Fr::ONE, inverse)]),
    ]
}
