//! A node as its op sees it: among tensors, and with columns.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::claim::View;
use laminate_engine::field::pow2;
use laminate_engine::switch::on;

use super::{Place, Role};
use crate::layout::Layout;
use crate::program::{Node, Program, Tensor, padded_log};

/// A node among the tensors of its program.
#[derive(Clone, Copy, Debug)]
pub struct Io<'a> {
    /// The program.
    pub program: &'a Program,
    /// The node.
    pub node: &'a Node,
}

impl<'a> Io<'a> {
    /// An operand.
    pub fn operand(&self, operand: usize) -> Option<&'a Tensor> {
        let id = self.node.inputs.get(operand)?;
        self.program.tensors.get(*id)
    }

    /// The output.
    pub fn output(&self) -> Option<&'a Tensor> {
        self.program.tensors.get(self.node.output)
    }

    /// Whether an operand is proven zero behind the ends of its axes, from the given one on. Used of tokens, and of
    /// views: what reads another tensor of rows has zero weights there.
    pub fn zero_padded(&self, operand: usize, from: usize) -> bool {
        let Some(id) = self.node.inputs.get(operand) else {
            return false;
        };
        let axes = self.operand(operand).map_or(0, |tensor| tensor.axes.len());
        let asked = self.program.sequence.is_some() || self.program.is_view(*id);
        let zero = self.program.zero_axes();
        let zero = zero.get(*id).and_then(|zero| zero.get(from..axes));
        asked && zero.is_some_and(|zero| zero.iter().all(|zero| *zero))
    }

    /// Whether an axis of an operand, from the given one on, is not a power of two.
    pub fn is_padded(&self, operand: usize, from: usize) -> bool {
        self.operand(operand).is_none_or(|tensor| {
            let axes = tensor.axes.get(from..).unwrap_or(&[]);
            axes.iter().any(|axis| !axis.is_power_of_two())
        })
    }

    /// Holds the first operand to a column of its own, in which limbs show its range.
    ///
    /// # Errors
    /// That it is a view.
    pub(super) fn stored_operand(&self, operands: &[View]) -> Result<(), String> {
        let plain = |view: &View| {
            view.constants.is_empty() && view.terms.iter().all(|term| term.wiring.is_none())
        };
        let id = self.node.inputs.first();
        let own = id.is_some_and(|id| !self.program.is_view(*id));
        if (own && operands.iter().all(plain)) || !on("operand that is stored") {
            return Ok(());
        }
        Err("its operand is a view of other tensors, expected one with a column of its own".into())
    }

    /// log2 of the axes `[stack, slots, groups, queries]` that the output begins with.
    pub(super) fn attention_axes(&self) -> Option<Vec<usize>> {
        let tensor = self.output()?;
        let [groups, queries, ..] = tensor.axes.as_slice() else {
            return None;
        };
        Some(vec![
            tensor.stack_log(),
            self.program.batch_log.into(),
            padded_log(*groups as usize),
            padded_log(*queries as usize),
        ])
    }
}

/// A node with its columns.
#[derive(Clone, Copy, Debug)]
pub struct Placed<'a> {
    /// Its tensors.
    pub io: Io<'a>,
    /// Its number among the nodes.
    pub index: usize,
    /// Where columns lie.
    pub layout: &'a Layout,
}

impl<'a> Placed<'a> {
    /// Node `index` of a program; none if there is no such node.
    pub fn new(program: &'a Program, layout: &'a Layout, index: usize) -> Option<Self> {
        let node = program.nodes.get(index)?;
        Some(Self {
            io: Io { program, node },
            index,
            layout,
        })
    }

    /// log2 of the number of slots.
    pub fn slots_log(&self) -> usize {
        self.io.program.batch_log.into()
    }

    /// The integers of an operand.
    pub fn operand(&self, operand: usize) -> Option<View> {
        let id = self.io.node.inputs.get(operand)?;
        Some(self.layout.tensor(*id))
    }

    /// The integers of the output.
    pub fn output(&self) -> View {
        self.layout.tensor(self.io.node.output)
    }

    /// The integers of an auxiliary column.
    pub fn aux(&self, role: Role) -> View {
        self.aux_from(Fr::ZERO, role)
    }

    /// The integers of an auxiliary column plus `constant`.
    pub fn aux_from(&self, constant: Fr, role: Role) -> View {
        let bits = self.io.program.limb_bits.into();
        View::limbs(constant, self.layout.aux(self.index, role), bits)
    }

    /// The integers of any column of the node.
    pub fn column(&self, place: Place) -> Option<View> {
        match place {
            Place::Operand(operand) => self.operand(operand),
            Place::Output => Some(self.output()),
            Place::Auxiliary(role) => Some(self.aux(role)),
        }
    }

    /// `2^s·y + rem - 2^(s-1)`, the exact value that is rounded to `y`.
    pub fn unrounded(&self, y: &View, shift: usize) -> View {
        let remainder = self.aux_from(-pow2(shift - 1), Role::REMAINDER);
        y.scale_add(pow2(shift), &remainder)
    }
}
