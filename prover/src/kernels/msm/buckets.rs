//! Sorting points by scalar, and adding those of equal scalars.

use halo2curves_axiom::bn256::{G1, G1Affine};
use halo2curves_axiom::group::Group;

use crate::kernels::words::{self, PointWords};

/// Entries added together at a time: a block's points and prefix products stay in the second cache.
const BLOCK: usize = 1 << 13;
/// Pairs below which a block's rest is left to the next sweep, so that inversions stay shared.
const FEW: usize = 1 << 8;
/// Bits up to which a weighted sum is taken by running sums.
const RUNNING_BITS: u32 = 4;
/// Mark of a point to be negated.
pub const NEGATIVE: u32 = 1 << 31;

/// A place in a list of points; the top bit asks for the negative.
pub type Index = u32;

/// Two points to add, and the place of their sum.
#[derive(Clone, Copy)]
pub struct Pair {
    /// Places of the points.
    pub points: [Index; 2],
    /// Place of the sum.
    pub sum: u32,
}

/// Adds pairs of points.
pub trait Adder {
    /// `out[pair.sum] = source[pair.points[0]] + source[pair.points[1]]` for every pair.
    fn add(&mut self, source: &[PointWords], pairs: &[Pair], out: &mut [PointWords]);
}

/// Points by scalar: `order` lists the places of `points`, `keys` their scalars, ascending.
#[derive(Default)]
pub struct Sorted {
    keys: Vec<u16>,
    order: Vec<Index>,
}

impl Sorted {
    /// Appends a point; keys must ascend.
    pub fn push(&mut self, key: u16, point: Index) {
        debug_assert!(self.keys.last() <= Some(&key));
        self.keys.push(key);
        self.order.push(point);
    }

    /// Counting sort; zero scalars are left out.
    fn new(digits: impl Iterator<Item = (u16, bool)> + Clone, bits: u32) -> Self {
        let mut starts = vec![0u32; (1 << bits) + 1];
        for (key, _) in digits.clone() {
            starts[usize::from(key) + 1] += 1;
        }
        starts[1] = 0;
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        let total = starts.last().copied().unwrap_or(0) as usize;
        let (mut keys, mut order) = (vec![0; total], vec![0; total]);
        for (i, (key, negative)) in digits.enumerate() {
            if key != 0 {
                let at = &mut starts[usize::from(key)];
                keys[*at as usize] = key;
                order[*at as usize] = i as Index | if negative { NEGATIVE } else { 0 };
                *at += 1;
            }
        }
        Self { keys, order }
    }

    /// Two lists of ascending keys, the points of the second after those of the first.
    fn merged(first: &[u16], second: &[u16]) -> Self {
        let total = first.len() + second.len();
        let mut out = Self {
            keys: Vec::with_capacity(total),
            order: Vec::with_capacity(total),
        };
        let (mut i, mut j) = (0, 0);
        while i + j < total {
            let from_first = match (first.get(i), second.get(j)) {
                (Some(a), Some(b)) => a <= b,
                (a, _) => a.is_some(),
            };
            if from_first {
                out.keys.push(first[i]);
                out.order.push(i as Index);
                i += 1;
            } else {
                out.keys.push(second[j]);
                out.order.push((first.len() + j) as Index);
                j += 1;
            }
        }
        out
    }
}

/// One point for each scalar, of all points added so far.
///
/// Points come in chunks small enough that they stay in the caches and in reach of the address
/// translation while they are read in the order of their scalars.
#[derive(Default)]
pub struct Sum {
    /// Ascending, distinct.
    keys: Vec<u16>,
    points: Vec<PointWords>,
}

impl Sum {
    /// Adds `±key_i · points_i`, keys below `2^bits`.
    pub fn add<A: Adder>(
        &mut self,
        adder: &mut A,
        digits: impl Iterator<Item = (u16, bool)> + Clone,
        points: &[PointWords],
        bits: u32,
    ) {
        let (keys, points) = reduce(adder, Sorted::new(digits, bits), points);
        if self.keys.is_empty() {
            (self.keys, self.points) = (keys, points);
            return;
        }
        let merged = Sorted::merged(&self.keys, &keys);
        self.points.extend(points);
        (self.keys, self.points) = reduce(adder, merged, &self.points);
    }

    /// The weighted sum of what was added.
    pub fn finish<A: Adder>(&self, adder: &mut A, bits: u32) -> G1 {
        halve(adder, &self.keys, &self.points, bits)
    }
}

/// `Σ keys_i · points_i` for distinct keys below `2^bits`.
fn halve<A: Adder>(adder: &mut A, keys: &[u16], points: &[PointWords], bits: u32) -> G1 {
    if bits <= RUNNING_BITS {
        return running(keys, points);
    }
    let low_bits = bits / 2;
    let mut part = |shift: u32, bits: u32| {
        let digits = keys.iter().map(|k| (k >> shift & ((1 << bits) - 1), false));
        let (keys, points) = reduce(adder, Sorted::new(digits, bits), points);
        halve(adder, &keys, &points, bits)
    };
    let (low, high) = (part(0, low_bits), part(low_bits, bits - low_bits));
    low + (0..low_bits).fold(high, |p, _| p.double())
}

/// `Σ keys_i · points_i` for ascending keys, by running sums.
fn running(keys: &[u16], points: &[PointWords]) -> G1 {
    let (mut running, mut sum) = (G1::identity(), G1::identity());
    let mut entries = keys.iter().zip(points).rev().peekable();
    let largest = keys.last().copied().unwrap_or(0);
    for key in (1..=largest).rev() {
        while let Some((_, point)) = entries.next_if(|(k, _)| **k == key) {
            running += words::point(point);
        }
        sum += running;
    }
    sum
}

/// Adds the points of each key; returns one point a key, keys ascending.
pub fn reduce<A: Adder>(
    adder: &mut A,
    mut sorted: Sorted,
    points: &[PointWords],
) -> (Vec<u16>, Vec<PointWords>) {
    let mut held = sweep(adder, &mut sorted, points);
    while sorted.keys.windows(2).any(|k| k[0] == k[1]) {
        held = sweep(adder, &mut sorted, &held);
    }
    (sorted.keys, held)
}

/// Adds neighbours of equal keys block by block. Afterwards `sorted` is in the order of the points
/// returned.
fn sweep<A: Adder>(adder: &mut A, sorted: &mut Sorted, points: &[PointWords]) -> Vec<PointWords> {
    let mut out = Sorted::default();
    let mut held = vec![];
    let mut block = Block::default();
    let mut start = 0;
    while start < sorted.keys.len() {
        let end = block_end(&sorted.keys, start);
        let (keys, order) = (&sorted.keys[start..end], &sorted.order[start..end]);
        start = end;
        block.start(adder, keys, order, points);
        while block.pairs.len() >= FEW {
            block.step(adder);
        }
        out.keys.extend_from_slice(&block.keys);
        held.extend_from_slice(&block.points);
    }
    out.order = (0..held.len() as Index).collect();
    *sorted = out;
    held
}

/// Where the block that begins at `start` ends: not inside a run of equal keys, unless the block is
/// that run. So every sweep adds at least one pair if there are any; if blocks were cut at fixed
/// places, two equal keys on both sides of a cut would never meet.
fn block_end(keys: &[u16], start: usize) -> usize {
    let end = start + BLOCK;
    if end >= keys.len() {
        return keys.len();
    }
    if keys[end - 1] != keys[end] {
        return end;
    }
    let run = keys[start..end].partition_point(|k| *k < keys[end]);
    if run == 0 { end } else { start + run }
}

/// Entries in work: `points` are in the order of `keys`, and `pairs` and `singles` the next step.
#[derive(Default)]
struct Block {
    keys: Vec<u16>,
    points: Vec<PointWords>,
    pairs: Vec<Pair>,
    /// Points without a partner, and their places after the step.
    singles: Vec<(Index, u32)>,
    next_keys: Vec<u16>,
    spare: Vec<PointWords>,
}

impl Block {
    /// The first step, from points anywhere.
    fn start<A: Adder>(
        &mut self,
        adder: &mut A,
        keys: &[u16],
        order: &[Index],
        source: &[PointWords],
    ) {
        self.keys.clear();
        self.keys.extend_from_slice(keys);
        self.plan(|i| order[i]);
        self.spare = std::mem::take(&mut self.points);
        self.apply(adder, source);
    }

    fn step<A: Adder>(&mut self, adder: &mut A) {
        let source = std::mem::take(&mut self.points);
        self.apply(adder, &source);
        self.spare = source;
    }

    /// Plans the next step: neighbours of equal keys are paired.
    fn plan(&mut self, index: impl Fn(usize) -> Index) {
        self.pairs.clear();
        self.singles.clear();
        self.next_keys.clear();
        let mut i = 0;
        while i < self.keys.len() {
            let place = self.next_keys.len() as u32;
            self.next_keys.push(self.keys[i]);
            if self.keys.get(i + 1) == Some(&self.keys[i]) {
                self.pairs.push(Pair {
                    points: [index(i), index(i + 1)],
                    sum: place,
                });
                i += 2;
            } else {
                self.singles.push((index(i), place));
                i += 1;
            }
        }
    }

    /// Takes the planned step and plans the next one.
    fn apply<A: Adder>(&mut self, adder: &mut A, source: &[PointWords]) {
        let mut out = std::mem::take(&mut self.spare);
        out.resize(self.next_keys.len(), PointWords::default());
        adder.add(source, &self.pairs, &mut out);
        for (index, place) in &self.singles {
            out[*place as usize] = take(source, *index);
        }
        std::mem::swap(&mut self.keys, &mut self.next_keys);
        self.points = out;
        self.plan(|i| i as Index);
    }
}

/// The point at an index, with its sign.
pub fn take(source: &[PointWords], index: Index) -> PointWords {
    let words = source[(index & !NEGATIVE) as usize];
    if index & NEGATIVE == 0 {
        return words;
    }
    let G1Affine { x, y } = -words::point(&words);
    [words::of_base(&x), words::of_base(&y)]
}
