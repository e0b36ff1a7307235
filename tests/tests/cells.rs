//! What the fraud model's circuit costs, part by part: `tests/golden/cells.txt`, which `docs/benchmarks.md` quotes.
//!
//! The table of the model's sigmoid is part of the cost, so the model itself is compiled: a table of another shape, such
//! as a straight line, is much cheaper to evaluate.

use std::fmt::Write;
use std::path::Path;

use laminate_aggregator::circuit::AggregationCircuit;
use laminate_engine::fold::FoldMode;
use laminate_front::onnx;
use laminate_front::quant::{self, CompileOptions};
use laminate_front::rows;
use laminate_model::verify::Verifier;
use laminate_tests::golden;

/// The fraud model for a batch of rows.
fn fraud(batch: usize) -> Verifier {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/fraud");
    let graph = onnx::read(&folder.join("fraud.onnx")).expect("model");
    let columns = graph.width(graph.input());
    let calibration = rows::read(&folder.join("calibration.csv"), columns).expect("rows");
    let options = CompileOptions::new("fraud", batch, 17);
    let compiled = quant::compile(&graph, &calibration, options).expect("compile");
    Verifier::new(compiled.program).expect("verifier")
}

#[test]
fn cells_by_part_are_as_recorded() {
    let mut text = String::new();
    for (batch, mode) in [(1, FoldMode::On), (1, FoldMode::Off), (64, FoldMode::On)] {
        let verifier = fraud(batch);
        let (report, params) = AggregationCircuit::cost(&verifier, mode).expect("circuit");
        let k = params
            .map(|p| p.k.to_string())
            .unwrap_or_else(|e| e.to_string());
        writeln!(text, "batch {}, fold {mode:?}, k = {k}\n{report}", batch).expect("text");
    }
    golden::check("cells.txt", text.as_bytes());
}
