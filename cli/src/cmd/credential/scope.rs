//! `laminate credential scope`: in what a credential leaves one nullifier.

use alloy::primitives::{Address, U256};
use clap::Args;
use serde::Serialize;

use crate::bound::{number, scope_of};
use crate::files::hex_scalar;
use crate::output::Output;

/// Compute the scope of a contract, in which a credential can be used once.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  laminate credential scope --chain-id 1 --contract 0x…\n\nA contract computes it with contracts/src/libraries/Context.sol: keccak256(abi.encode(keccak256(\"laminate.scope.v1\"), chain\nid, contract, subject)) modulo the scalar field's order."
)]
pub struct CredentialScope {
    /// Id of the chain.
    #[arg(long)]
    pub chain_id: u64,
    /// The contract.
    #[arg(long)]
    pub contract: Address,
    /// Tells scopes of one contract apart.
    #[arg(long, value_name = "NUMBER", value_parser = number, default_value = "0")]
    pub subject: U256,
}

/// What `credential scope` reports.
#[derive(Debug, Serialize)]
struct Report {
    scope: String,
}

impl CredentialScope {
    /// Runs the command.
    ///
    /// # Errors
    /// If the result cannot be printed.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        let scope = scope_of(self.chain_id, self.contract, self.subject);
        let report = Report {
            scope: hex_scalar(&scope),
        };
        out.result(&report.scope, &report)
    }
}
