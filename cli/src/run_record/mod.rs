//! Run records: what `prove --report` and `bench --report` write, and `laminate report` draws.

mod machine;
mod on_chain;
mod parts;
mod sampler;

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use laminate_aggregator::keys::CIRCUIT_VERSION;
use laminate_front::quant::detail::Detail;
use laminate_model::verify::PROTOCOL_VERSION;
use serde::{Deserialize, Serialize};

use crate::destination;
use crate::measure::{Measured, peak_bytes};
use crate::sealed::{self, Record};

pub use machine::Machine;
pub use on_chain::on_chain;
pub use parts::{circuit, fidelity, model, statement};
use sampler::Sampler;

/// Everything that is known of one run, public values and measurements alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    /// `prove` or `bench`.
    pub command: String,
    /// As it was called, without the name of the program.
    pub arguments: Vec<String>,
    /// When it began, in seconds since 1970.
    pub began: u64,
    /// Versions of what ran.
    pub versions: Versions,
    /// Where it ran.
    pub machine: Machine,
    /// The model.
    pub model: ModelInfo,
    /// Whether the reference string is a development one, so that its maker can forge proofs.
    pub development: bool,
    /// Stages, in order; parts after their whole.
    pub stages: Vec<StageRecord>,
    /// Seconds since the beginning, and resident bytes then.
    pub memory: Vec<(f64, u64)>,
    /// Peak resident memory of the process.
    pub peak_bytes: u64,
    /// Figures that are no stage: medians of a bench.
    pub figures: Vec<Figure>,
    /// The aggregation circuit, where there is one.
    pub circuit: Option<CircuitRecord>,
    /// Sizes of what was made.
    pub sizes: Vec<SizeRecord>,
    /// Gas of whole transactions on a fresh chain in this process.
    pub gas: Vec<GasRecord>,
    /// Agreement with the float model, as `compile` measured it.
    pub fidelity: Option<FidelityRecord>,
    /// What the proof states.
    pub statement: Option<StatementRecord>,
}

impl Record for RunRecord {
    const MAGIC: &'static str = "laminate run record";
    const VERSION: u32 = 1;
}

/// Versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Versions {
    /// Of Laminate.
    pub laminate: String,
    /// Of the protocol.
    pub protocol: String,
    /// Of the circuits.
    pub circuit: u32,
}

/// The model of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelInfo {
    /// Name of the program.
    pub name: String,
    /// Digest of the program, or of the list of the shards'.
    pub digest: String,
    /// Weights and biases.
    pub parameters: u64,
    /// Inputs to a proof.
    pub batch: u64,
    /// Programs: one, or the number of shards.
    pub shards: u64,
    /// Whether each proof shows that the weights are in range; otherwise a commitment proof does.
    pub weights_shown: bool,
}

/// One stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageRecord {
    /// Its name.
    pub name: String,
    /// Whether it is a part of the whole stage before it.
    pub part: bool,
    /// Wall time.
    pub seconds: f64,
    /// Peak resident memory of the process so far.
    pub peak_bytes: u64,
    /// Size of what it made, if that is a file or a proof.
    pub bytes: Option<u64>,
    /// Begin and end, in seconds since the command began.
    pub spans: Vec<[f64; 2]>,
}

impl From<&Measured> for StageRecord {
    fn from(row: &Measured) -> Self {
        Self {
            name: row.stage.clone(),
            part: row.part,
            seconds: row.seconds,
            peak_bytes: row.peak_bytes,
            bytes: row.bytes,
            spans: row.spans.clone(),
        }
    }
}

/// A number with a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// What it is of.
    pub name: String,
    /// In seconds.
    pub seconds: f64,
}

/// The aggregation circuit: rows are shared by basic gates and two chips.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CircuitRecord {
    /// log2 of the rows.
    pub k: u32,
    /// Advice columns.
    pub columns: u64,
    /// Rows of basic gates, used or free; as many cells in each column.
    pub base_rows: u64,
    /// Rows of the Poseidon chip, all used.
    pub poseidon_rows: u64,
    /// Rows of the range chip, all used.
    pub range_rows: u64,
    /// Rows that no circuit can use.
    pub unusable_rows: u64,
    /// What the parts of the verifier take.
    pub parts: Vec<PartRecord>,
}

/// One part of the circuit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartRecord {
    /// Its name.
    pub name: String,
    /// Cells of the basic gates.
    pub cells: u64,
    /// Cells of the range chip.
    pub range_cells: u64,
    /// Rows of the Poseidon chip.
    pub poseidon_rows: u64,
}

/// A size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SizeRecord {
    /// Of what.
    pub name: String,
    /// Bytes.
    pub bytes: u64,
    /// The most that it may be, where something sets that.
    pub limit: Option<u64>,
}

/// Gas of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GasRecord {
    /// Of what.
    pub name: String,
    /// Gas paid for.
    pub gas: u64,
    /// Bytes of calldata or creation code.
    pub calldata_bytes: u64,
    /// The most that a transaction may use.
    pub limit: u64,
}

/// Agreement with the float model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FidelityRecord {
    /// What the program was compared with.
    pub against: String,
    /// Rows compared.
    pub rows: u64,
    /// Rows that leave the calibrated range.
    pub refused: u64,
    /// Mean absolute error of outputs.
    pub mean_error: f64,
    /// Largest absolute error of outputs.
    pub max_error: f64,
    /// Share of rows with the same decision.
    pub agreement: Option<f64>,
    /// Share of the variance that is explained.
    pub determination: Option<f64>,
    /// Perplexity of the float model and of the integer program.
    pub perplexity: Option<[f64; 2]>,
    /// Rows one by one.
    pub detail: Option<Detail>,
}

/// What a proof states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatementRecord {
    /// Names and values, in the order of the statement.
    pub fields: Vec<(String, String)>,
    /// Public outputs as people read them, the first of them.
    pub output: Vec<String>,
    /// How many there are.
    pub outputs: u64,
    /// Whether the input is public.
    pub input_public: bool,
    /// Whether it is bound to a use.
    pub context: bool,
    /// Whether it is bound to a credential.
    pub credential: bool,
}

/// What one command adds to its measurements.
#[derive(Debug)]
pub struct Ran {
    /// `prove` or `bench`.
    pub command: &'static str,
    /// The model.
    pub model: ModelInfo,
    /// Whether the reference string is a development one.
    pub development: bool,
    /// Medians.
    pub figures: Vec<Figure>,
    /// The circuit.
    pub circuit: Option<CircuitRecord>,
    /// Sizes.
    pub sizes: Vec<SizeRecord>,
    /// Gas.
    pub gas: Vec<GasRecord>,
    /// Fidelity.
    pub fidelity: Option<FidelityRecord>,
    /// Statement.
    pub statement: Option<StatementRecord>,
}

/// Keeps account of a run that is to be recorded.
#[derive(Debug)]
pub struct Recorder {
    path: PathBuf,
    began: u64,
    sampler: Sampler,
}

impl Recorder {
    /// Begins, if there is a file to write.
    ///
    /// # Errors
    /// A file that could not be written.
    pub fn begin(path: Option<&Path>) -> eyre::Result<Option<Self>> {
        let Some(path) = path else {
            return Ok(None);
        };
        destination::result(path)?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Ok(Some(Self {
            path: path.to_path_buf(),
            began: since.map_or(0, |since| since.as_secs()),
            sampler: Sampler::begin(),
        }))
    }

    /// What was measured, which from here on is at its end: what comes after is no part of the run.
    pub fn stop(self) -> Stopped {
        Stopped {
            path: self.path,
            began: self.began,
            memory: self.sampler.end(),
            peak_bytes: peak_bytes(),
        }
    }
}

/// A run that is over.
#[derive(Debug)]
pub struct Stopped {
    path: PathBuf,
    began: u64,
    memory: Vec<(f64, u64)>,
    peak_bytes: u64,
}

impl Stopped {
    /// Writes the record.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(self, ran: Ran, stages: &[Measured]) -> eyre::Result<()> {
        let record = RunRecord {
            command: ran.command.into(),
            arguments: arguments(),
            began: self.began,
            versions: Versions {
                laminate: env!("CARGO_PKG_VERSION").into(),
                protocol: PROTOCOL_VERSION.into(),
                circuit: CIRCUIT_VERSION,
            },
            machine: Machine::this(),
            model: ran.model,
            development: ran.development,
            stages: stages.iter().map(StageRecord::from).collect(),
            memory: self.memory,
            peak_bytes: self.peak_bytes,
            figures: ran.figures,
            circuit: ran.circuit,
            sizes: ran.sizes,
            gas: ran.gas,
            fidelity: ran.fidelity,
            statement: ran.statement,
        };
        sealed::write(&record, &self.path)
    }
}

fn arguments() -> Vec<String> {
    let given = std::env::args_os().skip(1);
    given.map(|a| a.to_string_lossy().into_owned()).collect()
}
