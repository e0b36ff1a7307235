//! Credentials: values that an issuer attests to a person, proven without telling whose they are.
//!
//! ```text
//! id        = H_identity(secret)
//! leaf      = H_credential(id, number of values, tag of their packing, packed values…)
//! root      = the leaf under `depth` levels of H_credential-node(left, right)
//! nullifier = H_nullifier(secret, scope)
//! ```
//!
//! Every `H_d` is the transcript's sponge in a domain of its own. The issuer makes the leaf of an identity without
//! its secret and publishes the root; a proof states root, scope and nullifier, and shows that the values which the
//! program ran on are those under some leaf of the tree whose secret it knows ([`check`]).

mod tree;

use halo2curves_axiom::bn256::Fr;
use laminate_engine::backend::Backend;
use laminate_engine::error::{Check, VerifyError, expect_len};
use laminate_engine::sumcheck::map_all;
use laminate_engine::switch::on;
use laminate_engine::transcript::{Domain, hash};
use serde::{Deserialize, Serialize};

use crate::binding::CredentialWords;
use crate::statement::{Packing, pack};

pub use tree::{Tree, TreeError};

/// What shows that a credential is in a tree. Private.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership<S> {
    /// Of its holder.
    pub secret: S,
    /// The other child at every level, the leaf's sibling first.
    pub siblings: Vec<S>,
    /// Whether the way up comes from the right child, at every level: 0 or 1.
    pub right: Vec<S>,
}

impl<S> Membership<S> {
    /// Maps every scalar, in a fixed order.
    ///
    /// # Errors
    /// The first error of `scalar`.
    pub fn try_map<T, E>(
        &self,
        scalar: &mut impl FnMut(&S) -> Result<T, E>,
    ) -> Result<Membership<T>, E> {
        Ok(Membership {
            secret: scalar(&self.secret)?,
            siblings: map_all(&self.siblings, scalar)?,
            right: map_all(&self.right, scalar)?,
        })
    }
}

/// The public identity of a secret.
pub fn identity<B: Backend>(backend: &mut B, secret: &B::Scalar) -> B::Scalar {
    hash(backend, Domain::Identity, std::slice::from_ref(secret))
}

/// The leaf of an identity with values, row-major and packed as an input commitment packs them.
pub fn leaf<B: Backend>(
    backend: &mut B,
    identity: &B::Scalar,
    packing: Packing,
    values: &[B::Scalar],
) -> B::Scalar {
    let mut message = vec![
        identity.clone(),
        backend.constant(Fr::from(values.len() as u64)),
        backend.constant(Fr::from(packing.tag())),
    ];
    message.extend(pack(backend, packing, values));
    hash(backend, Domain::Credential, &message)
}

/// A node of a tree.
pub fn node<B: Backend>(backend: &mut B, left: &B::Scalar, right: &B::Scalar) -> B::Scalar {
    hash(
        backend,
        Domain::CredentialNode,
        &[left.clone(), right.clone()],
    )
}

/// What a secret leaves in a scope: the same again, and nothing that another scope's tells.
pub fn nullifier<B: Backend>(backend: &mut B, secret: &B::Scalar, scope: &B::Scalar) -> B::Scalar {
    hash(backend, Domain::Nullifier, &[secret.clone(), scope.clone()])
}

/// The root above a leaf; every step is asserted to be to one side.
fn root<B: Backend>(
    backend: &mut B,
    leaf: B::Scalar,
    membership: &Membership<B::Scalar>,
) -> Result<B::Scalar, VerifyError> {
    let mut current = leaf;
    for (sibling, right) in membership.siblings.iter().zip(&membership.right) {
        if on("side of a step in a credential's path") {
            let square = backend.mul(right, right);
            backend.assert_equal(&square, right, Check::CredentialPath)?;
        }
        // With `right` zero the children are `current, sibling`, with one they are swapped.
        let difference = backend.sub(sibling, &current);
        let first = backend.mul_add(right, &difference, &current);
        let one = Fr::from(1);
        let second = backend.linear(
            Fr::from(0),
            &[
                (one, sibling.clone()),
                (one, current),
                (-one, first.clone()),
            ],
        );
        current = node(backend, &first, &second);
    }
    Ok(current)
}

/// That `values` are those of a credential of the holder of `membership`'s secret, in the tree of the stated root, of
/// `depth` levels, and that the stated nullifier is the holder's in the stated scope.
///
/// # Errors
/// [`VerifyError::Shape`] for a path of another length; [`VerifyError::Check`].
pub fn check<B: Backend>(
    backend: &mut B,
    depth: u8,
    membership: &Membership<B::Scalar>,
    packing: Packing,
    values: &[B::Scalar],
    words: &CredentialWords<&B::Scalar>,
) -> Result<(), VerifyError> {
    let depth = usize::from(depth);
    expect_len("siblings of a credential", membership.siblings.len(), depth)?;
    expect_len(
        "steps of a credential's path",
        membership.right.len(),
        depth,
    )?;
    let identity = identity(backend, &membership.secret);
    let leaf = leaf(backend, &identity, packing, values);
    let root = root(backend, leaf, membership)?;
    if on("root of a credential") {
        backend.assert_equal(&root, words.root, Check::CredentialRoot)?;
    }
    let nullifier = nullifier(backend, &membership.secret, words.scope);
    if on("nullifier") {
        backend.assert_equal(&nullifier, words.nullifier, Check::Nullifier)?;
    }
    Ok(())
}
