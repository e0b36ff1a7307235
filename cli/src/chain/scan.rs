//! The events of a contract, from the oldest to the newest, a range of blocks at a time.

use alloy::primitives::{Address, B256};
use eyre::ensure;

use super::{Chain, Event};

/// Where a walk over a contract's events is.
#[derive(Clone, Debug)]
pub struct Scan {
    address: Address,
    signatures: Vec<B256>,
    next: u64,
    last: u64,
    /// Blocks that are asked for at once: what the node answered for last.
    span: u64,
}

impl Scan {
    /// Of the events with these signatures, from block to block; to the latest one if no last is given.
    ///
    /// # Errors
    /// A range without blocks, or beyond the latest block.
    pub async fn new(
        chain: &mut Chain,
        address: Address,
        signatures: &[B256],
        (first, last): (u64, Option<u64>),
    ) -> eyre::Result<Self> {
        let latest = chain.latest_block().await?;
        let last = last.unwrap_or(latest);
        ensure!(
            last <= latest,
            "--to-block is {last}, the node's latest block is {latest}"
        );
        ensure!(
            first <= last,
            "--from-block is {first}, expected at most {last}, the last block"
        );
        Ok(Self {
            address,
            signatures: signatures.to_vec(),
            next: first,
            last,
            span: last - first + 1,
        })
    }

    /// The last block.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// The first block that was not read yet.
    pub fn position(&self) -> u64 {
        self.next
    }

    /// The next events; none at the end. A range that the node refuses is halved.
    ///
    /// # Errors
    /// A failure of the node, or a refusal even of single blocks.
    pub async fn next(&mut self, chain: &mut Chain) -> eyre::Result<Option<Vec<Event>>> {
        if self.next > self.last {
            return Ok(None);
        }
        loop {
            let end = self.last.min(self.next.saturating_add(self.span - 1));
            let range = (self.next, end);
            let Some(mut events) = chain.events(self.address, range, &self.signatures).await?
            else {
                self.span = (end - self.next).div_ceil(2).max(1);
                continue;
            };
            // What the node answers is looked at again: its filter is not ours.
            events.retain(|event| {
                let signature = event.log.topics().first();
                event.log.address == self.address
                    && signature.is_some_and(|s| self.signatures.contains(s))
                    && (range.0..=range.1).contains(&event.block)
            });
            self.next = end + 1;
            return Ok(Some(events));
        }
    }
}

impl Chain {
    /// Number of the latest block.
    ///
    /// # Errors
    /// A failure of the node.
    pub async fn latest_block(&mut self) -> eyre::Result<u64> {
        match self {
            Self::Embedded(chain) => Ok(chain.block_number()),
            Self::Rpc(chain) => chain.latest_block().await,
        }
    }

    async fn events(
        &mut self,
        address: Address,
        range: (u64, u64),
        signatures: &[B256],
    ) -> eyre::Result<Option<Vec<Event>>> {
        match self {
            Self::Embedded(chain) => {
                let logs = chain.logs(address, range.0).into_iter();
                let events = logs.map(|(block, log)| Event {
                    block,
                    transaction: None,
                    time: None,
                    log,
                });
                Ok(Some(events.filter(|e| e.block <= range.1).collect()))
            }
            Self::Rpc(chain) => chain.events(address, range, signatures).await,
        }
    }
}
