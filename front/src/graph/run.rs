//! The interpreter: node by node over all texts at once. A parameter is read once for all of them, some rows at a
//! time, and a value is dropped after its last reader. Every value is rounded to f32.
//!
//! A text is a run of rows that attention sees together; rows of models without attention are one text. What no node
//! reads is computed for a few texts at a time, since it may be wide: logits.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use rayon::prelude::*;

use super::param::first_not_finite;
use super::{Arithmetic, Graph, GraphError, Len, Node, ValueId};
use crate::ops::{self, Context, Operand};

/// Most numbers of one value of independent rows, or of one that nothing reads, that are held at once, if a single
/// row or text has no more.
const BLOCK: usize = 1 << 22;

/// Called with a value, the index of a text, and the text's numbers, where they are defined.
pub type Observer<'a, E> = dyn FnMut(ValueId, usize, &[f32]) -> Result<(), E> + 'a;

/// The texts of a run.
#[derive(Clone, Copy, Debug)]
pub struct Texts<'a> {
    /// Numbers of all rows, text after text.
    pub rows: &'a [f32],
    /// Rows of each text.
    pub lens: &'a [usize],
}

/// What attention has seen of texts that grow.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Rows of each text so far.
    rows: usize,
    /// Values that attention reads at other rows than its own, by text.
    values: HashMap<ValueId, Vec<Vec<f32>>>,
}

impl Memory {
    /// Rows of each text.
    pub fn rows(&self) -> usize {
        self.rows
    }
}

/// One pass over the nodes.
struct Pass<'g, 'a> {
    graph: &'g Graph,
    lens: &'a [usize],
    /// Rows of each text before these.
    first: usize,
    /// Numbers of every value that is still to be read.
    values: Vec<Vec<f32>>,
}

impl Graph {
    /// Shows every value that `wanted` depends on, and it, to the observer. Rows that a memory knows come before those
    /// that are given.
    ///
    /// # Errors
    /// [`GraphError`] if a parameter cannot be read, and what the observer says.
    pub fn observe<E: From<GraphError>>(
        &self,
        texts: Texts<'_>,
        wanted: ValueId,
        memory: Option<&mut Memory>,
        observer: &mut Observer<'_, E>,
    ) -> Result<(), E> {
        let needed = self.ancestors(wanted);
        let mut last = vec![None; self.values().len()];
        for (at, node) in self.nodes().iter().enumerate() {
            for id in node.inputs.iter().filter(|_| needed.contains(&node.output)) {
                if let Some(last) = last.get_mut(*id) {
                    *last = Some(at);
                }
            }
        }
        let mut nothing = Memory::default();
        let remember = memory.is_some();
        let memory = memory.unwrap_or(&mut nothing);
        let mut pass = Pass {
            graph: self,
            lens: texts.lens,
            first: memory.rows,
            values: vec![Vec::new(); self.values().len()],
        };
        pass.show(self.input(), 0..texts.lens.len(), texts.rows, observer)?;
        pass.keep(self.input(), texts.rows.to_vec());
        for (at, node) in self.nodes().iter().enumerate() {
            if !needed.contains(&node.output) {
                continue;
            }
            if remember {
                pass.remember(node, memory);
            }
            if last.get(node.output).copied().flatten().is_some() {
                let found = pass.evaluate(node, memory, 0..texts.lens.len())?;
                pass.show(node.output, 0..texts.lens.len(), &found, observer)?;
                pass.keep(node.output, found);
            } else {
                for group in pass.groups(node.output) {
                    let found = pass.evaluate(node, memory, group.clone())?;
                    pass.show(node.output, group, &found, observer)?;
                }
            }
            for id in node
                .inputs
                .iter()
                .filter(|id| last.get(**id) == Some(&Some(at)))
            {
                pass.keep(*id, Vec::new());
            }
        }
        memory.rows += texts.lens.first().copied().unwrap_or(0);
        Ok(())
    }

    /// Values that one depends on, and itself.
    pub(super) fn ancestors(&self, wanted: ValueId) -> HashSet<ValueId> {
        let mut needed = HashSet::from([wanted]);
        for node in self.nodes().iter().rev() {
            if needed.contains(&node.output) {
                needed.extend(&node.inputs);
            }
        }
        needed
    }

    /// Runs a model of independent rows: rows of the input's width to rows of the output's width.
    ///
    /// # Errors
    /// [`GraphError`] if a row has another width, or a parameter cannot be read.
    pub fn run<R: Borrow<[f32]>>(&self, rows: &[R]) -> Result<Vec<Vec<f32>>, GraphError> {
        let width = self.width(self.output()).max(1);
        let mut out = Vec::with_capacity(rows.len());
        self.each_block(rows, &mut |id, _, values| {
            if id == self.output() {
                out.extend(values.chunks_exact(width).map(<[f32]>::to_vec));
            }
            Ok::<_, GraphError>(())
        })?;
        Ok(out)
    }

    /// Largest absolute number of every value over independent rows.
    ///
    /// # Errors
    /// As [`Self::run`], and [`GraphError::Row`] if a number is not finite.
    pub fn max_abs<R: Borrow<[f32]>>(&self, rows: &[R]) -> Result<Vec<f64>, GraphError> {
        let mut most = vec![0.0f64; self.values().len()];
        self.each_block(rows, &mut |id, first, values| {
            if let Some(at) = first_not_finite(values) {
                let name = self.values().get(id).map_or("", |value| &value.name);
                let found = values.get(at).copied().unwrap_or_default();
                return Err(GraphError::Row {
                    row: first + at / self.width(id).max(1),
                    problem: format!("value {name:?} holds {found}"),
                });
            }
            let largest = values.par_iter().map(|v| v.abs()).reduce(|| 0.0, f32::max);
            if let Some(most) = most.get_mut(id) {
                *most = most.max(largest.into());
            }
            Ok(())
        })?;
        Ok(most)
    }

    /// Shows every value of independent rows to the observer, with the index of the first row, some rows at a time.
    pub(crate) fn each_block<R: Borrow<[f32]>, E: From<GraphError>>(
        &self,
        rows: &[R],
        observer: &mut Observer<'_, E>,
    ) -> Result<(), E> {
        let columns = self.width(self.input());
        let mut lens = rows.iter().map(|row| row.borrow().len()).enumerate();
        if let Some((row, found)) = lens.find(|r| r.1 != columns) {
            let problem = format!("{found} columns, expected {columns}");
            return Err(GraphError::Row { row, problem }.into());
        }
        let widest = (0..self.values().len()).map(|id| self.width(id)).max();
        let step = (BLOCK / widest.unwrap_or(1).max(1)).max(1);
        for (index, rows) in rows.chunks(step).enumerate() {
            let texts = Texts {
                rows: &rows.concat(),
                lens: &[rows.len()],
            };
            self.observe(texts, self.output(), None, &mut |id, _, values| {
                observer(id, index * step, values)
            })?;
        }
        Ok(())
    }
}

impl Pass<'_, '_> {
    fn keep(&mut self, id: ValueId, found: Vec<f32>) {
        if let Some(place) = self.values.get_mut(id) {
            *place = found;
        }
    }

    /// How many numbers of a value a text has.
    fn size(&self, id: ValueId, text: usize) -> usize {
        let rows = self.lens.get(text).copied().unwrap_or(0);
        let axes = self.graph.values().get(id).map_or(&[][..], |v| &v.axes);
        let of = |len: Len| match len {
            Len::Fixed(len) => len,
            Len::Rows => self.first + rows,
        };
        rows * axes
            .iter()
            .skip(1)
            .map(|axis| of(axis.len))
            .product::<usize>()
    }

    /// Numbers of a value, cut into those of each text.
    fn cut<'v>(&self, id: ValueId, texts: Range<usize>, values: &'v [f32]) -> Vec<&'v [f32]> {
        let mut rest = values;
        texts
            .map(|text| {
                let (own, after) = rest.split_at(self.size(id, text).min(rest.len()));
                rest = after;
                own
            })
            .collect()
    }

    fn show<E>(
        &self,
        id: ValueId,
        texts: Range<usize>,
        values: &[f32],
        observer: &mut Observer<'_, E>,
    ) -> Result<(), E> {
        let mut each = texts.clone().zip(self.cut(id, texts, values));
        each.try_for_each(|(text, values)| observer(id, text, values))
    }

    /// Texts in groups, of whose numbers of a value so many are held at once, if one text has no more.
    fn groups(&self, id: ValueId) -> Vec<Range<usize>> {
        let (mut groups, mut size): (Vec<Range<usize>>, usize) = (vec![], 0);
        for text in 0..self.lens.len() {
            size += self.size(id, text);
            match groups.last_mut() {
                Some(group) if size <= BLOCK => group.end = text + 1,
                _ => {
                    size = self.size(id, text);
                    groups.push(text..text + 1);
                }
            }
        }
        groups
    }

    /// Appends what a node reads at other rows than its own to the memory.
    fn remember(&self, node: &Node, memory: &mut Memory) {
        let Some(&id) = node
            .op
            .reads_other_rows()
            .and_then(|at| node.inputs.get(at))
        else {
            return;
        };
        let values = self.values.get(id).map_or(&[][..], Vec::as_slice);
        let kept = memory.values.entry(id).or_default();
        kept.resize(self.lens.len(), Vec::new());
        let own = self.cut(id, 0..self.lens.len(), values);
        for ((kept, values), rows) in kept.iter_mut().zip(own).zip(self.lens) {
            // Another node may have read the value, too.
            if kept.len() < (self.first + rows) * self.graph.width(id) {
                kept.extend(values);
            }
        }
    }

    /// A node's result for some texts.
    fn evaluate(
        &self,
        node: &Node,
        memory: &Memory,
        texts: Range<usize>,
    ) -> Result<Vec<f32>, GraphError> {
        let other = node.op.reads_other_rows();
        let operand = |(at, id): (usize, &ValueId)| {
            let values = self.values.get(*id).map_or(&[][..], Vec::as_slice);
            let own = self.cut(*id, 0..self.lens.len(), values);
            let kept = memory.values.get(id).filter(|_| other == Some(at));
            let cut = match kept {
                Some(kept) => kept.iter().map(Vec::as_slice).collect(),
                None => own.clone(),
            };
            let before: usize = own.iter().take(texts.start).map(|t| t.len()).sum();
            let inside = own.iter().skip(texts.start).take(texts.len());
            let end = before + inside.map(|t| t.len()).sum::<usize>();
            Operand {
                features: self
                    .graph
                    .values()
                    .get(*id)
                    .map_or(vec![], |v| v.features().collect()),
                whole: values.get(before..end).unwrap_or_default(),
                texts: cut.get(texts.clone()).unwrap_or_default().to_vec(),
            }
        };
        let operands: Vec<Operand<'_>> = node.inputs.iter().enumerate().map(operand).collect();
        let params: Vec<_> = self.graph.params_of(node).collect();
        let context = Context {
            first: self.first,
            lens: self.lens.get(texts).unwrap_or_default(),
            lanes: self.graph.arithmetic == Arithmetic::Lanes,
            width: self.graph.width(node.output),
            features: self
                .graph
                .values()
                .get(node.output)
                .map_or(vec![], |v| v.features().collect()),
        };
        Ok(ops::evaluate(&node.op, &operands, &params, &context)?)
    }
}
