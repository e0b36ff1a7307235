//! A card against what is registered.

use alloy::primitives::{B256, U256};
use eyre::eyre;
use serde::Serialize;

use super::content::Card;
use crate::chain::Chain;
use crate::chain::manifest::Manifest;
use crate::chain::registry::Registry;
use crate::cmd::check::foreign;

/// Whether a model is registered with a card.
#[derive(Debug, Serialize)]
pub struct CardReport {
    pub(crate) holds: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    card_hash: B256,
    model_id: B256,
    /// As registered.
    metadata_hash: B256,
}

impl Card {
    /// Compares the card with a model: the one given, or the one registered with the card's weights.
    ///
    /// # Errors
    /// No such model in the record, or a failure of the chain.
    pub async fn on_chain(
        &self,
        chain: &mut Chain,
        manifest: &Manifest,
        model: Option<U256>,
    ) -> eyre::Result<CardReport> {
        let recorded = || manifest.model(self.weights.commitment);
        let id = model
            .or_else(|| recorded().map(|m| m.model_id.into()))
            .ok_or_else(|| {
                eyre!(
                    "no model with the card's weight commitment {} is registered here; give --model ID",
                    self.weights.commitment
                )
            })?;
        let registry = Registry {
            address: manifest.model_registry.address,
        };
        let model = registry.model(chain, id).await?;
        let card_hash = self.hash()?;
        let reason = match self.require(manifest.program_digest, model.weightCommitment) {
            Err(error) => Some(error.to_string()),
            Ok(_) if model.metadataHash != card_hash => Some(format!(
                "the model is registered with the metadata hash {}, the card's hash is {card_hash}: it is another card, or altered",
                model.metadataHash
            )),
            Ok(_) => foreign(&model, manifest),
        };
        Ok(CardReport {
            holds: reason.is_none(),
            reason,
            card_hash,
            model_id: id.into(),
            metadata_hash: model.metadataHash,
        })
    }

    /// How `check` tells of it.
    pub fn told(report: &CardReport) -> String {
        match &report.reason {
            None => format!(
                "card {} is that of model {}",
                report.card_hash, report.model_id
            ),
            Some(reason) => format!("card refused: {reason}"),
        }
    }
}
