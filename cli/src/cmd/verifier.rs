//! `laminate verifier`: the Solidity verifier of a program, compiled.

use std::path::{Path, PathBuf};

use alloy::primitives::{B256, Bytes};
use clap::Args;
use eyre::eyre;
use laminate_aggregator::evm::{
    GeneratedVerifier, SOLC_VERSION, SolcCompiler, SourceTree, generate_verifier,
};
use laminate_aggregator::keys::VerifyingKey;
use laminate_aggregator::srs::Srs;
use laminate_protocol::fold::FoldMode;
use laminate_protocol::program::Program;
use laminate_protocol::statement::output_words;
use serde::Serialize;

use crate::chain::bundle::{self, Bundle, Contract, VerifierInfo};
use crate::chain::registry::word;
use crate::files::{self, ModelDir};
use crate::measure::size;
use crate::output::Output;
use crate::{pipeline, toolchain};

/// Write the verifier contract of a program, with everything `deploy` needs.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  laminate verifier fraud -o fraud-verifier\n\nNeeds `setup`. The compiler is the npm package solc behind scripts/solc (LAMINATE_SOLC names another)."
)]
pub struct VerifierCommand {
    /// Folder with program and keys.
    pub dir: PathBuf,
    /// The folder to write.
    #[arg(short, long)]
    pub output: PathBuf,
}

/// What `verifier` reports.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Runtime code of the generated contract.
    pub contract_bytes: usize,
    /// Bytes of a halo2 proof.
    pub proof_bytes: usize,
    /// Instances.
    pub instances: usize,
    /// Whether the keys depend on a development reference string.
    pub development: bool,
}

/// A compiled bundle with the generated source.
#[derive(Clone, Debug)]
pub struct Made {
    /// What `deploy` takes.
    pub bundle: Bundle,
    /// Solidity source.
    pub source: String,
    /// Figures.
    pub contract_bytes: usize,
}

/// Generates and compiles; also used by `demo`.
///
/// # Errors
/// A missing compiler, or a contract over the size limit.
pub fn make(
    program: &Program,
    key: &VerifyingKey,
    srs: &Srs,
    weight_commitment: Option<B256>,
    out: Output,
) -> eyre::Result<Made> {
    let root = toolchain::ready(out)?;
    let _stage = out.stage("Generating and compiling the verifier contract");
    let (_, srs) = pipeline::cut_srs(std::path::Path::new(""), srs, key.meta.k(), out)?;
    let generated = generate_verifier(&srs, &key.vk, key.meta.instances)?;
    let compiler = SolcCompiler::find(&root)?;
    let halo2 = compiler.compile_verifier(&generated.source)?;
    let names = Contract::ALL.map(Contract::name);
    let tree = own_contracts(&root)?;
    let mut others = compiler.compile(&tree, &names[1..])?;
    let mut code = |contract: Contract| {
        if contract == Contract::Halo2Verifier {
            return Ok(Bytes::from(halo2.creation.clone()));
        }
        let found = others.remove(contract.name());
        found
            .map(|c| Bytes::from(c.creation))
            .ok_or_else(|| eyre!("{} was not compiled", contract.name()))
    };
    let [a, b, c, d] = Contract::ALL.map(&mut code);
    let info = info(program, key, &srs, &generated, weight_commitment)?;
    Ok(Made {
        bundle: Bundle::new(info, [a?, b?, c?, d?])?,
        contract_bytes: halo2.runtime.len(),
        source: generated.source,
    })
}

/// The contracts of the repository, without the checked-in generated verifier.
fn own_contracts(root: &Path) -> eyre::Result<SourceTree> {
    let mut tree = SourceTree::read(root, "contracts/src")?;
    tree.files
        .retain(|path, _| !path.starts_with("contracts/src/generated"));
    Ok(tree)
}

fn info(
    program: &Program,
    key: &VerifyingKey,
    srs: &Srs,
    generated: &GeneratedVerifier,
    weight_commitment: Option<B256>,
) -> eyre::Result<VerifierInfo> {
    let output = program
        .tensors
        .get(program.output)
        .ok_or_else(|| eyre!("program has no output"))?;
    Ok(VerifierInfo {
        version: bundle::VERSION,
        program_name: program.name.clone(),
        program_digest: word(&program.digest()?),
        weight_commitment,
        output_count: program.output_len() as u32,
        output_words: output_words(program) as u32,
        output_scale: output.scale,
        output_tokens: program.sequence.is_some(),
        instances: generated.instances as u32,
        proof_length: generated.proof_length as u32,
        development_srs: key.meta.development,
        srs_digest: B256::from(srs.digest()),
        vk_digest: B256::from(key.digest()),
        solc_version: SOLC_VERSION.into(),
    })
}

impl VerifierCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// Missing keys, a missing compiler, or a folder that cannot be written.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        let dir = ModelDir::open(&self.dir)?;
        let program = dir.program()?;
        let srs = pipeline::load_setup_srs(&dir.setup()?)?;
        let key = pipeline::load_verifying_key(&program, FoldMode::On, &srs)?;
        let commitment = dir.commitment().ok().map(|c| word(&c.commitment.0));
        let made = make(&program, &key, &srs, commitment, out)?;

        std::fs::create_dir_all(&self.output)?;
        let _ = std::fs::remove_file(self.output.join("verifier.json"));
        files::write_bytes(
            &self.output.join("Halo2Verifier.sol"),
            made.source.as_bytes(),
            false,
        )?;
        made.bundle.write(&self.output)?;
        let report = Report {
            contract_bytes: made.contract_bytes,
            proof_bytes: made.bundle.info.proof_length as usize,
            instances: made.bundle.info.instances as usize,
            development: key.meta.development,
        };
        let human = format!(
            "Halo2Verifier {}, of at most {}\nproof {} and {} instances\nwritten to {}",
            size(report.contract_bytes as u64),
            size(24_576),
            size(report.proof_bytes as u64),
            report.instances,
            self.output.display()
        );
        out.result(&human, &report)
    }
}
