//! Everything of the demo that happens off chain.

use std::path::{Path, PathBuf};

use halo2curves_axiom::bn256::Fr;
use laminate_aggregator::packed::Opening;
use laminate_aggregator::srs::Srs;
use laminate_engine::fold::FoldMode;
use laminate_model::artifact::Kind;
use laminate_model::program::Program;
use laminate_prover::input::CommittedInput;
use rand::rngs::OsRng;
use tempfile::TempDir;

use crate::chain::registry::word;
use crate::chain::universal::Mode;
use crate::cmd::commit::commit;
use crate::cmd::compile::{Compile, compile};
use crate::cmd::setup::{commitment_k, dev_path, development};
use crate::cmd::verifier::{self, Keys, Made};
use crate::files::{self, ModelDir, ProofFile};
use crate::fraud;
use crate::input::{self, Given};
use crate::measure::Stages;
use crate::output::Output;
use crate::pipeline::{self, Purpose};
use crate::subject::Subject;

/// Inputs of the batch.
pub const BATCH: usize = 64;

/// What the chain side needs before anything is proven.
pub struct Prepared {
    /// The model, one input a proof.
    pub dir: ModelDir,
    /// The same weights, a batch a proof.
    pub batch_dir: ModelDir,
    /// Contracts of `dir`.
    pub verifier: Made,
    /// Contracts of `batch_dir`.
    pub batch_verifier: Made,
    /// A legitimate payment, committed to.
    pub legit: Committed,
    /// A fraudulent payment, committed to.
    pub fraud: Committed,
    /// One weight is another.
    other_dir: ModelDir,
    srs: Srs,
    batch_srs: Srs,
    models: PathBuf,
    _folder: TempDir,
}

/// An input that was committed to.
pub struct Committed {
    /// What `input commit` writes.
    path: PathBuf,
    /// X.
    pub commitment: Fr,
}

/// What is proven of it.
pub struct Proofs {
    /// The legitimate payment.
    pub legit: ProofFile,
    /// The fraudulent payment.
    pub fraud: ProofFile,
    /// A batch.
    pub batch: ProofFile,
    /// The fraudulent payment, proven with one weight changed.
    pub other: ProofFile,
}

/// Compiles, commits to weights and inputs, sets up, and makes the contracts.
///
/// # Errors
/// Any stage that fails.
pub fn prepare(mode: Mode, stages: &mut Stages, out: Output) -> eyre::Result<Prepared> {
    let folder = tempfile::tempdir()?;
    let models = folder.path().join("fraud");
    fraud::write(&models)?;
    let dir = model(&models, &folder.path().join("one"), 1, stages)?;
    let batch_dir = model(&models, &folder.path().join("batch"), BATCH, stages)?;
    let other_dir = model(
        &models,
        &folder.path().join("other"),
        1,
        &mut Stages::default(),
    )?;
    change_one_weight(&other_dir)?;

    let (program, batch_program) = (dir.program()?, batch_dir.program()?);
    let k = powers(&program)?;
    let batch_k = powers(&batch_program)?;
    let srs = stages.run(
        "development reference string",
        || development(k, out),
        |s| Some(64 * s.n() as u64),
    )?;
    let batch_srs = if batch_k == k {
        srs.clone()
    } else {
        development(batch_k, out)?
    };
    stages.run(
        "commit to the weights",
        || commit(&dir, &srs, None),
        |_| None,
    )?;
    commit(&batch_dir, &batch_srs, Some(&dir))?;
    commit(&other_dir, &srs, None)?;

    setup(&dir, &srs, "keys", stages, out)?;
    setup(&batch_dir, &batch_srs, "keys of the batch", stages, out)?;
    let verifier = contracts(&dir, &srs, mode, "verifier contract", stages, out)?;
    let batch_verifier = contracts(
        &batch_dir,
        &batch_srs,
        mode,
        "verifier contract of the batch",
        stages,
        out,
    )?;
    let commit_to = |name: &str, stages: &mut Stages| {
        let row = models.join(name).with_extension("csv");
        let path = folder.path().join(name).with_extension("input");
        let committed = stages.run(
            format!("commit to the {name} input"),
            || commit_to(&program, &row, &path),
            |_| None,
        )?;
        Ok::<_, eyre::Report>(committed)
    };
    Ok(Prepared {
        legit: commit_to("legit", stages)?,
        fraud: commit_to("fraud", stages)?,
        dir,
        batch_dir,
        verifier,
        batch_verifier,
        other_dir,
        srs,
        batch_srs,
        models,
        _folder: folder,
    })
}

/// log2 of the powers for commitments and packed proofs.
fn powers(program: &Program) -> eyre::Result<u32> {
    let circuit = pipeline::circuit_k(program, FoldMode::On)?;
    Ok(Opening::Packed
        .required_k(circuit)
        .max(commitment_k(program)))
}

/// What `laminate input commit` does.
fn commit_to(program: &Program, row: &Path, path: &Path) -> eyre::Result<Committed> {
    let input = input::read_values(row, program)?;
    let committed = CommittedInput::new(program, &input, &mut OsRng)?;
    files::write_new(Kind::Input, false, &committed, path)?;
    Ok(Committed {
        path: path.to_path_buf(),
        commitment: committed.commitment.0,
    })
}

impl Prepared {
    /// Proves the committed inputs and a batch.
    ///
    /// # Errors
    /// Any stage that fails.
    pub fn prove(&self, stages: &mut Stages, out: Output) -> eyre::Result<Proofs> {
        let one = |dir: &ModelDir, input: &Committed, stages: &mut Stages| {
            let given = Given::read(&input.path, &dir.program()?)?;
            prove(dir, &given, &self.srs, stages, out)
        };
        Ok(Proofs {
            legit: named(stages, "legitimate", |s| one(&self.dir, &self.legit, s))?,
            fraud: named(stages, "fraudulent", |s| one(&self.dir, &self.fraud, s))?,
            other: named(&mut Stages::default(), "other", |s| {
                one(&self.other_dir, &self.fraud, s)
            })?,
            batch: named(stages, "batch", |s| {
                let samples = self.models.join(fraud::SAMPLES);
                let given = input::first_rows(&samples, &self.batch_dir.program()?, BATCH)?;
                prove(&self.batch_dir, &given, &self.batch_srs, s, out)
            })?,
        })
    }
}

fn model(
    models: &Path,
    output: &Path,
    batch: usize,
    stages: &mut Stages,
) -> eyre::Result<ModelDir> {
    let options = Compile {
        calibration: Some(models.join(fraud::CALIBRATION)),
        batch,
        ..Compile::of(models.join(fraud::MODEL), PathBuf::from(output))
    };
    let (compiled, _) = stages.run(
        format!("compile, batch {batch}"),
        || compile(&options),
        |_| None,
    )?;
    let dir = ModelDir::create(output)?;
    dir.write_compiled(&compiled.program, &compiled.weights)?;
    Ok(dir)
}

/// Another model of the same architecture: one weight differs by one step.
fn change_one_weight(dir: &ModelDir) -> eyre::Result<()> {
    let mut weights = dir.weights()?;
    if let Some(weight) = weights.dense.first_mut().and_then(|d| d.weight.first_mut()) {
        *weight = if *weight > 0 {
            *weight - 1
        } else {
            *weight + 1
        };
    }
    dir.write_compiled(&dir.program()?, &weights)
}

/// Compiles a model, commits to its weights, sets up and makes its contracts.
///
/// # Errors
/// Any stage that fails.
pub fn single(
    options: &Compile,
    mode: Mode,
    stages: &mut Stages,
    out: Output,
) -> eyre::Result<(ModelDir, Srs, Made)> {
    let (compiled, _) = stages.run("compile", || compile(options), |_| None)?;
    let dir = ModelDir::create(&options.output)?;
    dir.write_compiled(&compiled.program, &compiled.weights)?;
    let k = powers(&compiled.program)?;
    let srs = stages.run(
        "development reference string",
        || development(k, out),
        |s| Some(64 * s.n() as u64),
    )?;
    stages.run(
        "commit to the weights",
        || commit(&dir, &srs, None),
        |_| None,
    )?;
    setup(&dir, &srs, "keys", stages, out)?;
    let made = contracts(&dir, &srs, mode, "verifier contract", stages, out)?;
    Ok((dir, srs, made))
}

fn setup(
    dir: &ModelDir,
    srs: &Srs,
    name: &str,
    stages: &mut Stages,
    out: Output,
) -> eyre::Result<()> {
    let program = dir.program()?;
    let k = pipeline::circuit_k(&program, FoldMode::On)?;
    let (path, cut) = pipeline::cut_srs(&dev_path(srs.k()), srs, k, out)?;
    let _stage = out.stage("Making or loading the keys");
    let keys = stages.run(
        name,
        || pipeline::setup(&program, FoldMode::On, &cut, (Opening::Packed, srs)),
        |keys| pipeline::key_report(keys).ok().map(|r| r.proving_key_bytes),
    )?;
    pipeline::link_srs(&keys, &path)
}

pub(super) fn prove(
    dir: &ModelDir,
    given: &Given,
    srs: &Srs,
    stages: &mut Stages,
    out: Output,
) -> eyre::Result<ProofFile> {
    let program = dir.program()?;
    let folded = pipeline::fold(dir, given, srs, FoldMode::On, stages, out)?;
    let purpose = Purpose::Contract(Opening::Packed);
    let proof = pipeline::aggregate(&program, &folded, srs, purpose, stages, out)?;
    stages.run(
        "verify the published proof natively",
        || pipeline::verify(&proof),
        |_| None,
    )?;
    Ok(proof)
}

/// Runs `work` and puts `name` before the stages it records.
pub(super) fn named<T>(
    stages: &mut Stages,
    name: &str,
    work: impl FnOnce(&mut Stages) -> eyre::Result<T>,
) -> eyre::Result<T> {
    let mut own = Stages::default();
    let value = work(&mut own)?;
    stages.rows.extend(own.rows.into_iter().map(|mut row| {
        row.stage = format!("{name}: {}", row.stage);
        row
    }));
    Ok(value)
}

fn contracts(
    dir: &ModelDir,
    srs: &Srs,
    mode: Mode,
    name: &str,
    stages: &mut Stages,
    out: Output,
) -> eyre::Result<Made> {
    let subject = Subject::of(&dir.program()?)?;
    let key = pipeline::load_verifying_key(subject.digest, FoldMode::On, srs, Opening::Packed)?;
    let keys = Keys {
        mode,
        ..Keys::of(&key)
    };
    let commitment = word(&dir.commitment()?.commitment.0);
    stages.run(
        name,
        || verifier::make(&subject, keys, srs, Some(commitment), out),
        |made| Some(made.contract_bytes as u64),
    )
}
