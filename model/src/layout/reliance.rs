//! What relations take from the range of a column, and who shows it.
//!
//! A relation is an identity in the field; that it is one of integers, and which of its solutions is
//! meant, follows from ranges: a remainder is below its divisor, both parts of a ReLU are not negative.
//! [`crate::ops::OpSpec::relied`] says for every op and column what that is. A column of the limb region has the range of its
//! limbs, which [`stored`] gives. A column that tables look up needs no limbs if the tables show all that
//! *any* of its relations relies on, the sign included ([`free_tensors`], [`free_role`]). An op may also say what else
//! determines an auxiliary column ([`crate::ops::OpSpec::determined`]), or of which columns it is a view
//! ([`crate::ops::OpSpec::viewed`]).

use crate::ops::{Bounds, Lookup, Output, Place};
use crate::program::{Op, Program, Role, TensorId};

/// What the limbs of an output show, if it is in the limb region: `v + 2^(bits-1)`, or `v` itself, is a
/// whole number of limbs.
pub fn stored(op: &Op, bits: u8) -> Bounds {
    match op.output() {
        Output::Unsigned => Bounds::unsigned(bits.into()),
        Output::Signed | Output::Operand(_) | Output::Clear | Output::View => {
            Bounds::signed(bits.into())
        }
    }
}

/// What a table shows of the columns that are looked up in it.
fn shown(program: &Program, lookup: &Lookup) -> Option<[(Place, Bounds); 2]> {
    let table = program.tables.get(lookup.table)?;
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
    let index = index.shifted(-i128::from(lookup.offset));
    Some([(lookup.index, index), (lookup.result, result)])
}

/// The tensor whose column each tensor is: its own, or through ops that share it another one's.
pub(super) fn columns(program: &Program) -> Vec<TensorId> {
    let mut column: Vec<TensorId> = (0..program.tensors.len()).collect();
    for node in &program.nodes {
        let Output::Operand(operand) = node.op.output() else {
            continue;
        };
        let operand = node.inputs.get(operand);
        let operand = operand.and_then(|id| column.get(*id)).copied();
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
    let (mut tabled, mut needed) = (vec![None::<Bounds>; count], vec![None::<Bounds>; count]);
    let note = |all: &mut Vec<Option<Bounds>>, id: &TensorId, bounds: Option<Bounds>| {
        if let (Some(bounds), Some(slot)) = (bounds, of(id).and_then(|id| all.get_mut(id))) {
            *slot = Some(slot.map_or(bounds, |b| b.and(bounds)));
        }
    };
    for node in &program.nodes {
        let lookups = node.op.lookups();
        for (place, bounds) in lookups.iter().filter_map(|l| shown(program, l)).flatten() {
            let id = match place {
                Place::Operand(operand) => node.inputs.get(operand),
                Place::Output => Some(&node.output),
                Place::Auxiliary(_) => None,
            };
            if let Some(id) = id {
                note(&mut tabled, id, Some(bounds));
            }
        }
        let own = node.op.relied(Place::Output);
        note(&mut needed, &node.output, own);
        for (i, id) in node.inputs.iter().enumerate() {
            note(&mut needed, id, node.op.relied(Place::Operand(i)));
        }
    }
    let free = |id: &TensorId| {
        let bounds = |all: &[Option<Bounds>]| all.get(*id).copied().flatten();
        let enough = |shown: Bounds| bounds(&needed).is_none_or(|needed| needed.contain(shown));
        let whole = program.tensors.get(*id).is_some_and(|t| t.bits == 16);
        program.limb_bits == 16 && whole && bounds(&tabled).is_some_and(enough)
    };
    column.iter().map(free).collect()
}

/// Whether an auxiliary column of a node is bounded by tables in the same way.
pub(super) fn free_role(program: &Program, op: &Op, role: Role) -> bool {
    if op.determined(role).is_some() {
        return program.limb_bits == 16;
    }
    let place = Place::Auxiliary(role);
    let lookups = op.lookups();
    let bounds = lookups.iter().filter_map(|l| shown(program, l)).flatten();
    let bounds = bounds.filter(|(at, _)| *at == place).map(|(_, b)| b);
    let needed = op.relied(place);
    program.limb_bits == 16
        && bounds
            .reduce(Bounds::and)
            .is_some_and(|shown| needed.is_none_or(|needed| needed.contain(shown)))
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
        let lookups = op.lookups();
        let looked_up = |of: fn(&Lookup) -> Place| lookups.iter().any(|l| of(l) == place);
        match (op.output(), place) {
            _ if looked_up(|l| l.result) => "a result of its table",
            _ if looked_up(|l| l.index) => "an index of its table",
            (_, Place::Auxiliary(role)) => {
                let viewed = op.viewed(role);
                viewed.or_else(|| op.determined(role)).unwrap_or("–")
            }
            (Output::Operand(_), _) => "the operand's column",
            (Output::View, _) => "the operands' columns",
            (Output::Clear, _) => "public: below the vocabulary",
            _ if bits(op) == 32 => "–",
            _ if relied.is_none_or(|r| r.contain(index)) => "an index of a table that reads it",
            _ => "nothing: tables have negative indices",
        }
    }

    /// Bits of the op's output.
    fn bits(op: &Op) -> u8 {
        match op {
            Op::Embed(_) | Op::DenseAdd(_) | Op::Forest(_) => 32,
            _ => 16,
        }
    }

    /// The table of `docs/specs/protocol.md`.
    fn table() -> String {
        let mut out = String::from(
            "| op | column | its relations rely on | its limbs show | with limbs of 16 bits, instead of limbs |\n\
             | --- | --- | --- | --- | --- |\n",
        );
        for op in Op::EACH {
            let aux = op.aux_columns();
            let roles = aux.iter().map(|c| Place::Auxiliary(c.role));
            for place in std::iter::once(Place::Output).chain(roles) {
                let relied = op.relied(place);
                let (name, limbs) = match place {
                    Place::Auxiliary(role) => (format!("{role:?}").to_lowercase(), relied),
                    _ if matches!(
                        op.output(),
                        Output::Operand(_) | Output::Clear | Output::View
                    ) =>
                    {
                        ("output".to_owned(), None)
                    }
                    _ => ("output".to_owned(), Some(stored(&op, bits(&op)))),
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
            let own = op.relied(Place::Output);
            assert!(
                own.is_none_or(|own| shown.iter().any(|s| own.contain(*s))),
                "{}",
                op.name()
            );
            for reader in Op::EACH {
                for operand in 0..reader.arity() {
                    let relied = reader.relied(Place::Operand(operand));
                    let fits = |r: Bounds| shown.iter().any(|s| r.contain(*s));
                    let (a, b) = (op.name(), reader.name());
                    assert!(relied.is_none_or(fits), "{a} read by {b}");
                }
            }
        }
    }
}
