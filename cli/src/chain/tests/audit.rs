//! `audit log`, and cards on chain, against a real anvil.

use std::fs;

use alloy::primitives::{B256, U256};
use serde_json::json;

use super::super::contracts::ModelRegistry;
use super::super::manifest::Manifest;
use super::super::registry::{NewModel, Registry, Submission};
use super::fixture::{Fixture, OUT, alter, text, wait};
use super::proxy::{Answer, Proxy, ask};
use crate::cmd::audit::log::{AuditLog, Report, What};
use crate::cmd::card::Card;
use crate::files;
use crate::reading::Reading;

fn log(f: &Fixture, url: &str, arguments: &[&str]) -> AuditLog {
    let mut log = f.parse::<AuditLog>(false, arguments);
    log.node.rpc_url = url.to_owned();
    log
}

async fn told(f: &Fixture, url: &str, arguments: &[&str]) -> Report {
    log(f, url, arguments).report(OUT).await.unwrap()
}

/// Two models of one commitment and one of a foreign program, a statement of the first and of the last, a retirement.
async fn history(f: &Fixture) -> (Manifest, [B256; 3]) {
    f.deploy(&[]).await.unwrap();
    f.register(&[]).await.unwrap();
    f.submit(&["@proof"]).await.unwrap();
    let manifest = Manifest::read(&f.path("deployment.json")).unwrap();
    let registry = Registry {
        address: manifest.model_registry.address,
    };
    let mut chain = f.other().await;
    let new = |program: u8, weights: B256, note: u8| NewModel {
        metadata_hash: B256::with_last_byte(note),
        ..super::new_model(
            B256::with_last_byte(program),
            weights,
            manifest.inference_verifier.address,
        )
    };
    let first = manifest.models[0].clone();
    ask(&f.anvil.url, "anvil_mine", &json!(["0x9"]));
    let second = new(1, first.weight_commitment, 1);
    let second = registry.register(&mut chain, &second).await.unwrap();
    let foreign = new(77, B256::with_last_byte(5), 2);
    let foreign = registry.register(&mut chain, &foreign).await.unwrap();
    let file = files::read_publishable(&f.path("proof")).unwrap();
    let submission = Submission::of_inference(&file.proof, &manifest).unwrap();
    let id = foreign.model_id;
    registry.submit(&mut chain, id, &submission).await.unwrap();
    let retire = ModelRegistry::retireModelCall {
        modelId: second.model_id,
    };
    let retired = chain.write(registry.address, &retire, U256::ZERO).await;
    retired.unwrap();
    ask(&f.anvil.url, "anvil_mine", &json!(["0x9"]));
    let ids = [
        first.model_id,
        second.model_id.into(),
        foreign.model_id.into(),
    ];
    (manifest, ids)
}

/// Everything a registry recorded, in order, whatever ranges of blocks the node answers for.
#[test]
fn a_registrys_log_is_whole_and_decoded() {
    wait(async {
        let Some(f) = Fixture::new() else { return };
        let (manifest, [first, second, foreign]) = history(&f).await;
        let deployment = ["--deployment", "@deployment.json"];
        let narrow = Proxy::start(&f.anvil.url, |request| {
            if request.method != "eth_getLogs" {
                return Answer::Node;
            }
            let block = |name: &str| {
                let text = request.params[0][name].as_str().unwrap();
                u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap()
            };
            match block("toBlock") - block("fromBlock") < 5 {
                true => Answer::Node,
                false => Answer::Error(-32602, "block range is too wide"),
            }
        });
        for url in [&f.anvil.url, &narrow.url] {
            let report = told(&f, url, &deployment).await;
            let log = report.log.unwrap();
            let happened: Vec<_> = log.iter().map(|e| (&e.event, e.model_id)).collect();
            let expected = [
                (&What::Registered, first),
                (&What::Verified, first),
                (&What::Registered, second),
                (&What::Registered, foreign),
                (&What::Verified, foreign),
                (&What::Retired, second),
            ];
            assert_eq!(happened, expected);
            assert!(
                log.is_sorted_by_key(|e| e.block) && log.iter().all(|e| e.transaction.is_some())
            );
            let outputs: Vec<_> = log.iter().filter_map(|e| e.statement.as_ref()).collect();
            let decoded = Reading::Real(vec![f64::from(40_000 - (1 << 15)) / 16_384.0]);
            assert_eq!(outputs[0].output, Some(decoded));
            // The program of the other is not known.
            assert!(outputs[1].output.is_none() && outputs[1].output_bytes.len() == 66);

            let model = |id: B256| report.models.iter().find(|m| m.model_id == id).unwrap();
            assert_eq!(model(first).statements, 1);
            assert_eq!(model(first).program.as_deref(), Some("stand-in"));
            assert!(model(second).retired && !model(first).retired);
            assert!(model(foreign).program.is_none());
            assert_eq!(report.same_weights.len(), 1);
            let mut same = report.same_weights[0].models.clone();
            same.sort();
            let mut expected = [first, second];
            expected.sort();
            assert_eq!(same, expected);
        }
        assert!(narrow.requests("eth_getLogs").len() > 4);
        a_part_of_the_log(&f, &manifest, first).await;
    });
}

/// A range of blocks, a registry without a record, a table, and what is refused.
async fn a_part_of_the_log(f: &Fixture, manifest: &Manifest, first: B256) {
    let registry = manifest.model_registry.address.to_string();
    let (all, from) = (["--registry", &registry], manifest.block.to_string());
    let whole = told(f, &f.anvil.url, &all).await;
    assert_eq!(whole.events, 6);
    assert!(whole.models.iter().all(|m| m.program.is_none()));
    let known = [&all[..], &["--verifier-dir", "@verifier"]].concat();
    let known = told(f, &f.anvil.url, &known).await;
    let known: Vec<_> = known
        .models
        .iter()
        .filter(|m| m.program.is_some())
        .collect();
    assert_eq!(known.len(), 2);

    let blocks: Vec<u64> = whole.log.unwrap().iter().map(|e| e.block).collect();
    let (begin, end) = (blocks[1].to_string(), blocks[1].to_string());
    let one = [&all[..], &["--from-block", &begin, "--to-block", &end]].concat();
    let one = told(f, &f.anvil.url, &one).await;
    // The model was registered before the range, and is told of all the same.
    assert_eq!((one.events, one.models.len()), (1, 1));
    assert_eq!(one.models[0].model_id, first);

    let table = ["--deployment", "@deployment.json", "--csv", "@log.csv"];
    let report = told(f, &f.anvil.url, &table).await;
    assert!(report.log.is_none() && report.events == 6);
    let mut reader = csv::Reader::from_path(f.path("log.csv")).unwrap();
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 6);
    assert_eq!((&rows[1][0], &rows[1][12]), ("verified", "[0.44140625]"));
    assert_eq!(
        (&rows[2][0], &rows[2][9]),
        ("registered", &*first.to_string())
    );
    assert_eq!(&rows[5][0], "retired");

    let refused = async |arguments: &[&str], expected: &str| {
        let result = log(f, &f.anvil.url, arguments).report(OUT).await;
        let error = format!("{:#}", result.map(drop).unwrap_err());
        assert!(error.contains(expected), "{error}");
    };
    refused(&[all[0], all[1], "--to-block", "9999"], "latest block is").await;
    let backwards = [all[0], all[1], "--from-block", &end, "--to-block", "1"];
    refused(&backwards, "expected at most 1").await;
    let nobody = "0x00000000000000000000000000000000000000aa";
    refused(&["--registry", nobody], "no contract at").await;
    refused(&["--deployment", "@none.json"], "no deployment record").await;
    refused(
        &[&table[..2], &["--csv", "@no/log.csv"]].concat(),
        "no folder",
    )
    .await;
    // A node that gives events of another contract, of another kind or of other blocks.
    let forged = Proxy::start(&f.anvil.url, |request| {
        if request.method != "eth_getLogs" {
            return Answer::Node;
        }
        let mut logs = request.forward();
        let all = logs.as_array_mut().unwrap();
        for (index, log) in all.iter_mut().enumerate() {
            match index % 3 {
                0 => log["address"] = "0x00000000000000000000000000000000000000aa".into(),
                1 => log["topics"][0] = format!("0x{:064x}", 7).into(),
                _ => log["blockNumber"] = "0xfffff".into(),
            }
        }
        Answer::Result(logs)
    });
    let report = told(
        f,
        &forged.url,
        &[&all[..], &["--from-block", &from]].concat(),
    )
    .await;
    assert_eq!((report.events, report.models.len()), (0, 0));
    // Code that is not the record's.
    ask(&f.anvil.url, "anvil_setCode", &json!([registry, "0x00"]));
    refused(&table[..2], "ModelRegistry at").await;
}

/// The hash of a card is what a model is registered with, and a changed card is none of it.
#[test]
fn a_card_is_registered_and_checked() {
    wait(async {
        let Some(f) = Fixture::new() else { return };
        f.deploy(&[]).await.unwrap();
        let card = crate::cmd::card::example();
        let write =
            |name: &str, card: &Card| fs::write(f.path(name), card.bytes().unwrap()).unwrap();
        write("card.json", &card);
        let before = f.blocks();
        let other = |change: &dyn Fn(&mut Card)| {
            let mut other = card.clone();
            change(&mut other);
            write("other.json", &other);
        };
        let byte = B256::with_last_byte;
        other(&|c| c.program.digest = byte(9));
        let error = text(f.register(&["--card", "@other.json"]).await);
        assert!(error.contains("the card is of program"), "{error}");
        other(&|c| c.weights.commitment = byte(9));
        let error = text(f.register(&["--card", "@other.json"]).await);
        assert!(error.contains("the card is of weights"), "{error}");
        fs::write(f.path("loose.json"), "{ \"schema\": 1 }").unwrap();
        let error = text(f.register(&["--card", "@loose.json"]).await);
        assert!(error.contains("canonical form"), "{error}");
        assert_eq!(f.blocks(), before, "nothing was sent");

        f.register(&["--card", "@card.json"]).await.unwrap();
        let manifest = Manifest::read(&f.path("deployment.json")).unwrap();
        let registry = Registry {
            address: manifest.model_registry.address,
        };
        let id = manifest.models[0].model_id;
        let model = registry.model(&mut f.other().await, id.into()).await;
        assert_eq!(model.unwrap().metadataHash, card.hash().unwrap());
        f.check(&["--card", "@card.json"]).await.unwrap();
        f.check(&["@proof", "--card", "@card.json"]).await.unwrap();
        other(&|c| c.owner = "Somebody else".into());
        let error = text(f.check(&["--card", "@other.json"]).await);
        assert!(error.contains("not registered with this card"), "{error}");
        // One byte, in whatever form.
        fs::copy(f.path("card.json"), f.path("altered.json")).unwrap();
        alter(
            &f.path("altered.json"),
            "\"version\":\"1.0\"",
            "\"version\":\"1.1\"",
        );
        let error = text(f.check(&["--card", "@altered.json"]).await);
        assert!(error.contains("not registered with this card"), "{error}");
        let id = id.to_string();
        f.check(&["--card", "@card.json", "--model", &id])
            .await
            .unwrap();
        other(&|c| c.weights.commitment = byte(9));
        let error = text(f.check(&["--card", "@other.json"]).await);
        assert!(error.contains("no model with the card's weight"), "{error}");
        let given = ["--card", "@other.json", "--model", &id];
        let error = text(f.check(&given).await);
        assert!(error.contains("not registered with this card"), "{error}");
    });
}
