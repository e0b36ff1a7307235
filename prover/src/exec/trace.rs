//! The record of one run: every tensor, and what the proofs need beside them.

use std::collections::BTreeMap;

use laminate_model::program::{Program, Role};

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
    /// All other roles.
    pub others: BTreeMap<Role, Values>,
    /// Dense layers of sequence programs: `Σ_k w·x`, shape of the output.
    pub accumulator: Vec<i64>,
}

/// Unsigned values of an auxiliary column, padded, as the layout stores them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Values {
    /// Up to 32 bits, for columns as large as a tensor.
    Narrow(Vec<u32>),
    /// Up to 80 bits, for columns of a value a slot or row.
    Wide(Vec<u128>),
}

impl Values {
    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::Narrow(v) => v.len(),
            Self::Wide(v) => v.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Value `i`; zero beyond the end.
    pub fn get(&self, i: usize) -> u128 {
        match self {
            Self::Narrow(v) => v.get(i).map_or(0, |v| u128::from(*v)),
            Self::Wide(v) => v.get(i).copied().unwrap_or(0),
        }
    }
}

impl NodeAux {
    /// The values of a role; none if the op has no such column.
    pub fn column(&self, role: Role) -> Option<Values> {
        let narrow = |v: &Vec<u32>| Some(Values::Narrow(v.clone()));
        match role {
            Role::Remainder => narrow(&self.remainder),
            Role::Positive => narrow(&self.positive),
            Role::Negative => narrow(&self.negative),
            other => self.others.get(&other).cloned(),
        }
    }
}

/// Everything that a run computed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// By tensor id: values of shape `(stack, slots, axes…)`, every axis padded, row-major. Empty for
    /// tensors that the carry makes views of others.
    pub tensors: Vec<Vec<i32>>,
    /// By node.
    pub aux: Vec<NodeAux>,
}

impl Trace {
    /// The residual stream that a shard gives out, all slots, padded; empty for other programs.
    pub fn residual(&self, program: &Program) -> &[i32] {
        let shard = program.sequence.is_some_and(|s| !s.gives_tokens());
        let output = self.tensors.get(program.output).filter(|_| shard);
        output.map(Vec::as_slice).unwrap_or_default()
    }

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
