//! The verifier's evaluation of a table of constants.
//!
//! A straight line over the upper half of the domain is taken off where that leaves more zeros: an
//! exponential ends in zeros, and `x·sigmoid(x)` starts in zeros and ends in a line. What is left costs
//! the verifier a term for every sixteen entries, one for each entry of them that is off their line, and
//! the folding of the sixteenths.

use halo2curves_axiom::bn256::Fr;

use crate::backend::Backend;
use crate::field::{fr_from_i64, pow2};
use crate::poly::eq;

/// The extension of the table's values at `point`.
pub fn evaluate<B: Backend>(backend: &mut B, table: &[i16], point: &[B::Scalar]) -> B::Scalar {
    let half = table.len() / 2;
    let line = |slope: i64, i: usize| slope * i.saturating_sub(half) as i64;
    let rest = |slope: i64| -> Vec<i64> {
        let values = table.iter().enumerate();
        values
            .map(|(i, v)| i64::from(*v) - line(slope, i))
            .collect()
    };
    let count = |rest: &[i64]| rest.iter().filter(|v| **v != 0).count();
    let end = table.iter().rev().take(2);
    let end: Vec<i64> = end.map(|v| i64::from(*v)).collect();
    let slope = match end.as_slice() {
        [last, before] => last - before,
        _ => 0,
    };
    let (plain, straight) = (rest(0), rest(slope));
    let (values, slope) = if count(&straight) < count(&plain) {
        (straight, slope)
    } else {
        (plain, 0)
    };
    let rest = fold(backend, &values, point);
    let Some((top, low)) = point.split_first().filter(|_| slope != 0) else {
        return rest;
    };
    // In the upper half the line is the slope times the index without its top bit.
    let terms: Vec<(Fr, B::Scalar)> = low
        .iter()
        .enumerate()
        .map(|(i, r)| (fr_from_i64(slope) * pow2(low.len() - 1 - i), r.clone()))
        .collect();
    let line = backend.linear(Fr::from(0), &terms);
    backend.mul_add(top, &line, &rest)
}

/// log2 of the entries that are taken together.
const PART_LOG: usize = 4;

/// The extension of integers. In a part of a smooth table they are a line but for a few entries, which
/// rounding moved: the line costs one term whatever its length.
fn fold<B: Backend>(backend: &mut B, values: &[i64], point: &[B::Scalar]) -> B::Scalar {
    let (high, low) = point.split_at(point.len().saturating_sub(PART_LOG));
    let selectors = eq::table_of(backend, low);
    let weights: Vec<(Fr, B::Scalar)> = low
        .iter()
        .enumerate()
        .map(|(i, r)| (pow2(low.len() - 1 - i), r.clone()))
        .collect();
    let index = backend.linear(Fr::from(0), &weights);
    let mut table: Vec<Option<B::Scalar>> = vec![];
    for part in values.chunks(1 << low.len()) {
        table.push(part_value(backend, part, &index, &selectors));
    }
    for r in high.iter().rev() {
        let mut next = Vec::with_capacity(table.len().div_ceil(2));
        for pair in table.chunks(2) {
            next.push(match pair {
                [Some(low), Some(high)] => {
                    let difference = backend.sub(high, low);
                    Some(backend.mul_add(r, &difference, low))
                }
                [None, Some(high)] => Some(backend.mul(r, high)),
                [Some(low), _] => {
                    let product = backend.mul(r, low);
                    Some(backend.sub(low, &product))
                }
                _ => None,
            });
        }
        table = next;
    }
    let value = table.into_iter().next().flatten();
    value.unwrap_or_else(|| backend.constant(Fr::from(0)))
}

/// `Σ_j part[j]·selector_j` as `start + slope·index + Σ rest_j·selector_j`; none if all are zero.
fn part_value<B: Backend>(
    backend: &mut B,
    part: &[i64],
    index: &B::Scalar,
    selectors: &[B::Scalar],
) -> Option<B::Scalar> {
    let (start, slope) = line_through_most(part);
    if (start, slope) == (0, 0) && part.iter().all(|v| *v == 0) {
        return None;
    }
    let mut terms = vec![];
    if slope != 0 {
        terms.push((fr_from_i64(slope), index.clone()));
    }
    for ((j, value), selector) in (0i64..).zip(part).zip(selectors) {
        let rest = value - start - slope * j;
        if rest != 0 {
            terms.push((fr_from_i64(rest), selector.clone()));
        }
    }
    Some(backend.linear(fr_from_i64(start), &terms))
}

/// Start and slope of a line that passes through as many entries as any that is tried: slopes around
/// the mean one, and zero.
fn line_through_most(part: &[i64]) -> (i64, i64) {
    let (Some(first), Some(last)) = (part.first(), part.last()) else {
        return (0, 0);
    };
    let mean = (last - first).div_euclid((part.len() as i64 - 1).max(1));
    let mut best = (0, (0, 0));
    for slope in [0, mean, mean + 1] {
        let starts: Vec<i64> = (0i64..).zip(part).map(|(j, v)| v - slope * j).collect();
        for start in &starts {
            // A slope is a term more.
            let hits = 2 * starts.iter().filter(|s| *s == start).count() - usize::from(slope != 0);
            if hits > best.0 {
                best = (hits, (*start, slope));
            }
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Native;
    use crate::poly;
    use halo2curves_axiom::ff::Field;
    use rand::SeedableRng;

    #[test]
    fn agrees_with_the_plain_extension() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(9);
        let tables: [fn(i64) -> i64; 6] = [
            |i| (i - 2048).max(0) * 3 + i64::from((2000..2100).contains(&i)),
            |i| (500 - i).max(0),
            |i| 4 * i - (1 << 13),
            |_| 0,
            |i| (16384.0 / (1.0 + (-(i - 2048) as f64 / 256.0).exp())).round() as i64,
            |i| (i * 7919) % 30011 - 15000,
        ];
        for function in tables {
            let table: Vec<i16> = (0..1 << 12).map(|i| function(i) as i16).collect();
            let point: Vec<Fr> = (0..12).map(|_| Fr::random(&mut rng)).collect();
            let values: Vec<Fr> = table.iter().map(|v| fr_from_i64((*v).into())).collect();
            assert_eq!(
                poly::evaluate(&values, &point),
                evaluate(&mut Native, &table, &point)
            );
        }
    }
}
