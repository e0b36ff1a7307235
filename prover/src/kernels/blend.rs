//! `a + r·(b - a)` over long vectors: binding a variable of a multilinear polynomial, and products with
//! factors of two terms.

use halo2curves_axiom::bn256::Fr;
use rayon::prelude::*;

#[cfg(target_arch = "x86_64")]
use super::lanes::Avx512;

#[cfg(target_arch = "x86_64")]
mod vector;

/// Elements that a task takes at least.
const TASK: usize = 1 << 10;

/// `low[i] += r·(high[i] - low[i])`, in parallel.
///
/// # Panics
/// If the lengths differ.
pub fn bind(low: &mut [Fr], high: &[Fr], r: &Fr) {
    assert_eq!(low.len(), high.len(), "vector lengths");
    let task = TASK.max(low.len() / (8 * rayon::current_num_threads()));
    if low.len() <= TASK {
        return bind_one(low, high, r);
    }
    low.par_chunks_mut(task)
        .zip(high.par_chunks(task))
        .for_each(|(low, high)| bind_one(low, high, r));
}

fn bind_one(low: &mut [Fr], high: &[Fr], r: &Fr) {
    #[cfg(target_arch = "x86_64")]
    if let Some(token) = Avx512::detect() {
        return vector::bind(token, low, high, r);
    }
    for (l, h) in low.iter_mut().zip(high) {
        *l += r * (h - *l);
    }
}

/// `values[i] += r·(values[i + distance] - values[i])` for ascending `i`, zeros beyond the end.
pub fn shift(values: &mut [Fr], distance: usize, r: &Fr) {
    let whole = values.len().saturating_sub(distance);
    #[cfg(target_arch = "x86_64")]
    let done = match Avx512::detect() {
        Some(token) => vector::shift(token, values, distance, r),
        None => 0,
    };
    #[cfg(not(target_arch = "x86_64"))]
    let done = 0;
    for i in done..whole {
        let (low, high) = (values[i], values[i + distance]);
        values[i] = low + r * (high - low);
    }
    for value in &mut values[whole..] {
        *value -= *value * r;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2curves_axiom::ff::Field;
    use rand::SeedableRng;

    #[test]
    fn agrees_with_the_formula() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(11);
        let mut random = |n: usize| -> Vec<Fr> { (0..n).map(|_| Fr::random(&mut rng)).collect() };
        for r in [random(1)[0], Fr::ZERO, Fr::ONE, -Fr::ONE] {
            for n in [0, 1, 7, 8, 9, 100, 5000] {
                let (mut low, high) = (random(n), random(n));
                if let [first, second, ..] = low.as_mut_slice() {
                    (*first, *second) = (-Fr::ONE, Fr::ZERO);
                }
                let expected: Vec<Fr> = low
                    .iter()
                    .zip(&high)
                    .map(|(l, h)| l + r * (h - l))
                    .collect();
                let mut bound = low.clone();
                bind(&mut bound, &high, &r);
                assert_eq!(bound, expected);
                for distance in [1, 2, 3, 4, 8, 64, n.max(1), n + 5] {
                    let at = |i: usize| low.get(i).copied().unwrap_or(Fr::ZERO);
                    let expected: Vec<Fr> = (0..n)
                        .map(|i| at(i) + r * (at(i + distance) - at(i)))
                        .collect();
                    let mut moved = low.clone();
                    shift(&mut moved, distance, &r);
                    assert_eq!(moved, expected, "{n} {distance}");
                }
            }
        }
    }
}
