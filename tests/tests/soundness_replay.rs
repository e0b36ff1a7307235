//! A valid proof is valid for its own statement, program, weights and reference string only.

use halo2curves_axiom::bn256::{Fr, G2Affine};
use halo2curves_axiom::ff::Field;
use halo2curves_axiom::group::prime::PrimeCurveAffine;
use laminate_engine::error::{Check, VerifyError};
use laminate_engine::fold::FoldMode;
use laminate_model::ops::{Add, LeakyRelu, Op};
use laminate_model::proof::NativeProof;
use laminate_model::verify::Verifier;
use laminate_tests::{Case, Proven, TestSrs, every_op, mlp, prove_case};

fn srs() -> TestSrs {
    TestSrs::new(b"replay", 14)
}

fn case() -> Case {
    every_op(21, 1)
}

/// Programs of the same shapes that differ in one thing.
fn other_programs() -> Vec<(&'static str, Case)> {
    let change = |name, f: &dyn Fn(&mut Case)| {
        let mut other = case();
        f(&mut other);
        (name, other)
    };
    vec![
        change("name", &|c| c.program.name.push('x')),
        change("tensor name", &|c| c.program.tensors[1].name.push('x')),
        change("tensor scale", &|c| c.program.tensors[1].scale += 1),
        change("node name", &|c| c.program.nodes[1].name.push('x')),
        change("table entry", &|c| c.program.tables[0].values[5] += 1),
        change("table scale", &|c| c.program.tables[0].input_scale += 1),
        change("slope", &|c| {
            for node in &mut c.program.nodes {
                if let Op::LeakyRelu(LeakyRelu { slope }) = &mut node.op {
                    *slope += 1;
                }
            }
        }),
        change("add factor", &|c| {
            for node in &mut c.program.nodes {
                if let Op::Add(Add { left, .. }) = &mut node.op {
                    *left += 1;
                }
            }
        }),
        change("row length", &|c| c.program.row_log -= 1),
        change("batch", &|c| c.program.batch_log = 0),
    ]
}

#[test]
fn proofs_of_another_program_are_refused() {
    let srs = srs();
    let proven = prove_case(&case(), &srs, FoldMode::On, 1);
    let mut tried = 0;
    for (name, other) in other_programs() {
        let verifier = Verifier::new(other.program).expect("a program");
        assert_ne!(
            verifier.digest, proven.model.verifier.digest,
            "{name}: same digest"
        );
        let refuse = |statement| {
            verifier
                .verify_native(statement, &proven.proof, &srs.tau_g2)
                .is_err()
        };
        assert!(refuse(&proven.statement), "{name}");
        let mut statement = proven.statement.clone();
        statement.program_digest = verifier.digest;
        assert!(refuse(&statement), "{name}: with its digest");
        tried += 2;
    }
    println!("another program: {tried} tried, 0 accepted");
}

#[test]
fn proofs_under_another_reference_string_are_refused() {
    let srs = srs();
    let proven = prove_case(&case(), &srs, FoldMode::On, 1);
    let verify = |tau| {
        proven
            .model
            .verifier
            .verify_native(&proven.statement, &proven.proof, tau)
    };
    assert_eq!(verify(&srs.tau_g2), Ok(()));
    let others = [
        TestSrs::new(b"another", 1).tau_g2,
        G2Affine::generator(),
        -srs.tau_g2,
    ];
    for tau in &others {
        assert_eq!(
            verify(tau),
            Err(VerifyError::Check {
                check: Check::Pairing
            })
        );
    }
    assert!(matches!(
        verify(&G2Affine::identity()),
        Err(VerifyError::Degenerate { .. })
    ));
    println!(
        "another reference string: {} tried, 0 accepted",
        others.len() + 1
    );
}

/// Splices parts of one valid proof into another of the same shape.
#[test]
fn parts_of_another_proof_are_refused() {
    let srs = srs();
    let first = prove_case(&case(), &srs, FoldMode::On, 1);
    let mut other_input = case();
    other_input.inputs[0][0] ^= 1;
    // Another input; the same input with other blinds and salts; other weights.
    let mut other_weights = case();
    other_weights.weights.dense[0].bias[0] += 1;
    let mut tried = 0;
    for (name, other) in [
        ("input", other_input),
        ("blinds", case()),
        ("weights", other_weights),
    ] {
        let second = prove_case(&other, &srs, FoldMode::On, 2);
        tried += splices(name, &first, &second, &srs);
    }
    println!("splices of two proofs: {tried} tried, 0 accepted");
}

type Splice = (&'static str, fn(&mut NativeProof, &NativeProof));

fn splices(name: &str, first: &Proven, second: &Proven, srs: &TestSrs) -> usize {
    let all: [Splice; 11] = [
        ("whole proof", |p, q| *p = q.clone()),
        ("weight salt", |p, q| p.weight_salt = q.weight_salt),
        ("input salt", |p, q| p.input_salt = q.input_salt),
        ("weight opening", |p, q| {
            p.weight_salt = q.weight_salt;
            p.weight_rows.clone_from(&q.weight_rows);
        }),
        ("trace rows", |p, q| p.trace_rows.clone_from(&q.trace_rows)),
        ("relations", |p, q| p.relations.clone_from(&q.relations)),
        ("one stage", |p, q| {
            p.relations[0].stages[0] = q.relations[0].stages[0].clone()
        }),
        ("lookup", |p, q| p.lookups = q.lookups.clone()),
        ("openings", |p, q| p.openings.clone_from(&q.openings)),
        ("opening's pcs", |p, q| {
            p.openings[0].pcs = q.openings[0].pcs.clone()
        }),
        ("all but input and output", |p, q| {
            let kept = p.clone();
            *p = q.clone();
            (p.input, p.output, p.input_salt) = (kept.input, kept.output, kept.input_salt);
        }),
    ];
    for (what, splice) in all {
        let mut proof = first.proof.clone();
        splice(&mut proof, &second.proof);
        let verdict = first
            .model
            .verifier
            .verify_native(&first.statement, &proof, &srs.tau_g2);
        assert!(verdict.is_err(), "{what} of the proof with another {name}");
    }
    all.len()
}

/// Two equal dense layers: their proofs are of the same shape and must not be exchangeable, whether each has one of
/// its own or a share of the joint one.
#[test]
fn swapped_layers_are_refused() {
    let srs = srs();
    let case = mlp(3, 1, &[4, 4, 4, 4]);
    let mut tried = 0;
    let mut refuse = |proven: &Proven, name: &str, change: &dyn Fn(&mut NativeProof)| {
        let mut proof = proven.proof.clone();
        change(&mut proof);
        assert_ne!(proof, proven.proof, "{name}");
        let verifier = &proven.model.verifier;
        let verdict = verifier.verify_native(&proven.statement, &proof, &srs.tau_g2);
        assert!(verdict.is_err(), "{name}");
        tried += 1;
    };
    let proven = prove_case(&case, &srs, FoldMode::Off, 1);
    for (a, b) in [(0, 2), (0, 4), (2, 4), (1, 3)] {
        refuse(&proven, &format!("{a} for {b}"), &|p| {
            p.relations.swap(a, b)
        });
        // One proof in both places.
        refuse(&proven, &format!("{a} twice"), &|p| {
            p.relations[a] = p.relations[b].clone()
        });
    }
    let proven = prove_case(&case, &srs, FoldMode::On, 1);
    let joint = &proven
        .model
        .verifier
        .joints(FoldMode::On)
        .expect("relations")[0];
    for (number, stage) in joint.stages.iter().enumerate() {
        let start = stage.evaluations.start;
        for (i, one) in stage.summands.iter().enumerate() {
            for other in &stage.summands[i + 1..] {
                if one.slots.len() != other.slots.len() {
                    continue;
                }
                let pairs: Vec<(usize, usize)> = one
                    .slots
                    .iter()
                    .zip(&other.slots)
                    .map(|(a, b)| (a - start, b - start))
                    .collect();
                let name = format!("stage {number}: {} and {}", one.relation, other.relation);
                refuse(&proven, &name, &|p| {
                    let values = &mut p.relations[0].stages[number].evaluations;
                    pairs.iter().for_each(|(a, b)| values.swap(*a, *b));
                });
            }
        }
    }
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        refuse(&proven, "targets", &|p| p.relations[0].targets.swap(a, b));
    }
    refuse(&proven, "stages", &|p| p.relations[0].stages.swap(0, 1));
    println!("swapped layers: {tried} tried, 0 accepted");
}

/// The published commitments with another salt are other statements.
#[test]
fn changed_salts_are_refused() {
    let srs = srs();
    let proven = prove_case(&case(), &srs, FoldMode::On, 1);
    let mut tried = 0;
    for salt in [
        Fr::ZERO,
        Fr::ONE,
        proven.proof.weight_salt + Fr::ONE,
        -proven.proof.weight_salt,
    ] {
        let verify = |proof: &NativeProof| {
            proven
                .model
                .verifier
                .verify_native(&proven.statement, proof, &srs.tau_g2)
        };
        let mut proof = proven.proof.clone();
        proof.weight_salt = salt;
        assert_eq!(
            verify(&proof),
            Err(VerifyError::Check {
                check: Check::WeightCommitment
            })
        );
        let mut proof = proven.proof.clone();
        proof.input_salt = salt;
        assert_eq!(
            verify(&proof),
            Err(VerifyError::Check {
                check: Check::InputCommitment
            })
        );
        tried += 2;
    }
    println!("salts: {tried} tried, 0 accepted");
}
