//! Blocks of the weight polynomial, and the pieces in which its range is proven.

use super::DenseBlocks;
use crate::program::{DenseShape, Program, WeightFormat, padded_log};
use laminate_engine::geometry::{Block, Poly};
use laminate_engine::packer::{EMPTY, Packer};

/// A program that is about weights alone has one lookup tree for every `2^2` commitment rows…
const CHUNK_ROWS_LOG: usize = 2;
/// …of at most so many leaves, so that a tree fits the memory of a small machine.
const MAX_CHUNK_LOG: usize = 24;

/// What one lookup tree shows of the weight polynomial. Multiplicities are blocks of the trace.
#[derive(Clone, Debug)]
pub struct WeightCheck {
    /// Entries that are bytes.
    pub bytes: Option<Block>,
    /// Multiplicities of their table, where it is not the table of limbs.
    pub byte_multiplicities: Option<Block>,
    /// Entries that are ternary weights.
    pub ternary: Vec<Block>,
    /// Multiplicities of their table.
    pub ternary_multiplicities: Option<Block>,
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
    let all = padded_log(used);
    if !program.is_weights_only() {
        return all;
    }
    let chunk = usize::from(program.row_log) + CHUNK_ROWS_LOG;
    chunk.min(MAX_CHUNK_LOG).min(all)
}

/// Number of pieces of a program that need not be checked yet.
pub fn weight_pieces(program: &Program) -> usize {
    let (_, used) = Placed::new(program).bytes;
    used.div_ceil(1 << chunk_log(program, used))
}

/// The pieces, without multiplicities; none if the program does not check its weights.
pub(super) fn checks(program: &Program, placed: &Placed) -> Vec<WeightCheck> {
    let (start, used) = placed.bytes;
    // Of words nothing is shown here.
    let only_words = used == 0 && placed.used > 0;
    if !program.check_weights || only_words {
        return vec![];
    }
    let layers = program.weights.iter().zip(&placed.dense);
    let ternary: Vec<Block> = layers
        .filter(|(shape, _)| shape.format == WeightFormat::Ternary)
        .map(|(_, blocks)| blocks.weight)
        .collect();
    let chunk_log = chunk_log(program, used);
    (0..used.max(1))
        .step_by(1 << chunk_log)
        .map(|offset| {
            let log = padded_log(used - offset.min(used)).min(chunk_log);
            let chunk = Block {
                poly: Poly::Weight,
                offset: start + offset,
                log,
            };
            if ternary.iter().any(|block| block.contains(&chunk)) {
                return WeightCheck::new(None, vec![chunk]);
            }
            let inside = ternary.iter().filter(|block| chunk.contains(block));
            WeightCheck::new(Some(chunk), inside.copied().collect())
        })
        .collect()
}

impl WeightCheck {
    fn new(bytes: Option<Block>, ternary: Vec<Block>) -> Self {
        Self {
            bytes,
            byte_multiplicities: None,
            ternary,
            ternary_multiplicities: None,
        }
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

    #[test]
    fn every_entry_is_in_one_piece_and_every_ternary_one_in_a_ternary_piece() {
        use WeightFormat::{Int8, Ternary};
        for row_log in 4..10 {
            for formats in [
                &[Int8][..],
                &[Ternary],
                &[Int8, Ternary, Int8],
                &[Ternary, Ternary, Int8, Ternary],
            ] {
                let program = program(row_log, formats);
                let layout = Layout::new(&program);
                let count = |covers: &dyn Fn(&WeightCheck, &Block) -> bool, at: usize| {
                    let entry = Block {
                        poly: Poly::Weight,
                        offset: at,
                        log: 0,
                    };
                    let checks = layout.weight_checks.iter();
                    checks.filter(|c| covers(c, &entry)).count()
                };
                let any = |c: &WeightCheck, e: &Block| {
                    c.bytes.iter().chain(&c.ternary).any(|b| b.contains(e))
                };
                let strict = |c: &WeightCheck, e: &Block| c.ternary.iter().any(|b| b.contains(e));
                for at in 0..layout.geometry.weight_used {
                    assert_eq!(count(&any, at), 1, "{row_log} {formats:?} {at}");
                }
                for (shape, blocks) in program.weights.iter().zip(&layout.dense) {
                    let wanted = usize::from(shape.format == Ternary);
                    let block = blocks.weight;
                    for at in block.offset..block.offset + (1 << block.log) {
                        assert_eq!(count(&strict, at), wanted, "{row_log} {formats:?} {at}");
                    }
                }
            }
        }
    }
}
