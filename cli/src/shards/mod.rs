//! Model folders in shards: one folder a shard, and proofs of all of them together.
//!
//! | file | what |
//! | --- | --- |
//! | `shards.json` | [`Record`]; written last |
//! | `shard-000/`, `shard-001/`, … | a model folder each, in the order of the shards |
//! | `tokenizer.json` | as in other model folders |

mod folded;
mod published;

use std::fs;
use std::path::{Path, PathBuf};

use eyre::{Context, ensure, eyre};
use halo2curves_axiom::bn256::Fr;
use laminate_aggregator::keys::OutputFormat;
use laminate_aggregator::srs::Srs;
use laminate_engine::field::Scalar;
use laminate_engine::fold::FoldMode;
use laminate_model::program::{MAX_STACK, Program, Sequence, Weights};
use laminate_model::proof::NativeProof;
use laminate_model::shards::{ShardSet, WeightSet};
use laminate_model::statement::{Packing, Statement, unpack};
use laminate_prover::exec::{self, ExecError, Trace};
use laminate_prover::input::Input;
use laminate_prover::prove::{Links, Model, prove_linked};
use rand::rngs::OsRng;
use serde::{Deserialize, Serialize};

use crate::files::{ModelDir, hex_scalar, own, read_bytes, write_bytes};
use crate::input::Given;
use crate::llm;
use crate::measure::{Measured, Parts, Stages};
use crate::output::Output;
use crate::pipeline::{self, folded_bytes};
use crate::reading::Reading;

pub use folded::{
    ShardProof, ShardsFile, verify as verify_folded, verify_weights as verify_folded_weights,
};
pub use published::{Checked, ShardedProof, aggregate, require_keys, verify, verify_weights};

/// Version of `shards.json` that this build reads and writes.
const VERSION: u32 = 1;

/// What `compile --shard-layers` records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Record {
    /// [`VERSION`].
    version: u32,
    /// Number of shards.
    count: u32,
    /// Digest of the list of their programs.
    digest: String,
}

/// A folder made by `laminate compile --shard-layers`.
#[derive(Clone, Debug)]
pub struct ShardDir {
    root: PathBuf,
    record: Record,
    dirs: Vec<ModelDir>,
}

/// What the proof of a shard states, for reports.
#[derive(Clone, Debug, Serialize)]
pub struct ShardReport {
    program_digest: String,
    weight_commitment: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    boundary_in: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    boundary_out: Option<String>,
}

/// The input commitment of a run: that of the tokens, which the first shard reads.
pub fn input_commitment(statements: &[Statement<Fr>]) -> String {
    let first = statements.first();
    first.map_or_else(String::new, |s| hex_scalar(&s.input_commitment))
}

/// The reports of all shards.
pub fn reports(statements: &[Statement<Fr>]) -> Vec<ShardReport> {
    let report = |statement: &Statement<Fr>| ShardReport {
        program_digest: hex_scalar(&statement.program_digest),
        weight_commitment: hex_scalar(&statement.weight_commitment),
        boundary_in: statement.boundary_in.as_ref().map(hex_scalar),
        boundary_out: statement.boundary_out.as_ref().map(hex_scalar),
    };
    statements.iter().map(report).collect()
}

fn record_path(root: &Path) -> PathBuf {
    root.join("shards.json")
}

/// Whether a folder is of a model in shards.
pub fn is_sharded(root: &Path) -> bool {
    record_path(root).exists()
}

/// Why shards are not for contracts: `what` is the matter with `path`.
pub fn not_on_chain(path: &Path, what: &str) -> eyre::Report {
    eyre!(
        "{} {what}: the statement of a shard means something only beside those of all others, and no contract compares them; verify the proofs of all shards with `laminate verify PROOFS --dir DIR`; for one proof on chain join them (`laminate join setup OUT --chain DIR`), or compile without --shard-layers",
        path.display()
    )
}

/// Whether bytes are a record of shards, of any version.
pub fn is_record(bytes: &[u8]) -> bool {
    serde_json::from_slice::<Record>(bytes).is_ok()
}

/// Removes what an earlier compilation left of shards; folders stay where others put files into them.
///
/// # Errors
/// If a file cannot be removed.
pub fn clear(root: &Path) -> eyre::Result<()> {
    let record = record_path(root);
    if read_bytes(&record).is_ok_and(|bytes| is_record(&bytes)) {
        fs::remove_file(&record)
            .wrap_err_with(|| format!("cannot replace {}", record.display()))?;
    }
    for index in 0..MAX_STACK as usize {
        let folder = folder(root, index);
        if !folder.exists() {
            break;
        }
        own::remove(&folder)?;
        let _ = fs::remove_dir(&folder);
    }
    Ok(())
}

/// Refuses to go on where commitments would be destroyed.
///
/// # Errors
/// If a shard has a weight commitment and there is no `force`.
pub fn keep_commitments(root: &Path, force: bool) -> eyre::Result<()> {
    let folders = (0..MAX_STACK as usize).map(|index| folder(root, index));
    for folder in folders.take_while(|f| f.exists()) {
        ModelDir::at(&folder).keep_commitment(force)?;
    }
    Ok(())
}

/// The folder of a shard.
pub fn folder(root: &Path, index: usize) -> PathBuf {
    root.join(format!("shard-{index:03}"))
}

impl ShardDir {
    /// Opens a folder; none if it is not of a model in shards.
    ///
    /// # Errors
    /// A malformed record, or a shard that is missing.
    pub fn open(root: &Path) -> eyre::Result<Option<Self>> {
        if !is_sharded(root) {
            return Ok(None);
        }
        let path = record_path(root);
        let record: Record = serde_json::from_slice(&read_bytes(&path)?).wrap_err_with(|| {
            format!("{} is malformed; compile the model again", path.display())
        })?;
        ensure!(
            record.version == VERSION && (2..=MAX_STACK).contains(&record.count),
            "{} has version {} and {} shards, expected version {VERSION} and 2 to {MAX_STACK}; compile the model again",
            path.display(),
            record.version,
            record.count
        );
        let dirs = (0..record.count as usize).map(|index| ModelDir::open(&folder(root, index)));
        Ok(Some(Self {
            root: root.to_path_buf(),
            dirs: dirs.collect::<eyre::Result<_>>()?,
            record,
        }))
    }

    /// Writes shard `index` of a new folder.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(
        root: &Path,
        index: usize,
        program: &Program,
        weights: &Weights,
    ) -> eyre::Result<()> {
        ModelDir::create(&folder(root, index))?.write_compiled(program, weights)
    }

    /// Writes the record of a folder whose shards are there.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(root: &Path, programs: Vec<Program>) -> eyre::Result<String> {
        let none = vec![Fr::from(0); programs.len()];
        let set = ShardSet::new(programs, none)?;
        let record = Record {
            version: VERSION,
            count: set.verifiers().len() as u32,
            digest: hex_scalar(&set.digest()),
        };
        let json = serde_json::to_vec_pretty(&record)?;
        write_bytes(&record_path(root), &json, false)?;
        Ok(record.digest)
    }

    /// The shards' folders in their order.
    pub fn dirs(&self) -> &[ModelDir] {
        &self.dirs
    }

    /// Digest of the model, as its record says.
    pub fn digest(&self) -> &str {
        &self.record.digest
    }

    /// The folder as one that holds a tokenizer and the record of a setup.
    pub fn model_dir(&self) -> ModelDir {
        ModelDir::at(&self.root)
    }

    /// The shards' programs.
    ///
    /// # Errors
    /// A missing or altered file.
    pub fn programs(&self) -> eyre::Result<Vec<Program>> {
        self.dirs.iter().map(ModelDir::program).collect()
    }

    /// The shards' verifiers and published commitments.
    ///
    /// # Errors
    /// Shards without a commitment, or of other models.
    pub fn set(&self) -> eyre::Result<ShardSet> {
        let commitments: eyre::Result<Vec<Fr>> = self
            .dirs
            .iter()
            .map(|dir| Ok(dir.commitment()?.commitment.0))
            .collect();
        let set = ShardSet::new(self.programs()?, commitments?)
            .wrap_err_with(|| self.root.display().to_string())?;
        let found = hex_scalar(&set.digest());
        ensure!(
            found == self.record.digest,
            "the shards in {} have digest {found}, the record says {}; compile the model again",
            self.root.display(),
            self.record.digest
        );
        Ok(set)
    }

    /// What the sequence of the whole model is.
    ///
    /// # Errors
    /// A missing or altered file.
    pub fn sequence(&self) -> eyre::Result<Sequence> {
        let first = self.dirs.first().map(ModelDir::program).transpose()?;
        first
            .and_then(|p| p.sequence)
            .ok_or_else(|| eyre!("{} holds no shards", self.root.display()))
    }

    /// Runs all shards and tells what each gives out, the last one its choices.
    ///
    /// # Errors
    /// Tokens that do not fit, or a value out of its range.
    pub fn run(&self, tokens: &[u32]) -> eyre::Result<Vec<Vec<i32>>> {
        let mut out: Vec<Vec<i32>> = vec![];
        for dir in &self.dirs {
            let (program, weights) = (dir.program()?, dir.weights()?);
            let trace = run_one(&program, &weights, tokens, out.last())
                .wrap_err_with(|| dir.root().display().to_string())?;
            out.push(
                trace
                    .tensors
                    .get(program.output)
                    .cloned()
                    .unwrap_or_default(),
            );
        }
        Ok(out)
    }

    /// Proves all shards in their order and checks the proofs natively.
    ///
    /// # Errors
    /// Tokens that the model does not say, commitments of other weights, or a short reference string.
    pub fn prove(
        &self,
        given: &Given,
        srs: &Srs,
        mode: FoldMode,
        stages: &mut Stages,
        out: Output,
    ) -> eyre::Result<(ShardsFile, ShardSet)> {
        let Input::Tokens(tokens) = &given.input else {
            return Err(ExecError::IsSequence.into());
        };
        let salt = given.salt;
        let set = self.set()?;
        let given = stages.run("run the model", || self.run(tokens), |_| None)?;
        let choices = given.last().map_or(&[] as &[i32], Vec::as_slice);
        llm::check_choices(&self.sequence()?, choices, tokens)?;
        let mut links = Links::chain(self.dirs.len(), &mut OsRng);
        if let Some(first) = links.first_mut() {
            first.input_salt = salt;
        }
        let mut proven: (Vec<Statement<Fr>>, Vec<NativeProof>) = (vec![], vec![]);
        for (index, (dir, links)) in self.dirs.iter().zip(&links).enumerate() {
            let before = index.checked_sub(1).and_then(|i| given.get(i));
            let (statement, proof) = stages.run(
                format!("prove shard {index}"),
                || prove_one(dir, tokens, before, links, srs, mode, out),
                |(_, proof)| folded_bytes(proof),
            )?;
            proven.0.push(statement);
            proven.1.push(proof);
        }
        let _stage = out.stage("Verifying the folded proofs");
        let check = || {
            set.verify(&proven.0, &proven.1, &srs.s_g2()).wrap_err_with(|| {
                format!(
                    "the folded proofs do not verify: the weight commitments in {} were made from other weights or with another reference string; run commit again",
                    self.root.display()
                )
            })
        };
        stages.run(pipeline::VERIFY_STAGE, check, |()| None)?;
        let pairs = proven.0.iter().zip(&proven.1);
        let file = ShardsFile {
            digest: Scalar(set.digest()),
            shards: pairs.map(|(s, p)| ShardProof::new(s, p)).collect(),
        };
        Ok((file, set))
    }

    /// Makes the folded commitment proofs of the shards that need one, and checks them natively.
    ///
    /// # Errors
    /// If no shard needs one, or commitments of other weights.
    pub fn prove_weights(
        &self,
        weights: &WeightSet,
        digest: Fr,
        srs: &Srs,
        stages: &mut Stages,
        out: Output,
    ) -> eyre::Result<ShardsFile> {
        let mut shards = vec![];
        for unchecked in weights.shards() {
            let index = unchecked.shard;
            let dir = self
                .dirs
                .get(index)
                .ok_or_else(|| eyre!("{} has no shard {index}", self.root.display()))?;
            let mut parts = Stages::default();
            let folded = pipeline::fold_weights(dir, srs, &mut parts, out)?;
            stages.rows.extend(of_shard(parts, index));
            shards.push(ShardProof::new(&folded.statement, &folded.proof));
        }
        let digest = Scalar(digest);
        Ok(ShardsFile { digest, shards })
    }
}

/// Stages with the shard that they are of in their names.
fn of_shard(stages: Stages, shard: usize) -> impl Iterator<Item = Measured> {
    stages.rows.into_iter().map(move |row| Measured {
        stage: format!("{} of shard {shard}", row.stage),
        ..row
    })
}

/// Runs one shard on tokens, or on what the one before gave out.
///
/// # Errors
/// An input that does not fit, or a value out of its range.
pub fn run_one(
    program: &Program,
    weights: &Weights,
    tokens: &[u32],
    before: Option<&Vec<i32>>,
) -> Result<Trace, ExecError> {
    match before {
        None => exec::run_tokens(program, weights, tokens),
        Some(residual) => exec::run_residual(program, weights, residual),
    }
}

fn prove_one(
    dir: &ModelDir,
    tokens: &[u32],
    before: Option<&Vec<i32>>,
    links: &Links,
    srs: &Srs,
    mode: FoldMode,
    out: Output,
) -> eyre::Result<(Statement<Fr>, NativeProof)> {
    let (program, weights) = (dir.program()?, dir.weights()?);
    let (_, secret) = dir.secret()?;
    pipeline::check_secret(dir, &program, &secret)?;
    let trace = run_one(&program, &weights, tokens, before)?;
    let model = Model::new(program, &weights)?;
    drop(weights);
    let progress = out.stage("Proving the layers");
    let parts = Parts::default();
    let named = |stage| {
        let (name, prose) = pipeline::stage_names(stage);
        parts.begin(name);
        progress.rename(prose);
    };
    let powers = srs.powers();
    Ok(prove_linked(
        &model, &secret, &trace, links, powers, mode, &mut OsRng, &named,
    )?)
}

/// The public tokens of a run as people read them: those that the last shard chose, after the prompt if it
/// is public.
pub fn reading(set: &ShardSet, statements: &[Statement<Fr>]) -> Reading {
    let public = |shard: usize| -> Vec<i32> {
        let program = set.verifiers().get(shard).map(|v| &v.program);
        let read = program
            .zip(statements.get(shard))
            .and_then(|(p, s)| unpack(Packing::of_output(p), &s.output_words, p.output_len()));
        read.unwrap_or_default()
    };
    let last = set.verifiers().len().saturating_sub(1);
    let format = set
        .verifiers()
        .first()
        .map(|v| OutputFormat::of(&v.program));
    let tokens = format.and_then(|f| f.tokens());
    let prompt = tokens.map_or(0, |t| t.prompt as usize);
    let mut values: Vec<i32> = public(0).into_iter().take(prompt).collect();
    values.extend(public(last));
    Reading::new(&values, 0, tokens)
}
