//! From an [`Ensemble`] to the tables of the forest [`Machine`].
//!
//! A split divides the keys of its feature into intervals that go to `yes` and `no` by turns, and says where a missing
//! value goes. One bound is one node; more (sets, zero as missing) become a balanced search tree over the bounds, whose
//! ends are *copies of the child's row*: the children of the child are shared, so that a set costs rows in proportion to
//! its bounds whatever hangs below it. Missing values need two variants of a feature: at the top (the key as it is) and
//! at the bottom; where neither end of the line goes the way of missing values, the reserved key is one more bound.

use std::collections::HashMap;

use super::TreeError;
use super::ensemble::{Ensemble, MAX_CODE, Node, Set, Split, Target, Test, Tree, ZERO};
use super::keys::{self, MAX_KEY, MIN_KEY, MISSING};
use super::machine::{Machine, Row, Variant};

/// Most rows of a node table.
pub const MAX_ROWS: usize = 1 << 24;
/// Most steps of a chain.
pub const MAX_STEPS: u64 = 1 << 24;
/// Fraction bits are kept in this range.
pub const FRACTIONS: std::ops::RangeInclusive<i32> = -96..=96;

/// A machine and how far its sums may be from the exact ones.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// The tables.
    pub machine: Machine,
    /// Largest possible difference of a margin from the exact sum of the file's leaf values: half a unit a tree and
    /// half a unit for the base.
    pub worst_error: f64,
    /// Least and greatest margin of each output that the leaves allow.
    pub ranges: Vec<(i32, i32)>,
}

/// Lowers an ensemble that has passed [`Ensemble::check`].
///
/// # Errors
/// [`TreeError::TooLarge`] where the table or the number of steps would be above its cap.
pub fn lower(ensemble: &Ensemble) -> Result<Lowered, TreeError> {
    let fraction = fraction(ensemble)?;
    let unit = f64::from(fraction).exp2();
    let mut table = Table::new(ensemble, unit)?;
    let halt = table.halt();
    let (mut steps, mut most_trees) = (1u64, 0usize);
    let mut ranges = Vec::with_capacity(ensemble.outputs());
    for (output, &base) in ensemble.base.iter().enumerate() {
        let trees = ensemble.trees.iter();
        let of_chain = trees.filter_map(|tree| column(tree, output).map(|column| (tree, column)));
        let of_chain: Vec<_> = of_chain.collect();
        let mut next = halt;
        let mut length = 0u64;
        // From the last tree to the first: a leaf names the root of the tree after its own.
        for (at, &(tree, column)) in of_chain.iter().enumerate().rev() {
            let root = if at == 0 {
                output as u32
            } else {
                table.reserve(1)?
            };
            length += u64::from(table.add(tree, column, root, next)?);
            next = root;
        }
        table.rows[output].value += scaled(base, unit);
        ranges.push(range(ensemble, &of_chain, scaled(base, unit), unit));
        steps = steps.max(length);
        most_trees = most_trees.max(of_chain.len());
    }
    if steps > MAX_STEPS {
        return Err(TreeError::TooLarge {
            what: "number of steps of a chain".into(),
            found: steps,
            limit: MAX_STEPS,
        });
    }
    Ok(Lowered {
        machine: Machine {
            rows: table.rows,
            variants: table.order,
            chains: ensemble.outputs() as u32,
            steps: steps as u32,
            features: ensemble.features,
            fraction,
        },
        worst_error: (most_trees + 1) as f64 * 0.5 / unit,
        ranges,
    })
}

/// Least and greatest sum of a base and one leaf of each tree.
fn range(ensemble: &Ensemble, trees: &[(&Tree, usize)], base: i32, unit: f64) -> (i32, i32) {
    let ends = trees.iter().map(|(tree, column)| {
        let width = ensemble.width(tree);
        let leaves = tree.values.iter().skip(*column).step_by(width);
        let leaves = leaves.map(|value| scaled(*value, unit));
        leaves.fold((i32::MAX, i32::MIN), |(a, b), v| (a.min(v), b.max(v)))
    });
    // `fraction` keeps the sums in range.
    ends.fold((base, base), |(low, high), (a, b)| {
        (low.saturating_add(a), high.saturating_add(b))
    })
}

/// Index of a leaf's value for an output, with the leaf's width; none where the tree adds nothing to it.
fn column(tree: &Tree, output: usize) -> Option<usize> {
    match tree.target {
        Target::All => Some(output),
        Target::One(target) => (target as usize == output).then_some(0),
    }
}

fn scaled(value: f64, unit: f64) -> i32 {
    // `fraction` keeps it in range.
    (value * unit).round_ties_even() as i32
}

/// The most fraction bits with which every leaf, base and possible sum fits 32 bits.
fn fraction(ensemble: &Ensemble) -> Result<i32, TreeError> {
    let mut largest = 0f64;
    for output in 0..ensemble.outputs() {
        let base = ensemble.base[output];
        largest = largest.max(base.abs());
        let (mut low, mut high) = (base, base);
        for tree in &ensemble.trees {
            let Some(column) = column(tree, output) else {
                continue;
            };
            let width = ensemble.width(tree);
            let values = tree.values.iter().skip(column).step_by(width);
            let (min, max) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &v| {
                (a.min(v), b.max(v))
            });
            low += min;
            high += max;
            largest = largest.max(min.abs()).max(max.abs());
        }
        largest = largest.max(low.abs()).max(high.abs());
    }
    // Half a unit of rounding for every tree and the base.
    let room = f64::from(i32::MAX) - (ensemble.trees.len() + 1) as f64;
    let bits = (room / largest).log2().floor();
    if bits.is_nan() || bits < f64::from(*FRACTIONS.start()) {
        return Err(TreeError::Range {
            largest,
            limit: -*FRACTIONS.start() as u32 + 31,
        });
    }
    // No leaf but zero: any number of bits will do.
    Ok(bits.min(f64::from(*FRACTIONS.end())) as i32)
}

/// How a split divides the keys of a feature.
#[derive(Debug, PartialEq, Eq)]
struct Partition {
    missing_low: bool,
    /// Whether keys below the first bound go to `yes`; every bound turns it.
    first: bool,
    bounds: Vec<i32>,
}

struct Table<'a> {
    ensemble: &'a Ensemble,
    unit: f64,
    rows: Vec<Row>,
    variants: HashMap<Variant, u32>,
    order: Vec<Variant>,
}

impl<'a> Table<'a> {
    /// A table of the chains' first nodes, which go to the halting node, and of that node.
    fn new(ensemble: &'a Ensemble, unit: f64) -> Result<Self, TreeError> {
        let mut table = Self {
            ensemble,
            unit,
            rows: Vec::new(),
            variants: HashMap::new(),
            order: Vec::new(),
        };
        table.reserve(ensemble.outputs() + 1)?;
        Ok(table)
    }

    fn halt(&self) -> u32 {
        self.ensemble.outputs() as u32
    }

    /// Rows that go to the halting node and add nothing, for now.
    fn reserve(&mut self, count: usize) -> Result<u32, TreeError> {
        let at = self.rows.len();
        TreeError::bound("number of rows of the node table", at + count, MAX_ROWS)?;
        let halting = Row {
            feature: 0,
            threshold: 0,
            child: self.halt(),
            value: 0,
        };
        self.rows.resize(at + count, halting);
        Ok(at as u32)
    }

    fn variant(&mut self, variant: Variant) -> u32 {
        let order = &mut self.order;
        *self.variants.entry(variant).or_insert_with(|| {
            order.push(variant);
            order.len() as u32
        })
    }

    /// Adds a tree from row `root` on, whose leaves go on at `next`; the most steps through it.
    fn add(&mut self, tree: &Tree, column: usize, root: u32, next: u32) -> Result<u32, TreeError> {
        let width = self.ensemble.width(tree);
        let mut copies = Vec::new();
        let mut deepest = 0;
        // (node of the tree, its row, steps up to and with it)
        let mut todo = vec![(0u32, root, 1u32)];
        while let Some((at, row, depth)) = todo.pop() {
            match &tree.nodes[at as usize] {
                Node::Leaf { index } => {
                    let value = tree.values[*index as usize * width + column];
                    self.rows[row as usize] = Row {
                        feature: 0,
                        threshold: 0,
                        child: next,
                        value: scaled(value, self.unit),
                    };
                    deepest = deepest.max(depth);
                }
                Node::Split(split) => {
                    let ends = self.split(split, row, depth, &mut copies)?;
                    let children = [split.no, split.yes].into_iter().zip(ends);
                    todo.extend(
                        children
                            .filter_map(|(child, end)| end.map(|(row, depth)| (child, row, depth))),
                    );
                }
            }
        }
        for (row, of) in copies {
            self.rows[row as usize] = self.rows[of as usize];
        }
        Ok(deepest)
    }

    /// Writes the search tree of a split at `row`. For `no` and for `yes`: the row that stands for the child and the
    /// most steps up to it, none where nothing goes there. Further ends are recorded as copies.
    fn split(
        &mut self,
        split: &Split,
        row: u32,
        depth: u32,
        copies: &mut Vec<(u32, u32)>,
    ) -> Result<[Option<(u32, u32)>; 2], TreeError> {
        let partition = partition(self.ensemble, split);
        let feature = if partition.bounds.is_empty() {
            0
        } else {
            self.variant(Variant {
                feature: split.feature,
                missing_low: partition.missing_low,
            })
        };
        let mut ends: [Option<(u32, u32)>; 2] = [None, None];
        // (row, first and last interval below it, steps up to and with it)
        let mut todo = vec![(row, 0usize, partition.bounds.len(), depth)];
        while let Some((at, first, last, depth)) = todo.pop() {
            if first == last {
                let yes = partition.first ^ (first % 2 == 1);
                match &mut ends[usize::from(yes)] {
                    Some((of, deepest)) => {
                        copies.push((at, *of));
                        *deepest = (*deepest).max(depth);
                    }
                    end => *end = Some((at, depth)),
                }
                continue;
            }
            let middle = first + (last - first) / 2;
            let child = self.reserve(2)?;
            self.rows[at as usize] = Row {
                feature,
                threshold: partition.bounds[middle],
                child,
                value: 0,
            };
            todo.push((child, first, middle, depth + 1));
            todo.push((child + 1, middle + 1, last, depth + 1));
        }
        Ok(ends)
    }
}

/// Divides the keys of a feature as a split does.
fn partition(ensemble: &Ensemble, split: &Split) -> Partition {
    // Intervals of keys, both ends within, on which the test holds; ascending.
    let mut yes: Vec<(i32, i32)> = match split.test {
        Test::Less(t) => vec![(MIN_KEY, keys::at_least(t) - 1)],
        Test::AtMost(t) => vec![(MIN_KEY, keys::above(t) - 1)],
        Test::Within(set) => intervals(&ensemble.sets[set as usize]),
    };
    if split.zero_missing {
        let zero = (-keys::key(ZERO), keys::key(ZERO));
        yes = without(&yes, zero);
        if split.missing_yes {
            let at = yes.partition_point(|i| i.0 < zero.0);
            yes.insert(at, zero);
        }
    }
    // Bounds: where the answer turns. Adjacent intervals cancel theirs.
    let mut turns: Vec<i32> = Vec::with_capacity(2 * yes.len());
    for (first, last) in yes.into_iter().filter(|(a, b)| a <= b) {
        if turns.last() == Some(&first) {
            turns.pop();
        } else {
            turns.push(first);
        }
        turns.push(last + 1);
    }
    let starts_yes = turns.first() == Some(&MIN_KEY);
    if starts_yes {
        turns.remove(0);
    }
    if turns.last() == Some(&(MAX_KEY + 1)) {
        turns.pop();
    }
    let ends_yes = starts_yes ^ (turns.len() % 2 == 1);
    let missing_low = ends_yes != split.missing_yes && starts_yes == split.missing_yes;
    if ends_yes != split.missing_yes && !missing_low {
        turns.push(MISSING);
    }
    Partition {
        missing_low,
        first: starts_yes,
        bounds: turns,
    }
}

fn intervals(set: &Set) -> Vec<(i32, i32)> {
    match set {
        Set::Values(values) => values
            .iter()
            .map(|&v| (keys::key(v), keys::key(v)))
            .collect(),
        Set::Codes {
            codes,
            negative_fraction,
        } => codes
            .iter()
            .filter(|&&code| code <= MAX_CODE)
            .map(|&code| {
                let first = if code == 0 && *negative_fraction {
                    keys::above(-1.0)
                } else {
                    keys::key(code as f32)
                };
                (first, keys::key((code + 1) as f32) - 1)
            })
            .collect(),
    }
}

/// The intervals without the keys of `hole`.
fn without(intervals: &[(i32, i32)], hole: (i32, i32)) -> Vec<(i32, i32)> {
    intervals
        .iter()
        .flat_map(|&(a, b)| [(a, b.min(hole.0 - 1)), (a.max(hole.1 + 1), b)])
        .filter(|(a, b)| a <= b)
        .collect()
}
