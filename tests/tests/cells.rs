//! What circuits of the fraud model and of a chain of layers cost, part by part: `tests/golden/cells.txt`, which `docs/benchmarks.md` quotes.
//!
//! The table of the model's sigmoid is part of the cost, so the model itself is compiled: a table of another shape, such
//! as a straight line, is much cheaper to evaluate.

use std::fmt::Write;
use std::path::Path;

use laminate_aggregator::circuit::AggregationCircuit;
use laminate_engine::fold::FoldMode;
use laminate_front::onnx;
use laminate_front::quant::{self, Options, fuse};
use laminate_front::rows;
use laminate_model::verify::Verifier;
use laminate_tests::views::Net;
use laminate_tests::{golden, mlp};

/// The fraud model for a batch of rows.
fn fraud(batch: usize) -> Verifier {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/fraud");
    let graph = onnx::read(&folder.join("fraud.onnx")).expect("model");
    let columns = graph.width(graph.input());
    let calibration = rows::read(&folder.join("calibration.csv"), columns).expect("rows");
    let options = Options::rows("fraud", batch).in_rows_of(17);
    let compiled = quant::compile(&graph, &calibration, &options).expect("compile");
    Verifier::new(compiled.program).expect("verifier")
}

/// Sixteen dense layers 32 × 32 with ReLU, each a node of its own or fused.
fn chain(fused: bool) -> Verifier {
    let mut program = mlp(1, 0, &[32; 17]).program;
    if fused {
        fuse::relus(&mut program);
    }
    Verifier::new(program).expect("verifier")
}

/// A pool 2 × 2 over four channels of 28 × 28, and a dense layer, with limbs of 16 bits.
fn pool() -> Verifier {
    let mut net = Net::new(1, 0, &[28, 28, 4]);
    net.program.limb_bits = 16;
    let x = net.max_pool(0, &[[2, 2, 1, 0], [2, 2, 1, 0]]);
    net.dense(x, 3, &[2]);
    Verifier::new(net.program).expect("verifier")
}

#[test]
fn cells_by_part_are_as_recorded() {
    let mut text = String::new();
    for (name, verifier, mode) in [
        ("batch 1", fraud(1), FoldMode::On),
        ("batch 1", fraud(1), FoldMode::Off),
        ("batch 64", fraud(64), FoldMode::On),
        ("16 layers of 32", chain(false), FoldMode::On),
        ("16 layers of 32, fused", chain(true), FoldMode::On),
        ("pool 2 × 2, 16 bits", pool(), FoldMode::On),
    ] {
        let (report, params) = AggregationCircuit::cost(&verifier, mode).expect("circuit");
        let k = params
            .map(|p| p.k.to_string())
            .unwrap_or_else(|e| e.to_string());
        let geometry = &verifier.layout.geometry;
        writeln!(
            text,
            "{name}, fold {mode:?}, k = {k}, {} entries of the trace\n{report}",
            geometry.trace_used
        )
        .expect("text");
    }
    golden::check("cells.txt", text.as_bytes());
}
