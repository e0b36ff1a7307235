//! Relations: one file per op, as data that prover, native verifier and circuit all read.
//!
//! | op | file | proof |
//! | --- | --- | --- |
//! | dense, dense_add | [`dense`] | a product of two stages |
//! | ReLU, leaky ReLU | [`relu`] | one zero-check |
//! | add | [`add`] | linear, a claim |
//! | mul | [`mul`] | one zero-check |
//! | activation | [`activation`] | lookups only |
//! | reshape | – | wiring: the output is the operand's column |
//! | embed | [`embed`] | a product over the vocabulary |
//! | rms_norm | [`rms_norm`] | two products, one zero-check |
//! | rope | [`rope`] | a product with public angles |
//! | scores, mix | [`attention`] | products, row sums, a zero-check |
//! | softmax | [`softmax`] | one zero-check, row sums, lookups |
//! | argmax | [`argmax`] | linear, and a product |
//!
//! They are made of a few kinds: sums of products ([`product`], weights in [`kernel`]), element-wise
//! identities ([`elementwise`]), row sums ([`row_sum`]) and padding that is zero ([`zeros`]). One joint sumcheck
//! shows those of all nodes ([`crate::joint`]).
//!
//! Range checks are not part of a relation: every committed column lies in a region that one lookup
//! covers ([`crate::lookup`]), or tables show what is relied on ([`crate::layout::reliance`]).

pub mod activation;
pub mod add;
pub mod argmax;
pub mod attention;
pub mod dense;
pub mod elementwise;
pub mod embed;
pub mod kernel;
pub mod mul;
pub mod product;
pub mod relu;
pub mod rms_norm;
pub mod rope;
pub mod row_sum;
pub mod softmax;
pub mod zeros;

use crate::layout::Layout;
use crate::program::{Op, Program};

pub use argmax::Gap;
pub use elementwise::{Causal, Elementwise, Expression, Monomial};
pub use kernel::Kernel;
pub use product::{Factor, Product, Stage};
pub use row_sum::RowSum;
pub use zeros::Zeros;

/// One statement about columns; a node has a list of them.
#[derive(Clone, Debug)]
pub enum Relation {
    /// A column is a sum of products of others.
    Product(Product),
    /// Identities between columns, element by element.
    Elementwise(Elementwise),
    /// Sums of rows.
    RowSum(RowSum),
    /// Logits below the best.
    Gap(Gap),
    /// Padding that is zero.
    Zeros(Zeros),
}

impl Relation {
    /// Name in errors.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Product(relation) => relation.name,
            Self::Elementwise(relation) => relation.name,
            Self::RowSum(_) => "row sum",
            Self::Gap(_) => "gap",
            Self::Zeros(_) => "zeros",
        }
    }

    /// Number of variables of its point before any stage: of a target, a zero-check, a row, a claim.
    pub fn point_log(&self) -> usize {
        match self {
            Self::Product(relation) => relation.point_log(),
            Self::Elementwise(relation) => relation.log(),
            Self::RowSum(relation) => relation.row_log(),
            Self::Gap(relation) => relation.logs.iter().sum(),
            Self::Zeros(relation) => relation.point_log(),
        }
    }

    /// Number of sumchecks.
    pub fn stages(&self) -> usize {
        match self {
            Self::Product(relation) => relation.stages.len(),
            Self::Elementwise(relation) => usize::from(!relation.quadratic.is_empty()),
            Self::RowSum(_) | Self::Gap(_) | Self::Zeros(_) => 0,
        }
    }
}

/// What relations read beside committed columns: the program, and the tokens as bits, most
/// significant first, for every slot.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a, S> {
    /// The program.
    pub program: &'a Program,
    /// Input tokens.
    pub tokens: &'a [Vec<S>],
    /// Output tokens.
    pub choices: &'a [Vec<S>],
}

/// The relations of node `index`; none for ops that are only wiring and lookups.
pub fn relations(program: &Program, layout: &Layout, index: usize) -> Vec<Relation> {
    let Some(node) = program.nodes.get(index) else {
        return vec![];
    };
    let single = |relation: Elementwise| Some(vec![Relation::Elementwise(relation)]);
    let found = match node.op {
        Op::Dense { weight, shift } | Op::DenseAdd { weight, shift } => {
            dense::relations(program, layout, index, node, (weight, shift))
        }
        Op::Relu => single(relu::relu(program, layout, index, node)),
        Op::LeakyRelu { slope } => single(relu::leaky_relu(program, layout, index, node, slope)),
        Op::Add { left, right, shift } => single(add::relation(
            program,
            layout,
            index,
            node,
            (left, right, shift),
        )),
        Op::Mul { multiplier, shift } => single(mul::relation(
            program,
            layout,
            index,
            node,
            (multiplier, shift),
        )),
        Op::Activation { .. } | Op::Reshape => None,
        Op::Embed { weight } => embed::relations(program, layout, node, weight),
        Op::RmsNorm { epsilon, numerator } => {
            rms_norm::relations(program, layout, index, node, (epsilon, numerator))
        }
        Op::Rope { table } => rope::relations(program, layout, index, node, table),
        Op::Scores { multiplier, shift } => {
            attention::scores(program, layout, index, node, (multiplier, shift))
        }
        Op::Softmax { .. } => softmax::relations(program, layout, index, node),
        Op::Mix => attention::mix(program, layout, index, node),
        Op::Argmax => argmax::relations(program, layout, index, node),
    };
    found.unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod testing {
    use super::Elementwise;
    use crate::field::fr_from_i64;
    use halo2curves_axiom::bn256::Fr;

    /// Asserts that the relation accepts `good` columns and refuses each of `bad`.
    pub fn accepts_and_refuses(relation: &Elementwise, good: &[i64], bad: &[&[i64]]) {
        let holds = |row: &[i64]| {
            let row: Vec<Fr> = row.iter().map(|v| fr_from_i64(*v)).collect();
            assert_eq!(row.len(), relation.columns.len());
            relation
                .quadratic
                .iter()
                .chain(&relation.linear)
                .all(|e| e.evaluate(&row) == Fr::from(0))
        };
        assert!(holds(good), "{good:?} refused");
        for row in bad {
            assert!(!holds(row), "{row:?} accepted");
        }
    }
}
