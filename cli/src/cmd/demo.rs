//! `laminate demo`: the whole path on a small model, from ONNX file to contracts, and what is refused: of the fraud model here, of
//! the eligibility model in `eligibility`, of the fee model in `fee`.

mod attacks;
mod eligibility;
mod fee;
mod prepare;
mod voters;

use alloy::primitives::{Address, B256, U256};
use alloy::signers::local::PrivateKeySigner;
use clap::{Args, ValueEnum};
use eyre::{Context, ensure, eyre};
use serde::Serialize;

use crate::chain::bundle::Contract;
use crate::chain::contracts::FraudScreen;
use crate::chain::deploy::{Plan, deploy};
use crate::chain::manifest::Manifest;
use crate::chain::registry::{NewModel, Registry, Submission, word};
use crate::chain::rpc::NodeArgs;
use crate::chain::signer::SignerArgs;
use crate::chain::universal::Mode;
use crate::chain::{Chain, Created, Receipt, RpcChain};
use crate::files::{ModelDir, ProofFile, hex_scalar};
use crate::measure::{Measured, Stages, size};
use crate::output::Output;
use crate::reading::Reading;

use prepare::{BATCH, Committed, Prepared};

/// First account of anvil and hardhat, whose key is public; used on local chains if no key is given.
const LOCAL_KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
/// Score of 0.5: a payment settles below it.
const THRESHOLD: i16 = 1 << 13;
/// How long a payment waits for its proof.
const ESCROW_SECONDS: u64 = 24 * 60 * 60;
/// Amount of a demo payment, in wei.
const AMOUNT: u64 = 1_000_000;

/// Run everything on a small model, and show what is refused.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  laminate demo\n  laminate demo --example eligibility\n  laminate demo --example fee\n  laminate demo --rpc-url http://127.0.0.1:8545   (a running anvil)\n\nUses the development reference string: its proofs convince nobody but yourself."
)]
pub struct Demo {
    /// What to show.
    #[arg(long, value_enum, default_value_t = Example::Fraud)]
    pub example: Example,
    /// Run against this node instead of the embedded EVM. Not of the eligibility example, which has several accounts, and time
    /// pass.
    #[arg(long, value_name = "URL")]
    pub rpc_url: Option<String>,
    /// One generated verifier for all programs, or one for each.
    #[arg(long, value_enum, default_value_t = Mode::Universal)]
    pub mode: Mode,
    #[command(flatten)]
    pub signer: SignerArgs,
}

/// What there is to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Example {
    /// Deploy, commit to payments, pay into escrow, prove, settle.
    Fraud,
    /// Attest values, post a tree of credentials, open a poll, prove, vote; nobody learns who voted.
    Eligibility,
    /// Note a pool's price, prove a model on the notes, set the pool's fee by it. Exchange and prices are stood in for.
    Fee,
}

/// What `demo` reports.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Every stage.
    pub stages: Vec<Measured>,
    /// What was accepted, with its gas.
    pub accepted: Vec<Accepted>,
    /// What was refused, with the reason.
    pub refused: Vec<Refused>,
    /// Contract code sizes.
    pub contracts: Vec<ContractSize>,
    /// Of a poll the votes for each choice.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub votes: Vec<u64>,
    /// Of a pool what swaps paid.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fees: Vec<Fee>,
}

/// What swaps paid, in hundredths of a basis point.
#[derive(Debug, Serialize)]
pub struct Fee {
    /// When.
    pub when: String,
    /// The fee.
    pub fee: u32,
}

/// An accepted transaction.
#[derive(Debug, Serialize)]
pub struct Accepted {
    /// What.
    pub what: String,
    /// Gas of the transaction.
    pub gas: u64,
    /// Calldata bytes.
    pub calldata_bytes: usize,
}

/// A refused forgery.
#[derive(Debug, Serialize)]
pub struct Refused {
    /// What was tried.
    pub what: String,
    /// The contract's reason.
    pub reason: String,
}

/// Size of one contract.
#[derive(Debug, Serialize)]
pub struct ContractSize {
    /// Which.
    pub contract: String,
    /// Runtime bytes.
    pub bytes: usize,
    /// Gas to deploy.
    pub gas: u64,
}

/// State of a run on the chain.
struct Run<'a> {
    chain: Chain,
    report: &'a mut Report,
    out: Output,
}

impl Demo {
    /// Runs the command.
    ///
    /// # Errors
    /// Any stage that fails, and any forgery that is accepted.
    pub async fn run(self, out: Output) -> eyre::Result<()> {
        let mut stages = Stages::default();
        if self.example == Example::Eligibility {
            ensure!(
                self.rpc_url.is_none(),
                "the eligibility example runs on the embedded chain only, as it lets time pass; leave --rpc-url out (README.md has its commands for a node)"
            );
            let mut report = eligibility::run(self.mode, &mut stages, out).await?;
            report.stages = stages.rows;
            return out.result(&human(&report), &report);
        }
        let chain = self.chain().await?;
        if self.example == Example::Fee {
            let mut report = fee::run(chain, self.mode, &mut stages, out).await?;
            report.stages = stages.rows;
            return out.result(&human(&report), &report);
        }
        let prepared = prepare::prepare(self.mode, &mut stages, out)?;
        let mut report = Report::default();
        let mut run = Run {
            chain,
            report: &mut report,
            out,
        };
        run.all(&prepared, &mut stages).await?;
        report.stages = stages.rows;
        out.result(&human(&report), &report)
    }

    async fn chain(&self) -> eyre::Result<Chain> {
        let Some(url) = &self.rpc_url else {
            return Ok(Chain::embedded());
        };
        let node = NodeArgs {
            rpc_url: url.clone(),
            chain_id: None,
            timeout: 120,
        };
        let reader = RpcChain::connect(&node, None).await?;
        let given =
            self.signer.keystore.is_some() || std::env::var_os("LAMINATE_PRIVATE_KEY").is_some();
        let signer = match (given, reader.is_local()) {
            (false, true) => LOCAL_KEY
                .parse::<PrivateKeySigner>()
                .wrap_err("local key")?,
            _ => self.signer.signer()?,
        };
        let chain = RpcChain::connect(&node, Some(signer)).await?;
        Ok(Chain::Rpc(chain.with_legacy(self.signer.legacy)))
    }
}

impl Run<'_> {
    async fn all(&mut self, prepared: &Prepared, stages: &mut Stages) -> eyre::Result<()> {
        let single = self
            .deploy(
                &prepared.verifier.bundle,
                Plan {
                    screen: true,
                    ..Plan::default()
                },
            )
            .await?;
        let registry = Registry {
            address: single.model_registry.address,
        };
        let plan = Plan {
            registry: Some(registry.address),
            universal: single.universal.as_ref().map(|u| u.verifier.address),
            ..Plan::default()
        };
        let batch = self.deploy(&prepared.batch_verifier.bundle, plan).await?;
        let model = self.register(&single, &prepared.dir).await?;
        let batch_model = self.register(&batch, &prepared.batch_dir).await?;

        // The payer knows the commitment only; what is proven about it later decides.
        let legit = self
            .escrow("legitimate", &single, model, &prepared.legit)
            .await?;
        let fraud = self
            .escrow("fraudulent", &single, model, &prepared.fraud)
            .await?;
        let proofs = prepared.prove(stages, self.out)?;
        self.submit("one legitimate payment", &single, model, &proofs.legit)
            .await?;
        self.submit("one fraudulent payment", &single, model, &proofs.fraud)
            .await?;
        self.submit(
            &format!("a batch of {BATCH}"),
            &batch,
            batch_model,
            &proofs.batch,
        )
        .await?;
        let receipt = self.settle(&single, legit, &proofs.legit).await;
        let receipt = receipt.wrap_err("the legitimate payment did not settle")?;
        self.accept("settle the legitimate payment", &receipt);
        let withdraw = FraudScreen::withdrawCall {
            to: self.chain.sender()?,
        };
        let receipt = self
            .chain
            .write(screen(&single)?, &withdraw, U256::ZERO)
            .await?;
        self.accept("withdraw the payment", &receipt);
        let settled = self.settle(&single, fraud, &proofs.fraud).await;
        self.refuse("settle the fraudulent payment", settled)?;
        let settled = self.settle(&single, fraud, &proofs.legit).await;
        self.refuse(
            "settle the fraudulent payment with the proof of the legitimate one",
            settled,
        )?;
        self.attacks(&single, model, &proofs).await
    }

    async fn deploy(
        &mut self,
        bundle: &crate::chain::bundle::Bundle,
        plan: Plan,
    ) -> eyre::Result<Manifest> {
        let contracts = &mut self.report.contracts;
        deploy(&mut self.chain, bundle, plan, |step| {
            let batch = if bundle.info.output_count > 1 && step.contract == Contract::Halo2Verifier
            {
                " (batch)"
            } else {
                ""
            };
            contracts.push(ContractSize {
                contract: format!("{}{batch}", step.contract.name()),
                bytes: step.created.code_bytes,
                gas: step.created.receipt.gas_used,
            });
        })
        .await
    }

    async fn register(&mut self, manifest: &Manifest, dir: &ModelDir) -> eyre::Result<U256> {
        let registry = Registry {
            address: manifest.model_registry.address,
        };
        let commitment = word(&dir.commitment()?.commitment.0);
        let verifier = manifest.inference_verifier.address;
        let name = format!("register {}", manifest.program_name);
        let registered = registry
            .register(
                &mut self.chain,
                &NewModel {
                    program_digest: manifest.registered_digest(),
                    weight_commitment: commitment,
                    verifier,
                    metadata_hash: B256::ZERO,
                    weight_proof: None,
                },
            )
            .await?;
        self.accept(&name, &registered.receipt);
        Ok(registered.model_id)
    }

    async fn submit(
        &mut self,
        what: &str,
        manifest: &Manifest,
        model: U256,
        proof: &ProofFile,
    ) -> eyre::Result<()> {
        let registry = Registry {
            address: manifest.model_registry.address,
        };
        let submission = Submission::of_inference(&proof.proof, manifest)?;
        let submitted = registry.submit(&mut self.chain, model, &submission).await?;
        self.accept(&format!("submit {what}"), &submitted.receipt);
        let scores = match proof.reading() {
            Reading::Real(scores) => scores,
            _ => vec![],
        };
        let shown: Vec<String> = scores.iter().take(4).map(|s| format!("{s:.4}")).collect();
        self.out
            .line(&format!("accepted {what}: scores {} …", shown.join(", ")));
        Ok(())
    }

    /// The application: a payment in escrow for a committed input, which settles only with a proven score below one half.
    async fn escrow(
        &mut self,
        what: &str,
        manifest: &Manifest,
        model: U256,
        input: &Committed,
    ) -> eyre::Result<U256> {
        let create = FraudScreen::createPaymentCall {
            payee: self.chain.sender()?,
            modelId: model,
            inputCommitment: word(&input.commitment),
            threshold: THRESHOLD,
            deadline: self.chain.timestamp().await? + ESCROW_SECONDS,
        };
        let receipt = self
            .chain
            .write(screen(manifest)?, &create, U256::from(AMOUNT))
            .await?;
        let created = receipt
            .logs
            .iter()
            .find_map(|log| alloy::sol_types::SolEvent::decode_log_validate(log).ok())
            .map(|log: alloy::primitives::Log<FraudScreen::PaymentCreated>| log.data.paymentId)
            .ok_or_else(|| eyre!("the {what} payment emitted no event"))?;
        self.accept(&format!("put the {what} payment into escrow"), &receipt);
        self.out.line(&format!(
            "the {what} payment waits for a proof about input {}",
            hex_scalar(&input.commitment)
        ));
        Ok(created)
    }

    /// Settles a payment with a proof.
    async fn settle(
        &mut self,
        manifest: &Manifest,
        payment: U256,
        proof: &ProofFile,
    ) -> eyre::Result<Receipt> {
        let submission = Submission::of_inference(&proof.proof, manifest)?;
        let settle = FraudScreen::settleCall {
            paymentId: payment,
            output: submission.output,
            proof: submission.proof,
        };
        self.chain
            .write(screen(manifest)?, &settle, U256::ZERO)
            .await
    }

    fn accept(&mut self, what: &str, receipt: &Receipt) {
        self.report.accepted.push(Accepted {
            what: what.into(),
            gas: receipt.gas_used,
            calldata_bytes: receipt.calldata_bytes,
        });
    }

    /// Records a refusal; an acceptance here is a failure of the demo.
    fn refuse<T>(&mut self, what: &str, result: eyre::Result<T>) -> eyre::Result<()> {
        let Err(error) = result else {
            return Err(eyre!("{what} was accepted; it must be refused"));
        };
        let Some(refusal) = crate::chain::refusal(&error) else {
            return Err(error);
        };
        self.report.refused.push(Refused {
            what: what.into(),
            reason: refusal.to_string(),
        });
        Ok(())
    }
}

fn made(run: &mut Run<'_>, contract: Contract, created: &Created) {
    run.report.contracts.push(ContractSize {
        contract: contract.name().into(),
        bytes: created.code_bytes,
        gas: created.receipt.gas_used,
    });
}

fn screen(manifest: &Manifest) -> eyre::Result<Address> {
    let screen = manifest.fraud_screen.as_ref();
    Ok(screen
        .ok_or_else(|| eyre!("no FraudScreen deployed"))?
        .address)
}

fn human(report: &Report) -> String {
    let stages = crate::measure::table(&report.stages);
    let mut accepted = crate::table::new(&["accepted on chain", "gas", "calldata"]);
    for row in &report.accepted {
        accepted.add_row(vec![
            row.what.clone(),
            row.gas.to_string(),
            size(row.calldata_bytes as u64),
        ]);
    }
    let mut refused = crate::table::new(&["refused on chain", "reason"]);
    for row in &report.refused {
        refused.add_row(vec![row.what.clone(), row.reason.clone()]);
    }
    let mut contracts = crate::table::new(&["contract", "bytes (limit 24576)", "deployment gas"]);
    for row in &report.contracts {
        contracts.add_row(vec![
            row.contract.clone(),
            row.bytes.to_string(),
            row.gas.to_string(),
        ]);
    }
    let votes = report.votes.iter().enumerate();
    let votes: Vec<String> = votes
        .map(|(choice, votes)| format!("{votes} for choice {choice}"))
        .collect();
    let votes = match votes.as_slice() {
        [] => String::new(),
        votes => format!("\n\nvotes: {}", votes.join(", ")),
    };
    let mut fees = String::new();
    for Fee { when, fee } in &report.fees {
        fees.push_str(&format!(
            "\nswaps pay {:.4} % {when}",
            f64::from(*fee) / 1e4
        ));
    }
    let fees = if fees.is_empty() {
        fees
    } else {
        format!("\n{fees}")
    };
    format!(
        "{stages}\n\n{contracts}\n\n{accepted}\n\n{refused}{votes}{fees}\n\nDEV reference string: these proofs convince nobody but you."
    )
}
