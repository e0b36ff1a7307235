//! Token embedding: `y[t,d] = m[id_t]·w[id_t,d]`, exact. The tokens are part of the statement's
//! witness, so the verifier evaluates their selector itself:
//! `y(τ_t, τ_d) = Σ_v (Σ_t eq(τ_t, t)·[v = id_t])·m(v)·w(v, τ_d)`.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use super::INPUT_TOKENS;
use super::dense::column_zeros;
use crate::layout::Layout;
use crate::program::{Node, Program};
use laminate_engine::relations::Relation;
use laminate_engine::relations::kernel::Kernel;
use laminate_engine::relations::product::{Factor, Product, Stage};

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
        target: Some(layout.tensor(node.output)),
        target_axes: vec![t, d],
        constant: Fr::ONE,
        stages: vec![Stage {
            name: "embed",
            shared: vec![],
            contracted: vec![v],
            kernel: Some(Kernel::Known {
                list: INPUT_TOKENS,
                slot: t,
                entry: v,
                shared: false,
            }),
            factors: vec![
                Factor::new(dense.multiplier_view(), &[v]),
                Factor::new(dense.weight_view(), &[v, d]),
            ],
            inner: false,
            offset: None,
        }],
    };
    let zeros = column_zeros(dense.weight_view(), shape);
    Some(vec![Relation::Product(product), Relation::Zeros(zeros)])
}
