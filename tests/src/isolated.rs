//! Programs with nodes that nothing reads: a forger can lie about such a node and nothing has to follow, so
//! that one false statement stays the only one.

use laminate_engine::geometry::Block;
use laminate_model::ops::{
    Abs, Activation, Add, Argmax, Clip, Dense, DenseAdd, DenseRelu, Embed, LeakyRelu, Mul, Relu,
    Reshape,
};
use laminate_model::program::{
    DenseShape, DenseWeights, Node, Op, Program, TABLE_LOG, Table, TableKind, Tensor, WeightFormat,
    Weights,
};
use laminate_prover::exec::{self, Trace};

use crate::Case;
use crate::attack::srs;
use crate::forger::{At, Forger, element};
use crate::sequence::{self, Shape};

/// Features of the row programs; the fourth is padding.
const WIDTH: u32 = 3;

/// A program, its honest run, and a prover of it.
#[derive(Clone, Debug)]
pub struct Isolated {
    /// Program and weights.
    pub case: Case,
    /// The honest run.
    pub trace: Trace,
    /// A prover who has run it honestly.
    pub forger: Forger,
}

impl Isolated {
    /// Values of the input of [`Self::rows`] are inside and on both sides.
    pub const CLIP: Clip = Clip {
        lowest: -900,
        highest: 950,
    };

    /// Every op of rows, each on the input, and an output that is none of theirs.
    pub fn rows(limb_bits: u8) -> Self {
        let mut program = Program::empty("isolated", 1, 20);
        program.limb_bits = limb_bits;
        program.tensors.push(Tensor::new("input", WIDTH, 8));
        program.weights.push(DenseShape::new(WIDTH, WIDTH));
        program.tables.push(tanh(TABLE_LOG, 3));
        let unit = 1 << 14;
        let ops = [
            // The output, the first in every region.
            Op::Relu(Relu),
            Op::Dense(Dense {
                weight: 0,
                shift: 16,
            }),
            Op::Relu(Relu),
            Op::LeakyRelu(LeakyRelu { slope: 6554 }),
            Op::Activation(Activation { table: 0 }),
            Op::Add(Add {
                left: unit,
                right: 3 * unit,
                shift: 16,
            }),
            Op::Mul(Mul {
                multiplier: 1 << 10,
                shift: 16,
            }),
            Op::Dense(Dense {
                weight: 1,
                shift: 32,
            }),
            Op::Mul(Mul {
                multiplier: 1 << 22,
                shift: 32,
            }),
            Op::DenseRelu(DenseRelu {
                weight: 2,
                shift: 32,
            }),
            Op::Abs(Abs),
            Op::Clip(Self::CLIP),
        ];
        program.weights.push(DenseShape::new(WIDTH, WIDTH));
        program.weights.push(DenseShape::new(WIDTH, WIDTH));
        for op in ops {
            push(&mut program, op);
        }
        program.output = 1;
        let layer = |multiplier| DenseWeights {
            weight: vec![5, -7, 11, 13, 17, -19, 23, 29, -31],
            bias: vec![1000, -2000, 3000],
            multiplier: vec![multiplier; 3],
        };
        let weights = Weights {
            dense: vec![layer(777), layer(777 << 8), layer(777 << 14)],
        };
        let inputs = vec![vec![700, -800, 900], vec![-1000, 1100, -1200]];
        let trace = exec::run(&program, &weights, &inputs).expect("run");
        Self::honest(
            Case {
                program,
                weights,
                inputs,
            },
            trace,
        )
    }

    /// A layer of bytes, one of ternary weights and two tables, with limbs of 16 bits; the third feature of
    /// the input is zero.
    pub fn weights() -> Self {
        let mut program = Program::empty("tables", 1, 20);
        program.limb_bits = 16;
        program.tensors.push(Tensor::new("input", WIDTH, 8));
        let ternary = DenseShape {
            format: WeightFormat::Ternary,
            ..DenseShape::new(WIDTH, WIDTH)
        };
        program.weights = vec![DenseShape::new(WIDTH, WIDTH), ternary];
        program.tables = vec![tanh(TABLE_LOG, 3), tanh(TABLE_LOG, 5)];
        let ops = [
            Op::Dense(Dense {
                weight: 0,
                shift: 16,
            }),
            Op::Dense(Dense {
                weight: 1,
                shift: 16,
            }),
            Op::Activation(Activation { table: 0 }),
            Op::Activation(Activation { table: 1 }),
            Op::Relu(Relu),
        ];
        for op in ops {
            push(&mut program, op);
        }
        program.output = ops.len();
        let layer = |weight: [i8; 9]| DenseWeights {
            weight: weight.to_vec(),
            bias: vec![1000, -2000, 3000],
            multiplier: vec![777; 3],
        };
        let both = [
            [5, -7, 11, 13, 17, -19, 23, 29, -31],
            [1, -1, 0, 0, 1, 1, -1, 0, 1],
        ];
        let weights = Weights {
            dense: both.map(layer).to_vec(),
        };
        let inputs = vec![vec![700, -800, 0], vec![-1000, 1100, 0]];
        let trace = exec::run(&program, &weights, &inputs).expect("run");
        Self::honest(
            Case {
                program,
                weights,
                inputs,
            },
            trace,
        )
    }

    /// A language model, and a second one of each kind of node that nothing reads.
    pub fn sequence() -> Self {
        Self::copied(false)
    }

    /// The same, but a table reads each second node that has 16 bits: the last one of the program.
    pub fn tabled() -> Self {
        Self::copied(true)
    }

    fn copied(tabled: bool) -> Self {
        let model = sequence::case(
            5,
            &Shape {
                blocks: 1,
                ..Shape::SMALL
            },
            false,
        );
        let mut program = model.program;
        let mut weights = model.weights;
        let mut seen = vec![];
        for node in program.nodes.clone() {
            if matches!(node.op, Op::Argmax(Argmax)) || seen.contains(&node.op.name()) {
                continue;
            }
            seen.push(node.op.name());
            let output = copy(&mut program, &mut weights, &node);
            if tabled && program.tensors[output].bits == 16 {
                let table = program.tables.len() - 1;
                let (name, op) = (
                    format!("table of {output}"),
                    Op::Activation(Activation { table }),
                );
                program.tensors.push(program.tensors[output].clone());
                let inputs = vec![output];
                let output = program.tensors.len() - 1;
                program.nodes.push(Node {
                    name,
                    op,
                    inputs,
                    output,
                });
            }
        }
        program.check().expect("a legal program");
        let trace = exec::run_tokens(&program, &weights, &model.tokens).expect("run");
        Self::honest(
            Case {
                program,
                weights,
                inputs: vec![],
            },
            trace,
        )
    }

    fn honest(case: Case, trace: Trace) -> Self {
        let forger = Forger::with_trace(&case, &trace, srs());
        assert_eq!(forger.broken(), [""; 0], "honest");
        Self {
            case,
            trace,
            forger,
        }
    }

    /// The last node with this name.
    pub fn node(&self, name: &str) -> usize {
        let found = self
            .case
            .program
            .nodes
            .iter()
            .rposition(|n| n.op.name() == name);
        found.unwrap_or_else(|| panic!("no {name}"))
    }

    /// Nodes whose output nothing reads, and that are not the program's output.
    pub fn unread(&self) -> Vec<(&'static str, usize)> {
        let program = &self.case.program;
        let read = |id: usize| {
            id == program.output || program.nodes.iter().any(|n| n.inputs.contains(&id))
        };
        let nodes = program.nodes.iter().enumerate();
        let unread = nodes.filter(|(_, n)| !read(n.output));
        unread.map(|(i, n)| (n.op.name(), i)).collect()
    }

    /// Padded axes of a node's output.
    pub fn axes(&self, node: usize) -> Vec<usize> {
        let id = self.case.program.nodes[node].output;
        let axes = self.case.program.tensors[id].axes.iter();
        axes.map(|axis| (*axis as usize).next_power_of_two())
            .collect()
    }

    /// Padded features of a node's output.
    pub fn width(&self, node: usize) -> usize {
        self.axes(node).iter().product()
    }

    /// A lie about entries of one node's columns: what they are now, and what they are made to be.
    pub fn lie(&self, node: usize, entries: &[(At, usize, i128)]) -> Forger {
        let mut forger = self.forger.clone();
        for (at, index, value) in entries {
            forger.put(node, *at, *index, *value);
        }
        forger.recount_elements();
        forger
    }

    /// A value of a node's column.
    pub fn get(&self, node: usize, at: At, index: usize) -> i128 {
        self.forger.integer(node, at, index)
    }

    /// Every column of a node that has limbs of its own.
    pub fn columns(&self, node: usize) -> Vec<At> {
        let op = self.case.program.nodes[node].op;
        let aux = op.aux_columns().into_iter().map(|c| At::Aux(c.role));
        let output = (op != Op::Reshape(Reshape)).then_some(At::Output);
        let all = output.into_iter().chain(aux);
        all.filter(|at| !self.forger.limbs(node, *at).0.is_empty())
            .collect()
    }

    /// The same value by other limbs: limb `limb` one step too large, the next one less by one; none if
    /// the next one is zero everywhere.
    pub fn carried(&self, node: usize, at: At, limb: usize) -> Option<Forger> {
        let (limbs, _) = self.forger.limbs(node, at);
        let (low, high): (Block, Block) = (limbs[limb], *limbs.get(limb + 1)?);
        let (lows, highs) = (self.forger.entries(low), self.forger.entries(high));
        let zero = element(0);
        let index = highs.iter().position(|v| *v != zero)?;
        let mut forger = self.forger.clone();
        let step = 1i128 << self.case.program.limb_bits;
        forger.set(low, index, lows[index] + element(step));
        forger.set(high, index, highs[index] - element(1));
        forger.recount_elements();
        Some(forger)
    }
}

/// Appends an op on the input.
fn push(program: &mut Program, op: Op) {
    let output = program.tensors.len();
    program
        .tensors
        .push(Tensor::new(format!("t{output}"), WIDTH, 8));
    let name = format!("n{output}");
    program.nodes.push(Node {
        name,
        op,
        inputs: vec![0; op.arity()],
        output,
    });
}

/// `slope·index`.
pub fn tanh(log: usize, slope: i64) -> Table {
    let half = 1i64 << (log - 1);
    Table {
        kind: TableKind::Tanh,
        input_scale: 8,
        values: (-half..half).map(|i| (i * slope) as i16).collect(),
    }
}

/// Appends the same op on the same operands, with weights of its own.
fn copy(program: &mut Program, weights: &mut Weights, node: &Node) -> usize {
    let output = program.tensors.len();
    program.tensors.push(program.tensors[node.output].clone());
    let mut op = node.op;
    if let Op::Dense(Dense { weight, .. })
    | Op::DenseRelu(DenseRelu { weight, .. })
    | Op::DenseAdd(DenseAdd { weight, .. })
    | Op::Embed(Embed { weight }) = &mut op
    {
        program.weights.push(program.weights[*weight].clone());
        weights.dense.push(weights.dense[*weight].clone());
        *weight = program.weights.len() - 1;
    }
    let name = format!("copy of {}", node.name);
    program.nodes.push(Node {
        name,
        op,
        inputs: node.inputs.clone(),
        output,
    });
    output
}
