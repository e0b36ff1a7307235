//! Float evaluation of an [`Ensemble`], as its library does it.

use super::TreeError;
use super::ensemble::{Decision, Ensemble, Link, Node, Split, Sum, Test, Tree, ZERO};

impl Ensemble {
    /// Margins of a row of float32 features (NaN: missing), one for each output, in the library's precision and order
    /// of summation.
    ///
    /// # Errors
    /// [`TreeError::Row`] for a row of another length.
    pub fn margins(&self, row: &[f32]) -> Result<Vec<f64>, TreeError> {
        if row.len() != self.features {
            return Err(TreeError::Row {
                found: row.len(),
                expected: self.features,
            });
        }
        let mut sums = match self.sum {
            Sum::Single => self.base.clone(),
            Sum::SingleThenBase | Sum::Double => vec![0.0; self.outputs()],
        };
        for tree in &self.trees {
            let leaf = self.leaf(tree, row);
            let width = self.width(tree);
            let values = &tree.values[leaf * width..][..width];
            let first = match tree.target {
                super::Target::One(output) => output as usize,
                super::Target::All => 0,
            };
            for (sum, value) in sums[first..].iter_mut().zip(values) {
                *sum = self.plus(*sum, *value);
            }
        }
        if self.sum != Sum::Single {
            for (sum, base) in sums.iter_mut().zip(&self.base) {
                *sum = self.plus(*sum, *base);
            }
        }
        Ok(sums)
    }

    fn plus(&self, a: f64, b: f64) -> f64 {
        match self.sum {
            Sum::Single | Sum::SingleThenBase => f64::from(a as f32 + b as f32),
            Sum::Double => a + b,
        }
    }

    /// Number of the leaf that a row reaches. The ensemble has passed [`Ensemble::check`], so that the walk ends.
    fn leaf(&self, tree: &Tree, row: &[f32]) -> usize {
        let mut at = 0usize;
        loop {
            match &tree.nodes[at] {
                Node::Leaf { index } => return *index as usize,
                Node::Split(split) => {
                    let yes = self.goes_yes(split, row[split.feature as usize]);
                    at = if yes { split.yes } else { split.no } as usize;
                }
            }
        }
    }

    /// Whether a split sends the value `x` to its `yes` child.
    #[must_use]
    pub fn goes_yes(&self, split: &Split, x: f32) -> bool {
        if x.is_nan() || split.zero_missing && x.abs() <= ZERO {
            return split.missing_yes;
        }
        match split.test {
            Test::Less(t) => f64::from(x) < t,
            Test::AtMost(t) => f64::from(x) <= t,
            Test::Within(set) => self.sets[set as usize].contains(x),
        }
    }

    /// What the library predicts for these margins: probabilities, expectations or the margins themselves.
    #[must_use]
    pub fn predictions(&self, margins: &[f64]) -> Vec<f64> {
        let each = |f: &dyn Fn(f64) -> f64| margins.iter().map(|&x| f(x)).collect();
        match self.link {
            Link::Identity => margins.to_vec(),
            Link::Logistic { scale } => each(&|x| 1.0 / (1.0 + libm::exp(-scale * x))),
            Link::Exp => each(&libm::exp),
            Link::SignedSquare => each(&|x| x * x.abs()),
            Link::Isolation { scale, offset } => each(&|x| offset - libm::exp2(-x / scale)),
            Link::Softplus => each(&|x| libm::log1p(libm::exp(x))),
            Link::Softmax => {
                let top = margins.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let powers: Vec<f64> = margins.iter().map(|x| libm::exp(x - top)).collect();
                let total: f64 = powers.iter().sum();
                powers.iter().map(|p| p / total).collect()
            }
        }
    }

    /// Index of the predicted class; none for regression.
    #[must_use]
    pub fn class(&self, margins: &[f64]) -> Option<usize> {
        match self.decision {
            Decision::None => None,
            Decision::Above(t) => Some(usize::from(margins.first().is_some_and(|&m| m > t))),
            Decision::ArgMax => {
                let mut best = 0;
                for (at, m) in margins.iter().enumerate() {
                    if *m > margins[best] {
                        best = at;
                    }
                }
                Some(best)
            }
        }
    }
}
