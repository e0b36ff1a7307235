//! Linear combinations of points: honest ones are accepted, whatever the scalars and points; everything
//! else is refused.

use halo2curves_axiom::bn256::{Fq, Fr, G1, G1Affine};
use halo2curves_axiom::ff::{Field, PrimeField};
use halo2curves_axiom::group::Curve;
use laminate_engine::backend::{Native, point_scalars};
use laminate_engine::error::VerifyError;
use laminate_engine::multiexp::{Multiexp, NativeMultiexp};
use laminate_engine::transcript::{Domain, Event, Transcript};
use laminate_prover::multiexp::{MultiexpError, prove};
use laminate_tests::{TestSrs, golden};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

type Term = (Fr, G1Affine);

const OWN: Fr = Fr::MULTIPLICATIVE_GENERATOR;

/// `count` terms that with [`OWN`] times the generator sum to zero, with zero, one, minus one and equal points among them.
fn terms(count: usize, seed: u64) -> Vec<Term> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut random = || {
        (
            Fr::random(&mut rng),
            G1Affine::from(G1::generator() * Fr::random(&mut rng)),
        )
    };
    let mut all: Vec<Term> = (0..count - 1).map(|_| random()).collect();
    let special = [Fr::ZERO, Fr::ONE, -Fr::ONE, Fr::from(2)];
    for (term, scalar) in all.iter_mut().skip(1).zip(special) {
        term.0 = scalar;
    }
    if count > 5 {
        all[3].1 = all[2].1;
        all[4].1 = -all[2].1;
        all[1].1 = G1Affine::generator();
    }
    let sum: G1 = all.iter().map(|(s, p)| p * s).sum::<G1>() + G1::generator() * OWN;
    all.push((
        -Fr::from(3).invert().unwrap(),
        (sum * Fr::from(3)).to_affine(),
    ));
    all
}

fn transcript(terms: &[Term]) -> Transcript<Native> {
    let mut transcript = Transcript::new(&mut Native, Domain::Main);
    for (scalar, point) in terms {
        transcript.absorb("scalar", &[*scalar]);
        transcript.absorb_point(&mut Native, "point", point);
    }
    transcript
}

fn verify(
    multiexp: &Multiexp,
    srs: &TestSrs,
    terms: &[Term],
    proof: &NativeMultiexp,
) -> Result<(), VerifyError> {
    let mut transcript = transcript(terms);
    let deferred = multiexp.verify(&mut Native, &mut transcript, (terms, &OWN), proof)?;
    deferred.accumulator()?.check(&srs.tau_g2)
}

#[test]
fn combinations_that_are_zero_are_accepted() {
    for (count, row_log) in [(2, 17), (5, 18), (13, 17)] {
        let srs = TestSrs::new(b"multiexp", row_log.into());
        let multiexp = Multiexp::new(count, row_log).unwrap();
        let terms = terms(count, count as u64);
        let start = std::time::Instant::now();
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut state = transcript(&terms);
        let proof = prove(&multiexp, &mut state, (&terms, &OWN), &srs.powers, &mut rng).unwrap();
        eprintln!(
            "{count} terms: {} rows of 2^{}, {:?}",
            multiexp.rows(),
            multiexp.row_log(),
            start.elapsed()
        );
        verify(&multiexp, &srs, &terms, &proof).unwrap();
    }
}

#[test]
fn combinations_that_are_not_zero_have_no_proof() {
    let multiexp = Multiexp::new(3, 16).unwrap();
    let srs = TestSrs::new(b"multiexp", 16);
    let mut terms = terms(3, 1);
    terms[0].0 += Fr::ONE;
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let found = prove(
        &multiexp,
        &mut transcript(&terms),
        (&terms, &OWN),
        &srs.powers,
        &mut rng,
    );
    assert!(matches!(found, Err(MultiexpError::Sum(_))));
}

/// Every scalar and every point of a proof altered, by stride; and all terms.
#[test]
fn altered_proofs_and_terms_are_refused() {
    let srs = TestSrs::new(b"multiexp", 15);
    let multiexp = Multiexp::new(3, 15).unwrap();
    let terms = terms(3, 9);
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let mut state = transcript(&terms);
    let proof = prove(&multiexp, &mut state, (&terms, &OWN), &srs.powers, &mut rng).unwrap();
    verify(&multiexp, &srs, &terms, &proof).unwrap();
    let altered = |scalar: usize, point: usize| -> (NativeMultiexp, bool) {
        let (mut s, mut p) = (0, 0);
        let altered: Result<_, ()> = proof.try_map(
            &mut |value: &Fr| {
                s += 1;
                Ok(if s == scalar { value + Fr::ONE } else { *value })
            },
            &mut |value: &G1Affine| {
                p += 1;
                Ok(if p == point { -value } else { *value })
            },
        );
        (altered.unwrap(), s >= scalar && p >= point)
    };
    let mut tried = 0;
    for i in (1..).step_by(17) {
        let (altered, inside) = altered(i, 0);
        if !inside {
            break;
        }
        assert!(
            verify(&multiexp, &srs, &terms, &altered).is_err(),
            "scalar {i}"
        );
        tried += 1;
    }
    for i in 1.. {
        let (altered, inside) = altered(0, i);
        if !inside {
            break;
        }
        assert!(
            verify(&multiexp, &srs, &terms, &altered).is_err(),
            "point {i}"
        );
        tried += 1;
    }
    // The transcript is that of the honest terms, so that nothing but the claims tells them apart.
    let refused = |other: &[Term], own: &Fr, what: &str| {
        let mut transcript = transcript(&terms);
        let found = multiexp.verify(&mut Native, &mut transcript, (other, own), &proof);
        let found = found.and_then(|d| d.accumulator()?.check(&srs.tau_g2));
        assert!(found.is_err(), "{what}");
    };
    for i in 0..terms.len() {
        let mut other = terms.clone();
        other[i].0 += Fr::ONE;
        refused(&other, &OWN, "scalar of a term");
        let mut other = terms.clone();
        other[i].1 = -other[i].1;
        refused(&other, &OWN, "point of a term");
        let mut other = terms.clone();
        other.swap(i, (i + 1) % terms.len());
        refused(&other, &OWN, "order of terms");
        tried += 3;
        // A point in one of its three scalars alone: the low limbs of a coordinate, or the high ones of one.
        let high = Fq::from(2).pow_vartime([176]);
        for (x, y) in [
            (Fq::ONE, Fq::ZERO),
            (Fq::ZERO, Fq::ONE),
            (high, Fq::ZERO),
            (Fq::ZERO, high),
        ] {
            let mut other = terms.clone();
            let point = &mut other[i].1;
            *point = G1Affine {
                x: point.x + x,
                y: point.y + y,
            };
            let changed = |at: usize| {
                let [old, new] = [&terms, &other].map(|t| point_scalars(&t[i].1));
                old[at] != new[at]
            };
            assert_eq!((0..3).filter(|at| changed(*at)).count(), 1);
            refused(&other, &OWN, "a scalar of a point");
            tried += 1;
        }
    }
    refused(&terms, &(OWN + Fr::ONE), "scalar of the generator");
    refused(&terms[..2], &OWN, "number of terms");
    println!("{} alterations, 0 accepted", tried + 2);
}

/// What is absorbed, and before which challenge, is compared with a checked-in text. Every value of a proof but the
/// last point is among it.
#[test]
fn every_message_is_listed() {
    let srs = TestSrs::new(b"multiexp", 15);
    let multiexp = Multiexp::new(3, 15).unwrap();
    let terms = terms(3, 9);
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let mut state = transcript(&terms);
    let proof = prove(&multiexp, &mut state, (&terms, &OWN), &srs.powers, &mut rng).unwrap();
    let mut state = transcript(&terms);
    let before = state.events().len();
    let found = multiexp.verify(&mut Native, &mut state, (&terms, &OWN), &proof);
    found
        .unwrap()
        .accumulator()
        .unwrap()
        .check(&srs.tau_g2)
        .unwrap();
    let mut text = String::from("# Every absorb and challenge of a combination of three terms.\n");
    let mut absorbed = 0;
    for event in &state.events()[before..] {
        text += &match event {
            Event::Absorb(label, count) => {
                absorbed += count;
                format!("absorb    {label} {count}\n")
            }
            Event::Challenge(label, count) => format!("challenge {label} {count}\n"),
        };
    }
    golden::check("fs_inventory_multiexp.txt", text.as_bytes());
    let (mut scalars, mut points) = (0, 0);
    let count: Result<_, ()> = proof.try_map(
        &mut |_| {
            scalars += 1;
            Ok(())
        },
        &mut |_| {
            points += 1;
            Ok(())
        },
    );
    count.unwrap();
    assert_eq!(absorbed, scalars + 3 * (points - 1), "values of a proof");
}

/// Lengths that a proof does not have are named.
#[test]
fn every_length_is_checked() {
    let srs = TestSrs::new(b"multiexp", 15);
    let multiexp = Multiexp::new(3, 15).unwrap();
    let terms = terms(3, 9);
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let mut state = transcript(&terms);
    let honest = prove(&multiexp, &mut state, (&terms, &OWN), &srs.powers, &mut rng).unwrap();
    let refused = |what: &str, change: &dyn Fn(&mut NativeMultiexp)| {
        let mut proof = honest.clone();
        change(&mut proof);
        match verify(&multiexp, &srs, &terms, &proof) {
            Err(VerifyError::Shape { what: found, .. }) => assert_eq!(found, what),
            found => panic!("{what}: {found:?}"),
        }
    };
    refused("multiexp rows", &|p| {
        p.rows.pop();
    });
    refused("multiexp rows", &|p| p.rows.push(p.rows[0]));
    refused("step evaluations", &|p| {
        p.step_evaluations.pop();
    });
    refused("step evaluations", &|p| p.step_evaluations.push(Fr::ONE));
    refused("multiple evaluations", &|p| {
        p.multiple_evaluations.pop();
    });
    refused("multiple evaluations", &|p| {
        p.multiple_evaluations.push(Fr::ONE)
    });
    let mut state = transcript(&terms);
    let few = multiexp.verify(&mut Native, &mut state, (&terms[..2], &OWN), &honest);
    let what = "terms of a combination";
    assert!(matches!(few, Err(VerifyError::Shape { what: found, .. }) if found == what));
}

#[test]
fn numbers_out_of_bounds_are_refused() {
    for (terms, row_log) in [(0, 15), (1 << 12, 15), (5, 25)] {
        let found = Multiexp::new(terms, row_log);
        assert!(matches!(found, Err(VerifyError::Shape { .. })));
    }
}
