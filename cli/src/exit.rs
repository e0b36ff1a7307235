//! How commands end.

use std::process::ExitCode;

/// How a command ended that did what it was to do; failures are errors (exit code 1), and wrong usage is clap's (2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done; everything asked about holds.
    Done,
    /// The proof is valid, but nothing shows that the weights are in range, and nobody said to do without.
    WeightsUnchecked,
    /// The program is written, but it is not the model: decisions differ, or the scales lose an input column.
    OfNoUse,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::WeightsUnchecked => Self::from(3),
            Exit::OfNoUse => Self::from(4),
        }
    }
}
