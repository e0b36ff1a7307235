//! Polynomial products over BN254 `Fr` by the library's FFT.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::{Field, PrimeField};
use halo2curves_axiom::fft::best_fft;

/// Coefficients of `a · b`, length `a.len() + b.len() - 1` padded to a power of two.
pub fn multiply(a: &[Fr], b: &[Fr]) -> Vec<Fr> {
    let log = (a.len() + b.len())
        .saturating_sub(1)
        .max(1)
        .next_power_of_two()
        .trailing_zeros();
    let omega = (log..Fr::S).fold(Fr::ROOT_OF_UNITY, |w, _| w.square());
    let mut left = a.to_vec();
    let mut right = b.to_vec();
    left.resize(1 << log, Fr::ZERO);
    right.resize(1 << log, Fr::ZERO);
    rayon::join(
        || best_fft(&mut left, omega, log),
        || best_fft(&mut right, omega, log),
    );
    for (l, r) in left.iter_mut().zip(&right) {
        *l *= r;
    }
    best_fft(&mut left, omega.invert().unwrap_or(Fr::ONE), log);
    let scale = Fr::from(1 << log).invert().unwrap_or(Fr::ONE);
    for value in &mut left {
        *value *= scale;
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn agrees_with_the_schoolbook_product() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
        let a: Vec<Fr> = (0..13).map(|_| Fr::random(&mut rng)).collect();
        let b: Vec<Fr> = (0..8).map(|_| Fr::random(&mut rng)).collect();
        let mut expected = vec![Fr::ZERO; 32];
        for (i, x) in a.iter().enumerate() {
            for (j, y) in b.iter().enumerate() {
                expected[i + j] += x * y;
            }
        }
        assert_eq!(multiply(&a, &b), expected);
    }
}
