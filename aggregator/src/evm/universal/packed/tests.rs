//! Contracts of packed proofs beside the native verifier: the same verdict on everything.

use std::path::Path;

use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use halo2_base::halo2_proofs::halo2curves::ff::{Field, PrimeField};
use laminate_engine::fold::FoldMode;
use revm::context::TxEnv;
use revm::context::result::{ExecutionResult, Output};
use revm::database::InMemoryDB;
use revm::primitives::{Address, TxKind, keccak256};
use revm::{Context, ExecuteCommitEvm, MainBuilder, MainContext};

use super::super::key_hash;
use super::super::program::VerifierProgram;
use super::super::program::interpreter::Interpreter;
use super::super::tests::{INSTANCES, Kind, Setup};
use super::*;
use crate::circuit::AggregationCircuit;
use crate::evm::tests::{Chain, compiler};
use crate::evm::{SourceTree, UniversalTemplate, accumulator_limbs, encode_universal_calldata};
use crate::keys;
use crate::packed::{self, Opening, tests::altered};
use crate::prove::{self, AggregationProof, Target};
use crate::testing::{perceptron, sample};

const KIND: Kind = Kind {
    k: 10,
    addend: 5,
    lookup_bits: Some(8),
};

/// Of a key with two packs, as the aggregation circuit's.
const WIDE: (Kind, usize) = (
    Kind {
        lookup_bits: None,
        ..KIND
    },
    8,
);

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

    fn verifier(&self) -> packed::Verifier {
        let key = self.setup.key.get_vk();
        packed::Verifier::new(&self.srs, key, &self.key, INSTANCES).unwrap()
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
    /// The contract as data.
    program: Interpreter,
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
            let program = VerifierProgram::of(verifier.program.clone(), &circuit.srs.s_g2());
            println!("{name}: {} bytes of program", program.text.len());
            let program = Interpreter::read(&program.text).expect("a program");
            Self {
                name,
                verifier,
                words,
                chain,
                program,
            }
        }))
    }

    fn calldata(&self, statement: &[Fr], proof: &[u8]) -> Vec<u8> {
        encode_universal_calldata(statement, &self.words, proof)
    }

    /// What contract and program say, which is the same.
    fn takes(&self, calldata: Vec<u8>, what: &str) -> bool {
        let program = self.program.verdict(&calldata) == Some(true);
        let contract = self.chain.call(calldata).is_some();
        assert_eq!(program, contract, "{}: {what}", self.name);
        contract
    }

    fn accepts(&self, statement: &[Fr], proof: &[u8], what: &str) -> bool {
        self.takes(self.calldata(statement, proof), what)
    }
}

#[test]
fn contracts_and_native_verifier_agree() {
    let srs = Srs::development(15).unwrap();
    let circuit = Circuit::new(&srs, WIDE.0, WIDE.1);
    assert_eq!(circuit.key.commitments.len(), 2);
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
    let verifier = circuit.verifier();
    for (name, statement, proof) in &tried {
        let native = verifier.verify(statement, proof).is_ok();
        for contract in &contracts {
            let verdict = contract.accepts(statement, proof, name);
            assert_eq!(verdict, native, "{}: {name}", contract.name);
        }
        accepted += usize::from(native);
    }
    assert_eq!(accepted, 2);
    assert!(tried.len() > 1000);
    println!(
        "{} proofs, {accepted} honest ones accepted by all five",
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
        assert!(contract.takes(good.clone(), "honest"));
        for (name, bad) in altered(&good) {
            assert!(!contract.takes(bad, &name), "{}: {name}", contract.name);
            tried += 1;
        }
        for bad in [&good[..good.len() - 32], &good[..good.len() - 1], &[]] {
            assert!(!contract.takes(bad.to_vec(), "cut"));
        }
        assert!(!contract.takes([&good[..], &[0]].concat(), "longer"));
        // A key that is altered, with the inverse that belongs to it.
        for place in 0..contract.words.len() {
            let mut words = contract.words.clone();
            words[place][31] ^= 1;
            let body = &proof[..proof.len() - 32];
            let bad = contract.verifier.with_inverse(&statement, &words, body);
            let bad = encode_universal_calldata(&statement, &words, &bad);
            assert!(!contract.takes(bad, "key"), "key word {place}");
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
            let accepted = universal.takes(calldata, "key of another");
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
            let verdict = contract.accepts(&statement, &proof, "false accumulator");
            assert!(!verdict, "{}", contract.name);
        }
    }
    println!("{} proven but false accumulators, 0 accepted", bad.len());
}

/// A proof of a small model, packed, under its key.
struct Model {
    srs: Srs,
    keys: keys::ProvingKey,
    proof: AggregationProof,
}

impl Model {
    fn new() -> Self {
        let srs = Srs::development(18).unwrap();
        let sample = sample(perceptron(&[3, 4, 1], 0), FoldMode::On, &srs, 1);
        let verifier = &sample.model.verifier;
        let keys = keys::ProvingKey::derive(verifier, FoldMode::On, &srs).unwrap();
        let keys = keys.with_opening(Opening::Packed, &srs).unwrap();
        let pinning = &keys.meta.pinning;
        let circuit =
            AggregationCircuit::prover(verifier, pinning, &sample.statement, &sample.proof)
                .unwrap();
        let proof = prove::prove(&keys, &srs, circuit, Target::Contract).unwrap();
        prove::verify(&keys.verifying_key(), &srs, &proof).unwrap();
        Self { srs, keys, proof }
    }

    fn packed(&self) -> &PackedKey {
        self.keys.meta.packed.as_ref().unwrap()
    }
}

/// The aggregation circuit as it is: gas and bytes of the generated contracts, and of a submission to the registry.
#[test]
fn gas_of_the_packed_aggregation_circuit() {
    let Some(compiler) = compiler() else { return };
    let model = Model::new();
    let (srs, key) = (&model.srs, model.packed());
    let vk = model.keys.pk.get_vk();
    let instances = model.proof.instances().unwrap();
    let proof = &model.proof.proof;
    let words = packed_key_words(vk, key, instances.len()).unwrap();
    let contracts = [
        generate_packed(srs, vk, key, instances.len()).unwrap(),
        generate_packed_universal(srs, vk, key, instances.len()).unwrap(),
    ];
    let embedded = UniversalTemplate::embedded_packed().unwrap();
    let compiled = UniversalTemplate::compile_packed(srs, vk, key, instances.len(), &compiler);
    assert_eq!(embedded, compiled.unwrap(), "run scripts/make_embedded.sh");
    embedded
        .require_key(&srs.truncated(model.keys.meta.k()).unwrap(), vk)
        .unwrap();
    for (verifier, words) in contracts.iter().zip([&[][..], &words]) {
        let compiled = verifier.compile(&compiler).unwrap();
        assert_eq!(proof.len(), verifier.proof_length);
        let calldata = encode_universal_calldata(&instances, words, proof);
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
    let halo2 = contracts[0].compile(&compiler).unwrap();
    let submission = Submission::new(&compiler, &halo2.creation, &model.proof);
    let mut chain = submission.chain;
    let first = chain.send(submission.registry, submission.submit.clone());
    let first = first.unwrap_or_else(|| panic!("refused with {:02x?}", chain.returned));
    println!("submit: {first} gas");
    assert_eq!(
        chain.send(submission.registry, submission.submit.clone()),
        None,
        "replayed"
    );
    for at in (4..submission.submit.len()).step_by(32) {
        let mut bad = submission.submit.clone();
        bad[at + 31] ^= 1;
        assert_eq!(
            chain.send(submission.registry, bad),
            None,
            "word {}",
            at / 32
        );
    }
}

/// A registry on a chain, and a submission to it.
struct Submission {
    chain: Ledger,
    registry: Address,
    submit: Vec<u8>,
}

impl Submission {
    fn new(compiler: &SolcCompiler, halo2: &[u8], proof: &AggregationProof) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let tree = SourceTree::contracts(&root).unwrap();
        let names = ["ModelRegistry", "InferenceVerifier"];
        let compiled = compiler.compile(&tree, &names).unwrap();
        let mut chain = Ledger::default();
        let public = &proof.public;
        let statement: Vec<Word> = public.statement.iter().map(word).collect();
        let halo2 = chain.deploy(halo2);
        let arguments = [
            address_word(halo2),
            number(public.outputs as usize),
            number(proof.proof.len()),
            number(public.deferred.terms.len()),
            [0; 32],
        ];
        let creation = [
            &compiled["InferenceVerifier"].creation[..],
            &arguments.concat(),
        ];
        let verifier = chain.deploy(&creation.concat());
        let registry = chain.deploy(&compiled["ModelRegistry"].creation);
        let (program, weights) = (statement[0], statement[1]);
        let register = call(
            "registerModel(bytes32,bytes32,address,bytes32)",
            &[program, weights, address_word(verifier), [0; 32]],
        );
        chain.send(registry, register).expect("registered");
        let model = chain.returned[..].try_into().expect("a word");
        let encoded = crate::evm::encode_proof(proof).unwrap();
        let output = statement[3..].concat();
        let head = [
            model,
            statement[2],
            number(0x80),
            number(0x80 + 32 + output.len()),
        ];
        let mut submit = call("submit(uint256,bytes32,bytes,bytes)", &head);
        for bytes in [&output, &encoded] {
            submit.extend(number(bytes.len()));
            submit.extend(bytes);
        }
        Self {
            chain,
            registry,
            submit,
        }
    }
}

fn number(value: usize) -> Word {
    word(&Fr::from(value as u64))
}

fn address_word(address: Address) -> Word {
    address.into_word().into()
}

fn call(signature: &str, words: &[Word]) -> Vec<u8> {
    let selector = &keccak256(signature.as_bytes())[..4];
    [selector, &words.concat()].concat()
}

/// A chain of several contracts.
#[derive(Default)]
struct Ledger {
    database: InMemoryDB,
    nonce: u64,
    /// What the last transaction returned.
    returned: Vec<u8>,
}

impl Ledger {
    fn transact(&mut self, kind: TxKind, data: Vec<u8>) -> Option<ExecutionResult> {
        let database = std::mem::take(&mut self.database);
        let mut evm = Context::mainnet().with_db(database).build_mainnet();
        // Nobody owns a model of address zero.
        let transaction = TxEnv::builder()
            .caller(Address::repeat_byte(0x11))
            .kind(kind)
            .nonce(self.nonce)
            .data(data.into())
            .gas_limit(16_000_000)
            .build()
            .unwrap();
        self.nonce += 1;
        let result = evm.transact_commit(transaction).unwrap();
        self.database = std::mem::take(&mut evm.ctx.journaled_state.database);
        self.returned = result
            .output()
            .map(|output| output.to_vec())
            .unwrap_or_default();
        result.is_success().then_some(result)
    }

    fn deploy(&mut self, creation: &[u8]) -> Address {
        match self.transact(TxKind::Create, creation.to_vec()) {
            Some(ExecutionResult::Success {
                output: Output::Create(_, Some(contract)),
                ..
            }) => contract,
            other => panic!("{other:?}"),
        }
    }

    /// Gas of a transaction that is taken.
    fn send(&mut self, to: Address, data: Vec<u8>) -> Option<u64> {
        let result = self.transact(TxKind::Call(to), data)?;
        Some(result.tx_gas_used())
    }
}
