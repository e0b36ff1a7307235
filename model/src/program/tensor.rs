//! Shapes: tensors and hidden parameters, every axis padded to a power of two on its own.

use serde::{Deserialize, Serialize};

use super::padded_log;

/// An integer tensor of shape `(stack, slots, axes…)`, stored row-major with every axis padded to a
/// power of two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tensor {
    /// Name of the value in the source model.
    pub name: String,
    /// Feature axes, unpadded: `[width]`, or such as `[kv heads, queries per kv head, head size]`.
    pub axes: Vec<u32>,
    /// Number of blocks of the model that this tensor exists in; 1 outside the repeated body.
    pub stack: u32,
    /// 16, or 32 for the residual stream.
    pub bits: u8,
    /// Real value = integer · 2^-scale.
    pub scale: i8,
}

impl Tensor {
    /// A flat int16 tensor of one copy.
    pub fn new(name: impl Into<String>, width: u32, scale: i8) -> Self {
        Self {
            name: name.into(),
            axes: vec![width],
            stack: 1,
            bits: 16,
            scale,
        }
    }

    /// Unpadded number of features.
    pub fn width(&self) -> usize {
        axes_len(&self.axes)
    }

    /// log2 of the padded number of features.
    pub fn width_log(&self) -> usize {
        axes_log(&self.axes)
    }

    /// log2 of the padded number of copies.
    pub fn stack_log(&self) -> usize {
        padded_log(self.stack as usize)
    }
}

/// The shape of one dense layer's hidden parameters: weights `(stack, rows…, cols…)`, multipliers
/// and biases `(stack, rows…)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DenseShape {
    /// Number of copies, one for each block.
    pub stack: u32,
    /// Axes of the output features (unpadded).
    pub rows: Vec<u32>,
    /// Axes of the input features (unpadded).
    pub cols: Vec<u32>,
    /// Whether there are biases.
    pub bias: bool,
    /// The integers that the weights are taken from; range-proven.
    pub format: WeightFormat,
}

/// The integers of a layer's weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightFormat {
    /// `[-128, 128)`.
    #[default]
    Int8,
    /// `{-1, 0, 1}`.
    Ternary,
    /// No layer but a table of int32 that ops look up: `rows` are its columns, `cols` its entries. Nothing is
    /// shown of its words in themselves; every op that reads one shows its range.
    Word,
}

impl WeightFormat {
    /// Whether a weight is one of them.
    pub fn contains(self, weight: i8) -> bool {
        match self {
            Self::Int8 => true,
            Self::Ternary => (-1..=1).contains(&weight),
            Self::Word => false,
        }
    }
}

impl DenseShape {
    /// A flat layer of one copy with biases.
    pub fn new(rows: u32, cols: u32) -> Self {
        Self {
            stack: 1,
            rows: vec![rows],
            cols: vec![cols],
            bias: true,
            format: WeightFormat::Int8,
        }
    }

    /// A table of `columns` words an entry.
    pub fn of_words(columns: u32, entries: u32) -> Self {
        Self {
            bias: false,
            format: WeightFormat::Word,
            ..Self::new(columns, entries)
        }
    }

    /// Unpadded output features.
    pub fn row_count(&self) -> usize {
        axes_len(&self.rows)
    }

    /// Unpadded input features.
    pub fn col_count(&self) -> usize {
        axes_len(&self.cols)
    }

    /// log2 of the padded number of copies.
    pub fn stack_log(&self) -> usize {
        padded_log(self.stack as usize)
    }

    /// log2 of the padded output features.
    pub fn row_log(&self) -> usize {
        axes_log(&self.rows)
    }

    /// log2 of the padded input features.
    pub fn col_log(&self) -> usize {
        axes_log(&self.cols)
    }
}

/// Product of the axes, saturating.
pub fn axes_len(axes: &[u32]) -> usize {
    axes.iter()
        .fold(1usize, |acc, a| acc.saturating_mul(*a as usize))
}

/// log2 of the product of the padded axes.
pub fn axes_log(axes: &[u32]) -> usize {
    axes.iter().map(|a| padded_log(*a as usize)).sum()
}

/// Where the element with unpadded row-major index `flat` lies among the padded axes.
pub fn padded_index(axes: &[u32], mut flat: usize) -> usize {
    let mut out = 0;
    let mut shift = 0;
    for axis in axes.iter().rev() {
        let size = (*axis as usize).max(1);
        out += (flat % size) << shift;
        flat /= size;
        shift += padded_log(size);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_axis_is_padded_on_its_own() {
        let axes = [3, 3, 64];
        assert_eq!((axes_len(&axes), axes_log(&axes)), (576, 10));
        assert_eq!(padded_index(&axes, 0), 0);
        assert_eq!(padded_index(&axes, 64), 64);
        assert_eq!(padded_index(&axes, 3 * 64), 4 * 64);
        assert_eq!(padded_index(&axes, 575), 2 * 256 + 2 * 64 + 63);
        assert_eq!(padded_index(&[5], 4), 4);
    }
}
