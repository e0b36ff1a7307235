//! Eight field elements side by side: Montgomery arithmetic in five 52-bit limbs (AVX-512 IFMA).
//!
//! Elements enter and leave in the library's form `a·2^256`, while a product here divides by `2^260`:
//! `mul(a, b)` of two such forms is `ab·2^252`. An operand loaded with [`load_16`] carries the missing
//! factor 16. Bounds: limbs are below `2^52` unless said otherwise; the inputs of `mul` are values
//! below `2^260` whose product is below `2^260 · p`, its output is below `2p`.
//!
//! The functions are safe to call from code compiled for the same features; [`Avx512::detect`] guards
//! the way in.

use std::arch::x86_64::{
    __m256i, __m512i, _mm256_loadu_si256, _mm512_add_epi64, _mm512_and_si512,
    _mm512_castsi256_si512, _mm512_cmpeq_epi64_mask, _mm512_cmpge_epi64_mask, _mm512_inserti64x4,
    _mm512_loadu_si512, _mm512_madd52hi_epu64, _mm512_madd52lo_epu64, _mm512_mask_blend_epi64,
    _mm512_or_si512, _mm512_permutex2var_epi64, _mm512_set1_epi64, _mm512_setr_epi64,
    _mm512_setzero_si512, _mm512_shrdi_epi64, _mm512_slli_epi64, _mm512_srai_epi64,
    _mm512_srli_epi64, _mm512_storeu_si512, _mm512_sub_epi64, _mm512_unpackhi_epi64,
    _mm512_unpacklo_epi64,
};

use super::words::Words;

/// Proof that the processor has AVX-512 F, BW, IFMA, VBMI2 and VNNI.
#[derive(Clone, Copy, Debug)]
pub struct Avx512(());

impl Avx512 {
    /// Asks the processor.
    pub fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512ifma")
            && is_x86_feature_detected!("avx512vbmi2")
            && is_x86_feature_detected!("avx512vnni");
        found.then_some(Self(()))
    }
}

const MASK: u64 = (1 << 52) - 1;

/// A modulus between `2^253` and `2^254`.
pub trait Modulus {
    /// Least significant first.
    const WORDS: Words;
    /// The same in 52-bit limbs.
    const LIMBS: [u64; 5] = limbs(Self::WORDS);
    /// `-1 / p mod 2^52`
    const INVERSE: u64 = {
        let mut x = 1u64;
        let mut step = 0;
        while step < 6 {
            x = x.wrapping_mul(2u64.wrapping_sub(Self::WORDS[0].wrapping_mul(x)));
            step += 1;
        }
        x.wrapping_neg() & MASK
    };
}

/// The scalar field of BN254.
pub struct Scalars;

impl Modulus for Scalars {
    const WORDS: Words = [
        0x43e1_f593_f000_0001,
        0x2833_e848_79b9_7091,
        0xb850_45b6_8181_585d,
        0x3064_4e72_e131_a029,
    ];
}

/// The base field of BN254.
pub struct Base;

impl Modulus for Base {
    const WORDS: Words = [
        0x3c20_8c16_d87c_fd47,
        0x9781_6a91_6871_ca8d,
        0xb850_45b6_8181_585d,
        0x3064_4e72_e131_a029,
    ];
}

const fn limbs(w: Words) -> [u64; 5] {
    [
        w[0] & MASK,
        (w[0] >> 52 | w[1] << 12) & MASK,
        (w[1] >> 40 | w[2] << 24) & MASK,
        (w[2] >> 28 | w[3] << 36) & MASK,
        w[3] >> 16,
    ]
}

/// Limb `i` of eight elements each.
pub type Lanes = [__m512i; 5];

/// Sum of products before reduction: ten limbs, not normalised.
pub type Wide = [__m512i; 10];

/// The same element in every lane.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
pub fn splat(words: &Words) -> Lanes {
    limbs(*words).map(|l| _mm512_set1_epi64(l as i64))
}

/// The same element in every lane, times 16 (not reduced).
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
pub fn splat_16(w: &Words) -> Lanes {
    [
        w[0] << 4 & MASK,
        (w[0] >> 48 | w[1] << 16) & MASK,
        (w[1] >> 36 | w[2] << 28) & MASK,
        (w[2] >> 24 | w[3] << 40) & MASK,
        w[3] >> 12,
    ]
    .map(|l| _mm512_set1_epi64(l as i64))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
fn row(words: &[Words; 2]) -> __m512i {
    #[expect(unsafe_code, reason = "unaligned vector load")]
    // SAFETY: the reference covers the 64 bytes read.
    unsafe {
        _mm512_loadu_si512(words.as_ptr().cast())
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
fn half_row(words: &Words) -> __m256i {
    #[expect(unsafe_code, reason = "unaligned vector load")]
    // SAFETY: the reference covers the 32 bytes read.
    unsafe {
        _mm256_loadu_si256(words.as_ptr().cast())
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
fn put_row(words: &mut [Words; 2], value: __m512i) {
    #[expect(unsafe_code, reason = "unaligned vector store")]
    // SAFETY: the reference covers the 64 bytes written.
    unsafe {
        _mm512_storeu_si512(words.as_mut_ptr().cast(), value);
    }
}

/// Word `i` of eight elements each; the lanes hold elements 0, 2, 1, 3, 4, 6, 5, 7.
pub type Columns = [__m512i; 4];

/// Words of eight consecutive elements.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
pub fn load(from: &[Words; 8]) -> Columns {
    let (pairs, _) = from.as_chunks::<2>();
    transpose([
        row(&pairs[0]),
        row(&pairs[1]),
        row(&pairs[2]),
        row(&pairs[3]),
    ])
}

/// Words of eight elements anywhere.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
pub fn gather(from: [&Words; 8]) -> Columns {
    let pair = |a: &Words, b: &Words| {
        _mm512_inserti64x4::<1>(_mm512_castsi256_si512(half_row(a)), half_row(b))
    };
    transpose([
        pair(from[0], from[1]),
        pair(from[2], from[3]),
        pair(from[4], from[5]),
        pair(from[6], from[7]),
    ])
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
fn transpose(rows: [__m512i; 4]) -> Columns {
    let low = _mm512_setr_epi64(0, 1, 4, 5, 8, 9, 12, 13);
    let high = _mm512_setr_epi64(2, 3, 6, 7, 10, 11, 14, 15);
    let even = [
        _mm512_unpacklo_epi64(rows[0], rows[1]),
        _mm512_unpacklo_epi64(rows[2], rows[3]),
    ];
    let odd = [
        _mm512_unpackhi_epi64(rows[0], rows[1]),
        _mm512_unpackhi_epi64(rows[2], rows[3]),
    ];
    [
        _mm512_permutex2var_epi64(even[0], low, even[1]),
        _mm512_permutex2var_epi64(odd[0], low, odd[1]),
        _mm512_permutex2var_epi64(even[0], high, even[1]),
        _mm512_permutex2var_epi64(odd[0], high, odd[1]),
    ]
}

/// Undoes [`load`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
pub fn store(to: &mut [Words; 8], columns: Columns) {
    let first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
    let second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
    let even = [
        _mm512_permutex2var_epi64(columns[0], first, columns[2]),
        _mm512_permutex2var_epi64(columns[0], second, columns[2]),
    ];
    let odd = [
        _mm512_permutex2var_epi64(columns[1], first, columns[3]),
        _mm512_permutex2var_epi64(columns[1], second, columns[3]),
    ];
    let (pairs, _) = to.as_chunks_mut::<2>();
    put_row(&mut pairs[0], _mm512_unpacklo_epi64(even[0], odd[0]));
    put_row(&mut pairs[1], _mm512_unpackhi_epi64(even[0], odd[0]));
    put_row(&mut pairs[2], _mm512_unpacklo_epi64(even[1], odd[1]));
    put_row(&mut pairs[3], _mm512_unpackhi_epi64(even[1], odd[1]));
}

/// Words to limbs.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
pub fn split(w: &Columns) -> Lanes {
    let mask = _mm512_set1_epi64(MASK as i64);
    [
        _mm512_and_si512(w[0], mask),
        _mm512_and_si512(_mm512_shrdi_epi64::<52>(w[0], w[1]), mask),
        _mm512_and_si512(_mm512_shrdi_epi64::<40>(w[1], w[2]), mask),
        _mm512_and_si512(_mm512_shrdi_epi64::<28>(w[2], w[3]), mask),
        _mm512_srli_epi64::<16>(w[3]),
    ]
}

/// Words to limbs, times 16: an operand of [`mul`] only (limbs exceed 52 bits, which it ignores).
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
pub fn split_16(w: &Columns) -> Lanes {
    [
        _mm512_slli_epi64::<4>(w[0]),
        _mm512_shrdi_epi64::<48>(w[0], w[1]),
        _mm512_shrdi_epi64::<36>(w[1], w[2]),
        _mm512_shrdi_epi64::<24>(w[2], w[3]),
        _mm512_srli_epi64::<12>(w[3]),
    ]
}

/// Limbs to words.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
pub fn join(l: &Lanes) -> Columns {
    [
        _mm512_or_si512(l[0], _mm512_slli_epi64::<52>(l[1])),
        _mm512_or_si512(_mm512_srli_epi64::<12>(l[1]), _mm512_slli_epi64::<40>(l[2])),
        _mm512_or_si512(_mm512_srli_epi64::<24>(l[2]), _mm512_slli_epi64::<28>(l[3])),
        _mm512_or_si512(_mm512_srli_epi64::<36>(l[3]), _mm512_slli_epi64::<16>(l[4])),
    ]
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
fn modulus<P: Modulus>() -> Lanes {
    P::LIMBS.map(|l| _mm512_set1_epi64(l as i64))
}

/// Moves carries up (arithmetic shifts, so limbs may be negative); the top limb keeps the rest.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
fn carry(mut z: Lanes) -> Lanes {
    let mask = _mm512_set1_epi64(MASK as i64);
    for i in 0..4 {
        z[i + 1] = _mm512_add_epi64(z[i + 1], _mm512_srai_epi64::<52>(z[i]));
        z[i] = _mm512_and_si512(z[i], mask);
    }
    z
}

/// One step of Montgomery reduction: divides by `2^52`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
fn reduce_step<P: Modulus>(z: &mut [__m512i; 6]) {
    let p = modulus::<P>();
    let zero = _mm512_setzero_si512();
    let m = _mm512_madd52lo_epu64(zero, z[0], _mm512_set1_epi64(P::INVERSE as i64));
    let lowest = _mm512_madd52lo_epu64(z[0], m, p[0]);
    let up = _mm512_srli_epi64::<52>(lowest);
    for j in 1..5 {
        z[j] = _mm512_madd52lo_epu64(z[j], m, p[j]);
    }
    z[1] = _mm512_add_epi64(z[1], up);
    for j in 0..5 {
        z[j] = _mm512_madd52hi_epu64(z[j + 1], m, p[j]);
    }
    z[5] = zero;
}

/// `a·b / 2^260 mod p`, below `2p`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
pub fn mul<P: Modulus>(a: &Lanes, b: &Lanes) -> Lanes {
    let mut z = [_mm512_setzero_si512(); 6];
    for limb in b {
        for j in 0..5 {
            z[j] = _mm512_madd52lo_epu64(z[j], a[j], *limb);
        }
        for j in 0..5 {
            z[j + 1] = _mm512_madd52hi_epu64(z[j + 1], a[j], *limb);
        }
        reduce_step::<P>(&mut z);
    }
    carry([z[0], z[1], z[2], z[3], z[4]])
}

/// `(a·b + c·d) / 2^260 mod p`; below `2p` if the sum is below `2^260 · p`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
pub fn mul_sum<P: Modulus>(a: &Lanes, b: &Lanes, c: &Lanes, d: &Lanes) -> Lanes {
    let mut z = [_mm512_setzero_si512(); 6];
    for i in 0..5 {
        for j in 0..5 {
            z[j] = _mm512_madd52lo_epu64(z[j], a[j], b[i]);
            z[j] = _mm512_madd52lo_epu64(z[j], c[j], d[i]);
        }
        for j in 0..5 {
            z[j + 1] = _mm512_madd52hi_epu64(z[j + 1], a[j], b[i]);
            z[j + 1] = _mm512_madd52hi_epu64(z[j + 1], c[j], d[i]);
        }
        reduce_step::<P>(&mut z);
    }
    carry([z[0], z[1], z[2], z[3], z[4]])
}

/// Products a [`Wide`] takes before [`fold`]: each adds below `10·2^52` to a limb.
pub const WIDE_TERMS: usize = 256;

/// `z += a·b`, at most [`WIDE_TERMS`] times.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
pub fn accumulate(z: &mut Wide, a: &Lanes, b: &Lanes) {
    for i in 0..5 {
        for j in 0..5 {
            z[i + j] = _mm512_madd52lo_epu64(z[i + j], a[j], b[i]);
            z[i + j + 1] = _mm512_madd52hi_epu64(z[i + j + 1], a[j], b[i]);
        }
    }
}

/// An empty sum.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
pub fn wide_zero() -> Wide {
    [_mm512_setzero_si512(); 10]
}

/// `z / 2^260 mod p` for a sum of at most [`WIDE_TERMS`] products below `2p²`: below `8p`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
pub fn fold<P: Modulus>(z: &Wide) -> Lanes {
    let mask = _mm512_set1_epi64(MASK as i64);
    let mut z = *z;
    for i in 0..9 {
        z[i + 1] = _mm512_add_epi64(z[i + 1], _mm512_srli_epi64::<52>(z[i]));
        z[i] = _mm512_and_si512(z[i], mask);
    }
    let mut w = [z[0], z[1], z[2], z[3], z[4], _mm512_setzero_si512()];
    for next in &z[5..] {
        w[5] = *next;
        reduce_step::<P>(&mut w);
    }
    // `reduce_step` shifted every upper limb into place; the last one is in `w[4]`.
    carry([w[0], w[1], w[2], w[3], w[4]])
}

/// `a + b`, not reduced.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
pub fn add(a: &Lanes, b: &Lanes) -> Lanes {
    carry(std::array::from_fn(|i| _mm512_add_epi64(a[i], b[i])))
}

/// `a - b + 2p` for `b` up to `2p`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
pub fn sub<P: Modulus>(a: &Lanes, b: &Lanes) -> Lanes {
    carry(std::array::from_fn(|i| {
        let twice = _mm512_set1_epi64((2 * P::LIMBS[i]) as i64);
        _mm512_add_epi64(_mm512_sub_epi64(a[i], b[i]), twice)
    }))
}

/// `4·(a - b + 2p)` for `b` up to `2p`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
pub fn sub_4<P: Modulus>(a: &Lanes, b: &Lanes) -> Lanes {
    carry(std::array::from_fn(|i| {
        let twice = _mm512_set1_epi64((2 * P::LIMBS[i]) as i64);
        _mm512_slli_epi64::<2>(_mm512_add_epi64(_mm512_sub_epi64(a[i], b[i]), twice))
    }))
}

/// `a - b - c + 2p` for `b + c` up to `2p`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
pub fn sub_two<P: Modulus>(a: &Lanes, b: &Lanes, c: &Lanes) -> Lanes {
    carry(std::array::from_fn(|i| {
        let twice = _mm512_set1_epi64((2 * P::LIMBS[i]) as i64);
        let less = _mm512_sub_epi64(_mm512_sub_epi64(a[i], b[i]), c[i]);
        _mm512_add_epi64(less, twice)
    }))
}

/// `p - a` for `a` up to `p`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
pub fn negate<P: Modulus>(a: &Lanes) -> Lanes {
    let p = modulus::<P>();
    carry(std::array::from_fn(|i| _mm512_sub_epi64(p[i], a[i])))
}

/// Subtracts `factor·p` where the value allows.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
pub fn trim<P: Modulus>(a: &Lanes, factor: u64) -> Lanes {
    let less = carry(std::array::from_fn(|i| {
        _mm512_sub_epi64(a[i], _mm512_set1_epi64((factor * P::LIMBS[i]) as i64))
    }));
    let fits = _mm512_cmpge_epi64_mask(less[4], _mm512_setzero_si512());
    std::array::from_fn(|i| _mm512_mask_blend_epi64(fits, a[i], less[i]))
}

/// Lanes that hold the same words.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
pub fn equal(a: &Columns, b: &Columns) -> u8 {
    (0..4).fold(!0, |m, i| m & _mm512_cmpeq_epi64_mask(a[i], b[i]))
}

/// `b` in the lanes of `mask`, `a` in the others.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
pub fn select(mask: u8, a: &Lanes, b: &Lanes) -> Lanes {
    std::array::from_fn(|i| _mm512_mask_blend_epi64(mask, a[i], b[i]))
}

#[cfg(test)]
mod tests;
