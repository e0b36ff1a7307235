//! A second executor of sequence programs, plain and on padded shapes, that a forger can steer: it may
//! change what a node reads and what it computed, and everything after follows. Values that leave their
//! range are wrapped as limbs would, so that a forgery commits to what it goes on with.

use std::collections::BTreeMap;

use laminate_model::layout::Layout;
use laminate_model::ops::{
    Activation, Argmax, Dense, DenseAdd, Embed, Mix, Mul, RmsNorm, Rope, Scores, Softmax,
};
use laminate_model::program::{
    ACTIVATION_BOUND, DenseShape, MASKED, Node, Op, Program, Role, TensorId, axes_log, padded_index,
};
use laminate_prover::exec::{NodeAux, Trace, Values};

use crate::sequence::SequenceCase;

/// What a node computed for one block: all slots, padded.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// Its output.
    pub values: Vec<i64>,
    /// Its witnesses.
    pub roles: BTreeMap<Role, Vec<i128>>,
}

impl Step {
    /// A witness column.
    pub fn role(&mut self, role: Role) -> &mut Vec<i128> {
        self.roles.entry(role).or_default()
    }
}

/// Weights and multipliers of a layer with their padding.
#[derive(Clone, Debug)]
pub struct Padded {
    /// `(stack, rows, cols)`.
    pub weight: Vec<i64>,
    /// `(stack, rows)`.
    pub multiplier: Vec<i64>,
    /// log2 of rows and columns.
    pub logs: (usize, usize),
}

impl Padded {
    fn new(shape: &DenseShape, weight: &[i8], multiplier: &[u32]) -> Self {
        let logs = (shape.row_log(), shape.col_log());
        let copies = 1usize << shape.stack_log();
        let mut out = Self {
            weight: vec![0; copies << (logs.0 + logs.1)],
            multiplier: vec![0; copies << logs.0],
            logs,
        };
        let (rows, cols) = (shape.row_count(), shape.col_count());
        for i in 0..shape.stack as usize * rows {
            let at = ((i / rows) << logs.0) + padded_index(&shape.rows, i % rows);
            out.multiplier[at] = multiplier[i].into();
            for k in 0..cols {
                let to = (at << logs.1) + padded_index(&shape.cols, k);
                out.weight[to] = weight[i * cols + k].into();
            }
        }
        out
    }

    /// All layers of a model.
    pub fn of(case: &SequenceCase) -> Vec<Self> {
        let layers = case.program.weights.iter().zip(&case.weights.dense);
        layers
            .map(|(shape, dense)| Self::new(shape, &dense.weight, &dense.multiplier))
            .collect()
    }

    /// Bytes of the weight polynomial that holds these, padding included.
    pub fn bytes(all: &[Self], layout: &Layout) -> Vec<u8> {
        let mut bytes = vec![0; layout.geometry.weight_used];
        for (layer, blocks) in all.iter().zip(&layout.dense) {
            for (i, w) in layer.weight.iter().enumerate() {
                bytes[blocks.weight.offset + i] = (w + 128) as u8;
            }
            for (i, m) in layer.multiplier.iter().enumerate() {
                for (limb, block) in blocks.multiplier.iter().enumerate() {
                    bytes[block.offset + i] = (m >> (8 * limb)) as u8;
                }
            }
        }
        bytes
    }
}

type Before<'a> = &'a dyn Fn(usize, usize, &mut [Vec<i64>]);
type After<'a> = &'a dyn Fn(usize, usize, &[Vec<i64>], &mut Step);

/// A run, and what steers it. Node and block are the first two arguments of both hooks.
#[derive(Clone, Copy)]
pub struct Replay<'a> {
    /// The program; need not be one that passes its checks.
    pub program: &'a Program,
    /// Its weights.
    pub weights: &'a [Padded],
    /// The token of every slot.
    pub tokens: &'a [i64],
    /// May change the operands that a node computes from (not what is committed).
    pub before: Before<'a>,
    /// May change what a node computed; sees the operands.
    pub after: After<'a>,
    /// A node whose output is not wrapped.
    pub unwrapped: Option<usize>,
}

impl<'a> Replay<'a> {
    /// A run that is not steered.
    pub fn new(program: &'a Program, weights: &'a [Padded], tokens: &'a [i64]) -> Self {
        Self {
            program,
            weights,
            tokens,
            before: &|_, _, _| {},
            after: &|_, _, _, _| {},
            unwrapped: None,
        }
    }

    /// Runs all nodes; also the number of values that left their range.
    pub fn run(&self) -> (Trace, usize) {
        let program = self.program;
        let copies = |id: TensorId| 1usize << program.tensors[id].stack_log();
        let size = |id: TensorId| program.slots() << program.tensors[id].width_log();
        let mut values: Vec<Vec<Vec<i64>>> = (0..program.tensors.len())
            .map(|id| vec![vec![0; size(id)]; copies(id)])
            .collect();
        values[program.input][0] = self.tokens.iter().map(|t| t - ACTIVATION_BOUND).collect();
        let mut aux = vec![NodeAux::default(); program.nodes.len()];
        let mut wrapped = 0;
        for (index, block) in self.order() {
            let node = &program.nodes[index];
            let mut operands: Vec<Vec<i64>> = node
                .inputs
                .iter()
                .map(|id| {
                    let (id, block) = self.home(*id, block).unwrap_or((*id, block));
                    values[id][block].clone()
                })
                .collect();
            (self.before)(index, block, &mut operands);
            let mut step = self.compute(node, block, &operands);
            (self.after)(index, block, &operands, &mut step);
            let bound = 1i64 << (program.tensors[node.output].bits - 1);
            for value in step
                .values
                .iter_mut()
                .filter(|_| self.unwrapped != Some(index))
            {
                let inside = (*value + bound).rem_euclid(2 * bound) - bound;
                wrapped += usize::from(inside != *value);
                *value = inside;
            }
            if let Some((id, at)) = self.home(node.output, block) {
                values[id][at] = step.values;
            }
            append(&mut aux[index], step.roles);
        }
        let carried = |id| program.carry.is_some_and(|c| c.input == id || c.exit == id);
        let tensors = values
            .iter()
            .enumerate()
            .map(|(id, blocks)| match carried(id) {
                true => vec![],
                false => blocks.iter().flatten().map(|v| *v as i32).collect(),
            });
        let tensors = tensors.collect();
        (Trace { tensors, aux }, wrapped)
    }

    /// Nodes and blocks in order.
    fn order(&self) -> Vec<(usize, usize)> {
        let stack = |i: usize| 1 << self.program.tensors[self.program.nodes[i].output].stack_log();
        let count = self.program.nodes.len();
        let mut out = vec![];
        let mut at = 0;
        while at < count {
            let copies: usize = stack(at);
            let end = (at..count).find(|i| stack(*i) != copies).unwrap_or(count);
            out.extend((0..copies).flat_map(|block| (at..end).map(move |i| (i, block))));
            at = end;
        }
        out
    }

    /// Where a block of a tensor is kept; none for what padded blocks leave.
    fn home(&self, id: TensorId, block: usize) -> Option<(TensorId, usize)> {
        let Some(carry) = self.program.carry else {
            return Some((id, block));
        };
        let count = self.program.tensors[carry.entry].stack as usize;
        match block + 1 {
            _ if id == carry.input => Some((carry.entry, 0)),
            next if id == carry.exit && next < count => Some((carry.entry, next)),
            next if id == carry.exit && next == count => Some((carry.output, 0)),
            _ if id == carry.exit => None,
            _ => Some((id, block)),
        }
    }

    fn compute(&self, node: &Node, block: usize, x: &[Vec<i64>]) -> Step {
        let axes = &self.program.tensors[node.output].axes;
        let slots = self.program.slots();
        match node.op {
            Op::Embed(Embed { weight }) => self.embed(weight),
            Op::Dense(Dense { weight, shift }) => self.dense((weight, shift), block, &x[0], None),
            Op::DenseAdd(DenseAdd { weight, shift }) => {
                self.dense((weight, shift), block, &x[0], Some(&x[1]))
            }
            Op::RmsNorm(RmsNorm { epsilon, numerator }) => norm(slots, (epsilon, numerator), &x[0]),
            Op::Rope(Rope { table }) => {
                let table = &self.program.rope[table];
                let pairs = *axes.last().expect("pairs") as usize;
                let half = pairs.next_power_of_two();
                rounded(16, x[0].len(), |i| {
                    let (e, upper) = (i % half, i / half % 2 == 1);
                    if e >= pairs {
                        return 0;
                    }
                    let at = i / (x[0].len() / slots) * pairs + e;
                    let (c, s) = (i128::from(table.cos[at]), i128::from(table.sin[at]));
                    let own = c * i128::from(x[0][i]);
                    match upper {
                        true => own + s * i128::from(x[0][i - half]),
                        false => own - s * i128::from(x[0][i + half]),
                    }
                })
            }
            Op::Scores(Scores { multiplier, shift }) => {
                let (groups, queries) = (padded(axes[0]), padded(axes[1]));
                let head = x[1].len() / slots / groups;
                rounded(shift, slots * groups * queries * slots, |i| {
                    let (u, line) = (i % slots, i / slots);
                    let (t, g) = (line / (queries * groups), line / queries % groups);
                    let (q, k) = (&x[0][line * head..], &x[1][(u * groups + g) * head..]);
                    debug_assert!(t < slots);
                    let sum: i64 = q.iter().zip(k).take(head).map(|(q, k)| q * k).sum();
                    i128::from(sum) * i128::from(multiplier)
                })
            }
            Op::Softmax(Softmax { table }) => {
                let mut out = Step::default();
                for row in 0..x[0].len() / slots {
                    let t = row / (x[0].len() / slots / slots);
                    let scores = &x[0][row * slots..][..slots];
                    attend(&self.program.tables[table].values, scores, t + 1, &mut out);
                }
                out
            }
            Op::Mix(Mix) => {
                let (groups, queries, head) = (padded(axes[0]), padded(axes[1]), padded(axes[2]));
                let rows: Vec<[i128; 4]> = x[0].chunks(slots).map(divide).collect();
                let mut out = rounded(32, rows.len() * head, |i| {
                    let (d, line) = (i % head, i / head);
                    let g = line / queries % groups;
                    let weights = &x[0][line * slots..][..slots];
                    let value = |u: usize| i128::from(x[1][(u * groups + g) * head + d]);
                    let pairs = weights.iter().enumerate();
                    let sum: i128 = pairs.map(|(u, e)| i128::from(*e) * value(u)).sum();
                    sum * rows[line][1]
                });
                for (i, role) in DIVISION.iter().enumerate() {
                    *out.role(*role) = rows.iter().map(|r| r[i]).collect();
                }
                out
            }
            Op::Activation(Activation { table }) => {
                let table = &self.program.tables[table];
                let values = x[0].iter().map(|v| table.get(*v).unwrap_or(0).into());
                Step {
                    values: values.collect(),
                    ..Step::default()
                }
            }
            Op::Mul(Mul { multiplier, shift }) => rounded(shift, x[0].len(), |i| {
                i128::from(x[0][i]) * i128::from(x[1][i]) * i128::from(multiplier)
            }),
            Op::Argmax(Argmax) => {
                let vocab = axes_of_vocab(self.program);
                let mut out = Step::default();
                for logits in x[0].chunks(x[0].len() / slots) {
                    let best = logits[..vocab].iter().copied().max().unwrap_or(0);
                    let id = logits.iter().position(|l| *l == best).unwrap_or(0);
                    choose(&mut out, logits, (id, best), vocab);
                }
                out
            }
            op => panic!("{} is not an op of the models here", op.name()),
        }
    }

    fn embed(&self, weight: usize) -> Step {
        let layer = &self.weights[weight];
        let row = |t: &i64| {
            let at = *t as usize;
            let row = &layer.weight[at << layer.logs.1..][..1 << layer.logs.1];
            row.iter().map(move |w| w * layer.multiplier[at])
        };
        Step {
            values: self.tokens.iter().flat_map(row).collect(),
            ..Step::default()
        }
    }

    fn dense(
        &self,
        (weight, shift): (usize, u8),
        block: usize,
        x: &[i64],
        residual: Option<&Vec<i64>>,
    ) -> Step {
        let layer = &self.weights[weight];
        let (rows, cols) = (1usize << layer.logs.0, 1usize << layer.logs.1);
        let mut out = rounded(shift, self.program.slots() * rows, |i| {
            let (t, row) = (i / rows, block * rows + i % rows);
            let w = &layer.weight[row * cols..][..cols];
            let sum: i64 = w.iter().zip(&x[t * cols..]).map(|(w, x)| w * x).sum();
            i128::from(sum) * i128::from(layer.multiplier[row])
        });
        for (y, r) in out.values.iter_mut().zip(residual.into_iter().flatten()) {
            *y += r;
        }
        out
    }
}

/// Padded size of an axis.
pub fn padded(axis: u32) -> usize {
    1 << axes_log(&[axis])
}

/// Size of the vocabulary.
pub fn axes_of_vocab(program: &Program) -> usize {
    program.sequence.map_or(0, |s| s.vocab as usize)
}

/// Witnesses of a division.
pub const DIVISION: [Role; 4] = [
    Role::TOTAL,
    Role::RECIPROCAL,
    Role::DIVISION_LOW,
    Role::DIVISION_HIGH,
];

/// Rounded values and their remainders.
pub fn rounded(shift: u8, count: usize, exact: impl Fn(usize) -> i128) -> Step {
    let mut out = Step::default();
    for i in 0..count {
        let sum = exact(i) + (1i128 << (shift - 1));
        out.values.push((sum >> shift) as i64);
        out.role(Role::REMAINDER).push(sum & ((1 << shift) - 1));
    }
    out
}

/// Appends a row of softmax over the first `seen` places.
pub fn attend(table: &[i16], scores: &[i64], seen: usize, out: &mut Step) {
    let max = scores[..seen].iter().copied().max().unwrap_or(0);
    let first = scores.iter().position(|s| *s == max);
    out.role(Role::MAXIMUM)
        .push(i128::from(max + ACTIVATION_BOUND));
    for (u, score) in scores.iter().enumerate() {
        let depth = if u < seen { max - score } else { MASKED };
        out.values.push(table[depth as usize].into());
        out.role(Role::DEPTH).push(depth.into());
        out.role(Role::PICK).push(i128::from(first == Some(u)));
    }
}

/// Total, reciprocal, remainder and what the divisor leaves.
pub fn divide(weights: &[i64]) -> [i128; 4] {
    let total: i128 = weights.iter().map(|e| i128::from(*e)).sum();
    let reciprocal = (1i128 << 32).checked_div(total).unwrap_or(0);
    let rest = (1 << 32) - total * reciprocal;
    [total, reciprocal, rest, total - 1 - rest]
}

/// Appends a row of argmax.
pub fn choose(out: &mut Step, logits: &[i64], (id, best): (usize, i64), vocab: usize) {
    out.values.push(id as i64 - ACTIVATION_BOUND);
    out.role(Role::BEST)
        .push(i128::from(best + ACTIVATION_BOUND));
    for (v, logit) in logits.iter().enumerate() {
        let inside = if v < vocab { best } else { 0 };
        out.role(Role::GAP)
            .push(i128::from(inside - logit - i64::from(v < id)));
    }
}

/// Witnesses of a norm's row for a root and a reciprocal, as they follow from each other.
pub fn roots(energy: i128, numerator: i128, root: i128, reciprocal: i128) -> [(Role, i128); 7] {
    let low = energy - root * root;
    let rest = numerator - root * reciprocal;
    [
        (Role::ENERGY, energy),
        (Role::ROOT, root),
        (Role::ROOT_LOW, low),
        (Role::ROOT_HIGH, 2 * root - low),
        (Role::RECIPROCAL, reciprocal),
        (Role::DIVISION_LOW, rest),
        (Role::DIVISION_HIGH, root - 1 - rest),
    ]
}

/// A row's norm with the root moved by the first number and the reciprocal by the second.
pub fn norm_row(x: &[i64], (epsilon, numerator): (u64, u64), moved: (i128, i128)) -> Step {
    let square = |x: &i64| i128::from(*x) * i128::from(*x);
    let energy = x.iter().map(square).sum::<i128>() + i128::from(epsilon);
    let root = energy.unsigned_abs().isqrt() as i128 + moved.0;
    let reciprocal = i128::from(numerator) / root + moved.1;
    let mut out = rounded(32, x.len(), |i| i128::from(x[i]) * reciprocal);
    for (role, value) in roots(energy, numerator.into(), root, reciprocal) {
        out.role(role).push(value);
    }
    out
}

fn norm(slots: usize, constants: (u64, u64), x: &[i64]) -> Step {
    let mut out = Step::default();
    for row in x.chunks(x.len() / slots) {
        let step = norm_row(row, constants, (0, 0));
        out.values.extend(step.values);
        for (role, values) in step.roles {
            out.role(role).extend(values);
        }
    }
    out
}

fn append(aux: &mut NodeAux, roles: BTreeMap<Role, Vec<i128>>) {
    for (role, values) in roles {
        let column = aux.columns.entry(role).or_insert(Values::Wide(vec![]));
        if let Values::Wide(column) = column {
            column.extend(values.iter().map(|v| *v as u128));
        }
    }
}
