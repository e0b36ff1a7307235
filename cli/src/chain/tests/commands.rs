//! `deploy`, `register`, `submit` and `check` one after the other, against a real anvil, through their arguments.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use alloy::signers::local::PrivateKeySigner;
use clap::{Args, FromArgMatches};
use halo2curves_axiom::bn256::Fr;
use laminate_protocol::artifact::Kind;
use laminate_protocol::field::Scalar;

use super::super::LOCAL_CHAIN_ID;
use super::super::bundle::Contract;
use super::super::manifest::Manifest;
use super::anvil::{Anvil, KEY};
use super::{ACCEPT, bundle, bundle_with, stand_in, universal_bundle};
use crate::cmd::check::Check;
use crate::cmd::deploy::Deploy;
use crate::cmd::register::Register;
use crate::cmd::submit::Submit;
use crate::files::{self, ProofFile};
use crate::output::Output;

const OUT: Output = Output {
    json: true,
    quiet: true,
};

/// A folder with a keystore, a verifier's folder and a proof, and a node.
struct Fixture {
    dir: tempfile::TempDir,
    anvil: Anvil,
}

impl Fixture {
    fn new() -> Option<Self> {
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

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a proof file of the stand-in program.
    fn proof(&self, name: &str, weights: u64) {
        let fields = [1, weights, 3, 40_000].map(Fr::from).to_vec();
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
                tokens: None,
            },
            proof: stand_in(fields),
        };
        files::write(Kind::Proof, true, &proof, &self.path(name)).unwrap();
    }

    /// Parses arguments as the command line does; `@name` is a file of the folder.
    fn parse<C: Args + FromArgMatches>(&self, signs: bool, arguments: &[&str]) -> C {
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

    async fn deploy(&self, arguments: &[&str]) -> eyre::Result<()> {
        let all = [&["@verifier", "-o", "@deployment.json"], arguments].concat();
        self.parse::<Deploy>(true, &all).run(OUT).await
    }

    async fn register(&self, arguments: &[&str]) -> eyre::Result<()> {
        self.parse::<Register>(
            true,
            &[&["--deployment", "@deployment.json"], arguments].concat(),
        )
        .run(OUT)
        .await
    }

    async fn submit(&self, arguments: &[&str]) -> eyre::Result<()> {
        let signs = !arguments.contains(&"--dry-run");
        self.parse::<Submit>(
            signs,
            &[&["--deployment", "@deployment.json"], arguments].concat(),
        )
        .run(OUT)
        .await
    }

    async fn check(&self, arguments: &[&str]) -> eyre::Result<()> {
        self.parse::<Check>(
            false,
            &[&["--deployment", "@deployment.json"], arguments].concat(),
        )
        .run(OUT)
        .await
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

fn text(result: eyre::Result<()>) -> String {
    format!("{:#}", result.expect_err("accepted"))
}

fn alter(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

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
        assert!(text(f.submit(&["@proof"]).await).contains("StatementReplayed"));
        assert!(text(f.submit(&["@proof", "--dry-run"]).await).contains("StatementReplayed"));

        // A second deployment beside the first registry; its models are its own.
        let registry = manifest.model_registry.address.to_string();
        f.deploy(&["--registry", &registry, "--force"])
            .await
            .unwrap();
        let id = manifest.models[0].model_id.to_string();
        assert!(text(f.check(&["@proof", "--model", &id]).await).contains("does not verify"));
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
            ("\"version\": 4", "\"version\": 7", "version 7"),
            ("\"halo2Verifier\"", "\"halo3\"", "malformed"),
        ] {
            fs::write(&record, &good).unwrap();
            alter(&record, from, to);
            assert!(text(f.check(&[]).await).contains(what));
        }
    });
}

/// Two deployments through one universal verifier, the second behind a router.
#[test]
fn a_proof_goes_all_the_way_through_a_universal_verifier() {
    wait(async {
        let Some(f) = Fixture::new() else { return };
        let direct = text(f.deploy(&["--router"]).await);
        assert!(direct.contains("--mode universal"), "{direct}");
        let own = universal_bundle(ACCEPT, 1, true).unwrap();
        own.write(&f.path("own")).unwrap();
        universal_bundle(ACCEPT, 1, false)
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
            f.submit(&["@proof", "--dry-run"]).await.unwrap();
            f.submit(&["@proof"]).await.unwrap();
            f.check(&["@proof", "--verifier-dir", "@verifier"])
                .await
                .unwrap();
        }
        let good = fs::read_to_string(&record).unwrap();
        let key = format!("0x{}", "01".repeat(64));
        alter(&record, &key, &format!("0x{}", "02".repeat(64)));
        let error = text(f.check(&[]).await);
        assert!(error.contains("universal program digest"), "{error}");
        fs::write(&record, &good).unwrap();
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
        universal_bundle(ACCEPT, 1, true)
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
        // The registered digests bind the generated universal verifier's hash, so they are what refuses another.
        let (of_hash, of_code) = match contract {
            Contract::Halo2UniversalVerifier => (
                "universal program digest",
                "is for a generated verifier with code hash",
            ),
            _ => ("not the code it must be", "not the code it must be"),
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
