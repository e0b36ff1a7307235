//! The forest machine: a node table, chains through it, and an integer interpreter of its own.
//!
//! Row `n` of the table is (`F` variant, `Θ` threshold, `C` first child, `V` value). Chain `k` starts at row `k` and takes
//! exactly `steps` steps; a step at node `n` adds `V(n)` and goes to `C(n) + β`, `β = [x(F(n)) >= Θ(n)]`. Leaves read
//! variant 0, which is [`LOWEST`] in every row, so that `β = 0`: their child is the root of the chain's next tree, or the
//! halting node, which is its own child and adds 0. The first node of a chain is nobody's child and adds the chain's base.

use super::keys::{LOWEST, MISSING};

/// One row of the node table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Number of the variant that is compared: 0, or one more than its index in [`Machine::variants`].
    pub feature: u32,
    /// Key that the variant is compared with.
    pub threshold: i32,
    /// Where the step goes at `β = 0`; one row further at `β = 1`.
    pub child: u32,
    /// What the step adds, in units of `2^-fraction`.
    pub value: i32,
}

/// A raw feature and what becomes of its missing values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Variant {
    /// Index of the raw feature.
    pub feature: u32,
    /// A missing value is below every threshold; else it is above, as its key stands.
    pub missing_low: bool,
}

impl Variant {
    /// The variant's value for the raw feature's key.
    #[must_use]
    pub fn apply(self, key: i32) -> i32 {
        if self.missing_low && key == MISSING {
            LOWEST
        } else {
            key
        }
    }
}

/// Tables and constants of a forest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The node table.
    pub rows: Vec<Row>,
    /// Variants 1, 2, … (variant 0 is the constant lowest key).
    pub variants: Vec<Variant>,
    /// Number of chains, one an output; chain `k` starts at row `k`.
    pub chains: u32,
    /// Steps of every chain.
    pub steps: u32,
    /// Number of raw features.
    pub features: usize,
    /// Fraction bits of values and outputs; negative for large outputs.
    pub fraction: i32,
}

/// Why the machine cannot run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MachineError {
    /// A row of another length.
    #[error("row of {found} keys, expected {expected}")]
    Features {
        /// Keys given.
        found: usize,
        /// Raw features of the machine.
        expected: usize,
    },
    /// A chain points beyond the node table.
    #[error("chain {chain} reaches node {node} of {rows}")]
    Node {
        /// The chain.
        chain: u32,
        /// The node number.
        node: u64,
        /// Rows of the table.
        rows: usize,
    },
    /// A node compares a variant that does not exist.
    #[error("node {node} compares variant {variant} of {variants}")]
    Variant {
        /// The node.
        node: u64,
        /// The variant.
        variant: u32,
        /// Variants, the constant one included.
        variants: usize,
    },
    /// A sum does not fit 32 bits.
    #[error("chain {chain}: the sum {sum} does not fit 32 bits")]
    Overflow {
        /// The chain.
        chain: u32,
        /// The sum.
        sum: i64,
    },
}

impl Machine {
    /// The values of all variants for a row of raw keys, variant 0 first.
    #[must_use]
    pub fn variant_values(&self, keys: &[i32]) -> Option<Vec<i32>> {
        let given = self
            .variants
            .iter()
            .map(|v| keys.get(v.feature as usize).map(|&key| v.apply(key)));
        std::iter::once(Some(LOWEST)).chain(given).collect()
    }

    /// Sums of the chains for a row of raw keys.
    ///
    /// # Errors
    /// [`MachineError`] where the row or the table is not well formed.
    pub fn run(&self, keys: &[i32]) -> Result<Vec<i32>, MachineError> {
        let wrong = MachineError::Features {
            found: keys.len(),
            expected: self.features,
        };
        if keys.len() != self.features {
            return Err(wrong);
        }
        let values = self.variant_values(keys).ok_or(wrong)?;
        (0..self.chains)
            .map(|chain| self.walk(chain, &values))
            .collect()
    }

    fn walk(&self, chain: u32, x: &[i32]) -> Result<i32, MachineError> {
        let mut node = u64::from(chain);
        let mut sum = 0i64;
        for _ in 0..self.steps {
            let row = usize::try_from(node).ok().and_then(|n| self.rows.get(n));
            let row = row.ok_or(MachineError::Node {
                chain,
                node,
                rows: self.rows.len(),
            })?;
            let value = x.get(row.feature as usize).ok_or(MachineError::Variant {
                node,
                variant: row.feature,
                variants: x.len(),
            })?;
            sum += i64::from(row.value);
            node = u64::from(row.child) + u64::from(*value >= row.threshold);
        }
        i32::try_from(sum).map_err(|_| MachineError::Overflow { chain, sum })
    }

    /// An output of the machine as a number.
    #[must_use]
    pub fn margin(&self, output: i32) -> f64 {
        f64::from(output) * (-f64::from(self.fraction)).exp2()
    }
}
