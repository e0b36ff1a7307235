//! `laminate commit`: the weight commitment, salted unless the weights are public.

use std::path::PathBuf;

use clap::Args;
use eyre::{ensure, eyre};
use laminate_aggregator::srs::Srs;
use laminate_engine::field::Scalar;
use laminate_prover::prove::{Model, WeightSecret};
use rand::rngs::OsRng;
use serde::Serialize;

use crate::cmd::setup::{SrsArgs, commitment_k};
use crate::destination;
use crate::files::{Lock, ModelDir, PublishedCommitment, hex_scalar};
use crate::output::Output;
use crate::shards::ShardDir;

/// Commit to a model's weights with a fresh salt.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  laminate commit fraud --dev-srs\n\nThe commitment depends on the reference string: use the one that setup gets. A folder compiled from\nthe same model for another batch shares the commitment with --secret-from. Weights that are public (compile\n--weights-public) are committed to without a salt: folder and reference string give the same commitment again,\nand weight_secret.lam holds no secret."
)]
pub struct Commit {
    /// Folder made by `laminate compile`.
    pub dir: PathBuf,
    #[command(flatten)]
    pub srs: SrsArgs,
    /// Take the secret of another folder with the same weights, so that both publish one commitment.
    #[arg(long)]
    pub secret_from: Option<PathBuf>,
    /// Destroy the folder's present commitment.
    #[arg(long)]
    pub force: bool,
}

/// What `commit` reports.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The published commitment.
    pub weight_commitment: String,
    /// Whether it depends on a development reference string.
    pub development: bool,
}

/// What `commit` reports of a model in shards.
#[derive(Debug, Serialize)]
struct ShardsReport {
    /// The published commitments, one a shard.
    weight_commitments: Vec<String>,
    /// Whether they depend on a development reference string.
    development: bool,
}

/// Commits and writes both files; also used by `demo` and `bench`.
///
/// # Errors
/// A missing file, a short reference string, or a secret of other weights.
pub fn commit(
    dir: &ModelDir,
    srs: &Srs,
    secret_from: Option<&ModelDir>,
) -> eyre::Result<PublishedCommitment> {
    let program = dir.program()?;
    let model = Model::new(program, &dir.weights()?)?;
    let secret = match secret_from {
        None => model.commit(srs.powers(), &mut OsRng)?,
        Some(other) => shared_secret(&model, srs, other)?,
    };
    let published = PublishedCommitment {
        commitment: Scalar(secret.commitment()),
        program_digest: Scalar(model.verifier.digest),
    };
    dir.write_commitment(srs.origin().is_development(), &secret, &published)?;
    Ok(published)
}

fn shared_secret(model: &Model, srs: &Srs, other: &ModelDir) -> eyre::Result<WeightSecret> {
    let (_, secret) = other.secret()?;
    let fresh = model.commit_salted(srs.powers(), secret.salt.0)?;
    if secret.rows != fresh.rows {
        return Err(eyre!(
            "{} commits to other weights, or under another reference string; compile both from one model and commit both with one reference string",
            other.root().display()
        ));
    }
    Ok(secret)
}

impl Commit {
    /// Runs the command.
    ///
    /// # Errors
    /// See [`commit`].
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        destination::inside(&self.dir)?;
        if let Some(shards) = ShardDir::open(&self.dir)? {
            return self.shards(&shards, out);
        }
        let dir = ModelDir::open(&self.dir)?;
        let _lock = dir.lock()?;
        dir.keep_commitment(self.force)?;
        let other = self
            .secret_from
            .as_deref()
            .map(ModelDir::open)
            .transpose()?;
        let (_, srs) = self.srs.load(commitment_k(&dir.program()?), out)?;
        let published = {
            let _stage = out.stage("Committing to the weights");
            commit(&dir, &srs, other.as_ref())?
        };
        let report = Report {
            weight_commitment: hex_scalar(&published.commitment.0),
            development: srs.origin().is_development(),
        };
        let note = if report.development {
            " (DEV reference string)"
        } else {
            ""
        };
        out.result(
            &format!("weight commitment {}{note}", report.weight_commitment),
            &report,
        )
    }

    /// Commits to the weights of each shard.
    fn shards(&self, shards: &ShardDir, out: Output) -> eyre::Result<()> {
        let _lock = Lock::take(&self.dir)?;
        for dir in shards.dirs() {
            dir.keep_commitment(self.force)?;
        }
        let others = match &self.secret_from {
            None => None,
            Some(path) => Some(ShardDir::open(path)?.ok_or_else(|| {
                eyre!(
                    "{} is not a model in shards, {} is one; give the folder of the same shards",
                    path.display(),
                    self.dir.display()
                )
            })?),
        };
        let others = others.as_ref().map_or(&[] as &[ModelDir], ShardDir::dirs);
        ensure!(
            others.is_empty() || others.len() == shards.dirs().len(),
            "{} shards in --secret-from, expected {}; compile both folders with one --shard-layers",
            others.len(),
            shards.dirs().len()
        );
        let first = shards.programs()?;
        let k = first.iter().map(commitment_k).max().unwrap_or(0);
        let (_, srs) = self.srs.load(k, out)?;
        let mut weight_commitments = vec![];
        for (index, dir) in shards.dirs().iter().enumerate() {
            let _stage = out.stage("Committing to the weights of a shard");
            let published = commit(dir, &srs, others.get(index))?;
            weight_commitments.push(hex_scalar(&published.commitment.0));
        }
        let report = ShardsReport {
            weight_commitments,
            development: srs.origin().is_development(),
        };
        let note = if report.development {
            "\nDEV reference string"
        } else {
            ""
        };
        let lines: Vec<String> = report
            .weight_commitments
            .iter()
            .enumerate()
            .map(|(index, commitment)| format!("weight commitment of shard {index} {commitment}"))
            .collect();
        out.result(&format!("{}{note}", lines.join("\n")), &report)
    }
}
