//! Passes with the library's field.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use super::tables::{Parts, Pass};

/// `p0/q0 + p1/q1`, in the place of the first.
pub fn join((p0, q0): (&mut [Fr], &mut [Fr]), (p1, q1): (&[Fr], &[Fr])) {
    for (((p0, q0), p1), q1) in p0.iter_mut().zip(q0).zip(p1).zip(q1) {
        *p0 = *p0 * q1 + *q0 * p1;
        *q0 *= q1;
    }
}

/// See [`super::tables`].
pub fn sum(pass: &Pass, weights: &[Fr], mut parts: Parts<'_>) -> [Fr; 2] {
    let rest = pass.rest();
    let mut sums = [Fr::ZERO; 2];
    for (i, weight) in weights.iter().enumerate() {
        let read = |t: usize, quarter: usize| parts[t][quarter].get(i).copied().unwrap_or(rest[t]);
        let values: [[Fr; 2]; 4] = std::array::from_fn(|t| {
            std::array::from_fn(|side| {
                let low = read(t, side);
                match &pass.bind {
                    None => low,
                    Some(r) => low + r * (read(t, side + 2) - low),
                }
            })
        });
        let [mut a, p1, q0, q1] = values;
        if pass.add_lambda {
            a = std::array::from_fn(|side| a[side] + pass.lambda * q0[side]);
        }
        if pass.bind.is_some() {
            for (parts, values) in parts.iter_mut().zip([a, p1, q0, q1]) {
                for (part, value) in parts.iter_mut().zip(values) {
                    if let Some(place) = part.get_mut(i) {
                        *place = value;
                    }
                }
            }
        }
        sums[0] += weight * (a[0] * q1[0] + p1[0] * q0[0]);
        let [a, p1, q0, q1] = [a, p1, q0, q1].map(|v| v[1] - v[0]);
        sums[1] += weight * (a * q1 + p1 * q0);
    }
    sums
}
