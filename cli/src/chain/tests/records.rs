//! The record of a deployment while several commands want it, and what of a chain a node does not tell.

use super::super::manifest::Manifest;
use super::fixture::{Fixture, OUT, text, wait};
use super::proxy::{Answer, Proxy};
use crate::cmd::check::Check;
use crate::files::Lock;

/// Of two commands that write the record, one is refused before it sends anything.
#[test]
fn a_record_is_written_by_one_command_at_a_time() {
    wait(async {
        let Some(f) = Fixture::new() else { return };
        let busy = |error: String| assert!(error.contains("another laminate command"), "{error}");
        let lock = Lock::take(f.dir.path()).unwrap();
        busy(text(f.deploy(&[]).await));
        assert!(!f.path("deployment.json").exists());
        drop(lock);
        f.deploy(&[]).await.unwrap();
        let before = f.blocks();
        let lock = Lock::take(f.dir.path()).unwrap();
        for result in [
            f.register(&[]).await,
            f.deploy(&["--force"]).await,
            f.deploy(&["--resume"]).await,
        ] {
            busy(text(result));
        }
        assert_eq!(f.blocks(), before);
        // Who only reads it does not wait.
        f.check(&[]).await.unwrap();
        drop(lock);
        f.register(&[]).await.unwrap();
        let manifest = Manifest::read(&f.path("deployment.json")).unwrap();
        assert_eq!(manifest.models.len(), 1);
        drop(Lock::take(f.dir.path()).unwrap());
    });
}

/// A node that answers for no events: what follows from the rest is checked, and what does not is said.
#[test]
fn what_a_node_does_not_tell_is_named() {
    wait(async {
        let Some(f) = Fixture::new() else { return };
        f.deploy(&[]).await.unwrap();
        f.register(&[]).await.unwrap();
        let submitted = f.submission(&["@proof"]).report(OUT).await.unwrap();
        let hash = submitted.statement_hash.to_string();
        let proxy = Proxy::start(&f.anvil.url, |request| match request.method {
            "eth_getLogs" => Answer::Error(-32601, "no logs here"),
            _ => Answer::Node,
        });
        let check = |arguments: &[&str], url: &str| {
            let all = [&["--deployment", "@deployment.json"], arguments].concat();
            let mut check = f.parse::<Check>(false, &all);
            check.node.rpc_url = url.to_owned();
            check
        };
        let told = check(&["@proof"], &f.anvil.url).report(OUT).await.unwrap();
        let statement = told.statement.unwrap();
        assert!(told.holds && statement.unread.is_none() && statement.block.is_some());

        // The hash binds the model: that it is recorded needs no event.
        let silent = check(&["@proof"], &proxy.url).report(OUT).await.unwrap();
        let statement = silent.statement.unwrap();
        assert!(silent.holds && statement.recorded && statement.reason.is_none());
        assert!(statement.unread.unwrap().contains("no logs here"));
        assert!(statement.block.is_none());
        check(&["@proof"], &proxy.url).run(OUT).await.unwrap();

        // Without the proof, whose model it is of cannot be known.
        let blind = check(&["--statement", &hash], &proxy.url);
        let report = blind.report(OUT).await.unwrap();
        assert!(!report.holds && report.statement.unwrap().recorded);
        let error = text(blind.run(OUT).await);
        assert!(
            error.contains("only its event tells") && error.contains("eth_getLogs"),
            "{error}"
        );
        let unknown = format!("0x{:064x}", 1);
        let error = text(check(&["--statement", &unknown], &proxy.url).run(OUT).await);
        assert!(error.contains("is not recorded"), "{error}");
    });
}
