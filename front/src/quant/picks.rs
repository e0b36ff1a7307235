//! Numbers in any order: views by the places of single numbers, and values whose axes are joined.
//!
//! A map is of one axis of a tensor. Of a tensor of several, numbers are read along its longest axis, a term of the view for each
//! place on the others.

use std::collections::BTreeMap;

use laminate_model::program::{AxisMap, AxisPair, TensorId, TensorView, ViewTerm};

use laminate_model::program::view::MAX_TERMS as VIEW_TERMS;

use super::QuantError;
use super::layout::Layout;
use super::lower::Lowering;
use super::pools::rescale;
use super::spatial::Made;
use crate::graph::{self, ValueId};
use crate::ops::Picks;

/// A term of a view: which operand, and its places but that on its longest axis.
type Key = (u32, Vec<u32>);

/// Entries that a term reads: where they stand in the view, and on the operand's longest axis.
type Entries = Vec<(Vec<u32>, u32)>;

impl Lowering<'_> {
    /// Lowers a node that picks numbers.
    pub(super) fn pick(&mut self, node: &graph::Node, picks: &Picks) -> Result<(), QuantError> {
        let wanted = self.scales.of(node.output);
        let mut inputs = vec![];
        for id in &node.inputs {
            let tensor = self.ids[*id];
            inputs.push(self.at_scale(*id, tensor, wanted, node)?);
        }
        let layout = Layout::flat(self.graph.width(node.output));
        let made = Made::new(node.output, "picked", layout);
        self.ids[node.output] = self.picked(node, made, picks, &inputs)?;
        Ok(())
    }

    /// A value in a layout in which its axes are joined.
    pub(super) fn joined(
        &mut self,
        id: ValueId,
        to: &Layout,
        node: &graph::Node,
    ) -> Result<TensorId, QuantError> {
        let picks: Picks = (0..self.graph.width(id) as u32)
            .map(|at| Some((0, at)))
            .collect();
        let from = self.ids[id];
        self.picked(node, Made::new(id, "joined", to.clone()), &picks, &[from])
    }

    fn picked(
        &mut self,
        node: &graph::Node,
        made: Made<'_>,
        picks: &Picks,
        inputs: &[TensorId],
    ) -> Result<TensorId, QuantError> {
        let layouts: Vec<&Layout> = inputs.iter().map(|id| &self.layouts[*id]).collect();
        let found = terms(picks, &layouts, &made.layout);
        if found.len() > VIEW_TERMS {
            return Err(QuantError::Places {
                node: node.name.clone(),
                op: node.op.name(),
                found: found.len(),
                limit: VIEW_TERMS,
            });
        }
        let terms = { found }.into_iter().map(|((operand, others), entries)| {
            let axes = &layouts[operand as usize].0;
            let longest = longest(layouts[operand as usize]);
            let mut others = others.into_iter();
            let map = |axis: usize| match axis == longest {
                true => along(&entries, axes[axis].len, &made.layout),
                false => AxisMap::Fixed {
                    at: others.next().unwrap_or(0),
                },
            };
            ViewTerm::new(operand, (0..axes.len()).map(map).collect())
        });
        let mut terms: Vec<ViewTerm> = terms.collect();
        if terms.is_empty() {
            // Nothing but zeros.
            let none = AxisMap::Pairs {
                axes: vec![],
                entries: vec![],
            };
            let maps = layouts[0].0.iter().map(|_| none.clone()).collect();
            terms.push(ViewTerm::new(0, maps));
        }
        // Operands that are read, each once.
        let mut read: Vec<TensorId> = vec![];
        for term in &mut terms {
            let tensor = inputs[term.operand as usize];
            let at = read.iter().position(|id| *id == tensor);
            let at = at.unwrap_or_else(|| {
                read.push(tensor);
                read.len() - 1
            });
            term.operand = at as u32;
        }
        let several = terms.len() > 1;
        let view = TensorView { constant: 0, terms };
        let tensor = self.view(node, &made, view, &read)?;
        match several {
            true => self.copied(tensor, made.value, node),
            false => Ok(tensor),
        }
    }

    /// A column of its own for a tensor.
    pub(super) fn copied(
        &mut self,
        tensor: TensorId,
        value: ValueId,
        node: &graph::Node,
    ) -> Result<TensorId, QuantError> {
        let scale = i32::from(self.lowered.program.tensors[tensor].scale);
        let layout = self.layouts[tensor].clone();
        let name = format!("{}/stored", node.name);
        let output = self.raw_tensor(value, name.clone(), scale, &node.name, &layout)?;
        self.lowered
            .program
            .nodes
            .push(laminate_model::program::Node {
                name,
                op: rescale(scale, scale, 1).0,
                inputs: vec![tensor],
                output,
            });
        Ok(output)
    }
}

/// The axis of which most entries are read together.
fn longest(layout: &Layout) -> usize {
    let axes = layout.0.iter().enumerate();
    axes.max_by_key(|(axis, place)| (place.len, *axis))
        .map_or(0, |(axis, _)| axis)
}

/// An index by row-major place.
fn index(mut at: usize, layout: &Layout) -> Vec<u32> {
    let mut out = vec![0; layout.0.len()];
    for (slot, place) in out.iter_mut().zip(&layout.0).rev() {
        *slot = (at % place.len) as u32;
        at /= place.len;
    }
    out
}

fn terms(picks: &Picks, from: &[&Layout], to: &Layout) -> BTreeMap<Key, Entries> {
    let inverse = |layout: &&Layout| {
        let order = layout.order();
        let mut out = vec![0; order.len()];
        for (tensor, value) in order.into_iter().enumerate() {
            out[value] = tensor;
        }
        out
    };
    let places: Vec<Vec<usize>> = from.iter().map(inverse).collect();
    let mut out: BTreeMap<Key, Entries> = BTreeMap::new();
    for (tensor, value) in to.order().into_iter().enumerate() {
        let Some((operand, at)) = picks[value] else {
            continue;
        };
        let layout = from[operand as usize];
        let mut others = index(places[operand as usize][at as usize], layout);
        let own = others.remove(longest(layout));
        let entries = out.entry((operand, others)).or_default();
        entries.push((index(tensor, to), own));
    }
    out
}

/// The map of entries onto an axis: a line if they are one, which costs less.
fn along(entries: &Entries, len: usize, to: &Layout) -> AxisMap {
    let read: Vec<usize> = (0..to.0.len()).filter(|axis| to.0[*axis].len > 1).collect();
    if let ([axis], [(first, at), ..]) = (read.as_slice(), entries.as_slice()) {
        let x = |entry: &(Vec<u32>, u32)| i64::from(entry.0[*axis]);
        let at = i64::from(*at);
        let first = i64::from(first[*axis]);
        let step = entries.get(1).map_or(1, |second| {
            (i64::from(second.1) - at)
                .checked_div(x(second) - first)
                .unwrap_or(0)
        });
        let offset = at - step * first;
        let line = |entry: &(Vec<u32>, u32)| step * x(entry) + offset == i64::from(entry.1);
        let inside =
            (0..to.0[*axis].len as i64).filter(|x| (0..len as i64).contains(&(step * x + offset)));
        if step != 0 && entries.iter().all(line) && inside.count() == entries.len() {
            return AxisMap::Linear {
                terms: vec![(*axis as u32, step as i32)],
                scale: 1,
                offset: offset as i32,
            };
        }
    }
    let pair = |(view, at): &(Vec<u32>, u32)| AxisPair {
        view: read.iter().map(|axis| view[*axis]).collect(),
        at: *at,
        coefficient: 1,
    };
    AxisMap::Pairs {
        axes: read.iter().map(|axis| *axis as u32).collect(),
        entries: entries.iter().map(pair).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_from_other_orders() {
        let entries = |of: &[u32]| -> Entries {
            let own = of.iter().enumerate();
            own.map(|(x, at)| (vec![x as u32], *at)).collect()
        };
        let line = |step, offset| AxisMap::Linear {
            terms: vec![(0, step)],
            scale: 1,
            offset,
        };
        assert_eq!(along(&entries(&[3, 4, 5]), 6, &Layout::flat(3)), line(1, 3));
        assert_eq!(
            along(&entries(&[5, 3, 1]), 6, &Layout::flat(3)),
            line(-2, 5)
        );
        // The axis goes on behind these.
        let pairs = along(&entries(&[3, 4, 5]), 7, &Layout::flat(4));
        assert!(matches!(pairs, AxisMap::Pairs { entries, .. } if entries.len() == 3));
        let pairs = along(&entries(&[3, 3, 5]), 6, &Layout::flat(3));
        assert!(matches!(pairs, AxisMap::Pairs { entries, .. } if entries.len() == 3));
    }

    #[test]
    fn axes_are_joined_by_a_term_for_each_place_of_the_shorter() {
        let picks: Picks = (0..6).map(|at| Some((0, at))).collect();
        let from = Layout::row_major(&[2, 3]);
        let found = terms(&picks, &[&from], &Layout::flat(6));
        let keys: Vec<&Key> = found.keys().collect();
        assert_eq!(keys, [&(0, vec![0]), &(0, vec![1])]);
        assert_eq!(
            found[&(0, vec![1])],
            [(vec![3], 0), (vec![4], 1), (vec![5], 2)]
        );
    }
}
