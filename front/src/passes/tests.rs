//! A plan's matrices compute a plan's values, and what does not fit a pattern is left alone.

use std::collections::BTreeMap;

use super::{Change, Plan, balance};
use crate::graph::{Graph, GraphError, Node, Texts, Value, ValueId};
use crate::llama::{FloatLlama, FloatRun, LlamaConfig, Rope};
use crate::ops::Op;
use crate::quant::calibrate::Seen;

const TOKENS: [f32; 6] = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0];

fn model(tied: bool) -> FloatLlama {
    let config = LlamaConfig {
        dim: 12,
        hidden: 40,
        layers: 3,
        heads: 6,
        kv_heads: 2,
        head_dim: 6,
        vocab: 11,
        max_tokens: 20,
        rope: Rope {
            theta: 10_000.0,
            scaling: None,
        },
        norm_eps: 1e-5,
        tied,
    };
    FloatLlama::random(config, 5).unwrap()
}

fn values(graph: &Graph) -> BTreeMap<ValueId, Vec<f32>> {
    let texts = Texts {
        rows: &TOKENS,
        lens: &[TOKENS.len()],
    };
    let mut seen = BTreeMap::new();
    let observer = &mut |id, _, values: &[f32]| {
        seen.insert(id, values.to_vec());
        Ok::<_, GraphError>(())
    };
    graph
        .observe(texts, graph.output(), None, observer)
        .unwrap();
    seen
}

/// The graph with one more node, which reads a value that is found by its name.
fn with_reader(graph: &Graph, name: &str, op: Op, count: usize) -> Graph {
    let id = graph.values().iter().position(|v| v.name == name).unwrap();
    let (mut all, mut nodes) = (graph.values().to_vec(), graph.nodes().to_vec());
    all.push(Value {
        name: "more".into(),
        ..all[id].clone()
    });
    nodes.push(Node {
        name: "more".into(),
        op,
        inputs: vec![id; count],
        params: vec![],
        output: all.len() - 1,
    });
    let params = graph.params().to_vec();
    Graph::new(all, params, nodes, graph.input(), graph.output()).unwrap()
}

/// Checks every matrix of a plan that was balanced by the graph's own values; returns how many there are.
fn check(graph: &Graph) -> usize {
    let found = values(graph);
    let mut plan = Plan::new(graph);
    let mut seen = Seen::new(&plan, balance::watched(graph));
    for (id, values) in &found {
        seen.see(&plan, *id, values);
    }
    balance::choose(&mut plan, &mut seen);
    let program = |id: ValueId| -> Vec<f64> {
        let shown = plan.shown(id, &found[&id]);
        let factor = plan.factor(id);
        shown.iter().map(|v| f64::from(*v) * factor).collect()
    };
    let mut count = 0;
    for node in graph.nodes().iter().filter(|n| n.op == Op::Contract) {
        let (matrix, cols) = plan.matrix(node.output).unwrap();
        let operand = match plan.folded[node.inputs[0]] {
            true => graph.producer(node.inputs[0]).unwrap().inputs[0],
            false => node.inputs[0],
        };
        assert_eq!(cols, plan.width(operand), "{}", node.name);
        let (x, y) = (program(operand), program(node.output));
        let product =
            |w: &[f32], x: &[f64]| -> f64 { w.iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum() };
        let mut computed = vec![];
        for x in x.chunks_exact(cols) {
            computed.extend(matrix.chunks_exact(cols).map(|w| product(w, x)));
        }
        assert_eq!(computed.len(), y.len(), "{}", node.name);
        let most = y.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let error = computed.iter().zip(&y).map(|(a, b)| (a - b).abs());
        let error = error.fold(0.0, f64::max);
        assert!(error <= 1e-4 * most, "{}: {error} of {most}", node.name);
        // What calibration says of a value is what the plan shows of it.
        let range = seen.largest(node.output);
        assert!((range - most).abs() <= 1e-5 * most, "{}", node.name);
        count += 1;
    }
    count
}

fn turns(plan: &Plan<'_>) -> usize {
    let all = plan.changes.iter().flatten();
    let turns = |c: &&Change| matches!(c, Change::TurnRows | Change::TurnColumns);
    all.filter(turns).count()
}

#[test]
fn matrices_of_a_plan_compute_its_values() {
    for tied in [false, true] {
        let model = model(tied);
        let run = FloatRun::new(&model).unwrap();
        let graph = run.graph();
        assert_eq!(check(graph), 3 * 7 + 1);
        let plan = Plan::new(graph);
        assert_eq!(turns(&plan), 3 * 7 + 2, "blocks, embedding and head");
        assert_eq!(plan.folded.iter().filter(|f| **f).count(), 3 * 2 + 1);
    }
}

#[test]
fn other_readers_keep_passes_away() {
    let model = model(false);
    let run = FloatRun::new(&model).unwrap();
    let graph = run.graph();
    // A stream that is squared somewhere cannot be turned.
    let squared = with_reader(graph, "blocks.1.mlp_residual", Op::Mul, 2);
    assert_eq!(turns(&Plan::new(&squared)), 0);
    assert_eq!(check(&squared), 22);
    // Nor can one whose norm's scale is read by something else, which then stays.
    let scaled = with_reader(graph, "blocks.0.mlp_norm_scaled", Op::Mul, 2);
    let plan = Plan::new(&scaled);
    assert_eq!(turns(&plan), 0);
    assert_eq!(plan.folded.iter().filter(|f| **f).count(), 6);
    assert_eq!(check(&scaled), 22);
    // Gated features, values and mixed values with a second reader are as they were.
    for name in ["blocks.2.hidden", "blocks.2.v", "blocks.2.mix"] {
        let read = with_reader(graph, name, Op::Mul, 2);
        let whole = balance::watched(graph).len();
        let gated = whole - 2 * usize::from(name.ends_with("hidden"));
        assert_eq!(balance::watched(&read).len(), gated, "{name}");
        assert_eq!(check(&read), 22, "{name}");
    }
}
