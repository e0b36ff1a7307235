//! One contract for every circuit of a constraint system: the verifying key is calldata, not code.
//!
//! Circuits that differ in their fixed columns, copies and number of rows only have the same verifier up to the words of their keys. The contract
//! generated here takes these words between instances and proof:
//!
//! | words | what |
//! | --- | --- |
//! | `instances` | the accumulator's 12 limbs, then the statement |
//! | 1 | the key's digest in the transcript (halo2's `transcript_repr`) |
//! | 1 | rows `n = 2^k` |
//! | 1 | `1/n` |
//! | 1 | generator ω of the domain |
//! | 1 | `1/ω` |
//! | 2 a column | commitments of fixed columns, then of the permutation |
//! | rest | the proof |
//!
//! `τ·G2` is in the code, so all circuits use one ceremony, of any size.
//!
//! # What is trusted
//! The contract believes the key's words. **A proof says nothing unless its caller knows the key**: the caller hashes the words ([`key_hash`] is Keccak-256 of
//! them) and compares with a registered hash, and whoever registers or relies on that hash derives the circuit, its key and the words from the program
//! with [`key_words`]. A registered hash of other words (another circuit, another ω, an `n` that is not the order of ω, a digest that does not bind the
//! key) can let false statements pass. The contract checks `n·(1/n) = 1` and `ω·(1/ω) = 1`; it does not check that ω generates a domain of `n`
//! points nor that the digest is of these points. Neither matters against a hash of words that were derived.
//!
//! Which constraint system the contract verifies is in its code: the caller must fix its address. [`check_same_constraints`] tells whether a key is of the
//! contract's constraint system; words of another key make proofs fail, as the numbers in them have other meanings, but this is no promise.
//!
//! # What is checked
//! - the calldata has exactly the expected size, and instances, `1/n`, ω, `1/ω` and evaluations are below r (the per-key contract reduces instead);
//! - limbs of the accumulator are in range, its points on the curve and not infinity;
//! - every point of key and proof is an operand of the addition or multiplication precompile (EIP-196), which refuse coordinates from p on and points
//!   off the curve; unlike the per-key contract's own check they take (0, 0), infinity, which commits to zero;
//! - every call of a precompile succeeds and returns a point or a word: where there is no precompile, a call succeeds and returns nothing;
//! - the quotient identity and the SHPLONK opening as snark-verifier 0.2.7 states them: its verifier is run on a loader that records;
//! - the pairing of the proof and of the accumulator, folded by a hash of the four points.
//!
//! # Gas
//! Transactions that call the contract directly, Osaka's prices, beside the contract of one key for the same proof:
//!
//! | constraint system | points in key, proof | universal | one key |
//! | --- | --- | --- | --- |
//! | 2 advice, 1 lookup | 9, 15 | 371,300 gas, 7,468 bytes | 379,100 gas, 15,960 bytes |
//! | 4 advice, no lookup | 11, 15 | 393,600 gas, 7,746 bytes | 393,200 gas, 16,319 bytes |
//! | 5 advice, 1 lookup, Poseidon | 18, 19 | 486,000 gas, 10,280 bytes | 491,800 gas, 22,270 bytes |
//!
//! A point costs 6,150 for the curve operations, some 300 around them and 1,024 of calldata; the pairing 113,000; a transaction 21,000. What is left,
//! 20,000 to 28,000, is field arithmetic, hashing and two exponentiations. The contract of one key has no calldata for the key (500 gas a word), but
//! inverts three times instead of once and stores every intermediate value.

mod emit;
#[cfg(test)]
mod forgeries;
mod graph;
mod packed;
mod plan;
mod program;
mod record;
mod template;
#[cfg(test)]
pub(crate) mod tests;
mod transcript;
mod witness;

use std::fmt::{Debug, Write};

use halo2_base::halo2_proofs::{
    halo2curves::{
        Coordinates, CurveAffine,
        bn256::{Bn256, Fr, G1Affine},
        ff::PrimeField,
    },
    plonk::VerifyingKey,
};
use laminate_model::public::ACCUMULATOR_LIMBS;
use serde_json::Value;
use snark_verifier::{
    pcs::kzg::KzgDecidingKey,
    util::hash::{Digest, Keccak256},
    verifier::plonk::PlonkProtocol,
};

use self::{
    emit::{Size, Writer},
    graph::Node,
    plan::{Opening, Plan},
    record::{Recording, record},
    witness::Witness,
};
use super::{
    compile::{CompiledContract, SolcCompiler, SourceTree},
    error::EvmError,
    generate::{compiler_lines, deciding_key, length_of, protocol},
    template::head,
};
use crate::srs::Srs;

pub use packed::{
    PackedVerifier, encode_packed_calldata, generate_packed, generate_packed_universal,
    packed_key_words,
};
pub use program::VerifierProgram;
pub use template::UniversalTemplate;

/// Name of the generated contract.
pub const UNIVERSAL_CONTRACT: &str = "Halo2UniversalVerifier";

/// A word of calldata, big-endian.
pub type Word = [u8; 32];

/// A generated contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UniversalVerifier {
    /// Solidity source.
    pub source: String,
    /// Instances it takes.
    pub instances: usize,
    /// Words of a key.
    pub key_words: usize,
    /// Bytes of a proof.
    pub proof_length: usize,
    /// [`VerifierProgram`] without the reference string.
    program: Value,
}

impl UniversalVerifier {
    /// Bytecode.
    ///
    /// # Errors
    /// As [`SolcCompiler::compile`].
    pub fn compile(&self, compiler: &SolcCompiler) -> Result<CompiledContract, EvmError> {
        contract_of(UNIVERSAL_CONTRACT, &self.source, compiler)
    }
}

/// The contract of a name in a source.
fn contract_of(
    name: &str,
    source: &str,
    compiler: &SolcCompiler,
) -> Result<CompiledContract, EvmError> {
    let tree = SourceTree::single(&format!("{name}.sol"), source.to_owned());
    let mut contracts = compiler.compile(&tree, &[name])?;
    contracts
        .remove(name)
        .ok_or_else(|| EvmError::ContractMissing {
            name: name.to_owned(),
            found: Vec::new(),
        })
}

/// Generates the contract for the constraint system of `template`, whose fixed columns and size do not enter it; the same constraint system and
/// ceremony give the same text.
///
/// # Errors
/// As [`super::generate_verifier`].
pub fn generate_universal(
    srs: &Srs,
    template: &VerifyingKey<G1Affine>,
    instances: usize,
) -> Result<UniversalVerifier, EvmError> {
    let protocol = protocol(srs, template, instances)?;
    let plan = Plan {
        proof_length: length_of(&protocol),
        protocol,
        opening: Opening::Shplonk,
        code: None,
        instances,
        inverse: false,
    };
    let written = assemble(&deciding_key(srs), &plan)?;
    let contract = UniversalVerifier {
        source: String::new(),
        instances,
        key_words: plan.key_words(),
        proof_length: plan.proof_length,
        program: written.program,
    };
    let source = contract_text(srs, &contract, &written.assembly);
    Ok(UniversalVerifier { source, ..contract })
}

fn refused(reason: String) -> EvmError {
    EvmError::Generate { reason }
}

/// A recorded verifier in each of its forms.
struct Written {
    /// Of the contract.
    assembly: String,
    /// What computes the word of the inverse.
    witness: Witness,
    /// [`VerifierProgram`] without the reference string.
    program: Value,
}

/// Records a verifier and writes it.
fn assemble(key: &KzgDecidingKey<Bn256>, plan: &Plan) -> Result<Written, EvmError> {
    let recording = record(key, plan)?;
    let (found, expected) = (recording.transcript.end(), plan.proof() + plan.proof_length);
    if found != expected {
        return Err(refused(format!(
            "the proof ends at {found}, expected {expected}"
        )));
    }
    write(&recording, key, plan)
}

/// Writes a recorded verifier.
fn write(
    recording: &Recording,
    key: &KzgDecidingKey<Bn256>,
    plan: &Plan,
) -> Result<Written, EvmError> {
    let Recording {
        recorder,
        transcript,
        sides,
        fold,
        own,
    } = recording;
    let graph = recorder.0.borrow();
    let roots: Vec<_> = sides
        .iter()
        .flat_map(|side| side.iter())
        .map(|term| term.0)
        .collect();
    let (generator_scalar, terms) = plan.terms();
    let [_, rows, n_inverse, generator, generator_inverse] = plan.head();
    let mut writer = Writer::new(
        graph.nodes(),
        &roots,
        transcript.segments.len(),
        rows,
        plan.inverse(),
    )?;
    let words = [n_inverse, generator, generator_inverse];
    let words = words.iter().filter_map(|word| match word {
        Node::Calldata(at) => Some(*at),
        _ => None,
    });
    let of_terms = fold.map(|_| [generator_scalar, terms.left]);
    let scalars: Vec<_> = (0..plan.words())
        .map(|index| 32 * index)
        .chain(words)
        .chain(transcript.scalars.iter().copied())
        .chain(plan.inverse())
        .chain(of_terms.into_iter().flatten())
        .collect();
    let size = match fold {
        Some(_) => Size::Terms(terms.terms),
        None => Size::Exactly(plan.end()),
    };
    if fold.is_some() {
        writer.answer(&layout_word());
    }
    writer.check_words(size, &scalars);
    writer.check_inverse(rows, n_inverse);
    writer.check_inverse(generator, generator_inverse);
    writer.transcript(&transcript.segments);
    writer.shared();
    let (g2, minus_s_g2) = (key.g2(), -key.s_g2());
    match fold {
        Some((fold, last)) => {
            writer.sum(&sides[0]);
            writer.decide_with_terms(*fold, *last, terms, &g2, &minus_s_g2);
        }
        None => {
            for (side, terms) in sides.iter().enumerate() {
                writer.sum(terms);
                writer.keep(side);
            }
            writer.decide(&g2, &minus_s_g2);
        }
    }
    let witness = Witness {
        nodes: graph.nodes().iter().take(own.0).copied().collect(),
        segments: transcript.segments.iter().take(own.1).cloned().collect(),
        inverted: writer.inverted(),
        rows,
    };
    let program = program::emit_json(recording, plan, &scalars, &witness.inverted);
    Ok(Written {
        assembly: writer.finish(),
        witness,
        program,
    })
}

/// What a contract of packed proofs answers to four bytes: Keccak-256 of a name, which is that of `PublicValues.PACKED_LAYOUT`.
fn layout_word() -> Word {
    Keccak256::digest(b"laminate.packed-calldata.v1").into()
}

/// The words of a key, as the contract takes them.
///
/// # Errors
/// As [`super::generate_verifier`]. A commitment to zero, of a fixed column that is empty, has the words `(0, 0)`, which the
/// precompiles take for the identity.
pub fn key_words(
    srs: &Srs,
    key: &VerifyingKey<G1Affine>,
    instances: usize,
) -> Result<Vec<Word>, EvmError> {
    let protocol = protocol(srs, key, instances)?;
    let mut words: Vec<Word> = head(&protocol).iter().map(word).collect();
    for (index, point) in protocol.preprocessed.iter().enumerate() {
        let coordinates = Option::<Coordinates<_>>::from(point.coordinates())
            .ok_or_else(|| refused(format!("commitment {index} of the key has no coordinates")))?;
        words.extend([word(coordinates.x()), word(coordinates.y())]);
    }
    Ok(words)
}

/// Keccak-256 of the words.
#[must_use]
pub fn key_hash(words: &[Word]) -> Word {
    Keccak256::digest(words.concat()).into()
}

/// Instances, words of the key and proof, as the contract takes them.
#[must_use]
pub fn encode_universal_calldata(instances: &[Fr], key: &[Word], proof: &[u8]) -> Vec<u8> {
    let instances = instances.iter().map(word).collect::<Vec<_>>().concat();
    [&instances, &key.concat(), proof].concat()
}

fn word<F: PrimeField<Repr = [u8; 32]>>(value: &F) -> Word {
    let mut bytes = value.to_repr();
    bytes.reverse();
    bytes
}

/// Whether two keys, each with a string of its size, are verified by one contract: everything that snark-verifier derives from them is equal but the
/// domain, the commitments and the digest.
///
/// # Errors
/// As [`super::generate_verifier`]; [`EvmError::OtherConstraints`] names the first part that differs.
pub fn check_same_constraints(
    template: (&Srs, &VerifyingKey<G1Affine>),
    key: (&Srs, &VerifyingKey<G1Affine>),
    instances: usize,
) -> Result<(), EvmError> {
    if template.0.s_g2() != key.0.s_g2() {
        return Err(EvmError::OtherConstraints {
            part: "reference string",
        });
    }
    let [template, key] = [template, key].map(|(srs, key)| protocol(srs, key, instances));
    let [template, key] = [constraints(&template?), constraints(&key?)];
    match template.iter().zip(&key).find(|(a, b)| a != b) {
        None => Ok(()),
        Some(((part, _), _)) => Err(EvmError::OtherConstraints { part }),
    }
}

/// Everything that snark-verifier derives from a key but the domain, the commitments and the digest, each part with its name.
fn constraints(protocol: &PlonkProtocol<G1Affine>) -> [(&'static str, String); 9] {
    let p = protocol;
    [
        (
            "number of fixed columns and columns with copies",
            text(&p.preprocessed.len()),
        ),
        ("number of instances", text(&p.num_instance)),
        ("number of commitments in a proof", text(&p.num_witness)),
        ("number of challenges", text(&p.num_challenge)),
        ("evaluations", text(&p.evaluations)),
        ("openings", text(&p.queries)),
        ("constraints", text(&p.quotient)),
        ("linearization", text(&p.linearization)),
        ("commitment to instances", text(&p.instance_committing_key)),
    ]
}

/// snark-verifier's types have no equality, but all print all that they hold.
fn text(value: &dyn Debug) -> String {
    format!("{value:?}")
}

fn contract_text(srs: &Srs, contract: &UniversalVerifier, assembly: &str) -> String {
    let UniversalVerifier {
        instances,
        key_words,
        proof_length,
        ..
    } = contract;
    let setup = srs.setup_id().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    let origin = if srs.origin().is_development() {
        "DEV, its secret is public: never deploy"
    } else {
        "ceremony"
    };
    format!(
        "// SPDX-License-Identifier: MIT\n\
         // Generated by Laminate from a constraint system through snark-verifier; do not edit.\n\
         // reference string {setup} ({origin})\n\
         // calldata: {instances} instances of 32 bytes ({ACCUMULATOR_LIMBS} limbs first), {key_words} words of a verifying key, {proof_length} bytes of proof\n\
         // The key is believed: the caller must compare its hash with a registered one.\n{}\n\
         pragma solidity 0.8.19;\n\n\
         contract {UNIVERSAL_CONTRACT} {{\nfallback() external {{\nassembly {{\n{assembly}}}\n}}\n}}\n",
        compiler_lines()
    )
}
