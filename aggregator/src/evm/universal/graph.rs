//! The verifier's field arithmetic as a graph, recorded before any text is written.
//!
//! A [`Recorder`] is a snark-verifier loader: its verifier runs on it once and leaves a graph of sums, products and inverses over words of the calldata
//! and challenges. The graph knows nothing of the chain; [`super::emit`] writes it down.
//!
//! # Equal functions are computed once
//! Every node carries its value where each leaf (a word, a challenge, a power to `n`) has a value drawn by a hash of its name. Nodes are rational functions
//! of the leaves of low degree (below 2^24); two that differ take the same value there with probability below 2^-220, so equal values are taken for
//! equal functions and the later node is not made. This finds, among others, that the sum of barycentric weights inverts to the product of its
//! denominators, which saves SHPLONK's second inversion. Where both functions are defined they agree, and the contract refuses where the inverses it
//! computes are not defined.
//!
//! # Domain
//! [`Recorder`] puts the key's words in the place of the [stand-in domain](super::super::template).

use std::{
    cell::RefCell,
    collections::HashMap,
    ops::{Add, AddAssign, Mul, MulAssign, Neg, Sub, SubAssign},
    rc::Rc,
};

use halo2_base::halo2_proofs::halo2curves::{
    bn256::{Fr, G1Affine},
    ff::Field,
};
use snark_verifier::{
    loader::{EcPointLoader, LoadedEcPoint, LoadedScalar, Loader, ScalarLoader},
    util::arithmetic::FieldOps,
};

use super::super::template::{MAX_ROTATION, ROWS, hash, stand_in};

/// Index of a node; operands have smaller ones.
pub(super) type Id = usize;

/// A field element of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Node {
    /// Known to the generator.
    Constant(Fr),
    /// The word at an offset of the calldata, canonical.
    Calldata(usize),
    /// A challenge, by number.
    Challenge(usize),
    /// `-a`.
    Negated(Id),
    /// `a + b`.
    Sum(Id, Id),
    /// `a · b`.
    Product(Id, Id),
    /// `1/a`; the contract refuses `a = 0`.
    Inverse(Id),
    /// `a^n` with `n` the rows of the key.
    RowsPower(Id),
}

impl Node {
    /// Nodes that it is made of.
    pub(super) fn operands(self) -> impl Iterator<Item = Id> {
        let (a, b) = match self {
            Self::Constant(_) | Self::Calldata(_) | Self::Challenge(_) => (None, None),
            Self::Negated(a) | Self::Inverse(a) | Self::RowsPower(a) => (Some(a), None),
            Self::Sum(a, b) | Self::Product(a, b) => (Some(a), Some(b)),
        };
        a.into_iter().chain(b)
    }
}

/// A point that is not computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    /// Known to the generator.
    Constant(G1Affine),
    /// Two words at an offset of the calldata.
    Calldata(usize),
}

/// A point of the contract.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum PointNode {
    /// Not computed.
    Base(Base),
    /// `Σ scalar · point`.
    Sum(Rc<Vec<(Id, Base)>>),
}

/// The domain: words of the calldata, or known to the generator.
#[derive(Clone, Copy, Debug)]
pub(super) struct DomainWords {
    /// `1/n`.
    pub n_inverse: Node,
    /// ω.
    pub generator: Node,
    /// `1/ω`.
    pub generator_inverse: Node,
}

/// Nodes and what came up while they were recorded.
#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    /// Of each node, where every leaf has a value of its own, drawn by a hash.
    values: Vec<Fr>,
    by_value: HashMap<Fr, Id>,
    stand_ins: HashMap<Fr, Id>,
    /// A loader's function that the contract cannot do and the verifier asked for.
    pub unsupported: Option<&'static str>,
}

impl Graph {
    /// The nodes, operands first.
    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    fn constant(&self, id: Id) -> Option<Fr> {
        match self.nodes[id] {
            Node::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// The node, or another that is the same function of the leaves.
    pub(super) fn add(&mut self, node: Node) -> Id {
        let node = self.simple(node);
        let value = self.value(node);
        if let Some(id) = self.by_value.get(&value) {
            return *id;
        }
        if let Some(id) = self.by_value.get(&-value).copied()
            && matches!(node, Node::Sum(..) | Node::Product(..))
        {
            return self.add(Node::Negated(id));
        }
        let id = self.nodes.len();
        self.nodes.push(self.reassociated(node));
        self.values.push(value);
        self.by_value.insert(value, id);
        id
    }

    /// The same value with constants folded.
    fn simple(&self, node: Node) -> Node {
        match node {
            Node::Negated(a) => match self.constant(a) {
                Some(value) => Node::Constant(-value),
                None => node,
            },
            Node::Sum(a, b) => match (self.constant(a), self.constant(b)) {
                (Some(a), Some(b)) => Node::Constant(a + b),
                _ => node,
            },
            Node::Product(a, b) => match (self.constant(a), self.constant(b)) {
                (Some(a), Some(b)) => Node::Constant(a * b),
                (Some(factor), _) if factor == -Fr::ONE => Node::Negated(b),
                (_, Some(factor)) if factor == -Fr::ONE => Node::Negated(a),
                _ => node,
            },
            other => other,
        }
    }

    /// `(a·b)·c` as `(a·c)·b` where `a·c` is there already.
    fn reassociated(&self, node: Node) -> Node {
        let Node::Product(x, y) = node else {
            return node;
        };
        let known = |a: Id, b: Id| {
            self.by_value
                .get(&(self.values[a] * self.values[b]))
                .copied()
        };
        let turned = |product: Id, c: Id| match self.nodes[product] {
            Node::Product(a, b) => known(a, c)
                .map(|ac| Node::Product(ac, b))
                .or_else(|| known(b, c).map(|bc| Node::Product(bc, a))),
            _ => None,
        };
        turned(x, y).or_else(|| turned(y, x)).unwrap_or(node)
    }

    fn value(&mut self, node: Node) -> Fr {
        match node {
            Node::Constant(value) => value,
            Node::Calldata(at) => hash(&format!("calldata.{at}")),
            Node::Challenge(number) => hash(&format!("challenge.{number}")),
            Node::Negated(a) => -self.values[a],
            Node::Sum(a, b) => self.values[a] + self.values[b],
            Node::Product(a, b) => self.values[a] * self.values[b],
            Node::Inverse(a) => {
                let inverse = Option::from(self.values[a].invert());
                if inverse.is_none() {
                    self.unsupported = Some("the inverse of zero");
                }
                inverse.unwrap_or_default()
            }
            Node::RowsPower(a) => hash(&format!("power.{:?}", self.values[a])),
        }
    }
}

/// The loader.
#[derive(Clone, Debug)]
pub(super) struct Recorder(pub(super) Rc<RefCell<Graph>>);

impl Recorder {
    /// An empty graph for a domain of `words`.
    pub(super) fn new(words: DomainWords) -> Self {
        let mut graph = Graph::default();
        let domain = stand_in();
        let n_inverse = graph.add(words.n_inverse);
        graph.stand_ins.insert(domain.n_inv, n_inverse);
        let sides = [
            (domain.r#gen, words.generator),
            (domain.gen_inv, words.generator_inverse),
        ];
        for (stand_in, word) in sides {
            let base = graph.add(word);
            let (mut value, mut power) = (stand_in, base);
            for _ in 0..MAX_ROTATION {
                graph.stand_ins.insert(value, power);
                value *= stand_in;
                power = graph.add(Node::Product(power, base));
            }
        }
        Self(Rc::new(RefCell::new(graph)))
    }

    /// A scalar of a node.
    pub(super) fn scalar(&self, node: Node) -> Scalar {
        let id = self.0.borrow_mut().add(node);
        Scalar {
            recorder: self.clone(),
            id,
        }
    }

    /// A point.
    pub(super) fn point(&self, node: PointNode) -> Point {
        Point {
            recorder: self.clone(),
            node,
        }
    }

    fn unsupported(&self, function: &'static str) {
        self.0.borrow_mut().unsupported = Some(function);
    }
}

/// A loaded scalar.
#[derive(Clone, Debug)]
pub(super) struct Scalar {
    recorder: Recorder,
    /// Its node.
    pub id: Id,
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

/// A loaded point.
#[derive(Clone, Debug)]
pub(super) struct Point {
    recorder: Recorder,
    /// What it is.
    pub node: PointNode,
}

impl PartialEq for Point {
    fn eq(&self, other: &Self) -> bool {
        self.node == other.node
    }
}

impl Neg for Scalar {
    type Output = Self;

    fn neg(self) -> Self {
        self.recorder.scalar(Node::Negated(self.id))
    }
}

macro_rules! operator {
    ($operator:ident, $function:ident, $assign:ident, $assign_function:ident, $node:expr) => {
        impl<'a> $operator<&'a Self> for Scalar {
            type Output = Self;

            fn $function(self, other: &'a Self) -> Self {
                let node: fn(&Self, &Self) -> Node = $node;
                self.recorder.scalar(node(&self, other))
            }
        }

        impl $operator for Scalar {
            type Output = Self;

            fn $function(self, other: Self) -> Self {
                $operator::$function(self, &other)
            }
        }

        impl<'a> $assign<&'a Self> for Scalar {
            fn $assign_function(&mut self, other: &'a Self) {
                *self = $operator::$function(self.clone(), other);
            }
        }

        impl $assign for Scalar {
            fn $assign_function(&mut self, other: Self) {
                *self = $operator::$function(self.clone(), &other);
            }
        }
    };
}

operator!(Add, add, AddAssign, add_assign, |a, b| Node::Sum(
    a.id, b.id
));
operator!(Sub, sub, SubAssign, sub_assign, |a, b| Node::Sum(
    a.id,
    (-b.clone()).id
));
operator!(Mul, mul, MulAssign, mul_assign, |a, b| Node::Product(
    a.id, b.id
));

impl FieldOps for Scalar {
    fn invert(&self) -> Option<Self> {
        Some(self.recorder.scalar(Node::Inverse(self.id)))
    }
}

impl LoadedScalar<Fr> for Scalar {
    type Loader = Recorder;

    fn loader(&self) -> &Recorder {
        &self.recorder
    }

    /// Square and multiply, but for the exponent that stands for `n`.
    fn pow_const(&self, exponent: u64) -> Self {
        if exponent == ROWS {
            return self.recorder.scalar(Node::RowsPower(self.id));
        }
        let bits = (0..u64::BITS - exponent.leading_zeros()).rev();
        bits.fold(self.recorder.load_one(), |power, bit| {
            let square = power.clone() * &power;
            match exponent >> bit & 1 {
                1 => square * self,
                _ => square,
            }
        })
    }

    fn pow_var(&self, _: &Self, _: usize) -> Self {
        self.recorder.unsupported("pow_var");
        self.clone()
    }
}

impl LoadedEcPoint<G1Affine> for Point {
    type Loader = Recorder;

    fn loader(&self) -> &Recorder {
        &self.recorder
    }
}

impl ScalarLoader<Fr> for Recorder {
    type LoadedScalar = Scalar;

    fn load_const(&self, value: &Fr) -> Scalar {
        let known = self.0.borrow().stand_ins.get(value).copied();
        match known {
            Some(id) => Scalar {
                recorder: self.clone(),
                id,
            },
            None => self.scalar(Node::Constant(*value)),
        }
    }

    fn assert_eq(&self, _: &str, _: &Scalar, _: &Scalar) {
        self.unsupported("assert_eq");
    }
}

impl EcPointLoader<G1Affine> for Recorder {
    type LoadedEcPoint = Point;

    fn ec_point_load_const(&self, value: &G1Affine) -> Point {
        self.point(PointNode::Base(Base::Constant(*value)))
    }

    fn ec_point_assert_eq(&self, _: &str, _: &Point, _: &Point) {
        self.unsupported("ec_point_assert_eq");
    }

    /// Of points that are not sums themselves: the verifier has no others.
    #[expect(
        clippy::expect_used,
        reason = "the trait has no error; snark-verifier never sums nothing"
    )]
    fn multi_scalar_multiplication(pairs: &[(&Scalar, &Point)]) -> Point {
        let (first, _) = pairs.first().expect("a sum of points has a term");
        let terms = pairs.iter().filter_map(|(scalar, point)| match point.node {
            PointNode::Base(base) => Some((scalar.id, base)),
            PointNode::Sum(_) => {
                first.recorder.unsupported("a sum of sums of points");
                None
            }
        });
        let terms = Rc::new(terms.collect());
        first.recorder.point(PointNode::Sum(terms))
    }
}

impl Loader<G1Affine> for Recorder {}
