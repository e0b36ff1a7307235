//! Proving and verifying keys: derived from the program, the fold mode and the reference string's
//! secret; kept on disk under those three.
//!
//! A key file is an artifact of `laminate_model::artifact` (magic, kind, version, development flag,
//! length, SHA-256 of everything) whose payload is the [`Identity`] and shape of the key, then halo2's
//! encoding. Files are written under a temporary name and renamed.
//!
//! How proofs for contracts are opened is no part of what a key belongs to: the proving key is the same, and on disk it has no pack. There is a verifying key
//! for each opening, in a file of its own, so that keys of one opening stay where those of the other are made; proofs that are joined are always of the
//! SHPLONK one.

mod file;
mod layout;
#[cfg(test)]
mod tests;
mod tokens;

use std::fmt;
use std::path::{Path, PathBuf};

use halo2_base::halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_base::halo2_proofs::halo2curves::ff::PrimeField;
use halo2_base::halo2_proofs::plonk::{self, keygen_pk, keygen_vk};
use laminate_engine::field::Scalar;
use laminate_engine::fold::FoldMode;
use laminate_model::binding::Binding;
use laminate_model::program::Program;
use laminate_model::public::{INSTANCES, PublicValues};
use laminate_model::statement::{Packing, VALUES_PER_WORD, unpack};
use laminate_model::verify::Verifier;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::circuit::{AggregationCircuit, Pinning};
use crate::error::AggregationError;
use crate::join::{Join, Plan, WeightRange};
use crate::packed::{Opening, PackedKey};
use crate::prove::Target;
use crate::srs::{MAX_LAGRANGE_K, Srs};

/// Version of the circuit's gates and of the verifier it runs. Raise it with every change of either:
/// keys of another version are not found, instead of making proofs that nobody accepts.
pub const CIRCUIT_VERSION: u32 = 9;

/// What a key belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Digest of the program.
    pub program: Scalar,
    /// How layers are joined.
    pub mode: FoldMode,
    /// [`Srs::setup_id`] of the reference string.
    pub setup: [u8; 32],
    /// [`CIRCUIT_VERSION`] of the build that made it.
    pub circuit: u32,
}

impl Identity {
    /// The identity of the keys of `verifier` under `srs`.
    pub fn new(verifier: &Verifier, mode: FoldMode, srs: &Srs) -> Self {
        Self {
            program: Scalar(verifier.digest),
            mode,
            setup: srs.setup_id(),
            circuit: CIRCUIT_VERSION,
        }
    }

    /// The identity of the keys of a join under `srs`.
    pub fn of_join(plan: &Plan, srs: &Srs) -> Self {
        Self {
            program: Scalar(plan.digest()),
            mode: FoldMode::On,
            setup: srs.setup_id(),
            circuit: CIRCUIT_VERSION,
        }
    }

    /// File name, without extension: the leading digits of both digests and the mode.
    pub fn file_stem(&self) -> String {
        let digits = |bytes: &[u8]| {
            bytes
                .iter()
                .take(8)
                .map(|b| format!("{b:02x}"))
                .collect::<String>()
        };
        let mode = match self.mode {
            FoldMode::On => "fold",
            FoldMode::Off => "nofold",
        };
        let program: [u8; 32] = self.program.0.to_repr();
        format!(
            "{}-{mode}-{}-v{}",
            digits(&program),
            digits(&self.setup),
            self.circuit
        )
    }

    /// Refuses a key of something else.
    ///
    /// # Errors
    /// [`AggregationError::Foreign`].
    fn check(&self, expected: &Self) -> Result<(), AggregationError> {
        let foreign = |what, found, expected| {
            Err(AggregationError::Foreign {
                what,
                found,
                expected,
            })
        };
        let hex = |bytes: [u8; 32]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        if self.program != expected.program {
            let [found, expected] = [self, expected].map(|i| hex(i.program.0.to_repr()));
            return foreign("program digest", found, expected);
        }
        if self.mode != expected.mode {
            return foreign(
                "fold mode",
                format!("{:?}", self.mode),
                format!("{:?}", expected.mode),
            );
        }
        if self.circuit != expected.circuit {
            return foreign(
                "circuit version",
                self.circuit.to_string(),
                expected.circuit.to_string(),
            );
        }
        if self.setup != expected.setup {
            return foreign("reference string", hex(self.setup), hex(expected.setup));
        }
        Ok(())
    }
}

/// How a program's public output reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "tokens::Stored", into = "tokens::Stored")]
pub struct OutputFormat {
    /// Number of values.
    pub values: u32,
    /// Values to a row.
    pub width: u32,
    /// Value = integer · 2^-scale.
    pub scale: i8,
    /// What the values are.
    pub form: Form,
    /// What stands before them in the output words.
    pub lead: Lead,
}

/// What stands before the output's values in the output words, and whether the values stand there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lead {
    /// Which binding words there are.
    pub binding: Binding,
    /// Of a public input, how it reads.
    #[serde(default)]
    pub input: Option<InputForm>,
}

/// How a public input reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InputForm {
    /// Number of values.
    pub values: u32,
    /// Values to a row.
    pub width: u32,
    /// Value = integer · 2^-scale.
    pub scale: i8,
    /// How values are packed into words.
    pub packing: Packing,
    /// Values are ordered keys of float32 numbers instead.
    pub keys: bool,
}

impl Lead {
    /// Nothing.
    pub const NONE: Self = Self {
        binding: Binding::NONE,
        input: None,
    };

    fn of(program: &Program) -> Self {
        let tensor = program.tensors.get(program.input);
        let public = &program.binding.input;
        let width = tensor.map_or(0, |t| public.width(t.width()));
        let input = public.is_public().then(|| InputForm {
            values: program.public_input_len() as u32,
            width: width as u32,
            scale: tensor.map_or(0, |t| t.scale),
            packing: Packing::of_input(program),
            keys: program.takes_keys(),
        });
        Self {
            binding: program.binding.clone(),
            input,
        }
    }

    /// Number of words.
    pub fn words(&self) -> usize {
        let input = self.input.map_or(0, |i| i.packing.words(i.values as usize));
        self.binding.words() + input
    }
}

/// What the values of a public output are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Int16 at the output's scale.
    #[default]
    Short,
    /// Int32 at the output's scale.
    Wide,
    /// Token ids: id = integer + 2^15.
    Tokens(TokenFormat),
}

/// How a public output of tokens reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenFormat {
    /// How many of the values, the first ones, are the prompt.
    pub prompt: u32,
    /// How ids are packed.
    pub packing: Packing,
}

impl OutputFormat {
    /// The format of a program's output.
    pub fn of(program: &Program) -> Self {
        let tensor = program.tensors.get(program.output);
        Self {
            values: program.output_len() as u32,
            width: tensor.map_or(0, |t| t.width() as u32),
            scale: tensor.map_or(0, |t| t.scale),
            form: match (program.sequence, Packing::of_output(program)) {
                (Some(sequence), packing) => Form::Tokens(TokenFormat {
                    prompt: sequence.prompt_len() as u32,
                    packing,
                }),
                (None, Packing::Wide) => Form::Wide,
                (None, Packing::Short | Packing::Long) => Form::Short,
            },
            lead: Lead::of(program),
        }
    }

    /// Number of output words, those before the values included. A hidden output has one, its commitment.
    pub fn words(&self) -> usize {
        let values = match self.is_hidden() {
            true => 1,
            false => self.packing().words(self.values as usize),
        };
        self.lead.words() + values
    }

    /// Outputs as the contracts count them: every word that is not of values counts as a full one.
    pub fn outputs(&self) -> usize {
        match self.is_hidden() {
            true => VALUES_PER_WORD * self.words(),
            false => {
                VALUES_PER_WORD * self.lead.words() + self.packing().fields(self.values as usize)
            }
        }
    }

    /// Whether a commitment stands in the place of the values.
    pub fn is_hidden(&self) -> bool {
        self.lead.binding.output_hidden
    }

    /// The output's integers in a statement's output words; none if there are too few, or the output is hidden.
    pub fn read(&self, words: &[Fr]) -> Option<Vec<i32>> {
        let values = words.get(self.lead.words()..)?;
        match self.is_hidden() {
            true => None,
            false => unpack(self.packing(), values, self.values as usize),
        }
    }

    /// The commitment to a hidden output in a statement's output words; none if the output is public.
    pub fn commitment<'a>(&self, words: &'a [Fr]) -> Option<&'a Fr> {
        let found = words.get(self.lead.words());
        found.filter(|_| self.is_hidden())
    }

    /// The integers of a public input in a statement's output words; none if it is not public.
    pub fn read_input(&self, words: &[Fr]) -> Option<Vec<i32>> {
        let input = self.lead.input?;
        let values = words.get(self.lead.binding.words()..self.lead.words())?;
        unpack(input.packing, values, input.values as usize)
    }

    /// How values are packed into words.
    pub fn packing(&self) -> Packing {
        match self.form {
            Form::Short => Packing::Short,
            Form::Wide => Packing::Wide,
            Form::Tokens(tokens) => tokens.packing,
        }
    }

    /// How tokens read, if the values are tokens.
    pub fn tokens(&self) -> Option<TokenFormat> {
        match self.form {
            Form::Tokens(tokens) => Some(tokens),
            Form::Short | Form::Wide => None,
        }
    }
}

/// Numbers of public values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicShape {
    /// Outputs as the contracts count them.
    pub outputs: u32,
    /// Fields of the statement.
    pub statement: u32,
    /// Terms of the linear combination.
    pub terms: u32,
    /// Scalars of its left side.
    pub left: u32,
}

impl PublicShape {
    /// That of some values.
    pub fn of(public: &PublicValues<Fr, G1Affine>) -> Self {
        Self {
            outputs: public.outputs,
            statement: public.statement.len() as u32,
            terms: public.deferred.terms.len() as u32,
            left: public.deferred.left.len() as u32,
        }
    }
}

impl fmt::Display for PublicShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            outputs,
            statement,
            terms,
            left,
        } = self;
        write!(
            f,
            "{outputs} outputs in {statement} fields, {terms} points and {left} factors of openings"
        )
    }
}

/// Everything about a key but its polynomials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// What it belongs to.
    pub identity: Identity,
    /// Whether the reference string is the development one.
    pub development: bool,
    /// How many values proofs make public.
    pub public: PublicShape,
    /// How the output words read.
    pub output: OutputFormat,
    /// Whether proofs show that the committed weights are in range; a commitment proof must otherwise.
    pub weights_shown: bool,
    /// Shape of the circuit.
    pub pinning: Pinning,
    /// The key's packs, if proofs for contracts have the packed opening.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packed: Option<PackedKey>,
}

impl Meta {
    /// log2 of the rows, and of the powers a prover needs.
    pub fn k(&self) -> u32 {
        self.pinning.params.k as u32
    }

    /// How proofs for contracts are opened.
    pub fn opening(&self) -> Opening {
        match self.packed {
            Some(_) => Opening::Packed,
            None => Opening::Shplonk,
        }
    }

    /// Refuses a reference string of another size or setup. Packed proofs take a longer one.
    ///
    /// # Errors
    /// [`AggregationError::SrsSize`], [`AggregationError::Foreign`].
    pub fn check_setup(&self, srs: &Srs, target: Target) -> Result<(), AggregationError> {
        let packed = self.packed.is_some() && target == Target::Contract;
        if srs.k() != self.k() && !(packed && srs.k() > self.k()) {
            return Err(AggregationError::SrsSize {
                found: srs.k(),
                needed: self.k(),
            });
        }
        let given = Identity {
            setup: srs.setup_id(),
            ..self.identity
        };
        given.check(&self.identity)
    }
}

/// A verifying key.
#[derive(Clone, Debug)]
pub struct VerifyingKey {
    /// What it is.
    pub meta: Meta,
    /// halo2's key.
    pub vk: plonk::VerifyingKey<G1Affine>,
}

impl VerifyingKey {
    /// The file of the verifying key with an opening in `folder`.
    pub fn path(folder: &Path, identity: &Identity, opening: Opening) -> PathBuf {
        let opening = match opening {
            Opening::Shplonk => "",
            Opening::Packed => "-packed",
        };
        folder.join(format!("{}{opening}.vkey", identity.file_stem()))
    }

    /// Refuses a key of another opening.
    ///
    /// # Errors
    /// [`AggregationError::Foreign`].
    pub fn require_opening(&self, expected: Opening) -> Result<(), AggregationError> {
        let found = self.meta.opening();
        if found == expected {
            return Ok(());
        }
        Err(AggregationError::Foreign {
            what: "opening",
            found: found.to_string(),
            expected: expected.to_string(),
        })
    }

    /// Digest of the circuit and its commitments: SHA-256 of halo2's transcript representation, the
    /// shape of the public values and the setup.
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(b"laminate vk v2");
        let repr: [u8; 32] = self.vk.transcript_repr().to_repr();
        hasher.update(repr);
        let public = &self.meta.public;
        for number in [public.outputs, public.statement, public.terms, public.left] {
            hasher.update(number.to_le_bytes());
        }
        hasher.update(self.meta.identity.setup);
        if let Some(packed) = &self.meta.packed {
            let state: [u8; 32] = packed.state(&self.vk).to_repr();
            hasher.update(b"packed");
            hasher.update(state);
        }
        hasher.finalize().into()
    }
}

/// A proving key with its verifying key.
#[derive(Clone, Debug)]
pub struct ProvingKey {
    /// What it is.
    pub meta: Meta,
    /// halo2's key.
    pub pk: plonk::ProvingKey<G1Affine>,
}

impl ProvingKey {
    /// Derives the keys of `verifier`'s program. `srs` needs [`required_k`] powers or more; more are
    /// cut off.
    ///
    /// # Errors
    /// A program that fits no circuit, or a reference string that is too small.
    pub fn derive(
        verifier: &Verifier,
        mode: FoldMode,
        srs: &Srs,
    ) -> Result<Self, AggregationError> {
        let circuit = AggregationCircuit::keygen(verifier, mode)?;
        let identity = Identity::new(verifier, mode, srs);
        let program = &verifier.program;
        let output = (OutputFormat::of(program), program.check_weights);
        Self::of_circuit(circuit, identity, output, srs)
    }

    /// Derives the keys of a join, whose public output reads as `output`.
    ///
    /// # Errors
    /// As [`ProvingKey::derive`].
    pub fn derive_join(
        join: &Join,
        output: OutputFormat,
        srs: &Srs,
    ) -> Result<Self, AggregationError> {
        let circuit = AggregationCircuit::keygen_join(join)?;
        let mut children = join.plan.children.iter();
        let output = (output, children.all(|c| c.range == WeightRange::Shown));
        Self::of_circuit(circuit, Identity::of_join(&join.plan, srs), output, srs)
    }

    fn of_circuit(
        circuit: AggregationCircuit,
        identity: Identity,
        (output, weights_shown): (OutputFormat, bool),
        srs: &Srs,
    ) -> Result<Self, AggregationError> {
        let k = circuit.k();
        if srs.k() < k {
            return Err(AggregationError::SrsTooSmall {
                found: srs.k(),
                needed: k,
            });
        }
        if k > MAX_LAGRANGE_K {
            return Err(AggregationError::NoLagrange { needed: k });
        }
        let srs = srs.truncated(k)?;
        let vk = keygen_vk(srs.params(), &circuit).map_err(AggregationError::keygen)?;
        let pk = keygen_pk(srs.params(), vk, &circuit).map_err(AggregationError::keygen)?;
        let meta = Meta {
            identity,
            development: srs.origin().is_development(),
            public: PublicShape::of(circuit.public()),
            output,
            weights_shown,
            pinning: circuit.pinning(),
            packed: None,
        };
        Ok(Self { meta, pk })
    }

    /// The same key with another opening. For packed proofs `srs` is not cut to the circuit.
    ///
    /// # Errors
    /// [`AggregationError::Packed`] for a string that is too short.
    pub fn with_opening(mut self, opening: Opening, srs: &Srs) -> Result<Self, AggregationError> {
        self.meta.packed = match opening {
            Opening::Shplonk => None,
            Opening::Packed => Some(PackedKey::commit(srs, &self.pk, INSTANCES)?),
        };
        if opening == Opening::Packed {
            self.meta.check_setup(srs, Target::Contract)?;
        }
        Ok(self)
    }

    /// The same key with the opening of one of its verifying keys.
    ///
    /// # Errors
    /// [`AggregationError::Foreign`] for a verifying key of something else.
    pub fn opened_as(mut self, key: &VerifyingKey) -> Result<Self, AggregationError> {
        self.meta.identity.check(&key.meta.identity)?;
        let [found, expected] = [self.pk.get_vk(), &key.vk].map(|vk| vk.transcript_repr());
        if found != expected {
            return Err(AggregationError::Foreign {
                what: "proving key",
                found: format!("{found:?}"),
                expected: format!("{expected:?}"),
            });
        }
        self.meta.packed.clone_from(&key.meta.packed);
        Ok(self)
    }

    /// The verifying key.
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey {
            meta: self.meta.clone(),
            vk: self.pk.get_vk().clone(),
        }
    }

    /// The file of these keys in `folder`.
    pub fn path(folder: &Path, identity: &Identity) -> PathBuf {
        folder.join(format!("{}.pkey", identity.file_stem()))
    }

    /// Reads the keys from `folder`, or derives them and writes them there. The flag says whether
    /// they were read. A damaged file is replaced, as it is nobody's keys; that of another program or
    /// reference string is an error.
    ///
    /// # Errors
    /// Those of [`ProvingKey::load`] but for damage, [`ProvingKey::derive`] and [`ProvingKey::save`].
    pub fn cached(
        folder: &Path,
        verifier: &Verifier,
        mode: FoldMode,
        srs: &Srs,
    ) -> Result<(Self, bool), AggregationError> {
        let identity = Identity::new(verifier, mode, srs);
        Self::cached_as(folder, &identity, || Self::derive(verifier, mode, srs))
    }

    /// [`ProvingKey::cached`] for a join, whose public output reads as `output`.
    ///
    /// # Errors
    /// As [`ProvingKey::cached`].
    pub fn cached_join(
        folder: &Path,
        join: &Join,
        output: OutputFormat,
        srs: &Srs,
    ) -> Result<(Self, bool), AggregationError> {
        let identity = Identity::of_join(&join.plan, srs);
        Self::cached_as(folder, &identity, || Self::derive_join(join, output, srs))
    }

    fn cached_as(
        folder: &Path,
        identity: &Identity,
        derive: impl FnOnce() -> Result<Self, AggregationError>,
    ) -> Result<(Self, bool), AggregationError> {
        let path = Self::path(folder, identity);
        if path.exists() {
            match Self::load(&path, identity) {
                Ok(keys) => return Ok((keys, true)),
                Err(AggregationError::Artifact(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let keys = derive()?;
        keys.save(&path)?;
        Ok((keys, false))
    }
}

/// log2 of the rows of the circuit of `verifier`'s program.
///
/// # Errors
/// [`AggregationError::TooLarge`].
pub fn required_k(verifier: &Verifier, mode: FoldMode) -> Result<u32, AggregationError> {
    Ok(AggregationCircuit::keygen(verifier, mode)?.k())
}

/// The commitments of a verifying key, fixed columns first; for tests and `inspect`.
pub fn commitments(key: &VerifyingKey) -> Vec<G1Affine> {
    key.vk
        .fixed_commitments()
        .iter()
        .chain(key.vk.permutation().commitments())
        .copied()
        .collect()
}
