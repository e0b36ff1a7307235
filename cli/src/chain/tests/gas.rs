//! Gas as `contracts/snapshots` has it, against whole transactions on the embedded chain; `node.rs` compares that with
//! a real node.

use std::fs;

use alloy::primitives::{Address, B256, Bytes, U256, address};
use laminate_aggregator::evm::SolcCompiler;
use serde::Deserialize;
use serde_json::Value;

use super::super::bundle::{Bundle, Contract, VerifierInfo};
use super::super::contracts::FraudScreen;
use super::super::deploy::{Plan, deploy};
use super::super::registry::{Registry, Submission};
use super::super::{Chain, artifacts};
use super::{anvil, new_model, wait, workspace};

const PAYEE: Address = address!("0x0000000000000000000000000000000000000b0b");

/// A real proof of the fraud model (`contracts/test/fixtures`).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fixture {
    program_digest: B256,
    weight_commitment: B256,
    input_commitment: B256,
    output_words: Vec<B256>,
    proof: Bytes,
}

fn read<T: for<'a> Deserialize<'a>>(path: &str) -> T {
    let text = fs::read(workspace().join("contracts").join(path)).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// The repository's own generated verifier with the contracts around it.
fn fraud() -> Option<Bundle> {
    if !workspace().join("node_modules/solc").exists() {
        anvil::missing("node_modules/solc");
        return None;
    }
    let path = workspace().join("contracts/src/generated/Halo2Verifier.sol");
    let source = fs::read_to_string(path).unwrap();
    let compiler = SolcCompiler::find(&workspace()).unwrap();
    let halo2 = compiler.compile_verifier(&source).unwrap().creation;
    let info: VerifierInfo = read("src/generated/verifier.json");
    let made = Bundle::new(info, |contract| {
        Ok(match contract {
            Contract::Halo2Verifier => halo2.clone().into(),
            _ => artifacts::of(contract)?.creation.clone(),
        })
    });
    Some(made.unwrap())
}

#[test]
fn whole_transactions_cost_what_the_snapshots_say() {
    wait(async {
        let Some(bundle) = fraud() else { return };
        let fixture: Fixture = read("test/fixtures/fraud.json");
        let mut chain = Chain::embedded();
        let plan = Plan {
            screen: true,
            ..Plan::default()
        };
        let manifest = deploy(&mut chain, &bundle, plan, |_| ()).await.unwrap();
        let registry = Registry {
            address: manifest.model_registry.address,
        };
        let verifier = manifest.inference_verifier.address;
        let weights = fixture.weight_commitment;
        let model = new_model(fixture.program_digest, weights, verifier);
        let model = registry.register(&mut chain, &model).await.unwrap();
        let proof = Submission {
            program_digest: fixture.program_digest,
            weight_commitment: weights,
            input_commitment: fixture.input_commitment,
            output: fixture.output_words.iter().flatten().copied().collect(),
            proof: fixture.proof,
        };
        let submitted = registry.submit(&mut chain, model.model_id, &proof).await;

        let screen = manifest.fraud_screen.unwrap().address;
        let create = FraudScreen::createPaymentCall {
            payee: PAYEE,
            modelId: model.model_id,
            inputCommitment: proof.input_commitment,
            threshold: 16384,
            deadline: chain.timestamp().await.unwrap() + 3600,
        };
        chain.write(screen, &create, U256::from(1)).await.unwrap();
        let settle = FraudScreen::settleCall {
            paymentId: U256::from(1),
            output: proof.output,
            proof: proof.proof,
        };
        let settled = chain.write(screen, &settle, U256::ZERO).await.unwrap();

        let snapshot: Value = read("snapshots/Fraud.json");
        for (name, found) in [
            ("submit", submitted.unwrap().receipt.gas_used),
            ("settle", settled.gas_used),
        ] {
            let expected: u64 = snapshot[name].as_str().unwrap().parse().unwrap();
            // Ids and addresses differ in their zero bytes, which cost 12 gas less each in calldata.
            assert!(
                found.abs_diff(expected) < 500,
                "{name}: {found} gas, contracts/snapshots/Fraud.json says {expected}"
            );
        }
    });
}
