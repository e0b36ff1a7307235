//! The leaves of the lookup tree, read off the integers that they stand for, and levels made of them without those below.
//!
//! A leaf of a range is one of few field elements, so a table of those and the committed integer are enough to write it whenever it is
//! needed. Of the tree only the levels from the second above the leaves on are held together: 32 bytes a leaf instead of 96.

use std::sync::Arc;

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::claim::View;
use laminate_engine::field::fr_from_i64;
use laminate_engine::geometry::Block;
use laminate_engine::lookup::segments::table_tag;
use laminate_engine::lookup::{Kind, Range, Segment, Segments, TableColumn, place_factors};
use rayon::prelude::*;

use crate::columns::{Columns, Small};
use crate::kernels::logup::{self, Fractions};

/// Fractions of a level that are made at a time.
const CHUNK: usize = 1 << 10;

/// All leaves; those behind the last are `0/1`.
pub struct Leaves<'a> {
    log: usize,
    /// Number of leaves of segments.
    used: usize,
    /// Leaves before the first table: lookups, whose numerators are one and not held.
    ones: usize,
    numerators: Vec<Fr>,
    parts: Vec<Part<'a>>,
}

/// The denominators of a segment.
struct Part<'a> {
    offset: usize,
    len: usize,
    denominators: Denominators<'a>,
}

enum Denominators<'a> {
    /// What stands in the table for stored integers; behind them, for zero.
    Small(Small<'a>, Arc<[Fr]>),
    /// What stands in the table for pairs of bytes.
    Pairs(&'a [[u8; 2]], Arc<[Fr]>),
    /// What stands in these rows of the table.
    Rows(Vec<u16>, Arc<[Fr]>),
    Elements(Vec<Fr>),
}

impl<'a> Leaves<'a> {
    /// Leaves of segments for the challenges `alpha` and `beta`.
    pub fn new(segments: &Segments, columns: &Columns<'a>, alpha: Fr, beta: Fr) -> Self {
        let ones = leading_ones(segments);
        let mut numerators = vec![Fr::ZERO; segments.used - ones];
        let mut tables = Tables {
            columns,
            alpha,
            beta,
            made: vec![],
        };
        let part = |segment: &Segment| {
            let len = 1 << segment.log;
            if let Some(start) = segment.offset.checked_sub(ones) {
                let numerators = &mut numerators[start..start + len];
                match &segment.kind {
                    Kind::Range { .. } | Kind::Use { .. } => numerators.fill(Fr::ONE),
                    Kind::RangeTable { multiplicity, .. } | Kind::Table { multiplicity, .. } => {
                        let counts = columns.values(multiplicity);
                        numerators.iter_mut().zip(counts).for_each(|(p, m)| *p = -m);
                    }
                }
            }
            Part {
                offset: segment.offset,
                len,
                denominators: tables.denominators(&segment.kind, len),
            }
        };
        let parts = segments.segments.iter().map(part).collect();
        Self {
            log: segments.log,
            used: segments.used,
            ones,
            numerators,
            parts,
        }
    }

    /// The level `up` above the leaves; the leaves themselves are level 0.
    pub fn level(&self, up: usize) -> logup::Level {
        let stored = self.stored(up);
        let mut q = vec![Fr::ZERO; stored];
        if up == 0 {
            q.par_chunks_mut(CHUNK)
                .enumerate()
                .for_each(|(i, q)| self.write(i * CHUNK, q));
            return logup::Level::with_ones(self.log, self.ones, self.numerators.clone(), q);
        }
        let mut p = vec![Fr::ZERO; stored];
        let chunks = p.par_chunks_mut(CHUNK).zip(q.par_chunks_mut(CHUNK));
        chunks.enumerate().for_each(|(i, (p, q))| {
            let made = self.chunk(up, i * CHUNK, q.len());
            q.copy_from_slice(&made.q);
            match made.p {
                Some(made) => p.copy_from_slice(&made),
                None => p.fill(Fr::ONE),
            }
        });
        logup::Level::new(self.log - up, p, q)
    }

    /// Fractions of a level before those that are `0/1`.
    fn stored(&self, up: usize) -> usize {
        self.used.min(1 << (self.log - up))
    }

    /// Fractions `from..from + len` of the level `up` above the leaves.
    fn chunk(&self, up: usize, from: usize, len: usize) -> Fractions {
        let Some(below) = up.checked_sub(1) else {
            let mut q = vec![Fr::ONE; len];
            let stored = self.used.saturating_sub(from).min(len);
            self.write(from, &mut q[..stored]);
            return Fractions {
                p: self.numerators(from, len),
                q,
            };
        };
        let low = self.chunk(below, from, len);
        let half = from + (1 << (self.log - up));
        if half >= self.stored(below) {
            return low;
        }
        low.join(self.chunk(below, half, len))
    }

    /// Numerators of leaves; none if all are one.
    fn numerators(&self, from: usize, len: usize) -> Option<Vec<Fr>> {
        let ones = self.ones.saturating_sub(from).min(len);
        if ones == len {
            return None;
        }
        let mut out = vec![Fr::ONE; ones];
        let start = (from + ones - self.ones).min(self.numerators.len());
        let end = (start + len - ones).min(self.numerators.len());
        out.extend_from_slice(&self.numerators[start..end]);
        out.resize(len, Fr::ZERO);
        Some(out)
    }

    /// Writes the denominators of leaves from `from` on, all of them of segments.
    fn write(&self, from: usize, out: &mut [Fr]) {
        let mut at = from;
        let mut rest = out;
        let first = self.parts.partition_point(|p| p.offset + p.len <= from);
        for part in &self.parts[first..] {
            if rest.is_empty() {
                return;
            }
            let skip = at - part.offset;
            let (now, later) = rest.split_at_mut(rest.len().min(part.len - skip));
            match &part.denominators {
                Denominators::Elements(values) => now.copy_from_slice(&values[skip..][..now.len()]),
                Denominators::Small(Small::Bytes(values), table) => {
                    look_up(now, values.get(skip..).unwrap_or(&[]), table);
                }
                Denominators::Small(Small::Limbs(values), table) => {
                    look_up(now, values.get(skip..).unwrap_or(&[]), table);
                }
                Denominators::Pairs(pairs, table) => {
                    for (q, pair) in now.iter_mut().zip(&pairs[skip..]) {
                        *q = table[usize::from(u16::from_le_bytes(*pair))];
                    }
                }
                Denominators::Rows(rows, table) => {
                    for (q, row) in now.iter_mut().zip(&rows[skip..]) {
                        *q = table[usize::from(*row)];
                    }
                }
            }
            at += now.len();
            rest = later;
        }
    }
}

/// Writes the entries of small integers, and that of zero behind their end.
fn look_up<T: Copy + Into<usize>>(out: &mut [Fr], values: &[T], table: &[Fr]) {
    let stored = values.len().min(out.len());
    let (held, rest) = out.split_at_mut(stored);
    for (q, v) in held.iter_mut().zip(values) {
        *q = table[(*v).into()];
    }
    rest.fill(table[0]);
}

/// Leaves before the first table: lookups, whose numerators are one.
fn leading_ones(segments: &Segments) -> usize {
    let lookup = |s: &&Segment| matches!(s.kind, Kind::Range { .. } | Kind::Use { .. });
    let leading = segments.segments.iter().take_while(lookup);
    leading.map(|s| 1usize << s.log).sum()
}

/// A range, and log2 of how many neighbours a leaf has.
type Packed = (Range, usize);

/// Makes denominators; those of all values of a limb, and of all tuples, once for each range.
struct Tables<'c, 'a> {
    columns: &'c Columns<'a>,
    alpha: Fr,
    beta: Fr,
    made: Vec<(Packed, Arc<[Fr]>)>,
}

impl<'a> Tables<'_, 'a> {
    /// `α - tag - β·v` for every value `v` of a limb; of tuples, for every row of their table.
    fn of(&mut self, range: Range, pack: usize) -> Arc<[Fr]> {
        let known = self.made.iter().find(|(of, _)| *of == (range, pack));
        if let Some((_, table)) = known {
            return Arc::clone(table);
        }
        let table: Arc<[Fr]> = match pack {
            0 => {
                let limbs = 0..self.columns.limb_count() as u64;
                limbs.map(|v| self.tuple(range, &[v])).collect()
            }
            _ => self.rows_of(range, pack).into(),
        };
        self.made.push(((range, pack), Arc::clone(&table)));
        table
    }

    /// `α - tag - Σ_k β^(k+1)·v_k` for every row of a range's table.
    fn rows_of(&self, range: Range, pack: usize) -> Vec<Fr> {
        let rows = (0..1usize << (range.log() << pack)).into_par_iter();
        let row = |row: usize| -> Vec<u64> {
            (0..1 << pack).map(|k| range.entry(row as u64, k)).collect()
        };
        let rows = rows.with_min_len(1 << 10);
        rows.map(|i| self.tuple(range, &row(i))).collect()
    }

    /// `α - tag - Σ_k β^(k+1)·v_k`
    fn tuple(&self, range: Range, values: &[u64]) -> Fr {
        let pack = values.len().ilog2() as usize;
        let factors = place_factors(self.beta, values.len());
        let sum: Fr = factors
            .iter()
            .zip(values)
            .map(|(f, v)| f * Fr::from(*v))
            .sum();
        self.alpha - Fr::from(range.tag(pack)) - sum
    }

    /// The denominators of the tuples of a block.
    fn packed(&mut self, block: Block, range: Range, pack: usize) -> Denominators<'a> {
        let leaves = 1usize << (block.log - pack);
        let table = self.of(range, pack);
        match self.columns.small(&block) {
            Small::Bytes(values)
                if (range, pack) == (Range::Byte, 1) && values.len() == 2 * leaves =>
            {
                Denominators::Pairs(values.as_chunks().0, table)
            }
            Small::Bytes(values) => self.rows(values, (leaves, range, pack), table),
            Small::Limbs(values) => self.rows(values, (leaves, range, pack), table),
        }
    }

    fn rows<T: Copy + Sync + Into<u64>>(
        &self,
        values: &[T],
        (leaves, range, pack): (usize, Range, usize),
        table: Arc<[Fr]>,
    ) -> Denominators<'a> {
        let entry = |i: usize| values.get(i).map_or(0, |v| (*v).into());
        let tuple = |leaf: usize| (leaf << pack..(leaf + 1) << pack).map(entry);
        let leaves = (0..leaves).into_par_iter().with_min_len(1 << 12);
        let rows = leaves
            .clone()
            .map(|leaf| Some(range.row(tuple(leaf))? as u16));
        match rows.collect() {
            Some(rows) => Denominators::Rows(rows, table),
            // A value that is in no table, of which no proof is accepted.
            None => {
                let each = leaves.map(|leaf| self.tuple(range, &tuple(leaf).collect::<Vec<u64>>()));
                Denominators::Elements(each.collect())
            }
        }
    }

    fn denominators(&mut self, kind: &Kind, len: usize) -> Denominators<'a> {
        let columns = self.columns;
        match kind {
            Kind::Range { view, range, pack } => match (view.as_block(), *pack) {
                (Some(block), 0) => Denominators::Small(columns.small(&block), self.of(*range, 0)),
                (Some(block), pack) => self.packed(block, *range, pack),
                (None, _) => {
                    let table = self.of(*range, 0);
                    Denominators::Elements(self.of_view(view, range.tag(0), &table))
                }
            },
            Kind::RangeTable { range, pack, .. } => {
                Denominators::Elements(self.rows_of(*range, *pack))
            }
            Kind::Use {
                table,
                columns: looked_up,
            } => {
                let looked_up = looked_up.iter().map(|v| columns.values(v));
                Denominators::Elements(self.tuples(*table, len, looked_up))
            }
            Kind::Table {
                table,
                columns: rows,
                ..
            } => {
                let rows = rows.iter().map(|column| table_column(columns, column, len));
                Denominators::Elements(self.tuples(*table, len, rows))
            }
        }
    }

    /// The denominators of a view's integers, which the table may lack.
    fn of_view(&self, view: &View, tag: u64, table: &[Fr]) -> Vec<Fr> {
        let start = self.alpha - Fr::from(tag);
        let leaf = |v: i64| match usize::try_from(v).ok().and_then(|v| table.get(v)) {
            Some(leaf) => *leaf,
            None => start - self.beta * fr_from_i64(v),
        };
        let integers = self.columns.integers(view).into_par_iter();
        integers.with_min_len(1 << 12).map(leaf).collect()
    }

    /// `α - (table + 1) - Σ_k β^(k+1)·column_k[i]`
    fn tuples(&self, table: usize, len: usize, columns: impl Iterator<Item = Vec<Fr>>) -> Vec<Fr> {
        let mut q = vec![self.alpha - table_tag(table); len];
        let mut power = self.beta;
        for column in columns {
            let pairs = q.par_iter_mut().zip(column).with_min_len(1 << 12);
            pairs.for_each(|(q, v)| *q -= power * v);
            power *= self.beta;
        }
        q
    }
}

/// A column of a table of `len` rows.
fn table_column(columns: &Columns<'_>, column: &TableColumn, len: usize) -> Vec<Fr> {
    match column {
        TableColumn::Index { lowest } => (*lowest..).take(len).map(fr_from_i64).collect(),
        TableColumn::Part { from, log } => {
            let mask = (1usize << log) - 1;
            let rows = 0..len;
            rows.map(|row| Fr::from((row >> from & mask) as u64))
                .collect()
        }
        TableColumn::Constants(values) => values.iter().map(|v| fr_from_i64((*v).into())).collect(),
        TableColumn::Committed(view) => columns.values(view),
    }
}
