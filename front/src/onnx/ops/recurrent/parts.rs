//! The nodes of a direction.

use crate::graph::ValueId;
use crate::onnx::builder::{Dense, Draft, Loop};
use crate::onnx::error::ImportError;
use crate::onnx::ops::Context;
use crate::ops::{Activation, Cell, Kept, Op, Read, State};

/// Nodes of one direction.
pub(super) struct Parts {
    pub(super) steps: usize,
    pub(super) inputs: usize,
    pub(super) units: usize,
    pub(super) prefix: String,
}

impl Parts {
    pub(super) fn push(
        &self,
        context: &mut Context<'_, '_>,
        part: &str,
        draft: Draft,
        inputs: Vec<ValueId>,
        features: Vec<usize>,
    ) -> Result<ValueId, ImportError> {
        context.push_part(&format!("{}{part}", self.prefix), draft, inputs, features)
    }

    /// An op whose result has the shape of a state.
    fn op(
        &self,
        context: &mut Context<'_, '_>,
        part: &str,
        op: Op,
        inputs: &[ValueId],
    ) -> Result<ValueId, ImportError> {
        let shape = vec![self.steps, self.units];
        self.push(context, part, Draft::Op(op), inputs.to_vec(), shape)
    }

    /// The steps in the other order.
    pub(super) fn turned(
        &self,
        context: &mut Context<'_, '_>,
        x: ValueId,
        part: &str,
        features: usize,
    ) -> Result<ValueId, ImportError> {
        let last = Read {
            start: self.steps as i64 - 1,
            step: -1,
            ..Read::all(0)
        };
        let op = Draft::Op(Op::Arrange(vec![last, Read::all(1)]));
        self.push(context, part, op, vec![x], vec![self.steps, features])
    }

    /// An entry of the first of two axes.
    pub(super) fn entry(
        &self,
        context: &mut Context<'_, '_>,
        x: ValueId,
        part: &str,
        (at, features): (usize, usize),
    ) -> Result<ValueId, ImportError> {
        let read = Read {
            start: at as i64,
            ..Read::all(0)
        };
        let op = Draft::Op(Op::Arrange(vec![read, Read::all(1)]));
        let one = self.push(
            context,
            &format!("{part}/entry"),
            op,
            vec![x],
            vec![1, features],
        )?;
        let op = Draft::Op(Op::Reshape);
        self.push(context, part, op, vec![one], vec![features])
    }

    /// The last step.
    pub(super) fn last(
        &self,
        context: &mut Context<'_, '_>,
        x: ValueId,
        part: &str,
    ) -> Result<ValueId, ImportError> {
        self.entry(context, x, part, (self.steps - 1, self.units))
    }

    /// Some units of a layer's result.
    fn gate(
        &self,
        context: &mut Context<'_, '_>,
        (gates, at): (ValueId, usize),
        name: &str,
        activation: Activation,
    ) -> Result<ValueId, ImportError> {
        let read = Read {
            start: (at * self.units) as i64,
            ..Read::all(1)
        };
        let op = Op::Arrange(vec![Read::all(0), read]);
        let part = self.op(context, &format!("{name}/sum"), op, &[gates])?;
        self.op(context, name, activation.op(), &[part])
    }

    fn linear(
        &self,
        context: &mut Context<'_, '_>,
        name: &str,
        layer: Option<Dense>,
        x: ValueId,
    ) -> Result<ValueId, ImportError> {
        let layer = layer.ok_or_else(|| context.fail("has too few layers"))?;
        let shape = vec![self.steps, layer.rows];
        self.push(context, name, Draft::Linear(layer), vec![x], shape)
    }

    fn joined(
        &self,
        context: &mut Context<'_, '_>,
        name: &str,
        x: ValueId,
        h: ValueId,
    ) -> Result<ValueId, ImportError> {
        let shape = vec![self.steps, self.inputs + self.units];
        let draft = Draft::Op(Op::Concat { axis: 1 });
        self.push(context, name, draft, vec![x, h], shape)
    }

    /// The state before every step, to be closed.
    fn state(
        &self,
        context: &mut Context<'_, '_>,
        (cell, kept): (Cell, Kept),
        x: ValueId,
        initial: [Option<ValueId>; 2],
    ) -> Result<ValueId, ImportError> {
        let state = State {
            cell,
            kept,
            initial: initial.map(|id| id.is_some()),
            source: ValueId::MAX,
        };
        let inputs = [x]
            .into_iter()
            .chain(initial.into_iter().flatten())
            .collect();
        let name = match kept {
            Kept::Hidden => "state",
            Kept::Cell => "cell state",
        };
        let draft = Draft::State(Loop {
            state,
            layers: vec![],
        });
        self.push(context, name, draft, inputs, vec![self.steps, self.units])
    }

    /// Hidden and cell states of all steps.
    pub(super) fn cell(
        &self,
        context: &mut Context<'_, '_>,
        cell: Cell,
        x: ValueId,
        (initial, layers): ([Option<ValueId>; 2], Vec<Dense>),
    ) -> Result<[Option<ValueId>; 2], ImportError> {
        let mut layers = layers.into_iter();
        let h = self.state(context, (cell, Kept::Hidden), x, initial)?;
        let joined = self.joined(context, "joined", x, h)?;
        match cell {
            Cell::Rnn { activation } => {
                let sum = self.linear(context, "sums", layers.next(), joined)?;
                let hidden = self.op(context, "hidden", activation.op(), &[sum])?;
                context.close(&[(h, hidden)], &[sum]);
                Ok([Some(hidden), None])
            }
            Cell::Lstm {
                gate,
                candidate,
                output,
            } => {
                let c = self.state(context, (cell, Kept::Cell), x, initial)?;
                let gates = self.linear(context, "gates", layers.next(), joined)?;
                let i = self.gate(context, (gates, 0), "input", gate)?;
                let o = self.gate(context, (gates, 1), "output", gate)?;
                let f = self.gate(context, (gates, 2), "forget", gate)?;
                let g = self.gate(context, (gates, 3), "candidate", candidate)?;
                let kept = self.op(context, "kept", Op::Mul, &[f, c])?;
                let added = self.op(context, "added", Op::Mul, &[i, g])?;
                let cell = self.op(context, "cell", Op::Add, &[kept, added])?;
                let squashed = self.op(context, "squashed", output.op(), &[cell])?;
                let hidden = self.op(context, "hidden", Op::Mul, &[o, squashed])?;
                context.close(&[(h, hidden), (c, cell)], &[gates]);
                Ok([Some(hidden), Some(cell)])
            }
            Cell::Gru {
                gate,
                candidate,
                reset_after,
            } => {
                let gates = self.linear(context, "gates", layers.next(), joined)?;
                let z = self.gate(context, (gates, 0), "update", gate)?;
                let u = self.gate(context, (gates, 1), "no update", gate)?;
                let r = self.gate(context, (gates, 2), "reset", gate)?;
                let (sum, all) = match reset_after {
                    true => {
                        let a = self.linear(context, "candidate/input", layers.next(), x)?;
                        let b = self.linear(context, "candidate/state", layers.next(), h)?;
                        let reset = self.op(context, "candidate/reset", Op::Mul, &[r, b])?;
                        let sum = self.op(context, "candidate/sum", Op::Add, &[a, reset])?;
                        (sum, vec![gates, a, b])
                    }
                    false => {
                        let reset = self.op(context, "candidate/reset", Op::Mul, &[r, h])?;
                        let joined = self.joined(context, "candidate/joined", x, reset)?;
                        let sum = self.linear(context, "candidate/sum", layers.next(), joined)?;
                        (sum, vec![gates, sum])
                    }
                };
                let n = self.op(context, "candidate", candidate.op(), &[sum])?;
                let new = self.op(context, "new", Op::Mul, &[u, n])?;
                let kept = self.op(context, "kept", Op::Mul, &[z, h])?;
                let hidden = self.op(context, "hidden", Op::Add, &[new, kept])?;
                context.close(&[(h, hidden)], &all);
                Ok([Some(hidden), None])
            }
        }
    }
}
