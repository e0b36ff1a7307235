//! A large weight polynomial kept as integers: the rounds over its rows work on inner products of every
//! row with the claims' equality tables, then the rows collapse into one.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::geometry::{Block, Poly};
use laminate_engine::poly::eq;
use rayon::prelude::*;

use super::claims::ClaimSet;
use super::dense::{DenseHalf, EqTable};
use crate::columns::{Columns, Small};
use crate::kernels::pass;

/// One claim point: `kernel(row)·inner(row)` summed over rows, and its part inside a row.
struct Run {
    /// Weight of each row.
    kernel: Vec<Fr>,
    /// Inner product of each row with the part's equality table.
    inner: Vec<Fr>,
    /// Point inside the part, and the part's offset in a row.
    point: Vec<Fr>,
    offset: usize,
}

/// See the module.
pub struct RowsHalf {
    runs: Vec<Run>,
    challenges: Vec<Fr>,
    rows_log: usize,
    row_log: usize,
}

impl RowsHalf {
    /// Prepares the rounds over the `log - row_log` row variables.
    pub fn new(columns: &Columns<'_>, set: ClaimSet, log: usize, row_log: usize) -> Self {
        let rows_log = log - row_log;
        let mut runs = vec![];
        for claims in set.points {
            debug_assert!(!claims.previous, "only columns of the trace are shifted");
            // Terms of one part of a row share the inner products.
            let mut parts: Vec<(usize, Vec<(Fr, Block)>)> = vec![];
            for (scalar, block) in claims.terms {
                let offset = block.offset & ((1 << row_log) - 1);
                match parts.iter_mut().find(|(at, _)| *at == offset) {
                    Some((_, terms)) => terms.push((scalar, block)),
                    None => parts.push((offset, vec![(scalar, block)])),
                }
            }
            let high = claims.point.len().saturating_sub(row_log);
            let (rows, point) = claims.point.split_at(high);
            let rows = eq::table(rows);
            for (offset, terms) in parts {
                let mut kernel = vec![Fr::ZERO; 1 << rows_log];
                for (scalar, block) in terms {
                    let first = block.offset >> row_log;
                    for (k, e) in kernel[first..].iter_mut().zip(&rows) {
                        *k += scalar * e;
                    }
                }
                runs.push(Run {
                    kernel,
                    inner: inner_products(columns, (row_log, 1 << rows_log), offset, point),
                    point: point.to_vec(),
                    offset,
                });
            }
        }
        Self {
            runs,
            challenges: vec![],
            rows_log,
            row_log,
        }
    }

    /// The round polynomial at 0 and -1.
    pub fn round(&self) -> [Fr; 2] {
        let half = 1usize << (self.rows_log - self.challenges.len() - 1);
        self.runs
            .par_iter()
            .map(|run| {
                let mut sum = [Fr::ZERO; 2];
                for i in 0..half {
                    let (k, v) = (run.kernel[i], run.inner[i]);
                    sum[0] += k * v;
                    sum[1] +=
                        (k.double() - run.kernel[half + i]) * (v.double() - run.inner[half + i]);
                }
                sum
            })
            .reduce(|| [Fr::ZERO; 2], |a, b| [a[0] + b[0], a[1] + b[1]])
    }

    /// Binds one row variable; after the last, gives the folded row.
    pub fn bind(&mut self, columns: &Columns<'_>, r: &Fr) -> Option<DenseHalf> {
        let half = 1usize << (self.rows_log - self.challenges.len() - 1);
        for run in &mut self.runs {
            for table in [&mut run.kernel, &mut run.inner] {
                let (low, high) = table.split_at_mut(half);
                low.iter_mut()
                    .zip(&*high)
                    .for_each(|(l, h)| *l += r * (*h - *l));
                table.truncate(half);
            }
        }
        self.challenges.push(*r);
        if self.challenges.len() < self.rows_log {
            return None;
        }
        let size = 1usize << self.row_log;
        let selector = eq::table(&self.challenges);
        let values = folded(columns, Poly::Weight, &selector, self.row_log);
        let mut kernel = vec![Fr::ZERO; size];
        for run in &self.runs {
            EqTable::new(&run.point).add(&mut kernel[run.offset..], run.kernel[0]);
        }
        Some(DenseHalf::from_tables(values, kernel, self.row_log))
    }
}

/// log2 of the columns of a weight pass: an equality table of this length stays in cache.
const PASS_LOG: usize = 13;

/// For each row, the inner product of its entries from `offset` on with the equality table of
/// `point`: a pass over the integers with the table of the last variables, then the rest.
fn inner_products(
    columns: &Columns<'_>,
    (row_log, rows): (usize, usize),
    offset: usize,
    point: &[Fr],
) -> Vec<Fr> {
    let (high, low) = point.split_at(point.len().saturating_sub(PASS_LOG));
    let (outer, table) = (eq::table(high), eq::table(low));
    let part = |row: usize| {
        columns.small(&Block {
            poly: Poly::Weight,
            offset: (row << row_log) + offset,
            log: point.len(),
        })
    };
    (0..rows)
        .into_par_iter()
        .map(|row| {
            let inner = match part(row) {
                Small::Bytes(bytes) => dot_chunks(bytes, &table, pass::dot_rows_u8),
                Small::Limbs(limbs) => dot_chunks(limbs, &table, pass::dot_rows_u16),
            };
            inner.iter().zip(&outer).map(|(v, e)| v * e).sum()
        })
        .collect()
}

/// Inner products of consecutive chunks with `table`, the last one zero-extended.
fn dot_chunks<T: Copy + Default>(
    values: &[T],
    table: &[Fr],
    dot: fn(&[T], &[Fr]) -> Vec<Fr>,
) -> Vec<Fr> {
    let (full, rest) = values.split_at(values.len() / table.len() * table.len());
    let mut out = if full.is_empty() {
        vec![]
    } else {
        dot(full, table)
    };
    if !rest.is_empty() {
        let mut last = rest.to_vec();
        last.resize(table.len(), T::default());
        out.extend(dot(&last, table));
    }
    out
}

/// `Σ_row selector[row]·row` of one polynomial.
fn folded(columns: &Columns<'_>, poly: Poly, selector: &[Fr], row_log: usize) -> Vec<Fr> {
    let size = 1usize << row_log;
    let whole = Block {
        poly,
        offset: 0,
        log: row_log + selector.len().trailing_zeros() as usize,
    };
    let mut out = match columns.small(&whole) {
        Small::Bytes(bytes) => {
            let (full, rest) = bytes.split_at(bytes.len() / size * size);
            let mut out = pass::combine_rows_u8(full, size, &selector[..full.len() / size]);
            out.resize(size, Fr::ZERO);
            if !rest.is_empty() {
                let weight = selector[full.len() / size];
                let pairs = out.iter_mut().zip(rest);
                pairs.for_each(|(o, v)| *o += weight * columns.limb(u16::from(*v)));
            }
            out
        }
        Small::Limbs(limbs) => {
            let mut out = vec![Fr::ZERO; size];
            for (row, weight) in limbs.chunks(size).zip(selector) {
                let pairs = out.par_iter_mut().zip(row).with_min_len(1 << 12);
                pairs.for_each(|(o, v)| *o += weight * columns.limb(*v));
            }
            out
        }
    };
    match poly {
        Poly::Trace => columns.add_unlimbed(&mut out, selector, row_log),
        Poly::Weight => {
            if let Some((at, blind)) = columns.inner_blind(row_log) {
                out[at] += selector[0] * blind;
            }
        }
    }
    out
}

/// The opened row: `Σ_row selector[row]·(W_row + ρ·T_row)`.
pub fn combine(columns: &Columns<'_>, selector: &[Fr], row_log: usize, rho: Fr) -> Vec<Fr> {
    let weight = folded(columns, Poly::Weight, selector, row_log);
    let mut out = folded(columns, Poly::Trace, selector, row_log);
    out.par_iter_mut()
        .zip(weight)
        .with_min_len(1 << 12)
        .for_each(|(t, w)| *t = w + rho * *t);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::{TraceColumns, WeightColumns};
    use crate::fold::claims::PointClaims;
    use rand::{Rng, SeedableRng};

    /// Blocks of several rows, of one and of parts of one, the last row not full: the rounds over rows
    /// and the row that is left are those of the expanded polynomial, however long the rows are.
    #[test]
    fn rows_and_expanded_polynomial_agree() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(9);
        let log = 9;
        let bytes = (0..333).map(|_| rng.r#gen()).collect();
        let mut random = |n: usize| -> Vec<Fr> { (0..n).map(|_| Fr::random(&mut rng)).collect() };
        let poly = Poly::Weight;
        let none = Block {
            poly: Poly::Trace,
            offset: 0,
            log: 0,
        };
        let trace = TraceColumns::of_limbs(vec![], (none, vec![]));
        let blind_log = log;
        let weights = WeightColumns { bytes, blind_log };
        let columns = Columns::new(&weights, &trace, vec![]);
        let block = |offset, log| Block { poly, offset, log };
        let claims = [
            (8, vec![block(0, 8)]),
            (6, vec![block(256, 6), block(64, 6)]),
            (3, vec![block(320, 3), block(8, 3), block(72, 3)]),
            (0, vec![block(5, 0)]),
            (9, vec![block(0, 9)]),
        ];
        let points: Vec<PointClaims> = claims
            .into_iter()
            .map(|(log, blocks)| PointClaims {
                point: random(log),
                previous: false,
                terms: random(3).into_iter().zip(blocks).collect(),
            })
            .collect();
        for row_log in [3, 6, 8] {
            let set = ClaimSet {
                points: points.clone(),
            };
            let mut dense = DenseHalf::new(&columns, poly, &set, log, row_log);
            let mut rows = RowsHalf::new(&columns, set, log, row_log);
            let mut folded = None;
            for (round, r) in random(log).iter().enumerate() {
                let sums = folded
                    .as_ref()
                    .map_or_else(|| rows.round(), DenseHalf::round);
                assert_eq!(sums, dense.round(), "rows of 2^{row_log}, round {round}");
                dense.bind(r);
                match &mut folded {
                    None => folded = rows.bind(&columns, r),
                    Some(folded) => folded.bind(r),
                }
            }
            assert_eq!(folded.map(|f| f.value()), Some(dense.value()));
        }
    }

    #[test]
    fn a_part_of_an_equality_table_is_added() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(10);
        for log in [0, 3, 12] {
            let point: Vec<Fr> = (0..log).map(|_| Fr::random(&mut rng)).collect();
            let scalar = Fr::random(&mut rng);
            for length in [1, (1 << log) - 1, 1 << log, (1 << log) + 3] {
                let mut target = vec![Fr::ONE; length];
                EqTable::new(&point).add(&mut target, scalar);
                let mut expected = vec![Fr::ONE; length];
                for (e, v) in expected.iter_mut().zip(eq::scaled_table(&point, scalar)) {
                    *e += v;
                }
                assert_eq!(target, expected);
            }
        }
    }
}
