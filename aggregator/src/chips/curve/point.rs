//! Affine points and the chord and tangent.
//!
//! The curve has prime order, so no affine point has `y = 0` and doubling is always defined.

use halo2_base::Context;
use halo2_base::halo2_proofs::halo2curves::bn256::{Fq, Fr, G1Affine};
use halo2_base::halo2_proofs::halo2curves::ff::Field;

use super::element::Element;
use super::field::FieldChip;

/// `b` of `y² = x³ + b`.
const CURVE_B: i64 = 3;

/// A point on the curve, not the identity.
#[derive(Clone, Debug)]
pub struct Point {
    /// Abscissa, below 2^254.
    pub x: Element,
    /// Ordinate.
    pub y: Element,
}

impl Point {
    /// A constant point.
    pub fn constant(field: &FieldChip, ctx: &mut Context<Fr>, point: &G1Affine) -> Self {
        Self {
            x: field.constant(ctx, &point.x),
            y: field.constant(ctx, &point.y),
        }
    }

    /// Loads a point: on the curve, which excludes the identity's encoding `(0, 0)`, and with
    /// coordinates below the modulus, so its limbs are unique.
    pub fn load(field: &FieldChip, ctx: &mut Context<Fr>, point: &G1Affine) -> Self {
        let x = field.witness(ctx, &point.x);
        let y = field.witness(ctx, &point.y);
        // t = -x²; y² + t·x - 3 = 0
        let t = field.witness(ctx, &-point.x.square());
        field.assert_zero(ctx, &[(&x, &x)], &[(1, &t)], 0);
        field.assert_zero(ctx, &[(&y, &y), (&t, &x)], &[], -CURVE_B);
        let loaded = Self { x, y };
        loaded.assert_canonical(field, ctx);
        loaded
    }

    /// Asserts that both coordinates are below the modulus.
    pub fn assert_canonical(&self, field: &FieldChip, ctx: &mut Context<Fr>) {
        field.assert_canonical(ctx, &self.x);
        field.assert_canonical(ctx, &self.y);
    }

    /// `2P`. With `μ = 3x²/y`: `4x' = μ² - 8x`, `2y' = μ(x - x') - 2y`.
    #[must_use]
    pub fn double(&self, field: &FieldChip, ctx: &mut Context<Fr>) -> Self {
        let (x, y) = (self.x.value(), self.y.value());
        let slope = x.square() * Fq::from(3) * inverse_or_zero(y);
        let mu = field.witness(ctx, &slope);
        let triple = field.scale(ctx, &self.x, -3);
        field.assert_zero(ctx, &[(&mu, &self.y), (&self.x, &triple)], &[], 0);
        let half = inverse_or_zero(Fq::from(2));
        let x2 = (slope.square() * half * half) - x - x;
        let next = field.witness(ctx, &x2);
        field.assert_zero(ctx, &[(&mu, &mu)], &[(-8, &self.x), (-4, &next)], 0);
        let y2 = field.witness(ctx, &(slope * half * (x - x2) - y));
        let run = field.sub(ctx, &self.x, &next);
        field.assert_zero(ctx, &[(&mu, &run)], &[(-2, &self.y), (-2, &y2)], 0);
        Self { x: next, y: y2 }
    }

    /// `P + Q` for points with different abscissas, which is asserted with `check` and the caller's
    /// theorem without.
    #[must_use]
    pub fn add(&self, other: &Self, check: bool, field: &FieldChip, ctx: &mut Context<Fr>) -> Self {
        Sum::from(self.clone())
            .plus(other, check, field, ctx)
            .point(field, ctx)
    }
}

/// A running sum whose ordinate is not computed: after an addition of `Q` with slope `λ` it is
/// `λ·(x_Q - x) - y_Q`, which the next addition can use as it stands.
#[derive(Clone, Debug)]
pub struct Sum {
    x: Element,
    ordinate: Ordinate,
}

#[derive(Clone, Debug)]
enum Ordinate {
    Known(Box<Element>),
    Line(Box<(Element, Point)>),
}

impl From<Point> for Sum {
    fn from(point: Point) -> Self {
        Self {
            x: point.x,
            ordinate: Ordinate::Known(Box::new(point.y)),
        }
    }
}

impl Sum {
    fn ordinate_value(&self) -> Fq {
        match &self.ordinate {
            Ordinate::Known(y) => y.value(),
            Ordinate::Line(line) => {
                let (slope, through) = line.as_ref();
                slope.value() * (through.x.value() - self.x.value()) - through.y.value()
            }
        }
    }

    /// Adds a point of another abscissa; see [`Point::add`].
    #[must_use]
    pub fn plus(
        self,
        other: &Point,
        check: bool,
        field: &FieldChip,
        ctx: &mut Context<Fr>,
    ) -> Self {
        let run = field.sub(ctx, &other.x, &self.x);
        if check {
            field.assert_nonzero_difference(ctx, &run);
        }
        let (x, xq) = (self.x.value(), other.x.value());
        let rise = other.y.value() - self.ordinate_value();
        let slope = rise * inverse_or_zero(xq - x);
        let lambda = field.witness(ctx, &slope);
        match &self.ordinate {
            // λ·(x_Q - x) = y_Q - y
            Ordinate::Known(y) => {
                field.assert_zero(ctx, &[(&lambda, &run)], &[(1, y), (-1, &other.y)], 0);
            }
            Ordinate::Line(line) => {
                let (slope, through) = line.as_ref();
                let back = field.sub(ctx, &through.x, &self.x);
                let linear = [(-1, &through.y), (-1, &other.y)];
                field.assert_zero(ctx, &[(&lambda, &run), (slope, &back)], &linear, 0);
            }
        }
        let next = field.witness(ctx, &(slope.square() - x - xq));
        let linear = [(-1, &self.x), (-1, &other.x), (-1, &next)];
        field.assert_zero(ctx, &[(&lambda, &lambda)], &linear, 0);
        Self {
            x: next,
            ordinate: Ordinate::Line(Box::new((lambda, other.clone()))),
        }
    }

    /// The sum with its ordinate.
    pub fn point(self, field: &FieldChip, ctx: &mut Context<Fr>) -> Point {
        let value = self.ordinate_value();
        match self.ordinate {
            Ordinate::Known(y) => Point { x: self.x, y: *y },
            Ordinate::Line(line) => {
                let (slope, through) = line.as_ref();
                let y = field.witness(ctx, &value);
                let back = field.sub(ctx, &through.x, &self.x);
                field.assert_zero(ctx, &[(slope, &back)], &[(-1, &through.y), (-1, &y)], 0);
                Point { x: self.x, y }
            }
        }
    }
}

fn inverse_or_zero(value: Fq) -> Fq {
    Option::from(value.invert()).unwrap_or(Fq::ZERO)
}
