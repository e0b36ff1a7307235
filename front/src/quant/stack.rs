//! Programs of a whole graph or of some of its blocks, which may be stacked.

use std::ops::Range;

use laminate_model::ops::Argmax;
use laminate_model::program::{Carry, Node, Op, Shard, TensorId};

use super::QuantError;
use super::layout::Layout;
use super::lower::{Lowered, Lowering};
use crate::graph::{self, Blocks, Graph, ValueId};

/// What of a graph is lowered.
pub(super) struct Extent {
    /// Its blocks.
    pub blocks: Range<usize>,
    /// Whether equal blocks are stacked. Both forms compute the same integers.
    pub fold: bool,
    /// Its place, if it is not the whole.
    pub shard: Option<Shard>,
}

/// Copies of a block that a node stands for.
#[derive(Clone, Debug, Default)]
pub(super) struct Copies {
    /// None for a node that stands for itself.
    stacked: Option<Range<usize>>,
    /// What names begin with in the graph, and in the program.
    prefix: [String; 2],
}

impl Copies {
    fn new(blocks: &Blocks, copies: Range<usize>, prefix: &str) -> Self {
        Self {
            prefix: [format!("{}.{}.", blocks.name, copies.start), prefix.into()],
            stacked: Some(copies),
        }
    }

    /// How many they are.
    pub fn count(&self) -> u32 {
        self.stacked
            .as_ref()
            .map_or(1, |copies| copies.len() as u32)
    }

    /// A name in the program.
    pub fn name(&self, own: &str) -> String {
        let [from, to] = &self.prefix;
        match own.strip_prefix(from.as_str()) {
            Some(rest) => format!("{to}{rest}"),
            None => own.into(),
        }
    }

    /// The nodes that one stands for.
    pub fn of<'g>(&self, graph: &'g Graph, node: &'g graph::Node) -> Vec<&'g graph::Node> {
        match self.stacked.clone() {
            Some(copies) => copies.map(|copy| graph.in_copy(node, copy)).collect(),
            None => vec![node],
        }
    }
}

impl Lowering<'_> {
    /// Lowers what of the graph a program is of.
    pub(super) fn run(mut self, extent: &Extent) -> Result<Lowered, QuantError> {
        let graph = self.graph;
        match graph.blocks() {
            None => {
                self.input()?;
                self.nodes(0..graph.nodes().len())?;
                self.end()?;
            }
            Some(blocks) => self.some_blocks(blocks, extent)?,
        }
        Ok(self.lowered)
    }

    fn nodes(&mut self, nodes: Range<usize>) -> Result<(), QuantError> {
        let graph = self.graph;
        let nodes = graph.nodes().get(nodes).unwrap_or_default();
        nodes.iter().try_for_each(|node| {
            self.node(node)?;
            self.close(node)
        })
    }

    fn some_blocks(&mut self, blocks: &Blocks, extent: &Extent) -> Result<(), QuantError> {
        let Extent { fold, shard, .. } = *extent;
        let copies = extent.blocks.clone();
        let before = entry(self.graph, blocks, copies.start);
        if shard.is_none_or(|shard| shard.index == 0) {
            self.input()?;
            self.nodes(0..blocks.nodes.start)?;
        } else {
            let layout = self.features_of(before);
            self.ids[before] = self.named(before, "residual", &layout)?;
            self.lowered.program.input = self.ids[before];
        }
        if fold && copies.len() > 1 {
            self.stacked(blocks, copies.clone(), shard.is_some())?;
        } else {
            self.nodes(blocks.copies(copies.clone()))?;
        }
        if shard.is_some_and(|shard| shard.index + 1 < shard.count) {
            let last = entry(self.graph, blocks, copies.end);
            self.lowered.program.output = self.ids[last];
            return Ok(());
        }
        self.nodes(blocks.nodes.end..self.graph.nodes().len())?;
        self.end()
    }

    /// Equal blocks as one.
    fn stacked(
        &mut self,
        blocks: &Blocks,
        copies: Range<usize>,
        shard: bool,
    ) -> Result<(), QuantError> {
        let prefix = match shard {
            true => format!("{}.{}-{}.", blocks.name, copies.start, copies.end - 1),
            false => format!("{}.", blocks.name),
        };
        let [before, first, last] = [copies.start, copies.start + 1, copies.end]
            .map(|copy| entry(self.graph, blocks, copy));
        let input = self.ids[before];
        let layout = self.layouts[input].clone();
        self.copies = Copies::new(blocks, copies.clone(), &prefix);
        let entry = self.named(before, &format!("{prefix}entry"), &layout)?;
        self.ids[before] = entry;
        self.nodes(blocks.copies(copies.start..copies.start + 1))?;
        self.copies = Copies::default();
        let output = self.named(last, &format!("{prefix}output"), &layout)?;
        self.lowered.program.carry = Some(Carry {
            input,
            entry,
            exit: self.ids[first],
            output,
        });
        self.ids[last] = output;
        Ok(())
    }

    /// A tensor for a value under another name.
    fn named(&mut self, id: ValueId, name: &str, layout: &Layout) -> Result<TensorId, QuantError> {
        self.raw_tensor(id, name.into(), self.scales.of(id), name, layout)
    }

    /// The output: of a sequence, the choice of a token.
    fn end(&mut self) -> Result<(), QuantError> {
        let mut output = self.output()?;
        if self.lowered.program.sequence.is_some() {
            let logits = output;
            let (name, layout) = ("argmax", Layout::flat(1));
            output = self.raw_tensor(self.graph.output(), name.into(), 0, name, &layout)?;
            self.lowered.source[output] = None;
            self.lowered.program.nodes.push(Node {
                name: name.into(),
                op: Op::Argmax(Argmax),
                inputs: vec![logits],
                output,
            });
        }
        self.lowered.program.output = output;
        Ok(())
    }
}

/// What a block reads; of the block behind the last one, what that gives.
fn entry(graph: &Graph, blocks: &Blocks, copy: usize) -> ValueId {
    match copy {
        0 => blocks.entry,
        _ => graph.nodes()[blocks.copies(copy - 1..copy).end - 1].output,
    }
}
