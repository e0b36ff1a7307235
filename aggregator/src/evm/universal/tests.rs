//! One contract, several circuits: honest proofs accepted, everything else refused; gas and bytes beside the contract of one key.

use halo2_base::{
    gates::{
        GateInstructions, RangeInstructions,
        circuit::{BaseCircuitParams, CircuitBuilderStage, builder::BaseCircuitBuilder},
        flex_gate::MultiPhaseThreadBreakPoints,
    },
    halo2_proofs::{
        halo2curves::{
            bn256::{Fq, Fr, G1Affine, G2},
            ff::{Field, PrimeField},
            group::Curve,
        },
        plonk::{ProvingKey, keygen_pk, keygen_vk},
    },
};
use laminate_engine::accumulator::Accumulator;
use laminate_engine::fold::FoldMode;

use super::program::interpreter::Interpreter;
use super::*;
use crate::evm::template::KEY_HEAD;
use crate::{
    circuit::AggregationCircuit,
    evm::{
        accumulator_limbs, create_proof, encode_calldata, generate_verifier, secret_words,
        tests::{Chain, compiler},
        verify_proof,
    },
    keys,
    testing::{perceptron, sample},
};

/// What distinguishes the circuits of one constraint system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub k: u32,
    /// Instances are `[a, a + addend, (a + addend)·a]`.
    pub addend: u64,
    /// Bits of the range table; none for a constraint system without lookups.
    pub lookup_bits: Option<usize>,
}

/// A circuit with its key.
pub(crate) struct Setup {
    pub kind: Kind,
    pub srs: Srs,
    pub key: ProvingKey<G1Affine>,
    params: BaseCircuitParams,
    break_points: MultiPhaseThreadBreakPoints,
}

pub(crate) const INSTANCES: usize = 15;

pub(crate) fn instances(limbs: &[Fr], kind: Kind, a: u64) -> Vec<Fr> {
    let (a, addend) = (Fr::from(a), Fr::from(kind.addend));
    let sum = a + addend;
    limbs.iter().copied().chain([a, sum, sum * a]).collect()
}

fn fill(builder: &mut BaseCircuitBuilder<Fr>, columns: usize, kind: Kind, instances: &[Fr]) {
    let range = kind.lookup_bits.map(|_| builder.range_chip());
    let gate = halo2_base::gates::GateChip::<Fr>::default();
    let context = builder.main(0);
    let mut exposed: Vec<_> = instances[..12]
        .iter()
        .map(|limb| context.load_witness(*limb))
        .collect();
    let a = context.load_witness(instances[12]);
    if let Some(range) = range {
        range.range_check(context, a, 40);
    }
    let addend = context.load_constant(Fr::from(kind.addend));
    let sum = gate.add(context, a, addend);
    let product = gate.mul(context, sum, a);
    // Into the last column, and not to its end.
    let mut power = product;
    while context.advice.len() < (columns << kind.k) - (1 << (kind.k - 1)) {
        power = gate.mul(context, power, a);
    }
    exposed.extend([a, sum, product]);
    builder.assigned_instances[0].extend(exposed);
}

impl Setup {
    pub(crate) fn new(kind: Kind, columns: usize) -> Self {
        Self::under(Srs::development(kind.k).unwrap(), kind, columns)
    }

    pub(crate) fn under(srs: Srs, kind: Kind, columns: usize) -> Self {
        let params = BaseCircuitParams {
            k: kind.k as usize,
            num_advice_per_phase: vec![columns],
            num_fixed: 1,
            num_lookup_advice_per_phase: kind.lookup_bits.map(|_| 1).into_iter().collect(),
            lookup_bits: kind.lookup_bits,
            num_instance_columns: 1,
        };
        let mut builder =
            BaseCircuitBuilder::from_stage(CircuitBuilderStage::Keygen).use_params(params.clone());
        fill(
            &mut builder,
            columns,
            kind,
            &instances(&[Fr::ONE; 12], kind, 3),
        );
        let key = keygen_vk(srs.params(), &builder).unwrap();
        let key = keygen_pk(srs.params(), key, &builder).unwrap();
        let break_points = builder.break_points();
        Self {
            kind,
            srs,
            key,
            params,
            break_points,
        }
    }

    pub(crate) fn statement(&self, secret: u64, a: u64) -> Vec<Fr> {
        instances(&accumulator_limbs(&self.accumulator(secret)), self.kind, a)
    }

    /// `left = s·G`, `right = s·τ·G`.
    pub(crate) fn accumulator(&self, s: u64) -> Accumulator<G1Affine> {
        let s = Fr::from(s);
        let [left, right] = [0, 1].map(|power| (self.srs.powers()[power] * s).to_affine());
        Accumulator { left, right }
    }

    pub(super) fn prove(&self, instances: &[Fr]) -> Vec<u8> {
        create_proof(&self.srs, &self.key, self.circuit(instances), instances).unwrap()
    }

    /// The circuit with its witness.
    pub(crate) fn circuit(&self, instances: &[Fr]) -> BaseCircuitBuilder<Fr> {
        let mut builder =
            BaseCircuitBuilder::prover(self.params.clone(), self.break_points.clone());
        fill(
            &mut builder,
            self.params.num_advice_per_phase[0],
            self.kind,
            instances,
        );
        builder
    }

    pub(super) fn words(&self) -> Vec<Word> {
        key_words(&self.srs, self.key.get_vk(), INSTANCES).unwrap()
    }

    pub(super) fn generate(&self) -> UniversalVerifier {
        generate_universal(&self.srs, self.key.get_vk(), INSTANCES).unwrap()
    }

    pub(super) fn program(&self) -> Interpreter {
        let program = VerifierProgram::of(self.generate().program, &self.srs.s_g2());
        Interpreter::read(&program.text).expect("a program")
    }

    fn check(&self, other: &Self) -> Result<(), EvmError> {
        let [a, b] = [self, other].map(|setup| (&setup.srs, setup.key.get_vk()));
        check_same_constraints(a, b, INSTANCES)
    }
}

/// Gas and bytes of both contracts for one proof.
fn compare(
    name: &str,
    compiler: &SolcCompiler,
    (srs, key): (&Srs, &VerifyingKey<G1Affine>),
    statement: &[Fr],
    proof: &[u8],
) -> Chain {
    verify_proof(srs, key, statement, proof).unwrap();
    let universal = generate_universal(srs, key, statement.len()).unwrap();
    assert_eq!(universal.proof_length, proof.len());
    let compiled = universal.compile(compiler).unwrap();
    let chain = Chain::deploy(&compiled.creation);
    let words = key_words(srs, key, statement.len()).unwrap();
    assert_eq!(universal.key_words, words.len());
    let gas = chain
        .call(encode_universal_calldata(statement, &words, proof))
        .expect("the universal contract accepts");
    println!(
        "{name}: universal {} bytes of code, {gas} gas; {} words of key, {} bytes of proof",
        compiled.runtime.len(),
        words.len(),
        proof.len()
    );
    let single = generate_verifier(srs, key, statement.len()).unwrap();
    let single = compiler.compile_verifier(&single.source).unwrap();
    let gas = Chain::deploy(&single.creation)
        .call(encode_calldata(statement, proof))
        .expect("the contract of one key accepts");
    println!(
        "{name}: one key   {} bytes of code, {gas} gas",
        single.runtime.len()
    );
    chain
}

#[test]
fn one_contract_verifies_the_circuits_of_a_constraint_system() {
    let kinds = [(10, 5, 8), (10, 1000, 7), (11, 77, 9)].map(|(k, addend, bits)| Kind {
        k,
        addend,
        lookup_bits: Some(bits),
    });
    let setups = kinds.map(|kind| Setup::new(kind, 2));
    for setup in &setups[1..] {
        setups[0].check(setup).unwrap();
        assert_eq!(setups[0].generate(), setup.generate(), "the same text");
        assert_ne!(key_hash(&setups[0].words()), key_hash(&setup.words()));
    }
    let Some(compiler) = compiler() else { return };
    let compiled = setups[0].generate().compile(&compiler).unwrap();
    let chain = Chain::deploy(&compiled.creation);
    let shown = setups.each_ref().map(|setup| {
        let statement = setup.statement(77, 5);
        let proof = setup.prove(&statement);
        (statement, setup.words(), proof)
    });
    for (setup, (statement, words, proof)) in setups.iter().zip(&shown) {
        verify_proof(&setup.srs, setup.key.get_vk(), statement, proof).unwrap();
        let calldata = encode_universal_calldata(statement, words, proof);
        let gas = chain.call(calldata).expect("accepted");
        println!("{:?}: {gas} gas", setup.kind);
    }
    for (i, (statement, _, proof)) in shown.iter().enumerate() {
        for (j, (other, words, _)) in shown.iter().enumerate().filter(|(j, _)| *j != i) {
            for instances in [statement, other] {
                let calldata = encode_universal_calldata(instances, words, proof);
                assert_eq!(chain.call(calldata), None, "proof {i}, key {j}");
            }
        }
    }
    let (statement, words, proof) = &shown[0];
    let program = &setups[0].program();
    refuses_altered_words((&chain, program), statement, words, proof);
    refuses_false_accumulators((&chain, program), &setups[0]);
    let setup = &setups[0];
    compare(
        "2 + 1 columns",
        &compiler,
        (&setup.srs, setup.key.get_vk()),
        statement,
        proof,
    );
}

/// Every word of the calldata, each altered in several ways, and every other size.
fn refuses_altered_words(
    (chain, program): (&Chain, &Interpreter),
    statement: &[Fr],
    words: &[Word],
    proof: &[u8],
) {
    let good = encode_universal_calldata(statement, words, proof);
    assert!(chain.call(good.clone()).is_some());
    assert_eq!(program.verdict(&good), Some(true));
    let modulus = (Fr::ZERO - Fr::ONE).to_repr();
    let base_modulus = (Fq::ZERO - Fq::ONE).to_repr();
    let mut tried = 0;
    let mut refused = |bad: Vec<u8>, what: &str| {
        assert_ne!(bad, good);
        assert_ne!(program.verdict(&bad), Some(true), "program: {what}");
        assert_eq!(chain.call(bad), None, "{what}");
        tried += 1;
    };
    for at in (0..good.len()).step_by(32) {
        let what = format!("word {}", at / 32);
        for (byte, mask) in [(31, 1), (0, 0x80), (16, 0xff)] {
            let mut bad = good.clone();
            bad[at + byte] ^= mask;
            refused(bad, &what);
        }
        // The same residue, not canonical.
        for modulus in [modulus, base_modulus] {
            let mut bad = good.clone();
            let mut carry = 1u16;
            for (byte, add) in bad[at..at + 32].iter_mut().rev().zip(modulus) {
                carry += u16::from(*byte) + u16::from(add);
                *byte = carry as u8;
                carry >>= 8;
            }
            refused(bad, &what);
        }
        let mut bad = good.clone();
        bad[at..at + 32].fill(0);
        refused(bad, &what);
    }
    // Points exchanged for infinity and for their negatives.
    for at in (32 * (INSTANCES + KEY_HEAD)..good.len() - 32).step_by(32) {
        let mut bad = good.clone();
        bad[at..at + 64].fill(0);
        refused(bad, "infinity");
    }
    let longer = [&good[..], &[0; 32]].concat();
    refused(longer, "longer");
    refused([&good[..], &[0]].concat(), "longer");
    refused(good[..good.len() - 1].to_vec(), "shorter");
    refused(good[..good.len() - 32].to_vec(), "shorter");
    refused(vec![], "empty");
    println!("{tried} altered calldata tried, 0 accepted");
}

/// The circuit proves the limbs, whatever they are; the contract must look at the pairing and at their ranges.
fn refuses_false_accumulators((chain, program): (&Chain, &Interpreter), setup: &Setup) {
    let words = setup.words();
    let accepted = |limbs: [Fr; 12]| {
        let statement = instances(&limbs, setup.kind, 5);
        let proof = setup.prove(&statement);
        let calldata = encode_universal_calldata(&statement, &words, &proof);
        let verdict = program.verdict(&calldata) == Some(true);
        assert_eq!(chain.call(calldata).is_some(), verdict);
        verdict
    };
    let good = setup.accumulator(77);
    assert!(accepted(accumulator_limbs(&good)));
    let mut bad = good.clone();
    bad.left = setup.accumulator(78).left;
    assert!(!accepted(accumulator_limbs(&bad)));
    assert!(!accepted([Fr::ZERO; 12]), "infinity");
    let good = accumulator_limbs(&good);
    for index in (0..12).filter(|index| index % 3 < 2) {
        let mut limbs = good;
        limbs[index] += Fr::from_u128(1 << 88);
        limbs[index + 1] -= Fr::ONE;
        assert!(!accepted(limbs), "limb {index}");
    }
    println!("10 proven but false accumulators tried, 0 accepted");
}

#[test]
fn other_constraint_systems_are_named() {
    let kind = Kind {
        k: 10,
        addend: 5,
        lookup_bits: Some(8),
    };
    let setup = Setup::new(kind, 2);
    let differs = |other: Kind, columns| match setup.check(&Setup::new(other, columns)) {
        Err(EvmError::OtherConstraints { part }) => part,
        result => panic!("{result:?}"),
    };
    let wider = differs(kind, 3);
    let plain = differs(
        Kind {
            lookup_bits: None,
            ..kind
        },
        2,
    );
    println!("another width: {wider}; without lookups: {plain}");
    assert!(matches!(
        generate_universal(&setup.srs, setup.key.get_vk(), 600),
        Err(EvmError::Generate { .. })
    ));
    let small = Srs::development(9).unwrap();
    assert!(matches!(
        key_words(&small, setup.key.get_vk(), INSTANCES),
        Err(EvmError::SizeMismatch { .. })
    ));
}

/// Four columns without lookups, as few as the aggregation circuit can have.
#[test]
fn gas_of_four_columns_without_lookups() {
    let kind = Kind {
        k: 10,
        addend: 5,
        lookup_bits: None,
    };
    let setup = Setup::new(kind, 4);
    let Some(compiler) = compiler() else { return };
    let statement = setup.statement(77, 5);
    let proof = setup.prove(&statement);
    let key = (&setup.srs, setup.key.get_vk());
    compare("4 columns", &compiler, key, &statement, &proof);
}

/// The aggregation circuit as it is.
#[test]
fn gas_of_the_aggregation_circuit() {
    let Some(compiler) = compiler() else { return };
    let srs = Srs::development(20).unwrap();
    let sample = sample(perceptron(&[3, 4, 1], 0), FoldMode::On, &srs, 1);
    let verifier = &sample.model.verifier;
    let keys = keys::ProvingKey::derive(verifier, FoldMode::On, &srs).unwrap();
    let pinning = &keys.meta.pinning;
    let srs = srs.truncated(keys.meta.k()).unwrap();
    let circuit =
        AggregationCircuit::prover(verifier, pinning, &sample.statement, &sample.proof).unwrap();
    let proof = crate::prove::prove(&keys, &srs, circuit, crate::prove::Target::Contract).unwrap();
    println!("{:?}", pinning.params);
    let key = (&srs, keys.pk.get_vk());
    let (statement, proof) = (&proof.instances().unwrap(), &proof.proof);
    compare("aggregation circuit", &compiler, key, statement, proof);
    let embedded = UniversalTemplate::embedded().unwrap();
    let compiled = UniversalTemplate::compile(&srs, key.1, statement.len(), &compiler).unwrap();
    assert_eq!(embedded, compiled, "run scripts/make_embedded.sh");
    embedded.require_key(&srs, key.1).unwrap();
}

/// The contract compiled for one string, with another string's secret in its place, is that string's contract.
#[test]
fn the_template_makes_the_contract_of_any_string() {
    let kind = Kind {
        k: 10,
        addend: 5,
        lookup_bits: None,
    };
    let Some(compiler) = compiler() else { return };
    let own = Setup::new(kind, 2);
    let template =
        UniversalTemplate::compile(&own.srs, own.key.get_vk(), INSTANCES, &compiler).unwrap();
    let statement = own.statement(77, 5);
    let own_proof = (own.words(), own.prove(&statement));
    // A secret whose words are all whole, and one with a word that the compiler pushes shorter.
    let shorter = |tau: &u64| {
        let s_g2 = (G2::generator() * Fr::from(*tau)).to_affine();
        secret_words(&s_g2).iter().any(|word| word[0] == 0)
    };
    let secret = |short| (1 << 40..).find(|tau| shorter(tau) == short).unwrap();
    for (tau, same) in [(secret(false), true), (secret(true), false)] {
        let setup = Setup::under(Srs::of_secret(kind.k, Fr::from(tau)), kind, 2);
        let (srs, key) = (&setup.srs, setup.key.get_vk());
        template.require_key(srs, key).unwrap();
        let made = template.contract(&srs.s_g2()).unwrap();
        let compiled = setup.generate().compile(&compiler).unwrap();
        assert_eq!(made.creation == compiled.creation, same);
        assert_eq!(made.runtime == compiled.runtime, same);
        let words = secret_words(&srs.s_g2());
        for code in [&made.creation, &made.runtime] {
            assert_eq!(template.secret_in(code).unwrap(), Some(words));
        }
        let chain = Chain::deploy(&made.creation);
        let statement = setup.statement(77, 5);
        let (words, proof) = (setup.words(), setup.prove(&statement));
        let calldata = encode_universal_calldata(&statement, &words, &proof);
        let text = template.program(&srs.s_g2()).unwrap().text;
        let program = Interpreter::read(&text).unwrap();
        assert_eq!(program.verdict(&calldata), Some(true));
        assert!(chain.call(calldata).is_some(), "τ = {tau}");
        let foreign = encode_universal_calldata(&own.statement(77, 5), &own_proof.0, &own_proof.1);
        assert_eq!(program.verdict(&foreign), Some(false));
        assert_eq!(chain.call(foreign), None, "a proof under another string");
        for altered in [
            text.replacen("0x0", "0x1", 1),
            text.replacen("[\"+\"", "[\"*\"", 1),
        ] {
            assert!(altered != text && Interpreter::read(&altered).is_none());
        }
    }
    let contract = template.contract(&own.srs.s_g2()).unwrap();
    let words = secret_words(&own.srs.s_g2());
    let of_secret = |at| words.iter().any(|word| is_in(&contract.creation, word, at));
    for at in 0..contract.creation.len() {
        let mut altered = contract.creation.clone();
        altered[at] ^= 1;
        let found = template.secret_in(&altered).unwrap();
        assert_eq!(found.is_some(), of_secret(at), "byte {at}");
    }
    assert_eq!(template.secret_in(&[]).unwrap(), None);
    let other = Setup::new(kind, 3);
    let refused = template.require_key(&other.srs, other.key.get_vk());
    assert!(matches!(refused, Err(EvmError::OtherConstraints { .. })));
}

/// Whether byte `at` belongs to the only place of `word` in `code`.
fn is_in(code: &[u8], word: &Word, at: usize) -> bool {
    let place = code.windows(32).position(|window| window == word);
    place.is_some_and(|place| (place..place + 32).contains(&at))
}
