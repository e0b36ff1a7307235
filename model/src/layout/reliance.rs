//! What relations take from the range of a column, and who shows it.
//!
//! A relation is an identity in the field; that it is one of integers, and which of its solutions is
//! meant, follows from ranges: a remainder is below its divisor, both parts of a ReLU are not negative.
//! [`relied`] says for every op and column what that is. A column of the limb region has the range of its
//! limbs, which [`stored`] gives. A column that tables look up needs no limbs if the tables show all that
//! *any* of its relations relies on, the sign included ([`free_tensors`], [`free_role`]).

use std::fmt;

use crate::program::{Op, Program, Role, TensorId};
use laminate_engine::switch::on;

/// Integers from `least` to below `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The least.
    pub least: i128,
    /// One more than the greatest.
    pub end: i128,
}

impl Bounds {
    /// Whether all of `other` is inside.
    pub fn contain(self, other: Self) -> bool {
        self.least <= other.least && other.end <= self.end
    }

    /// What is in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            least: self.least.max(other.least),
            end: self.end.min(other.end),
        }
    }

    const fn signed(bits: u32) -> Self {
        Self {
            least: -(1 << (bits - 1)),
            end: 1 << (bits - 1),
        }
    }

    const fn unsigned(bits: u32) -> Self {
        Self {
            least: 0,
            end: 1 << bits,
        }
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let power = |v: i128| match v {
            0 => "0".to_owned(),
            v if v < 0 => format!("-2^{}", v.unsigned_abs().trailing_zeros()),
            v => format!("2^{}", v.trailing_zeros()),
        };
        write!(f, "[{}, {})", power(self.least), power(self.end))
    }
}

/// A value of an int16 tensor in either of its stored forms: no sum of products of such values reaches the
/// field's size (`docs/specs/numerics.md`, section 5).
const WORD: Bounds = Bounds {
    least: -(1 << 15),
    end: 1 << 16,
};

/// Which column of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// An operand, by its number.
    Operand(usize),
    /// The output.
    Output,
    /// An auxiliary column.
    Auxiliary(Role),
}

/// What the relations of `op` rely on: nothing where they leave one value, which is an integer in range if
/// all others are.
pub fn relied(op: &Op, place: Place) -> Option<Bounds> {
    match place {
        Place::Output => match op {
            // `x = p - n` with `p·n = 0` has two solutions; the one that is meant is not negative.
            Op::Relu if on("sign of a ReLU") => Some(Bounds::unsigned(16)),
            // A rounded quotient: any remainder fits some element of the field.
            Op::Dense { .. }
            | Op::LeakyRelu { .. }
            | Op::Add { .. }
            | Op::Mul { .. }
            | Op::RmsNorm { .. }
            | Op::Rope { .. }
            | Op::Scores { .. }
            | Op::Mix => Some(Bounds::signed(16)),
            Op::DenseAdd { .. } => Some(Bounds::signed(32)),
            // Looked up, an exact sum of products, the operand's column, public.
            Op::Relu
            | Op::Activation { .. }
            | Op::Softmax { .. }
            | Op::Embed { .. }
            | Op::Reshape
            | Op::Argmax => None,
        },
        Place::Operand(operand) => match op {
            // The lookup itself refuses other values; tokens are no column; a reshape has no relation.
            Op::Activation { .. } | Op::Embed { .. } | Op::Reshape => None,
            Op::RmsNorm { .. } => Some(Bounds::signed(32)),
            Op::DenseAdd { .. } if operand == 1 => Some(Bounds::signed(32)),
            _ => Some(WORD),
        },
        Place::Auxiliary(role) => {
            let column = op.aux_columns().into_iter().find(|c| c.role == role)?;
            Some(Bounds::unsigned(8 * column.bytes as u32))
        }
    }
}

/// What the limbs of an output show, if it is in the limb region: `v + 2^(bits-1)`, or `v` itself, is a
/// whole number of limbs.
pub fn stored(op: &Op, bits: u8) -> Bounds {
    if without_offset(op) {
        Bounds::unsigned(bits.into())
    } else {
        Bounds::signed(bits.into())
    }
}

/// Whether an op's output is stored as it is, without an offset that makes it positive.
pub(super) fn without_offset(op: &Op) -> bool {
    matches!(op, Op::Relu | Op::Softmax { .. })
}

/// What a table shows of the values that are looked up in it, index and result.
fn tabled(program: &Program, table: usize) -> Option<[Bounds; 2]> {
    let table = program.tables.get(table)?;
    let least = i128::from(table.lowest());
    let index = Bounds {
        least,
        end: least + (1 << table.log()),
    };
    let (low, high) = (table.values.iter().min()?, table.values.iter().max()?);
    let result = Bounds {
        least: (*low).into(),
        end: i128::from(*high) + 1,
    };
    Some([index, result])
}

/// The tensor whose column each tensor is: its own, or through reshapes another one's.
pub(super) fn columns(program: &Program) -> Vec<TensorId> {
    let mut column: Vec<TensorId> = (0..program.tensors.len()).collect();
    for node in program.nodes.iter().filter(|n| n.op == Op::Reshape) {
        let operand = node.inputs.first().and_then(|id| column.get(*id)).copied();
        if let (Some(operand), Some(slot)) = (operand, column.get_mut(node.output)) {
            *slot = operand;
        }
    }
    column
}

/// Tensors whose columns lookups of tables bound as much as any relation needs, so that they have no
/// range check of their own. Only whole values can be looked up, so none with limbs of 8 bits.
pub fn free_tensors(program: &Program) -> Vec<bool> {
    let column = columns(program);
    let of = |id: &TensorId| column.get(*id).copied();
    let count = program.tensors.len();
    let (mut shown, mut needed) = (vec![None::<Bounds>; count], vec![None::<Bounds>; count]);
    let note = |all: &mut Vec<Option<Bounds>>, id: &TensorId, bounds: Option<Bounds>| {
        if let (Some(bounds), Some(slot)) = (bounds, of(id).and_then(|id| all.get_mut(id))) {
            *slot = Some(slot.map_or(bounds, |b| b.and(bounds)));
        }
    };
    for node in &program.nodes {
        let (operand, result) = match node.op {
            Op::Activation { table } => {
                tabled(program, table).map_or((None, None), |[i, r]| (Some(i), Some(r)))
            }
            Op::Softmax { table } => (None, tabled(program, table).map(|[_, r]| r)),
            _ => (None, None),
        };
        note(&mut shown, &node.output, result);
        note(&mut needed, &node.output, relied(&node.op, Place::Output));
        for (i, id) in node.inputs.iter().enumerate() {
            note(&mut shown, id, operand);
            note(&mut needed, id, relied(&node.op, Place::Operand(i)));
        }
    }
    let free = |id: &TensorId| {
        let bounds = |all: &[Option<Bounds>]| all.get(*id).copied().flatten();
        let enough = |shown: Bounds| bounds(&needed).is_none_or(|needed| needed.contain(shown));
        let whole = program.tensors.get(*id).is_some_and(|t| t.bits == 16);
        program.limb_bits == 16 && whole && bounds(&shown).is_some_and(enough)
    };
    column.iter().map(free).collect()
}

/// Whether an auxiliary column of a node is bounded by a table in the same way: the depths of a softmax
/// are looked up as `z - 2^15` in a table of 2^16 entries.
pub(super) fn free_role(program: &Program, op: &Op, role: Role) -> bool {
    let (Op::Softmax { table }, Role::Depth) = (op, role) else {
        return false;
    };
    let index = tabled(program, *table).map(|[index, _]| Bounds {
        least: index.least + (1 << 15),
        end: index.end + (1 << 15),
    });
    let needed = relied(op, Place::Auxiliary(role));
    program.limb_bits == 16
        && index.is_some_and(|index| needed.is_none_or(|needed| needed.contain(index)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bounds: Option<Bounds>) -> String {
        bounds.map_or("–".to_owned(), |b| b.to_string())
    }

    /// What may stand in for the limbs of a column with limbs of 16 bits.
    fn instead(op: &Op, place: Place, relied: Option<Bounds>) -> &'static str {
        let index = Bounds::signed(16);
        match (op, place) {
            (Op::Activation { .. } | Op::Softmax { .. }, Place::Output) => "a result of its table",
            (_, Place::Auxiliary(Role::Depth)) => "an index of its table",
            (Op::Reshape, _) => "the operand's column",
            (Op::Argmax, Place::Output) => "public: below the vocabulary",
            (Op::DenseAdd { .. } | Op::Embed { .. }, _) | (_, Place::Auxiliary(_)) => "–",
            _ if relied.is_some_and(|r| r.contain(index)) => "an index of a table that reads it",
            _ => "nothing: tables have negative indices",
        }
    }

    /// The table of `docs/specs/protocol.md`.
    fn table() -> String {
        let mut out = String::from(
            "| op | column | its relations rely on | its limbs show | with limbs of 16 bits, instead of limbs |\n\
             | --- | --- | --- | --- | --- |\n",
        );
        for op in Op::EACH {
            let bits = match op {
                Op::Embed { .. } | Op::DenseAdd { .. } => 32,
                _ => 16,
            };
            let aux = op.aux_columns();
            let roles = aux.iter().map(|c| Place::Auxiliary(c.role));
            for place in std::iter::once(Place::Output).chain(roles) {
                let relied = relied(&op, place);
                let (name, limbs) = match place {
                    Place::Auxiliary(role) => (format!("{role:?}").to_lowercase(), relied),
                    _ if matches!(op, Op::Reshape | Op::Argmax) => ("output".to_owned(), None),
                    _ => ("output".to_owned(), Some(stored(&op, bits))),
                };
                let (relies, limbs) = (text(relied), text(limbs));
                let instead = instead(&op, place, relied);
                out += &format!(
                    "| {} | {name} | {relies} | {limbs} | {instead} |\n",
                    op.name()
                );
            }
        }
        out
    }

    #[test]
    fn specification_has_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/specs/protocol.md");
        let text = std::fs::read_to_string(path).expect("the specification");
        assert!(
            text.contains(&table()),
            "docs/specs/protocol.md, section 4, lacks:\n{}",
            table()
        );
    }

    /// Limbs show all that the relations of a column's node and of its readers rely on.
    #[test]
    fn limbs_show_what_is_relied_on() {
        for op in Op::EACH {
            let shown = [16, 32].map(|bits| stored(&op, bits));
            let own = relied(&op, Place::Output);
            assert!(
                own.is_none_or(|own| shown.iter().any(|s| own.contain(*s))),
                "{}",
                op.name()
            );
            for reader in Op::EACH {
                for operand in 0..reader.arity() {
                    let relied = relied(&reader, Place::Operand(operand));
                    let fits = |r: Bounds| shown.iter().any(|s| r.contain(*s));
                    let (a, b) = (op.name(), reader.name());
                    assert!(relied.is_none_or(fits), "{a} read by {b}");
                }
            }
        }
    }
}
