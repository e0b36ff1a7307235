//! The record of one run: every tensor, and what the proofs need beside them.

use laminate_protocol::program::Program;

/// Witnesses of one node beside its operands and output; all of the output's padded shape, and empty
/// where the op has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeAux {
    /// Rounding remainders in `[0, 2^s)`: `y·2^s + remainder = exact value + 2^(s-1)`.
    pub remainder: Vec<u32>,
    /// Relu and LeakyRelu: `n = max(-x, 0)`.
    pub negative: Vec<u32>,
    /// LeakyRelu: `p = max(x, 0)`.
    pub positive: Vec<u32>,
}

/// Everything that a run computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// By tensor id: values of shape `(slots, padded width)`, row-major.
    pub tensors: Vec<Vec<i32>>,
    /// By node.
    pub aux: Vec<NodeAux>,
}

impl Trace {
    /// The output without padded features, one row for each slot; empty if the trace is another
    /// program's.
    pub fn outputs(&self, program: &Program) -> Vec<Vec<i32>> {
        let width = program.tensor_width(program.output);
        let values = self
            .tensors
            .get(program.output)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let rows = values.chunks_exact(width.next_power_of_two());
        rows.map(|row| row.iter().take(width).copied().collect())
            .collect()
    }
}
