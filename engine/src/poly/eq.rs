//! The equality polynomial `eq(x, y) = Π (x_i y_i + (1-x_i)(1-y_i))`.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use crate::backend::Backend;

/// All values `eq(point, b)` for `b` in index order; length `2^point.len()`.
pub fn table(point: &[Fr]) -> Vec<Fr> {
    scaled_table(point, Fr::ONE)
}

/// `scale · eq(point, b)` for all `b`.
pub fn scaled_table(point: &[Fr], scale: Fr) -> Vec<Fr> {
    let mut out = Vec::with_capacity(1 << point.len());
    out.push(scale);
    for r in point {
        let previous = std::mem::replace(&mut out, Vec::with_capacity(1 << point.len()));
        for value in previous {
            let high = value * r;
            out.push(value - high);
            out.push(high);
        }
    }
    out
}

/// `eq(a, b)` of two points of the same length, from the end: points that share a suffix share what a circuit
/// computes of it.
pub fn evaluate<B: Backend>(backend: &mut B, a: &[B::Scalar], b: &[B::Scalar]) -> B::Scalar {
    let mut acc: Option<B::Scalar> = None;
    for (x, y) in a.iter().zip(b).rev() {
        // 1 - x - y + 2xy
        let xy = backend.mul(x, y);
        let factor = backend.linear(
            Fr::ONE,
            &[
                (-Fr::ONE, x.clone()),
                (-Fr::ONE, y.clone()),
                (Fr::from(2), xy),
            ],
        );
        acc = Some(match acc {
            None => factor,
            Some(acc) => backend.mul(&acc, &factor),
        });
    }
    acc.unwrap_or_else(|| backend.constant(Fr::ONE))
}

/// `eq(bits, point)` where `bits` are the `point.len()` bits of `index`, most significant first.
pub fn select<B: Backend>(backend: &mut B, index: usize, point: &[B::Scalar]) -> B::Scalar {
    let mut acc: Option<B::Scalar> = None;
    for (i, r) in point.iter().enumerate() {
        let bit = (index >> (point.len() - 1 - i)) & 1;
        let factor = if bit == 1 {
            r.clone()
        } else {
            backend.linear(Fr::ONE, &[(-Fr::ONE, r.clone())])
        };
        acc = Some(match acc {
            None => factor,
            Some(acc) => backend.mul(&acc, &factor),
        });
    }
    acc.unwrap_or_else(|| backend.constant(Fr::ONE))
}

/// The extension of `[x < count]` at `point`: `Σ_{x < count} eq(x, point)`, by the bits of `count`.
pub fn below<B: Backend>(backend: &mut B, count: usize, point: &[B::Scalar]) -> B::Scalar {
    if count >> point.len() > 0 {
        return backend.constant(Fr::ONE);
    }
    let mut sum = backend.constant(Fr::ZERO);
    let mut prefix: Option<B::Scalar> = None;
    for (i, r) in point.iter().enumerate() {
        let one = (count >> (point.len() - 1 - i)) & 1 == 1;
        let rest = backend.linear(Fr::ONE, &[(-Fr::ONE, r.clone())]);
        if one {
            // Equal so far, and zero where `count` has a one.
            let term = match &prefix {
                None => rest.clone(),
                Some(prefix) => backend.mul(prefix, &rest),
            };
            sum = backend.add(&sum, &term);
        }
        let factor = if one { r.clone() } else { rest };
        prefix = Some(match prefix {
            None => factor,
            Some(prefix) => backend.mul(&prefix, &factor),
        });
    }
    sum
}

/// The extension of `[x ≤ y]` of two points of the same length, in both arguments.
pub fn at_most<B: Backend>(backend: &mut B, x: &[B::Scalar], y: &[B::Scalar]) -> B::Scalar {
    let (less, equal) = compare(backend, x, y);
    backend.add(&less, &equal)
}

/// The extension of `[x < y]` of two points of the same length, in both arguments.
pub fn less<B: Backend>(backend: &mut B, x: &[B::Scalar], y: &[B::Scalar]) -> B::Scalar {
    compare(backend, x, y).0
}

/// The extensions of `[x < y]` and `[x = y]`.
fn compare<B: Backend>(
    backend: &mut B,
    x: &[B::Scalar],
    y: &[B::Scalar],
) -> (B::Scalar, B::Scalar) {
    let mut less = backend.constant(Fr::ZERO);
    let mut equal = backend.constant(Fr::ONE);
    for (a, b) in x.iter().zip(y) {
        // (1 - a)·b and 1 - a - b + 2ab
        let ab = backend.mul(a, b);
        let step = backend.sub(b, &ab);
        less = backend.mul_add(&equal, &step, &less);
        let factor = backend.linear(
            Fr::ONE,
            &[
                (-Fr::ONE, a.clone()),
                (-Fr::ONE, b.clone()),
                (Fr::from(2), ab),
            ],
        );
        equal = backend.mul(&equal, &factor);
    }
    (less, equal)
}

/// The extension of `[y = x + 1]` of two points of the same length, in both arguments.
pub fn successor<B: Backend>(backend: &mut B, x: &[B::Scalar], y: &[B::Scalar]) -> B::Scalar {
    // From the least significant bit: `carried` where all bits so far are 1 in x and 0 in y; a bit that
    // is 0 in x and 1 in y ends the carry, and those above are equal.
    let mut carried = backend.constant(Fr::ONE);
    let mut sum = backend.constant(Fr::ZERO);
    for (a, b) in x.iter().zip(y).rev() {
        let ab = backend.mul(a, b);
        let equal = backend.linear(
            Fr::ONE,
            &[
                (-Fr::ONE, a.clone()),
                (-Fr::ONE, b.clone()),
                (Fr::from(2), ab.clone()),
            ],
        );
        let (up, down) = (backend.sub(b, &ab), backend.sub(a, &ab));
        let ended = backend.mul(&carried, &up);
        sum = backend.mul_add(&sum, &equal, &ended);
        carried = backend.mul(&carried, &down);
    }
    sum
}

/// All values `eq(point, b)` over a backend, in index order.
pub fn table_of<B: Backend>(backend: &mut B, point: &[B::Scalar]) -> Vec<B::Scalar> {
    let mut out: Vec<B::Scalar> = vec![backend.constant(Fr::ONE)];
    for (i, r) in point.iter().enumerate() {
        let mut next = Vec::with_capacity(out.len() * 2);
        for value in &out {
            let high = if i == 0 {
                r.clone()
            } else {
                backend.mul(value, r)
            };
            next.push(backend.sub(value, &high));
            next.push(high);
        }
        out = next;
    }
    out
}

/// Evaluates the multilinear extension of scalars at a point, as [`super::evaluate`] but over a
/// backend; missing values are zero.
pub fn fold_values<B: Backend>(
    backend: &mut B,
    values: &[B::Scalar],
    point: &[B::Scalar],
) -> B::Scalar {
    // Bind the least significant variable first, so that short vectors stay short.
    let mut table = values.to_vec();
    for r in point.iter().rev() {
        let mut next = Vec::with_capacity(table.len().div_ceil(2));
        for pair in table.chunks(2) {
            next.push(match pair {
                [low, high] => {
                    let difference = backend.sub(high, low);
                    backend.mul_add(r, &difference, low)
                }
                [low] => {
                    let product = backend.mul(r, low);
                    backend.sub(low, &product)
                }
                _ => continue,
            });
        }
        table = next;
    }
    table
        .into_iter()
        .next()
        .unwrap_or_else(|| backend.constant(Fr::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Native;
    use rand::SeedableRng;

    #[test]
    fn comparisons_are_the_extensions_of_their_tables() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(4);
        let mut point = |n: usize| -> Vec<Fr> { (0..n).map(|_| Fr::random(&mut rng)).collect() };
        let (x, y) = (point(3), point(3));
        let (tx, ty) = (table(&x), table(&y));
        for count in 0..=8 {
            let direct: Fr = tx[..count].iter().sum();
            assert_eq!(direct, below(&mut Native, count, &x));
        }
        assert_eq!(below(&mut Native, 1, &[]), Fr::ONE);
        assert_eq!(tx, table_of(&mut Native, &x));
        let sum = |keep: fn(usize, usize) -> bool| -> Fr {
            let pairs = (0..8).flat_map(|a| (0..8).map(move |b| (a, b)));
            pairs
                .filter(|(a, b)| keep(*a, *b))
                .map(|(a, b)| tx[a] * ty[b])
                .sum()
        };
        assert_eq!(sum(|a, b| a < b), less(&mut Native, &x, &y));
        assert_eq!(sum(|a, b| a <= b), at_most(&mut Native, &x, &y));
        assert_eq!(sum(|a, b| b == a + 1), successor(&mut Native, &x, &y));
    }

    #[test]
    fn table_select_and_evaluate_agree() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let point: Vec<Fr> = (0..5).map(|_| Fr::random(&mut rng)).collect();
        let table = table(&point);
        for (i, value) in table.iter().enumerate() {
            assert_eq!(*value, select(&mut Native, i, &point));
            let bits: Vec<Fr> = (0..5)
                .map(|j| Fr::from((i >> (4 - j)) as u64 & 1))
                .collect();
            assert_eq!(*value, evaluate(&mut Native, &point, &bits));
        }
        let values: Vec<Fr> = (0..19).map(|_| Fr::random(&mut rng)).collect();
        let direct: Fr = values.iter().zip(&table).map(|(v, e)| v * e).sum();
        assert_eq!(direct, super::super::evaluate(&values, &point));
        assert_eq!(direct, fold_values(&mut Native, &values, &point));
    }
}
