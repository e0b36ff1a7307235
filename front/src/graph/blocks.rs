//! Equal blocks of nodes, one behind the other: a reader says where they are, and the graph checks it.

use std::ops::Range;

use super::{Graph, GraphError, Len, Node, ValueId};

/// Copies of one body. Each reads a value of the one before it, and nothing else of other copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocks {
    /// Names of what is in copy `i` begin with this, a dot, and `i`.
    pub name: String,
    /// Nodes of all copies.
    pub nodes: Range<usize>,
    /// Number of copies.
    pub count: usize,
    /// The value that the first copy reads.
    pub entry: ValueId,
}

impl Blocks {
    /// Nodes of a copy.
    pub fn len(&self) -> usize {
        self.nodes.len() / self.count.max(1)
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The nodes of some copies.
    pub fn copies(&self, copies: Range<usize>) -> Range<usize> {
        let at = |copy: usize| self.nodes.start + copy * self.len();
        at(copies.start)..at(copies.end)
    }
}

impl Graph {
    /// The same graph with `count` equal blocks, of which all `nodes` are.
    ///
    /// # Errors
    /// [`GraphError::Node`] of the first node that is not as in the first block.
    pub fn with_blocks(
        mut self,
        name: &str,
        nodes: Range<usize>,
        count: usize,
    ) -> Result<Self, GraphError> {
        let entry = self.entry(&nodes);
        let blocks = Blocks {
            name: name.into(),
            nodes,
            count,
            entry,
        };
        let all = self.nodes().get(blocks.nodes.clone()).unwrap_or_default();
        let wrong = |node: Option<&Node>, problem: &str| GraphError::Node {
            node: node.map_or(String::new(), |node| node.name.clone()),
            op: node.map_or("", |node| node.op.name()),
            problem: problem.into(),
        };
        if all.is_empty() || count == 0 || !all.len().is_multiple_of(count) {
            return Err(wrong(all.first(), "no blocks of equal length"));
        }
        for (at, node) in all.iter().enumerate() {
            let first = all.get(at % blocks.len());
            if !first.is_some_and(|first| self.is_copy(&blocks, first, node, at / blocks.len())) {
                return Err(wrong(Some(node), "is not as in the first of equal blocks"));
            }
        }
        let last = all.last().map(|node| node.output);
        let inside = |id: &ValueId| all.iter().any(|n| n.output == *id) && Some(*id) != last;
        let after = self.nodes().iter().skip(blocks.nodes.end);
        for node in after {
            if node.inputs.iter().any(&inside) {
                return Err(wrong(Some(node), "reads the inside of a block"));
            }
        }
        self.blocks = Some(blocks);
        Ok(self)
    }

    /// The first value that nodes read and do not define.
    fn entry(&self, nodes: &Range<usize>) -> ValueId {
        let all = self.nodes().get(nodes.clone()).unwrap_or_default();
        let mut inputs = all.iter().flat_map(|node| &node.inputs);
        let outside = |id: &&ValueId| all.iter().all(|node| node.output != **id);
        inputs.find(outside).copied().unwrap_or(self.input())
    }

    fn is_copy(&self, blocks: &Blocks, first: &Node, node: &Node, copy: usize) -> bool {
        let lens = |id: ValueId| -> Vec<Len> {
            let value = self.values().get(id);
            value.map_or(vec![], |value| value.lens().collect())
        };
        let shapes = |node: &Node| -> Vec<Vec<usize>> {
            let shapes = self.params_of(node).map(|param| param.shape.clone());
            shapes.collect()
        };
        let carried = |copy: usize| match copy {
            0 => Some(blocks.entry),
            _ => {
                let last = self.nodes().get(blocks.copies(copy - 1..copy).end - 1);
                last.map(|node| node.output)
            }
        };
        // What the first copy reads is inside it or the entry; here it is the same, moved.
        let moved = |id: &ValueId| match *id == blocks.entry {
            true => carried(copy),
            false => {
                let own = blocks.copies(0..1);
                let at = self
                    .nodes()
                    .get(own)?
                    .iter()
                    .position(|n| n.output == *id)?;
                let node = self.nodes().get(blocks.copies(copy..copy + 1).start + at);
                node.map(|node| node.output)
            }
        };
        let expected: Option<Vec<ValueId>> = first.inputs.iter().map(moved).collect();
        first.op == node.op
            && expected.as_deref() == Some(&node.inputs)
            && lens(first.output) == lens(node.output)
            && shapes(first) == shapes(node)
    }

    /// Equal blocks of the graph.
    pub fn blocks(&self) -> Option<&Blocks> {
        self.blocks.as_ref()
    }

    /// The node that a node of a block is in another copy; the node itself outside of blocks.
    pub fn in_copy<'g>(&'g self, node: &'g Node, copy: usize) -> &'g Node {
        let found = self.blocks().and_then(|blocks| {
            let at = self.nodes().iter().position(|n| n.output == node.output)?;
            let place = at.checked_sub(blocks.nodes.start)?;
            let at = blocks.copies(copy..copy + 1).start + place % blocks.len();
            let inside = |at: &usize| blocks.nodes.contains(at);
            self.nodes()
                .get(Some(at).filter(|to| inside(to) && place < blocks.nodes.len())?)
        });
        found.unwrap_or(node)
    }
}
