//! A program that reads int32 columns, each with an offset and a factor of its own, and saturates: every result is read by
//! nothing, so that what a forger says of one node has no consequence elsewhere. The fourth column is padding.

use laminate_model::ops::{Add, Dense, Grouped, Mul, Relu, Rescale, Saturate};
use laminate_model::program::{
    DenseShape, DenseWeights, Node, Op, Program, Tensor, WeightFormat, Weights,
};

use crate::Case;
use crate::isolated::Isolated;

/// Columns.
pub const WIDTH: u32 = 3;
/// Other ends than those of int16.
pub const ENDS: Saturate = Saturate {
    lowest: 0,
    highest: 9_000,
};
/// Weight, offset in units of the raw column times the weight, and multiplier of each column, at a shift of 32: about
/// `(x - 1000)·0.031`, `x·0.0075` turned round, and `x·0.0001`.
pub const COLUMNS: [(i8, i32, u32); 3] = [
    (127, -127_000, 1 << 20),
    (-64, 0, 503_316),
    (1, 12_345, 429_496),
];
/// Rows: the first is inside all ends, the second leaves them above, below and above.
pub const ROWS: [[i32; 3]; 2] = [
    [20_000, 70_000, -3_000_000],
    [i32::MAX, i32::MAX - 5, 2_100_000_000],
];

/// Nodes by name.
#[derive(Clone, Debug)]
pub struct Raw {
    /// The honest run and its prover.
    pub isolated: Isolated,
}

impl Raw {
    /// With limbs of so many bits.
    pub fn new(limb_bits: u8) -> Self {
        Self {
            isolated: Isolated::of(case(limb_bits)),
        }
    }

    /// The node of this name.
    pub fn node(&self, name: &str) -> usize {
        let nodes = &self.isolated.case.program.nodes;
        let found = nodes.iter().position(|node| node.name == name);
        found.unwrap_or_else(|| panic!("no {name}"))
    }

    /// Values of a tensor of 32 bits that stand in columns.
    pub fn raw(&self, index: usize) -> i128 {
        let case = &self.isolated.case;
        self.isolated.trace.tensors[case.program.input][index].into()
    }
}

/// The program, with two slots.
pub fn case(limb_bits: u8) -> Case {
    let mut program = Program::empty("raw", 1, 20);
    program.limb_bits = limb_bits;
    program.tensors.push(Tensor {
        bits: 32,
        ..Tensor::new("input", WIDTH, 0)
    });
    program.input_scales = vec![0, 3, -2];
    let mut weights = Weights { dense: vec![] };
    let columns = DenseShape {
        cols: vec![],
        ..DenseShape::new(WIDTH, 1)
    };
    let layer = || DenseWeights {
        weight: COLUMNS.map(|c| c.0).to_vec(),
        bias: COLUMNS.map(|c| c.1).to_vec(),
        multiplier: COLUMNS.map(|c| c.2).to_vec(),
    };
    let mut push = |name: &str, op: Op, inputs: &[usize], bits: u8| {
        let mut op = op;
        match &mut op {
            Op::Grouped(Grouped { weight, .. }) => {
                *weight = program.weights.len();
                program.weights.push(columns.clone());
                weights.dense.push(layer());
            }
            Op::Dense(Dense { weight, .. }) => {
                *weight = program.weights.len();
                program.weights.push(DenseShape {
                    format: WeightFormat::Int8,
                    ..DenseShape::new(WIDTH, WIDTH)
                });
                weights.dense.push(DenseWeights {
                    weight: vec![5, -7, 11, 13, 17, -19, 23, 29, -31],
                    bias: vec![1000, -2000, 3000],
                    multiplier: vec![1 << 17; 3],
                });
            }
            _ => {}
        }
        let output = program.tensors.len();
        program.tensors.push(Tensor {
            bits,
            ..Tensor::new(name, WIDTH, 8)
        });
        program.nodes.push(Node {
            name: name.into(),
            op,
            inputs: inputs.to_vec(),
            output,
        });
        output
    };
    let scaled = Op::Grouped(Grouped {
        weight: 0,
        groups: 1,
        shift: 32,
    });
    let raw = push("raw", scaled, &[0], 32);
    push("unread", scaled, &[0], 32);
    push("saturated", Op::Saturate(Saturate::INT16), &[raw], 16);
    push("clamped", Op::Saturate(ENDS), &[raw], 16);
    let read = push("read", Op::Saturate(Saturate::INT16), &[raw], 16);
    let shift = 16;
    let wide = [
        ("dense", Op::Dense(Dense { weight: 0, shift })),
        (
            "add",
            Op::Add(Add {
                left: 3 << 16,
                right: 1 << 15,
                shift,
            }),
        ),
        (
            "mul",
            Op::Mul(Mul {
                multiplier: 1 << 10,
                shift,
            }),
        ),
        (
            "rescale",
            Op::Rescale(Rescale {
                multiplier: 5 << 16,
                shift,
            }),
        ),
    ];
    for (name, op) in wide {
        let inputs = vec![read; op.arity()];
        push(name, op, &inputs, 32);
    }
    let output = push("output", Op::Relu(Relu), &[read], 16);
    program.output = output;
    program.check().expect("a legal program");
    Case {
        program,
        weights,
        inputs: ROWS.map(|row| row.to_vec()).to_vec(),
    }
}
