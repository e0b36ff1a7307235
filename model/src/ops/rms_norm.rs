//! RMS normalisation over the last axis, `(stack, slots, places, width)`, by integers: of the residual stream, of rows, and of
//! a view of rows. Of the view `n·x - Σ_d x` it is what LayerNormalization does before its factors.
//!
//! With `A = Σ_d x² + eps`, `s = isqrt(A)` and `R = floor(K / s)`, the output is `round_32(x·R)`
//! (Zhang and Sennrich 2019; `K` holds `sqrt(width)` and the output scale). Relations:
//!
//! 1. `A - eps = Σ_d x²`, a [`Product`];
//! 2. on the small columns `(stack, slots, places)`: `s² + low = A`, `low + high = 2s`, `s·R + rem = K`,
//!    `rem + rest = s - 1`. All six are limbs, so not negative: `s² ≤ A < (s+1)²` and
//!    `0 ≤ K - s·R < s`, which leaves one `s` and one `R`;
//! 3. `2^32·y + rem - 2^31 = R·x`, a [`Product`].

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::relations::Relation;
use laminate_engine::relations::elementwise::{Elementwise, Expression, stated};
use laminate_engine::relations::product::{Factor, Product, Stage};
use laminate_engine::switch::on;
use serde::{Deserialize, Serialize};

use super::bounds::half;
use super::check::{bits, positive, same_shape};
use super::{AuxColumn, Bounds, Check, Extent, Io, OpSpec, Output, Placed, Role};
use crate::program::{Program, Weights, axes_log, padded_log};

impl Role {
    /// `A`.
    pub const ENERGY: Self = Self::new("Energy");

    /// `s`.
    pub const ROOT: Self = Self::new("Root");

    /// `A - s²`.
    pub const ROOT_LOW: Self = Self::new("RootLow");

    /// `2s - (A - s²)`.
    pub const ROOT_HIGH: Self = Self::new("RootHigh");

    /// `R`, the quotient of a division.
    pub const RECIPROCAL: Self = Self::new("Reciprocal");

    /// Remainder of the division that gives `R`.
    pub const DIVISION_LOW: Self = Self::new("DivisionLow");

    /// Divisor less one less that remainder.
    pub const DIVISION_HIGH: Self = Self::new("DivisionHigh");
}

/// The small columns beside `A`.
const SMALL: [Role; 6] = [
    Role::ROOT,
    Role::ROOT_LOW,
    Role::ROOT_HIGH,
    Role::RECIPROCAL,
    Role::DIVISION_LOW,
    Role::DIVISION_HIGH,
];

/// `A = Σ_d x² + eps`, `s = isqrt(A)`, `R = floor(numerator / s)`, `y = round_32(x·R)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RmsNorm {
    /// `eps`, at least one.
    pub epsilon: u64,
    /// `K`.
    pub numerator: u64,
}

impl RmsNorm {
    pub(super) const EXAMPLE: Self = Self {
        epsilon: 1,
        numerator: 1,
    };

    /// `A - eps = Σ_d x²`.
    fn energy(self, node: &Placed<'_>) -> Option<Product> {
        let [l, t, d] = [0, 1, 2];
        let mut energy = node.aux(Role::ENERGY);
        energy.constant -= Fr::from(self.epsilon);
        let squares = Factor {
            power: 2,
            ..Factor::new(node.operand(0)?, &[l, t, d])
        };
        Some(Product {
            name: "norm energy",
            axes: axes(node)?,
            target: Some(energy),
            target_axes: vec![l, t],
            constant: Fr::ONE,
            stages: vec![Stage {
                name: "norm energy",
                shared: vec![l, t],
                contracted: vec![d],
                kernel: None,
                factors: vec![squares],
                inner: false,
                offset: None,
            }],
        })
    }

    /// Root and reciprocal, on the columns `[A, s, low, high, R, rem, rest]`.
    fn root(self, node: &Placed<'_>) -> Elementwise {
        let small = SMALL.into_iter();
        let roles = std::iter::once(Role::ENERGY).chain(small);
        Elementwise {
            columns: roles.map(|role| node.aux(role)).collect(),
            quadratic: stated([
                // s² + low - A
                (
                    on("norm: root"),
                    Expression::default()
                        .plus(Fr::ONE, &[1, 1])
                        .plus(Fr::ONE, &[2])
                        .plus(-Fr::ONE, &[0]),
                ),
                // s·R + rem - K
                (
                    on("norm: reciprocal"),
                    Expression::default()
                        .plus(Fr::ONE, &[1, 4])
                        .plus(Fr::ONE, &[5])
                        .plus(-Fr::from(self.numerator), &[]),
                ),
            ]),
            linear: stated([
                // low + high - 2s
                (
                    on("norm: root below the next"),
                    Expression::default()
                        .plus(Fr::ONE, &[2])
                        .plus(Fr::ONE, &[3])
                        .plus(-Fr::from(2), &[1]),
                ),
                // rem + rest + 1 - s
                (
                    on("norm: remainder below the divisor"),
                    Expression::default()
                        .plus(Fr::ONE, &[5])
                        .plus(Fr::ONE, &[6])
                        .plus(Fr::ONE, &[])
                        .plus(-Fr::ONE, &[1]),
                ),
            ]),
            ..Elementwise::named("norm root")
        }
    }
}

/// `2^32·y + rem - 2^31 = R·x`.
fn scale(node: &Placed<'_>) -> Option<Product> {
    let [l, t, d] = [0, 1, 2];
    Some(Product {
        name: "norm scale",
        axes: axes(node)?,
        target: Some(node.unrounded(&node.output(), 32)),
        target_axes: vec![l, t, d],
        constant: Fr::ONE,
        stages: vec![Stage {
            name: "norm scale",
            shared: vec![l, t],
            contracted: vec![],
            kernel: None,
            factors: vec![
                Factor::new(node.aux(Role::RECIPROCAL), &[l, t]),
                Factor::new(node.operand(0)?, &[l, t, d]),
            ],
            inner: false,
            offset: None,
        }],
    })
}

/// Places are more of the slots.
fn axes(node: &Placed<'_>) -> Option<Vec<usize>> {
    let tensor = node.io.output()?;
    let (width, places) = tensor.axes.split_last()?;
    Some(vec![
        tensor.stack_log(),
        node.slots_log() + axes_log(places),
        padded_log(*width as usize),
    ])
}

/// The axis that is normalised.
fn last(node: &Io<'_>) -> usize {
    node.output()
        .map_or(0, |out| out.axes.len().saturating_sub(1))
}

impl OpSpec for RmsNorm {
    fn name(&self) -> &'static str {
        "rms_norm"
    }

    fn check(&self, node: &mut Check<'_, '_>) -> Result<(), String> {
        let (x, out) = (node.operand(0)?, node.output()?);
        // The residual stream; of rows a tensor of 16 bits, or a view of 32.
        if node.program().sequence.is_some() {
            bits(x, 32)?;
        }
        bits(out, 16)?;
        same_shape("operand", x, out)?;
        positive("eps", self.epsilon)?;
        positive("numerator", self.numerator)?;
        if self.numerator >= 1 << 48 && on("numerator of a norm") {
            let numerator = self.numerator;
            return Err(format!("numerator {numerator}, expected below 2^48"));
        }
        Ok(())
    }

    fn output(&self) -> Output {
        Output::Signed
    }

    fn remainder_bytes(&self) -> usize {
        4
    }

    fn columns(&self) -> Vec<AuxColumn> {
        let mut out = AuxColumn::all([Role::ENERGY], 10, Extent::Rows);
        out.extend(AuxColumn::all(SMALL, 6, Extent::Rows));
        out
    }

    fn relied_output(&self) -> Option<Bounds> {
        Some(Bounds::signed(16))
    }

    fn relied_operand(&self, _: usize) -> Option<Bounds> {
        Some(Bounds::signed(32))
    }

    fn padding(&self, _: &Program, _: &dyn Fn(usize) -> i64) -> Option<i64> {
        Some(0)
    }

    fn zero_padding(&self, _: &Io<'_>, axis: usize, zero: &dyn Fn(usize, usize) -> bool) -> bool {
        zero(0, axis)
    }

    fn even_padding(&self, node: &Io<'_>, operand: &dyn Fn(usize) -> bool) -> bool {
        // The residual stream is zero on padding, rows need not be.
        node.program.sequence.is_some() && operand(0)
    }

    fn open_padding(&self, node: &Io<'_>) -> Option<&'static str> {
        // Of the residual stream, what has 32 bits is zero on padding.
        let rows = node.program.sequence.is_none();
        let open = rows && node.is_padded(0, last(node)) && !node.zero_padded(0, last(node));
        (open && on("padding of a norm")).then_some("the operand is not")
    }

    fn bound(&self, _: &Io<'_>, _: &Weights) -> u128 {
        (u128::from(self.numerator) << 31) + half(32)
    }

    fn relations(&self, node: &Placed<'_>) -> Option<Vec<Relation>> {
        Some(vec![
            Relation::Product(self.energy(node)?),
            Relation::Elementwise(self.root(node)),
            Relation::Product(scale(node)?),
        ])
    }
}
