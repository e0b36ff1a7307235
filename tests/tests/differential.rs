//! The integer executor against an independent Python model, and proofs of random programs.

use std::io::Write;
use std::process::{Command, Stdio};

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::fold::FoldMode;
use laminate_model::program::padded_index;
use laminate_prover::exec;
use laminate_tests::fields::{count, with_point, with_scalar};
use laminate_tests::recurrent::{ODD, Sizes, lstm};
use laminate_tests::{Case, TestSrs, every_op, mlp, prove_case, random, raw};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

fn python(case: &Case) -> Option<Result<serde_json::Value, String>> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/reference/int_model.py");
    let spawned = Command::new("python3")
        .args([script, "--all"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("skipped: python3 is not installed");
            return None;
        }
        Err(e) => panic!("python3: {e}"),
    };
    let json = serde_json::json!({ "program": case.program, "weights": case.weights, "inputs": case.inputs });
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(json.to_string().as_bytes()).expect("write");
    drop(stdin);
    let output = child.wait_with_output().expect("python3");
    if output.status.success() {
        return Some(Ok(serde_json::from_slice(&output.stdout).expect("JSON")));
    }
    Some(Err(String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// Every tensor of a run without padded features, by name, as the Python model prints it.
fn rust(case: &Case) -> Result<serde_json::Value, String> {
    let trace = exec::run(&case.program, &case.weights, &case.inputs).map_err(|e| e.to_string())?;
    let mut tensors = serde_json::Map::new();
    for (tensor, values) in case.program.tensors.iter().zip(&trace.tensors) {
        let places = (0..tensor.width()).map(|flat| padded_index(&tensor.axes, flat));
        let places: Vec<usize> = places.collect();
        let rows: Vec<Vec<i32>> = values
            .chunks(1 << tensor.width_log())
            .map(|row| places.iter().map(|at| row[*at]).collect())
            .collect();
        tensors.insert(tensor.name.clone(), serde_json::json!(rows));
    }
    Ok(serde_json::json!({ "outputs": trace.outputs(&case.program), "tensors": tensors }))
}

const ONE_STEP: Sizes = Sizes {
    steps: 1,
    inputs: 3,
    units: 2,
};
const LONG: Sizes = Sizes {
    steps: 23,
    inputs: 1,
    units: 5,
};

fn cases() -> Vec<(String, Case)> {
    let mut out = vec![];
    for seed in 0..24 {
        out.push((format!("every op {seed}"), every_op(seed, (seed % 4) as u8)));
        out.push((
            format!("random {seed}"),
            random::program(seed, (seed % 3) as u8, 70),
        ));
    }
    for bits in [8, 16] {
        out.push((format!("raw {bits}"), raw::case(bits)));
    }
    for seed in 0..8 {
        let widths = [1 + 9 * seed as usize, 33, 64 - seed as usize, 1];
        out.push((format!("mlp {seed}"), mlp(seed, (seed % 3) as u8, &widths)));
    }
    for (seed, sizes) in [(1, ODD), (2, ONE_STEP), (3, LONG)] {
        out.push((format!("recurrent {seed}"), lstm(seed, 8, sizes)));
    }
    // Fewer rows than slots; values far outside, which both must refuse.
    let mut short = every_op(3, 2);
    short.inputs.truncate(1);
    out.push(("short batch".into(), short));
    for (i, value) in [32_767, -32_768, 32_768, -32_769].into_iter().enumerate() {
        let mut extreme = mlp(i as u64, 0, &[6, 5, 2]);
        for layer in &mut extreme.weights.dense {
            layer.multiplier.fill((1 << 24) - 1);
        }
        extreme.inputs[0].fill(value);
        out.push((format!("extreme {value}"), extreme));
    }
    out
}

#[test]
fn executor_agrees_with_the_python_model() {
    let (mut agreed, mut refused) = (0, 0);
    for (name, case) in cases() {
        let Some(python) = python(&case) else { return };
        match (rust(&case), python) {
            (Ok(a), Ok(b)) => {
                assert_eq!(a, b, "{name}");
                agreed += 1;
            }
            (Err(_), Err(_)) => refused += 1,
            (a, b) => panic!("{name}: Rust {a:?}\nPython {b:?}"),
        }
    }
    assert!(agreed >= 50, "{agreed} programs ran");
    assert!(refused > 0, "no case out of range");
    println!(
        "integer executor: {agreed} programs agree on every tensor, {refused} refused by both"
    );
}

/// Honest proofs of random programs are accepted, and one random alteration of each is refused.
#[test]
fn random_programs_prove_and_do_not_lie() {
    let srs = TestSrs::new(b"differential", 16);
    let mut rng = ChaCha20Rng::seed_from_u64(9);
    let (mut honest, mut tried) = (0, 0);
    for seed in 100..124u64 {
        let case = random::program(seed, (seed % 4) as u8, if seed % 6 == 0 { 70 } else { 12 });
        let mode = if seed % 5 == 0 {
            FoldMode::Off
        } else {
            FoldMode::On
        };
        let proven = prove_case(&case, &srs, mode, seed);
        let verifier = &proven.model.verifier;
        let verdict = verifier.verify_native(&proven.statement, &proven.proof, &srs.tau_g2);
        assert_eq!(verdict, Ok(()), "seed {seed}: the honest proof");
        honest += 1;
        let (scalars, points) = count(&proven.proof);
        let delta = Fr::random(&mut rng);
        let altered = [
            with_scalar(&proven.proof, rng.gen_range(0..scalars), |s| s + delta),
            with_point(&proven.proof, rng.gen_range(0..points), |p| {
                (p * delta).into()
            }),
        ];
        for proof in altered {
            assert!(
                verifier
                    .verify_native(&proven.statement, &proof, &srs.tau_g2)
                    .is_err(),
                "seed {seed}"
            );
            tried += 1;
        }
    }
    println!(
        "random programs: {honest} honest proofs accepted; {tried} alterations tried, 0 accepted"
    );
}
