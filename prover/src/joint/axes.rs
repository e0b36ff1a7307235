//! Tables over named axes: contraction of an axis with a vector, reordering, and small einsums.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::poly::eq;
use rayon::prelude::*;

/// Values over axes, row-major; `axes` are indices into a list of log2 sizes.
#[derive(Clone, Debug)]
pub struct Table {
    /// Values.
    pub values: Vec<Fr>,
    /// Axes, most significant first.
    pub axes: Vec<usize>,
}

/// Fewer values than this are handled on one thread.
const PARALLEL: usize = 1 << 12;

impl Table {
    /// Contracts every axis that is not in `keep` with the equality table of its point, and brings
    /// the rest into ascending order.
    pub fn bind(mut self, logs: &[usize], keep: &[usize], points: &[Vec<Fr>]) -> Self {
        while let Some(at) = self.axes.iter().position(|a| !keep.contains(a)) {
            // Neighbouring axes that go together are one axis.
            let run = self.axes[at..]
                .iter()
                .take_while(|a| !keep.contains(a))
                .count();
            let point: Vec<Fr> = self.axes[at..at + run]
                .iter()
                .flat_map(|a| points[*a].iter().copied())
                .collect();
            let size = 1usize << point.len();
            let inner: usize = self.axes[at + run..]
                .iter()
                .map(|a| 1usize << logs[*a])
                .product();
            self.values = contract(&self.values, size, inner, &eq::table(&point));
            self.axes.drain(at..at + run);
        }
        self.sorted(logs)
    }

    /// The values over axes in the order of `axes`, which has all of the table's; repeated along those that it lacks.
    pub fn spread(self, logs: &[usize], axes: &[usize]) -> Vec<Fr> {
        if self.axes == axes {
            return self.values;
        }
        let map = offsets(logs, axes, &self.axes);
        map.into_iter().map(|at| self.values[at]).collect()
    }

    /// The same values with axes in ascending order.
    fn sorted(self, logs: &[usize]) -> Self {
        let mut order = self.axes.clone();
        order.sort_unstable();
        if order == self.axes {
            return self;
        }
        let map = offsets(logs, &order, &self.axes);
        Self {
            values: map.into_iter().map(|at| self.values[at]).collect(),
            axes: order,
        }
    }
}

/// `out[a, b] = Σ_m weights[m]·values[a, m, b]`
fn contract(values: &[Fr], size: usize, inner: usize, weights: &[Fr]) -> Vec<Fr> {
    let mut out = vec![Fr::ZERO; values.len() / size];
    let body = |(out, block): (&mut [Fr], &[Fr])| {
        for (row, weight) in block.chunks_exact(inner).zip(weights) {
            for (o, v) in out.iter_mut().zip(row) {
                *o += weight * v;
            }
        }
    };
    if inner == 1 && size > 1 {
        out.par_iter_mut()
            .with_min_len(PARALLEL / size.min(PARALLEL))
            .zip(values.par_chunks_exact(size))
            .for_each(|(o, row)| *o = row.iter().zip(weights).map(|(v, w)| v * w).sum());
        return out;
    }
    out.par_chunks_mut(inner)
        .zip(values.par_chunks_exact(size * inner))
        .for_each(body);
    out
}

/// For every index over `order`, the offset in a table with `axes`; axes of `order` that the table
/// lacks do not move it.
fn offsets(logs: &[usize], order: &[usize], axes: &[usize]) -> Vec<usize> {
    let mut out = vec![0usize];
    for axis in order {
        let position = axes.iter().position(|a| a == axis);
        let stride = position.map_or(0, |at| {
            axes[at + 1..].iter().map(|a| 1usize << logs[*a]).product()
        });
        out = out
            .iter()
            .flat_map(|base| (0..1usize << logs[*axis]).map(move |i| base + i * stride))
            .collect();
    }
    out
}

/// `out[o] = Σ_c Π tables[o, c]^power` for tables that have some of the axes `out` and `contracted`.
pub fn einsum(
    logs: &[usize],
    out: &[usize],
    contracted: &[usize],
    tables: &[(Table, usize)],
) -> Vec<Fr> {
    let size = |axes: &[usize]| -> usize { axes.iter().map(|a| 1usize << logs[*a]).product() };
    let places: Vec<[Vec<usize>; 2]> = tables
        .iter()
        .map(|(table, _)| [out, contracted].map(|order| offsets(logs, order, &table.axes)))
        .collect();
    let product = |o: usize, c: usize| {
        let mut factors = tables
            .iter()
            .zip(&places)
            .flat_map(|((table, power), place)| {
                let value = table.values[place[0][o] + place[1][c]];
                std::iter::repeat_n(value, *power)
            });
        let first = factors.next().unwrap_or(Fr::ONE);
        factors.fold(first, |product, factor| product * factor)
    };
    (0..size(out))
        .into_par_iter()
        .map(|o| (0..size(contracted)).map(|c| product(o, c)).sum())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use laminate_engine::poly;
    use rand::SeedableRng;

    #[test]
    fn binding_is_evaluation_in_those_axes() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(5);
        let logs = [1, 2, 0, 1, 2];
        let points: Vec<Vec<Fr>> = logs
            .iter()
            .map(|log| (0..*log).map(|_| Fr::random(&mut rng)).collect())
            .collect();
        let table = Table {
            values: (0..64).map(|_| Fr::random(&mut rng)).collect(),
            axes: vec![0, 4, 2, 3, 1],
        };
        let all: Vec<Fr> = table.axes.iter().flat_map(|a| points[*a].clone()).collect();
        let direct = poly::evaluate(&table.values, &all);
        for keep in [
            vec![],
            vec![0, 1, 2, 3, 4],
            vec![1, 4],
            vec![3],
            vec![0, 2, 3],
        ] {
            let bound = table.clone().bind(&logs, &keep, &points);
            let rest: Vec<Fr> = bound.axes.iter().flat_map(|a| points[*a].clone()).collect();
            assert!(bound.axes.is_sorted());
            assert_eq!(direct, poly::evaluate(&bound.values, &rest));
        }
    }

    #[test]
    fn einsum_is_the_sum_of_products() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(6);
        let mut random = |n: usize| -> Vec<Fr> { (0..n).map(|_| Fr::random(&mut rng)).collect() };
        let logs = [1, 1, 1];
        let a = Table {
            values: random(4),
            axes: vec![0, 2],
        };
        let b = Table {
            values: random(4),
            axes: vec![2, 1],
        };
        let tables = [(a.clone(), 1), (b.clone(), 1)];
        let got = einsum(&logs, &[0, 1], &[2], &tables);
        for i in 0..2 {
            for j in 0..2 {
                let expected: Fr = (0..2)
                    .map(|k| a.values[2 * i + k] * b.values[2 * k + j])
                    .sum();
                assert_eq!(got[2 * i + j], expected);
            }
        }
    }
}
