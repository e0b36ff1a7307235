//! `laminate context`: what a contract wants a proof to be for.

use alloy::primitives::{Address, U256};
use clap::Args;
use serde::Serialize;

use crate::bound::{context_of, number};
use crate::files::hex_scalar;
use crate::output::Output;

/// Compute the context that a contract wants of a proof.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  laminate prove vote --input row.csv -o vote.proof \\\n    --context $(laminate context --chain-id 1 --contract 0x… --sender 0x… --choice 2 -q)\n\nA contract computes it with contracts/src/libraries/Context.sol: keccak256(abi.encode(keccak256(\"laminate.context.v1\"), chain\nid, contract, sender, choice)) modulo the scalar field's order. A proof with it is of no use to another sender, for\nanother choice, on another contract or chain."
)]
pub struct ContextCommand {
    /// Id of the chain.
    #[arg(long)]
    pub chain_id: u64,
    /// The contract that acts on the proof.
    #[arg(long)]
    pub contract: Address,
    /// Who must send it; anyone may, such as a relayer, if it is left out.
    #[arg(long)]
    pub sender: Option<Address>,
    /// What is done with it, as the contract counts: decimal, or 0x and hex digits.
    #[arg(long, value_name = "NUMBER", value_parser = number)]
    pub choice: U256,
}

/// What `context` reports.
#[derive(Debug, Serialize)]
struct Report {
    context: String,
}

impl ContextCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// If the result cannot be printed.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        let sender = self.sender.unwrap_or(Address::ZERO);
        let context = context_of(self.chain_id, self.contract, sender, self.choice);
        let report = Report {
            context: hex_scalar(&context),
        };
        out.result(&report.context, &report)
    }
}
