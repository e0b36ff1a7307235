//! The walk over a graph: columns are selected, joined, imputed, scaled and encoded until trees read them.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::after::After;
use super::attributes::Attributes;
use super::columns::{self, Column, Step};
use super::{is_tree, malformed, trees, unsupported};
use crate::onnx::messages::{GraphProto, NodeProto, TensorProto, data_type};
use crate::trees::ensemble::{MAX_FEATURES, MAX_MEMBERS, MAX_TREES};
use crate::trees::{Decision, Ensemble, Link, Node, Predict, Set, Target, Test, TreeError};

/// Most columns of all steps of a graph.
const MAX_COLUMNS: usize = 1 << 22;

type Columns = Rc<Vec<Column>>;

/// What is known behind the nodes so far.
pub(super) struct Walk<'a> {
    /// Tensors of columns by name.
    known: HashMap<&'a str, Columns>,
    constants: HashMap<&'a str, &'a TensorProto>,
    /// What comes out of the trees.
    after: HashSet<&'a str>,
    /// Columns of all steps.
    made: usize,
    /// The trees and the columns that they read.
    ensembles: Vec<(Ensemble, Columns)>,
    /// What an isolation forest makes of its trees.
    arithmetic: After<'a>,
    /// The first node behind the trees that only an isolation forest has.
    problem: Option<String>,
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
            after: HashSet::new(),
            made: 0,
            ensembles: vec![],
            arithmetic: After::default(),
            problem: None,
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
        let behind = node
            .input
            .iter()
            .any(|name| self.after.contains(name.as_str()));
        if behind {
            let understood = self.arithmetic.node(node, &attributes, &self.constants);
            let plain = matches!(node.op_type.as_str(), "Identity" | "Cast" | "ZipMap");
            if !plain || self.problem.is_some() {
                let problem = format!("{} after the trees", attributes.place());
                if !understood {
                    return Err(unsupported(problem));
                }
                self.problem.get_or_insert(problem);
            }
            self.after.insert(to);
            return Ok(());
        }
        let columns = self.columns(from, &attributes)?;
        if is_tree(node) {
            if !self.ensembles.is_empty() {
                let several = "a graph with several operators of trees that is no isolation forest";
                self.problem.get_or_insert_with(|| several.into());
            }
            let ensemble = trees(node, &attributes)?;
            let plain = ensemble.link == Link::Identity && ensemble.base == [0.0];
            if let ([tree], true) = (ensemble.trees.as_slice(), plain) {
                self.arithmetic.tree(to, &tree.values);
            }
            TreeError::bound("number of trees", self.ensembles.len(), MAX_TREES)?;
            self.ensembles.push((ensemble, columns));
            self.after.extend(node.output.iter().map(String::as_str));
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

    /// The trees over raw features.
    pub(super) fn ensemble(self) -> Result<Ensemble, TreeError> {
        let mut categories = 0;
        let mut folded = vec![];
        for (mut ensemble, columns) in self.ensembles {
            fold(&mut ensemble, &columns, &mut categories)?;
            folded.push(ensemble);
        }
        if let Some(score) = self.arithmetic.score()
            && score.leaves.len() == folded.len()
        {
            return isolation(folded, &score);
        }
        if let Some(problem) = self.problem {
            return Err(unsupported(problem));
        }
        let ensemble = folded.into_iter().next();
        ensemble.ok_or_else(|| malformed("graph", "holds no trees"))
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

/// Turns splits on columns into splits on raw features.
fn fold(
    ensemble: &mut Ensemble,
    columns: &[Column],
    categories: &mut usize,
) -> Result<(), TreeError> {
    let sets = &mut ensemble.sets;
    for node in ensemble.trees.iter_mut().flat_map(|t| &mut t.nodes) {
        if let Node::Split(split) = node {
            let column = columns.get(split.feature as usize).ok_or_else(|| {
                malformed(
                    "trees",
                    format!("feature {} of {}", split.feature, columns.len()),
                )
            })?;
            *categories += column.categories();
            TreeError::bound("number of categories in sets", *categories, MAX_MEMBERS)?;
            column.fold(split, sets)?;
        }
    }
    Ok(())
}

/// One ensemble of the trees of an isolation forest: leaves are path lengths, labels scikit-learn's -1 and 1.
fn isolation(parts: Vec<Ensemble>, score: &super::after::Score) -> Result<Ensemble, TreeError> {
    let (scale, offset) = (f64::from(score.scale), f64::from(score.offset));
    let ordinary = scale > 0.0 && offset > 0.0 && scale.is_finite() && offset.is_finite();
    if !ordinary {
        return Err(unsupported(format!(
            "an isolation forest with the scale {scale} and the offset {offset}"
        )));
    }
    let mut sets: Vec<Set> = vec![];
    let mut trees = vec![];
    let mut first = None;
    for (part, leaves) in parts.into_iter().zip(&score.leaves) {
        let before = sets.len() as u32;
        sets.extend(part.sets.iter().cloned());
        for mut tree in part.trees.iter().cloned() {
            tree.values = leaves.iter().map(|v| f64::from(*v)).collect();
            tree.target = Target::One(0);
            for node in &mut tree.nodes {
                if let Node::Split(split) = node
                    && let Test::Within(set) = &mut split.test
                {
                    *set += before;
                }
            }
            trees.push(tree);
        }
        first.get_or_insert(part);
    }
    let first = first.ok_or_else(|| malformed("graph", "holds no trees"))?;
    // The score is not negative from here on.
    let inside = -scale * libm::log2(offset);
    Ok(Ensemble {
        base: vec![0.0],
        trees,
        sets,
        link: Link::Isolation { scale, offset },
        decision: Decision::Above(inside.next_down()),
        predicts: Predict::Class,
        labels: vec!["-1".into(), "1".into()],
        ..first
    })
}
