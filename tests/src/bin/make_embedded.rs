//! Compiles what the binary holds of the contracts: `make_embedded REPOSITORY OUT`.
//!
//! Writes `contracts.json`, creation code and ABI of our contracts, and `Halo2UniversalVerifier.json`, the universal contract
//! of this build's constraint system. The same sources give the same bytes. Called by `scripts/make_embedded.sh`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use laminate_aggregator::evm::{
    SOLC_VERSION, SolcCompiler, SourceTree, UniversalTemplate, settings_digest,
};
use laminate_aggregator::keys::{ProvingKey, required_k};
use laminate_aggregator::srs::Srs;
use laminate_protocol::fold::FoldMode;
use laminate_protocol::public::INSTANCES;
use laminate_protocol::verify::Verifier;
use laminate_tests::random;
use serde_json::json;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// What `laminate deploy` deploys besides generated verifiers.
const CONTRACTS: [&str; 8] = [
    "FraudScreen",
    "InferenceVerifier",
    "ModelRegistry",
    "RoutedVerifier",
    "RoutedWeightVerifier",
    "UniversalVerifier",
    "VerifierRouter",
    "WeightVerifier",
];

fn main() -> Outcome<()> {
    let paths: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let [repository, out] = paths.as_slice() else {
        return Err("usage: make_embedded REPOSITORY OUT".into());
    };
    let compiler = SolcCompiler::find(repository)?;
    fs::create_dir_all(out)?;
    fs::write(
        out.join("contracts.json"),
        contracts(repository, &compiler)?,
    )?;
    // Any program has the constraint system of all.
    let program = random::program(1, 0, 3).program;
    let verifier = Verifier::new(program)?;
    let srs = Srs::development(required_k(&verifier, FoldMode::On)?)?;
    let key = ProvingKey::derive(&verifier, FoldMode::On, &srs)?.verifying_key();
    let template = UniversalTemplate::compile(&srs, &key.vk, INSTANCES, &compiler)?;
    fs::write(
        out.join("Halo2UniversalVerifier.json"),
        template.to_json(),
    )?;
    Ok(())
}

fn contracts(repository: &Path, compiler: &SolcCompiler) -> Outcome<String> {
    let sources = SourceTree::contracts(repository)?;
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
    let compiled = compiler.compile(&sources, &CONTRACTS)?.into_iter();
    let contracts: BTreeMap<String, serde_json::Value> = compiled
        .map(|(name, c)| (name, json!({ "abi": c.abi, "creation": hex(&c.creation) })))
        .collect();
    let file = json!({
        "magic": "laminate contracts",
        "version": 1,
        "solcVersion": SOLC_VERSION,
        "settings": settings_digest(),
        "sources": sources.digest(),
        "contracts": contracts,
    });
    Ok(serde_json::to_string_pretty(&file)? + "\n")
}
