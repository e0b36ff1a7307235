//! Makes the proof fixtures of the Foundry tests: `make_fixtures MODEL_DIR SAMPLES_DIR OUT_DIR`.
//!
//! `MODEL_DIR` is made by `laminate compile` on `models/fraud`; two inputs of the model and one of the
//! same program with one weight changed are proven with the development reference string. Called by
//! `scripts/make_fixtures.sh`.

use std::path::{Path, PathBuf};
use std::{env, fs};

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::PrimeField;
use laminate_aggregator::circuit::AggregationCircuit;
use laminate_aggregator::evm::encode_proof;
use laminate_aggregator::keys::{ProvingKey, required_k};
use laminate_aggregator::packed::Opening;
use laminate_aggregator::prove::{self as aggregation, AggregationProof, Target};
use laminate_aggregator::srs::Srs;
use laminate_engine::fold::FoldMode;
use laminate_front::{quant, rows};
use laminate_model::artifact::{self, Kind};
use laminate_model::program::{Program, Weights};
use laminate_model::statement::{Packing, unpack};
use laminate_prover::exec;
use laminate_prover::prove::{Model, prove};
use rand::rngs::OsRng;
use serde_json::{Value, json};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let paths: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let [model_dir, samples, out] = paths.as_slice() else {
        return Err("usage: make_fixtures MODEL_DIR SAMPLES_DIR OUT_DIR".into());
    };
    let (_, program): (_, Program) =
        artifact::decode(Kind::Program, &fs::read(model_dir.join("program.lam"))?)?;
    let (_, weights): (_, Weights) =
        artifact::decode(Kind::Weights, &fs::read(model_dir.join("weights.lam"))?)?;
    let model = Model::new(program.clone(), &weights)?;
    // As `setup --dev-srs` makes them, and the generated verifier is of.
    let k = Opening::Packed.required_k(required_k(&model.verifier, FoldMode::On)?);
    let srs = Srs::development(k)?;
    let keys = ProvingKey::derive(&model.verifier, FoldMode::On, &srs)?;
    let keys = keys.with_opening(Opening::Packed, &srs)?;

    let mut other = weights.clone();
    other.dense[0].weight[0] = other.dense[0].weight[0].wrapping_add(1).clamp(-127, 126);
    fs::create_dir_all(out)?;
    let secret = model.commit(srs.powers(), &mut OsRng)?;
    for (name, weights, input, own) in [
        ("fraud.json", &weights, "fraud.csv", false),
        ("fraud_other.json", &weights, "legit.csv", false),
        ("other_model.json", &other, "fraud.csv", true),
    ] {
        let model = Model::new(program.clone(), weights)?;
        let secret = if own {
            model.commit(srs.powers(), &mut OsRng)?
        } else {
            secret.clone()
        };
        let rows = rows::read(&samples.join(input), program.tensor_width(program.input))?;
        let trace = exec::run(&program, weights, &quant::quantise_input(&program, &rows)?)?;
        let (statement, folded) = prove(
            &model,
            &secret,
            &trace,
            srs.powers(),
            FoldMode::On,
            &mut OsRng,
            &|_| {},
        )?;
        let circuit =
            AggregationCircuit::prover(&model.verifier, &keys.meta.pinning, &statement, &folded)?;
        let proof = aggregation::prove(&keys, &srs, circuit, Target::Contract)?;
        write(&out.join(name), &fixture(&program, &proof)?)?;
        eprintln!("made {name}");
    }
    Ok(())
}

fn fixture(program: &Program, proof: &AggregationProof) -> Outcome<Value> {
    let instances: Vec<String> = proof.instances()?.iter().map(hex).collect();
    let statement = &proof.public.statement;
    let words: Vec<String> = statement[3..].iter().map(hex).collect();
    let outputs = unpack(
        Packing::of_output(program),
        &statement[3..],
        program.output_len(),
    )
    .ok_or("too few output words")?;
    let bytes = |bytes: &[u8]| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
    Ok(json!({
        "instances": instances,
        "halo2Proof": format!("0x{}", bytes(&proof.proof)),
        "proof": format!("0x{}", bytes(&encode_proof(proof)?)),
        "terms": proof.public.deferred.terms.len(),
        "outputWords": words,
        "programDigest": hex(&statement[0]),
        "weightCommitment": hex(&statement[1]),
        "inputCommitment": hex(&statement[2]),
        "outputs": outputs,
    }))
}

fn hex(value: &Fr) -> String {
    let digits: String = value
        .to_repr()
        .iter()
        .rev()
        .map(|b| format!("{b:02x}"))
        .collect();
    format!("0x{digits}")
}

fn write(path: &Path, value: &Value) -> Outcome<()> {
    fs::write(path, format!("{}\n", serde_json::to_string_pretty(value)?))?;
    Ok(())
}
