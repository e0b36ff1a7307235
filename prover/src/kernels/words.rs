//! Field elements and points as their machine words, without copying.
//!
//! The library keeps an element as four 64-bit words in Montgomery form, reduced below the modulus.
//! Both are checked here: the layout when compiling, the form by the tests.

use halo2curves_axiom::bn256::{Fq, Fr, G1Affine};

/// Four words, least significant first, of an element in Montgomery form.
pub type Words = [u64; 4];

/// The `x` and the `y` of an affine point.
pub type PointWords = [Words; 2];

const _: () = {
    assert!(size_of::<Fr>() == 32 && align_of::<Fr>() == align_of::<Words>());
    assert!(size_of::<Fq>() == 32 && align_of::<Fq>() == align_of::<Words>());
    assert!(size_of::<G1Affine>() == 64 && align_of::<G1Affine>() == align_of::<PointWords>());
    assert!(std::mem::offset_of!(G1Affine, x) == 0 && std::mem::offset_of!(G1Affine, y) == 32);
};

/// The words of field elements.
#[expect(unsafe_code, reason = "reads field elements as their words")]
pub fn of(values: &[Fr]) -> &[Words] {
    // SAFETY: `Fr` is a struct of one field `[u64; 4]`, of that size and alignment (asserted above).
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), values.len()) }
}

/// The words of field elements, to be written; every element must end below the modulus.
#[expect(unsafe_code, reason = "writes field elements as their words")]
pub fn of_mut(values: &mut [Fr]) -> &mut [Words] {
    // SAFETY: as in `of`; every bit pattern is a valid `[u64; 4]`.
    unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), values.len()) }
}

/// The words of points; the point at infinity is all zero.
#[expect(unsafe_code, reason = "reads points as their words")]
pub fn of_points(points: &[G1Affine]) -> &[PointWords] {
    // SAFETY: `G1Affine` is `x` then `y` without padding (offsets and size asserted above), each an
    // `Fq`, a struct of one field `[u64; 4]`.
    unsafe { std::slice::from_raw_parts(points.as_ptr().cast(), points.len()) }
}

/// Signed bytes as unsigned ones of the same bits.
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "reads signed bytes as unsigned")]
pub fn unsigned(values: &[i8]) -> &[u8] {
    // SAFETY: `i8` and `u8` have the same layout, and every bit pattern is valid.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), values.len()) }
}

/// The bytes of 16-bit values in the machine's order.
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "reads 16-bit values as bytes")]
pub fn bytes(values: &[u16]) -> &[u8] {
    // SAFETY: a `u16` is two bytes without padding.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), 2 * values.len()) }
}

/// The element with these words, which must be below the modulus.
pub fn scalar(words: &Words) -> Fr {
    let mut out = [Fr::zero()];
    of_mut(&mut out)[0] = *words;
    out[0]
}

/// The base field element with these words, which must be below the modulus.
#[expect(unsafe_code, reason = "writes field elements as their words")]
pub fn base(words: &Words) -> Fq {
    // SAFETY: `Fq` is a struct of one field `[u64; 4]`, of that size and alignment (asserted above).
    unsafe { std::mem::transmute::<Words, Fq>(*words) }
}

/// The words of a base field element.
#[expect(unsafe_code, reason = "reads field elements as their words")]
pub fn of_base(value: &Fq) -> Words {
    // SAFETY: as in `base`.
    unsafe { std::mem::transmute::<Fq, Words>(*value) }
}

/// The point with these words.
pub fn point(words: &PointWords) -> G1Affine {
    G1Affine {
        x: base(&words[0]),
        y: base(&words[1]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2curves_axiom::group::prime::PrimeCurveAffine;
    use halo2curves_axiom::serde::SerdeObject;
    use rand::SeedableRng;

    #[test]
    fn words_are_the_raw_form() {
        use halo2curves_axiom::ff::Field;
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(5);
        let value = Fr::random(&mut rng);
        let raw = value.to_raw_bytes();
        let bytes: Vec<u8> = of(&[value])[0]
            .iter()
            .flat_map(|w| w.to_le_bytes())
            .collect();
        assert_eq!(bytes, raw);
        assert_eq!(scalar(&of(&[value])[0]), value);
        let value = Fq::random(&mut rng);
        assert_eq!(base(&of_base(&value)), value);
        assert_eq!(of_points(&[G1Affine::identity()])[0], [[0; 4]; 2]);
        let generator = G1Affine::generator();
        assert_eq!(point(&of_points(&[generator])[0]), generator);
    }
}
