//! Kernels of claims on blocks as outer products of short vectors, never written out.
//!
//! A claim `Σ_y kernel(y)·block(y) = value` has a kernel that is a product over the block's axes, for a plain
//! block the equality table of the claim's point. Its entries are numbered by the strip of the polynomial that
//! they stand in, the chunk of the strip and the place in the chunk, so it is a sum of few products of a
//! vector for each of the three.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
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

    /// The variables of a block as those of its strip, its chunk and the place there.
    fn split(self, point: &[Fr]) -> [&[Fr]; 3] {
        let (high, low) = point.split_at(point.len() - point.len().min(self.chunk()));
        let middle = high.len().min(self.strip - self.chunk());
        let (strips, chunks) = high.split_at(high.len() - middle);
        [strips, chunks, low]
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

/// A kernel on blocks of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// `eq(point, y)`: entry `y` of the block is entry `y` of the column.
    Equal,
    /// `eq(point, y + 1)`, nothing for the last `y`: entry `y` of the block is entry `y + 1` of the column,
    /// whose first entry is zero.
    Previous,
}

impl Kernel {
    /// The kernel of a claim at `point` as a sum of products.
    pub fn products(self, point: &[Fr], cut: Cut) -> Vec<Outer> {
        let [strips, chunks, places] = cut.split(point).map(eq::table);
        let product = |strips: &[Fr], chunks: &[Fr], places: &[Fr]| Outer {
            strips: strips.to_vec(),
            inside: Inside {
                chunks: chunks.to_vec(),
                places: places.to_vec(),
            },
        };
        match self {
            Self::Equal => vec![product(&strips, &chunks, &places)],
            // The place moves by one; or it wraps and the chunk moves, or both wrap and the strip moves.
            Self::Previous => {
                let mut out = vec![product(&strips, &chunks, &moved(&places))];
                if chunks.len() > 1 {
                    out.push(product(&strips, &moved(&chunks), &wrapped(&places)));
                }
                if strips.len() > 1 {
                    let inside = (wrapped(&chunks), wrapped(&places));
                    out.push(product(&moved(&strips), &inside.0, &inside.1));
                }
                out
            }
        }
    }

    /// How many products the kernel is at most.
    pub fn count(self) -> usize {
        match self {
            Self::Equal => 1,
            Self::Previous => 3,
        }
    }
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
        for log in [0, 1, 3, 8, 15] {
            let point: Vec<Fr> = (0..log).map(|_| Fr::random(&mut rng)).collect();
            let table = eq::table(&point);
            for (kernel, expected) in [
                (Kernel::Equal, table.clone()),
                (Kernel::Previous, moved(&table)),
            ] {
                for strip in [0, 1, 2, 7, 8, 14, 15, 16] {
                    let products = kernel.products(&point, Cut { strip });
                    assert!(products.len() <= kernel.count());
                    let mut sum = vec![Fr::ZERO; 1 << log];
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
            let products = Kernel::Equal.products(&point, Cut { strip: log });
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
