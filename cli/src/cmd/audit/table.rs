//! The log as CSV.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use alloy::primitives::{B256, U256};
use eyre::{Context, eyre};
use tempfile::NamedTempFile;

use super::log::{Entry, ModelEntry, What};
use crate::files;
use crate::printable::printable;

const HEADER: [&str; 14] = [
    "event",
    "block",
    "time",
    "transaction",
    "model_id",
    "account",
    "program",
    "program_digest",
    "weight_commitment",
    "same_weights_as",
    "input_commitment",
    "statement_hash",
    "output",
    "output_bytes",
];

/// A table that is being written.
pub(super) struct Sheet {
    path: PathBuf,
    writer: csv::Writer<NamedTempFile>,
}

impl Sheet {
    /// With its header.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn new(path: &Path) -> eyre::Result<Self> {
        let mut sheet = Self {
            path: path.to_path_buf(),
            writer: csv::Writer::from_writer(files::begin(path)?),
        };
        sheet.write(&HEADER.map(String::from))?;
        Ok(sheet)
    }

    fn write(&mut self, cells: &[String]) -> eyre::Result<()> {
        let written = self.writer.write_record(cells);
        written.wrap_err_with(|| format!("cannot write {}", self.path.display()))
    }

    /// Adds an event.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn row(
        &mut self,
        entry: &Entry,
        models: &BTreeMap<U256, ModelEntry>,
    ) -> eyre::Result<()> {
        let model = models.get(&entry.model_id.into());
        let of = |get: &dyn Fn(&ModelEntry) -> String| model.map(get).unwrap_or_default();
        let statement = entry.statement.as_ref();
        let output = statement.and_then(|s| s.output.as_ref());
        let event = match entry.event {
            What::Registered => "registered",
            What::Retired => "retired",
            What::Verified => "verified",
        };
        // Once for a model: statements are many.
        let same = match entry.event {
            What::Registered => of(&|m| same_weights_as(m, models)),
            _ => String::new(),
        };
        let hash = |hash: Option<B256>| hash.map(|h| h.to_string()).unwrap_or_default();
        let cells = [
            event.to_owned(),
            entry.block.to_string(),
            entry.time.map(|t| t.to_string()).unwrap_or_default(),
            hash(entry.transaction),
            entry.model_id.to_string(),
            entry.account.to_string(),
            of(&|m| printable(m.program.as_deref().unwrap_or_default()).into_owned()),
            of(&|m| m.program_digest.to_string()),
            of(&|m| m.weight_commitment.to_string()),
            same,
            hash(statement.map(|s| s.input_commitment)),
            hash(statement.map(|s| s.statement_hash)),
            output.map(ToString::to_string).unwrap_or_default(),
            statement
                .map(|s| s.output_bytes.clone())
                .unwrap_or_default(),
        ];
        self.write(&cells)
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn end(self) -> eyre::Result<()> {
        let file = self.writer.into_inner();
        let file =
            file.map_err(|e| eyre!("cannot write {}: {}", self.path.display(), e.error()))?;
        files::end(file, &self.path)
    }
}

/// Other models seen so far that have the same weight commitment.
fn same_weights_as(model: &ModelEntry, models: &BTreeMap<U256, ModelEntry>) -> String {
    let same = models.values().filter(|other| {
        other.weight_commitment == model.weight_commitment && other.model_id != model.model_id
    });
    let ids: Vec<String> = same.map(|other| other.model_id.to_string()).collect();
    ids.join(" ")
}
