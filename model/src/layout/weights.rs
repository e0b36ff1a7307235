//! Blocks of the weight polynomial, and the pieces in which its range is proven.

use std::collections::VecDeque;
use std::ops::Range;

use super::DenseBlocks;
use crate::program::{DenseShape, Program, WeightFormat, padded_log};
use laminate_engine::geometry::{Block, Poly};
use laminate_engine::lookup;
use laminate_engine::packer::{EMPTY, Packer};

/// A lookup tree of a program that is about weights alone has at most as many leaves as `2^6` commitment rows have entries…
const TREE_ROWS_LOG: usize = 6;
/// …so many if rows are very short…
const MIN_TREE_LOG: usize = 10;
/// …and so many if they are long: 32 bytes a leaf are 2 GiB.
const MAX_TREE_LOG: usize = 26;
/// A piece is filled with blocks down to this part of its leaves.
const FILL_LOG: usize = 10;

/// Where entries are looked up: a table of a range, or of tuples of `2^pack` of its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookedUp {
    /// The range.
    pub range: lookup::Range,
    /// log2 of the entries of a leaf.
    pub pack: usize,
}

/// What one lookup tree shows of the weight polynomial.
#[derive(Clone, Debug)]
pub struct WeightCheck {
    /// Its entries.
    pub blocks: Vec<(Block, LookedUp)>,
    /// The tables that these are looked up in, and their multiplicities, blocks of the trace; none for a table that is
    /// that of limbs.
    pub tables: Vec<(LookedUp, Option<Block>)>,
}

/// The weight polynomial: a region of bytes, and blocks of words.
pub(super) struct Placed {
    /// Where each layer's parameters lie.
    pub(super) dense: Vec<DenseBlocks>,
    /// Entries that blocks cover.
    pub(super) used: usize,
    /// First entry of the region of bytes, and how many of it blocks cover.
    bytes: (usize, usize),
}

impl Placed {
    /// Of a program's weights. Tables of words are whole blocks beside that of the bytes.
    pub(super) fn new(program: &Program) -> Self {
        let (mut dense, used) = place(program);
        let words = |shape: &DenseShape| shape.format == WeightFormat::Word;
        if !program.weights.iter().any(words) {
            let bytes = (0, used);
            return Self { dense, used, bytes };
        }
        let mut top = Packer::new(Poly::Weight);
        let region = (used > 0).then(|| top.request(padded_log(used)));
        let tables: Vec<Option<usize>> = program
            .weights
            .iter()
            .map(|shape| words(shape).then(|| top.request(shape.row_log() + shape.col_log())))
            .collect();
        let (blocks, all) = top.place();
        let get = |i: usize| blocks.get(i).copied().unwrap_or(EMPTY);
        let start = region.map_or(0, |i| get(i).offset);
        for (layer, table) in dense.iter_mut().zip(tables) {
            match table {
                Some(table) => layer.weight = get(table),
                None => layer.shift(start),
            }
        }
        Self {
            dense,
            used: all,
            bytes: (start, used),
        }
    }
}

/// Numbers of the requests for a layer's weights, biases and multipliers.
type Request = (usize, Option<[usize; 4]>, [usize; 3]);

/// Where each layer's bytes lie in their region, and how many entries they cover.
fn place(program: &Program) -> (Vec<DenseBlocks>, usize) {
    let mut packer = Packer::new(Poly::Weight);
    let requests: Vec<Option<Request>> = program
        .weights
        .iter()
        .map(|shape| {
            let layer = shape.format != WeightFormat::Word;
            layer.then(|| {
                let rows = shape.stack_log() + shape.row_log();
                let weight = packer.request(rows + shape.col_log());
                let bias = shape
                    .bias
                    .then(|| std::array::from_fn(|_| packer.request(rows)));
                let multiplier = std::array::from_fn(|_| packer.request(rows));
                (weight, bias, multiplier)
            })
        })
        .collect();
    let (blocks, used) = packer.place();
    let get = |i: usize| blocks.get(i).copied().unwrap_or(EMPTY);
    let dense = requests.into_iter().map(|request| match request {
        Some((weight, bias, multiplier)) => DenseBlocks {
            weight: get(weight),
            bias: bias.map(|b| b.map(get)),
            multiplier: multiplier.map(get),
        },
        None => DenseBlocks {
            weight: EMPTY,
            bias: None,
            multiplier: [EMPTY; 3],
        },
    });
    let dense = dense.collect();
    (dense, used)
}

/// Number of pieces of a program that is about weights alone and need not be checked yet, if there are no more than `most`;
/// else one more.
pub fn weight_pieces(program: &Program, most: usize) -> usize {
    let placed = Placed::new(program);
    Pieces::new(program, &placed).take(most + 1).count()
}

/// What is shown of the weights, without multiplicities; nothing if the program does not check its weights.
pub(super) fn checks(program: &Program, placed: &Placed) -> Vec<WeightCheck> {
    let (_, used) = placed.bytes;
    // Of words nothing is shown here.
    let only_words = used == 0 && placed.used > 0;
    if !program.check_weights || only_words {
        return vec![];
    }
    if !program.is_weights_only() {
        return vec![beside_inference(program, placed)];
    }
    Pieces::new(program, placed).map(WeightCheck::new).collect()
}

/// All bytes, and ternary weights once more as such, entry by entry: bytes share the table of limbs, or the tree is short.
fn beside_inference(program: &Program, placed: &Placed) -> WeightCheck {
    let (start, used) = placed.bytes;
    let all = Block {
        poly: Poly::Weight,
        offset: start,
        log: padded_log(used),
    };
    let one = |range| LookedUp { range, pack: 0 };
    let ternary: Vec<Block> = ternary(program, placed).collect();
    let bytes = (!ternary.contains(&all)).then_some((all, one(lookup::Range::Byte)));
    let ternary = ternary
        .into_iter()
        .map(|block| (block, one(lookup::Range::Ternary)));
    WeightCheck::new(bytes.into_iter().chain(ternary).collect())
}

/// The weights of ternary layers.
fn ternary(program: &Program, placed: &Placed) -> impl Iterator<Item = Block> {
    let layers = program.weights.iter().zip(&placed.dense);
    let ternary = layers.filter(|(shape, _)| shape.format == WeightFormat::Ternary);
    ternary.map(|(_, blocks)| blocks.weight)
}

/// The region of bytes as runs of entries of one range, in their order.
fn runs(program: &Program, placed: &Placed) -> Vec<(Range<usize>, lookup::Range)> {
    let (start, used) = placed.bytes;
    let mut blocks: Vec<Block> = ternary(program, placed).collect();
    blocks.sort_by_key(|block| block.offset);
    let mut out: Vec<(Range<usize>, lookup::Range)> = vec![];
    let mut push = |run: Range<usize>, range| match out.last_mut() {
        Some((last, known)) if *known == range => last.end = run.end,
        _ if run.is_empty() => {}
        _ => out.push((run, range)),
    };
    let mut at = start;
    for block in blocks {
        let end = block.offset + (1 << block.log);
        push(at..block.offset, lookup::Range::Byte);
        push(block.offset..end, lookup::Range::Ternary);
        at = end;
    }
    push(at..start + used, lookup::Range::Byte);
    out
}

/// Cuts weights into pieces, each with a tree that is as full as can be: one leaf more than a power of two would double it.
struct Pieces {
    /// What is left, in its order.
    runs: VecDeque<(Range<usize>, lookup::Range)>,
    tree_log: usize,
}

impl Pieces {
    fn new(program: &Program, placed: &Placed) -> Self {
        let log = usize::from(program.row_log) + TREE_ROWS_LOG;
        Self {
            runs: runs(program, placed).into(),
            tree_log: log.clamp(MIN_TREE_LOG, MAX_TREE_LOG),
        }
    }

    /// The longest aligned block at the front that leaves room for itself and its table, and the leaves of both. One that
    /// is cut short has no fewer leaves than what a piece is filled with.
    fn block(&self, room: usize, tables: &[LookedUp]) -> Option<((Block, LookedUp), usize)> {
        let (run, range) = self.runs.front()?;
        let (offset, range) = (run.start, *range);
        let longest = run.len().ilog2().min(offset.trailing_zeros()) as usize;
        let least = self.tree_log.saturating_sub(FILL_LOG);
        (0..=longest).rev().find_map(|log| {
            let pack = range.pack(log);
            let of = LookedUp { range, pack };
            let table = match tables.contains(&of) {
                true => 0,
                false => 1 << (range.log() << pack),
            };
            let leaves = table + (1usize << (log - pack));
            let fits = leaves <= room && (log == longest || log - pack >= least);
            let poly = Poly::Weight;
            fits.then_some(((Block { poly, offset, log }, of), leaves))
        })
    }
}

impl Iterator for Pieces {
    type Item = Vec<(Block, LookedUp)>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut room = 1usize << self.tree_log;
        let (mut piece, mut tables) = (vec![], vec![]);
        while let Some(((block, of), leaves)) = self.block(room, &tables) {
            room -= leaves;
            piece.push((block, of));
            if !tables.contains(&of) {
                tables.push(of);
            }
            if let Some((run, _)) = self.runs.front_mut() {
                run.start += 1 << block.log;
            }
            if self.runs.front().is_some_and(|(run, _)| run.is_empty()) {
                self.runs.pop_front();
            }
        }
        (!piece.is_empty()).then_some(piece)
    }
}

impl WeightCheck {
    fn new(blocks: Vec<(Block, LookedUp)>) -> Self {
        let mut tables: Vec<(LookedUp, Option<Block>)> = vec![];
        for (_, of) in &blocks {
            if tables.iter().all(|(table, _)| table != of) {
                tables.push((*of, None));
            }
        }
        Self { blocks, tables }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Layout;
    use crate::program::DenseShape;

    fn program(row_log: u8, formats: &[WeightFormat]) -> Program {
        let mut program = Program::empty("weights", 0, row_log);
        program.weights = formats
            .iter()
            .enumerate()
            .map(|(i, format)| DenseShape {
                format: *format,
                ..DenseShape::new(16 >> i, 16)
            })
            .collect();
        program
    }

    /// Every entry is looked up once, in the range of its layer's format: whatever the sizes of rows and pieces.
    #[test]
    fn every_entry_is_in_one_piece_in_its_range() {
        use WeightFormat::{Int8, Ternary, Word};
        for row_log in [4, 5, 6, 9] {
            for formats in [
                &[Int8][..],
                &[Ternary],
                &[Int8, Ternary, Int8],
                &[Ternary, Ternary, Int8, Ternary],
                &[Word, Ternary, Int8],
                &[Int8, Int8, Ternary, Int8, Int8, Ternary],
            ] {
                let program = program(row_log, formats);
                let layout = Layout::new(&program);
                let placed = Placed::new(&program);
                let (start, used) = placed.bytes;
                let ternary: Vec<Block> = ternary(&program, &placed).collect();
                let count = layout.weight_checks.len();
                assert_eq!(weight_pieces(&program, count), count);
                assert_eq!(weight_pieces(&program, count - 1), count);
                for at in 0..layout.geometry.weight_used {
                    let entry = Block {
                        poly: Poly::Weight,
                        offset: at,
                        log: 0,
                    };
                    let blocks = layout.weight_checks.iter().flat_map(|c| &c.blocks);
                    let found: Vec<lookup::Range> = blocks
                        .filter(|(block, _)| block.contains(&entry))
                        .map(|(_, of)| of.range)
                        .collect();
                    let strict = ternary.iter().any(|b| b.contains(&entry));
                    let wanted = match strict {
                        true => lookup::Range::Ternary,
                        false => lookup::Range::Byte,
                    };
                    let inside = (start..start + used).contains(&at);
                    let wanted: Vec<lookup::Range> = inside.then_some(wanted).into_iter().collect();
                    assert_eq!(found, wanted, "{row_log} {formats:?} {at}");
                }
                let tree_log = Pieces::new(&program, &placed).tree_log;
                for check in &layout.weight_checks {
                    let blocks = check
                        .blocks
                        .iter()
                        .map(|(b, of)| 1usize << (b.log - of.pack));
                    let tables = check.tables.iter().filter_map(|(_, counts)| *counts);
                    let leaves = blocks.sum::<usize>() + tables.map(|b| 1 << b.log).sum::<usize>();
                    assert!(leaves <= 1 << tree_log, "{leaves} leaves");
                    for (block, of) in &check.blocks {
                        assert_eq!(block.offset % (1 << block.log), 0, "aligned");
                        assert!(of.pack <= block.log);
                        let tables = check.tables.iter().filter(|(table, _)| table == of);
                        let found: Vec<_> =
                            tables.map(|(_, counts)| counts.map(|b| b.log)).collect();
                        assert_eq!(found, [Some(of.range.log() << of.pack)]);
                    }
                }
            }
        }
    }

    /// Trees of long pieces are full, whatever the format; the last one has what is left.
    #[test]
    fn pieces_of_large_models_fill_their_trees() {
        for (format, of, expected) in [
            (WeightFormat::Int8, lookup::Range::Byte, 5),
            (WeightFormat::Ternary, lookup::Range::Ternary, 2),
        ] {
            let mut program = Program::empty("large", 0, 20);
            program.weights = vec![DenseShape {
                format,
                bias: false,
                ..DenseShape::new(1 << 14, 1 << 15)
            }];
            assert_eq!(weight_pieces(&program, 100), expected, "{format:?}");
            let placed = Placed::new(&program);
            let checks = checks(&program, &placed);
            let leaves = |check: &WeightCheck| {
                let blocks = check
                    .blocks
                    .iter()
                    .map(|(b, of)| 1usize << (b.log - of.pack));
                let tables = check
                    .tables
                    .iter()
                    .map(|(of, _)| 1 << (of.range.log() << of.pack));
                blocks.chain(tables).sum::<usize>()
            };
            for check in &checks[..expected - 1] {
                assert_eq!(leaves(check), 1 << 26);
                assert!(check.blocks.len() <= 12 && check.tables.len() == 1);
                assert_eq!(check.tables[0].0.range, of);
            }
            assert!(leaves(&checks[expected - 1]) < 1 << 20);
        }
    }
}
