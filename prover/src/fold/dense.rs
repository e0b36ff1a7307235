//! A polynomial and its kernel as field vectors of which only a prefix is not zero; the kernel's may
//! be longer.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::geometry::Poly;
use laminate_engine::poly::eq;
use rayon::prelude::*;

use super::claims::ClaimSet;
use crate::columns::Columns;
use crate::kernels::blend;

/// Pairs that a task takes at least, and its log2.
const TASK: usize = 1 << TASK_LOG;
const TASK_LOG: usize = 10;

/// The equality table of a point as a product of two short ones, never written out: one multiplication
/// an entry.
pub struct EqTable {
    outer: Vec<Fr>,
    inner: Vec<Fr>,
}

impl EqTable {
    /// The table of `point`.
    pub fn new(point: &[Fr]) -> Self {
        let low = point.len().min(TASK_LOG);
        let (high, low) = point.split_at(point.len() - low);
        Self {
            outer: eq::table(high),
            inner: eq::table(low),
        }
    }

    /// `target[i] += scalar · table[i]` as far as both reach.
    pub fn add(&self, target: &mut [Fr], scalar: Fr) {
        target
            .par_chunks_mut(self.inner.len())
            .zip(&self.outer)
            .for_each(|(part, e)| {
                let weight = scalar * e;
                for (k, e) in part.iter_mut().zip(&self.inner) {
                    *k += weight * e;
                }
            });
    }
}

/// Values and kernel over `2^log` entries; missing ones are zero.
pub struct DenseHalf {
    values: Vec<Fr>,
    kernel: Vec<Fr>,
    log: usize,
    /// While the upper half of both tables is zero, binding only scales them: their common factor,
    /// and the sum of their products.
    scale: Fr,
    product: Option<Fr>,
}

impl DenseHalf {
    /// Expands a polynomial and the kernel of its claims.
    pub fn new(
        columns: &Columns<'_>,
        poly: Poly,
        set: &ClaimSet,
        log: usize,
        row_log: usize,
    ) -> Self {
        let values = columns.polynomial(poly, row_log);
        // A block may reach beyond the used prefix. Values are zero there, but a round polynomial
        // multiplies the kernel there with values of the other half.
        let blocks = set.points.iter().flat_map(|p| &p.terms);
        let end = blocks
            .map(|(_, block)| block.offset + (1 << block.log))
            .max();
        let mut kernel = vec![Fr::ZERO; end.unwrap_or(0).max(values.len())];
        for claims in &set.points {
            if claims.previous {
                let table = eq::table(&claims.point);
                for (scalar, block) in &claims.terms {
                    let kernel = kernel[block.offset..].iter_mut();
                    kernel.zip(&table[1..]).for_each(|(k, e)| *k += scalar * e);
                }
                continue;
            }
            let table = EqTable::new(&claims.point);
            for (scalar, block) in &claims.terms {
                table.add(&mut kernel[block.offset..], *scalar);
            }
        }
        Self::from_tables(values, kernel, log)
    }

    /// From tables of at most `2^log` entries, the kernel's not shorter.
    pub fn from_tables(values: Vec<Fr>, kernel: Vec<Fr>, log: usize) -> Self {
        let mut half = Self {
            values,
            kernel,
            log,
            scale: Fr::ONE,
            product: None,
        };
        half.product = half.upper_zero().then(|| {
            let pairs = half.values.par_iter().zip(&half.kernel);
            pairs.map(|(v, k)| v * k).sum()
        });
        half
    }

    /// Whether all of the upper half is zero.
    fn upper_zero(&self) -> bool {
        self.log > 0 && self.kernel.len() <= 1 << (self.log - 1)
    }

    /// The round polynomial at 0 and -1.
    pub fn round(&self) -> [Fr; 2] {
        if let Some(product) = self.product {
            let sum = product * self.scale.square();
            return [sum, sum.double().double()];
        }
        let half = 1usize << (self.log - 1);
        let low = self.values.len().min(half);
        let at = |v: &[Fr], i: usize| v.get(half + i).copied().unwrap_or(Fr::ZERO);
        (0..low)
            .into_par_iter()
            .with_min_len(TASK)
            .map(|i| {
                let (v, k) = (self.values[i], self.kernel[i]);
                let back = [
                    v.double() - at(&self.values, i),
                    k.double() - at(&self.kernel, i),
                ];
                [v * k, back[0] * back[1]]
            })
            .reduce(|| [Fr::ZERO; 2], |a, b| [a[0] + b[0], a[1] + b[1]])
    }

    /// Binds the most significant variable.
    pub fn bind(&mut self, r: &Fr) {
        if self.product.is_some() {
            self.scale *= Fr::ONE - r;
            self.log -= 1;
            if !self.upper_zero() {
                self.product = None;
                let scale = std::mem::replace(&mut self.scale, Fr::ONE);
                for table in [&mut self.values, &mut self.kernel] {
                    table.par_iter_mut().for_each(|v| *v *= scale);
                }
            }
            return;
        }
        let half = 1usize << (self.log - 1);
        for table in [&mut self.values, &mut self.kernel] {
            if table.len() <= half {
                let rest = Fr::ONE - r;
                table
                    .par_iter_mut()
                    .with_min_len(TASK)
                    .for_each(|v| *v *= rest);
                continue;
            }
            let (low, high) = table.split_at_mut(half);
            let (both, alone) = low.split_at_mut(high.len());
            blend::bind(both, high, r);
            let rest = Fr::ONE - r;
            alone
                .par_iter_mut()
                .with_min_len(TASK)
                .for_each(|v| *v *= rest);
            table.truncate(half);
        }
        self.log -= 1;
    }

    /// The polynomial's value once all variables are bound.
    pub fn value(&self) -> Fr {
        self.scale * self.values.first().copied().unwrap_or(Fr::ZERO)
    }
}
