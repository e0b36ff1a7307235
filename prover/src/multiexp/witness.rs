//! The trace of a combination: the running sum's points, slopes, and the witnesses of their identities.

use halo2curves_axiom::bn256::{Fq, Fr, G1, G1Affine};
use halo2curves_axiom::ff::{Field, PrimeField};
use halo2curves_axiom::group::Curve;
use halo2curves_axiom::group::prime::PrimeCurveAffine;
use laminate_engine::backend::Native;
use laminate_engine::geometry::Block;
use laminate_engine::multiexp::chunks::{chunks, modulus, native};
use laminate_engine::multiexp::sheet::Sheet;
use laminate_engine::multiexp::{
    Combination, FIXED_POSITIONS, Multiexp, WINDOWS, end, multiples, start, steps,
};
use num_bigint::BigUint;
use rand::RngCore;

use super::MultiexpError;
use super::integers::{Digits, Row};
use crate::columns::TraceColumns;
use crate::kernels::invert;

/// A digit: the bits of `large` and `negative`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Digit {
    large: bool,
    negative: bool,
}

/// One step: what is added to the sum before, or the sum itself.
struct Step {
    before: G1Affine,
    added: G1Affine,
    double: bool,
    digit: Digit,
    after: G1Affine,
    slope: Fq,
}

/// Lays out the trace of a combination that is zero.
pub fn lay_out(
    multiexp: &Multiexp,
    combination: Combination<'_, Fr, G1Affine>,
    rng: &mut impl RngCore,
) -> Result<TraceColumns, MultiexpError> {
    let (trace, last) = lay_out_any(multiexp, combination, rng)?;
    if last != Some(end()) {
        return Err(MultiexpError::Sum("the terms do not sum to zero"));
    }
    Ok(trace)
}

/// Lays out the trace of any combination; where its sum ends.
pub(super) fn lay_out_any(
    multiexp: &Multiexp,
    combination: Combination<'_, Fr, G1Affine>,
    rng: &mut impl RngCore,
) -> Result<(TraceColumns, Option<G1Affine>), MultiexpError> {
    let (points, digits) = positions(multiexp, combination)?;
    let triples = triples(&points);
    let steps = run(&points, &triples, &digits);
    let mut values = vec![0u16; multiexp.placement.geometry.trace_used];
    let columns = &multiexp.columns;
    for (index, (point, triple)) in points.iter().zip(&triples).enumerate() {
        let row = Row {
            values: &mut values,
            index,
        };
        multiple(row, &columns.multiples, point, triple);
    }
    let size = steps.len();
    let mut elements = [vec![Fr::ZERO; size], vec![Fr::ZERO; size]];
    for (index, step) in steps.iter().enumerate() {
        let mut row = Row {
            values: &mut values,
            index,
        };
        let Digit { large, negative } = step.digit;
        let bits = [large, negative, large && negative];
        for (block, bit) in columns.flags.iter().zip(bits) {
            row.limb(block, bit.into());
        }
        write_step(row, &columns.steps, step);
        let [chosen, inverse] = &mut elements;
        let abscissa = |x: &Fq| native(&mut Native, &chunks(x));
        let before = abscissa(&step.before.x);
        chosen[index] = if step.double {
            before + Fr::ONE
        } else {
            abscissa(&step.added.x)
        };
        let difference = chosen[index] - before;
        inverse[index] = difference * (difference.square() - modulus().square());
    }
    invert::all(&mut elements[1]);
    if elements[1].contains(&Fr::ZERO) {
        return Err(MultiexpError::Sum("the running sum meets a point"));
    }
    let blocks: Vec<Block> = columns.flags.iter().skip(3).copied().collect();
    let elements = blocks.into_iter().zip(elements).collect();
    let placement = &multiexp.placement;
    let trace = TraceColumns::of_columns(placement, values, elements, rng);
    Ok((trace, steps.last().map(|step| step.after)))
}

/// Points and digits of every position of a window; doublings and what fills up have the generator.
fn positions(
    multiexp: &Multiexp,
    (terms, own): Combination<'_, Fr, G1Affine>,
) -> Result<(Vec<G1Affine>, Vec<Vec<Digit>>), MultiexpError> {
    if terms.len() != multiexp.terms {
        return Err(MultiexpError::Terms {
            found: terms.len(),
            expected: multiexp.terms,
        });
    }
    if terms
        .iter()
        .any(|(_, point)| bool::from(point.is_identity()))
    {
        return Err(MultiexpError::Sum("a point is the identity"));
    }
    let generator = G1Affine::generator();
    let filled = 1usize << multiexp.log;
    let mut points = vec![generator; FIXED_POSITIONS];
    let mut digits = vec![vec![Digit::default(); WINDOWS]; steps::DOUBLINGS];
    digits.push(recode(own));
    for (scalar, point) in terms {
        points.push(*point);
        digits.push(recode(scalar));
    }
    points.resize(filled, generator);
    digits.resize(filled, recode(&Fr::ZERO));
    Ok((points, digits))
}

/// Digits of a scalar, most significant first: with `n` the odd one of `s` and `s + r`, those of
/// `(n + 4^128 - 1)/2` to the base 4 are `(d + 3)/2`.
fn recode(scalar: &Fr) -> Vec<Digit> {
    let order = BigUint::from_bytes_le(&(-Fr::ONE).to_repr()) + 1u8;
    let mut odd = BigUint::from_bytes_le(&scalar.to_repr());
    if !odd.bit(0) {
        odd += order;
    }
    let shifted: BigUint = (odd + (BigUint::from(1u8) << (2 * WINDOWS)) - 1u8) >> 1;
    let digits = (0..WINDOWS as u64).rev();
    digits
        .map(|j| match (shifted.bit(2 * j + 1), shifted.bit(2 * j)) {
            (false, low) => Digit {
                large: !low,
                negative: true,
            },
            (true, high) => Digit {
                large: high,
                negative: false,
            },
        })
        .collect()
}

fn triples(points: &[G1Affine]) -> Vec<G1Affine> {
    let sums: Vec<G1> = points.iter().map(|p| p + p + p).collect();
    normalize(&sums)
}

fn normalize(points: &[G1]) -> Vec<G1Affine> {
    let mut out = vec![G1Affine::identity(); points.len()];
    G1::batch_normalize(points, &mut out);
    out
}

/// All steps in their order.
fn run(points: &[G1Affine], triples: &[G1Affine], digits: &[Vec<Digit>]) -> Vec<Step> {
    let mut sum = G1::from(start());
    let mut sums = vec![sum];
    let mut chosen = vec![];
    for window in 0..WINDOWS {
        for (position, ((point, triple), digits)) in
            points.iter().zip(triples).zip(digits).enumerate()
        {
            let digit = digits.get(window).copied().unwrap_or_default();
            let double = position < steps::DOUBLINGS;
            let multiple = if digit.large { triple } else { point };
            let added = if digit.negative { -multiple } else { *multiple };
            sum = if double { sum + sum } else { sum + added };
            sums.push(sum);
            chosen.push((added, double, digit));
        }
    }
    let sums = normalize(&sums);
    let pairs = sums.windows(2).zip(&chosen);
    let mut slopes: Vec<Fq> = pairs
        .map(|(sums, (added, double, _))| match double {
            true => sums[0].y.double(),
            false => added.x - sums[0].x,
        })
        .collect();
    invert::all(&mut slopes);
    let pairs = sums.windows(2).zip(chosen).zip(slopes);
    let steps = pairs.map(|((sums, (added, double, digit)), inverse)| {
        let (before, after) = (sums[0], sums[1]);
        let rise = match double {
            true => before.x.square() * Fq::from(3),
            false => added.y - before.y,
        };
        Step {
            before,
            added,
            double,
            digit,
            after,
            slope: rise * inverse,
        }
    });
    steps.collect()
}

fn write_step(mut row: Row<'_>, sheet: &Sheet, step: &Step) {
    let Step { before, after, .. } = step;
    for (limbs, value) in sheet.integers.iter().zip([step.slope, after.x, after.y]) {
        row.element(limbs, &value);
    }
    tops(&mut row, sheet, |_| after.x);
    let [ax, ay, cx, cy, slope] =
        [before.x, before.y, after.x, after.y, step.slope].map(|v| Digits::element(&v));
    let (chord, second) = if step.double {
        let square = ax.times(&ax);
        let chord = slope
            .times(&ay)
            .plus(1, &slope.times(&ay))
            .plus(-3, &square);
        (chord, ax.clone())
    } else {
        // The ordinate of what is added is that of the point or its triple, with a sign.
        let bx = Digits::element(&step.added.x);
        let by = match step.digit.negative {
            true => Digits::default().plus(-1, &Digits::element(&-step.added.y)),
            false => Digits::element(&step.added.y),
        };
        let run = bx.clone().plus(-1, &ax);
        (slope.times(&run).plus(-1, &by).plus(1, &ay), bx)
    };
    let third = third(&slope, [&ax, &ay], &second, [&cx, &cy]);
    for (identity, expression) in sheet
        .identities
        .iter()
        .zip(std::iter::once(chord).chain(third))
    {
        row.identity(identity, &expression);
    }
}

/// Writes `4·(topmost limb)` of the abscissas.
fn tops(row: &mut Row<'_>, sheet: &Sheet, value: impl Fn(usize) -> Fq) {
    for (integer, block) in &sheet.tops {
        let bytes = value(*integer).to_repr();
        row.limb(block, u16::from_le_bytes([bytes[30], bytes[31]]) << 2);
    }
}

/// `λ² - a.x - b.x - c.x` and `λ·(a.x - c.x) - a.y - c.y`
fn third(slope: &Digits, a: [&Digits; 2], b_x: &Digits, c: [&Digits; 2]) -> [Digits; 2] {
    let sum = slope
        .times(slope)
        .plus(-1, a[0])
        .plus(-1, b_x)
        .plus(-1, c[0]);
    let run = a[0].clone().plus(-1, c[0]);
    [sum, slope.times(&run).plus(-1, a[1]).plus(-1, c[1])]
}

fn multiple(mut row: Row<'_>, sheet: &Sheet, point: &G1Affine, triple: &G1Affine) {
    let double = G1Affine::from(point + point);
    let square = point.x.square();
    let inverse = |v: Fq| v.invert().unwrap_or(Fq::ZERO);
    let tangent = square * Fq::from(3) * inverse(point.y.double());
    let chord = (double.y - point.y) * inverse(double.x - point.x);
    let values = [
        point.x, point.y, square, tangent, double.x, double.y, chord, triple.x, triple.y,
    ];
    for (limbs, value) in sheet.integers.iter().zip(&values) {
        row.element(limbs, value);
    }
    tops(&mut row, sheet, |i| {
        if i == multiples::TRIPLE {
            triple.x
        } else {
            point.x
        }
    });
    let [x, y, square, tangent, dx, dy, chord, tx, ty] = values.map(|v| Digits::element(&v));
    let xx = x.times(&x);
    let mut expressions = vec![
        xx.clone().plus(-1, &square),
        y.times(&y)
            .plus(-1, &square.times(&x))
            .plus(-3, &Digits::constant(1)),
        tangent.times(&y).plus(1, &tangent.times(&y)).plus(-3, &xx),
    ];
    expressions.extend(third(&tangent, [&x, &y], &x, [&dx, &dy]));
    let run = dx.clone().plus(-1, &x);
    expressions.push(chord.times(&run).plus(-1, &dy).plus(1, &y));
    expressions.extend(third(&chord, [&x, &y], &dx, [&tx, &ty]));
    for (identity, expression) in sheet.identities.iter().zip(&expressions) {
        row.identity(identity, expression);
    }
}
