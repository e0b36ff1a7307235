//! `laminate verifier`: the Solidity verifier of a program, compiled.

use std::path::{Path, PathBuf};

use alloy::primitives::{B256, Bytes, keccak256};
use clap::Args;
use eyre::{ensure, eyre};
use halo2curves_axiom::bn256::Fr;
use laminate_aggregator::evm::{
    COMPILER_SETTINGS, EvmError, SOLC_VERSION, SolcCompiler, SourceTree, UniversalTemplate,
    VerifierProgram, generate_packed, generate_packed_universal, generate_universal,
    generate_verifier, holds_development_secret, standard_json,
};
use laminate_aggregator::keys::VerifyingKey;
use laminate_aggregator::packed::Opening;
use laminate_aggregator::srs::Srs;
use laminate_model::public::INSTANCES;
use serde::Serialize;

use crate::chain::artifacts;
use crate::chain::bundle::{self, Bundle, Contract, VerifierInfo, WeightInfo};
use crate::chain::folder;
use crate::chain::registry::word;
use crate::chain::universal::{Mode, UniversalInfo};
use crate::destination;
use crate::files;
use crate::measure::size;
use crate::output::Output;
use crate::subject::Subject;
use crate::{pipeline, toolchain};

/// Write the verifier contract of a program, with everything `deploy` needs.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  laminate verifier fraud -o fraud-verifier\n  laminate verifier fraud -o fraud-verifier --mode direct\n\nNeeds `setup`. A universal verifier's code is in this binary. A direct one is compiled with solc 0.8.19:\nLAMINATE_SOLC, else the npm package behind scripts/solc of LAMINATE_ROOT or of the folder this binary was\nbuilt in, else the PATH's."
)]
pub struct VerifierCommand {
    /// Folder of a model or a join, with keys.
    pub dir: PathBuf,
    /// The folder to write.
    #[arg(short, long)]
    pub output: PathBuf,
    /// `universal`: one contract for all programs, which takes the key with each proof. `direct`: a contract of this
    /// program, its key in the code. The proofs are the same.
    #[arg(long, value_enum, default_value_t = Mode::Universal)]
    pub mode: Mode,
}

/// What `verifier` reports.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Runtime code of the generated contract.
    pub contract_bytes: usize,
    /// Bytes of a halo2 proof.
    pub proof_bytes: usize,
    /// Instances.
    pub terms: usize,
    /// Whether the keys depend on a development reference string.
    pub development: bool,
    /// The compiler's version.
    pub solc: &'static str,
    /// Its settings in words; the whole input lies beside each source.
    pub compiler_settings: &'static str,
}

/// The verifying keys of a program.
#[derive(Clone, Copy, Debug)]
pub struct Keys<'a> {
    /// Of its inferences.
    pub inference: &'a VerifyingKey,
    /// Of its commitment proofs, where inferences do not show that the weights are in range.
    pub weights: Option<&'a VerifyingKey>,
    /// Whose code they go into.
    pub mode: Mode,
}

impl<'a> Keys<'a> {
    /// Those of a program whose inferences show everything.
    pub fn of(inference: &'a VerifyingKey) -> Self {
        Self {
            inference,
            weights: None,
            mode: Mode::Universal,
        }
    }
}

/// A compiled bundle with the generated sources.
#[derive(Clone, Debug)]
pub struct Made {
    /// What `deploy` takes.
    pub bundle: Bundle,
    /// Solidity sources of the generated contracts.
    pub sources: Vec<(Contract, String)>,
    /// Runtime code of the verifier of inferences.
    pub contract_bytes: usize,
}

/// A generated contract, compiled.
struct Generated {
    source: String,
    proof_length: usize,
    creation: Bytes,
    runtime: Bytes,
    srs_digest: B256,
    /// The contract as data, if it is the universal one.
    program: Option<VerifierProgram>,
}

impl Generated {
    /// What a universal program digest binds of it: the hash of its runtime code and the length of its proofs.
    fn reader(&self) -> (B256, u32) {
        (keccak256(&self.runtime), self.proof_length as u32)
    }
}

/// This build's universal contract for a key's opening.
fn universal_template(key: &VerifyingKey) -> Result<UniversalTemplate, EvmError> {
    match key.meta.opening() {
        Opening::Packed => UniversalTemplate::embedded_packed(),
        Opening::Shplonk => UniversalTemplate::embedded(),
    }
}

/// `compiler` compiles a contract of the program's own; the universal one needs none.
fn generate(
    key: &VerifyingKey,
    srs: &Srs,
    compiler: Option<&SolcCompiler>,
    out: Output,
) -> eyre::Result<Generated> {
    let (_, srs) = pipeline::cut_srs(Path::new(""), srs, key.meta.k(), out)?;
    let mut program = None;
    let (source, proof_length, code) = match (compiler, &key.meta.packed) {
        (Some(compiler), Some(packed)) => {
            let verifier = generate_packed(&srs, &key.vk, packed, INSTANCES)?;
            let code = verifier.compile(compiler)?;
            (verifier.source, verifier.proof_length, code)
        }
        (None, Some(packed)) => {
            let template = universal_template(key)?;
            template.require_key(&srs, &key.vk)?;
            let verifier = generate_packed_universal(&srs, &key.vk, packed, INSTANCES)?;
            program = Some(template.program(&srs.s_g2())?);
            let code = template.contract(&srs.s_g2())?;
            (verifier.source, verifier.proof_length, code)
        }
        (Some(compiler), None) => {
            let verifier = generate_verifier(&srs, &key.vk, INSTANCES)?;
            let code = compiler.compile_verifier(&verifier.source)?;
            (verifier.source, verifier.proof_length, code)
        }
        (None, None) => {
            let template = universal_template(key)?;
            template.require_key(&srs, &key.vk)?;
            let verifier = generate_universal(&srs, &key.vk, INSTANCES)?;
            program = Some(template.program(&srs.s_g2())?);
            let code = template.contract(&srs.s_g2())?;
            (verifier.source, verifier.proof_length, code)
        }
    };
    Ok(Generated {
        source,
        proof_length,
        creation: code.creation.into(),
        runtime: code.runtime.into(),
        srs_digest: B256::from(srs.digest()),
        program,
    })
}

/// How the universal verifier knows a program: the one whose generated verifier's runtime code has the hash
/// `halo2_code_hash`, with halo2 proofs of `proof_length` bytes.
///
/// # Errors
/// A reference string that is too short.
fn universal_info(
    program: Fr,
    key: &VerifyingKey,
    srs: &Srs,
    (halo2_code_hash, proof_length): (B256, u32),
    out: Output,
) -> eyre::Result<UniversalInfo> {
    let (_, srs) = pipeline::cut_srs(Path::new(""), srs, key.meta.k(), out)?;
    UniversalInfo::new(word(&program), key, &srs, halo2_code_hash, proof_length)
}

/// The contracts of a folder with keys, whatever contracts lie on disk.
///
/// # Errors
/// Missing keys; as [`make`].
pub fn derive(dir: &Path, mode: Mode, out: Output) -> eyre::Result<Made> {
    let (dir, subject) = Subject::open_whole(dir)?;
    let setup = dir.setup()?;
    let srs = pipeline::load_setup_srs(&setup)?;
    let loaded = pipeline::load_subject_keys(&subject, &srs, setup.opening)?;
    let commitment = dir.commitment().ok().map(|c| word(&c.commitment.0));
    let keys = Keys {
        inference: &loaded.inference,
        weights: loaded.weights.as_ref(),
        mode,
    };
    make(&subject, keys, &srs, commitment, out)
}

/// Compares a folder of contracts with what its program gives, or where no program is given the generated code with the
/// source beside it, and says what could not be compared.
///
/// # Errors
/// A contract that differs; as [`derive`].
pub fn require_derived(
    bundle: &Bundle,
    folder: &Path,
    program: Option<&Path>,
    out: Output,
) -> eyre::Result<()> {
    if let Some(program) = program {
        let derived = derive(program, bundle.info.mode, out)?.bundle;
        return bundle.require_same(&derived, folder);
    }
    if bundle.info.mode == Mode::Universal {
        out.line(
            "warning: the verifying key of the program is taken as given; --dir MODEL derives it",
        );
    }
    // The universal one was compared when it was read.
    let contracts = bundle.contracts().into_iter();
    for contract in contracts.filter(|c| c.is_generated() && bundle.info.mode == Mode::Direct) {
        let (name, path) = (contract.name(), folder.join(contract.name()));
        let as_given = |why: String| {
            out.line(&format!(
                "warning: {name}.bin is taken as given, {why}; --dir MODEL derives it from the model's key"
            ));
        };
        let compiler = match toolchain::compiler_at_hand() {
            Ok(compiler) => compiler,
            Err(error) => {
                as_given(format!("not compared with its source: {error:#}"));
                continue;
            }
        };
        let Ok(source) = std::fs::read_to_string(path.with_extension("sol")) else {
            as_given(format!("as there is no {name}.sol"));
            continue;
        };
        let _stage = out.stage(format!("Compiling {name}.sol to compare it"));
        let compiled = Bytes::from(compiler.compile_verifier(&source)?.creation);
        let given = bundle.code(contract);
        ensure!(
            compiled == *given,
            "{} is not what its source compiles to: keccak-256 {}, expected {}; do not deploy it, make the folder again with `laminate verifier`",
            path.with_extension("bin").display(),
            keccak256(given),
            keccak256(&compiled)
        );
    }
    Ok(())
}

/// Generates, and compiles what is not in this binary; also used by `demo`.
///
/// # Errors
/// A compiler that is needed and missing, or a contract over the size limit.
pub fn make(
    subject: &Subject,
    keys: Keys<'_>,
    srs: &Srs,
    weight_commitment: Option<B256>,
    out: Output,
) -> eyre::Result<Made> {
    let mode = keys.mode;
    let compiler = match mode {
        Mode::Direct => Some(toolchain::compiler(out)?),
        Mode::Universal => None,
    };
    let compiler = compiler.as_ref();
    let _stage = out.stage(match mode {
        Mode::Direct => "Generating and compiling the verifier contract",
        Mode::Universal => "Making the verifier contract",
    });
    let inference = generate(keys.inference, srs, compiler, out)?;
    let mut info = info(subject, keys.inference, &inference, weight_commitment);
    if mode == Mode::Universal {
        info.mode = mode;
        let reader = inference.reader();
        let own = universal_info(subject.digest, keys.inference, srs, reader, out)?;
        info.universal = Some(own);
    }
    // In universal mode the one generated contract verifies both.
    let weights = match (keys.weights, mode) {
        (Some(key), Mode::Direct) => Some(generate(key, srs, compiler, out)?),
        _ => None,
    };
    if let Some(key) = keys.weights {
        let generated = weights.as_ref().unwrap_or(&inference);
        info.weights = Some(weight_info(subject, keys, key, generated, srs, out)?);
    }
    let bundle = Bundle::new(info, |contract| match (contract, &weights) {
        (Contract::Halo2Verifier | Contract::Halo2UniversalVerifier, _) => {
            Ok(inference.creation.clone())
        }
        (Contract::WeightHalo2Verifier, Some(generated)) => Ok(generated.creation.clone()),
        _ => Ok(artifacts::of(contract)?.creation.clone()),
    })?;
    let bundle = match inference.program {
        Some(program) => bundle.with_program(program),
        None => bundle,
    };
    let contract = match mode {
        Mode::Direct => Contract::Halo2Verifier,
        Mode::Universal => Contract::Halo2UniversalVerifier,
    };
    let mut sources = vec![(contract, inference.source)];
    sources.extend(weights.map(|w| (Contract::WeightHalo2Verifier, w.source)));
    Ok(Made {
        bundle,
        contract_bytes: inference.runtime.len(),
        sources,
    })
}

/// What checks commitment proofs, made with `key`.
fn weight_info(
    subject: &Subject,
    keys: Keys<'_>,
    key: &VerifyingKey,
    generated: &Generated,
    srs: &Srs,
    out: Output,
) -> eyre::Result<WeightInfo> {
    let program = subject.weight_program()?;
    let program = program.ok_or_else(|| eyre!("{} has no commitment proofs", subject.name))?;
    let universal = match keys.mode {
        Mode::Direct => None,
        Mode::Universal => {
            let (_, cut) = pipeline::cut_srs(Path::new(""), srs, key.meta.k(), out)?;
            universal_template(key)?.require_key(&cut, &key.vk)?;
            Some(universal_info(program, key, srs, generated.reader(), out)?)
        }
    };
    Ok(WeightInfo {
        program_digest: word(&program),
        universal,
        terms: key.meta.public.terms,
        proof_length: generated.proof_length as u32,
        vk_digest: B256::from(key.digest()),
    })
}

fn info(
    subject: &Subject,
    key: &VerifyingKey,
    generated: &Generated,
    weight_commitment: Option<B256>,
) -> VerifierInfo {
    let format = &subject.output;
    VerifierInfo {
        version: bundle::VERSION,
        mode: Mode::Direct,
        universal: None,
        program_name: subject.name.clone(),
        program_digest: word(&subject.digest),
        verifier_program: None,
        weight_commitment,
        input: subject.input.clone(),
        output_count: subject.outputs(),
        output_width: format.width,
        output_words: subject.words as u32,
        output_scale: format.scale,
        output_tokens: format.tokens().is_some(),
        output_prompt: format.tokens().map_or(0, |t| t.prompt),
        output_packing: format.packing(),
        output_lead: format.lead.clone(),
        fold: key.meta.identity.mode,
        terms: key.meta.public.terms,
        proof_length: generated.proof_length as u32,
        weights: None,
        development_srs: holds_development_secret(&generated.creation),
        srs_digest: generated.srs_digest,
        vk_digest: B256::from(key.digest()),
        solc_version: SOLC_VERSION.into(),
    }
}

impl VerifierCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// Missing keys, a missing compiler, a folder that cannot be written, or files of others in the way.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        destination::folder(&self.output)?;
        folder::claim(&self.output, self.mode)?;
        let made = derive(&self.dir, self.mode, out)?;
        let _lock = folder::begin(&self.output, self.mode)?;
        for (contract, source) in &made.sources {
            let file = format!("{}.sol", contract.name());
            files::write_bytes(&self.output.join(&file), source.as_bytes(), false)?;
            let input = standard_json(&SourceTree::single(&file, source.clone()))?;
            let path = self.output.join(format!("{}.json", contract.name()));
            files::write_bytes(&path, input.as_bytes(), false)?;
        }
        made.bundle.write(&self.output)?;
        let report = Report {
            contract_bytes: made.contract_bytes,
            proof_bytes: made.bundle.info.proof_length as usize,
            terms: made.bundle.info.terms as usize,
            development: made.bundle.info.development_srs,
            solc: SOLC_VERSION,
            compiler_settings: COMPILER_SETTINGS,
        };
        let name = made.sources.first().map_or("", |(c, _)| c.name());
        let human = format!(
            "{name} {}, of at most {}\nproof {} and {} points\ncompiled with solc {SOLC_VERSION}: {COMPILER_SETTINGS} (whole input: {name}.json)\nwritten to {}",
            size(report.contract_bytes as u64),
            size(24_576),
            size(report.proof_bytes as u64),
            report.terms,
            self.output.display()
        );
        out.result(&human, &report)
    }
}
