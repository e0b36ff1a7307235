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

/// `eq(a, b)` of two points of the same length.
pub fn evaluate<B: Backend>(backend: &mut B, a: &[B::Scalar], b: &[B::Scalar]) -> B::Scalar {
    let mut acc: Option<B::Scalar> = None;
    for (x, y) in a.iter().zip(b) {
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
