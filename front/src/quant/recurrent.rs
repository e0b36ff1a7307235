//! Recurrences: the state before a step is a delay of what a later node makes.

use laminate_model::ops::Delay;
use laminate_model::program::{Node, Op, TensorId};

use super::QuantError;
use super::layout::Layout;
use super::lower::Lowering;
use crate::graph::{self, ValueId};
use crate::ops::State;

/// A delay whose operand is not made yet.
pub(super) struct Open {
    /// Its node of the program.
    node: usize,
    /// The value that it delays.
    source: ValueId,
}

impl Lowering<'_> {
    /// A delay of the state, at the scale that it will have.
    pub(super) fn state(&mut self, node: &graph::Node, state: &State) -> Result<(), QuantError> {
        // Time is the first axis of all that a step computes, so of what it reads as well.
        let x = node.inputs[0];
        let features = self.features(x);
        self.ids[x] = self.relaid(x, &Layout::row_major(&features), node)?;
        let scale = self.scales.of(node.output);
        let mut inputs: Vec<TensorId> = vec![0];
        if let Some(at) = state.begins() {
            let initial = node.inputs[at];
            let layout = Layout::row_major(&self.features(initial));
            let tensor = self.relaid(initial, &layout, node)?;
            inputs.push(self.at_scale(initial, tensor, scale, node)?);
        }
        let layout = Layout::row_major(&self.features(node.output));
        let output = self.tensor(node.output, &node.name, &layout)?;
        // Itself until it is closed.
        inputs[0] = output;
        let delay = Delay {
            operands: inputs.len(),
        };
        self.open.push(Open {
            node: self.lowered.program.nodes.len(),
            source: state.source,
        });
        self.lowered.program.nodes.push(Node {
            name: node.name.clone(),
            op: Op::Delay(delay),
            inputs,
            output,
        });
        Ok(())
    }

    /// Lets delays of a value that was made read it.
    pub(super) fn close(&mut self, made: &graph::Node) -> Result<(), QuantError> {
        let source = made.output;
        for open in self.open.extract_if(.., |open| open.source == source) {
            let tensor = self.ids[source];
            let program = &mut self.lowered.program;
            let delay = &mut program.nodes[open.node];
            let [own, of] = [delay.output, tensor].map(|id| &program.tensors[id]);
            if own.scale != of.scale {
                return Err(QuantError::Scales {
                    node: made.name.clone(),
                    op: made.op.name(),
                    inputs: vec![own.scale.into()],
                    output: of.scale.into(),
                });
            }
            if own.axes != of.axes {
                return Err(QuantError::Axes {
                    node: made.name.clone(),
                    op: made.op.name(),
                    value: of.name.clone(),
                    wanted: own.axes.clone(),
                    found: of.axes.clone(),
                });
            }
            delay.inputs[0] = tensor;
        }
        Ok(())
    }
}
