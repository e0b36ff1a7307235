//! A small real circuit through the whole path: key, proof, contract, compiler, EVM; then everything that must be refused.

use std::path::Path;

use halo2_base::{
    gates::{
        GateInstructions, RangeInstructions,
        circuit::{BaseCircuitParams, CircuitBuilderStage, builder::BaseCircuitBuilder},
        flex_gate::MultiPhaseThreadBreakPoints,
    },
    halo2_proofs::{
        halo2curves::{
            bn256::{Fr, G1Affine},
            ff::{Field, PrimeField},
            group::Curve,
        },
        plonk::{ProvingKey, keygen_pk, keygen_vk},
    },
};
use laminate_engine::accumulator::Accumulator;
use revm::{
    Context, ExecuteCommitEvm, ExecuteEvm, MainBuilder, MainContext,
    context::{
        TxEnv,
        result::{ExecutionResult, Output},
    },
    database::InMemoryDB,
    primitives::{Address, Bytes, TxKind},
};

use super::*;
use crate::srs::Srs;

/// The compiler; `None` only where `LAMINATE_SKIP_CONTRACT_TESTS=1` says that it may be missing: a test that checks nothing
/// must not pass.
pub(super) fn compiler() -> Option<SolcCompiler> {
    match SolcCompiler::find(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..")) {
        Ok(compiler) => Some(compiler),
        Err(error) => {
            let skip = std::env::var_os("LAMINATE_SKIP_CONTRACT_TESTS");
            assert!(
                skip.is_some_and(|value| value == "1"),
                "{error}; LAMINATE_SKIP_CONTRACT_TESTS=1 skips the tests of contracts"
            );
            println!("skipped: {error}");
            None
        }
    }
}

const K: u32 = 10;
const LOOKUP_BITS: usize = 8;

/// A string and keys for the circuit below.
pub(super) struct Setup {
    pub srs: Srs,
    pub key: ProvingKey<G1Affine>,
    params: BaseCircuitParams,
    break_points: MultiPhaseThreadBreakPoints,
}

/// Instances `limbs ++ [a, a², a³, a + 1]`; the circuit constrains the powers and the range of `a`, the accumulator stands free.
pub(super) fn instances(limbs: &[Fr], a: u64) -> Vec<Fr> {
    let a = Fr::from(a);
    let statement = [a, a.square(), a.square() * a, a + Fr::ONE];
    limbs.iter().copied().chain(statement).collect()
}

fn fill(builder: &mut BaseCircuitBuilder<Fr>, instances: &[Fr]) {
    let range = builder.range_chip();
    let context = builder.main(0);
    let mut exposed: Vec<_> = instances[..12]
        .iter()
        .map(|limb| context.load_witness(*limb))
        .collect();
    let a = context.load_witness(instances[12]);
    range.range_check(context, a, 40);
    let square = range.gate().mul(context, a, a);
    let cube = range.gate().mul(context, square, a);
    let next = range.gate().inc(context, a);
    // Rows enough for a second column.
    let mut power = cube;
    for _ in 0..300 {
        power = range.gate().mul(context, power, a);
    }
    exposed.extend([a, square, cube, next]);
    builder.assigned_instances[0].extend(exposed);
}

impl Setup {
    pub(super) fn new() -> Self {
        let srs = Srs::development(K).unwrap();
        let mut builder = BaseCircuitBuilder::from_stage(CircuitBuilderStage::Keygen)
            .use_k(K as usize)
            .use_lookup_bits(LOOKUP_BITS)
            .use_instance_columns(1);
        fill(&mut builder, &instances(&[Fr::ONE; 12], 3));
        let params = builder.calculate_params(Some(9));
        let key = keygen_vk(srs.params(), &builder).unwrap();
        let key = keygen_pk(srs.params(), key, &builder).unwrap();
        let break_points = builder.break_points();
        Self {
            srs,
            key,
            params,
            break_points,
        }
    }

    pub(super) fn prove(&self, instances: &[Fr]) -> Vec<u8> {
        let mut builder =
            BaseCircuitBuilder::prover(self.params.clone(), self.break_points.clone());
        fill(&mut builder, instances);
        create_proof(&self.srs, &self.key, builder, instances).unwrap()
    }

    fn verify(&self, instances: &[Fr], proof: &[u8]) -> Result<(), EvmError> {
        verify_proof(&self.srs, self.key.get_vk(), instances, proof)
    }

    /// `left = s·G`, `right = s·τ·G`.
    pub(super) fn accumulator(&self, s: u64) -> Accumulator<G1Affine> {
        let s = Fr::from(s);
        let [left, right] = [0, 1].map(|power| (self.srs.powers()[power] * s).to_affine());
        Accumulator { left, right }
    }
}

/// Of a call. More than a transaction can have: a precompile that refuses takes 63/64 of what is left, and a contract that goes on must not end for lack
/// of gas.
const GAS: u64 = 1 << 40;

/// One contract on a chain of its own.
pub(super) struct Chain {
    database: InMemoryDB,
    contract: Address,
}

impl Chain {
    pub(super) fn deploy(creation: &[u8]) -> Self {
        Self::try_deploy(creation).expect("deployment")
    }

    /// None where the constructor refuses.
    pub(super) fn try_deploy(creation: &[u8]) -> Option<Self> {
        let mut evm = Context::mainnet()
            .with_db(InMemoryDB::default())
            .build_mainnet();
        let deployment = TxEnv::builder()
            .kind(TxKind::Create)
            .data(Bytes::copy_from_slice(creation))
            .gas_limit(16_000_000)
            .build()
            .unwrap();
        match evm.transact_commit(deployment).unwrap() {
            ExecutionResult::Success {
                output: Output::Create(_, Some(contract)),
                ..
            } => {
                let database = std::mem::take(&mut evm.ctx.journaled_state.database);
                Some(Self { database, contract })
            }
            _ => None,
        }
    }

    /// Gas used where the contract accepts.
    pub(super) fn call(&self, calldata: Vec<u8>) -> Option<u64> {
        let result = self.result(calldata);
        result.is_success().then(|| result.tx_gas_used())
    }

    /// What the contract returns where it accepts.
    pub(super) fn output(&self, calldata: Vec<u8>) -> Option<Vec<u8>> {
        match self.result(calldata) {
            ExecutionResult::Success { output, .. } => Some(output.into_data().to_vec()),
            _ => None,
        }
    }

    fn result(&self, calldata: Vec<u8>) -> ExecutionResult {
        let mut evm = Context::mainnet()
            .with_db(self.database.clone())
            .modify_cfg_chained(|cfg| cfg.tx_gas_limit_cap = Some(GAS))
            .build_mainnet();
        let call = TxEnv::builder()
            .kind(TxKind::Call(self.contract))
            .nonce(1)
            .data(calldata.into())
            .gas_limit(GAS)
            .build()
            .unwrap();
        evm.transact(call).unwrap().result
    }
}

#[test]
fn contract_accepts_the_proof_and_refuses_the_rest() {
    let setup = Setup::new();
    let statement = instances(&accumulator_limbs(&setup.accumulator(77)), 5);
    let proof = setup.prove(&statement);
    setup.verify(&statement, &proof).unwrap();

    let key = setup.key.get_vk();
    let generated = generate_verifier(&setup.srs, key, statement.len()).unwrap();
    assert_eq!(
        generated,
        generate_verifier(&setup.srs, key, statement.len()).unwrap(),
        "the text is determined"
    );
    assert_eq!(
        (generated.instances, generated.proof_length),
        (statement.len(), proof.len())
    );
    assert!(
        generated.source.contains("contract Halo2Verifier {") && generated.source.contains("DEV")
    );

    let Some(compiler) = compiler() else { return };
    let started = std::time::Instant::now();
    let contract = compiler.compile_verifier(&generated.source).unwrap();
    println!(
        "{} + {} advice columns: {} bytes of code, compiled in {:.1?}",
        setup.params.num_advice_per_phase[0],
        setup.params.num_lookup_advice_per_phase[0],
        contract.runtime.len(),
        started.elapsed()
    );
    let chain = Chain::deploy(&contract.creation);
    let gas = chain
        .call(encode_calldata(&statement, &proof))
        .expect("the contract accepts");
    println!(
        "accepted for {gas} gas, {} bytes of calldata",
        32 * statement.len() + proof.len()
    );

    // Code that other settings emptied: the constructor is the first of it, and what it would return is zeros.
    let runtime = contract.creation.len() - contract.runtime.len();
    assert!(Chain::try_deploy(&contract.creation[..runtime + 67]).is_none());
    refuses_altered_proofs(&setup, &chain, &statement, &proof);
    refuses_altered_instances(&setup, &chain, &statement, &proof);
    refuses_a_false_accumulator(&setup, &chain);
    accepts_what_the_wrapper_must_refuse(&chain, &statement, &proof);
}

fn refuses_altered_proofs(setup: &Setup, chain: &Chain, statement: &[Fr], proof: &[u8]) {
    let refused = |bad: &[u8]| {
        assert!(setup.verify(statement, bad).is_err());
        assert_eq!(chain.call(encode_calldata(statement, bad)), None);
    };
    let words = proof.len() / 32;
    for word in 0..words {
        let mut bad = proof.to_vec();
        bad[32 * word + 31] ^= 1;
        refused(&bad);
    }
    let zeros = vec![0; proof.len()];
    refused(&zeros);
    refused(&proof[..proof.len() - 32]);
    refused(&[]);
    println!("{} altered proofs tried, 0 accepted", words + 3);
}

fn refuses_altered_instances(setup: &Setup, chain: &Chain, statement: &[Fr], proof: &[u8]) {
    let refused = |bad: &[Fr]| {
        assert!(setup.verify(bad, proof).is_err());
        assert_eq!(chain.call(encode_calldata(bad, proof)), None);
    };
    for index in 0..statement.len() {
        let mut bad = statement.to_vec();
        bad[index] += Fr::ONE;
        refused(&bad);
    }
    // Another true accumulator under the same proof, and the two points exchanged.
    let other = setup.accumulator(78);
    refused(&instances(&accumulator_limbs(&other), 5));
    let Accumulator { left, right } = setup.accumulator(77);
    refused(&instances(
        &accumulator_limbs(&Accumulator {
            left: right,
            right: left,
        }),
        5,
    ));
    refused(&statement[..statement.len() - 1]);
    println!(
        "{} altered instance vectors tried, 0 accepted",
        statement.len() + 3
    );
}

/// The circuit proves the limbs, whatever they are; the contract must look at the pairing and at their ranges.
fn refuses_a_false_accumulator(setup: &Setup, chain: &Chain) {
    let refused = |bad: &[Fr]| {
        let proof = setup.prove(bad);
        assert_eq!(chain.call(encode_calldata(bad, &proof)), None);
        setup.verify(bad, &proof).unwrap_err()
    };
    let mut bad = setup.accumulator(77);
    bad.left = setup.accumulator(78).left;
    let error = refused(&instances(&accumulator_limbs(&bad), 5));
    assert!(matches!(error, EvmError::AccumulatedPairing), "{error}");
    let error = refused(&instances(&[Fr::ZERO; 12], 5));
    assert!(
        matches!(error, EvmError::Accumulator { .. }),
        "infinity: {error}"
    );
    // The same points in limbs out of range: a carry moved down.
    let good = accumulator_limbs(&setup.accumulator(77));
    for index in (0..12).filter(|index| index % 3 < 2) {
        let mut limbs = good;
        limbs[index] += Fr::from_u128(1 << 88);
        limbs[index + 1] -= Fr::ONE;
        let error = refused(&instances(&limbs, 5));
        assert!(
            matches!(error, EvmError::Accumulator { .. }),
            "limb {index}: {error}"
        );
    }
    println!("10 proven but false accumulators tried, 0 accepted");
}

/// The generated code reads by position and reduces instances: known, and refused by the contract that calls it.
fn accepts_what_the_wrapper_must_refuse(chain: &Chain, statement: &[Fr], proof: &[u8]) {
    let mut trailing = encode_calldata(statement, proof);
    trailing.extend([0; 32]);
    assert!(chain.call(trailing).is_some());
    let mut above = encode_calldata(statement, proof);
    let modulus = (Fr::ZERO - Fr::ONE).to_repr();
    let mut carry = 1u16;
    for (byte, add) in above[12 * 32..13 * 32].iter_mut().rev().zip(modulus) {
        carry += u16::from(*byte) + u16::from(add);
        *byte = carry as u8;
        carry >>= 8;
    }
    assert!(chain.call(above).is_some());
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let setup = Setup::new();
    let key = setup.key.get_vk();
    let small = Srs::development(K - 1).unwrap();
    assert!(matches!(
        generate_verifier(&small, key, 16),
        Err(EvmError::SizeMismatch { key: 10, srs: 9 })
    ));
    assert!(matches!(
        generate_verifier(&setup.srs, key, 11),
        Err(EvmError::InstanceCount { .. })
    ));
    assert!(matches!(
        setup.verify(&[Fr::ZERO; 16], &[0; 10]),
        Err(EvmError::ProofLength { found: 10, .. })
    ));
}
