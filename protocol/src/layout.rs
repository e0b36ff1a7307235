//! Where every committed column lies in the weight polynomial and the trace polynomial.
//!
//! Both polynomials are vectors of aligned power-of-two *blocks*, sorted by size, so a block is a
//! prefix of the evaluation point. Everything in the weight polynomial, and the first part of the
//! trace polynomial (its *byte region*), are bytes: one range lookup each covers all of them. After
//! the byte region come the multiplicities of the lookup tables and random *blinds*, which make the
//! trace commitment, and with it the published accumulator, hiding.

use crate::program::{Op, Program, TABLE_LOG, TensorId, padded_log};

/// Which committed polynomial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Poly {
    /// Hidden parameters, committed once per model.
    Weight,
    /// Everything that depends on the input.
    Trace,
}

/// An aligned block of a polynomial: entries `[offset, offset + 2^log)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Block {
    /// The polynomial.
    pub poly: Poly,
    /// First entry, a multiple of the size.
    pub offset: usize,
    /// log2 of the size.
    pub log: usize,
}

/// Blocks of one dense layer's parameters.
#[derive(Clone, Debug)]
pub struct DenseBlocks {
    /// `(rows, cols)` padded; byte = weight + 128.
    pub weight: Block,
    /// Bytes of bias + 2^31, least significant first; `(rows)` padded.
    pub bias: [Block; 4],
    /// Bytes of the multiplier.
    pub multiplier: [Block; 3],
}

/// Bytes of an unsigned 16-bit column, least significant first; `(slots, width)` padded.
pub type Pair = [Block; 2];

/// Auxiliary columns of a node.
#[derive(Clone, Debug, Default)]
pub struct AuxBlocks {
    /// Bytes of the rounding remainder.
    pub remainder: Vec<Block>,
    /// `max(x, 0)`, for a leaky ReLU (for a ReLU it is the output itself).
    pub positive: Option<Pair>,
    /// `max(-x, 0)`.
    pub negative: Option<Pair>,
}

/// log2 of the number of blinds: four uniformly random entries.
pub const BLINDS_LOG: usize = 2;
/// log2 of the size of the byte table.
pub const BYTE_LOG: usize = 8;

/// All blocks of a program.
#[derive(Clone, Debug)]
pub struct Layout {
    /// log2 of the weight polynomial.
    pub weight_log: usize,
    /// log2 of the trace polynomial.
    pub trace_log: usize,
    /// The byte region of the trace.
    pub bytes: Block,
    /// Multiplicities of the byte table.
    pub byte_multiplicities: Block,
    /// Multiplicities of the activation tables.
    pub table_multiplicities: Vec<Block>,
    /// Random entries.
    pub blinds: Block,
    /// Parameters.
    pub dense: Vec<DenseBlocks>,
    /// Column of each tensor; a reshape's output shares its operand's.
    pub tensors: Vec<Pair>,
    /// Whether a tensor is stored without the 2^15 offset (outputs of ReLU).
    pub unsigned: Vec<bool>,
    /// Auxiliary columns of each node.
    pub aux: Vec<AuxBlocks>,
    /// log2 of the padded width of each tensor.
    pub width_logs: Vec<usize>,
}

/// Collects block sizes, then places them by descending size.
struct Packer {
    poly: Poly,
    logs: Vec<usize>,
}

impl Packer {
    fn request(&mut self, log: usize) -> usize {
        self.logs.push(log);
        self.logs.len() - 1
    }

    /// Offsets by request, and log2 of the padded total.
    fn place(self) -> (Vec<Block>, usize) {
        let mut order: Vec<usize> = (0..self.logs.len()).collect();
        let log_of = |i: usize| self.logs.get(i).copied().unwrap_or(0);
        order.sort_by_key(|i| std::cmp::Reverse(log_of(*i)));
        let mut offsets = vec![0; order.len()];
        let mut next = 0;
        for i in order {
            if let Some(slot) = offsets.get_mut(i) {
                *slot = next;
            }
            next += 1 << log_of(i);
        }
        let blocks = offsets
            .into_iter()
            .zip(&self.logs)
            .map(|(offset, log)| Block {
                poly: self.poly,
                offset,
                log: *log,
            })
            .collect();
        (blocks, padded_log(next))
    }
}

impl Layout {
    /// The layout of a checked program.
    pub fn new(program: &Program) -> Self {
        let (dense, weight_log) = place_weights(program);
        let width_logs: Vec<usize> = program
            .tensors
            .iter()
            .map(|t| padded_log(t.width as usize))
            .collect();
        let columns = place_bytes(program, &width_logs);

        let mut top = Packer {
            poly: Poly::Trace,
            logs: vec![],
        };
        let bytes = top.request(columns.log);
        let byte_multiplicities = top.request(BYTE_LOG);
        let tables: Vec<usize> = program
            .tables
            .iter()
            .map(|_| top.request(TABLE_LOG))
            .collect();
        let blinds = top.request(BLINDS_LOG);
        let (placed, trace_log) = top.place();
        let empty = Block {
            poly: Poly::Trace,
            offset: 0,
            log: 0,
        };
        let get = |i: usize| placed.get(i).copied().unwrap_or(empty);
        let base = get(bytes).offset;
        let shift = |b: &Block| Block {
            offset: b.offset + base,
            ..*b
        };
        let shift_pair = |p: &Pair| [shift(&p[0]), shift(&p[1])];
        Self {
            weight_log,
            trace_log,
            bytes: get(bytes),
            byte_multiplicities: get(byte_multiplicities),
            table_multiplicities: tables.into_iter().map(get).collect(),
            blinds: get(blinds),
            dense,
            tensors: columns.tensors.iter().map(shift_pair).collect(),
            unsigned: columns.unsigned,
            aux: columns
                .aux
                .iter()
                .map(|aux| AuxBlocks {
                    remainder: aux.remainder.iter().map(shift).collect(),
                    positive: aux.positive.as_ref().map(shift_pair),
                    negative: aux.negative.as_ref().map(shift_pair),
                })
                .collect(),
            width_logs,
        }
    }

    /// log2 of the larger of the two polynomials.
    pub fn max_log(&self) -> usize {
        self.weight_log.max(self.trace_log)
    }

    /// Length of a commitment row: `2^row_log`, or the whole polynomial if that is shorter.
    pub fn row_log(&self, program: &Program) -> usize {
        usize::from(program.row_log).min(self.max_log())
    }

    /// Number of commitment rows of a polynomial.
    pub fn rows(&self, program: &Program, poly: Poly) -> usize {
        let log = match poly {
            Poly::Weight => self.weight_log,
            Poly::Trace => self.trace_log,
        };
        1 << log.saturating_sub(self.row_log(program))
    }
}

fn place_weights(program: &Program) -> (Vec<DenseBlocks>, usize) {
    let mut packer = Packer {
        poly: Poly::Weight,
        logs: vec![],
    };
    let requests: Vec<[usize; 8]> = program
        .weights
        .iter()
        .map(|shape| {
            let (rows, cols) = (
                padded_log(shape.rows as usize),
                padded_log(shape.cols as usize),
            );
            std::array::from_fn(|i| packer.request(if i == 0 { rows + cols } else { rows }))
        })
        .collect();
    let (blocks, log) = packer.place();
    let empty = Block {
        poly: Poly::Weight,
        offset: 0,
        log: 0,
    };
    let get = |i: usize| blocks.get(i).copied().unwrap_or(empty);
    let dense = requests
        .into_iter()
        .map(|[weight, b0, b1, b2, b3, m0, m1, m2]| DenseBlocks {
            weight: get(weight),
            bias: [get(b0), get(b1), get(b2), get(b3)],
            multiplier: [get(m0), get(m1), get(m2)],
        })
        .collect();
    (dense, log)
}

struct Columns {
    tensors: Vec<Pair>,
    unsigned: Vec<bool>,
    aux: Vec<AuxBlocks>,
    log: usize,
}

fn place_bytes(program: &Program, width_logs: &[usize]) -> Columns {
    let mut packer = Packer {
        poly: Poly::Trace,
        logs: vec![],
    };
    let log_of =
        |id: TensorId| usize::from(program.batch_log) + width_logs.get(id).copied().unwrap_or(0);
    let mut tensors: Vec<Option<[usize; 2]>> = vec![None; program.tensors.len()];
    let mut unsigned = vec![false; program.tensors.len()];
    let input_log = log_of(program.input);
    if let Some(slot) = tensors.get_mut(program.input) {
        *slot = Some([packer.request(input_log), packer.request(input_log)]);
    }
    let mut aux_requests = vec![];
    for node in &program.nodes {
        let log = log_of(node.output);
        let operand = node.inputs.first().copied().unwrap_or(program.input);
        let column = match node.op {
            Op::Reshape => tensors.get(operand).copied().flatten(),
            _ => Some([packer.request(log), packer.request(log)]),
        };
        if let Some(slot) = tensors.get_mut(node.output) {
            *slot = column;
        }
        let no_offset = match node.op {
            Op::Relu => true,
            Op::Reshape => unsigned.get(operand) == Some(&true),
            _ => false,
        };
        if let Some(slot) = unsigned.get_mut(node.output) {
            *slot = no_offset;
        }
        let mut pair = |wanted: bool| wanted.then(|| [packer.request(log), packer.request(log)]);
        let positive = pair(matches!(node.op, Op::LeakyRelu { .. }));
        let negative = pair(matches!(node.op, Op::Relu | Op::LeakyRelu { .. }));
        let remainder: Vec<usize> = (0..node.op.remainder_bytes())
            .map(|_| packer.request(log))
            .collect();
        aux_requests.push((remainder, positive, negative));
    }
    let (blocks, log) = packer.place();
    let empty = Block {
        poly: Poly::Trace,
        offset: 0,
        log: 0,
    };
    let get = |i: usize| blocks.get(i).copied().unwrap_or(empty);
    let get_pair = |p: [usize; 2]| [get(p[0]), get(p[1])];
    Columns {
        tensors: tensors
            .into_iter()
            .map(|t| t.map_or([empty, empty], get_pair))
            .collect(),
        unsigned,
        aux: aux_requests
            .into_iter()
            .map(|(remainder, positive, negative)| AuxBlocks {
                remainder: remainder.into_iter().map(get).collect(),
                positive: positive.map(get_pair),
                negative: negative.map(get_pair),
            })
            .collect(),
        log,
    }
}
