//! A transaction: estimated, priced, signed here for the one chain, sent once, and waited for.
//!
//! Its hash is known before it is sent. Should the node's answer be lost, the hash is looked for; nothing is sent again.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use alloy::consensus::{SignableTransaction, TxEip1559, TxEnvelope, TxLegacy};
use alloy::eips::eip2718::Encodable2718;
use alloy::network::{TransactionBuilder, TxSignerSync};
use alloy::primitives::{Address, B256, TxKind, U64};
use alloy::providers::Provider;
use alloy::rpc::types::{Log, TransactionRequest};
use alloy::transports::{RpcError, TransportError};
use eyre::{Report, eyre};
use serde::Deserialize;

use super::super::{Receipt, Revert, Signed, Watch};
use super::RpcChain;
use super::fees::Fees;

/// First and longest pause between two looks for a receipt.
const FIRST_LOOK: Duration = Duration::from_millis(100);
const LONGEST_LOOK: Duration = Duration::from_secs(2);
/// How long a transaction whose answer was lost is looked for.
const LOST: Duration = Duration::from_secs(15);
/// How far one of several nodes behind an address may be behind another.
const LAG: Duration = Duration::from_secs(3);

/// Of a receipt what is needed here: nodes of other chains leave out or add fields.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mined {
    #[serde(default)]
    block_number: Option<U64>,
    #[serde(default)]
    status: Option<U64>,
    gas_used: U64,
    #[serde(default)]
    logs: Vec<Log>,
}

/// What became of a transaction sent earlier.
pub enum Earlier {
    /// It is in a block.
    Mined(Receipt),
    /// It never can be: another one took its nonce, or it failed.
    Gone,
    /// The node does not know it and its nonce is free: to send one with this nonce cannot make a second contract.
    Unsent,
}

impl RpcChain {
    /// Estimates, signs and sends, then waits for the receipt. What the estimate shows to fail is never sent.
    pub(super) async fn transact(
        &self,
        action: &str,
        request: TransactionRequest,
        nonce: Option<u64>,
        watch: &mut dyn Watch,
    ) -> eyre::Result<(Receipt, Option<Address>)> {
        let request = request
            .with_from(self.sender()?)
            .with_chain_id(self.chain_id);
        let gas = self
            .read(action, async || {
                self.provider.estimate_gas(request.clone()).await
            })
            .await?;
        let fees = self.fees().await?;
        let nonce = match nonce {
            Some(nonce) => nonce,
            None => self.nonce().await?,
        };
        let (signed, raw) = self.sign(&request, nonce, gas, fees)?;
        watch.sending(&signed)?;
        self.put(action, &signed, &raw, watch).await?;
        let receipt = self.mined(action, signed.hash).await?;
        self.next_nonce.fetch_max(nonce + 1, Ordering::Relaxed);
        if receipt.status == Some(U64::ZERO) {
            return Err(self.reason(request, &receipt, signed.hash).await);
        }
        let calldata_bytes = request.input.input().map_or(0, |data| data.len());
        Ok((receipt.done(signed.hash, calldata_bytes), signed.contract))
    }

    /// The signed transaction as it is sent, for this chain and no other.
    fn sign(
        &self,
        request: &TransactionRequest,
        nonce: u64,
        gas: u64,
        fees: Fees,
    ) -> eyre::Result<(Signed, Vec<u8>)> {
        let to = request.to.unwrap_or(TxKind::Create);
        let value = request.value.unwrap_or_default();
        let input = request.input.input().cloned().unwrap_or_default();
        let signer = self.signer()?;
        let failed = |e| eyre!("cannot sign for chain {}: {e}", self.chain_id);
        let envelope: TxEnvelope = match fees {
            Fees::Legacy { price } => {
                let mut tx = TxLegacy {
                    chain_id: Some(self.chain_id),
                    nonce,
                    gas_price: price,
                    gas_limit: gas,
                    to,
                    value,
                    input,
                };
                let signature = signer.sign_transaction_sync(&mut tx).map_err(failed)?;
                tx.into_signed(signature).into()
            }
            Fees::Dynamic { most, tip } => {
                let mut tx = TxEip1559 {
                    chain_id: self.chain_id,
                    nonce,
                    gas_limit: gas,
                    max_fee_per_gas: most,
                    max_priority_fee_per_gas: tip,
                    to,
                    value,
                    access_list: Default::default(),
                    input,
                };
                let signature = signer.sign_transaction_sync(&mut tx).map_err(failed)?;
                tx.into_signed(signature).into()
            }
        };
        let signed = Signed {
            hash: *envelope.tx_hash(),
            nonce,
            contract: to.is_create().then(|| signer.address().create(nonce)),
        };
        Ok((signed, envelope.encoded_2718()))
    }

    /// The account's next nonce; nodes behind one address may lag, so never one that is in a block already.
    async fn nonce(&self) -> eyre::Result<u64> {
        let sender = self.sender()?;
        let pending = self
            .read("read the account's nonce", async || {
                self.provider.get_transaction_count(sender).pending().await
            })
            .await?;
        Ok(pending.max(self.next_nonce.load(Ordering::Relaxed)))
    }

    /// Sends once.
    async fn put(
        &self,
        action: &str,
        signed: &Signed,
        raw: &[u8],
        watch: &mut dyn Watch,
    ) -> eyre::Result<()> {
        let Err(error) = self.provider.send_raw_transaction(raw).await else {
            return Ok(());
        };
        let refused = never_taken(&error) || self.node.is_absent(&error);
        let patience = if refused {
            Duration::ZERO
        } else {
            LOST.min(self.timeout)
        };
        if self.appears(signed.hash, patience).await {
            return Ok(());
        }
        let hash = signed.hash;
        if !refused {
            return Err(self.node.explain(action, &error).wrap_err(format!(
                "transaction {hash} was sent to {}, whose answer was lost, and is not known there after {} s; it may still get into a block: look for it before sending again",
                self.node(),
                patience.as_secs()
            )));
        }
        let text = error.to_string().to_lowercase();
        let late = ["nonce too low", "already known", "replacement"];
        if late.iter().any(|known| text.contains(known)) {
            return Err(self.node.explain(action, &error).wrap_err(format!(
                "transaction {hash} was not taken, another one of this account has nonce {}; wait until it is in a block, then run the command again",
                signed.nonce
            )));
        }
        if is_verdict(&error) {
            watch.refused()?;
        }
        Err(self.node.explain(action, &error))
    }

    /// Whether the node knows a transaction, within `patience`.
    async fn appears(&self, hash: B256, patience: Duration) -> bool {
        let start = Instant::now();
        loop {
            if let Ok(Some(_)) = self.pending(hash).await {
                return true;
            }
            if let Ok(Some(_)) = self.receipt(hash).await {
                return true;
            }
            if start.elapsed() + FIRST_LOOK * 5 > patience {
                return false;
            }
            tokio::time::sleep(FIRST_LOOK * 5).await;
        }
    }

    async fn pending(&self, hash: B256) -> Result<Option<serde_json::Value>, TransportError> {
        let method = "eth_getTransactionByHash";
        self.provider.raw_request(method.into(), (hash,)).await
    }

    async fn receipt(&self, hash: B256) -> Result<Option<Mined>, TransportError> {
        let method = "eth_getTransactionReceipt";
        let found: Option<Mined> = self.provider.raw_request(method.into(), (hash,)).await?;
        Ok(found.filter(|receipt| receipt.block_number.is_some()))
    }

    /// Waits for a receipt until the timeout, whatever the node answers meanwhile.
    async fn mined(&self, action: &str, hash: B256) -> eyre::Result<Mined> {
        let start = Instant::now();
        let mut pause = FIRST_LOOK;
        loop {
            let left = self.timeout.saturating_sub(start.elapsed());
            let looked = tokio::time::timeout(left, self.receipt(hash)).await;
            let last = match looked {
                Ok(Ok(Some(receipt))) => return Ok(receipt),
                Ok(Ok(None)) | Err(_) => None,
                Ok(Err(error)) => Some(error),
            };
            if start.elapsed() + pause >= self.timeout {
                return Err(self.unmined(action, hash, last.as_ref()));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_LOOK);
        }
    }

    fn unmined(&self, action: &str, hash: B256, last: Option<&TransportError>) -> Report {
        let said = last.map(|error| format!("; the node says last: {}", self.node.said(error)));
        eyre!(
            "transaction {hash} to {action} was sent to {} but is not in a block after {} s{}; it may still get there: look for it before sending again, or give a longer --timeout",
            self.node(),
            self.timeout.as_secs(),
            said.unwrap_or_default()
        )
    }

    /// What became of a transaction sent by an earlier run; waits for one that the node knows.
    ///
    /// # Errors
    /// A failure of the node, or a transaction that does not get into a block in time.
    pub async fn earlier(&self, signed: &Signed, calldata_bytes: usize) -> eyre::Result<Earlier> {
        let known = self
            .read("look for a transaction", async || {
                Ok(self.receipt(signed.hash).await?.is_some()
                    || self.pending(signed.hash).await?.is_some())
            })
            .await?;
        if !known {
            let sender = self.sender()?;
            let used = self
                .read("read the account's nonce", async || {
                    self.provider.get_transaction_count(sender).await
                })
                .await?;
            if used <= signed.nonce {
                return Ok(Earlier::Unsent);
            }
            // The node that counted may be ahead of the one that knew nothing.
            if !self.appears(signed.hash, LAG.min(self.timeout)).await {
                return Ok(Earlier::Gone);
            }
        }
        let receipt = self.mined("go on where it stopped", signed.hash).await?;
        self.next_nonce
            .fetch_max(signed.nonce + 1, Ordering::Relaxed);
        Ok(if receipt.status == Some(U64::ZERO) {
            Earlier::Gone
        } else {
            Earlier::Mined(receipt.done(signed.hash, calldata_bytes))
        })
    }

    /// Why a mined transaction failed: the state changed between the estimate and the block.
    async fn reason(&self, request: TransactionRequest, receipt: &Mined, hash: B256) -> Report {
        let block: u64 = receipt.block_number.unwrap_or_default().to();
        let context = format!("transaction {hash} failed in block {block}");
        let called = self
            .retried(async || {
                self.provider
                    .call(request.clone())
                    .block(block.into())
                    .await
            })
            .await;
        match called {
            Err(error) => self
                .node
                .explain("call the contract", &error)
                .wrap_err(context),
            Ok(_) => Report::from(Revert::decode(&[])).wrap_err(context),
        }
    }
}

/// Answers of a gateway with which it may have passed the request on: time-outs, conflicts, a client that went away.
const PASSED_ON: [u16; 4] = [408, 409, 425, 499];

/// Whether an answer to a sent transaction says that it was not taken. Failures of a gateway say nothing.
fn never_taken(error: &TransportError) -> bool {
    match error {
        RpcError::ErrorResp(_) => true,
        RpcError::Transport(kind) => kind
            .as_http_error()
            .is_some_and(|e| (300..500).contains(&e.status) && !PASSED_ON.contains(&e.status)),
        _ => false,
    }
}

/// Whether a refusal is of the transaction itself, so that nothing of it will ever happen: a failure that a node
/// reports about itself may come after it passed the transaction on.
fn is_verdict(error: &TransportError) -> bool {
    let RpcError::ErrorResp(payload) = error else {
        return true;
    };
    let message = payload.message.to_lowercase();
    const VERDICTS: [&str; 9] = [
        "insufficient funds",
        "intrinsic gas",
        "gas limit",
        "fee cap",
        "max fee per gas",
        "underpriced",
        "chain id",
        "initcode",
        "invalid sender",
    ];
    VERDICTS.iter().any(|text| message.contains(text))
}

impl Mined {
    fn done(self, hash: B256, calldata_bytes: usize) -> Receipt {
        Receipt {
            tx_hash: Some(hash),
            block: self.block_number.unwrap_or_default().to(),
            gas_used: self.gas_used.to(),
            calldata_bytes,
            logs: self.logs.into_iter().map(|log| log.inner).collect(),
        }
    }
}
