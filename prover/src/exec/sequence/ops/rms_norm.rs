//! RMS norm by integers: `A = Σ_d x² + eps`, `s = isqrt(A)`, `R = floor(K / s)`, `y = round_32(x·R)`.

use crate::exec::execute::{Execute, Outcome};
use crate::exec::ops::Operand;
use laminate_model::ops::RmsNorm;
use laminate_model::program::Role;
use laminate_model::program::{Program, Weights};
use rayon::prelude::*;

use super::{first, int16, round};
use crate::exec::ops::Computed;
use crate::exec::sequence::rows::{Failure, Rows};
use crate::exec::sequence::task::Task;
use crate::exec::{NodeAux, Values};

/// The witnesses of a row, in this order.
const ROLES: [Role; 7] = [
    Role::Energy,
    Role::Root,
    Role::RootLow,
    Role::RootHigh,
    Role::Reciprocal,
    Role::DivisionLow,
    Role::DivisionHigh,
];

/// `(slots, width) -> (slots, width)`. With `|x| <= 2^31` and a width of at most 2^20, `A < 2^83`; the
/// column holds 80 bits, so `A` is checked.
///
/// # Errors
/// The first row whose energy is too large, else the first output that is not an int16.
pub fn execute(
    task: &Task<'_>,
    (epsilon, numerator): (u64, u64),
    x: Rows<'_>,
) -> Result<Computed, Failure> {
    let width = task.width();
    let mut values = vec![0; task.slots.len() * width];
    let mut remainder = vec![0; values.len()];
    let mut witnesses = vec![[0u128; ROLES.len()]; task.slots.len()];
    let lines = values
        .par_chunks_exact_mut(width)
        .zip(remainder.par_chunks_exact_mut(width))
        .zip(&mut witnesses);
    let results = lines
        .enumerate()
        .map(|(row, ((values, remainder), witness))| {
            let x = x.row(task.slots.start + row);
            *witness = root(x, epsilon, numerator, row)?;
            let reciprocal = witness[4] as i128;
            for (d, x) in x.iter().enumerate() {
                let (y, rest) = round(i128::from(*x) * reciprocal, 32);
                remainder[d] = rest;
                values[d] = int16(y, (row, d))?;
            }
            Ok(())
        });
    first(results.collect())?;
    let column = |i: usize| Values::Wide(witnesses.iter().map(|w| w[i]).collect());
    let others = ROLES.iter().enumerate().map(|(i, role)| (*role, column(i)));
    Ok(Computed {
        values,
        aux: NodeAux {
            remainder,
            others: others.collect(),
            ..NodeAux::default()
        },
    })
}

fn root(x: &[i32], epsilon: u64, numerator: u64, row: usize) -> Result<[u128; 7], Failure> {
    let square = |x: &i32| u128::from(u64::from(x.unsigned_abs()).pow(2));
    let energy = x.iter().map(square).sum::<u128>() + u128::from(epsilon);
    if energy >= 1 << 80 {
        return Err(Failure {
            what: "sum of squares shifted right by 32",
            row,
            feature: 0,
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

impl Execute for RmsNorm {
    fn on_rows<'t>(
        &self,
        _: (&Program, &Weights),
        _: &dyn Fn(usize) -> Operand<'t>,
    ) -> Option<Outcome> {
        None
    }

    fn on_slots<'t>(
        &self,
        task: &Task<'_>,
        operand: &dyn Fn(usize) -> Rows<'t>,
    ) -> Result<Computed, Failure> {
        execute(task, (self.epsilon, self.numerator), operand(0))
    }
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
            let [a, s, low, high, r, rest, more] = root(&x, eps, k, 0).unwrap();
            assert!(s * s + low == a && low + high == 2 * s);
            assert!(s * r + rest == u128::from(k) && rest + more + 1 == s);
        }
    }

    #[test]
    fn energy_of_80_bits_is_the_limit() {
        let wide = vec![i32::MIN; 1 << 18];
        assert!(root(&wide[1..], 1, 1, 0).is_ok());
        let failure = root(&wide, 1, 1, 3).unwrap_err();
        assert_eq!((failure.row, failure.value), (3, 1 << 48));
    }
}
