//! Programs and folded proofs for tests.

use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use laminate_engine::fold::FoldMode;
use laminate_model::ops::{Activation, Dense, Relu};
use laminate_model::program::{
    DenseShape, DenseWeights, Node, Op, Program, TABLE_LOG, Table, TableKind, Tensor, WeightFormat,
    Weights,
};
use laminate_model::proof::NativeProof;
use laminate_model::statement::Statement;
use laminate_prover::exec;
use laminate_prover::prove::{Model, prove, prove_weights};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::srs::Srs;

/// A multilayer perceptron with ReLU between layers and a sigmoid at the end.
pub fn perceptron(widths: &[u32], batch_log: u8) -> Program {
    let mut program = Program::empty("perceptron", batch_log, 20);
    program.tensors = vec![Tensor::new("input", widths[0], 8)];
    program.tables = vec![Table {
        kind: TableKind::Sigmoid,
        input_scale: 8,
        values: (0..1 << TABLE_LOG)
            .map(|i| (4 * i - (1 << 13)) as i16)
            .collect(),
    }];
    let layers = widths.len() - 1;
    for layer in 0..layers {
        let (cols, rows) = (widths[layer], widths[layer + 1]);
        program.weights.push(DenseShape::new(rows, cols));
        let last = layer + 1 == layers;
        let after = if last {
            Op::Activation(Activation { table: 0 })
        } else {
            Op::Relu(Relu)
        };
        for op in [
            Op::Dense(Dense {
                weight: layer,
                shift: 16,
            }),
            after,
        ] {
            let output = program.tensors.len();
            program
                .tensors
                .push(Tensor::new(format!("t{output}"), rows, 8));
            program.nodes.push(Node {
                name: format!("n{output}"),
                op,
                inputs: vec![output - 1],
                output,
            });
            program.output = output;
        }
    }
    program
}

/// A folded proof of random weights and inputs.
#[derive(Clone)]
pub struct Sample {
    /// The model.
    pub model: Model,
    /// The statement.
    pub statement: Statement<Fr>,
    /// Its proof.
    pub proof: NativeProof,
}

/// Runs and proves `program`.
pub fn sample(program: Program, mode: FoldMode, srs: &Srs, seed: u64) -> Sample {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let dense = program
        .weights
        .iter()
        .map(|shape| {
            let (rows, cols) = (shape.row_count(), shape.col_count());
            DenseWeights {
                weight: (0..rows * cols)
                    .map(|_| (rng.next_u32() % 21) as i8 - 10)
                    .collect(),
                bias: (0..rows)
                    .map(|_| (rng.next_u32() % 200) as i32 - 100)
                    .collect(),
                multiplier: (0..rows)
                    .map(|_| (1 << 9) | (rng.next_u32() % 512))
                    .collect(),
            }
        })
        .collect();
    let weights = Weights { dense };
    let width = program.tensor_width(program.input);
    let inputs: Vec<Vec<i32>> = (0..program.slots())
        .map(|_| {
            (0..width)
                .map(|_| (rng.next_u32() % 400) as i32 - 200)
                .collect()
        })
        .collect();
    let trace = exec::run(&program, &weights, &inputs).unwrap();
    let model = Model::new(program, &weights).unwrap();
    let powers = srs.powers();
    let secret = model.commit(powers, &mut rng).unwrap();
    let (statement, proof) =
        prove(&model, &secret, &trace, powers, mode, &mut rng, &|_| {}).unwrap();
    model
        .verifier
        .verify_native(&statement, &proof, &srs.s_g2())
        .unwrap();
    Sample {
        model,
        statement,
        proof,
    }
}

/// A commitment proof of a ternary layer of 32 by 32.
pub fn ternary_weights(srs: &Srs) -> Sample {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut program = Program::empty("ternary", 0, 10);
    program.weights = vec![DenseShape {
        format: WeightFormat::Ternary,
        bias: false,
        ..DenseShape::new(32, 32)
    }];
    let layer = DenseWeights {
        weight: (0..1024).map(|_| (rng.next_u32() % 3) as i8 - 1).collect(),
        bias: vec![],
        multiplier: vec![1 << 9; 32],
    };
    let weights = Weights { dense: vec![layer] };
    let model = Model::new(program, &weights).unwrap();
    let secret = model.commit(srs.powers(), &mut rng).unwrap();
    let (statement, proof) =
        prove_weights(&model, &secret, srs.powers(), &mut rng, &|_| {}).unwrap();
    Sample {
        model,
        statement,
        proof,
    }
}
