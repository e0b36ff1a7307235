//! Decisions as integer ops: a threshold is a clip to two neighbouring integers, of which a view makes 0 and 1; a class is
//! `row_argmax`.
//!
//! Both are exact on the integers that they read. A threshold is told in those: [`Decides::of`] reads it off a program.

use laminate_model::ops::{Clip, RowArgmax, View};
use laminate_model::program::{
    ACTIVATION_BOUND, AxisMap, Node, Op, Program, TensorId, TensorView, ViewTerm,
};

use super::QuantError;
use super::input::real;
use super::layout::Layout;
use super::lower::{Lowering, unsupported};
use super::pools::rescale;
use super::spatial::Made;
use crate::graph;
use crate::ops;

/// What the output of a program over rows decides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decides {
    /// 1 where an integer of the program is at least `least`, else 0.
    Threshold {
        /// The integer.
        least: i32,
        /// The scale of what it is compared with: it stands for `least·2^-scale`.
        scale: i8,
    },
    /// The place of the largest number, the first of equal ones.
    Class {
        /// How many numbers there are.
        of: usize,
    },
}

impl Decides {
    /// What a program's last ops say; none if its output is a score. A threshold of a forest is in its weights.
    #[must_use]
    pub fn of(program: &Program) -> Option<Self> {
        let made = |id: TensorId| program.nodes.iter().find(|node| node.output == id);
        let last = made(program.output)?;
        let operand = *last.inputs.first()?;
        match last.op {
            Op::RowArgmax(_) => Some(Self::Class {
                of: program.tensor_width(operand),
            }),
            Op::View(view) => {
                let Op::Clip(Clip { lowest, highest }) = made(operand)?.op else {
                    return None;
                };
                let (low, high) = (i32::from(lowest), i32::from(highest));
                let two = *program.views.get(view.view)? == above(low) && high - low == 1;
                let scale = program.tensors.get(operand)?.scale;
                two.then_some(Self::Threshold { least: high, scale })
            }
            _ => None,
        }
    }

    /// The real number that a threshold is.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        match self {
            Self::Threshold { least, scale } => Some(real(*least, *scale)),
            Self::Class { .. } => None,
        }
    }
}

/// How far one number is above `lowest`.
fn above(lowest: i32) -> TensorView {
    TensorView {
        constant: -i64::from(lowest),
        terms: vec![ViewTerm::new(0, vec![AxisMap::Same { axis: 0 }])],
    }
}

impl Lowering<'_> {
    /// Lowers a node whose result is a decision.
    pub(super) fn decision(&mut self, node: &graph::Node) -> Result<(), QuantError> {
        match node.op {
            ops::Op::Step { least } => self.threshold(node, least),
            ops::Op::ArgMax => self.class(node),
            _ => Err(unsupported(node)),
        }
    }

    /// `z ≥ t` of an integer is `z ≥ ⌈t⌉`.
    fn threshold(&mut self, node: &graph::Node, least: f64) -> Result<(), QuantError> {
        let id = node.inputs[0];
        let scale = self.scales.of(id);
        let at = libm::ceil(least * libm::exp2(scale.into()));
        let (lowest, highest) = (1 - ACTIVATION_BOUND, ACTIVATION_BOUND - 1);
        if !(lowest as f64..=highest as f64).contains(&at) {
            let value = |end: i64| real(end as i32, scale as i8);
            return Err(QuantError::Threshold {
                node: node.name.clone(),
                least,
                lowest: value(lowest),
                highest: value(highest),
            });
        }
        let (at, one) = (at as i32, Layout::flat(1));
        let mut x = self.relaid(id, &Layout::flat(self.graph.width(id)), node)?;
        if self.graph.width(id) == 2 {
            let term = |entry: u32, coefficient: i64| ViewTerm {
                coefficient,
                ..ViewTerm::new(0, vec![AxisMap::Fixed { at: entry }])
            };
            let difference = TensorView {
                constant: 0,
                terms: vec![term(1, 1), term(0, -1)],
            };
            let made = Made {
                bits: 32,
                ..Made::new(id, "difference", one.clone())
            };
            x = self.view(node, &made, difference, &[x])?;
        }
        let name = format!("{}/clip", node.name);
        let clipped = self.raw_tensor(id, name.clone(), scale, &node.name, &one)?;
        self.lowered.program.nodes.push(Node {
            name,
            op: Op::Clip(Clip {
                lowest: (at - 1) as i16,
                highest: at as i16,
            }),
            inputs: vec![x],
            output: clipped,
        });
        self.lowered.program.views.push(above(at - 1));
        let view = View {
            view: self.lowered.program.views.len() - 1,
            operands: 1,
        };
        self.push(node, Op::View(view), vec![clipped], 0, &one)
    }

    /// The logits as a row with a column of its own, and its largest.
    fn class(&mut self, node: &graph::Node) -> Result<(), QuantError> {
        let id = node.inputs[0];
        let row = Layout::flat(self.graph.width(id));
        let mut x = self.relaid(id, &row, node)?;
        if self.lowered.program.is_view(x) {
            let scale = self.scales.of(id);
            let name = format!("{}/stored", node.name);
            let stored = self.raw_tensor(id, name.clone(), scale, &node.name, &row)?;
            self.lowered.program.nodes.push(Node {
                name,
                op: rescale(scale, scale, 1).0,
                inputs: vec![x],
                output: stored,
            });
            x = stored;
        }
        let op = Op::RowArgmax(RowArgmax);
        self.push(node, op, vec![x], 0, &Layout::flat(1))
    }
}
