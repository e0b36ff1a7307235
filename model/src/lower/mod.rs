//! Ops as relations of the engine: one file per op.
//!
//! | op | file | proof |
//! | --- | --- | --- |
//! | dense, dense_add | [`dense`] | products, two sumchecks |
//! | ReLU, leaky ReLU | [`relu`] | one zero-check |
//! | add | [`add`] | linear, a random point |
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
//! Range checks are not part of a relation: every committed column lies in a region that one lookup
//! covers ([`lookups`]), or tables show what is relied on ([`crate::layout::reliance`]).

pub mod activation;
pub mod add;
pub mod argmax;
pub mod attention;
pub mod dense;
pub mod embed;
pub mod lookups;
pub mod mul;
pub mod relu;
pub mod rms_norm;
pub mod rope;
pub mod softmax;

use laminate_engine::relations::{Elementwise, Relation};

use crate::layout::Layout;
use crate::program::{Op, Program};

/// Number of the list of input tokens, which an embedding reads.
pub const INPUT_TOKENS: usize = 0;
/// Number of the list of output tokens.
pub const OUTPUT_TOKENS: usize = 1;

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
    use halo2curves_axiom::bn256::Fr;
    use laminate_engine::field::fr_from_i64;
    use laminate_engine::relations::Elementwise;

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
