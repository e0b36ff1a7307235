//! Deployments that stop at any of their transactions and go on: nothing is deployed twice.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use alloy::primitives::{Address, U256, keccak256};
use serde_json::{Value, json};

use super::super::bundle::{Bundle, Contract};
use super::super::code::require_recorded;
use super::super::contracts::VerifierRouter;
use super::super::deploy::{Plan, Router, deploy_recorded};
use super::super::journal::Journal;
use super::super::manifest::Manifest;
use super::super::registry::require_calls;
use super::super::{Chain, LOCAL_CHAIN_ID};
use super::anvil::{Anvil, KEY};
use super::node::{connect, node, wait};
use super::proxy::{Answer, Proxy, ask};
use super::{ACCEPT, REFUSE, bundle, creation, universal_bundle};

/// Second account of anvil's published mnemonic; worth nothing anywhere.
const SECOND: &str = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";

const EVERYTHING: Plan = Plan {
    registry: None,
    screen: true,
    universal: None,
    router: Router::New,
};

async fn chain(url: &str, key: &str, timeout: u64) -> Chain {
    Chain::Rpc(connect(&node(url, None, timeout), Some(key)).await.unwrap())
}

/// Starts, or goes on if there is a record, as the command does.
async fn run(
    chain: &mut Chain,
    bundle: &Bundle,
    plan: Plan,
    path: &Path,
) -> eyre::Result<Manifest> {
    let (plan, mut journal) = match path.exists() {
        true => {
            let journal = Journal::read(path)?;
            (journal.require(chain, bundle, plan)?, journal)
        }
        false => (plan, Journal::start(Some(path), chain, bundle, plan)?),
    };
    let manifest = deploy_recorded(chain, bundle, plan, &mut journal, |_| ()).await?;
    manifest.write(path)?;
    Ok(manifest)
}

async fn refused(chain: &mut Chain, bundle: &Bundle, plan: Plan, path: &Path, what: &str) {
    let before = fs::read(path).unwrap();
    let text = format!("{:#}", run(chain, bundle, plan, path).await.unwrap_err());
    assert!(text.contains(what), "{what}: {text}");
    assert_eq!(fs::read(path).unwrap(), before);
}

/// How many transactions the account has in blocks.
fn count(url: &str, sender: Address) -> u64 {
    let count = ask(url, "eth_getTransactionCount", &json!([sender, "latest"]));
    let count = count["result"].as_str().unwrap().trim_start_matches("0x");
    u64::from_str_radix(count, 16).unwrap()
}

/// What befalls the transaction of a number; every answer about receipts after it is null.
#[derive(Clone, Copy)]
enum Fate {
    /// The node takes it, and the run stops before its receipt.
    Taken,
    /// It never reaches the node.
    Lost,
}

/// A node at whose transaction `number` a run stops.
fn stops_at(url: &str, number: usize, fate: Fate) -> Proxy {
    let sent = Arc::new(AtomicUsize::new(0));
    Proxy::start(url, move |request| match request.method {
        "eth_sendRawTransaction" if sent.fetch_add(1, Ordering::Relaxed) == number => match fate {
            Fate::Taken => {
                request.forward();
                Answer::Nothing
            }
            Fate::Lost => Answer::Nothing,
        },
        "eth_getTransactionReceipt" if sent.load(Ordering::Relaxed) > number => {
            Answer::Result(Value::Null)
        }
        _ => Answer::Node,
    })
}

fn file(dir: &tempfile::TempDir) -> PathBuf {
    dir.path().join("deployment.json")
}

#[test]
fn a_deployment_goes_on_from_every_step() {
    wait(async {
        let (Some(bundle), Some(anvil)) = (
            universal_bundle(ACCEPT, 1, true),
            Anvil::start(LOCAL_CHAIN_ID),
        ) else {
            return;
        };
        // Contracts but the route's call: the universal verifiers, router, verifiers of both proofs, registry, screen.
        let steps = bundle.contracts().len() + 1;
        let mut direct = chain(&anvil.url, KEY, 30).await;
        let sender = direct.sender().unwrap();
        for number in 0..steps {
            for fate in [Fate::Taken, Fate::Lost] {
                // Each fate at each step would take a minute; the lost ones are alike but for the call.
                if matches!(fate, Fate::Lost) && !matches!(number, 0 | 3) {
                    continue;
                }
                let dir = tempfile::tempdir().unwrap();
                let path = file(&dir);
                let before = count(&anvil.url, sender);
                let proxy = stops_at(&anvil.url, number, fate);
                let mut faulty = chain(&proxy.url, KEY, 1).await;
                let error = run(&mut faulty, &bundle, EVERYTHING, &path)
                    .await
                    .unwrap_err();
                let hash = proxy.sent()[number].tx_hash().to_string();
                assert!(format!("{error:#}").contains(&hash), "{error:#}");
                // What stopped is no deployment to anybody else, and is resumed with the recorded plan.
                let text = Manifest::read(&path).unwrap_err().to_string();
                assert!(text.contains("--resume"), "{text}");
                let manifest = run(&mut direct, &bundle, Plan::default(), &path)
                    .await
                    .unwrap();
                assert_eq!(
                    count(&anvil.url, sender) - before,
                    steps as u64,
                    "step {number}"
                );
                assert_eq!(manifest, Manifest::read(&path).unwrap());
                assert_eq!(manifest.contracts().len(), steps - 1);
                assert_eq!(manifest.deployer, sender);
                require_recorded(&mut direct, &manifest).await.unwrap();
                require_calls(&mut direct, &manifest).await.unwrap();
                let text = Journal::read(&path).unwrap_err().to_string();
                assert!(text.contains("nothing to resume"), "{text}");
            }
        }
    });
}

#[test]
fn a_deployment_goes_on_only_as_it_was_begun() {
    wait(async {
        let (Some(bundle), Some(anvil)) = (bundle(ACCEPT), Anvil::start(LOCAL_CHAIN_ID)) else {
            return;
        };
        let dir = tempfile::tempdir().unwrap();
        let path = file(&dir);
        let text = Journal::read(&path).unwrap_err().to_string();
        assert!(text.contains("nothing to resume"), "{text}");
        let proxy = stops_at(&anvil.url, 1, Fate::Taken);
        let plan = Plan {
            screen: true,
            ..Plan::default()
        };
        let mut faulty = chain(&proxy.url, KEY, 1).await;
        drop(run(&mut faulty, &bundle, plan, &path).await.unwrap_err());

        let mut direct = chain(&anvil.url, KEY, 30).await;
        let other = super::bundle(REFUSE).unwrap();
        refused(
            &mut direct,
            &other,
            plan,
            &path,
            "another verifier's folder",
        )
        .await;
        let router = Plan {
            router: Router::New,
            ..plan
        };
        refused(&mut direct, &bundle, router, &path, "other options").await;
        let mut second = chain(&anvil.url, SECOND, 30).await;
        refused(&mut second, &bundle, plan, &path, "give its key").await;
        let other_chain = Anvil::start(1337).unwrap();
        let mut elsewhere = chain(&other_chain.url, KEY, 30).await;
        refused(&mut elsewhere, &bundle, plan, &path, "wrong chain").await;
        // The same chain id and nothing of it there: a local node that was started anew.
        let anew = Anvil::start(LOCAL_CHAIN_ID).unwrap();
        let mut anew = chain(&anew.url, KEY, 30).await;
        refused(&mut anew, &bundle, plan, &path, "started anew").await;

        // Other code where the record has one of ours is found before anything is sent.
        let good = fs::read_to_string(&path).unwrap();
        let record: Value = serde_json::from_str(&good).unwrap();
        let halo2 = &record["unfinished"]["steps"][0]["address"];
        let code = ask(&anvil.url, "eth_getCode", &json!([halo2, "latest"]))["result"].clone();
        ask(&anvil.url, "anvil_setCode", &json!([halo2, "0xfe"]));
        refused(&mut direct, &bundle, plan, &path, "has hash").await;
        ask(&anvil.url, "anvil_setCode", &json!([halo2, code]));
        for (from, to, what) in [
            ("\"version\": 7", "\"version\": 9", "version 9"),
            ("\"steps\"", "\"stairs\"", "malformed"),
            ("\"nonce\": 0", "\"nonce\": -1", "malformed"),
        ] {
            assert!(good.contains(from), "{good}");
            fs::write(&path, good.replace(from, to)).unwrap();
            refused(&mut direct, &bundle, plan, &path, what).await;
        }
        fs::write(&path, &good).unwrap();
        run(&mut direct, &bundle, plan, &path).await.unwrap();
    });
}

/// What took the nonce of a creation that never arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Instead {
    /// The same creation, with more gas, as a wallet sends it.
    Same,
    /// The creation of another contract.
    Foreign,
    /// A transaction that creates nothing.
    Call,
}

/// A transaction that never arrived and whose nonce another one took is made again, whatever that one made; one that was
/// replaced by the same creation with more gas is found.
#[test]
fn a_nonce_that_went_elsewhere_is_no_contract() {
    wait(async {
        let (Some(bundle), Some(anvil)) = (bundle(ACCEPT), Anvil::start(LOCAL_CHAIN_ID)) else {
            return;
        };
        let mut direct = chain(&anvil.url, KEY, 30).await;
        let sender = direct.sender().unwrap();
        for instead in [Instead::Call, Instead::Foreign, Instead::Same] {
            let dir = tempfile::tempdir().unwrap();
            let path = file(&dir);
            let proxy = stops_at(&anvil.url, 0, Fate::Lost);
            let mut faulty = chain(&proxy.url, KEY, 1).await;
            let stopped = run(&mut faulty, &bundle, Plan::default(), &path).await;
            assert!(stopped.is_err());
            let before = count(&anvil.url, sender);
            let taken = sender.create(before);
            match instead {
                Instead::Same => drop(
                    direct
                        .deploy(bundle.code(Contract::Halo2Verifier), &[])
                        .await
                        .unwrap(),
                ),
                Instead::Foreign => drop(direct.deploy(&creation(REFUSE), &[]).await.unwrap()),
                Instead::Call => {
                    let nobody = Address::ZERO;
                    let sent = direct.send(nobody, Default::default(), Default::default());
                    sent.await.unwrap();
                }
            }
            let mut steps = Vec::new();
            let mut journal = Journal::read(&path).unwrap();
            let plan = journal.require(&direct, &bundle, Plan::default()).unwrap();
            let manifest = deploy_recorded(&mut direct, &bundle, plan, &mut journal, |step| {
                steps.push((step.contract, step.displaced));
            });
            let manifest = manifest.await.unwrap();
            // Three contracts, and what took the nonce of the first if it is none of them.
            let same = instead == Instead::Same;
            assert_eq!(count(&anvil.url, sender) - before, if same { 3 } else { 4 });
            assert_eq!(manifest.halo2_verifier.address == taken, same);
            // It is said that another contract stands there, of no other step.
            let displaced = (instead == Instead::Foreign).then_some(taken);
            assert_eq!(steps[0], (Contract::Halo2Verifier, displaced));
            assert!(steps[1..].iter().all(|(_, displaced)| displaced.is_none()));
            let code = direct.code(manifest.halo2_verifier.address).await.unwrap();
            assert_eq!(keccak256(code), manifest.halo2_verifier.code_hash);
        }
    });
}

/// The call that adds a route never arrived, and another one of the owner took its nonce and added it; or the route was
/// removed again, whichever call added it.
#[test]
fn a_route_that_stands_is_not_added_again() {
    wait(async {
        let (Some(bundle), Some(anvil)) = (
            universal_bundle(ACCEPT, 1, false),
            Anvil::start(LOCAL_CHAIN_ID),
        ) else {
            return;
        };
        let selector = bundle.info.universal.as_ref().unwrap().selector();
        let plan = Plan {
            router: Router::New,
            ..Plan::default()
        };
        let mut direct = chain(&anvil.url, KEY, 30).await;
        let sender = direct.sender().unwrap();
        // Legacy: the same call is another transaction then.
        let owner = connect(&node(&anvil.url, None, 30), Some(KEY)).await;
        let mut owner = Chain::Rpc(owner.unwrap().with_legacy(true));
        for (fate, removed) in [(Fate::Lost, false), (Fate::Lost, true), (Fate::Taken, true)] {
            let dir = tempfile::tempdir().unwrap();
            let path = file(&dir);
            let before = count(&anvil.url, sender);
            // Behind the two verifiers and the router.
            let proxy = stops_at(&anvil.url, 3, fate);
            let mut faulty = chain(&proxy.url, KEY, 1).await;
            assert!(run(&mut faulty, &bundle, plan, &path).await.is_err());
            let [verifier, router] = [1, 2].map(|nonce| sender.create(before + nonce));
            if matches!(fate, Fate::Lost) {
                let add = VerifierRouter::addRouteCall { selector, verifier };
                let added = owner.write(router, &add, U256::ZERO).await.unwrap();
                assert_ne!(added.tx_hash, Some(*proxy.sent()[3].tx_hash()));
            }
            if removed {
                let remove = VerifierRouter::removeRouteCall { selector };
                owner.write(router, &remove, U256::ZERO).await.unwrap();
                let error = run(&mut direct, &bundle, Plan::default(), &path).await;
                let error = format!("{:#}", error.unwrap_err());
                assert!(error.contains("removed for good"), "{error}");
                continue;
            }
            let manifest = run(&mut direct, &bundle, Plan::default(), &path).await;
            let manifest = manifest.unwrap();
            // The verifiers, the router, the route that was added by hand, the model's verifier and the registry.
            assert_eq!(count(&anvil.url, sender) - before, 6);
            let universal = manifest.universal.as_ref().unwrap();
            assert_eq!(universal.router.unwrap().contract.address, router);
            require_calls(&mut direct, &manifest).await.unwrap();
        }
    });
}

/// Nothing was sent: no record is left, and one that was there is as it was.
#[test]
fn a_refused_first_transaction_leaves_no_record() {
    wait(async {
        let (Some(bundle), Some(anvil)) = (bundle(ACCEPT), Anvil::start(LOCAL_CHAIN_ID)) else {
            return;
        };
        let dir = tempfile::tempdir().unwrap();
        let path = file(&dir);
        let proxy = Proxy::start(&anvil.url, |request| match request.method {
            "eth_sendRawTransaction" => {
                Answer::Error(-32000, "insufficient funds for gas * price + value")
            }
            _ => Answer::Node,
        });
        let mut poor = chain(&proxy.url, KEY, 5).await;
        for old in [None, Some("an older record")] {
            if let Some(old) = old {
                fs::write(&path, old).unwrap();
            }
            let mut journal = Journal::start(Some(&path), &poor, &bundle, Plan::default()).unwrap();
            let deployed =
                deploy_recorded(&mut poor, &bundle, Plan::default(), &mut journal, |_| ());
            let text = format!("{:#}", deployed.await.unwrap_err());
            assert!(text.contains("too little ether"), "{text}");
            assert!(!journal.is_begun());
            assert_eq!(fs::read_to_string(&path).ok().as_deref(), old);
        }
        // A record that cannot be written keeps the transaction from being sent.
        let nowhere = dir.path().join("no/such/folder.json");
        let mut rich = chain(&anvil.url, KEY, 5).await;
        let sender = rich.sender().unwrap();
        let text = run(&mut rich, &bundle, Plan::default(), &nowhere)
            .await
            .unwrap_err();
        assert!(format!("{text:#}").contains("nothing was sent"), "{text:#}");
        assert_eq!(count(&anvil.url, sender), 0);
    });
}
