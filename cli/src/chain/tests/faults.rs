//! Nodes that answer late, wrongly or not at all, between a real anvil and the commands.

use std::time::{Duration, Instant};

use alloy::consensus::{Transaction, TxEnvelope};
use alloy::primitives::{Address, U256};
use serde_json::json;

use super::super::deploy::{Plan, deploy};
use super::super::registry::Registry;
use super::super::{Chain, LOCAL_CHAIN_ID, RpcChain, refusal};
use super::anvil::{Anvil, KEY};
use super::node::{connect, node, wait};
use super::proxy::{Answer, Proxy, Request, ask};
use super::{ACCEPT, bundle, creation, new_model, submission};

/// A signing chain through a proxy.
async fn through(proxy: &Proxy, timeout: u64) -> RpcChain {
    connect(&node(&proxy.url, None, timeout), Some(KEY))
        .await
        .unwrap()
}

/// How many transactions the account has in blocks.
fn transactions(anvil: &Anvil, sender: Address) -> u64 {
    let count = ask(
        &anvil.url,
        "eth_getTransactionCount",
        &json!([sender, "latest"]),
    );
    let count = count["result"].as_str().unwrap().trim_start_matches("0x");
    u64::from_str_radix(count, 16).unwrap()
}

fn is_legacy(tx: &TxEnvelope) -> bool {
    matches!(tx, TxEnvelope::Legacy(_))
}

/// Deploys one contract; the text of the failure.
async fn one(chain: &mut Chain) -> Result<(), String> {
    let created = chain.deploy(&creation(ACCEPT), &[]).await;
    created.map(drop).map_err(|error| format!("{error:#}"))
}

/// The first answer local, every later one another chain: nothing may be signed for that one.
#[test]
fn everything_is_for_the_chain_that_was_checked() {
    wait(async {
        for legacy in [false, true] {
            let (Some(anvil), Some(bundle)) = (Anvil::start(LOCAL_CHAIN_ID), bundle(ACCEPT)) else {
                return;
            };
            let mut asked = 0;
            let proxy = Proxy::start(&anvil.url, move |request| {
                if request.method != "eth_chainId" {
                    return Answer::Node;
                }
                asked += 1;
                Answer::Result(json!(if asked == 1 { "0x7a69" } else { "0x5" }))
            });
            let mut chain = Chain::Rpc(through(&proxy, 30).await.with_legacy(legacy));
            let manifest = deploy(&mut chain, &bundle, Plan::default(), |_| ())
                .await
                .unwrap();
            let sent = proxy.sent();
            assert_eq!(sent.len(), manifest.contracts().len());
            for tx in &sent {
                assert_eq!(tx.chain_id(), Some(LOCAL_CHAIN_ID));
                assert_eq!(is_legacy(tx), legacy);
            }
            chain.code(manifest.deployer).await.unwrap();
            let registry = manifest.model_registry.address;
            Registry { address: registry }
                .is_submitted(&mut chain, Default::default())
                .await
                .unwrap();
            for method in ["eth_call", "eth_estimateGas"] {
                let requests = proxy.requests(method);
                assert!(!requests.is_empty());
                for params in requests {
                    assert_eq!(params[0]["chainId"], "0x7a69", "{method}");
                }
            }
        }
    });
}

/// The node is on another chain than it said when it was asked: it is never spent on.
#[test]
fn a_chain_that_was_not_checked_gets_nothing() {
    wait(async {
        let Some(anvil) = Anvil::start(5) else { return };
        let mut asked = 0;
        let proxy = Proxy::start(&anvil.url, move |request| match request.method {
            "eth_chainId" => {
                asked += 1;
                Answer::Result(json!(if asked == 1 { "0x7a69" } else { "0x5" }))
            }
            // As a node would that looks at no chain id here.
            "eth_estimateGas" => Answer::Result(json!("0x30000")),
            _ => Answer::Node,
        });
        let chain = through(&proxy, 2).await;
        let sender = chain.sender().unwrap();
        let mut chain = Chain::Rpc(chain);
        one(&mut chain).await.unwrap_err();
        let sent = proxy.sent();
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].chain_id(), Some(LOCAL_CHAIN_ID));
        assert_eq!(transactions(&anvil, sender), 0);
    });
}

#[test]
fn chains_without_the_fees_of_1559_get_legacy_transactions() {
    fn base_fee_left_out(request: &Request<'_>) -> Answer {
        let mut block = request.forward();
        block.as_object_mut().unwrap().remove("baseFeePerGas");
        Answer::Result(block)
    }
    fn rewards_left_out(request: &Request<'_>) -> Answer {
        let mut history = request.forward();
        history.as_object_mut().unwrap().remove("reward");
        Answer::Result(history)
    }
    let none = |_: &Request<'_>| Answer::Error(-32601, "the method eth_feeHistory does not exist");
    let empty = |_: &Request<'_>| {
        Answer::Result(json!({"oldestBlock": "0x0", "baseFeePerGas": [], "gasUsedRatio": []}))
    };
    type Fault = fn(&Request<'_>) -> Answer;
    let faults: [(&str, Fault, bool); 4] = [
        ("eth_feeHistory", none, true),
        ("eth_feeHistory", empty, true),
        ("eth_getBlockByNumber", base_fee_left_out, true),
        ("eth_feeHistory", rewards_left_out, false),
    ];
    wait(async {
        let Some(anvil) = Anvil::start(LOCAL_CHAIN_ID) else {
            return;
        };
        for (method, fault, legacy) in faults {
            let proxy = Proxy::start(&anvil.url, move |request| {
                if request.method == method {
                    fault(request)
                } else {
                    Answer::Node
                }
            });
            let mut chain = Chain::Rpc(through(&proxy, 30).await);
            one(&mut chain).await.unwrap();
            assert_eq!(
                proxy.sent().iter().map(is_legacy).collect::<Vec<_>>(),
                [legacy],
                "{method}"
            );
        }
    });
}

/// Nodes give null until the block is there; some always.
#[test]
fn a_receipt_is_waited_for_and_the_transaction_named() {
    wait(async {
        let Some(anvil) = Anvil::start(LOCAL_CHAIN_ID) else {
            return;
        };
        let mut asked = 0;
        let late = Proxy::start(&anvil.url, move |request| {
            if request.method != "eth_getTransactionReceipt" {
                return Answer::Node;
            }
            asked += 1;
            match asked {
                1 | 2 => Answer::Result(json!(null)),
                3 => Answer::Error(-32000, "transaction indexing is in progress"),
                4 => Answer::Nothing,
                _ => Answer::Node,
            }
        });
        one(&mut Chain::Rpc(through(&late, 30).await))
            .await
            .unwrap();
        assert_eq!(late.sent().len(), 1);

        let never = Proxy::start(&anvil.url, |request| match request.method {
            "eth_getTransactionReceipt" => Answer::Result(json!(null)),
            _ => Answer::Node,
        });
        let start = Instant::now();
        let text = one(&mut Chain::Rpc(through(&never, 1).await))
            .await
            .unwrap_err();
        assert!(
            start.elapsed() >= Duration::from_millis(600),
            "{:?}",
            start.elapsed()
        );
        let hash = never.sent()[0].tx_hash().to_string();
        for what in [
            hash.as_str(),
            "is not in a block after 1 s",
            "--timeout",
            "before sending again",
        ] {
            assert!(text.contains(what), "{what}: {text}");
        }
        assert_eq!(never.sent().len(), 1);
    });
}

#[test]
fn busy_nodes_are_asked_again_but_nothing_is_sent_again() {
    wait(async {
        let Some(anvil) = Anvil::start(LOCAL_CHAIN_ID) else {
            return;
        };
        for fault in [
            || Answer::Http(429),
            || Answer::Http(502),
            || Answer::Nothing,
        ] {
            let mut count = 0;
            let proxy = Proxy::start(&anvil.url, move |request| {
                count += 1;
                match request.method {
                    "eth_sendRawTransaction" => Answer::Node,
                    _ if count % 2 == 1 => fault(),
                    _ => Answer::Node,
                }
            });
            one(&mut Chain::Rpc(through(&proxy, 30).await))
                .await
                .unwrap();
            assert_eq!(proxy.sent().len(), 1);
        }
        // A node that stays busy is given up, and one that refuses is not asked again.
        type Fault = fn() -> Answer;
        let faults: [(Fault, bool, &str); 2] = [
            (|| Answer::Http(429), true, "too many requests"),
            (
                || Answer::Error(-32000, "no"),
                false,
                "refuses to read a balance: no",
            ),
        ];
        for (fault, again, text) in faults {
            let proxy = Proxy::start(&anvil.url, move |request| match request.method {
                "eth_getBalance" => fault(),
                _ => Answer::Node,
            });
            let mut chain = Chain::Rpc(through(&proxy, 1).await);
            let error = chain.balance(Address::ZERO).await.unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
            assert_eq!(proxy.requests("eth_getBalance").len() > 1, again);
        }
    });
}

/// The node takes a transaction and its answer is lost: it is found by its hash. If it never arrived, it is named.
#[test]
fn a_lost_answer_is_looked_up_by_hash() {
    wait(async {
        let Some(anvil) = Anvil::start(LOCAL_CHAIN_ID) else {
            return;
        };
        for fault in [
            || Answer::Nothing,
            || Answer::Http(502),
            || Answer::Error(-32000, "already known"),
        ] {
            let proxy = Proxy::start(&anvil.url, move |request| {
                if request.method != "eth_sendRawTransaction" {
                    return Answer::Node;
                }
                request.forward();
                fault()
            });
            one(&mut Chain::Rpc(through(&proxy, 30).await))
                .await
                .unwrap();
            assert_eq!(proxy.sent().len(), 1);
        }
        for fault in [
            || Answer::Nothing,
            || Answer::Http(408),
            || Answer::Http(409),
            || Answer::Http(425),
            || Answer::Http(499),
        ] {
            let proxy = Proxy::start(&anvil.url, move |request| match request.method {
                "eth_sendRawTransaction" => fault(),
                _ => Answer::Node,
            });
            let text = one(&mut Chain::Rpc(through(&proxy, 1).await))
                .await
                .unwrap_err();
            let hash = proxy.sent()[0].tx_hash().to_string();
            assert!(
                text.contains(&hash) && text.contains("before sending again"),
                "{text}"
            );
            assert_eq!(proxy.sent().len(), 1);
        }

        // Another transaction of the account was faster.
        let proxy = Proxy::start(&anvil.url, |request| match request.method {
            "eth_sendRawTransaction" => {
                Answer::Error(-32000, "nonce too low: next nonce 5, tx nonce 4")
            }
            _ => Answer::Node,
        });
        let text = one(&mut Chain::Rpc(through(&proxy, 1).await))
            .await
            .unwrap_err();
        assert!(
            text.contains("run the command again") && text.contains("next nonce 5"),
            "{text}"
        );
    });
}

/// What a terminal would act on does not leave a node's mouth.
#[test]
fn control_characters_of_a_node_are_escaped() {
    wait(async {
        let Some(anvil) = Anvil::start(LOCAL_CHAIN_ID) else {
            return;
        };
        let proxy = Proxy::start(&anvil.url, |request| match request.method {
            "eth_getBalance" => Answer::Error(-32000, "\u{1b}]0;x\u{7}\u{9b}2J\nerror: none"),
            _ => Answer::Node,
        });
        let mut chain = Chain::Rpc(through(&proxy, 1).await);
        let text = format!("{:#}", chain.balance(Address::ZERO).await.unwrap_err());
        assert!(!text.chars().any(char::is_control), "{text:?}");
        assert!(
            text.contains(r"\u{1b}]0;x\u{7}\u{9b}2J\nerror: none"),
            "{text}"
        );
    });
}

/// Providers answer for few blocks, or few events, at a time.
#[test]
fn events_are_found_in_ranges() {
    wait(async {
        let (Some(bundle), Some(anvil)) = (bundle(ACCEPT), Anvil::start(LOCAL_CHAIN_ID)) else {
            return;
        };
        let mut chain = Chain::Rpc(
            connect(&node(&anvil.url, None, 30), Some(KEY))
                .await
                .unwrap(),
        );
        let manifest = deploy(&mut chain, &bundle, Plan::default(), |_| ())
            .await
            .unwrap();
        let registry = Registry {
            address: manifest.model_registry.address,
        };
        let weights = manifest.weight_commitment.unwrap();
        let new = new_model(
            manifest.program_digest,
            weights,
            manifest.inference_verifier.address,
        );
        let model = registry.register(&mut chain, &new).await.unwrap().model_id;
        let mut recorded = Vec::new();
        for output in 0..3 {
            ask(&anvil.url, "anvil_mine", &json!(["0x17"]));
            let proof = submission(2, 3, output);
            let submitted = registry.submit(&mut chain, model, &proof).await.unwrap();
            recorded.push((submitted.statement_hash, submitted.receipt));
        }
        ask(&anvil.url, "anvil_mine", &json!(["0x17"]));

        const MOST: u64 = 5;
        for (code, text) in [
            (-32602, "block range is too wide, max is 5"),
            (-32005, "query returned more than 10000 results"),
        ] {
            let proxy = Proxy::start(&anvil.url, move |request| {
                if request.method != "eth_getLogs" {
                    return Answer::Node;
                }
                let block = |name: &str| {
                    let text = request.params[0][name].as_str().unwrap();
                    u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap()
                };
                match block("toBlock") - block("fromBlock") < MOST {
                    true => Answer::Node,
                    false => Answer::Error(code, text),
                }
            });
            let mut chain = Chain::Rpc(through(&proxy, 30).await);
            for (hash, receipt) in &recorded {
                let found = registry
                    .find(&mut chain, *hash, manifest.block)
                    .await
                    .unwrap()
                    .unwrap();
                assert_eq!(found.block, receipt.block);
                assert_eq!(found.transaction, receipt.tx_hash);
                assert_eq!(found.event.statementHash, *hash);
                assert_eq!(found.event.caller, manifest.deployer);
            }
            let missing = registry
                .find(&mut chain, Default::default(), manifest.block)
                .await;
            assert!(missing.unwrap().is_none());
            for params in proxy.requests("eth_getLogs") {
                let from = params[0]["fromBlock"]
                    .as_str()
                    .unwrap()
                    .trim_start_matches("0x");
                assert!(u64::from_str_radix(from, 16).unwrap() >= manifest.block);
            }
        }
        // One that answers for all ranges, with more than is read of an answer unless they are small.
        let filler = json!("0".repeat(17 << 20));
        let proxy = Proxy::start(&anvil.url, move |request| {
            let wide = request.method == "eth_getLogs"
                && request.params[0]["fromBlock"] != request.params[0]["toBlock"];
            match wide {
                true => Answer::Result(filler.clone()),
                false => Answer::Node,
            }
        });
        let mut chain = Chain::Rpc(through(&proxy, 30).await);
        let (hash, receipt) = &recorded[2];
        let from = receipt.block - 1;
        let found = registry.find(&mut chain, *hash, from).await.unwrap();
        assert_eq!(found.unwrap().block, receipt.block);
        // A provider that refuses single blocks, too, is quoted.
        let proxy = Proxy::start(&anvil.url, |request| match request.method {
            "eth_getLogs" => Answer::Error(-32000, "no archive"),
            _ => Answer::Node,
        });
        let mut chain = Chain::Rpc(through(&proxy, 30).await);
        let found = registry
            .find(&mut chain, recorded[0].0, manifest.block)
            .await;
        let text = found.unwrap_err().to_string();
        assert!(
            text.contains("look for events") && text.contains("no archive"),
            "{text}"
        );
        assert!(proxy.requests("eth_getLogs").len() < 12);
    });
}

/// The same statement by somebody else between the estimate and the block: refused by name, with the transaction.
#[test]
fn a_transaction_that_fails_in_its_block_says_why() {
    wait(async {
        let (Some(bundle), Some(anvil)) = (bundle(ACCEPT), Anvil::start(LOCAL_CHAIN_ID)) else {
            return;
        };
        let proxy = Proxy::start(&anvil.url, |request| match request.method {
            // The estimate of before somebody was faster.
            "eth_estimateGas" => Answer::Result(json!("0x100000")),
            _ => Answer::Node,
        });
        let mut chain = Chain::Rpc(
            connect(&node(&anvil.url, None, 30), Some(KEY))
                .await
                .unwrap(),
        );
        let manifest = deploy(&mut chain, &bundle, Plan::default(), |_| ())
            .await
            .unwrap();
        let registry = Registry {
            address: manifest.model_registry.address,
        };
        let weights = manifest.weight_commitment.unwrap();
        let new = new_model(
            manifest.program_digest,
            weights,
            manifest.inference_verifier.address,
        );
        let model = registry.register(&mut chain, &new).await.unwrap().model_id;
        registry
            .submit(&mut chain, model, &submission(2, 3, 4))
            .await
            .unwrap();
        let mut late = Chain::Rpc(through(&proxy, 30).await);
        let error = registry
            .submit(&mut late, model, &submission(2, 3, 4))
            .await
            .unwrap_err();
        assert_eq!(
            refusal(&error).map(|r| r.name.as_str()),
            Some("StatementReplayed")
        );
        let hash = proxy.sent()[0].tx_hash().to_string();
        assert!(format!("{error:#}").contains(&hash), "{error:#}");
        assert_eq!(chain.balance(registry.address).await.unwrap(), U256::ZERO);
    });
}
