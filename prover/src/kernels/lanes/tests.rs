use halo2curves_axiom::bn256::{Fq, Fr};
use halo2curves_axiom::ff::{Field, PrimeField};
use rand::SeedableRng;

use super::*;
use crate::kernels::words;

/// Eight elements with the extreme values among them.
fn operands(seed: u64) -> [Fr; 8] {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let mut out: [Fr; 8] = std::array::from_fn(|_| Fr::random(&mut rng));
    out[1] = Fr::ZERO;
    out[4] = -Fr::ONE;
    // Largest Montgomery form: the element with words p - 1.
    let mut largest = Scalars::WORDS;
    largest[0] -= 1;
    out[(seed % 8) as usize] = words::scalar(&largest);
    out
}

fn eight(values: &[Fr; 8]) -> &[Words; 8] {
    words::of(values).as_array().expect("eight")
}

#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
fn arithmetic(a: &[Fr; 8], b: &[Fr; 8]) -> [[Fr; 8]; 5] {
    let (ca, cb) = (load(eight(a)), load(eight(b)));
    let (x, y) = (split(&ca), split(&cb));
    let put = |lanes: &Lanes| {
        let mut out = [Fr::ZERO; 8];
        let lanes = [4, 2, 1]
            .into_iter()
            .fold(*lanes, |sum, p| trim::<Scalars>(&sum, p));
        store(
            words::of_mut(&mut out).as_mut_array().expect("eight"),
            join(&lanes),
        );
        out
    };
    let mut wide = wide_zero();
    for _ in 0..WIDE_TERMS {
        accumulate(&mut wide, &x, &y);
    }
    [
        put(&mul::<Scalars>(&x, &split_16(&cb))),
        put(&mul_sum::<Scalars>(&x, &split_16(&cb), &split_16(&ca), &x)),
        put(&sub::<Scalars>(&x, &y)),
        put(&add(&x, &y)),
        put(&fold::<Scalars>(&wide)),
    ]
}

#[test]
fn agrees_with_the_library() {
    if Avx512::detect().is_none() {
        println!("skipped: the processor has no AVX-512 IFMA");
        return;
    }
    let sixteenth = Fr::from(16).invert().expect("not zero");
    for seed in 0..40 {
        let (a, b) = (operands(seed), operands(seed / 3 + 100));
        #[expect(unsafe_code, reason = "calls code for the detected features")]
        // SAFETY: the features were detected above.
        let [product, sum, difference, total, wide] = unsafe { arithmetic(&a, &b) };
        for i in 0..8 {
            assert_eq!(product[i], a[i] * b[i]);
            assert_eq!(sum[i], a[i] * b[i] + a[i] * a[i]);
            assert_eq!(difference[i], a[i] - b[i]);
            assert_eq!(total[i], a[i] + b[i]);
            let terms = Fr::from(WIDE_TERMS as u64) * sixteenth;
            assert_eq!(wide[i], a[i] * b[i] * terms);
        }
    }
}

#[test]
fn moduli_are_the_libraries() {
    let words = |bytes: [u8; 32]| -> Words {
        std::array::from_fn(|i| {
            u64::from_le_bytes(std::array::from_fn(|j| bytes[8 * i + j])) + u64::from(i == 0)
        })
    };
    assert_eq!(words((-Fr::ONE).to_repr()), Scalars::WORDS);
    assert_eq!(words((-Fq::ONE).to_repr()), Base::WORDS);
}
