//! The native verifier and the circuit side by side.

use halo2curves_axiom::bn256::Fr;
use laminate_aggregator::backend::CellReport;
use laminate_aggregator::circuit::{AggregationCircuit, CircuitParams};
use laminate_aggregator::evm::accumulator_limbs;
use laminate_engine::backend::Native;
use laminate_engine::fold::FoldMode;
use laminate_model::proof::NativeProof;
use laminate_model::public::{ACCUMULATOR_LIMBS, INSTANCES, PublicValues};
use laminate_model::statement::{Statement, statement_len};
use laminate_model::verify::Verifier;
use snark_verifier_sdk::CircuitExt;
use snark_verifier_sdk::snark_verifier::halo2_base::halo2_proofs::dev::MockProver;

/// Large enough for every program of the tests; nothing is laid out.
fn params() -> CircuitParams {
    CircuitParams {
        k: 18,
        poseidon_rows: 1 << 16,
        range_rows: 1 << 12,
    }
}

/// Asserts that native verifier and circuit come to the same public values, and that the instances are
/// theirs. Returns what the circuit costs.
pub fn assert_agreement(
    verifier: &Verifier,
    statement: &Statement<Fr>,
    proof: &NativeProof,
) -> CellReport {
    let (deferred, _) = verifier
        .verify(&mut Native, statement, proof)
        .expect("native");
    let expected = PublicValues::new(&verifier.program, statement, deferred);
    assert_eq!(expected.statement.len(), statement_len(&verifier.program));
    let (circuit, report) =
        AggregationCircuit::mock(verifier, params(), statement, proof).expect("circuit");
    assert_eq!(circuit.public(), &expected);
    let accumulator = expected.deferred.accumulator().expect("accumulator");
    let instances = circuit.instances().concat();
    assert_eq!(instances.len(), INSTANCES);
    let (limbs, exposed) = instances.split_at(ACCUMULATOR_LIMBS);
    assert_eq!(limbs, accumulator_limbs(&accumulator));
    assert_eq!(exposed, expected.instances(expected.digest()));
    report
}

/// Whether the circuit's constraints hold for a folded statement and proof; the pairing is left to whoever has them.
pub fn satisfied(verifier: &Verifier, statement: &Statement<Fr>, proof: &NativeProof) -> bool {
    let (_, params) = AggregationCircuit::cost(verifier, FoldMode::On).expect("circuit");
    let params = params.expect("a shape");
    let (circuit, _) =
        AggregationCircuit::mock(verifier, params, statement, proof).expect("circuit");
    let mock = MockProver::run(params.k as u32, &circuit, circuit.instances());
    mock.expect("mock prover").verify().is_ok()
}
