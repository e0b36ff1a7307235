//! `deploy`, `register`, `submit` and `check` one after the other, against a real anvil, through their arguments.

use std::fs;

use alloy::sol_types::SolCall;

use super::super::bundle::Contract;
use super::super::contracts::ModelRegistry;
use super::super::manifest::Manifest;
use super::super::registry::{Registry, Submission};
use super::fixture::{Fixture, OUT, alter, text, wait};
use super::proxy::{Answer, Proxy, ask};
use super::{ACCEPT, bundle, bundle_with, genuine_universal_bundle};
use crate::cmd::deploy::Deploy;
use crate::files;

#[test]
fn a_proof_goes_all_the_way() {
    wait(async {
        let Some(f) = Fixture::new() else { return };
        assert!(text(f.submit(&["@proof"]).await).contains("no deployment record"));
        f.deploy(&["--screen"]).await.unwrap();
        assert!(text(f.deploy(&[]).await).contains("--force"));
        f.check(&["--verifier-dir", "@verifier"]).await.unwrap();

        assert!(text(f.submit(&["@proof"]).await).contains("laminate register"));
        f.register(&[]).await.unwrap();
        assert!(text(f.register(&[]).await).contains("ModelExists"));
        let manifest = Manifest::read(&f.path("deployment.json")).unwrap();
        assert_eq!(manifest.models.len(), 1);

        f.submit(&["@proof", "--dry-run"]).await.unwrap();
        f.check(&["@proof", "--verifier-dir", "@verifier"])
            .await
            .unwrap();
        f.submit(&["@proof"]).await.unwrap();
        f.check(&["@proof"]).await.unwrap();
        let file = files::read_publishable(&f.path("proof")).unwrap();
        let submission = Submission::of_inference(&file.proof, &manifest).unwrap();
        let model = manifest.models[0].model_id.into();
        let registry = Registry {
            address: manifest.model_registry.address,
        };
        let mut chain = f.other().await;
        let hash = registry
            .statement_hash(&mut chain, model, &submission)
            .await;
        let hash = hash.unwrap().to_string();
        f.check(&["--statement", &hash]).await.unwrap();

        // A second deployment beside the first registry; its models are its own.
        let registry = manifest.model_registry.address.to_string();
        f.deploy(&["--registry", &registry, "--force"])
            .await
            .unwrap();
        let id = manifest.models[0].model_id.to_string();
        assert!(text(f.check(&["@proof", "--model", &id]).await).contains("does not verify"));
        let of_another = text(f.check(&["--statement", &hash]).await);
        assert!(
            of_another.contains("not of a model of this deployment"),
            "{of_another}"
        );
    });
}

/// Whoever records a statement first, it stands; the command says who did and where, and sends nothing.
#[test]
fn a_statement_that_stands_is_reported() {
    wait(async {
        let Some(f) = Fixture::new() else { return };
        f.deploy(&[]).await.unwrap();
        f.register(&[]).await.unwrap();
        let manifest = Manifest::read(&f.path("deployment.json")).unwrap();
        let file = files::read_publishable(&f.path("proof")).unwrap();
        let submission = Submission::of_inference(&file.proof, &manifest).unwrap();
        let registry = Registry {
            address: manifest.model_registry.address,
        };
        let model = manifest.models[0].model_id.into();
        let mut other = f.other().await;
        let first = registry
            .submit(&mut other, model, &submission)
            .await
            .unwrap();
        let before = f.blocks();

        for arguments in [&["@proof"][..], &["@proof", "--dry-run"]] {
            let report = f.submission(arguments).report(OUT).await.unwrap();
            assert!(report.accepted && report.already_recorded && report.cost.is_none());
            let recorded = report.recorded.unwrap();
            assert_eq!(recorded.caller, other.sender().unwrap());
            assert_eq!(recorded.block, first.receipt.block);
            assert_eq!(recorded.transaction, first.receipt.tx_hash);
            f.submit(arguments).await.unwrap();
        }
        // Faster between the question and the block.
        let proxy = Proxy::start(&f.anvil.url, move |request| {
            let data = request.params[0]["input"].as_str().unwrap_or_default();
            let selector = hex::encode(ModelRegistry::isSubmittedCall::SELECTOR);
            if request.method == "eth_call" && data.contains(&selector) {
                return Answer::Result(serde_json::json!(format!("0x{:064x}", 0)));
            }
            Answer::Node
        });
        let mut late = f.submission(&["@proof"]);
        late.node.rpc_url = proxy.url.clone();
        let report = late.report(OUT).await.unwrap();
        assert!(report.already_recorded && report.recorded.is_some());
        assert!(proxy.sent().is_empty());
        // Where the event cannot be found, the statement stands all the same.
        let proxy = Proxy::start(&f.anvil.url, |request| match request.method {
            "eth_getLogs" => Answer::Error(-32601, "no logs here"),
            _ => Answer::Node,
        });
        let mut blind = f.submission(&["@proof"]);
        blind.node.rpc_url = proxy.url.clone();
        let report = blind.report(OUT).await.unwrap();
        assert!(report.already_recorded && report.recorded.is_none());

        // A proof that does not show the statement is no success, whoever recorded it.
        f.proof_with("other", 2, |proof| proof.proof.truncate(32));
        let error = text(f.submit(&["@other"]).await);
        assert!(
            error.contains("not by this proof") && error.contains("ProofLength"),
            "{error}"
        );
        assert_eq!(f.blocks(), before);
        let report = f.submission(&["@proof"]).report(OUT).await.unwrap();
        assert!(report.already_recorded);
    });
}

/// Money is spent on the recorded contracts only, and what a model is registered under is never lost.
#[test]
fn recorded_code_is_compared_before_anything_is_sent() {
    wait(async {
        let Some(f) = Fixture::new() else { return };
        f.deploy(&["--screen"]).await.unwrap();
        let record = f.path("deployment.json");
        let fresh = fs::read_to_string(&record).unwrap();
        f.register(&[]).await.unwrap();
        let good = fs::read_to_string(&record).unwrap();
        let manifest = Manifest::read(&record).unwrap();
        let before = f.blocks();
        for (contract, deployed) in manifest.contracts() {
            let at = serde_json::json!([deployed.address, "latest"]);
            let code = ask(&f.anvil.url, "eth_getCode", &at)["result"].clone();
            for (other, what) in [("0xfe", "code of hash"), ("0x", "no contract")] {
                let altered = serde_json::json!([deployed.address, other]);
                ask(&f.anvil.url, "anvil_setCode", &altered);
                let other = format!("0x{:064x}", 7);
                for result in [
                    f.register(&["--weight-commitment", &other]).await,
                    f.submit(&["@proof"]).await,
                    f.submit(&["@proof", "--dry-run"]).await,
                ] {
                    let error = text(result);
                    let name = contract.name();
                    assert!(
                        error.contains(name)
                            && error.contains(what)
                            && error.contains("nothing was sent"),
                        "{name}: {error}"
                    );
                }
            }
            let restored = serde_json::json!([deployed.address, code]);
            ask(&f.anvil.url, "anvil_setCode", &restored);
        }
        assert_eq!(f.blocks(), before);

        // A run that registered and could not record: the next one records, and sends nothing.
        fs::write(&record, &fresh).unwrap();
        f.register(&[]).await.unwrap();
        assert_eq!(fs::read_to_string(&record).unwrap(), good);
        assert_eq!(f.blocks(), before);
        f.submit(&["@proof"]).await.unwrap();
    });
}

/// A development verifier goes to this machine only: not to a foreign node that says it is a local chain.
#[test]
fn local_is_this_machine_and_a_local_chain() {
    wait(async {
        let Some(f) = Fixture::new() else { return };
        let development = super::genuine_universal_bundle(1, false).unwrap();
        development.write(&f.path("verifier")).unwrap();
        let foreign = f.anvil.url.replace("127.0.0.1", "0.0.0.0");
        for arguments in [&[][..], &["--chain-id", "31337"]] {
            let all = [&["@verifier", "-o", "@deployment.json"], arguments].concat();
            let mut deploy = f.parse::<Deploy>(true, &all);
            deploy.node.rpc_url = foreign.clone();
            let error = text(deploy.run(OUT).await);
            let expected = ["give --chain-id 31337", "development reference string"];
            assert!(
                error.contains(expected[usize::from(!arguments.is_empty())]),
                "{error}"
            );
        }
        assert!(!f.path("deployment.json").exists());
        f.deploy(&[]).await.unwrap();
    });
}

/// The commands around a deployment that stopped.
#[test]
fn a_deployment_that_stopped_is_resumed() {
    wait(async {
        let Some(f) = Fixture::new() else { return };
        let error = text(f.deploy(&["--resume"]).await);
        assert!(error.contains("nothing to resume"), "{error}");
        let mut sent = 0;
        let proxy = Proxy::start(&f.anvil.url, move |request| {
            sent += usize::from(request.method == "eth_sendRawTransaction");
            match request.method {
                "eth_getTransactionReceipt" if sent > 1 => Answer::Result(serde_json::json!(null)),
                _ => Answer::Node,
            }
        });
        let all = [
            "@verifier",
            "-o",
            "@deployment.json",
            "--screen",
            "--timeout",
            "1",
        ];
        let mut deploy = f.parse::<Deploy>(true, &all);
        deploy.node.rpc_url = proxy.url.clone();
        let error = text(deploy.run(OUT).await);
        let hash = proxy.sent()[1].tx_hash().to_string();
        for what in [
            hash.as_str(),
            "--resume -o",
            "the deployment has stopped",
            "InferenceVerifier",
        ] {
            assert!(error.contains(what), "{what}: {error}");
        }
        let record = f.path("deployment.json");
        let stopped = fs::read(&record).unwrap();
        for result in [
            f.register(&[]).await,
            f.submit(&["@proof"]).await,
            f.check(&[]).await,
        ] {
            assert!(text(result).contains("laminate deploy VERIFIER_DIR --resume"));
        }
        let error = text(f.deploy(&[]).await);
        assert!(
            error.contains("--resume") && error.contains("--force"),
            "{error}"
        );
        assert_eq!(fs::read(&record).unwrap(), stopped);
        let rest = f.deploy(&["--resume"]).await;
        rest.unwrap();
        let manifest = Manifest::read(&record).unwrap();
        assert_eq!(manifest.contracts().len(), 4);
        assert_eq!(f.blocks(), "\"0x4\"");
        f.check(&["--verifier-dir", "@verifier"]).await.unwrap();
        assert!(text(f.deploy(&["--resume"]).await).contains("nothing to resume"));
        // Begun anew, with legacy transactions.
        f.deploy(&["--force", "--legacy"]).await.unwrap();
        f.register(&["--legacy"]).await.unwrap();
        f.submit(&["@proof", "--legacy"]).await.unwrap();
    });
}

#[test]
fn what_does_not_fit_is_refused() {
    wait(async {
        let Some(f) = Fixture::new() else { return };
        f.deploy(&[]).await.unwrap();
        f.register(&["--weight-commitment", &format!("0x{:064x}", 2)])
            .await
            .unwrap();

        f.proof("other", 5);
        assert!(
            text(f.submit(&["@other"]).await)
                .contains("no model with the proof's weight commitment")
        );
        assert!(text(f.submit(&["@verifier/verifier.json"]).await).contains("not a Laminate file"));
        let mut bytes = fs::read(f.path("proof")).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(f.path("altered"), bytes).unwrap();
        assert!(text(f.submit(&["@altered"]).await).contains("altered"));
        let zero = format!("0x{:064x}", 0);
        assert!(text(f.check(&["--statement", &zero]).await).contains("not recorded"));

        let record = f.path("deployment.json");
        let good = fs::read_to_string(&record).unwrap();
        alter(&record, "\"chainId\": 31337", "\"chainId\": 1");
        for result in [
            f.submit(&["@proof"]).await,
            f.register(&[]).await,
            f.check(&[]).await,
        ] {
            assert!(text(result).contains("the deployment is on chain 1"));
        }
        for (from, to, what) in [
            ("\"version\": 7", "\"version\": 8", "version 8"),
            ("\"halo2Verifier\"", "\"halo3\"", "malformed"),
        ] {
            fs::write(&record, &good).unwrap();
            alter(&record, from, to);
            assert!(text(f.check(&[]).await).contains(what));
        }
    });
}

/// Two deployments of one universal verifier, the second behind a router. Proofs through both are in the end-to-end tests.
#[test]
fn a_universal_verifier_is_shared_and_checked() {
    wait(async {
        let Some(f) = Fixture::new() else { return };
        let direct = text(f.deploy(&["--router"]).await);
        assert!(direct.contains("without --mode direct"), "{direct}");
        let own = genuine_universal_bundle(1, true).unwrap();
        own.write(&f.path("own")).unwrap();
        genuine_universal_bundle(1, false)
            .unwrap()
            .write(&f.path("verifier"))
            .unwrap();
        f.deploy(&[]).await.unwrap();
        let record = f.path("deployment.json");
        for second in [false, true] {
            let manifest = Manifest::read(&record).unwrap();
            if second {
                let universal = manifest.universal.unwrap().verifier.address.to_string();
                f.deploy(&["--universal", &universal, "--router", "--force"])
                    .await
                    .unwrap();
            }
            f.check(&["--verifier-dir", "@verifier"]).await.unwrap();
            f.register(&[]).await.unwrap();
            f.check(&["--verifier-dir", "@verifier"]).await.unwrap();
        }
        let good = fs::read_to_string(&record).unwrap();
        let key = format!("0x{}", "01".repeat(64));
        let flag = ["\"development\": true", "\"development\": false"];
        for (from, to, expected) in [
            (
                &*key,
                &*format!("0x{}", "02".repeat(64)),
                "universal program digest",
            ),
            (flag[0], flag[1], "holds the development reference string"),
        ] {
            alter(&record, from, to);
            let error = text(f.check(&[]).await);
            assert!(error.contains(expected), "{error}");
            fs::write(&record, &good).unwrap();
        }
        let error = text(f.check(&["--verifier-dir", "@own"]).await);
        assert!(
            error.contains("records no verifier of commitment proofs"),
            "{error}"
        );
        bundle(ACCEPT).unwrap().write(&f.path("direct")).unwrap();
        let error = text(f.check(&["--verifier-dir", "@direct"]).await);
        assert!(error.contains("Universal mode"), "{error}");
    });
}

#[test]
fn code_that_is_not_the_right_code_is_found() {
    wait(async {
        let Some(f) = Fixture::new() else { return };
        wrong_code_is_found(&f, &["--screen"]).await;
        genuine_universal_bundle(1, true)
            .unwrap()
            .write(&f.path("verifier"))
            .unwrap();
        wrong_code_is_found(&f, &["--router", "--force"]).await;
    });
}

async fn wrong_code_is_found(f: &Fixture, plan: &[&str]) {
    f.deploy(plan).await.unwrap();
    let record = f.path("deployment.json");
    let good = fs::read_to_string(&record).unwrap();
    let manifest = Manifest::read(&record).unwrap();
    for (contract, deployed) in manifest.contracts() {
        // The registered digests bind the generated universal verifier's hash, so they are what refuses another. Of the
        // folder's code all but a generated verifier of one program is compared with this build's.
        let (of_hash, of_code) = match contract {
            Contract::Halo2UniversalVerifier => (
                "universal program digest",
                "does not hold the development reference string",
            ),
            Contract::Halo2Verifier | Contract::WeightHalo2Verifier => {
                ("not the code it must be", "not the code it must be")
            }
            _ => ("not the code it must be", "not this build's"),
        };
        // Another hash on record; then another contract, or none, at the address.
        let hash = deployed.code_hash.to_string();
        for (from, to, expected) in [
            (hash.clone(), format!("0x{:064x}", 1), of_hash),
            (
                format!("{:?}", deployed.address).to_lowercase(),
                format!("0x{:040x}", 1),
                "not the code it must be",
            ),
        ] {
            alter(&record, &from, &to);
            let error = text(f.check(&["--verifier-dir", "@verifier"]).await);
            assert!(error.contains(expected), "{}: {error}", contract.name());
            fs::write(&record, &good).unwrap();
        }
        // Other creation code in the verifier's folder, which the chain's code must come from.
        let code = f.path("verifier").join(format!("{}.bin", contract.name()));
        let creation = fs::read_to_string(&code).unwrap();
        fs::write(&code, hex::encode(super::creation(&[0xfe]))).unwrap();
        let error = text(f.check(&["--verifier-dir", "@verifier"]).await);
        assert!(error.contains(of_code), "{}: {error}", contract.name());
        fs::write(&code, creation).unwrap();
    }
    f.check(&["--verifier-dir", "@verifier"]).await.unwrap();
}

/// A genuine verifier of inferences that names no verifier of weights would take models with any weights.
#[test]
fn a_record_without_the_verifier_of_weights_is_refused() {
    wait(async {
        let Some(f) = Fixture::new() else { return };
        f.deploy(&[]).await.unwrap();
        let own = bundle_with(ACCEPT, Some(ACCEPT)).unwrap();
        own.write(&f.path("own")).unwrap();
        let error = text(f.check(&["--verifier-dir", "@own"]).await);
        assert!(
            error.contains("records no verifier of commitment proofs"),
            "{error}"
        );

        own.write(&f.path("verifier")).unwrap();
        f.deploy(&["--force"]).await.unwrap();
        f.check(&["--verifier-dir", "@own"]).await.unwrap();
        let record = f.path("deployment.json");
        let good = fs::read_to_string(&record).unwrap();
        for name in ["weightVerifier", "weightHalo2Verifier"] {
            let mut json: serde_json::Value = serde_json::from_str(&good).unwrap();
            json.as_object_mut().unwrap().remove(name).unwrap();
            fs::write(&record, json.to_string()).unwrap();
            let error = text(f.check(&["--verifier-dir", "@own"]).await);
            assert!(
                error.contains("verifier of commitment proofs"),
                "{name}: {error}"
            );
        }
        fs::write(&record, &good).unwrap();
        alter(&record, "\"outputScale\": 14", "\"outputScale\": 3");
        let error = text(f.check(&["--verifier-dir", "@own"]).await);
        assert!(error.contains("reads outputs otherwise"), "{error}");
    });
}
