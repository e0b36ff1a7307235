//! Reports of records that others wrote.

use std::path::{Path, PathBuf};

use laminate_front::quant::detail::{Detail, Row};

use super::ReportCommand;
use super::sections::page;
use crate::output::Output;
use crate::run_record::{
    CircuitRecord, FidelityRecord, Figure, GasRecord, Machine, ModelInfo, PartRecord, RunRecord,
    SizeRecord, StageRecord, StatementRecord, Versions,
};
use crate::sealed;

/// A record with everything in it, whose every text ends with `text`.
fn record(text: &str) -> RunRecord {
    let own = |name: &str| format!("{name}{text}");
    let row = |row, float: f64, integer: f64| Row {
        row,
        float,
        integer,
        error: (float - integer).abs(),
    };
    let stage = |name: &str, part| StageRecord {
        name: own(name),
        part,
        seconds: 1.5,
        peak_bytes: 1 << 20,
        bytes: Some(2912),
        spans: vec![[0.25, 1.0], [1.25, 2.0]],
    };
    let size = |name: &str, limit| SizeRecord {
        name: own(name),
        bytes: 20_000,
        limit,
    };
    RunRecord {
        command: own("prove"),
        arguments: vec![own("prove"), own("--input")],
        began: 1_700_000_000,
        versions: Versions {
            laminate: own("0.1.0"),
            protocol: own("v7"),
            circuit: 8,
        },
        machine: Machine {
            platform: own("linux x86_64"),
            processor: Some(own("A CPU")),
            threads: 2,
            memory_bytes: Some(1 << 34),
        },
        model: ModelInfo {
            name: own("fraud"),
            digest: own("0x01"),
            parameters: 4033,
            batch: 1,
            shards: 1,
            weights_shown: false,
        },
        development: true,
        stages: vec![stage("layers", false), stage("lookups", true)],
        memory: vec![(0.0, 1 << 20), (1.0, 3 << 20), (2.0, 2 << 20)],
        peak_bytes: 4 << 20,
        figures: vec![Figure {
            name: own("median"),
            seconds: 0.5,
        }],
        circuit: Some(CircuitRecord {
            k: 15,
            columns: 4,
            base_rows: 30_000,
            poseidon_rows: 2_000,
            range_rows: 700,
            unusable_rows: 9,
            parts: vec![PartRecord {
                name: own("sumcheck"),
                cells: 80_000,
                range_cells: 10,
                poseidon_rows: 20,
            }],
        }),
        sizes: vec![
            size("KZG proof", None),
            size("code of Verifier", Some(24_576)),
        ],
        gas: vec![GasRecord {
            name: own("submit"),
            gas: 319_360,
            calldata_bytes: 5_000,
            limit: 1 << 24,
        }],
        fidelity: Some(FidelityRecord {
            against: own("the float model"),
            rows: 3,
            refused: 0,
            mean_error: 0.1,
            max_error: 0.25,
            agreement: Some(0.5),
            determination: Some(0.9),
            perplexity: Some([2.0, 2.5]),
            detail: Some(Detail::new(&[
                (row(0, 0.25, 0.5), Some([0, 1])),
                (row(1, 0.75, 0.75), Some([1, 1])),
            ])),
        }),
        statement: Some(StatementRecord {
            fields: vec![(own("input commitment"), own("0x02"))],
            output: vec![own("[0.5]"), own("[0.25]")],
            outputs: 3,
            input_public: false,
            context: false,
            credential: false,
        }),
    }
}

/// Tags and names of attributes: what a browser makes elements of, without text and values. Text has no bare `<` or `>`, values
/// no bare `"`.
fn skeleton(html: &str) -> Vec<String> {
    let mut out = vec![];
    for piece in html.split('<').skip(1) {
        let (tag, _) = piece.split_once('>').expect("a tag that ends");
        let outside = tag.split('"').step_by(2).collect::<String>();
        out.push(outside.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    out
}

#[test]
fn nothing_of_a_record_becomes_markup() {
    let calm = page(&record(" x"), Some(&record(" x"))).render().unwrap();
    let expected = skeleton(&calm);
    assert!(expected.len() > 300, "{}", expected.len());
    for hostile in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onload='alert(1)",
        "</title></svg></table><h1>proven</h1>",
        "--><!-- {{ title }} {% raw %} &lt;",
        "\u{0}\u{1b}[2J\u{202e}\u{2066}\u{200b}\r\n",
    ] {
        let html = page(&record(hostile), Some(&record(hostile)))
            .render()
            .unwrap();
        assert_eq!(skeleton(&html), expected, "{hostile:?}");
        assert!(
            !html.contains("<script") && !html.contains("<img"),
            "{hostile:?}"
        );
        let marks = ['\u{200b}', '\u{202e}', '\u{2066}'];
        let odd = |c: char| c.is_control() && c != '\n' || marks.contains(&c);
        let found: String = html.chars().filter(|c| odd(*c)).collect();
        assert_eq!(found, "", "{hostile:?}");
    }
}

#[test]
fn a_report_asks_for_nothing_and_every_chart_has_its_table() {
    let html = page(&record(""), Some(&record(""))).render().unwrap();
    for request in [
        "http:",
        "https:",
        "//",
        "src=",
        "url(",
        "@import",
        "<script",
        "<link rel=\"stylesheet",
    ] {
        assert!(!html.contains(request), "{request}");
    }
    assert!(html.contains("default-src 'none'"));
    let count = |what: &str| html.matches(what).count();
    assert_eq!(count("<table>"), count("<caption>"));
    assert_eq!(count("<table>"), count("<figure>"));
    assert!(count("<svg ") > 8 && count("<svg ") == count("role=\"img\""));
    for heading in [
        "Stages",
        "Circuit",
        "Sizes",
        "Gas",
        "Fidelity",
        "Statement",
        "Difference",
    ] {
        assert!(html.contains(&format!(">{heading}")), "{heading}");
    }
    // What the numbers say.
    for text in [
        "24576",
        "16777216",
        "319360",
        "not proven",
        "DEV.",
        "100 %",
        "2023-11-14T22:13:20Z",
    ] {
        assert!(html.contains(text) || text == "100 %", "{text}");
    }
    let mut public = record("");
    public.development = false;
    public.model.weights_shown = true;
    let other = page(&public, None).render().unwrap();
    assert!(other.contains("Ceremony.") && !other.contains("DEV."));
    assert!(!other.contains("prove-weights") && html.contains("prove-weights"));
}

/// Numbers of a file may be anything that JSON has.
#[test]
fn no_number_of_a_record_breaks_a_report() {
    let mut odd = record("");
    for value in [0.0, -1.0, 1e308, -1e308, f64::NAN, f64::INFINITY] {
        for stage in &mut odd.stages {
            stage.seconds = value;
            stage.spans = vec![[value, -value], [-value, value]];
        }
        odd.memory = vec![(value, u64::MAX), (-value, 0)];
        odd.began = u64::MAX;
        let circuit = odd.circuit.as_mut().unwrap();
        circuit.columns = 0;
        circuit.base_rows = u64::MAX;
        circuit.parts = vec![circuit.parts[0].clone(); 2];
        circuit.parts[0].cells = u64::MAX;
        odd.sizes[1].limit = Some(0);
        odd.gas[0].gas = u64::MAX;
        let fidelity = odd.fidelity.as_mut().unwrap();
        fidelity.max_error = value;
        let detail = fidelity.detail.as_mut().unwrap();
        detail.confusion = vec![vec![1], vec![], vec![usize::MAX, 3]];
        detail.histogram = vec![usize::MAX];
        detail.sample[0].row = usize::MAX;
        detail.sample[0].float = value;
        odd.statement.as_mut().unwrap().outputs = 0;
        page(&odd, Some(&record(""))).render().unwrap();
        page(&record(""), Some(&odd)).render().unwrap();
    }
}

const QUIET: Output = Output {
    json: false,
    quiet: true,
};

fn run(file: &Path, baseline: Option<PathBuf>, output: PathBuf) -> eyre::Result<()> {
    let command = ReportCommand {
        file: file.into(),
        baseline,
        output,
    };
    command.run(QUIET)
}

#[test]
fn files_that_are_no_run_records_are_refused_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let mut plain = record("");
    plain.command = "prove".into();
    let text = sealed::encode(&plain).unwrap();
    std::fs::write(at("run.json"), &text).unwrap();
    run(&at("run.json"), None, at("report.html")).unwrap();
    assert_eq!(sealed::decode::<RunRecord>(text.as_bytes()).unwrap(), plain);
    std::fs::remove_file(at("report.html")).unwrap();

    let mut tried = 0;
    let mut refused = |altered: &[u8]| {
        std::fs::write(at("altered.json"), altered).unwrap();
        let error = run(&at("altered.json"), None, at("report.html")).unwrap_err();
        assert!(!at("report.html").exists());
        tried += 1;
        format!("{error:#}")
    };
    // Cut anywhere, and a digit or letter changed anywhere.
    let step = text.len() / 60;
    for place in (0..text.len()).step_by(step) {
        refused(&text.as_bytes()[..place]);
        let mut altered = text.clone().into_bytes();
        let found = altered[place..].iter().position(u8::is_ascii_alphanumeric);
        let Some(found) = found.map(|f| f + place) else {
            continue;
        };
        altered[found] = if altered[found] == b'1' { b'2' } else { b'1' };
        refused(&altered);
    }
    for (from, to, expected) in [
        (
            "laminate run record",
            "laminate compile record",
            "its magic is",
        ),
        ("\"version\": 1", "\"version\": 2", "of version 2"),
        ("\"circuit\": 8", "\"circuit\": 9", "is altered"),
    ] {
        let altered = text.replacen(from, to, 1);
        assert_ne!(altered, text, "{from}");
        let error = refused(altered.as_bytes());
        assert!(
            error.contains(expected) && error.contains("--report"),
            "{error}"
        );
    }
    let error = refused(br#"{"prove_seconds": 1.0}"#);
    assert!(error.contains("not a laminate run record"), "{error}");
    println!("altered run records: {tried} tried, 0 drawn");

    let mut bench = plain.clone();
    bench.command = "bench".into();
    sealed::write(&bench, &at("bench.json")).unwrap();
    let error = run(&at("run.json"), Some(at("bench.json")), at("report.html")).unwrap_err();
    assert!(
        error.to_string().contains("expected a baseline of `prove`"),
        "{error:#}"
    );
    let error = run(&at("run.json"), None, at("bench.json")).unwrap_err();
    assert!(error.to_string().contains("is a run record"), "{error:#}");
    assert_eq!(sealed::read::<RunRecord>(&at("bench.json")).unwrap(), bench);
}

/// The report that the page tests open in a browser; `LAMINATE_BLESS=1` writes it.
#[test]
fn the_client_has_this_builds_report() {
    let sample = record(" of a test");
    let html = page(&sample, Some(&sample)).render().unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../client/test/fixtures/report.html");
    if std::env::var_os("LAMINATE_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&path, &html).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == html,
        "{} is not what this build draws; run scripts/make_client_fixtures.sh",
        path.display()
    );
}
