//! Where every committed column lies in the weight polynomial and the trace polynomial.
//!
//! Both polynomials are vectors of aligned power-of-two *blocks*, sorted by size, so a block is a
//! prefix of the evaluation point. Everything in the weight polynomial is a byte, and everything in
//! the first part of the trace polynomial (its *limb region*) a limb of `limb_bits` bits: range
//! lookups cover all of them. With limbs of 16 bits, columns that a table lookup constrains already
//! lie in a *free region* behind it. Then come the multiplicities of the lookup tables and random
//! *blinds*, which make the trace commitment, and with it the published accumulator, hiding.

mod weights;

use std::collections::BTreeMap;

use halo2curves_axiom::bn256::Fr;

use crate::claim::{Term, View, Wire};
use crate::field::fr_from_i64;
pub use weights::{WeightCheck, weight_pieces};

use crate::program::{Carry, Extent, Node, Op, Program, Role, TensorId, padded_log};

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

impl Block {
    /// Whether all of `other` is in this block.
    pub fn contains(&self, other: &Self) -> bool {
        self.poly == other.poly
            && other.log <= self.log
            && other.offset >> self.log == self.offset >> self.log
    }
}

/// Blocks of one dense layer's parameters.
#[derive(Clone, Debug)]
pub struct DenseBlocks {
    /// `(stack, rows, cols)` padded; byte = weight + 128.
    pub weight: Block,
    /// Bytes of bias + 2^31, least significant first; `(stack, rows)` padded.
    pub bias: Option<[Block; 4]>,
    /// Bytes of the multiplier.
    pub multiplier: [Block; 3],
}

/// A copy of the tensor at an end of a shard, in commitment rows of its own: two shards that place the
/// same values and blinds there commit to the same points.
#[derive(Clone, Debug)]
pub struct Boundary {
    /// The tensor.
    pub tensor: TensorId,
    /// Whether it is the program's input.
    pub input: bool,
    /// Limbs of the copy.
    pub limbs: Vec<Block>,
    /// Random entries in its last row, which make its commitment hiding.
    pub blinds: Block,
    /// The blocks of whole rows that it takes.
    blocks: Vec<Block>,
}

impl Boundary {
    /// Numbers of its commitment rows in their order.
    pub fn rows(&self, row_log: usize) -> impl Iterator<Item = usize> + '_ {
        self.blocks.iter().flat_map(move |block| {
            let first = block.offset >> row_log;
            first..first + (1 << block.log.saturating_sub(row_log))
        })
    }

    /// Zero wherever the copy is the tensor.
    pub fn difference(&self, layout: &Layout, bits: usize) -> View {
        let tensor = View::tensor(layout, self.tensor);
        let copy = View::limbs(tensor.constant, &self.limbs, bits);
        copy.scale_add(-Fr::from(1), &tensor)
    }
}

/// Auxiliary columns of a node: limbs by role, least significant first.
pub type AuxBlocks = BTreeMap<Role, Vec<Block>>;

/// log2 of the number of blinds: four uniformly random entries.
pub const BLINDS_LOG: usize = 2;
/// log2 of the size of the byte table.
pub const BYTE_LOG: usize = 8;
/// log2 of the size of the table of ternary weights, one of which stands there twice.
pub const TERNARY_LOG: usize = 2;

/// All blocks of a program.
#[derive(Clone, Debug)]
pub struct Layout {
    /// log2 of the weight polynomial.
    pub weight_log: usize,
    /// Entries of the weight polynomial that blocks cover.
    pub weight_used: usize,
    /// log2 of the trace polynomial.
    pub trace_log: usize,
    /// Entries of the trace polynomial that blocks cover.
    pub trace_used: usize,
    /// The limb region of the trace as aligned blocks, descending.
    pub limbs: Vec<Block>,
    /// The free region, if there is one.
    pub free: Vec<Block>,
    /// Multiplicities of the table of limbs; none without nodes.
    pub limb_multiplicities: Option<Block>,
    /// The pieces in which the range of the weights is proven, one lookup tree each; empty if it is
    /// not.
    pub weight_checks: Vec<WeightCheck>,
    /// Multiplicities of the activation tables.
    pub table_multiplicities: Vec<Block>,
    /// Random entries.
    pub blinds: Block,
    /// Ends of a shard that are the residual stream, the input first.
    pub boundaries: Vec<Boundary>,
    /// Parameters.
    pub dense: Vec<DenseBlocks>,
    /// Limbs of each tensor; none for tensors that are views of others or are not committed.
    pub tensors: Vec<Vec<Block>>,
    /// Each tensor as a column of integers.
    pub views: Vec<View>,
    /// Whether a tensor is stored without an offset (outputs of ReLU and softmax).
    pub unsigned: Vec<bool>,
    /// Auxiliary columns of each node.
    pub aux: Vec<AuxBlocks>,
    /// log2 of the padded width of each tensor.
    pub width_logs: Vec<usize>,
}

/// Most blocks that a region is cut into.
const REGION_BLOCKS: usize = 4;

/// `used` entries as descending aligned blocks, rounded up so that there are few.
fn region_logs(used: usize) -> Vec<usize> {
    if used == 0 {
        return vec![];
    }
    let mut logs = vec![];
    let mut rest = used;
    while rest > 0 {
        let last = logs.len() + 1 == REGION_BLOCKS;
        let log = if last || rest.is_power_of_two() {
            padded_log(rest)
        } else {
            padded_log(rest) - 1
        };
        logs.push(log);
        rest = rest.saturating_sub(1 << log);
    }
    // Rounding the last block up can make it as large as the one before.
    while let [.., a, b] = logs.as_slice()
        && a == b
    {
        let merged = a + 1;
        logs.truncate(logs.len() - 2);
        logs.push(merged);
    }
    logs
}

/// Collects block sizes, then places them by descending size.
struct Packer {
    poly: Poly,
    logs: Vec<usize>,
}

impl Packer {
    fn new(poly: Poly) -> Self {
        Self { poly, logs: vec![] }
    }

    fn request(&mut self, log: usize) -> usize {
        self.logs.push(log);
        self.logs.len() - 1
    }

    /// Blocks by request, and the number of entries they cover.
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
        (blocks, next)
    }
}

/// A block that nothing refers to.
const EMPTY: Block = Block {
    poly: Poly::Trace,
    offset: 0,
    log: 0,
};

impl Layout {
    /// The layout of a checked program.
    pub fn new(program: &Program) -> Self {
        let (dense, weight_used) = weights::place(program);
        let columns = place_columns(program);

        let mut top = Packer::new(Poly::Trace);
        let limbs: Vec<usize> = columns.limbs.iter().map(|log| top.request(*log)).collect();
        let free: Vec<usize> = columns.free.iter().map(|log| top.request(*log)).collect();
        let limb_multiplicities =
            (!program.is_weights_only()).then(|| top.request(program.limb_bits.into()));
        let mut weight_checks = weights::checks(program, &dense, weight_used);
        // Limbs of 8 bits are looked up in the table that bytes are.
        let own_bytes = limb_multiplicities.is_none() || usize::from(program.limb_bits) != BYTE_LOG;
        let check_tables: Vec<[Option<usize>; 2]> = weight_checks
            .iter()
            .map(|check| {
                let bytes = own_bytes && check.bytes.is_some();
                [
                    bytes.then(|| top.request(BYTE_LOG)),
                    (!check.ternary.is_empty()).then(|| top.request(TERNARY_LOG)),
                ]
            })
            .collect();
        let tables: Vec<usize> = program
            .tables
            .iter()
            .map(|table| top.request(table.log()))
            .collect();
        let blinds = top.request(BLINDS_LOG);
        let ends: Vec<EndRequest> = ends(program)
            .into_iter()
            .map(|end| EndRequest::new(&mut top, program, end))
            .collect();
        let (placed, trace_used) = top.place();
        let get = |i: usize| placed.get(i).copied().unwrap_or(EMPTY);
        let all = |ids: &[usize]| -> Vec<Block> { ids.iter().map(|i| get(*i)).collect() };
        for (check, [bytes, ternary]) in weight_checks.iter_mut().zip(check_tables) {
            check.byte_multiplicities = bytes.map(get);
            check.ternary_multiplicities = ternary.map(get);
        }
        let regions = [all(&limbs), all(&free)];
        let find = |slot: &Slot| place_in(&regions[usize::from(slot.free)], slot);
        let find_all = |slots: &Vec<Slot>| slots.iter().map(find).collect::<Vec<Block>>();
        let tensors: Vec<Vec<Block>> = columns.tensors.iter().map(find_all).collect();
        let views = views(program, &tensors, &columns.unsigned);
        Self {
            weight_log: padded_log(weight_used),
            weight_used,
            trace_log: padded_log(trace_used),
            trace_used,
            limb_multiplicities: limb_multiplicities.map(get),
            weight_checks,
            table_multiplicities: all(&tables),
            blinds: get(blinds),
            boundaries: ends.into_iter().map(|end| end.place(&get)).collect(),
            dense,
            tensors,
            views,
            unsigned: columns.unsigned,
            aux: columns
                .aux
                .iter()
                .map(|aux| {
                    aux.iter()
                        .map(|(role, slots)| (*role, find_all(slots)))
                        .collect()
                })
                .collect(),
            width_logs: program.tensors.iter().map(|t| t.width_log()).collect(),
            limbs: all(&limbs),
            free: all(&free),
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

    /// Number of commitment rows of a polynomial: those that blocks reach into.
    pub fn rows(&self, program: &Program, poly: Poly) -> usize {
        let used = match poly {
            Poly::Weight => self.weight_used,
            Poly::Trace => self.trace_used,
        };
        used.div_ceil(1 << self.row_log(program)).max(1)
    }

    /// Limbs of a node's auxiliary column; none if it has no such column.
    pub fn aux(&self, node: usize, role: Role) -> &[Block] {
        self.aux
            .get(node)
            .and_then(|aux| aux.get(&role))
            .map_or(&[], Vec::as_slice)
    }
}

/// The ends of a shard that are the residual stream: tensor, and whether it is the input.
fn ends(program: &Program) -> Vec<(TensorId, bool)> {
    let Some(sequence) = program.sequence else {
        return vec![];
    };
    let ends = [
        (!sequence.reads_tokens(), (program.input, true)),
        (!sequence.gives_tokens(), (program.output, false)),
    ];
    ends.into_iter().filter(|e| e.0).map(|e| e.1).collect()
}

/// The rows of a boundary before placement. Blocks of a row or more are placed before all smaller ones,
/// so they begin at a row and share none.
struct EndRequest {
    end: (TensorId, bool),
    /// log2 of a limb, number of limbs.
    limbs: (usize, usize),
    values: usize,
    /// A row for the blinds, where the limbs leave no room.
    blinds: Option<usize>,
}

impl EndRequest {
    fn new(top: &mut Packer, program: &Program, end: (TensorId, bool)) -> Self {
        let (log, count) = (program.column_log(end.0), program.limbs(4));
        let (row_log, all) = (usize::from(program.row_log), log + padded_log(count));
        Self {
            end,
            limbs: (log, count),
            values: top.request(all.max(row_log)),
            blinds: (all >= row_log).then(|| top.request(row_log)),
        }
    }

    fn place(self, get: &impl Fn(usize) -> Block) -> Boundary {
        let values = get(self.values);
        let last = self.blinds.map_or(values, get);
        let (log, count) = self.limbs;
        let limb = |i: usize| Block {
            offset: values.offset + (i << log),
            log,
            ..values
        };
        let mut blocks = vec![values];
        blocks.extend(self.blinds.map(get));
        Boundary {
            tensor: self.end.0,
            input: self.end.1,
            limbs: (0..count).map(limb).collect(),
            blinds: Block {
                offset: last.offset + (1 << last.log) - (1 << BLINDS_LOG),
                log: BLINDS_LOG,
                ..last
            },
            blocks,
        }
    }
}

/// Where a column lies in its region, before the regions are placed.
#[derive(Clone, Copy, Debug)]
struct Slot {
    free: bool,
    offset: usize,
    log: usize,
}

/// The block of a slot: regions are cut into aligned blocks, and a column never crosses a cut, as
/// both descend in size.
fn place_in(region: &[Block], slot: &Slot) -> Block {
    let mut start = 0;
    for block in region {
        if slot.offset < start + (1 << block.log) {
            return Block {
                poly: block.poly,
                offset: block.offset + slot.offset - start,
                log: slot.log,
            };
        }
        start += 1 << block.log;
    }
    EMPTY
}

struct Columns {
    tensors: Vec<Vec<Slot>>,
    unsigned: Vec<bool>,
    aux: Vec<BTreeMap<Role, Vec<Slot>>>,
    limbs: Vec<usize>,
    free: Vec<usize>,
}

/// A limb before placement: its region and its number there.
type Request = (bool, usize);

struct Regions<'a> {
    program: &'a Program,
    packers: [Packer; 2],
}

impl Regions<'_> {
    /// Requests the limbs of a column of `bytes` bytes a value.
    fn column(&mut self, log: usize, bytes: usize, free: bool) -> Vec<Request> {
        let limbs = self.program.limbs(bytes);
        let packer = &mut self.packers[usize::from(free)];
        (0..limbs).map(|_| (free, packer.request(log))).collect()
    }

    fn tensor(&mut self, id: TensorId, free: bool) -> Vec<Request> {
        let bytes = self
            .program
            .tensors
            .get(id)
            .map_or(2, |t| usize::from(t.bits) / 8);
        self.column(self.program.column_log(id), bytes, free)
    }
}

fn place_columns(program: &Program) -> Columns {
    let mut regions = Regions {
        program,
        packers: [Packer::new(Poly::Trace), Packer::new(Poly::Trace)],
    };
    let free = looked_up(program);
    let is_free = |id: TensorId| free.get(id) == Some(&true);
    let mut tensors: Vec<Vec<Request>> = vec![vec![]; program.tensors.len()];
    let mut unsigned = vec![false; program.tensors.len()];
    let place = |tensors: &mut Vec<Vec<Request>>, regions: &mut Regions<'_>, id: TensorId| {
        let column = regions.tensor(id, is_free(id));
        if let Some(slot) = tensors.get_mut(id) {
            *slot = column;
        }
    };
    let tokens = program.sequence.is_some_and(|s| s.reads_tokens());
    if !tokens && !is_view(program.carry, program.input) && !program.is_weights_only() {
        place(&mut tensors, &mut regions, program.input);
    }
    if let Some(carry) = program.carry {
        place(&mut tensors, &mut regions, carry.entry);
        place(&mut tensors, &mut regions, carry.output);
    }
    let mut aux_requests = vec![];
    for node in &program.nodes {
        let operand = node.inputs.first().copied().unwrap_or(program.input);
        match node.op {
            Op::Reshape => {
                let shared = tensors.get(operand).cloned().unwrap_or_default();
                if let Some(slot) = tensors.get_mut(node.output) {
                    *slot = shared;
                }
            }
            // Token ids are checked in the clear.
            Op::Argmax => {}
            _ if is_view(program.carry, node.output) => {}
            _ => place(&mut tensors, &mut regions, node.output),
        }
        let no_offset = match node.op {
            Op::Relu | Op::Softmax { .. } => true,
            Op::Reshape => unsigned.get(operand) == Some(&true),
            _ => false,
        };
        if let Some(slot) = unsigned.get_mut(node.output) {
            *slot = no_offset;
        }
        let mut aux = BTreeMap::new();
        for column in node.op.aux_columns() {
            let log = extent_log(program, node, column.extent);
            let free = column.role == Role::Depth && program.limb_bits == 16;
            aux.insert(column.role, regions.column(log, column.bytes, free));
        }
        aux_requests.push(aux);
    }
    let [checked, looked_up] = regions.packers.map(Packer::place);
    let slot = |(free, index): &Request| {
        let blocks = if *free { &looked_up.0 } else { &checked.0 };
        let block = blocks.get(*index).copied().unwrap_or(EMPTY);
        Slot {
            free: *free,
            offset: block.offset,
            log: block.log,
        }
    };
    let slots = |requests: &Vec<Request>| requests.iter().map(slot).collect::<Vec<Slot>>();
    // With bytes, one block covers the whole region.
    let logs = |used: usize| match program.limb_bits {
        8 if used > 0 => vec![padded_log(used)],
        _ => region_logs(used),
    };
    Columns {
        tensors: tensors.iter().map(slots).collect(),
        unsigned,
        aux: aux_requests
            .iter()
            .map(|aux| aux.iter().map(|(role, r)| (*role, slots(r))).collect())
            .collect(),
        limbs: logs(checked.1),
        free: logs(looked_up.1),
    }
}

/// Whether the carry makes this tensor a view of others.
fn is_view(carry: Option<Carry>, id: TensorId) -> bool {
    carry.is_some_and(|c| c.input == id || c.exit == id)
}

/// Tensors that a table lookup constrains to int16, so that they need no range check of their own:
/// operands and results of activations, results of softmax. Only whole values can be looked up, so
/// none with limbs of 8 bits.
fn looked_up(program: &Program) -> Vec<bool> {
    let mut out = vec![false; program.tensors.len()];
    if program.limb_bits != 16 {
        return out;
    }
    let mut mark = |id: TensorId| {
        if let Some(flag) = out.get_mut(id) {
            *flag = true;
        }
    };
    for node in &program.nodes {
        match node.op {
            Op::Activation { .. } => {
                node.inputs.iter().copied().for_each(&mut mark);
                mark(node.output);
            }
            Op::Softmax { .. } => mark(node.output),
            _ => {}
        }
    }
    out
}

/// log2 of an auxiliary column's length.
fn extent_log(program: &Program, node: &Node, extent: Extent) -> usize {
    let out = program.column_log(node.output);
    let axes = |id: TensorId| program.tensors.get(id).map_or(&[] as &[u32], |t| &t.axes);
    let width = |axes: &[u32]| crate::program::axes_log(axes);
    let all = axes(node.output);
    match extent {
        Extent::Output => out,
        Extent::Rows => out - all.last().map_or(0, |last| padded_log(*last as usize)),
        Extent::Slots => out - width(all),
        Extent::Operand => node
            .inputs
            .first()
            .map_or(out, |id| program.column_log(*id)),
    }
}

/// Every tensor as a column of integers.
fn views(program: &Program, tensors: &[Vec<Block>], unsigned: &[bool]) -> Vec<View> {
    let bits = usize::from(program.limb_bits);
    let offset = |id: TensorId| match program.tensors.get(id) {
        Some(tensor) if unsigned.get(id) != Some(&true) => {
            fr_from_i64(-(1 << (i64::from(tensor.bits) - 1)))
        }
        _ => Fr::from(0),
    };
    let limbs = |id: TensorId| tensors.get(id).map_or(&[] as &[Block], Vec::as_slice);
    let mut out: Vec<View> = (0..tensors.len())
        .map(|id| View::limbs(offset(id), limbs(id), bits))
        .collect();
    if let Some(carry) = program.carry {
        let stack = program.tensors.get(carry.entry);
        let log = stack.map_or(0, |t| t.stack_log());
        let count = stack.map_or(1, |t| t.stack as usize);
        let first: Vec<Block> = limbs(carry.entry)
            .iter()
            .map(|b| Block {
                log: b.log - log,
                ..*b
            })
            .collect();
        let mut exit = View {
            constant: Fr::from(0),
            below: Some((offset(carry.exit), count, log)),
            terms: vec![],
        };
        let wires = [
            (carry.entry, Wire::Next { count, log }),
            (carry.output, Wire::Last { count, log }),
        ];
        for (id, wire) in wires {
            let terms = View::limbs(Fr::from(0), limbs(id), bits).terms;
            exit.terms
                .extend(terms.into_iter().map(|t| Term { wire, ..t }));
        }
        if let Some(view) = out.get_mut(carry.input) {
            *view = View::limbs(offset(carry.input), &first, bits);
        }
        if let Some(view) = out.get_mut(carry.exit) {
            *view = exit;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::region_logs;

    #[test]
    fn regions_are_few_descending_blocks_that_cover() {
        for used in [
            1usize,
            2,
            3,
            5,
            7,
            8,
            17_000_000,
            (1 << 20) - 1,
            (1 << 20) + 1,
        ] {
            let logs = region_logs(used);
            let total: usize = logs.iter().map(|l| 1usize << l).sum();
            assert!(total >= used && logs.len() <= 4, "{used}: {logs:?}");
            assert!(logs.windows(2).all(|w| w[0] > w[1]), "{used}: {logs:?}");
            assert!(total < used + used / 4 + 2, "{used}: {logs:?}");
        }
    }
}
