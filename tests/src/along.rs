//! A program with norms, products, quotients and groups over rows, each result read by nothing: what a forger says of one
//! node has no consequence elsewhere. Axes are no powers of two, and what stands behind their ends is not zero.

use laminate_model::ops::{Clip, Divide, Grouped, MatMul, Relu, RmsNorm, View};
use laminate_model::program::{
    AxisMap, AxisMask, DenseShape, DenseWeights, Node, Op, Program, Tensor, TensorView, ViewTerm,
    Weights,
};

use crate::Case;
use crate::isolated::Isolated;

/// Entries of the last axis; a fourth is padding.
pub const LEN: u32 = 3;
/// Numbers between which the positive tensor lies, one at its padding.
pub const POSITIVE: Clip = Clip {
    lowest: 1,
    highest: 900,
};
/// Of a view of 32 bits.
pub const WIDE: Clip = Clip {
    lowest: -1000,
    highest: 1100,
};
/// A norm whose results are below 2^9.
pub const NORM: RmsNorm = RmsNorm {
    epsilon: 9,
    numerator: 443 << 32,
};

/// Nodes and tensors by name.
#[derive(Clone, Debug)]
pub struct Along {
    /// The honest run and its prover.
    pub isolated: Isolated,
}

impl Along {
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

    /// An entry of a node's operand, padded and in the order of the trace.
    pub fn operand(&self, node: usize, operand: usize, index: usize) -> i128 {
        let id = self.isolated.case.program.nodes[node].inputs[operand];
        self.isolated.trace.tensors[id][index].into()
    }
}

/// The program, with two slots of two places and three features.
pub fn case(limb_bits: u8) -> Case {
    let mut program = Program::empty("along", 1, 20);
    program.limb_bits = limb_bits;
    program.tensors.push(Tensor {
        axes: vec![2, LEN],
        ..Tensor::new("input", 1, 8)
    });
    let mut push = |name: &str, op: Op, inputs: &[usize], (axes, bits): (&[u32], u8)| {
        let output = program.tensors.len();
        program.tensors.push(Tensor {
            axes: axes.to_vec(),
            bits,
            ..Tensor::new(name, 1, 8)
        });
        program.nodes.push(Node {
            name: name.into(),
            op,
            inputs: inputs.to_vec(),
            output,
        });
        output
    };
    let whole: (&[u32], u8) = (&[2, LEN], 16);
    let view = |view| Op::View(View { view, operands: 1 });
    let grouped = |weight| {
        Op::Grouped(Grouped {
            weight,
            groups: 1,
            shift: 16,
        })
    };
    let positive = push("positive", Op::Clip(POSITIVE), &[0], whole);
    let bounded = push("bounded", view(0), &[positive], whole);
    let centred = push("centred", view(1), &[positive], (whole.0, 32));
    push("norm", Op::RmsNorm(NORM), &[bounded], whole);
    push("norm of a view", Op::RmsNorm(NORM), &[centred], whole);
    push("features", grouped(0), &[positive], whole);
    push("groups", grouped(1), &[positive], (&[2, 2], 16));
    let product = |shared| {
        Op::MatMul(MatMul {
            shared,
            multiplier: 9,
            shift: 16,
        })
    };
    push("product", product(0), &[bounded, positive], (&[2, 2], 16));
    push(
        "shared product",
        product(1),
        &[bounded, positive],
        (&[2], 16),
    );
    let divide = Op::Divide(Divide { shift: 3 });
    push("quotient", divide, &[0, positive], whole);
    push("wide", Op::Clip(WIDE), &[centred], whole);
    let output = push("output", Op::Relu(Relu), &[0], whole);
    program.output = output;
    let last = |map: AxisMap| vec![AxisMap::Same { axis: 0 }, map];
    let inside = AxisMap::shift(1, 0);
    program.views = vec![
        TensorView::of(last(inside.clone())),
        TensorView {
            constant: 0,
            terms: vec![
                ViewTerm {
                    coefficient: LEN.into(),
                    ..ViewTerm::new(0, last(inside))
                },
                ViewTerm {
                    coefficient: -1,
                    masks: vec![AxisMask::Below { axis: 1, size: LEN }],
                    ..ViewTerm::new(0, last(AxisMap::Sum { below: LEN }))
                },
            ],
        },
    ];
    // A factor and an offset a feature; two groups of two rows of three columns.
    program.weights = vec![
        DenseShape {
            rows: vec![LEN],
            cols: vec![],
            ..DenseShape::new(1, 1)
        },
        DenseShape {
            rows: vec![2, 2],
            cols: vec![LEN],
            ..DenseShape::new(1, 1)
        },
    ];
    let weights = Weights {
        dense: vec![
            DenseWeights {
                weight: vec![5, -7, 11],
                bias: vec![1000, -2000, 3000],
                multiplier: vec![7777, 777, 17_777],
            },
            DenseWeights {
                weight: vec![5, -7, 11, 13, 17, -19, 23, -29, 31, 37, 41, -43],
                bias: vec![100, -200, 300, -400],
                multiplier: vec![777, 1777, 277, 377],
            },
        ],
    };
    program.check().expect("a legal program");
    Case {
        program,
        weights,
        inputs: vec![
            vec![700, -800, 900, 120, 30, -77],
            vec![-1000, 1100, 1, 250, 333, 1],
        ],
    }
}
