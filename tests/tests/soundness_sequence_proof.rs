//! Proofs of language models: every scalar, point, length and statement field altered, and the claimed
//! tokens that are not published.

use halo2curves_axiom::bn256::{Fr, G1Affine};
use halo2curves_axiom::ff::Field;
use halo2curves_axiom::group::Curve;
use halo2curves_axiom::group::prime::PrimeCurveAffine;
use laminate_engine::backend::Native;
use laminate_engine::field::fr_from_i64;
use laminate_engine::fold::FoldMode;
use laminate_engine::sumcheck::SumcheckProof;
use laminate_model::proof::NativeProof;
use laminate_model::statement::Statement;
use laminate_tests::attack::{Attack, srs};
use laminate_tests::fields::{count, scalar_name, with_point, with_scalar};
use laminate_tests::forger::Forger;

fn honest() -> (Forger, NativeProof) {
    let attack = Attack::small();
    let forger = attack.forger(&attack.trace);
    let proof = forger.prove(srs(), FoldMode::On);
    assert!(
        accepted(&forger, &forger.statement, &proof),
        "the honest proof is refused"
    );
    (forger, proof)
}

fn accepted(forger: &Forger, statement: &Statement<Fr>, proof: &NativeProof) -> bool {
    let verdict = forger
        .verifier
        .verify_native(statement, proof, &srs().tau_g2);
    verdict.is_ok()
}

/// Every fourth scalar, and those at both ends; all of them with `LAMINATE_EXHAUSTIVE` set.
fn chosen(scalars: usize) -> Vec<usize> {
    let all = std::env::var_os("LAMINATE_EXHAUSTIVE").is_some();
    let edge = |i: usize| i < 48 || i + 48 >= scalars;
    (0..scalars)
        .filter(|i| all || edge(*i) || i % 4 == 0)
        .collect()
}

#[test]
fn every_scalar_and_point_is_bound() {
    let (forger, proof) = honest();
    let (scalars, points) = count(&proof);
    let chosen = chosen(scalars);
    let change: [fn(Fr) -> Fr; 2] = [
        |s| s + Fr::ONE,
        |s| if s == Fr::ZERO { Fr::from(7) } else { Fr::ZERO },
    ];
    let bound = |i: usize| {
        for f in change {
            let altered = with_scalar(&proof, i, f);
            let name = || scalar_name(&proof, i);
            assert!(
                !accepted(&forger, &forger.statement, &altered),
                "scalar {i}: {}",
                name()
            );
        }
    };
    std::thread::scope(|scope| {
        for from in 0..4 {
            let (bound, chosen) = (&bound, &chosen);
            scope.spawn(move || {
                let own = chosen.iter().copied().skip(from).step_by(4);
                own.for_each(bound);
            });
        }
    });
    let mutations: [fn(G1Affine) -> G1Affine; 3] = [
        |p| (p + G1Affine::generator()).to_affine(),
        |p| -p,
        |_| G1Affine::identity(),
    ];
    for i in 0..points {
        for f in mutations {
            let altered = with_point(&proof, i, f);
            assert!(!accepted(&forger, &forger.statement, &altered), "point {i}");
        }
    }
    let tried = 2 * chosen.len() + 3 * points;
    println!("proof of a sequence: {tried} mutations tried, 0 accepted");
}

#[test]
fn every_statement_field_is_bound() {
    let (forger, proof) = honest();
    let fields = forger.statement.fields().len();
    for i in 0..fields {
        for delta in [Fr::ONE, -Fr::ONE, Fr::from(1 << 16)] {
            let mut statement = forger.statement.clone();
            let head = [
                &mut statement.program_digest,
                &mut statement.weight_commitment,
                &mut statement.input_commitment,
            ];
            let mut all: Vec<&mut Fr> = head
                .into_iter()
                .chain(&mut statement.output_words)
                .collect();
            *all[i] += delta;
            assert!(!accepted(&forger, &statement, &proof), "field {i}");
        }
    }
    let mut longer = forger.statement.clone();
    longer.output_words.push(Fr::ZERO);
    assert!(!accepted(&forger, &longer, &proof), "one more output word");
    longer.output_words.clear();
    assert!(!accepted(&forger, &longer, &proof), "no output words");
    println!(
        "statement of a sequence: {} tried, 0 accepted",
        3 * fields + 2
    );
}

/// What all challenges of the parts follow from, for the trace of `proof`.
fn seed(forger: &Forger, proof: &NativeProof) -> Fr {
    let salt = &forger.transcript_salt;
    let (statement, output) = (&forger.statement, &forger.output);
    let start = forger
        .verifier
        .start(&mut Native, salt, statement, output, &proof.trace_rows);
    start.1
}

/// The outputs that no output word holds are read by the argmax; they must be fixed before any
/// challenge, or a prover could solve for those that make a false claim hold.
#[test]
fn unpublished_tokens_chosen_after_the_challenges_are_refused() {
    let (forger, proof) = honest();
    let mut tried = 0;
    for slot in [0, 6, 7] {
        for id in [3, 20] {
            let value = fr_from_i64(id - (1 << 15));
            assert_ne!(value, proof.output[slot], "another token");
            let mut forged = forger.clone();
            forged.output[slot] = value;
            // The statement says nothing of it, so if the challenges did not follow from it, all outputs
            // that are not published could be chosen when all equations are known.
            forged.restate();
            assert_eq!(forged.statement, forger.statement);
            assert_ne!(
                seed(&forged, &proof),
                seed(&forger, &proof),
                "output {slot} is {id}: one seed"
            );
            let refusal = forged.refusal(srs());
            assert!(refusal.is_some(), "output {slot} is {id}");
            let mut late = proof.clone();
            late.output[slot] = value;
            assert!(
                !accepted(&forger, &forger.statement, &late),
                "output {slot} is {id}, late"
            );
            tried += 3;
        }
    }
    println!("unpublished tokens: {tried} tried, 0 accepted");
}

/// One more element, or one less.
fn resize<T: Clone>(items: &mut Vec<T>, longer: bool, more: T) -> bool {
    if longer {
        items.push(items.last().cloned().unwrap_or(more));
        return true;
    }
    items.pop().is_some()
}

fn sumcheck(proof: &mut SumcheckProof<Fr>, which: usize, longer: bool) -> bool {
    match which {
        0 => resize(&mut proof.rounds, longer, vec![]),
        _ => {
            let round = proof.rounds.last_mut();
            round.is_some_and(|round| resize(round, longer, Fr::ZERO))
        }
    }
}

/// Alters vector `at` of the proof; none if there are not so many, false if it cannot be altered.
fn alter(proof: &mut NativeProof, at: usize, longer: bool) -> Option<bool> {
    let mut left = at;
    let mut is = |alter: &mut dyn FnMut() -> bool| {
        let hit = left == 0;
        left = left.wrapping_sub(1);
        hit.then(alter)
    };
    let point = G1Affine::generator();
    let found = is(&mut || resize(&mut proof.weight_rows, longer, point))
        .or_else(|| is(&mut || resize(&mut proof.trace_rows, longer, point)))
        .or_else(|| is(&mut || resize(&mut proof.input, longer, Fr::ZERO)))
        .or_else(|| is(&mut || resize(&mut proof.output, longer, Fr::ZERO)))
        .or_else(|| is(&mut || resize(&mut proof.lookups[0].columns, longer, Fr::ZERO)));
    if found.is_some() {
        return found;
    }
    let more = proof.relations[0].clone();
    if let Some(done) = is(&mut || resize(&mut proof.relations, longer, more.clone())) {
        return Some(done);
    }
    let more = proof.lookups[0].layers[1].clone();
    if let Some(done) = is(&mut || resize(&mut proof.lookups[0].layers, longer, more.clone())) {
        return Some(done);
    }
    let more = proof.openings[0].clone();
    if let Some(done) = is(&mut || resize(&mut proof.openings, longer, more.clone())) {
        return Some(done);
    }
    for joint in &mut proof.relations {
        let more = joint.stages[0].clone();
        let found = is(&mut || resize(&mut joint.targets, longer, Fr::ZERO))
            .or_else(|| is(&mut || resize(&mut joint.stages, longer, more.clone())));
        if found.is_some() {
            return found;
        }
        for stage in &mut joint.stages {
            if let Some(done) = is(&mut || resize(&mut stage.evaluations, longer, Fr::ZERO)) {
                return Some(done);
            }
            for which in 0..2 {
                if let Some(done) = is(&mut || sumcheck(&mut stage.sumcheck, which, longer)) {
                    return Some(done);
                }
            }
        }
    }
    let lookups = proof.lookups[0]
        .layers
        .iter_mut()
        .map(|layer| &mut layer.sumcheck);
    let openings = proof
        .openings
        .iter_mut()
        .map(|opening| &mut opening.batching);
    for messages in lookups.chain(openings) {
        for which in 0..2 {
            if let Some(done) = is(&mut || sumcheck(messages, which, longer)) {
                return Some(done);
            }
        }
    }
    None
}

#[test]
fn every_length_is_checked() {
    let (forger, proof) = honest();
    let mut tried = 0;
    for longer in [true, false] {
        for at in 0.. {
            let mut altered = proof.clone();
            match alter(&mut altered, at, longer) {
                None => break,
                Some(false) => continue,
                Some(true) => {}
            }
            assert_ne!(altered, proof);
            let name = format!("vector {at}, longer: {longer}");
            assert!(!accepted(&forger, &forger.statement, &altered), "{name}");
            tried += 1;
        }
    }
    println!("lengths of a sequence's proof: {tried} tried, 0 accepted");
}
