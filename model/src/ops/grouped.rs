//! Dense layers of groups: each group of the operand has weights of its own. A grouped or depthwise convolution, if the
//! operand is a view of windows; a factor and an offset for each feature, if every feature is a group.
//!
//! Shapes: `x (slots, places, groups, cols)`, `w (groups, rows, cols)`, `bias, m (groups, rows)`,
//! `y, rem (slots, places, groups, rows)`; all padded. Groups are the first axes of the weights' rows; there may be no other
//! rows and no columns: one of each. The identity is that of [`super::dense`] with the group as an axis that both stages share,
//! `m·(Σ_k w(g,j,k)·x(t,g,k) + bias) = 2^s·y + rem - 2^(s-1)`; padded groups and rows have the multiplier zero ([`Zeros`]), so
//! their outputs are zero whatever the weights.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::relations::Relation;
use laminate_engine::relations::product::{Factor, Product, Stage};
use laminate_engine::relations::zeros::Zeros;
use laminate_engine::switch::on;
use serde::{Deserialize, Serialize};

use super::bounds::{WORD, half, values};
use super::check::{Use, bits};
use super::dense::{column_zeros, dense_bound, multiplier_axes};
use super::{Bounds, Check, Io, OpSpec, Output, Placed};
use crate::program::{Program, Weights, axes_log};

/// `y[b,g,j] = floor((m[g,j]·(Σ_k w[g,j,k]·x[b,g,k] + bias[g,j]) + 2^(s-1)) / 2^s)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grouped {
    /// Index of the hidden parameters in [`Program::weights`].
    pub weight: usize,
    /// Number of axes of the weights' rows that are groups, at least 1.
    pub groups: usize,
    /// `s`: 16, 24 or 32.
    pub shift: u8,
}

impl Grouped {
    pub(super) const EXAMPLE: Self = Self {
        weight: 0,
        groups: 1,
        shift: 16,
    };

    /// Number of axes of the operand before the groups: the layer is applied at each of their places.
    fn positions(self, node: &Io<'_>) -> usize {
        let shape = node.program.weights.get(self.weight);
        let own = shape.map_or(0, |shape| shape.cols.len() + self.groups);
        node.operand(0)
            .map_or(0, |x| x.axes.len().saturating_sub(own))
    }
}

impl OpSpec for Grouped {
    fn name(&self) -> &'static str {
        "grouped"
    }

    fn check(&self, node: &mut Check<'_, '_>) -> Result<(), String> {
        node.shift(self.shift, &[16, 24, 32])?;
        node.claim_weight(self.weight, Use::Layer)?;
        if node.program().sequence.is_some() && on("groups of rows") {
            return Err("is an op over rows".into());
        }
        let (x, out) = (node.operand(0)?, node.output()?);
        // Raw inputs have 32 bits.
        if x.bits != 32 {
            bits(x, 16)?;
        }
        node.rounded()?;
        let shape = node.program().weights.get(self.weight);
        let shape = shape.ok_or_else(|| format!("weights {} do not exist", self.weight))?;
        let some = self.groups > 0 || !on("groups above zero");
        let groups = shape.rows.get(..self.groups).filter(|_| some);
        // Places before what the layer reads and makes.
        let own = |axes: &'_ [u32], own: &[u32]| axes.strip_suffix(own).map(<[u32]>::to_vec);
        let read = groups.map(|groups| [groups, &shape.cols].concat());
        let places = read.and_then(|read| own(&x.axes, &read));
        let made = own(&out.axes, &shape.rows);
        if (places.is_some() && made.is_some() || !on("axes of a grouped layer"))
            && (places == made || !on("positions of a grouped layer"))
            && (shape.stack == 1 || !on("one copy of grouped weights"))
        {
            return Ok(());
        }
        Err(format!(
            "weights are {:?}x{:?} ({} axes of groups, {} copies); {:?} does not give {:?}",
            shape.rows, shape.cols, self.groups, shape.stack, x.axes, out.axes
        ))
    }

    fn output(&self) -> Output {
        Output::Signed
    }

    fn remainder_bytes(&self) -> usize {
        usize::from(self.shift) / 8
    }

    fn steps(&self, node: &Io<'_>) -> bool {
        self.positions(node) > 0
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

    fn even_padding(&self, node: &Io<'_>, _: &dyn Fn(usize) -> bool) -> bool {
        self.positions(node) == 0
    }

    fn zero_padding(&self, node: &Io<'_>, axis: usize, _: &dyn Fn(usize, usize) -> bool) -> bool {
        // Padded groups and rows have no multiplier; at padded positions there is a bias.
        axis >= self.positions(node) || !on("padded positions of a grouped layer")
    }

    fn open_padding(&self, _: &Io<'_>) -> Option<&'static str> {
        // Where the operand is not zero, the weights of padded columns are.
        None
    }

    fn bound(&self, node: &Io<'_>, weights: &Weights) -> u128 {
        let most = node.operand(0).map_or(WORD, values);
        dense_bound(weights, self.weight, most) + half(self.shift)
    }

    fn relations(&self, node: &Placed<'_>) -> Option<Vec<Relation>> {
        let dense = node.layout.dense.get(self.weight)?;
        let shape = node.io.program.weights.get(self.weight)?;
        let [t, g, j, k] = [0, 1, 2, 3];
        // Positions are more of the slots.
        let positions = self.positions(&node.io);
        let places = node.io.operand(0)?.axes.get(..positions)?;
        let (groups, own) = shape.rows.split_at_checked(self.groups)?;
        let multiplier = dense.multiplier_view();
        let rows = Stage {
            name: "grouped row",
            shared: vec![g, j],
            contracted: vec![],
            kernel: None,
            factors: vec![Factor::new(multiplier.clone(), &[g, j])],
            inner: true,
            offset: dense.bias_view().map(|bias| Factor::new(bias, &[g, j])),
        };
        let inner = Stage {
            name: "grouped inner",
            shared: vec![g],
            contracted: vec![k],
            kernel: None,
            factors: vec![
                Factor::new(dense.weight_view(), &[g, j, k]),
                Factor::new(node.operand(0)?, &[t, g, k]),
            ],
            inner: false,
            offset: None,
        };
        let product = Product {
            name: "grouped",
            axes: vec![
                node.slots_log() + axes_log(places),
                axes_log(groups),
                axes_log(own),
                shape.col_log(),
            ],
            target: Some(node.unrounded(&node.output(), self.shift.into())),
            target_axes: vec![t, g, j],
            constant: Fr::ONE,
            stages: vec![rows, inner],
        };
        let zeros = Zeros {
            view: multiplier,
            axes: multiplier_axes(shape),
        };
        let mut out = vec![Relation::Product(product), Relation::Zeros(zeros)];
        if !node.io.zero_padded(0, positions + self.groups) {
            out.push(Relation::Zeros(column_zeros(dense.weight_view(), shape)));
        }
        Some(out)
    }
}
