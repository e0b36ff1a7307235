//! Hidden parameters as the kernels take them.

use std::ops::Range;

use laminate_model::program::{
    DenseShape, DenseWeights, MULTIPLIER_BOUND, Program, WeightFormat, Weights,
};

use super::ExecError;
use super::ops::forest::check_tables;
use crate::kernels::dot;
use crate::kernels::ternary::Packed;

/// The layers of a program.
#[derive(Clone, Debug)]
pub struct Layers<'p> {
    shapes: &'p [DenseShape],
    weights: &'p [DenseWeights],
    /// Ternary layers with two bits a weight.
    packed: Vec<Option<Packed>>,
}

impl<'p> Layers<'p> {
    /// Those of a program whose weights were checked; ternary ones are packed.
    pub fn new(program: &'p Program, weights: &'p Weights) -> Self {
        let layers = program.weights.iter().zip(&weights.dense);
        let pack = |(shape, dense): (&DenseShape, &DenseWeights)| {
            let ternary = shape.format == WeightFormat::Ternary;
            ternary.then(|| Packed::new(&dense.weight, shape.col_count()))
        };
        Self {
            shapes: &program.weights,
            weights: &weights.dense,
            packed: layers.map(pack).collect(),
        }
    }

    /// Shape and parameters of a layer.
    pub fn get(&self, layer: usize) -> (&'p DenseShape, &'p DenseWeights) {
        (&self.shapes[layer], &self.weights[layer])
    }

    /// `out[j][t] = Σ_k w[j][k]·x[t][k]` for one copy of a layer: `x` is `(slots, cols)`, the result
    /// `(rows, slots)`, both unpadded.
    pub fn products(&self, layer: usize, copy: usize, x: &[i16]) -> Vec<i64> {
        let rows = self.shapes[layer].row_count();
        self.row_products(layer, copy * rows..(copy + 1) * rows, x)
    }

    /// [`Self::row_products`] of an operand of int32.
    pub fn wide_row_products(&self, layer: usize, rows: Range<usize>, x: &[i32]) -> Vec<i64> {
        let (shape, dense) = self.get(layer);
        let cols = shape.col_count().max(1);
        let weights = dense.weight[rows.start * cols..rows.end * cols].chunks_exact(cols);
        let sum = |weights: &[i8], x: &[i32]| -> i64 {
            let products = weights.iter().zip(x);
            products.map(|(w, x)| i64::from(*w) * i64::from(*x)).sum()
        };
        weights
            .flat_map(|own| x.chunks_exact(cols).map(move |x| sum(own, x)))
            .collect()
    }

    /// The same for some rows of all copies.
    pub fn row_products(&self, layer: usize, rows: Range<usize>, x: &[i16]) -> Vec<i64> {
        let (shape, dense) = self.get(layer);
        let cols = shape.col_count();
        match &self.packed[layer] {
            Some(packed) => packed.products(rows, x),
            None => dot::products(&dense.weight[rows.start * cols..rows.end * cols], x, cols),
        }
    }
}

/// Checks that `weights` have the shapes and formats of `program`.
///
/// # Errors
/// [`ExecError`] naming the layer and the part.
pub fn check_weights(program: &Program, weights: &Weights) -> Result<(), ExecError> {
    let size = |layer, part: &'static str, found: usize, expected: usize| {
        if found == expected {
            Ok(())
        } else {
            Err(ExecError::Weights {
                layer,
                part,
                found,
                expected,
            })
        }
    };
    size(
        0,
        "dense layers",
        weights.dense.len(),
        program.weights.len(),
    )?;
    for (layer, (dense, shape)) in weights.dense.iter().zip(&program.weights).enumerate() {
        let rows = shape.stack as usize * shape.row_count();
        if shape.format == WeightFormat::Word {
            size(layer, "weights", dense.weight.len(), 0)?;
            size(layer, "words", dense.bias.len(), rows * shape.col_count())?;
            size(layer, "multipliers", dense.multiplier.len(), 0)?;
            continue;
        }
        let biases = if shape.bias { rows } else { 0 };
        size(
            layer,
            "weights",
            dense.weight.len(),
            rows * shape.col_count(),
        )?;
        size(layer, "biases", dense.bias.len(), biases)?;
        size(layer, "multipliers", dense.multiplier.len(), rows)?;
        if let Some(index) = dense.weight.iter().position(|w| !shape.format.contains(*w)) {
            let value = dense.weight[index];
            return Err(ExecError::Weight {
                layer,
                index,
                value,
            });
        }
        if let Some(row) = dense
            .multiplier
            .iter()
            .position(|m| i64::from(*m) >= MULTIPLIER_BOUND)
        {
            return Err(ExecError::Multiplier {
                layer,
                row,
                value: dense.multiplier[row],
                bound: MULTIPLIER_BOUND,
            });
        }
    }
    check_tables(program, weights)
}
