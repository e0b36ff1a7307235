//! A recurrence of every op that steps: an LSTM with initial states over an odd number of steps, whose tensors have padding
//! on every axis that is not zero there; and what steps of another kind would make of it.

use laminate_model::ops::{Activation, Add, Delay, Dense, Mul, Rescale, View};
use laminate_model::program::{
    AxisMap, DenseShape, DenseWeights, Node, Op, Program, TableKind, Tensor, TensorView, ViewTerm,
    Weights,
};
use laminate_prover::exec::tables::table;
use laminate_prover::exec::{Executor, Rows, Trace};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use crate::Case;

/// Steps, inputs and units of a cell.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Steps.
    pub steps: u32,
    /// Features of a step's input.
    pub inputs: u32,
    /// Units.
    pub units: u32,
}

/// Odd on every axis.
pub const ODD: Sizes = Sizes {
    steps: 5,
    inputs: 2,
    units: 3,
};

struct Growing {
    program: Program,
    weights: Weights,
    rng: ChaCha20Rng,
}

impl Growing {
    fn tensor(&mut self, name: &str, axes: &[u32], scale: i8) -> usize {
        self.program.tensors.push(Tensor {
            axes: axes.to_vec(),
            ..Tensor::new(name, 1, scale)
        });
        self.program.tensors.len() - 1
    }

    fn node(&mut self, op: impl Into<Op>, inputs: &[usize], output: usize) -> usize {
        let name = self.program.tensors[output].name.clone();
        self.program.nodes.push(Node {
            name,
            op: op.into(),
            inputs: inputs.to_vec(),
            output,
        });
        output
    }

    fn view(&mut self, view: TensorView, inputs: &[usize], output: usize) -> usize {
        self.program.views.push(view);
        let view = self.program.views.len() - 1;
        let operands = inputs.len();
        self.node(View { view, operands }, inputs, output)
    }

    /// A layer with multipliers up to `gain`.
    fn dense(&mut self, (rows, cols): (u32, u32), gain: u32, input: usize, output: usize) -> usize {
        let rng = &mut self.rng;
        self.weights.dense.push(DenseWeights {
            weight: (0..rows * cols)
                .map(|_| rng.gen_range(-100..=100))
                .collect(),
            bias: (0..rows).map(|_| rng.gen_range(-90_000..=90_000)).collect(),
            multiplier: (0..rows).map(|_| rng.gen_range(gain / 2..=gain)).collect(),
        });
        self.program.weights.push(DenseShape::new(rows, cols));
        let weight = self.program.weights.len() - 1;
        self.node(Dense { weight, shift: 16 }, &[input], output)
    }
}

/// An LSTM cell over two slots. Hidden and cell states have the scales 14 and 12; the output is the hidden state of all
/// steps.
pub fn lstm(seed: u64, limb_bits: u8, sizes: Sizes) -> Case {
    let Sizes {
        steps: t,
        inputs: d,
        units: h,
    } = sizes;
    let mut g = Growing {
        program: Program::empty("recurrent", 1, 20),
        weights: Weights { dense: vec![] },
        rng: ChaCha20Rng::seed_from_u64(seed),
    };
    g.program.limb_bits = limb_bits;
    // Of the sigmoid zero is no zero, so that padding is something.
    g.program.tables = vec![table(TableKind::Sigmoid, 8), table(TableKind::Tanh, 8)];
    let same = |axis| AxisMap::Same { axis };
    let x = g.tensor("x", &[t, d], 12);
    // Tensors that are read before they are made.
    let hidden = g.tensor("hidden", &[t, h], 14);
    let cell = g.tensor("cell", &[t, h], 12);
    let first = g.tensor("first", &[d], 12);
    let entry = TensorView::of(vec![AxisMap::Fixed { at: 0 }, same(0)]);
    g.view(entry, &[x], first);
    let mut begins = vec![];
    for name in ["initial hidden", "initial cell"] {
        let output = g.tensor(name, &[h], 12);
        begins.push(g.dense((h, d), 600 / d, first, output));
    }
    let before = g.tensor("hidden before", &[t, h], 14);
    g.node(Delay { operands: 2 }, &[hidden, begins[0]], before);
    let cell_before = g.tensor("cell before", &[t, h], 12);
    g.node(Delay { operands: 2 }, &[cell, begins[1]], cell_before);
    let joined = g.tensor("joined", &[t, d + h], 14);
    let part = |operand, offset| ViewTerm::new(operand, vec![same(0), AxisMap::shift(1, offset)]);
    let both = TensorView {
        constant: 0,
        terms: vec![part(0, 0), part(1, -(d as i32))],
    };
    g.view(both, &[x, before], joined);
    let gates = g.tensor("gates", &[t, 4, h], 8);
    // Below 2^11 for operands up to 2^14.
    g.dense((4 * h, d + h), 60 / (d + h), joined, gates);
    g.program.weights.last_mut().expect("a layer").rows = vec![4, h];
    let mut open = vec![];
    for (at, name) in ["input", "output", "forget", "candidate"]
        .into_iter()
        .enumerate()
    {
        let slice = g.tensor(&format!("{name} gate"), &[t, h], 8);
        let at = at as u32;
        g.view(
            TensorView::of(vec![same(0), AxisMap::Fixed { at }, same(1)]),
            &[gates],
            slice,
        );
        let value = g.tensor(name, &[t, h], 14);
        let table = usize::from(name == "candidate");
        open.push(g.node(Activation { table }, &[slice], value));
    }
    // Factors of 2^-14, 2^-16 and 2^-14, exact sums, and 2^-4.
    let product = |multiplier| Mul {
        multiplier,
        shift: 16,
    };
    let kept = g.tensor("kept", &[t, h], 12);
    g.node(product(4), &[open[2], cell_before], kept);
    let added = g.tensor("added", &[t, h], 12);
    g.node(product(1), &[open[0], open[3]], added);
    let sum = Add {
        left: 1 << 16,
        right: 1 << 16,
        shift: 16,
    };
    g.node(sum, &[kept, added], cell);
    let index = g.tensor("cell index", &[t, h], 8);
    let coarse = Rescale {
        multiplier: 1 << 12,
        shift: 16,
    };
    g.node(coarse, &[cell], index);
    let squashed = g.tensor("squashed", &[t, h], 14);
    g.node(Activation { table: 1 }, &[index], squashed);
    g.node(product(4), &[open[1], squashed], hidden);
    g.program.output = hidden;
    g.program.check().expect("a legal program");
    let width = (t * d) as usize;
    let rng = &mut g.rng;
    let row = |rng: &mut ChaCha20Rng| (0..width).map(|_| rng.gen_range(-9000..=9000)).collect();
    Case {
        inputs: vec![row(rng), row(rng)],
        program: g.program,
        weights: g.weights,
    }
}

/// What a step of a delay reads, by the delay's number and the step.
pub type Read<'r> = dyn Fn(usize, usize) -> From + 'r;
/// What a forger makes of a node's results before others read them.
pub type Alter<'r> = dyn Fn(&Node, &mut Vec<i32>) + 'r;

/// A step, the initial state, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// This one, padded ones too.
    Step(usize),
    /// The initial state.
    Initial,
    /// Zeros.
    Zero,
}

impl Sizes {
    /// What a step of an honest delay reads.
    pub fn honest(self, time: usize) -> From {
        match time {
            0 => From::Initial,
            _ if time < self.steps as usize => From::Step(time - 1),
            _ => From::Zero,
        }
    }
}

/// A run in which delays read what `read` says, and results are altered: whole tensors again and again, until nothing changes.
/// Shares with the executor what single ops compute, and nothing of how it steps. None if a value leaves its range or
/// nothing settles.
pub fn settled(case: &Case, read: &Read<'_>, alter: &Alter<'_>) -> Option<Trace> {
    let program = &case.program;
    let executor = Executor::new(program, &case.weights).expect("a model");
    let mut trace = executor.rows(&case.inputs).expect("run");
    let slots = program.slots();
    for node in &program.nodes {
        if node.op.delayed().is_some() {
            trace.tensors[node.inputs[0]].fill(0);
        }
    }
    for _ in 0..100 {
        let before = trace.clone();
        let mut delays = 0;
        for (index, node) in program.nodes.iter().enumerate() {
            if node.op.delayed().is_some() {
                trace.tensors[node.output] = delayed(program, &trace, node, &|t| read(delays, t));
                delays += 1;
                continue;
            }
            let rows: Vec<Rows<'_>> = node
                .inputs
                .iter()
                .map(|id| Rows {
                    values: &trace.tensors[*id],
                    first: 0,
                    width: trace.tensors[*id].len() / slots,
                })
                .collect();
            let mut computed = executor.step(index, 0, 0..slots, &rows).ok()?;
            alter(node, &mut computed.values);
            trace.tensors[node.output] = computed.values;
            trace.aux[index] = computed.aux;
        }
        if trace == before {
            return Some(trace);
        }
    }
    None
}

fn delayed(
    program: &Program,
    trace: &Trace,
    node: &Node,
    read: &dyn Fn(usize) -> From,
) -> Vec<i32> {
    let axes = &program.tensors[node.output].axes;
    let [steps, units] = [axes[0], axes[1]].map(|axis| axis.next_power_of_two() as usize);
    let mut out = vec![];
    for slot in 0..program.slots() {
        for time in 0..steps {
            for unit in 0..units {
                let of = |operand: usize, at: usize| {
                    let id = node.inputs[operand];
                    trace.tensors[id][at * units + unit]
                };
                let value = match read(time) {
                    From::Step(at) => of(0, slot * steps + at),
                    From::Initial => of(1, slot),
                    From::Zero => 0,
                };
                out.push(if unit < axes[1] as usize { value } else { 0 });
            }
        }
    }
    out
}
