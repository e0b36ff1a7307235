//! A card as README.md of a Hugging Face repository: front matter in YAML, then Markdown.

use std::fmt::Write;

use eyre::Result;

use super::content::{Card, FidelityCard};

/// Identifiers of licences that Hugging Face knows, of those that models mostly have.
const LICENCES: [&str; 20] = [
    "afl-3.0",
    "agpl-3.0",
    "apache-2.0",
    "bsd-2-clause",
    "bsd-3-clause",
    "bsl-1.0",
    "cc-by-4.0",
    "cc-by-nc-4.0",
    "cc-by-sa-4.0",
    "cc0-1.0",
    "gpl-2.0",
    "gpl-3.0",
    "isc",
    "lgpl-3.0",
    "llama3.2",
    "mit",
    "mpl-2.0",
    "openrail",
    "unlicense",
    "zlib",
];
/// Task where the card names none: it has to be something.
const TASK: &str = "other";

/// The text.
///
/// # Errors
/// If the card cannot be encoded.
pub fn readme(card: &Card) -> Result<String> {
    let mut out = String::from("---\n");
    front_matter(card, &mut out)?;
    out.push_str("---\n\n");
    body(card, &mut out)?;
    Ok(out)
}

/// A string of YAML: those of JSON are such.
fn quoted(text: &str) -> Result<String> {
    Ok(serde_json::to_string(text)?)
}

/// Text of a card on one line of Markdown, in which nothing is markup.
fn line(text: &str) -> String {
    let mut out = String::new();
    for c in text
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
    {
        if "\\`*_{}[]<>#|!".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Name and value of what `compile` measured.
fn fidelity(found: &FidelityCard) -> Vec<(&'static str, f64)> {
    let all = [
        ("decision_agreement", found.decision_agreement),
        ("explained_variance", found.determination),
        ("mean_absolute_error", found.mean_error),
        ("max_absolute_error", found.max_error),
    ];
    all.into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

fn front_matter(card: &Card, out: &mut String) -> Result<()> {
    let licence = card.licence.to_lowercase();
    if LICENCES.contains(&licence.as_str()) {
        writeln!(out, "license: {licence}")?;
    } else {
        let name = quoted(&card.licence)?;
        writeln!(out, "license: other\nlicense_name: {name}")?;
    }
    writeln!(out, "library_name: laminate")?;
    if let Some(task) = &card.task {
        writeln!(out, "pipeline_tag: {}", quoted(task)?)?;
    }
    if let Some(hf) = &card.source.hf {
        writeln!(out, "base_model: {}", quoted(&hf.repo)?)?;
    }
    writeln!(out, "tags:\n- laminate\n- zkml\n- zero-knowledge")?;
    writeln!(out, "model-index:\n- name: {}", quoted(&card.name)?)?;
    let task = quoted(card.task.as_deref().unwrap_or(TASK))?;
    let result = |out: &mut String, dataset: &str, metrics: &[(&str, f64)]| -> Result<()> {
        let dataset = quoted(dataset)?;
        writeln!(
            out,
            "  - task:\n      type: {task}\n    dataset:\n      name: {dataset}\n      type: {dataset}\n    metrics:"
        )?;
        for (name, value) in metrics {
            let name = quoted(name)?;
            writeln!(
                out,
                "    - type: {name}\n      name: {name}\n      value: {value}"
            )?;
        }
        Ok(())
    };
    let measured = card.fidelity.as_ref().map(fidelity).unwrap_or_default();
    if measured.is_empty() && card.metrics.is_empty() {
        return Ok(writeln!(out, "  results: []")?);
    }
    writeln!(out, "  results:")?;
    if !measured.is_empty() {
        let dataset = "integer program against the source model";
        result(out, dataset, &measured)?;
    }
    if !card.metrics.is_empty() {
        let given = card.metrics.iter().map(|m| (m.name.as_str(), m.value));
        let data = card.data.as_ref().and_then(|d| d.evaluation.as_deref());
        let dataset = data.unwrap_or("as the owner says");
        result(out, dataset, &given.collect::<Vec<_>>())?;
    }
    Ok(())
}

fn body(card: &Card, out: &mut String) -> Result<()> {
    writeln!(
        out,
        "# {}\n\n{}\n",
        line(&card.name),
        line(&card.intended_use)
    )?;
    let text = |text: &str| line(text);
    let mut rows = vec![
        ("version", text(&card.version)),
        ("owner", text(&card.owner)),
        ("licence", text(&card.licence)),
        ("program digest", format!("`{}`", card.program.digest)),
        (
            "weight commitment",
            format!("`{}`", card.weights.commitment),
        ),
        ("card hash", format!("`{}`", card.hash()?)),
        ("parameters", card.program.parameters.to_string()),
        ("ops", text(&card.program.ops.join(", "))),
        (
            "source",
            format!(
                "{}, SHA-256 `{}`",
                text(&card.source.file),
                text(&card.source.sha256)
            ),
        ),
    ];
    if let Some(c) = &card.calibration {
        rows.push((
            "calibration",
            format!("{}, SHA-256 `{}`", text(&c.file), text(&c.sha256)),
        ));
    }
    let data = card.data.as_ref();
    let train = data.and_then(|d| d.train.as_deref());
    let evaluation = data.and_then(|d| d.evaluation.as_deref());
    rows.extend(train.map(|d| ("trained on", text(d))));
    rows.extend(evaluation.map(|d| ("evaluated on", text(d))));
    if card.srs.development {
        rows.push((
            "reference string",
            "development: whoever made it can forge proofs".into(),
        ));
    }
    writeln!(out, "| | |\n| --- | --- |")?;
    for (name, value) in rows {
        writeln!(out, "| {name} | {value} |")?;
    }
    if let Some(found) = &card.fidelity {
        writeln!(
            out,
            "\n## Fidelity\n\nThe integer program that is proven, against the source model, over {} rows:\n\n| measure | value |\n| --- | --- |",
            found.rows
        )?;
        for (name, value) in fidelity(found) {
            writeln!(out, "| {name} | {value} |")?;
        }
    }
    if !card.metrics.is_empty() {
        writeln!(
            out,
            "\n## Measured by the owner\n\n| measure | value |\n| --- | --- |"
        )?;
        for metric in &card.metrics {
            writeln!(out, "| {} | {} |", line(&metric.name), metric.value)?;
        }
    }
    writeln!(
        out,
        "\nProofs show that this program, with the weights under this commitment, gave an output. They do not show what the model is good for."
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::content::tests::example;
    use super::*;

    #[test]
    fn front_matter_holds_whatever_the_fields_say() {
        let mut card = example();
        card.task = Some("tabular-classification".into());
        card.intended_use = "a | b\n# not a heading <script>".into();
        let text = readme(&card).unwrap();
        let (front, body) = text[4..].split_once("\n---\n").unwrap();
        for expected in [
            "license: mit",
            "library_name: laminate",
            "- name: \"Fraud \\\"screen\\\"\"",
            "type: \"tabular-classification\"",
            "- type: \"decision_agreement\"\n      name: \"decision_agreement\"\n      value: 0.9995",
            "- type: \"roc_auc\"",
        ] {
            assert!(front.contains(expected), "{expected}: {front}");
        }
        assert!(
            body.contains("a \\| b \\# not a heading \\<script\\>"),
            "{body}"
        );
        assert!(body.contains(&card.hash().unwrap().to_string()));
        assert!(body.contains("can forge proofs"));
        // A field cannot end the front matter or add to it.
        card.licence = "mine\n---\nlicense: mit".into();
        let text = readme(&card).unwrap();
        assert!(text.starts_with(
            "---\nlicense: other\nlicense_name: \"mine\\n---\\nlicense: mit\"\nlibrary_name"
        ));
        card.fidelity = None;
        card.metrics.clear();
        assert!(readme(&card).unwrap().contains("  results: []\n---\n"));
    }
}
