//! `deployment.json`: what is deployed where, so that later commands need no addresses.

use std::path::Path;

use alloy::primitives::{Address, B256};
use eyre::{WrapErr, ensure};
use laminate_aggregator::keys::{Lead, TokenFormat};
use laminate_model::statement::Packing;
use serde::{Deserialize, Serialize};

use super::bundle::{Contract, check_version, is_default};
use super::journal::require_finished;
use super::poll::{PollRecord, RootsRecord};
use super::universal::{Mode, UniversalRecord};
use crate::files::{read_at_most, write_bytes};
use crate::subject::InputFormat;

/// Version of `deployment.json` that this build reads and writes.
pub(super) const MANIFEST_VERSION: u32 = 7;

/// A contract on the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Deployed {
    /// Where it is.
    pub address: Address,
    /// keccak-256 of its runtime code.
    pub code_hash: B256,
}

/// A model that `laminate register` registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegisteredModel {
    /// Its id in the registry.
    pub model_id: B256,
    /// Its weights.
    pub weight_commitment: B256,
    /// Who registered it.
    pub owner: Address,
}

/// One deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// Format version.
    pub version: u32,
    /// The chain.
    pub chain_id: u64,
    /// Who deployed.
    pub deployer: Address,
    /// Block before which nothing of this deployment happened.
    pub block: u64,
    /// Whether the keys come from a development reference string.
    pub development: bool,
    /// Name of the program.
    pub program_name: String,
    /// Digest of the program.
    pub program_digest: B256,
    /// Digest of the universal verifier as data, in that mode only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verifier_program: Option<B256>,
    /// Weight commitment that `register` takes if not told another.
    pub weight_commitment: Option<B256>,
    /// What rows of numbers are committed to as; none of tokens and of joins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<InputFormat>,
    /// Outputs of a statement as the contracts count them.
    pub output_count: u32,
    /// Output value = integer · 2^-scale.
    pub output_scale: i8,
    /// The values are token ids instead: id = integer + 2^15.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub output_tokens: bool,
    /// How many of them, the first ones, are the prompt.
    #[serde(default, skip_serializing_if = "is_default")]
    pub output_prompt: u32,
    /// How they are packed into words.
    #[serde(default, skip_serializing_if = "is_default")]
    pub output_packing: Packing,
    /// What stands before the values in the output words.
    #[serde(default, skip_serializing_if = "is_default")]
    pub output_lead: Lead,
    /// The generated verifier: of this program, or of all.
    pub halo2_verifier: Deployed,
    /// The shared verifier between the two, and this program's keys, where the generated verifier is of all programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub universal: Option<UniversalRecord>,
    /// What models name as their verifier.
    pub inference_verifier: Deployed,
    /// The generated verifier of commitment proofs, where inferences do not show that the weights are in range and
    /// it is not [`Self::halo2_verifier`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_halo2_verifier: Option<Deployed>,
    /// What checks commitment proofs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_verifier: Option<Deployed>,
    /// Models and proven inferences.
    pub model_registry: Deployed,
    /// The example application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fraud_screen: Option<Deployed>,
    /// Roots of the credentials that the poll takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_roots: Option<RootsRecord>,
    /// The poll that `laminate poll deploy` made last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eligibility_poll: Option<PollRecord>,
    /// Models registered so far, newest last.
    #[serde(default)]
    pub models: Vec<RegisteredModel>,
}

impl Manifest {
    /// Whose code the verifying key is in.
    pub fn mode(&self) -> Mode {
        match self.universal {
            None => Mode::Direct,
            Some(_) => Mode::Universal,
        }
    }

    /// The digest that models of this deployment are registered under.
    pub fn registered_digest(&self) -> B256 {
        self.universal
            .as_ref()
            .map_or(self.program_digest, |u| u.inference.program_digest)
    }

    /// The contracts of this deployment.
    pub fn contracts(&self) -> Vec<(Contract, Deployed)> {
        let mode = self.mode();
        let mut all = vec![
            (Contract::of_inferences(mode), self.inference_verifier),
            (Contract::ModelRegistry, self.model_registry),
        ];
        match &self.universal {
            None => all.push((Contract::Halo2Verifier, self.halo2_verifier)),
            Some(universal) => {
                all.push((Contract::Halo2UniversalVerifier, self.halo2_verifier));
                all.push((Contract::UniversalVerifier, universal.verifier));
                let router = universal.router.map(|r| r.contract);
                all.extend(router.map(|r| (Contract::VerifierRouter, r)));
            }
        }
        let weights = [
            (Contract::WeightHalo2Verifier, self.weight_halo2_verifier),
            (Contract::of_weights(mode), self.weight_verifier),
        ];
        all.extend(weights.into_iter().filter_map(|(c, d)| Some((c, d?))));
        all.extend(
            self.fraud_screen
                .map(|screen| (Contract::FraudScreen, screen)),
        );
        let roots = self.credential_roots.map(|r| r.contract);
        let poll = self.eligibility_poll.map(|p| p.contract);
        all.extend(
            Contract::OF_POLLS
                .into_iter()
                .zip([roots, poll])
                .filter_map(|(c, d)| Some((c, d?))),
        );
        all
    }

    /// How public tokens read; none for numbers.
    pub fn tokens(&self) -> Option<TokenFormat> {
        self.output_tokens.then_some(TokenFormat {
            prompt: self.output_prompt,
            packing: self.output_packing,
        })
    }

    /// The newest model registered with these weights.
    pub fn model(&self, weight_commitment: B256) -> Option<&RegisteredModel> {
        self.models
            .iter()
            .rev()
            .find(|m| m.weight_commitment == weight_commitment)
    }

    /// Refuses a chain other than the deployment's.
    ///
    /// # Errors
    /// With both chain ids.
    pub fn require_chain(&self, found: u64) -> eyre::Result<()> {
        ensure!(
            found == self.chain_id,
            "wrong chain: the node is on chain {found}, the deployment is on chain {}; check --rpc-url and --deployment",
            self.chain_id
        );
        Ok(())
    }

    /// Reads the file.
    ///
    /// # Errors
    /// A missing or malformed file, another version, or a deployment that has not come to its end.
    pub fn read(path: &Path) -> eyre::Result<Self> {
        ensure!(
            path.exists(),
            "no deployment record {}; make one with `laminate deploy`, or give --deployment FILE",
            path.display()
        );
        let text = read_record(path)?;
        check_version(path, &text, MANIFEST_VERSION)?;
        require_finished(path, &text)?;
        let manifest: Self = serde_json::from_slice(&text)
            .wrap_err_with(|| format!("{} is malformed", path.display()))?;
        if let Some(universal) = &manifest.universal {
            universal
                .inference
                .check(manifest.program_digest)
                .wrap_err_with(|| format!("{} is malformed", path.display()))?;
            let code_hash = manifest.halo2_verifier.code_hash;
            let infos = std::iter::once(&universal.inference).chain(&universal.weights);
            for info in infos {
                ensure!(
                    info.halo2_code_hash == code_hash,
                    "{} is malformed: its program digest {} is for a generated verifier with code hash {}, its generated verifier has {code_hash}",
                    path.display(),
                    info.program_digest,
                    info.halo2_code_hash
                );
            }
        }
        Ok(manifest)
    }

    /// Writes the file under a temporary name, then renames it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, path: &Path) -> eyre::Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        write_bytes(path, text.as_bytes(), false)
    }
}

/// A deployment has a dozen contracts, and a model a few lines; nothing larger is read.
const MAX_RECORD_BYTES: u64 = 16 << 20;

/// The bytes of a deployment record.
///
/// # Errors
/// If it is missing, unreadable or too large.
pub fn read_record(path: &Path) -> eyre::Result<Vec<u8>> {
    read_at_most(path, MAX_RECORD_BYTES)
}
