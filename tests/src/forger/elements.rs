//! Columns of field elements: a forger need not commit to limbs. Any entry of any column may be any element
//! of the field, multiplicities too, and the leaves of the lookup tree may tell of other columns than those
//! that are committed.

use std::collections::HashMap;

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::{Field, PrimeField};
use laminate_engine::backend::Native;
use laminate_engine::claim::{EvalClaim, View};
use laminate_engine::field::{fr_from_i64, pow2};
use laminate_engine::geometry::{Block, Poly};
use laminate_engine::lookup::segments::table_tag;
use laminate_engine::lookup::{self, Kind, LookupLayer, LookupProof, Segments};
use laminate_engine::poly;
use laminate_engine::sumcheck::SumcheckProof;
use laminate_engine::transcript::Transcript;
use laminate_model::program::Role;
use laminate_prover::columns::Columns;

use super::Forger;
use crate::lookup_reference::{self, Lie};

/// A column of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// An operand, by its number.
    Operand(usize),
    /// The output.
    Output,
    /// An auxiliary column.
    Aux(Role),
}

/// Tag and tuple: what a lookup compresses.
type Row = (Fr, Vec<Fr>);

impl Forger {
    /// The limbs of a node's column, and what is added to their sum to give the value.
    pub fn limbs(&self, node: usize, at: At) -> (Vec<Block>, Fr) {
        let layout = &self.verifier.layout;
        let nodes = &self.verifier.program.nodes;
        let id = match at {
            At::Operand(i) => nodes[node].inputs[i],
            At::Output => nodes[node].output,
            At::Aux(role) => return (layout.aux(node, role).to_vec(), Fr::ZERO),
        };
        (layout.tensors[id].clone(), layout.views[id].constant)
    }

    /// The committed entries of a block.
    pub fn entries(&self, block: Block) -> Vec<Fr> {
        self.columns().values(&View::block(block))
    }

    /// An entry of a node's column.
    pub fn value(&self, node: usize, at: At, index: usize) -> Fr {
        let (limbs, constant) = self.limbs(node, at);
        let columns = self.columns();
        let bits = usize::from(self.verifier.program.limb_bits);
        let view = View::limbs(constant, &limbs, bits);
        columns.values(&view)[index]
    }

    /// The same, of a value that is an integer.
    pub fn integer(&self, node: usize, at: At, index: usize) -> i128 {
        let value = self.value(node, at, index);
        signed(value).expect("an integer")
    }

    /// Commits to any element of the field as an entry of a block.
    pub fn set(&mut self, block: Block, index: usize, value: Fr) {
        let known = |(b, _): &(Block, Vec<Fr>)| *b == block;
        if !self.trace.elements.iter().any(known) {
            let entries = self.entries(block);
            self.trace.multiplicities.retain(|(b, _)| *b != block);
            self.trace.values[block.offset..block.offset + (1 << block.log)].fill(0);
            self.trace.elements.push((block, entries));
        }
        let held = self.trace.elements.iter_mut().find(|e| known(e));
        held.expect("just added").1[index] = value;
    }

    /// Makes an entry of a node's column `value`: limb `limb` takes what the others, as they are, leave.
    pub fn put_in(&mut self, (node, at): (usize, At), limb: usize, index: usize, value: Fr) {
        let (limbs, _) = self.limbs(node, at);
        let bits = usize::from(self.verifier.program.limb_bits);
        let unit = pow2(bits * limb).invert().expect("a power of two");
        let difference = (value - self.value(node, at, index)) * unit;
        let entry = self.entries(limbs[limb])[index] + difference;
        self.set(limbs[limb], index, entry);
    }

    /// Makes an entry of a node's column an integer: all limbs but the topmost are in range, and the
    /// topmost is if the integer is.
    pub fn put(&mut self, node: usize, at: At, index: usize, value: i128) {
        let (limbs, constant) = self.limbs(node, at);
        let bits = u32::from(self.verifier.program.limb_bits);
        let mut rest = value - signed(constant).expect("an offset");
        for (i, block) in limbs.iter().enumerate() {
            let low = rest.rem_euclid(1 << bits);
            let limb = if i + 1 < limbs.len() { low } else { rest };
            rest = (rest - low) >> bits;
            self.set(*block, index, element(limb));
        }
    }

    /// Whether lookups are of more than the stored limbs.
    fn has_elements(&self) -> bool {
        let blinds = 1 + self.verifier.layout.boundaries.len();
        self.trace.elements.len() > blinds || !self.told.is_empty()
    }

    /// Both polynomials, entry by entry; `told` stands for what it tells of.
    fn polynomials(&self, columns: &Columns<'_>, told: bool) -> [Vec<Fr>; 2] {
        let row_log = self.verifier.layout.geometry.row_log;
        let mut both = [Poly::Weight, Poly::Trace].map(|p| columns.polynomial(p, row_log));
        both[0].truncate(self.verifier.layout.geometry.weight_used);
        for (block, values) in self.told.iter().filter(|_| told) {
            let poly = &mut both[usize::from(block.poly == Poly::Trace)];
            poly[block.offset..block.offset + values.len()].copy_from_slice(values);
        }
        both
    }

    /// The columns of a lookup tree in the order of its segments.
    pub(super) fn looked_up(
        &self,
        columns: &Columns<'_>,
        tree: &Segments,
        told: bool,
    ) -> Vec<Vec<Fr>> {
        let both = self.polynomials(columns, told);
        let views = tree.segments.iter().flat_map(|s| s.kind.columns());
        let values = |view: &View| {
            let mut out = vec![view.constant; 1 << view.log()];
            for constant in &view.constants {
                let (inner, totals) = constant.wiring.totals();
                for (own, total) in out.chunks_mut(1 << inner).zip(totals) {
                    let more = constant.value * fr_from_i64(total);
                    own.iter_mut().for_each(|o| *o += more);
                }
            }
            for term in &view.terms {
                let poly = &both[usize::from(term.block.poly == Poly::Trace)];
                let entries = poly.get(term.block.offset..).unwrap_or(&[]);
                let Some(wiring) = &term.wiring else {
                    for (o, v) in out.iter_mut().zip(entries) {
                        *o += term.coefficient * v;
                    }
                    continue;
                };
                let runs = wiring.runs();
                for (own, parts) in out.chunks_mut(1 << runs.inner).zip(&runs.parts) {
                    for (part, entry) in parts {
                        let read = entries.iter().skip(part << runs.inner);
                        let factor = term.coefficient * fr_from_i64(*entry);
                        own.iter_mut().zip(read).for_each(|(o, v)| *o += factor * v);
                    }
                }
            }
            out
        };
        views.map(values).collect()
    }

    /// Proves a lookup tree: the real prover's messages, or those of one that takes any element.
    pub(super) fn lookup(
        &self,
        transcript: &mut Transcript<Native>,
        tree: &Segments,
        columns: &Columns<'_>,
    ) -> (LookupProof<Fr>, Vec<EvalClaim<Fr>>) {
        let program = &self.verifier.program;
        if !self.has_elements() {
            return laminate_prover::lookup::prove(transcript, tree, columns);
        }
        let [committed, told] = [false, true].map(|told| self.looked_up(columns, tree, told));
        let (proof, [point, neighbour]) =
            lookup_reference::prove_told(transcript, program, tree, [&committed, &told], Lie::None);
        let mut rest = proof.columns.as_slice();
        let mut claims = vec![];
        for segment in &tree.segments {
            let among = &neighbour[..segment.kind.pack()];
            for view in segment.kind.columns() {
                let (values, others) = rest.split_at(1 << among.len());
                rest = others;
                claims.push(EvalClaim {
                    view: view.clone(),
                    point: [&point[point.len() - segment.log..], among].concat(),
                    value: poly::evaluate(values, among),
                });
            }
        }
        (proof, claims)
    }

    /// A tree whose root is told and nothing else: enough for a verifier that refuses it there.
    pub(super) fn root(
        &self,
        transcript: &mut Transcript<Native>,
        tree: &Segments,
        columns: &Columns<'_>,
    ) -> LookupProof<Fr> {
        let told = self.looked_up(columns, tree, true);
        let halves = lookup_reference::root(transcript, &self.verifier.program, tree, &told);
        let layer = |rounds: usize, halves| LookupLayer {
            sumcheck: SumcheckProof {
                rounds: vec![vec![Fr::ONE; lookup::LAYER_DEGREE]; rounds],
            },
            halves,
        };
        LookupProof {
            layers: (0..tree.log)
                .map(|i| layer(i, if i == 0 { halves } else { [Fr::ONE; 4] }))
                .collect(),
            columns: vec![Fr::ZERO; tree.column_count()],
        }
    }

    /// Counts lookups of whatever the columns hold. A value is counted where a table has it, its own or
    /// another one with an equal tag; one that no table has is not.
    pub fn recount_elements(&mut self) {
        for (tree, counts) in self.counts() {
            let tables = self.verifier.trees[tree].segments.clone();
            let tables = tables.iter().filter_map(|s| multiplicity(&s.kind));
            for (block, counts) in tables.zip(counts) {
                self.trace.multiplicities.retain(|(b, _)| *b != block);
                self.trace.elements.retain(|(b, _)| *b != block);
                self.trace.multiplicities.push((block, counts));
            }
        }
    }

    fn counts(&self) -> Vec<(usize, Vec<Vec<u32>>)> {
        let columns = self.columns();
        let trees = self.verifier.trees.iter().enumerate();
        trees
            .map(|(i, tree)| (i, self.count(tree, &self.looked_up(&columns, tree, true)).0))
            .collect()
    }

    /// How often each entry of each table is looked up, and the leaves that no table has: segment and
    /// index.
    pub(super) fn count(
        &self,
        tree: &Segments,
        columns: &[Vec<Fr>],
    ) -> (Vec<Vec<u32>>, Vec<(usize, usize)>) {
        let mut entries: Vec<(&Kind, HashMap<Vec<u8>, usize>)> = vec![];
        let mut counts = vec![];
        let mut rest = columns;
        for segment in &tree.segments {
            let (held, others) = rest.split_at(segment.kind.columns().len());
            rest = others;
            if multiplicity(&segment.kind).is_none() {
                continue;
            }
            let rows = self.table_rows(&segment.kind, held, 1 << segment.log);
            counts.push(vec![0u32; rows.len()]);
            // Of entries that are the same, the first.
            let mut own = HashMap::with_capacity(rows.len());
            for (i, row) in rows.iter().enumerate() {
                own.entry(key(row)).or_insert(i);
            }
            entries.push((&segment.kind, own));
        }
        let (mut rest, mut missing) = (columns, vec![]);
        for (number, segment) in tree.segments.iter().enumerate() {
            let (own, others) = rest.split_at(segment.kind.columns().len());
            rest = others;
            let row = |i: usize| match &segment.kind {
                Kind::Range { range, pack, .. } => {
                    let tuple = own[0][i << pack..(i + 1) << pack].to_vec();
                    Some((Fr::from(range.tag(*pack)), tuple))
                }
                Kind::Use { table, .. } => {
                    let tuple = own.iter().map(|column| column[i]).collect();
                    Some((table_tag(*table), tuple))
                }
                _ => None,
            };
            for i in 0..1usize << segment.log {
                let Some(row) = row(i) else { break };
                let key = key(&row);
                let found = |own: bool| {
                    let tables = entries.iter().enumerate();
                    let mut tables =
                        tables.filter(|(_, (kind, _))| !own || is_of(&segment.kind, kind));
                    tables.find_map(|(table, (_, rows))| Some((table, *rows.get(&key)?)))
                };
                match found(true).or_else(|| found(false)) {
                    Some((table, entry)) => counts[table][entry] += 1,
                    None => missing.push((number, i)),
                }
            }
        }
        (counts, missing)
    }

    fn table_rows(&self, kind: &Kind, held: &[Vec<Fr>], size: usize) -> Vec<Row> {
        let program = &self.verifier.program;
        let row = |i: usize| match kind {
            Kind::RangeTable { range, pack, .. } => {
                let row = lookup_reference::range_row(*range, *pack, i);
                (Fr::from(range.tag(*pack)), row)
            }
            Kind::Table { table, columns, .. } => {
                let row = lookup_reference::table_row(program, *table, columns, &held[1..], i);
                (table_tag(*table), row)
            }
            _ => (Fr::ZERO, vec![]),
        };
        (0..size).map(row).collect()
    }
}

/// Whether a segment's values are looked up in this table.
fn is_of(values: &Kind, table: &Kind) -> bool {
    match (values, table) {
        (
            Kind::Range {
                range: a, pack: p, ..
            },
            Kind::RangeTable {
                range: b, pack: q, ..
            },
        ) => (a, p) == (b, q),
        (Kind::Use { table: a, .. }, Kind::Table { table: b, .. }) => a == b,
        _ => false,
    }
}

/// The multiplicities of a table.
pub(super) fn multiplicity(kind: &Kind) -> Option<Block> {
    match kind {
        Kind::RangeTable { multiplicity, .. } | Kind::Table { multiplicity, .. } => {
            multiplicity.terms.first().map(|t| t.block)
        }
        _ => None,
    }
}

/// What the compressed value tells apart: zeros at the end say nothing.
fn key((tag, tuple): &Row) -> Vec<u8> {
    let end = tuple
        .iter()
        .rposition(|v| *v != Fr::ZERO)
        .map_or(0, |i| i + 1);
    let values = std::iter::once(tag).chain(&tuple[..end]);
    values.flat_map(|v| v.to_repr()).collect()
}

/// An integer as an element.
pub fn element(value: i128) -> Fr {
    let size = Fr::from_u128(value.unsigned_abs());
    if value < 0 { -size } else { size }
}

/// The integer below 2^127 in absolute value that an element is.
pub fn signed(value: Fr) -> Option<i128> {
    let small = |v: Fr| {
        let bytes = v.to_repr();
        let (low, high) = bytes.as_ref().split_at(16);
        let low: [u8; 16] = low.try_into().ok()?;
        i128::try_from(u128::from_le_bytes(low))
            .ok()
            .filter(|_| high.iter().all(|b| *b == 0))
    };
    small(value).or_else(|| small(-value).map(|v| -v))
}
