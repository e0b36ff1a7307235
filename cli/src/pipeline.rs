//! The steps from model folder to proof, as every command calls them.

#[cfg(test)]
mod client;
mod keys;
mod laid;

use std::convert::Infallible;
use std::path::PathBuf;

use eyre::{Context, ensure, eyre};
use halo2curves_axiom::bn256::Fr;
use laminate_aggregator::circuit::AggregationCircuit;
use laminate_aggregator::keys::{OutputFormat, ProvingKey, VerifyingKey};
use laminate_aggregator::packed::Opening;
use laminate_aggregator::prove::{self as aggregation, AggregationProof, Target};
use laminate_aggregator::srs::Srs;
use laminate_engine::field::Scalar;
use laminate_engine::fold::FoldMode;
use laminate_model::program::{Program, Weights};
use laminate_model::proof::NativeProof;
use laminate_model::statement::Statement;
use laminate_model::verify::Verifier;
use laminate_prover::exec::Trace;
use laminate_prover::input::Input;
use laminate_prover::prove::{Model, Stage, WeightSecret};
use laminate_prover::{exec, prove};
use rand::rngs::OsRng;

use crate::cmd::setup::load_srs;
use crate::files::{FoldedFile, ModelDir, ProofFile, hex_scalar};
use crate::input::Given;
use crate::llm;
use crate::measure::{Parts, Stages};
use crate::output::Output;
use crate::reading::Reading;

pub use keys::{
    circuit_k, cut_srs, finish_join, key_folder, key_report, link_srs, load_keys, load_opened,
    load_setup_srs, load_subject_keys, load_verifying_key, proving_srs, remember_checked,
    require_checked, require_keys, setup, setup_join,
};
use keys::{srs_path, verifying_key_of};
pub use laid::Laid;

/// A proof up to aggregation.
#[derive(Clone, Debug)]
pub struct Folded {
    /// What is claimed.
    pub statement: Statement<Fr>,
    /// The folded proof, verified natively.
    pub proof: NativeProof,
    /// Outputs, slot by slot, or one row of generated tokens.
    pub outputs: Vec<Reading>,
    /// How layers are joined.
    pub mode: FoldMode,
}

/// Runs the program on an input and makes the folded proof; verifies it natively.
///
/// # Errors
/// An input that does not fit, or a secret of other weights.
pub fn fold(
    dir: &ModelDir,
    given: &Given,
    srs: &Srs,
    mode: FoldMode,
    stages: &mut Stages,
    out: Output,
) -> eyre::Result<Folded> {
    let program = dir.program()?;
    ensure!(
        program.sequence.is_none_or(|s| s.shard.is_none()),
        "{} is one shard of a model; give the folder that holds all of them",
        dir.root().display()
    );
    let weights = dir.weights()?;
    let (_, secret) = dir.secret()?;
    check_secret(dir, &program, &secret)?;
    let trace = trace(&program, &weights, given, stages)?;
    let model = stages.run(
        "lay out the weights",
        || Ok(Model::new(program.clone(), &weights)?),
        |_| None,
    )?;
    drop(weights);
    let laid = Laid {
        dir,
        program: &program,
        model: &model,
        secret: &secret,
    };
    laid.fold(given, &trace, srs, mode, stages, out)
}

/// Runs the program on an input.
///
/// # Errors
/// An input that does not fit, or tokens that the model does not generate.
pub fn trace(
    program: &Program,
    weights: &Weights,
    given: &Given,
    stages: &mut Stages,
) -> eyre::Result<Trace> {
    stages.run(
        "run the model",
        || run(program, weights, &given.input),
        |_| None,
    )
}

/// Makes the folded commitment proof of a model folder's weights; verifies it natively.
///
/// # Errors
/// Weights that every inference checks, or a commitment made with another reference string.
pub fn fold_weights(
    dir: &ModelDir,
    srs: &Srs,
    stages: &mut Stages,
    out: Output,
) -> eyre::Result<Folded> {
    let program = dir.program()?;
    if program.check_weights {
        return Err(eyre!(
            "every inference of {} shows that its weights are in range; it needs no commitment proof",
            dir.root().display()
        ));
    }
    let (_, secret) = dir.secret()?;
    let model = stages.run(
        "lay out the weights",
        || Ok(Model::new(program.weights_program(), &dir.weights()?)?),
        |_| None,
    )?;
    let prover = |named: &dyn Fn(Stage)| {
        let powers = srs.powers();
        Ok(prove::prove_weights(
            &model, &secret, powers, &mut OsRng, named,
        )?)
    };
    let (statement, proof) = staged(dir, &model, srs, stages, out, &prover)?;
    Ok(Folded {
        statement,
        proof,
        outputs: vec![],
        mode: FoldMode::On,
    })
}

type Proven = (Statement<Fr>, NativeProof);
/// A prover that tells its stages.
type Prover<'a> = dyn Fn(&dyn Fn(Stage)) -> eyre::Result<Proven> + 'a;

/// Runs a prover with its stages shown, and verifies what it made.
fn staged(
    dir: &ModelDir,
    model: &Model,
    srs: &Srs,
    stages: &mut Stages,
    out: Output,
    prover: &Prover<'_>,
) -> eyre::Result<Proven> {
    let progress = out.stage("Proving");
    let parts = Parts::default();
    let (statement, proof) = stages.run(
        FOLD_STAGE,
        || {
            prover(&|stage: Stage| {
                let (name, prose) = stage_names(stage);
                parts.begin(name);
                progress.rename(prose);
            })
        },
        |(_, proof)| folded_bytes(proof),
    )?;
    stages.rows.extend(parts.rows());
    progress.rename("Verifying the folded proof");
    stages.run(
        VERIFY_STAGE,
        || {
            model.verifier.verify_native(&statement, &proof, &srs.s_g2()).map_err(|error| {
                eyre!(
                    "the folded proof does not verify ({error}): the weight commitment in {} was made from other weights or with another reference string; run commit again",
                    dir.root().display()
                )
            })
        },
        |()| None,
    )?;
    Ok((statement, proof))
}

/// Refuses a secret that does not open the published commitment, or is of another program.
///
/// # Errors
/// If it does not belong here.
pub fn check_secret(dir: &ModelDir, program: &Program, secret: &WeightSecret) -> eyre::Result<()> {
    let published = dir.commitment()?;
    ensure!(
        secret.commitment() == published.commitment.0
            && program.digest()? == published.program_digest.0,
        "{}: commitment.lam and weight_secret.lam do not belong together or to this program; run commit again",
        dir.root().display()
    );
    Ok(())
}

/// Name of the stage from trace to folded proof.
pub const FOLD_STAGE: &str = "layer proofs and fold";
/// Name of the native check of a folded proof.
pub const VERIFY_STAGE: &str = "verify folded proof";

/// Name of a part of [`FOLD_STAGE`], and prose for people who wait.
pub fn stage_names(stage: Stage) -> (&'static str, &'static str) {
    match stage {
        Stage::CommitTrace => ("commit trace", "Committing to the trace"),
        Stage::Layers => ("layers", "Proving the layers"),
        Stage::Lookups => ("lookups", "Proving the lookups"),
        Stage::Fold => ("fold", "Folding"),
        Stage::Open => ("opening", "Opening"),
    }
}

fn run(program: &Program, weights: &Weights, input: &Input) -> eyre::Result<Trace> {
    match input {
        Input::Rows(rows) => Ok(exec::run(program, weights, rows)?),
        Input::Tokens(tokens) => {
            let trace = exec::run_tokens(program, weights, tokens)?;
            llm::check_generated(program, &trace, tokens)?;
            Ok(trace)
        }
    }
}

/// Bytes of a folded proof in its file.
pub fn folded_bytes(proof: &NativeProof) -> Option<u64> {
    laminate_model::artifact::encode(
        laminate_model::artifact::Kind::FoldedProof,
        false,
        &proof.to_stored(),
    )
    .ok()
    .map(|bytes| bytes.len() as u64)
}

/// What a proof is for, and so how it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// For a contract, with the opening that `setup` chose.
    Contract(Opening),
    /// To be joined: SHPLONK, whatever `setup` chose.
    Join,
}

impl Purpose {
    /// For `target`, where `setup` chose an opening.
    pub fn of(target: Target, opening: Opening) -> Self {
        match target {
            Target::Contract => Self::Contract(opening),
            Target::Join => Self::Join,
        }
    }

    /// Who verifies it.
    pub fn target(self) -> Target {
        match self {
            Self::Contract(_) => Target::Contract,
            Self::Join => Target::Join,
        }
    }

    /// How it is opened.
    pub fn opening(self) -> Opening {
        match self {
            Self::Contract(opening) => opening,
            Self::Join => Opening::Shplonk,
        }
    }
}

/// Aggregates a folded proof into a KZG proof.
///
/// # Errors
/// Missing keys, a reference string of another setup, or a proof that does not verify.
pub fn aggregate(
    program: &Program,
    folded: &Folded,
    srs: &Srs,
    purpose: Purpose,
    stages: &mut Stages,
    out: Output,
) -> eyre::Result<ProofFile> {
    let _progress = out.stage("Loading the proving key");
    let keys = stages.run(
        "load proving key",
        || load_keys(program, folded.mode, srs, purpose.opening()),
        |_| None,
    )?;
    aggregate_with(program, folded, (&keys, srs), purpose.target(), stages, out)
}

/// [`aggregate`] with keys at hand.
///
/// # Errors
/// As [`aggregate`].
pub fn aggregate_with(
    program: &Program,
    folded: &Folded,
    (keys, srs): (&ProvingKey, &Srs),
    target: Target,
    stages: &mut Stages,
    out: Output,
) -> eyre::Result<ProofFile> {
    let verifier = Verifier::new(program.clone())?;
    let srs = proving_srs(keys, srs, target, out)?;
    let _progress = out.stage("Aggregating into one KZG proof");
    let circuit = stages.run(
        "circuit witness",
        || {
            Ok(AggregationCircuit::prover(
                &verifier,
                &keys.meta.pinning,
                &folded.statement,
                &folded.proof,
            )?)
        },
        |_| None,
    )?;
    let proof = stages.run(
        "aggregation proof",
        || Ok(aggregation::prove(keys, &srs, circuit, target)?),
        |proof: &AggregationProof| Some(proof.proof.len() as u64),
    )?;
    Ok(ProofFile {
        program_name: program.name.clone(),
        program_digest: Scalar(verifier.digest),
        fold: folded.mode,
        setup: keys.meta.identity.setup,
        vk_digest: keys.verifying_key().digest(),
        output: keys.meta.output,
        proof,
    })
}

/// A statement as the verifier takes it, without boundaries.
pub fn native_statement(statement: &Statement<Scalar>) -> Statement<Fr> {
    Statement {
        program_digest: statement.program_digest.0,
        weight_commitment: statement.weight_commitment.0,
        input_commitment: statement.input_commitment.0,
        boundary_in: None,
        boundary_out: None,
        output_words: statement.output_words.iter().map(|w| w.0).collect(),
    }
}

/// Verifies a folded proof natively.
///
/// # Errors
/// A proof of another program or shape, or one that does not verify.
pub fn verify_folded(
    program: &Program,
    file: &FoldedFile,
    srs: &Srs,
) -> eyre::Result<Statement<Fr>> {
    let mut verifier = Verifier::new(program.clone())?;
    let weights = program.weights_program();
    if !program.check_weights && file.statement.program_digest.0 == weights.digest()? {
        verifier = Verifier::new(weights)?;
    }
    let statement = native_statement(&file.statement);
    if statement.program_digest != verifier.digest {
        return Err(eyre!(
            "the folded proof is of program {}, the model folder's is {}",
            hex_scalar(&statement.program_digest),
            hex_scalar(&verifier.digest)
        ));
    }
    let native: Result<NativeProof, Infallible> =
        file.proof.try_map(&mut |s| Ok(s.0), &mut |p| Ok(p.0));
    let Ok(proof) = native;
    verifier
        .verify_native(&statement, &proof, &srs.s_g2())
        .wrap_err("the folded proof does not verify; it was made by another version, with another reference string, or is altered")?;
    Ok(statement)
}

/// What the verifying key of a proof that holds says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it is a development key.
    pub development: bool,
    /// Whether the proof shows that the committed weights are in range.
    pub weights_shown: bool,
}

/// Verifies proof files with cached verifying keys.
#[derive(Debug, Default)]
pub struct Checker {
    /// The reference string of the last one, and where it lies: those of shards mostly have one.
    srs: Option<(PathBuf, Srs)>,
}

impl Checker {
    /// Verifies a proof.
    ///
    /// # Errors
    /// A refused proof, or missing keys.
    pub fn verify(&mut self, file: &ProofFile) -> eyre::Result<Verdict> {
        let key = verifying_key_of(file)?;
        let (path, k) = (srs_path(&key)?, key.meta.k());
        let srs = match self.srs.take() {
            Some((last, srs)) if last == path && srs.k() == k => srs,
            _ => load_srs(&path)?.truncated(k)?,
        };
        let (_, srs) = self.srs.insert((path, srs));
        verify_with(&key, srs, file)
    }
}

/// Verifies a proof with the key that [`verifying_key_of`] found for it.
///
/// # Errors
/// A refused proof, or one of another program than it says.
pub fn verify_with(key: &VerifyingKey, srs: &Srs, file: &ProofFile) -> eyre::Result<Verdict> {
    let stated = file.proof.public.statement.first();
    ensure!(
        stated == Some(&file.program_digest.0),
        "the proof's statement is of another program than its header"
    );
    ensure!(
        file.output == key.meta.output,
        "the proof file says that its output reads as {:?}, the verifying key says {:?}: the file is altered",
        file.output,
        key.meta.output
    );
    aggregation::verify(key, srs, &file.proof)?;
    Ok(Verdict {
        development: key.meta.development,
        weights_shown: key.meta.weights_shown,
    })
}

/// Verifies a proof file with the cached verifying key.
///
/// # Errors
/// A refused proof, or missing keys.
pub fn verify(file: &ProofFile) -> eyre::Result<Verdict> {
    Checker::default().verify(file)
}

/// The public outputs as people read them: row by row, or one row of generated tokens.
fn readings(program: &Program, trace: &Trace) -> Vec<Reading> {
    let outputs = trace.outputs(program);
    let format = OutputFormat::of(program);
    if let Some(sequence) = program.sequence {
        let input = trace.tensors.get(program.input).map(Vec::as_slice);
        let chosen: Vec<i32> = outputs.iter().flatten().copied().collect();
        let parts = [
            input.and_then(|input| input.get(sequence.public_input())),
            chosen.get(sequence.public_output()),
        ];
        let values: Vec<i32> = parts.into_iter().flatten().flatten().copied().collect();
        return vec![Reading::of(&format, &values)];
    }
    outputs
        .iter()
        .map(|row| Reading::of(&format, row))
        .collect()
}
