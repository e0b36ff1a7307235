//! A forest of decision trees: one bounded pointer machine over a hidden table of nodes.
//!
//! The table is in the weight polynomial, four words a node `n`: variant `F`, threshold `Θ`, first child `C`, value
//! `V` ([`table`]). Chain `k` begins at node `k` and makes exactly `S` steps; step `s` of slot `b` stands on node `n`:
//!
//! ```text
//! n = [s = 0]·k + [s > 0]·(c(s-1) + β(s-1))                    a view
//! U1  (n, φ, θ, c, v)  is a row of  (n, F, Θ, C, V)             key: the number of the node
//! U2  (b, φ, a)        is a row of  (b, variant, x̂)             key: slot and variant
//! Z   (2β - 1)·(a - θ) + β - 1 - δ = 0 ,   β² = β               δ of 32 bits
//! L   y(b, k) = Σ_{s < S} v(s, b, k)                            exact
//! ```
//!
//! **The output is a function of the weights and the input, whatever the table holds.** By induction over the steps each
//! column has one value:
//!
//! | column | limbs | why it has one value |
//! | --- | --- | --- |
//! | `n` | none, a view | a public root, or `c + β` of the step before; U1 has a row for `0 ≤ n < 2^m` only |
//! | `φ, θ, c` | none | U1: keys of a table are public and distinct, so a key has one row |
//! | `v` | 32 bits | U1; the limbs show that what a registrant put there is no more than 32 bits |
//! | `a` | none | U2, with the slot as an entry of its own: a variant that does not exist is in no row, not in another slot's |
//! | `δ` | 32 bits | Z, and it is not negative |
//! | `β` | none | a bit; `β = 1` says `a ≥ θ`, `β = 0` says `a < θ`, and only one holds |
//!
//! `a` is an int32, as it is one of the operand or a constant, and `δ` is below 2^32, so `θ` is an integer of at most 34
//! bits and nothing wraps in Z. So words need no range check where they are committed: each use shows what is needed of
//! it. A table that has cycles, or whose leaves lead elsewhere, is another function, not two.
//!
//! **Variants** `x̂(b, kind, f)`, number `kind·2^⌈log2 features⌉ + f` ([`Forest::variant`]): kind 0 is the lowest key for
//! every `f`, so that a leaf (`F = 0`) takes its first child; kind 1 the operand, in which a missing value is the highest
//! key and takes the second child; with `missing` kinds 2 and 3, a missing value read as the lowest key and as the key of
//! zero. They are one view of the operand and a bit `ν`, so that a default direction costs nothing at a step:
//!
//! ```text
//! ν² = ν ,   ν·(x - MISS) = 0 ,   MISS - 1 - x + ν = present ≥ 0    ν = 1 iff x = MISS
//! ```
//!
//! **Padding.** Padded steps go on like others and are not counted; padded chains begin at their number like others, and
//! their outputs are zero (L has a public mask); padded nodes are rows of zeros, which the commitment is to like all
//! others; padded features of the operand stand in the table as they are.

use laminate_engine::claim::View;
use laminate_engine::lookup::TableColumn;
use laminate_engine::relations::Relation;
use laminate_engine::switch::on;
use serde::{Deserialize, Serialize};

use super::check::{Use, bits};
use super::{AuxColumn, Bounds, Check, Extent, Io, NodeTable, OpSpec, Output, Placed, Role};
use crate::program::{Program, Weights, padded_log};

mod axes;
mod relations;
pub mod table;

use axes::Axes;
use relations::word;
pub use table::{COLUMNS, Nodes, Row};

/// The key of a missing value, above all others.
pub const MISS: i32 = i32::MAX;
/// The key below all others.
pub const LOWEST: i32 = i32::MIN;
/// Most steps of a chain.
pub const MAX_STEPS: u32 = 1 << 20;
/// Largest log2 of all steps of all chains and slots.
const MAX_ALL_STEPS_LOG: usize = 28;

impl Role {
    /// Variant that a node compares.
    pub const VARIANT: Self = Self::new("Variant");

    /// Threshold of a node, plus 2^31.
    pub const THRESHOLD: Self = Self::new("Threshold");

    /// First child of a node.
    pub const CHILD: Self = Self::new("Child");

    /// Value of a node, plus 2^31.
    pub const VALUE: Self = Self::new("Value");

    /// The key that is compared, plus 2^31.
    pub const KEY: Self = Self::new("Key");

    /// One for the second child.
    pub const BRANCH: Self = Self::new("Branch");

    /// How far the key is from the side that is not taken.
    pub const DISTANCE: Self = Self::new("Distance");

    /// One where the operand is missing.
    pub const MISSING: Self = Self::new("Missing");

    /// `MISS - 1 - x + ν`.
    pub const PRESENT: Self = Self::new("Present");
}

/// `y[b,k] = Σ_{s<S} V(n_s)` along chain `k`, exact int32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forest {
    /// Index of the table of nodes among the hidden parameters, `(4, nodes)` words.
    pub weight: usize,
    /// Number of chains: the output's width.
    pub chains: u32,
    /// Steps of every chain.
    pub steps: u32,
    /// Whether there are variants for a missing value.
    pub missing: bool,
}

/// What a variant makes of a missing value; the kind's number is its place.
const MISSING_AS: [Option<i64>; 4] = [None, None, Some(LOWEST as i64), Some(0)];

impl Forest {
    pub(super) const EXAMPLE: Self = Self {
        weight: 0,
        chains: 1,
        steps: 1,
        missing: true,
    };

    /// Kind of the variant that is the lowest key.
    pub const BOTTOM: usize = 0;
    /// Kind of the operand as it is.
    pub const PLAIN: usize = 1;
    /// Kind that reads a missing value as the lowest key.
    pub const MISSING_LOW: usize = 2;
    /// Kind that reads a missing value as zero.
    pub const MISSING_ZERO: usize = 3;

    /// log2 of the number of kinds of variants.
    pub fn kinds_log(self) -> usize {
        if self.missing { 2 } else { 1 }
    }

    /// Number of a variant of `feature` of an operand of `features` features.
    pub fn variant(kind: usize, feature: usize, features: usize) -> usize {
        (kind << padded_log(features)) + feature
    }

    /// What kind `kind` reads for the operand's value `x`.
    pub fn read(kind: usize, x: i32) -> i32 {
        match MISSING_AS.get(kind).copied().flatten() {
            _ if kind == Self::BOTTOM => LOWEST,
            Some(value) if x == MISS => value as i32,
            _ => x,
        }
    }

    /// log2 of the padded steps; at least one, so that every chain has a step after its first.
    pub fn steps_log(self) -> usize {
        padded_log(self.steps as usize).max(1)
    }

    fn axes(self, node: &Placed<'_>) -> Option<Axes> {
        let features = node.io.operand(0)?.width_log();
        Some(Axes {
            steps: self.steps_log(),
            slots: node.slots_log(),
            chains: padded_log(self.chains as usize),
            kinds: self.kinds_log(),
            features,
        })
    }
}

impl OpSpec for Forest {
    fn name(&self) -> &'static str {
        "forest"
    }

    fn check(&self, node: &mut Check<'_, '_>) -> Result<(), String> {
        let weight = self.weight;
        node.claim_weight(weight, Use::Entries)?;
        let (program, x, out) = (node.program(), node.operand(0)?, node.output()?);
        bits(out, 32)?;
        if program.sequence.is_some() && on("forest over rows") {
            return Err("works on rows, the program is over tokens".into());
        }
        let flat = out.stack == 1 && x.stack == 1 && x.axes.len() == 1;
        if out.axes != [self.chains] && on("chains of a forest")
            || !flat && on("forest of flat tensors")
        {
            return Err(format!(
                "operand is {:?}, output {:?}, expected one axis each and {} chains",
                x.axes, out.axes, self.chains
            ));
        }
        if self.missing {
            bits(x, 32)?;
        }
        // `v` has 32 bits, but `c`, `θ` and `a` are columns of one limb or two only where tables bound them.
        let limbs = program.limb_bits;
        if limbs != 16 && on("limbs of a forest") {
            return Err(format!(
                "works with limbs of 16 bits, the program has {limbs}"
            ));
        }
        let steps = self.steps;
        let all =
            usize::from(program.batch_log) + padded_log(self.chains as usize) + self.steps_log();
        let many = all > MAX_ALL_STEPS_LOG && on("all steps of a forest");
        if (!(1..=MAX_STEPS).contains(&steps) && on("steps of a forest")) || many {
            return Err(format!(
                "{steps} steps, expected 1 to {MAX_STEPS}, and 2^{MAX_ALL_STEPS_LOG} with all chains and slots (2^{all})"
            ));
        }
        let shape = program.weights.get(weight);
        let shape = shape.ok_or_else(|| format!("weights {weight} do not exist"))?;
        if shape.rows != [COLUMNS] && on("columns of a table of nodes") {
            return Err(format!(
                "weights {weight} have {:?} words an entry, expected {COLUMNS}",
                shape.rows
            ));
        }
        if padded_log(self.chains as usize) > shape.col_log() && on("roots of a forest") {
            return Err(format!(
                "{} chains begin at nodes of their numbers, there are {} nodes",
                self.chains,
                shape.col_count()
            ));
        }
        Ok(())
    }

    fn output(&self) -> Output {
        Output::Signed
    }

    fn columns(&self) -> Vec<AuxColumn> {
        let steps = Extent::Steps {
            log: self.steps_log(),
        };
        let words = [
            Role::VARIANT,
            Role::THRESHOLD,
            Role::CHILD,
            Role::VALUE,
            Role::KEY,
            Role::DISTANCE,
        ];
        let mut out = AuxColumn::all(words, 4, steps);
        out.extend(AuxColumn::all([Role::BRANCH], 2, steps));
        if self.missing {
            out.extend(AuxColumn::all([Role::MISSING], 2, Extent::Operand));
            out.extend(AuxColumn::all([Role::PRESENT], 4, Extent::Operand));
        }
        out
    }

    fn determined(&self, role: Role) -> Option<&'static str> {
        match role {
            Role::VARIANT | Role::THRESHOLD | Role::CHILD => Some("the row of its node"),
            Role::KEY => Some("the row of its slot and variant"),
            Role::BRANCH | Role::MISSING => Some("it is its own square"),
            _ => None,
        }
    }

    fn relied_output(&self) -> Option<Bounds> {
        // An exact sum.
        None
    }

    fn relied_operand(&self, _: usize) -> Option<Bounds> {
        // Differences of keys and thresholds do not wrap.
        Some(Bounds::signed(32))
    }

    fn padding(&self, _: &Program, _: &dyn Fn(usize) -> i64) -> Option<i64> {
        Some(0)
    }

    fn even_padding(&self, _: &Io<'_>, _: &dyn Fn(usize) -> bool) -> bool {
        true
    }

    fn zero_padding(&self, _: &Io<'_>, _: usize, _: &dyn Fn(usize, usize) -> bool) -> bool {
        true
    }

    fn open_padding(&self, _: &Io<'_>) -> Option<&'static str> {
        None
    }

    fn bound(&self, _: &Io<'_>, _: &Weights) -> u128 {
        u128::from(self.steps) << 31
    }

    fn relations(&self, node: &Placed<'_>) -> Option<Vec<Relation>> {
        let axes = self.axes(node)?;
        let mut out = vec![Self::branches(node), self.sums(node, &axes)];
        if self.missing {
            out.push(Self::missing(node)?);
        }
        Some(out)
    }

    /// The operand is a column of its own: variants are views of it, and its limbs bound it.
    fn check_columns(&self, node: &Io<'_>, operands: &[View]) -> Result<(), String> {
        node.stored_operand(operands)
    }

    fn tables(&self, node: &Io<'_>) -> Vec<usize> {
        let nodes = node
            .program
            .weights
            .get(self.weight)
            .map_or(0, |s| s.col_log());
        let features = node.operand(0).map_or(0, |x| x.width_log());
        let slots = usize::from(node.program.batch_log);
        vec![nodes, slots + self.kinds_log() + features]
    }

    fn node_tables(&self, node: &Placed<'_>) -> Vec<NodeTable> {
        let made = || {
            let axes = self.axes(node)?;
            let shape = node.io.program.weights.get(self.weight)?;
            let words = node.layout.dense.get(self.weight)?.word_views(shape);
            let variant = node.aux(Role::VARIANT);
            let mut step = vec![axes.nodes(node), variant.clone()];
            step.extend([
                word(node, Role::THRESHOLD),
                node.aux(Role::CHILD),
                word(node, Role::VALUE),
            ]);
            let mut row = vec![TableColumn::Index { lowest: 0 }];
            row.extend(words.into_iter().map(TableColumn::Committed));
            let nodes = NodeTable {
                log: shape.col_log(),
                columns: row,
                uses: vec![step],
            };
            let mut key = vec![TableColumn::Part {
                from: 0,
                log: axes.variants(),
            }];
            let mut read = vec![variant.clone(), word(node, Role::KEY)];
            if axes.slots > 0 {
                let slot = TableColumn::Part {
                    from: axes.variants(),
                    log: axes.slots,
                };
                key.insert(0, slot);
                read.insert(0, axes.slots(&variant));
            }
            key.push(TableColumn::Committed(axes.read(node)?));
            let keys = NodeTable {
                log: axes.slots + axes.variants(),
                columns: key,
                uses: vec![read],
            };
            Some(vec![nodes, keys])
        };
        made().unwrap_or_default()
    }
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_read_what_they_say() {
        let read = |kind| [LOWEST, -3, 0, 9, MISS].map(|x| Forest::read(kind, x));
        assert_eq!(read(Forest::BOTTOM), [LOWEST; 5]);
        assert_eq!(read(Forest::PLAIN), [LOWEST, -3, 0, 9, MISS]);
        assert_eq!(read(Forest::MISSING_LOW), [LOWEST, -3, 0, 9, LOWEST]);
        assert_eq!(read(Forest::MISSING_ZERO), [LOWEST, -3, 0, 9, 0]);
        assert_eq!(Forest::variant(Forest::BOTTOM, 0, 5), 0);
        assert_eq!(Forest::variant(Forest::MISSING_LOW, 4, 5), 20);
        assert_eq!(Forest::variant(Forest::PLAIN, 0, 1), 1);
    }
}
