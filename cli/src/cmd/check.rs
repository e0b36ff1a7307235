//! `laminate check`: what stands on the chain, read only.

use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use clap::Args;
use eyre::{WrapErr, bail};
use serde::Serialize;

use super::card::{Card, CardReport};
use super::submit::model_id;
use super::verifier;
use crate::chain::artifacts;
use crate::chain::bundle::{Bundle, Contract};
use crate::chain::contracts::Model;
use crate::chain::expected::expected;
use crate::chain::manifest::{Deployed, Manifest};
use crate::chain::poll;
use crate::chain::registry::{Registry, Submission, decode_output, hidden_output, require_calls};
use crate::chain::rpc::NodeArgs;
use crate::chain::{Chain, RpcChain, refusal};
use crate::files::{self, ProofFile};
use crate::joins::JoinDir;
use crate::output::Output;
use crate::pipeline;
use crate::reading::Reading;

/// Check a deployment, a proof or a statement on a chain, without sending anything.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  laminate check fraud.proof --rpc-url http://127.0.0.1:8545 --dir fraud\n  laminate check --statement 0x… --rpc-url http://127.0.0.1:8545\n\nThe code at every address is compared with the deployment record. With --dir, it is derived again: from the\nverifying key and reference string of the model's `setup` and from this build's contracts (a verifier of the\nprogram's own is compiled, which needs Node.js). With --verifier-dir alone it is compared with the folder\nas given: whoever made the folder decides what its generated verifier accepts. The exit code is not zero if\nanything does not hold."
)]
pub struct Check {
    /// Proof file: does it verify on chain, and is its statement recorded?
    pub proof: Option<PathBuf>,
    /// Statement hash, as `submit` prints it: is it recorded?
    #[arg(long, value_name = "HASH", conflicts_with = "proof")]
    pub statement: Option<B256>,
    /// Id of the model; by default the one registered with the proof's weight commitment.
    #[arg(long, value_name = "ID")]
    pub model: Option<U256>,
    /// Folder made by `laminate verifier`, to compare the code with; with --dir, it is compared, too.
    #[arg(long, value_name = "DIR")]
    pub verifier_dir: Option<PathBuf>,
    /// Folder of a model or a join, to derive digests, verifying keys and all code from (needs `setup`).
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Card made by `laminate card`: is the model registered with its hash?
    #[arg(long, value_name = "FILE")]
    pub card: Option<PathBuf>,
    #[command(flatten)]
    pub node: NodeArgs,
    /// Record made by `laminate deploy`.
    #[arg(long, value_name = "FILE", default_value = "deployment.json")]
    pub deployment: PathBuf,
}

/// The code at one address.
#[derive(Debug, Serialize)]
struct CodeReport {
    contract: Contract,
    address: Address,
    code_hash: B256,
    /// As recorded.
    recorded: B256,
    /// As derived from the program's key and reference string.
    #[serde(skip_serializing_if = "Option::is_none")]
    derived: Option<B256>,
    /// As in the verifier's folder, which is believed.
    #[serde(skip_serializing_if = "Option::is_none")]
    given: Option<B256>,
    holds: bool,
}

/// Whether a proof verifies.
#[derive(Debug, Serialize)]
struct ProofReport {
    verifies: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    model_id: B256,
    model_retired: bool,
}

/// Whether a statement is recorded.
#[derive(Debug, Serialize)]
pub(crate) struct StatementReport {
    statement_hash: B256,
    pub(crate) recorded: bool,
    /// Why it says nothing about this deployment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// Why block, model, input and output are not told: the node does not answer for events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unread: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) block: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_id: Option<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_commitment: Option<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Reading>,
}

impl StatementReport {
    /// Whether it is recorded, of a model that is known to be of this deployment.
    fn holds(&self) -> bool {
        self.recorded && self.reason.is_none() && self.unread.is_none()
    }
}

/// Whose decision a poll counts.
#[derive(Debug, Serialize)]
pub(crate) struct PollReport {
    address: Address,
    model_id: B256,
    /// Why that model's proofs say nothing about this deployment's program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// What `check` reports.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) holds: bool,
    chain_id: u64,
    development: bool,
    /// Whose the reference string in the universal verifier's code is, as far as this program knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference_string: Option<&'static str>,
    contracts: Vec<CodeReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) poll: Option<PollReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<ProofReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) statement: Option<StatementReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    card: Option<CardReport>,
}

impl Report {
    /// Whether all code is what it must be.
    fn is_sound(&self) -> bool {
        self.contracts.iter().all(|c| c.holds)
    }
}

impl Check {
    /// Runs the command.
    ///
    /// # Errors
    /// A malformed file, a wrong chain or no node; and, after the report, if anything does not hold.
    pub async fn run(self, out: Output) -> eyre::Result<()> {
        let report = self.report(out).await?;
        out.result(&human(&report), &report)?;
        match report {
            Report { holds: true, .. } => Ok(()),
            _ if !report.is_sound() => bail!(
                "code on the chain is not the code it must be; do not rely on this deployment"
            ),
            Report {
                poll: Some(PollReport {
                    reason: Some(_), ..
                }),
                ..
            } => bail!("the poll counts votes by a model that is not of this deployment"),
            Report {
                card: Some(CardReport { holds: false, .. }),
                ..
            } => bail!("the model is not registered with this card"),
            Report { proof: Some(_), .. } => bail!("the proof does not verify on chain"),
            Report {
                statement:
                    Some(StatementReport {
                        unread: Some(_), ..
                    }),
                ..
            } => bail!(
                "the statement is recorded, but of which model only its event tells, which could not be read; give a node that answers eth_getLogs, or the proof instead of --statement"
            ),
            Report {
                statement: Some(StatementReport { recorded: true, .. }),
                ..
            } => bail!("the statement is recorded, but not of a model of this deployment"),
            _ => bail!("the statement is not recorded in this registry"),
        }
    }

    /// What it finds, without the printing.
    pub(crate) async fn report(&self, out: Output) -> eyre::Result<Report> {
        let publishable = |path: &PathBuf| files::read_publishable(path);
        let file = self.proof.as_ref().map(publishable).transpose()?;
        let card = self.card.as_deref().map(Card::read).transpose()?;
        let manifest = Manifest::read(&self.deployment)?;
        let rpc = RpcChain::connect(&self.node, None).await?;
        manifest.require_chain(rpc.chain_id())?;
        let mut chain = Chain::Rpc(rpc);

        let codes = self.codes(&manifest, out)?;
        let (contracts, reference_string) = check_code(&mut chain, &manifest, &codes).await?;
        let sound = contracts.iter().all(|c| c.holds);
        let (mut proof, mut statement, mut of_card) = (None, None, None);
        let mut of_poll = None;
        // What a contract of other code answers says nothing.
        if sound {
            of_poll = poll_model(&mut chain, &manifest).await?;
            (proof, statement) = self.statement(file.as_ref(), &mut chain, &manifest).await?;
            if let Some(card) = &card {
                let stated = statement.as_ref().and_then(|s| s.model_id);
                let proven = proof.as_ref().map(|p| p.model_id);
                let model = self.model.or(proven.or(stated).map(Into::into));
                of_card = Some(card.on_chain(&mut chain, &manifest, model).await?);
            }
        }
        let holds = sound
            && of_poll.as_ref().is_none_or(|p| p.reason.is_none())
            && of_card.as_ref().is_none_or(|c| c.holds)
            && proof.as_ref().is_none_or(|p| p.verifies)
            && (proof.is_some() || statement.as_ref().is_none_or(StatementReport::holds));
        Ok(Report {
            holds,
            chain_id: manifest.chain_id,
            development: manifest.development,
            reference_string,
            contracts,
            poll: of_poll,
            proof,
            statement,
            card: of_card,
        })
    }

    /// What the code must be.
    fn codes(&self, manifest: &Manifest, out: Output) -> eyre::Result<Codes> {
        let mut codes = Codes::default();
        let mut derived = None;
        // Roots and polls are of no program: this build has all that they are made of.
        codes.derived = poll::expected(manifest)?;
        if let Some(dir) = &self.dir {
            require_children(dir, out)?;
            let bundle = verifier::derive(dir, manifest.mode(), out)?.bundle;
            codes.derived = expected(manifest, &bundle, "the model's folder")
                .wrap_err_with(|| format!("the deployment is not of {}", dir.display()))?;
            derived = Some(bundle);
        }
        if let Some(dir) = &self.verifier_dir {
            let bundle = Bundle::read(dir)?;
            codes.given = expected(manifest, &bundle, "the verifier's folder")?;
            if let Some(derived) = &derived {
                bundle.require_same(derived, dir)?;
            }
        }
        Ok(codes)
    }

    async fn statement(
        &self,
        proof: Option<&ProofFile>,
        chain: &mut Chain,
        manifest: &Manifest,
    ) -> eyre::Result<(Option<ProofReport>, Option<StatementReport>)> {
        let registry = Registry {
            address: manifest.model_registry.address,
        };
        let Some(file) = proof else {
            return Ok(match self.statement {
                Some(hash) => (None, Some(recorded(chain, registry, manifest, hash).await?)),
                None => (None, None),
            });
        };
        let submission = Submission::of_inference(&file.proof, manifest)?;
        let id = model_id(manifest, self.model, &submission)?;
        let model = registry.model(chain, id).await?;
        let reason = match registry.verify(chain, id, &submission).await {
            Ok(_) => foreign(&model, manifest),
            Err(error) => Some(refusal(&error).map(ToString::to_string).ok_or(error)?),
        };
        let hash = registry.statement_hash(chain, id, &submission).await?;
        let statement = recorded(chain, registry, manifest, hash).await?;
        let proof = ProofReport {
            verifies: reason.is_none(),
            reason,
            model_id: id.into(),
            model_retired: model.retired,
        };
        Ok((Some(proof), Some(statement)))
    }
}

/// Why a model says nothing about this deployment: anyone may register one with a verifier of their own.
pub(super) fn foreign(model: &Model, manifest: &Manifest) -> Option<String> {
    differs(
        model,
        manifest.inference_verifier,
        manifest.registered_digest(),
    )
}

/// What a model has otherwise than a deployment's verifier and the digest that its program is registered under.
fn differs(model: &Model, verifier: Deployed, program: B256) -> Option<String> {
    let Deployed { address, code_hash } = verifier;
    if model.verifier != address {
        return Some(format!(
            "the model is checked by {}, not by this deployment's {address}",
            model.verifier
        ));
    }
    // What the registry noted of the verifier, it noted of the code that was there at registration.
    if model.verifierCodeHash != code_hash {
        return Some(format!(
            "the model was registered when {address} had code of hash {}, expected {code_hash}",
            model.verifierCodeHash
        ));
    }
    (model.programDigest != program).then(|| {
        format!(
            "the model is of program {}, not {program}",
            model.programDigest
        )
    })
}

/// Whether a recorded poll counts votes by a model of this deployment. Which model that is stands in its code.
async fn poll_model(chain: &mut Chain, manifest: &Manifest) -> eyre::Result<Option<PollReport>> {
    let Some(poll) = &manifest.eligibility_poll else {
        return Ok(None);
    };
    let registry = Registry {
        address: manifest.model_registry.address,
    };
    let model_id = poll.terms.model_id;
    let model = registry.model(chain, model_id.into()).await?;
    Ok(Some(PollReport {
        address: poll.contract.address,
        model_id,
        reason: foreign(&model, manifest),
    }))
}

async fn recorded(
    chain: &mut Chain,
    registry: Registry,
    manifest: &Manifest,
    hash: B256,
) -> eyre::Result<StatementReport> {
    let recorded = registry.is_submitted(chain, hash).await?;
    let mut unread = None;
    let event = match recorded {
        false => None,
        true => match registry.find(chain, hash, manifest.block).await {
            Ok(event) => event,
            Err(error) => {
                unread = Some(format!("{error:#}"));
                None
            }
        },
    };
    let block = event.as_ref().map(|recorded| recorded.block);
    let event = event.map(|recorded| recorded.event);
    // Anyone may register models in a registry, and what theirs record says nothing of this deployment's.
    let reason = match &event {
        Some(event) => foreign(&registry.model(chain, event.modelId).await?, manifest),
        None => {
            (recorded && unread.is_none()).then(|| "no event tells of which model it is".to_owned())
        }
    };
    let output = event.as_ref().filter(|_| reason.is_none()).and_then(|e| {
        let (lead, packing) = (&manifest.output_lead, manifest.output_packing);
        hidden_output(&e.output, lead).or_else(|| {
            let values = decode_output(&e.output, lead, packing, manifest.output_count)?;
            let (scale, tokens) = (manifest.output_scale, manifest.tokens());
            Some(Reading::new(&values, scale, tokens))
        })
    });
    Ok(StatementReport {
        statement_hash: hash,
        recorded,
        reason,
        unread,
        block,
        model_id: event.as_ref().map(|e| e.modelId.into()),
        input_commitment: event.as_ref().map(|e| e.inputCommitment),
        output,
    })
}

/// Compares the keys of all that a join joins with those of their folders.
fn require_children(dir: &Path, out: Output) -> eyre::Result<()> {
    let Some(join) = JoinDir::open(dir)? else {
        return Ok(());
    };
    let srs = pipeline::load_setup_srs(&join.model_dir().setup()?)?;
    join.check_children(&srs, out)?;
    match join.weights()? {
        Some(weights) => weights.check_children(&srs, out),
        None => Ok(()),
    }
}

/// What the code is compared with besides the record.
#[derive(Default)]
struct Codes {
    derived: Vec<(Contract, Bytes)>,
    given: Vec<(Contract, Bytes)>,
}

/// Compares the code at every address of a deployment with its record and with what it is expected to be.
async fn check_code(
    chain: &mut Chain,
    manifest: &Manifest,
    codes: &Codes,
) -> eyre::Result<(Vec<CodeReport>, Option<&'static str>)> {
    let hash_of = |codes: &[(Contract, Bytes)], contract| {
        let code = codes.iter().find(|(c, _)| *c == contract);
        code.map(|(_, code)| keccak256(code))
    };
    let mut reports = Vec::new();
    let mut generated = Vec::new();
    for (contract, deployed) in manifest.contracts() {
        let Deployed {
            address,
            code_hash: recorded,
        } = deployed;
        let code = chain.code(address).await?;
        let code_hash = keccak256(&code);
        let derived = hash_of(&codes.derived, contract);
        let given = hash_of(&codes.given, contract);
        let mut expected = [Some(recorded), derived, given].into_iter().flatten();
        reports.push(CodeReport {
            contract,
            address,
            code_hash,
            recorded,
            derived,
            given,
            holds: expected.all(|expected| expected == code_hash),
        });
        if contract.is_generated() {
            generated.push((contract, code));
        }
    }
    let mut origin = None;
    if reports.iter().all(|r| r.holds) {
        for (contract, code) in generated {
            artifacts::require_origin(contract, &code, manifest.development)?;
            origin = artifacts::origin(contract, &code)?;
        }
        require_calls(chain, manifest).await?;
    }
    Ok((reports, origin))
}

fn human(report: &Report) -> String {
    let mut lines = Vec::new();
    for c in &report.contracts {
        let state = match (c.holds, c.derived, c.given) {
            (true, Some(_), _) => "code is as derived".to_string(),
            (true, None, Some(_)) => "code is as in the folder given".to_string(),
            (true, None, None) => "code is as recorded".to_string(),
            (false, derived, given) => format!(
                "WRONG CODE: hash {}, expected {}",
                c.code_hash,
                derived.or(given).unwrap_or(c.recorded)
            ),
        };
        lines.push(format!("{:<22} {}  {state}", c.contract.name(), c.address));
    }
    if let Some(poll) = &report.poll {
        lines.push(match &poll.reason {
            None => format!("poll counts votes by model {}", poll.model_id),
            Some(reason) => format!("poll of no use here: {reason}"),
        });
    }
    if let Some(proof) = &report.proof {
        lines.push(match &proof.reason {
            None => format!("proof verifies for model {}", proof.model_id),
            Some(reason) => format!("proof refused: {reason}"),
        });
    }
    if let Some(s) = &report.statement {
        let block = s
            .block
            .map(|b| format!(" in block {b}"))
            .unwrap_or_default();
        let state = if s.recorded {
            format!("recorded{block}")
        } else {
            "not recorded".into()
        };
        lines.push(format!("statement {} {state}", s.statement_hash));
        lines.extend(s.model_id.map(|id| format!("model {id}")));
        lines.extend(
            s.reason
                .as_ref()
                .map(|reason| format!("of no use here: {reason}")),
        );
        lines.extend(
            s.unread
                .as_ref()
                .map(|why| format!("its event could not be read (block, model, output): {why}")),
        );
        lines.extend(s.output.as_ref().map(|output| format!("output {output}")));
    }
    lines.extend(report.card.as_ref().map(Card::told));
    match report.reference_string {
        Some(origin) if !report.development => lines.push(format!("reference string: {origin}")),
        _ => {}
    }
    if report.development {
        lines.push("DEV reference string: whoever made it can forge proofs".into());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use alloy::primitives::Address;

    use super::*;

    /// What is changed of a model, and what names it.
    type Change = (fn(&mut Model), &'static str);

    #[test]
    fn models_of_other_verifiers_code_or_programs_are_named() {
        let word = B256::with_last_byte;
        let verifier = Deployed {
            address: Address::with_last_byte(1),
            code_hash: word(2),
        };
        let own = Model {
            programDigest: word(3),
            weightCommitment: word(4),
            metadataHash: B256::ZERO,
            verifierCodeHash: word(2),
            verifier: verifier.address,
            retired: false,
            owner: Address::with_last_byte(5),
            registeredAt: 6,
        };
        assert_eq!(differs(&own, verifier, word(3)), None);
        let changes: [Change; 3] = [
            (|m| m.verifier = Address::with_last_byte(9), "is checked by"),
            (
                |m| m.verifierCodeHash = B256::with_last_byte(9),
                "had code of hash",
            ),
            (
                |m| m.programDigest = B256::with_last_byte(9),
                "is of program",
            ),
        ];
        for (change, expected) in changes {
            let mut other = own.clone();
            change(&mut other);
            let reason = differs(&other, verifier, word(3)).unwrap();
            assert!(reason.contains(expected), "{reason}");
        }
    }
}
