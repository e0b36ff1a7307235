//! Deploys a bundle and checks what came to stand on the chain.

use alloy::primitives::{Address, Bytes, keccak256};
use eyre::{WrapErr, bail, ensure};

use super::bundle::{Bundle, Contract};
use super::code::{self, Neighbour};
use super::manifest::{Deployed, MANIFEST_VERSION, Manifest};
use super::{Chain, Created, is_local};

/// What to deploy beside the verifiers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan {
    /// A registry that is there already; otherwise a new one.
    pub registry: Option<Address>,
    /// Whether to deploy the example application.
    pub screen: bool,
}

/// One contract deployed.
#[derive(Clone, Debug)]
pub struct Step {
    /// Which.
    pub contract: Contract,
    /// Where, and at what cost.
    pub created: Created,
}

/// Deploys, telling `note` of each contract as soon as it stands: should a later step fail, the earlier contracts and
/// their gas are known.
///
/// # Errors
/// Keys of a development reference string on a chain that is not local; a given registry that is not this build's;
/// creation code that does not run; any failure of [`Chain::deploy`]; code on the chain that is not the bundle's.
pub async fn deploy(
    chain: &mut Chain,
    bundle: &Bundle,
    plan: Plan,
    mut note: impl FnMut(&Step),
) -> eyre::Result<Manifest> {
    let info = &bundle.info;
    ensure!(
        !info.development_srs || is_local(chain.chain_id()),
        "the keys come from a development reference string, whose maker can forge proofs: not deployed on chain {}, only on a \
         local one ({:?}); run `laminate setup DIR --srs FILE` with a public one and make the verifier again",
        chain.chain_id(),
        super::LOCAL_CHAIN_IDS
    );
    // Everything that can fail here fails before the first transaction.
    let halo2_code = code::halo2(bundle, Contract::Halo2Verifier)?;
    let registry_code = code::registry(bundle)?;
    if let Some(address) = plan.registry {
        require_registry(chain, address, &registry_code).await?;
    }
    let deployer = chain.sender()?;

    let halo2 = step(
        chain,
        bundle,
        Contract::Halo2Verifier,
        &[],
        &halo2_code,
        &mut note,
    )
    .await?;
    let block = halo2.created.receipt.block;
    let neighbour = Neighbour {
        address: halo2.created.address,
        code: halo2_code,
    };
    let weights = match bundle.info.weights {
        Some(_) => Some(deploy_weights(chain, bundle, &mut note).await?),
        None => None,
    };
    let beside = weights.as_ref().map(|w| &w.neighbour);
    let expected = code::inference(bundle, &neighbour, beside)?;
    let arguments = code::inference_arguments(bundle, neighbour.address, beside.map(|w| w.address));
    let inference = step(
        chain,
        bundle,
        Contract::InferenceVerifier,
        &arguments,
        &expected,
        &mut note,
    )
    .await?;
    let registry = match plan.registry {
        Some(address) => Deployed {
            address,
            code_hash: keccak256(&registry_code),
        },
        None => step(
            chain,
            bundle,
            Contract::ModelRegistry,
            &[],
            &registry_code,
            &mut note,
        )
        .await?
        .deployed(),
    };
    let mut screen = None;
    if plan.screen {
        let neighbour = Neighbour {
            address: registry.address,
            code: registry_code,
        };
        let expected = code::screen(bundle, &neighbour)?;
        let arguments = code::screen_arguments(registry.address);
        screen = Some(
            step(
                chain,
                bundle,
                Contract::FraudScreen,
                &arguments,
                &expected,
                &mut note,
            )
            .await?
            .deployed(),
        );
    }
    Ok(Manifest {
        version: MANIFEST_VERSION,
        chain_id: chain.chain_id(),
        deployer,
        block,
        development: info.development_srs,
        program_name: info.program_name.clone(),
        program_digest: info.program_digest,
        weight_commitment: info.weight_commitment,
        output_count: info.output_count,
        output_scale: info.output_scale,
        output_tokens: info.output_tokens,
        output_prompt: info.output_prompt,
        output_packing: info.output_packing,
        halo2_verifier: halo2.deployed(),
        inference_verifier: inference.deployed(),
        weight_halo2_verifier: weights.as_ref().map(|w| w.halo2),
        weight_verifier: weights.as_ref().map(|w| w.verifier),
        model_registry: registry,
        fraud_screen: screen,
        models: Vec::new(),
    })
}

/// The contracts of commitment proofs.
struct Weights {
    halo2: Deployed,
    verifier: Deployed,
    neighbour: Neighbour,
}

async fn deploy_weights(
    chain: &mut Chain,
    bundle: &Bundle,
    note: &mut impl FnMut(&Step),
) -> eyre::Result<Weights> {
    let contract = Contract::WeightHalo2Verifier;
    let code = code::halo2(bundle, contract)?;
    let halo2 = step(chain, bundle, contract, &[], &code, note).await?;
    let neighbour = Neighbour {
        address: halo2.created.address,
        code,
    };
    let code = code::weights(bundle, &neighbour)?;
    let arguments = code::weight_arguments(bundle, neighbour.address);
    let contract = Contract::WeightVerifier;
    let verifier = step(chain, bundle, contract, &arguments, &code, note).await?;
    Ok(Weights {
        halo2: halo2.deployed(),
        verifier: verifier.deployed(),
        neighbour: Neighbour {
            address: verifier.created.address,
            code,
        },
    })
}

impl Step {
    fn deployed(&self) -> Deployed {
        Deployed {
            address: self.created.address,
            code_hash: self.created.code_hash,
        }
    }
}

async fn step(
    chain: &mut Chain,
    bundle: &Bundle,
    contract: Contract,
    arguments: &[u8],
    expected: &Bytes,
    note: &mut impl FnMut(&Step),
) -> eyre::Result<Step> {
    let name = contract.name();
    let created = chain
        .deploy(bundle.code(contract), arguments)
        .await
        .wrap_err_with(|| format!("cannot deploy {name}"))?;
    let expected = keccak256(expected);
    ensure!(
        created.code_hash == expected,
        "the code of {name} at {} has hash {}, expected {expected}: this chain does not run Ethereum's rules",
        created.address,
        created.code_hash
    );
    let step = Step { contract, created };
    note(&step);
    Ok(step)
}

async fn require_registry(
    chain: &mut Chain,
    address: Address,
    expected: &Bytes,
) -> eyre::Result<()> {
    let found = chain.code(address).await?;
    if found.is_empty() {
        bail!("no contract at --registry {address} on {}", chain.name());
    }
    ensure!(
        found == *expected,
        "the contract at --registry {address} is not this build's ModelRegistry: code hash {}, expected {}; leave --registry out \
         to deploy a new one",
        keccak256(&found),
        keccak256(expected)
    );
    Ok(())
}
