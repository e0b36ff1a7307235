mod forged;
mod plans;

use std::sync::LazyLock;
use std::time::Instant;

use halo2_base::halo2_proofs::dev::MockProver;
use halo2_base::halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_base::halo2_proofs::halo2curves::ff::Field;
use halo2_base::halo2_proofs::halo2curves::group::Curve;
use laminate_engine::backend::Native;
use laminate_engine::field::Scalar;
use laminate_engine::fold::FoldMode;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use snark_verifier_sdk::CircuitExt;

use super::witness::JoinWitness;
use super::*;
use crate::circuit::AggregationCircuit;
use crate::keys::{Form, Lead, OutputFormat, ProvingKey};
use crate::prove::{self as aggregation, AggregationProof, Target};
use crate::snark::{Key, Template};
use crate::srs::Srs;
use crate::testing::{perceptron, sample};

/// Keys, and a proof to be joined.
struct Made {
    srs: Srs,
    keys: ProvingKey,
    words: Key<Fr, G1Affine>,
    proof: AggregationProof,
}

impl Made {
    fn new(srs: &Srs, keys: ProvingKey, circuit: AggregationCircuit) -> Self {
        let srs = srs.truncated(keys.meta.k()).unwrap();
        let proof = aggregation::prove(&keys, &srs, circuit, Target::Join).unwrap();
        let words = Key::of(&srs, keys.pk.get_vk()).unwrap();
        Self {
            srs,
            keys,
            words,
            proof,
        }
    }

    fn of_model(srs: &Srs, widths: &[u32], seed: u64) -> Self {
        let sample = sample(perceptron(widths, 0), FoldMode::On, srs, seed);
        let verifier = &sample.model.verifier;
        let keys = ProvingKey::derive(verifier, FoldMode::On, srs).unwrap();
        let pinning = &keys.meta.pinning;
        let circuit =
            AggregationCircuit::prover(verifier, pinning, &sample.statement, &sample.proof);
        Self::new(srs, keys, circuit.unwrap())
    }

    fn child(&self) -> Child {
        Child {
            key: Scalar(self.words.digest(&mut Native)),
            program: Scalar(self.proof.public.statement[0]),
            range: WeightRange::Shown,
            public: self.keys.meta.public,
            boundary_in: false,
            boundary_out: false,
        }
    }

    fn part(&self) -> Part<'_> {
        Part {
            key: &self.words,
            proof: &self.proof,
        }
    }

    fn template(&self) -> Template {
        Template::of(&self.srs, self.keys.pk.get_vk()).unwrap()
    }
}

fn batch(made: &[&Made]) -> Join {
    let plan = Plan {
        mode: Mode::Batch,
        children: made.iter().map(|m| m.child()).collect(),
        row_log: 17,
    };
    Join::new(plan, made[0].template()).unwrap()
}

const RAW: OutputFormat = OutputFormat {
    lead: Lead::NONE,
    values: 0,
    width: 0,
    scale: 0,
    form: Form::Short,
};

fn timed<T>(what: &str, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let out = run();
    println!("{what}: {:?}", start.elapsed());
    out
}

/// Proofs of two models.
static PAIR: LazyLock<(Srs, [Made; 2])> = LazyLock::new(|| {
    let srs = Srs::development(19).unwrap();
    let made = [(WIDTHS, 1), (&[2, 3, 2], 2)];
    let made = made.map(|(widths, seed)| Made::of_model(&srs, widths, seed));
    (srs, made)
});

/// Widths of the first of them.
const WIDTHS: &[u32] = &[3, 4, 1];

/// Two models join, the join and a third join, and the last proof is one for a contract.
#[test]
fn proofs_join_and_joins_join() {
    let (srs, [a, b]) = &*PAIR;
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let inner = batch(&[a, b]);
    let parts = [a.part(), b.part()];
    let witness = timed("witness", || {
        prove(&inner, &parts, srs.powers(), &mut rng).unwrap()
    });
    let keys = timed("keys", || {
        ProvingKey::derive_join(&inner, RAW, srs).unwrap()
    });
    let params = keys.meta.pinning.params;
    let (circuit, report) = AggregationCircuit::mock_join(&inner, params, &witness).unwrap();
    println!("{params:?} {report:?}");
    let instances = circuit.instances();
    MockProver::run(params.k as u32, &circuit, instances)
        .unwrap()
        .assert_satisfied();
    let circuit = AggregationCircuit::prover_join(&inner, &keys.meta.pinning, &witness).unwrap();
    let joined = timed("proof", || Made::new(srs, keys, circuit));
    let fields = &joined.proof.public.statement;
    assert_eq!(fields[0], inner.plan.digest());
    let words = |made: &Made| made.proof.public.statement[3..].to_vec();
    assert_eq!(fields[3..], [words(a), words(b)].concat());
    // 15 values a word, the last word's two.
    assert_eq!(joined.proof.public.outputs, 15 + 2);
    forged_witnesses_are_refused(srs, &inner, &witness);

    let outer = batch(&[&joined, b]);
    let parts = [joined.part(), b.part()];
    let witness = prove(&outer, &parts, srs.powers(), &mut rng).unwrap();
    let keys = ProvingKey::derive_join(&outer, RAW, srs).unwrap();
    let circuit = AggregationCircuit::prover_join(&outer, &keys.meta.pinning, &witness).unwrap();
    let cut = srs.truncated(keys.meta.k()).unwrap();
    let root = aggregation::prove(&keys, &cut, circuit, Target::Contract).unwrap();
    aggregation::verify(&keys.verifying_key(), &cut, &root).unwrap();
    assert_eq!(
        root.public.deferred.terms.len(),
        joined.proof.public.deferred.terms.len(),
        "points of a root, whatever it joins"
    );
    let mut swapped = root.clone();
    let terms = swapped.public.deferred.terms.len();
    swapped.public.deferred.terms.swap(terms - 1, terms - 2);
    assert!(aggregation::verify(&keys.verifying_key(), &cut, &swapped).is_err());

    wrong_parts_are_named(srs, &inner, [a, b]);
}

/// Everything in a witness altered: natively nothing is accepted for the plan's program.
fn forged_witnesses_are_refused(srs: &Srs, join: &Join, honest: &JoinWitness<Fr, G1Affine>) {
    let digest = join.plan.digest();
    let accepted = |witness: &JoinWitness<Fr, G1Affine>| {
        let Ok(public) = join.verify(&mut Native, witness) else {
            return false;
        };
        let pairing = public.deferred.accumulator();
        public.statement[0] == digest && pairing.is_ok_and(|p| p.check(&srs.s_g2()).is_ok())
    };
    assert!(accepted(honest));
    let (mut scalars, mut points) = (0usize, 0usize);
    let count: Result<_, ()> = honest.try_map(
        &mut |_| {
            scalars += 1;
            Ok(())
        },
        &mut |_| {
            points += 1;
            Ok(())
        },
    );
    drop(count);
    let alter = |scalar: Option<usize>, point: Option<usize>| {
        let (mut s, mut p) = (0usize, 0usize);
        let altered: Result<_, ()> = honest.try_map(
            &mut |value| {
                s += 1;
                Ok(if scalar == Some(s - 1) {
                    *value + Fr::ONE
                } else {
                    *value
                })
            },
            &mut |value: &G1Affine| {
                p += 1;
                Ok(if point == Some(p - 1) {
                    (*value + *value).to_affine()
                } else {
                    *value
                })
            },
        );
        altered.unwrap()
    };
    // The children's free instances (limbs, ω, E) are no statement; all else is by stride, points all.
    let mut tried = 0;
    for i in (1..scalars).step_by(41) {
        let altered = alter(Some(i), None);
        if same_but_free(honest, &altered) {
            continue;
        }
        assert!(!accepted(&altered), "scalar {i}");
        tried += 1;
    }
    for i in 0..points {
        assert!(!accepted(&alter(None, Some(i))), "point {i}");
        tried += 1;
    }
    println!("{tried} alterations, 0 accepted");
}

/// Whether witnesses differ in instances that a child's circuit leaves free; such a proof does not verify, but
/// not for what is joined.
fn same_but_free(a: &JoinWitness<Fr, G1Affine>, b: &JoinWitness<Fr, G1Affine>) -> bool {
    let cleared = |witness: &JoinWitness<Fr, G1Affine>| {
        let mut witness = witness.clone();
        for child in &mut witness.given.children {
            child.snark.instances.fill(Fr::ZERO);
        }
        witness.given.salt = Fr::ZERO;
        witness
    };
    cleared(a) == cleared(b) && {
        let digest = |w: &JoinWitness<Fr, G1Affine>| -> Vec<Fr> {
            w.given
                .children
                .iter()
                .map(|c| c.snark.instances[12])
                .collect()
        };
        digest(a) == digest(b)
    }
}

fn wrong_parts_are_named(srs: &Srs, join: &Join, [a, b]: [&Made; 2]) {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let mut refused = |parts: &[Part<'_>], what: &str| {
        let error = prove(join, parts, srs.powers(), &mut rng).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(what), "{text}");
    };
    refused(&[a.part()], "1 proofs, expected 2");
    refused(&[b.part(), a.part()], "proof 0");
    refused(&[a.part(), a.part()], "proof 1");
    let mut contract = a.proof.clone();
    contract.target = Target::Contract;
    let part = Part {
        key: &a.words,
        proof: &contract,
    };
    refused(&[part, b.part()], "--for-join");
    let mut altered = a.proof.clone();
    altered.proof[100] ^= 1;
    let part = Part {
        key: &a.words,
        proof: &altered,
    };
    refused(&[part, b.part()], "proof 0");
    let mut altered = a.proof.clone();
    altered.public.statement[3] += Fr::ONE;
    let part = Part {
        key: &a.words,
        proof: &altered,
    };
    refused(&[part, b.part()], "digest of public values");
    let short = prove(
        join,
        &[a.part(), b.part()],
        &srs.powers()[..1 << 17],
        &mut rng,
    );
    assert!(matches!(short, Err(JoinError::Multiexp(_))));
}
