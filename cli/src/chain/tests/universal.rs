//! Programs that share one verifier, on the embedded chain.

use alloy::primitives::{Address, B256, U256, address, keccak256};
use alloy::sol_types::SolConstructor;
use halo2curves_axiom::bn256::Fr;
use laminate_aggregator::evm::UniversalTemplate;
use laminate_aggregator::srs::development_s_g2;

use super::super::bundle::{Bundle, Contract, PROGRAM_FILE};
use super::super::contracts::{UniversalVerifier, VerifierRouter};
use super::super::deploy::{Plan, Router, deploy};
use super::super::manifest::Manifest;
use super::super::registry::{NewModel, Registry, Submission, require_calls};
use super::super::universal::UniversalInfo;
use super::super::{Chain, code};
use super::{
    ACCEPT, REFUSE, bundle, creation, genuine_universal_bundle, name, new_model, stand_in,
    universal_bundle, wait,
};

const STRANGER: Address = address!("0x00000000000000000000000000000000000beef0");

async fn deployed(chain: &mut Chain, bundle: &Bundle, plan: Plan) -> (Manifest, Vec<String>) {
    let mut names = Vec::new();
    let manifest = deploy(chain, bundle, plan, |step| names.push(step.name())).await;
    (manifest.unwrap(), names)
}

async fn refused(chain: &mut Chain, bundle: &Bundle, plan: Plan, expected: &str) {
    let result = deploy(chain, bundle, plan, |_| panic!("deployed")).await;
    let text = format!("{:#}", result.unwrap_err());
    assert!(text.contains(expected), "{text}");
}

fn model(manifest: &Manifest) -> NewModel<'static> {
    new_model(
        manifest.registered_digest(),
        B256::with_last_byte(2),
        manifest.inference_verifier.address,
    )
}

/// A proof of a program, as a deployment takes it.
fn submission(program: u64, manifest: &Manifest) -> Submission {
    let fields = [program, 2, 3, 40_000].map(Fr::from);
    Submission::of_inference(&stand_in(fields.to_vec()), manifest).unwrap()
}

#[test]
fn two_programs_share_one_verifier_and_neither_passes_for_the_other() {
    wait(async {
        let Some(first) = universal_bundle(ACCEPT, 1, false) else {
            return;
        };
        let second = universal_bundle(ACCEPT, 2, false).unwrap();
        let mut chain = Chain::embedded();
        let (one, names) = deployed(&mut chain, &first, Plan::default()).await;
        assert_eq!(
            names,
            [
                "Halo2UniversalVerifier",
                "UniversalVerifier",
                "RoutedVerifier",
                "ModelRegistry"
            ]
        );
        let universal = one.universal.clone().unwrap();
        let plan = Plan {
            registry: Some(one.model_registry.address),
            universal: Some(universal.verifier.address),
            ..Plan::default()
        };
        let (two, names) = deployed(&mut chain, &second, plan).await;
        assert_eq!(names, ["RoutedVerifier"]);
        assert_eq!(two.universal.as_ref().unwrap().verifier, universal.verifier);

        // The digest that the contract computes is the one that is registered.
        let call = UniversalVerifier::programDigestOfCall {
            verifyingKey: universal.inference.verifying_key.clone(),
            circuitDigest: one.program_digest,
        };
        let found = chain.read(universal.verifier.address, &call).await;
        assert_eq!(found.unwrap(), one.registered_digest());
        assert_ne!(one.registered_digest(), one.program_digest);
        // It is for that verifier alone: another generated verifier, another digest for the same key.
        let other = universal_bundle(REFUSE, 1, false).unwrap().info;
        let other = other.universal.unwrap();
        assert_eq!(
            other.verifying_key, universal.inference.verifying_key,
            "the same key"
        );
        assert_ne!(other.program_digest, one.registered_digest());

        let registry = Registry {
            address: one.model_registry.address,
        };
        let mut ids = Vec::new();
        for manifest in [&one, &two] {
            let registered = registry.register(&mut chain, &model(manifest)).await;
            ids.push(registered.unwrap().model_id);
        }
        for (own, other, manifest, program) in [(0, 1, &one, 1), (1, 0, &two, 2)] {
            let proof = submission(program, manifest);
            let foreign = registry.verify(&mut chain, ids[other], &proof).await;
            assert_eq!(name(foreign), "ProgramDigestMismatch");
            // The key of this program, but the circuit of another.
            let foreign = submission(3 - program, manifest);
            let foreign = registry.verify(&mut chain, ids[own], &foreign).await;
            assert_eq!(name(foreign), "ProgramDigestMismatch");
            let mut short = proof.clone();
            short.proof = short.proof.slice(..short.proof.len() - 32);
            let short = registry.verify(&mut chain, ids[own], &short).await;
            assert_eq!(name(short), "ProofLengthWithoutTerms");
            registry.submit(&mut chain, ids[own], &proof).await.unwrap();
        }
    });
}

#[test]
fn a_universal_verifier_that_is_not_the_expected_one_is_refused() {
    wait(async {
        let Some(own) = universal_bundle(ACCEPT, 1, false) else {
            return;
        };
        let mut chain = Chain::embedded();
        let at = |address| Plan {
            universal: Some(address),
            ..Plan::default()
        };
        refused(&mut chain, &own, at(STRANGER), "no contract").await;
        let other = universal_bundle(REFUSE, 1, false).unwrap();
        let (other, _) = deployed(&mut chain, &other, Plan::default()).await;
        let other_verifier = other.universal.unwrap().verifier.address;
        let expected = "not the generated verifier of this constraint system";
        refused(&mut chain, &own, at(other_verifier), expected).await;
        let registry = other.model_registry.address;
        refused(&mut chain, &own, at(registry), "not a UniversalVerifier").await;
        // The right generated verifier, but proofs of another length.
        let mut longer = own.clone();
        longer.info.proof_length += 32;
        let universal = longer.info.universal.as_mut().unwrap();
        *universal = UniversalInfo::of_words(
            longer.info.program_digest,
            universal.verifying_key.clone(),
            universal.halo2_code_hash,
            longer.info.proof_length,
        );
        let (longer, _) = deployed(&mut chain, &longer, Plan::default()).await;
        let longer = longer.universal.unwrap().verifier.address;
        let expected = "not this build's UniversalVerifier";
        refused(&mut chain, &own, at(longer), expected).await;
        let direct = bundle(ACCEPT).unwrap();
        refused(&mut chain, &direct, at(longer), "without --mode direct").await;
    });
}

#[test]
fn a_model_is_registered_with_a_commitment_proof_of_the_same_verifier() {
    wait(async {
        let Some(bundle) = universal_bundle(ACCEPT, 1, true) else {
            return;
        };
        let mut chain = Chain::embedded();
        let (manifest, names) = deployed(&mut chain, &bundle, Plan::default()).await;
        assert_eq!(
            names[2..],
            ["RoutedWeightVerifier", "RoutedVerifier", "ModelRegistry"]
        );
        assert_eq!(manifest.contracts().len(), 5);
        let registry = Registry {
            address: manifest.model_registry.address,
        };
        let mut model = model(&manifest);
        let missing = registry.register(&mut chain, &model).await;
        assert_eq!(name(missing), "WeightProofRequired");
        let mut proof = stand_in([3, 2, 5].map(Fr::from).to_vec());
        proof.public.outputs = 0;
        let foreign = Submission::of_inference(&proof, &manifest).unwrap();
        model.weight_proof = Some(&foreign);
        let foreign = registry.register(&mut chain, &model).await;
        assert_eq!(name(foreign), "ProgramDigestMismatch");
        let proof = Submission::of_weights(&proof, &manifest).unwrap();
        model.weight_proof = Some(&proof);
        registry.register(&mut chain, &model).await.unwrap();
    });
}

#[test]
fn proofs_go_through_a_router_by_the_selector_of_their_verifier() {
    wait(async {
        let Some(first) = universal_bundle(ACCEPT, 1, false) else {
            return;
        };
        let second = universal_bundle(ACCEPT, 2, false).unwrap();
        let mut chain = Chain::embedded();
        let plan = Plan {
            router: Router::New,
            ..Plan::default()
        };
        let (one, names) = deployed(&mut chain, &first, plan).await;
        assert_eq!(names[2..4], ["VerifierRouter", "VerifierRouter.addRoute"]);
        let record = one.universal.clone().unwrap();
        let router = record.router.unwrap();
        let call = UniversalVerifier::selectorCall {};
        let found = chain.read(record.verifier.address, &call).await;
        assert_eq!(found.unwrap(), router.selector);

        let address = router.contract.address;
        let mut plan = Plan {
            router: Router::At(address),
            ..Plan::default()
        };
        refused(&mut chain, &second, plan, "give --universal").await;
        plan.universal = Some(record.verifier.address);
        let (two, names) = deployed(&mut chain, &second, plan).await;
        assert_eq!(names, ["RoutedVerifier", "ModelRegistry"]);
        for (manifest, program) in [(&one, 1), (&two, 2)] {
            let registry = Registry {
                address: manifest.model_registry.address,
            };
            let registered = registry.register(&mut chain, &model(manifest)).await;
            let id = registered.unwrap().model_id;
            let mut proof = submission(program, manifest);
            registry.submit(&mut chain, id, &proof).await.unwrap();
            let mut bytes = proof.proof.to_vec();
            bytes[0] ^= 1;
            proof.proof = bytes.into();
            let astray = registry.verify(&mut chain, id, &proof).await;
            assert_eq!(name(astray), "RouteNotFound");
        }

        // A route to anything else lets whoever shows a proof choose who judges it.
        require_calls(&mut chain, &one).await.unwrap();
        let other = UniversalVerifier::constructorCall {
            verifier: one.halo2_verifier.address,
            keyLength: U256::from(32),
            halo2ProofLength: U256::from(64),
        };
        let creation = first.code(Contract::UniversalVerifier);
        let other = chain.deploy(creation, &other.abi_encode()).await.unwrap();
        let call = UniversalVerifier::selectorCall {};
        let selector = chain.read(other.address, &call).await.unwrap();
        assert_ne!(selector, router.selector);
        let call = VerifierRouter::addRouteCall {
            selector,
            verifier: other.address,
        };
        chain.write(address, &call, U256::ZERO).await.unwrap();
        let error = require_calls(&mut chain, &one).await.unwrap_err();
        assert!(format!("{error:#}").contains("also sends"), "{error:#}");
        refused(&mut chain, &second, plan, "also sends").await;
        // A removed one accepts nothing.
        let call = VerifierRouter::removeRouteCall { selector };
        chain.write(address, &call, U256::ZERO).await.unwrap();
        require_calls(&mut chain, &one).await.unwrap();
        deployed(&mut chain, &second, plan).await;

        // Only its owner can add a route.
        let arguments = code::router_arguments(STRANGER);
        let creation = first.code(Contract::VerifierRouter);
        let foreign = chain.deploy(creation, &arguments).await.unwrap().address;
        plan.router = Router::At(foreign);
        refused(&mut chain, &second, plan, "only its owner").await;
        plan.router = Router::At(one.model_registry.address);
        refused(&mut chain, &second, plan, "not this build's VerifierRouter").await;
        assert_eq!(chain.balance(foreign).await.unwrap(), U256::ZERO);
    });
}

#[test]
fn a_universal_bundle_survives_its_folder_and_refuses_keys_of_another_digest() {
    let Some(bundle) = genuine_universal_bundle(1, true) else {
        return;
    };
    let halo2 = code::halo2_universal(&bundle).unwrap();
    let dir = tempfile::tempdir().unwrap();
    bundle.write(dir.path()).unwrap();
    assert_eq!(Bundle::read(dir.path()).unwrap(), bundle);
    let json = dir.path().join("verifier.json");
    let text = std::fs::read_to_string(&json).unwrap();
    let key = |byte: &str| format!("\"0x{}\"", byte.repeat(64));
    let hash = |code: &[u8]| format!("\"{}\"", keccak256(code));
    for (from, to, what) in [
        (key("01"), key("02"), "universal program digest"),
        (key("65"), key("66"), "universal program digest"),
        (key("01"), "\"0x\"".into(), "0 bytes"),
        (hash(&halo2), hash(REFUSE), "universal program digest"),
        (
            "\"developmentSrs\": true".into(),
            "\"developmentSrs\": false".into(),
            "holds the development reference string",
        ),
        (
            "\"mode\": \"universal\"".into(),
            "\"mode\": \"direct\"".into(),
            "mode \"direct\"",
        ),
        (
            "\"proofLength\": 64,\n  \"weights\"".into(),
            "\"proofLength\": 96,\n  \"weights\"".into(),
            "for proofs of 64 bytes",
        ),
    ] {
        assert!(text.contains(&from), "{from}: {text}");
        std::fs::write(&json, text.replace(&from, &to)).unwrap();
        let error = format!("{:#}", Bundle::read(dir.path()).unwrap_err());
        assert!(error.contains(what), "{error}");
    }
    // The verifier as data: another program, with its digest or without, and none.
    let own = bundle.info.verifier_program.unwrap().to_string();
    let file = dir.path().join(PROGRAM_FILE);
    let program = std::fs::read_to_string(&file).unwrap();
    let other = UniversalTemplate::embedded_packed().unwrap();
    let other = other.program(&development_s_g2()).unwrap();
    let other_digest = B256::from(other.digest).to_string();
    for (program, digest) in [
        (&program, &other_digest),
        (&other.text, &own),
        (&other.text, &other_digest),
        (&program.replacen("[\"+\"", "[\"*\"", 1), &own),
    ] {
        std::fs::write(&json, text.replace(&own, digest)).unwrap();
        std::fs::write(&file, program).unwrap();
        let error = format!("{:#}", Bundle::read(dir.path()).unwrap_err());
        let expected = "is not that of the universal verifier beside it";
        assert!(error.contains(expected), "{error}");
    }
    std::fs::write(&json, &text).unwrap();
    std::fs::remove_file(&file).unwrap();
    let error = format!("{:#}", Bundle::read(dir.path()).unwrap_err());
    assert!(error.contains(PROGRAM_FILE), "{error}");
}

/// A digest binds the code that reads its key: neither a folder nor a record may pair it with another.
#[test]
fn digests_for_another_generated_verifier_are_refused() {
    wait(async {
        let Some(bundle) = universal_bundle(ACCEPT, 1, true) else {
            return;
        };
        let dir = tempfile::tempdir().unwrap();
        bundle.write(dir.path()).unwrap();
        let error = Bundle::read(dir.path()).unwrap_err();
        let own = "not this build's universal verifier";
        assert!(format!("{error:#}").contains(own), "{error:#}");
        let swapped = Bundle::new(bundle.info.clone(), |contract| {
            Ok(match contract {
                Contract::Halo2UniversalVerifier => creation(REFUSE),
                _ => bundle.code(contract).clone(),
            })
        });
        let swapped = swapped.unwrap();
        let mut chain = Chain::embedded();
        let expected = "is for a generated verifier with code hash";
        refused(&mut chain, &swapped, Plan::default(), expected).await;

        let (manifest, _) = deployed(&mut chain, &bundle, Plan::default()).await;
        let path = dir.path().join("deployment.json");
        manifest.write(&path).unwrap();
        assert_eq!(Manifest::read(&path).unwrap(), manifest);
        let mut altered = manifest.clone();
        altered.halo2_verifier.code_hash = keccak256(REFUSE);
        altered.write(&path).unwrap();
        let error = format!("{:#}", Manifest::read(&path).unwrap_err());
        assert!(error.contains(expected), "{error}");
    });
}
