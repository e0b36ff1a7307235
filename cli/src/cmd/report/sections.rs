//! The sections of a report.

use super::chart::{Bar, Chart, Interval};
use super::page::{Banner, Page, Section, Table};
use super::{difference, fidelity};
use crate::measure::size;
use crate::run_record::{CircuitRecord, RunRecord};

/// The report of a run, and of what changed since another one.
pub fn page(record: &RunRecord, baseline: Option<&RunRecord>) -> Page {
    let sections = [
        Some(stages(record)),
        record.circuit.as_ref().map(circuit),
        sizes(record),
        gas(record),
        record.fidelity.as_ref().map(fidelity::section),
        Some(statement(record)),
        baseline.map(|old| difference::section(record, old)),
    ];
    Page {
        title: format!("laminate {} of {}", record.command, record.model.name),
        banner: banner(record),
        facts: facts(record),
        sections: sections.into_iter().flatten().collect(),
    }
}

fn banner(record: &RunRecord) -> Banner {
    match record.development {
        true => Banner {
            warning: true,
            verdict: "DEV.".into(),
            text: "The reference string is a development one, whose secret is public: anybody can forge such proofs, and they convince nobody but you.".into(),
        },
        false => Banner {
            warning: false,
            verdict: "Ceremony.".into(),
            text: "The reference string is not a development one. Its proofs are sound if one of its ceremony's participants forgot their secret.".into(),
        },
    }
}

/// Seconds since 1970 as RFC 3339 has them. Civil date from days: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".
pub fn date(seconds: u64) -> String {
    // Whatever a file says, four digits of years are enough.
    let seconds = seconds.min(253_402_300_799);
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let of_era = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * of_era + of_era / 4 - of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn facts(record: &RunRecord) -> Vec<[String; 2]> {
    let (versions, machine, model) = (&record.versions, &record.machine, &record.model);
    let memory = machine.memory_bytes.map(size);
    let of = |text: Option<String>| text.unwrap_or_else(|| "not told by the system".into());
    let shards = match model.shards {
        0 | 1 => String::new(),
        count => format!(", {count} shards"),
    };
    let arguments = record.arguments.iter().map(|a| quoted(a));
    let command: Vec<String> = ["laminate".into()].into_iter().chain(arguments).collect();
    [
        ("command", command.join(" ")),
        ("began", date(record.began)),
        (
            "model",
            format!(
                "{}, {} parameters, {} inputs a proof{shards}",
                model.name, model.parameters, model.batch
            ),
        ),
        ("program digest", model.digest.clone()),
        (
            "versions",
            format!(
                "laminate {}, protocol {}, circuits {}",
                versions.laminate, versions.protocol, versions.circuit
            ),
        ),
        (
            "machine",
            format!(
                "{}, {}, {} threads, memory {}",
                machine.platform,
                of(machine.processor.clone()),
                machine.threads,
                of(memory)
            ),
        ),
        ("peak memory", size(record.peak_bytes)),
    ]
    .map(|(name, text)| [name.to_owned(), text])
    .into()
}

/// An argument as a shell takes it.
fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@+%".contains(c);
    match !argument.is_empty() && argument.chars().all(plain) {
        true => argument.to_owned(),
        false => format!("'{}'", argument.replace('\'', "'\\''")),
    }
}

/// A duration.
pub fn seconds(value: f64) -> String {
    format!("{value:.3} s")
}

fn stages(record: &RunRecord) -> Section {
    let mut table = Table::new(
        "Stages",
        &["stage", "began", "seconds", "peak memory", "made"],
    );
    let mut rows = vec![];
    for stage in &record.stages {
        let began = stage.spans.first().map(|s| seconds(s[0]));
        let name = match stage.part {
            true => format!("– {}", stage.name),
            false => stage.name.clone(),
        };
        table.row([
            name,
            began.unwrap_or_default(),
            format!("{:.3}", stage.seconds),
            size(stage.peak_bytes),
            stage.bytes.map(size).unwrap_or_default(),
        ]);
        rows.push(Interval {
            name: stage.name.clone(),
            spans: stage.spans.clone(),
            part: stage.part,
            shown: seconds(stage.seconds),
        });
    }
    let chart = Chart::timeline("Stages over time with memory in use", &rows, &record.memory);
    let mut figures = vec![table.with(chart)];
    figures.extend(memory(record));
    if !record.figures.is_empty() {
        let mut table = Table::new("Figures of the bench", &["figure", "time"]);
        let mut bars = vec![];
        for figure in &record.figures {
            table.row([figure.name.clone(), seconds(figure.seconds)]);
            bars.push(Bar {
                name: figure.name.clone(),
                value: figure.seconds,
                shown: seconds(figure.seconds),
                limit: None,
            });
        }
        figures.push(table.with(Chart::bars("Figures of the bench", &bars)));
    }
    Section {
        id: "stages",
        title: "Stages".into(),
        notes: vec![
            "Parts, with a dash, are in the stage before them. Peak memory is that of the process so far.".into(),
        ],
        figures,
        ..Section::default()
    }
}

/// The memory curve at tenths of the run.
fn memory(record: &RunRecord) -> Option<super::page::Figure> {
    let step = record.memory.len().div_ceil(10).max(1);
    let mut table = Table::new("Memory in use", &["after", "memory"]);
    for (at, bytes) in record.memory.iter().step_by(step) {
        table.row([seconds(*at), size(*bytes)]);
    }
    (!record.memory.is_empty()).then(|| table.alone())
}

fn circuit(circuit: &CircuitRecord) -> Section {
    let sum = |of: fn(&crate::run_record::PartRecord) -> u64| {
        let values = circuit.parts.iter().map(of);
        values.fold(0u64, u64::saturating_add)
    };
    let cells = sum(|p| p.cells);
    let used = cells.div_ceil(circuit.columns.max(1));
    let free = circuit.base_rows.saturating_sub(used);
    let rows = [
        ("basic gates", used),
        ("Poseidon chip", circuit.poseidon_rows),
        ("range chip", circuit.range_rows),
        ("not usable", circuit.unusable_rows),
        ("free", free),
    ];
    let all = rows
        .iter()
        .map(|r| r.1)
        .fold(0u64, u64::saturating_add)
        .max(1);
    let mut budget = Table::new("Rows of the circuit", &["what", "rows", "share"]);
    let mut pieces = vec![];
    for (name, count) in rows {
        let share = format!("{:.1} %", 100.0 * count as f64 / all as f64);
        budget.row([name.to_owned(), count.to_string(), share.clone()]);
        pieces.push(Bar {
            name: name.into(),
            value: count as f64,
            shown: format!("{count} rows, {share}"),
            limit: None,
        });
    }
    let columns = ["part", "cells", "range cells", "Poseidon rows"];
    let mut parts = Table::new("Cells by part of the verifier", &columns);
    let mut bars = vec![];
    for part in &circuit.parts {
        let counts = [part.cells, part.range_cells, part.poseidon_rows];
        parts.row(
            [part.name.clone()]
                .into_iter()
                .chain(counts.map(|c| c.to_string())),
        );
        bars.push(Bar {
            name: part.name.clone(),
            value: part.cells as f64,
            shown: part.cells.to_string(),
            limit: None,
        });
    }
    let totals = [cells, sum(|p| p.range_cells), sum(|p| p.poseidon_rows)];
    parts.row(
        ["total".to_owned()]
            .into_iter()
            .chain(totals.map(|c| c.to_string())),
    );
    Section {
        id: "circuit",
        title: "Circuit".into(),
        notes: vec![format!(
            "2^{} rows (k = {}) of {} advice columns, shared by basic gates and two chips. When what is free is used up, k is one more and proving takes about twice as long.",
            circuit.k, circuit.k, circuit.columns
        )],
        figures: vec![
            budget.with(Chart::stack(
                "How the rows of the circuit are used",
                &pieces,
            )),
            parts.with(Chart::bars("Cells of basic gates by part", &bars)),
        ],
        ..Section::default()
    }
}

fn sizes(record: &RunRecord) -> Option<Section> {
    let mut figures = vec![];
    // Contracts and proofs apart: their scales differ by far.
    for (caption, limited) in [("Sizes", false), ("Contracts", true)] {
        let mut table = Table::new(caption, &["what", "bytes", "limit"]);
        let mut bars = vec![];
        for row in record.sizes.iter().filter(|r| r.limit.is_some() == limited) {
            table.row([
                row.name.clone(),
                row.bytes.to_string(),
                row.limit.map_or_else(String::new, |l| l.to_string()),
            ]);
            bars.push(Bar {
                name: row.name.clone(),
                value: row.bytes as f64,
                shown: size(row.bytes),
                limit: row.limit.map(|l| l as f64),
            });
        }
        if !bars.is_empty() {
            figures.push(table.with(Chart::bars(caption, &bars)));
        }
    }
    (!figures.is_empty()).then(|| Section {
        id: "sizes",
        title: "Sizes".into(),
        notes: vec!["A contract has at most 24,576 bytes of code (EIP-170).".into()],
        figures,
        ..Section::default()
    })
}

fn gas(record: &RunRecord) -> Option<Section> {
    if record.gas.is_empty() {
        return None;
    }
    let columns = ["transaction", "gas", "calldata bytes", "limit"];
    let mut table = Table::new("Gas of whole transactions", &columns);
    let mut bars = vec![];
    for row in &record.gas {
        table.row([
            row.name.clone(),
            row.gas.to_string(),
            row.calldata_bytes.to_string(),
            row.limit.to_string(),
        ]);
        bars.push(Bar {
            name: row.name.clone(),
            value: row.gas as f64,
            shown: row.gas.to_string(),
            limit: Some(row.limit as f64),
        });
    }
    Some(Section {
        id: "gas",
        title: "Gas".into(),
        notes: vec![
            "Measured with mainnet's rules on a fresh chain in the prover's process, with the universal verifier. A transaction may use 16,777,216 gas (EIP-7825).".into(),
        ],
        figures: vec![table.with(Chart::bars("Gas of whole transactions, with the limit of one", &bars))],
        ..Section::default()
    })
}

fn statement(record: &RunRecord) -> Section {
    let Some(stated) = &record.statement else {
        return Section {
            id: "statement",
            title: "Statement".into(),
            notes: vec![
                "A bench publishes nothing: its proofs are made, checked and thrown away.".into(),
            ],
            ..Section::default()
        };
    };
    let mut table = Table::new("What the proof states", &["field", "value"]);
    for (name, value) in &stated.fields {
        table.row([name.clone(), value.clone()]);
    }
    for (index, output) in stated.output.iter().enumerate() {
        let name = match stated.outputs {
            0 | 1 => "output".to_owned(),
            _ => format!("output {}", index + 1),
        };
        table.row([name, output.clone()]);
    }
    let left = stated.outputs.saturating_sub(stated.output.len() as u64);
    if left > 0 {
        table.row(["outputs not shown here".to_owned(), left.to_string()]);
    }
    Section {
        id: "statement",
        title: "Statement, and what is not proven".into(),
        notes: vec![
            "Proven: the committed weights, run by the program with this digest on the committed input, give this output.".into(),
            "Not proven:".into(),
        ],
        points: unproven(record),
        figures: vec![table.alone()],
    }
}

/// What the statement leaves open.
fn unproven(record: &RunRecord) -> Vec<String> {
    let stated = record.statement.as_ref();
    let is = |of: fn(&crate::run_record::StatementRecord) -> bool| stated.is_some_and(of);
    let mut points = vec![];
    if record.development {
        points.push(
            "anything, to others: with a development reference string everything can be forged"
                .to_owned(),
        );
    }
    if !record.model.weights_shown {
        points.push("that the weights are in range: a commitment proof (laminate prove-weights) shows it once for all".into());
    }
    points.push("that the weight commitment is of the model you mean: compare it with one that you trust, as a registry's".into());
    if !is(|s| s.credential) {
        points.push(match is(|s| s.input_public) {
            true => "that the input is true: it is public, and nobody vouches for it here".into(),
            false => "whose input it is, and that it is true: the commitment hides it, and nobody vouches for it here".into(),
        });
    }
    if !is(|s| s.context) {
        points.push("what the proof is for: whoever has it can show it elsewhere, too".into());
    }
    points.push("that the integer program is the float model: how close it is was measured, not proven (fidelity)".into());
    points.push("how the model was trained, on which data, and what it is good for".into());
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (u64::MAX, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(date(seconds), expected);
        }
    }

    #[test]
    fn arguments_are_quoted_where_a_shell_would_split_them() {
        assert_eq!(quoted("--input=a/b.csv"), "--input=a/b.csv");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted(""), "''");
    }
}
