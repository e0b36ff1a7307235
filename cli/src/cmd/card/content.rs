//! The card itself.

use std::path::Path;

use alloy::primitives::{B256, keccak256};
use eyre::{Context, ensure};
use laminate_model::program::WeightFormat;
use serde::{Deserialize, Serialize};

use crate::canonical;
use crate::files::{MAX_RECORD, read_at_most};

/// First member of a card's meaning: what its others are.
pub const SCHEMA: &str = "laminate-model-card/1";

/// A model card. Its members are camel case in JSON; members without a value are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Card {
    /// [`SCHEMA`].
    pub schema: String,
    /// Name of the model.
    pub name: String,
    /// Version of the model, as its owner counts.
    pub version: String,
    /// Who answers for it.
    pub owner: String,
    /// SPDX identifier or words.
    pub licence: String,
    /// What it is for, and what not.
    pub intended_use: String,
    /// Kind of task, as Hugging Face names them (`tabular-classification`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The program.
    pub program: ProgramCard,
    /// Its weights.
    pub weights: WeightsCard,
    /// The model's file.
    pub source: SourceCard,
    /// The calibration rows or texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<FileCard>,
    /// Agreement of the integer program with the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fidelity: Option<FidelityCard>,
    /// What its owner measured of the model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
    /// What it was trained and evaluated on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<DataCard>,
    /// The reference string.
    pub srs: SrsCard,
    /// The software.
    pub laminate: LaminateCard,
}

/// The program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProgramCard {
    /// Digest that proofs state.
    pub digest: B256,
    /// Its name.
    pub name: String,
    /// Kinds of its ops.
    pub ops: Vec<String>,
    /// Weights and biases.
    pub parameters: u64,
    /// Inputs to a proof.
    pub batch: u32,
    /// Input value = integer · 2^-scale.
    pub input_scale: i8,
    /// Output value = integer · 2^-scale.
    pub output_scale: i8,
}

/// The weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WeightsCard {
    /// The published commitment.
    pub commitment: B256,
    /// Integers of the layers.
    pub formats: Vec<WeightFormat>,
    /// Whether every proof shows that they are in range; otherwise a commitment proof does.
    pub checked_by_every_proof: bool,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileCard {
    /// Name.
    pub file: String,
    /// SHA-256, hex.
    pub sha256: String,
}

/// The model's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SourceCard {
    /// Name.
    pub file: String,
    /// SHA-256, hex.
    pub sha256: String,
    /// Where it is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hf: Option<HubCard>,
}

/// A repository of Hugging Face.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HubCard {
    /// Owner and name.
    pub repo: String,
    /// Commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

/// Agreement of the integer program with the float model, as `compile` measured it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FidelityCard {
    /// Rows, or positions of texts.
    pub rows: u64,
    /// Rows that the program refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<u64>,
    /// Share of equal decisions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision_agreement: Option<f64>,
    /// Share of the variance that is explained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub determination: Option<f64>,
    /// Mean absolute error of outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_error: Option<f64>,
    /// Largest absolute error of outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_error: Option<f64>,
}

/// A measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metric {
    /// Name.
    pub name: String,
    /// Value.
    pub value: f64,
}

/// Data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DataCard {
    /// What it was trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<String>,
    /// What it was evaluated on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<String>,
}

/// The reference string.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SrsCard {
    /// Whether the commitment depends on one whose secret is public.
    pub development: bool,
    /// Digest of the one that the keys were made with, if there are keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// The software.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LaminateCard {
    /// Version that compiled the model.
    pub version: String,
    /// Version of the circuits.
    pub circuit: u32,
}

impl Card {
    /// The canonical bytes.
    ///
    /// # Errors
    /// A number that JSON does not have.
    pub fn bytes(&self) -> eyre::Result<Vec<u8>> {
        canonical::bytes(&serde_json::to_value(self)?)
    }

    /// keccak-256 of the bytes: the model's metadata hash.
    ///
    /// # Errors
    /// As [`Self::bytes`].
    pub fn hash(&self) -> eyre::Result<B256> {
        Ok(keccak256(self.bytes()?))
    }

    /// Reads a card.
    ///
    /// # Errors
    /// A missing file, another schema, another form of JSON, or members that no card has.
    pub fn read(path: &Path) -> eyre::Result<Self> {
        let text = read_at_most(path, MAX_RECORD)?;
        Self::decode(&text).wrap_err_with(|| {
            format!(
                "{} is no model card; make one with `laminate card DIR -o FILE`",
                path.display()
            )
        })
    }

    fn decode(text: &[u8]) -> eyre::Result<Self> {
        let value = canonical::read(text)?;
        let schema = value.get("schema").cloned().unwrap_or_default();
        ensure!(
            schema == SCHEMA,
            "its schema is {schema}, expected \"{SCHEMA}\""
        );
        let card: Self = serde_json::from_value(value)?;
        ensure!(
            card.bytes()? == text,
            "it has members without a value, which are left out"
        );
        Ok(card)
    }

    /// Refuses a card of another program or of other weights; its hash.
    ///
    /// # Errors
    /// With both.
    pub fn require(&self, program: B256, weight_commitment: B256) -> eyre::Result<B256> {
        ensure!(
            self.program.digest == program,
            "the card is of program {}, the deployment verifies {program}",
            self.program.digest
        );
        ensure!(
            self.weights.commitment == weight_commitment,
            "the card is of weights {}, not {weight_commitment}; make a card of the folder that is committed to",
            self.weights.commitment
        );
        self.hash()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn example() -> Card {
        Card {
            schema: SCHEMA.into(),
            name: "Fraud \"screen\"".into(),
            version: "1.0".into(),
            owner: "Example: Bank\n".into(),
            licence: "MIT".into(),
            intended_use: "Screening of card payments".into(),
            task: None,
            program: ProgramCard {
                digest: B256::with_last_byte(1),
                name: "fraud".into(),
                ops: vec!["dense".into()],
                parameters: 4033,
                batch: 1,
                input_scale: 10,
                output_scale: 14,
            },
            weights: WeightsCard {
                commitment: B256::with_last_byte(2),
                formats: vec![WeightFormat::Int8],
                checked_by_every_proof: true,
            },
            source: SourceCard {
                file: "fraud.onnx".into(),
                sha256: "00".into(),
                hf: None,
            },
            calibration: None,
            fidelity: Some(FidelityCard {
                rows: 2000,
                refused: Some(0),
                decision_agreement: Some(0.9995),
                determination: None,
                mean_error: Some(1e-7),
                max_error: Some(0.1 + 0.2),
            }),
            metrics: vec![Metric {
                name: "roc_auc".into(),
                value: 0.978_765_767_294_530_2,
            }],
            data: None,
            srs: SrsCard {
                development: true,
                digest: None,
            },
            laminate: LaminateCard {
                version: "0.1.0".into(),
                circuit: 7,
            },
        }
    }

    #[test]
    fn cards_survive_and_other_texts_are_refused() {
        let card = example();
        let bytes = card.bytes().unwrap();
        assert_eq!(Card::decode(&bytes).unwrap(), card);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with("{\"fidelity\":{\"decisionAgreement\":0.9995,"));
        assert!(text.contains("\"meanError\":1e-7") && text.contains("0.30000000000000004"));
        for (from, to, expected) in [
            (
                "laminate-model-card/1",
                "laminate-model-card/2",
                "its schema is",
            ),
            ("\"name\":\"Fraud", "\"named\":\"Fraud", "unknown field"),
            ("{\"fidelity\"", "{ \"fidelity\"", "canonical form"),
            (
                "\"intendedUse\"",
                "\"data\":null,\"intendedUse\"",
                "canonical form",
            ),
            (
                "{\"fidelity\"",
                "{\"data\":null,\"fidelity\"",
                "without a value",
            ),
            ("\"batch\":1", "\"batch\":-1", "invalid"),
        ] {
            assert!(text.contains(from), "{from}: {text}");
            let error = Card::decode(text.replacen(from, to, 1).as_bytes()).unwrap_err();
            let error = format!("{error:#}");
            assert!(error.contains(expected), "{from}: {error}");
        }
        let (one, two) = (B256::with_last_byte(1), B256::with_last_byte(2));
        assert_eq!(card.require(one, two).unwrap(), card.hash().unwrap());
        assert!(
            card.require(two, two)
                .unwrap_err()
                .to_string()
                .contains("of program")
        );
        assert!(
            card.require(one, one)
                .unwrap_err()
                .to_string()
                .contains("of weights")
        );
    }
}
