//! `deployment.json` while a deployment is under way: each transaction is written down before it is sent and again
//! when it is in a block, so that a deployment that stops can go on and never makes a contract twice.

use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B256};
use eyre::{WrapErr, bail, ensure, eyre};
use serde::{Deserialize, Serialize};

use super::bundle::{Bundle, Contract, check_version};
use super::deploy::Plan;
use super::manifest::{MANIFEST_VERSION, read_record};
use super::{Chain, Receipt, Signed, Watch};
use crate::files::write_bytes;

/// A deployment that has not come to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Unfinished {
    /// The chain.
    pub chain_id: u64,
    /// Who deploys.
    pub deployer: Address,
    /// [`Bundle::digest`] of the verifier's folder.
    pub bundle: B256,
    /// What is deployed beside it.
    pub plan: Plan,
    /// In order.
    pub steps: Vec<Begun>,
}

/// A transaction that was sent, or about to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Begun {
    /// The contract created or called.
    pub contract: Contract,
    /// The function called, if this step creates nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// Where the contract is, or will be.
    pub address: Address,
    /// The deployer's nonce.
    pub nonce: u64,
    /// Hash of the transaction.
    pub transaction: B256,
    /// Block that the transaction is in, once it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<u64>,
    /// Gas paid for, once it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gas: Option<u64>,
}

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    unfinished: Unfinished,
}

/// Keeps account of a deployment, in a file if there is one.
#[derive(Debug)]
pub struct Journal {
    path: Option<PathBuf>,
    /// What the file held before, to be put back if nothing comes of the deployment.
    replaced: Option<Vec<u8>>,
    state: Unfinished,
}

impl Journal {
    /// Of a deployment from its start; without a path nothing is written, as where a chain ends with this process.
    ///
    /// # Errors
    /// If a file to be replaced cannot be read, or nobody sends.
    pub fn start(
        path: Option<&Path>,
        chain: &Chain,
        bundle: &Bundle,
        plan: Plan,
    ) -> eyre::Result<Self> {
        let replaced = path.filter(|p| p.exists()).map(read_record).transpose()?;
        Ok(Self {
            path: path.map(Into::into),
            replaced,
            state: Unfinished {
                chain_id: chain.chain_id(),
                deployer: chain.sender()?,
                bundle: bundle.digest()?,
                plan,
                steps: Vec::new(),
            },
        })
    }

    /// Of the deployment that a file records.
    ///
    /// # Errors
    /// No file, another version, a malformed file, or a deployment that came to its end.
    pub fn read(path: &Path) -> eyre::Result<Self> {
        ensure!(
            path.exists(),
            "no deployment record {}: there is nothing to resume; leave --resume out",
            path.display()
        );
        let text = read_record(path)?;
        check_version(path, &text, MANIFEST_VERSION)?;
        ensure!(
            is_unfinished(&text),
            "{} records a deployment that came to its end: there is nothing to resume",
            path.display()
        );
        let file: File = serde_json::from_slice(&text)
            .wrap_err_with(|| format!("{} is malformed", path.display()))?;
        Ok(Self {
            path: Some(path.into()),
            replaced: None,
            state: file.unfinished,
        })
    }

    /// Refuses to go on elsewhere, with another account, folder or plan; the plan to go on with. A plan of nothing
    /// stands for the recorded one.
    ///
    /// # Errors
    /// With what is recorded and what was found.
    pub fn require(&self, chain: &Chain, bundle: &Bundle, plan: Plan) -> eyre::Result<Plan> {
        let (state, sender) = (&self.state, chain.sender()?);
        ensure!(
            state.chain_id == chain.chain_id(),
            "wrong chain: the node is on chain {}, the deployment to resume is on chain {}; check --rpc-url",
            chain.chain_id(),
            state.chain_id
        );
        ensure!(
            state.deployer == sender,
            "the deployment to resume is of account {}, found {sender}; give its key",
            state.deployer
        );
        let digest = bundle.digest()?;
        ensure!(
            state.bundle == digest,
            "the deployment to resume is of another verifier's folder: digest {}, found {digest}; give the folder it was begun with, or --force to begin anew",
            state.bundle
        );
        ensure!(
            plan == Plan::default() || plan == state.plan,
            "the deployment to resume was begun with other options: {}; leave --registry, --universal, --router and --screen out",
            serde_json::to_string(&state.plan)?
        );
        Ok(state.plan)
    }

    /// Whether something was sent.
    pub fn is_begun(&self) -> bool {
        !self.state.steps.is_empty()
    }

    /// The step with a contract, or with a function of it, if it was begun.
    pub fn begun(&self, contract: Contract, call: Option<&str>) -> Option<&Begun> {
        let mut steps = self.state.steps.iter();
        steps.find(|step| step.contract == contract && step.call.as_deref() == call)
    }

    /// To be told of a step; `called` is the address of the contract, if the step calls one.
    pub(super) fn watch(
        &mut self,
        contract: Contract,
        called: Option<(&'static str, Address)>,
    ) -> Entry<'_> {
        Entry {
            before: self.begun(contract, called.map(|c| c.0)).cloned(),
            journal: self,
            contract,
            called,
        }
    }

    /// Writes down that a step is in a block.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn done(
        &mut self,
        contract: Contract,
        call: Option<&str>,
        receipt: &Receipt,
    ) -> eyre::Result<()> {
        let mut steps = self.state.steps.iter_mut();
        let step = steps.find(|step| step.contract == contract && step.call.as_deref() == call);
        let Some(step) = step else {
            // Nothing is signed on the embedded chain.
            return Ok(());
        };
        step.block = Some(receipt.block);
        step.gas = Some(receipt.gas_used);
        step.transaction = receipt.tx_hash.unwrap_or(step.transaction);
        self.save()
    }

    fn put(
        &mut self,
        contract: Contract,
        call: Option<&str>,
        step: Option<Begun>,
    ) -> eyre::Result<()> {
        let steps = &mut self.state.steps;
        steps.retain(|old| old.contract != contract || old.call.as_deref() != call);
        steps.extend(step);
        self.save()
    }

    /// The file as it is to be now; as it was before where nothing is left of the deployment.
    fn save(&self) -> eyre::Result<()> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        if self.state.steps.is_empty() {
            return match &self.replaced {
                Some(bytes) => write_bytes(path, bytes, false),
                None if path.exists() => std::fs::remove_file(path)
                    .wrap_err_with(|| format!("cannot remove {}", path.display())),
                None => Ok(()),
            };
        }
        let file = File {
            version: MANIFEST_VERSION,
            unfinished: self.state.clone(),
        };
        let mut text = serde_json::to_string_pretty(&file)?;
        text.push('\n');
        write_bytes(path, text.as_bytes(), false)
    }
}

/// One step while it is sent.
pub(super) struct Entry<'a> {
    journal: &'a mut Journal,
    contract: Contract,
    called: Option<(&'static str, Address)>,
    /// What an earlier attempt left.
    before: Option<Begun>,
}

impl Watch for Entry<'_> {
    fn sending(&mut self, signed: &Signed) -> eyre::Result<()> {
        let address = self.called.map(|called| called.1).or(signed.contract);
        let step = Begun {
            contract: self.contract,
            call: self.called.map(|called| called.0.into()),
            address: address.ok_or_else(|| eyre!("the step creates and calls no contract"))?,
            nonce: signed.nonce,
            transaction: signed.hash,
            block: None,
            gas: None,
        };
        let call = self.called.map(|called| called.0);
        let saved = self.journal.put(self.contract, call, Some(step));
        saved.wrap_err("nothing was sent")
    }

    fn refused(&mut self) -> eyre::Result<()> {
        let call = self.called.map(|called| called.0);
        self.journal.put(self.contract, call, self.before.take())
    }
}

/// Whether a record is of a deployment that has not come to its end.
pub fn is_unfinished(text: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Probe {
        unfinished: Option<serde::de::IgnoredAny>,
    }
    serde_json::from_slice(text).is_ok_and(|probe: Probe| probe.unfinished.is_some())
}

/// Refuses a record of a deployment that has not come to its end.
///
/// # Errors
/// With how to bring it there.
pub fn require_finished(path: &Path, text: &[u8]) -> eyre::Result<()> {
    if is_unfinished(text) {
        bail!(
            "{0} records a deployment that has not come to its end; go on with `laminate deploy VERIFIER_DIR --resume -o {0}`",
            path.display()
        );
    }
    Ok(())
}
