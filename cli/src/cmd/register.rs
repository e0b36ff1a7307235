//! `laminate register`: a model into the registry.

use std::path::PathBuf;

use alloy::primitives::{Address, B256, U256, keccak256};
use clap::Args;
use eyre::{WrapErr, ensure, eyre};
use serde::Serialize;

use super::card::Card;
use super::verifier;
use crate::chain::code::require_recorded;
use crate::chain::expected::expected;
use crate::chain::manifest::{Manifest, RegisteredModel};
use crate::chain::registry::{NewModel, Registry, Submission, word};
use crate::chain::rpc::NodeArgs;
use crate::chain::signer::SignerArgs;
use crate::chain::universal::Mode;
use crate::chain::{Chain, Cost, RpcChain, refusal};
use crate::destination;
use crate::files::{self, Lock};
use crate::output::Output;
use crate::printable::printable;
use crate::subject::Subject;

/// Register a model: its program digest and weight commitment.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  laminate register fraud --rpc-url http://127.0.0.1:8545 --keystore ~/.foundry/keystores/me\n\nThe model's id follows from its content, the sender, the registry and the chain. It is added to the\ndeployment record, where `submit` and `check` find it. In universal mode the digest registered is that of\nthe verifying key and the program; it is derived from the keys of DIR, if `setup` made some."
)]
pub struct Register {
    /// Model folder whose published weight commitment to register; by default the one of the verifier.
    pub dir: Option<PathBuf>,
    /// The weight commitment itself, for who has no model folder.
    #[arg(long, value_name = "HEX", conflicts_with = "dir")]
    pub weight_commitment: Option<B256>,
    /// Hash of a description kept elsewhere.
    #[arg(long, value_name = "HEX", default_value_t = B256::ZERO, hide_default_value = true)]
    pub metadata_hash: B256,
    /// Card made by `laminate card`, whose hash is the metadata hash.
    #[arg(long, value_name = "FILE", conflicts_with = "metadata_hash")]
    pub card: Option<PathBuf>,
    /// Commitment proof made by `laminate prove-weights`, for models whose inferences do not show that the weights
    /// are in range.
    #[arg(long, value_name = "FILE")]
    pub weight_proof: Option<PathBuf>,
    #[command(flatten)]
    pub node: NodeArgs,
    #[command(flatten)]
    pub signer: SignerArgs,
    /// Record made by `laminate deploy`.
    #[arg(long, value_name = "FILE", default_value = "deployment.json")]
    pub deployment: PathBuf,
}

/// What `register` reports.
#[derive(Debug, Serialize)]
struct Report {
    /// Whether the registry had the model before, so that nothing was sent.
    already_registered: bool,
    model_id: B256,
    registry: Address,
    verifier: Address,
    owner: Address,
    program_digest: B256,
    weight_commitment: B256,
    metadata_hash: B256,
    #[serde(flatten)]
    cost: Option<Cost>,
}

impl Register {
    /// Runs the command.
    ///
    /// # Errors
    /// No deployment record, no weight commitment, no key, a wrong chain, or a refusal by the registry.
    pub async fn run(self, out: Output) -> eyre::Result<()> {
        if let Some(dir) = &self.dir {
            Subject::open_whole(dir)?;
        }
        // It is written again once the model is registered, and nobody else may write it meanwhile.
        destination::file(&self.deployment)?;
        let _lock = Lock::beside(&self.deployment)?;
        let mut manifest = Manifest::read(&self.deployment)?;
        let weight_commitment = self.commitment(&manifest)?;
        self.require_derived(&manifest, out)?;
        let program_digest = manifest.registered_digest();
        let weight_proof = self.weight_proof(&manifest, weight_commitment)?;
        let metadata_hash = match &self.card {
            Some(path) => Card::read(path)?.require(manifest.program_digest, weight_commitment)?,
            None => self.metadata_hash,
        };
        let signer = self.signer.signer()?;
        let rpc = RpcChain::connect(&self.node, Some(signer)).await?;
        manifest.require_chain(rpc.chain_id())?;
        let mut chain = Chain::Rpc(rpc.with_legacy(self.signer.legacy));
        require_recorded(&mut chain, &manifest).await?;

        let registry = Registry {
            address: manifest.model_registry.address,
        };
        let verifier = manifest.inference_verifier.address;
        let new = NewModel {
            program_digest,
            weight_commitment,
            verifier,
            metadata_hash,
            weight_proof: weight_proof.as_ref(),
        };
        let (model_id, cost) = register(&mut chain, registry, &new, &manifest).await?;
        let model = RegisteredModel {
            model_id: model_id.into(),
            weight_commitment,
            owner: chain.sender()?,
        };
        let report = Report {
            already_registered: cost.is_none(),
            model_id: model.model_id,
            registry: registry.address,
            verifier,
            owner: model.owner,
            program_digest,
            weight_commitment,
            metadata_hash,
            cost,
        };
        manifest.models.push(model);
        if let Err(error) = manifest.write(&self.deployment) {
            out.line(&format!(
                "warning: the model is registered, but not recorded ({error}); run the command again when {} can be written",
                self.deployment.display()
            ));
        }
        let cost = match &report.cost {
            Some(cost) => format!("{} gas", cost.gas),
            None => "registered before; added to the record, nothing was sent".into(),
        };
        let human = format!(
            "model {}\nregistry {} on chain {}, {cost}",
            report.model_id, registry.address, manifest.chain_id
        );
        out.result(&human, &report)
    }

    /// The commitment proof, which must be there exactly if the deployment has a verifier of such.
    fn weight_proof(
        &self,
        manifest: &Manifest,
        weight_commitment: B256,
    ) -> eyre::Result<Option<Submission>> {
        let path = match (&self.weight_proof, manifest.weight_verifier) {
            (None, None) => return Ok(None),
            (Some(path), Some(_)) => path,
            (None, Some(_)) => {
                return Err(eyre!(
                    "inferences of {} do not show that its weights are in range; make a commitment proof with `laminate prove-weights DIR -o weights.proof` and give it with --weight-proof",
                    printable(&manifest.program_name)
                ));
            }
            (Some(_), None) => {
                return Err(eyre!(
                    "every inference of {} shows that its weights are in range; leave --weight-proof out",
                    printable(&manifest.program_name)
                ));
            }
        };
        let file = files::read_publishable(path)?;
        let proof = Submission::of_weights(&file.proof, manifest)?;
        ensure!(
            proof.weight_commitment == weight_commitment,
            "{} is of weights {}, to be registered are {weight_commitment}",
            path.display(),
            proof.weight_commitment
        );
        Ok(Some(proof))
    }

    /// Refuses a record whose digest and contracts are not what the model's keys give. In direct mode the digest is the
    /// program's own, which was compared.
    fn require_derived(&self, manifest: &Manifest, out: Output) -> eyre::Result<()> {
        let (Some(dir), Mode::Universal) = (&self.dir, manifest.mode()) else {
            return Ok(());
        };
        if !Subject::open(dir)?.0.has_setup() {
            out.line(&format!(
                "warning: {0} has no keys, so the digest to register is taken from {1} as it stands; `laminate setup {0} --srs FILE` makes the keys that it is derived from",
                dir.display(),
                self.deployment.display()
            ));
            return Ok(());
        }
        let bundle = verifier::derive(dir, Mode::Universal, out)?.bundle;
        let codes = expected(manifest, &bundle, "the model's folder")
            .wrap_err_with(|| format!("the deployment is not of {}", dir.display()))?;
        for (contract, recorded) in manifest.contracts() {
            let code = codes.iter().find(|(c, _)| *c == contract);
            ensure!(
                code.is_some_and(|(_, code)| keccak256(code) == recorded.code_hash),
                "{} records another {} at {} than the keys of {} give: code hash {}; nothing was sent",
                self.deployment.display(),
                contract.name(),
                recorded.address,
                dir.display(),
                recorded.code_hash
            );
        }
        Ok(())
    }

    fn commitment(&self, manifest: &Manifest) -> eyre::Result<B256> {
        if let Some(dir) = &self.dir {
            let published = Subject::open(dir)?.0.commitment()?;
            let program = word(&published.program_digest.0);
            ensure!(
                program == manifest.program_digest,
                "{} is of program {program}, the deployment verifies {} ({}); deploy this program's verifier first",
                dir.display(),
                manifest.program_digest,
                printable(&manifest.program_name)
            );
            return Ok(word(&published.commitment.0));
        }
        self.weight_commitment.or(manifest.weight_commitment).ok_or_else(|| {
            eyre!("which weights? give the model folder (`laminate register DIR`) or --weight-commitment HEX")
        })
    }
}

/// Registers, or finds the model that an earlier run registered without living to record it.
async fn register(
    chain: &mut Chain,
    registry: Registry,
    new: &NewModel<'_>,
    manifest: &Manifest,
) -> eyre::Result<(U256, Option<Cost>)> {
    let error = match registry.register(chain, new).await {
        Ok(registered) => return Ok((registered.model_id, Some(Cost::from(&registered.receipt)))),
        Err(error) => error,
    };
    if refusal(&error).is_none_or(|refusal| refusal.name != "ModelExists") {
        return Err(error);
    }
    let id = registry.model_id(chain, new).await?;
    let mut known = manifest.models.iter();
    if known.any(|model| model.model_id == B256::from(id)) {
        return Err(error);
    }
    Ok((id, None))
}
