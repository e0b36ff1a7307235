//! Children whose proofs do not hold, in joins that an honest prover makes of them: everything but a pairing is as it
//! should be. And what the transcript of a join depends on.

use laminate_engine::accumulator::Accumulator;
use laminate_engine::error::{Check, VerifyError};
use laminate_engine::transcript::Event;

use super::*;
use crate::join::verify::combine;

type Witness = JoinWitness<Fr, G1Affine>;

impl Made {
    /// A proof with these keys of a folded proof whose opening is another point: the circuit is satisfied, and the
    /// pairing that it leaves is false.
    fn false_pairing(&self, srs: &Srs, widths: &[u32], seed: u64) -> AggregationProof {
        let mut sample = sample(perceptron(widths, 0), FoldMode::On, srs, seed);
        let opening = &mut sample.proof.openings[0].pcs.opening;
        *opening = (*opening + *opening).to_affine();
        let (verifier, pinning) = (&sample.model.verifier, &self.keys.meta.pinning);
        let circuit =
            AggregationCircuit::prover(verifier, pinning, &sample.statement, &sample.proof);
        let circuit = circuit.unwrap();
        let instances = circuit.instances().concat();
        let public = circuit.public().clone();
        let proof = crate::snark::create_proof(&self.srs, &self.keys.pk, circuit, &instances);
        AggregationProof {
            digest: public.digest(),
            public,
            target: Target::Join,
            proof: proof.unwrap(),
        }
    }
}

/// Two kinds of false children: a proof of the circuit with one other evaluation, and a true proof of the circuit that
/// leaves a false pairing. Both are joined as if they held.
#[test]
fn false_pairings_are_refused() {
    let (srs, [a, b]) = &*PAIR;
    let join = &batch(&[a, b]);
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let mut altered = a.proof.clone();
    // Behind the points but two, the last byte of an evaluation.
    let at = 64 * (join.template.points() - 2) + 31;
    altered.proof[at] ^= 1;
    let leaves = a.false_pairing(srs, WIDTHS, 1);
    assert_eq!(leaves.public.statement[0], a.proof.public.statement[0]);
    let cut = |accumulator: Accumulator<G1Affine>| accumulator.check(&srs.s_g2());
    assert!(cut(leaves.public.deferred.accumulator().unwrap()).is_err());
    let mut tried = 0;
    for (what, proof) in [
        ("honest", &a.proof),
        ("a child's own pairing", &altered),
        ("the pairing that a child leaves", &leaves),
    ] {
        let part = Part {
            key: &a.words,
            proof,
        };
        let witness = prove(join, &[part, b.part()], srs.powers(), &mut rng).unwrap();
        let public = join.verify(&mut Native, &witness).unwrap();
        let found = cut(public.deferred.accumulator().unwrap());
        if what == "honest" {
            assert_eq!(found, Ok(()));
            values_are_absorbed(join, &witness);
            lengths_are_named(join, &witness);
            continue;
        }
        let check = Check::Pairing;
        assert_eq!(
            found,
            Err(VerifyError::Check { check }),
            "SOUNDNESS: {what}"
        );
        tried += 1;
    }
    println!("false children: {tried} tried, 0 accepted");
}

/// What is absorbed before each challenge; and that both sums, and the opening of their combination, reach the
/// challenges behind them.
fn values_are_absorbed(join: &Join, honest: &Witness) {
    let front = join.front(&mut Native, &honest.given).unwrap();
    let mut expected = vec![
        Event::Absorb("join version", 1),
        Event::Absorb("join salt", 1),
    ];
    expected.extend(
        honest
            .given
            .children
            .iter()
            .map(|_| Event::Absorb("child", 3)),
    );
    expected.push(Event::Absorb("join statement", front.fields.len()));
    expected.push(Event::Challenge("join rho", 1));
    assert_eq!(front.transcript.events(), expected);
    expected.extend([
        Event::Absorb("join left", 3),
        Event::Absorb("join right", 3),
        Event::Challenge("join sigma", 1),
    ]);
    let sigma = |left: &G1Affine, right: &G1Affine| {
        let front = join.front(&mut Native, &honest.given).unwrap();
        let combination = combine(&mut Native, front, left, right);
        let events = combination.transcript.events().to_vec();
        (combination.terms.last().unwrap().0, events)
    };
    let (left, right) = (&honest.left, &honest.right);
    let (scalar, events) = sigma(left, right);
    assert_eq!(events, expected);
    assert_ne!(sigma(&-*left, right).0, scalar);
    assert_ne!(sigma(left, &-*right).0, scalar);
    // Another salt, another rho.
    let mut salted = honest.given.clone();
    salted.salt += Fr::ONE;
    let first = |given| join.front(&mut Native, given).unwrap().generator;
    assert_ne!(first(&salted), first(&honest.given));
    let delta = |witness: &Witness| {
        let public = join.verify(&mut Native, witness).unwrap();
        public.deferred.left[0]
    };
    let mut other = honest.clone();
    let opening = &mut other.multiexp.opening.pcs.opening;
    *opening = -*opening;
    assert_ne!(delta(&other), delta(honest), "the opening is not absorbed");
}

/// Lists of other lengths than the plan's, each by its name.
fn lengths_are_named(join: &Join, honest: &Witness) {
    let refused = |name: &str, change: &dyn Fn(&mut Witness)| {
        let mut witness = honest.clone();
        change(&mut witness);
        match join.verify(&mut Native, &witness) {
            Err(JoinError::Verify(VerifyError::Shape { what, .. })) => assert_eq!(what, name),
            Err(error) => panic!("{name}: {error}"),
            Ok(_) => panic!("SOUNDNESS: {name}: accepted"),
        }
    };
    let mut tried = 0;
    type Change = fn(&mut Witness);
    let changes: [(&str, Change); 6] = [
        ("proofs to join", |w| w.given.children.truncate(1)),
        ("proofs to join", |w| {
            w.given.children.push(w.given.children[0].clone())
        }),
        ("points of a proof", |w| {
            let _ = w.given.children[0].deferred.terms.pop();
        }),
        ("points of a proof", |w| {
            let term = w.given.children[0].deferred.terms[0];
            w.given.children[0].deferred.terms.push(term);
        }),
        ("factors of a proof", |w| {
            w.given.children[0].deferred.left.clear()
        }),
        ("factors of a proof", |w| {
            w.given.children[0].deferred.left.push(Fr::ZERO)
        }),
    ];
    for (name, change) in changes {
        refused(name, &change);
        tried += 1;
    }
    println!("lengths: {tried} tried, 0 accepted");
}
