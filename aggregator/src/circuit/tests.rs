use std::time::Instant;

use halo2_base::gates::circuit::CircuitBuilderStage;
use halo2_base::halo2_proofs::dev::MockProver;
use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use laminate_protocol::fold::FoldMode;
use laminate_protocol::verify::Verifier;
use snark_verifier_sdk::CircuitExt;

use super::aggregation::{AggregationCircuit, assign};
use super::params::CircuitParams;
use super::shape::placeholder;
use crate::srs::Srs;
use crate::testing::{Sample, perceptron, sample};

fn params(verifier: &Verifier, mode: FoldMode) -> CircuitParams {
    let (statement, proof) = placeholder(verifier, mode);
    CircuitParams::choose(|bits| {
        let run = assign(verifier, &statement, &proof, CircuitBuilderStage::Mock, bits);
        run.map(|(builder, _)| builder.demand())
    })
    .unwrap()
}

fn satisfied(params: CircuitParams, sample: &Sample) -> bool {
    let verifier = &sample.model.verifier;
    let Ok((circuit, _)) =
        AggregationCircuit::mock(verifier, params, &sample.statement, &sample.proof)
    else {
        return false;
    };
    let mut instances = circuit.instances();
    instances[0].splice(12.., sample.statement.instances());
    MockProver::run(params.k as u32, &circuit, instances).unwrap().verify().is_ok()
}

#[test]
fn cells_of_the_fraud_model() {
    let verifier = Verifier::new(perceptron(&[29, 64, 32, 1], 0)).unwrap();
    for mode in [FoldMode::On] {
        let start = Instant::now();
        let shape = params(&verifier, mode);
        let (statement, proof) = placeholder(&verifier, mode);
        let (_, report) = AggregationCircuit::mock(&verifier, shape, &statement, &proof).unwrap();
        println!("{mode:?}: {shape:?} in {:?}\n{report}", start.elapsed());
    }
}

#[test]
fn accepts_a_folded_proof_and_refuses_altered_ones() {
    let srs = Srs::development(13).unwrap();
    let mut sample = sample(perceptron(&[3, 4, 1], 0), FoldMode::On, &srs, 1);
    let params = params(&sample.model.verifier, FoldMode::On);
    assert!(satisfied(params, &sample));
    sample.proof.lookup.columns[0] += Fr::one();
    assert!(!satisfied(params, &sample));
}

/// Size of the contract for a circuit of this shape; the keys depend on nothing else here.
#[test]
#[ignore = "needs solc from npm"]
fn contract_fits_the_code_limit() {
    use crate::evm::{SolcCompiler, generate_verifier};
    use crate::keys::ProvingKey;
    let srs = Srs::development(19).unwrap();
    let verifier = Verifier::new(perceptron(&[29, 64, 32, 1], 0)).unwrap();
    let keys = ProvingKey::derive(&verifier, FoldMode::On, &srs).unwrap();
    let srs = srs.truncated(keys.meta.k()).unwrap();
    let generated = generate_verifier(&srs, keys.pk.get_vk(), keys.meta.instances).unwrap();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let compiled = SolcCompiler::find(root).unwrap().compile_verifier(&generated.source).unwrap();
    println!(
        "{:?}: {} bytes of proof, {} bytes of source, {} bytes of code",
        keys.meta.pinning.params,
        generated.proof_length,
        generated.source.len(),
        compiled.runtime.len(),
    );
}
