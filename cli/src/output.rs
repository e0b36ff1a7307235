//! Output channels: results on standard output, prose on standard error, `--json` for machines.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::printable::{printable_json, printable_lines};
use crate::progress::{self, Timed};

/// `--progress auto|json`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Progress {
    /// A line that moves, on a terminal; elsewhere the names of stages.
    #[default]
    Auto,
    /// One JSON object a line on standard error: begin, tick and end of stages, and everything said there otherwise.
    Json,
}

/// Whether a result stands on standard output, so that an error does not put a second object there.
static RESULT_PRINTED: AtomicBool = AtomicBool::new(false);

/// How a command speaks.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// Results as one JSON object.
    pub json: bool,
    /// No prose, no progress.
    pub quiet: bool,
}

impl Output {
    /// Prose for people, on standard error.
    pub fn line(&self, text: &str) {
        if !self.quiet {
            prose("note", text);
        }
    }

    /// What is wrong with a result that stands, on standard error; for a command that does not end with success.
    pub fn warning(&self, text: &str) {
        prose("warning", text);
    }

    /// An error: one line on standard error, and with `--json` an object unless there is a result.
    pub fn error(&self, report: &eyre::Report) {
        let text = sentence(report);
        if self.json && !RESULT_PRINTED.load(Ordering::Relaxed) {
            let json = serde_json::json!({ "error": text }).to_string();
            let _ = print(&printable_json(&json));
        }
        prose("error", &text);
    }

    /// The result of a command, on standard output: `human` for people, `value` as JSON.
    ///
    /// # Errors
    /// If the value cannot be encoded, or not written.
    pub fn result<T: Serialize>(&self, human: &str, value: &T) -> eyre::Result<()> {
        RESULT_PRINTED.store(true, Ordering::Relaxed);
        if self.json {
            print(&printable_json(&serde_json::to_string_pretty(value)?))
        } else {
            print(&printable_lines(human))
        }
    }

    /// A progress line for a stage without known length; it ends when dropped.
    pub fn stage(&self, name: impl Into<Cow<'static, str>>) -> Stage {
        let name = name.into();
        let told = progress::is_heard();
        let shown = !self.quiet && !self.json && !told && std::io::stderr().is_terminal();
        let target = if shown {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        let plain = std::env::var_os("NO_COLOR").is_some();
        let template = if plain {
            "{spinner} {msg} [{elapsed}]"
        } else {
            "{spinner:.cyan} {msg} [{elapsed}]"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        if !shown && !told {
            self.line(&name);
        }
        let timed = told.then(|| Timed::begin(name.clone()));
        bar.set_message(name);
        bar.enable_steady_tick(Duration::from_millis(120));
        Stage { bar, timed }
    }
}

/// An error with its causes, as one sentence.
pub fn sentence(report: &eyre::Report) -> String {
    let mut chain: Vec<String> = report.chain().map(ToString::to_string).collect();
    // Many of our messages end with their cause already.
    chain.dedup_by(|cause, message| message.ends_with(cause.as_str()));
    chain.join(": ")
}

/// One text on standard error, of the kind note, warning or error.
fn prose(kind: &str, text: &str) {
    if progress::is_told() {
        return progress::say(kind, text);
    }
    let text = printable_lines(text);
    line(&match kind {
        "note" => text.into_owned(),
        _ => format!("{kind}: {text}"),
    });
}

/// One line on standard error. Whoever closed it wants no prose; the work goes on.
pub fn line(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// One text on standard output. Whoever closed it, as `head` does, has what they wanted.
fn print(text: &str) -> eyre::Result<()> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(eyre::Report::new(error).wrap_err("cannot write to standard output"))
        }
        _ => Ok(()),
    }
}

/// A running stage.
pub struct Stage {
    bar: ProgressBar,
    /// Where progress is told as JSON.
    timed: Option<Timed>,
}

impl Stage {
    /// Renames the stage while it runs.
    pub fn rename(&self, name: &'static str) {
        self.bar.set_message(name);
        if let Some(timed) = &self.timed {
            timed.rename(name);
        }
    }

    /// Shows how much of the stage is done, once that is known.
    pub fn advance(&self, done: u64, total: u64) {
        if self.bar.length() != Some(total) {
            self.bar.set_length(total);
            let template = "{spinner} {msg} [{elapsed}] {wide_bar} {percent} %";
            if let Ok(style) = ProgressStyle::with_template(template) {
                self.bar.set_style(style);
            }
        }
        self.bar.set_position(done);
        if let Some(timed) = &self.timed {
            timed.tick(done, total);
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
