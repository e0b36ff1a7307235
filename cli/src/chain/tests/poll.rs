//! `poll deploy`, `post`, `vote`, `tally` and `revoke` against a real anvil, through their arguments. Proofs are stand-ins; real ones
//! are in `eligibility`.

use std::fs;

use alloy::primitives::Address;
use clap::{Args, FromArgMatches};
use halo2curves_axiom::bn256::Fr;
use laminate_engine::field::Scalar;
use laminate_model::artifact::Kind;
use laminate_model::binding::{Binding, MIN_DEPTH};
use laminate_model::credential::Tree;
use serde_json::Value;

use super::super::manifest::Manifest;
use super::fixture::{Fixture, OUT, alter, text, wait};
use super::{ACCEPT, bundle, stand_in};
use crate::cmd::poll::{PollDeploy, PollPost, PollRevoke, PollTally, PollVote};
use crate::files::{self, ProofFile, hex_scalar};

const BINDING: Binding = Binding {
    context: true,
    credential: Some(MIN_DEPTH),
    ..Binding::NONE
};

/// A fixture whose program decides on credentials.
fn fixture() -> Option<Fixture> {
    let f = Fixture::new()?;
    let mut bundle = bundle(ACCEPT)?;
    bundle.info.output_count = 61;
    bundle.info.output_words = 5;
    bundle.info.output_scale = 0;
    bundle.info.output_lead.binding = BINDING;
    bundle.write(&f.path("verifier")).unwrap();
    Some(f)
}

impl Fixture {
    fn poll<C: Args + FromArgMatches>(&self, signs: bool, arguments: &[&str]) -> C {
        let all = [arguments, &["--deployment", "@deployment.json"]].concat();
        self.parse(signs, &all)
    }

    fn manifest(&self) -> Manifest {
        Manifest::read(&self.path("deployment.json")).unwrap()
    }

    /// Writes a proof with these binding words, of an output.
    fn vote(&self, name: &str, words: [Fr; 4], output: u64) {
        let [root, scope, nullifier, context] = words;
        let output = Fr::from(output + (1 << 15));
        let [program, weights, input] = [1, 2, 3].map(Fr::from);
        let mut proof = stand_in(vec![
            program, weights, input, root, scope, nullifier, context, output,
        ]);
        proof.public.outputs = 61;
        proof.digest = proof.public.digest();
        let file = ProofFile {
            program_name: "stand-in".into(),
            program_digest: Scalar(program),
            fold: Default::default(),
            setup: [0; 32],
            vk_digest: [0; 32],
            output: laminate_aggregator::keys::OutputFormat {
                values: 1,
                width: 1,
                scale: 0,
                form: laminate_aggregator::keys::Form::Short,
                lead: laminate_aggregator::keys::Lead {
                    binding: BINDING,
                    input: None,
                },
            },
            proof,
        };
        files::write(Kind::Proof, true, &file, &self.path(name)).unwrap();
    }

    async fn send(&self, proof: &str, choice: &str) -> eyre::Result<()> {
        let vote: PollVote = self.poll(true, &[proof, "--choice", choice]);
        vote.run(OUT).await
    }

    async fn votes(&self) -> Vec<u64> {
        let tally: PollTally = self.poll(false, &[]);
        let report = tally.report().await.unwrap();
        report.choices.iter().map(|choice| choice.votes).collect()
    }
}

#[test]
fn a_poll_is_held_from_the_command_line() {
    wait(async {
        let Some(f) = fixture() else { return };
        f.deploy(&[]).await.unwrap();
        let open = ["--choices", "3", "--open-for", "100000"];
        let unregistered = f.poll::<PollDeploy>(true, &open).run(OUT).await;
        assert!(text(unregistered).contains("laminate register"));
        f.register(&[]).await.unwrap();
        let tally = f.poll::<PollTally>(false, &[]).run(OUT).await;
        assert!(text(tally).contains("laminate poll deploy"));
        f.poll::<PollDeploy>(true, &open).run(OUT).await.unwrap();
        let again = f.poll::<PollDeploy>(true, &open).run(OUT).await;
        assert!(text(again).contains("--force"));
        f.check(&["--verifier-dir", "@verifier"]).await.unwrap();

        let manifest = f.manifest();
        let poll = manifest.eligibility_poll.unwrap();
        let own = manifest.deployer;
        assert_eq!(manifest.credential_roots.unwrap().terms.issuer, own);
        let leaves = [11, 12].map(|leaf| Scalar(Fr::from(leaf))).to_vec();
        let tree = Tree::new(MIN_DEPTH, leaves).unwrap();
        files::write(Kind::CredentialTree, false, &tree, &f.path("tree")).unwrap();
        let post = ["@tree", "--valid-for", "90000", "--uri", "ipfs://leaves"];
        f.poll::<PollPost>(true, &post).run(OUT).await.unwrap();
        let twice = f.poll::<PollPost>(true, &post).run(OUT).await;
        assert!(text(twice).contains("RootPostedBefore"));
        let leaves = [11, 12].map(|leaf| Scalar(Fr::from(leaf))).to_vec();
        let deep = Tree::new(MIN_DEPTH + 1, leaves).unwrap();
        files::write(Kind::CredentialTree, false, &deep, &f.path("deep")).unwrap();
        let deep = f.poll::<PollPost>(true, &["@deep", "--valid-for", "9"]);
        assert!(text(deep.run(OUT).await).contains("--depth 20"));

        // What a voter is told is what is counted.
        let sender = own.to_string();
        let tally: PollTally = f.poll(false, &["--sender", &sender]);
        let told = tally.report().await.unwrap();
        assert!(told.open);
        let chain_id = manifest.chain_id;
        let (scope, root) = (poll.scope(chain_id), tree.root());
        assert_eq!(told.scope, hex_scalar(&scope));
        let context = |sender, choice| poll.context(chain_id, sender, choice);
        let (mine, anyones) = (context(own, 1), context(Address::ZERO, 2));
        assert_eq!(told.choices[1].context, hex_scalar(&mine));
        f.vote("vote", [root, scope, Fr::from(70), mine], 1);
        assert!(text(f.send("@vote", "3").await).contains("there is no choice 3"));
        let other = text(f.send("@vote", "2").await);
        assert!(
            other.contains("another choice, sender, poll or chain"),
            "{other}"
        );
        f.send("@vote", "1").await.unwrap();
        assert!(text(f.send("@vote", "1").await).contains("VotedBefore"));
        f.vote("relayed", [root, scope, Fr::from(71), anyones], 1);
        f.send("@relayed", "2").await.unwrap();
        assert_eq!(f.votes().await, [0, 1, 1]);

        f.vote(
            "theirs",
            [
                root,
                scope,
                Fr::from(72),
                context(Address::repeat_byte(7), 1),
            ],
            1,
        );
        assert!(text(f.send("@theirs", "1").await).contains("another choice, sender"));
        f.vote("low", [root, scope, Fr::from(72), mine], 0);
        assert!(text(f.send("@low", "1").await).contains("NotEligible"));
        f.vote("scope", [root, scope + Fr::from(1), Fr::from(72), mine], 1);
        assert!(text(f.send("@scope", "1").await).contains("OtherScope"));
        let revoke = [&*hex_scalar(&root)];
        f.poll::<PollRevoke>(true, &revoke).run(OUT).await.unwrap();
        f.vote("late", [root, scope, Fr::from(72), mine], 1);
        assert!(text(f.send("@late", "1").await).contains("RootNotValid"));
        assert_eq!(f.votes().await, [0, 1, 1]);
    });
}

/// A record that says otherwise of a poll than its code, or whose poll counts by another's model, is refused.
#[test]
fn a_record_of_a_poll_is_compared() {
    wait(async {
        let Some(f) = fixture() else { return };
        f.deploy(&[]).await.unwrap();
        f.register(&[]).await.unwrap();
        let open = ["--choices", "3", "--open-for", "100000", "--grace", "7"];
        f.poll::<PollDeploy>(true, &open).run(OUT).await.unwrap();
        f.check(&[]).await.unwrap();
        let path = f.path("deployment.json");
        let good = fs::read_to_string(&path).unwrap();
        for (from, to) in [
            ("\"choices\": 3", "\"choices\": 4"),
            ("\"leastOutput\": 1", "\"leastOutput\": 0"),
            ("\"grace\": 7", "\"grace\": 8"),
        ] {
            alter(&path, from, to);
            let error = text(f.check(&[]).await);
            assert!(error.contains("not the code it must be"), "{from}: {error}");
            fs::write(&path, &good).unwrap();
        }
        let roots = f.manifest().credential_roots.unwrap();

        // The roots of the record are used again, others are made if they are to be other ones.
        let before = f.manifest().eligibility_poll.unwrap();
        let more = [&open[..4], &["--force"]].concat();
        f.poll::<PollDeploy>(true, &more).run(OUT).await.unwrap();
        let after = f.manifest();
        assert_eq!(after.credential_roots, Some(roots));
        assert_ne!(after.eligibility_poll.unwrap().contract, before.contract);
        let more = [&open[..4], &["--force", "--grace", "9"]].concat();
        f.poll::<PollDeploy>(true, &more).run(OUT).await.unwrap();
        assert_ne!(
            f.manifest().credential_roots.unwrap().contract,
            roots.contract
        );
        let at = roots.contract.address.to_string();
        let more = [&open[..4], &["--force", "--roots", &at]].concat();
        f.poll::<PollDeploy>(true, &more).run(OUT).await.unwrap();
        assert_eq!(f.manifest().credential_roots, Some(roots));
        f.check(&[]).await.unwrap();
        let registry = f.manifest().model_registry.address.to_string();
        let wrong = [&open[..4], &["--force", "--roots", &registry]].concat();
        let error = text(f.poll::<PollDeploy>(true, &wrong).run(OUT).await);
        assert!(error.contains("is not a CredentialRoots"), "{error}");

        // Of another deployment on the same registry, whose verifier the poll's model does not name.
        let recorded: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        f.deploy(&["--registry", &registry, "--force"])
            .await
            .unwrap();
        let mut other: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        for name in ["credentialRoots", "eligibilityPoll"] {
            other[name] = recorded[name].clone();
        }
        fs::write(&path, serde_json::to_vec(&other).unwrap()).unwrap();
        let error = text(f.check(&[]).await);
        assert!(
            error.contains("a model that is not of this deployment"),
            "{error}"
        );
        other["credentialRoots"] = Value::Null;
        fs::write(&path, serde_json::to_vec(&other).unwrap()).unwrap();
        assert!(text(f.check(&[]).await).contains("no roots that it takes"));
    });
}

/// What a poll cannot be held of is refused before anything is sent.
#[test]
fn polls_of_other_models_are_refused() {
    wait(async {
        let Some(f) = Fixture::new() else { return };
        f.deploy(&[]).await.unwrap();
        f.register(&[]).await.unwrap();
        let before = f.blocks();
        let open = ["--choices", "3", "--open-for", "100000"];
        let error = text(f.poll::<PollDeploy>(true, &open).run(OUT).await);
        assert!(error.contains("--context --credential"), "{error}");
        assert_eq!(f.blocks(), before);
        let Some(f) = fixture() else { return };
        let mut bundle = bundle(ACCEPT).unwrap();
        bundle.info.output_count = 61;
        bundle.info.output_words = 5;
        bundle.info.output_lead.binding = BINDING;
        bundle.write(&f.path("verifier")).unwrap();
        f.deploy(&[]).await.unwrap();
        f.register(&[]).await.unwrap();
        let before = f.blocks();
        let error = text(f.poll::<PollDeploy>(true, &open).run(OUT).await);
        assert!(error.contains("--least-output"), "{error}");
        let unknown = [&open[..], &["--least-output", "8192", "--model", "7"]].concat();
        let error = text(f.poll::<PollDeploy>(true, &unknown).run(OUT).await);
        assert!(error.contains("ModelNotFound"), "{error}");
        assert_eq!(f.blocks(), before);
        let least = [&open[..], &["--least-output", "8192"]].concat();
        f.poll::<PollDeploy>(true, &least).run(OUT).await.unwrap();
    });
}
