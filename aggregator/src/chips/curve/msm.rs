//! Linear combinations of points by interleaved windows (Straus).
//!
//! The sum starts at a constant point `O` of unknown logarithm and ends by subtracting
//! `2^124·O`. Every addition to the sum asserts that the abscissas differ, so equal or opposite
//! points, which a prover might look for, leave the circuit without a witness instead of unsound; an
//! honest prover meets them with negligible probability, as the scalars follow from a transcript that
//! binds the points. The result is a chord's third point, so it is never the identity.

use std::sync::LazyLock;

use halo2_base::halo2_proofs::arithmetic::CurveExt;
use halo2_base::halo2_proofs::halo2curves::bn256::{Fq, Fr, G1, G1Affine};
use halo2_base::halo2_proofs::halo2curves::ff::Field;
use halo2_base::halo2_proofs::halo2curves::group::Curve;
use halo2_base::{AssignedValue, Context, QuantumCell};

use super::element::{Element, LIMBS};
use super::field::FieldChip;
use super::point::{Point, Sum};
use super::scalar::{self, Digit, Half, INDEX_BITS, WINDOW_BITS, WINDOWS};

/// Points in a table: the odd multiples 1, 3, …, 15.
const TABLE: usize = 1 << INDEX_BITS;

/// The starting point: a hash to the curve, so nobody knows its logarithm.
static OFFSET: LazyLock<G1Affine> =
    LazyLock::new(|| G1::hash_to_curve("laminate")(b"msm offset v1").to_affine());

/// Coefficients of the multilinear polynomial in the index bits that takes the table's values.
type Coefficients = [QuantumCell<Fr>; TABLE];

/// Odd multiples of a point.
struct Table {
    points: Vec<G1Affine>,
    x: [Coefficients; LIMBS],
    y: [Coefficients; LIMBS],
    bound: [[u128; LIMBS]; 2],
}

/// `Σ scalar·point + Σ unit + generator·G`. At least one scalar or generator. The result is on the
/// curve, not the identity, and its coordinates are below the modulus.
pub fn msm(
    field: &FieldChip,
    ctx: &mut Context<Fr>,
    pairs: &[(AssignedValue<Fr>, Point)],
    units: &[Point],
    generator: Option<&AssignedValue<Fr>>,
) -> Point {
    let mut terms: Vec<(Table, Half)> = vec![];
    for (scalar, point) in pairs {
        let [first, second] = scalar::split(ctx, scalar);
        let multiples = odd_multiples(field, ctx, point);
        let images = multiples
            .iter()
            .map(|p| image(field, ctx, p))
            .collect::<Vec<_>>();
        terms.push((table(ctx, &multiples), first));
        terms.push((table(ctx, &images), second));
    }
    if let Some(scalar) = generator {
        let [first, second] = scalar::split(ctx, scalar);
        let multiples = constant_multiples();
        let images = multiples.iter().map(constant_image).collect::<Vec<_>>();
        terms.push((constant_table(&multiples), first));
        terms.push((constant_table(&images), second));
    }
    let mut sum = Point::constant(field, ctx, &OFFSET);
    for window in (0..WINDOWS).rev() {
        if window + 1 < WINDOWS {
            for _ in 0..WINDOW_BITS {
                sum = sum.double(field, ctx);
            }
        }
        let mut running = Sum::from(sum);
        for (table, half) in &terms {
            if let Some(digit) = half.get(window) {
                let point = select(field, ctx, table, digit);
                running = running.plus(&point, true, field, ctx);
            }
        }
        sum = running.point(field, ctx);
    }
    let mut running = Sum::from(sum);
    for unit in units {
        running = running.plus(unit, true, field, ctx);
    }
    let doublings = (WINDOW_BITS * (WINDOWS - 1)) as u64;
    let start = -(*OFFSET * Fr::from(2).pow_vartime([doublings]));
    let start = Point::constant(field, ctx, &start.to_affine());
    let result = running.plus(&start, true, field, ctx).point(field, ctx);
    result.assert_canonical(field, ctx);
    result
}

/// `P, 3P, …, 15P`. `2P ≠ ±(2j+1)P` in a group of large prime order, so additions need no check.
fn odd_multiples(field: &FieldChip, ctx: &mut Context<Fr>, point: &Point) -> Vec<Point> {
    let double = point.double(field, ctx);
    let mut out = vec![point.clone()];
    while out.len() < TABLE {
        let next = match out.last() {
            Some(last) => last.add(&double, false, field, ctx),
            None => point.clone(),
        };
        out.push(next);
    }
    out
}

/// `φ(P) = (βx, y)`
fn image(field: &FieldChip, ctx: &mut Context<Fr>, point: &Point) -> Point {
    let x = field.witness(ctx, &(point.x.value() * scalar::beta()));
    let beta = field.constant(ctx, &scalar::beta());
    field.assert_zero(ctx, &[(&point.x, &beta)], &[(-1, &x)], 0);
    Point {
        x,
        y: point.y.clone(),
    }
}

fn constant_multiples() -> Vec<G1Affine> {
    let generator = G1Affine::generator();
    (0..TABLE as u64)
        .map(|i| (generator * Fr::from(2 * i + 1)).to_affine())
        .collect()
}

fn constant_image(point: &G1Affine) -> G1Affine {
    G1Affine {
        x: point.x * scalar::beta(),
        y: point.y,
    }
}

/// Subset differences: `c_S = Σ_{T ⊆ S} (-1)^{|S\T|}·value_T`.
fn subset_differences<T>(mut values: [T; TABLE], mut sub: impl FnMut(&T, &T) -> T) -> [T; TABLE] {
    for bit in 0..INDEX_BITS {
        for i in 0..TABLE {
            if i >> bit & 1 == 1 {
                values[i] = sub(&values[i], &values[i ^ 1 << bit]);
            }
        }
    }
    values
}

fn table(ctx: &mut Context<Fr>, points: &[Point]) -> Table {
    let mut limbs = |coordinate: &dyn Fn(&Point) -> &Element| {
        std::array::from_fn(|limb| {
            let values: [AssignedValue<Fr>; TABLE] =
                std::array::from_fn(|i| coordinate(&points[i]).limbs[limb]);
            subset_differences(values, |a, b| {
                let out = *a.value() - b.value();
                let cells = [
                    QuantumCell::Witness(out),
                    QuantumCell::Existing(*b),
                    QuantumCell::Constant(Fr::ONE),
                    QuantumCell::Existing(*a),
                ];
                ctx.assign_region(cells, [0]);
                ctx.get(-4)
            })
            .map(QuantumCell::Existing)
        })
    };
    let (x, y) = (limbs(&|p| &p.x), limbs(&|p| &p.y));
    let values = points
        .iter()
        .map(|p| G1Affine {
            x: p.x.value(),
            y: p.y.value(),
        })
        .collect();
    let largest = |coordinate: &dyn Fn(&Point) -> &Element| -> [u128; LIMBS] {
        std::array::from_fn(|l| {
            points
                .iter()
                .map(|p| coordinate(p).limb_bounds()[l])
                .max()
                .unwrap_or(0)
        })
    };
    Table {
        points: values,
        x,
        y,
        bound: [largest(&|p| &p.x), largest(&|p| &p.y)],
    }
}

fn constant_table(points: &[G1Affine]) -> Table {
    let limbs = |coordinate: &dyn Fn(&G1Affine) -> Fq| {
        std::array::from_fn(|limb| {
            let values: [Fr; TABLE] = std::array::from_fn(|i| {
                laminate_protocol::backend::limbs(&coordinate(&points[i]))[limb]
            });
            subset_differences(values, |a, b| *a - b).map(QuantumCell::Constant)
        })
    };
    let bound = Element::reduced_bounds();
    Table {
        points: points.to_vec(),
        x: limbs(&|p| p.x),
        y: limbs(&|p| p.y),
        bound: [bound; 2],
    }
}

/// `sign·table[index]`
fn select(field: &FieldChip, ctx: &mut Context<Fr>, table: &Table, digit: &Digit) -> Point {
    let value = table.points.get(digit.index).copied().unwrap_or_default();
    let mut limb = |coefficients: &Coefficients| {
        let [first, rest @ ..] = coefficients;
        let mut sum = *first.value();
        let mut cells = vec![*first];
        for (subset, coefficient) in digit.subsets.iter().zip(rest) {
            sum += *subset.value() * coefficient.value();
            cells.extend([
                QuantumCell::Existing(*subset),
                *coefficient,
                QuantumCell::Witness(sum),
            ]);
        }
        ctx.assign_region(cells, (0..TABLE - 1).map(|i| 3 * i as isize));
        ctx.get(-1)
    };
    let x: [_; LIMBS] = std::array::from_fn(|i| limb(&table.x[i]));
    let y: [_; LIMBS] = std::array::from_fn(|i| limb(&table.y[i]));
    let x = field.element(ctx, x, &value.x, table.bound[0]);
    let y = field.element(ctx, y, &value.y, table.bound[1]);
    let y = field.signed(ctx, &y, &digit.sign);
    Point { x, y }
}
