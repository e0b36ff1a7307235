//! Contracts of packed proofs beside the native verifier: the same verdict on everything.

use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use halo2_base::halo2_proofs::halo2curves::ff::{Field, PrimeField};
use laminate_engine::fold::FoldMode;

use super::super::key_hash;
use super::super::tests::{INSTANCES, Kind, Setup};
use super::*;
use crate::circuit::AggregationCircuit;
use crate::evm::tests::{Chain, compiler};
use crate::evm::{accumulator_limbs, encode_universal_calldata};
use crate::keys;
use crate::packed::{self, tests::altered};
use crate::testing::{perceptron, sample};

const KIND: Kind = Kind {
    k: 10,
    addend: 5,
    lookup_bits: Some(8),
};

/// A circuit with its packed key.
struct Circuit {
    setup: Setup,
    srs: Srs,
    key: PackedKey,
}

impl Circuit {
    fn new(srs: &Srs, kind: Kind, columns: usize) -> Self {
        let setup = Setup::new(kind, columns);
        let key = PackedKey::commit(srs, &setup.key, INSTANCES).unwrap();
        let srs = srs.clone();
        Self { setup, srs, key }
    }

    fn prove(&self, statement: &[Fr]) -> Vec<u8> {
        let circuit = self.setup.circuit(statement);
        packed::create_proof(&self.srs, &self.setup.key, &self.key, circuit, statement).unwrap()
    }

    fn verifies(&self, statement: &[Fr], proof: &[u8]) -> bool {
        let key = self.setup.key.get_vk();
        packed::verify_proof(&self.srs, key, &self.key, statement, proof).is_ok()
    }

    fn words(&self) -> Vec<Word> {
        packed_key_words(self.setup.key.get_vk(), &self.key, INSTANCES).unwrap()
    }

    fn own(&self) -> PackedVerifier {
        generate_packed(&self.srs, self.setup.key.get_vk(), &self.key, INSTANCES).unwrap()
    }

    fn universal(&self) -> PackedVerifier {
        generate_packed_universal(&self.srs, self.setup.key.get_vk(), &self.key, INSTANCES).unwrap()
    }
}

/// Both contracts on chains, with the words of the key that each takes.
struct Deployed {
    name: &'static str,
    verifier: PackedVerifier,
    words: Vec<Word>,
    chain: Chain,
}

impl Deployed {
    fn both(circuit: &Circuit) -> Option<[Self; 2]> {
        let compiler = compiler()?;
        let contracts = [
            ("one key", circuit.own(), vec![]),
            ("universal", circuit.universal(), circuit.words()),
        ];
        Some(contracts.map(|(name, verifier, words)| {
            assert_eq!(verifier.key_words, words.len());
            let compiled = verifier.compile(&compiler).unwrap();
            println!("{name}: {} bytes of code", compiled.runtime.len());
            let chain = Chain::deploy(&compiled.creation);
            Self {
                name,
                verifier,
                words,
                chain,
            }
        }))
    }

    fn calldata(&self, statement: &[Fr], proof: &[u8]) -> Vec<u8> {
        encode_universal_calldata(statement, &self.words, proof)
    }

    fn accepts(&self, statement: &[Fr], proof: &[u8]) -> bool {
        self.chain.call(self.calldata(statement, proof)).is_some()
    }
}

#[test]
fn contracts_and_native_verifier_agree() {
    let srs = Srs::development(15).unwrap();
    let circuit = Circuit::new(&srs, KIND, 2);
    let Some(contracts) = Deployed::both(&circuit) else {
        return;
    };
    let statement = circuit.setup.statement(77, 5);
    let other = circuit.setup.statement(78, 5);
    let proof = circuit.prove(&statement);
    let mut tried: Vec<(String, Vec<Fr>, Vec<u8>)> = vec![
        ("honest".to_owned(), statement.clone(), proof.clone()),
        ("honest".to_owned(), other.clone(), circuit.prove(&other)),
        ("another accumulator".to_owned(), other, proof.clone()),
    ];
    for place in 0..statement.len() {
        let mut bad = statement.clone();
        bad[place] += Fr::ONE;
        tried.push((format!("instance {place}"), bad, proof.clone()));
    }
    // With the inverse that belongs to the altered words, so that it is not what refuses them; then the inverse itself.
    let (body, inverse) = proof.split_at(proof.len() - 32);
    for (name, bad) in altered(body) {
        let bad = contracts[0].verifier.with_inverse(&statement, &[], &bad);
        tried.push((name, statement.clone(), bad));
    }
    for (name, bad) in altered(inverse) {
        tried.push((
            format!("inverse {name}"),
            statement.clone(),
            [body, &bad].concat(),
        ));
    }
    for length in [0, 32, proof.len() - 32, proof.len() - 1] {
        tried.push((
            "cut".to_owned(),
            statement.clone(),
            proof[..length].to_vec(),
        ));
    }
    let longer = [&proof[..], &[0; 32]].concat();
    tried.push(("longer".to_owned(), statement.clone(), longer));
    let mut accepted = 0;
    for (name, statement, proof) in &tried {
        let native = circuit.verifies(statement, proof);
        for contract in &contracts {
            let verdict = contract.accepts(statement, proof);
            assert_eq!(verdict, native, "{}: {name}", contract.name);
        }
        accepted += usize::from(native);
    }
    assert_eq!(accepted, 2);
    assert!(tried.len() > 1000);
    println!(
        "{} proofs, {accepted} honest ones accepted by all three",
        tried.len()
    );
}

/// Words of the calldata that are no part of the proof: instances, key and the inverse.
#[test]
fn altered_calldata_is_refused() {
    let srs = Srs::development(15).unwrap();
    let circuit = Circuit::new(&srs, KIND, 2);
    let Some(contracts) = Deployed::both(&circuit) else {
        return;
    };
    let statement = circuit.setup.statement(77, 5);
    let proof = circuit.prove(&statement);
    let mut tried = 0;
    for contract in &contracts {
        let good = contract.calldata(&statement, &proof);
        assert!(contract.chain.call(good.clone()).is_some());
        for (name, bad) in altered(&good) {
            assert_eq!(contract.chain.call(bad), None, "{}: {name}", contract.name);
            tried += 1;
        }
        for bad in [&good[..good.len() - 32], &good[..good.len() - 1], &[]] {
            assert_eq!(contract.chain.call(bad.to_vec()), None);
        }
        assert_eq!(contract.chain.call([&good[..], &[0]].concat()), None);
        // A key that is altered, with the inverse that belongs to it.
        for place in 0..contract.words.len() {
            let mut words = contract.words.clone();
            words[place][31] ^= 1;
            let body = &proof[..proof.len() - 32];
            let bad = contract.verifier.with_inverse(&statement, &words, body);
            let bad = encode_universal_calldata(&statement, &words, &bad);
            assert_eq!(contract.chain.call(bad), None, "key word {place}");
            tried += 1;
        }
    }
    println!("{tried} altered calldata, 0 accepted");
}

/// One contract and several keys; each key with its own proofs only.
#[test]
fn one_packed_contract_verifies_a_constraint_system() {
    let srs = Srs::development(15).unwrap();
    let kinds = [(10, 5, 8), (10, 1000, 7), (11, 77, 9)].map(|(k, addend, bits)| Kind {
        k,
        addend,
        lookup_bits: Some(bits),
    });
    let circuits = kinds.map(|kind| Circuit::new(&srs, kind, 2));
    let text = circuits[0].universal().source;
    for circuit in &circuits[1..] {
        assert_eq!(circuit.universal().source, text);
        let hashes = [circuit, &circuits[0]].map(|circuit| key_hash(&circuit.words()));
        assert_ne!(hashes[0], hashes[1]);
    }
    let Some([_, universal]) = Deployed::both(&circuits[0]) else {
        return;
    };
    let proofs = circuits.each_ref().map(|circuit| {
        let statement = circuit.setup.statement(77, 5);
        let proof = circuit.prove(&statement);
        (statement, proof)
    });
    let mut refused = 0;
    for (i, (statement, proof)) in proofs.iter().enumerate() {
        for (j, circuit) in circuits.iter().enumerate() {
            let words = circuit.words();
            let body = &proof[..proof.len() - 32];
            let completed = universal.verifier.with_inverse(statement, &words, body);
            assert_eq!(
                completed == *proof,
                i == j,
                "one word for both contracts of a key"
            );
            let calldata = encode_universal_calldata(statement, &words, &completed);
            let accepted = universal.chain.call(calldata).is_some();
            assert_eq!(accepted, i == j, "proof {i}, key {j}");
            refused += usize::from(!accepted);
        }
    }
    println!("{refused} proofs under other keys, 0 accepted");
}

/// False accumulators that the circuit proves.
#[test]
fn false_accumulators_are_refused() {
    let srs = Srs::development(15).unwrap();
    let circuit = Circuit::new(&srs, KIND, 2);
    let Some(contracts) = Deployed::both(&circuit) else {
        return;
    };
    let good = circuit.setup.accumulator(77);
    let mut broken = good.clone();
    broken.left = circuit.setup.accumulator(78).left;
    let limbs = accumulator_limbs(&good);
    let mut bad = vec![accumulator_limbs(&broken), [Fr::ZERO; 12]];
    for index in (0..12).filter(|index| index % 3 < 2) {
        let mut limbs = limbs;
        limbs[index] += Fr::from_u128(1 << 88);
        limbs[index + 1] -= Fr::ONE;
        bad.push(limbs);
    }
    for limbs in &bad {
        let mut statement = circuit.setup.statement(77, 5);
        statement[..12].copy_from_slice(limbs);
        let proof = circuit.prove(&statement);
        for contract in &contracts {
            assert!(!contract.accepts(&statement, &proof), "{}", contract.name);
        }
    }
    println!("{} proven but false accumulators, 0 accepted", bad.len());
}

/// The aggregation circuit as it is: gas and bytes.
#[test]
fn gas_of_the_packed_aggregation_circuit() {
    let Some(compiler) = compiler() else { return };
    let srs = Srs::development(19).unwrap();
    let sample = sample(perceptron(&[3, 4, 1], 0), FoldMode::On, &srs, 1);
    let verifier = &sample.model.verifier;
    let keys = keys::ProvingKey::derive(verifier, FoldMode::On, &srs).unwrap();
    let pinning = &keys.meta.pinning;
    let circuit =
        AggregationCircuit::prover(verifier, pinning, &sample.statement, &sample.proof).unwrap();
    let public = circuit.public().clone();
    let limbs = accumulator_limbs(&public.deferred.accumulator().unwrap());
    let instances = [&limbs[..], &public.instances(public.digest())].concat();
    let key = PackedKey::commit(&srs, &keys.pk, instances.len()).unwrap();
    let proof = packed::create_proof(&srs, &keys.pk, &key, circuit, &instances).unwrap();
    let vk = keys.pk.get_vk();
    let words = packed_key_words(vk, &key, instances.len()).unwrap();
    let contracts = [
        generate_packed(&srs, vk, &key, instances.len()).unwrap(),
        generate_packed_universal(&srs, vk, &key, instances.len()).unwrap(),
    ];
    for (verifier, words) in contracts.iter().zip([&[][..], &words]) {
        let compiled = verifier.compile(&compiler).unwrap();
        assert_eq!(proof.len(), verifier.proof_length);
        let calldata = encode_universal_calldata(&instances, words, &proof);
        let gas = Chain::deploy(&compiled.creation).call(calldata);
        println!(
            "{}: {} bytes of code, {} gas, {} words of key, {} bytes of proof",
            verifier.name,
            compiled.runtime.len(),
            gas.expect("accepted"),
            words.len(),
            verifier.proof_length
        );
    }
}
