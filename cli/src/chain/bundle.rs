//! What `laminate verifier` writes and `laminate deploy` reads: the contracts' creation code and `verifier.json`.
//!
//! | file | what |
//! | --- | --- |
//! | `verifier.json` | [`VerifierInfo`]; the deploy script of `contracts/` reads the same file |
//! | `Halo2Verifier.bin` | creation code of the generated verifier, hex |
//! | `InferenceVerifier.bin`, `ModelRegistry.bin`, `FraudScreen.bin` | creation code without arguments, hex |

use std::path::Path;

use alloy::primitives::{B256, Bytes};
use eyre::{WrapErr, ensure, eyre};
use laminate_protocol::statement::{ACCUMULATOR_LIMBS, Packing, STATEMENT_HEAD};
use serde::{Deserialize, Serialize};

use crate::files::{read_bytes, write_bytes};

/// Version of `verifier.json` that this build reads and writes.
pub const VERSION: u32 = 1;
/// EIP-3860: most bytes of creation code.
const INIT_CODE_LIMIT: usize = 49_152;

/// The contracts, by the names of their sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Contract {
    /// The generated verifier.
    Halo2Verifier,
    /// The only caller it should have.
    InferenceVerifier,
    /// Models and proven inferences.
    ModelRegistry,
    /// The example application.
    FraudScreen,
}

impl Contract {
    /// In order of deployment.
    pub const ALL: [Self; 4] = [
        Self::Halo2Verifier,
        Self::InferenceVerifier,
        Self::ModelRegistry,
        Self::FraudScreen,
    ];

    /// Name of the source and of the contract in it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Halo2Verifier => "Halo2Verifier",
            Self::InferenceVerifier => "InferenceVerifier",
            Self::ModelRegistry => "ModelRegistry",
            Self::FraudScreen => "FraudScreen",
        }
    }
}

/// What a verifier verifies, and how it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VerifierInfo {
    /// [`VERSION`].
    pub version: u32,
    /// Name of the program.
    pub program_name: String,
    /// Digest of the program.
    pub program_digest: B256,
    /// The weight commitment, where one was made before the verifier. The contracts take any.
    pub weight_commitment: Option<B256>,
    /// Outputs of a statement as the contracts count them ([`Packing::fields`]): batch slots times output
    /// width, or tokens.
    pub output_count: u32,
    /// Field elements that hold them.
    pub output_words: u32,
    /// Output value = integer · 2^-scale.
    pub output_scale: i8,
    /// The values are token ids instead: id = integer + 2^15.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub output_tokens: bool,
    /// How many of them, the first ones, are the prompt.
    #[serde(default, skip_serializing_if = "is_default")]
    pub output_prompt: u32,
    /// How they are packed into words.
    #[serde(default, skip_serializing_if = "is_default")]
    pub output_packing: Packing,
    /// Instances of the circuit.
    pub instances: u32,
    /// Bytes of the halo2 proof, without the accumulator limbs.
    pub proof_length: u32,
    /// Whether the keys come from a development reference string, so that their maker can forge proofs.
    pub development_srs: bool,
    /// SHA-256 digest of the reference string.
    pub srs_digest: B256,
    /// Digest of the verifying key.
    pub vk_digest: B256,
    /// Compiler of the contracts.
    pub solc_version: String,
}

impl VerifierInfo {
    fn check(&self) -> eyre::Result<()> {
        let values = self.output_packing.values(self.output_count as usize);
        let expected = self.output_packing.words(values);
        ensure!(
            self.output_words as usize == expected,
            "{} output words for {} outputs, expected {expected}",
            self.output_words,
            self.output_count
        );
        let expected = ACCUMULATOR_LIMBS + STATEMENT_HEAD + expected;
        ensure!(
            self.instances as usize == expected,
            "{} instances, expected {expected}",
            self.instances
        );
        ensure!(
            self.proof_length > 0 && self.proof_length.is_multiple_of(32),
            "a proof length of {} bytes, expected a positive multiple of 32",
            self.proof_length
        );
        Ok(())
    }
}

/// Everything that a deployment needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// `verifier.json`.
    pub info: VerifierInfo,
    /// Creation code, as [`Contract::ALL`].
    code: [Bytes; 4],
}

impl Bundle {
    /// From creation code in the order of [`Contract::ALL`].
    ///
    /// # Errors
    /// Figures in `info` that contradict each other, or creation code that no chain takes.
    pub fn new(info: VerifierInfo, code: [Bytes; 4]) -> eyre::Result<Self> {
        info.check()?;
        for (contract, code) in Contract::ALL.into_iter().zip(&code) {
            ensure!(
                (1..=INIT_CODE_LIMIT).contains(&code.len()),
                "{} has {} bytes of creation code, expected 1 to {INIT_CODE_LIMIT} (EIP-3860)",
                contract.name(),
                code.len()
            );
        }
        Ok(Self { info, code })
    }

    /// Creation code of a contract, without arguments.
    pub fn code(&self, contract: Contract) -> &Bytes {
        let [halo2, inference, registry, screen] = &self.code;
        match contract {
            Contract::Halo2Verifier => halo2,
            Contract::InferenceVerifier => inference,
            Contract::ModelRegistry => registry,
            Contract::FraudScreen => screen,
        }
    }

    /// Reads a folder.
    ///
    /// # Errors
    /// A missing, malformed or contradictory file, by name.
    pub fn read(dir: &Path) -> eyre::Result<Self> {
        let path = dir.join("verifier.json");
        ensure!(
            path.exists(),
            "{} has no verifier.json; make it with `laminate verifier DIR -o {0}`",
            dir.display()
        );
        let text = read_bytes(&path)?;
        check_version(&path, &text)?;
        let info: VerifierInfo = serde_json::from_slice(&text)
            .wrap_err_with(|| format!("{} is malformed", path.display()))?;
        let [a, b, c, d] = Contract::ALL.map(|contract| read_code(dir, contract));
        Self::new(info, [a?, b?, c?, d?]).wrap_err_with(|| {
            format!(
                "{} is malformed; make it again with `laminate verifier`",
                dir.display()
            )
        })
    }

    /// Writes a folder; `verifier.json` last, so that a half-written folder is not taken for a whole one.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(&self, dir: &Path) -> eyre::Result<()> {
        std::fs::create_dir_all(dir)
            .wrap_err_with(|| format!("cannot create folder {}", dir.display()))?;
        // Without its record a folder is not taken for a whole one, whatever fails below.
        let record = dir.join("verifier.json");
        if record.exists() {
            std::fs::remove_file(&record)
                .wrap_err_with(|| format!("cannot replace {}", record.display()))?;
        }
        for contract in Contract::ALL {
            let text = format!("{}\n", hex::encode(self.code(contract)));
            write_bytes(
                &dir.join(format!("{}.bin", contract.name())),
                text.as_bytes(),
                false,
            )?;
        }
        let mut text = serde_json::to_string_pretty(&self.info)?;
        text.push('\n');
        write_bytes(&record, text.as_bytes(), false)
    }
}

/// Whether a field of a record is left out.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn read_code(dir: &Path, contract: Contract) -> eyre::Result<Bytes> {
    let path = dir.join(format!("{}.bin", contract.name()));
    let text = read_bytes(&path)?;
    let digits = text.trim_ascii();
    let digits = digits.strip_prefix(b"0x").unwrap_or(digits);
    let code = hex::decode(digits)
        .map_err(|e| eyre!("{} is not creation code in hex: {e}", path.display()))?;
    Ok(code.into())
}

/// Refuses a JSON record of another version, before its fields are looked at.
pub(super) fn check_version(path: &Path, text: &[u8]) -> eyre::Result<()> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let found: Versioned = serde_json::from_slice(text)
        .wrap_err_with(|| format!("{} is malformed", path.display()))?;
    ensure!(
        found.version == VERSION,
        "{} has version {}, this build reads version {VERSION}; make it again",
        path.display(),
        found.version
    );
    Ok(())
}
