//! Solidity of the verifier of one circuit: halo2 with SHPLONK over KZG, Keccak transcript, and the accumulator of the 12 leading instances.
//!
//! The code is snark-verifier's (`EvmLoader`): one assembly block, no storage, no function but the fallback. It is determined by the verifying key,
//! `τ·G2` and the number of instances; the same inputs give the same text, byte for byte.

use std::rc::Rc;

use halo2_base::halo2_proofs::{
    halo2curves::bn256::{Bn256, Fq, Fr, G1Affine},
    halo2curves::ff::PrimeField,
    plonk::VerifyingKey,
    poly::commitment::Params,
};
use laminate_model::public::ACCUMULATOR_LIMBS;
use snark_verifier::{
    cost::CostEstimation,
    loader::{evm::EvmLoader, native::NativeLoader},
    pcs::kzg::KzgDecidingKey,
    system::halo2::{Config, compile, transcript::evm::EvmTranscript},
    verifier::{
        SnarkVerifier,
        plonk::{PlonkProof, PlonkProtocol},
    },
};
use snark_verifier_sdk::{LIMBS, PlonkVerifier, SHPLONK};

use super::{
    compile::{COMPILER_SETTINGS, SOLC_VERSION},
    error::EvmError,
};
use crate::srs::Srs;

/// Name of the generated contract.
pub const VERIFIER_CONTRACT: &str = "Halo2Verifier";

/// A generated contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedVerifier {
    /// Solidity source.
    pub source: String,
    /// Instances it takes.
    pub instances: usize,
    /// Bytes of a proof.
    pub proof_length: usize,
}

/// Generates the contract for a circuit of one instance column with `instances` values.
///
/// # Errors
/// Key and string of different sizes, too few instances, another number of columns, or a generator without the limb bounds.
pub fn generate_verifier(
    srs: &Srs,
    key: &VerifyingKey<G1Affine>,
    instances: usize,
) -> Result<GeneratedVerifier, EvmError> {
    let protocol = protocol(srs, key, instances)?;
    let proof_length = length_of(&protocol);
    let loader = EvmLoader::new::<Fq, Fr>();
    let protocol = protocol.loaded(&loader);
    let mut transcript = EvmTranscript::<_, Rc<EvmLoader>, _, _>::new(&loader);
    let words = transcript.load_instances(vec![instances]);
    let deciding_key = deciding_key(srs);
    let refused = |error: snark_verifier::Error| EvmError::Generate {
        reason: format!("{error:?}"),
    };
    let proof =
        PlonkVerifier::<SHPLONK>::read_proof(&deciding_key, &protocol, &words, &mut transcript)
            .map_err(refused)?;
    PlonkVerifier::<SHPLONK>::verify(&deciding_key, &protocol, &words, &proof).map_err(refused)?;
    let code = loader.solidity_code();
    check_limb_bounds(&code)?;
    let code = with_size_check(&code)?;
    Ok(GeneratedVerifier {
        source: with_header(&code, srs, key, instances, proof_length),
        instances,
        proof_length,
    })
}

/// Bytes of a proof of this circuit.
///
/// # Errors
/// As [`generate_verifier`].
pub fn proof_length(
    srs: &Srs,
    key: &VerifyingKey<G1Affine>,
    instances: usize,
) -> Result<usize, EvmError> {
    Ok(length_of(&protocol(srs, key, instances)?))
}

/// The protocol that snark-verifier derives from the key.
pub(crate) fn protocol(
    srs: &Srs,
    key: &VerifyingKey<G1Affine>,
    instances: usize,
) -> Result<PlonkProtocol<G1Affine>, EvmError> {
    let k = key.get_domain().k();
    if k != srs.k() {
        return Err(EvmError::SizeMismatch {
            key: k,
            srs: srs.k(),
        });
    }
    protocol_of(srs.params(), key, instances)
}

/// [`protocol`] for parameters of the key's size, of which nothing else enters.
pub(crate) fn protocol_of<'params>(
    params: &impl Params<'params, G1Affine>,
    key: &VerifyingKey<G1Affine>,
    instances: usize,
) -> Result<PlonkProtocol<G1Affine>, EvmError> {
    if instances < ACCUMULATOR_LIMBS {
        return Err(EvmError::InstanceCount {
            expected: ACCUMULATOR_LIMBS,
            found: instances,
        });
    }
    let columns = key.cs().num_instance_columns();
    if columns != 1 {
        return Err(EvmError::InstanceColumns { found: columns });
    }
    let indices = (0..ACCUMULATOR_LIMBS).map(|row| (0, row)).collect();
    let config = Config::kzg()
        .with_num_instance(vec![instances])
        .with_accumulator_indices(Some(indices));
    Ok(compile(params, key, config))
}

/// What the final pairing needs.
pub(crate) fn deciding_key(srs: &Srs) -> KzgDecidingKey<Bn256> {
    (G1Affine::generator(), srs.g2(), srs.s_g2()).into()
}

pub(crate) fn length_of(protocol: &PlonkProtocol<G1Affine>) -> usize {
    let queries = PlonkProof::<G1Affine, NativeLoader, SHPLONK>::empty_queries(protocol);
    let openings = <SHPLONK as CostEstimation<G1Affine>>::estimate_cost(&queries).num_commitment;
    let points =
        protocol.num_witness.iter().sum::<usize>() + protocol.quotient.num_chunk() + openings;
    64 * points + 32 * protocol.evaluations.len()
}

/// Versions of snark-verifier before 0.2.7 decode limbs without bounds, so that several instance vectors stand for one point.
fn check_limb_bounds(code: &str) -> Result<(), EvmError> {
    let expected = 4 * LIMBS;
    let bounded = |bits: usize| {
        code.matches(&format!(", shl({bits}, 1)), success)"))
            .count()
    };
    let (low, top) = (bounded(88), bounded(256 - 2 * 88));
    if (low, top) == (4 * (LIMBS - 1), 4) {
        Ok(())
    } else {
        Err(EvmError::LimbBounds {
            expected,
            found: low + top,
        })
    }
}

/// The least creation code, in bytes, of a contract that verifies anything: each point of a proof takes more than 300.
const LEAST_CODE: usize = 4096;

/// The text with a constructor that refuses code which other settings made of it. The generator asks for Solidity's memory layout at run time; the
/// compiler's pipeline through Yul (`viaIR`) moves it, and its optimiser leaves 67 bytes that refuse everything.
fn with_size_check(code: &str) -> Result<String, EvmError> {
    let start = format!("contract {VERIFIER_CONTRACT} {{\n");
    if code.matches(&start).count() != 1 {
        return Err(EvmError::Generate {
            reason: format!("the text has no contract {VERIFIER_CONTRACT}"),
        });
    }
    let constructor = format!(
        "    constructor() {{
        assembly {{
            // Compiled with other settings the contract can be empty and refuse every proof.
            if lt(codesize(), {LEAST_CODE}) {{ revert(0, 0) }}
        }}
    }}

"
    );
    Ok(code.replace(&start, &(start.clone() + &constructor)))
}

/// What headers say of the compiler.
pub(super) fn compiler_lines() -> String {
    format!(
        "// compile with solc {SOLC_VERSION}: {COMPILER_SETTINGS}\n\
         // The compiler's whole input is in the .json of the same name.\n"
    )
}

/// The generator's text with a comment that says what it was made of; comments do not enter the bytecode.
fn with_header(
    code: &str,
    srs: &Srs,
    key: &VerifyingKey<G1Affine>,
    instances: usize,
    proof_length: usize,
) -> String {
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let key_digest: Vec<u8> = key.transcript_repr().to_repr().into_iter().rev().collect();
    let origin = if srs.origin().is_development() {
        "DEV, its secret is public: never deploy"
    } else {
        "ceremony"
    };
    let comment = format!(
        "// Generated by Laminate from a verifying key through snark-verifier; do not edit.\n\
         // verifying key {}, 2^{} rows\n\
         // reference string {} ({origin})\n\
         // calldata: {instances} instances of 32 bytes, then {proof_length} bytes of proof\n{}\
         // With the Yul optimizer on it does not compile; through viaIR the optimizer leaves a contract that refuses every proof, and does not deploy.\n",
        hex(&key_digest),
        srs.k(),
        hex(&srs.setup_id()),
        compiler_lines(),
    );
    let license = "// SPDX-License-Identifier: MIT\n";
    let body = code
        .trim()
        .strip_prefix(license.trim_end())
        .unwrap_or(code)
        .trim_start();
    let body: String = body
        .lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect();
    format!("{license}{comment}{body}")
}
