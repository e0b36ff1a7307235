//! What changed since a baseline.

use super::chart::{Bar, Chart};
use super::page::{Figure, Section, Table};
use super::sections::{date, seconds};
use crate::measure::size;
use crate::run_record::RunRecord;

/// The section.
pub fn section(record: &RunRecord, old: &RunRecord) -> Section {
    let times = |record: &RunRecord| {
        let stages = record.stages.iter().map(|s| (s.name.clone(), s.seconds));
        let figures = record.figures.iter().map(|f| (f.name.clone(), f.seconds));
        stages.chain(figures).collect::<Vec<Value>>()
    };
    let sizes = |record: &RunRecord| {
        let sizes = record
            .sizes
            .iter()
            .map(|s| (s.name.clone(), s.bytes as f64));
        let peak = ("peak memory".to_owned(), record.peak_bytes as f64);
        sizes.chain([peak]).collect::<Vec<Value>>()
    };
    let gas = |record: &RunRecord| {
        let gas = record.gas.iter().map(|g| (g.name.clone(), g.gas as f64));
        gas.collect::<Vec<Value>>()
    };
    let cells = |record: &RunRecord| {
        let parts = record.circuit.iter().flat_map(|c| &c.parts);
        parts
            .map(|p| (p.name.clone(), p.cells as f64))
            .collect::<Vec<Value>>()
    };
    let bytes = |value: f64| size(value as u64);
    let count = |value: f64| format!("{value:.0}");
    let figures = [
        figure("Times", &times(old), &times(record), &seconds),
        figure("Bytes", &sizes(old), &sizes(record), &bytes),
        figure("Cells", &cells(old), &cells(record), &count),
        figure("Gas by transaction", &gas(old), &gas(record), &count),
    ];
    Section {
        id: "difference",
        title: "Difference to the baseline".into(),
        notes: vec![format!(
            "The baseline began at {} and was made by laminate {}.",
            date(old.began),
            old.versions.laminate
        )],
        points: cautions(record, old),
        figures: figures.into_iter().flatten().collect(),
    }
}

/// Why the two may not be comparable.
fn cautions(record: &RunRecord, old: &RunRecord) -> Vec<String> {
    let mut points = vec![];
    if record.machine != old.machine {
        let (name, threads) = (&old.machine.processor, old.machine.threads);
        let name = name.as_deref().unwrap_or("a processor without a name");
        points.push(format!(
            "Another machine: {}, {name}, {threads} threads. Times do not compare.",
            old.machine.platform
        ));
    }
    if record.model != old.model {
        points.push(format!(
            "Another model: {}, program digest {}.",
            old.model.name, old.model.digest
        ));
    }
    if record.versions != old.versions {
        points.push(format!(
            "Other versions: protocol {}, circuits {}.",
            old.versions.protocol, old.versions.circuit
        ));
    }
    if record.development != old.development {
        let what = if old.development {
            "a development"
        } else {
            "a public"
        };
        points.push(format!("Another reference string: {what} one."));
    }
    points
}

type Value = (String, f64);

/// Values of one kind, by name; those of equal names in their order.
fn figure(
    caption: &str,
    old: &[Value],
    new: &[Value],
    show: &dyn Fn(f64) -> String,
) -> Option<Figure> {
    let mut table = Table::new(caption, &["what", "baseline", "now", "change"]);
    let mut bars = vec![];
    let mut left: Vec<Option<&Value>> = old.iter().map(Some).collect();
    for (name, value) in new {
        let found = left.iter_mut().find(|o| o.is_some_and(|o| o.0 == *name));
        let before = found.and_then(Option::take).map(|o| o.1);
        let change = before.map_or_else(|| "new".into(), |before| change(before, *value));
        table.row([
            name.clone(),
            before.map(show).unwrap_or_default(),
            show(*value),
            change.clone(),
        ]);
        bars.extend(before.map(|before| bar(format!("{name}, baseline"), before, show(before))));
        bars.push(bar(name.clone(), *value, change));
    }
    for (name, value) in left.into_iter().flatten() {
        table.row([name.clone(), show(*value), String::new(), "gone".into()]);
    }
    (!table.rows.is_empty()).then(|| table.with(Chart::bars(caption, &bars)))
}

fn bar(name: String, value: f64, shown: String) -> Bar {
    Bar {
        name,
        value,
        shown,
        limit: None,
    }
}

fn change(before: f64, now: f64) -> String {
    let share = 100.0 * (now - before) / before;
    match share.is_finite() {
        true => format!("{share:+.1} %"),
        false if before == now => "+0.0 %".into(),
        false => "from nothing".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_compared_by_name() {
        let values = |pairs: &[(&str, f64)]| -> Vec<Value> {
            pairs.iter().map(|(n, v)| ((*n).to_owned(), *v)).collect()
        };
        let old = values(&[("a", 2.0), ("a", 8.0), ("gone", 1.0), ("zero", 0.0)]);
        let new = values(&[("a", 3.0), ("new", 1.0), ("a", 4.0), ("zero", 0.0)]);
        let found = figure("c", &old, &new, &|v| v.to_string()).unwrap();
        let changes: Vec<[&str; 2]> = found
            .table
            .rows
            .iter()
            .map(|r| [r[0].as_str(), r[3].as_str()])
            .collect();
        assert_eq!(
            changes,
            [
                ["a", "+50.0 %"],
                ["new", "new"],
                ["a", "-50.0 %"],
                ["zero", "+0.0 %"],
                ["gone", "gone"]
            ]
        );
        assert_eq!(change(0.0, 1.0), "from nothing");
        assert!(figure("c", &[], &[], &|v| v.to_string()).is_none());
    }
}
