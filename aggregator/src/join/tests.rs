use std::time::Instant;

use halo2_base::halo2_proofs::dev::MockProver;
use halo2_base::halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_base::halo2_proofs::halo2curves::ff::Field;
use halo2_base::halo2_proofs::halo2curves::group::Curve;
use laminate_protocol::backend::Native;
use laminate_protocol::error::{Check, VerifyError};
use laminate_protocol::field::{Scalar, fr_from_i64};
use laminate_protocol::fold::FoldMode;
use laminate_protocol::program::ACTIVATION_BOUND;
use laminate_protocol::statement::{self as packing, Packing};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use snark_verifier_sdk::CircuitExt;

use super::witness::JoinWitness;
use super::*;
use crate::circuit::AggregationCircuit;
use crate::keys::{OutputFormat, ProvingKey, PublicShape};
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
    values: 0,
    width: 0,
    scale: 0,
    tokens: None,
};

fn timed<T>(what: &str, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let out = run();
    println!("{what}: {:?}", start.elapsed());
    out
}

/// Two models join, the join and a third join, and the last proof is one for a contract.
#[test]
fn proofs_join_and_joins_join() {
    let srs = Srs::development(19).unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let [a, b] = [(&[3, 4, 1][..], 1), (&[2, 3, 2], 2)]
        .map(|(widths, seed)| Made::of_model(&srs, widths, seed));
    let inner = batch(&[&a, &b]);
    let parts = [a.part(), b.part()];
    let witness = timed("witness", || {
        prove(&inner, &parts, srs.powers(), &mut rng).unwrap()
    });
    let keys = timed("keys", || {
        ProvingKey::derive_join(&inner, RAW, &srs).unwrap()
    });
    let params = keys.meta.pinning.params;
    let (circuit, report) = AggregationCircuit::mock_join(&inner, params, &witness).unwrap();
    println!("{params:?} {report:?}");
    let instances = circuit.instances();
    MockProver::run(params.k as u32, &circuit, instances)
        .unwrap()
        .assert_satisfied();
    let circuit = AggregationCircuit::prover_join(&inner, &keys.meta.pinning, &witness).unwrap();
    let joined = timed("proof", || Made::new(&srs, keys, circuit));
    let fields = &joined.proof.public.statement;
    assert_eq!(fields[0], inner.plan.digest());
    let words = |made: &Made| made.proof.public.statement[3..].to_vec();
    assert_eq!(fields[3..], [words(&a), words(&b)].concat());
    // 15 values a word, the last word's two.
    assert_eq!(joined.proof.public.outputs, 15 + 2);
    forged_witnesses_are_refused(&srs, &inner, &witness);

    let outer = batch(&[&joined, &b]);
    let parts = [joined.part(), b.part()];
    let witness = prove(&outer, &parts, srs.powers(), &mut rng).unwrap();
    let keys = ProvingKey::derive_join(&outer, RAW, &srs).unwrap();
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

    wrong_parts_are_named(&srs, &inner, [&a, &b]);
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

fn shard(words: u32, boundary_in: bool, boundary_out: bool) -> Child {
    Child {
        key: Scalar(Fr::from(5)),
        program: Scalar(Fr::from(6)),
        range: WeightRange::Apart(Scalar(Fr::from(7))),
        public: PublicShape {
            outputs: 0,
            statement: 3 + u32::from(boundary_in) + u32::from(boundary_out) + words,
            terms: 5,
            left: 1,
        },
        boundary_in,
        boundary_out,
    }
}

fn tokens(prompt_public: bool) -> Tokens {
    Tokens {
        tokens: 20,
        prompt: 2,
        prompt_public,
        vocab: 300,
        packing: Packing::Short,
    }
}

fn ids(range: std::ops::Range<i64>) -> Vec<Fr> {
    range.map(|id| fr_from_i64(id - ACTIVATION_BOUND)).collect()
}

/// Statements of three shards: the first was fed 2.., the last chose them and one more.
#[test]
fn chains_join_what_follows_each_other() {
    for public in [false, true] {
        let whole = tokens(public);
        let fed = if public { ids(0..20) } else { ids(2..20) };
        let choices = ids(2..21);
        let pack = |ids: &[Fr]| packing::pack(&mut Native, Packing::Short, ids);
        let head = |n: u64| [n, n + 1, n + 2].map(Fr::from).to_vec();
        let boundary = |n: u64| vec![Fr::from(100 + n)];
        let statements = [
            [head(10), boundary(1), pack(&fed)].concat(),
            [head(20), boundary(1), boundary(2)].concat(),
            [head(30), boundary(2), pack(&choices)].concat(),
        ];
        let words = [pack(&fed).len() as u32, pack(&choices).len() as u32];
        let plan = Plan {
            mode: Mode::Chain(Some(whole)),
            children: vec![
                shard(words[0], false, true),
                shard(0, true, true),
                shard(words[1], true, false),
            ],
            row_log: 17,
        };
        plan.check().unwrap();
        let keys = [1u64, 2, 3].map(|n| [Fr::from(n), Fr::from(7)]);
        let join = |statements: &[Vec<Fr>], fed: &[Fr], choices: &[Fr]| {
            let all: Vec<&[Fr]> = statements.iter().map(Vec::as_slice).collect();
            statement::join(&mut Native, &plan, &keys, &all, [fed, choices])
        };
        let fields = join(&statements, &fed, &choices).unwrap();
        let shown = if public { ids(0..21) } else { ids(2..21) };
        assert_eq!(fields[3..], pack(&shown));
        assert_eq!(fields[2], Fr::from(12), "input of the first");
        assert_eq!(plan.outputs() as usize, shown.len());

        let refused = |statements: &[Vec<Fr>], fed: &[Fr], choices: &[Fr], check| {
            let found = join(statements, fed, choices);
            assert_eq!(found, Err(VerifyError::Check { check }));
        };
        let mut other = statements.clone();
        other[1][3] += Fr::ONE;
        refused(&other, &fed, &choices, Check::Boundary);
        let mut other = statements.clone();
        other[1][4] += Fr::ONE;
        refused(&other, &fed, &choices, Check::Boundary);
        // Words and tokens both changed: what was fed is not what was chosen.
        let mut changed = choices.clone();
        changed[3] += Fr::ONE;
        let mut other = statements.clone();
        other[2] = [head(30), boundary(2), pack(&changed)].concat();
        refused(&other, &fed, &changed, Check::Generated);
        refused(&statements, &fed, &changed, Check::OutputWords);
        // A token beyond 16 bits that packs to the same words.
        let mut carried = choices.clone();
        carried[0] += Fr::from(1 << 16);
        carried[1] -= Fr::ONE;
        refused(&statements, &fed, &carried, Check::TokenRange);
        for (i, statement) in statements.iter().enumerate() {
            let mut shorter = statements.clone();
            shorter[i] = statement[..statement.len() - 1].to_vec();
            assert!(matches!(
                join(&shorter, &fed, &choices),
                Err(VerifyError::Shape { .. })
            ));
        }
    }
}

/// Digests differ whatever differs in a plan, and plans that say nothing are refused.
#[test]
fn plans_are_bound_and_bounded() {
    let whole = Mode::Chain(Some(tokens(false)));
    let children = vec![
        shard(2, false, true),
        shard(0, true, true),
        shard(2, true, false),
    ];
    let plan = |mode, children: &[Child]| Plan {
        mode,
        children: children.to_vec(),
        row_log: 17,
    };
    let honest = plan(whole, &children);
    honest.check().unwrap();
    let mut digests = vec![honest.digest()];
    let mut other = honest.clone();
    other.children[1].key.0 += Fr::ONE;
    digests.push(other.digest());
    let mut other = honest.clone();
    other.children[1].program.0 += Fr::ONE;
    digests.push(other.digest());
    for range in [
        WeightRange::Shown,
        WeightRange::Partly,
        WeightRange::Apart(Scalar(Fr::from(8))),
    ] {
        let mut other = honest.clone();
        other.children[1].range = range;
        digests.push(other.digest());
    }
    for alter in [
        (|c: &mut Child| c.public.outputs += 1) as fn(&mut Child),
        |c| c.public.statement += 1,
        |c| c.public.terms += 1,
        |c| c.public.left += 1,
        |c| c.boundary_in = !c.boundary_in,
        |c| c.boundary_out = !c.boundary_out,
    ] {
        let mut other = honest.clone();
        alter(&mut other.children[1]);
        digests.push(other.digest());
    }
    digests.push(plan(whole, &children[..2]).digest());
    digests.push(plan(Mode::Batch, &children).digest());
    digests.push(plan(Mode::Chain(None), &children).digest());
    digests.push(plan(Mode::Chain(Some(tokens(true))), &children).digest());
    let mut other = honest.clone();
    other.row_log = 18;
    digests.push(other.digest());
    for (i, a) in digests.iter().enumerate() {
        assert!(digests[..i].iter().all(|b| a != b), "plan {i}");
    }
    let refused = |plan: Plan, what: &str| {
        let text = plan.check().unwrap_err().to_string();
        assert!(text.contains(what), "{text}");
    };
    refused(plan(Mode::Batch, &children), "shard");
    refused(plan(Mode::Batch, &[]), "0 proofs");
    refused(plan(whole, &children[..2]), "only all shards");
    refused(plan(Mode::Chain(None), &children), "tokens");
    refused(
        plan(whole, &[children[0], children[2], children[1]]),
        "boundary",
    );
    let doubled = [children[0], children[0], children[1], children[2]];
    refused(plan(whole, &doubled), "boundary");
    refused(
        plan(Mode::Batch, &vec![shard(1, false, false); 65]),
        "65 proofs",
    );
    let mut outputs = shard(1, false, false);
    outputs.public.outputs = 16;
    refused(plan(Mode::Batch, &[outputs]), "16 outputs");
    let mut rows = plan(Mode::Batch, &[shard(1, false, false)]);
    rows.row_log = 3;
    refused(rows, "rows of 2^3");
    let mut several = shard(1, false, false);
    several.public.left = 3;
    refused(plan(Mode::Batch, &[several]), "openings");
    let mut long = shard(1, false, false);
    long.public.terms = 5000;
    refused(plan(Mode::Batch, &[long]), "points");
    let mut short = shard(1, false, false);
    short.public.statement = 2;
    refused(plan(Mode::Batch, &[short]), "fields");
    let parts = plan(Mode::Chain(None), &children[..2]);
    parts.check().unwrap();
    assert_eq!(parts.ends(), [false, true]);
}
