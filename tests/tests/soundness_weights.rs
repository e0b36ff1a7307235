//! The commitment proof: forged weights, pieces and statements, and what it shares with inferences.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::backend::Native;
use laminate_engine::error::VerifyError;
use laminate_engine::fold::FoldMode;
use laminate_engine::geometry::{Block, Poly};
use laminate_engine::lookup::{self, Range, Segment};
use laminate_engine::transcript::Transcript;
use laminate_model::program::{
    DenseShape, DenseWeights, Program, ProgramError, WeightFormat, Weights,
};
use laminate_model::proof::NativeProof;
use laminate_model::verify::Verifier;
use laminate_prover::exec::{ExecError, Trace, check_weights};
use laminate_prover::prove::{Model, ProveError, prove_weights};
use laminate_tests::forger::Forger;
use laminate_tests::lookup_reference::{Lie, prove};
use laminate_tests::sequence::{Shape, case};
use laminate_tests::{Case, TestSrs, fields, mlp};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

fn srs() -> TestSrs {
    TestSrs::new(b"weights", 13)
}

/// Layers of both formats; with rows of `2^4` several pieces.
fn layers() -> (Program, Weights) {
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let mut program = Program::empty("layers", 0, 4);
    let mut weights = Weights { dense: vec![] };
    for (rows, cols, format) in [
        (30, 50, WeightFormat::Ternary),
        (20, 60, WeightFormat::Int8),
        (3, 7, WeightFormat::Ternary),
    ] {
        let most = if format == WeightFormat::Int8 { 127 } else { 1 };
        program.weights.push(DenseShape {
            format,
            ..DenseShape::new(rows, cols)
        });
        weights.dense.push(DenseWeights {
            weight: (0..rows * cols)
                .map(|_| rng.gen_range(-most..=most))
                .collect(),
            bias: (0..rows).map(|_| rng.r#gen()).collect(),
            multiplier: (0..rows).map(|_| rng.gen_range(1..1 << 24)).collect(),
        });
    }
    (program, weights)
}

fn forger((program, weights): &(Program, Weights), srs: &TestSrs) -> Forger {
    let case = Case {
        program: program.clone(),
        weights: weights.clone(),
        inputs: vec![],
    };
    Forger::with_trace(&case, &Trace::default(), srs)
}

fn check(forger: &Forger, proof: &NativeProof, srs: &TestSrs) -> Result<(), VerifyError> {
    forger
        .verifier
        .verify_native(&forger.statement, proof, &srs.tau_g2)
}

#[test]
fn an_inference_and_its_commitment_proof_name_the_same_weights() {
    let srs = srs();
    let mut rng = ChaCha20Rng::seed_from_u64(6);
    let case = case(3, &Shape::SMALL, true);
    for row_log in [9, 10, 12] {
        let mut program = case.program.clone();
        program.row_log = row_log;
        let inference = Model::new(program.clone(), &case.weights).expect("model");
        let secret = inference.commit(&srs.powers, &mut rng).expect("commit");
        let model = Model::new(program.weights_program(), &case.weights).expect("weights");
        let (statement, proof) =
            prove_weights(&model, &secret, &srs.powers, &mut rng, &|_| {}).expect("prove");
        assert_eq!(statement.weight_commitment, secret.commitment());
        assert_eq!(
            model
                .verifier
                .verify_native(&statement, &proof, &srs.tau_g2),
            Ok(())
        );
        // Neither passes for the other.
        let refused = inference
            .verifier
            .verify_native(&statement, &proof, &srs.tau_g2);
        assert!(refused.is_err());
        let mut other = statement.clone();
        other.program_digest = inference.verifier.digest;
        let refused = model.verifier.verify_native(&other, &proof, &srs.tau_g2);
        assert!(refused.is_err(), "another program's digest");
        let mut other = statement.clone();
        other.weight_commitment += Fr::ONE;
        let refused = model.verifier.verify_native(&other, &proof, &srs.tau_g2);
        assert!(refused.is_err(), "another commitment");
    }
}

#[test]
fn a_ternary_weight_beyond_one_is_refused() {
    let srs = srs();
    let honest = forger(&layers(), &srs);
    assert!(honest.verifier.trees.len() > 2, "several pieces");
    assert_eq!(honest.verdict(&srs, FoldMode::On), Ok(()));
    let formats = honest.verifier.program.weights.iter();
    let mut tried = 0;
    for (shape, blocks) in formats.zip(&honest.verifier.layout.dense) {
        let block = blocks.weight;
        for (at, byte) in [(0, 130u8), (1, 126), (7, 0), ((1 << block.log) - 1, 255)] {
            let mut forged = honest.clone();
            forged.register(&srs, |bytes| bytes[block.offset + at] = byte);
            let verdict = forged.verdict(&srs, FoldMode::On);
            assert_eq!(
                verdict.is_err(),
                shape.format == WeightFormat::Ternary,
                "byte {byte} at {at} of {shape:?}"
            );
            tried += usize::from(verdict.is_err());
        }
    }
    println!("ternary weights out of range: {tried} tried, 0 accepted");
}

/// A layer long enough for pairs of bytes and one for eight ternary weights a leaf; what stands behind them is shorter.
fn long_layers() -> (Program, Weights) {
    let mut program = Program::empty("long layers", 0, 13);
    let mut weights = Weights { dense: vec![] };
    for (rows, cols, format) in [
        (1024, 512, WeightFormat::Ternary),
        (256, 512, WeightFormat::Int8),
    ] {
        let most = if format == WeightFormat::Int8 { 127 } else { 1 };
        program.weights.push(DenseShape {
            format,
            bias: false,
            ..DenseShape::new(rows, cols)
        });
        weights.dense.push(DenseWeights {
            weight: (0..rows * cols)
                .map(|i| (i * i % (2 * most as u32 + 1)) as i8 - most)
                .collect(),
            bias: vec![],
            multiplier: (1..=rows).collect(),
        });
    }
    (program, weights)
}

#[test]
fn pairs_of_bytes_and_eights_of_ternary_weights_are_shown_and_forged_ones_refused() {
    let srs = TestSrs::new(b"weights", 14);
    let honest = forger(&long_layers(), &srs);
    let checks = &honest.verifier.layout.weight_checks;
    let packs: Vec<(Range, usize)> = checks[0]
        .tables
        .iter()
        .map(|(t, _)| (t.range, t.pack))
        .collect();
    assert!(
        packs.contains(&(Range::Byte, 1)) && packs.contains(&(Range::Ternary, 3)),
        "{packs:?}"
    );
    assert_eq!(honest.verdict(&srs, FoldMode::On), Ok(()));
    let ternary = honest.verifier.layout.dense[0].weight;
    let mut tried = 0;
    // Every place of a leaf, below and above the range.
    for place in 0..8 {
        let byte = if place % 2 == 0 { 126 } else { 130 };
        let mut forged = honest.clone();
        let at = ternary.offset + (1 << ternary.log) / 8 * place + place;
        forged.register(&srs, |bytes| bytes[at] = byte);
        let verdict = forged.verdict(&srs, FoldMode::On);
        assert!(verdict.is_err(), "byte {byte} at place {place}");
        tried += 1;
    }
    // Counted as what stood there.
    let mut forged = honest.clone();
    forged.weights.bytes[ternary.offset + 5] = 200;
    let counts = honest.trace.multiplicities.clone();
    forged.register(&srs, |_| {});
    forged.trace.multiplicities = counts;
    assert!(forged.refused(&srs), "counts of the weights that were");
    println!("eights of ternary weights: {} tried, 0 accepted", tried + 1);
}

/// Where every proof checks the weights, it checks their format.
#[test]
fn every_inference_shows_that_small_models_are_ternary() {
    let srs = srs();
    let mut case = mlp(41, 0, &[6, 5, 3]);
    for (shape, dense) in case.program.weights.iter_mut().zip(&mut case.weights.dense) {
        shape.format = WeightFormat::Ternary;
        dense.weight.iter_mut().for_each(|w| *w = w.signum());
    }
    let honest = Forger::new(&case, &srs);
    assert_eq!(honest.verdict(&srs, FoldMode::On), Ok(()));
    let mut wide = case.clone();
    wide.weights.dense[1].weight[2] = 2;
    assert!(matches!(
        check_weights(&wide.program, &wide.weights),
        Err(ExecError::Weight {
            layer: 1,
            index: 2,
            value: 2
        })
    ));
    assert!(matches!(
        Model::new(wide.program.clone(), &wide.weights),
        Err(ProveError::Weights(_))
    ));
    // The same model as int8 is what its forger runs and commits to.
    for shape in &mut wide.program.weights {
        shape.format = WeightFormat::Int8;
    }
    let wanted = Forger::new(&wide, &srs);
    assert_eq!(wanted.verdict(&srs, FoldMode::On), Ok(()), "as int8");
    let run = laminate_prover::exec::run(&wide.program, &wide.weights, &wide.inputs).expect("run");
    let mut forged = Forger::with_trace(&case, &run, &srs);
    forged.register(&srs, |bytes| bytes.copy_from_slice(&wanted.weights.bytes));
    let refusal = forged
        .verdict(&srs, FoldMode::On)
        .expect_err("a weight of 2");
    assert!(refusal.to_string().contains("lookup"), "{refusal}");
}

#[test]
fn pieces_cannot_be_left_out_doubled_or_swapped() {
    let srs = srs();
    let honest = forger(&layers(), &srs);
    let proof = honest.prove(&srs, FoldMode::On);
    assert_eq!(check(&honest, &proof, &srs), Ok(()));
    let count = proof.lookups.len();
    for at in 0..count {
        let mut forged = proof.clone();
        forged.lookups.remove(at);
        assert!(check(&honest, &forged, &srs).is_err(), "without {at}");
        let mut forged = proof.clone();
        forged.lookups.push(proof.lookups[at].clone());
        assert!(check(&honest, &forged, &srs).is_err(), "{at} doubled");
        for other in 0..at {
            let mut forged = proof.clone();
            forged.lookups.swap(at, other);
            assert!(check(&honest, &forged, &srs).is_err(), "{at} for {other}");
            forged.lookups[at] = forged.lookups[other].clone();
            assert!(check(&honest, &forged, &srs).is_err(), "{at} twice");
        }
    }
}

/// Every scalar and every point, one at a time.
#[test]
fn every_field_of_a_commitment_proof_counts() {
    let srs = srs();
    let honest = forger(&layers(), &srs);
    let proof = honest.prove(&srs, FoldMode::On);
    let (scalars, points) = fields::count(&proof);
    let accepted = |i: usize| {
        check(
            &honest,
            &fields::with_scalar(&proof, i, |s| s + Fr::ONE),
            &srs,
        )
        .is_ok()
    };
    let loose: Vec<String> = (0..scalars)
        .filter(|i| accepted(*i))
        .map(|i| fields::scalar_name(&proof, i))
        .collect();
    assert_eq!(loose, Vec::<String>::new());
    for i in 0..points {
        let forged = fields::with_point(&proof, i, |p| -p);
        assert!(
            check(&honest, &forged, &srs).is_err(),
            "{}",
            fields::point_name(&proof, i)
        );
    }
    println!("{} fields tampered with, 0 accepted", scalars + points);
}

/// Values that no byte holds, in a prover that is not bound to bytes.
#[test]
fn weights_that_are_not_bytes_are_refused_in_every_piece() {
    let srs = srs();
    let honest = forger(&layers(), &srs);
    let columns = honest.columns();
    let verifier = &honest.verifier;
    let transcript = || Transcript::fork(&mut Native, &Fr::from(5), 0);
    let mut tried = 0;
    for tree in &verifier.trees {
        let views = tree.segments.iter().flat_map(|s| s.kind.columns());
        let values: Vec<Vec<Fr>> = views.map(|view| columns.values(view)).collect();
        let verdict = |values: &[Vec<Fr>], lie| {
            let proof = prove(&mut transcript(), &verifier.program, tree, values, lie);
            lookup::verify(&mut Native, &mut transcript(), tree, &proof)
        };
        assert!(verdict(&values, Lie::None).is_ok());
        let of_weights = |s: &Segment| matches!(s.kind.columns().as_slice(), [view] if view.terms[0].block.poly == Poly::Weight);
        let weights = tree
            .segments
            .iter()
            .enumerate()
            .filter(|(_, s)| of_weights(s));
        // Every place of a leaf.
        let places = weights.flat_map(|(at, s)| (0..1usize << s.kind.pack()).map(move |k| (at, k)));
        for (at, place) in places {
            for value in [Fr::from(256), -Fr::ONE, Fr::from(1 << 20)] {
                let mut forged = values.clone();
                let last = forged[at].len() - 1;
                forged[at][last - place] = value;
                for lie in [Lie::None, Lie::At(0), Lie::At(tree.log - 1)] {
                    assert!(verdict(&forged, lie).is_err(), "{value:?} {lie:?}");
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 0);
    println!("weights out of range: {tried} tried, 0 accepted");
}

#[test]
fn malformed_programs_of_weights_are_refused() {
    let (good, _) = layers();
    assert_eq!(good.check(), Ok(()));
    type Change = fn(&mut Program);
    let changes: [(&str, Change); 10] = [
        ("no layers", |p| p.weights.clear()),
        ("unchecked", |p| p.check_weights = false),
        ("wide limbs", |p| p.limb_bits = 16),
        ("a batch", |p| p.batch_log = 1),
        ("an input", |p| p.input = 1),
        ("an output", |p| p.output = 1),
        ("ends whose sum wraps", |p| {
            (p.input, p.output) = (1 << 63, 1 << 63);
        }),
        ("no copies", |p| p.weights[0].stack = 0),
        ("too many layers", |p| {
            p.weights = vec![DenseShape::new(1, 1); 5000]
        }),
        ("too many pieces", |p| {
            p.row_log = 4;
            p.weights = vec![DenseShape::new(1 << 16, 1 << 16)];
        }),
    ];
    for (name, change) in changes {
        let mut program = good.clone();
        change(&mut program);
        assert!(
            matches!(program.check(), Err(ProgramError::Bound { .. })),
            "{name}: {:?}",
            program.check()
        );
        assert!(Verifier::new(program).is_err(), "{name}");
    }
}

/// A piece's tables are its own: another piece's multiplicities do not serve.
#[test]
fn multiplicities_are_not_shared() {
    let srs = srs();
    let honest = forger(&layers(), &srs);
    let tables: Vec<Block> = honest.trace.multiplicities.iter().map(|m| m.0).collect();
    for a in 0..tables.len() {
        for b in 0..a {
            if tables[a].log != tables[b].log {
                continue;
            }
            let mut forged = honest.clone();
            let other = forged.trace.multiplicities[b].1.clone();
            if other == forged.trace.multiplicities[a].1 {
                continue;
            }
            forged.trace.multiplicities[a].1 = other;
            assert!(forged.refused(&srs), "table {b} for {a}");
        }
    }
}
