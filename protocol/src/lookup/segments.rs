//! The leaves of the lookup tree, as aligned segments.

use halo2curves_axiom::bn256::Fr;

use crate::claim::View;
use crate::field::{fr_from_i64, pow2};
use crate::layout::{BYTE_LOG, Block, Layout, Poly};
use crate::program::{MAX_TABLES, Program, padded_log};
use crate::relations::activation;

/// What a segment's leaves are.
#[derive(Clone, Debug)]
pub enum Kind {
    /// `1 / (α - tag - β·v)` for the values `v` of a column.
    Range {
        /// The column.
        view: View,
        /// Tag of the range table.
        tag: u64,
    },
    /// `-μ / (α - tag - β·i)` for `i` in `0..2^bits`.
    RangeTable {
        /// Multiplicities.
        multiplicity: View,
        /// log2 of the number of entries.
        bits: usize,
        /// Its tag.
        tag: u64,
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
    /// The segments of a program.
    pub fn new(program: &Program, layout: &Layout) -> Self {
        let mut kinds: Vec<(usize, Kind)> = layout
            .limbs
            .iter()
            .map(|block| {
                let view = View::block(*block);
                (
                    block.log,
                    Kind::Range {
                        view,
                        tag: LIMB_TAG,
                    },
                )
            })
            .collect();
        let byte_tag = match layout.byte_multiplicities {
            Some(_) => BYTE_TAG,
            None => LIMB_TAG,
        };
        if program.check_weights {
            let weights = Block {
                poly: Poly::Weight,
                offset: 0,
                log: layout.weight_log,
            };
            let view = View::block(weights);
            kinds.push((
                layout.weight_log,
                Kind::Range {
                    view,
                    tag: byte_tag,
                },
            ));
        }
        let bits = usize::from(program.limb_bits);
        let tables = [
            (Some(layout.limb_multiplicities), bits, LIMB_TAG),
            (layout.byte_multiplicities, BYTE_LOG, BYTE_TAG),
        ];
        for (block, bits, tag) in tables {
            if let Some(block) = block {
                let multiplicity = View::block(block);
                kinds.push((
                    bits,
                    Kind::RangeTable {
                        multiplicity,
                        bits,
                        tag,
                    },
                ));
            }
        }
        for (table, block) in layout.table_multiplicities.iter().enumerate() {
            kinds.push((
                block.log,
                Kind::Table {
                    table,
                    multiplicity: View::block(*block),
                },
            ));
        }
        for used in activation::uses(program, layout) {
            let log = used.input.log();
            kinds.push((
                log,
                Kind::Use {
                    table: used.table,
                    input: used.input,
                    output: used.output,
                },
            ));
        }
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

/// Tag of the table of limbs.
pub const LIMB_TAG: u64 = 0;
/// Tag of the byte table of the weights, where it is another one.
pub const BYTE_TAG: u64 = MAX_TABLES as u64 + 1;

/// The tag of activation table `table` in the compressed value.
pub fn table_tag(table: usize) -> Fr {
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
