//! XGBoost's old binary format (`deprecated` of `save_raw`, the default of `save_model` up to version 1.x).
//!
//! Little-endian structs as they lay in memory: parameters of the learner, names of objective and booster, parameters of
//! the booster, then for each tree its parameters, nodes and statistics, then the class of each tree and, for DART, the
//! weights. Attributes and configuration behind them say nothing of what the model computes.

use super::Head;
use crate::trees::ensemble::{MAX_FEATURES, MAX_NODES, MAX_OUTPUTS, MAX_TREES};
use crate::trees::{Ensemble, Format, Node, Split, Target, Test, Tree, TreeError};

const FORMAT: Format = Format::XgBoost;
/// Bytes before the names: `LearnerModelParamLegacy`.
const LEARNER: usize = 136;
const NODE: usize = 20;
const STATISTICS: usize = 16;
/// `left` of a leaf.
const NONE: i32 = -1;

/// Whether the bytes look like this format: optional magic, then an objective's name where it must stand.
#[must_use]
pub fn recognise(bytes: &[u8]) -> bool {
    let body = bytes.strip_prefix(b"binf").unwrap_or(bytes);
    let Some(tail) = body.get(LEARNER..) else {
        return false;
    };
    let Some((length, name)) = tail.split_first_chunk::<8>() else {
        return false;
    };
    let length = u64::from_le_bytes(*length);
    let name = usize::try_from(length).ok().and_then(|n| name.get(..n));
    (1..64).contains(&length)
        && name.is_some_and(|n| {
            n.iter()
                .all(|b| b.is_ascii_lowercase() || b":_0123456789".contains(b))
        })
}

struct Cursor<'a> {
    left: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize, what: &str) -> Result<&'a [u8], TreeError> {
        let Some((head, rest)) = self.left.split_at_checked(count) else {
            let left = self.left.len();
            return Err(malformed(
                what,
                format!("{count} bytes expected, {left} are left"),
            ));
        };
        self.left = rest;
        Ok(head)
    }

    /// `count` records of `size` bytes.
    fn records(&mut self, count: usize, size: usize, what: &str) -> Result<&'a [u8], TreeError> {
        let bytes = count.saturating_mul(size);
        self.take(bytes, what)
    }

    fn length(&mut self, what: &str) -> Result<usize, TreeError> {
        let bytes = self.take(8, what)?;
        let length = bytes.iter().rev().fold(0u64, |v, &b| v << 8 | u64::from(b));
        usize::try_from(length).map_err(|_| malformed(what, format!("length {length}")))
    }

    fn text(&mut self, what: &str) -> Result<&'a str, TreeError> {
        let length = self.length(what)?;
        let bytes = self.take(length, what)?;
        std::str::from_utf8(bytes).map_err(|_| malformed(what, "not UTF-8"))
    }
}

/// The 32-bit word `at` of a struct; the struct is as long as its reader has asked.
fn word(bytes: &[u8], at: usize) -> u32 {
    let word = bytes.get(4 * at..4 * at + 4).unwrap_or(&[0; 4]);
    word.iter().rev().fold(0, |v, &b| v << 8 | u32::from(b))
}

fn count(what: &str, value: u32, limit: usize) -> Result<usize, TreeError> {
    TreeError::bound(what, value as usize, limit)?;
    Ok(value as usize)
}

fn malformed(place: impl Into<String>, problem: impl Into<String>) -> TreeError {
    TreeError::malformed(FORMAT, place, problem)
}

/// Reads XGBoost's old binary format.
///
/// # Errors
/// [`TreeError`] if the bytes are no such model or use a feature that is not supported.
pub fn read(bytes: &[u8]) -> Result<Ensemble, TreeError> {
    let mut cursor = Cursor {
        left: bytes.strip_prefix(b"binf").unwrap_or(bytes),
    };
    let learner = cursor.take(LEARNER, "learner parameters")?;
    let base_score = f32::from_bits(word(learner, 0));
    let features = count("number of features", word(learner, 1), MAX_FEATURES)?;
    let classes = count("number of outputs", word(learner, 2), MAX_OUTPUTS)?.max(1);
    let major = word(learner, 5);
    let objective = cursor.text("objective")?;
    let booster = cursor.text("booster")?;
    if !matches!(booster, "gbtree" | "dart") {
        return Err(TreeError::unsupported(
            FORMAT,
            format!("booster {booster:?}"),
            "train with booster gbtree or dart",
        ));
    }
    let mut head = Head::new(objective, classes)?;
    // Before version 1 the margin was saved, since then what the user gave.
    head.set_base(&[base_score], major >= 1)?;
    let mut ensemble = head.ensemble;
    ensemble.features = features;
    let model = cursor.take(160, "booster parameters")?;
    let trees = count("number of trees", word(model, 0), MAX_TREES)?;
    if word(model, 7) > 1 {
        return Err(TreeError::unsupported(
            FORMAT,
            "vector leaves (size_leaf_vector)",
            "train one output a tree",
        ));
    }
    let mut nodes = 0;
    for at in 0..trees {
        let tree = tree(at, &mut cursor)?;
        nodes += tree.nodes.len();
        TreeError::bound("number of nodes", nodes, MAX_NODES)?;
        ensemble.trees.push(tree);
    }
    let classes_of = cursor.records(trees, 4, "tree_info")?;
    let weights = if booster == "dart" && trees > 0 {
        let length = cursor.length("weight_drop")?;
        if length != trees {
            return Err(malformed(
                "weight_drop",
                format!("{length} entries, expected {trees}"),
            ));
        }
        Some(cursor.records(trees, 4, "weight_drop")?)
    } else {
        None
    };
    for (at, tree) in ensemble.trees.iter_mut().enumerate() {
        tree.target = Target::One(word(classes_of, at));
        if let Some(weights) = weights {
            let weight = f32::from_bits(word(weights, at));
            for value in &mut tree.values {
                *value = f64::from(weight * *value as f32);
            }
        }
    }
    ensemble.check()?;
    Ok(ensemble)
}

fn tree(at: usize, cursor: &mut Cursor<'_>) -> Result<Tree, TreeError> {
    let place = format!("tree {at}");
    let param = cursor.take(148, &place)?;
    let count = count("number of nodes", word(param, 1), MAX_NODES)?;
    if word(param, 5) > 1 {
        return Err(TreeError::unsupported(
            FORMAT,
            "vector leaves (size_leaf_vector)",
            "train one output a tree",
        ));
    }
    let records = cursor.records(count, NODE, &place)?;
    cursor.records(count, STATISTICS, &place)?;
    let mut nodes = Vec::with_capacity(count);
    let mut values = Vec::new();
    for record in records.chunks_exact(NODE) {
        let info = f32::from_bits(word(record, 4));
        let (left, feature) = (word(record, 1), word(record, 3));
        if left as i32 == NONE {
            // A node that pruning took out is no leaf that anything reaches; its value may be anything.
            let value = if feature == u32::MAX { 0.0 } else { info };
            nodes.push(Node::Leaf {
                index: values.len() as u32,
            });
            values.push(f64::from(value));
            continue;
        }
        nodes.push(Node::Split(Split {
            feature: feature & 0x7fff_ffff,
            test: Test::Less(f64::from(info)),
            missing_yes: feature >> 31 == 1,
            zero_missing: false,
            yes: left,
            no: word(record, 2),
        }));
    }
    Ok(Tree {
        nodes,
        values,
        target: Target::One(0),
    })
}
