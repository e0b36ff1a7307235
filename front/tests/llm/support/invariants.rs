//! Every identity that the proofs rely on, element by element in exact integers, padding included.
//!
//! This is written from the op's formulas alone: what the executor stored is only compared.

use laminate_model::ops::{
    Activation, Argmax, Dense, DenseAdd, Embed, Mix, Mul, RmsNorm, Rope, Scores, Softmax,
};
use laminate_model::program::{DenseShape, Extent, Node, Op, Program, Role, Weights, padded_index};
use laminate_prover::exec::{NodeAux, Trace};

/// One node of a run with its operands, all of shape `(stack, slots, width)`, padded.
struct View<'t> {
    program: &'t Program,
    weights: &'t Weights,
    node: &'t Node,
    aux: &'t NodeAux,
    stack: usize,
    slots: usize,
    inputs: Vec<Vec<i64>>,
    output: Vec<i64>,
}

/// Panics at the first identity that does not hold.
pub fn assert_trace_satisfies(program: &Program, weights: &Weights, trace: &Trace) {
    assert_eq!(trace.tensors.len(), program.tensors.len());
    assert_eq!(trace.aux.len(), program.nodes.len());
    check_carry(program, trace);
    for (node, aux) in program.nodes.iter().zip(&trace.aux) {
        let view = View {
            program,
            weights,
            node,
            aux,
            stack: 1 << program.tensors[node.output].stack_log(),
            slots: program.slots(),
            inputs: node
                .inputs
                .iter()
                .map(|id| values(program, trace, *id))
                .collect(),
            output: values(program, trace, node.output),
        };
        view.check_shapes();
        view.check_range();
        view.check();
    }
}

/// The values of a tensor; for views of the carry, those they show.
fn values(program: &Program, trace: &Trace, id: usize) -> Vec<i64> {
    let size = 1usize << program.column_log(id);
    let wide = |v: &[i32]| v.iter().map(|v| i64::from(*v)).collect::<Vec<i64>>();
    if let Some(carry) = program.carry {
        let entry = &trace.tensors[carry.entry];
        let block = entry.len() >> program.tensors[carry.entry].stack_log();
        if id == carry.input {
            return wide(&entry[..block]);
        }
        if id == carry.exit {
            let last = program.tensors[carry.entry].stack as usize;
            let mut out = wide(&entry[block..last * block]);
            out.extend(wide(&trace.tensors[carry.output]));
            out.resize(size, 0);
            return out;
        }
    }
    assert_eq!(
        trace.tensors[id].len(),
        size,
        "{}",
        program.tensors[id].name
    );
    wide(&trace.tensors[id])
}

fn check_carry(program: &Program, trace: &Trace) {
    let Some(carry) = program.carry else { return };
    assert!(trace.tensors[carry.input].is_empty() && trace.tensors[carry.exit].is_empty());
    let tensor = &program.tensors[carry.entry];
    let entry = &trace.tensors[carry.entry];
    let block = entry.len() >> tensor.stack_log();
    assert!(
        entry[tensor.stack as usize * block..]
            .iter()
            .all(|v| *v == 0)
    );
}

impl View<'_> {
    fn len(&self) -> usize {
        self.output.len()
    }

    fn width(&self) -> usize {
        self.len() / self.stack / self.slots
    }

    fn axes(&self) -> &[u32] {
        &self.program.tensors[self.node.output].axes
    }

    /// `(block, slot, feature)` of an output.
    fn place(&self, i: usize) -> (usize, usize, usize) {
        let (width, slots) = (self.width(), self.slots);
        (i / width / slots, i / width % slots, i % width)
    }

    fn aux(&self, role: Role, i: usize) -> i128 {
        self.aux.column(role).expect("a column").get(i) as i128
    }

    /// Witnesses are those of the op, of the right shape and width.
    fn check_shapes(&self) {
        let columns = self.node.op.aux_columns();
        for column in &columns {
            let values = self.aux.column(column.role).expect("a column");
            let last = self.axes().last().unwrap().next_power_of_two() as usize;
            let len = match column.extent {
                Extent::Output => self.len(),
                Extent::Rows => self.len() / last,
                Extent::Slots => self.stack * self.slots,
                Extent::Operand => self.inputs[0].len(),
            };
            assert_eq!(values.len(), len, "{} {:?}", self.node.name, column.role);
            let fits = |i: usize| values.get(i) >> (8 * column.bytes) == 0;
            assert!((0..len).all(fits), "{} {:?}", self.node.name, column.role);
        }
        assert!(
            self.aux
                .columns
                .keys()
                .all(|role| columns.iter().any(|c| c.role == *role))
        );
    }

    fn check_range(&self) {
        let bits = self.program.tensors[self.node.output].bits;
        let bound = 1i64 << (bits - 1);
        assert!(
            self.output.iter().all(|v| (-bound..bound).contains(v)),
            "{}",
            self.node.name
        );
    }

    fn check(&self) {
        match self.node.op {
            Op::Embed(Embed { weight }) => self.embed(weight),
            Op::Dense(Dense { weight, shift }) => self.dense(weight, shift, None),
            Op::DenseAdd(DenseAdd { weight, shift }) => {
                self.dense(weight, shift, Some(&self.inputs[1]))
            }
            Op::RmsNorm(RmsNorm { epsilon, numerator }) => {
                self.norm(epsilon.into(), numerator.into())
            }
            Op::Rope(Rope { table }) => self.rope(table),
            Op::Scores(Scores { multiplier, shift }) => self.scores(multiplier.into(), shift),
            Op::Softmax(Softmax { table }) => self.softmax(table),
            Op::Mix(Mix) => self.mix(),
            Op::Argmax(Argmax) => self.argmax(),
            Op::Activation(Activation { table }) => {
                let values = &self.program.tables[table].values;
                let half = values.len() as i64 / 2;
                for (x, y) in self.inputs[0].iter().zip(&self.output) {
                    assert_eq!(i64::from(values[(x + half) as usize]), *y);
                }
            }
            Op::Mul(Mul { multiplier, shift }) => self.rounds(shift, |i| {
                let [a, b] = [0, 1].map(|n: usize| i128::from(self.inputs[n][i]));
                a * b * i128::from(multiplier)
            }),
            _ => {
                panic!("no language model has {}", self.node.op.name())
            }
        }
    }

    /// `2^s·y + remainder = exact + 2^(s-1)` for every output.
    fn rounds(&self, shift: u8, exact: impl Fn(usize) -> i128) {
        self.rounds_over(shift, exact, |_| 0);
    }

    fn rounds_over(&self, shift: u8, exact: impl Fn(usize) -> i128, base: impl Fn(usize) -> i64) {
        for (i, y) in self.output.iter().enumerate() {
            let rest = self.aux(Role::REMAINDER, i);
            assert!(rest < 1 << shift);
            let left = (i128::from(y - base(i)) << shift) + rest;
            let right = exact(i) + (1 << (shift - 1));
            assert_eq!(left, right, "{} at {:?}", self.node.name, self.place(i));
        }
    }

    /// Weights and multipliers padded: `(rows, cols)` of a block.
    fn padded(&self, weight: usize, block: usize) -> (Vec<i64>, Vec<i64>, usize) {
        let DenseShape {
            stack, rows, cols, ..
        } = &self.program.weights[weight];
        let shape = &self.program.weights[weight];
        let (r, c) = (shape.row_count(), shape.col_count());
        let width = 1 << shape.col_log();
        let mut w = vec![0; width << shape.row_log()];
        let mut m = vec![0; 1 << shape.row_log()];
        if block < *stack as usize {
            let dense = &self.weights.dense[weight];
            for j in 0..r {
                let at = padded_index(rows, j);
                m[at] = i64::from(dense.multiplier[block * r + j]);
                for k in 0..c {
                    let value = dense.weight[(block * r + j) * c + k];
                    w[at * width + padded_index(cols, k)] = i64::from(value);
                }
            }
        }
        (w, m, width)
    }

    fn embed(&self, weight: usize) {
        let (w, m, width) = self.padded(weight, 0);
        for (i, y) in self.output.iter().enumerate() {
            let (_, t, d) = self.place(i);
            let id = (self.inputs[0][t] + 32_768) as usize;
            assert_eq!(*y, m[id] * w[id * width + d]);
        }
    }

    fn dense(&self, weight: usize, shift: u8, residual: Option<&Vec<i64>>) {
        let blocks: Vec<_> = (0..self.stack).map(|l| self.padded(weight, l)).collect();
        assert_eq!(self.aux.sums.len(), self.len());
        let sum = |i: usize| {
            let (l, t, j) = self.place(i);
            let (w, m, width) = &blocks[l];
            let x = &self.inputs[0][(l * self.slots + t) * width..][..*width];
            let sum: i64 = w[j * width..][..*width]
                .iter()
                .zip(x)
                .map(|(w, x)| w * x)
                .sum();
            assert_eq!(self.aux.sums[i], sum);
            i128::from(m[j]) * i128::from(sum)
        };
        self.rounds_over(shift, sum, |i| residual.map_or(0, |r| r[i]));
    }

    fn norm(&self, epsilon: i128, numerator: i128) {
        let width = self.width();
        for (row, x) in self.inputs[0].chunks(width).enumerate() {
            let energy: i128 = x.iter().map(|x| i128::from(*x).pow(2)).sum();
            let [a, s, low, high, r, rest, more] = [
                Role::ENERGY,
                Role::ROOT,
                Role::ROOT_LOW,
                Role::ROOT_HIGH,
                Role::RECIPROCAL,
                Role::DIVISION_LOW,
                Role::DIVISION_HIGH,
            ]
            .map(|role| self.aux(role, row));
            assert_eq!(a, energy + epsilon);
            assert!(s * s + low == a && low + high == 2 * s);
            assert!(s * r + rest == numerator && rest + more + 1 == s);
        }
        self.rounds(32, |i| {
            i128::from(self.inputs[0][i]) * self.aux(Role::RECIPROCAL, i / width)
        });
    }

    fn rope(&self, table: usize) {
        let pairs = *self.axes().last().unwrap() as usize;
        let padded = pairs.next_power_of_two();
        let table = &self.program.rope[table];
        self.rounds(16, |i| {
            let (_, t, feature) = self.place(i);
            let (half, pair) = (feature / padded % 2, feature % padded);
            if pair >= pairs {
                assert_eq!(self.inputs[0][i], 0);
                return 0;
            }
            let other = if half == 0 { i + padded } else { i - padded };
            let sign = if half == 0 { -1 } else { 1 };
            let [c, s] = [&table.cos, &table.sin].map(|a| i128::from(a[t * pairs + pair]));
            c * i128::from(self.inputs[0][i]) + sign * s * i128::from(self.inputs[0][other])
        });
    }

    /// Index of `(block, slot u, group)` in keys or values, for an output of scores or mix.
    fn group(&self, i: usize, last: usize) -> (usize, usize) {
        let (l, _, feature) = self.place(i);
        let queries = self.axes()[1].next_power_of_two() as usize;
        (l, feature / last / queries)
    }

    fn scores(&self, multiplier: i128, shift: u8) {
        let (q, k) = (&self.inputs[0], &self.inputs[1]);
        let groups = self.axes()[0].next_power_of_two() as usize;
        let head = k.len() / self.stack / self.slots / groups;
        self.rounds(shift, |i| {
            let (l, group) = self.group(i, self.slots);
            let u = i % self.slots;
            let q = &q[i / self.slots * head..][..head];
            let k = &k[((l * self.slots + u) * groups + group) * head..][..head];
            multiplier * i128::from(q.iter().zip(k).map(|(q, k)| q * k).sum::<i64>())
        });
    }

    fn softmax(&self, table: usize) {
        let values = &self.program.tables[table].values;
        for (row, scores) in self.inputs[0].chunks(self.slots).enumerate() {
            let (_, t, _) = self.place(row * self.slots);
            let max = self.aux(Role::MAXIMUM, row) - 32_768;
            assert_eq!(max, i128::from(*scores[..=t].iter().max().unwrap()));
            let mut picks = 0;
            for (u, score) in scores.iter().enumerate() {
                let i = row * self.slots + u;
                let (z, pick) = (self.aux(Role::DEPTH, i), self.aux(Role::PICK, i));
                let expected = if u <= t {
                    max - i128::from(*score)
                } else {
                    65_535
                };
                assert_eq!(z, expected);
                assert_eq!(self.output[i], i64::from(values[z as usize]));
                assert_eq!(pick * z, 0);
                picks += pick;
            }
            assert_eq!(picks, 1);
        }
    }

    fn mix(&self) {
        let (e, v) = (&self.inputs[0], &self.inputs[1]);
        let groups = self.axes()[0].next_power_of_two() as usize;
        let head = self.axes()[2].next_power_of_two() as usize;
        for (row, e) in e.chunks(self.slots).enumerate() {
            let [d, r, low, high] = [
                Role::TOTAL,
                Role::RECIPROCAL,
                Role::DIVISION_LOW,
                Role::DIVISION_HIGH,
            ]
            .map(|role| self.aux(role, row));
            assert_eq!(d, i128::from(e.iter().sum::<i64>()));
            assert!(d * r + low == 1 << 32 && low + high + 1 == d);
        }
        self.rounds(32, |i| {
            let (l, group) = self.group(i, head);
            let e = &e[i / head * self.slots..][..self.slots];
            let value = |u: usize| v[((l * self.slots + u) * groups + group) * head + i % head];
            let sum: i64 = e.iter().enumerate().map(|(u, e)| e * value(u)).sum();
            i128::from(sum) * self.aux(Role::RECIPROCAL, i / head)
        });
    }

    fn argmax(&self) {
        let vocab = self.program.sequence.unwrap().vocab as usize;
        let width = vocab.next_power_of_two();
        for (t, logits) in self.inputs[0].chunks(width).enumerate() {
            let id = (self.output[t] + 32_768) as usize;
            let best = self.aux(Role::BEST, t) - 32_768;
            assert_eq!(best, i128::from(logits[id]));
            for (v, logit) in logits.iter().enumerate() {
                let below = best - i128::from(*logit) - i128::from(v < id);
                let expected = if v < vocab { below } else { 0 };
                assert_eq!(self.aux(Role::GAP, t * width + v), expected);
            }
        }
    }
}
