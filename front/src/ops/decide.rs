//! Decisions: a threshold, and the place of the largest number.

use super::Op;
use crate::graph::Value;

/// One number comes of a row: of one or two of them by a threshold, of several by their largest.
pub(super) fn check(op: &Op, operands: &[&Value], output: &Value) -> Result<(), String> {
    let fits = |x: &Value| match op {
        Op::Step { .. } => x.width() <= 2,
        _ => x.width() > 1,
    };
    match operands {
        [x] if fits(x) && output.width() == 1 => Ok(()),
        _ => {
            let shapes = operands.iter().map(|x| x.shape()).collect::<String>();
            let expected = match op {
                Op::Step { .. } => "one number or two",
                _ => "two numbers or more",
            };
            let made = output.shape();
            Err(format!(
                "operand has shape {shapes}, the result {made}; expected {expected}, and one number"
            ))
        }
    }
}

/// The op on rows of `width` numbers.
pub(super) fn evaluate(op: &Op, x: &[f32], width: usize) -> Vec<f32> {
    let rows = x.chunks_exact(width.max(1));
    match op {
        Op::Step { least } => rows
            .map(|row| f32::from(u8::from(score(row) >= *least)))
            .collect(),
        _ => rows.map(|row| largest(row) as f32).collect(),
    }
}

/// What a threshold is on: a number, or of two the second less the first.
fn score(row: &[f32]) -> f64 {
    match *row {
        [first, second] => f64::from(second) - f64::from(first),
        [one] => one.into(),
        _ => 0.0,
    }
}

/// The place of the largest number, the first of equal ones, as `numpy.argmax` has it.
fn largest(row: &[f32]) -> usize {
    let pairs = row.iter().enumerate();
    pairs
        .fold((0, f32::NEG_INFINITY), |best, (at, x)| {
            if *x > best.1 { (at, *x) } else { best }
        })
        .0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_reached_and_the_first_of_equals_is_the_largest() {
        let step = Op::Step { least: 0.5 };
        assert_eq!(evaluate(&step, &[0.49, 0.5, -1.0], 1), [0.0, 1.0, 0.0]);
        assert_eq!(evaluate(&step, &[1.0, 1.5, 2.0, 2.25], 2), [1.0, 0.0]);
        let rows = [1.0, 3.0, 3.0, -2.0, -5.0, -2.0];
        assert_eq!(evaluate(&Op::ArgMax, &rows, 3), [1.0, 0.0]);
        let value = |width| Value::new("t", &[width]);
        for (op, width, made) in [(step, 3, 1), (Op::ArgMax, 1, 1), (Op::ArgMax, 4, 2)] {
            let found = check(&op, &[&value(width)], &value(made)).expect_err("refused");
            assert!(found.contains("and one number"), "{found}");
        }
    }
}
