//! The columns of a node: where its output stands, auxiliary columns, what is looked up.

use std::fmt;
use std::sync::Arc;

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::claim::{Term, View, WiredConstant};
use laminate_engine::lookup::TableColumn;
use laminate_engine::maps::{Mask, Wiring};

/// Where an op's output stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// In a column of its own, with an offset that makes it positive.
    Signed,
    /// In a column of its own as it is: it is never negative.
    Unsigned,
    /// In the column of the operand of this number: the same flat index under another shape.
    Operand(usize),
    /// In no column: the verifier knows it.
    Clear,
    /// In the columns of the operands, read by maps ([`super::OpSpec::view`]).
    View,
}

/// What an auxiliary column of a node holds. Ops name their own, beside their equations.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Role(&'static str);

impl Role {
    /// Rounding remainder.
    pub const REMAINDER: Self = Self::new("Remainder");

    /// A role by its name, which no other column of the same node has.
    pub(super) const fn new(name: &'static str) -> Self {
        Self(name)
    }
}

impl fmt::Debug for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The shape of an auxiliary column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// That of the output.
    Output,
    /// The output without its last feature axis.
    Rows,
    /// One value a slot.
    Slots,
    /// That of the first operand.
    Operand,
    /// `2^log` steps, each of the output's shape.
    Steps {
        /// log2 of the number of steps.
        log: usize,
    },
}

/// An auxiliary column: unsigned values of `bytes` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuxColumn {
    /// What it holds.
    pub role: Role,
    /// Bytes of a value.
    pub bytes: usize,
    /// Shape.
    pub extent: Extent,
}

impl AuxColumn {
    /// Columns of one width and shape.
    pub(super) fn all<const N: usize>(roles: [Role; N], bytes: usize, extent: Extent) -> Vec<Self> {
        let column = |role| Self {
            role,
            bytes,
            extent,
        };
        roles.map(column).to_vec()
    }
}

/// Which column of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// An operand, by its number.
    Operand(usize),
    /// The output.
    Output,
    /// An auxiliary column.
    Auxiliary(Role),
}

/// A table of committed columns that an op makes, with what it looks up there.
#[derive(Clone, Debug)]
pub struct NodeTable {
    /// log2 of the number of rows.
    pub log: usize,
    /// Its columns, the key first.
    pub columns: Vec<TableColumn>,
    /// Tuples of as many columns.
    pub uses: Vec<Vec<View>>,
}

/// A lookup, element by element: `(index + offset, result)` is a row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// Index into [`crate::program::Program::tables`].
    pub table: usize,
    /// The column of indices.
    pub index: Place,
    /// What is added to it.
    pub offset: i64,
    /// The column of results.
    pub result: Place,
}

/// A constant where masks hold, on axes of which the first is the most significant.
pub(super) fn masked(value: Fr, axes: &[usize], masks: Vec<Mask>) -> WiredConstant {
    let wiring = Wiring {
        view: axes.to_vec(),
        axes: vec![],
        masks,
    };
    WiredConstant {
        value,
        wiring: Arc::new(wiring),
    }
}

/// The terms of a column, wired; its constant is left to the caller.
pub(super) fn wired(view: &View, wiring: &Arc<Wiring>) -> View {
    View {
        constant: Fr::ZERO,
        constants: vec![],
        terms: view
            .terms
            .iter()
            .map(|term| Term {
                wiring: Some(Arc::clone(wiring)),
                ..term.clone()
            })
            .collect(),
    }
}
