//! `laminate prove-weights`: the commitment proof of a model.

use std::path::PathBuf;

use clap::Args;
use eyre::{ensure, eyre};
use laminate_aggregator::prove::Target;
use laminate_model::artifact::Kind;
use laminate_model::shards::WeightSet;
use serde::Serialize;

use super::prove::stored;
use super::setup::{FoldedSrs, commitment_k};
use crate::destination;
use crate::files::{self, FoldedFile, ModelDir, hex_scalar};
use crate::measure::{self, Measured, Stages};
use crate::output::Output;
use crate::pipeline::{self, Purpose};
use crate::shards::{self, ShardDir, ShardReport};

/// Prove once that committed weights are in their ranges: bytes, or ternary.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  laminate prove-weights story -o story-weights.proof\n\nLarge models need it: their inferences do not show it. `laminate register` takes the proof and the registry\nchecks it; natively `laminate verify --weight-proof` does. The folder needs `commit` and `setup` first."
)]
pub struct ProveWeights {
    /// Folder with program, weights, commitment and keys.
    pub dir: PathBuf,
    /// Write the folded proof and stop before aggregation (private).
    #[arg(long, conflicts_with = "output", required_unless_present = "output")]
    pub folded_only: Option<PathBuf>,
    #[command(flatten)]
    pub srs: FoldedSrs,
    /// Make a proof that `laminate join prove --weights` takes, instead of one for a contract. Those of shards are always so.
    #[arg(long, conflicts_with = "folded_only")]
    pub for_join: bool,
    /// The proof to write.
    #[arg(short, long, required_unless_present = "folded_only")]
    pub output: Option<PathBuf>,
}

/// What `prove-weights` reports.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Digest of the program without nodes.
    pub program_digest: String,
    /// The commitment whose weights are in range.
    pub weight_commitment: String,
    /// Bytes of the KZG proof; none if only folded.
    pub proof_bytes: Option<usize>,
    /// Stages.
    pub stages: Vec<Measured>,
}

/// What `prove-weights` reports of a model in shards.
#[derive(Debug, Serialize)]
struct ShardsReport {
    /// Of the model.
    digest: String,
    /// What the commitment proofs state, one for each shard that needs one.
    shards: Vec<ShardReport>,
    /// Bytes of the KZG proofs; none if only folded.
    proof_bytes: Option<usize>,
    /// Stages.
    stages: Vec<Measured>,
}

impl ProveWeights {
    /// Runs the command.
    ///
    /// # Errors
    /// Missing or altered files, or a model that needs no such proof.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        if self.srs.is_given() && self.folded_only.is_none() {
            return Err(eyre!(
                "--srs and --dev-srs are of --folded-only; a published proof uses the reference string of `laminate setup`"
            ));
        }
        for path in self.output.iter().chain(&self.folded_only) {
            destination::result(path)?;
        }
        if let Some(shards) = ShardDir::open(&self.dir)? {
            return self.shards(&shards, out);
        }
        let dir = ModelDir::open(&self.dir)?;
        let program = dir.program()?;
        let mut stages = Stages::default();
        let srs = match self.folded_only {
            None => pipeline::load_setup_srs(&dir.setup()?)?,
            Some(_) => self.srs.load(&dir, &program, out)?,
        };
        let development = srs.origin().is_development();
        let folded = pipeline::fold_weights(&dir, &srs, &mut stages, out)?;
        let proof_bytes = if let Some(path) = &self.output {
            let weights = program.weights_program();
            let target = match self.for_join {
                true => Target::Join,
                false => Target::Contract,
            };
            let purpose = Purpose::of(target, dir.setup()?.opening);
            let proof = pipeline::aggregate(&weights, &folded, &srs, purpose, &mut stages, out)?;
            files::write(Kind::Proof, development, &proof, path)?;
            Some(proof.proof.proof.len())
        } else if let Some(path) = &self.folded_only {
            let file = FoldedFile {
                statement: stored(&folded.statement),
                proof: folded.proof.to_stored(),
            };
            files::write(Kind::FoldedProof, development, &file, path)?;
            None
        } else {
            return Err(eyre!("give -o FILE or --folded-only FILE"));
        };
        let report = Report {
            program_digest: hex_scalar(&folded.statement.program_digest),
            weight_commitment: hex_scalar(&folded.statement.weight_commitment),
            proof_bytes,
            stages: stages.rows,
        };
        let human = format!(
            "{}\nweights of commitment {} are in range",
            measure::table(&report.stages),
            report.weight_commitment
        );
        out.result(&human, &report)
    }

    /// Proves the weights of all shards that need it.
    fn shards(&self, shards: &ShardDir, out: Output) -> eyre::Result<()> {
        let set = shards.set()?;
        let weights = WeightSet::new(&set)?;
        ensure!(
            !weights.shards().is_empty(),
            "every inference of {} shows that its weights are in range; it needs no commitment proof",
            self.dir.display()
        );
        let (dir, programs) = (shards.model_dir(), shards.programs()?);
        let srs = match self.folded_only {
            None => {
                let srs = pipeline::load_setup_srs(&dir.setup()?)?;
                let programs = weights.shards().iter().map(|s| &s.verifier.program);
                shards::require_keys(programs, &srs)?;
                srs
            }
            Some(_) => {
                let widest = programs.iter().max_by_key(|p| commitment_k(p));
                let program =
                    widest.ok_or_else(|| eyre!("{} holds no shards", self.dir.display()))?;
                self.srs.load(&dir, program, out)?
            }
        };
        let development = srs.origin().is_development();
        let mut stages = Stages::default();
        let folded = shards.prove_weights(&weights, set.digest(), &srs, &mut stages, out)?;
        let mut proof_bytes = None;
        if let Some(path) = &self.folded_only {
            files::write(Kind::ShardProofs, development, &folded, path)?;
        } else if let Some(path) = &self.output {
            let places = weights.shards().iter().map(|s| (s.shard, &s.verifier));
            let proof = shards::aggregate(places, &folded, &srs, &mut stages, out)?;
            files::write(Kind::ShardedProof, development, &proof, path)?;
            proof_bytes = Some(proof.proof_bytes());
        }
        let report = ShardsReport {
            digest: hex_scalar(&set.digest()),
            shards: shards::reports(&folded.statements()),
            proof_bytes,
            stages: stages.rows,
        };
        let human = format!(
            "{}\nweights of {} shards of the model with digest {} are in range",
            measure::table(&report.stages),
            report.shards.len(),
            report.digest
        );
        out.result(&human, &report)
    }
}
