//! Kernels of claims on blocks as outer products of short vectors, never written out.
//!
//! A claim `Σ_y kernel(y)·block(y) = value` has a kernel that is a product over the block's axes, for a plain
//! block the equality table of the claim's point. Its entries are numbered by the strip of the polynomial that
//! they stand in, the chunk of the strip and the place in the chunk, so it is a sum of few products of a
//! vector for each of the three.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::maps::{Linear, Map, Wiring, cut, mask};
use laminate_engine::poly::eq;
use rayon::prelude::*;

/// log2 of the longest chunk: its equality table stays in the second cache while a polynomial passes by.
pub const CHUNK_LOG: usize = 13;

/// Where the variables of a polynomial are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// log2 of the entries of a strip.
    pub strip: usize,
}

impl Cut {
    /// log2 of the entries of a chunk.
    pub fn chunk(self) -> usize {
        self.strip.min(CHUNK_LOG)
    }
}

/// `kernel[(strip, chunk, place)] = strips[strip] · chunks[chunk] · places[place]`; lengths are powers of two,
/// those of a block shorter than a chunk or a strip being 1 before its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outer {
    /// A factor for each strip.
    pub strips: Vec<Fr>,
    /// The kernel inside a strip.
    pub inside: Inside,
}

/// The factors of an [`Outer`] inside a strip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inside {
    /// A factor for each chunk.
    pub chunks: Vec<Fr>,
    /// A factor for each place in a chunk.
    pub places: Vec<Fr>,
}

/// A vector for one axis of a block, or for several in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Factor {
    /// `eq(point, y)`.
    Equal(Vec<Fr>),
    /// `eq(point, y + 1)`, nothing for the last `y`: the axis stands one later in the view.
    Moved(Vec<Fr>),
    /// Written out.
    Table(Vec<Fr>),
}

impl Factor {
    fn log(&self) -> usize {
        match self {
            Self::Equal(point) | Self::Moved(point) => point.len(),
            Self::Table(values) => values.len().trailing_zeros() as usize,
        }
    }

    fn values(&self) -> Vec<Fr> {
        match self {
            Self::Equal(point) => eq::table(point),
            Self::Moved(point) => moved(&eq::table(point)),
            Self::Table(values) => values.clone(),
        }
    }

    /// As a sum of products of a vector for the first `high` variables and one for the rest.
    fn split(&self, high: usize) -> Vec<[Self; 2]> {
        match self {
            Self::Equal(point) => {
                let (a, b) = point.split_at(high);
                vec![[a, b].map(|part| Self::Equal(part.to_vec()))]
            }
            // The rest moves by one, or it wraps and the first part moves.
            Self::Moved(point) => {
                let (a, b) = point.split_at(high);
                let rest = eq::table(b);
                vec![
                    [Self::Equal(a.to_vec()), Self::Table(moved(&rest))],
                    [Self::Moved(a.to_vec()), Self::Table(wrapped(&rest))],
                ]
            }
            Self::Table(values) => {
                let parts = values.chunks(values.len() >> high).enumerate();
                let some = parts.filter(|(_, part)| part.iter().any(|v| *v != Fr::ZERO));
                some.map(|(i, part)| {
                    let mut unit = vec![Fr::ZERO; 1 << high];
                    unit[i] = Fr::ONE;
                    [Self::Table(unit), Self::Table(part.to_vec())]
                })
                .collect()
            }
        }
    }
}

/// The kernel of a claim on blocks of one size: the outer product of its factors, most significant first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel(pub Vec<Factor>);

impl Kernel {
    /// That of a claim at `point` on a block that stands in the view as it is.
    pub fn equal(point: &[Fr]) -> Self {
        Self(vec![Factor::Equal(point.to_vec())])
    }

    /// That of a claim on a wired block, and the factor of its masks.
    pub fn wired(wiring: &Wiring, point: &[Fr]) -> (Fr, Self) {
        let view = cut(&wiring.view, point);
        let mut factors: Vec<Factor> = vec![];
        for (log, map) in &wiring.axes {
            let next = match map {
                Map::Same { axis } => Factor::Equal(view[*axis].to_vec()),
                Map::Linear(linear)
                    if *linear == Linear::shift(linear.terms[0].axis, 1 << log, -1, 1 << log) =>
                {
                    Factor::Moved(view[linear.terms[0].axis].to_vec())
                }
                map => Factor::Table(map.vector(&view, *log)),
            };
            match (factors.last_mut(), next) {
                (Some(Factor::Equal(point)), Factor::Equal(more)) => point.extend(more),
                (_, next) => factors.push(next),
            }
        }
        (mask::native(&wiring.masks, &view), Self(factors))
    }

    /// log2 of the blocks.
    pub fn log(&self) -> usize {
        self.0.iter().map(Factor::log).sum()
    }

    /// As a sum of products.
    pub fn products(&self, cut: Cut) -> Vec<Outer> {
        let log = self.log();
        // Variables of the strips and of the chunks, counted from the first.
        let ends = [log - log.min(cut.strip), log - log.min(cut.chunk())];
        let mut all: Vec<[Vec<Fr>; 3]> = vec![std::array::from_fn(|_| vec![Fr::ONE])];
        let mut start = 0;
        for factor in &self.0 {
            let pieces = pieces(factor, start, &ends);
            all = all
                .iter()
                .flat_map(|product| pieces.iter().map(|pieces| extended(product, pieces)))
                .collect();
            start += factor.log();
        }
        let outer = |[strips, chunks, places]: [Vec<Fr>; 3]| Outer {
            strips,
            inside: Inside { chunks, places },
        };
        all.into_iter().map(outer).collect()
    }

    /// Where claims are the same inside strips of `2^strip`: the variables there, if the kernel is an equality there.
    pub fn inside(&self, strip: usize) -> Option<&[Fr]> {
        match self.0.last() {
            Some(Factor::Equal(point)) => point.get(point.len().checked_sub(strip)?..),
            _ => None,
        }
    }

    /// How many products the kernel is at most.
    pub fn count(&self, cut: Cut) -> usize {
        let log = self.log();
        let ends = [log - log.min(cut.strip), log - log.min(cut.chunk())];
        let mut start = 0;
        self.0.iter().fold(1, |count, factor| {
            let end = start + factor.log();
            let crossed = ends.iter().filter(|e| (start + 1..end).contains(e));
            let own = match factor {
                Factor::Equal(_) => 1,
                Factor::Moved(_) => 1 + crossed.count(),
                Factor::Table(_) => 1 << crossed.max().map_or(0, |e| e - start),
            };
            start = end;
            count * own
        })
    }
}

/// The vectors so far, and what is left of a factor with its first variable.
type Pieces = ([Option<Factor>; 3], Option<(usize, Factor)>);

/// A factor that begins at variable `start` as a sum of products of three vectors, cut at `ends`.
fn pieces(factor: &Factor, start: usize, ends: &[usize; 2]) -> Vec<[Option<Factor>; 3]> {
    let mut done: Vec<Pieces> = vec![([None, None, None], Some((start, factor.clone())))];
    for (slot, end) in ends.iter().chain(&[usize::MAX]).enumerate() {
        let mut next = vec![];
        for (mut pieces, rest) in done {
            let Some((at, rest)) = rest else {
                next.push((pieces, None));
                continue;
            };
            let log = rest.log();
            if *end <= at && log > 0 {
                next.push((pieces, Some((at, rest))));
            } else if log == 0 || *end >= at + log {
                pieces[slot] = Some(rest);
                next.push((pieces, None));
            } else {
                for [head, tail] in rest.split(end - at) {
                    let mut pieces = pieces.clone();
                    pieces[slot] = Some(head);
                    next.push((pieces, Some((*end, tail))));
                }
            }
        }
        done = next;
    }
    done.into_iter().map(|(pieces, _)| pieces).collect()
}

/// A product times the pieces of one more factor.
fn extended(product: &[Vec<Fr>; 3], pieces: &[Option<Factor>; 3]) -> [Vec<Fr>; 3] {
    std::array::from_fn(|i| match &pieces[i] {
        None => product[i].clone(),
        Some(factor) => {
            let values = factor.values();
            let before = product[i].iter();
            before
                .flat_map(|a| values.iter().map(move |b| a * b))
                .collect()
        }
    })
}

/// Entry `i` is that of `i + 1`.
fn moved(table: &[Fr]) -> Vec<Fr> {
    let mut out = table[1..].to_vec();
    out.push(Fr::ZERO);
    out
}

/// The last entry is the first one.
fn wrapped(table: &[Fr]) -> Vec<Fr> {
    let mut out = vec![Fr::ZERO; table.len()];
    out[table.len() - 1] = table[0];
    out
}

impl Inside {
    /// `target[(chunk, place)] += scalar · chunks[chunk] · places[place]` as far as both reach.
    pub fn add(&self, target: &mut [Fr], scalar: Fr) {
        target
            .par_chunks_mut(self.places.len())
            .zip(&self.chunks)
            .for_each(|(part, e)| {
                let weight = scalar * e;
                for (k, e) in part.iter_mut().zip(&self.places) {
                    *k += weight * e;
                }
            });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    /// Blocks of many strips, of one, and of parts of one, down to a single entry.
    #[test]
    fn products_are_the_kernel() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(10);
        let mut random = |n: usize| -> Vec<Fr> { (0..n).map(|_| Fr::random(&mut rng)).collect() };
        for log in [0, 1, 3, 8, 11] {
            let point = random(log);
            let table = eq::table(&point);
            let written = random(1 << log);
            let mut parts = vec![Factor::Table(written.clone())];
            let mut expected = written;
            for factor in [Factor::Equal(random(2)), Factor::Moved(random(3))] {
                let values = factor.values();
                let both = expected
                    .iter()
                    .flat_map(|a| values.iter().map(move |b| a * b));
                expected = both.collect();
                parts.push(factor);
            }
            for (kernel, expected) in [
                (Kernel::equal(&point), table.clone()),
                (Kernel(vec![Factor::Moved(point.clone())]), moved(&table)),
                (Kernel(parts), expected),
            ] {
                for strip in [0, 1, 2, 7, 8, 14, 15, 16] {
                    let cut = Cut { strip };
                    let products = kernel.products(cut);
                    assert!(products.len() <= kernel.count(cut));
                    let mut sum = vec![Fr::ZERO; expected.len()];
                    for product in &products {
                        let part = product.inside.chunks.len() * product.inside.places.len();
                        for (part, e) in sum.chunks_mut(part).zip(&product.strips) {
                            product.inside.add(part, *e);
                        }
                    }
                    assert_eq!(sum, expected, "{kernel:?}, 2^{log} in strips of 2^{strip}");
                }
            }
        }
    }

    #[test]
    fn a_part_of_a_kernel_is_added() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(10);
        for log in [0, 3, 14] {
            let point: Vec<Fr> = (0..log).map(|_| Fr::random(&mut rng)).collect();
            let scalar = Fr::random(&mut rng);
            let products = Kernel::equal(&point).products(Cut { strip: log });
            for length in [1, (1 << log) - 1, 1 << log, (1 << log) + 3] {
                let mut target = vec![Fr::ONE; length];
                products[0].inside.add(&mut target, scalar);
                let mut expected = vec![Fr::ONE; length];
                for (e, v) in expected.iter_mut().zip(eq::scaled_table(&point, scalar)) {
                    *e += v;
                }
                assert_eq!(target, expected);
            }
        }
    }
}
