//! `laminate input`: inputs that are committed to before anybody proves anything about them.

#[cfg(test)]
mod client;
mod commit;
mod show;

use clap::{Args, Subcommand};

use crate::output::Output;

/// Commit to an input first, and have it proven later.
#[derive(Debug, Args)]
#[command(
    after_help = "A proof states a commitment X to its input. `prove` on rows or tokens makes a new X each time; on a file\nthat `input commit` wrote it states the X of that file, however often. So X can be published or paid for\nfirst (`FraudScreen.createPayment` takes it), and proven afterwards."
)]
pub struct InputCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Commit(commit::InputCommit),
    Show(show::InputShow),
}

impl InputCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// See the subcommands.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        match &self.command {
            Command::Commit(command) => command.run(out),
            Command::Show(command) => command.run(out),
        }
    }
}
