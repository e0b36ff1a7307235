//! Tamper manifest: every scalar and point of a folded proof and its statement, mutated one by one.

use halo2curves_axiom::bn256::{Fr, G1Affine};
use halo2curves_axiom::ff::Field;
use halo2curves_axiom::group::Curve;
use halo2curves_axiom::group::prime::PrimeCurveAffine;
use laminate_engine::error::VerifyError;
use laminate_engine::fold::FoldMode;
use laminate_engine::relations::{Relation, RelationProof};
use laminate_engine::sumcheck::SumcheckProof;
use laminate_model::lower::relations;
use laminate_model::proof::NativeProof;
use laminate_model::statement::Statement;
use laminate_tests::attack::{self, Attack};
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
    refuse("layers", &|p| {
        let _ = p.layers.pop();
    });
    let mut swapped = proven.proof.clone();
    swapped.layers.swap(0, 3);
    assert!(!accepted(&proven, &swapped, &srs), "swapped layers");
    refuse("layer relations", &|p| {
        let _ = p.layers[0].relations.pop();
    });
    refuse("layer relations", &|p| {
        let again = p.layers[0].relations[0].clone();
        p.layers[0].relations.push(again);
    });
    refuse("layer relations", &|p| p.layers[0].relations.clear());
    refuse("evaluations of padding", &|p| {
        p.layers[0].relations[1].evaluations.push(Fr::ZERO)
    });
    refuse("sumchecks of padding", &|p| {
        let messages = p.layers[0].relations[0].sumchecks[0].clone();
        p.layers[0].relations[1].sumchecks.push(messages);
    });
    refuse("evaluations of a product", &|p| {
        p.layers[0].relations[0].evaluations.push(Fr::ZERO)
    });
    refuse("evaluations of a product", &|p| {
        p.layers[0].relations[0].evaluations.clear()
    });
    refuse("sumchecks of a product", &|p| {
        let _ = p.layers[0].relations[0].sumchecks.pop();
    });
    refuse("sumcheck rounds", &|p| {
        let _ = p.layers[0].relations[0].sumchecks[0].rounds.pop();
    });
    refuse("sumcheck round coefficients", &|p| {
        p.layers[1].relations[0].sumchecks[0].rounds[0].push(Fr::ZERO)
    });
    refuse("sumcheck round coefficients", &|p| {
        let _ = p.layers[1].relations[0].sumchecks[0].rounds[0].pop();
    });
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
    refuse("openings", &|p| p.mode = FoldMode::Off);
    refuse("output values", &|p| {
        let _ = p.output.pop();
    });
    refuse("layers", &|p| p.layers.push(p.layers[0].clone()));
    refuse("lookup trees", &|p| p.lookups.clear());
    refuse("lookup trees", &|p| p.lookups.push(p.lookups[0].clone()));
    refuse("sumchecks of a zero-check", &|p| {
        p.layers[1].relations[0].sumchecks.clear()
    });
    refuse("evaluations of a zero-check", &|p| {
        let _ = p.layers[1].relations[0].evaluations.pop();
    });
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

/// The relations of a language model that rows do not have.
#[test]
fn every_length_of_a_sequence_is_checked() {
    let attack = Attack::small();
    let program = &attack.case.program;
    let forger = attack.forger(&attack.trace);
    let honest = forger.prove(attack::srs(), FoldMode::On);
    let kinds = |index: usize| relations(program, &forger.verifier.layout, index);
    let at = |wanted: &dyn Fn(&Relation) -> bool| {
        let places =
            (0..program.nodes.len()).flat_map(|i| (0..kinds(i).len()).map(move |j| (i, j)));
        let mut places = places.filter(|(i, j)| wanted(&kinds(*i)[*j]));
        places.next().expect("such a relation")
    };
    let sum = at(&|r| matches!(r, Relation::RowSum(_)));
    let gap = at(&|r| matches!(r, Relation::Gap(_)));
    for ((i, j), kind) in [(sum, "row sums"), (gap, "gaps")] {
        let refuse = |name: String, change: &dyn Fn(&mut RelationProof<Fr>)| {
            let mut proof = honest.clone();
            change(&mut proof.layers[i].relations[j]);
            let tau = &attack::srs().tau_g2;
            match forger
                .verifier
                .verify_native(&forger.statement, &proof, tau)
            {
                Err(VerifyError::Shape { what, .. }) => assert_eq!(what, name),
                found => panic!("{name}: {found:?}"),
            }
        };
        refuse(format!("sumchecks of {kind}"), &|p| {
            p.sumchecks.push(SumcheckProof { rounds: vec![] });
        });
        refuse(format!("evaluations of {kind}"), &|p| {
            p.evaluations.push(Fr::ZERO)
        });
    }
}
