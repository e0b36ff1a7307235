//! Values, their axes, and the nodes that define them.

use std::fmt;

use crate::ops::Op;

/// Index of a value in [`super::Graph::values`].
pub type ValueId = usize;
/// Index of a parameter in [`super::Graph::params`].
pub type ParamId = usize;

/// Length of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Len {
    /// As many as there are rows when the model is run.
    Rows,
    /// A number.
    Fixed(usize),
}

/// One axis of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Its name, for people: axes are matched by their places and lengths.
    pub name: String,
    /// Its length.
    pub len: Len,
}

impl Axis {
    /// The axis of the rows that are run together.
    pub fn rows(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            len: Len::Rows,
        }
    }

    /// An axis of a known length.
    pub fn fixed(name: impl Into<String>, len: usize) -> Self {
        Self {
            name: name.into(),
            len: Len::Fixed(len),
        }
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.len {
            Len::Rows => f.write_str(&self.name),
            Len::Fixed(len) => write!(f, "{} {len}", self.name),
        }
    }
}

/// What a node computes, or the input. Stored row-major, the rows first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Its name in the model.
    pub name: String,
    /// Its axes.
    pub axes: Vec<Axis>,
}

impl Value {
    /// A value whose rows have the shape `features`; axes are named by their places.
    pub fn new(name: impl Into<String>, features: &[usize]) -> Self {
        let features = features.iter().enumerate();
        let features = features.map(|(at, len)| Axis::fixed(format!("axis {}", at + 1), *len));
        Self {
            name: name.into(),
            axes: std::iter::once(Axis::rows("batch"))
                .chain(features)
                .collect(),
        }
    }

    /// Lengths of the axes within a row.
    pub fn features(&self) -> impl Iterator<Item = usize> {
        self.axes.iter().filter_map(|axis| match axis.len {
            Len::Fixed(len) => Some(len),
            Len::Rows => None,
        })
    }

    /// Lengths of all axes.
    pub fn lens(&self) -> impl Iterator<Item = Len> {
        self.axes.iter().map(|axis| axis.len)
    }

    /// Whether only the first axis is one of rows.
    pub fn is_of_rows(&self) -> bool {
        self.lens().skip(1).all(|len| len != Len::Rows)
    }

    /// Number of features of a row, all axes but those of rows together.
    pub fn width(&self) -> usize {
        self.features().fold(1, usize::saturating_mul)
    }

    /// Its shape, for messages.
    pub fn shape(&self) -> String {
        let axes: Vec<String> = self.axes.iter().map(ToString::to_string).collect();
        format!("({})", axes.join(", "))
    }
}

/// One op applied to values.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Name of the node in the model.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// Operands, defined earlier.
    pub inputs: Vec<ValueId>,
    /// Parameters.
    pub params: Vec<ParamId>,
    /// The value it defines.
    pub output: ValueId,
}
