//! The walk over a graph: columns are selected, joined, imputed, scaled and encoded until trees read them.

use std::collections::HashMap;
use std::rc::Rc;

use super::attributes::Attributes;
use super::columns::{self, Column, Step};
use super::{is_tree, malformed, trees, unsupported};
use crate::onnx::messages::{GraphProto, NodeProto, TensorProto, data_type};
use crate::trees::ensemble::MAX_FEATURES;
use crate::trees::{Ensemble, TreeError};

/// Most columns of all steps of a graph.
const MAX_COLUMNS: usize = 1 << 22;

type Columns = Rc<Vec<Column>>;

/// What is known behind the nodes so far.
pub(super) struct Walk<'a> {
    /// Tensors of columns by name.
    known: HashMap<&'a str, Columns>,
    constants: HashMap<&'a str, &'a TensorProto>,
    /// What comes out of the trees.
    after: Vec<&'a str>,
    /// Columns of all steps.
    made: usize,
    /// The trees and the columns that they read.
    pub(super) ensemble: Option<(Ensemble, Columns)>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        graph: &'a GraphProto,
        input: &'a str,
        features: usize,
    ) -> Result<Self, TreeError> {
        let mut walk = Self {
            known: HashMap::new(),
            constants: graph
                .initializer
                .iter()
                .map(|tensor| (tensor.name.as_str(), tensor))
                .collect(),
            after: vec![],
            made: 0,
            ensemble: None,
        };
        walk.put(input, (0..features as u32).map(Column::raw).collect())?;
        Ok(walk)
    }

    fn put(&mut self, name: &'a str, columns: Vec<Column>) -> Result<(), TreeError> {
        TreeError::bound("number of columns", columns.len(), MAX_FEATURES)?;
        self.made += columns.len();
        TreeError::bound("columns of all steps", self.made, MAX_COLUMNS)?;
        self.known.insert(name, Rc::new(columns));
        Ok(())
    }

    pub(super) fn node(&mut self, node: &'a NodeProto) -> Result<(), TreeError> {
        let attributes = Attributes::new(node)?;
        let [from, ..] = node.input.as_slice() else {
            return Err(unsupported(format!(
                "{} without an operand",
                attributes.place()
            )));
        };
        let Some(to) = node.output.first() else {
            return Err(malformed(attributes.place(), "no result"));
        };
        if self.after.contains(&from.as_str()) {
            return match node.op_type.as_str() {
                "Identity" | "Cast" | "ZipMap" => {
                    self.after.push(to);
                    Ok(())
                }
                _ => Err(unsupported(format!(
                    "{} after the trees",
                    attributes.place()
                ))),
            };
        }
        let columns = self.columns(from, &attributes)?;
        if is_tree(node) {
            if self.ensemble.is_some() {
                return Err(unsupported(
                    "a graph with several operators of trees (an isolation forest, a vote of models)",
                ));
            }
            self.ensemble = Some((trees(node, &attributes)?, columns));
            self.after = node.output.iter().map(String::as_str).collect();
            return Ok(());
        }
        let made = self.step(node, &attributes, &columns)?;
        match made {
            None => {
                self.known.insert(to, columns);
                Ok(())
            }
            Some(made) => self.put(to, made),
        }
    }

    fn columns(&self, name: &str, a: &Attributes<'_>) -> Result<Columns, TreeError> {
        let known = self.known.get(name).map(Rc::clone);
        known.ok_or_else(|| unsupported(format!("{} beside the trees", a.place())))
    }

    /// What a node makes of columns; none where they stay as they are.
    fn step(
        &self,
        node: &NodeProto,
        a: &Attributes<'_>,
        columns: &[Column],
    ) -> Result<Option<Vec<Column>>, TreeError> {
        let second = || {
            let constant = node
                .input
                .get(1)
                .and_then(|name| self.constants.get(name.as_str()));
            let tensor = constant
                .ok_or_else(|| unsupported(format!("{} by what is no constant", a.place())))?;
            integers(tensor, a)
        };
        let all = |step: &dyn Fn(usize) -> Step| {
            let steps = columns.iter().enumerate();
            let made = steps.map(|(at, column)| column.with(step(at)));
            made.collect::<Result<Vec<_>, _>>().map(Some)
        };
        match node.op_type.as_str() {
            "Identity" => Ok(None),
            "Cast" if a.int("to")? == Some(i64::from(data_type::FLOAT)) => Ok(None),
            "Cast" if a.int("to")? == Some(i64::from(data_type::INT64)) => all(&|_| Step::Cut),
            op @ ("Imputer" | "Scaler") => {
                let steps = columns::steps(op, a, columns.len())?;
                all(&|at| steps[at].clone())
            }
            "ArrayFeatureExtractor" => select(a, columns, &second()?).map(Some),
            "Gather" if a.int("axis")? == Some(1) => select(a, columns, &second()?).map(Some),
            "Concat" if matches!(a.int("axis")?, Some(1 | -1)) => {
                let mut joined = vec![];
                for name in &node.input {
                    joined.extend_from_slice(&self.columns(name, a)?);
                    TreeError::bound("number of columns", joined.len(), MAX_FEATURES)?;
                }
                Ok(Some(joined))
            }
            "Reshape" if shape_of(&second()?, columns.len()) => Ok(None),
            "OneHotEncoder" => {
                let [column] = columns else {
                    return Err(unsupported(format!("{} of several columns", a.place())));
                };
                let steps = columns::one_hot(a)?;
                let made = steps.into_iter().map(|step| column.with(step));
                made.collect::<Result<_, _>>().map(Some)
            }
            "LabelEncoder" => {
                let step = columns::labels(a)?;
                all(&|_| step.clone())
            }
            _ => Err(unsupported(format!("{} before the trees", a.place()))),
        }
    }
}

/// Columns by their numbers.
fn select(a: &Attributes<'_>, columns: &[Column], at: &[i64]) -> Result<Vec<Column>, TreeError> {
    let column = |at: &i64| {
        let column = usize::try_from(*at).ok().and_then(|at| columns.get(at));
        column
            .cloned()
            .ok_or_else(|| malformed(a.place(), format!("column {at} of {}", columns.len())))
    };
    at.iter().map(column).collect()
}

/// Whether a shape is that of rows of so many columns.
fn shape_of(shape: &[i64], columns: usize) -> bool {
    matches!(shape, [-1 | 0, width] if *width == -1 || usize::try_from(*width) == Ok(columns))
}

fn integers(tensor: &TensorProto, a: &Attributes<'_>) -> Result<Vec<i64>, TreeError> {
    let raw = tensor.raw_data.as_ref();
    if tensor.data_type != data_type::INT64 || tensor.data_location != 0 {
        return Err(unsupported(format!(
            "{} by a constant that is no int64 in the file",
            a.place()
        )));
    }
    if raw.is_empty() {
        return Ok(tensor.int64_data.clone());
    }
    let words = raw.as_chunks::<8>().0.iter();
    Ok(words.map(|word| i64::from_le_bytes(*word)).collect())
}
