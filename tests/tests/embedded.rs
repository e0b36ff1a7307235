//! The contracts in the binary are, byte for byte, what the pinned compiler makes of the sources. `LAMINATE_BLESS=1` writes
//! them anew; `scripts/make_embedded.sh` does that.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use laminate_aggregator::evm::{
    SOLC_VERSION, SolcCompiler, SourceTree, UniversalTemplate, settings_digest,
};
use laminate_aggregator::keys::{ProvingKey, required_k};
use laminate_aggregator::packed::Opening;
use laminate_aggregator::srs::Srs;
use laminate_engine::fold::FoldMode;
use laminate_model::public::INSTANCES;
use laminate_model::verify::Verifier;
use laminate_tests::{golden, random};
use serde_json::json;

/// What `laminate deploy`, `laminate poll` and the demo deploy besides generated verifiers.
const CONTRACTS: [&str; 11] = [
    "CredentialRoots",
    "EligibilityPoll",
    "FeeHook",
    "FraudScreen",
    "InferenceVerifier",
    "ModelRegistry",
    "RoutedVerifier",
    "RoutedWeightVerifier",
    "UniversalVerifier",
    "VerifierRouter",
    "WeightVerifier",
];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The compiler; `None` only where `LAMINATE_SKIP_CONTRACT_TESTS=1` says that it may be missing.
fn compiler() -> Option<SolcCompiler> {
    match SolcCompiler::find(&workspace()) {
        Ok(compiler) => Some(compiler),
        Err(error) => {
            let skip = std::env::var_os("LAMINATE_SKIP_CONTRACT_TESTS");
            assert!(skip.is_some_and(|value| value == "1"), "{error}");
            println!("skipped: {error}");
            None
        }
    }
}

#[test]
fn our_contracts_are_what_the_compiler_makes() {
    let Some(compiler) = compiler() else { return };
    let sources = SourceTree::contracts(&workspace()).expect("sources");
    let compiled = compiler.compile(&sources, &CONTRACTS).expect("compiled");
    let contracts: BTreeMap<String, serde_json::Value> = compiled
        .into_iter()
        .map(|(name, c)| {
            let creation = hex::encode(&c.creation);
            (name, json!({ "abi": c.abi, "creation": creation }))
        })
        .collect();
    let file = json!({
        "magic": "laminate contracts",
        "version": 1,
        "solcVersion": SOLC_VERSION,
        "settings": settings_digest(),
        "sources": sources.digest(),
        "contracts": contracts,
    });
    let text = serde_json::to_string_pretty(&file).expect("JSON") + "\n";
    golden::check("../../cli/embedded/contracts.json", text.as_bytes());
}

/// Keys of any program: all have one constraint system.
fn keys(srs_k: impl Fn(u32) -> u32) -> (Srs, ProvingKey) {
    let verifier = Verifier::new(random::program(1, 0, 3).program).expect("program");
    let k = required_k(&verifier, FoldMode::On).expect("size");
    let srs = Srs::development(srs_k(k)).expect("string");
    let keys = ProvingKey::derive(&verifier, FoldMode::On, &srs).expect("keys");
    (srs, keys)
}

#[test]
fn the_universal_verifier_is_what_the_compiler_makes() {
    let Some(compiler) = compiler() else { return };
    let (srs, keys) = keys(|k| k);
    let key = keys.verifying_key().vk;
    let template = UniversalTemplate::compile(&srs, &key, INSTANCES, &compiler).expect("compiled");
    let file = "../../aggregator/src/evm/universal/Halo2UniversalVerifier.json";
    golden::check(file, template.to_json().as_bytes());
}

#[test]
fn the_universal_verifier_of_packed_proofs_is_what_the_compiler_makes() {
    let Some(compiler) = compiler() else { return };
    let (srs, keys) = keys(|k| Opening::Packed.required_k(k));
    let keys = keys.with_opening(Opening::Packed, &srs).expect("packed");
    let key = keys.verifying_key();
    let pack = key.meta.packed.as_ref().expect("packed");
    let template = UniversalTemplate::compile_packed(&srs, &key.vk, pack, INSTANCES, &compiler);
    let file = "../../aggregator/src/evm/universal/Halo2PackedVerifier.json";
    golden::check(file, template.expect("compiled").to_json().as_bytes());
}
