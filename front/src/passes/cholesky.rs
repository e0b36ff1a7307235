//! Cholesky factor of a correlation matrix, by blocks of columns.
//!
//! `A = L·Lᵀ`, `L` lower triangular. Left-looking: a block of columns first subtracts the products of all
//! columns before it, a matrix product, and is then factored by itself. Every sum is taken in a fixed
//! order, so that the result does not depend on threads.

use rayon::prelude::*;

use crate::llama::matmul;

/// Columns of a block.
const BLOCK: usize = 64;
/// Least pivot of a matrix with a diagonal near one.
const LEAST: f32 = 1e-6;

/// Replaces the lower triangle of `a`, `(size, size)`, by its factor; what is above it is left as it was.
pub fn factor(a: &mut [f32], size: usize) {
    for first in (0..size).step_by(BLOCK) {
        let last = size.min(first + BLOCK);
        subtract(a, size, first, last);
        let (above, below) = a.split_at_mut(last * size);
        let Some(corner) = above.get_mut(first * size..) else {
            return;
        };
        triangle(corner, size, first, last);
        below
            .par_chunks_exact_mut(size)
            .for_each(|row| solve(row, corner, size, first, last));
    }
}

/// Subtracts the products with the columns before `first` from the columns `first..last` of all rows from
/// `first` on.
fn subtract(a: &mut [f32], size: usize, first: usize, last: usize) {
    if first == 0 {
        return;
    }
    let left = |rows: std::ops::Range<usize>| -> Vec<f32> {
        let rows = a.chunks_exact(size).take(rows.end).skip(rows.start);
        rows.flat_map(|row| row.iter().take(first))
            .copied()
            .collect()
    };
    let products = matmul(&left(first..last), &left(first..size), first);
    let rows = a.chunks_exact_mut(size).skip(first);
    for (row, products) in rows.zip(products.chunks_exact(last - first)) {
        for (value, product) in row.iter_mut().skip(first).zip(products) {
            *value -= product;
        }
    }
}

/// Factors the rows `first..last`, columns alike.
fn triangle(corner: &mut [f32], size: usize, first: usize, last: usize) {
    for i in 0..last - first {
        let (above, rest) = corner.split_at_mut(i * size);
        let Some(row) = rest.get_mut(..size) else {
            return;
        };
        solve(row, above, size, first, first + i);
        let known = row.get(first..first + i).unwrap_or_default();
        let square: f32 = known.iter().map(|v| v * v).sum();
        if let Some(pivot) = row.get_mut(first + i) {
            *pivot = (*pivot - square).max(LEAST).sqrt();
        }
    }
}

/// Entries `first..last` of a row, by the factored rows of those columns.
fn solve(row: &mut [f32], factored: &[f32], size: usize, first: usize, last: usize) {
    let Some(row) = row.get_mut(first..last) else {
        return;
    };
    for (j, other) in (0..row.len()).zip(factored.chunks_exact(size)) {
        let other = other.get(first..last).unwrap_or_default();
        let (known, rest) = row.split_at_mut(j);
        let product: f32 = known.iter().zip(other).map(|(a, b)| a * b).sum();
        if let (Some(value), Some(pivot)) = (rest.first_mut(), other.get(j)) {
            *value = (*value - product) / pivot;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_multiply_to_the_matrix() {
        for size in [1, 5, 64, 65, 150] {
            // X·Xᵀ of pseudo-random rows, plus the identity.
            let cols = 40;
            let x: Vec<f32> = (0..size * cols)
                .map(|i| ((i * 2_654_435_761) % 1000) as f32 / 3000.0 - 0.166)
                .collect();
            let mut a = matmul(&x, &x, cols);
            (0..size).for_each(|i| a[i * size + i] += 1.0);
            let mut l = a.clone();
            factor(&mut l, size);
            for i in 0..size {
                for j in 0..=i {
                    let product: f32 = (0..=j).map(|k| l[i * size + k] * l[j * size + k]).sum();
                    assert!((product - a[i * size + j]).abs() < 1e-4, "{i} {j}");
                }
            }
        }
    }
}
