//! What `prove --report` records beside the stages.

use std::path::Path;

use eyre::Context;
use laminate_aggregator::circuit::AggregationCircuit;
use laminate_aggregator::keys::OutputFormat;
use laminate_aggregator::prove::Target;
use laminate_engine::fold::FoldMode;
use laminate_model::program::Program;
use laminate_model::verify::Verifier;

use super::ShardsReport;
use crate::bound::public_input;
use crate::cmd::compile::CompileRecord;
use crate::files::{ModelDir, ProofFile, hex_scalar};
use crate::llm;
use crate::output::Output;
use crate::pipeline::{self, Folded};
use crate::run_record::{
    self, FidelityRecord, Ran, SizeRecord, StatementRecord, circuit, model, on_chain,
};

/// Of a model that is proven as a whole.
///
/// # Errors
/// Keys or records that are missing or altered; a proof that contracts refuse.
pub fn of(
    dir: &ModelDir,
    folded: &Folded,
    proof: Option<&ProofFile>,
    out: Output,
) -> eyre::Result<Ran> {
    let program = dir.program()?;
    let format = OutputFormat::of(&program);
    let words = &folded.statement.output_words;
    let input = public_input(&format, words);
    let text = llm::text(dir, &folded.outputs)?;
    let mut ran = Ran {
        command: "prove",
        model: model(
            std::slice::from_ref(&program),
            hex_scalar(&folded.statement.program_digest),
        )?,
        development: development(dir)?,
        figures: vec![],
        circuit: None,
        sizes: sizes(pipeline::folded_bytes(&folded.proof), proof),
        gas: vec![],
        fidelity: fidelity(dir.root())?,
        statement: Some(run_record::statement(
            &folded.statement,
            &format,
            &folded.outputs,
            (input.as_ref(), text.as_deref()),
        )),
    };
    let Some(proof) = proof else {
        return Ok(ran);
    };
    {
        let _stage = out.stage("Counting the circuit's cells");
        let verifier = Verifier::new(program)?;
        let (cells, params) = AggregationCircuit::cost(&verifier, FoldMode::On)?;
        ran.circuit = Some(circuit(params?, &cells));
    }
    if proof.proof.target == Target::Contract {
        let measured = crate::block_on(on_chain(dir, proof, out))?;
        ran.sizes.extend(measured.sizes);
        ran.gas = measured.gas;
    }
    Ok(ran)
}

/// Of a model in shards: what the shards state one by one is in their proofs.
///
/// # Errors
/// As [`of`].
pub(super) fn of_shards(
    root: &Path,
    programs: &[Program],
    report: &ShardsReport,
    development: bool,
) -> eyre::Result<Ran> {
    let mut fields = vec![
        ("digest of the shards".to_owned(), report.digest.clone()),
        ("input commitment".into(), report.input_commitment.clone()),
    ];
    fields.extend(report.text.iter().map(|t| ("text".to_owned(), t.clone())));
    let bytes = report.proof_bytes.map(|bytes| bytes as u64);
    Ok(Ran {
        command: "prove",
        model: model(programs, report.digest.clone())?,
        development,
        figures: vec![],
        circuit: None,
        sizes: size("KZG proofs of the shards", bytes)
            .into_iter()
            .collect(),
        gas: vec![],
        fidelity: fidelity(root)?,
        statement: Some(StatementRecord {
            fields,
            output: vec![report.output.to_string()],
            outputs: 1,
            input_public: false,
            context: false,
            credential: false,
        }),
    })
}

/// Whether the weights were committed to with a development reference string, which the keys are of, too.
fn development(dir: &ModelDir) -> eyre::Result<bool> {
    Ok(dir.secret()?.0.development)
}

fn size(name: &str, bytes: Option<u64>) -> Option<SizeRecord> {
    bytes.map(|bytes| SizeRecord {
        name: name.into(),
        bytes,
        limit: None,
    })
}

fn sizes(folded: Option<u64>, proof: Option<&ProofFile>) -> Vec<SizeRecord> {
    let proof = proof.map(|p| p.proof.proof.len() as u64);
    let all = [size("folded proof", folded), size("KZG proof", proof)];
    all.into_iter().flatten().collect()
}

/// As `compile` recorded it in the model's folder; none where there is no record, as in folders of `demo`.
fn fidelity(root: &Path) -> eyre::Result<Option<FidelityRecord>> {
    if !root.join("compile.json").exists() {
        return Ok(None);
    }
    let record = CompileRecord::read(root)?;
    run_record::fidelity(&record.report, record.fidelity.as_ref())
        .wrap_err_with(|| root.join("compile.json").display().to_string())
}
