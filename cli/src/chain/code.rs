//! The code that must be at each address of a deployment.
//!
//! Immutable values stand in the runtime code, so it cannot be compared with the compiler's output. Instead each
//! constructor is run again, in this process, with the real addresses and the real code around it.

use alloy::primitives::{Address, Bytes, U256, address, keccak256};
use alloy::sol_types::SolConstructor;
use eyre::{WrapErr, ensure};

use super::bundle::{Bundle, Contract};
use super::contracts::{
    FraudScreen, InferenceVerifier, RoutedVerifier, RoutedWeightVerifier, UniversalVerifier,
    VerifierRouter, WeightVerifier,
};
use super::manifest::{Deployed, Manifest};
use super::universal::Mode;
use super::{Chain, EmbeddedChain};

/// Who creates here. Not the sender of any chain: its first contract must not get a neighbour's address.
const DERIVER: Address = address!("0x0000000000000000000000000064657269766572");

/// A contract that another one refers to.
#[derive(Clone, Debug)]
pub struct Neighbour {
    /// Where it is.
    pub address: Address,
    /// Its runtime code.
    pub code: Bytes,
}

/// Constructor arguments of the verifier that a model names, before `behind`: its generated verifier, or in universal
/// mode the verifier of statements.
pub fn inference_arguments(bundle: &Bundle, behind: Address, weights: Option<Address>) -> Vec<u8> {
    let outputs = U256::from(bundle.info.output_count);
    let weights = weights.unwrap_or_default();
    match bundle.info.mode {
        Mode::Direct => InferenceVerifier::constructorCall {
            verifier: behind,
            outputs,
            halo2ProofLength: U256::from(bundle.info.proof_length),
            terms: U256::from(bundle.info.terms),
            weights,
        }
        .abi_encode(),
        Mode::Universal => RoutedVerifier::constructorCall {
            verifier: behind,
            outputs,
            weights,
        }
        .abi_encode(),
    }
}

/// Constructor arguments of the universal verifier before its generated one.
pub fn universal_arguments(bundle: &Bundle, halo2: Address) -> Vec<u8> {
    let key = bundle.info.universal.as_ref();
    UniversalVerifier::constructorCall {
        verifier: halo2,
        keyLength: U256::from(key.map_or(0, |u| u.verifying_key.len())),
        halo2ProofLength: U256::from(bundle.info.proof_length),
    }
    .abi_encode()
}

/// Constructor arguments of a router.
pub fn router_arguments(owner: Address) -> Vec<u8> {
    VerifierRouter::constructorCall { firstOwner: owner }.abi_encode()
}

/// Constructor arguments of the verifier of commitment proofs; none if the bundle has no such contract.
pub fn weight_arguments(bundle: &Bundle, behind: Address) -> Vec<u8> {
    let Some(info) = &bundle.info.weights else {
        return Vec::new();
    };
    match &info.universal {
        None => WeightVerifier::constructorCall {
            verifier: behind,
            weightProgramDigest: info.program_digest,
            halo2ProofLength: U256::from(info.proof_length),
            terms: U256::from(info.terms),
        }
        .abi_encode(),
        Some(universal) => RoutedWeightVerifier::constructorCall {
            verifier: behind,
            weightProgramDigest: universal.program_digest,
        }
        .abi_encode(),
    }
}

/// Constructor arguments of the fraud screen.
pub fn screen_arguments(registry: Address) -> Vec<u8> {
    FraudScreen::constructorCall { registry }.abi_encode()
}

/// Runtime code of a generated verifier, which refers to nothing.
///
/// # Errors
/// If the bundle's creation code does not run, or makes more code than a chain takes.
pub fn halo2(bundle: &Bundle, contract: Contract) -> eyre::Result<Bytes> {
    run(bundle, contract, &[], &[])
}

/// Runtime code of the generated universal verifier.
///
/// # Errors
/// As [`halo2`], or code that the bundle's program digests are not for.
pub fn halo2_universal(bundle: &Bundle) -> eyre::Result<Bytes> {
    let code = halo2(bundle, Contract::Halo2UniversalVerifier)?;
    let found = keccak256(&code);
    let digests = bundle.info.universal_digests();
    for info in digests {
        ensure!(
            info.halo2_code_hash == found,
            "the program digest {} is for a generated verifier with code hash {}, but Halo2UniversalVerifier.bin makes {found}; make the folder again with `laminate verifier`",
            info.program_digest,
            info.halo2_code_hash
        );
    }
    Ok(code)
}

/// Runtime code of the universal verifier beside its generated one.
///
/// # Errors
/// As [`halo2`].
pub fn universal(bundle: &Bundle, halo2: &Neighbour) -> eyre::Result<Bytes> {
    let arguments = universal_arguments(bundle, halo2.address);
    run(bundle, Contract::UniversalVerifier, &arguments, &[halo2])
}

/// Runtime code of a router, which refers to nothing: routes and owner are in its storage.
///
/// # Errors
/// As [`halo2`].
pub fn router(bundle: &Bundle) -> eyre::Result<Bytes> {
    let arguments = router_arguments(DERIVER);
    run(bundle, Contract::VerifierRouter, &arguments, &[])
}

/// Runtime code of the verifier of commitment proofs beside what it calls.
///
/// # Errors
/// As [`halo2`].
pub fn weights(bundle: &Bundle, behind: &Neighbour) -> eyre::Result<Bytes> {
    let arguments = weight_arguments(bundle, behind.address);
    let contract = Contract::of_weights(bundle.info.mode);
    run(bundle, contract, &arguments, &[behind])
}

/// Runtime code of the registry, which refers to nothing.
///
/// # Errors
/// As [`halo2`].
pub fn registry(bundle: &Bundle) -> eyre::Result<Bytes> {
    run(bundle, Contract::ModelRegistry, &[], &[])
}

/// Runtime code of the verifier that a model names beside what it calls and the verifier of commitment proofs.
///
/// # Errors
/// As [`halo2`].
pub fn inference(
    bundle: &Bundle,
    behind: &Neighbour,
    weights: Option<&Neighbour>,
) -> eyre::Result<Bytes> {
    let arguments = inference_arguments(bundle, behind.address, weights.map(|w| w.address));
    let neighbours: Vec<&Neighbour> = std::iter::once(behind).chain(weights).collect();
    let contract = Contract::of_inferences(bundle.info.mode);
    run(bundle, contract, &arguments, &neighbours)
}

/// Runtime code of the fraud screen beside its registry.
///
/// # Errors
/// As [`halo2`].
pub fn screen(bundle: &Bundle, registry: &Neighbour) -> eyre::Result<Bytes> {
    run(
        bundle,
        Contract::FraudScreen,
        &screen_arguments(registry.address),
        &[registry],
    )
}

/// Refuses a chain on which a recorded contract has other code than the record says; to be asked before money is spent
/// on what stands there.
///
/// # Errors
/// The first contract whose code differs, or a failure of the chain.
pub async fn require_recorded(chain: &mut Chain, manifest: &Manifest) -> eyre::Result<()> {
    for (contract, deployed) in manifest.contracts() {
        let Deployed { address, code_hash } = deployed;
        let code = chain.code(address).await?;
        ensure!(
            keccak256(&code) == code_hash,
            "the deployment record has {} at {address} with code hash {code_hash}, on {} there is {}: nothing was sent; \
             check --rpc-url and --deployment, and see `laminate check`",
            contract.name(),
            chain.name(),
            if code.is_empty() {
                "no contract".to_string()
            } else {
                format!("code of hash {}", keccak256(&code))
            }
        );
    }
    Ok(())
}

fn run(
    bundle: &Bundle,
    contract: Contract,
    arguments: &[u8],
    neighbours: &[&Neighbour],
) -> eyre::Result<Bytes> {
    construct(contract, bundle.code(contract), arguments, neighbours)
}

/// Runs a constructor at the beginning of time, when no deadline has passed; the runtime code.
///
/// # Errors
/// Creation code that does not run, or makes more code than a chain takes.
pub(super) fn construct(
    contract: Contract,
    creation: &[u8],
    arguments: &[u8],
    neighbours: &[&Neighbour],
) -> eyre::Result<Bytes> {
    let mut chain = EmbeddedChain::with_sender(super::LOCAL_CHAIN_ID, DERIVER);
    chain.set_timestamp(0);
    for neighbour in neighbours {
        chain.set_code(neighbour.address, neighbour.code.clone());
    }
    let created = chain
        .deploy([creation, arguments].concat().into())
        .wrap_err_with(|| format!("the creation code of {} does not run", contract.name()))?;
    chain.code(created.address)
}
