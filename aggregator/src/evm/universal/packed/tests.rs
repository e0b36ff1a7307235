//! Contracts of packed proofs beside the native verifier: the same verdict on everything.

use std::path::Path;

use halo2_base::halo2_proofs::halo2curves::CurveAffine;
use halo2_base::halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_base::halo2_proofs::halo2curves::ff::{Field, PrimeField};
use laminate_engine::deferred::Deferred;
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
use crate::evm::{SourceTree, UniversalTemplate, encode_packed_calldata};
use crate::keys;
use crate::packed::tests::{altered, claim, terms};
use crate::packed::{self, Claim, Opening, with_limbs};
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

    fn prove(&self, claim: &Claim) -> Vec<u8> {
        let circuit = self.setup.circuit(&with_limbs(&claim.words));
        packed::create_proof(&self.srs, &self.setup.key, &self.key, circuit, &claim.words).unwrap()
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

    fn calldata(&self, claim: &Claim, proof: &[u8]) -> Vec<u8> {
        encode_packed_calldata(&claim.words, &self.words, proof, &claim.deferred).unwrap()
    }

    /// What contract and program say, which is the same.
    fn takes(&self, calldata: Vec<u8>, what: &str) -> bool {
        let program = self.program.verdict(&calldata) == Some(true);
        let contract = self.chain.call(calldata).is_some();
        assert_eq!(program, contract, "{}: {what}", self.name);
        contract
    }

    fn accepts(&self, claim: &Claim, proof: &[u8], what: &str) -> bool {
        self.takes(self.calldata(claim, proof), what)
    }
}

/// The group operations as calldata shows them, if it shows any: canonical, on the curve.
fn read_terms(bytes: &[u8]) -> Option<Deferred<Fr, G1Affine>> {
    fn number<F: PrimeField<Repr = [u8; 32]>>(word: &[u8]) -> Option<F> {
        let mut word: [u8; 32] = word.try_into().ok()?;
        word.reverse();
        F::from_repr(word).into()
    }
    let mut words = bytes.chunks(32);
    let (generator, left) = (number(words.next()?)?, number(words.next()?)?);
    let mut terms = vec![];
    while let Some(x) = words.next() {
        let (x, y) = (number(x)?, number(words.next()?)?);
        let point = Option::from(G1Affine::from_xy(x, y))?;
        terms.push((number(words.next()?)?, point));
    }
    Some(Deferred {
        terms,
        generator,
        left: vec![left],
    })
}

#[test]
fn contracts_and_native_verifier_agree() {
    let srs = Srs::development(15).unwrap();
    let circuit = Circuit::new(&srs, WIDE.0, WIDE.1);
    assert_eq!(circuit.key.commitments.len(), 2);
    let Some(contracts) = Deployed::both(&circuit) else {
        return;
    };
    let statement = claim(&circuit.setup, 77, 5);
    let other = claim(&circuit.setup, 78, 6);
    let proof = circuit.prove(&statement);
    // Terms of joins have another left side; that they are the circuit's is its caller's to ask, by D, ω and E.
    let joined = Claim {
        deferred: terms(79, 7, Fr::from(11)),
        ..statement.clone()
    };
    let mut tried: Vec<(String, Claim, Vec<u8>)> = vec![
        ("honest".to_owned(), statement.clone(), proof.clone()),
        ("honest".to_owned(), other.clone(), circuit.prove(&other)),
        ("joined".to_owned(), joined, proof.clone()),
        ("another statement".to_owned(), other, proof.clone()),
    ];
    for place in 0..statement.words.len() {
        let mut bad = statement.clone();
        bad.words[place] += Fr::ONE;
        tried.push((format!("instance {place}"), bad, proof.clone()));
    }
    // With the inverse that belongs to the altered words, so that it is not what refuses them; then the inverse itself.
    let (body, inverse) = proof.split_at(proof.len() - 32);
    for (name, bad) in altered(body) {
        let bad = contracts[0]
            .verifier
            .with_inverse(&statement.words, &[], &bad);
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
    assert_eq!(accepted, 3);
    // The terms, of which a native verifier is only shown such as can be read.
    let mut altered_terms = 0;
    for joined in [Fr::ZERO, Fr::from(11)] {
        let claim = Claim {
            deferred: terms(81, 5, joined),
            ..statement.clone()
        };
        let good = contracts[0].calldata(&claim, &proof);
        let at = good.len() - 64 - 96 * claim.deferred.terms.len();
        for (name, bad) in altered(&good[at..]) {
            let native = read_terms(&bad).is_some_and(|deferred| {
                let claim = Claim {
                    deferred,
                    ..claim.clone()
                };
                verifier.verify(&claim, &proof).is_ok()
            });
            assert!(!native, "{name}");
            for contract in &contracts {
                let good = contract.calldata(&claim, &proof);
                let calldata = [&good[..good.len() - bad.len()], &bad].concat();
                assert!(
                    !contract.takes(calldata, &name),
                    "{}: {name}",
                    contract.name
                );
            }
            altered_terms += 1;
        }
    }
    assert!(tried.len() > 1000 && altered_terms > 500);
    println!(
        "{} proofs, {accepted} honest ones accepted by all five; {altered_terms} altered terms, 0 accepted",
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
    let statement = claim(&circuit.setup, 77, 5);
    let proof = circuit.prove(&statement);
    let mut tried = 0;
    for contract in &contracts {
        let good = contract.calldata(&statement, &proof);
        assert!(contract.takes(good.clone(), "honest"));
        for (name, bad) in altered(&good) {
            assert!(!contract.takes(bad, &name), "{}: {name}", contract.name);
            tried += 1;
        }
        // One term less, none, less than none; a part of a term more or less.
        let shown = 96 * statement.deferred.terms.len();
        let cut = [1, 32, 96, shown, shown + 32, good.len()].map(|cut| good.len() - cut);
        for bad in cut.map(|length| &good[..length]) {
            assert!(!contract.takes(bad.to_vec(), "cut"));
        }
        for more in [1, 32, 64, 96] {
            let longer = [&good[..], &vec![0; more]].concat();
            assert!(!contract.takes(longer, "longer"));
        }
        // The contract refuses more by the length as well; for the most that it takes, no block has the gas.
        for (count, accepted) in [(4096, true), (4097, false)] {
            let deferred = terms(83, count, Fr::ZERO);
            let words = statement.words.clone();
            let calldata = contract.calldata(&Claim { words, deferred }, &proof);
            let verdict = contract.program.verdict(&calldata) == Some(true);
            assert_eq!(verdict, accepted, "{}: {count} terms", contract.name);
        }
        // Four bytes ask for the layout; nothing else is answered.
        let answer = contract.chain.output(vec![0; 4]).expect("answered");
        assert_eq!(answer, keccak256(b"laminate.packed-calldata.v1").to_vec());
        for length in [0, 1, 3, 5, 32] {
            assert_eq!(contract.chain.output(vec![0; length]), None);
        }
        // A key that is altered, with the inverse that belongs to it.
        for place in 0..contract.words.len() {
            let mut words = contract.words.clone();
            words[place][31] ^= 1;
            let body = &proof[..proof.len() - 32];
            let bad = contract
                .verifier
                .with_inverse(&statement.words, &words, body);
            let bad = encode_packed_calldata(&statement.words, &words, &bad, &statement.deferred);
            let bad = bad.unwrap();
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
        let statement = claim(&circuit.setup, 77, 5);
        let proof = circuit.prove(&statement);
        (statement, proof)
    });
    let mut refused = 0;
    for (i, (statement, proof)) in proofs.iter().enumerate() {
        for (j, circuit) in circuits.iter().enumerate() {
            let words = circuit.words();
            let body = &proof[..proof.len() - 32];
            let completed = universal
                .verifier
                .with_inverse(&statement.words, &words, body);
            assert_eq!(
                completed == *proof,
                i == j,
                "one word for both contracts of a key"
            );
            let (shown, terms) = (&statement.words, &statement.deferred);
            let calldata = encode_packed_calldata(shown, &words, &completed, terms).unwrap();
            let accepted = universal.takes(calldata, "key of another");
            assert_eq!(accepted, i == j, "proof {i}, key {j}");
            refused += usize::from(!accepted);
        }
    }
    println!("{refused} proofs under other keys, 0 accepted");
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
    let claim = Claim::new(&model.proof.public, model.proof.digest);
    let proof = &model.proof.proof;
    let words = packed_key_words(vk, key, INSTANCES).unwrap();
    let contracts = [
        generate_packed(srs, vk, key, INSTANCES).unwrap(),
        generate_packed_universal(srs, vk, key, INSTANCES).unwrap(),
    ];
    let embedded = UniversalTemplate::embedded_packed().unwrap();
    let compiled = UniversalTemplate::compile_packed(srs, vk, key, INSTANCES, &compiler);
    assert_eq!(embedded, compiled.unwrap(), "run scripts/make_embedded.sh");
    embedded
        .require_key(&srs.truncated(model.keys.meta.k()).unwrap(), vk)
        .unwrap();
    for (verifier, words) in contracts.iter().zip([&[][..], &words]) {
        let compiled = verifier.compile(&compiler).unwrap();
        assert_eq!(proof.len(), verifier.proof_length);
        let calldata = encode_packed_calldata(&claim.words, words, proof, &claim.deferred).unwrap();
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
    for (verifier, words) in contracts.iter().zip([&[][..], &words]) {
        let halo2 = verifier.compile(&compiler).unwrap().creation;
        let Submission {
            mut chain,
            registry,
            submit,
        } = Submission::new(&compiler, &halo2, words, &model.proof);
        let first = chain.send(registry, submit.clone());
        let first = first.unwrap_or_else(|| panic!("refused with {:02x?}", chain.returned));
        println!(
            "{}: {first} gas to submit, {} bytes of calldata, {} terms",
            verifier.name,
            submit.len(),
            claim.deferred.terms.len()
        );
        let again = chain.send(registry, submit.clone());
        assert_eq!(again, None, "replayed");
        for at in (4..submit.len()).step_by(32) {
            let mut bad = submit.clone();
            bad[at + 31] ^= 1;
            assert_eq!(chain.send(registry, bad), None, "word {}", at / 32);
        }
    }
}

/// A registry on a chain, and a submission to it.
struct Submission {
    chain: Ledger,
    registry: Address,
    submit: Vec<u8>,
}

impl Submission {
    /// With the key in the code, or its words in the proof.
    fn new(compiler: &SolcCompiler, halo2: &[u8], key: &[Word], proof: &AggregationProof) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let tree = SourceTree::contracts(&root).unwrap();
        let names = [
            "ModelRegistry",
            "InferenceVerifier",
            "UniversalVerifier",
            "RoutedVerifier",
        ];
        let compiled = compiler.compile(&tree, &names).unwrap();
        let mut chain = Ledger::default();
        let public = &proof.public;
        let statement: Vec<Word> = public.statement.iter().map(word).collect();
        let outputs = number(public.outputs as usize);
        let halo2 = address_word(chain.deploy(halo2));
        let length = number(proof.proof.len());
        let mut create = |name: &str, arguments: &[Word]| {
            let creation = [&compiled[name].creation[..], &arguments.concat()].concat();
            chain.deploy(&creation)
        };
        let terms = number(public.deferred.terms.len());
        let own = [halo2, outputs, length, terms, [0; 32]];
        let universal = create(
            "UniversalVerifier",
            &[halo2, number(32 * key.len().max(1)), length],
        );
        let verifier = match key {
            [] => create("InferenceVerifier", &own),
            _ => create(
                "RoutedVerifier",
                &[address_word(universal), outputs, [0; 32]],
            ),
        };
        let registry = create("ModelRegistry", &[]);
        let (mut program, weights) = (statement[0], statement[1]);
        let mut encoded = crate::evm::encode_proof(proof).unwrap();
        if !key.is_empty() {
            let words = [&[number(0x40), program, number(32 * key.len())][..], key].concat();
            let asked = call("programDigestOf(bytes,bytes32)", &words);
            chain.send(universal, asked).expect("a digest");
            let key_at = encoded.len() - proof.proof.len();
            encoded.splice(key_at..key_at, key.concat());
            encoded.splice(0..0, program);
            program = chain.returned[..].try_into().expect("a word");
        }
        let register = call(
            "registerModel(bytes32,bytes32,address,bytes32)",
            &[program, weights, address_word(verifier), [0; 32]],
        );
        let gas = chain.send(registry, register).expect("registered");
        println!("{gas} gas to register");
        let model = chain.returned[..].try_into().expect("a word");
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
