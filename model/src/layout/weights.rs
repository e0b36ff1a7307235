//! Blocks of the weight polynomial, and the pieces in which its range is proven.

use std::ops::Range;

use super::DenseBlocks;
use crate::program::{DenseShape, Program, WeightFormat, padded_log};
use laminate_engine::geometry::{Block, Poly};
use laminate_engine::lookup;
use laminate_engine::packer::{EMPTY, Packer};

/// A program that is about weights alone has one lookup tree for every `2^7` commitment rows…
const CHUNK_ROWS_LOG: usize = 7;
/// …of at most so many entries: the tree of bytes, two of them a leaf, takes 2 GiB.
const MAX_CHUNK_LOG: usize = 27;

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

/// log2 of the entries of a piece.
fn chunk_log(program: &Program, used: usize) -> usize {
    let chunk = usize::from(program.row_log) + CHUNK_ROWS_LOG;
    chunk.min(MAX_CHUNK_LOG).min(padded_log(used))
}

/// Number of pieces of a program that is about weights alone and need not be checked yet.
pub fn weight_pieces(program: &Program) -> usize {
    let (_, used) = Placed::new(program).bytes;
    used.div_ceil(1 << chunk_log(program, used))
}

/// What is shown of the weights, without multiplicities; nothing if the program does not check its weights.
pub(super) fn checks(program: &Program, placed: &Placed) -> Vec<WeightCheck> {
    let (start, used) = placed.bytes;
    // Of words nothing is shown here.
    let only_words = used == 0 && placed.used > 0;
    if !program.check_weights || only_words {
        return vec![];
    }
    if !program.is_weights_only() {
        return vec![beside_inference(program, placed)];
    }
    let runs = runs(program, placed);
    let size = 1 << chunk_log(program, used);
    (start..start + used)
        .step_by(size)
        .map(|first| {
            let parts = runs.iter().flat_map(|(run, range)| {
                let inside = run.start.max(first)..run.end.min(first + size);
                aligned(inside).map(|block| {
                    let (range, pack) = (*range, range.pack(block.log));
                    (block, LookedUp { range, pack })
                })
            });
            WeightCheck::new(parts.collect())
        })
        .collect()
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

/// A run of weights as aligned blocks.
fn aligned(run: Range<usize>) -> impl Iterator<Item = Block> {
    let mut offset = run.start;
    std::iter::from_fn(move || {
        let left = run.end.checked_sub(offset).filter(|left| *left > 0)?;
        let log = left.ilog2().min(offset.trailing_zeros()) as usize;
        let block = Block {
            poly: Poly::Weight,
            offset,
            log,
        };
        offset += 1 << log;
        Some(block)
    })
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
                assert_eq!(layout.weight_checks.len(), weight_pieces(&program));
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
                for check in &layout.weight_checks {
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

    #[test]
    fn runs_are_cut_into_aligned_blocks() {
        for (run, expected) in [
            (0..16, vec![(0, 4)]),
            (0..13, vec![(0, 3), (8, 2), (12, 0)]),
            (4..13, vec![(4, 2), (8, 2), (12, 0)]),
            (6..32, vec![(6, 1), (8, 3), (16, 4)]),
            (5..5, vec![]),
        ] {
            let found: Vec<(usize, usize)> = aligned(run).map(|b| (b.offset, b.log)).collect();
            assert_eq!(found, expected);
        }
    }
}
