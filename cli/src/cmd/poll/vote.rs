//! `laminate poll vote`: a proof into the ballot box.

use std::path::PathBuf;

use alloy::primitives::Address;
use clap::Args;
use eyre::{bail, ensure, eyre};
use serde::Serialize;

use super::Place;
use crate::chain::poll::PollRecord;
use crate::chain::registry::Submission;
use crate::chain::signer::SignerArgs;
use crate::chain::{Chain, Cost};
use crate::files::{self, ProofFile, hex_scalar};
use crate::output::Output;

/// Vote with a proof; anyone may send one that names no sender.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  laminate prove vote --input me.csv --credential me.member --scope 0x… --context 0x… -o vote.proof\n  laminate poll vote vote.proof --choice 1 --rpc-url http://127.0.0.1:8545\n\nThe choice, and who sends it if that was wanted, are in the proof's context (`laminate context`)."
)]
pub struct PollVote {
    /// Proof file.
    pub proof: PathBuf,
    /// The choice that the proof is for, counted from 0.
    #[arg(long)]
    pub choice: u32,
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub signer: SignerArgs,
}

/// What `poll vote` reports.
#[derive(Debug, Serialize)]
struct Report {
    poll: Address,
    choice: u32,
    /// Whom the proof names as sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    sender: Option<Address>,
    nullifier: String,
    #[serde(flatten)]
    cost: Cost,
}

impl PollVote {
    /// Runs the command.
    ///
    /// # Errors
    /// A proof for something else, no key, a wrong chain, or a vote that the poll does not count.
    pub async fn run(self, out: Output) -> eyre::Result<()> {
        let file = files::read_publishable(&self.proof)?;
        let (manifest, mut chain) = self.place.open(Some(&self.signer)).await?;
        let poll = self.place.poll(&manifest)?;
        ensure!(
            self.choice < poll.terms.choices,
            "there is no choice {}: the poll at {} has {}, counted from 0",
            self.choice,
            poll.contract.address,
            poll.terms.choices
        );
        let submission = Submission::of_inference(&file.proof, &manifest)?;
        ensure!(
            submission.program_digest == manifest.program_digest,
            "{} is of program {}, the poll counts proofs of {}",
            self.proof.display(),
            submission.program_digest,
            manifest.program_digest
        );
        let (sender, nullifier) = self.bound(&file, &poll, &chain)?;
        let vote = (self.choice, sender);
        let receipt = poll.vote(&mut chain, vote, &submission).await?;
        let report = Report {
            poll: poll.contract.address,
            choice: self.choice,
            sender: (sender != Address::ZERO).then_some(sender),
            nullifier,
            cost: Cost::from(&receipt),
        };
        let human = format!(
            "voted for choice {}\npoll {}, nullifier {}, {} gas",
            report.choice, report.poll, report.nullifier, report.cost.gas
        );
        out.result(&human, &report)
    }

    /// Whom the proof names as sender, nobody or this account, and its nullifier.
    fn bound(
        &self,
        file: &ProofFile,
        poll: &PollRecord,
        chain: &Chain,
    ) -> eyre::Result<(Address, String)> {
        let statement = file.statement();
        let read = statement
            .as_ref()
            .and_then(|s| file.output.lead.binding.read(&s.output_words));
        let words = read.and_then(|words| words.context.zip(words.credential));
        let (context, credential) = words.ok_or_else(|| {
            eyre!(
                "{} has no context or no credential: it is of another model",
                self.proof.display()
            )
        })?;
        let (own, chain_id) = (chain.sender()?, chain.chain_id());
        let of = |sender| poll.context(chain_id, sender, self.choice);
        let (with_own, with_none) = (of(own), of(Address::ZERO));
        let sender = match context {
            found if *found == with_own => own,
            found if *found == with_none => Address::ZERO,
            found => bail!(
                "the proof's context is {}; for choice {} of the poll at {} it is {} if {own} sends it, {} if anyone may: the proof is for another choice, sender, poll or chain",
                hex_scalar(found),
                self.choice,
                poll.contract.address,
                hex_scalar(&with_own),
                hex_scalar(&with_none)
            ),
        };
        Ok((sender, hex_scalar(credential.nullifier)))
    }
}
