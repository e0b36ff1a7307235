//! The native verifier and the circuit run the same code: on random programs both come to the same
//! accumulator and statement, and transcripts agree (a different challenge anywhere would change the
//! accumulator).

use laminate_aggregator::circuit::{AggregationCircuit, CircuitParams, pairing_order};
use laminate_aggregator::evm::accumulator_limbs;
use laminate_protocol::backend::Native;
use laminate_protocol::fold::FoldMode;
use laminate_protocol::verify::Accumulator;
use laminate_tests::{TestSrs, every_op, mlp, prove_case, random};
use snark_verifier_sdk::CircuitExt;

/// Large enough for every case; nothing is laid out here.
fn params() -> CircuitParams {
    CircuitParams {
        k: 18,
        num_advice: 5,
        num_lookup_advice: 1,
        num_fixed: 1,
        lookup_bits: 17,
        poseidon_rows: 1 << 16,
    }
}

#[test]
fn accumulators_and_statements_agree() {
    let srs = TestSrs::new(b"native and circuit", 14);
    let mut cases = vec![
        every_op(1, 0),
        every_op(2, 2),
        mlp(3, 0, &[5, 3, 2]),
        mlp(4, 1, &[1, 1]),
    ];
    cases.extend((0..6).map(|seed| random::program(seed, (seed % 3) as u8, 12)));
    let mut compared = 0;
    for (i, case) in cases.iter().enumerate() {
        for mode in [FoldMode::On, FoldMode::Off] {
            let proven = prove_case(case, &srs, mode, i as u64);
            let verifier = &proven.model.verifier;
            let (native, _) = verifier
                .verify(&mut Native, &proven.statement, &proven.proof)
                .expect("native");
            let (circuit, _) =
                AggregationCircuit::mock(verifier, params(), &proven.statement, &proven.proof)
                    .expect("circuit");
            let instances = circuit.instances().concat();
            let [first, _] = pairing_order(Accumulator {
                left: native.left,
                right: native.right,
            });
            assert_eq!(first, native.right);
            let expected = [
                accumulator_limbs(&native).to_vec(),
                proven.statement.instances(),
            ]
            .concat();
            assert_eq!(instances, expected, "case {i} {mode:?}");
            compared += 1;
        }
    }
    println!("{compared} proofs: native and in-circuit verifier agree");
}
