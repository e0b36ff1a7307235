//! Everything of the demo that happens off chain.

use std::path::{Path, PathBuf};

use laminate_aggregator::prove::Target;
use laminate_aggregator::srs::Srs;
use laminate_protocol::fold::FoldMode;
use laminate_prover::quant;
use tempfile::TempDir;

use crate::chain::registry::word;
use crate::chain::universal::Mode;
use crate::cmd::commit::commit;
use crate::cmd::compile::{Compile, LlmArgs, compile};
use crate::cmd::setup::development;
use crate::cmd::verifier::{self, Keys, Made};
use crate::files::{self, ModelDir, ProofFile};
use crate::measure::Stages;
use crate::output::Output;
use crate::pipeline;
use crate::pipeline::Input;
use crate::subject::Subject;

/// The fraud model, as `models/fraud` of the repository has it: in the binary, so that the demo runs anywhere.
const MODEL: [(&str, &[u8]); 5] = [
    (
        "fraud.onnx",
        include_bytes!("../../../../models/fraud/fraud.onnx"),
    ),
    (
        "calibration.csv",
        include_bytes!("../../../../models/fraud/calibration.csv"),
    ),
    (
        "fraud.csv",
        include_bytes!("../../../../models/fraud/fraud.csv"),
    ),
    (
        "legit.csv",
        include_bytes!("../../../../models/fraud/legit.csv"),
    ),
    (
        "samples.csv",
        include_bytes!("../../../../models/fraud/samples.csv"),
    ),
];

/// Inputs of the batch.
pub const BATCH: usize = 64;

/// What the chain side needs.
pub struct Prepared {
    /// The model, one input a proof.
    pub dir: ModelDir,
    /// The same weights, a batch a proof.
    pub batch_dir: ModelDir,
    /// Contracts of `dir`.
    pub verifier: Made,
    /// Contracts of `batch_dir`.
    pub batch_verifier: Made,
    /// A legitimate payment.
    pub legit: ProofFile,
    /// A fraudulent payment.
    pub fraud: ProofFile,
    /// A batch.
    pub batch: ProofFile,
    /// The fraudulent payment, proven with one weight changed.
    pub other: ProofFile,
    _folder: TempDir,
}

/// Compiles, commits, sets up, proves, and makes the contracts.
///
/// # Errors
/// Any stage that fails.
pub fn prepare(mode: Mode, stages: &mut Stages, out: Output) -> eyre::Result<Prepared> {
    let folder = tempfile::tempdir()?;
    let models = folder.path().join("fraud");
    write_model(&models)?;
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
    let k = pipeline::required_k(&program, FoldMode::On)?;
    let batch_k = pipeline::required_k(&batch_program, FoldMode::On)?;
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

    let prove_one = |dir: &ModelDir, file: &str, stages: &mut Stages| {
        prove(dir, &models.join(file), &srs, 1, stages, out)
    };
    setup(&dir, &srs, "keys", stages, out)?;
    let legit = named(stages, "legitimate", |s| prove_one(&dir, "legit.csv", s))?;
    let fraud = named(stages, "fraudulent", |s| prove_one(&dir, "fraud.csv", s))?;
    let other = named(&mut Stages::default(), "other", |s| {
        prove_one(&other_dir, "fraud.csv", s)
    })?;
    setup(&batch_dir, &batch_srs, "keys of the batch", stages, out)?;
    let samples = models.join("samples.csv");
    let batch = named(stages, "batch", |s| {
        prove(&batch_dir, &samples, &batch_srs, BATCH, s, out)
    })?;

    let verifier = contracts(&dir, &srs, mode, "verifier contract", stages, out)?;
    let batch_verifier = contracts(
        &batch_dir,
        &batch_srs,
        mode,
        "verifier contract of the batch",
        stages,
        out,
    )?;
    Ok(Prepared {
        dir,
        batch_dir,
        verifier,
        batch_verifier,
        legit,
        fraud,
        batch,
        other,
        _folder: folder,
    })
}

fn write_model(folder: &Path) -> eyre::Result<()> {
    std::fs::create_dir(folder)?;
    for (name, bytes) in MODEL {
        files::write_bytes(&folder.join(name), bytes, false)?;
    }
    Ok(())
}

fn model(
    models: &Path,
    output: &Path,
    batch: usize,
    stages: &mut Stages,
) -> eyre::Result<ModelDir> {
    let options = Compile {
        model: models.join("fraud.onnx"),
        calibration: Some(models.join("calibration.csv")),
        evaluation: None,
        batch,
        headroom: None,
        force: false,
        llm: LlmArgs::default(),
        output: PathBuf::from(output),
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

fn setup(
    dir: &ModelDir,
    srs: &Srs,
    name: &str,
    stages: &mut Stages,
    out: Output,
) -> eyre::Result<()> {
    let program = dir.program()?;
    let _stage = out.stage("Making or loading the keys");
    let keys = stages.run(
        name,
        || pipeline::setup(&program, FoldMode::On, srs),
        |keys| pipeline::key_report(keys).ok().map(|r| r.proving_key_bytes),
    )?;
    pipeline::link_srs(&keys, &crate::cmd::setup::dev_path(srs.k()))
}

fn prove(
    dir: &ModelDir,
    input: &Path,
    srs: &Srs,
    batch: usize,
    stages: &mut Stages,
    out: Output,
) -> eyre::Result<ProofFile> {
    let program = dir.program()?;
    let rows = quant::read_rows(input, program.tensor_width(program.input))?;
    let rows = rows.get(..batch.min(rows.len())).unwrap_or(&[]);
    let folded = pipeline::fold(
        dir,
        &Input::Rows(rows.to_vec()),
        srs,
        FoldMode::On,
        stages,
        out,
    )?;
    let proof = pipeline::aggregate(&program, &folded, srs, Target::Contract, stages, out)?;
    stages.run(
        "verify the published proof natively",
        || pipeline::verify(&proof),
        |_| None,
    )?;
    Ok(proof)
}

/// Runs `work` and puts `name` before the stages it records.
fn named<T>(
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
    let key = pipeline::load_verifying_key(subject.digest, FoldMode::On, srs)?;
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
