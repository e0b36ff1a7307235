//! What a proof costs on a chain, measured on one in this process.

use std::path::Path;

use alloy::primitives::B256;

use super::{GasRecord, SizeRecord};
use crate::chain::deploy::{Plan, deploy};
use crate::chain::registry::{NewModel, Registry, Submission, word};
use crate::chain::universal::Mode;
use crate::chain::{CODE_LIMIT, Chain, GAS_LIMIT, Receipt};
use crate::cmd::verifier;
use crate::files::{ModelDir, ProofFile};
use crate::output::Output;

/// Codes and gas.
#[derive(Debug, Default)]
pub struct OnChain {
    /// Runtime code of every contract.
    pub sizes: Vec<SizeRecord>,
    /// Transactions.
    pub gas: Vec<GasRecord>,
}

impl OnChain {
    fn paid(&mut self, name: String, receipt: &Receipt) {
        self.gas.push(GasRecord {
            name,
            gas: receipt.gas_used,
            calldata_bytes: receipt.calldata_bytes as u64,
            limit: GAS_LIMIT,
        });
    }
}

/// Deploys the universal verifier and a registry, registers the model and submits its proof. Of a model with commitment
/// proofs only the contracts: without such a proof no registry takes it.
///
/// # Errors
/// Missing keys, or a proof that the contracts refuse.
pub async fn on_chain(dir: &ModelDir, proof: &ProofFile, out: Output) -> eyre::Result<OnChain> {
    let made = verifier::derive(Path::new(dir.root()), Mode::Universal, out)?;
    let _stage = out.stage("Measuring gas");
    let mut chain = Chain::embedded();
    let mut measured = OnChain::default();
    let manifest = deploy(&mut chain, &made.bundle, Plan::default(), |step| {
        let name = step.contract.name();
        measured.sizes.push(SizeRecord {
            name: format!("code of {name}"),
            bytes: step.created.code_bytes as u64,
            limit: Some(CODE_LIMIT as u64),
        });
        measured.paid(format!("deploy {name}"), &step.created.receipt);
    })
    .await?;
    if made.bundle.info.weights.is_some() {
        return Ok(measured);
    }
    let registry = Registry {
        address: manifest.model_registry.address,
    };
    let model = NewModel {
        program_digest: manifest.registered_digest(),
        weight_commitment: word(&dir.commitment()?.commitment.0),
        verifier: manifest.inference_verifier.address,
        metadata_hash: B256::ZERO,
        weight_proof: None,
    };
    let registered = registry.register(&mut chain, &model).await?;
    measured.paid("register the model".into(), &registered.receipt);
    let submission = Submission::of_inference(&proof.proof, &manifest)?;
    let submitted = registry
        .submit(&mut chain, registered.model_id, &submission)
        .await?;
    measured.paid("submit the proof".into(), &submitted.receipt);
    Ok(measured)
}
