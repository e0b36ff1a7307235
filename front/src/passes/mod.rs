//! Changes of weights that leave what a graph computes as it is, and make its numbers easier to quantise.
//!
//! | pass | what it looks for | what it does |
//! | --- | --- | --- |
//! | [`norms`] | a norm's scale, read by matrices alone; the factor of scores | folds it into the matrices |
//! | [`rotate`] | a stream that is added to, read by norms alone | turns it, so that it has no outliers |
//! | [`balance`] | gated features, mixed values | splits outliers, evens out blocks of unlike ranges |
//! | [`compensate`] | what a matrix reads | rounding whose errors make up for each other |
//!
//! The graph stays the imported one, which fidelity is measured against: a [`Plan`] says how the program's matrices
//! and values differ from the graph's.

pub mod balance;
mod cholesky;
pub mod compensate;
pub mod norms;
pub mod rotate;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeSet;

use rayon::prelude::*;

use crate::graph::{Graph, GraphError, Node, ParamId, ValueId};
use crate::ops::Op;
use rotate::Rotation;

/// A feature of the program, made of one of the graph's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Feature {
    /// The graph's feature that it stands for; none for one that fills up the width.
    pub source: Option<usize>,
    /// What that is multiplied by.
    pub factor: f64,
}

/// How a matrix differs, in the order in which changes are made.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Every row times a parameter, number by number.
    ScaleRows(ParamId),
    /// Rows are turned with the stream that the matrix reads, or whose rows it has.
    TurnRows,
    /// Columns are turned with the stream that the matrix adds to.
    TurnColumns,
    /// All times a number.
    Factor(f64),
    /// Rows are those of other features.
    Rows(Vec<Feature>),
    /// Columns are.
    Columns(Vec<Feature>),
}

/// How the values of a row differ.
#[derive(Clone, Debug, Default, PartialEq)]
enum Basis {
    #[default]
    Same,
    /// Turned with the stream.
    Turned,
    /// Other features.
    Features(Vec<Feature>),
}

/// How the program's matrices and values differ from a graph's.
#[derive(Clone, Debug)]
pub struct Plan<'g> {
    /// The graph.
    pub graph: &'g Graph,
    rotation: Option<Rotation>,
    /// By value.
    bases: Vec<Basis>,
    /// What a value is multiplied by.
    factors: Vec<f64>,
    /// Whether a value is in matrices that read it, and not in the program.
    folded: Vec<bool>,
    /// Of the matrix that a value is computed by.
    changes: Vec<Vec<Change>>,
    /// The values of the stream that is turned.
    stream: BTreeSet<ValueId>,
    /// Products that are added to it.
    added: BTreeSet<ValueId>,
}

impl<'g> Plan<'g> {
    /// No changes.
    pub fn unchanged(graph: &'g Graph) -> Self {
        let count = graph.values().len();
        Self {
            graph,
            rotation: None,
            bases: vec![Basis::Same; count],
            factors: vec![1.0; count],
            folded: vec![false; count],
            changes: vec![vec![]; count],
            stream: BTreeSet::new(),
            added: BTreeSet::new(),
        }
    }

    /// The changes that need no calibration: [`norms`] and [`rotate`].
    pub fn new(graph: &'g Graph) -> Self {
        let mut plan = Self::unchanged(graph);
        norms::fold(&mut plan);
        rotate::turn(&mut plan);
        norms::divide(&mut plan);
        plan
    }

    /// The matrix that a value is computed by as the program has it, row-major with its number of columns; empty if
    /// there is none.
    ///
    /// # Errors
    /// [`GraphError`] if a parameter cannot be read.
    pub fn matrix(&self, value: ValueId) -> Result<(Vec<f32>, usize), GraphError> {
        let node = self.graph.producer(value);
        let param = node.and_then(|node| self.graph.params_of(node).next());
        let (Some(node), Some(param)) = (node, param) else {
            return Ok((vec![], 1));
        };
        let cols = match node.op {
            Op::Contract => node.inputs.first().map_or(0, |id| self.graph.width(*id)),
            // One factor a number.
            Op::Affine { .. } => 1,
            _ => param.shape.iter().skip(1).product(),
        };
        let mut matrix = (param.read()?.into_owned(), cols);
        for change in self.changes.get(value).into_iter().flatten() {
            matrix = self.changed(change, matrix)?;
        }
        Ok(matrix)
    }

    fn changed(
        &self,
        change: &Change,
        (mut matrix, cols): (Vec<f32>, usize),
    ) -> Result<(Vec<f32>, usize), GraphError> {
        match (change, &self.rotation) {
            (Change::ScaleRows(id), _) => {
                let scale = self.graph.params().get(*id).map(|param| param.read());
                let scale = scale.transpose()?.unwrap_or_default();
                matrix.par_chunks_exact_mut(cols).for_each(|row| {
                    for (w, g) in row.iter_mut().zip(scale.iter()) {
                        *w *= g;
                    }
                });
            }
            (Change::TurnRows, Some(rotation)) => rotation.rows(&mut matrix),
            (Change::TurnColumns, Some(rotation)) => rotation.columns(&mut matrix, cols),
            (Change::TurnRows | Change::TurnColumns, None) => {}
            (Change::Factor(factor), _) => matrix
                .par_iter_mut()
                .for_each(|w| *w = (f64::from(*w) * factor) as f32),
            (Change::Rows(features), _) => return Ok((rows(&matrix, cols, features), cols)),
            (Change::Columns(features), _) => {
                return Ok((columns(&matrix, cols, features), features.len()));
            }
        }
        Ok((matrix, cols))
    }

    /// Rows of a value as the program has them, but for [`Self::factor`].
    pub fn shown<'v>(&self, value: ValueId, values: &'v [f32]) -> Cow<'v, [f32]> {
        match (self.bases.get(value), &self.rotation) {
            (Some(Basis::Turned), Some(rotation)) => {
                let mut values = values.to_vec();
                rotation.rows(&mut values);
                Cow::Owned(values)
            }
            (Some(Basis::Features(features)), _) => {
                Cow::Owned(columns(values, self.graph.width(value), features))
            }
            _ => Cow::Borrowed(values),
        }
    }

    /// What a value is multiplied by in the program.
    pub fn factor(&self, value: ValueId) -> f64 {
        self.factors.get(value).copied().unwrap_or(1.0)
    }

    /// Features of a value in the program.
    pub fn width(&self, value: ValueId) -> usize {
        match self.bases.get(value) {
            Some(Basis::Features(features)) => features.len(),
            _ => self.graph.width(value),
        }
    }

    /// Whether a value is in matrices that read it, and not in the program.
    pub fn is_folded(&self, value: ValueId) -> bool {
        self.folded.get(value) == Some(&true)
    }

    /// Whether a value is of the stream that blocks add to.
    pub fn is_stream(&self, value: ValueId) -> bool {
        self.stream.contains(&value)
    }

    /// Whether a value is a product that is added to the stream where it is made.
    pub fn is_added(&self, value: ValueId) -> bool {
        self.added.contains(&value)
    }

    /// The rows of a table and the product that both are made with the same matrix, if one is: a head that shares the
    /// embedding's table.
    ///
    /// # Errors
    /// [`GraphError`] if a parameter cannot be read.
    pub fn shared(&self) -> Result<Option<[ValueId; 2]>, GraphError> {
        let nodes = || self.graph.nodes().iter();
        for table in nodes().filter(|node| node.op == Op::Gather) {
            let same = |node: &&Node| node.op == Op::Contract && node.params == table.params;
            for product in nodes().filter(same) {
                let pair = [table.output, product.output];
                let own = pair.map(|id| self.essential(id));
                let [table, product] = own;
                if table? == product? {
                    return Ok(Some(pair));
                }
            }
        }
        Ok(None)
    }

    /// The changes of a matrix but for those that change nothing.
    fn essential(&self, value: ValueId) -> Result<Vec<&Change>, GraphError> {
        let mut out = vec![];
        for change in self.changes.get(value).into_iter().flatten() {
            if let Change::ScaleRows(id) = change
                && let Some(param) = self.graph.params().get(*id)
                && param.read()?.iter().all(|g| *g == 1.0)
            {
                continue;
            }
            out.push(change);
        }
        Ok(out)
    }

    /// The values that matrices make of a value, with scales between folded into them.
    pub fn readers(&self, value: ValueId) -> Vec<ValueId> {
        if self.is_folded(value) {
            return vec![];
        }
        let mut out = vec![];
        for node in readers(self.graph, value) {
            match node.op {
                Op::Contract => out.push(node.output),
                Op::Scale if self.is_folded(node.output) => {
                    out.extend(readers(self.graph, node.output).map(|n| n.output));
                }
                _ => {}
            }
        }
        out
    }

    fn change(&mut self, value: ValueId, change: Change) {
        if let Some(changes) = self.changes.get_mut(value) {
            changes.push(change);
        }
    }
}

/// The nodes that read a value.
fn readers(graph: &Graph, value: ValueId) -> impl Iterator<Item = &Node> {
    let nodes = graph.nodes().iter();
    nodes.filter(move |node| node.inputs.contains(&value))
}

/// The only reader of a value that is not the graph's output.
fn only_reader(graph: &Graph, value: ValueId) -> Option<&Node> {
    let mut all = readers(graph, value);
    let first = all.next().filter(|_| value != graph.output())?;
    all.next().is_none().then_some(first)
}

/// Whether a value is a matrix times another one, with nothing added.
fn is_product(graph: &Graph, value: ValueId) -> bool {
    let node = graph.producer(value);
    node.is_some_and(|node| node.op == Op::Contract && node.params.len() == 1)
}

/// The row of every feature times its factor; zero for one without a source.
fn rows(matrix: &[f32], cols: usize, features: &[Feature]) -> Vec<f32> {
    let mut out = vec![0.0; features.len() * cols];
    for (out, feature) in out.chunks_exact_mut(cols.max(1)).zip(features) {
        let row = feature
            .source
            .and_then(|j| matrix.chunks_exact(cols).nth(j));
        for (out, w) in out.iter_mut().zip(row.unwrap_or(&[])) {
            *out = (f64::from(*w) * feature.factor) as f32;
        }
    }
    out
}

/// The column of every feature times its factor; zero for one without a source.
fn columns(matrix: &[f32], cols: usize, features: &[Feature]) -> Vec<f32> {
    let mut out = vec![0.0; matrix.len() / cols.max(1) * features.len()];
    out.par_chunks_exact_mut(features.len().max(1))
        .zip(matrix.par_chunks_exact(cols.max(1)))
        .for_each(|(out, row)| {
            for (out, feature) in out.iter_mut().zip(features) {
                let w = feature.source.and_then(|j| row.get(j)).copied();
                *out = (f64::from(w.unwrap_or_default()) * feature.factor) as f32;
            }
        });
    out
}
