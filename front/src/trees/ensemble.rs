//! A tree model as its library means it: splits, leaves, sums and the link function, in floats.
//!
//! One intermediate form for every library. What differs between them is data here: how a split compares
//! ([`Test`]), where a missing value goes ([`Split::missing_yes`], [`Split::zero_missing`]), in which precision
//! leaves are added ([`Sum`]), and what the sums mean ([`Link`], [`Decision`]).

use super::{Format, Predict, TreeError};

/// Most trees of a model.
pub const MAX_TREES: usize = 1 << 20;
/// Most nodes of a model, leaves counted.
pub const MAX_NODES: usize = 1 << 24;
/// Most leaf values of a model (nodes times the width of vector leaves).
pub const MAX_VALUES: usize = 1 << 26;
/// Most members of all category sets.
pub const MAX_MEMBERS: usize = 1 << 24;
/// Most features.
pub const MAX_FEATURES: usize = 1 << 20;
/// Most outputs (classes or targets).
pub const MAX_OUTPUTS: usize = 1 << 12;

/// A tree model.
#[derive(Clone, Debug, PartialEq)]
pub struct Ensemble {
    /// Where it was read from.
    pub format: Format,
    /// Number of features of a row.
    pub features: usize,
    /// Names of the features; empty where the file has none.
    pub names: Vec<String>,
    /// Number added to each output's sum, in margin space; its length is the number of outputs.
    pub base: Vec<f64>,
    /// The trees, in the library's order of summation.
    pub trees: Vec<Tree>,
    /// Category sets, by [`Test::Within`].
    pub sets: Vec<Set>,
    /// How leaves are summed.
    pub sum: Sum,
    /// From margin to prediction.
    pub link: Link,
    /// From margins to a class.
    pub decision: Decision,
    /// What the library's `predict` gives.
    pub predicts: Predict,
    /// Class labels, in the order of the outputs (two for one output that decides between them).
    pub labels: Vec<String>,
    /// What the user should know about how the file was read.
    pub notes: Vec<String>,
}

/// One tree; the root is node 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// Nodes in any order.
    pub nodes: Vec<Node>,
    /// Values of the leaves, `width` for each of [`Node::Leaf`]'s numbers.
    pub values: Vec<f64>,
    /// Which outputs a leaf adds to.
    pub target: Target,
}

/// Which outputs the leaves of a tree add to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// One output; a leaf is one value.
    One(u32),
    /// Every output; a leaf is a vector.
    All,
}

/// One node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Node {
    /// An inner node.
    Split(Split),
    /// A leaf: the values from `index * width` on.
    Leaf {
        /// Number of the leaf.
        index: u32,
    },
}

/// A split: goes to `yes` where the test holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Split {
    /// Index of the feature.
    pub feature: u32,
    /// The test on a value that is there.
    pub test: Test,
    /// A missing value (NaN) goes to `yes`.
    pub missing_yes: bool,
    /// A value of at most [`ZERO`] in magnitude counts as missing (LightGBM).
    pub zero_missing: bool,
    /// Node where the test holds.
    pub yes: u32,
    /// Node where it does not.
    pub no: u32,
}

/// Largest magnitude that LightGBM takes for zero (`kZeroThreshold`, a float there).
pub const ZERO: f32 = 1e-35;

/// A test of a float32 value. Thresholds are exact in `f64`, whether the library keeps `f32` or `f64`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Test {
    /// `x < t`.
    Less(f64),
    /// `x <= t`.
    AtMost(f64),
    /// Membership in a set of [`Ensemble::sets`].
    Within(u32),
}

/// A set of values.
#[derive(Clone, Debug, PartialEq)]
pub enum Set {
    /// Category codes, ascending; a value counts as the integer that it is cut to.
    Codes {
        /// The codes.
        codes: Vec<u32>,
        /// Values between -1 and 0 are cut to 0 (LightGBM); else they are in no set (XGBoost).
        negative_fraction: bool,
    },
    /// Exact float32 values, ascending.
    Values(Vec<f32>),
}

/// Largest category code: integers up to here are exact in float32.
pub const MAX_CODE: u32 = (1 << 24) - 1;

impl Set {
    /// Whether a value that is no NaN is in the set.
    #[must_use]
    pub fn contains(&self, x: f32) -> bool {
        match self {
            Self::Values(values) => values.contains(&x),
            Self::Codes {
                codes,
                negative_fraction,
            } => {
                let lowest = if *negative_fraction {
                    x > -1.0
                } else {
                    x >= 0.0
                };
                // A cast of a float saturates and cuts towards zero.
                lowest && x < (MAX_CODE + 1) as f32 && codes.binary_search(&(x as u32)).is_ok()
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Values(values) => values.len(),
            Self::Codes { codes, .. } => codes.len(),
        }
    }
}

/// How leaves are summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sum {
    /// In float32, tree after tree from the base on (XGBoost).
    Single,
    /// In float32, tree after tree, the base last (ONNX Runtime).
    SingleThenBase,
    /// In float64, tree after tree, the base last (LightGBM, CatBoost).
    Double,
}

/// From a margin to what the library predicts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Link {
    /// The margin itself.
    Identity,
    /// `1 / (1 + exp(-scale x))`, on each output by itself.
    Logistic {
        /// LightGBM's `sigmoid`, 1 elsewhere.
        scale: f64,
    },
    /// Softmax over the outputs.
    Softmax,
    /// `exp(x)`: Poisson, gamma, Tweedie.
    Exp,
    /// `sign(x) x^2` (LightGBM's `reg_sqrt`).
    SignedSquare,
    /// `ln(1 + exp(x))` (LightGBM's `cross_entropy_lambda`).
    Softplus,
    /// `offset - 2^(-x / scale)`: isolation forests.
    Isolation {
        /// Average path length of a row, times the number of trees.
        scale: f64,
        /// The score of a row that is never isolated.
        offset: f64,
    },
}

/// From margins to a class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decision {
    /// No classes: regression.
    None,
    /// The second label where the one margin is greater than this number.
    Above(f64),
    /// The label of the greatest margin, the first one at a tie.
    ArgMax,
}

impl Ensemble {
    /// Number of outputs.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.base.len()
    }

    /// Values of a leaf of `tree`.
    #[must_use]
    pub fn width(&self, tree: &Tree) -> usize {
        match tree.target {
            Target::One(_) => 1,
            Target::All => self.outputs(),
        }
    }

    /// Checks that every index points at something, that the nodes reached from a root are a tree, that numbers are
    /// finite where they must be, and that the caps hold. Nodes that no root reaches (pruned ones) are allowed.
    ///
    /// # Errors
    /// [`TreeError::Malformed`] or [`TreeError::TooLarge`].
    pub fn check(&self) -> Result<(), TreeError> {
        let fail =
            |place: String, problem: String| Err(TreeError::malformed(self.format, place, problem));
        TreeError::bound("number of features", self.features, MAX_FEATURES)?;
        TreeError::bound("number of outputs", self.outputs(), MAX_OUTPUTS)?;
        TreeError::bound("number of trees", self.trees.len(), MAX_TREES)?;
        let nodes = self.trees.iter().map(|t| t.nodes.len()).sum();
        TreeError::bound("number of nodes", nodes, MAX_NODES)?;
        let members = self.sets.iter().map(Set::len).sum();
        TreeError::bound("number of categories in sets", members, MAX_MEMBERS)?;
        if self.outputs() == 0 || self.trees.is_empty() {
            return fail("model".into(), "holds no trees".into());
        }
        if !self.names.is_empty() && self.names.len() != self.features {
            let found = self.names.len();
            return fail(
                "feature names".into(),
                format!("{found} names, expected {}", self.features),
            );
        }
        if let Some(at) = self.base.iter().position(|b| !b.is_finite()) {
            return fail("base score".into(), format!("output {at} is not finite"));
        }
        for set in &self.sets {
            if !ascending(set) {
                return fail(
                    "category set".into(),
                    "categories are not ascending or out of range".into(),
                );
            }
        }
        for (at, tree) in self.trees.iter().enumerate() {
            self.check_tree(tree)
                .or_else(|problem| fail(format!("tree {at}"), problem))?;
        }
        Ok(())
    }

    fn check_tree(&self, tree: &Tree) -> Result<(), String> {
        let width = self.width(tree);
        if let Target::One(output) = tree.target
            && output as usize >= self.outputs()
        {
            return Err(format!(
                "adds to output {output}, the model has {}",
                self.outputs()
            ));
        }
        if let Some(at) = tree.values.iter().position(|v| !v.is_finite()) {
            return Err(format!("leaf value {at} is not finite"));
        }
        let leaves = tree.values.len() / width;
        let mut reached = vec![false; tree.nodes.len()];
        let mut todo = vec![0u32];
        while let Some(at) = todo.pop() {
            let Some(seen) = reached.get_mut(at as usize) else {
                return Err(format!(
                    "points at node {at}, the tree has {}",
                    tree.nodes.len()
                ));
            };
            if std::mem::replace(seen, true) {
                return Err(format!(
                    "node {at} is reached twice: a cycle or a shared child, expected a tree"
                ));
            }
            match &tree.nodes[at as usize] {
                Node::Leaf { index } if *index as usize >= leaves => {
                    return Err(format!("node {at} names leaf {index} of {leaves}"));
                }
                Node::Leaf { .. } => {}
                Node::Split(split) => {
                    self.check_split(at, split)?;
                    todo.extend([split.yes, split.no]);
                }
            }
        }
        Ok(())
    }

    fn check_split(&self, at: u32, split: &Split) -> Result<(), String> {
        if split.feature as usize >= self.features {
            return Err(format!(
                "node {at} splits on feature {}, the model has {}",
                split.feature, self.features
            ));
        }
        match split.test {
            Test::Less(t) | Test::AtMost(t) if t.is_nan() => {
                Err(format!("node {at}: the threshold is NaN"))
            }
            Test::Within(set) if set as usize >= self.sets.len() => Err(format!(
                "node {at} names category set {set} of {}",
                self.sets.len()
            )),
            _ => Ok(()),
        }
    }
}

fn ascending(set: &Set) -> bool {
    match set {
        Set::Codes { codes, .. } => {
            codes.is_sorted_by(|a, b| a < b) && codes.last().is_none_or(|&c| c <= MAX_CODE)
        }
        Set::Values(values) => {
            values.is_sorted_by(|a, b| a < b) && values.iter().all(|v| !v.is_nan())
        }
    }
}
