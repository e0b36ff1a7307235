//! `laminate join`: several proofs as one.

pub mod prove;
mod setup;

use clap::{Args, Subcommand};

use crate::output::Output;

/// Join several proofs into one, which contracts take like any other.
#[derive(Debug, Args)]
pub struct Join {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Setup(setup::JoinSetup),
    Prove(prove::JoinProve),
}

impl Join {
    /// Runs the command.
    ///
    /// # Errors
    /// See the subcommands.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        match &self.command {
            Command::Setup(command) => command.run(out),
            Command::Prove(command) => command.run(out),
        }
    }
}
