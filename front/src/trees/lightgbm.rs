//! LightGBM models: the text of `save_model`.
//!
//! A split sends `x <= t` (float64) to the left. What counts as missing is in `decision_type`: nothing (a NaN then
//! counts as 0), NaN, or zero and NaN. A categorical split sends members of a bit set to the left, all else, NaN too,
//! to the right. Leaves are summed in float64.

use std::collections::HashMap;
use std::str::FromStr;

use super::ensemble::{MAX_CODE, MAX_FEATURES, MAX_OUTPUTS};
use super::{
    Decision, Ensemble, Format, Link, Node, Predict, Set, Split, Sum, Target, Test, Tree, TreeError,
};

const FORMAT: Format = Format::LightGbm;

/// Lines `key=value` up to an empty line, by key.
type Block<'a> = HashMap<&'a str, &'a str>;

/// Reads LightGBM's text format.
///
/// # Errors
/// [`TreeError`] if the text is no such model or uses a feature that is not supported.
pub fn read(bytes: &[u8]) -> Result<Ensemble, TreeError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|e| malformed("text", format!("not UTF-8 at byte {}", e.valid_up_to())))?;
    let mut lines = text.lines();
    let head = block(&mut lines, "header")?;
    let mut ensemble = header(&head)?;
    let per_iteration = ensemble.outputs();
    loop {
        let Some(line) = lines.next() else {
            return Err(malformed("end", "\"end of trees\" is missing"));
        };
        match line.trim_end() {
            "" => {}
            "end of trees" => break,
            line => {
                let at = ensemble.trees.len();
                if line != format!("Tree={at}") {
                    let line: String = line.chars().take(40).collect();
                    return Err(malformed(
                        "trees",
                        format!("line {line:?}, expected \"Tree={at}\" or \"end of trees\""),
                    ));
                }
                let block = block(&mut lines, &format!("tree {at}"))?;
                let tree = tree(at, &block, per_iteration, &mut ensemble.sets)?;
                ensemble.trees.push(tree);
                TreeError::bound("number of trees", at + 1, super::ensemble::MAX_TREES)?;
            }
        }
    }
    if let Some(sizes) = head.get("tree_sizes") {
        let expected = sizes.split_ascii_whitespace().count();
        if expected != ensemble.trees.len() {
            return Err(malformed(
                "tree_sizes",
                format!("{expected} trees announced, {} found", ensemble.trees.len()),
            ));
        }
    }
    if head.contains_key("average_output") {
        average(&mut ensemble);
    }
    ensemble.check()?;
    Ok(ensemble)
}

fn malformed(place: impl Into<String>, problem: impl Into<String>) -> TreeError {
    TreeError::malformed(FORMAT, place, problem)
}

fn block<'a>(lines: &mut std::str::Lines<'a>, place: &str) -> Result<Block<'a>, TreeError> {
    let mut block = Block::new();
    for line in lines.by_ref() {
        let line = line.trim_end();
        if line.is_empty() {
            // The header and each tree end with an empty line; a leading one is skipped.
            if block.is_empty() {
                continue;
            }
            break;
        }
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        if block.insert(key, value).is_some() {
            return Err(malformed(place, format!("{key:?} is there twice")));
        }
    }
    Ok(block)
}

fn field<'a>(block: &Block<'a>, place: &str, key: &str) -> Result<&'a str, TreeError> {
    let value = block.get(key).copied();
    value.ok_or_else(|| malformed(place, format!("{key:?} is missing")))
}

fn number<T: FromStr>(block: &Block<'_>, place: &str, key: &str) -> Result<T, TreeError> {
    let value = field(block, place, key)?;
    value
        .trim()
        .parse()
        .map_err(|_| malformed(place, format!("{key}={value}, expected a number")))
}

fn header(head: &Block<'_>) -> Result<Ensemble, TreeError> {
    let place = "header";
    let version = field(head, place, "version")?;
    if !matches!(version, "v3" | "v4") {
        return Err(TreeError::unsupported(
            FORMAT,
            format!("version {version:?}"),
            "save the model with LightGBM 3 or 4",
        ));
    }
    let features = number::<usize>(head, place, "max_feature_idx")?.saturating_add(1);
    TreeError::bound("number of features", features, MAX_FEATURES)?;
    let outputs = number::<usize>(head, place, "num_tree_per_iteration")?;
    TreeError::bound("number of outputs", outputs, MAX_OUTPUTS)?;
    if outputs == 0 {
        return Err(malformed(
            place,
            "num_tree_per_iteration=0, expected 1 or more",
        ));
    }
    let names = field(head, place, "feature_names")?;
    let (link, decision) = objective(head.get("objective").copied(), outputs)?;
    let labels = match decision {
        Decision::None => 0,
        Decision::Above(_) => 2,
        Decision::ArgMax => outputs,
    };
    Ok(Ensemble {
        format: FORMAT,
        features,
        names: names.split_ascii_whitespace().map(str::to_owned).collect(),
        base: vec![0.0; outputs],
        trees: Vec::new(),
        sets: Vec::new(),
        sum: Sum::Double,
        link,
        decision,
        predicts: Predict::Response,
        labels: (0..labels).map(|l| l.to_string()).collect(),
        notes: Vec::new(),
    })
}

fn objective(text: Option<&str>, outputs: usize) -> Result<(Link, Decision), TreeError> {
    // A model of a custom objective has none: its scores are raw.
    let mut words = text.unwrap_or("custom").split_ascii_whitespace();
    let name = words.next().unwrap_or("custom");
    let rest: Vec<&str> = words.collect();
    let sigmoid = || {
        let scale = rest.iter().find_map(|w| w.strip_prefix("sigmoid:"));
        let scale: Result<f64, _> = scale.unwrap_or("1").parse();
        match scale {
            Ok(scale) if scale.is_finite() && scale > 0.0 => Ok(Link::Logistic { scale }),
            _ => Err(malformed("objective", "sigmoid is no positive number")),
        }
    };
    Ok(match name {
        "binary" => (sigmoid()?, Decision::Above(0.0)),
        "multiclass" | "softmax" if outputs > 1 => (Link::Softmax, Decision::ArgMax),
        "multiclassova" if outputs > 1 => (sigmoid()?, Decision::ArgMax),
        "cross_entropy" => (Link::Logistic { scale: 1.0 }, Decision::None),
        "cross_entropy_lambda" => (Link::Softplus, Decision::None),
        "poisson" | "gamma" | "tweedie" => (Link::Exp, Decision::None),
        "regression" | "regression_l1" | "huber" | "fair" | "quantile" | "mape"
            if rest.contains(&"sqrt") =>
        {
            (Link::SignedSquare, Decision::None)
        }
        "regression" | "regression_l1" | "huber" | "fair" | "quantile" | "mape" | "lambdarank"
        | "rank_xendcg" | "custom" | "none" => (Link::Identity, Decision::None),
        other => {
            return Err(TreeError::unsupported(
                FORMAT,
                format!("objective {other:?} with {outputs} trees an iteration"),
                "train with one of LightGBM's own objectives",
            ));
        }
    })
}

/// LightGBM's random forests: the average over iterations.
fn average(ensemble: &mut Ensemble) {
    let iterations = ensemble.trees.len() / ensemble.outputs();
    for value in ensemble.trees.iter_mut().flat_map(|t| &mut t.values) {
        *value /= iterations as f64;
    }
}

/// The numbers of a list, as many as expected.
fn list<T: FromStr>(
    block: &Block<'_>,
    place: &str,
    key: &str,
    count: usize,
) -> Result<Vec<T>, TreeError> {
    let text = field(block, place, key)?;
    let mut out = Vec::with_capacity(count.min(text.len()));
    for word in text.split_ascii_whitespace() {
        let value = word.parse().map_err(|_| {
            let word: String = word.chars().take(40).collect();
            malformed(place, format!("{key}: {word:?} is no number in range"))
        })?;
        out.push(value);
    }
    if out.len() != count {
        return Err(malformed(
            place,
            format!("{key} has {} entries, expected {count}", out.len()),
        ));
    }
    Ok(out)
}

fn tree(
    at: usize,
    block: &Block<'_>,
    per_iteration: usize,
    sets: &mut Vec<Set>,
) -> Result<Tree, TreeError> {
    let place = format!("tree {at}");
    if block.get("is_linear").is_some_and(|v| v.trim() != "0") {
        return Err(TreeError::unsupported(
            FORMAT,
            "linear trees (linear_tree)",
            "train with linear_tree=false",
        ));
    }
    let leaves: usize = number(block, &place, "num_leaves")?;
    TreeError::bound("leaves of a tree", leaves, super::ensemble::MAX_NODES)?;
    let values: Vec<f64> = list(block, &place, "leaf_value", leaves)?;
    let target = Target::One((at % per_iteration) as u32);
    let Some(inner) = leaves.checked_sub(1) else {
        return Err(malformed(place, "num_leaves=0, expected 1 or more"));
    };
    if inner == 0 {
        return Ok(Tree {
            nodes: vec![Node::Leaf { index: 0 }],
            values,
            target,
        });
    }
    let first_set = sets.len();
    let columns = Columns {
        place: &place,
        leaves,
        features: list(block, &place, "split_feature", inner)?,
        thresholds: list(block, &place, "threshold", inner)?,
        kinds: list(block, &place, "decision_type", inner)?,
        left: list(block, &place, "left_child", inner)?,
        right: list(block, &place, "right_child", inner)?,
        first_set,
        sets: categories(block, &place, sets)?,
    };
    // Inner nodes first, then the leaves.
    let mut nodes = Vec::with_capacity(inner + leaves);
    for n in 0..inner {
        nodes.push(Node::Split(columns.split(n)?));
    }
    nodes.extend((0..leaves).map(|index| Node::Leaf {
        index: index as u32,
    }));
    Ok(Tree {
        nodes,
        values,
        target,
    })
}

/// The lists of a tree's inner nodes.
struct Columns<'a> {
    place: &'a str,
    leaves: usize,
    features: Vec<u32>,
    thresholds: Vec<f64>,
    kinds: Vec<u8>,
    left: Vec<i64>,
    right: Vec<i64>,
    /// Index of the tree's first category set among those of the model, and their number.
    first_set: usize,
    sets: usize,
}

impl Columns<'_> {
    fn split(&self, n: usize) -> Result<Split, TreeError> {
        let kind = self.kinds[n];
        let split = Split {
            feature: self.features[n],
            test: Test::AtMost(self.thresholds[n]),
            missing_yes: false,
            zero_missing: false,
            yes: self.child(n, self.left[n])?,
            no: self.child(n, self.right[n])?,
        };
        let unknown = || malformed(self.place, format!("node {n}: decision_type {kind}"));
        decide(split, kind, || self.set(n)).map_err(|error| error.unwrap_or_else(unknown))
    }

    /// Number of a child; `~leaf` stands for a leaf, and leaves come after the inner nodes.
    fn child(&self, n: usize, c: i64) -> Result<u32, TreeError> {
        let inner = self.features.len();
        let (index, limit) = match c {
            0.. => (c, inner),
            _ => (inner as i64 + !c, inner + self.leaves),
        };
        match usize::try_from(index) {
            Ok(index) if index < limit => Ok(index as u32),
            _ => {
                let leaves = self.leaves;
                let problem = format!("node {n}: child {c} of {inner} nodes and {leaves} leaves");
                Err(malformed(self.place, problem))
            }
        }
    }

    /// The category set that the threshold of a categorical split numbers.
    fn set(&self, n: usize) -> Result<Test, TreeError> {
        let (set, count) = (self.thresholds[n], self.sets);
        if set.fract() == 0.0 && set >= 0.0 && set < count as f64 {
            return Ok(Test::Within((self.first_set + set as usize) as u32));
        }
        Err(malformed(
            self.place,
            format!("node {n}: category set {set} of {count}"),
        ))
    }
}

/// What `decision_type` says: bit 0 categorical, bit 1 default left, bits 2 and 3 what is missing.
fn decide(
    split: Split,
    kind: u8,
    categorical: impl FnOnce() -> Result<Test, TreeError>,
) -> Result<Split, Option<TreeError>> {
    let default_left = kind & 2 != 0;
    let Test::AtMost(threshold) = split.test else {
        return Ok(split);
    };
    match (kind & 1, kind >> 2) {
        // A NaN is never in a set.
        (1, 0..=2) => Ok(Split {
            test: categorical().map_err(Some)?,
            ..split
        }),
        // Nothing is missing: a NaN counts as zero.
        (0, 0) => Ok(Split {
            missing_yes: 0.0 <= threshold,
            ..split
        }),
        (0, 1) => Ok(Split {
            missing_yes: default_left,
            zero_missing: true,
            ..split
        }),
        (0, 2) => Ok(Split {
            missing_yes: default_left,
            ..split
        }),
        _ => Err(None),
    }
}

/// Adds the bit sets of a tree; their number.
fn categories(block: &Block<'_>, place: &str, sets: &mut Vec<Set>) -> Result<usize, TreeError> {
    let count: usize = match block.get("num_cat") {
        Some(_) => number(block, place, "num_cat")?,
        None => 0,
    };
    if count == 0 {
        return Ok(0);
    }
    TreeError::bound("category sets of a tree", count, super::ensemble::MAX_NODES)?;
    let bounds: Vec<usize> = list(block, place, "cat_boundaries", count + 1)?;
    let words = field(block, place, "cat_threshold")?;
    let words = words.split_ascii_whitespace().count();
    let words: Vec<u32> = list(block, place, "cat_threshold", words)?;
    if bounds[0] != 0 || bounds[count] != words.len() || !bounds.is_sorted() {
        return Err(malformed(
            place,
            format!(
                "cat_boundaries do not divide the {} words of cat_threshold",
                words.len()
            ),
        ));
    }
    for pair in bounds.windows(2) {
        let set = &words[pair[0]..pair[1]];
        TreeError::bound(
            "words of a category set",
            set.len(),
            (MAX_CODE as usize + 1) / 32,
        )?;
        let codes = set.iter().enumerate().flat_map(|(at, &word)| {
            (0..32u32)
                .filter(move |bit| word >> bit & 1 == 1)
                .map(move |bit| at as u32 * 32 + bit)
        });
        sets.push(Set::Codes {
            codes: codes.collect(),
            negative_fraction: true,
        });
    }
    Ok(count)
}
