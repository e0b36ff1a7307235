//! The record of one run: every tensor, and what the proofs need beside them.

use std::collections::BTreeMap;

use laminate_model::program::{ACTIVATION_BOUND, End, Program, Role, padded_index};

/// Witnesses of one node beside its operands and output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeAux {
    /// The auxiliary columns that the op names.
    pub columns: BTreeMap<Role, Values>,
    /// Of products: the exact sums before anything is scaled or rounded, `Σ_k w·x` of shape of the output.
    pub sums: Vec<i64>,
}

impl NodeAux {
    /// The values of a role; none if the op has no such column.
    pub fn column(&self, role: Role) -> Option<&Values> {
        self.columns.get(&role)
    }

    /// The values of a role of up to 32 bits; empty if the op has no such column.
    pub fn narrow(&self, role: Role) -> &[u32] {
        match self.columns.get(&role) {
            Some(Values::Narrow(values)) => values,
            _ => &[],
        }
    }

    /// [`Self::narrow`], to be altered.
    pub fn narrow_mut(&mut self, role: Role) -> &mut [u32] {
        match self.columns.get_mut(&role) {
            Some(Values::Narrow(values)) => values,
            _ => &mut [],
        }
    }
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

    /// Appends values of the same width.
    pub(super) fn append(&mut self, other: &Self) {
        match (self, other) {
            (Self::Narrow(to), Self::Narrow(from)) => to.extend_from_slice(from),
            (Self::Wide(to), Self::Wide(from)) => to.extend_from_slice(from),
            _ => debug_assert!(false, "blocks of unlike columns"),
        }
    }

    pub(super) fn reserve_exact(&mut self, more: usize) {
        match self {
            Self::Narrow(v) => v.reserve_exact(more),
            Self::Wide(v) => v.reserve_exact(more),
        }
    }
}

impl From<Vec<u32>> for Values {
    fn from(values: Vec<u32>) -> Self {
        Self::Narrow(values)
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
        let shard = program.output_end().is_boundary();
        let output = self.tensors.get(program.output).filter(|_| shard);
        output.map(Vec::as_slice).unwrap_or_default()
    }

    /// Tokens of every slot at the input and at the output; none of an end that is something else.
    ///
    /// # Panics
    /// If the trace is another program's.
    pub fn known(&self, program: &Program) -> [Vec<usize>; 2] {
        program.ends().map(|(id, end)| match end {
            End::Tokens => self.tensors[id].iter().map(token).collect(),
            End::Values | End::Residual => vec![],
        })
    }

    /// The output without padded features, one row for each slot; empty if the trace is another
    /// program's.
    pub fn outputs(&self, program: &Program) -> Vec<Vec<i32>> {
        let Some((tensor, values)) = program
            .tensors
            .get(program.output)
            .zip(self.tensors.get(program.output))
        else {
            return vec![];
        };
        let places: Vec<usize> = (0..tensor.width())
            .map(|i| padded_index(&tensor.axes, i))
            .collect();
        let rows = values.chunks_exact(1 << tensor.width_log());
        rows.map(|row| places.iter().map(|at| row[*at]).collect())
            .collect()
    }
}

/// The token that an end's tensor holds as `id - 2^15`.
fn token(value: &i32) -> usize {
    (i64::from(*value) + ACTIVATION_BOUND) as usize
}
