//! Token embedding: `y[t,d] = m[id_t]·w[id_t,d]`, exact. The tokens are part of the statement's
//! witness, so the verifier evaluates their selector itself:
//! `y(τ_t, τ_d) = Σ_v (Σ_t eq(τ_t, t)·[v = id_t])·m(v)·w(v, τ_d)`.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::relations::Relation;
use laminate_engine::relations::kernel::Kernel;
use laminate_engine::relations::product::{Factor, Product, Stage};
use laminate_engine::switch::on;
use serde::{Deserialize, Serialize};

use super::check::{Use, bits};
use super::dense::column_zeros;
use super::{Bounds, Check, Io, OpSpec, Output, Placed};
use crate::lower::INPUT_TOKENS;
use crate::program::{End, MULTIPLIER_BOUND, Program, Sequence, WEIGHT_BOUND, Weights};

/// `y[t,d] = m[id_t]·w[id_t,d]`: the row of a token, int32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Embed {
    /// Index of the hidden parameters, `(vocab, dim)`.
    pub weight: usize,
}

impl Embed {
    pub(super) const EXAMPLE: Self = Self { weight: 0 };
}

impl OpSpec for Embed {
    fn name(&self) -> &'static str {
        "embed"
    }

    fn over_tokens(&self) -> bool {
        true
    }

    fn check(&self, node: &mut Check<'_, '_>) -> Result<(), String> {
        let weight = self.weight;
        node.claim_weight(weight, Use::Rows)?;
        let out = node.output()?;
        bits(out, 32)?;
        let program = node.program();
        let input = node.io().node.inputs.first();
        let reads = |_: &Sequence| {
            (program.input_end() == End::Tokens || !on("embedding where there are tokens"))
                && (input == Some(&program.input) || !on("embedding of the input"))
        };
        let Some(sequence) = program.sequence.filter(reads) else {
            return Err("reads something else than the tokens of a sequence".into());
        };
        let shape = program.weights.get(weight);
        if shape.is_some_and(|s| {
            (s.stack == 1 || !on("copies of an embedding's weights"))
                && (out.stack == 1 || !on("copies of an embedding"))
                && (s.rows == [sequence.vocab] || !on("rows of an embedding"))
                && (s.cols == out.axes || !on("columns of an embedding"))
        }) {
            Ok(())
        } else {
            Err(format!(
                "weights {weight} are not a (vocabulary, width) table"
            ))
        }
    }

    fn clear_operand(&self) -> Option<usize> {
        Some(0)
    }

    fn output(&self) -> Output {
        Output::Signed
    }

    fn relied_output(&self) -> Option<Bounds> {
        // An exact sum of products.
        None
    }

    fn relied_operand(&self, _: usize) -> Option<Bounds> {
        // Tokens are no column.
        None
    }

    fn padding(&self, _: &Program, _: &dyn Fn(usize) -> i64) -> Option<i64> {
        Some(0)
    }

    fn zero_padding(&self, _: &Io<'_>, _: usize, _: &dyn Fn(usize, usize) -> bool) -> bool {
        true
    }

    fn open_padding(&self, _: &Io<'_>) -> Option<&'static str> {
        None
    }

    fn bound(&self, _: &Io<'_>, _: &Weights) -> u128 {
        (WEIGHT_BOUND * MULTIPLIER_BOUND).unsigned_abs().into()
    }

    fn relations(&self, node: &Placed<'_>) -> Option<Vec<Relation>> {
        let dense = node.layout.dense.get(self.weight)?;
        let shape = node.io.program.weights.get(self.weight)?;
        let [t, d, v] = [0, 1, 2];
        let product = Product {
            name: "embed",
            axes: vec![node.slots_log(), shape.col_log(), shape.row_log()],
            target: Some(node.output()),
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
}
