//! Points, as symbols.

use std::fmt;
use std::rc::Rc;

use halo2_base::halo2_proofs::halo2curves::bn256::G1Affine;
use laminate_engine::backend::Backend;
use snark_verifier::loader::LoadedEcPoint;

use super::{Loader, Scalar};

/// A point that is not computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    Generator,
    /// By place.
    Point(usize),
}

pub(super) enum Node<'a, B: Backend> {
    Base(Base),
    Sum(Rc<Vec<(Scalar<'a, B>, Base)>>),
}

impl<B: Backend> Clone for Node<'_, B> {
    fn clone(&self) -> Self {
        match self {
            Self::Base(base) => Self::Base(*base),
            Self::Sum(terms) => Self::Sum(terms.clone()),
        }
    }
}

/// A loaded point.
pub(in super::super) struct Point<'a, B: Backend> {
    pub(super) loader: Loader<'a, B>,
    pub(super) node: Node<'a, B>,
}

impl<B: Backend> Clone for Point<'_, B> {
    fn clone(&self) -> Self {
        Self {
            loader: self.loader.clone(),
            node: self.node.clone(),
        }
    }
}

impl<B: Backend> fmt::Debug for Point<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            Node::Base(base) => write!(f, "{base:?}"),
            Node::Sum(terms) => write!(f, "Sum of {}", terms.len()),
        }
    }
}

impl<B: Backend> PartialEq for Point<'_, B> {
    fn eq(&self, other: &Self) -> bool {
        match (&self.node, &other.node) {
            (Node::Base(a), Node::Base(b)) => a == b,
            (Node::Sum(a), Node::Sum(b)) => Rc::ptr_eq(a, b),
            _ => false,
        }
    }
}

impl<'a, B: Backend> LoadedEcPoint<G1Affine> for Point<'a, B> {
    type Loader = Loader<'a, B>;

    fn loader(&self) -> &Loader<'a, B> {
        &self.loader
    }
}
