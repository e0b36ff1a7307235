//! Commitments of this build to rows of every kind, for the TypeScript client, which must make the same. `LAMINATE_BLESS=1` writes
//! them.

use std::path::{Path, PathBuf};

use clap::{Args, FromArgMatches};
use halo2curves_axiom::bn256::Fr;
use laminate_front::quant::quantise_input;
use laminate_front::rows::{self, Missing};
use laminate_model::artifact::{self, Kind};
use laminate_model::program::Program;
use laminate_prover::input::{CommittedInput, Input};
use serde_json::{Value, json};

use crate::cmd::compile::Compile;
use crate::files::{ModelDir, hex_scalar};
use crate::output::Output;
use crate::subject::Subject;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The program of a model of the repository.
fn program(model: &str, options: &[&str]) -> Program {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("m");
    let path = root().join("models").join(model);
    let own = [path.as_os_str(), "-o".as_ref(), out.as_os_str()];
    let given = options.iter().map(|o| o.as_ref());
    let matches = Compile::augment_args(clap::Command::new("compile"))
        .no_binary_name(true)
        .try_get_matches_from(own.into_iter().chain(given))
        .unwrap();
    let quiet = Output {
        json: false,
        quiet: true,
    };
    let compile = Compile::from_arg_matches(&matches).unwrap();
    compile.make(quiet).unwrap();
    ModelDir::open(&out).unwrap().program().unwrap()
}

fn sample(path: &str, program: &Program, count: usize) -> Vec<Vec<f32>> {
    let path = root().join("models").join(path);
    let width = program.tensor_width(program.input);
    let mut rows = rows::read_with(&path, width, Missing::Allowed).unwrap();
    rows.truncate(count);
    assert_eq!(rows.len(), count);
    rows
}

/// A row of what float32 numbers can be: missing, both zeros, the least, the largest and their neighbours, infinitesimal steps around
/// one.
fn odd(width: usize) -> Vec<f32> {
    let one = 1f32.to_bits();
    let values = [
        f32::NAN,
        0.0,
        -0.0,
        f32::from_bits(1),
        -f32::from_bits(1),
        f32::MIN_POSITIVE,
        f32::MAX,
        f32::MIN,
        f32::from_bits(one + 1),
        f32::from_bits(one - 1),
        -1.0,
        0.1,
    ];
    values.iter().copied().cycle().take(width).collect()
}

fn entry(name: &str, program: &Program, rows: &[Vec<f32>]) -> Value {
    // Any salt is as good; this one has all of its words.
    let salt = -Fr::from(rows.len() as u64 + 77);
    let integers = quantise_input(program, rows).unwrap();
    let committed = CommittedInput::salted(program, &Input::Rows(integers), salt).unwrap();
    let number = |value: &f32| match value.is_nan() {
        true => Value::Null,
        false => json!(f64::from(*value)),
    };
    let rows = rows.iter().map(|row| row.iter().map(number).collect());
    let rows: Vec<Value> = rows.collect();
    json!({
        "name": name,
        "programDigest": hex_scalar(&committed.program_digest.0),
        "input": Subject::of(program).unwrap().input,
        "salt": hex_scalar(&salt),
        "rows": rows,
        "commitment": hex_scalar(&committed.commitment.0),
        "file": hex::encode(artifact::encode(Kind::Input, false, &committed).unwrap()),
    })
}

#[test]
fn the_client_makes_this_builds_commitments() {
    let fraud = root().join("models/fraud/calibration.csv");
    let calibration = ["--calibration", fraud.to_str().unwrap()];
    let batch = program(
        "fraud/fraud.onnx",
        &[&calibration[..], &["--batch", "4"]].concat(),
    );
    let whole = program(
        "fraud/fraud.onnx",
        &[&calibration[..], &["--input-scale", "3"]].concat(),
    );
    let trees = program("fraud-trees/xgboost.json", &[]);
    let forest = program("fraud-trees/lightgbm.txt", &["--batch", "2"]);
    let of = |path: &str, program: &Program, count| sample(path, program, count);
    let (csv, table) = ("fraud/samples.csv", "fraud-trees/samples.csv");
    let width = trees.tensor_width(trees.input);
    let halves: Vec<f32> = (0..whole.tensor_width(whole.input))
        .map(|i| (i as f32 - 7.0) * 0.5 / 8.0)
        .collect();
    let all = [
        entry("a full batch", &batch, &of(csv, &batch, 4)),
        entry(
            "a batch whose last row is repeated",
            &batch,
            &of(csv, &batch, 3),
        ),
        entry("halves of the scale, both signs", &whole, &[halves]),
        entry("trees", &trees, &of(table, &trees, 1)),
        entry("trees, every kind of number", &trees, &[odd(width)]),
        entry(
            "trees, a batch",
            &forest,
            &[of(table, &forest, 1), vec![odd(width)]].concat(),
        ),
    ];
    let text = serde_json::to_string_pretty(&all).unwrap() + "\n";
    let path = root().join("client/test/fixtures/inputs.json");
    if std::env::var_os("LAMINATE_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&path, &text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == text,
        "{} is not what this build commits to; run scripts/make_client_fixtures.sh",
        path.display()
    );
}
