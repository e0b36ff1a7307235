//! Random programs of every op and any shape, whose values stay in range for every input.

use laminate_model::ops::{
    Abs, Activation, Add, Clip, Dense, DenseRelu, Divide, Grouped, LeakyRelu, Mul, Relu, Reshape,
    RmsNorm,
};
use laminate_model::program::{
    ACTIVATION_BOUND, DenseShape, DenseWeights, Node, Op, Program, TABLE_LOG, Table, TableKind,
    Tensor, Weights,
};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use crate::Case;

/// Largest absolute input value.
const INPUT: i64 = 2000;

struct Growing {
    rng: ChaCha20Rng,
    program: Program,
    weights: Weights,
    /// Bound of the absolute value of each tensor.
    bounds: Vec<i64>,
}

/// A random directed acyclic graph of 3 to 8 nodes over widths 1 to `max_width`.
pub fn program(seed: u64, batch_log: u8, max_width: u32) -> Case {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let values = (0..1 << TABLE_LOG)
        .map(|_| rng.gen_range(-16_384..=16_384))
        .collect();
    let width = rng.gen_range(1..=max_width);
    let mut g = Growing {
        program: Program {
            tensors: vec![Tensor::new("x", width, 8)],
            tables: vec![Table {
                kind: TableKind::Tanh,
                input_scale: 8,
                values,
            }],
            ..Program::empty(format!("random-{seed}"), batch_log, 20)
        },
        weights: Weights { dense: vec![] },
        bounds: vec![INPUT],
        rng,
    };
    // Without any parameter there is no weight commitment to make.
    g.dense(0, max_width);
    for _ in 0..g.rng.gen_range(2..=7) {
        g.grow(max_width);
    }
    g.program.output = g.program.tensors.len() - 1;
    let slots = g.program.slots();
    let inputs = (0..slots)
        .map(|_| {
            (0..width)
                .map(|_| g.rng.gen_range(-INPUT..=INPUT) as i32)
                .collect()
        })
        .collect();
    Case {
        program: g.program,
        weights: g.weights,
        inputs,
    }
}

impl Growing {
    /// Adds one node over a recent tensor.
    fn grow(&mut self, max_width: u32) {
        let last = self.program.tensors.len() - 1;
        let input = if self.rng.gen_bool(0.8) {
            last
        } else {
            self.rng.gen_range(0..=last)
        };
        let width = self.width(input);
        let bound = self.bounds[input];
        match self.rng.gen_range(0..13) {
            0 => self.push(Op::Relu(Relu), vec![input], width, bound),
            1 => {
                let slope = self.rng.gen_range(1..1 << 16);
                self.push(
                    Op::LeakyRelu(LeakyRelu { slope }),
                    vec![input],
                    width,
                    bound,
                );
            }
            2 if bound < 1 << (TABLE_LOG - 1) => self.push(
                Op::Activation(Activation { table: 0 }),
                vec![input],
                width,
                16_384,
            ),
            3 => self.push(Op::Reshape(Reshape), vec![input], width, bound),
            8 => self.push(Op::Abs(Abs), vec![input], width, bound),
            9 => {
                let lowest = self.rng.gen_range(-500..500);
                let highest = self.rng.gen_range(lowest + 1..1000);
                let clip = Op::Clip(Clip { lowest, highest });
                self.push(clip, vec![input], width, bound.max(1000));
            }
            10 => self.features(input),
            11 => self.divide(input),
            // A norm of what has no padding: of other rows it wants a view.
            12 if width.is_power_of_two() => {
                let norm = RmsNorm {
                    epsilon: self.rng.gen_range(1..1000),
                    numerator: self.rng.gen_range(1..1 << 40),
                };
                // No number is above the root of its row's energy.
                self.push(Op::RmsNorm(norm), vec![input], width, 600);
            }
            4 => self.add(input),
            5 => self.mul(input),
            _ => self.dense(input, max_width),
        }
    }

    fn push(&mut self, op: Op, inputs: Vec<usize>, width: u32, bound: i64) {
        assert!(bound < ACTIVATION_BOUND, "{op:?}: {bound}");
        let output = self.program.tensors.len();
        let tensor = Tensor::new(format!("t{output}"), width, 8);
        self.program.tensors.push(tensor);
        self.program.nodes.push(Node {
            name: format!("n{output}"),
            op,
            inputs,
            output,
        });
        self.bounds.push(bound);
    }

    fn width(&self, id: usize) -> u32 {
        self.program.tensor_width(id) as u32
    }

    /// A tensor of the same width, maybe the same.
    fn partner(&mut self, input: usize) -> usize {
        let tensors = &self.program.tensors;
        let same: Vec<usize> = (0..tensors.len())
            .filter(|i| tensors[*i].axes == tensors[input].axes)
            .collect();
        *same.choose(&mut self.rng).expect("itself")
    }

    fn add(&mut self, a: usize) {
        let b = self.partner(a);
        let shift = *[8, 16, 24].choose(&mut self.rng).expect("a shift");
        let [left, right] = [(); 2].map(|()| self.rng.gen_range(0..1u32 << (shift - 1)));
        let bound = (self.bounds[a] * i64::from(left) + self.bounds[b] * i64::from(right)) >> shift;
        self.push(
            Op::Add(Add { left, right, shift }),
            vec![a, b],
            self.width(a),
            bound + 1,
        );
    }

    fn mul(&mut self, a: usize) {
        let b = self.partner(a);
        let shift = *[8, 16, 24, 32].choose(&mut self.rng).expect("a shift");
        let product = self.bounds[a] * self.bounds[b] + 1;
        let multiplier = (((INPUT << shift) / product) as u32).min((1 << 24) - 1);
        let bound = (product * i64::from(multiplier)) >> shift;
        self.push(
            Op::Mul(Mul { multiplier, shift }),
            vec![a, b],
            self.width(a),
            bound + 1,
        );
    }

    /// A factor and an offset for each feature.
    fn features(&mut self, input: usize) {
        let width = self.width(input);
        let rng = &mut self.rng;
        let sum = 128 * self.bounds[input] + 100_000;
        let gain = ((INPUT << 16) / sum).clamp(1, (1 << 24) - 1);
        self.weights.dense.push(DenseWeights {
            weight: (0..width).map(|_| rng.r#gen()).collect(),
            bias: (0..width)
                .map(|_| rng.gen_range(-100_000..=100_000))
                .collect(),
            multiplier: (0..width).map(|_| rng.gen_range(0..=gain as u32)).collect(),
        });
        let weight = self.program.weights.len();
        self.program.weights.push(DenseShape {
            cols: vec![],
            ..DenseShape::new(width, 1)
        });
        let op = Op::Grouped(Grouped {
            weight,
            groups: 1,
            shift: 16,
        });
        self.push(op, vec![input], width, ((sum * gain) >> 16) + 1);
    }

    /// By what a clip has made positive.
    fn divide(&mut self, input: usize) {
        let (width, bound) = (self.width(input), self.bounds[input]);
        let lowest = self.rng.gen_range(2..500);
        let highest = self.rng.gen_range(lowest + 1..1000);
        let clip = Op::Clip(Clip { lowest, highest });
        self.push(clip, vec![input], width, 1000);
        let positive = self.program.tensors.len() - 1;
        let shift = self.rng.gen_range(0..2);
        let op = Op::Divide(Divide { shift });
        let most = 2 * bound / i64::from(lowest) + 1;
        self.push(op, vec![input, positive], width, most);
    }

    fn dense(&mut self, input: usize, max_width: u32) {
        let (rows, cols) = (self.rng.gen_range(1..=max_width), self.width(input));
        let shift = *[16, 24].choose(&mut self.rng).expect("a shift");
        let sum = 128 * i64::from(cols) * self.bounds[input] + 100_000;
        let gain = ((INPUT << shift) / sum).clamp(1, (1 << 24) - 1);
        let bound = ((sum * gain) >> shift) + 1;
        let rng = &mut self.rng;
        self.weights.dense.push(DenseWeights {
            weight: (0..rows * cols).map(|_| rng.r#gen()).collect(),
            bias: (0..rows)
                .map(|_| rng.gen_range(-100_000..=100_000))
                .collect(),
            multiplier: (0..rows).map(|_| rng.gen_range(0..=gain as u32)).collect(),
        });
        let weight = self.program.weights.len();
        self.program.weights.push(DenseShape::new(rows, cols));
        let op = match self.rng.gen_bool(0.3) {
            true => Op::DenseRelu(DenseRelu { weight, shift }),
            false => Op::Dense(Dense { weight, shift }),
        };
        self.push(op, vec![input], rows, bound);
    }
}
