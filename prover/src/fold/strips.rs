//! One polynomial and the kernel of its claims during the batching sumcheck. The polynomial stays integers
//! while the variables above a strip are bound: a round needs of every strip only its inner products with the
//! claims' kernels inside strips. Then the strips collapse into one, of field elements.
//!
//! A product `v·k` of a round takes values and kernels of different strips, so every kernel meets every
//! strip. Claims whose blocks are a strip or more share a pass if they are the same inside strips; all others
//! of one strip are one kernel that is written out.

use std::collections::BTreeMap;

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::poly::eq;
use rayon::prelude::*;

use super::claims::ClaimSet;
use super::combine;
use super::dense::Dense;
use super::inner::Stored;
use super::outer::{Cut, Inside};

/// A kernel inside strips.
enum Shape {
    /// A product.
    Product(Inside),
    /// Written out; missing ends are zero.
    Written(Vec<Fr>),
}

/// A shape with the factor that it has in each strip.
struct Part {
    shape: Shape,
    factors: Vec<Fr>,
}

/// Collects the parts of a kernel.
struct Parts {
    cut: Cut,
    products: Vec<Part>,
    /// By strip.
    written: BTreeMap<usize, Vec<Fr>>,
}

impl Parts {
    fn collect(set: &ClaimSet, cut: Cut) -> Vec<Part> {
        let mut parts = Self {
            cut,
            products: vec![],
            written: BTreeMap::new(),
        };
        for claims in &set.points {
            for product in claims.kernel.products(cut) {
                for (scalar, block) in &claims.terms {
                    if block.log < cut.strip {
                        let scalar = scalar * product.strips[0];
                        parts.write(block.offset, block.log, scalar, &product.inside);
                    } else {
                        let first = block.offset >> cut.strip;
                        parts.add(first, *scalar, &product.strips, &product.inside);
                    }
                }
            }
        }
        let mut out = parts.products;
        out.extend(parts.written.into_iter().map(|(strip, kernel)| {
            Part {
                shape: Shape::Written(kernel),
                factors: (0..=strip)
                    .map(|s| Fr::from(u64::from(s == strip)))
                    .collect(),
            }
        }));
        out
    }

    /// Adds a product from strip `first` on.
    fn add(&mut self, first: usize, scalar: Fr, strips: &[Fr], inside: &Inside) {
        let same = |part: &Part| matches!(&part.shape, Shape::Product(i) if i == inside);
        let at = self.products.iter().position(same).unwrap_or_else(|| {
            self.products.push(Part {
                shape: Shape::Product(inside.clone()),
                factors: vec![],
            });
            self.products.len() - 1
        });
        let factors = &mut self.products[at].factors;
        factors.resize(factors.len().max(first + strips.len()), Fr::ZERO);
        let pairs = factors[first..].iter_mut().zip(strips);
        pairs.for_each(|(f, e)| *f += scalar * e);
    }

    /// Adds to the kernel that is written out for the strip of `offset`.
    fn write(&mut self, offset: usize, log: usize, scalar: Fr, inside: &Inside) {
        let kernel = self.written.entry(offset >> self.cut.strip).or_default();
        let start = offset & ((1 << self.cut.strip) - 1);
        let end = start + (1 << log);
        kernel.resize(kernel.len().max(end), Fr::ZERO);
        inside.add(&mut kernel[start..end], scalar);
    }
}

/// See the module.
pub struct Half<'a> {
    stored: Stored<'a>,
    /// Shapes, with their inner products and factors by strip.
    parts: Vec<(Shape, Dense)>,
    challenges: Vec<Fr>,
    strips_log: usize,
    strip: Option<Dense>,
}

impl<'a> Half<'a> {
    /// Prepares the rounds over `log` variables.
    pub fn new(stored: Stored<'a>, set: &ClaimSet, log: usize) -> Self {
        let strips_log = log - stored.cut.strip;
        let parts = Parts::collect(set, stored.cut).into_iter();
        let parts = parts.map(|part| {
            let Part { shape, mut factors } = part;
            let values = match &shape {
                _ if strips_log == 0 => vec![],
                Shape::Product(inside) => stored.with_product(inside),
                Shape::Written(kernel) => stored.with_strip(kernel),
            };
            factors.resize(factors.len().max(values.len()), Fr::ZERO);
            (shape, Dense::new(values, factors, strips_log))
        });
        let mut half = Self {
            parts: parts.collect(),
            stored,
            challenges: vec![],
            strips_log,
            strip: None,
        };
        half.collapse();
        half
    }

    /// Once all strips are one: its values and kernel.
    fn collapse(&mut self) {
        if self.challenges.len() < self.strips_log {
            return;
        }
        let log = self.stored.cut.strip;
        let selector = eq::table(&self.challenges);
        let values = combine::folded(&self.stored, &selector);
        let mut kernel = vec![];
        for (shape, factor) in self.parts.drain(..) {
            let [_, factor] = factor.last();
            match shape {
                Shape::Written(part) if kernel.is_empty() => {
                    kernel = part;
                    kernel.par_iter_mut().for_each(|k| *k *= factor);
                }
                Shape::Written(part) => {
                    kernel.resize(kernel.len().max(part.len()), Fr::ZERO);
                    let pairs = kernel.par_iter_mut().zip(&part);
                    pairs.for_each(|(k, p)| *k += factor * p);
                }
                Shape::Product(inside) => {
                    kernel.resize(1 << log, Fr::ZERO);
                    inside.add(&mut kernel, factor);
                }
            }
        }
        kernel.resize(kernel.len().max(values.len()), Fr::ZERO);
        self.strip = Some(Dense::new(values, kernel, log));
    }

    /// The round polynomial at 0 and -1.
    pub fn round(&self) -> [Fr; 2] {
        if let Some(strip) = &self.strip {
            return strip.round();
        }
        let rounds = self.parts.par_iter().map(|(_, part)| part.round());
        rounds.reduce(|| [Fr::ZERO; 2], |a, b| [a[0] + b[0], a[1] + b[1]])
    }

    /// Binds the most significant variable.
    pub fn bind(&mut self, r: &Fr) {
        if let Some(strip) = &mut self.strip {
            return strip.bind(r);
        }
        self.parts.par_iter_mut().for_each(|(_, part)| part.bind(r));
        self.challenges.push(*r);
        self.collapse();
    }

    /// The polynomial's value once all variables are bound.
    pub fn value(&self) -> Fr {
        let strip = self.strip.as_ref();
        strip.map_or(Fr::ZERO, |strip| strip.last()[0])
    }
}
