//! Linear combinations of points: honest ones are accepted, whatever the scalars and points; everything
//! else is refused.

use halo2curves_axiom::bn256::{Fr, G1, G1Affine};
use halo2curves_axiom::ff::{Field, PrimeField};
use halo2curves_axiom::group::Curve;
use laminate_protocol::backend::Native;
use laminate_protocol::error::VerifyError;
use laminate_protocol::multiexp::{Multiexp, NativeMultiexp};
use laminate_protocol::transcript::{Domain, Transcript};
use laminate_prover::multiexp::{MultiexpError, prove};
use laminate_tests::TestSrs;
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
    if count > 4 {
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
