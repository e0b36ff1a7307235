//! Tamper manifest: every scalar and point of a folded proof and its statement, mutated one by one.

use halo2curves_axiom::bn256::{Fr, G1Affine};
use halo2curves_axiom::ff::Field;
use halo2curves_axiom::group::Curve;
use halo2curves_axiom::group::prime::PrimeCurveAffine;
use laminate_engine::error::VerifyError;
use laminate_engine::fold::FoldMode;
use laminate_model::proof::NativeProof;
use laminate_model::statement::Statement;
use laminate_tests::fields::{count, with_point, with_scalar};
use laminate_tests::{Proven, TestSrs, every_op, prove_case};

fn accepted(proven: &Proven, proof: &NativeProof, srs: &TestSrs) -> bool {
    proven
        .model
        .verifier
        .verify_native(&proven.statement, proof, &srs.tau_g2)
        .is_ok()
}

#[test]
fn every_scalar_and_point_is_bound() {
    let srs = TestSrs::new(b"tamper", 14);
    let mut tried = 0;
    for mode in [FoldMode::On, FoldMode::Off] {
        let proven = prove_case(&every_op(3, 1), &srs, mode, 1);
        assert!(
            accepted(&proven, &proven.proof, &srs),
            "{mode:?}: the honest proof is refused"
        );
        let (scalars, points) = count(&proven.proof);
        for i in 0..scalars {
            for f in [
                |s: Fr| s + Fr::ONE,
                |s: Fr| if s == Fr::ZERO { Fr::from(7) } else { Fr::ZERO },
            ] {
                assert!(
                    !accepted(&proven, &with_scalar(&proven.proof, i, f), &srs),
                    "{mode:?} scalar {i}"
                );
                tried += 1;
            }
        }
        for i in 0..points {
            let mutations: [fn(G1Affine) -> G1Affine; 3] = [
                |p| (p + G1Affine::generator()).to_affine(),
                |p| -p,
                |_| G1Affine::identity(),
            ];
            for f in mutations {
                assert!(
                    !accepted(&proven, &with_point(&proven.proof, i, f), &srs),
                    "{mode:?} point {i}"
                );
                tried += 1;
            }
        }
    }
    println!("folded proof: {tried} mutations tried, 0 accepted");
}

#[test]
fn every_statement_field_is_bound() {
    let srs = TestSrs::new(b"tamper", 14);
    let proven = prove_case(&every_op(5, 0), &srs, FoldMode::On, 2);
    let fields = proven.statement.fields().len();
    for i in 0..fields {
        let mut statement = proven.statement.clone();
        let head = [
            &mut statement.program_digest,
            &mut statement.weight_commitment,
            &mut statement.input_commitment,
        ];
        let field = head
            .into_iter()
            .chain(&mut statement.output_words)
            .nth(i)
            .expect("a field");
        *field += Fr::ONE;
        assert!(
            proven
                .model
                .verifier
                .verify_native(&statement, &proven.proof, &srs.tau_g2)
                .is_err(),
            "{i}"
        );
    }
    println!("statement: {fields} mutations tried, 0 accepted");
}

#[test]
fn every_length_is_checked() {
    let srs = TestSrs::new(b"tamper", 14);
    let proven = prove_case(&every_op(6, 0), &srs, FoldMode::On, 3);
    let verdict = |statement: &Statement<Fr>, proof: &NativeProof| {
        let verifier = &proven.model.verifier;
        verifier.verify_native(statement, proof, &srs.tau_g2)
    };
    // A list that is too short would leave out checks, so each is refused by its own name.
    let refuse = |name: &str, change: &dyn Fn(&mut NativeProof)| {
        let mut proof = proven.proof.clone();
        change(&mut proof);
        match verdict(&proven.statement, &proof) {
            Err(VerifyError::Shape { what, .. }) => assert_eq!(what, name),
            found => panic!("{name}: {found:?}"),
        }
    };
    refuse("weight rows", &|p| p.weight_rows.push(p.weight_rows[0]));
    refuse("weight rows", &|p| p.weight_rows.clear());
    refuse("trace rows", &|p| p.trace_rows.push(p.trace_rows[0]));
    refuse("trace rows", &|p| p.trace_rows.clear());
    refuse("input values", &|p| p.input.push(Fr::ZERO));
    refuse("input values", &|p| {
        let _ = p.input.pop();
    });
    refuse("output values", &|p| p.output.push(Fr::ZERO));
    refuse("groups of relations", &|p| p.relations.clear());
    refuse("groups of relations", &|p| {
        p.relations.push(p.relations[0].clone())
    });
    refuse("joint targets", &|p| p.relations[0].targets.push(Fr::ZERO));
    refuse("joint targets", &|p| p.relations[0].targets.clear());
    refuse("joint stages", &|p| p.relations[0].stages.clear());
    refuse("joint stages", &|p| {
        let again = p.relations[0].stages[1].clone();
        p.relations[0].stages.push(again);
    });
    for stage in 0..2 {
        refuse("joint evaluations", &|p| {
            p.relations[0].stages[stage].evaluations.push(Fr::ZERO)
        });
        refuse("joint evaluations", &|p| {
            p.relations[0].stages[stage].evaluations.clear()
        });
        refuse("sumcheck rounds", &|p| {
            let _ = p.relations[0].stages[stage].sumcheck.rounds.pop();
        });
        refuse("sumcheck round coefficients", &|p| {
            p.relations[0].stages[stage].sumcheck.rounds[0].push(Fr::ZERO)
        });
        refuse("sumcheck round coefficients", &|p| {
            let _ = p.relations[0].stages[stage].sumcheck.rounds[0].pop();
        });
    }
    refuse("lookup layers", &|p| {
        let _ = p.lookups[0].layers.pop();
    });
    refuse("lookup layers", &|p| p.lookups[0].layers.clear());
    refuse("lookup columns", &|p| {
        let _ = p.lookups[0].columns.pop();
    });
    refuse("lookup root rounds", &|p| {
        p.lookups[0].layers[0]
            .sumcheck
            .rounds
            .push(vec![Fr::ZERO; 3])
    });
    refuse("openings", &|p| p.openings.clear());
    refuse("openings", &|p| p.openings.push(p.openings[0].clone()));
    refuse("sumcheck rounds", &|p| {
        let _ = p.openings[0].batching.rounds.pop();
    });
    refuse("groups of relations", &|p| p.mode = FoldMode::Off);
    refuse("output values", &|p| {
        let _ = p.output.pop();
    });
    refuse("lookup trees", &|p| p.lookups.clear());
    refuse("lookup trees", &|p| p.lookups.push(p.lookups[0].clone()));
    let mut statement = proven.statement.clone();
    for change in [
        |words: &mut Vec<Fr>| words.push(Fr::ZERO),
        |words: &mut Vec<Fr>| words.clear(),
    ] {
        change(&mut statement.output_words);
        let found = verdict(&statement, &proven.proof);
        let what = "output words";
        assert!(matches!(found, Err(VerifyError::Shape { what: found, .. }) if found == what));
    }
    statement = proven.statement.clone();
    statement.boundary_in = Some(Fr::ONE);
    let found = verdict(&statement, &proven.proof);
    let what = "boundary commitments";
    assert!(matches!(found, Err(VerifyError::Shape { what: found, .. }) if found == what));
}
