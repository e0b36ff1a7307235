//! The universal contract's bytecode without a compiler.
//!
//! The constraint system of this build is one, so its universal contract is one, too, up to the four words of `−[τ]_2`. It is compiled once, with the
//! development string, and kept beside this file; another string's words are put in the places of that one's.
//!
//! A constant that begins with a zero byte is pushed whole here, and without its zeros by the compiler: then the bytes differ from the compiler's and do
//! the same. Every other string's code is the compiler's byte for byte.

use std::ops::Range;

use halo2_base::halo2_proofs::halo2curves::bn256::{G1Affine, G2Affine};
use halo2_base::halo2_proofs::plonk::VerifyingKey;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use snark_verifier::verifier::plonk::PlonkProtocol;

use super::{
    VerifierProgram, Word, constraints, generate_packed_universal, generate_universal, protocol,
};
use crate::evm::compile::{CompiledContract, SOLC_VERSION, SolcCompiler, settings_digest};
use crate::evm::error::EvmError;
use crate::evm::generate::protocol_of;
use crate::evm::secret::secret_words;
use crate::packed::{PackedError, PackedKey, Store};
use crate::srs::Srs;

/// Made by `scripts/make_embedded.sh`.
const EMBEDDED: &str = include_str!("Halo2UniversalVerifier.json");
/// That of packed proofs.
const PACKED: &str = include_str!("Halo2PackedVerifier.json");
/// What the file is.
const MAGIC: &str = "laminate universal verifier";
const PACKED_MAGIC: &str = "laminate universal verifier of packed proofs";
/// Version of the file.
const VERSION: u32 = 2;
/// Opcode that pushes 32 bytes.
const PUSH32: u8 = 0x7f;

/// The contract of a constraint system, with the places of `−[τ]_2`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UniversalTemplate {
    magic: String,
    version: u32,
    /// Compiler.
    solc_version: String,
    /// SHA-256 of its settings, hex.
    settings: String,
    /// SHA-256 of the constraint system, hex.
    constraints: String,
    /// Instances it takes.
    pub instances: usize,
    /// Words of a key.
    pub key_words: usize,
    /// Bytes of a proof.
    pub proof_length: usize,
    /// Where the words `x1, x0, y1, y0` of `−[τ]_2` stand in the creation code, in bytes.
    secret: [usize; 4],
    /// Where the runtime code begins in it.
    runtime: usize,
    /// SHA-256 of the creation code, hex.
    digest: String,
    /// Creation code with the development string's secret, hex.
    creation: String,
    /// The contract as data, without the reference string: JSON.
    program: String,
}

impl UniversalTemplate {
    /// The one of this build.
    ///
    /// # Errors
    /// [`EvmError::Template`] if the file was altered.
    pub fn embedded() -> Result<Self, EvmError> {
        Self::read(EMBEDDED, MAGIC)
    }

    /// The one of this build for packed proofs.
    ///
    /// # Errors
    /// As [`UniversalTemplate::embedded`].
    pub fn embedded_packed() -> Result<Self, EvmError> {
        Self::read(PACKED, PACKED_MAGIC)
    }

    fn read(text: &str, magic: &str) -> Result<Self, EvmError> {
        let malformed = |reason: String| EvmError::Template { reason };
        let template: Self =
            serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
        if (template.magic.as_str(), template.version) != (magic, VERSION) {
            return Err(malformed(format!(
                "{:?} of version {}, expected {magic:?} of version {VERSION}",
                template.magic, template.version
            )));
        }
        let code = template.code()?;
        let found = hex(&Sha256::digest(&code));
        if found != template.digest {
            let expected = template.digest;
            return Err(malformed(format!(
                "its code has digest {found}, expected {expected}"
            )));
        }
        Ok(template)
    }

    /// Compiles the contract of a key's constraint system and finds the secret in it.
    ///
    /// # Errors
    /// As [`generate_universal`] and [`SolcCompiler::compile`]; a secret that is not there exactly once, in whole words.
    pub fn compile(
        srs: &Srs,
        key: &VerifyingKey<G1Affine>,
        instances: usize,
        compiler: &SolcCompiler,
    ) -> Result<Self, EvmError> {
        let verifier = generate_universal(srs, key, instances)?;
        let template = Self {
            magic: MAGIC.to_owned(),
            version: VERSION,
            solc_version: SOLC_VERSION.to_owned(),
            settings: settings_digest(),
            constraints: digest_of_constraints(&protocol(srs, key, instances)?),
            instances,
            key_words: verifier.key_words,
            proof_length: verifier.proof_length,
            secret: [0; 4],
            runtime: 0,
            digest: String::new(),
            creation: String::new(),
            program: verifier.program.to_string(),
        };
        template.of(&verifier.compile(compiler)?, srs)
    }

    /// Compiles the contract of packed proofs.
    ///
    /// # Errors
    /// As [`UniversalTemplate::compile`].
    pub fn compile_packed(
        srs: &Srs,
        key: &VerifyingKey<G1Affine>,
        packed: &PackedKey,
        instances: usize,
        compiler: &SolcCompiler,
    ) -> Result<Self, PackedError> {
        let verifier = generate_packed_universal(srs, key, packed, instances)?;
        let store = Store::new(key.get_domain().k());
        let template = Self {
            magic: PACKED_MAGIC.to_owned(),
            version: VERSION,
            solc_version: SOLC_VERSION.to_owned(),
            settings: settings_digest(),
            constraints: digest_of_constraints(&protocol_of(&store, key, instances)?),
            instances,
            key_words: verifier.key_words,
            proof_length: verifier.proof_length,
            secret: [0; 4],
            runtime: 0,
            digest: String::new(),
            creation: String::new(),
            program: verifier.program.to_string(),
        };
        Ok(template.of(&verifier.compile(compiler)?, srs)?)
    }

    /// The template with a contract's code, in which the secret of `srs` is found.
    fn of(self, contract: &CompiledContract, srs: &Srs) -> Result<Self, EvmError> {
        let CompiledContract {
            creation, runtime, ..
        } = contract;
        let runtime = only(creation, runtime, "runtime code")?;
        let mut secret = [0; 4];
        for (place, word) in secret.iter_mut().zip(secret_words(&srs.s_g2())) {
            let pushed = [&[PUSH32], word.as_slice()].concat();
            *place = 1 + only(creation, &pushed, "word of [τ]_2")?;
        }
        Ok(Self {
            secret,
            runtime,
            digest: hex(&Sha256::digest(creation)),
            creation: hex(creation),
            ..self
        })
    }

    /// As the file holds it.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// The contract for a reference string. It has no ABI.
    ///
    /// # Errors
    /// [`EvmError::Template`].
    pub fn contract(&self, s_g2: &G2Affine) -> Result<CompiledContract, EvmError> {
        let mut creation = self.code()?;
        for (place, word) in self.places().into_iter().zip(secret_words(s_g2)) {
            let at = creation.get_mut(place).ok_or_else(short)?;
            at.copy_from_slice(&word);
        }
        let runtime = creation.get(self.runtime..).ok_or_else(short)?.to_vec();
        Ok(CompiledContract {
            creation,
            runtime,
            abi: serde_json::Value::Null,
        })
    }

    /// The contract of a reference string as data.
    ///
    /// # Errors
    /// [`EvmError::Template`].
    pub fn program(&self, s_g2: &G2Affine) -> Result<VerifierProgram, EvmError> {
        let body: Value =
            serde_json::from_str(&self.program).map_err(|error| EvmError::Template {
                reason: format!("its program: {error}"),
            })?;
        Ok(VerifierProgram::of(body, s_g2))
    }

    /// The words of `−[τ]_2` in code, of creation or at run time, that is otherwise this template's; `None` if it is not.
    ///
    /// # Errors
    /// [`EvmError::Template`].
    pub fn secret_in(&self, code: &[u8]) -> Result<Option<[Word; 4]>, EvmError> {
        let mut own = self.code()?;
        let start = own.get(..self.runtime).ok_or_else(short)?;
        let mut given = code.to_vec();
        if code.len() + start.len() == own.len() {
            given = [start, code].concat();
        }
        if given.len() != own.len() {
            return Ok(None);
        }
        let mut words = [[0; 32]; 4];
        for (place, word) in self.places().into_iter().zip(&mut words) {
            word.copy_from_slice(given.get(place.clone()).ok_or_else(short)?);
            let own = own.get_mut(place).ok_or_else(short)?;
            own.copy_from_slice(word);
        }
        Ok((given == own).then_some(words))
    }

    /// Refuses a key, with a string of its size, that this contract does not verify.
    ///
    /// # Errors
    /// As [`super::key_words`]; [`EvmError::OtherConstraints`].
    pub fn require_key(&self, srs: &Srs, key: &VerifyingKey<G1Affine>) -> Result<(), EvmError> {
        if digest_of_constraints(&protocol(srs, key, self.instances)?) == self.constraints {
            return Ok(());
        }
        Err(EvmError::OtherConstraints {
            part: "constraint system, which is not that of this build's universal contract",
        })
    }

    fn places(&self) -> [Range<usize>; 4] {
        self.secret.map(|at| at..at.saturating_add(32))
    }

    fn code(&self) -> Result<Vec<u8>, EvmError> {
        let digits = self.creation.as_bytes();
        let pairs = digits.chunks(2).map(|pair| {
            let text = std::str::from_utf8(pair).ok().filter(|t| t.len() == 2)?;
            u8::from_str_radix(text, 16).ok()
        });
        pairs
            .collect::<Option<Vec<u8>>>()
            .ok_or_else(|| EvmError::Template {
                reason: "its code is not hex".to_owned(),
            })
    }
}

fn short() -> EvmError {
    EvmError::Template {
        reason: "its code is too short".to_owned(),
    }
}

/// Where `part` is in `code`, where it must be once.
fn only(code: &[u8], part: &[u8], what: &str) -> Result<usize, EvmError> {
    let mut found =
        (0..code.len()).filter(|at| code.get(*at..).is_some_and(|c| c.starts_with(part)));
    match (found.next(), found.next()) {
        (Some(at), None) => Ok(at),
        (first, _) => Err(EvmError::Template {
            reason: format!(
                "a {what} is {} in the compiled code, expected once",
                if first.is_none() {
                    "not"
                } else {
                    "several times"
                }
            ),
        }),
    }
}

/// Digest of everything that snark-verifier derives from a key but the domain, the commitments and the digest.
fn digest_of_constraints(protocol: &PlonkProtocol<G1Affine>) -> String {
    let mut hash = Sha256::new().chain_update(b"laminate constraint system v1");
    for (part, text) in constraints(protocol) {
        for text in [part, &text] {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
    }
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
