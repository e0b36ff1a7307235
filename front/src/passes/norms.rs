//! Scales of norms and the factor of scores, folded into matrices: factors between activations are then powers of two.

use super::{Change, Plan, readers};
use crate::ops::Op;

/// A norm's scale goes into the matrices, if nothing else reads it.
pub(super) fn fold(plan: &mut Plan<'_>) {
    let graph = plan.graph;
    for node in graph.nodes() {
        let normed = node.inputs.first().and_then(|id| graph.producer(*id));
        let of_norm = normed.is_some_and(|n| matches!(n.op, Op::Norm { .. }));
        let (Op::Scale, Some(scale), true) = (&node.op, node.params.first(), of_norm) else {
            continue;
        };
        let mut all = readers(graph, node.output);
        if node.output == graph.output() || !all.all(|n| n.op == Op::Contract) {
            continue;
        }
        for reader in readers(graph, node.output) {
            plan.change(reader.output, Change::ScaleRows(*scale));
        }
        if let Some(folded) = plan.folded.get_mut(node.output) {
            *folded = true;
        }
    }
}

/// The factor of scores goes into the matrix that the queries come of.
pub(super) fn divide(plan: &mut Plan<'_>) {
    let graph = plan.graph;
    for node in graph.nodes() {
        let (Op::Scores { factor }, Some(queries)) = (&node.op, node.inputs.first()) else {
            continue;
        };
        // One over the root of the head size is meant as it is, not as f32 has it.
        let head = graph
            .values()
            .get(*queries)
            .and_then(|q| q.features().last());
        let exact = head.map_or(1.0, |head| 1.0 / (head as f64).sqrt());
        let given = f64::from(*factor);
        let near = (exact - given).abs() <= 1e-6 * exact;
        let factor = if near { exact } else { given };
        let mut value = *queries;
        loop {
            if let Some(own) = plan.factors.get_mut(value) {
                *own = factor;
            }
            match graph.producer(value) {
                Some(n) if matches!(n.op, Op::Rotate { .. }) => match n.inputs.first() {
                    Some(input) => value = *input,
                    None => break,
                },
                _ => break,
            }
        }
        plan.change(value, Change::Factor(factor));
    }
}
