//! One branch of an ONNX tree.

use super::malformed;
use crate::trees::{Node, Set, Split, Test, TreeError};

/// How a branch compares its feature with its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    AtMost,
    Less,
    AtLeast,
    Greater,
    Equal,
    Unequal,
}

/// A branch as the file gives it.
pub(super) struct Branch {
    pub(super) mode: Mode,
    pub(super) feature: i64,
    pub(super) value: f64,
    /// A missing value takes the true branch.
    pub(super) missing_true: bool,
    pub(super) yes: u32,
    pub(super) no: u32,
}

impl Branch {
    /// The split: `>` is `<=` with the children exchanged, and so on. A NaN passes `!=`, as it does in ONNX Runtime.
    pub(super) fn node(&self, sets: &mut Vec<Set>) -> Result<Node, TreeError> {
        let feature = u32::try_from(self.feature)
            .map_err(|_| malformed("nodes_featureids", format!("feature {}", self.feature)))?;
        let (test, swap) = match self.mode {
            Mode::AtMost => (Test::AtMost(self.value), false),
            Mode::Greater => (Test::AtMost(self.value), true),
            Mode::Less => (Test::Less(self.value), false),
            Mode::AtLeast => (Test::Less(self.value), true),
            Mode::Equal => (equal(self.value, sets)?, false),
            Mode::Unequal => (equal(self.value, sets)?, true),
        };
        let missing_true = self.missing_true || self.mode == Mode::Unequal;
        let (yes, no) = if swap {
            (self.no, self.yes)
        } else {
            (self.yes, self.no)
        };
        Ok(Node::Split(Split {
            feature,
            test,
            missing_yes: missing_true != swap,
            zero_missing: false,
            yes,
            no,
        }))
    }
}

/// Equality with a number that may be no float32, and then holds for none.
fn equal(value: f64, sets: &mut Vec<Set>) -> Result<Test, TreeError> {
    if value.is_nan() {
        return Err(malformed("node values", "the value of an equality is NaN"));
    }
    let single = value as f32;
    let values = if f64::from(single) == value {
        vec![single]
    } else {
        vec![]
    };
    sets.push(Set::Values(values));
    Ok(Test::Within((sets.len() - 1) as u32))
}
