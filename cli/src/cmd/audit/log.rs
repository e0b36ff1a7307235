//! `laminate audit log`: what a registry recorded, in order.

use std::collections::BTreeMap;
use std::path::PathBuf;

use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::sol_types::SolEvent;
use clap::Args;
use eyre::{ensure, eyre};
use serde::Serialize;

use super::super::check::foreign;
use super::table::Sheet;
use crate::chain::bundle::{Bundle, VerifierInfo};
use crate::chain::code::require_recorded;
use crate::chain::contracts::{Model, ModelRegistry};
use crate::chain::manifest::Manifest;
use crate::chain::registry::{Registry, decode_output, hidden_output};
use crate::chain::rpc::NodeArgs;
use crate::chain::scan::Scan;
use crate::chain::{Chain, Event, RpcChain};
use crate::destination;
use crate::output::Output;
use crate::printable::printable;
use crate::reading::Reading;

/// List the models and statements that a registry recorded, with decoded outputs.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  laminate audit log --rpc-url http://127.0.0.1:8545\n  laminate audit log --registry 0x… --verifier-dir verifier --from-block 19000000 --csv log.csv --rpc-url https://node.example\n\nOutputs are decoded of models that are of a deployment's verifier (--deployment) or of a verifier folder's program\n(--verifier-dir); of others the bytes are told. With --deployment the contracts' code is compared with the record;\nwith --registry alone, whatever emits these events is believed: see `laminate check`. Models with one weight\ncommitment have the same weights; with different ones they may have, too (`laminate audit verify` tells)."
)]
pub struct AuditLog {
    /// Records made by `laminate deploy`, of one registry [default: deployment.json, if no --registry is given].
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub deployment: Vec<PathBuf>,
    /// The registry, for who has no deployment record.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "deployment")]
    pub registry: Option<Address>,
    /// Folders made by `laminate verifier`, to decode the outputs of their programs.
    #[arg(long, value_name = "DIR", num_args = 1..)]
    pub verifier_dir: Vec<PathBuf>,
    #[command(flatten)]
    pub node: NodeArgs,
    /// First block [default: that of the deployment, 0 with --registry].
    #[arg(long, value_name = "N")]
    pub from_block: Option<u64>,
    /// Last block [default: the latest one].
    #[arg(long, value_name = "N")]
    pub to_block: Option<u64>,
    /// Write the events into a table instead of telling them.
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
}

/// How statements of a program read.
struct Format {
    info: FormatInfo,
    /// The deployment whose verifier a model must have.
    manifest: Option<Manifest>,
}

struct FormatInfo {
    name: String,
    program: B256,
    count: u32,
    lead: laminate_aggregator::keys::Lead,
    scale: i8,
    packing: laminate_model::statement::Packing,
    tokens: Option<laminate_aggregator::keys::TokenFormat>,
}

/// A model.
#[derive(Debug, Serialize)]
pub(crate) struct ModelEntry {
    pub(crate) model_id: B256,
    /// Name of the program, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) program: Option<String>,
    pub(crate) owner: Address,
    pub(crate) program_digest: B256,
    pub(crate) weight_commitment: B256,
    pub(crate) metadata_hash: B256,
    pub(crate) verifier: Address,
    /// Seconds since 1970.
    pub(crate) registered_at: u64,
    /// As the registry says now.
    pub(crate) retired: bool,
    /// Statements of it in the range of blocks.
    pub(crate) statements: u64,
    #[serde(skip)]
    format: Option<usize>,
}

/// What happened.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    /// A model was registered.
    Registered,
    /// A model was retired.
    Retired,
    /// A statement was accepted.
    Verified,
}

/// An event.
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    pub(crate) event: What,
    pub(crate) block: u64,
    /// Seconds since 1970, where the node tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) transaction: Option<B256>,
    pub(crate) model_id: B256,
    /// Who registered, retired or submitted.
    pub(crate) account: Address,
    #[serde(flatten)]
    pub(crate) statement: Option<StatementEntry>,
}

/// An accepted statement.
#[derive(Debug, Serialize)]
pub(crate) struct StatementEntry {
    pub(crate) input_commitment: B256,
    pub(crate) statement_hash: B256,
    /// Decoded, where the format is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<Reading>,
    /// As recorded.
    pub(crate) output_bytes: String,
}

/// Models with one weight commitment.
#[derive(Debug, Serialize)]
pub(crate) struct SameWeights {
    weight_commitment: B256,
    pub(crate) models: Vec<B256>,
}

/// What `audit log` reports.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    chain_id: u64,
    registry: Address,
    /// keccak-256 of the registry's code.
    registry_code_hash: B256,
    from_block: u64,
    to_block: u64,
    pub(crate) models: Vec<ModelEntry>,
    pub(crate) same_weights: Vec<SameWeights>,
    pub(crate) events: u64,
    /// The events, unless they are in a table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) log: Option<Vec<Entry>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    csv: Option<PathBuf>,
}

/// What is known while events are read.
struct Reader {
    registry: Registry,
    formats: Vec<Format>,
    models: BTreeMap<U256, ModelEntry>,
}

impl AuditLog {
    /// Runs the command.
    ///
    /// # Errors
    /// A malformed record, a wrong chain, no registry there, or a failure of the node.
    pub async fn run(self, out: Output) -> eyre::Result<()> {
        let report = self.report(out).await?;
        out.result(&human(&report), &report)
    }

    /// What it finds, without the printing.
    pub(crate) async fn report(&self, out: Output) -> eyre::Result<Report> {
        if let Some(path) = &self.csv {
            destination::result(path)?;
        }
        let manifests = self.manifests()?;
        let (address, start) = self.registry(&manifests)?;
        let mut formats = vec![];
        for dir in &self.verifier_dir {
            formats.push(Format::of_folder(&Bundle::read(dir)?.info));
        }
        let rpc = RpcChain::connect(&self.node, None).await?;
        for manifest in &manifests {
            manifest.require_chain(rpc.chain_id())?;
        }
        let mut chain = Chain::Rpc(rpc);
        for manifest in manifests {
            require_recorded(&mut chain, &manifest).await?;
            formats.insert(0, Format::of_deployment(manifest));
        }
        let code = chain.code(address).await?;
        ensure!(
            !code.is_empty(),
            "no contract at {address} on {}; check --registry and --rpc-url",
            chain.name()
        );
        let first = self.from_block.unwrap_or(start);
        let scan = Scan::new(&mut chain, address, &signatures(), (first, self.to_block)).await?;
        let to_block = scan.last();
        let mut reader = Reader {
            registry: Registry { address },
            formats,
            models: BTreeMap::new(),
        };
        let mut sheet = self.csv.as_deref().map(Sheet::new).transpose()?;
        let mut log = vec![];
        let events = reader
            .read(&mut chain, scan, out, |entry, models| match &mut sheet {
                Some(sheet) => sheet.row(&entry, models),
                None => {
                    log.push(entry);
                    Ok(())
                }
            })
            .await?;
        if let Some(sheet) = sheet {
            sheet.end()?;
        }
        Ok(Report {
            chain_id: chain.chain_id(),
            registry: address,
            registry_code_hash: keccak256(&code),
            from_block: first,
            to_block,
            same_weights: same_weights(&reader.models),
            models: reader.models.into_values().collect(),
            events,
            log: self.csv.is_none().then_some(log),
            csv: self.csv.clone(),
        })
    }

    fn manifests(&self) -> eyre::Result<Vec<Manifest>> {
        let paths = match (self.deployment.as_slice(), self.registry) {
            ([], None) => &[PathBuf::from("deployment.json")],
            (paths, _) => paths,
        };
        paths.iter().map(|path| Manifest::read(path)).collect()
    }

    /// The registry, and the block before which it has nothing.
    fn registry(&self, manifests: &[Manifest]) -> eyre::Result<(Address, u64)> {
        if let Some(address) = self.registry {
            return Ok((address, 0));
        }
        let first = manifests.first().ok_or_else(|| eyre!("no registry"))?;
        let address = first.model_registry.address;
        for other in manifests {
            ensure!(
                other.model_registry.address == address && other.chain_id == first.chain_id,
                "the deployments are of several registries ({address} on chain {} and {} on chain {}); run the command for each",
                first.chain_id,
                other.model_registry.address,
                other.chain_id
            );
        }
        let start = manifests.iter().map(|m| m.block).min();
        Ok((address, start.unwrap_or(0)))
    }
}

fn signatures() -> [B256; 3] {
    [
        ModelRegistry::ModelRegistered::SIGNATURE_HASH,
        ModelRegistry::ModelRetired::SIGNATURE_HASH,
        ModelRegistry::InferenceVerified::SIGNATURE_HASH,
    ]
}

impl Format {
    fn of_deployment(manifest: Manifest) -> Self {
        let info = FormatInfo {
            name: manifest.program_name.clone(),
            program: manifest.registered_digest(),
            count: manifest.output_count,
            lead: manifest.output_lead.clone(),
            scale: manifest.output_scale,
            packing: manifest.output_packing,
            tokens: manifest.tokens(),
        };
        Self {
            info,
            manifest: Some(manifest),
        }
    }

    fn of_folder(info: &VerifierInfo) -> Self {
        let tokens = laminate_aggregator::keys::TokenFormat {
            prompt: info.output_prompt,
            packing: info.output_packing,
        };
        let universal = info.universal.as_ref().map(|u| u.program_digest);
        let info = FormatInfo {
            name: info.program_name.clone(),
            program: universal.unwrap_or(info.program_digest),
            count: info.output_count,
            lead: info.output_lead.clone(),
            scale: info.output_scale,
            packing: info.output_packing,
            tokens: info.output_tokens.then_some(tokens),
        };
        Self {
            info,
            manifest: None,
        }
    }

    fn is_of(&self, model: &Model) -> bool {
        match &self.manifest {
            // Anyone may register models in a registry, with verifiers of their own.
            Some(manifest) => foreign(model, manifest).is_none(),
            None => self.info.program == model.programDigest,
        }
    }

    fn read(&self, output: &[u8]) -> Option<Reading> {
        let info = &self.info;
        if let Some(hidden) = hidden_output(output, &info.lead) {
            return Some(hidden);
        }
        let values = decode_output(output, &info.lead, info.packing, info.count)?;
        Some(Reading::new(&values, self.info.scale, self.info.tokens))
    }
}

impl Reader {
    /// Reads all events in order; how many they are.
    async fn read(
        &mut self,
        chain: &mut Chain,
        mut scan: Scan,
        out: Output,
        mut take: impl FnMut(Entry, &BTreeMap<U256, ModelEntry>) -> eyre::Result<()>,
    ) -> eyre::Result<u64> {
        let stage = out.stage("Reading events");
        let (first, mut count) = (scan.position(), 0);
        while let Some(events) = scan.next(chain).await? {
            for event in events {
                if let Some(entry) = self.entry(chain, &event).await? {
                    take(entry, &self.models)?;
                    count += 1;
                }
            }
            stage.advance(scan.position() - first, scan.last() - first + 1);
        }
        Ok(count)
    }

    /// None of an event that only begins like one of the registry's.
    async fn entry(&mut self, chain: &mut Chain, event: &Event) -> eyre::Result<Option<Entry>> {
        let log = &event.log;
        let (what, model_id, account, verified) =
            if let Ok(e) = ModelRegistry::ModelRegistered::decode_log_validate(log) {
                (What::Registered, e.modelId, e.owner, None)
            } else if let Ok(e) = ModelRegistry::ModelRetired::decode_log_validate(log) {
                (What::Retired, e.modelId, e.owner, None)
            } else if let Ok(e) = ModelRegistry::InferenceVerified::decode_log_validate(log) {
                (What::Verified, e.modelId, e.caller, Some(e.data))
            } else {
                return Ok(None);
            };
        let format = self.model(chain, model_id).await?;
        let statement = verified.map(|e| StatementEntry {
            input_commitment: e.inputCommitment,
            statement_hash: e.statementHash,
            output: format.and_then(|f| self.formats.get(f)?.read(&e.output)),
            output_bytes: e.output.to_string(),
        });
        if statement.is_some()
            && let Some(model) = self.models.get_mut(&model_id)
        {
            model.statements += 1;
        }
        Ok(Some(Entry {
            event: what,
            block: event.block,
            time: event.time,
            transaction: event.transaction,
            model_id: model_id.into(),
            account,
            statement,
        }))
    }

    /// Looks a model up the first time that it occurs; the format of its statements.
    async fn model(&mut self, chain: &mut Chain, id: U256) -> eyre::Result<Option<usize>> {
        if let Some(known) = self.models.get(&id) {
            return Ok(known.format);
        }
        let model = self.registry.model(chain, id).await?;
        let format = self.formats.iter().position(|f| f.is_of(&model));
        let program = format.and_then(|f| self.formats.get(f));
        let entry = ModelEntry {
            model_id: id.into(),
            program: program.map(|f| f.info.name.clone()),
            owner: model.owner,
            program_digest: model.programDigest,
            weight_commitment: model.weightCommitment,
            metadata_hash: model.metadataHash,
            verifier: model.verifier,
            registered_at: model.registeredAt,
            retired: model.retired,
            statements: 0,
            format,
        };
        self.models.insert(id, entry);
        Ok(format)
    }
}

/// The commitments that several models have.
fn same_weights(models: &BTreeMap<U256, ModelEntry>) -> Vec<SameWeights> {
    let mut by_weights: BTreeMap<B256, Vec<B256>> = BTreeMap::new();
    for model in models.values() {
        let same = by_weights.entry(model.weight_commitment).or_default();
        same.push(model.model_id);
    }
    let several = by_weights.into_iter().filter(|(_, m)| m.len() > 1);
    several
        .map(|(weight_commitment, models)| SameWeights {
            weight_commitment,
            models,
        })
        .collect()
}

fn human(report: &Report) -> String {
    let mut lines = vec![format!(
        "registry {} on chain {}, blocks {} to {}",
        report.registry, report.chain_id, report.from_block, report.to_block
    )];
    for m in &report.models {
        let name = m
            .program
            .as_deref()
            .map_or_else(|| "unknown program".into(), printable);
        let retired = if m.retired { ", RETIRED" } else { "" };
        lines.push(format!(
            "model {} ({name}) of {}{retired}: {} statements, weights {}",
            m.model_id, m.owner, m.statements, m.weight_commitment
        ));
    }
    for same in &report.same_weights {
        let ids: Vec<String> = same.models.iter().map(B256::to_string).collect();
        lines.push(format!("same weights: {}", ids.join(", ")));
    }
    for e in report.log.iter().flatten() {
        let place = format!("block {:>9}", e.block);
        lines.push(match (&e.event, &e.statement) {
            (What::Retired, _) => format!("{place}  retired    {}", e.model_id),
            (_, None) => format!("{place}  registered {}", e.model_id),
            (_, Some(s)) => {
                let output = match &s.output {
                    Some(output) => output.to_string(),
                    None => format!("bytes {}", s.output_bytes),
                };
                format!("{place}  verified   {} output {output}", e.model_id)
            }
        });
    }
    if let Some(path) = &report.csv {
        lines.push(format!("{} events in {}", report.events, path.display()));
    }
    lines.join("\n")
}
