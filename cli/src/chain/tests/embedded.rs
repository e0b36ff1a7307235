//! Our contracts on the embedded chain: what is accepted, what is refused, and in which words.

use alloy::primitives::{Address, B256, Bytes, U256, address};
use halo2curves_axiom::bn256::Fr;

use super::super::contracts::FraudScreen;
use super::super::deploy::{Plan, Step, deploy};
use super::super::manifest::Manifest;
use super::super::registry::{Registry, Submission, decode_output};
use super::super::{CODE_LIMIT, Chain, EmbeddedChain, LOCAL_CHAIN_ID};
use super::{
    ACCEPT, REFUSE, bundle, bundle_with, creation, name, new_model, stand_in, submission, wait,
};

const PAYEE: Address = address!("0x00000000000000000000000000000000000beef0");

async fn deployed(halo2: &[u8]) -> Option<(Chain, Manifest, Registry)> {
    let mut chain = Chain::embedded();
    let mut steps = 0;
    let plan = Plan {
        screen: true,
        ..Plan::default()
    };
    let manifest = deploy(&mut chain, &bundle(halo2)?, plan, |_| steps += 1)
        .await
        .unwrap();
    assert_eq!(steps, 4);
    let registry = Registry {
        address: manifest.model_registry.address,
    };
    Some((chain, manifest, registry))
}

/// Where inferences do not show that the weights are in range, a model is registered with a proof that does.
#[test]
fn a_model_is_registered_with_its_commitment_proof() {
    wait(async {
        for (halo2, accepts) in [(ACCEPT, true), (REFUSE, false)] {
            let Some(bundle) = bundle_with(ACCEPT, Some(halo2)) else {
                return;
            };
            let mut chain = Chain::embedded();
            let mut names = vec![];
            let note = |step: &Step| names.push(step.contract.name());
            let manifest = deploy(&mut chain, &bundle, Plan::default(), note)
                .await
                .unwrap();
            assert_eq!(
                names,
                [
                    "Halo2Verifier",
                    "WeightHalo2Verifier",
                    "WeightVerifier",
                    "InferenceVerifier",
                    "ModelRegistry"
                ]
            );
            assert_eq!(manifest.contracts().len(), 5);
            let registry = Registry {
                address: manifest.model_registry.address,
            };
            let mut model = new_model(
                manifest.program_digest,
                B256::with_last_byte(2),
                manifest.inference_verifier.address,
            );
            let refused = registry.register(&mut chain, &model).await;
            assert_eq!(name(refused), "WeightProofRequired");
            let mut proof = stand_in([3, 2, 5].map(Fr::from).to_vec());
            proof.public.outputs = 0;
            let proof = Submission::new(&proof).unwrap();
            model.weight_proof = Some(&proof);
            let registered = registry.register(&mut chain, &model).await;
            if accepts {
                let id = registered.unwrap().model_id;
                let stored = registry.model(&mut chain, id).await.unwrap();
                assert_eq!(stored.weightCommitment, B256::with_last_byte(2));
            } else {
                assert_eq!(name(registered), "InvalidProof");
            }
        }
    });
}

#[test]
fn a_proof_is_submitted_once_for_its_model() {
    wait(async {
        let Some((mut chain, manifest, registry)) = deployed(ACCEPT).await else {
            return;
        };
        let (program, weights) = (manifest.program_digest, manifest.weight_commitment.unwrap());
        let verifier = manifest.inference_verifier.address;
        let model = registry
            .register(&mut chain, &new_model(program, weights, verifier))
            .await
            .unwrap();
        let stored = registry.model(&mut chain, model.model_id).await.unwrap();
        assert_eq!(
            (stored.verifier, stored.owner, stored.retired),
            (verifier, chain.sender().unwrap(), false)
        );
        assert_eq!(
            name(
                registry
                    .register(&mut chain, &new_model(program, weights, verifier))
                    .await
            ),
            "ModelExists"
        );

        let proof = submission(2, 3, 1234);
        let expected = registry
            .statement_hash(&mut chain, model.model_id, &proof)
            .await
            .unwrap();
        assert_eq!(
            registry
                .verify(&mut chain, model.model_id, &proof)
                .await
                .unwrap(),
            expected
        );
        assert_eq!(
            registry
                .dry_run(&mut chain, model.model_id, &proof)
                .await
                .unwrap(),
            expected
        );
        assert!(!registry.is_submitted(&mut chain, expected).await.unwrap());
        let submitted = registry
            .submit(&mut chain, model.model_id, &proof)
            .await
            .unwrap();
        assert_eq!(submitted.statement_hash, expected);
        assert!(registry.is_submitted(&mut chain, expected).await.unwrap());
        let found = registry.find(&mut chain, expected, manifest.block);
        let found = found.await.unwrap().unwrap();
        assert_eq!(found.block, submitted.receipt.block);
        assert_eq!(
            decode_output(
                &found.event.output,
                &Default::default(),
                Default::default(),
                1
            ),
            Some(vec![1234])
        );

        assert_eq!(
            name(registry.submit(&mut chain, model.model_id, &proof).await),
            "StatementReplayed"
        );
        assert_eq!(
            name(registry.submit(&mut chain, U256::from(9), &proof).await),
            "ModelNotFound"
        );
        let mut short = proof.clone();
        short.proof = short.proof.slice(..short.proof.len() - 32);
        assert_eq!(
            name(registry.verify(&mut chain, model.model_id, &short).await),
            "ProofLength"
        );
        let mut wide = proof.clone();
        wide.output = [[0; 29].as_slice(), &[1, 0, 0]].concat().into();
        assert_eq!(
            name(registry.verify(&mut chain, model.model_id, &wide).await),
            "OutputWordTooLarge"
        );
    });
}

#[test]
fn gas_is_that_of_a_receipt() {
    wait(async {
        let Some((mut chain, manifest, registry)) = deployed(ACCEPT).await else {
            return;
        };
        let weights = manifest.weight_commitment.unwrap();
        let verifier = manifest.inference_verifier.address;
        let model = registry
            .register(
                &mut chain,
                &new_model(manifest.program_digest, weights, verifier),
            )
            .await
            .unwrap();
        let receipt = registry
            .submit(&mut chain, model.model_id, &submission(2, 3, 5))
            .await
            .unwrap()
            .receipt;
        // Selector, 4 head words, length and output, length; digest, one point with its scalar, the generator's
        // scalar and the halo2 proof.
        assert_eq!(
            receipt.calldata_bytes,
            4 + 4 * 32 + 64 + 32 + (32 + 96 + 64) + 64
        );
        // Above: transaction, calldata at 4 to 16 gas a byte, one new storage slot. Below: nothing else is large.
        assert!(
            (21_000 + 4 * 452 + 22_100..120_000).contains(&receipt.gas_used),
            "{}",
            receipt.gas_used
        );
        // The same transfer as everywhere.
        assert_eq!(
            chain
                .send(PAYEE, Bytes::new(), U256::from(1))
                .await
                .unwrap()
                .gas_used,
            21_000
        );
        assert_eq!(chain.balance(PAYEE).await.unwrap(), U256::from(1));
    });
}

#[test]
fn what_the_generated_verifier_refuses_is_refused_in_words() {
    wait(async {
        let Some((mut chain, manifest, registry)) = deployed(REFUSE).await else {
            return;
        };
        let weights = manifest.weight_commitment.unwrap();
        let verifier = manifest.inference_verifier.address;
        let model = registry
            .register(
                &mut chain,
                &new_model(manifest.program_digest, weights, verifier),
            )
            .await
            .unwrap();
        let error = registry
            .submit(&mut chain, model.model_id, &submission(2, 3, 5))
            .await
            .unwrap_err();
        let text = format!("{error:#}");
        assert!(
            text.contains("InvalidProof") && text.contains("other weights"),
            "{text}"
        );
    });
}

#[test]
fn a_payment_settles_below_its_threshold_only() {
    wait(async {
        let Some((mut chain, manifest, registry)) = deployed(ACCEPT).await else {
            return;
        };
        let weights = manifest.weight_commitment.unwrap();
        let verifier = manifest.inference_verifier.address;
        let model = registry
            .register(
                &mut chain,
                &new_model(manifest.program_digest, weights, verifier),
            )
            .await
            .unwrap();
        let screen = manifest.fraud_screen.unwrap().address;
        let deadline = chain.timestamp().await.unwrap() + 3600;
        for (id, (score, accepted)) in [(8191, true), (8192, false)].into_iter().enumerate() {
            let id = U256::from(id + 1);
            let proof = submission(2, 100 + id.to::<u64>(), score);
            let create = FraudScreen::createPaymentCall {
                payee: PAYEE,
                modelId: model.model_id,
                inputCommitment: proof.input_commitment,
                threshold: 8192,
                deadline,
            };
            chain
                .write(screen, &create, U256::from(1000))
                .await
                .unwrap();
            assert_eq!(
                name(chain.write(screen, &create, U256::from(1000)).await),
                "CommitmentTaken"
            );
            let settle = FraudScreen::settleCall {
                paymentId: id,
                output: proof.output,
                proof: proof.proof,
            };
            let settled = chain.write(screen, &settle, U256::ZERO).await;
            match accepted {
                true => drop(settled.unwrap()),
                false => assert_eq!(name(settled), "ScoreNotBelowThreshold"),
            }
            let payment = chain
                .read(screen, &FraudScreen::getPaymentCall { paymentId: id })
                .await
                .unwrap();
            assert_eq!(payment.state, if accepted { 2 } else { 1 });
        }
        // The payee's to withdraw, whenever and wherever to.
        let call = FraudScreen::balanceOfCall { account: PAYEE };
        assert_eq!(chain.read(screen, &call).await.unwrap(), U256::from(1000));
        assert_eq!(chain.balance(PAYEE).await.unwrap(), U256::ZERO);
        let withdraw = FraudScreen::withdrawCall { to: PAYEE };
        assert_eq!(
            name(chain.write(screen, &withdraw, U256::ZERO).await),
            "NothingToWithdraw"
        );
        let refund = FraudScreen::refundCall {
            paymentId: U256::from(2),
        };
        assert_eq!(
            name(chain.write(screen, &refund, U256::ZERO).await),
            "DeadlineNotReached"
        );
    });
}

#[test]
fn addresses_without_the_right_contract_are_refused() {
    wait(async {
        let mut chain = Chain::embedded();
        let registry = Registry { address: PAYEE };
        let text = registry
            .model(&mut chain, U256::ZERO)
            .await
            .unwrap_err()
            .to_string();
        assert!(text.contains("no contract at"), "{text}");
        let text = registry
            .submit(&mut chain, U256::ZERO, &submission(2, 3, 4))
            .await
            .unwrap_err()
            .to_string();
        assert!(text.contains("no contract at"), "{text}");
        let other = chain.deploy(&creation(ACCEPT), &[]).await.unwrap().address;
        let text = Registry { address: other }
            .model(&mut chain, U256::ZERO)
            .await
            .unwrap_err()
            .to_string();
        assert!(text.contains("is the address right"), "{text}");
        let text = Registry { address: other }
            .submit(&mut chain, U256::ZERO, &submission(2, 3, 4))
            .await
            .unwrap_err()
            .to_string();
        assert!(text.contains("is it a ModelRegistry"), "{text}");
        if let Some(bundle) = bundle(ACCEPT) {
            let plan = Plan {
                registry: Some(other),
                ..Plan::default()
            };
            let text = deploy(&mut chain, &bundle, plan, |_| panic!("deployed"))
                .await
                .unwrap_err()
                .to_string();
            assert!(text.contains("not this build's ModelRegistry"), "{text}");
        }
    });
}

#[test]
fn a_development_verifier_stays_on_local_chains() {
    wait(async {
        let Some(mut bundle) = bundle(ACCEPT) else {
            return;
        };
        for (chain_id, development, accepted) in [
            (1, true, false),
            (10, true, false),
            (1337, true, true),
            (LOCAL_CHAIN_ID, true, true),
            (1, false, true),
        ] {
            bundle.info.development_srs = development;
            let mut chain = Chain::Embedded(Box::new(EmbeddedChain::new(chain_id)));
            let result = deploy(&mut chain, &bundle, Plan::default(), |_| ()).await;
            assert_eq!(
                result.is_ok(),
                accepted,
                "chain {chain_id}, development {development}"
            );
            if let Err(error) = result {
                assert!(
                    error.to_string().contains("development reference string"),
                    "{error}"
                );
            }
        }
    });
}

#[test]
fn code_above_the_limit_is_refused_before_anything_is_sent() {
    wait(async {
        let mut chain = Chain::embedded();
        let created = chain
            .deploy(&creation(&vec![0; CODE_LIMIT]), &[])
            .await
            .unwrap();
        assert_eq!(created.code_bytes, CODE_LIMIT);
        let error = chain
            .deploy(&creation(&vec![0; CODE_LIMIT + 1]), &[])
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("24576"), "{error}");
        if let Some(bundle) = bundle(&vec![0; CODE_LIMIT + 1]) {
            let error = deploy(&mut chain, &bundle, Plan::default(), |_| panic!("deployed"))
                .await
                .unwrap_err();
            assert!(format!("{error:#}").contains("24576"), "{error:#}");
        }
    });
}
