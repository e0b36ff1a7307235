//! Aggregation proofs of all shards of a model, and of their weights. Each alone says little: an inference is
//! shown by all of them together, with the checks of [`ShardSet`].

use eyre::{Context, ensure, eyre};
use halo2curves_axiom::bn256::Fr;
use laminate_aggregator::srs::Srs;
use laminate_engine::field::Scalar;
use laminate_engine::fold::FoldMode;
use laminate_model::program::Program;
use laminate_model::shards::{ShardSet, WeightSet};
use laminate_model::statement::Statement;
use laminate_model::verify::Verifier;
use serde::{Deserialize, Serialize};

use super::folded::ShardsFile;
use super::of_shard;
use crate::files::{ProofFile, hex_scalar};
use crate::measure::Stages;
use crate::output::Output;
use crate::pipeline::{self, Folded, Purpose};

/// Aggregation proofs of a model in shards. Public.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShardedProof {
    /// Digest of the model.
    pub digest: Scalar,
    /// One for each shard, in their order; of commitment proofs one for each shard that needs it.
    pub shards: Vec<ProofFile>,
}

/// Proofs that hold.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What they state.
    pub statements: Vec<Statement<Fr>>,
    /// Identity of their reference string's ceremony.
    pub setup: [u8; 32],
    /// Whether it is a development one.
    pub development: bool,
}

impl ShardedProof {
    /// What the proofs state if they are inferences, as their places tell; else none.
    pub fn inferences(&self) -> Option<Vec<Statement<Fr>>> {
        let last = self.shards.len().checked_sub(1)?;
        let shards = self.shards.iter().enumerate();
        shards
            .map(|(place, proof)| proof.statement_between([place > 0, place < last]))
            .collect()
    }

    /// What the proofs state if they are commitment proofs; else none.
    pub fn weights(&self) -> Option<Vec<Statement<Fr>>> {
        if self.shards.is_empty() {
            return None;
        }
        self.shards.iter().map(ProofFile::statement).collect()
    }

    /// Bytes of the halo2 proofs.
    pub fn proof_bytes(&self) -> usize {
        self.shards.iter().map(|s| s.proof.proof.len()).sum()
    }
}

/// Refuses to begin where an aggregation would end without keys.
///
/// # Errors
/// If a shard has none.
pub fn require_keys<'a>(
    programs: impl IntoIterator<Item = &'a Program>,
    srs: &Srs,
) -> eyre::Result<()> {
    for program in programs {
        pipeline::require_keys(program, FoldMode::On, srs)?;
    }
    Ok(())
}

/// Aggregates the folded proofs of `shards` (their places and verifiers), one after another: one proving key
/// is in memory at a time.
///
/// # Errors
/// Missing keys, or a folded proof that does not verify.
pub fn aggregate<'a>(
    shards: impl IntoIterator<Item = (usize, &'a Verifier)>,
    file: &ShardsFile,
    srs: &Srs,
    stages: &mut Stages,
    out: Output,
) -> eyre::Result<ShardedProof> {
    let mut proofs = vec![];
    for ((shard, verifier), (statement, proof)) in shards.into_iter().zip(file.native()) {
        let folded = Folded {
            statement,
            proof,
            outputs: vec![],
            mode: FoldMode::On,
        };
        let mut parts = Stages::default();
        let proof = pipeline::aggregate(
            &verifier.program,
            &folded,
            srs,
            Purpose::Join,
            &mut parts,
            out,
        )
        .wrap_err_with(|| format!("shard {shard}"))?;
        stages.rows.extend(of_shard(parts, shard));
        proofs.push(proof);
    }
    Ok(ShardedProof {
        digest: file.digest,
        shards: proofs,
    })
}

/// Verifies the proofs of all shards natively, and that they are of one run of this model.
///
/// # Errors
/// Proofs of another model or run, such that do not verify, or missing keys.
pub fn verify(set: &ShardSet, file: &ShardedProof, out: Output) -> eyre::Result<Checked> {
    require_digest(set, file)?;
    let places: Vec<usize> = (0..set.verifiers().len()).collect();
    ensure!(
        file.shards.len() == places.len(),
        "{} proofs, the model has {} shards; one is missing or too many: make the file again with `laminate prove`",
        file.shards.len(),
        places.len()
    );
    let statements = read(set.verifiers(), file)?;
    set.check_statements(&statements)
        .wrap_err("the proofs are not of one run of this model")?;
    hold(&places, file, statements, out)
}

/// Verifies the commitment proofs of a model's shards natively.
///
/// # Errors
/// Proofs of other weights, such that do not verify, or missing keys.
pub fn verify_weights(
    set: &ShardSet,
    weights: &WeightSet,
    file: &ShardedProof,
    out: Output,
) -> eyre::Result<Checked> {
    require_digest(set, file)?;
    let places: Vec<usize> = weights.shards().iter().map(|s| s.shard).collect();
    weights.same_count(file.shards.len())?;
    let verifiers = weights.shards().iter().map(|s| &s.verifier);
    let statements = read(verifiers, file)?;
    weights
        .check_statements(&statements)
        .wrap_err("the commitment proofs are not of this model's weights")?;
    hold(&places, file, statements, out)
}

fn require_digest(set: &ShardSet, file: &ShardedProof) -> eyre::Result<()> {
    ensure!(
        file.digest.0 == set.digest(),
        "the proofs are of the model with digest {}, the folder's has {}",
        hex_scalar(&file.digest.0),
        hex_scalar(&set.digest())
    );
    Ok(())
}

/// The statements, each as its shard's program has it.
fn read<'a>(
    verifiers: impl IntoIterator<Item = &'a Verifier>,
    file: &ShardedProof,
) -> eyre::Result<Vec<Statement<Fr>>> {
    let pairs = verifiers.into_iter().zip(&file.shards);
    pairs
        .enumerate()
        .map(|(place, (verifier, proof))| {
            let fields = &proof.proof.public.statement;
            Statement::of_program(&verifier.program, fields).ok_or_else(|| {
                eyre!(
                    "proof {place} of the file states {} fields, expected {}: it is of another shard, or altered; make the file again with `laminate prove`",
                    fields.len(),
                    laminate_model::statement::statement_len(&verifier.program)
                )
            })
        })
        .collect()
}

/// Verifies each proof, all of one reference string: only then are equal boundaries equal values.
fn hold(
    places: &[usize],
    file: &ShardedProof,
    statements: Vec<Statement<Fr>>,
    out: Output,
) -> eyre::Result<Checked> {
    let setup = file.shards.first().map_or([0; 32], |s| s.setup);
    if let Some(other) = file.shards.iter().position(|s| s.setup != setup) {
        return Err(eyre!(
            "proof {other} of the file was made with another reference string than the first; make all with one"
        ));
    }
    let mut checker = pipeline::Checker::default();
    let mut development = false;
    let stage = out.stage("Verifying");
    for (done, (shard, proof)) in places.iter().zip(&file.shards).enumerate() {
        stage.advance(done as u64, places.len() as u64);
        let verdict = checker.verify(proof);
        development |= verdict
            .wrap_err_with(|| format!("shard {shard}"))?
            .development;
    }
    Ok(Checked {
        statements,
        setup,
        development,
    })
}
