//! A card from a model folder and what its owner says.

use std::collections::BTreeSet;
use std::path::Path;

use clap::Args;
use eyre::{ensure, eyre};
use laminate_aggregator::keys::{CIRCUIT_VERSION, OutputFormat};
use laminate_model::program::{Op, Program, WeightFormat};
use serde::Deserialize;
use serde_json::Value;

use super::content::{
    Card, DataCard, FidelityCard, FileCard, HubCard, LaminateCard, Metric, ProgramCard, SCHEMA,
    SourceCard, SrsCard, WeightsCard,
};
use crate::chain::registry::word;
use crate::cmd::compile::{CompileRecord, Source, parameters};
use crate::files::ModelDir;

/// What the owner says.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Fields of a new card")]
pub struct Fields {
    /// Name of the model [default: that of the program].
    #[arg(long)]
    pub name: Option<String>,
    /// Version of the model.
    #[arg(long, value_name = "TEXT")]
    pub card_version: Option<String>,
    /// Who answers for it.
    #[arg(long)]
    pub owner: Option<String>,
    /// Licence, best an SPDX identifier.
    #[arg(long, alias = "license")]
    pub licence: Option<String>,
    /// What the model is for, and what not.
    #[arg(long, value_name = "TEXT")]
    pub intended_use: Option<String>,
    /// Kind of task, as Hugging Face names them, such as tabular-classification.
    #[arg(long)]
    pub task: Option<String>,
    /// A measurement of the model, such as roc_auc=0.979; several times for several.
    #[arg(long = "metric", value_name = "NAME=VALUE", value_parser = metric)]
    pub metrics: Vec<Metric>,
    /// What it was trained on.
    #[arg(long, value_name = "TEXT")]
    pub training_data: Option<String>,
    /// What it was evaluated on.
    #[arg(long, value_name = "TEXT")]
    pub evaluation_data: Option<String>,
    /// Hugging Face repository of the model's file, with a commit behind an @ if possible.
    #[arg(long, value_name = "OWNER/NAME[@REVISION]")]
    pub hf_repo: Option<String>,
}

fn metric(text: &str) -> Result<Metric, String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    let value: f64 = value.parse().map_err(|e| format!("{value:?}: {e}"))?;
    if name.is_empty() || !value.is_finite() {
        return Err("expected a name and a finite number".into());
    }
    Ok(Metric {
        name: name.into(),
        value,
    })
}

impl Fields {
    /// The first field that is given.
    pub fn given(&self) -> Option<&'static str> {
        let all = [
            ("--name", self.name.is_some()),
            ("--card-version", self.card_version.is_some()),
            ("--owner", self.owner.is_some()),
            ("--licence", self.licence.is_some()),
            ("--intended-use", self.intended_use.is_some()),
            ("--task", self.task.is_some()),
            ("--metric", !self.metrics.is_empty()),
            ("--training-data", self.training_data.is_some()),
            ("--evaluation-data", self.evaluation_data.is_some()),
            ("--hf-repo", self.hf_repo.is_some()),
        ];
        all.into_iter().find(|(_, given)| *given).map(|f| f.0)
    }

    fn require(&self) -> eyre::Result<()> {
        let all = [
            ("--card-version", &self.card_version),
            ("--owner", &self.owner),
            ("--licence", &self.licence),
            ("--intended-use", &self.intended_use),
        ];
        let empty = |field: &Option<String>| field.as_ref().is_none_or(|f| f.trim().is_empty());
        let missing = all.into_iter().filter(|(_, field)| empty(field));
        let missing: Vec<&str> = missing.map(|(name, _)| name).collect();
        ensure!(
            missing.is_empty(),
            "a card needs {}, which only the model's owner can tell",
            missing.join(", ")
        );
        Ok(())
    }
}

/// What `compile` reported of fidelity, of whatever kind of model.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Fidelity {
    rows: u64,
    refused: Option<u64>,
    agreement: Option<f64>,
    determination: Option<f64>,
    mean_error: Option<f64>,
    max_error: Option<f64>,
}

/// The card of a model folder.
///
/// # Errors
/// A field that is missing, no commitment, or no record of the compilation.
pub fn card(root: &Path, fields: &Fields) -> eyre::Result<Card> {
    fields.require()?;
    let dir = ModelDir::open_whole(root)?;
    let program = dir.program()?;
    let published = dir.commitment()?;
    let (header, _) = dir.secret()?;
    let record = CompileRecord::read(root)?;
    let digest = program.digest()?;
    ensure!(
        record.programs == [crate::files::hex_scalar(&digest)]
            && published.program_digest.0 == digest,
        "{}: compile.json, commitment.lam and program.lam are not of one program; compile the model again",
        root.display()
    );
    let source = record
        .source("model")
        .ok_or_else(|| eyre!("{}: compile.json names no model", root.display()))?;
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let data = DataCard {
        train: fields.training_data.clone(),
        evaluation: fields.evaluation_data.clone(),
    };
    Ok(Card {
        schema: SCHEMA.into(),
        name: fields.name.clone().unwrap_or_else(|| program.name.clone()),
        version: text(&fields.card_version),
        owner: text(&fields.owner),
        licence: text(&fields.licence),
        intended_use: text(&fields.intended_use),
        task: fields.task.clone(),
        program: program_card(&program)?,
        weights: WeightsCard {
            commitment: word(&published.commitment.0),
            formats: formats(&program),
            checked_by_every_proof: program.check_weights,
        },
        source: SourceCard {
            file: source.name.clone(),
            sha256: source.sha256.clone(),
            hf: fields.hf_repo.as_deref().map(hub),
        },
        calibration: record.source("calibration").map(file),
        fidelity: fidelity(&record.report)?,
        metrics: fields.metrics.clone(),
        data: (data.train.is_some() || data.evaluation.is_some()).then_some(data),
        srs: SrsCard {
            development: header.development,
            digest: match dir.has_setup() {
                true => Some(dir.setup()?.srs_digest),
                false => None,
            },
        },
        laminate: LaminateCard {
            version: record.laminate.clone(),
            circuit: CIRCUIT_VERSION,
        },
    })
}

fn file(source: &Source) -> FileCard {
    FileCard {
        file: source.name.clone(),
        sha256: source.sha256.clone(),
    }
}

fn hub(text: &str) -> HubCard {
    match text.split_once('@') {
        Some((repo, revision)) => HubCard {
            repo: repo.into(),
            revision: Some(revision.into()),
        },
        None => HubCard {
            repo: text.into(),
            revision: None,
        },
    }
}

fn program_card(program: &Program) -> eyre::Result<ProgramCard> {
    let ops = program.nodes.iter().map(|node| op_name(&node.op));
    let ops: BTreeSet<String> = ops.collect::<eyre::Result<_>>()?;
    let input = program.tensors.get(program.input);
    Ok(ProgramCard {
        digest: word(&program.digest()?),
        name: program.name.clone(),
        ops: ops.into_iter().collect(),
        parameters: parameters(program) as u64,
        batch: program.slots() as u32,
        input_scale: input.map_or(0, |t| t.scale),
        output_scale: OutputFormat::of(program).scale,
    })
}

/// Name of an op as programs in JSON have it.
fn op_name(op: &Op) -> eyre::Result<String> {
    match serde_json::to_value(op)? {
        Value::String(name) => Ok(name),
        Value::Object(members) => {
            let name = members.keys().next();
            name.cloned().ok_or_else(|| eyre!("an op without a name"))
        }
        other => Err(eyre!("an op is written as {other}")),
    }
}

fn formats(program: &Program) -> Vec<WeightFormat> {
    let all = [
        WeightFormat::Int8,
        WeightFormat::Ternary,
        WeightFormat::Word,
    ];
    let used = |format: &WeightFormat| program.weights.iter().any(|w| w.format == *format);
    all.into_iter().filter(used).collect()
}

fn fidelity(report: &Value) -> eyre::Result<Option<FidelityCard>> {
    let Some(found) = report.get("fidelity").filter(|f| !f.is_null()) else {
        return Ok(None);
    };
    let found: Fidelity = serde_json::from_value(found.clone())?;
    Ok(Some(FidelityCard {
        rows: found.rows,
        refused: found.refused,
        decision_agreement: found.agreement,
        determination: found.determination,
        mean_error: found.mean_error,
        max_error: found.max_error,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_a_name_and_a_number() {
        let parsed = metric("roc_auc=0.5").unwrap();
        assert_eq!((parsed.name.as_str(), parsed.value), ("roc_auc", 0.5));
        for text in ["roc_auc", "=1", "a=b", "a=inf", "a=NaN"] {
            assert!(metric(text).is_err(), "{text}");
        }
    }
}
