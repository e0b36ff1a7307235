//! Events, looked for in ranges of blocks: providers limit how many blocks, or how many events, they answer for.

use alloy::primitives::{Address, B256, Log};
use alloy::providers::Provider;
use alloy::rpc::types::Filter;
use alloy::transports::{RpcError, TransportError, TransportErrorKind};

use super::super::{Event, Topics};
use super::RpcChain;
use super::bounded::is_too_long;

/// JSON-RPC's code of an unknown method.
const METHOD_NOT_FOUND: i64 = -32601;

impl RpcChain {
    /// The newest event of a contract since a block that `accept` takes. A range that the node refuses is halved.
    ///
    /// # Errors
    /// A failure of the node, or a refusal even of single blocks.
    pub async fn find_event(
        &self,
        address: Address,
        from_block: u64,
        topics: &Topics,
        accept: impl Fn(&Log) -> bool,
    ) -> eyre::Result<Option<Event>> {
        let latest = self.latest_block().await?;
        // A node that lags may not know the first block yet; it says so itself.
        let mut end = latest.max(from_block);
        let mut span = end - from_block + 1;
        loop {
            let begin = end.saturating_sub(span - 1).max(from_block);
            let mut filter = Filter::new()
                .address(address)
                .from_block(begin)
                .to_block(end);
            for (slot, topic) in filter.topics.iter_mut().zip(topics) {
                *slot = topic.map(Into::into).unwrap_or_default();
            }
            match self
                .retried(async || self.provider.get_logs(&filter).await)
                .await
            {
                Ok(logs) => {
                    let found = logs.into_iter().rev().find(|log| accept(&log.inner));
                    if found.is_some() || begin == from_block {
                        return Ok(found.map(|log| Event {
                            block: log.block_number.unwrap_or_default(),
                            transaction: log.transaction_hash,
                            time: log.block_timestamp,
                            log: log.inner,
                        }));
                    }
                    end = begin - 1;
                }
                Err(error) if begin < end && of_range(&error) => span = (end - begin).div_ceil(2),
                Err(error) => return Err(self.node.explain("look for events", &error)),
            }
        }
    }

    /// Number of the latest block.
    ///
    /// # Errors
    /// A failure of the node.
    pub async fn latest_block(&self) -> eyre::Result<u64> {
        self.read("read the latest block's number", async || {
            self.provider.get_block_number().await
        })
        .await
    }

    /// The events of a contract in a range of blocks that have one of these signatures, oldest first; none where the node
    /// refuses the range and may answer for a smaller one.
    ///
    /// # Errors
    /// A failure of the node, or a refusal of a single block.
    pub async fn events(
        &self,
        address: Address,
        (begin, end): (u64, u64),
        signatures: &[B256],
    ) -> eyre::Result<Option<Vec<Event>>> {
        let filter = Filter::new()
            .address(address)
            .from_block(begin)
            .to_block(end)
            .event_signature(signatures.to_vec());
        let answer = self
            .retried(async || self.provider.get_logs(&filter).await)
            .await;
        let logs = match answer {
            Ok(logs) => logs,
            Err(error) if begin < end && of_range(&error) => return Ok(None),
            Err(error) => return Err(self.node.explain("look for events", &error)),
        };
        let mut placed: Vec<_> = logs
            .into_iter()
            .filter(|log| !log.removed)
            .filter_map(|log| Some(((log.block_number?, log.log_index?), log)))
            .collect();
        placed.sort_by_key(|(place, _)| *place);
        let events = placed.into_iter().map(|((block, _), log)| Event {
            block,
            transaction: log.transaction_hash,
            time: log.block_timestamp,
            log: log.inner,
        });
        Ok(Some(events.collect()))
    }
}

/// Whether a smaller range may be answered.
fn of_range(error: &TransportError) -> bool {
    match error {
        error if is_too_long(error) => true,
        RpcError::ErrorResp(payload) => payload.code != METHOD_NOT_FOUND,
        RpcError::Transport(
            TransportErrorKind::HttpError(error)
            | TransportErrorKind::HttpErrorWithRetryAfter { error, .. },
        ) => matches!(error.status, 400 | 413 | 422),
        _ => false,
    }
}
