//! Whether what was compiled is the model: a program that decides otherwise, or that does not see an input column,
//! is written, but no success.

use eyre::ensure;
use laminate_front::quant::{Column, Fidelity};
use laminate_front::trees::agreement::Agreement;

use super::Compile;
use crate::exit::Exit;
use crate::output::Output;

/// Least share of equal decisions, in percent.
pub const AGREEMENT: f64 = 99.0;
/// The same of language models, whose likeliest tokens are often close to the next ones.
pub const AGREEMENT_OF_TOKENS: f64 = 90.0;
/// Least bits of an input column's largest value.
pub const COLUMN_BITS: u32 = 6;
/// Columns that are named.
const NAMED: usize = 8;

/// What a compilation must reach.
#[derive(Clone, Copy, Debug)]
pub struct Floor {
    /// Share of equal decisions, 0 to 1.
    agreement: f64,
    /// Bits of an input column.
    bits: u32,
}

impl Floor {
    /// As the arguments say.
    ///
    /// # Errors
    /// A share that is none.
    pub fn new(args: &Compile, default: f64) -> eyre::Result<Self> {
        let percent = args.min_agreement.unwrap_or(default);
        ensure!(
            (0.0..=100.0).contains(&percent),
            "--min-agreement is {percent}, expected a percentage from 0 to 100"
        );
        Ok(Self {
            agreement: percent / 100.0,
            bits: args.min_column_bits,
        })
    }

    /// What is wrong with a program.
    pub fn of(self, fidelity: &Fidelity, columns: &[Column]) -> Vec<String> {
        let what = match fidelity.perplexity {
            Some(_) => "likeliest tokens",
            None => "decisions",
        };
        let agreement = match (fidelity.rows, fidelity.agreement(), fidelity.determination) {
            (0, ..) => Some(format!(
                "none of {} rows stays in the calibrated range",
                fidelity.refused
            )),
            (_, Some(share), _) => self.decisions(what, share),
            (_, None, Some(share)) if share < self.agreement => Some(format!(
                "the integer program explains {:.2} % of the float output's variance, expected at least {:.2} % (--min-agreement)",
                100.0 * share,
                100.0 * self.agreement
            )),
            (_, None, _) => None,
        };
        agreement.into_iter().chain(self.columns(columns)).collect()
    }

    /// What is wrong with a model of trees.
    pub fn of_trees(self, agreement: &Agreement) -> Option<String> {
        let share = agreement.agreeing? as f64 / agreement.rows.max(1) as f64;
        self.decisions("decisions", share)
    }

    fn decisions(self, what: &str, share: f64) -> Option<String> {
        (share.is_nan() || share < self.agreement).then(|| {
            format!(
                "{what} agree on {:.2} % with the float model, expected at least {:.2} % (--min-agreement)",
                100.0 * share,
                100.0 * self.agreement
            )
        })
    }

    /// The columns that a unit of the input is too coarse for.
    fn columns(self, columns: &[Column]) -> Option<String> {
        let lost = |c: &Column| c.bits < self.bits && !c.exact;
        let lost: Vec<(usize, &Column)> = (1..).zip(columns).filter(|(_, c)| lost(c)).collect();
        let unit = lost.first()?.1.unit;
        let named: Vec<String> = lost
            .iter()
            .take(NAMED)
            .map(|(place, c)| format!("{place} (up to {}, {} bits)", c.largest, c.bits))
            .collect();
        let more = match lost.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Some(format!(
            "one unit of the input is {unit}, too coarse for column {}{more}; expected at least {} bits (--min-column-bits): give each column a scale of its own (--raw-inputs), scale the columns to like ranges before the model, or calibrate without outliers",
            named.join(", "),
            self.bits
        ))
    }
}

/// Tells what is wrong, and how the command ends.
pub fn end(warnings: &[String], out: Output) -> Exit {
    for warning in warnings {
        out.warning(warning);
    }
    match warnings {
        [] => Exit::Done,
        _ => Exit::OfNoUse,
    }
}
