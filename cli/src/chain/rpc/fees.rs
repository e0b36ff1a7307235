//! What a transaction offers for its gas.

use alloy::eips::BlockNumberOrTag;
use alloy::primitives::U256;
use alloy::providers::Provider;
use alloy::providers::utils::eip1559_default_estimator;
use alloy::transports::{RpcError, TransportError};
use eyre::{ensure, eyre};

use super::{Header, RpcChain};

/// Blocks whose tips are looked at, and the percentile of them that is offered, as in alloy.
const BLOCKS: u64 = 10;
const PERCENTILE: f64 = 20.0;
/// Most wei per gas that a node is believed, 18 ether: sums of more could overflow.
const MOST: u128 = u64::MAX as u128;

/// Wei per gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fees {
    /// One price, as before EIP-1559; every chain takes such transactions.
    Legacy { price: u128 },
    /// EIP-1559: at most this, and of it at most this above the base fee.
    Dynamic { most: u128, tip: u128 },
}

impl RpcChain {
    /// EIP-1559 fees, or one price where asked for or where the chain or its node has nothing else.
    pub(super) async fn fees(&self) -> eyre::Result<Fees> {
        let base = self.header().await?.base_fee_per_gas;
        let base = base.map(|fee| believed("base fee", fee)).transpose()?;
        match base.filter(|_| !self.legacy) {
            Some(base) => match self.dynamic(base).await? {
                Some(fees) => Ok(fees),
                None => self.price(Some(base)).await,
            },
            None => self.price(base).await,
        }
    }

    /// `None` where the node does not keep a history of fees, or gives none.
    async fn dynamic(&self, base: u128) -> eyre::Result<Option<Fees>> {
        let percentile = [PERCENTILE];
        let history = self
            .retried(async || {
                let latest = BlockNumberOrTag::Latest;
                self.provider
                    .get_fee_history(BLOCKS, latest, &percentile)
                    .await
            })
            .await;
        let history = match history {
            Ok(history) => history,
            Err(error) if unknown(&error) => return Ok(None),
            Err(error) => return Err(self.node.explain("ask for the fees", &error)),
        };
        let Some(next) = history.base_fee_per_gas.last() else {
            return Ok(None);
        };
        let next = believed("base fee", U256::from(*next))?.max(base);
        let mut rewards = history.reward.unwrap_or_default();
        for tip in rewards.iter_mut().flatten() {
            *tip = (*tip).min(MOST);
        }
        if rewards.is_empty() {
            let tip = self.retried(async || self.provider.get_max_priority_fee_per_gas().await);
            rewards.extend(tip.await.ok().map(|tip| vec![tip.min(MOST)]));
        }
        let fees = eip1559_default_estimator(next, &rewards);
        Ok(Some(Fees::Dynamic {
            most: fees.max_fee_per_gas,
            tip: fees.max_priority_fee_per_gas,
        }))
    }

    /// The node's price; an eighth more where there is a base fee, which may rise so much by the next block.
    async fn price(&self, base: Option<u128>) -> eyre::Result<Fees> {
        let price = self
            .read("ask for the gas price", async || {
                self.provider.get_gas_price().await
            })
            .await?;
        let price = believed("gas price", U256::from(price))?;
        let price = match base {
            Some(base) => price.max(base) + price.max(base) / 8,
            None => price,
        };
        Ok(Fees::Legacy { price })
    }

    /// The latest block.
    pub(super) async fn header(&self) -> eyre::Result<Header> {
        let header: Option<Header> = self
            .read("read the latest block", async || {
                let parameters = ("latest", false);
                self.provider
                    .raw_request("eth_getBlockByNumber".into(), parameters)
                    .await
            })
            .await?;
        header.ok_or_else(|| eyre!("{} has no block yet", self.node()))
    }
}

/// Whether a node does not know a method, or answers it with something else.
fn unknown(error: &TransportError) -> bool {
    matches!(
        error,
        RpcError::ErrorResp(_) | RpcError::NullResp | RpcError::DeserError { .. }
    )
}

fn believed(what: &str, fee: U256) -> eyre::Result<u128> {
    ensure!(
        fee <= U256::from(MOST),
        "the node names a {what} of {fee} wei per gas, expected at most {MOST}; check --rpc-url"
    );
    Ok(fee.to())
}
