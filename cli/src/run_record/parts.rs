//! Parts of a run record, from what a command has at hand.

use eyre::eyre;
use laminate_aggregator::backend::CellReport;
use laminate_aggregator::circuit::{ADVICE_COLUMNS, CircuitParams};
use laminate_aggregator::keys::OutputFormat;
use laminate_front::quant::detail::Detail;
use laminate_model::program::Program;
use serde::Deserialize;
use serde_json::Value;

use super::{CircuitRecord, FidelityRecord, ModelInfo, PartRecord, StatementRecord};
use crate::bound::BoundReport;
use crate::cmd::compile::parameters;
use crate::files::hex_scalar;
use crate::reading::Reading;

/// Outputs that a record has, of however many.
const OUTPUTS: usize = 64;
/// Bytes of a text in a record.
const TEXT: usize = 4096;

/// A model that is proven as a whole or, with several programs, in shards; `digest` is that of all of them.
///
/// # Errors
/// No program.
pub fn model(programs: &[Program], digest: String) -> eyre::Result<ModelInfo> {
    let first = programs.first().ok_or_else(|| eyre!("no program"))?;
    Ok(ModelInfo {
        name: first.name.clone(),
        digest,
        parameters: programs.iter().map(|p| parameters(p) as u64).sum(),
        batch: first.slots() as u64,
        shards: programs.len() as u64,
        weights_shown: programs.iter().all(|p| p.check_weights),
    })
}

/// The aggregation circuit of this shape, with what its parts take.
pub fn circuit(params: CircuitParams, report: &CellReport) -> CircuitRecord {
    let part = |(part, cost): (&_, &laminate_aggregator::backend::PartCost)| PartRecord {
        name: format!("{part:?}").to_lowercase(),
        cells: cost.cells as u64,
        range_cells: cost.range_cells as u64,
        poseidon_rows: cost.poseidon_rows as u64,
    };
    let rows = 1u64 << params.k;
    let taken = params.base_rows() + params.poseidon_rows + params.range_rows;
    CircuitRecord {
        k: params.k as u32,
        columns: ADVICE_COLUMNS as u64,
        base_rows: params.base_rows() as u64,
        poseidon_rows: params.poseidon_rows as u64,
        range_rows: params.range_rows as u64,
        unusable_rows: rows.saturating_sub(taken as u64),
        parts: report.parts.iter().map(part).collect(),
    }
}

/// Members of what `compile` reports of fidelity, of whatever kind of model.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Reported {
    against: Option<String>,
    rows: u64,
    refused: u64,
    mean_error: f64,
    max_error: f64,
    agreement: Option<f64>,
    determination: Option<f64>,
    perplexity: Option<Perplexity>,
}

#[derive(Debug, Deserialize)]
struct Perplexity {
    float: f64,
    integer: f64,
}

/// Fidelity as `compile` reported it; none where it was not measured.
///
/// # Errors
/// A report of another form.
pub fn fidelity(report: &Value, detail: Option<&Detail>) -> eyre::Result<Option<FidelityRecord>> {
    let Some(found) = report.get("fidelity").filter(|f| !f.is_null()) else {
        return Ok(None);
    };
    let found: Reported = serde_json::from_value(found.clone())?;
    let against = found.against.unwrap_or_else(|| "the float model".into());
    Ok(Some(FidelityRecord {
        against,
        rows: found.rows,
        refused: found.refused,
        mean_error: found.mean_error,
        max_error: found.max_error,
        agreement: found.agreement,
        determination: found.determination,
        perplexity: found.perplexity.map(|p| [p.float, p.integer]),
        detail: detail.cloned(),
    }))
}

/// The statement of a proof: three digests, then what `binding`, `input` and `text` say, and the outputs.
pub fn statement(
    statement: &laminate_model::statement::Statement<halo2curves_axiom::bn256::Fr>,
    format: &OutputFormat,
    outputs: &[Reading],
    (input, text): (Option<&Reading>, Option<&str>),
) -> StatementRecord {
    let mut fields: Vec<(String, String)> = [
        ("program digest", &statement.program_digest),
        ("weight commitment", &statement.weight_commitment),
        ("input commitment", &statement.input_commitment),
    ]
    .map(|(name, value)| (name.into(), hex_scalar(value)))
    .into();
    let bound = BoundReport::of(format, &statement.output_words);
    if let Some(bound) = &bound {
        let named = [
            ("context", &bound.context),
            ("credential root", &bound.root),
            ("credential scope", &bound.scope),
            ("nullifier", &bound.nullifier),
        ];
        let given = named.into_iter().filter_map(|(n, v)| Some((n, v.clone()?)));
        fields.extend(given.map(|(name, value)| (name.into(), value)));
    }
    if let Some(input) = input {
        fields.push(("public input".into(), cut(&input.to_string())));
    }
    if let Some(text) = text {
        fields.push(("text".into(), cut(text)));
    }
    let shown = outputs.iter().take(OUTPUTS);
    StatementRecord {
        fields,
        output: shown.map(|o| cut(&o.to_string())).collect(),
        outputs: outputs.len() as u64,
        input_public: input.is_some(),
        context: bound.as_ref().is_some_and(|b| b.context.is_some()),
        credential: bound.as_ref().is_some_and(|b| b.root.is_some()),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT) {
        None => text.into(),
        Some((at, _)) => format!("{} …", text.get(..at).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fidelity_is_read_of_every_kind_of_report() {
        let network = serde_json::json!({ "fidelity": {
            "rows": 2, "refused": 1, "mean_error": 0.5, "max_error": 1.0, "agreement": 0.5,
            "determination": null, "perplexity": { "float": 2.0, "integer": 3.0 },
        }});
        let found = fidelity(&network, None).unwrap().unwrap();
        assert_eq!((found.rows, found.refused), (2, 1));
        assert_eq!(found.perplexity, Some([2.0, 3.0]));
        assert_eq!(found.against, "the float model");
        let trees = serde_json::json!({ "fidelity": {
            "against": "margins of the library", "rows": 2, "mean_error": 0.0, "max_error": 0.0, "agreement": null,
        }});
        let found = fidelity(&trees, None).unwrap().unwrap();
        assert_eq!(found.against, "margins of the library");
        for none in [
            serde_json::json!({ "fidelity": null }),
            serde_json::json!({}),
        ] {
            assert_eq!(fidelity(&none, None).unwrap(), None);
        }
        assert!(fidelity(&serde_json::json!({ "fidelity": 1 }), None).is_err());
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("é"), "é");
        let long = "é".repeat(TEXT + 1);
        assert_eq!(cut(&long), format!("{} …", "é".repeat(TEXT)));
    }
}
