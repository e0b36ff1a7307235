//! What the cross-crate tests share: small reference strings, and random programs with weights and
//! inputs that stay in range.

pub mod along;
pub mod attack;
pub mod circuit;
pub mod fields;
pub mod forest;
pub mod forger;
pub mod fuzz;
pub mod golden;
pub mod isolated;
pub mod joint_random;
pub mod joint_reference;
pub mod lookup_reference;
pub mod programs;
pub mod random;
pub mod raw;
pub mod recorder;
pub mod recurrent;
pub mod replay;
pub mod sequence;
pub mod shards;
pub mod switches;
pub mod views;

use std::path::PathBuf;

use halo2curves_axiom::bn256::{Fr, G1, G1Affine, G2, G2Affine};
use halo2curves_axiom::ff::{Field, PrimeField};
use halo2curves_axiom::group::{Curve, Group};
use laminate_engine::field::fr_from_digest;
use laminate_engine::fold::FoldMode;
use laminate_model::ops::{Activation, Add, Dense, LeakyRelu, Mul, Relu, Reshape};
use laminate_model::program::{
    DenseShape, DenseWeights, Node, Op, Program, TABLE_LOG, Table, TableKind, Tensor, Weights,
};
use laminate_model::proof::NativeProof;
use laminate_model::statement::Statement;
use laminate_prover::exec::{self, Trace};
use laminate_prover::input::{CommittedInput, Input};
use laminate_prover::prove::{Links, Model, ProveError, WeightSecret, prove, prove_linked};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// A reference string whose τ everybody knows; for tests only.
#[derive(Clone, Debug)]
pub struct TestSrs {
    /// `[τ^i]_1`
    pub powers: Vec<G1Affine>,
    /// `[τ]_2`
    pub tau_g2: G2Affine,
}

impl TestSrs {
    /// `2^log + 1` powers of a τ derived from `label`.
    pub fn new(label: &[u8], log: usize) -> Self {
        let tau = fr_from_digest(b"laminate/test-srs", label);
        let table = byte_multiples();
        let mut power = Fr::ONE;
        let mut powers = Vec::with_capacity((1 << log) + 1);
        for _ in 0..=1 << log {
            let bytes = power.to_repr();
            let terms = bytes
                .iter()
                .zip(&table)
                .map(|(byte, row)| row[usize::from(*byte)]);
            powers.push(terms.fold(G1::identity(), |sum, point| sum + point));
            power *= tau;
        }
        let mut affine = vec![G1Affine::default(); powers.len()];
        G1::batch_normalize(&powers, &mut affine);
        Self {
            powers: affine,
            tau_g2: (G2::generator() * tau).to_affine(),
        }
    }
}

/// `b·256^i·G` for every byte `b` and byte position `i`.
fn byte_multiples() -> Vec<Vec<G1Affine>> {
    let mut base = G1::generator();
    (0..32)
        .map(|_| {
            let row: Vec<G1> = std::iter::successors(Some(G1::identity()), |p| Some(p + base))
                .take(257)
                .collect();
            base = row[256];
            let mut affine = vec![G1Affine::default(); 256];
            G1::batch_normalize(&row[..256], &mut affine);
            affine
        })
        .collect()
}

/// A program with weights and one batch of inputs.
#[derive(Clone, Debug)]
pub struct Case {
    /// Architecture.
    pub program: Program,
    /// Parameters.
    pub weights: Weights,
    /// Rows of int16 values.
    pub inputs: Vec<Vec<i32>>,
}

/// Builds programs tensor by tensor.
struct Builder {
    rng: ChaCha20Rng,
    program: Program,
    weights: Weights,
}

impl Builder {
    fn tensor(&mut self, width: usize) -> usize {
        let id = self.program.tensors.len();
        let tensor = Tensor::new(format!("t{id}"), width as u32, 8);
        self.program.tensors.push(tensor);
        id
    }

    fn node(&mut self, op: Op, inputs: &[usize], width: usize) -> usize {
        let output = self.tensor(width);
        let name = format!("n{}", self.program.nodes.len());
        self.program.nodes.push(Node {
            name,
            op,
            inputs: inputs.to_vec(),
            output,
        });
        output
    }

    /// Random parameters; `gain / 2^16` scales the accumulator.
    fn dense(&mut self, input: usize, rows: usize, gain: u32) -> usize {
        let cols = self.program.tensor_width(input);
        let rng = &mut self.rng;
        self.weights.dense.push(DenseWeights {
            weight: (0..rows * cols).map(|_| rng.gen_range(-30..=30)).collect(),
            bias: (0..rows).map(|_| rng.gen_range(-5000..=5000)).collect(),
            multiplier: (0..rows).map(|_| rng.gen_range(gain / 2..=gain)).collect(),
        });
        let weight = self.program.weights.len();
        let shape = DenseShape::new(rows as u32, cols as u32);
        self.program.weights.push(shape);
        self.node(Op::Dense(Dense { weight, shift: 16 }), &[input], rows)
    }
}

/// A program of every op with random widths and weights, `2^batch_log` slots.
pub fn every_op(seed: u64, batch_log: u8) -> Case {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let widths: [usize; 4] = [
        rng.gen_range(1..9),
        rng.gen_range(1..9),
        rng.gen_range(1..8),
        rng.gen_range(1..4),
    ];
    let values = (0..1i32 << TABLE_LOG)
        .map(|i| ((i - 2048) * 3) as i16)
        .collect();
    let mut b = Builder {
        rng,
        program: Program {
            tables: vec![Table {
                kind: TableKind::Tanh,
                input_scale: 8,
                values,
            }],
            ..Program::empty(format!("every-op-{seed}"), batch_log, 20)
        },
        weights: Weights { dense: vec![] },
    };
    let input = b.tensor(widths[0]);
    let x = b.dense(input, widths[1], 1000);
    let x = b.node(Op::Relu(Relu), &[x], widths[1]);
    let x = b.node(Op::Reshape(Reshape), &[x], widths[1]);
    let x = b.dense(x, widths[2], 800);
    let leaky = b.node(Op::LeakyRelu(LeakyRelu { slope: 6554 }), &[x], widths[2]);
    let sum = b.node(
        Op::Add(Add {
            left: 128,
            right: 128,
            shift: 8,
        }),
        &[x, leaky],
        widths[2],
    );
    let product = b.node(
        Op::Mul(Mul {
            multiplier: 64,
            shift: 24,
        }),
        &[sum, leaky],
        widths[2],
    );
    let x = b.dense(product, widths[3], 400);
    b.program.output = b.node(Op::Activation(Activation { table: 0 }), &[x], widths[3]);
    finish(b, widths[0])
}

/// A chain of dense layers with ReLU between them.
pub fn mlp(seed: u64, batch_log: u8, widths: &[usize]) -> Case {
    let mut b = Builder {
        rng: ChaCha20Rng::seed_from_u64(seed),
        program: Program::empty(format!("mlp-{seed}"), batch_log, 20),
        weights: Weights { dense: vec![] },
    };
    let mut x = b.tensor(widths[0]);
    for (i, width) in widths[1..].iter().enumerate() {
        // Keeps activations near their size whatever the width.
        let gain = (65536 / (30 * (widths[i] as u32).max(2))).max(2);
        x = b.dense(x, *width, gain);
        if i + 2 < widths.len() {
            x = b.node(Op::Relu(Relu), &[x], *width);
        }
    }
    b.program.output = x;
    finish(b, widths[0])
}

fn finish(mut b: Builder, width: usize) -> Case {
    let slots = b.program.slots();
    let rng = &mut b.rng;
    let inputs = (0..slots)
        .map(|_| (0..width).map(|_| rng.gen_range(-2000..=2000)).collect())
        .collect();
    Case {
        program: b.program,
        weights: b.weights,
        inputs,
    }
}

/// A proven case.
#[derive(Clone, Debug)]
pub struct Proven {
    /// The model.
    pub model: Model,
    /// Its secret.
    pub secret: WeightSecret,
    /// What is claimed.
    pub statement: Statement<Fr>,
    /// The folded proof.
    pub proof: NativeProof,
}

/// A folded proof that is bound, of a model that was committed to.
///
/// # Errors
/// As [`prove_linked`].
pub fn prove_folded(
    (model, secret): (&Model, &WeightSecret),
    trace: &Trace,
    links: &Links,
    srs: &TestSrs,
    rng: &mut ChaCha20Rng,
) -> Result<(Statement<Fr>, NativeProof), ProveError> {
    let (powers, mode) = (&srs.powers, FoldMode::On);
    prove_linked(model, secret, trace, links, powers, mode, rng, &|_| {})
}

/// Runs and proves a case.
pub fn prove_case(case: &Case, srs: &TestSrs, mode: FoldMode, seed: u64) -> Proven {
    let trace = exec::run(&case.program, &case.weights, &case.inputs).expect("run");
    prove_trace((&case.program, &case.weights), &trace, srs, mode, seed)
}

/// Proves a run of a program with weights.
pub fn prove_trace(
    (program, weights): (&Program, &Weights),
    trace: &Trace,
    srs: &TestSrs,
    mode: FoldMode,
    seed: u64,
) -> Proven {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let model = Model::new(program.clone(), weights).expect("model");
    let secret = model.commit(&srs.powers, &mut rng).expect("commit");
    let (statement, proof) =
        prove(&model, &secret, trace, &srs.powers, mode, &mut rng, &|_| {}).expect("prove");
    Proven {
        model,
        secret,
        statement,
        proof,
    }
}

/// The inputs of a case, committed to with a fixed salt.
pub fn committed(case: &Case) -> CommittedInput {
    let input = Input::Rows(case.inputs.clone());
    CommittedInput::salted(&case.program, &input, Fr::from(5)).expect("commit")
}

/// A file of the shared data folder, or `None` with a printed reason.
pub fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("LAMINATE_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        PathBuf::from,
    );
    let file = root.join(path);
    if file.exists() {
        return Some(file);
    }
    eprintln!(
        "skipped: {} is missing (set LAMINATE_SHARED)",
        file.display()
    );
    None
}
