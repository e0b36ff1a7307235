use std::collections::HashSet;
use std::time::Instant;

use halo2_base::ContextCell;
use halo2_base::gates::circuit::CircuitBuilderStage;
use halo2_base::halo2_proofs::dev::MockProver;
use halo2_base::halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_base::halo2_proofs::halo2curves::group::Curve;
use laminate_engine::fold::FoldMode;
use laminate_model::proof::NativeProof;
use laminate_model::public::INSTANCES;
use laminate_model::statement::Statement;
use laminate_model::verify::Verifier;
use snark_verifier_sdk::CircuitExt;

use super::aggregation::{AggregationCircuit, assign};
use super::builder::Builder;
use super::params::CircuitParams;
use super::shape::placeholder;
use crate::srs::Srs;
use crate::testing::{Sample, perceptron, sample, ternary_weights};

fn params(verifier: &Verifier, mode: FoldMode) -> CircuitParams {
    let (statement, proof) = placeholder(verifier, mode).unwrap();
    let made = assign(verifier, &statement, &proof, CircuitBuilderStage::Mock).unwrap();
    CircuitParams::choose(&made.builder.demand()).unwrap()
}

fn satisfied(params: CircuitParams, sample: &Sample) -> bool {
    let verifier = &sample.model.verifier;
    let Ok((circuit, _)) =
        AggregationCircuit::mock(verifier, params, &sample.statement, &sample.proof)
    else {
        return false;
    };
    MockProver::run(params.k as u32, &circuit, circuit.instances())
        .unwrap()
        .verify()
        .is_ok()
}

#[test]
fn cells_of_the_fraud_model() {
    let verifier = Verifier::new(perceptron(&[29, 64, 32, 1], 0)).unwrap();
    for mode in [FoldMode::On, FoldMode::Off] {
        let start = Instant::now();
        let shape = params(&verifier, mode);
        let (statement, proof) = placeholder(&verifier, mode).unwrap();
        let (_, report) = AggregationCircuit::mock(&verifier, shape, &statement, &proof).unwrap();
        println!("{mode:?}: {shape:?} in {:?}\n{report}", start.elapsed());
    }
}

#[test]
fn cells_of_a_batch_of_64() {
    let verifier = Verifier::new(perceptron(&[29, 64, 32, 1], 6)).unwrap();
    let shape = params(&verifier, FoldMode::On);
    let (statement, proof) = placeholder(&verifier, FoldMode::On).unwrap();
    let (_, report) = AggregationCircuit::mock(&verifier, shape, &statement, &proof).unwrap();
    println!("batch of 64: {shape:?}\n{report}");
}

#[test]
fn accepts_a_folded_proof_and_refuses_altered_ones() {
    let srs = Srs::development(14).unwrap();
    let mut sample = sample(perceptron(&[3, 4, 1], 0), FoldMode::On, &srs, 1);
    let params = params(&sample.model.verifier, FoldMode::On);
    assert!(satisfied(params, &sample));
    sample.proof.lookups[0].columns[0] += Fr::one();
    assert!(!satisfied(params, &sample));
}

/// Leaves of four ternary weights: every value that is sent of them, and two of them exchanged.
#[test]
fn tuples_of_weights_are_refused_if_altered() {
    let srs = Srs::development(14).unwrap();
    let sample = ternary_weights(&srs);
    let verifier = &sample.model.verifier;
    let params = params(verifier, FoldMode::On);
    assert_eq!(verifier.trees[0].pack(), 2);
    assert!(satisfied(params, &sample));
    let first = verifier.trees[0]
        .segments
        .iter()
        .take_while(|s| s.kind.pack() != 2);
    let first: usize = first.map(|s| s.kind.value_count()).sum();
    for k in 0..4 {
        let mut forged = sample.clone();
        forged.proof.lookups[0].columns[first + k] += Fr::one();
        assert!(!satisfied(params, &forged), "value {k}");
        let mut forged = sample.clone();
        forged.proof.lookups[0]
            .columns
            .swap(first + k, first + (k + 1) % 4);
        assert!(!satisfied(params, &forged), "values {k} and the next");
    }
}

/// Size of the contract for a circuit of this shape; the keys depend on nothing else here.
#[test]
fn contract_fits_the_code_limit() {
    use crate::evm::{SolcCompiler, generate_verifier};
    use crate::keys::ProvingKey;
    let srs = Srs::development(19).unwrap();
    let verifier = Verifier::new(perceptron(&[29, 64, 32, 1], 0)).unwrap();
    let keys = ProvingKey::derive(&verifier, FoldMode::On, &srs).unwrap();
    let srs = srs.truncated(keys.meta.k()).unwrap();
    let generated = generate_verifier(&srs, keys.pk.get_vk(), INSTANCES).unwrap();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap();
    let compiled = SolcCompiler::find(root)
        .unwrap()
        .compile_verifier(&generated.source)
        .unwrap();
    println!(
        "{:?}: {} bytes of proof, {} bytes of source, {} bytes of code",
        keys.meta.pinning.params,
        generated.proof_length,
        generated.source.len(),
        compiled.runtime.len(),
    );
}

/// Everything in a statement or a proof that the circuit reads, each altered once.
#[test]
fn altered_statements_and_proofs_are_refused() {
    let srs = Srs::development(14).unwrap();
    let sample = sample(perceptron(&[3, 4, 1], 0), FoldMode::On, &srs, 2);
    let params = params(&sample.model.verifier, FoldMode::On);
    let one = Fr::one();
    let other = (sample.proof.trace_rows[0] + sample.proof.trace_rows[0]).to_affine();
    type Alter<'a> = (&'static str, &'a dyn Fn(&mut Sample));
    let alterations: [Alter<'_>; 25] = [
        ("program digest", &|s| s.statement.program_digest += one),
        ("weight commitment", &|s| {
            s.statement.weight_commitment += one
        }),
        ("input commitment", &|s| s.statement.input_commitment += one),
        ("output word", &|s| s.statement.output_words[0] += one),
        ("transcript salt", &|s| s.proof.transcript_salt += one),
        ("weight salt", &|s| s.proof.weight_salt += one),
        ("weight row", &|s| s.proof.weight_rows[0] = other),
        ("input salt", &|s| s.proof.input_salt += one),
        ("input value", &|s| s.proof.input[0] += one),
        ("output value", &|s| s.proof.output[0] += one),
        ("trace row", &|s| s.proof.trace_rows[0] = other),
        ("joint target", &|s| s.proof.relations[0].targets[0] += one),
        ("outer round", &|s| {
            s.proof.relations[0].stages[0].sumcheck.rounds[0][0] += one
        }),
        ("outer evaluation", &|s| {
            s.proof.relations[0].stages[0].evaluations[2] += one
        }),
        ("inner round", &|s| {
            s.proof.relations[0].stages[1].sumcheck.rounds[0][1] += one
        }),
        ("inner evaluation", &|s| {
            s.proof.relations[0].stages[1].evaluations[0] += one
        }),
        ("lookup round", &|s| {
            s.proof.lookups[0].layers[3].sumcheck.rounds[1][2] += one
        }),
        ("lookup half", &|s| {
            s.proof.lookups[0].layers[2].halves[3] += one
        }),
        ("lookup column", &|s| s.proof.lookups[0].columns[1] += one),
        ("batching round", &|s| {
            s.proof.openings[0].batching.rounds[0][1] += one
        }),
        ("batched evaluation", &|s| {
            s.proof.openings[0].evaluations[0] += one
        }),
        ("opening value", &|s| s.proof.openings[0].pcs.value_z += one),
        ("inner commitment", &|s| {
            s.proof.openings[0].pcs.inner = other
        }),
        ("quotient", &|s| s.proof.openings[0].pcs.quotient = other),
        ("opening", &|s| s.proof.openings[0].pcs.opening = other),
    ];
    for (what, alter) in alterations {
        let mut altered = Sample {
            model: sample.model.clone(),
            statement: sample.statement.clone(),
            proof: sample.proof.clone(),
        };
        alter(&mut altered);
        let refused = !satisfied(params, &altered) || !pairs(params, &altered, &srs);
        assert!(refused, "{what}");
    }
    println!("{} alterations, 0 accepted", alterations.len());
}

/// Whether the accumulator of the circuit's public values pairs: what the contract checks beside the
/// constraints.
fn pairs(params: CircuitParams, sample: &Sample, srs: &Srs) -> bool {
    let verifier = &sample.model.verifier;
    let (circuit, _) =
        AggregationCircuit::mock(verifier, params, &sample.statement, &sample.proof).unwrap();
    let accumulator = circuit.public().deferred.accumulator().unwrap();
    accumulator.check(&srs.s_g2()).is_ok()
}

/// The layout is the program's: a placeholder and two proofs of other values need the same.
#[test]
fn layout_depends_on_the_program_alone() {
    let srs = Srs::development(14).unwrap();
    for mode in [FoldMode::On, FoldMode::Off] {
        let demand = |verifier: &Verifier, statement: &Statement<Fr>, proof: &NativeProof| {
            let stage = CircuitBuilderStage::Mock;
            let builder = assign(verifier, statement, proof, stage).unwrap().builder;
            let copies = builder
                .base
                .core()
                .copy_manager
                .lock()
                .unwrap()
                .advice_equalities
                .clone();
            (builder.demand(), copies)
        };
        let first = sample(perceptron(&[3, 4, 1], 1), mode, &srs, 3);
        let second = sample(perceptron(&[3, 4, 1], 1), mode, &srs, 4);
        let verifier = &first.model.verifier;
        let (statement, proof) = placeholder(verifier, mode).unwrap();
        let expected = demand(verifier, &statement, &proof);
        for sample in [&first, &second] {
            assert!(
                demand(verifier, &sample.statement, &sample.proof) == expected,
                "{mode:?}"
            );
        }
        println!("{mode:?}: {:?}", expected.0);
    }
}

#[test]
fn the_identity_and_wrong_shapes_are_errors() {
    let srs = Srs::development(14).unwrap();
    let sample = sample(perceptron(&[3, 4, 1], 0), FoldMode::On, &srs, 5);
    let verifier = &sample.model.verifier;
    let build = |proof: &NativeProof| {
        assign(
            verifier,
            &sample.statement,
            proof,
            CircuitBuilderStage::Mock,
        )
    };
    let mut identity = sample.proof.clone();
    identity.trace_rows[0] = G1Affine::default();
    assert!(build(&identity).is_err());
    let mut short = sample.proof.clone();
    short.lookups[0].columns.pop();
    assert!(build(&short).is_err());
    let mut long = sample.proof.clone();
    long.relations[0].stages[0].sumcheck.rounds[0].push(Fr::one());
    assert!(build(&long).is_err());
}

/// A witness that stands in one gate only (copies of a cell counted together) is free unless that
/// gate determines it, as in `| 0 | a | 1/a | 1 |`.
#[test]
fn no_witness_stands_in_a_single_constraint() {
    let verifier = Verifier::new(perceptron(&[3, 4, 1], 0)).unwrap();
    let (statement, proof) = placeholder(&verifier, FoldMode::On).unwrap();
    let stage = CircuitBuilderStage::Mock;
    let made = assign(&verifier, &statement, &proof, stage).unwrap();
    witnesses_are_bound(made.builder);
}

/// Panics if a witness stands in one gate only that does not determine it.
pub(crate) fn witnesses_are_bound(mut builder: Builder) {
    let instances = builder.exposed.clone();
    let copies = builder.base.core().copy_manager.lock().unwrap().clone();
    let ctx = builder.base.main(0);
    let cells = ctx.advice.len();
    // Classes of equal cells; class `cells` stands for the chips, where all cells are bound.
    let mut class: Vec<usize> = (0..=cells).collect();
    let index = |cell: &ContextCell| {
        if cell.type_id == ctx.type_id() {
            cell.offset
        } else {
            cells
        }
    };
    fn root(class: &mut [usize], mut at: usize) -> usize {
        while class[at] != at {
            class[at] = class[class[at]];
            at = class[at];
        }
        at
    }
    for (a, b) in &copies.advice_equalities {
        let (a, b) = (root(&mut class, index(a)), root(&mut class, index(b)));
        class[a.min(b)] = a.max(b);
    }
    let mut count = vec![0usize; cells + 1];
    for gate in (0..ctx.selector.len()).filter(|row| ctx.selector[*row]) {
        for cell in gate..gate + 4 {
            count[root(&mut class, cell)] += 1;
        }
    }
    let constants = copies.constant_equalities.iter().map(|(_, cell)| cell);
    let exposed = instances.iter().filter_map(|cell| cell.cell.as_ref());
    for cell in constants.chain(exposed) {
        count[root(&mut class, index(cell))] += 1;
    }
    let fixed: HashSet<usize> = copies
        .constant_equalities
        .iter()
        .map(|(_, c)| index(c))
        .collect();
    let [mut inverses, mut unused, mut renamed] = [0; 3];
    for at in 0..cells {
        let count = count[root(&mut class, at)];
        assert!(count > 0, "cell {at} of {cells} is free");
        if count > 1 || class[at] != at {
            continue;
        }
        // All copies of the cell; one of them is in the gate.
        let copies: Vec<usize> = (0..=at).filter(|c| root(&mut class, *c) == at).collect();
        let gate_at = |position: usize| {
            let gate = |c: &usize| c.checked_sub(position).filter(|gate| ctx.selector[*gate]);
            copies.iter().find_map(gate)
        };
        if gate_at(3).is_some() {
            unused += 1; // a result that nothing reads
        } else if gate_at(1).is_some_and(|gate| fixed.contains(&(gate + 2))) {
            renamed += 1; // a proof value of which only `value + constant` is used
        } else {
            let inverse = gate_at(2).filter(|g| fixed.contains(g) && fixed.contains(&(g + 3)));
            assert!(
                inverse.is_some(),
                "cell {at} of {cells} stands in one constraint"
            );
            inverses += 1;
        }
    }
    println!(
        "{cells} cells; in one constraint: {inverses} inverses, {unused} unused, {renamed} renamed"
    );
}
