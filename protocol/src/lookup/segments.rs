//! The leaves of the lookup tree, as aligned segments.

use halo2curves_axiom::bn256::Fr;

use super::range::Range;
use crate::claim::View;
use crate::field::{fr_from_i64, pow2};
use crate::layout::{Block, Layout, WeightCheck};
use crate::program::{Program, padded_log};
use crate::relations::activation;
use crate::switch::on;

/// What a segment's leaves are.
#[derive(Clone, Debug)]
pub enum Kind {
    /// `1 / (α - tag - β·v)` for the values `v` of a column.
    Range {
        /// The column.
        view: View,
        /// Where its values are.
        range: Range,
    },
    /// `-μ / (α - tag - β·v)` for the values `v` of a range.
    RangeTable {
        /// Multiplicities.
        multiplicity: View,
        /// The range.
        range: Range,
    },
    /// `1 / (α - (table+1) - β·x - β²·y)`.
    Use {
        /// Index of the table.
        table: usize,
        /// Index column.
        input: View,
        /// Output column.
        output: View,
    },
    /// `-μ / (α - (table+1) - β·index - β²·value)` over the table's domain.
    Table {
        /// Index of the table.
        table: usize,
        /// Multiplicities.
        multiplicity: View,
    },
}

impl Kind {
    /// The committed columns the segment reads.
    pub fn columns(&self) -> Vec<&View> {
        match self {
            Self::Range { view, .. } => vec![view],
            Self::RangeTable { multiplicity, .. } => vec![multiplicity],
            Self::Use { input, output, .. } => vec![input, output],
            Self::Table { multiplicity, .. } => vec![multiplicity],
        }
    }
}

/// Leaves `[offset, offset + 2^log)` of the tree.
#[derive(Clone, Debug)]
pub struct Segment {
    /// First leaf, a multiple of the size.
    pub offset: usize,
    /// log2 of the number of leaves.
    pub log: usize,
    /// What they are.
    pub kind: Kind,
}

/// All segments by descending size.
#[derive(Clone, Debug)]
pub struct Segments {
    /// Segments.
    pub segments: Vec<Segment>,
    /// log2 of the number of leaves; at least one.
    pub log: usize,
    /// Leaves that segments cover: a prefix.
    pub used: usize,
}

impl Segments {
    /// The lookup trees of a program: one, or one for every piece of the weights if the program is
    /// about them alone.
    pub fn trees(program: &Program, layout: &Layout) -> Vec<Self> {
        let checks = layout.weight_checks.iter().map(check_segments);
        if program.is_weights_only() {
            return checks.map(Self::place).collect();
        }
        let mut kinds: Vec<(usize, Kind)> = vec![];
        let limbs = Range::Limb {
            bits: usize::from(program.limb_bits),
        };
        let last = layout.limbs.len().saturating_sub(1);
        let ranged = |i: usize| on("range of limbs") && (i < last || on("range of the last limbs"));
        let ranged = layout.limbs.iter().enumerate().filter(|(i, _)| ranged(*i));
        kinds.extend(ranged.map(|(_, block)| in_range(*block, limbs)));
        kinds.extend(checks.flatten().map(|(log, kind)| match kind {
            // Limbs of 8 bits share their table with bytes.
            Kind::Range { view, range } if range.log() == limbs.log() => {
                let range = limbs;
                (log, Kind::Range { view, range })
            }
            other => (log, other),
        }));
        kinds.extend(layout.limb_multiplicities.map(|b| table_of(b, limbs)));
        for (table, block) in layout.table_multiplicities.iter().enumerate() {
            let multiplicity = View::block(*block);
            let kind = Kind::Table {
                table,
                multiplicity,
            };
            kinds.push((block.log, kind));
        }
        for used in activation::uses(program, layout) {
            let log = used.input.log();
            let kind = Kind::Use {
                table: used.table,
                input: used.input,
                output: used.output,
            };
            kinds.push((log, kind));
        }
        vec![Self::place(kinds)]
    }

    /// The tree of a trace of 16-bit limbs without tables.
    pub(crate) fn of_limbs(layout: &Layout) -> Self {
        let limbs = Range::Limb { bits: 16 };
        let columns = layout.limbs.iter().map(|block| in_range(*block, limbs));
        let table = layout.limb_multiplicities.map(|b| table_of(b, limbs));
        Self::place(columns.chain(table).collect())
    }

    /// Sorts and places segments.
    fn place(mut kinds: Vec<(usize, Kind)>) -> Self {
        kinds.sort_by_key(|(log, _)| std::cmp::Reverse(*log));
        let mut next = 0;
        let segments: Vec<Segment> = kinds
            .into_iter()
            .map(|(log, kind)| {
                let offset = next;
                next += 1 << log;
                Segment { offset, log, kind }
            })
            .collect();
        Self {
            segments,
            log: padded_log(next).max(1),
            used: next,
        }
    }

    /// Number of column evaluations the proof sends.
    pub fn column_count(&self) -> usize {
        self.segments.iter().map(|s| s.kind.columns().len()).sum()
    }
}

fn in_range(block: Block, range: Range) -> (usize, Kind) {
    let view = View::block(block);
    (block.log, Kind::Range { view, range })
}

fn table_of(block: Block, range: Range) -> (usize, Kind) {
    let multiplicity = View::block(block);
    let kind = Kind::RangeTable {
        multiplicity,
        range,
    };
    (range.log(), kind)
}

/// Segments of one piece of the weights.
fn check_segments(check: &WeightCheck) -> Vec<(usize, Kind)> {
    let bytes = check.bytes.filter(|_| on("range of bytes of weights"));
    let bytes = bytes.map(|block| in_range(block, Range::Byte));
    let ternary = check.ternary.iter().map(|b| in_range(*b, Range::Ternary));
    let byte_table = check.byte_multiplicities.map(|b| table_of(b, Range::Byte));
    let ternary_table = check.ternary_multiplicities;
    let ternary_table = ternary_table.map(|b| table_of(b, Range::Ternary));
    let all = bytes.into_iter().chain(ternary);
    all.chain(byte_table).chain(ternary_table).collect()
}

/// The tag of activation table `table` in the compressed value.
pub fn table_tag(table: usize) -> Fr {
    let table = if on("tag of a table") { table } else { 0 };
    Fr::from(table as u64 + 1)
}

/// Coefficients of the identity column `lowest + index`: constant and one factor per variable, most
/// significant first.
pub fn identity_column(log: usize, lowest: i64) -> (Fr, Vec<Fr>) {
    (
        fr_from_i64(lowest),
        (0..log).map(|i| pow2(log - 1 - i)).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Poly;
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
        let dense = |weight| Op::Dense { weight, shift: 16 };
        let node = |(i, op): (usize, Op)| Node {
            name: format!("n{i}"),
            op,
            inputs: vec![i],
            output: i + 1,
        };
        let ops = [dense(0), dense(1), Op::Relu];
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
            let trees = Segments::trees(&program, &layout);
            let count = |poly: Poly, offset: usize, wanted: Range| {
                let entry = Block {
                    poly,
                    offset,
                    log: 0,
                };
                let segments = trees.iter().flat_map(|tree| &tree.segments);
                let kinds = segments.filter(|s| match &s.kind {
                    Kind::Range { view, range } => {
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
            for at in 0..layout.weight_used {
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
