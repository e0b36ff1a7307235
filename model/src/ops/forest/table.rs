//! The table of nodes as readers of models make it.

use thiserror::Error;

use crate::program::{DenseShape, DenseWeights};

/// Words of a node.
pub const COLUMNS: u32 = 4;

/// A node: the step goes to `child + [x̂(variant) ≥ threshold]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Number of the variant that is compared ([`super::Forest::variant`]); 0 in leaves.
    pub variant: u32,
    /// Threshold; above `i32::MIN` in leaves, so that they lead to `child`.
    pub threshold: i32,
    /// Number of the first child.
    pub child: u32,
    /// What a step on the node adds to the sum.
    pub value: i32,
}

/// Nodes by their numbers; chain `k` begins at node `k`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nodes(pub Vec<Row>);

/// Why a table of nodes cannot be made.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum NodesError {
    /// As many roots as bases are needed, at least one.
    #[error("{roots} roots and {bases} bases, expected as many of each and at least one")]
    Chains {
        /// Number of roots.
        roots: usize,
        /// Number of bases.
        bases: usize,
    },
    /// A root is no node.
    #[error("chain {chain} begins at node {root}, there are {nodes} nodes")]
    Root {
        /// The chain.
        chain: usize,
        /// Its root.
        root: u32,
        /// Number of nodes.
        nodes: usize,
    },
    /// Number of a node, or value of a chain's first node, is above 32 bits.
    #[error("chain {chain}: base and first value are {value} together, expected an int32")]
    Base {
        /// The chain.
        chain: usize,
        /// Their sum.
        value: i64,
    },
    /// A number that is no int32.
    #[error("node {node}: {what} is {value}, expected below 2^31")]
    Word {
        /// The node.
        node: usize,
        /// Which of its numbers.
        what: &'static str,
        /// The number.
        value: u64,
    },
}

impl Nodes {
    /// Puts the first node of each chain, with its base added to the node's value, before the nodes of `rows`, whose
    /// numbers grow by the number of chains.
    ///
    /// # Errors
    /// [`NodesError`].
    pub fn of_chains(rows: &[Row], roots: &[u32], bases: &[i32]) -> Result<Self, NodesError> {
        let count = roots.len();
        if count == 0 || bases.len() != count {
            return Err(NodesError::Chains {
                roots: count,
                bases: bases.len(),
            });
        }
        let mut out = Vec::with_capacity(count + rows.len());
        for (chain, (root, base)) in roots.iter().zip(bases).enumerate() {
            let row = rows.get(*root as usize).ok_or(NodesError::Root {
                chain,
                root: *root,
                nodes: rows.len(),
            })?;
            let value = i64::from(row.value) + i64::from(*base);
            out.push(Row {
                value: i32::try_from(value).map_err(|_| NodesError::Base { chain, value })?,
                ..*row
            });
        }
        out.extend_from_slice(rows);
        for (node, row) in out.iter_mut().enumerate() {
            let child = u64::from(row.child) + count as u64;
            row.child = i32::try_from(child)
                .map_err(|_| NodesError::Word {
                    node,
                    what: "child",
                    value: child,
                })?
                .unsigned_abs();
        }
        Ok(Self(out))
    }

    /// The shape of the parameters.
    pub fn shape(&self) -> DenseShape {
        DenseShape::of_words(COLUMNS, self.0.len() as u32)
    }

    /// The parameters: columns of variants, thresholds, children and values. Numbers above 31 bits wrap.
    pub fn weights(&self) -> DenseWeights {
        let column = |word: fn(&Row) -> i32| self.0.iter().map(word).collect::<Vec<i32>>();
        DenseWeights::of_words(&[
            &column(|row| row.variant as i32),
            &column(|row| row.threshold),
            &column(|row| row.child as i32),
            &column(|row| row.value),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_begin_at_their_numbers() {
        let leaf = |child, value| Row {
            child,
            value,
            ..Row::default()
        };
        // Node 0 splits into 1 and 2, which lead to 3, where it halts.
        let split = Row {
            variant: 5,
            threshold: -7,
            child: 1,
            value: 0,
        };
        let rows = [split, leaf(3, 10), leaf(3, -10), leaf(3, 0)];
        let nodes = Nodes::of_chains(&rows, &[0, 2], &[100, 1]).unwrap();
        let moved = |row: Row| Row {
            child: row.child + 2,
            ..row
        };
        let heads = [
            Row {
                value: 100,
                ..split
            },
            leaf(3, -9),
        ];
        let expected: Vec<Row> = heads.into_iter().chain(rows).map(moved).collect();
        assert_eq!(nodes.0, expected);
        let weights = nodes.weights();
        assert_eq!(weights.words(1, 6), [-7, 0, -7, 0, 0, 0]);
        assert_eq!(weights.words(2, 6), [3, 5, 3, 5, 5, 5]);
        assert_eq!(weights.words(3, 6), [100, -9, 0, 10, -10, 0]);
        assert_eq!(nodes.shape().col_count(), 6);
    }

    #[test]
    fn what_is_no_forest_is_refused() {
        let row = Row {
            value: i32::MAX,
            ..Row::default()
        };
        let of = |roots: &[u32], bases: &[i32]| Nodes::of_chains(&[row], roots, bases).unwrap_err();
        assert_eq!(of(&[], &[]), NodesError::Chains { roots: 0, bases: 0 });
        assert_eq!(of(&[0], &[1, 2]), NodesError::Chains { roots: 1, bases: 2 });
        assert!(matches!(of(&[1], &[0]), NodesError::Root { root: 1, .. }));
        assert!(matches!(of(&[0], &[1]), NodesError::Base { chain: 0, .. }));
        let far = Row {
            child: (1 << 31) - 1,
            ..Row::default()
        };
        let error = Nodes::of_chains(&[far], &[0], &[0]).unwrap_err();
        assert!(matches!(error, NodesError::Word { what: "child", .. }));
    }
}
