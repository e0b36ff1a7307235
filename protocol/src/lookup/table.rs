//! The verifier's evaluation of an activation table.
//!
//! A table costs the verifier one pass over the entries that are not zero, once a straight line over
//! the upper half of the domain is taken off: an exponential ends in zeros, and `x·sigmoid(x)` starts
//! in zeros and ends in a line.

use halo2curves_axiom::bn256::Fr;

use crate::backend::Backend;
use crate::field::{fr_from_i64, pow2};
use crate::program::Table;

/// The extension of the table's values at `point`.
pub fn evaluate<B: Backend>(backend: &mut B, table: &Table, point: &[B::Scalar]) -> B::Scalar {
    let half = table.values.len() / 2;
    let line = |slope: i64, i: usize| slope * i.saturating_sub(half) as i64;
    let rest = |slope: i64| -> Vec<i64> {
        let values = table.values.iter().enumerate();
        values
            .map(|(i, v)| i64::from(*v) - line(slope, i))
            .collect()
    };
    let count = |rest: &[i64]| rest.iter().filter(|v| **v != 0).count();
    let end: Vec<i64> = table
        .values
        .iter()
        .rev()
        .take(2)
        .map(|v| i64::from(*v))
        .collect();
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

/// The extension of integers, most of which may be zero.
fn fold<B: Backend>(backend: &mut B, values: &[i64], point: &[B::Scalar]) -> B::Scalar {
    let mut table: Vec<Option<B::Scalar>> = values
        .iter()
        .map(|v| (*v != 0).then(|| backend.constant(fr_from_i64(*v))))
        .collect();
    for r in point.iter().rev() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Native;
    use crate::poly;
    use crate::program::TableKind;
    use halo2curves_axiom::ff::Field;
    use rand::SeedableRng;

    #[test]
    fn agrees_with_the_plain_extension() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(9);
        let tables: [fn(i64) -> i64; 4] = [
            |i| (i - 2048).max(0) * 3 + i64::from((2000..2100).contains(&i)),
            |i| (500 - i).max(0),
            |i| 4 * i - (1 << 13),
            |_| 0,
        ];
        for function in tables {
            let table = Table {
                kind: TableKind::Silu,
                input_scale: 8,
                values: (0..1 << 12).map(|i| function(i) as i16).collect(),
            };
            let point: Vec<Fr> = (0..12).map(|_| Fr::random(&mut rng)).collect();
            let values: Vec<Fr> = table
                .values
                .iter()
                .map(|v| fr_from_i64((*v).into()))
                .collect();
            assert_eq!(
                poly::evaluate(&values, &point),
                evaluate(&mut Native, &table, &point)
            );
        }
    }
}
