//! `laminate check`: what stands on the chain, read only.

use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use clap::Args;
use eyre::{WrapErr, bail, ensure};
use serde::Serialize;

use super::submit::model_id;
use super::verifier::universal_info;
use crate::chain::bundle::{Bundle, Contract};
use crate::chain::code::{self, Neighbour};
use crate::chain::contracts::Model;
use crate::chain::manifest::{Deployed, Manifest};
use crate::chain::registry::{Registry, Submission, decode_output, require_calls, word};
use crate::chain::rpc::NodeArgs;
use crate::chain::universal::{Mode, UniversalRecord};
use crate::chain::{Chain, RpcChain, refusal};
use crate::files::{self, ProofFile};
use crate::joins::JoinDir;
use crate::output::Output;
use crate::pipeline;
use crate::reading::Reading;
use crate::subject::Subject;

/// Check a deployment, a proof or a statement on a chain, without sending anything.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  laminate check fraud.proof --rpc-url http://127.0.0.1:8545 --verifier-dir fraud-verifier\n  laminate check --statement 0x… --rpc-url http://127.0.0.1:8545\n\nThe code at every address is compared with the deployment record and, with --verifier-dir, with code\nderived again from the verifier's folder; with --dir, digests and verifying keys are compared with those\nof the model's program. The exit code is not zero if anything does not hold."
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
    /// Folder made by `laminate verifier`, to derive the code from.
    #[arg(long, value_name = "DIR")]
    pub verifier_dir: Option<PathBuf>,
    /// Model folder, to derive the verifying keys and digests from (needs `setup`).
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
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
    /// As derived from the verifier's folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    derived: Option<B256>,
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
struct StatementReport {
    statement_hash: B256,
    recorded: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    block: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_id: Option<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_commitment: Option<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Reading>,
}

/// What `check` reports.
#[derive(Debug, Serialize)]
struct Report {
    holds: bool,
    chain_id: u64,
    development: bool,
    contracts: Vec<CodeReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<ProofReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statement: Option<StatementReport>,
}

impl Check {
    /// Runs the command.
    ///
    /// # Errors
    /// A malformed file, a wrong chain or no node; and, after the report, if anything does not hold.
    pub async fn run(self, out: Output) -> eyre::Result<()> {
        let publishable = |path: &PathBuf| files::read_publishable(path);
        let file = self.proof.as_ref().map(publishable).transpose()?;
        let manifest = Manifest::read(&self.deployment)?;
        let bundle = self.verifier_dir.as_deref().map(Bundle::read).transpose()?;
        if let Some(dir) = &self.dir {
            check_program(dir, &manifest, out)
                .wrap_err_with(|| format!("the deployment is not of {}", dir.display()))?;
        }
        let rpc = RpcChain::connect(&self.node, None).await?;
        manifest.require_chain(rpc.chain_id())?;
        let mut chain = Chain::Rpc(rpc);

        let contracts = check_code(&mut chain, &manifest, bundle.as_ref()).await?;
        let sound = contracts.iter().all(|c| c.holds);
        let (mut proof, mut statement) = (None, None);
        // What a contract of other code answers says nothing.
        if sound {
            (proof, statement) = self.statement(file.as_ref(), &mut chain, &manifest).await?;
        }
        let holds = sound
            && proof.as_ref().is_none_or(|p| p.verifies)
            && (proof.is_some() || statement.as_ref().is_none_or(|s| s.recorded));
        let report = Report {
            holds,
            chain_id: manifest.chain_id,
            development: manifest.development,
            contracts,
            proof,
            statement,
        };
        out.result(&human(&report), &report)?;
        match report {
            Report { holds: true, .. } => Ok(()),
            _ if !sound => bail!(
                "code on the chain is not the code it must be; do not rely on this deployment"
            ),
            Report { proof: Some(_), .. } => bail!("the proof does not verify on chain"),
            _ => bail!("the statement is not recorded in this registry"),
        }
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
fn foreign(model: &Model, manifest: &Manifest) -> Option<String> {
    let verifier = manifest.inference_verifier.address;
    if model.verifier != verifier {
        return Some(format!(
            "the model is checked by {}, not by this deployment's {verifier}",
            model.verifier
        ));
    }
    let expected = manifest.registered_digest();
    (model.programDigest != expected).then(|| {
        format!(
            "the model is of program {}, not {expected}",
            model.programDigest
        )
    })
}

async fn recorded(
    chain: &mut Chain,
    registry: Registry,
    manifest: &Manifest,
    hash: B256,
) -> eyre::Result<StatementReport> {
    let recorded = registry.is_submitted(chain, hash).await?;
    let event = if recorded {
        registry.find(chain, hash, manifest.block).await?
    } else {
        None
    };
    let block = event.as_ref().map(|recorded| recorded.block);
    let event = event.map(|recorded| recorded.event);
    let output = event
        .as_ref()
        .and_then(|e| decode_output(&e.output, manifest.output_packing, manifest.output_count));
    Ok(StatementReport {
        statement_hash: hash,
        recorded,
        block,
        model_id: event.as_ref().map(|e| e.modelId.into()),
        input_commitment: event.as_ref().map(|e| e.inputCommitment),
        output: output
            .map(|values| Reading::new(&values, manifest.output_scale, manifest.tokens())),
    })
}

/// Compares the digests, and in universal mode the verifying keys, with those of the model folder's program.
fn check_program(dir: &Path, manifest: &Manifest, out: Output) -> eyre::Result<()> {
    let join = JoinDir::open(dir)?;
    let (dir, subject) = Subject::open_whole(dir)?;
    let digest = word(&subject.digest);
    ensure!(
        digest == manifest.program_digest,
        "program digest {}, expected {digest}",
        manifest.program_digest
    );
    if let Some(join) = join {
        let srs = pipeline::load_setup_srs(&dir.setup()?)?;
        join.check_children(&srs, out)?;
        if let Some(weights) = join.weights()? {
            weights.check_children(&srs, out)?;
        }
    }
    let Some(universal) = &manifest.universal else {
        return Ok(());
    };
    let srs = pipeline::load_setup_srs(&dir.setup()?)?;
    let keys = pipeline::load_subject_keys(&subject, &srs)?;
    let reader = (
        manifest.halo2_verifier.code_hash,
        universal.inference.proof_length,
    );
    let inference = universal_info(subject.digest, &keys.inference, &srs, reader, out)?;
    let weights = match (subject.weight_program()?, &keys.weights) {
        (Some(program), Some(key)) => Some(universal_info(program, key, &srs, reader, out)?),
        _ => None,
    };
    ensure!(
        universal.inference == inference && universal.weights == weights,
        "its record has other verifying keys than the program's: digest {}, expected {}; do not rely on it",
        universal.inference.program_digest,
        inference.program_digest
    );
    Ok(())
}

/// Compares the code at every address of a deployment with its record and with what the bundle makes.
async fn check_code(
    chain: &mut Chain,
    manifest: &Manifest,
    bundle: Option<&Bundle>,
) -> eyre::Result<Vec<CodeReport>> {
    let derived = bundle.map(|bundle| derive(manifest, bundle)).transpose()?;
    let mut reports = Vec::new();
    for (
        contract,
        Deployed {
            address,
            code_hash: recorded,
        },
    ) in manifest.contracts()
    {
        let code_hash = keccak256(chain.code(address).await?);
        let derived = derived
            .as_ref()
            .and_then(|all| all.iter().find(|(c, _)| *c == contract))
            .map(|(_, code)| keccak256(code));
        let holds = code_hash == recorded && derived.is_none_or(|derived| derived == code_hash);
        reports.push(CodeReport {
            contract,
            address,
            code_hash,
            recorded,
            derived,
            holds,
        });
    }
    if reports.iter().all(|r| r.holds) {
        require_calls(chain, manifest).await?;
    }
    Ok(reports)
}

fn derive(manifest: &Manifest, bundle: &Bundle) -> eyre::Result<Vec<(Contract, Bytes)>> {
    if bundle.info.program_digest != manifest.program_digest {
        bail!(
            "the verifier's folder is of program {}, the deployment of {}; check --verifier-dir",
            bundle.info.program_digest,
            manifest.program_digest
        );
    }
    compare(manifest, bundle)?;
    let derive = || -> eyre::Result<_> {
        let mut all = vec![];
        let behind = match &manifest.universal {
            None => Neighbour {
                address: manifest.halo2_verifier.address,
                code: code::halo2(bundle, Contract::Halo2Verifier)?,
            },
            Some(universal) => derive_shared(manifest, universal, bundle, &mut all)?,
        };
        let registry = Neighbour {
            address: manifest.model_registry.address,
            code: code::registry(bundle)?,
        };
        let weights = derive_weights(manifest, bundle, &behind, &mut all)?;
        all.push((
            Contract::of_inferences(bundle.info.mode),
            code::inference(bundle, &behind, weights.as_ref())?,
        ));
        if manifest.fraud_screen.is_some() {
            all.push((Contract::FraudScreen, code::screen(bundle, &registry)?));
        }
        if bundle.info.mode == Mode::Direct {
            all.push((Contract::Halo2Verifier, behind.code));
        }
        all.push((Contract::ModelRegistry, registry.code));
        Ok(all)
    };
    derive().wrap_err("cannot derive the code from the verifier's folder")
}

/// The contracts that all universal models share; returns what models' verifiers call.
fn derive_shared(
    manifest: &Manifest,
    universal: &UniversalRecord,
    bundle: &Bundle,
    all: &mut Vec<(Contract, Bytes)>,
) -> eyre::Result<Neighbour> {
    let halo2 = Neighbour {
        address: manifest.halo2_verifier.address,
        code: code::halo2_universal(bundle)?,
    };
    let code = code::universal(bundle, &halo2)?;
    all.push((Contract::Halo2UniversalVerifier, halo2.code));
    all.push((Contract::UniversalVerifier, code.clone()));
    let front = universal.front();
    if universal.router.is_none() {
        return Ok(Neighbour {
            address: front,
            code,
        });
    }
    let code = code::router(bundle)?;
    all.push((Contract::VerifierRouter, code.clone()));
    Ok(Neighbour {
        address: front,
        code,
    })
}

/// Refuses a deployment record that says otherwise than the verifier's folder: it may be another's.
fn compare(manifest: &Manifest, bundle: &Bundle) -> eyre::Result<()> {
    let info = &bundle.info;
    ensure!(
        manifest.mode() == info.mode,
        "the deployment is in {:?} mode, the verifier's folder is of {:?} mode; check --verifier-dir",
        manifest.mode(),
        info.mode
    );
    let weights = info.weights.is_some();
    let recorded = [manifest.weight_halo2_verifier, manifest.weight_verifier].map(|c| c.is_some());
    // A universal deployment has one generated verifier for both.
    let expected = [weights && info.mode == Mode::Direct, weights];
    ensure!(
        recorded == expected,
        "the deployment records {} verifier of commitment proofs, the verifier's folder has {}: without it, models may have any weights",
        if recorded[1] && (recorded[0] || info.mode == Mode::Universal) {
            "a"
        } else {
            "no"
        },
        if weights { "one" } else { "none" }
    );
    if let Some(universal) = &manifest.universal {
        let of_weights = info.weights.as_ref().and_then(|w| w.universal.as_ref());
        ensure!(
            Some(&universal.inference) == info.universal.as_ref()
                && universal.weights.as_ref() == of_weights,
            "the deployment records other verifying keys than the verifier's folder; do not rely on it"
        );
    }
    let same = (
        manifest.output_count,
        manifest.output_scale,
        manifest.output_tokens,
    ) == (info.output_count, info.output_scale, info.output_tokens)
        && (
            manifest.output_prompt,
            manifest.output_packing,
            manifest.development,
        ) == (
            info.output_prompt,
            info.output_packing,
            info.development_srs,
        );
    ensure!(
        same,
        "the deployment record reads outputs otherwise than the verifier's folder, or hides that it is a development one; the record is altered or of another version"
    );
    Ok(())
}

/// The contracts of commitment proofs, if there are any.
fn derive_weights(
    manifest: &Manifest,
    bundle: &Bundle,
    front: &Neighbour,
    all: &mut Vec<(Contract, Bytes)>,
) -> eyre::Result<Option<Neighbour>> {
    let Some(verifier) = manifest.weight_verifier else {
        return Ok(None);
    };
    let code = match manifest.weight_halo2_verifier {
        None => code::weights(bundle, front)?,
        Some(halo2) => {
            let halo2 = Neighbour {
                address: halo2.address,
                code: code::halo2(bundle, Contract::WeightHalo2Verifier)?,
            };
            let code = code::weights(bundle, &halo2)?;
            all.push((Contract::WeightHalo2Verifier, halo2.code));
            code
        }
    };
    all.push((Contract::of_weights(bundle.info.mode), code.clone()));
    Ok(Some(Neighbour {
        address: verifier.address,
        code,
    }))
}

fn human(report: &Report) -> String {
    let mut lines = Vec::new();
    for c in &report.contracts {
        let state = match (c.holds, c.derived) {
            (true, Some(_)) => "code is as derived".to_string(),
            (true, None) => "code is as recorded".to_string(),
            (false, derived) => format!(
                "WRONG CODE: hash {}, expected {}",
                c.code_hash,
                derived.unwrap_or(c.recorded)
            ),
        };
        lines.push(format!("{:<22} {}  {state}", c.contract.name(), c.address));
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
        lines.extend(s.output.as_ref().map(|output| format!("output {output}")));
    }
    if report.development {
        lines.push("DEV reference string: whoever made it can forge proofs".into());
    }
    lines.join("\n")
}
