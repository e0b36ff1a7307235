//! A small random language model in shards, and proofs of its runs.

use halo2curves_axiom::bn256::Fr;
use laminate_engine::fold::FoldMode;
use laminate_front::llama::{FloatLlama, FloatRun, LlamaConfig, Rope};
use laminate_front::quant::{Compiled, Options, Prepared, Tokens};
use laminate_model::program::{Program, Weights};
use laminate_model::proof::NativeProof;
use laminate_model::shards::ShardSet;
use laminate_model::statement::Statement;
use laminate_prover::exec::{self, ShardGenerator, Trace};
use laminate_prover::prove::{Links, Model, WeightSecret, prove_linked};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use crate::TestSrs;

/// A model of `layers` blocks, every axis of an odd size.
pub fn model(seed: u64, layers: usize, tied: bool) -> FloatLlama {
    let config = LlamaConfig {
        dim: 12,
        hidden: 10,
        layers,
        heads: 6,
        kv_heads: 2,
        head_dim: 6,
        vocab: 21,
        max_tokens: 8,
        rope: Rope {
            theta: 10_000.0,
            scaling: None,
        },
        norm_eps: 1e-5,
        tied,
    };
    FloatLlama::random(config, seed).expect("model")
}

/// Six tokens, two of them the prompt.
pub fn options(fold: bool) -> Options<Tokens> {
    Options {
        fold,
        headroom: 16.0,
        ..Options::tokens("shards", 6, 2)
    }
}

/// What the models are calibrated with.
pub fn texts() -> Vec<Vec<u32>> {
    vec![vec![1, 5, 20, 3, 0, 7, 7, 2], vec![9, 2, 14, 18, 0, 11]]
}

/// A model's shards of `layers` blocks.
pub fn compile(model: &FloatLlama, options: &Options<Tokens>, layers: usize) -> Vec<Compiled> {
    let run = FloatRun::new(model).expect("run");
    let prepared = Prepared::new(&run, &texts(), options).expect("prepared");
    let count = prepared.shards(layers).expect("count");
    (0..count)
        .map(|index| prepared.shard(layers, index).expect("shard"))
        .collect()
}

/// The shards' runs on `tokens`, one after another.
pub fn run(shards: &[(Program, Weights)], tokens: &[u32]) -> Vec<Trace> {
    let mut traces: Vec<Trace> = vec![];
    let mut before: Option<&Program> = None;
    for (program, weights) in shards {
        let trace = match (before, traces.last()) {
            (Some(before), Some(trace)) => {
                exec::run_residual(program, weights, trace.residual(before))
            }
            _ => exec::run_tokens(program, weights, tokens),
        };
        traces.push(trace.expect("in range"));
        before = Some(program);
    }
    traces
}

/// A model in shards with committed weights.
pub struct Sharded {
    /// Programs and weights in their order.
    pub shards: Vec<(Program, Weights)>,
    /// Ready to prove.
    pub models: Vec<Model>,
    /// Openings of the weight commitments.
    pub secrets: Vec<WeightSecret>,
    /// The verifier.
    pub set: ShardSet,
}

/// The proofs of one run.
#[derive(Clone)]
pub struct Run {
    /// Input tokens.
    pub tokens: Vec<u32>,
    /// Runs of the shards.
    pub traces: Vec<Trace>,
    /// Blinds of the boundaries.
    pub links: Vec<Links>,
    /// Statements of the shards.
    pub statements: Vec<Statement<Fr>>,
    /// Proofs of the shards.
    pub proofs: Vec<NativeProof>,
}

impl Sharded {
    /// Commits to the weights of all shards.
    pub fn new(compiled: Vec<Compiled>, srs: &TestSrs, seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let shards: Vec<(Program, Weights)> = compiled
            .into_iter()
            .map(|c| (c.program, c.weights))
            .collect();
        let models: Vec<Model> = shards
            .iter()
            .map(|(program, weights)| Model::new(program.clone(), weights).expect("model"))
            .collect();
        let secrets: Vec<WeightSecret> = models
            .iter()
            .map(|m| m.commit(&srs.powers, &mut rng).expect("commit"))
            .collect();
        let programs = shards.iter().map(|s| s.0.clone()).collect();
        let commitments = secrets.iter().map(WeightSecret::commitment).collect();
        Self {
            set: ShardSet::new(programs, commitments).expect("a set"),
            shards,
            models,
            secrets,
        }
    }

    /// The prompt and what the model says, as a proof's input.
    pub fn tokens(&self, prompt: &[u32]) -> Vec<u32> {
        let mut generator = ShardGenerator::new(&self.shards).expect("generator");
        let mut tokens = prompt.to_vec();
        let mut last = generator.push(prompt).expect("in range");
        while tokens.len() < 6 {
            tokens.push(last);
            last = generator.push(&[last]).expect("in range");
        }
        tokens
    }

    /// Proves one shard.
    pub fn prove(
        &self,
        shard: usize,
        trace: &Trace,
        links: &Links,
        mode: FoldMode,
        srs: &TestSrs,
    ) -> (Statement<Fr>, NativeProof) {
        let mut rng = ChaCha20Rng::seed_from_u64(shard as u64);
        let (model, secret) = (&self.models[shard], &self.secrets[shard]);
        let quiet = |_| {};
        prove_linked(
            model,
            secret,
            trace,
            links,
            &srs.powers,
            mode,
            &mut rng,
            &quiet,
        )
        .expect("prove")
    }

    /// Proves a run on input tokens, whether or not the model says them.
    pub fn run(&self, tokens: &[u32], seed: u64, srs: &TestSrs) -> Run {
        let traces = run(&self.shards, tokens);
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let links = Links::chain(self.shards.len(), &mut rng);
        let proven = traces.iter().zip(&links).enumerate();
        let (statements, proofs) = proven
            .map(|(shard, (trace, links))| self.prove(shard, trace, links, FoldMode::On, srs))
            .unzip();
        Run {
            tokens: tokens.to_vec(),
            traces,
            links,
            statements,
            proofs,
        }
    }
}
