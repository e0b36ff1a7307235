//! Mix of values by softmax weights, of grouped-query attention ([`super::scores`]), with the softmax's division.
//!
//! Weights `(stack, slots, [groups, queries, slots])`, values `(stack, slots, [groups, head])`.
//! `D = Σ_u e`, `D·R + rem = 2^32` with `0 ≤ rem < D`, and
//! `2^32·y + rem - 2^31 = R·Σ_u e(l,t,g,r,u)·v(l,u,g,d)`.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::field::pow2;
use laminate_engine::relations::Relation;
use laminate_engine::relations::elementwise::{Elementwise, Expression, stated};
use laminate_engine::relations::product::{Factor, Product, Stage};
use laminate_engine::relations::row_sum::RowSum;
use laminate_engine::switch::on;
use serde::{Deserialize, Serialize};

use super::bounds::{WORD, half};
use super::check::bits;
use super::{AuxColumn, Bounds, Check, Extent, Io, OpSpec, Output, Placed, Role};
use crate::program::{Program, Weights, axes_log};

impl Role {
    /// `D`.
    pub const TOTAL: Self = Self::new("Total");
}

const DIVISION: [Role; 4] = [
    Role::TOTAL,
    Role::RECIPROCAL,
    Role::DIVISION_LOW,
    Role::DIVISION_HIGH,
];

/// `D = Σ_u e[t,g,r,u]`, `R = floor(2^32 / D)`, `y[t,g,r,d] = round_32(R·Σ_u e[t,g,r,u]·v[u,g,d])`;
/// operands `e`, `v`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mix;

impl Mix {
    pub(super) const EXAMPLE: Self = Self;
}

impl OpSpec for Mix {
    fn name(&self) -> &'static str {
        "mix"
    }

    fn arity(&self) -> usize {
        2
    }

    fn over_tokens(&self) -> bool {
        true
    }

    fn check(&self, node: &mut Check<'_, '_>) -> Result<(), String> {
        let (e, v, out) = (node.operand(0)?, node.operand(1)?, node.output()?);
        for tensor in [e, v, out] {
            bits(tensor, 16)?;
        }
        let slots = node.program().slots() as u32;
        match (e.axes.as_slice(), v.axes.as_slice(), out.axes.as_slice()) {
            ([g, r, u], [vg, vd], [og, or, od])
                if (g == og || !on("groups of a mix"))
                    && (r == or || !on("queries of a mix"))
                    && (g == vg || !on("groups of values"))
                    && (vd == od || !on("features of values"))
                    && (*u == slots || !on("slots of a mix"))
                    && (e.stack == out.stack || !on("copies of weights of a mix"))
                    && (v.stack == out.stack || !on("copies of values")) =>
            {
                Ok(())
            }
            _ => Err(format!(
                "attention {:?} and values {:?} do not give {:?}",
                e.axes, v.axes, out.axes
            )),
        }
    }

    fn output(&self) -> Output {
        Output::Signed
    }

    fn remainder_bytes(&self) -> usize {
        4
    }

    fn columns(&self) -> Vec<AuxColumn> {
        AuxColumn::all(DIVISION, 4, Extent::Rows)
    }

    fn relied_output(&self) -> Option<Bounds> {
        Some(Bounds::signed(16))
    }

    fn relied_operand(&self, _: usize) -> Option<Bounds> {
        Some(Bounds::WORD)
    }

    fn padding(&self, _: &Program, _: &dyn Fn(usize) -> i64) -> Option<i64> {
        Some(0)
    }

    fn zero_padding(
        &self,
        node: &Io<'_>,
        axis: usize,
        zero: &dyn Fn(usize, usize) -> bool,
    ) -> bool {
        // A padded query head attends like any other; only an unpadded axis has none.
        let axes = node.output().map_or(&[] as &[u32], |t| &t.axes);
        let full = axes.get(1).is_some_and(|queries| queries.is_power_of_two());
        match axis {
            0 => zero(1, 0),
            1 => full || !on("padded queries of a mix"),
            _ => zero(1, axis - 1),
        }
    }

    fn open_padding(&self, _: &Io<'_>) -> Option<&'static str> {
        // Summed: slots, which are a power of two.
        None
    }

    fn bound(&self, _: &Io<'_>, _: &Weights) -> u128 {
        // The reciprocal times the sum of the weights is at most 2^32.
        (WORD << 32) + half(32)
    }

    fn relations(&self, node: &Placed<'_>) -> Option<Vec<Relation>> {
        let total = RowSum {
            column: node.operand(0)?,
            sum_log: node.slots_log(),
            total: Some(node.aux(Role::TOTAL)),
        };
        Some(vec![
            Relation::RowSum(total),
            Relation::Elementwise(division(node)),
            Relation::Product(product(node)?),
        ])
    }
}

/// Columns `[D, R, rem, rest]`.
fn division(node: &Placed<'_>) -> Elementwise {
    Elementwise {
        columns: DIVISION.map(|role| node.aux(role)).to_vec(),
        quadratic: stated([(
            on("mix: division"),
            Expression::default()
                .plus(Fr::ONE, &[0, 1])
                .plus(Fr::ONE, &[2])
                .plus(-pow2(32), &[]),
        )]),
        linear: stated([(
            on("mix: remainder below the divisor"),
            Expression::default()
                .plus(Fr::ONE, &[2])
                .plus(Fr::ONE, &[3])
                .plus(Fr::ONE, &[])
                .plus(-Fr::ONE, &[0]),
        )]),
        ..Elementwise::named("attention division")
    }
}

fn product(node: &Placed<'_>) -> Option<Product> {
    let [l, t, g, r, u, d] = [0, 1, 2, 3, 4, 5];
    let mut axes = node.io.attention_axes()?;
    let head = node.io.operand(1)?.axes.get(1..)?;
    axes.extend([node.slots_log(), axes_log(head)]);
    Some(Product {
        name: "mix",
        axes,
        target: Some(node.unrounded(&node.output(), 32)),
        target_axes: vec![l, t, g, r, d],
        constant: Fr::ONE,
        stages: vec![
            Stage {
                name: "mix scale",
                shared: vec![l, t, g, r],
                contracted: vec![],
                kernel: None,
                factors: vec![Factor::new(node.aux(Role::RECIPROCAL), &[l, t, g, r])],
                inner: true,
                offset: None,
            },
            Stage {
                name: "mix",
                shared: vec![l, g],
                contracted: vec![u],
                kernel: None,
                factors: vec![
                    Factor::new(node.operand(0)?, &[l, t, g, r, u]),
                    Factor::new(node.operand(1)?, &[l, u, g, d]),
                ],
                inner: false,
                offset: None,
            },
        ],
    })
}
