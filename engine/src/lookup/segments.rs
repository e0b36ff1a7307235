//! The leaves of the lookup tree, as aligned segments.

use std::sync::Arc;

use halo2curves_axiom::bn256::Fr;

use super::range::Range;
use crate::claim::View;
use crate::field::{fr_from_i64, pow2};
use crate::geometry::Block;
use crate::poly::padded_log;
use crate::switch::on;

/// A column of a table.
#[derive(Clone, Debug)]
pub enum TableColumn {
    /// `lowest + row`.
    Index {
        /// Value of the first row.
        lowest: i64,
    },
    /// Bits `from..from + log` of the row, the lowest first: an index that is one of several.
    Part {
        /// The lowest bit.
        from: usize,
        /// Number of bits.
        log: usize,
    },
    /// Public values.
    Constants(Arc<[i16]>),
    /// A committed column.
    Committed(View),
}

/// What a segment's leaves are.
#[derive(Clone, Debug)]
pub enum Kind {
    /// `1 / (α - tag - Σ_k β^(k+1)·v_k)` for every `2^pack` neighbouring values of a column, which has as many times more
    /// entries than there are leaves.
    Range {
        /// The column.
        view: View,
        /// Where its values are.
        range: Range,
        /// log2 of the values of a leaf.
        pack: usize,
    },
    /// `-μ / (α - tag - Σ_k β^(k+1)·v_k)` for the tuples of `2^pack` values of a range.
    RangeTable {
        /// Multiplicities.
        multiplicity: View,
        /// The range.
        range: Range,
        /// log2 of the values of a tuple.
        pack: usize,
    },
    /// `1 / (α - (table+1) - Σ_k β^(k+1)·x_k)` for the tuples `x` of columns of equal length.
    Use {
        /// Number of the table.
        table: usize,
        /// The columns, the table's key first.
        columns: Vec<View>,
    },
    /// `-μ / (α - (table+1) - Σ_k β^(k+1)·t_k)` for the rows `t` of a table.
    Table {
        /// Number of the table.
        table: usize,
        /// Its columns. The first ones are the key: an index, or all parts of one, so that one key has one row whatever
        /// is committed.
        columns: Vec<TableColumn>,
        /// Multiplicities.
        multiplicity: View,
    },
}

impl Kind {
    /// log2 of the neighbouring entries of its column that one leaf is of: so many values are sent of a column.
    pub fn pack(&self) -> usize {
        match self {
            Self::Range { pack, .. } => *pack,
            Self::RangeTable { .. } | Self::Use { .. } | Self::Table { .. } => 0,
        }
    }

    /// Number of values that are sent of it.
    pub fn value_count(&self) -> usize {
        self.columns().len() << self.pack()
    }

    /// The committed columns the segment reads, each as long as its leaves are many, times `2^pack`.
    pub fn columns(&self) -> Vec<&View> {
        match self {
            Self::Range { view, .. } => vec![view],
            Self::RangeTable { multiplicity, .. } => vec![multiplicity],
            Self::Use { columns, .. } => columns.iter().collect(),
            Self::Table {
                multiplicity,
                columns,
                ..
            } => {
                let committed = columns.iter().filter_map(|column| match column {
                    TableColumn::Committed(view) => Some(view),
                    TableColumn::Index { .. }
                    | TableColumn::Part { .. }
                    | TableColumn::Constants(_) => None,
                });
                std::iter::once(multiplicity).chain(committed).collect()
            }
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
    /// Sorts segments of the given sizes and places them.
    pub fn place(mut kinds: Vec<(usize, Kind)>) -> Self {
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
        self.segments.iter().map(|s| s.kind.value_count()).sum()
    }

    /// log2 of the most neighbours that a leaf is of.
    pub fn pack(&self) -> usize {
        let packs = self.segments.iter().map(|s| s.kind.pack());
        packs.max().unwrap_or(0)
    }
}

/// The entries of a block, `2^pack` of them a leaf, looked up in a range: the segment and its log2.
///
/// # Panics
/// If the block is shorter than a leaf.
pub fn in_range(block: Block, range: Range, pack: usize) -> (usize, Kind) {
    let view = View::block(block);
    (block.log - pack, Kind::Range { view, range, pack })
}

/// The table of tuples of a range with its multiplicities.
pub fn table_of(block: Block, range: Range, pack: usize) -> (usize, Kind) {
    let multiplicity = View::block(block);
    let kind = Kind::RangeTable {
        multiplicity,
        range,
        pack,
    };
    (range.log() << pack, kind)
}

/// The tag of table `table` in the compressed value.
pub fn table_tag(table: usize) -> Fr {
    let table = if on("tag of tables") { table } else { 0 };
    Fr::from(table as u64 + 1)
}

/// The row that a key of a table stands for; none if the table's first columns are no key, or it has no such row.
/// `key` has a value for each of its columns.
pub fn row_of(columns: &[TableColumn], log: usize, key: &[i64]) -> Option<usize> {
    let mut row = 0usize;
    for (column, value) in columns.iter().zip(key) {
        row += match column {
            TableColumn::Index { lowest } => usize::try_from(value.checked_sub(*lowest)?).ok()?,
            TableColumn::Part { from, log } => {
                let part = usize::try_from(*value)
                    .ok()
                    .filter(|part| part >> log == 0)?;
                part << from
            }
            TableColumn::Constants(_) | TableColumn::Committed(_) => return None,
        };
    }
    (row >> log == 0).then_some(row)
}

/// Number of a table's first columns that are its key.
pub fn key_columns(columns: &[TableColumn]) -> usize {
    let key = |column: &&TableColumn| {
        matches!(column, TableColumn::Index { .. } | TableColumn::Part { .. })
    };
    columns.iter().take_while(key).count()
}

/// Coefficients of bits `from..from + bits` of the index, one factor per variable, most significant first.
pub fn part_column(log: usize, from: usize, bits: usize) -> Vec<Fr> {
    let place = |i: usize| log - 1 - i;
    let factor = |bit: usize| match bit.checked_sub(from) {
        Some(bit) if bit < bits => pow2(bit),
        _ => Fr::from(0),
    };
    (0..log).map(|i| factor(place(i))).collect()
}

/// Coefficients of the identity column `lowest + index`: constant and one factor per variable, most
/// significant first.
pub fn identity_column(log: usize, lowest: i64) -> (Fr, Vec<Fr>) {
    (
        fr_from_i64(lowest),
        (0..log).map(|i| pow2(log - 1 - i)).collect(),
    )
}
