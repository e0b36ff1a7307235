//! Ops along axes of a row: contraction of the last axis, factors and offsets, normalisation, softmax, products of two
//! values, reductions, repetition.

use rayon::prelude::*;

use super::{Op, Reduction};
use crate::graph::{Param, Value};

/// Shapes; see the ops.
pub(super) fn check(
    op: &Op,
    operands: &[&Value],
    params: &[&Param],
    output: &Value,
) -> Result<(), String> {
    let shapes: Vec<Vec<usize>> = operands.iter().map(|x| x.features().collect()).collect();
    let made: Vec<usize> = output.features().collect();
    let params: Vec<&[usize]> = params.iter().map(|param| param.shape.as_slice()).collect();
    let fits = match (op, shapes.as_slice(), params.as_slice()) {
        (Op::Linear, [x], [[rows, cols], [biases]]) => match (x.split_last(), made.split_last()) {
            (Some((last, places)), Some((own, same))) => {
                places == same && last == cols && own == rows && biases == rows
            }
            _ => false,
        },
        (Op::Affine { axis }, [x], [scale, shift]) => {
            let expected = match axis {
                Some(axis) => x.get(*axis).map(|len| vec![*len]),
                None if x.is_empty() => Some(vec![1]),
                None => Some(x.clone()),
            };
            *x == made && scale == shift && expected.as_deref() == Some(*scale)
        }
        (Op::Normalise { .. }, [x], []) => *x == made && !x.is_empty(),
        (Op::Share { axis }, [x], []) => *x == made && *axis < x.len(),
        (Op::MatMul { .. }, [a, b], []) => product(a, b).is_some_and(|found| found == made),
        (Op::Reduce { axes, .. }, [x], []) => {
            let kept = x.iter().enumerate().filter(|(at, _)| !axes.contains(at));
            let inside = axes.iter().all(|axis| *axis < x.len());
            inside && !axes.is_empty() && kept.map(|(_, len)| *len).eq(made.iter().copied())
        }
        (Op::Expand, [x], []) => {
            let both = x.iter().zip(&made);
            x.len() == made.len() && { both }.all(|(own, len)| own == len || *own == 1)
        }
        _ => false,
    };
    if fits {
        return Ok(());
    }
    Err(format!(
        "operands have feature shapes {shapes:?}, parameters {params:?}, the result {made:?}"
    ))
}

/// The shape of `(…, m, k)` times `(…, k, n)`.
pub fn product(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let ([first @ .., m, k], [second @ .., l, n]) = (a, b) else {
        return None;
    };
    (first == second && k == l).then(|| [first, &[*m, *n]].concat())
}

/// Steps of an axis: how many of its entries there are, how far apart, and how many runs of them.
fn lines(features: &[usize], axis: usize) -> (usize, usize) {
    let len = features.get(axis).copied().unwrap_or(1).max(1);
    let stride = features.iter().skip(axis + 1).product::<usize>().max(1);
    (len, stride)
}

/// What a checked op computes of rows with these features.
pub(super) fn evaluate(op: &Op, operands: &[(&[f32], &[usize])], params: &[&[f32]]) -> Vec<f32> {
    match (op, operands, params) {
        (Op::Linear, [(x, _)], [weight, bias]) => linear(x, weight, bias),
        (Op::Affine { axis }, [(x, features)], [scale, shift]) => {
            let (len, stride) = match axis {
                Some(axis) => lines(features, *axis),
                None => (scale.len().max(1), 1),
            };
            let of = |(at, x): (usize, &f32)| {
                let own = at / stride % len;
                let (a, b) = (scale.get(own), shift.get(own));
                let factor = f64::from(a.copied().unwrap_or(1.0));
                (f64::from(*x) * factor + f64::from(b.copied().unwrap_or(0.0))) as f32
            };
            x.iter().enumerate().map(of).collect()
        }
        (Op::Normalise { eps, centred }, [(x, features)], _) => {
            let (len, _) = lines(features, features.len().saturating_sub(1));
            x.par_chunks_exact(len)
                .flat_map_iter(|row| normalised(row, *eps, *centred))
                .collect()
        }
        (Op::Share { axis }, [(x, features)], _) => {
            let mut out = x.to_vec();
            let (len, stride) = lines(features, *axis);
            for run in out.chunks_exact_mut(len * stride) {
                for at in 0..stride {
                    shares(run, at, stride);
                }
            }
            out
        }
        (Op::MatMul { factor }, [(a, left), (b, right)], _) => {
            let ([.., m, k], [.., n]) = (left, right) else {
                return vec![];
            };
            let both = a.par_chunks_exact((m * k).max(1));
            let both = both.zip(b.par_chunks_exact((k * n).max(1)));
            both.flat_map_iter(|(a, b)| multiplied(a, b, (*k, *n), *factor))
                .collect()
        }
        (Op::Reduce { kind, axes }, [(x, features)], _) => reduced(x, features, *kind, axes),
        _ => vec![],
    }
}

/// `(rows, cols) -> (rows, width)`, sums in f64.
fn linear(x: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
    let cols = (weight.len() / bias.len().max(1)).max(1);
    let row = |x: &[f32]| -> Vec<f32> {
        let rows = weight.chunks_exact(cols).zip(bias);
        let sum = |(w, bias): (&[f32], &f32)| {
            let products = w.iter().zip(x);
            let sum: f64 = products.map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
            (sum + f64::from(*bias)) as f32
        };
        rows.map(sum).collect()
    };
    x.par_chunks_exact(cols).flat_map_iter(row).collect()
}

fn normalised(row: &[f32], eps: f32, centred: bool) -> Vec<f32> {
    let count = row.len() as f64;
    let mean = match centred {
        true => row.iter().map(|v| f64::from(*v)).sum::<f64>() / count,
        false => 0.0,
    };
    let square = |v: &f32| (f64::from(*v) - mean).powi(2);
    let energy = row.iter().map(square).sum::<f64>() / count;
    let factor = 1.0 / (energy + f64::from(eps)).sqrt();
    row.iter()
        .map(|v| ((f64::from(*v) - mean) * factor) as f32)
        .collect()
}

/// The softmax of every `stride`-th number from `at` on.
fn shares(run: &mut [f32], at: usize, stride: usize) {
    let own = || run.iter().skip(at).step_by(stride);
    let most = own().copied().fold(f32::NEG_INFINITY, f32::max);
    let weight = |v: f32| libm::exp(f64::from(v) - f64::from(most));
    let total: f64 = own().map(|v| weight(*v)).sum();
    for v in run.iter_mut().skip(at).step_by(stride) {
        *v = (weight(*v) / total) as f32;
    }
}

/// `(m, k)` times `(k, n)`.
fn multiplied(a: &[f32], b: &[f32], (k, n): (usize, usize), factor: f64) -> Vec<f32> {
    let entry = |a: &[f32], column: usize| {
        let b = b.iter().skip(column).step_by(n.max(1));
        let sum: f64 = a
            .iter()
            .zip(b)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum();
        (sum * factor) as f32
    };
    let rows = a.chunks_exact(k.max(1));
    rows.flat_map(|a| (0..n).map(move |column| entry(a, column)))
        .collect()
}

/// Every row, some of its axes taken together.
fn reduced(x: &[f32], features: &[usize], kind: Reduction, axes: &[usize]) -> Vec<f32> {
    let width = features.iter().product::<usize>().max(1);
    // Where each of a row's numbers goes.
    let mut places = vec![0usize];
    let mut count = 1usize;
    for (axis, len) in features.iter().enumerate() {
        let kept = !axes.contains(&axis);
        if kept {
            count *= len;
        }
        let longer = |at: &usize| {
            let at = *at;
            (0..*len).map(move |x| if kept { at * len + x } else { at })
        };
        places = places.iter().flat_map(longer).collect();
    }
    let each = (width / count.max(1)).max(1);
    let row = |row: &[f32]| -> Vec<f32> {
        let start = match kind {
            Reduction::Max => f64::NEG_INFINITY,
            Reduction::Sum | Reduction::Mean => 0.0,
        };
        let mut out = vec![start; count];
        for (v, place) in row.iter().zip(&places) {
            if let Some(slot) = out.get_mut(*place) {
                *slot = match kind {
                    Reduction::Max => slot.max((*v).into()),
                    Reduction::Sum | Reduction::Mean => *slot + f64::from(*v),
                };
            }
        }
        let divisor = match kind {
            Reduction::Mean => each as f64,
            Reduction::Sum | Reduction::Max => 1.0,
        };
        out.into_iter().map(|v| (v / divisor) as f32).collect()
    };
    x.par_chunks_exact(width).flat_map_iter(row).collect()
}

/// Axes of one entry repeated: rows of `from` features to rows of `to`.
pub(super) fn expand(x: &[f32], from: &[usize], to: &[usize]) -> Vec<f32> {
    let mut sources = vec![0usize];
    for (axis, len) in to.iter().enumerate() {
        let own = from.get(axis).copied().unwrap_or(1);
        let longer = |at: &usize| {
            let at = *at * own;
            (0..*len).map(move |x| at + if own == 1 { 0 } else { x })
        };
        sources = sources.iter().flat_map(longer).collect();
    }
    let width = from.iter().product::<usize>().max(1);
    x.par_chunks_exact(width)
        .flat_map_iter(|row| {
            let read = |at: &usize| row.get(*at).copied().unwrap_or(0.0);
            sources.iter().map(read).collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_reduced_and_repeated() {
        let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let of = |kind, axes: &[usize]| reduced(&x, &[2, 3], kind, axes);
        assert_eq!(of(Reduction::Sum, &[1]), [6.0, 15.0]);
        assert_eq!(of(Reduction::Mean, &[0]), [2.5, 3.5, 4.5]);
        assert_eq!(of(Reduction::Max, &[0, 1]), [6.0]);
        assert_eq!(expand(&[1.0, 2.0], &[2, 1], &[2, 2]), [1.0, 1.0, 2.0, 2.0]);
        assert_eq!(expand(&[1.0, 2.0], &[1, 2], &[2, 2]), [1.0, 2.0, 1.0, 2.0]);
    }

    #[test]
    fn softmax_of_any_axis() {
        let x = [0.0, 1.0, 0.0, 1.0];
        let of = |axis| evaluate(&Op::Share { axis }, &[(&x, &[2, 2])], &[]);
        assert_eq!(of(0), [0.5; 4]);
        assert!((of(1)[1] - 0.731_058_6).abs() < 1e-6);
    }

    #[test]
    fn rows_are_normalised() {
        let centred = Op::Normalise {
            eps: 0.0,
            centred: true,
        };
        assert_eq!(evaluate(&centred, &[(&[1.0, 3.0], &[2])], &[]), [-1.0, 1.0]);
    }

    #[test]
    fn products_of_each_shared_place() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 2.0, 0.0]);
        let op = Op::MatMul { factor: 0.5 };
        let got = evaluate(&op, &[(&a, &[2, 1, 2]), (&b, &[2, 2, 1])], &[]);
        assert_eq!(got, [1.5, 3.0]);
        assert_eq!(product(&[2, 1, 2], &[2, 2, 1]), Some(vec![2, 1, 1]));
        assert_eq!(product(&[2, 1, 2], &[2, 1, 2]), None);
    }
}
