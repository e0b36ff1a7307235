//! What the parts of the verifier cost in the circuit.

use std::collections::BTreeMap;

use laminate_engine::backend::Part;
use serde::{Deserialize, Serialize};

/// What one part of the verifier costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartCost {
    /// Cells of basic gates.
    pub cells: usize,
    /// Cells of the range chip.
    pub range_cells: usize,
    /// Rows of the Poseidon chip.
    pub poseidon_rows: usize,
}

/// Costs by part, in the order of [`Part`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CellReport {
    /// Costs.
    pub parts: BTreeMap<Part, PartCost>,
}

impl CellReport {
    /// The sum over all parts.
    pub fn total(&self) -> PartCost {
        self.parts
            .values()
            .fold(PartCost::default(), |a, b| PartCost {
                cells: a.cells + b.cells,
                range_cells: a.range_cells + b.range_cells,
                poseidon_rows: a.poseidon_rows + b.poseidon_rows,
            })
    }
}

impl std::fmt::Display for CellReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "{:<10} {:>9} {:>11} {:>13}",
            "part", "cells", "range cells", "poseidon rows"
        )?;
        let mut line = |name: &str, c: &PartCost| {
            writeln!(
                f,
                "{name:<10} {:>9} {:>11} {:>13}",
                c.cells, c.range_cells, c.poseidon_rows
            )
        };
        for (part, cost) in &self.parts {
            line(&format!("{part:?}"), cost)?;
        }
        line("total", &self.total())
    }
}
