//! Passes eight terms at a time.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use super::Eight;
use super::tables::{Parts, Pass};
use crate::kernels::lanes::{self, Avx512, Lanes, Scalars, Wide};
use crate::kernels::words::{self, Words};

/// Words of eight elements.
type Group = [Words; 8];

/// `p0/q0 + p1/q1`
pub fn join(
    _token: Avx512,
    (p0, q0): (&Eight, &Eight),
    (p1, q1): (&Eight, &Eight),
) -> (Eight, Eight) {
    let mut out = ([Fr::ZERO; 8], [Fr::ZERO; 8]);
    let sources = [p0, q0, p1, q1].map(|eight| group(words::of(eight)));
    let (p, q) = (group_mut(&mut out.0), group_mut(&mut out.1));
    #[expect(unsafe_code, reason = "calls code for the detected features")]
    // SAFETY: the token says that the features were detected.
    unsafe {
        join_group(p, q, sources);
    }
    out
}

/// `1/q0 + 1/q1`
pub fn join_ones(_token: Avx512, q0: &Eight, q1: &Eight) -> (Eight, Eight) {
    let mut out = ([Fr::ZERO; 8], [Fr::ZERO; 8]);
    let sources = [q0, q1].map(|eight| group(words::of(eight)));
    let (p, q) = (group_mut(&mut out.0), group_mut(&mut out.1));
    #[expect(unsafe_code, reason = "calls code for the detected features")]
    // SAFETY: the token says that the features were detected.
    unsafe {
        join_ones_group(p, q, sources);
    }
    out
}

fn group(words: &[Words]) -> &Group {
    &words.as_chunks().0[0]
}

fn group_mut(values: &mut [Fr]) -> &mut Group {
    &mut words::of_mut(values).as_chunks_mut().0[0]
}

#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
fn join_group(p: &mut Group, q: &mut Group, sources: [&Group; 4]) {
    let [a, b, c, d] = sources.map(|words| lanes::load(words));
    let (b_16, d_16) = (lanes::split_16(&b), lanes::split_16(&d));
    let numerator = lanes::mul_sum::<Scalars>(&lanes::split(&a), &d_16, &lanes::split(&c), &b_16);
    let denominator = lanes::mul::<Scalars>(&lanes::split(&b), &d_16);
    put(p, &lanes::trim::<Scalars>(&numerator, 1));
    put(q, &lanes::trim::<Scalars>(&denominator, 1));
}

#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
fn join_ones_group(p: &mut Group, q: &mut Group, sources: [&Group; 2]) {
    let [b, d] = sources.map(|words| lanes::load(words));
    let numerator = lanes::add(&lanes::split(&b), &lanes::split(&d));
    let denominator = lanes::mul::<Scalars>(&lanes::split(&b), &lanes::split_16(&d));
    put(p, &lanes::trim::<Scalars>(&numerator, 1));
    put(q, &lanes::trim::<Scalars>(&denominator, 1));
}

/// See [`super::tables`]; lengths are multiples of eight.
pub fn sum(_token: Avx512, pass: &Pass, weights: &[Fr], parts: Parts<'_>) -> [Fr; 2] {
    let (weights, _) = words::of(weights).as_chunks::<8>();
    let mut run = Run {
        parts: parts.map(|quarters| quarters.map(|q| words::of_mut(q).as_chunks_mut().0)),
        rest: pass.rest().map(|v| words::of(&[v])[0]),
        lambda: pass.add_lambda.then(|| words::of(&[pass.lambda])[0]),
    };
    #[expect(unsafe_code, reason = "calls code for the detected features")]
    // SAFETY: the token says that the features were detected.
    let sums = unsafe {
        match &pass.bind {
            None => run.sum::<false>(&Words::default(), weights),
            Some(r) => run.sum::<true>(&words::of(std::slice::from_ref(r))[0], weights),
        }
    };
    // Two products without their factor 16.
    sums.map(|s| s * Fr::from(256))
}

/// See [`super::ones`]; lengths are multiples of eight, and the last two tables are whole.
pub fn product(
    _token: Avx512,
    pass: &Pass,
    shift: Option<Fr>,
    weights: &[Fr],
    parts: Parts<'_>,
) -> [Fr; 2] {
    let (weights, _) = words::of(weights).as_chunks::<8>();
    let mut run = Run {
        parts: parts.map(|quarters| quarters.map(|q| words::of_mut(q).as_chunks_mut().0)),
        rest: pass.rest().map(|v| words::of(&[v])[0]),
        lambda: None,
    };
    let shift = shift.map(|v| words::of(&[v])[0]);
    #[expect(unsafe_code, reason = "calls code for the detected features")]
    // SAFETY: the token says that the features were detected.
    let sums = unsafe {
        match &pass.bind {
            None => run.product::<false>(&Words::default(), shift.as_ref(), weights),
            Some(r) => {
                let r = words::of(std::slice::from_ref(r))[0];
                run.product::<true>(&r, shift.as_ref(), weights)
            }
        }
    };
    // Two products without their factor 16.
    sums.map(|s| s * Fr::from(256))
}

/// A chunk of a pass in groups of eight.
struct Run<'a> {
    parts: [[&'a mut [Group]; 4]; 4],
    rest: [Words; 4],
    /// To be multiplied with `q0` and added to the first table.
    lambda: Option<Words>,
}

impl Run<'_> {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
    fn read(&self, table: usize, quarter: usize, group: usize) -> Lanes {
        match self.parts[table][quarter].get(group) {
            Some(words) => lanes::split(&lanes::load(words)),
            None => lanes::splat(&self.rest[table]),
        }
    }

    /// Both halves of a table at a group, bound; below the modulus.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
    fn pair<const BIND: bool>(&self, table: usize, group: usize, r: &Lanes) -> [Lanes; 2] {
        let low = [self.read(table, 0, group), self.read(table, 1, group)];
        if !BIND {
            return low;
        }
        let high = [self.read(table, 2, group), self.read(table, 3, group)];
        std::array::from_fn(|side| {
            let rise = lanes::sub::<Scalars>(&high[side], &low[side]);
            let sum = lanes::add(&lanes::mul::<Scalars>(&rise, r), &low[side]);
            lanes::trim::<Scalars>(&lanes::trim::<Scalars>(&sum, 2), 1)
        })
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
    fn sum<const BIND: bool>(&mut self, r: &Words, weights: &[Group]) -> [Fr; 2] {
        let r = lanes::splat_16(r);
        let lambda = self.lambda.map(|l| lanes::splat_16(&l));
        let mut sums = [Fr::ZERO; 2];
        for (c, weights) in weights.chunks(lanes::WIDE_TERMS).enumerate() {
            let mut wide = [lanes::wide_zero(); 2];
            for (i, weight) in weights.iter().enumerate() {
                let group = c * lanes::WIDE_TERMS + i;
                let mut values = [0, 1, 2, 3].map(|t| self.pair::<BIND>(t, group, &r));
                if let Some(lambda) = &lambda {
                    let [a, _, q0, _] = &mut values;
                    for (a, q0) in a.iter_mut().zip(q0) {
                        let sum = lanes::add(a, &lanes::mul::<Scalars>(q0, lambda));
                        *a = lanes::trim::<Scalars>(&lanes::trim::<Scalars>(&sum, 2), 1);
                    }
                }
                if BIND {
                    for (parts, values) in self.parts.iter_mut().zip(&values) {
                        for (part, value) in parts.iter_mut().zip(values) {
                            if let Some(words) = part.get_mut(group) {
                                put(words, value);
                            }
                        }
                    }
                }
                let weight = lanes::split(&lanes::load(weight));
                add_term(&mut wide, &values, &weight);
            }
            for (sum, wide) in sums.iter_mut().zip(&wide) {
                *sum += total(wide);
            }
        }
        sums
    }
}

impl Run<'_> {
    /// `Σ weight·q0·q1` at 0 and at infinity, with `shift` added to both.
    #[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
    fn product<const BIND: bool>(
        &mut self,
        r: &Words,
        shift: Option<&Words>,
        weights: &[Group],
    ) -> [Fr; 2] {
        let r = lanes::splat_16(r);
        let shift = shift.map(|words| lanes::splat(words));
        let mut sums = [Fr::ZERO; 2];
        for (c, weights) in weights.chunks(lanes::WIDE_TERMS).enumerate() {
            let mut wide = [lanes::wide_zero(); 2];
            for (i, weight) in weights.iter().enumerate() {
                let group = c * lanes::WIDE_TERMS + i;
                let mut values = [2, 3].map(|t| self.pair::<BIND>(t, group, &r));
                if let Some(shift) = &shift {
                    for value in values.iter_mut().flatten() {
                        *value = lanes::trim::<Scalars>(&lanes::add(value, shift), 1);
                    }
                }
                if BIND {
                    for (parts, values) in self.parts[2..].iter_mut().zip(&values) {
                        for (part, value) in parts.iter_mut().zip(values) {
                            if let Some(words) = part.get_mut(group) {
                                put(words, value);
                            }
                        }
                    }
                }
                let weight = lanes::split(&lanes::load(weight));
                let [a, b] = values;
                let zero = lanes::mul::<Scalars>(&a[0], &b[0]);
                lanes::accumulate(&mut wide[0], &zero, &weight);
                let [a, b] = [a, b].map(|v| lanes::sub::<Scalars>(&v[1], &v[0]));
                lanes::accumulate(&mut wide[1], &lanes::mul::<Scalars>(&a, &b), &weight);
            }
            for (sum, wide) in sums.iter_mut().zip(&wide) {
                *sum += total(wide);
            }
        }
        sums
    }
}

/// Adds `weight · (a·q1 + p1·q0)` at 0 and at infinity.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
fn add_term(wide: &mut [Wide; 2], values: &[[Lanes; 2]; 4], weight: &Lanes) {
    let [a, p1, q0, q1] = values;
    let zero = lanes::mul_sum::<Scalars>(&a[0], &q1[0], &p1[0], &q0[0]);
    lanes::accumulate(&mut wide[0], &zero, weight);
    let [a, p1, q0, q1] = [a, p1, q0, q1].map(|v| lanes::sub::<Scalars>(&v[1], &v[0]));
    let infinity = lanes::mul_sum::<Scalars>(&a, &q1, &p1, &q0);
    lanes::accumulate(&mut wide[1], &infinity, weight);
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
fn put(words: &mut Group, value: &Lanes) {
    lanes::store(words, lanes::join(value));
}

/// The sum of the eight lanes.
#[target_feature(enable = "avx512f,avx512bw,avx512ifma,avx512vbmi2,avx512vnni")]
fn total(wide: &Wide) -> Fr {
    let folded = lanes::fold::<Scalars>(wide);
    let folded = [4, 2, 1]
        .into_iter()
        .fold(folded, |sum, p| lanes::trim::<Scalars>(&sum, p));
    let mut eight = [Words::default(); 8];
    put(&mut eight, &folded);
    eight.iter().map(words::scalar).sum()
}
