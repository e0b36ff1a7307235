//! Batched affine additions, eight at a time.

use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch, _mm512_or_si512, _mm512_test_epi64_mask};

use halo2curves_axiom::bn256::Fq;
use halo2curves_axiom::ff::Field;

use super::affine::add_special;
use super::buckets::{Adder, NEGATIVE, Pair, take};
use crate::kernels::lanes::{self, Avx512, Base, Columns, Lanes};
use crate::kernels::words::{self, PointWords, Words};

/// Groups ahead of which points are fetched.
const AHEAD: usize = 4;
/// Lane of each element of a group, as [`lanes::gather`] places them.
const LANE: [usize; 8] = [0, 2, 1, 3, 4, 6, 5, 7];

/// Adds pairs with [`lanes`].
pub struct VectorAdder {
    work: Vec<Step>,
}

/// One group of eight pairs.
struct Step {
    /// Differences of `x`; one in the special lanes.
    difference: Lanes,
    /// Product of the differences before.
    prefix: Lanes,
    /// Lanes left to the complete formulas.
    special: u8,
}

impl VectorAdder {
    /// On a processor that has the instructions.
    pub fn new(_token: Avx512) -> Self {
        Self { work: vec![] }
    }
}

impl Adder for VectorAdder {
    fn add(&mut self, source: &[PointWords], pairs: &[Pair], out: &mut [PointWords]) {
        #[expect(unsafe_code, reason = "calls code for the detected features")]
        // SAFETY: an adder is made from the token that says that the features were detected.
        unsafe {
            self.add_vectors(source, pairs, out);
        }
    }
}

impl VectorAdder {
    #[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
    fn add_vectors(&mut self, source: &[PointWords], pairs: &[Pair], out: &mut [PointWords]) {
        let Some(last) = pairs.last() else { return };
        let one = words::of_base(&Fq::ONE);
        let mut product = lanes::splat(&one);
        self.work.clear();
        for (g, chunk) in pairs.chunks(8).enumerate() {
            prefetch(source, pairs, 8 * (g + AHEAD));
            let group = std::array::from_fn(|i| *chunk.get(i).unwrap_or(last));
            let (a, b) = (load(source, &group, 0, 0), load(source, &group, 1, 0));
            let special = lanes::equal(&a, &b) | zero(&a) | zero(&b);
            let difference = lanes::sub::<Base>(&lanes::split(&b), &lanes::split(&a));
            let difference = lanes::select(special, &difference, &lanes::splat(&one));
            let prefix = product;
            product = lanes::mul::<Base>(&product, &difference);
            self.work.push(Step {
                difference,
                prefix,
                special,
            });
        }
        let mut inverse = invert(&product);
        for (g, step) in self.work.iter().enumerate().rev() {
            let end = pairs.len().min(8 * g + 8);
            let chunk = &pairs[8 * g..end];
            let group = std::array::from_fn(|i| *chunk.get(i).unwrap_or(last));
            let own = lanes::mul::<Base>(&inverse, &step.prefix);
            inverse = lanes::mul::<Base>(&inverse, &step.difference);
            let sums = add_group(source, &group, &own);
            for (pair, sum) in chunk.iter().zip(&sums) {
                out[pair.sum as usize] = *sum;
            }
            for (pair, lane) in chunk.iter().zip(LANE) {
                if step.special >> lane & 1 == 1 {
                    let [a, b] = pair.points.map(|p| words::point(&take(source, p)));
                    let sum = add_special(&a, &b);
                    out[pair.sum as usize] = [words::of_base(&sum.x), words::of_base(&sum.y)];
                }
            }
        }
    }
}

/// Coordinate `axis` of operand `side` of eight pairs.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
fn load(source: &[PointWords], group: &[Pair; 8], side: usize, axis: usize) -> Columns {
    lanes::gather(std::array::from_fn(|i| {
        &source[(group[i].points[side] & !NEGATIVE) as usize][axis]
    }))
}

/// The `y` of operand `side`, with its sign; at most the modulus.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
fn load_y(source: &[PointWords], group: &[Pair; 8], side: usize) -> Lanes {
    let y = lanes::split(&load(source, group, side, 1));
    let negative = (0..8).fold(0, |mask, i| {
        mask | u8::from(group[i].points[side] & NEGATIVE != 0) << LANE[i]
    });
    if negative == 0 {
        return y;
    }
    lanes::select(negative, &y, &lanes::negate::<Base>(&y))
}

/// Sums of eight pairs of different points, given the inverses of the differences of `x`, times
/// `2^262`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
fn add_group(source: &[PointWords], group: &[Pair; 8], inverse: &Lanes) -> [PointWords; 8] {
    let x = [
        lanes::split(&load(source, group, 0, 0)),
        lanes::split(&load(source, group, 1, 0)),
    ];
    let y = [load_y(source, group, 0), load_y(source, group, 1)];
    // The slope times 2^258, so that its square is again times 2^256.
    let slope = lanes::mul::<Base>(&lanes::sub::<Base>(&y[1], &y[0]), inverse);
    let square = lanes::mul::<Base>(&slope, &slope);
    let sum_x = lanes::sub_two::<Base>(&square, &x[0], &x[1]);
    let sum_x = lanes::trim::<Base>(&lanes::trim::<Base>(&sum_x, 2), 1);
    let rise = lanes::mul::<Base>(&slope, &lanes::sub_4::<Base>(&x[0], &sum_x));
    let sum_y = lanes::sub::<Base>(&rise, &y[0]);
    let sum_y = lanes::trim::<Base>(&lanes::trim::<Base>(&sum_y, 2), 1);
    let (mut xs, mut ys) = ([Words::default(); 8], [Words::default(); 8]);
    lanes::store(&mut xs, lanes::join(&sum_x));
    lanes::store(&mut ys, lanes::join(&sum_y));
    std::array::from_fn(|i| [xs[i], ys[i]])
}

/// Inverses of the products of each lane. If a lane's product of `n` differences carries the factor
/// `2^(256 - 4n)` of [`lanes::mul`], its inverse comes with `2^(262 + 4n)`: then the product of the
/// inverse with the prefix of `n - 1` differences carries `2^262`.
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
fn invert(product: &Lanes) -> Lanes {
    let mut eight = [Words::default(); 8];
    let product = lanes::trim::<Base>(&lanes::trim::<Base>(product, 2), 1);
    lanes::store(&mut eight, lanes::join(&product));
    let values = eight.map(|w| words::base(&w));
    let mut prefixes = [Fq::ONE; 9];
    for (i, value) in values.iter().enumerate() {
        prefixes[i + 1] = prefixes[i] * value;
    }
    // No factor is zero.
    let mut inverse = prefixes[8].invert().unwrap_or(Fq::ONE) * Fq::from(64);
    for i in (0..8).rev() {
        eight[i] = words::of_base(&(inverse * prefixes[i]));
        inverse *= values[i];
    }
    lanes::split(&lanes::load(&eight))
}

/// Lanes that hold zero.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
fn zero(a: &Columns) -> u8 {
    let any = _mm512_or_si512(_mm512_or_si512(a[0], a[1]), _mm512_or_si512(a[2], a[3]));
    !_mm512_test_epi64_mask(any, any)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
fn prefetch(source: &[PointWords], pairs: &[Pair], from: usize) {
    for pair in pairs.iter().skip(from).take(8) {
        for index in pair.points {
            let point = &source[(index & !NEGATIVE) as usize];
            _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(point).cast());
        }
    }
}
