//! Values and their kernel as field vectors of which only a prefix is not zero; the kernel's may be longer.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use rayon::prelude::*;

use crate::kernels::blend;

/// Pairs that a task takes at least.
const TASK: usize = 1 << 10;

/// Values and kernel over `2^log` entries; missing ones are zero.
pub struct Dense {
    values: Vec<Fr>,
    kernel: Vec<Fr>,
    log: usize,
    /// While the upper half of both tables is zero, binding only scales them: their common factor,
    /// and the sum of their products.
    scale: Fr,
    product: Option<Fr>,
}

impl Dense {
    /// From tables of at most `2^log` entries, the kernel's not shorter.
    pub fn new(values: Vec<Fr>, kernel: Vec<Fr>, log: usize) -> Self {
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

    /// What is left of values and kernel once all variables are bound.
    pub fn last(&self) -> [Fr; 2] {
        [&self.values, &self.kernel].map(|table| {
            let last = table.first().copied();
            last.map_or(Fr::ZERO, |v| self.scale * v)
        })
    }
}
