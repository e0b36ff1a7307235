//! Sums of subsets of the same points, for many lists of weights -1, 0 and 1.
//!
//! One list needs an addition for each weight that is not zero. Many lists over the same points share
//! more: for every group of `t` points the sums with all weights are made once, `(3^t - 1)/2` of them (the
//! others are their negatives), and then each list adds one point a group. Entry `v - 1` of a group's
//! table is `Σ d_i·P_i` where `v = Σ d_i·3^i` with digits -1, 0 and 1; the negative of `v` is the negative
//! point. Points go by in blocks whose tables fit the second cache; lists are added together, so that
//! they share inversions. A few lists are cheaper one by one.

use halo2curves_axiom::bn256::{G1, G1Affine};
use halo2curves_axiom::group::Group;
use rayon::prelude::*;

use super::buckets::{self, Adder, Index, NEGATIVE, Pair, Sorted};
use crate::kernels::words::{self, PointWords};

/// Sums of the tables that are held together: one MiB.
const BLOCK: usize = 1 << 14;
/// Lists added together, at most 2^16.
const TOGETHER: usize = 1 << 8;
/// Sizes of groups. Pairs save too few additions to make up for what is done beside them.
const SIZES: [usize; 4] = [1, 3, 4, 5];

/// Sums with a positive leading weight of `t` points.
const fn entries(t: usize) -> usize {
    (3usize.pow(t as u32) - 1) / 2
}

/// Additions a point, when `lists` lists share groups of `t` points.
fn cost(lists: usize, t: usize) -> f64 {
    let (t, sums) = (t as f64, entries(t) as f64);
    (sums - t + lists as f64 * (2.0 * sums / (2.0 * sums + 1.0))) / t
}

/// The cheapest size of a group.
fn group(lists: usize) -> usize {
    let sizes = SIZES.map(|t| (cost(lists, t), t));
    sizes
        .into_iter()
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map_or(1, |(_, t)| t)
}

/// `Σ_i lists[j][i] · points[i]` for every list `j` of weights -1, 0 and 1. What comes of other weights is
/// not specified.
///
/// # Panics
/// If a list is longer than the first, or than the points.
pub fn ternary(lists: &[&[i8]], points: &[G1Affine]) -> Vec<G1> {
    let Some(length) = lists.first().map(|list| list.len()) else {
        return vec![];
    };
    let size = group(lists.len());
    if size == 1 {
        return ternary_reference(lists, points);
    }
    let block = BLOCK / entries(size) * size;
    words::of_points(&points[..length])
        .par_chunks(block)
        .enumerate()
        .map(|(i, points)| {
            let parts: Vec<&[i8]> = lists
                .iter()
                .map(|list| &list[list.len().min(i * block)..list.len().min((i + 1) * block)])
                .collect();
            let sums = Sums {
                size,
                lists: &parts,
                points,
            };
            with_adder!(adder => sums.run(&mut adder))
        })
        .reduce(
            || vec![G1::identity(); lists.len()],
            |a, b| a.iter().zip(&b).map(|(a, b)| a + b).collect(),
        )
}

/// One block of points.
struct Sums<'a> {
    size: usize,
    lists: &'a [&'a [i8]],
    points: &'a [PointWords],
}

impl Sums<'_> {
    fn run<A: Adder>(self, adder: &mut A) -> Vec<G1> {
        let table = table(adder, self.points, self.size);
        let mut out = vec![G1::identity(); self.lists.len()];
        for (lists, out) in self.lists.chunks(TOGETHER).zip(out.chunks_mut(TOGETHER)) {
            let mut sorted = Sorted::default();
            for (key, list) in lists.iter().enumerate() {
                for (place, weights) in list.chunks(self.size).enumerate() {
                    if let Some(index) = index(weights, place * entries(self.size)) {
                        sorted.push(key as u16, index);
                    }
                }
            }
            let (keys, sums) = buckets::reduce(adder, sorted, &table);
            for (key, sum) in keys.iter().zip(&sums) {
                if let Some(out) = out.get_mut(usize::from(*key)) {
                    *out += words::point(sum);
                }
            }
        }
        out
    }
}

/// Where the sum with these weights stands, if they are not all zero.
fn index(weights: &[i8], start: usize) -> Option<Index> {
    let value = weights
        .iter()
        .rev()
        .fold(0i32, |v, w| 3 * v + i32::from(w.signum()));
    let place = (start as u32 + value.unsigned_abs()).wrapping_sub(1);
    match value {
        0 => None,
        1.. => Some(place),
        _ => Some(place | NEGATIVE),
    }
}

/// The sums of every group; the last group is filled with points at infinity.
fn table<A: Adder>(adder: &mut A, points: &[PointWords], size: usize) -> Vec<PointWords> {
    let width = entries(size);
    let groups = points.len().div_ceil(size);
    let mut table = vec![PointWords::default(); groups * width];
    for (points, table) in points.chunks(size).zip(table.chunks_mut(width)) {
        for (i, point) in points.iter().enumerate() {
            table[3usize.pow(i as u32) - 1] = *point;
        }
    }
    let mut pairs = vec![];
    let mut places = vec![];
    let mut sums = vec![];
    for level in 1..size {
        let leading = 3u32.pow(level as u32);
        pairs.clear();
        places.clear();
        for start in (0..groups as u32).map(|g| g * width as u32) {
            for low in 1..=entries(level) as u32 {
                let point = start + leading - 1;
                for (other, place) in [
                    (start + low - 1, point + low),
                    ((start + low - 1) | NEGATIVE, point - low),
                ] {
                    pairs.push(Pair {
                        points: [point, other],
                        sum: places.len() as u32,
                    });
                    places.push(place);
                }
            }
        }
        sums.resize(pairs.len(), PointWords::default());
        adder.add(&table, &pairs, &mut sums);
        for (place, sum) in places.iter().zip(&sums) {
            table[*place as usize] = *sum;
        }
    }
    table
}

/// Reference: each list by itself.
///
/// # Panics
/// If there are fewer points than weights.
pub fn ternary_reference(lists: &[&[i8]], points: &[G1Affine]) -> Vec<G1> {
    let one = |list: &&[i8]| super::signed_bytes(list, points);
    lists.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};

    use super::super::tests::points;
    use super::*;

    fn random(rng: &mut rand_chacha::ChaCha8Rng, n: usize) -> Vec<i8> {
        (0..n).map(|_| rng.gen_range(-1..=1)).collect()
    }

    #[test]
    fn equals_the_sums_of_each_list() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(11);
        let points = points(9000);
        for (lists, length) in [
            (1, 9000),
            (4, 4097),
            (12, 9000),
            (30, 5001),
            (300, 131),
            (700, 5),
            (3, 1),
            (2, 0),
        ] {
            let mut lists: Vec<Vec<i8>> = (0..lists).map(|_| random(&mut rng, length)).collect();
            lists[0].fill(0);
            if let Some(last) = lists.last_mut() {
                last.fill(-1);
            }
            let lists: Vec<&[i8]> = lists.iter().map(Vec::as_slice).collect();
            assert_eq!(
                ternary(&lists, &points),
                ternary_reference(&lists, &points),
                "{} lists of {length}",
                lists.len()
            );
        }
        assert!(ternary(&[], &points).is_empty());
    }

    #[test]
    fn equal_opposite_and_identity_points() {
        use halo2curves_axiom::group::prime::PrimeCurveAffine;
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(12);
        let p = points(2);
        let few = [p[0], p[0], -p[0], G1Affine::identity(), p[1], -p[1]];
        let points: Vec<G1Affine> = (0..600).map(|_| few[rng.gen_range(0..few.len())]).collect();
        for count in [1, 12, 70, 400] {
            let lists: Vec<Vec<i8>> = (0..count).map(|_| random(&mut rng, 600)).collect();
            let lists: Vec<&[i8]> = lists.iter().map(Vec::as_slice).collect();
            assert_eq!(ternary(&lists, &points), ternary_reference(&lists, &points));
        }
    }

    #[test]
    fn groups_grow_with_the_number_of_lists() {
        let sizes: Vec<usize> = [1, 4, 9, 11, 100, 500].iter().map(|n| group(*n)).collect();
        assert_eq!(sizes, [1, 1, 1, 3, 4, 5]);
    }
}
