//! `--cost`: what the circuit of a program takes, laid out before any key is made.

use laminate_aggregator::circuit::AggregationCircuit;
use laminate_aggregator::packed::Opening;
use laminate_engine::fold::FoldMode;
use laminate_model::program::Program;
use laminate_model::verify::Verifier;
use serde::Serialize;

use crate::cmd::setup::commitment_k;

/// What setting up, proving and checking a program will take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CostReport {
    /// Cells of the circuit: of gates, and of range checks.
    pub cells: [usize; 2],
    /// Its rows that permute hash states.
    pub hash_rows: usize,
    /// log2 of its rows.
    pub k: u32,
    /// log2 of the powers of a reference string, with the SHPLONK and the packed opening.
    pub powers: [u32; 2],
    /// Rows of 2^row-log of its weights and of its trace, each a point of a proof.
    pub rows: [usize; 2],
}

impl CostReport {
    /// Lays out the circuit; nothing is proven and no key made.
    ///
    /// # Errors
    /// A program that fits no circuit.
    pub fn of(program: &Program) -> eyre::Result<Self> {
        let verifier = Verifier::new(program.clone())?;
        let (report, params) = AggregationCircuit::cost(&verifier, FoldMode::On)?;
        let (total, k) = (report.total(), params?.k as u32);
        let geometry = &verifier.layout.geometry;
        let rows = |log: usize| 1usize << log.saturating_sub(geometry.row_log);
        let needed = |opening: Opening| opening.required_k(k).max(commitment_k(program));
        Ok(Self {
            cells: [total.cells, total.range_cells],
            hash_rows: total.poseidon_rows,
            k,
            powers: [needed(Opening::Shplonk), needed(Opening::Packed)],
            rows: [rows(geometry.weight_log), rows(geometry.trace_log)],
        })
    }

    /// In words.
    pub fn lines(&self) -> String {
        let [cells, ranges] = self.cells;
        let [shplonk, packed] = self.powers;
        let [weights, trace] = self.rows;
        format!(
            "circuit   2^{} rows: {cells} cells, {ranges} of range checks, {} rows of hashes\nneeds     a reference string of 2^{packed} powers, or with the SHPLONK opening, which costs more gas, 2^{shplonk}\ncommitted in {weights} {} of weights and {trace} of the trace, each a point that the contract checks",
            self.k,
            self.hash_rows,
            if weights == 1 { "row" } else { "rows" },
        )
    }
}
