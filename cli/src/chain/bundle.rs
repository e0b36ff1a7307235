//! What `laminate verifier` writes and `laminate deploy` reads: the contracts' creation code and `verifier.json`.
//!
//! | file | what |
//! | --- | --- |
//! | `verifier.json` | [`VerifierInfo`]; the deploy script of `contracts/` reads the same file |
//! | `Halo2Verifier.bin` | creation code of the generated verifier, hex |
//! | `WeightHalo2Verifier.bin`, `WeightVerifier.bin` | the same for the verifier of commitment proofs, if there is one |
//! | `InferenceVerifier.bin`, `ModelRegistry.bin`, `FraudScreen.bin` | creation code without arguments, hex |
//! | `InferenceVerifier.abi.json`, … | interfaces of those, which are not generated |
//!
//! A universal bundle has `Halo2UniversalVerifier.bin`, `UniversalVerifier.bin`, `VerifierRouter.bin` and
//! `RoutedVerifier.bin` (`RoutedWeightVerifier.bin`) instead of the generated verifiers and their callers, and
//! `Halo2UniversalVerifier.program.json`, the generated verifier as data.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use alloy::primitives::{B256, Bytes, Keccak256, keccak256};
use eyre::{WrapErr, bail, ensure, eyre};
use laminate_aggregator::evm::VerifierProgram;
use laminate_aggregator::keys::Lead;
use laminate_engine::fold::FoldMode;
use laminate_model::statement::{Packing, VALUES_PER_WORD};
use serde::{Deserialize, Serialize};

use super::artifacts;
use super::folder::remove_record;
use super::universal::{Mode, UniversalInfo};
use crate::files::{read_bytes, read_text, write_bytes};
use crate::subject::InputFormat;

/// Version of `verifier.json` that this build reads and writes.
pub const VERSION: u32 = 5;
/// Longest verifier program that is read; they have some 30 KB.
const MAX_PROGRAM: u64 = 1 << 20;
/// EIP-3860: most bytes of creation code.
const INIT_CODE_LIMIT: usize = 49_152;

/// The contracts, by the names of their sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Contract {
    /// The generated verifier.
    Halo2Verifier,
    /// The generated verifier of commitment proofs.
    WeightHalo2Verifier,
    /// The only caller that one should have.
    WeightVerifier,
    /// The only caller that the generated verifier should have.
    InferenceVerifier,
    /// The generated verifier of all programs, which takes their keys.
    Halo2UniversalVerifier,
    /// The only caller that one should have.
    UniversalVerifier,
    /// What sends proofs to one of several verifiers of statements.
    VerifierRouter,
    /// What a model of the universal verifier names as its verifier.
    RoutedVerifier,
    /// The same for commitment proofs.
    RoutedWeightVerifier,
    /// Models and proven inferences.
    ModelRegistry,
    /// The example application.
    FraudScreen,
    /// Roots of an issuer's credentials.
    CredentialRoots,
    /// The example application of credentials.
    EligibilityPoll,
    /// The example application of inputs from the chain, which the demo deploys.
    FeeHook,
}

impl Contract {
    /// What `laminate poll` deploys for a model that is registered already; no verifier's folder has them.
    pub const OF_POLLS: [Self; 2] = [Self::CredentialRoots, Self::EligibilityPoll];

    /// In order of deployment; those of commitment proofs only where inferences do not show that the weights
    /// are in range.
    pub fn all(mode: Mode, weights: bool) -> Vec<Self> {
        let (shared, of_weights, inference): (&[Self], &[Self], _) = match mode {
            Mode::Direct => (
                &[Self::Halo2Verifier],
                &[Self::WeightHalo2Verifier, Self::WeightVerifier],
                Self::InferenceVerifier,
            ),
            Mode::Universal => (
                &[
                    Self::Halo2UniversalVerifier,
                    Self::UniversalVerifier,
                    Self::VerifierRouter,
                ],
                &[Self::RoutedWeightVerifier],
                Self::RoutedVerifier,
            ),
        };
        let of_weights = if weights { of_weights } else { &[] };
        let others = [inference, Self::ModelRegistry, Self::FraudScreen];
        [shared, of_weights, &others].concat()
    }

    /// What a model of this mode names as its verifier.
    pub fn of_inferences(mode: Mode) -> Self {
        match mode {
            Mode::Direct => Self::InferenceVerifier,
            Mode::Universal => Self::RoutedVerifier,
        }
    }

    /// What checks commitment proofs in this mode.
    pub fn of_weights(mode: Mode) -> Self {
        match mode {
            Mode::Direct => Self::WeightVerifier,
            Mode::Universal => Self::RoutedWeightVerifier,
        }
    }

    /// Whether its source is generated from a verifying key.
    pub fn is_generated(self) -> bool {
        matches!(
            self,
            Self::Halo2Verifier | Self::WeightHalo2Verifier | Self::Halo2UniversalVerifier
        )
    }

    /// Name of the source and of the contract in it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Halo2Verifier => "Halo2Verifier",
            Self::WeightHalo2Verifier => "WeightHalo2Verifier",
            Self::WeightVerifier => "WeightVerifier",
            Self::InferenceVerifier => "InferenceVerifier",
            Self::Halo2UniversalVerifier => "Halo2UniversalVerifier",
            Self::UniversalVerifier => "UniversalVerifier",
            Self::VerifierRouter => "VerifierRouter",
            Self::RoutedVerifier => "RoutedVerifier",
            Self::RoutedWeightVerifier => "RoutedWeightVerifier",
            Self::ModelRegistry => "ModelRegistry",
            Self::FraudScreen => "FraudScreen",
            Self::CredentialRoots => "CredentialRoots",
            Self::EligibilityPoll => "EligibilityPoll",
            Self::FeeHook => "FeeHook",
        }
    }
}

/// What a verifier verifies, and how it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VerifierInfo {
    /// [`VERSION`].
    pub version: u32,
    /// Whose code the verifying key is in.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mode: Mode,
    /// Name of the program.
    pub program_name: String,
    /// Digest of the program.
    pub program_digest: B256,
    /// How the universal verifier knows it, in that mode only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub universal: Option<UniversalInfo>,
    /// Digest of the universal verifier as data, in that mode only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verifier_program: Option<B256>,
    /// The weight commitment, where one was made before the verifier. The contracts take any.
    pub weight_commitment: Option<B256>,
    /// What rows of numbers are committed to as; none of tokens and of joins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<InputFormat>,
    /// Outputs of a statement as the contracts count them ([`Packing::fields`]): batch slots times output
    /// width, or tokens.
    pub output_count: u32,
    /// Values to a row of the output.
    pub output_width: u32,
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
    /// What stands before the values in the output words.
    #[serde(default, skip_serializing_if = "is_default")]
    pub output_lead: Lead,
    /// How layers are joined in its proofs.
    pub fold: FoldMode,
    /// Points of the group operations that a proof leaves to the contract.
    pub terms: u32,
    /// Bytes of the halo2 proof, without public values.
    pub proof_length: u32,
    /// The verifier of commitment proofs; none if every proof shows that the weights are in range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<WeightInfo>,
    /// Whether the keys come from a development reference string, so that their maker can forge proofs.
    pub development_srs: bool,
    /// SHA-256 digest of the reference string.
    pub srs_digest: B256,
    /// Digest of the verifying key.
    pub vk_digest: B256,
    /// Compiler of the contracts.
    pub solc_version: String,
}

/// Most points that the contracts take.
pub const MAX_TERMS: u32 = 4096;

/// What the verifier of commitment proofs verifies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WeightInfo {
    /// Digest of the program without nodes.
    pub program_digest: B256,
    /// How the universal verifier knows it, in that mode only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub universal: Option<UniversalInfo>,
    /// As in [`VerifierInfo`].
    pub terms: u32,
    /// Bytes of the halo2 proof, without public values.
    pub proof_length: u32,
    /// Digest of the verifying key.
    pub vk_digest: B256,
}

impl VerifierInfo {
    fn check(&self) -> eyre::Result<()> {
        let lead = self.output_lead.words();
        let fields = (self.output_count as usize).saturating_sub(VALUES_PER_WORD * lead);
        let values = self.output_packing.values(fields);
        let expected = lead + self.output_packing.words(values);
        ensure!(
            self.output_words as usize == expected,
            "{} output words for {} outputs, expected {expected}",
            self.output_words,
            self.output_count
        );
        let weights = self.weights.iter().map(|w| (w.terms, w.proof_length));
        for (terms, length) in weights.chain([(self.terms, self.proof_length)]) {
            ensure!(
                (1..=MAX_TERMS).contains(&terms),
                "{terms} points, expected 1 to {MAX_TERMS}; compile with longer commitment rows",
            );
            ensure!(
                length > 0 && length.is_multiple_of(32),
                "a proof length of {length} bytes, expected a positive multiple of 32",
            );
        }
        self.check_universal()
    }

    /// How the universal verifier knows its programs; none in direct mode.
    pub fn universal_digests(&self) -> impl Iterator<Item = &UniversalInfo> {
        let weights = self.weights.iter().filter_map(|w| w.universal.as_ref());
        self.universal.iter().chain(weights)
    }

    /// Refuses keys in a direct bundle, and a universal one whose digests are not those of its keys.
    fn check_universal(&self) -> eyre::Result<()> {
        let own = (self.program_digest, &self.universal, self.proof_length);
        let weights = self.weights.iter();
        let weights = weights.map(|w| (w.program_digest, &w.universal, w.proof_length));
        let mut shapes = BTreeSet::new();
        for (program, universal, proof_length) in weights.chain([own]) {
            match (self.mode, universal) {
                (Mode::Direct, None) => {}
                (Mode::Universal, Some(info)) => {
                    info.check(program)?;
                    ensure!(
                        info.proof_length == proof_length,
                        "a program digest for proofs of {} bytes, expected {proof_length}",
                        info.proof_length
                    );
                    let length = info.verifying_key.len();
                    shapes.insert((info.halo2_code_hash, length, proof_length));
                }
                (Mode::Direct, Some(_)) => bail!("a verifying key, but mode \"direct\""),
                (Mode::Universal, None) => bail!("mode \"universal\", but no verifying key"),
            }
        }
        ensure!(
            shapes.len() <= 1,
            "keys and proofs for several verifiers {shapes:?} (code hash, key length, proof length): one contract takes one"
        );
        Ok(())
    }
}

/// Everything that a deployment needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// `verifier.json`.
    pub info: VerifierInfo,
    /// Creation code of [`Contract::all`].
    code: BTreeMap<Contract, Bytes>,
    /// The universal verifier as data.
    program: Option<String>,
}

/// File of the universal verifier as data.
pub const PROGRAM_FILE: &str = "Halo2UniversalVerifier.program.json";

/// Code of a contract that a bundle does not have.
static NO_CODE: Bytes = Bytes::new();

impl Bundle {
    /// From the creation code of each of its contracts.
    ///
    /// # Errors
    /// Figures in `info` that contradict each other or the code, or creation code that no chain takes.
    pub fn new(
        info: VerifierInfo,
        mut code: impl FnMut(Contract) -> eyre::Result<Bytes>,
    ) -> eyre::Result<Self> {
        info.check()?;
        let mut all = BTreeMap::new();
        for contract in Contract::all(info.mode, info.weights.is_some()) {
            let code = code(contract)?;
            ensure!(
                (1..=INIT_CODE_LIMIT).contains(&code.len()),
                "{} has {} bytes of creation code, expected 1 to {INIT_CODE_LIMIT} (EIP-3860)",
                contract.name(),
                code.len()
            );
            if contract.is_generated() {
                artifacts::require_origin(contract, &code, info.development_srs)?;
            }
            all.insert(contract, code);
        }
        Ok(Self {
            info,
            code: all,
            program: None,
        })
    }

    /// With the universal verifier as data, which the record names by its digest.
    pub fn with_program(mut self, program: VerifierProgram) -> Self {
        self.info.verifier_program = Some(B256::from(program.digest));
        self.program = Some(program.text);
        self
    }

    /// The universal verifier as data, if there is one.
    pub fn program(&self) -> Option<&str> {
        self.program.as_deref()
    }

    /// Its contracts in order of deployment.
    pub fn contracts(&self) -> Vec<Contract> {
        Contract::all(self.info.mode, self.info.weights.is_some())
    }

    /// Creation code of a contract, without arguments; empty if it is not one of [`Self::contracts`].
    pub fn code(&self, contract: Contract) -> &Bytes {
        self.code.get(&contract).unwrap_or(&NO_CODE)
    }

    /// keccak-256 of `verifier.json` and of each contract's name and creation code.
    ///
    /// # Errors
    /// None in practice: the record is plain data.
    pub fn digest(&self) -> eyre::Result<B256> {
        let mut hasher = Keccak256::new();
        hasher.update(keccak256(serde_json::to_vec(&self.info)?));
        for (contract, code) in &self.code {
            hasher.update(keccak256(contract.name()));
            hasher.update(keccak256(code));
        }
        Ok(hasher.finalize())
    }

    /// Reads a folder. What of its code is this build's is compared; a generated verifier of one program is as given.
    ///
    /// # Errors
    /// A missing, malformed or contradictory file, by name, or code that is not this build's.
    pub fn read(dir: &Path) -> eyre::Result<Self> {
        let path = dir.join("verifier.json");
        ensure!(
            path.exists(),
            "{} has no verifier.json; make it with `laminate verifier DIR -o {0}`",
            dir.display()
        );
        let text = read_bytes(&path)?;
        check_version(&path, &text, VERSION)?;
        let info: VerifierInfo = serde_json::from_slice(&text)
            .wrap_err_with(|| format!("{} is malformed", path.display()))?;
        let read = || -> eyre::Result<Self> {
            let mut bundle = Self::new(info, |contract| read_code(dir, contract))?;
            let program = dir.join(PROGRAM_FILE);
            if bundle.info.mode == Mode::Universal && program.exists() {
                bundle.program = Some(read_text(&program, MAX_PROGRAM)?);
            }
            artifacts::require_own(&bundle)?;
            Ok(bundle)
        };
        read().wrap_err_with(|| {
            format!(
                "{} is malformed; make it again with `laminate verifier`",
                dir.display()
            )
        })
    }

    /// Refuses this bundle, of the folder `dir`, where it is not what was derived from a program.
    ///
    /// # Errors
    /// The contract that differs, or that the descriptions do.
    pub fn require_same(&self, derived: &Self, dir: &Path) -> eyre::Result<()> {
        for contract in derived.contracts() {
            let [found, expected] = [self, derived].map(|b| keccak256(b.code(contract)));
            ensure!(
                found == expected,
                "{0} is not what the program's verifying key and reference string give: keccak-256 {found}, expected {expected}; do not deploy or rely on it, make the folder again with `laminate verifier`",
                dir.join(format!("{}.bin", contract.name())).display()
            );
        }
        // Which weights a verifier is proposed for is no matter of the program.
        let mut info = self.info.clone();
        info.weight_commitment = derived.info.weight_commitment;
        ensure!(
            info == derived.info,
            "{} describes another verifier than the program's; make the folder again with `laminate verifier`",
            dir.join("verifier.json").display()
        );
        Ok(())
    }

    /// Writes a folder; `verifier.json` last, so that a half-written folder is not taken for a whole one.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(&self, dir: &Path) -> eyre::Result<()> {
        std::fs::create_dir_all(dir)
            .wrap_err_with(|| format!("cannot create folder {}", dir.display()))?;
        remove_record(dir)?;
        for contract in self.contracts() {
            let text = format!("{}\n", hex::encode(self.code(contract)));
            write_bytes(
                &dir.join(format!("{}.bin", contract.name())),
                text.as_bytes(),
                false,
            )?;
            if !contract.is_generated() {
                let abi = serde_json::to_string_pretty(&artifacts::of(contract)?.abi)? + "\n";
                let path = dir.join(format!("{}.abi.json", contract.name()));
                write_bytes(&path, abi.as_bytes(), false)?;
            }
        }
        if let Some(program) = &self.program {
            write_bytes(&dir.join(PROGRAM_FILE), program.as_bytes(), false)?;
        }
        let mut text = serde_json::to_string_pretty(&self.info)?;
        text.push('\n');
        write_bytes(&dir.join("verifier.json"), text.as_bytes(), false)
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
pub(super) fn check_version(path: &Path, text: &[u8], expected: u32) -> eyre::Result<()> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let found: Versioned = serde_json::from_slice(text)
        .wrap_err_with(|| format!("{} is malformed", path.display()))?;
    ensure!(
        found.version == expected,
        "{} has version {}, this build reads version {expected}; make it again",
        path.display(),
        found.version
    );
    Ok(())
}
