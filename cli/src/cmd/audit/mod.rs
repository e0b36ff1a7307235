//! `laminate audit`: for who checks a model from outside, with its files or with the chain alone.

pub(crate) mod log;
mod open;
mod opening;
mod public;
mod table;
mod verify;

use clap::{Args, Subcommand};

use crate::output::Output;

pub use opening::Opening;

/// Open a commitment to an auditor, verify an opening, list what a registry recorded.
#[derive(Debug, Args)]
#[command(
    after_help = "Compiling is deterministic: from the model's file, the calibration rows and the options, anybody gets the same\nprogram and weights. With the salt, which `audit open` hands over, they get the same weight commitment, too:\nthe one that is registered and that every proof states."
)]
pub struct AuditCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Open(open::AuditOpen),
    Verify(verify::AuditVerify),
    Log(log::AuditLog),
}

impl AuditCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// See the subcommands.
    pub async fn run(self, out: Output) -> eyre::Result<()> {
        match self.command {
            Command::Open(command) => command.run(out),
            Command::Verify(command) => command.run(out),
            Command::Log(command) => command.run(out).await,
        }
    }
}
