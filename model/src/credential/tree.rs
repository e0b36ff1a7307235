//! Trees of credentials, as issuers make them.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::backend::Native;
use laminate_engine::field::Scalar;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Membership, node};
use crate::binding::{MAX_DEPTH, MIN_DEPTH};

/// Leaves under a root. Public: a leaf tells nothing of identity and values to who cannot guess both.
///
/// Places behind the last leaf hold zero, which no credential hashes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// Levels above the leaves.
    pub depth: u8,
    /// The leaves, the first leftmost.
    pub leaves: Vec<Scalar>,
}

/// Why there is no tree, or no path in it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TreeError {
    /// The depth is none that programs have.
    #[error("a tree of {found} levels, expected {MIN_DEPTH} to {MAX_DEPTH}")]
    Depth {
        /// Its depth.
        found: u8,
    },
    /// There are more leaves than places.
    #[error(
        "{found} credentials, a tree of {depth} levels has 2^{depth} places; take a deeper one"
    )]
    Full {
        /// Number of leaves.
        found: usize,
        /// Its depth.
        depth: u8,
    },
    /// Two leaves are alike: one person would stand in the tree twice.
    #[error("credentials {first} and {second} (counted from 0) are the same; leave one out")]
    Twice {
        /// Place of the first.
        first: usize,
        /// Place of the second.
        second: usize,
    },
    /// There is no such leaf.
    #[error(
        "the tree does not hold this credential; its issuer adds it and publishes the new tree"
    )]
    Absent,
}

impl Tree {
    /// Checks depth and leaves.
    ///
    /// # Errors
    /// [`TreeError`].
    pub fn new(depth: u8, leaves: Vec<Scalar>) -> Result<Self, TreeError> {
        let tree = Self { depth, leaves };
        tree.check()?;
        Ok(tree)
    }

    /// As [`Self::new`], of a tree that was read.
    ///
    /// # Errors
    /// [`TreeError`].
    pub fn check(&self) -> Result<(), TreeError> {
        if !(MIN_DEPTH..=MAX_DEPTH).contains(&self.depth) {
            return Err(TreeError::Depth { found: self.depth });
        }
        if self.leaves.len() as u64 > 1 << self.depth {
            return Err(TreeError::Full {
                found: self.leaves.len(),
                depth: self.depth,
            });
        }
        let mut places: Vec<(Fr, usize)> = self.leaves.iter().map(|leaf| leaf.0).zip(0..).collect();
        places.sort_unstable();
        let next = places.iter().skip(1);
        match places.iter().zip(next).find(|(a, b)| a.0 == b.0) {
            None => Ok(()),
            Some(((_, first), (_, second))) => Err(TreeError::Twice {
                first: *first,
                second: *second,
            }),
        }
    }

    /// The root.
    pub fn root(&self) -> Fr {
        let (root, _) = self.climb(0);
        root
    }

    /// What shows that the holder of `secret` has the credential `leaf`.
    ///
    /// # Errors
    /// [`TreeError::Absent`].
    pub fn membership(&self, secret: Fr, leaf: &Fr) -> Result<Membership<Fr>, TreeError> {
        let place = self.leaves.iter().position(|l| l.0 == *leaf);
        let place = place.ok_or(TreeError::Absent)?;
        let (_, siblings) = self.climb(place);
        let right = (0..self.depth).map(|level| Fr::from((place as u64 >> level) & 1));
        Ok(Membership {
            secret,
            siblings,
            right: right.collect(),
        })
    }

    /// The root, and the siblings on the way up from a leaf.
    fn climb(&self, place: usize) -> (Fr, Vec<Fr>) {
        let mut level: Vec<Fr> = self.leaves.iter().map(|leaf| leaf.0).collect();
        // Root of a subtree without leaves.
        let mut empty = Fr::ZERO;
        let (mut at, mut siblings) = (place, vec![]);
        for _ in 0..self.depth {
            let of = |i: usize| level.get(i).copied().unwrap_or(empty);
            siblings.push(of(at ^ 1));
            let pairs = (0..level.len().div_ceil(2)).map(|i| [of(2 * i), of(2 * i + 1)]);
            let next = pairs.map(|[left, right]| node(&mut Native, &left, &right));
            level = next.collect();
            empty = node(&mut Native, &empty, &empty);
            at >>= 1;
        }
        (level.first().copied().unwrap_or(empty), siblings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binding::CredentialWords;
    use crate::credential::{check, identity, leaf, nullifier};
    use crate::statement::Packing;

    fn leaves(count: u64) -> Vec<Scalar> {
        (1..=count).map(|n| Scalar(Fr::from(n))).collect()
    }

    #[test]
    fn every_leaf_has_a_path_to_the_root() {
        for count in [1u64, 2, 3, 5, 8] {
            let secrets: Vec<Fr> = (0..count).map(|n| Fr::from(100 + n)).collect();
            let values = [Fr::from(7), -Fr::from(2)];
            let made = secrets.iter().map(|secret| {
                let id = identity(&mut Native, secret);
                Scalar(leaf(&mut Native, &id, Packing::Short, &values))
            });
            let tree = Tree::new(MIN_DEPTH, made.collect()).unwrap();
            let (root, scope) = (tree.root(), Fr::from(5));
            for (secret, leaf) in secrets.iter().zip(&tree.leaves) {
                let membership = tree.membership(*secret, &leaf.0).unwrap();
                let words = CredentialWords {
                    root: &root,
                    scope: &scope,
                    nullifier: &nullifier(&mut Native, secret, &scope),
                };
                let of = |values: &[Fr]| {
                    let packing = Packing::Short;
                    check(&mut Native, MIN_DEPTH, &membership, packing, values, &words)
                };
                assert_eq!(of(&values), Ok(()));
                assert!(of(&values[..1]).is_err());
                assert!(of(&[values[0], values[1] + Fr::ONE]).is_err());
            }
        }
    }

    #[test]
    fn a_tree_of_nothing_is_its_empty_subtrees() {
        let empty = Tree::new(MIN_DEPTH, vec![]).unwrap();
        let hashed = (0..MIN_DEPTH).fold(Fr::ZERO, |child, _| node(&mut Native, &child, &child));
        assert_eq!(empty.root(), hashed);
        assert_ne!(Tree::new(MIN_DEPTH, leaves(1)).unwrap().root(), hashed);
        let deeper = Tree::new(MIN_DEPTH + 1, leaves(1)).unwrap();
        assert_ne!(
            deeper.root(),
            Tree::new(MIN_DEPTH, leaves(1)).unwrap().root()
        );
    }

    #[test]
    fn depths_doubles_and_absent_leaves_are_refused() {
        for found in [0, MIN_DEPTH - 1, MAX_DEPTH + 1, u8::MAX] {
            assert_eq!(Tree::new(found, vec![]), Err(TreeError::Depth { found }));
        }
        let mut twice = leaves(3);
        twice.push(twice[1]);
        let error = Tree::new(MIN_DEPTH, twice);
        assert_eq!(
            error,
            Err(TreeError::Twice {
                first: 1,
                second: 3
            })
        );
        let tree = Tree::new(MIN_DEPTH, leaves(2)).unwrap();
        let absent = tree.membership(Fr::ONE, &Fr::from(9));
        assert_eq!(absent, Err(TreeError::Absent));
    }
}
