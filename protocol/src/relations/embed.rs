//! Token embedding: `y[t,d] = m[id_t]·w[id_t,d]`, exact. The tokens are part of the statement's
//! witness, so the verifier evaluates their selector itself:
//! `y(τ_t, τ_d) = Σ_v (Σ_t eq(τ_t, t)·[v = id_t])·m(v)·w(v, τ_d)`.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use super::Relation;
use super::dense::column_zeros;
use super::kernel::Kernel;
use super::product::{Factor, Product, Stage};
use crate::claim::View;
use crate::layout::Layout;
use crate::program::{Node, Program};

/// Relations of the node.
pub(super) fn relations(
    program: &Program,
    layout: &Layout,
    node: &Node,
    weight: usize,
) -> Option<Vec<Relation>> {
    let dense = layout.dense.get(weight)?;
    let shape = program.weights.get(weight)?;
    let [t, d, v] = [0, 1, 2];
    let product = Product {
        name: "embed",
        axes: vec![program.batch_log.into(), shape.col_log(), shape.row_log()],
        target: Some(View::tensor(layout, node.output)),
        target_axes: vec![t, d],
        constant: Fr::ONE,
        stages: vec![Stage {
            name: "embed",
            shared: vec![],
            contracted: vec![v],
            kernel: Some(Kernel::Tokens {
                token: t,
                vocabulary: v,
            }),
            factors: vec![
                Factor::new(View::multiplier(dense), &[v]),
                Factor::new(View::weight(dense), &[v, d]),
            ],
            inner: false,
            offset: None,
        }],
    };
    let zeros = column_zeros(View::weight(dense), shape);
    Some(vec![Relation::Product(product), Relation::Zeros(zeros)])
}
