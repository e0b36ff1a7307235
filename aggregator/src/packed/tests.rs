//! Honest circuits of every size; then everything that must be refused.

use std::sync::LazyLock;

use halo2_base::halo2_proofs::halo2curves::bn256::{Fq, Fr, G1Affine};
use halo2_base::halo2_proofs::halo2curves::ff::{Field, PrimeField};
use halo2_base::halo2_proofs::halo2curves::group::Curve;
use laminate_engine::deferred::Deferred;
use laminate_engine::fold::FoldMode;
use laminate_model::public::PublicValues;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::polynomial::{divide, evaluate, interleave};
use super::*;
use crate::circuit::AggregationCircuit;
use crate::evm::EvmError;
use crate::evm::circuits::{INSTANCES, Kind, Setup};
use crate::keys;
use crate::srs::{Srs, development_secret};
use crate::testing::{perceptron, sample};

/// A circuit, its packed key and a string that reaches.
struct Packed {
    setup: Setup,
    srs: Srs,
    key: PackedKey,
}

impl Packed {
    fn new(srs: &Srs, kind: Kind, columns: usize) -> Self {
        let setup = Setup::new(kind, columns);
        let key = PackedKey::commit(srs, &setup.key, INSTANCES).unwrap();
        let srs = srs.clone();
        Self { setup, srs, key }
    }

    fn prove(&self, claim: &Claim) -> Vec<u8> {
        let circuit = self.setup.circuit(&with_limbs(&claim.words));
        create_proof(&self.srs, &self.setup.key, &self.key, circuit, &claim.words).unwrap()
    }

    fn verify(&self, claim: &Claim, proof: &[u8]) -> Result<(), PackedError> {
        verify_proof(&self.srs, self.setup.key.get_vk(), &self.key, claim, proof)
    }
}

/// What a circuit of `setup` proves of `a`, with terms whose sum holds.
pub(crate) fn claim(setup: &Setup, seed: u64, a: u64) -> Claim {
    Claim {
        words: setup.statement(1, a)[12..].to_vec(),
        deferred: terms(seed, 5, Fr::ZERO),
    }
}

/// So many terms whose sum holds for the development string, with `left` times the last point but one on the left side.
pub(crate) fn terms(seed: u64, count: usize, left: Fr) -> Deferred<Fr, G1Affine> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut random = || Fr::from_raw(std::array::from_fn(|_| rng.next_u64() >> 2));
    let logs: Vec<Fr> = (0..count).map(|_| random()).collect();
    let scalars: Vec<Fr> = (0..count).map(|_| random()).collect();
    of_logs(&logs, &scalars, left)
}

/// Terms of these discrete logarithms and scalars, with the generator's scalar that makes their sum hold.
pub(crate) fn of_logs(logs: &[Fr], scalars: &[Fr], left: Fr) -> Deferred<Fr, G1Affine> {
    let before = logs.len().checked_sub(2).map_or(Fr::ZERO, |at| logs[at]);
    let on_the_left = logs[logs.len() - 1] + left * before;
    let sum: Fr = logs.iter().zip(scalars).map(|(log, s)| log * s).sum();
    let point = |log: &Fr| (G1Affine::generator() * log).to_affine();
    Deferred {
        terms: scalars
            .iter()
            .copied()
            .zip(logs.iter().map(point))
            .collect(),
        generator: development_secret() * on_the_left - sum,
        left: vec![left],
    }
}

/// Of 2^15 powers, for the small circuits.
static SHORT: LazyLock<Srs> = LazyLock::new(|| Srs::development(15).unwrap());

const KIND: Kind = Kind {
    k: 10,
    addend: 5,
    lookup_bits: Some(8),
};

#[test]
fn honest_circuits_of_every_size() {
    let all = std::env::var_os("LAMINATE_EXHAUSTIVE").is_some();
    let largest = if all { 18 } else { 14 };
    let srs = Srs::development(largest + 4).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut verified = 0;
    for k in 11..=largest {
        for lookup_bits in [None, Some(8)] {
            let addend = u64::from(rng.next_u32());
            let columns = 1 + rng.next_u32() as usize % if lookup_bits.is_some() { 2 } else { 8 };
            let kind = Kind {
                k,
                addend,
                lookup_bits,
            };
            let packed = Packed::new(&srs, kind, columns);
            let statement = claim(&packed.setup, rng.next_u64(), u64::from(rng.next_u32()));
            let proof = packed.prove(&statement);
            packed.verify(&statement, &proof).unwrap();
            let length = proof_length(packed.setup.key.get_vk(), INSTANCES).unwrap();
            assert_eq!(proof.len(), length);
            println!("{kind:?}, {columns} columns: {length} bytes");
            verified += 1;
        }
    }
    assert_eq!(verified, 2 * (largest - 10));
}

/// The word at an offset with a modulus added: the same residue.
fn plus(word: &mut [u8], modulus_minus_one: [u8; 32]) {
    let mut carry = 1u16;
    for (byte, add) in word.iter_mut().rev().zip(modulus_minus_one) {
        carry += u16::from(*byte) + u16::from(add);
        *byte = carry as u8;
        carry >>= 8;
    }
}

/// Words that are swapped are this many bytes apart at most.
const SWAPPED: usize = 32 * 16;

/// Every way in which a word of a proof is altered, with its name.
pub(crate) fn altered(proof: &[u8]) -> Vec<(String, Vec<u8>)> {
    let scalar = (Fr::ZERO - Fr::ONE).to_repr();
    let base = (Fq::ZERO - Fq::ONE).to_repr();
    let mut all = vec![];
    for at in (0..proof.len()).step_by(32) {
        let mut add = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
            let mut bad = proof.to_vec();
            change(&mut bad);
            if bad != proof {
                all.push((format!("word {} {name}", at / 32), bad));
            }
        };
        add("plus one", &|bad| plus(&mut bad[at..at + 32], [0; 32]));
        add("plus r", &|bad| plus(&mut bad[at..at + 32], scalar));
        add("plus p", &|bad| plus(&mut bad[at..at + 32], base));
        add("zero", &|bad| bad[at..at + 32].fill(0));
        add("with another top bit", &|bad| bad[at] ^= 0x80);
        for other in (at.saturating_sub(SWAPPED)..at).step_by(32) {
            add(&format!("and {} swapped", other / 32), &|bad| {
                let word: Vec<u8> = bad[at..at + 32].to_vec();
                bad.copy_within(other..other + 32, at);
                bad[other..other + 32].copy_from_slice(&word);
            });
        }
        if at + 64 <= proof.len() {
            add("and the next at infinity", &|bad| bad[at..at + 64].fill(0));
            add("and the next the generator", &|bad| {
                bad[at..at + 64].fill(0);
                (bad[at + 31], bad[at + 63]) = (1, 2);
            });
            add("and the next negated", &|bad| {
                negate(&mut bad[at + 32..at + 64])
            });
        }
    }
    all
}

/// `p − y` for a coordinate.
fn negate(word: &mut [u8]) {
    let mut bytes: [u8; 32] = word.try_into().unwrap();
    bytes.reverse();
    if let Some(y) = Option::<Fq>::from(Fq::from_repr(bytes)) {
        bytes = (-y).to_repr();
        bytes.reverse();
        word.copy_from_slice(&bytes);
    }
}

#[test]
fn altered_proofs_are_refused() {
    let packed = Packed::new(&SHORT, KIND, 2);
    let statement = claim(&packed.setup, 77, 5);
    let proof = packed.prove(&statement);
    packed.verify(&statement, &proof).unwrap();
    let mut kinds = std::collections::BTreeMap::<String, usize>::new();
    let altered = altered(&proof);
    let key = packed.setup.key.get_vk();
    let verifier = Verifier::new(&packed.srs, key, &packed.key, INSTANCES).unwrap();
    for (name, bad) in &altered {
        let Err(error) = verifier.verify(&statement, bad) else {
            panic!("{name} accepted");
        };
        let kind = format!("{error:?}");
        let kind = kind.split(['{', '(']).take(2).collect::<Vec<_>>().join("(");
        *kinds.entry(kind).or_default() += 1;
    }
    println!("{} altered proofs refused: {kinds:?}", altered.len());
    assert!(altered.len() > 8 * proof.len() / 32);
    let lengths = [0, 1, 31, 32, proof.len() - 32, proof.len() - 1];
    let cut = lengths.map(|length| proof[..length].to_vec());
    let longer = [1, 32, 64].map(|more| [&proof[..], &vec![0; more]].concat());
    for bad in cut.iter().chain(&longer) {
        let result = packed.verify(&statement, bad);
        assert!(
            matches!(result, Err(PackedError::Bytes(crate::snark::SnarkError::Length { expected, found }))
                if expected == proof.len() && found == bad.len())
        );
    }
}

#[test]
fn other_statements_and_keys_are_refused() {
    let packed = Packed::new(&SHORT, KIND, 2);
    let statement = claim(&packed.setup, 77, 5);
    let proof = packed.prove(&statement);
    let other = claim(&packed.setup, 77, 6);
    packed.verify(&other, &packed.prove(&other)).unwrap();
    let refused = packed.verify(&other, &proof);
    assert!(matches!(
        refused,
        Err(PackedError::Evm(EvmError::Verify { .. }))
    ));
    // Terms whose sum does not hold, and those that have none.
    let mut unpaired = statement.clone();
    unpaired.deferred.generator += Fr::ONE;
    let refused = packed.verify(&unpaired, &proof);
    assert!(matches!(
        refused,
        Err(PackedError::Evm(EvmError::AccumulatedPairing))
    ));
    let changes: [fn(&mut Deferred<Fr, G1Affine>); 4] = [
        |d| d.terms.clear(),
        |d| d.terms[2].1 = G1Affine::default(),
        |d| *d = of_logs(&[Fr::ONE, -Fr::ONE], &[Fr::ZERO; 2], Fr::ONE),
        |d| d.terms.truncate(1),
    ];
    for change in changes {
        let mut bad = statement.clone();
        bad.deferred.left = vec![Fr::ONE];
        change(&mut bad.deferred);
        let refused = packed.verify(&bad, &proof);
        assert!(matches!(refused, Err(PackedError::Deferred(_))));
    }
    let mut several = statement.clone();
    several.deferred.left.push(Fr::ZERO);
    assert!(matches!(
        packed.verify(&several, &proof),
        Err(PackedError::Evm(EvmError::SeveralOpenings { found: 3 }))
    ));
    for place in 0..statement.words.len() {
        let mut bad = statement.clone();
        bad.words[place] += Fr::ONE;
        assert!(packed.verify(&bad, &proof).is_err(), "instance {place}");
    }
    // Keys of the same constraint system: halo2's key and pack of one circuit, of the other, and one of each.
    let kind = Kind { addend: 6, ..KIND };
    let foreign = Packed::new(&SHORT, kind, 2);
    let shown = claim(&foreign.setup, 77, 5);
    foreign.verify(&shown, &foreign.prove(&shown)).unwrap();
    let keys = [packed.setup.key.get_vk(), foreign.setup.key.get_vk()];
    let packs = [packed.key.clone(), foreign.key.clone()];
    for (v, p) in [(0, 1), (1, 0), (1, 1)] {
        for statement in [&statement, &shown] {
            let refused = verify_proof(&SHORT, keys[v], &packs[p], statement, &proof);
            assert!(refused.is_err(), "key {v} with pack {p}");
        }
    }
    // A string of another secret.
    let secret = Srs::of_secret(15, Fr::from(11));
    let refused = verify_proof(&secret, keys[0], &packs[0], &statement, &proof);
    assert!(refused.is_err());
}

#[test]
fn strings_that_do_not_reach_are_named() {
    let setup = Setup::new(KIND, 2);
    let layout = layout_of(setup.key.get_vk(), INSTANCES).unwrap();
    let needed = layout.powers(KIND.k);
    let key = PackedKey::commit(&SHORT, &setup.key, INSTANCES).unwrap();
    for k in [KIND.k, needed.ilog2()] {
        let srs = Srs::development(k).unwrap();
        let found = srs.n();
        let named = |error: PackedError| matches!(error, PackedError::Powers { needed: n, found: f } if (n, f) == (needed, found));
        assert!(found < needed);
        assert!(named(
            PackedKey::commit(&srs, &setup.key, INSTANCES).unwrap_err()
        ));
        let words = claim(&setup, 77, 5).words;
        let circuit = setup.circuit(&with_limbs(&words));
        let refused = create_proof(&srs, &setup.key, &key, circuit, &words);
        let error = refused.unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(&format!("k >= {}", needed.ilog2() + 1)),
            "{text}"
        );
        assert!(named(error));
    }
}

/// A pack is its evaluations modulo `Y^t − x` for every `t`, and for no other evaluations.
#[test]
fn a_pack_is_its_evaluations_modulo() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut random = || Fr::from_raw(std::array::from_fn(|_| rng.next_u64() >> 2));
    let mut tried = 0;
    for count in 1..=20 {
        let lengths = (0..count).map(|i| 1 + (7 * i + count) % 9);
        let members: Vec<Vec<Fr>> = lengths
            .map(|length| (0..length).map(|_| random()).collect())
            .collect();
        let (x, y) = (random(), random());
        let pack = interleave(&members);
        let quotients: Vec<Vec<Fr>> = members.iter().map(|f| divide(f, x)).collect();
        let quotient = evaluate(&interleave(&quotients), y);
        let vanishing = y.pow_vartime([count as u64]) - x;
        let holds = |evaluations: &[Fr]| {
            evaluate(&pack, y) - evaluate(evaluations, y) == quotient * vanishing
        };
        let evaluations: Vec<Fr> = members.iter().map(|f| evaluate(f, x)).collect();
        assert!(holds(&evaluations));
        for place in 0..count {
            let mut bad = evaluations.clone();
            bad[place] += Fr::ONE;
            assert!(!holds(&bad), "{place} of {count}");
            tried += 1;
        }
    }
    println!("{tried} other evaluations, 0 hold");
}

/// Blinding is fresh: no word of two proofs of one statement is the same.
#[test]
fn two_proofs_share_no_word_but_the_keys() {
    let packed = Packed::new(&SHORT, KIND, 2);
    let statement = claim(&packed.setup, 77, 5);
    let [one, two] = [(); 2].map(|()| packed.prove(&statement));
    let same = one.chunks(32).zip(two.chunks(32)).filter(|(a, b)| a == b);
    assert_eq!(same.count(), 0);
    assert_eq!(one.len(), two.len());
}

/// The aggregation circuit as it is.
#[test]
fn the_aggregation_circuit() {
    let srs = Srs::development(18).unwrap();
    let sample = sample(perceptron(&[3, 4, 1], 0), FoldMode::On, &srs, 1);
    let verifier = &sample.model.verifier;
    let keys = keys::ProvingKey::derive(verifier, FoldMode::On, &srs).unwrap();
    let pinning = &keys.meta.pinning;
    let circuit =
        AggregationCircuit::prover(verifier, pinning, &sample.statement, &sample.proof).unwrap();
    let public = circuit.public().clone();
    let claim = Claim::new(&public, public.digest());
    let layout = layout_of(keys.pk.get_vk(), INSTANCES).unwrap();
    let shapes: Vec<(usize, usize)> = layout
        .packs
        .iter()
        .map(|pack| (pack.members.len(), pack.rotations.len()))
        .collect();
    assert_eq!(shapes, [(10, 1), (9, 1), (4, 4), (2, 3), (2, 1)]);
    assert_eq!(layout.extra.len(), 1);
    assert_eq!(layout.powers(keys.meta.k()), 10 << keys.meta.k());
    assert_eq!(Opening::Packed.required_k(keys.meta.k()), srs.k());
    let key = PackedKey::commit(&srs, &keys.pk, INSTANCES).unwrap();
    let proof = create_proof(&srs, &keys.pk, &key, circuit, &claim.words).unwrap();
    println!("k = {}: {} bytes", keys.meta.k(), proof.len());
    verify_proof(&srs, keys.pk.get_vk(), &key, &claim, &proof).unwrap();
    another_accumulator(&srs, &keys, &key, &public, &proof);
    // Each of the key's packs is another point, they change places, one is missing, one is too many.
    let point = laminate_engine::field::Point(srs.powers()[1]);
    let altered = |change: &dyn Fn(&mut Vec<laminate_engine::field::Point>)| {
        let mut other = key.clone();
        change(&mut other.commitments);
        verify_proof(&srs, keys.pk.get_vk(), &other, &claim, &proof).unwrap_err()
    };
    for place in 0..key.commitments.len() {
        let error = altered(&|packs| packs[place] = point);
        assert!(matches!(error, PackedError::Evm(EvmError::Verify { .. })));
    }
    let error = altered(&|packs| packs.swap(0, 1));
    assert!(matches!(error, PackedError::Evm(EvmError::Verify { .. })));
    for (found, error) in [
        (0, altered(&Vec::clear)),
        (1, altered(&|packs| packs.truncate(1))),
        (3, altered(&|packs| packs.push(point))),
    ] {
        assert!(
            matches!(error, PackedError::KeyPacks { expected: 2, found: f } if f == found),
            "{error}"
        );
    }
}

/// Terms that hold, but are not the circuit's, for the digest that the proof states and for their own.
fn another_accumulator(
    srs: &Srs,
    keys: &keys::ProvingKey,
    key: &PackedKey,
    public: &PublicValues<Fr, G1Affine>,
    proof: &[u8],
) {
    let mut other = public.clone();
    other.deferred = terms(7, public.deferred.terms.len(), Fr::ZERO);
    let digests = [public.digest(), other.digest()];
    for digest in digests {
        let claim = Claim::new(&other, digest);
        claim
            .deferred
            .accumulator()
            .unwrap()
            .check(&srs.s_g2())
            .unwrap();
        let refused = verify_proof(srs, keys.pk.get_vk(), key, &claim, proof);
        assert!(matches!(
            refused,
            Err(PackedError::Evm(EvmError::Verify { .. }))
        ));
    }
    // The circuit's own terms in another order, whose sum is the same.
    let mut swapped = public.clone();
    swapped.deferred.terms.swap(0, 1);
    let claim = Claim::new(&swapped, public.digest());
    assert!(verify_proof(srs, keys.pk.get_vk(), key, &claim, proof).is_err());
}
