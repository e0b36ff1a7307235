//! RMS norm by integers: `A = Σ_d x² + eps`, `s = isqrt(A)`, `R = floor(K / s)`, `y = round_32(x·R)`.

use laminate_model::ops::RmsNorm;
use laminate_model::program::Role;
use rayon::prelude::*;

use super::{first, padded};
use crate::exec::round::{int16, round};
use crate::exec::{Computed, Execute, Failure, Rows, Task, Values};

/// The witnesses of a row, in this order.
const ROLES: [Role; 7] = [
    Role::ENERGY,
    Role::ROOT,
    Role::ROOT_LOW,
    Role::ROOT_HIGH,
    Role::RECIPROCAL,
    Role::DIVISION_LOW,
    Role::DIVISION_HIGH,
];

impl Execute for RmsNorm {
    /// `(slots, places, width) -> (slots, places, width)`, over the last axis. With `|x| <= 2^31` and a width of at most 2^20, `A < 2^83`; the
    /// column holds 80 bits, so the first row whose energy is too large does not fit, then an output.
    fn execute(&self, task: &Task<'_>, x: &[Rows<'_>]) -> Result<Computed, Failure> {
        let width = task.axes().last().map_or(1, |last| padded(&[*last]));
        let places = task.width() / width;
        let x = x[0].range(task.slots.clone());
        let mut values = vec![0; task.len()];
        let mut remainder = vec![0; task.len()];
        let mut witnesses = vec![[0u128; ROLES.len()]; task.len() / width];
        let lines = values
            .par_chunks_exact_mut(width)
            .zip(remainder.par_chunks_exact_mut(width))
            .zip(&mut witnesses);
        let results = lines
            .enumerate()
            .map(|(line, ((values, remainder), witness))| {
                let x = &x[line * width..][..width];
                let (row, place) = (line / places, line % places * width);
                *witness = root(x, self.epsilon, self.numerator, (row, place))?;
                let reciprocal = witness[4] as i128;
                for (d, x) in x.iter().enumerate() {
                    let (y, rest) = round(i128::from(*x) * reciprocal, 32);
                    remainder[d] = rest;
                    values[d] = int16(y, (row, place + d))?;
                }
                Ok(())
            });
        first(results.collect())?;
        let computed = Computed::new(values).with(Role::REMAINDER, remainder);
        Ok(ROLES
            .into_iter()
            .enumerate()
            .fold(computed, |computed, (i, role)| {
                let column = witnesses.iter().map(|w| w[i]).collect();
                computed.with(role, Values::Wide(column))
            }))
    }
}

fn root(
    x: &[i32],
    epsilon: u64,
    numerator: u64,
    (row, feature): (usize, usize),
) -> Result<[u128; 7], Failure> {
    let square = |x: &i32| u128::from(u64::from(x.unsigned_abs()).pow(2));
    let energy = x.iter().map(square).sum::<u128>() + u128::from(epsilon);
    if energy >= 1 << 80 {
        return Err(Failure {
            what: "sum of squares shifted right by 32",
            row,
            feature,
            value: (energy >> 32) as i128,
            lowest: 0,
            highest: (1 << 48) - 1,
        });
    }
    // eps is at least one, so s is.
    let s = energy.isqrt();
    let low = energy - s * s;
    let reciprocal = u128::from(numerator) / s;
    let rest = u128::from(numerator) - s * reciprocal;
    Ok([energy, s, low, 2 * s - low, reciprocal, rest, s - 1 - rest])
}

#[cfg(test)]
mod tests {
    use super::root;

    #[test]
    fn roots_and_quotients_are_exact() {
        let cases = [
            (vec![0; 4], 1, 1),
            (vec![i32::MIN; 16], 1, (1 << 48) - 1),
            (vec![3, -4], 1, 1000),
            (vec![i32::MAX, 1, -1], u64::MAX, 1 << 47),
        ];
        for (x, eps, k) in cases {
            let [a, s, low, high, r, rest, more] = root(&x, eps, k, (0, 0)).unwrap();
            assert!(s * s + low == a && low + high == 2 * s);
            assert!(s * r + rest == u128::from(k) && rest + more + 1 == s);
        }
    }

    #[test]
    fn energy_of_80_bits_is_the_limit() {
        let wide = vec![i32::MIN; 1 << 18];
        assert!(root(&wide[1..], 1, 1, (0, 0)).is_ok());
        let failure = root(&wide, 1, 1, (3, 8)).unwrap_err();
        assert_eq!(
            (failure.row, failure.feature, failure.value),
            (3, 8, 1 << 48)
        );
    }
}
