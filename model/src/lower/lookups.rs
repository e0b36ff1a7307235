//! The lookup trees of a program.

use laminate_engine::claim::View;
use laminate_engine::field::fr_from_i64;
use laminate_engine::geometry::Block;
use laminate_engine::lookup::segments::{in_range, table_of};
use laminate_engine::lookup::{Kind, Range, Segments, TableColumn};
use laminate_engine::switch::on;

use crate::layout::{Layout, WeightCheck};
use crate::ops::Placed;
use crate::program::Program;

/// The lookup trees of a program: one, or one for every piece of the weights if the program is
/// about them alone.
pub fn trees(program: &Program, layout: &Layout) -> Vec<Segments> {
    let checks = layout.weight_checks.iter().map(check_segments);
    if program.is_weights_only() {
        return checks.map(Segments::place).collect();
    }
    let mut kinds: Vec<(usize, Kind)> = vec![];
    let limbs = Range::Limb {
        bits: usize::from(program.limb_bits),
    };
    let last = layout.limbs.len().saturating_sub(1);
    let blocks = layout.limbs.iter().enumerate().filter(|(i, _)| match *i {
        0 => on("range of the first block of limbs"),
        i if i == last => on("range of the last block of limbs"),
        _ => true,
    });
    kinds.extend(blocks.map(|(_, block)| in_range(*block, limbs, 0)));
    let nodes = (0..program.nodes.len()).filter_map(|i| Placed::new(program, layout, i));
    let views = nodes.flat_map(|node| node.io.node.op.ranges(&node));
    kinds.extend(views.map(|view| {
        let (range, pack) = (limbs, 0);
        (view.log(), Kind::Range { view, range, pack })
    }));
    kinds.extend(checks.flatten().map(|(log, kind)| match kind {
        // Limbs of 8 bits share their table with bytes.
        Kind::Range { view, range, pack } if range.log() == limbs.log() => {
            let range = limbs;
            (log, Kind::Range { view, range, pack })
        }
        other => (log, other),
    }));
    kinds.extend(layout.limb_multiplicities.map(|b| table_of(b, limbs, 0)));
    let tables = program.tables.iter().zip(&layout.table_multiplicities);
    for (number, (table, block)) in tables.enumerate() {
        let lowest = table.lowest();
        let kind = Kind::Table {
            table: number,
            columns: vec![
                TableColumn::Index { lowest },
                TableColumn::Constants(table.values.as_slice().into()),
            ],
            multiplicity: View::block(*block),
        };
        kinds.push((block.log, kind));
    }
    kinds.extend(uses(program, layout));
    kinds.extend(node_tables(program, layout));
    vec![Segments::place(kinds)]
}

/// Tables of committed columns have numbers from here on: tags of ranges are before theirs.
const FIRST_NODE_TABLE: usize = 31;

/// Tables that nodes make of committed columns, each followed by what is looked up there.
fn node_tables(program: &Program, layout: &Layout) -> Vec<(usize, Kind)> {
    let nodes = (0..program.nodes.len()).filter_map(|i| Placed::new(program, layout, i));
    let tables = nodes.flat_map(|node| {
        let blocks = layout.node_multiplicities.get(node.index);
        let blocks = blocks.map_or(&[] as &[Block], Vec::as_slice);
        node.io.node.op.node_tables(&node).into_iter().zip(blocks)
    });
    let mut kinds = vec![];
    for (i, (made, block)) in tables.enumerate() {
        let table = FIRST_NODE_TABLE + i;
        kinds.push((
            made.log,
            Kind::Table {
                table,
                columns: made.columns,
                multiplicity: View::block(*block),
            },
        ));
        kinds.extend(made.uses.into_iter().filter_map(|columns| {
            let log = columns.first()?.log();
            Some((log, Kind::Use { table, columns }))
        }));
    }
    kinds
}

/// What the nodes look up in tables, in their order.
fn uses(program: &Program, layout: &Layout) -> Vec<(usize, Kind)> {
    let nodes = (0..program.nodes.len()).filter_map(|i| Placed::new(program, layout, i));
    let lookups = nodes.flat_map(|node| {
        let lookups = node.io.node.op.lookups().into_iter();
        lookups.map(move |lookup| (node, lookup))
    });
    lookups
        .filter_map(|(node, lookup)| {
            let mut index = node.column(lookup.index)?;
            index.constant += fr_from_i64(lookup.offset);
            let kind = Kind::Use {
                table: lookup.table,
                columns: vec![index.clone(), node.column(lookup.result)?],
            };
            Some((index.log(), kind))
        })
        .collect()
}

/// Segments of one piece of the weights.
fn check_segments(check: &WeightCheck) -> Vec<(usize, Kind)> {
    let wanted = |range| match range {
        Range::Ternary => on("range of ternary weights"),
        Range::Byte | Range::Limb { .. } => on("range of weights"),
    };
    let blocks = check.blocks.iter().filter(|(_, of)| wanted(of.range));
    let blocks = blocks.map(|(block, of)| in_range(*block, of.range, of.pack));
    let tables = check.tables.iter();
    let tables = tables.filter_map(|(of, counts)| Some(table_of((*counts)?, of.range, of.pack)));
    blocks.chain(tables).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use laminate_engine::geometry::Poly;

    use crate::ops::{Dense, Relu};
    use crate::program::{DenseShape, Node, Op, Tensor, WeightFormat};

    /// `input → dense, dense → ReLU`, the second layer ternary.
    fn program(limb_bits: u8, width: u32) -> Program {
        let mut program = Program::empty("segments", 1, 20);
        program.limb_bits = limb_bits;
        program.tensors = (0..4)
            .map(|i| Tensor::new(format!("t{i}"), width, 8))
            .collect();
        let ternary = DenseShape {
            format: WeightFormat::Ternary,
            ..DenseShape::new(width, width)
        };
        program.weights = vec![DenseShape::new(width, width), ternary];
        let dense = |weight| Op::Dense(Dense { weight, shift: 16 });
        let node = |(i, op): (usize, Op)| Node {
            name: format!("n{i}"),
            op,
            inputs: vec![i],
            output: i + 1,
        };
        let ops = [dense(0), dense(1), Op::Relu(Relu)];
        program.nodes = ops.into_iter().enumerate().map(node).collect();
        program.output = 3;
        program
    }

    /// Every entry of the limb region is looked up as a limb, every entry of the weights as a byte, those of
    /// ternary layers as ternary weights too; each once.
    #[test]
    fn every_entry_is_looked_up_in_its_range() {
        for (bits, width) in [(8, 3), (16, 3), (8, 5), (16, 5), (16, 9)] {
            let program = program(bits, width);
            assert_eq!(program.check(), Ok(()));
            let layout = Layout::new(&program);
            let trees = super::trees(&program, &layout);
            let count = |poly: Poly, offset: usize, wanted: Range| {
                let entry = Block {
                    poly,
                    offset,
                    log: 0,
                };
                let segments = trees.iter().flat_map(|tree| &tree.segments);
                let kinds = segments.filter(|s| match &s.kind {
                    Kind::Range { view, range, pack } => {
                        assert_eq!(*pack, 0);
                        *range == wanted && view.terms.iter().any(|t| t.block.contains(&entry))
                    }
                    _ => false,
                });
                kinds.count()
            };
            let limb = Range::Limb { bits: bits.into() };
            let byte = if bits == 8 { limb } else { Range::Byte };
            for block in &layout.limbs {
                for at in block.offset..block.offset + (1 << block.log) {
                    assert_eq!(count(Poly::Trace, at, limb), 1, "{bits} {width} {at}");
                }
            }
            for at in 0..layout.geometry.weight_used {
                assert_eq!(count(Poly::Weight, at, byte), 1, "{bits} {width} {at}");
            }
            let block = layout.dense[1].weight;
            for at in block.offset..block.offset + (1 << block.log) {
                assert_eq!(
                    count(Poly::Weight, at, Range::Ternary),
                    1,
                    "{bits} {width} {at}"
                );
            }
        }
    }
}
