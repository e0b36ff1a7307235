//! `laminate deploy`: the contracts onto a chain.

use std::path::PathBuf;

use alloy::primitives::utils::format_ether;
use alloy::primitives::{Address, B256};
use clap::Args;
use eyre::{WrapErr, bail, ensure};
use serde::Serialize;

use super::verifier;
use crate::chain::bundle::{Bundle, Contract};
use crate::chain::deploy::{Plan, Router, Step, another, deploy_recorded};
use crate::chain::journal::{Journal, is_unfinished};
use crate::chain::manifest::{Manifest, read_record};
use crate::chain::rpc::NodeArgs;
use crate::chain::signer::SignerArgs;
use crate::chain::{Chain, Cost, RpcChain};
use crate::destination;
use crate::files::Lock;
use crate::output::Output;
use crate::shards;

/// Deploy a verifier, with its registry, to a chain.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  laminate verifier fraud -o fraud-verifier\n  laminate deploy fraud-verifier --rpc-url http://127.0.0.1:8545 --keystore ~/.foundry/keystores/me --screen\n\nThe key comes from an encrypted keystore or from LAMINATE_PRIVATE_KEY, never from the command line. A\nverifier made with a development reference string is deployed on local chains only.\n\nThe contracts are compared with those of this build; the generated verifier of one program (--mode direct)\nwith its source, if the compiler is there, or with --dir with what the model's key gives. A universal\nverifier is of all programs: later ones reuse it with --universal ADDRESS.\n\nEach transaction is recorded before it is sent. A deployment that stopped, for whatever reason, goes on with\nthe same command and --resume; nothing is deployed twice."
)]
pub struct Deploy {
    /// Folder made by `laminate verifier`.
    pub verifier_dir: PathBuf,
    #[command(flatten)]
    pub node: NodeArgs,
    #[command(flatten)]
    pub signer: SignerArgs,
    /// Use this registry instead of a new one.
    #[arg(long, value_name = "ADDRESS")]
    pub registry: Option<Address>,
    /// Universal mode: use this universal verifier instead of a new one, if its code is exactly the expected one.
    #[arg(long, value_name = "ADDRESS")]
    pub universal: Option<Address>,
    /// Universal mode: call the universal verifier through a router, a new one of the sender unless given. Its owner
    /// can add verifiers, and so is trusted until the router is frozen.
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, require_equals = true)]
    pub router: Option<Option<Address>>,
    /// Deploy the example application, too.
    #[arg(long)]
    pub screen: bool,
    /// Folder of the model or the join: deploy nothing but what its keys and reference string give, whatever the
    /// verifier's folder holds.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Where to record the addresses.
    #[arg(short, long, value_name = "FILE", default_value = "deployment.json")]
    pub output: PathBuf,
    /// Replace the record of an earlier deployment.
    #[arg(long)]
    pub force: bool,
    /// Go on with the deployment that the record says has stopped: same folder, chain, account and options.
    #[arg(long, conflicts_with = "force")]
    pub resume: bool,
}

/// One contract in the report.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(skip)]
    name: String,
    contract: Contract,
    /// The function called, if nothing was deployed.
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<&'static str>,
    /// Whether an earlier run had done it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    earlier: bool,
    /// Where an earlier run was to create it, if another contract of the account came to stand there.
    #[serde(skip_serializing_if = "Option::is_none")]
    displaced: Option<Address>,
    address: Address,
    code_hash: B256,
    code_bytes: usize,
    #[serde(flatten)]
    cost: Cost,
}

/// What `deploy` reports.
#[derive(Debug, Serialize)]
struct Report {
    chain_id: u64,
    deployer: Address,
    registry: Address,
    contracts: Vec<Row>,
    total_gas: u64,
    development: bool,
    record: PathBuf,
}

impl Deploy {
    /// Runs the command.
    ///
    /// # Errors
    /// A malformed folder, an existing record, no key, a chain that is not the right one, or a failed deployment.
    pub async fn run(self, out: Output) -> eyre::Result<()> {
        destination::file(&self.output)?;
        let _lock = Lock::beside(&self.output)?;
        let journal = self.record()?;
        if shards::is_sharded(&self.verifier_dir) {
            return Err(shards::not_on_chain(
                &self.verifier_dir,
                "is a model in shards",
            ));
        }
        let bundle = Bundle::read(&self.verifier_dir)?;
        verifier::require_derived(&bundle, &self.verifier_dir, self.dir.as_deref(), out)?;
        let signer = self.signer.signer()?;
        let rpc = RpcChain::connect(&self.node, Some(signer)).await?;
        let rpc = rpc.with_legacy(self.signer.legacy);
        let chain_id = rpc.chain_id();
        ensure!(
            rpc.is_local() || self.node.chain_id.is_some(),
            "{} is on chain {chain_id}, not a local one on this machine; give --chain-id {chain_id} if that is where to deploy",
            rpc.node()
        );
        let mut chain = Chain::Rpc(rpc);
        let (plan, mut journal) = match journal {
            Some(journal) => (journal.require(&chain, &bundle, self.plan())?, journal),
            None => {
                let (path, plan) = (Some(self.output.as_path()), self.plan());
                (plan, Journal::start(path, &chain, &bundle, plan)?)
            }
        };
        let sender = chain.sender()?;
        let balance = format_ether(chain.balance(sender).await?);
        out.line(&format!(
            "deploying to {} from {sender}, which has {balance} ether",
            chain.name()
        ));
        let mut rows = Vec::new();
        let deployed = deploy_recorded(&mut chain, &bundle, plan, &mut journal, |step| {
            if let Some(at) = step.displaced {
                out.line(&format!("warning: {}", another(step.contract.name(), at)));
            }
            out.line(&format!(
                "{} at {}, {} gas{}",
                step.name(),
                step.created.address,
                step.created.receipt.gas_used,
                if step.earlier { " (earlier)" } else { "" }
            ));
            rows.push(row(step));
        })
        .await;
        let manifest = match deployed {
            Err(error) if journal.is_begun() => {
                return Err(error.wrap_err(format!(
                    "the deployment has stopped, {0} records how far it came; go on with `laminate deploy {1} --resume -o {0}`",
                    self.output.display(),
                    self.verifier_dir.display()
                )));
            }
            deployed => deployed?,
        };
        // The contracts stand: without the record their addresses must not be lost.
        manifest.write(&self.output).wrap_err_with(|| {
            format!("the contracts are deployed, but not recorded: {manifest:?}")
        })?;
        self.report(&manifest, rows, out)
    }

    /// The deployment to go on with, if any.
    fn record(&self) -> eyre::Result<Option<Journal>> {
        let path = &self.output;
        if !self.resume && !self.force && path.exists() {
            let (what, also) = match is_unfinished(&read_record(path)?) {
                true => (
                    "a deployment that has stopped",
                    "--resume to go on with it, ",
                ),
                false => ("an earlier deployment", ""),
            };
            bail!(
                "{} records {what}; give {also}another name with -o, or --force to replace it",
                path.display()
            );
        }
        self.resume.then(|| Journal::read(path)).transpose()
    }

    fn plan(&self) -> Plan {
        Plan {
            registry: self.registry,
            screen: self.screen,
            universal: self.universal,
            router: match self.router {
                None => Router::None,
                Some(None) => Router::New,
                Some(Some(address)) => Router::At(address),
            },
        }
    }

    fn report(&self, manifest: &Manifest, contracts: Vec<Row>, out: Output) -> eyre::Result<()> {
        let total_gas = contracts.iter().map(|row| row.cost.gas).sum();
        let mut human = String::new();
        for row in &contracts {
            human.push_str(&format!(
                "{:<23} {}  {:>6} bytes  {:>9} gas\n",
                row.name, row.address, row.code_bytes, row.cost.gas
            ));
        }
        human.push_str(&format!(
            "total {total_gas} gas on chain {}; recorded in {}",
            manifest.chain_id,
            self.output.display()
        ));
        if manifest.development {
            human.push_str("\nDEV reference string: whoever made it can forge proofs");
        }
        let report = Report {
            chain_id: manifest.chain_id,
            deployer: manifest.deployer,
            registry: manifest.model_registry.address,
            contracts,
            total_gas,
            development: manifest.development,
            record: self.output.clone(),
        };
        out.result(&human, &report)
    }
}

fn row(step: &Step) -> Row {
    let created = &step.created;
    Row {
        name: step.name(),
        contract: step.contract,
        call: step.call,
        earlier: step.earlier,
        displaced: step.displaced,
        address: created.address,
        code_hash: created.code_hash,
        code_bytes: created.code_bytes,
        cost: Cost::from(&created.receipt),
    }
}
