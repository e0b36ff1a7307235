//! Views that are longer than what they read, such as the windows of a convolution: bound at points axis by axis of
//! the block, so that they are never written out.
//!
//! A map that reads view axes of which some have a point is a matrix between the others and the block's axis,
//! `M(x'; y) = Σ_x eq(point, x)·A(x, x'; y)`; the bound view is the block contracted with one such matrix an axis.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::claim::{Term, View};
use laminate_engine::field::fr_from_i64;
use laminate_engine::maps::{Map, Wiring, mask};
use laminate_engine::poly::eq;
use rayon::prelude::*;

use super::Columns;
use crate::joint::axes::Table;

/// Most entries of a matrix, and of the places that it is made from.
const MAX_MATRIX: usize = 1 << 20;

/// What a map is once some of its view axes have a point.
struct Matrix {
    /// View axes that have none.
    kept: Vec<usize>,
    /// For each of their places the entries that are not zero; none for the identity.
    rows: Option<Vec<Vec<(usize, Fr)>>>,
}

impl Columns<'_> {
    /// The values of a view over the axes without a point, the others at their points; none of a view that is no
    /// longer than its blocks, or is not cut into such axes.
    pub fn bind_wired(&self, view: &View, points: &[Option<&[Fr]>]) -> Option<Vec<Fr>> {
        let longer = view.terms.iter().any(|term| view.log() > term.block.log);
        let terms = view.terms.iter().map(|term| term.wiring.as_ref());
        let wirings: Option<Vec<_>> = terms.collect();
        let mut wirings = wirings.filter(|_| longer)?;
        wirings.extend(view.constants.iter().map(|c| &c.wiring));
        let axes = &wirings.first()?.view;
        let cut = wirings.iter().all(|wiring| wiring.view == *axes) && axes.len() == points.len();
        if !cut {
            return None;
        }
        let kept: Vec<usize> = (0..axes.len()).filter(|a| points[*a].is_none()).collect();
        let length = kept.iter().map(|a| 1usize << axes[*a]).product();
        let mut out = vec![view.constant; length];
        let mut done: Vec<&Wiring> = vec![];
        for wiring in &wirings {
            if done.contains(&wiring.as_ref()) {
                continue;
            }
            done.push(wiring);
            // Limbs and constant by one wiring are one block.
            let same = |term: &&Term| term.wiring.as_ref() == Some(*wiring);
            let constants = view.constants.iter().filter(|c| c.wiring == **wiring);
            let block = View {
                constant: constants.map(|c| c.value).sum(),
                constants: vec![],
                terms: view.terms.iter().filter(same).map(plain).collect(),
            };
            let values = match block.terms.is_empty() {
                true => vec![block.constant; 1 << wiring.block_log()],
                false => self.values(&block),
            };
            let more = contracted(wiring, points, values, &kept)?;
            out.par_iter_mut()
                .zip(more)
                .with_min_len(1 << 12)
                .for_each(|(o, v)| *o += v);
        }
        Some(out)
    }
}

fn plain(term: &Term) -> Term {
    Term {
        wiring: None,
        ..term.clone()
    }
}

/// A block as it stands by a wiring, over the view axes that are kept.
fn contracted(
    wiring: &Wiring,
    points: &[Option<&[Fr]>],
    mut values: Vec<Fr>,
    kept: &[usize],
) -> Option<Vec<Fr>> {
    let open = |axis: usize| points.get(axis).is_none_or(Option::is_none);
    if wiring.masks.iter().any(|m| m.reads().into_iter().any(open)) {
        return None;
    }
    let at: Vec<&[Fr]> = points.iter().map(|p| p.unwrap_or(&[])).collect();
    let factor = mask::native(&wiring.masks, &at);
    let matrices: Option<Vec<Matrix>> = wiring
        .axes
        .iter()
        .map(|(log, map)| Matrix::new(wiring, map, *log, points))
        .collect();
    let matrices = matrices?;
    let mut sizes: Vec<usize> = wiring.axes.iter().map(|(log, _)| 1 << log).collect();
    // Axes that leave least go first.
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|i| matrices[*i].kept.len());
    for axis in order {
        let Some(rows) = &matrices[axis].rows else {
            continue;
        };
        let inner: usize = sizes[axis + 1..].iter().product();
        values = apply(&values, (rows, sizes[axis]), inner);
        sizes[axis] = rows.len();
    }
    values.iter_mut().for_each(|v| *v *= factor);
    let axes = matrices.iter().flat_map(|m| m.kept.clone()).collect();
    Some(Table { values, axes }.spread(&wiring.view, kept))
}

/// `out[a, k, b] = Σ_y rows[k][y]·values[a, y, b]`
fn apply(values: &[Fr], (rows, size): (&[Vec<(usize, Fr)>], usize), inner: usize) -> Vec<Fr> {
    let mut out = vec![Fr::ZERO; values.len() / size * rows.len()];
    let blocks = values.par_chunks_exact(size * inner);
    out.par_chunks_exact_mut(rows.len() * inner)
        .zip(blocks)
        .for_each(|(out, block)| {
            for (out, row) in out.chunks_exact_mut(inner).zip(rows) {
                for (y, weight) in row {
                    let values = &block[y * inner..][..inner];
                    out.iter_mut()
                        .zip(values)
                        .for_each(|(o, v)| *o += weight * v);
                }
            }
        });
    out
}

impl Matrix {
    fn new(wiring: &Wiring, map: &Map, log: usize, points: &[Option<&[Fr]>]) -> Option<Self> {
        let reads = map.reads();
        let bound = |axis: &usize| points.get(*axis).copied().flatten();
        let kept: Vec<usize> = reads
            .iter()
            .copied()
            .filter(|a| bound(a).is_none())
            .collect();
        if let (Map::Same { .. }, [_]) = (map, kept.as_slice()) {
            return Some(Self { kept, rows: None });
        }
        if kept.is_empty() {
            let at: Vec<&[Fr]> = points.iter().map(|p| p.unwrap_or(&[])).collect();
            let row = map.vector(&at, log).into_iter().enumerate();
            let row = row.filter(|(_, v)| *v != Fr::ZERO).collect();
            return Some(Self {
                kept,
                rows: Some(vec![row]),
            });
        }
        let logs: Vec<usize> = reads.iter().map(|a| wiring.view[*a]).collect();
        let places = 1usize << logs.iter().sum::<usize>();
        let count: usize = kept.iter().map(|a| 1usize << wiring.view[*a]).product();
        if places > MAX_MATRIX || count << log > MAX_MATRIX {
            return None;
        }
        let tables: Vec<Option<Vec<Fr>>> = reads.iter().map(|a| bound(a).map(eq::table)).collect();
        let mut sums = vec![vec![Fr::ZERO; 1 << log]; count];
        let mut at = vec![0usize; wiring.view.len()];
        for place in 0..places {
            let mut rest = place;
            let (mut number, mut stride, mut weight) = (0, 1, Fr::ONE);
            for ((axis, log), table) in reads.iter().zip(&logs).zip(&tables).rev() {
                let x = rest & ((1 << log) - 1);
                rest >>= log;
                at[*axis] = x;
                match table {
                    Some(table) => weight *= table[x],
                    None => {
                        number += x * stride;
                        stride <<= log;
                    }
                }
            }
            for (y, entry) in map.row(&at) {
                sums[number][y] += weight * fr_from_i64(entry);
            }
        }
        let sparse = sums.into_iter().map(|row| {
            let row = row.into_iter().enumerate();
            row.filter(|(_, v)| *v != Fr::ZERO).collect()
        });
        Some(Self {
            kept,
            rows: Some(sparse.collect()),
        })
    }
}
