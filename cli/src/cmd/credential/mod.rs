//! `laminate credential`: values that an issuer attests, proven without telling whose they are.

mod identity;
mod issue;
mod prove;
mod scope;
mod tree;

use clap::{Args, Subcommand};

use crate::output::Output;

/// Attest values to people, and prove them without telling whose they are.
#[derive(Debug, Args)]
#[command(
    after_help = "1. A person makes a secret and gives the issuer the identity:      credential identity -o me.identity\n2. The issuer attests a row of the model's inputs to the identity:  credential issue MODEL --input row.csv --identity 0x…\n   and gives the file back.\n3. The issuer puts all credentials into a tree, publishes it, and posts its root (CredentialRoots.sol):\n                                                                   credential tree *.credential -o group.tree\n4. The person finds the way up to the root:                        credential prove …\n5. and proves the model on the row:                                prove MODEL --credential me.member --scope 0x…\n\nThe proof shows root, scope and nullifier; the same person has the same nullifier in a scope, and another in another."
)]
pub struct CredentialCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Identity(identity::CredentialIdentity),
    Issue(issue::CredentialIssue),
    Tree(tree::CredentialTree),
    Prove(prove::CredentialProve),
    Scope(scope::CredentialScope),
}

impl CredentialCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// See the subcommands.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        match &self.command {
            Command::Identity(command) => command.run(out),
            Command::Issue(command) => command.run(out),
            Command::Tree(command) => command.run(out),
            Command::Prove(command) => command.run(out),
            Command::Scope(command) => command.run(out),
        }
    }
}
