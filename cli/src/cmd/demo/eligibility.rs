//! The eligibility example on the embedded chain: an issuer, a poll, votes, and what is refused.

use alloy::primitives::{Address, U256, address};
use eyre::{WrapErr, bail};
use laminate_model::credential::Tree;

use super::voters::{Ballot, Prepared, Voter, prepare, tree};
use super::{Report, Run, made};
use crate::bound::scope_of;
use crate::chain::bundle::Contract;
use crate::chain::deploy::Plan;
use crate::chain::manifest::Manifest;
use crate::chain::poll::{PollRecord, PollTerms, RootsRecord, RootsTerms};
use crate::chain::registry::{Submission, word};
use crate::chain::universal::Mode;
use crate::chain::{Chain, EmbeddedChain, Receipt};
use crate::measure::Stages;
use crate::output::Output;

const ADA: Address = address!("0x0000000000000000000000000000000000000ada");
const RELAYER: Address = address!("0x00000000000000000000000000000000007e1a7e");
const THIEF: Address = address!("0x0000000000000000000000000000000000007413");
/// Where somebody else's poll would be.
const ELSEWHERE: Address = address!("0x00000000000000000000000000000000000e15e0");

const CHOICES: u32 = 3;
const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;

/// Runs it.
///
/// # Errors
/// Any stage that fails, a vote that does not count and has to, or one that counts and must not.
pub async fn run(mode: Mode, stages: &mut Stages, out: Output) -> eyre::Result<Report> {
    let prepared = prepare(mode, stages, out)?;
    let mut report = Report::default();
    let run = Run {
        chain: Chain::embedded(),
        report: &mut report,
        out,
    };
    let mut poll = Poll::open(run, &prepared).await?;
    poll.ada(stages).await?;
    poll.others(stages).await?;
    poll.roots_that_end(stages).await?;
    poll.tally().await?;
    Ok(report)
}

/// A poll that is open.
struct Poll<'a> {
    run: Run<'a>,
    prepared: &'a Prepared,
    manifest: Manifest,
    roots: RootsRecord,
    poll: PollRecord,
    /// Of everybody.
    tree: Tree,
    issuer: Address,
}

impl<'a> Poll<'a> {
    /// The model into a registry, the tree's root onto the chain, and a poll of both.
    async fn open(mut run: Run<'a>, prepared: &'a Prepared) -> eyre::Result<Self> {
        let issuer = run.chain.sender()?;
        let manifest = run
            .deploy(&prepared.verifier.bundle, Plan::default())
            .await?;
        let model = run.register(&manifest, &prepared.dir).await?;
        let terms = RootsTerms {
            issuer,
            grace: HOUR,
        };
        let (roots, created) = RootsRecord::deploy(&mut run.chain, terms).await?;
        made(&mut run, Contract::CredentialRoots, &created);
        let now = run.chain.timestamp().await?;
        let terms = PollTerms {
            model_id: model.into(),
            choices: CHOICES,
            least_output: 1,
            deadline: now + 7 * DAY,
        };
        let registry = manifest.model_registry.address;
        let (poll, created) = PollRecord::deploy(&mut run.chain, registry, &roots, terms).await?;
        made(&mut run, Contract::EligibilityPoll, &created);
        let Prepared {
            ada,
            ben,
            cem,
            dan,
            eve,
            ..
        } = prepared;
        let mut poll = Self {
            tree: tree(&[ada, ben, cem, dan, eve])?,
            run,
            prepared,
            manifest,
            roots,
            poll,
            issuer,
        };
        let tree = poll.tree.clone();
        poll.post(&tree, 30 * DAY).await?;
        Ok(poll)
    }

    /// The issuer's.
    async fn post(&mut self, tree: &Tree, seconds: u64) -> eyre::Result<()> {
        self.act_as(self.issuer)?;
        let end = self.run.chain.timestamp().await? + seconds;
        let (root, leaves) = (tree.root(), tree.leaves.len() as u64);
        let roots = self.roots;
        let receipt = roots
            .post(&mut self.run.chain, &root, leaves, end, "")
            .await?;
        let what = format!("post the root of a tree of {leaves} credentials");
        self.run.accept(&what, &receipt);
        Ok(())
    }

    /// A vote that its sender protects, and what others make of it when they see it.
    async fn ada(&mut self, stages: &mut Stages) -> eyre::Result<()> {
        let prepared = self.prepared;
        let ballot = self.ballot(ADA, 1);
        let vote = self.prove(&prepared.ada, ballot, stages)?;
        for (from, choice, sender, what) in [
            (THIEF, 1, ADA, "Ada's vote, copied and sent by another"),
            (THIEF, 1, THIEF, "the same in the other's name"),
            (RELAYER, 1, Address::ZERO, "the same in nobody's name"),
            (ADA, 2, ADA, "Ada's proof for another choice"),
        ] {
            let result = self.vote(from, (choice, sender), &vote).await;
            self.run.refuse(what, result)?;
        }
        let stolen = with_context(&vote, self.ballot(THIEF, 1));
        let result = self.vote(THIEF, (1, THIEF), &stolen).await;
        self.run.refuse(
            "Ada's proof with the thief's context written over hers",
            result,
        )?;
        let receipt = self.vote(ADA, (1, ADA), &vote).await;
        let receipt = receipt.wrap_err("Ada's vote does not count")?;
        self.run.accept("Ada votes for choice 1", &receipt);
        let result = self.vote(ADA, (1, ADA), &vote).await;
        self.run.refuse("Ada's vote again", result)?;
        let again = self.prove(&prepared.ada, self.ballot(ADA, 2), stages)?;
        let result = self.vote(ADA, (2, ADA), &again).await;
        self.run
            .refuse("a second vote of Ada's, proven anew", result)
    }

    /// A vote that anyone may send, an ineligible one, and one for another poll.
    async fn others(&mut self, stages: &mut Stages) -> eyre::Result<()> {
        let prepared = self.prepared;
        let anyone = self.ballot(Address::ZERO, 0);
        let vote = self.prove(&prepared.ben, anyone, stages)?;
        let receipt = self.vote(RELAYER, (0, Address::ZERO), &vote).await;
        let receipt = receipt.wrap_err("Ben's vote does not count")?;
        self.run
            .accept("a relayer sends Ben's vote for choice 0", &receipt);
        let vote = self.prove(&prepared.cem, anyone, stages)?;
        let result = self.vote(RELAYER, (0, Address::ZERO), &vote).await;
        self.run
            .refuse("Cem's vote, whom the model does not find eligible", result)?;
        let other = Ballot {
            scope: scope_of(self.run.chain.chain_id(), ELSEWHERE, U256::ZERO),
            ..anyone
        };
        let vote = self.prove(&prepared.dan, other, stages)?;
        let result = self.vote(RELAYER, (0, Address::ZERO), &vote).await;
        self.run
            .refuse("Dan's credential in another poll's scope", result)
    }

    /// A revoked root, and one whose time has come; then the poll's.
    async fn roots_that_end(&mut self, stages: &mut Stages) -> eyre::Result<()> {
        let prepared = self.prepared;
        let anyone = self.ballot(Address::ZERO, 2);
        let of_dan = self.prove(&prepared.dan, anyone, stages)?;
        let first = self.tree.root();
        self.tree = tree(&[&prepared.ada, &prepared.ben, &prepared.eve])?;
        let newer = self.tree.clone();
        self.post(&newer, DAY).await?;
        let of_eve = self.prove(&prepared.eve, anyone, stages)?;
        let roots = self.roots;
        let receipt = roots.revoke(&mut self.run.chain, &first).await?;
        self.run.accept("revoke the first root", &receipt);
        let result = self.vote(RELAYER, (2, Address::ZERO), &of_dan).await;
        self.run
            .refuse("Dan's vote, whose root was revoked", result)?;
        let now = self.run.chain.timestamp().await?;
        self.embedded()?.set_timestamp(now + DAY);
        let result = self.vote(RELAYER, (2, Address::ZERO), &of_eve).await;
        self.run
            .refuse("Eve's vote, whose root has expired", result)?;
        let deadline = self.poll.terms.deadline;
        self.embedded()?.set_timestamp(deadline);
        let result = self.vote(RELAYER, (2, Address::ZERO), &of_eve).await;
        self.run.refuse("a vote when the poll is closed", result)
    }

    async fn tally(&mut self) -> eyre::Result<()> {
        let poll = self.poll;
        let votes = poll.votes(&mut self.run.chain).await?;
        if votes != [1, 1, 0] {
            bail!("the poll counts {votes:?}, expected a vote for choice 0 and one for choice 1");
        }
        self.run.report.votes = votes;
        Ok(())
    }

    fn ballot(&self, sender: Address, choice: u32) -> Ballot {
        let chain_id = self.run.chain.chain_id();
        Ballot {
            scope: self.poll.scope(chain_id),
            context: self.poll.context(chain_id, sender, choice),
        }
    }

    fn prove(
        &self,
        voter: &Voter,
        ballot: Ballot,
        stages: &mut Stages,
    ) -> eyre::Result<Submission> {
        let proof = self
            .prepared
            .prove(voter, &self.tree, ballot, stages, self.run.out)?;
        Submission::of_inference(&proof.proof, &self.manifest)
    }

    async fn vote(
        &mut self,
        from: Address,
        vote: (u32, Address),
        submission: &Submission,
    ) -> eyre::Result<Receipt> {
        self.act_as(from)?;
        let poll = self.poll;
        poll.vote(&mut self.run.chain, vote, submission).await
    }

    fn act_as(&mut self, sender: Address) -> eyre::Result<()> {
        self.embedded()?.set_sender(sender)
    }

    fn embedded(&mut self) -> eyre::Result<&mut EmbeddedChain> {
        match &mut self.run.chain {
            Chain::Embedded(chain) => Ok(chain),
            Chain::Rpc(_) => bail!("accounts and time are those of the embedded chain"),
        }
    }
}

/// The same with another context in its words: root, scope, nullifier, context, output.
fn with_context(submission: &Submission, ballot: Ballot) -> Submission {
    let mut output = submission.output.to_vec();
    if let Some(context) = output.get_mut(96..128) {
        context.copy_from_slice(word(&ballot.context).as_slice());
    }
    Submission {
        output: output.into(),
        ..submission.clone()
    }
}
