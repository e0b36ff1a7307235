//! The contracts on the embedded chain and behind a real node.
//!
//! Bytecode is this build's. Where only the way around the generated verifier is tested, small programs stand for it:
//! the real one, with a real proof, is in the end-to-end tests.

mod anvil;
mod audit;
mod commands;
mod eligibility;
mod embedded;
mod faults;
mod fixture;
mod forest;
mod gas;
mod networks;
mod node;
mod poll;
mod proxy;
mod records;
mod resume;
mod sentences;
mod serve;
mod universal;

use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B256, Bytes, keccak256};
use halo2curves_axiom::bn256::{Fr, G1Affine};
use laminate_aggregator::evm::UniversalTemplate;
use laminate_aggregator::prove::{AggregationProof, Target};
use laminate_aggregator::srs::development_s_g2;
use laminate_engine::deferred::Deferred;
use laminate_engine::fold::FoldMode;
use laminate_model::public::PublicValues;

use super::artifacts;
use super::bundle::{Bundle, Contract, VERSION, VerifierInfo, WeightInfo};
use super::refusal;
use super::registry::{NewModel, Submission};
use super::universal::{Mode, UniversalInfo};

/// Runtime code that accepts: `STOP`.
const ACCEPT: &[u8] = &[0x00];
/// Runtime code that refuses: `REVERT(0, 0)`.
const REFUSE: &[u8] = &[0x60, 0x00, 0x60, 0x00, 0xfd];
/// Bytes of the stand-in's proof.
const PROOF_LENGTH: u32 = 64;

/// Runs a test body where no reactor is needed.
fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

/// The name of a refusal.
fn name<T: std::fmt::Debug>(result: eyre::Result<T>) -> String {
    let error = result.unwrap_err();
    refusal(&error)
        .unwrap_or_else(|| panic!("not a refusal: {error:?}"))
        .name
        .clone()
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Creation code that returns the runtime code behind it.
fn creation(runtime: &[u8]) -> Bytes {
    let [high, low] = u16::try_from(runtime.len()).unwrap().to_be_bytes();
    // PUSH2 length, DUP1, PUSH1 12, PUSH1 0, CODECOPY, PUSH1 0, RETURN
    let prefix = [
        0x61, high, low, 0x80, 0x60, 12, 0x60, 0, 0x39, 0x60, 0, 0xf3,
    ];
    [prefix.as_slice(), runtime].concat().into()
}

/// A bundle of our contracts around the given runtime code.
fn bundle(halo2: &[u8]) -> Option<Bundle> {
    bundle_with(halo2, None)
}

/// The same with a verifier of commitment proofs.
fn bundle_with(halo2: &[u8], weights: Option<&[u8]>) -> Option<Bundle> {
    let info = VerifierInfo {
        version: VERSION,
        mode: Mode::Direct,
        universal: None,
        program_name: "stand-in".into(),
        program_digest: B256::with_last_byte(1),
        weight_commitment: Some(B256::with_last_byte(2)),
        output_count: 1,
        output_words: 1,
        output_scale: 14,
        verifier_program: None,
        input: None,
        output_width: 1,
        fold: FoldMode::On,
        output_tokens: false,
        output_prompt: 0,
        output_packing: Default::default(),
        output_lead: Default::default(),
        terms: 1,
        proof_length: PROOF_LENGTH,
        weights: weights.map(|_| WeightInfo {
            program_digest: B256::with_last_byte(3),
            terms: 1,
            proof_length: PROOF_LENGTH,
            vk_digest: B256::ZERO,
            universal: None,
        }),
        development_srs: false,
        srs_digest: B256::ZERO,
        vk_digest: B256::ZERO,
        solc_version: "0.8.19".into(),
    };
    let made = Bundle::new(info, |contract| {
        Ok(match (contract, weights) {
            (Contract::Halo2Verifier, _) => creation(halo2),
            (Contract::WeightHalo2Verifier, Some(weights)) => creation(weights),
            _ => artifacts::of(contract)?.creation.clone(),
        })
    });
    Some(made.unwrap())
}

/// A universal bundle of a program whose verifying key is two words of its number, around the given generated verifier.
fn universal_bundle(halo2: &[u8], program: u8, weights: bool) -> Option<Bundle> {
    universal_around((creation(halo2), halo2), false, program, weights)
}

/// The same around this build's generated verifier with the development string: no other is taken from a folder.
fn genuine_universal_bundle(program: u8, weights: bool) -> Option<Bundle> {
    let template = UniversalTemplate::embedded().unwrap();
    let code = template.contract(&development_s_g2()).unwrap();
    let bundle = universal_around(
        (code.creation.into(), &code.runtime),
        true,
        program,
        weights,
    );
    let program = template.program(&development_s_g2()).unwrap();
    bundle.map(|bundle| bundle.with_program(program))
}

fn universal_around(
    (halo2, runtime): (Bytes, &[u8]),
    development: bool,
    program: u8,
    weights: bool,
) -> Option<Bundle> {
    let universal = |digest: B256, key: u8| {
        let key = Bytes::from(vec![key; 64]);
        UniversalInfo::of_words(digest, key, keccak256(runtime), PROOF_LENGTH)
    };
    let mut info = bundle_with(ACCEPT, weights.then_some(ACCEPT))?.info;
    info.mode = Mode::Universal;
    info.development_srs = development;
    info.program_digest = B256::with_last_byte(program);
    info.universal = Some(universal(info.program_digest, program));
    if let Some(weights) = &mut info.weights {
        weights.universal = Some(universal(weights.program_digest, program + 100));
    }
    let made = Bundle::new(info, |contract| {
        Ok(match contract {
            Contract::Halo2UniversalVerifier => halo2.clone(),
            _ => artifacts::of(contract)?.creation.clone(),
        })
    });
    Some(made.unwrap())
}

/// A model without a description or a commitment proof.
fn new_model(program: B256, weights: B256, verifier: Address) -> NewModel<'static> {
    NewModel {
        program_digest: program,
        weight_commitment: weights,
        verifier,
        metadata_hash: B256::ZERO,
        weight_proof: None,
    }
}

/// A proof of nothing: one point, and the bytes that the stand-in verifiers take.
fn stand_in(statement: Vec<Fr>) -> AggregationProof {
    let public = PublicValues {
        outputs: 1,
        statement,
        deferred: Deferred {
            terms: vec![(Fr::from(2), G1Affine::generator())],
            generator: Fr::from(3),
            left: vec![Fr::from(0)],
        },
    };
    AggregationProof {
        digest: public.digest(),
        public,
        target: Target::Contract,
        proof: vec![7; PROOF_LENGTH as usize],
    }
}

/// A statement of the bundle's program with one output.
fn submission(weights: u64, input: u64, output: i32) -> Submission {
    let output = u64::try_from(output + (1 << 15)).unwrap();
    let fields = [1, weights, input, output].map(Fr::from);
    Submission::new(&stand_in(fields.to_vec())).unwrap()
}

#[test]
fn a_bundle_survives_its_folder_and_refuses_what_is_wrong() {
    let Some(bundle) = bundle(ACCEPT) else { return };
    let dir = tempfile::tempdir().unwrap();
    let refused = |what: &str| {
        let text = format!("{:#}", Bundle::read(dir.path()).unwrap_err());
        assert!(text.contains(what), "{text}");
    };
    refused("laminate verifier DIR");
    bundle.write(dir.path()).unwrap();
    assert_eq!(Bundle::read(dir.path()).unwrap(), bundle);

    let json = dir.path().join("verifier.json");
    let text = std::fs::read_to_string(&json).unwrap();
    for (from, to, what) in [
        ("\"version\": 5", "\"version\": 6", "version 6"),
        ("\"terms\": 1,", "\"terms\": 5000,", "5000 points"),
        ("\"outputWords\": 1", "\"outputWords\": 2", "2 output words"),
        ("\"proofLength\": 64", "\"proofLength\": 63", "63 bytes"),
        ("\"vkDigest\"", "\"vkdigest\"", "vkdigest"),
    ] {
        assert!(text.contains(from), "{text}");
        std::fs::write(&json, text.replace(from, to)).unwrap();
        refused(what);
    }
    std::fs::write(&json, &text[..text.len() / 2]).unwrap();
    refused("malformed");
    std::fs::write(&json, &text).unwrap();

    let code = dir
        .path()
        .join(format!("{}.bin", Contract::ModelRegistry.name()));
    for (content, what) in [
        ("60xx", "not creation code"),
        ("", "0 bytes"),
        (&"00".repeat(49_153), "49153 bytes"),
    ] {
        std::fs::write(&code, content).unwrap();
        refused(what);
    }
    std::fs::remove_file(&code).unwrap();
    refused("ModelRegistry.bin");
}

/// The contracts take one opening; blinds hide no more.
#[test]
fn proofs_of_several_openings_are_no_submissions() {
    let mut proof = stand_in([1, 2, 3, 4].map(Fr::from).to_vec());
    assert!(Submission::new(&proof).is_ok());
    proof.public.deferred.left = vec![Fr::from(1), Fr::from(5)];
    let error = Submission::new(&proof).unwrap_err().to_string();
    assert!(error.contains("3 openings"), "{error}");
}
