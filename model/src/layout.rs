//! Where every committed column lies in the weight polynomial and the trace polynomial.
//!
//! Both polynomials are vectors of aligned power-of-two *blocks*, sorted by size, so a block is a
//! prefix of the evaluation point. Everything in the weight polynomial is a byte, but for tables of words, of which the
//! ops that look them up show all that is relied on; and everything in
//! the first part of the trace polynomial (its *limb region*) a limb of `limb_bits` bits: range
//! lookups cover all of them. With limbs of 16 bits, columns of which table lookups show all that any
//! relation takes from their range ([`reliance`]) lie in a *free region* behind it. Then come the
//! multiplicities of the lookup tables and random *blinds*, which make the trace commitment, and with
//! it the published accumulator, hiding.

mod boundary;
mod columns;
pub mod reliance;
mod views;
mod weights;

use std::collections::BTreeMap;

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::claim::View;
use laminate_engine::field::fr_from_i64;
use laminate_engine::geometry::{BLINDS_LOG, Block, Geometry, Poly};
use laminate_engine::lookup::Range;
use laminate_engine::packer::{EMPTY, Packer, Slot, place_in};

use crate::ops::Io;
use crate::program::{BIAS_BOUND, DenseShape, Program, Role, TensorId, WEIGHT_BOUND, WORD_BOUND};
use boundary::{EndRequest, ends};
use columns::place_columns;
use views::views;
pub use views::{bounded, check_views, is_unsigned, symbolic_column};

pub use boundary::Boundary;
pub use weights::{LookedUp, WeightCheck, weight_pieces};

/// Blocks of one dense layer's parameters.
#[derive(Clone, Debug)]
pub struct DenseBlocks {
    /// `(stack, rows, cols)` padded; byte = weight + 128. Of a table of words, word + 2^31.
    pub weight: Block,
    /// Bytes of bias + 2^31, least significant first; `(stack, rows)` padded.
    pub bias: Option<[Block; 4]>,
    /// Bytes of the multiplier.
    pub multiplier: [Block; 3],
}

impl DenseBlocks {
    /// Moves blocks of bytes to where their region begins.
    fn shift(&mut self, by: usize) {
        let others = self.bias.iter_mut().flatten().chain(&mut self.multiplier);
        std::iter::once(&mut self.weight)
            .chain(others)
            .for_each(|block| block.offset += by);
    }

    /// The columns of a table of words, int32.
    pub fn word_views(&self, shape: &DenseShape) -> Vec<View> {
        let log = shape.col_log();
        let column = |i: usize| Block {
            offset: self.weight.offset + (i << log),
            log,
            ..self.weight
        };
        let columns = (0..shape.row_count()).map(column);
        columns
            .map(|block| View::limbs(fr_from_i64(-WORD_BOUND), &[block], 8))
            .collect()
    }

    /// int8 weights.
    pub fn weight_view(&self) -> View {
        View::limbs(fr_from_i64(-WEIGHT_BOUND), &[self.weight], 8)
    }

    /// int32 biases, if there are any.
    pub fn bias_view(&self) -> Option<View> {
        let bias = self.bias.as_ref()?;
        Some(View::limbs(fr_from_i64(-BIAS_BOUND), bias, 8))
    }

    /// Multipliers.
    pub fn multiplier_view(&self) -> View {
        View::limbs(Fr::ZERO, &self.multiplier, 8)
    }
}

/// Auxiliary columns of a node: limbs by role, least significant first.
pub type AuxBlocks = BTreeMap<Role, Vec<Block>>;

/// All blocks of a program.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Sizes of the polynomials and of their rows.
    pub geometry: Geometry,
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
    /// Multiplicities of the tables of committed columns that each node makes.
    pub node_multiplicities: Vec<Vec<Block>>,
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

impl Layout {
    /// The layout of a checked program.
    pub fn new(program: &Program) -> Self {
        let weights = weights::Placed::new(program);
        let columns = place_columns(program);

        let mut top = Packer::new(Poly::Trace);
        let limbs: Vec<usize> = columns.limbs.iter().map(|log| top.request(*log)).collect();
        let free: Vec<usize> = columns.free.iter().map(|log| top.request(*log)).collect();
        let limb_multiplicities =
            (!program.is_weights_only()).then(|| top.request(program.limb_bits.into()));
        let mut weight_checks = weights::checks(program, &weights);
        // Limbs of 8 bits are looked up in the table that bytes are.
        let bytes = usize::from(program.limb_bits) == Range::Byte.log();
        let shared = limb_multiplicities.is_some() && bytes;
        let check_tables: Vec<Vec<Option<usize>>> = weight_checks
            .iter()
            .map(|check| {
                let own = |of: &LookedUp| !shared || of.range != Range::Byte;
                let mut request = |of: &LookedUp| top.request(of.range.log() << of.pack);
                let tables = check.tables.iter();
                tables.map(|(of, _)| own(of).then(|| request(of))).collect()
            })
            .collect();
        let tables: Vec<usize> = program
            .tables
            .iter()
            .map(|table| top.request(table.log()))
            .collect();
        let nodes = program.nodes.iter();
        let node_tables: Vec<Vec<usize>> = nodes
            .map(|node| {
                let logs = node.op.tables(&Io { program, node }).into_iter();
                logs.map(|log| top.request(log)).collect()
            })
            .collect();
        let blinds = top.request(BLINDS_LOG);
        let ends: Vec<EndRequest> = ends(program)
            .into_iter()
            .map(|end| EndRequest::new(&mut top, program, end))
            .collect();
        let (placed, trace_used) = top.place();
        let get = |i: usize| placed.get(i).copied().unwrap_or(EMPTY);
        let all = |ids: &[usize]| -> Vec<Block> { ids.iter().map(|i| get(*i)).collect() };
        for (check, requests) in weight_checks.iter_mut().zip(check_tables) {
            for ((_, counts), request) in check.tables.iter_mut().zip(requests) {
                *counts = request.map(get);
            }
        }
        let regions = [all(&limbs), all(&free)];
        let find = |slot: &Slot| place_in(&regions[usize::from(slot.free)], slot);
        let find_all = |slots: &Vec<Slot>| slots.iter().map(find).collect::<Vec<Block>>();
        let tensors: Vec<Vec<Block>> = columns.tensors.iter().map(find_all).collect();
        let views = views(program, &tensors, &columns.unsigned);
        Self {
            geometry: Geometry::new(weights.used, trace_used, program.row_log.into()),
            limb_multiplicities: limb_multiplicities.map(get),
            weight_checks,
            table_multiplicities: all(&tables),
            node_multiplicities: node_tables.iter().map(|ids| all(ids)).collect(),
            blinds: get(blinds),
            boundaries: ends.into_iter().map(|end| end.place(&get)).collect(),
            dense: weights.dense,
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

    /// The integer values of a tensor.
    pub fn tensor(&self, id: TensorId) -> View {
        let view = self.views.get(id).cloned();
        view.unwrap_or_else(|| View::limbs(Fr::ZERO, &[], 8))
    }

    /// Limbs of a node's auxiliary column; none if it has no such column.
    pub fn aux(&self, node: usize, role: Role) -> &[Block] {
        self.aux
            .get(node)
            .and_then(|aux| aux.get(&role))
            .map_or(&[], Vec::as_slice)
    }
}
