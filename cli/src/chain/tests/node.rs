//! A chain behind a real anvil, and everything that can be wrong on the way to one.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use alloy::primitives::{Bytes, U256, address};
use alloy::signers::local::PrivateKeySigner;

use super::super::deploy::{Plan, deploy};
use super::super::registry::Registry;
use super::super::rpc::NodeArgs;
use super::super::{Chain, LOCAL_CHAIN_ID, RpcChain, refusal};
use super::anvil::{Anvil, KEY};
use super::{ACCEPT, REFUSE, bundle, creation, new_model, submission};

pub(super) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

pub(super) fn node(url: &str, chain_id: Option<u64>, timeout: u64) -> NodeArgs {
    NodeArgs {
        rpc_url: url.into(),
        chain_id,
        timeout,
    }
}

pub(super) async fn connect(args: &NodeArgs, key: Option<&str>) -> eyre::Result<RpcChain> {
    let signer = key.map(|key| PrivateKeySigner::from_slice(&hex::decode(key).unwrap()).unwrap());
    RpcChain::connect(args, signer).await
}

async fn failure(url: &str, chain_id: Option<u64>) -> String {
    format!(
        "{:#}",
        connect(&node(url, chain_id, 1), None)
            .await
            .err()
            .expect("connected")
    )
}

/// A server that answers every request with `response`, or with nothing.
fn server(response: Option<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            match response {
                Some(response) => drop(stream.write_all(response.as_bytes())),
                None => open.push(stream),
            }
        }
    });
    format!("http://{address}")
}

/// A server whose answers begin with `head` and do not end; how many bytes of each it got rid of.
fn endless(head: &'static str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let most = Arc::new(AtomicUsize::new(0));
    let sent = most.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(head.as_bytes());
            let mut count = 0;
            while stream.write_all(&[b' '; 1 << 16]).is_ok() {
                count += 1 << 16;
                sent.fetch_max(count, Ordering::Relaxed);
                assert!(count < 1 << 30, "somebody reads it all");
            }
        }
    });
    (format!("http://{address}"), most)
}

#[test]
fn answers_without_end_are_not_read() {
    wait(async {
        for (head, expected) in [
            ("HTTP/1.1 200 OK\r\n\r\n", "more than 16 MiB"),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n",
                "more than 16 MiB",
            ),
            ("HTTP/1.1 404 Not Found\r\n\r\n", "HTTP 404"),
        ] {
            let (url, most) = endless(head);
            let error = connect(&node(&url, None, 30), None).await;
            let error = format!("{:#}", error.err().expect("connected"));
            assert!(error.contains(expected), "{error}");
            // What is on the way is in the buffers of the two sockets.
            let sent = most.load(Ordering::Relaxed);
            assert!(sent < 32 << 20, "{sent} bytes");
        }
    });
}

#[test]
fn deploys_registers_and_submits_as_the_embedded_chain_does() {
    wait(async {
        let (Some(bundle), Some(anvil)) = (bundle(ACCEPT), Anvil::start(LOCAL_CHAIN_ID)) else {
            return;
        };
        let rpc = connect(&node(&anvil.url, Some(LOCAL_CHAIN_ID), 30), Some(KEY))
            .await
            .unwrap();
        let mut gas = Vec::new();
        for mut chain in [Chain::Rpc(rpc), Chain::embedded()] {
            let mut used = Vec::new();
            let plan = Plan {
                screen: true,
                ..Plan::default()
            };
            let manifest = deploy(&mut chain, &bundle, plan, |step| {
                used.push(step.created.receipt.gas_used)
            })
            .await
            .unwrap();
            let registry = Registry {
                address: manifest.model_registry.address,
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
            let proof = submission(2, 3, -77);
            let submitted = registry
                .submit(&mut chain, model.model_id, &proof)
                .await
                .unwrap();
            used.extend([model.receipt.gas_used, submitted.receipt.gas_used]);
            assert!(
                registry
                    .is_submitted(&mut chain, submitted.statement_hash)
                    .await
                    .unwrap()
            );
            let found = registry
                .find(&mut chain, submitted.statement_hash, manifest.block)
                .await
                .unwrap()
                .unwrap();
            assert_eq!(found.block, submitted.receipt.block);
            assert_eq!(found.transaction, submitted.receipt.tx_hash);
            assert_eq!(found.event.caller, chain.sender().unwrap());
            let error = registry
                .submit(&mut chain, model.model_id, &proof)
                .await
                .unwrap_err();
            assert_eq!(
                refusal(&error).map(|r| r.name.as_str()),
                Some("StatementReplayed"),
                "{error:?}"
            );
            gas.push(used);
        }
        // Addresses and hashes differ in their zero bytes, which cost 12 gas less each in calldata.
        for (node, embedded) in gas[0].iter().zip(&gas[1]) {
            assert!(node.abs_diff(*embedded) < 1000, "{gas:?}");
        }
    });
}

#[test]
fn refusals_of_a_node_keep_their_names() {
    wait(async {
        let (Some(bundle), Some(anvil)) = (bundle(REFUSE), Anvil::start(LOCAL_CHAIN_ID)) else {
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
        let verifier = manifest.inference_verifier.address;
        let weights = manifest.weight_commitment.unwrap();
        let model = registry
            .register(
                &mut chain,
                &new_model(manifest.program_digest, weights, verifier),
            )
            .await
            .unwrap();
        for result in [
            registry
                .verify(&mut chain, model.model_id, &submission(2, 3, 4))
                .await,
            registry
                .dry_run(&mut chain, model.model_id, &submission(2, 3, 4))
                .await,
            registry
                .submit(&mut chain, model.model_id, &submission(2, 3, 4))
                .await
                .map(|s| s.statement_hash),
        ] {
            let error = result.unwrap_err();
            assert_eq!(
                refusal(&error).map(|r| r.name.as_str()),
                Some("InvalidProof"),
                "{error:?}"
            );
        }
        let again = registry
            .register(
                &mut chain,
                &new_model(manifest.program_digest, weights, verifier),
            )
            .await
            .unwrap_err();
        assert!(
            again
                .to_string()
                .contains("registered exactly this model before"),
            "{again}"
        );
    });
}

#[test]
fn an_account_without_ether_is_named_as_the_cause() {
    wait(async {
        let Some(anvil) = Anvil::start(LOCAL_CHAIN_ID) else {
            return;
        };
        let poor = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690f";
        let mut chain = Chain::Rpc(
            connect(&node(&anvil.url, None, 30), Some(poor))
                .await
                .unwrap(),
        );
        assert_eq!(
            chain.balance(chain.sender().unwrap()).await.unwrap(),
            U256::ZERO
        );
        let text = chain
            .deploy(&creation(ACCEPT), &[])
            .await
            .unwrap_err()
            .to_string();
        assert!(text.contains("too little ether"), "{text}");
        assert!(!text.contains(&poor[..6]), "{text}");

        let reader = connect(&node(&anvil.url, None, 30), None).await.unwrap();
        let to = address!("0x00000000000000000000000000000000000beef0");
        let text = Chain::Rpc(reader)
            .send(to, Bytes::new(), U256::ZERO)
            .await
            .unwrap_err()
            .to_string();
        assert!(text.contains("--keystore"), "{text}");
    });
}

#[test]
fn another_chain_is_refused() {
    wait(async {
        let Some(anvil) = Anvil::start(4242) else {
            return;
        };
        let text = failure(&anvil.url, Some(1)).await;
        assert!(text.contains("on chain 4242, expected 1"), "{text}");
        assert_eq!(
            connect(&node(&anvil.url, Some(4242), 30), None)
                .await
                .unwrap()
                .chain_id(),
            4242
        );
        let Some(mut bundle) = bundle(ACCEPT) else {
            return;
        };
        bundle.info.development_srs = true;
        let mut chain = Chain::Rpc(
            connect(&node(&anvil.url, None, 30), Some(KEY))
                .await
                .unwrap(),
        );
        let text = deploy(&mut chain, &bundle, Plan::default(), |_| panic!("deployed"))
            .await
            .unwrap_err()
            .to_string();
        assert!(text.contains("development reference string"), "{text}");
    });
}

#[test]
fn what_is_not_a_node_is_said_to_be_none() {
    wait(async {
        let closed = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let text = failure(&format!("http://user:s3cret@{closed}/v3/k3y"), None).await;
        assert!(
            text.contains("no node answers") && !text.contains("s3cret") && !text.contains("k3y"),
            "{text}"
        );
        let silent = failure(&server(None), None).await;
        assert!(silent.contains("gave no answer in 1 s"), "{silent}");
        for (response, expected) in [
            (
                "HTTP/1.1 401 Unauthorized\r\nContent-Length: 3\r\n\r\nk3y",
                "HTTP 401",
            ),
            (
                "HTTP/1.1 429 Too Many\r\nContent-Length: 0\r\n\r\n",
                "too many requests",
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n<htm>",
                "does not answer as an Ethereum node",
            ),
            (
                "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
                "HTTP 302",
            ),
        ] {
            let text = failure(&server(Some(response)), None).await;
            assert!(text.contains(expected), "{text}");
        }
        for url in ["", "localhost:8545", "ws://127.0.0.1:8545", "http://"] {
            let text = failure(url, None).await;
            assert!(
                text.contains("--rpc-url") && text.contains("http://127.0.0.1:8545"),
                "{text}"
            );
        }
    });
}
