//! Files of credentials.

use std::path::Path;

use eyre::{WrapErr, ensure};
use halo2curves_axiom::bn256::Fr;
use laminate_engine::field::Scalar;
use laminate_model::artifact::Kind;
use laminate_model::binding::MAX_DEPTH;
use laminate_model::credential::{Membership, Tree};
use serde::{Deserialize, Serialize};

use crate::files;

/// The secret of a holder of credentials. Private.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// What the public identity is a hash of.
    pub secret: Scalar,
}

/// A credential as its issuer gives it to its holder. Private: it holds the values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issued {
    /// Digest of the program whose integers the values are.
    pub program_digest: Scalar,
    /// Whose it is.
    pub identity: Scalar,
    /// Row-major integers, as the program takes them.
    pub values: Vec<i32>,
    /// What stands in the tree.
    pub leaf: Scalar,
}

/// What shows that a credential is in a tree. Private: it holds the holder's secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The credential.
    pub leaf: Scalar,
    /// Root of the tree.
    pub root: Scalar,
    /// Secret and path.
    pub membership: Membership<Scalar>,
}

impl Member {
    /// Reads the file.
    ///
    /// # Errors
    /// Another file, an altered one, or a path that no tree has.
    pub fn read(path: &Path) -> eyre::Result<Self> {
        let (_, member): (_, Self) = files::read(Kind::Membership, path)?;
        let Membership {
            siblings, right, ..
        } = &member.membership;
        ensure!(
            siblings.len() == right.len() && siblings.len() <= usize::from(MAX_DEPTH),
            "{}: a path of {} siblings and {} steps, expected as many of both, at most {MAX_DEPTH}; make it again with `laminate credential prove`",
            path.display(),
            siblings.len(),
            right.len()
        );
        Ok(member)
    }

    /// Secret and path as the prover takes them.
    pub fn membership(&self) -> Membership<Fr> {
        let Membership {
            secret,
            siblings,
            right,
        } = &self.membership;
        let native = |all: &[Scalar]| all.iter().map(|s| s.0).collect();
        Membership {
            secret: secret.0,
            siblings: native(siblings),
            right: native(right),
        }
    }
}

/// A tree that `credential tree` wrote.
///
/// # Errors
/// Another file, an altered one, or leaves that no tree has.
pub fn read_tree(path: &Path) -> eyre::Result<Tree> {
    let (_, tree): (_, Tree) = files::read(Kind::CredentialTree, path)?;
    tree.check().wrap_err_with(|| path.display().to_string())?;
    Ok(tree)
}
