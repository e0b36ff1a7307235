//! A poll on the embedded chain with real proofs: an issuer's tree, voters' credentials, and what is done with a transaction
//! from the mempool.

use alloy::primitives::{Address, B256, U256, address, keccak256};
use halo2curves_axiom::bn256::Fr;
use laminate_engine::backend::Native;
use laminate_engine::field::{Scalar, fr_from_i64};
use laminate_model::binding::MIN_DEPTH;
use laminate_model::credential::{self, Tree};
use laminate_model::program::{Program, Weights};
use laminate_model::statement::Packing;
use laminate_prover::prove::{Bound, Credential};

use super::super::Chain;
use super::super::contracts::EligibilityPoll;
use super::super::manifest::Manifest;
use super::super::poll::{PollRecord, PollTerms, RootsRecord, RootsTerms, expected};
use super::super::registry::{Submission, decode_output, word};
use super::forest::Ready;
use super::{name, wait, workspace};
use crate::bound::{BindingArgs, BoundReport, scope_of};
use crate::cmd::compile::{Compile, compile};
use crate::files::ProofFile;
use crate::fraud;
use crate::input::{Given, first_rows};

const OTHER: Address = address!("0x00000000000000000000000000000000000beef2");
/// Places of the output words.
const SCOPE: usize = 1;
const CONTEXT: usize = 3;

/// The fraud model with a context and credentials: its score stands for an eligibility.
fn model() -> (Program, Weights) {
    let models = workspace().join("models/fraud");
    let folder = tempfile::tempdir().unwrap();
    let (compiled, _) = compile(&Compile {
        calibration: Some(models.join(fraud::CALIBRATION)),
        binding: BindingArgs {
            context: true,
            credential: Some(MIN_DEPTH),
            ..BindingArgs::default()
        },
        ..Compile::of(models.join(fraud::MODEL), folder.path().to_path_buf())
    })
    .unwrap();
    (compiled.program, compiled.weights)
}

/// A voter: what is attested, and the secret.
struct Voter {
    given: Given,
    secret: Fr,
}

impl Voter {
    fn new(program: &Program, row: &str, secret: u64) -> Self {
        let path = workspace().join("models/fraud").join(row);
        Self {
            given: first_rows(&path, program, 1).unwrap(),
            secret: Fr::from(secret),
        }
    }

    fn leaf(&self, program: &Program) -> Fr {
        let values = self.given.input.values(program).unwrap();
        let values: Vec<Fr> = values.iter().map(|v| fr_from_i64((*v).into())).collect();
        let identity = credential::identity(&mut Native, &self.secret);
        credential::leaf(&mut Native, &identity, Packing::of_input(program), &values)
    }

    fn prove(&self, ready: &Ready, tree: &Tree, scope: Fr, context: Fr) -> ProofFile {
        let leaf = self.leaf(&ready.program);
        let mut given = self.given.clone();
        given.bound = Bound {
            context: Some(context),
            credential: Some(Credential {
                membership: tree.membership(self.secret, &leaf).unwrap(),
                root: tree.root(),
                scope,
            }),
        };
        ready.prove(&given)
    }
}

/// A poll and the roots that it takes.
struct Poll {
    roots: RootsRecord,
    poll: PollRecord,
    scope: Fr,
}

impl Poll {
    async fn new(chain: &mut Chain, manifest: &Manifest, model: U256, root: Fr) -> Self {
        let terms = RootsTerms {
            issuer: chain.sender().unwrap(),
            grace: 3600,
        };
        let (roots, created) = RootsRecord::deploy(chain, terms).await.unwrap();
        // Those that are there are found again, and nothing else is.
        let found = RootsRecord::at(chain, created.address).await.unwrap();
        assert_eq!(found, roots);
        let registry = manifest.model_registry.address;
        assert!(RootsRecord::at(chain, registry).await.is_err());
        let now = chain.timestamp().await.unwrap();
        let end = now + 86_400;
        roots.post(chain, &root, 3, end, "").await.unwrap();
        let terms = PollTerms {
            model_id: model.into(),
            choices: 3,
            // Half of a probability of 1.
            least_output: 1 << 13,
            deadline: now + 3600,
        };
        let (poll, _) = PollRecord::deploy(chain, registry, &roots, terms)
            .await
            .unwrap();
        let scope = poll.scope(chain.chain_id());
        // What the contract computes is what was computed here.
        let address = poll.contract.address;
        let found = chain.read(address, &EligibilityPoll::scopeCall {}).await;
        assert_eq!(found.unwrap(), U256::from_be_bytes(word(&scope).0));
        Self { roots, poll, scope }
    }

    async fn context(&self, chain: &mut Chain, sender: Address, choice: u32) -> Fr {
        let context = self.poll.context(chain.chain_id(), sender, choice);
        let call = EligibilityPoll::contextOfCall {
            sender,
            choice: U256::from(choice),
        };
        let found = chain.read(self.poll.contract.address, &call).await.unwrap();
        assert_eq!(found, U256::from_be_bytes(word(&context).0));
        context
    }

    /// What comes of a vote: the refusal's name.
    async fn vote(
        &self,
        chain: &mut Chain,
        vote: (u32, Address),
        submission: &Submission,
    ) -> Result<(), String> {
        match self.poll.vote(chain, vote, submission).await {
            Ok(_) => Ok(()),
            refused => Err(name(refused)),
        }
    }
}

/// What the record says of a poll and its roots is in their code: with any other term it is other code.
fn code_is_of_every_term(mut manifest: Manifest, poll: &Poll) {
    manifest.credential_roots = Some(poll.roots);
    manifest.eligibility_poll = Some(poll.poll);
    let deployed = [poll.roots.contract, poll.poll.contract];
    let hashes = |manifest: &Manifest| {
        let all = expected(manifest).unwrap();
        let hashes: Vec<B256> = all.iter().map(|(_, code)| keccak256(code)).collect();
        hashes
    };
    assert_eq!(
        hashes(&manifest),
        deployed.map(|contract| contract.code_hash)
    );
    type Change = fn(&mut Manifest);
    let changes: [(usize, Change); 9] = [
        (0, |m| {
            m.credential_roots.as_mut().unwrap().terms.issuer = OTHER
        }),
        (0, |m| m.credential_roots.as_mut().unwrap().terms.grace += 1),
        (1, |m| {
            m.eligibility_poll.as_mut().unwrap().terms.choices += 1
        }),
        (1, |m| {
            m.eligibility_poll.as_mut().unwrap().terms.least_output -= 1
        }),
        (1, |m| {
            m.eligibility_poll.as_mut().unwrap().terms.deadline += 1
        }),
        (1, |m| {
            m.eligibility_poll.as_mut().unwrap().terms.model_id.0[0] ^= 1
        }),
        (1, |m| {
            m.credential_roots.as_mut().unwrap().contract.address = OTHER
        }),
        (1, |m| m.model_registry.address = OTHER),
        (1, |m| {
            m.eligibility_poll.as_mut().unwrap().terms.deadline = 1
        }),
    ];
    for (number, (at, change)) in changes.into_iter().enumerate() {
        let mut other = manifest.clone();
        change(&mut other);
        assert_ne!(
            hashes(&other)[at],
            deployed[at].code_hash,
            "change {number}"
        );
    }
    manifest.credential_roots = None;
    assert!(expected(&manifest).is_err());
}

fn with_word(submission: &Submission, place: usize, word: B256) -> Submission {
    let mut output = submission.output.to_vec();
    output[32 * place..32 * place + 32].copy_from_slice(word.as_slice());
    Submission {
        output: output.into(),
        ..submission.clone()
    }
}

#[test]
fn votes_count_once_and_a_copied_transaction_votes_for_nobody() {
    let ready = Ready::new(model());
    let program = &ready.program;
    let voters = [
        Voter::new(program, "fraud.csv", 11),
        Voter::new(program, "legit.csv", 12),
        Voter::new(program, "fraud.csv", 13),
    ];
    let leaves = voters.iter().map(|voter| Scalar(voter.leaf(program)));
    let tree = Tree::new(MIN_DEPTH, leaves.collect()).unwrap();
    wait(async {
        let (mut chain, manifest, _, model) = ready.deployed(false).await;
        assert_eq!(manifest.output_count, 61);
        let poll = Poll::new(&mut chain, &manifest, model, tree.root()).await;
        code_is_of_every_term(manifest.clone(), &poll);
        let chain = &mut chain;
        let own = chain.sender().unwrap();
        let submission =
            |proof: &ProofFile| Submission::of_inference(&proof.proof, &manifest).unwrap();

        // The voter's own: once.
        let context = poll.context(chain, own, 1).await;
        let proof = voters[0].prove(&ready, &tree, poll.scope, context);
        let vote = submission(&proof);
        let (lead, packing) = (&manifest.output_lead, manifest.output_packing);
        let score = decode_output(&vote.output, lead, packing, manifest.output_count);
        assert_eq!(score, Some(proof.outputs()));
        assert!(proof.outputs()[0] > 1 << 13);
        let other_context = Err("OtherContext".to_string());
        let invalid = Err("InvalidProof".to_string());
        let mut refused = 0;
        for to in [(0, own), (2, own), (1, Address::ZERO)] {
            assert_eq!(poll.vote(chain, to, &vote).await, other_context);
            // With the word that would be right, it is no proof.
            let right = word(&poll.context(chain, to.1, to.0).await);
            let forged = with_word(&vote, CONTEXT, right);
            assert_eq!(poll.vote(chain, to, &forged).await, invalid);
            refused += 2;
        }
        // Above the field's order, and a scope that is another's.
        let above = U256::from_be_bytes(word(&context).0)
            + U256::from_be_bytes(word(&-Fr::from(1)).0)
            + U256::from(1);
        let forged = with_word(&vote, CONTEXT, above.into());
        let canonical = Err("ValueNotCanonical".to_string());
        assert_eq!(poll.vote(chain, (1, own), &forged).await, canonical);
        let forged = with_word(&vote, SCOPE, B256::with_last_byte(1));
        let scope = Err("OtherScope".to_string());
        assert_eq!(poll.vote(chain, (1, own), &forged).await, scope);
        assert_eq!(poll.vote(chain, (1, own), &vote).await, Ok(()));
        let again = Err("VotedBefore".to_string());
        assert_eq!(poll.vote(chain, (1, own), &vote).await, again);

        // One that somebody else is to send, as this account sees it in the mempool.
        let context = poll.context(chain, OTHER, 2).await;
        let theirs = submission(&voters[2].prove(&ready, &tree, poll.scope, context));
        let sender = Err("NotSender".to_string());
        assert_eq!(poll.vote(chain, (2, OTHER), &theirs).await, sender);
        assert_eq!(poll.vote(chain, (2, own), &theirs).await, other_context);
        let right = word(&poll.context(chain, own, 2).await);
        let stolen = with_word(&theirs, CONTEXT, right);
        assert_eq!(poll.vote(chain, (2, own), &stolen).await, invalid);
        println!("copied votes: {} tried, 0 counted", refused + 6);

        // Who is not eligible, and a revoked root.
        let context = poll.context(chain, own, 0).await;
        let low = submission(&voters[1].prove(&ready, &tree, poll.scope, context));
        let low = poll.vote(chain, (0, own), &low).await;
        assert_eq!(low, Err("NotEligible".to_string()));
        poll.roots.revoke(chain, &tree.root()).await.unwrap();
        let root = Err("RootNotValid".to_string());
        assert_eq!(poll.vote(chain, (2, OTHER), &theirs).await, sender);
        assert_eq!(poll.vote(chain, (2, own), &theirs).await, root);
        assert_eq!(poll.poll.votes(chain).await.unwrap(), [0, 1, 0]);

        // The same person in another poll: nothing that tells so.
        let elsewhere = scope_of(chain.chain_id(), OTHER, U256::ZERO);
        let second = voters[0].prove(&ready, &tree, elsewhere, context);
        let [first, second] = [&proof, &second].map(|proof| {
            let statement = proof.statement().unwrap();
            let bound = BoundReport::of(&proof.output, &statement.output_words).unwrap();
            (statement.input_commitment, bound)
        });
        assert_ne!(first.0, second.0);
        assert_ne!(first.1.nullifier, second.1.nullifier);
        assert_eq!(first.1.root, second.1.root);
    });
}
