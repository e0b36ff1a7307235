//! The file that opens a weight commitment.

use std::path::Path;

use eyre::{Context, ensure};
use laminate_engine::field::Scalar;
use laminate_model::artifact::{Header, Kind};
use laminate_prover::prove::WeightSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cmd::compile::CompileRecord;
use crate::files::{self, hex_scalar};
use crate::sealed;

/// What opens the weight commitment of a model, or those of its shards. Private: with it, guesses of the weights can be
/// tested.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Opening {
    /// [`CompileRecord`] as `compile.json` has it.
    record: String,
    /// One a program.
    pub parts: Vec<Part>,
}

/// The opening of one program's commitment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Part {
    /// Digest of the program.
    pub program_digest: Scalar,
    /// Salt, from which the rows' blinds follow, and rows.
    pub secret: WeightSecret,
}

impl Opening {
    /// Of what was compiled and committed to.
    ///
    /// # Errors
    /// If the record cannot be encoded.
    pub fn new(record: &CompileRecord, parts: Vec<Part>) -> eyre::Result<Self> {
        let record = sealed::encode(record)?;
        Ok(Self { record, parts })
    }

    /// Reads one, with what was compiled.
    ///
    /// # Errors
    /// A missing or altered file; a record of other programs than are opened.
    pub fn read(path: &Path) -> eyre::Result<(Header, Self, CompileRecord)> {
        let (header, opening): (_, Self) = files::read(Kind::Opening, path)?;
        let record = opening
            .record()
            .wrap_err_with(|| path.display().to_string())?;
        Ok((header, opening, record))
    }

    fn record(&self) -> eyre::Result<CompileRecord> {
        let record: CompileRecord = sealed::decode(self.record.as_bytes())?;
        let opened: Vec<String> = self.programs().collect();
        ensure!(
            !opened.is_empty() && record.programs == opened,
            "the opening is of programs {opened:?}, its record is of {:?}: it is altered",
            record.programs
        );
        Ok(record)
    }

    fn programs(&self) -> impl Iterator<Item = String> {
        self.parts.iter().map(|p| hex_scalar(&p.program_digest.0))
    }

    /// The commitments that are opened.
    pub fn commitments(&self) -> impl Iterator<Item = String> {
        self.parts
            .iter()
            .map(|part| hex_scalar(&part.secret.commitment()))
    }

    /// What may be shown of it: not the salt.
    pub fn shown(&self) -> Value {
        let parts = self.programs().zip(self.commitments());
        let parts: Vec<Value> = parts
            .map(|(program, commitment)| {
                json!({ "program_digest": program, "weight_commitment": commitment })
            })
            .collect();
        let compiled = self.record().map_or(Value::Null, |record| {
            json!({ "laminate": record.laminate, "options": record.options, "sources": record.sources })
        });
        json!({ "opens": parts, "compiled": compiled })
    }
}
