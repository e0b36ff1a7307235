//! How close the program is to the float model.

use laminate_front::quant::detail::{Detail, Row};

use super::chart::{Bar, Chart};
use super::page::{Figure, Section, Table};
use crate::run_record::FidelityRecord;

/// The section.
pub fn section(record: &FidelityRecord) -> Section {
    let mut figures = vec![summary(record)];
    if let Some(detail) = &record.detail {
        figures.extend(confusion(&detail.confusion));
        figures.extend(histogram(detail, record.max_error));
        figures.extend(scatter(&detail.sample));
        figures.extend(worst(&detail.worst));
    }
    Section {
        id: "fidelity",
        title: "Fidelity".into(),
        notes: vec![format!(
            "The integer program, which is what is proven, against {}, as `compile` measured it on the rows it was given. Rows count from 1, without those that were refused.",
            record.against
        )],
        figures,
        ..Section::default()
    }
}

fn share(value: f64) -> String {
    format!("{:.2} %", 100.0 * value)
}

fn summary(record: &FidelityRecord) -> Figure {
    let mut table = Table::new("Fidelity", &["measure", "figure"]);
    let mut row = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            table.row([name.to_owned(), value]);
        }
    };
    row("rows compared", Some(record.rows.to_string()));
    row("rows refused", Some(record.refused.to_string()));
    row("mean error", Some(format!("{:.3e}", record.mean_error)));
    row("largest error", Some(format!("{:.3e}", record.max_error)));
    row("decisions that agree", record.agreement.map(share));
    row("variance explained", record.determination.map(share));
    let [float, integer] = record.perplexity.map_or([None; 2], |p| p.map(Some));
    let perplexity = |value: Option<f64>| value.map(|v| format!("{v:.4}"));
    row("perplexity of the float model", perplexity(float));
    row("perplexity of the program", perplexity(integer));
    table.alone()
}

/// One row a decision of the float model, one column a decision of the program.
fn confusion(counts: &[Vec<usize>]) -> Option<Figure> {
    let classes = counts.first()?.len();
    let names = (0..classes).map(|class| format!("program says {class}"));
    let mut table = Table::new("Rows by decision", &["float model says"]);
    table.columns.extend(names);
    let mut bars = vec![];
    for (float, row) in counts.iter().enumerate() {
        let cells = row.iter().map(ToString::to_string);
        table.row([float.to_string()].into_iter().chain(cells));
        for (integer, count) in row.iter().enumerate().filter(|(_, count)| **count > 0) {
            let name = match float == integer {
                true => format!("both say {float}"),
                false => format!("float model {float}, program {integer}"),
            };
            bars.push(Bar {
                name,
                value: *count as f64,
                shown: format!("{count} rows"),
                limit: None,
            });
        }
    }
    Some(table.with(Chart::bars("Rows by decision of both", &bars)))
}

fn histogram(detail: &Detail, largest: f64) -> Option<Figure> {
    let bins = detail.histogram.len();
    let mut table = Table::new("Rows by largest error", &["error up to", "rows"]);
    for (index, count) in detail.histogram.iter().enumerate() {
        let end = largest * (index + 1) as f64 / bins as f64;
        table.row([format!("{end:.3e}"), count.to_string()]);
    }
    let chart = Chart::histogram("Rows by their largest error", &detail.histogram, largest);
    (bins > 0).then(|| table.with(chart))
}

fn values(row: &Row) -> [String; 4] {
    [
        (row.row.saturating_add(1)).to_string(),
        format!("{:.6}", row.float),
        format!("{:.6}", row.integer),
        format!("{:.3e}", row.error),
    ]
}

const COLUMNS: [&str; 4] = ["row", "float model", "program", "largest error"];

fn scatter(sample: &[Row]) -> Option<Figure> {
    let mut table = Table::new("First output of rows, a sample", &COLUMNS);
    // Of a sample that is drawn as points, a part stands in the table: the points have their numbers as titles.
    let step = sample.len().div_ceil(20).max(1);
    for row in sample.iter().step_by(step) {
        table.row(values(row));
    }
    let point = |row: &Row| {
        let [name, float, integer, _] = values(row);
        let text = format!("row {name}: {float}, program {integer}");
        (row.float, row.integer, text)
    };
    let points: Vec<_> = sample.iter().map(point).collect();
    let label = "First output of the program over that of the float model";
    (!sample.is_empty()).then(|| table.with(Chart::scatter(label, &points)))
}

fn worst(rows: &[Row]) -> Option<Figure> {
    let mut table = Table::new("Rows with the largest errors", &COLUMNS);
    for row in rows {
        table.row(values(row));
    }
    (!rows.is_empty()).then(|| table.alone())
}
