//! The order of execution: nodes outside the body once, the body once for each block.

use std::ops::Range;

use laminate_model::program::Program;

use super::ExecError;

/// Nodes before, in and after the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Nodes of the body, one range of the list; empty if nothing repeats.
    pub body: Range<usize>,
    /// Blocks of the body.
    pub blocks: usize,
    /// Number of nodes.
    nodes: usize,
}

impl Plan {
    /// Finds the body: the nodes whose output has more than one copy.
    ///
    /// # Errors
    /// [`ExecError::Body`] if the repeated nodes do not stand together.
    pub fn new(program: &Program) -> Result<Self, ExecError> {
        let stack = |node: usize| program.tensors[program.nodes[node].output].stack as usize;
        let nodes = program.nodes.len();
        let start = (0..nodes).find(|i| stack(*i) > 1).unwrap_or(nodes);
        let end = (start..nodes)
            .rfind(|i| stack(*i) > 1)
            .map_or(start, |i| i + 1);
        let blocks = if start < end { stack(start) } else { 1 };
        match (start..end).find(|i| stack(*i) != blocks) {
            None => Ok(Self {
                body: start..end,
                blocks,
                nodes,
            }),
            Some(node) => Err(ExecError::Body {
                node,
                name: program.nodes[node].name.clone(),
                found: stack(node),
                expected: blocks,
            }),
        }
    }

    /// Blocks of the body with padding.
    pub fn padded_blocks(&self) -> usize {
        self.blocks.next_power_of_two()
    }

    /// Nodes with their blocks, in the order of execution, with so many blocks of the body.
    pub fn order(&self, blocks: usize) -> impl Iterator<Item = (usize, usize)> {
        let body = self.body.clone();
        let blocks = (0..blocks).flat_map(move |block| body.clone().map(move |node| (node, block)));
        let once = |nodes: Range<usize>| nodes.map(|node| (node, 0));
        once(0..self.body.start)
            .chain(blocks)
            .chain(once(self.body.end..self.nodes))
    }
}

#[cfg(test)]
mod tests {
    use laminate_model::ops::Relu;
    use laminate_model::program::{Node, Tensor};

    use super::*;

    #[test]
    fn the_body_stands_together() {
        let stacks = [1, 3, 1, 3];
        let tensors = stacks.map(|stack| Tensor {
            stack,
            ..Tensor::new("t", 1, 0)
        });
        let node = |output: &usize| Node {
            name: "node".into(),
            op: Relu.into(),
            inputs: vec![],
            output: *output,
        };
        let plan = |order: &[usize]| {
            Plan::new(&Program {
                tensors: tensors.to_vec(),
                nodes: order.iter().map(node).collect(),
                ..Program::empty("test", 0, 4)
            })
        };
        let found = plan(&[0, 1, 3, 2]).unwrap();
        assert_eq!((&found.body, found.blocks), (&(1..3), 3));
        let order: Vec<_> = found.order(2).collect();
        assert_eq!(order, [(0, 0), (1, 0), (2, 0), (1, 1), (2, 1), (3, 0)]);
        let flat = plan(&[0, 2]).unwrap();
        assert_eq!((&flat.body, flat.blocks), (&(2..2), 1));
        assert_eq!(flat.order(1).collect::<Vec<_>>(), [(0, 0), (1, 0)]);
        let error = plan(&[0, 1, 2, 3]).unwrap_err();
        assert!(
            matches!(
                error,
                ExecError::Body {
                    node: 2,
                    found: 1,
                    expected: 3,
                    ..
                }
            ),
            "{error}"
        );
    }
}
