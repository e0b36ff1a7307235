//! A user with a keystore, a verifier's folder, a proof and a node, and the chain commands through their arguments.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use alloy::signers::local::PrivateKeySigner;
use clap::{Args, FromArgMatches};
use halo2curves_axiom::bn256::Fr;
use laminate_aggregator::prove::AggregationProof;
use laminate_engine::field::Scalar;
use laminate_model::artifact::Kind;

use super::super::{Chain, LOCAL_CHAIN_ID};
use super::anvil::{Anvil, KEY};
use super::proxy::ask;
use super::{ACCEPT, bundle, stand_in};
use crate::cmd::check::Check;
use crate::cmd::deploy::Deploy;
use crate::cmd::register::Register;
use crate::cmd::submit::Submit;
use crate::files::{self, ProofFile};
use crate::output::Output;

pub(super) const OUT: Output = Output {
    json: true,
    quiet: true,
};

/// A folder with a keystore, a verifier's folder and a proof, and a node.
pub(super) struct Fixture {
    pub(super) dir: tempfile::TempDir,
    pub(super) anvil: Anvil,
}

impl Fixture {
    pub(super) fn new() -> Option<Self> {
        let fixture = Self {
            dir: tempfile::tempdir().unwrap(),
            anvil: Anvil::start(LOCAL_CHAIN_ID)?,
        };
        bundle(ACCEPT)?.write(&fixture.path("verifier")).unwrap();
        let key = hex::decode(KEY).unwrap();
        PrivateKeySigner::encrypt_keystore(
            fixture.dir.path(),
            &mut rand::thread_rng(),
            key,
            "pass",
            Some("key"),
        )
        .unwrap();
        fs::write(fixture.path("password"), "pass\n").unwrap();
        fixture.proof("proof", 2);
        Some(fixture)
    }

    pub(super) fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a proof file of the stand-in program.
    pub(super) fn proof(&self, name: &str, weights: u64) {
        self.proof_with(name, weights, |_| ());
    }

    pub(super) fn proof_with(
        &self,
        name: &str,
        weights: u64,
        change: impl Fn(&mut AggregationProof),
    ) {
        let fields = [1, weights, 3, 40_000].map(Fr::from).to_vec();
        let mut proof = stand_in(fields);
        change(&mut proof);
        let proof = ProofFile {
            program_name: "stand-in".into(),
            program_digest: Scalar(Fr::from(1)),
            fold: Default::default(),
            setup: [0; 32],
            vk_digest: [0; 32],
            output: laminate_aggregator::keys::OutputFormat {
                values: 1,
                width: 1,
                scale: 14,
                form: laminate_aggregator::keys::Form::Short,
                lead: laminate_aggregator::keys::Lead::NONE,
            },
            proof,
        };
        files::write(Kind::Proof, true, &proof, &self.path(name)).unwrap();
    }

    /// Parses arguments as the command line does; `@name` is a file of the folder.
    pub(super) fn parse<C: Args + FromArgMatches>(&self, signs: bool, arguments: &[&str]) -> C {
        let file = |name: &str| self.path(name).into_os_string();
        let mut all: Vec<OsString> = vec!["test".into()];
        all.extend(
            arguments
                .iter()
                .map(|a| a.strip_prefix('@').map_or_else(|| (*a).into(), &file)),
        );
        all.extend(["--rpc-url".into(), self.anvil.url.clone().into()]);
        if signs {
            all.extend([
                "--keystore".into(),
                file("key"),
                "--password-file".into(),
                file("password"),
            ]);
        }
        let matches = C::augment_args(clap::Command::new("test"))
            .try_get_matches_from(all)
            .unwrap();
        C::from_arg_matches(&matches).unwrap()
    }

    pub(super) async fn deploy(&self, arguments: &[&str]) -> eyre::Result<()> {
        let all = [&["@verifier", "-o", "@deployment.json"], arguments].concat();
        self.parse::<Deploy>(true, &all).run(OUT).await
    }

    pub(super) async fn register(&self, arguments: &[&str]) -> eyre::Result<()> {
        self.parse::<Register>(
            true,
            &[&["--deployment", "@deployment.json"], arguments].concat(),
        )
        .run(OUT)
        .await
    }

    pub(super) async fn submit(&self, arguments: &[&str]) -> eyre::Result<()> {
        self.submission(arguments).run(OUT).await
    }

    pub(super) fn submission(&self, arguments: &[&str]) -> Submit {
        let signs = !arguments.contains(&"--dry-run");
        self.parse::<Submit>(
            signs,
            &[&["--deployment", "@deployment.json"], arguments].concat(),
        )
    }

    /// A chain of another account.
    pub(super) async fn other(&self) -> Chain {
        let key = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
        let node = super::node::node(&self.anvil.url, None, 30);
        Chain::Rpc(super::node::connect(&node, Some(key)).await.unwrap())
    }

    /// How many transactions are in blocks.
    pub(super) fn blocks(&self) -> String {
        let none = serde_json::json!([]);
        ask(&self.anvil.url, "eth_blockNumber", &none)["result"].to_string()
    }

    pub(super) async fn check(&self, arguments: &[&str]) -> eyre::Result<()> {
        self.parse::<Check>(
            false,
            &[&["--deployment", "@deployment.json"], arguments].concat(),
        )
        .run(OUT)
        .await
    }
}

pub(super) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

pub(super) fn text(result: eyre::Result<()>) -> String {
    format!("{:#}", result.expect_err("accepted"))
}

pub(super) fn alter(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).unwrap();
}
