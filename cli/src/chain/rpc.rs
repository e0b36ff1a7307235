//! A chain behind a node, over HTTP.

use std::time::Duration;

use alloy::eips::BlockNumberOrTag;
use alloy::network::TransactionBuilder;
use alloy::primitives::{Address, B256, Bytes, Log, TxKind, U256};
use alloy::providers::{DynProvider, Provider, ProviderBuilder};
use alloy::rpc::types::{Filter, TransactionReceipt, TransactionRequest};
use alloy::signers::local::PrivateKeySigner;
use alloy::transports::http::reqwest;
use eyre::{bail, ensure, eyre};

use super::node_error::NodeName;
use super::{Created, Receipt, Revert};

/// How to reach a node.
#[derive(Clone, Debug, clap::Args)]
pub struct NodeArgs {
    /// The node's HTTP address.
    #[arg(long, value_name = "URL", env = "ETH_RPC_URL", hide_env_values = true)]
    pub rpc_url: String,
    /// The chain the node must be on; needed to deploy on a chain that is not local.
    #[arg(long, value_name = "ID")]
    pub chain_id: Option<u64>,
    /// Seconds to wait for an answer, and for a transaction to be in a block.
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,
}

/// A chain behind a node.
pub struct RpcChain {
    provider: DynProvider,
    node: NodeName,
    chain_id: u64,
    sender: Option<Address>,
    timeout: Duration,
}

impl RpcChain {
    /// Connects and checks the chain id; without a signer for reading only.
    ///
    /// # Errors
    /// A malformed URL, no node there, or a node on another chain than `args.chain_id`.
    pub async fn connect(args: &NodeArgs, signer: Option<PrivateKeySigner>) -> eyre::Result<Self> {
        let url = parse_url(&args.rpc_url)?;
        let node = NodeName::new(&url, args.timeout);
        let timeout = Duration::from_secs(args.timeout);
        let client = reqwest::Client::builder()
            .timeout(timeout)
            .connect_timeout(timeout.min(Duration::from_secs(10)))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|e| eyre!("cannot set up HTTP: {}", e.without_url()))?;
        let sender = signer.as_ref().map(PrivateKeySigner::address);
        let provider = match signer {
            Some(signer) => ProviderBuilder::new()
                .wallet(signer)
                .connect_reqwest(client, url)
                .erased(),
            None => ProviderBuilder::new().connect_reqwest(client, url).erased(),
        };
        let chain_id = provider
            .get_chain_id()
            .await
            .map_err(|e| node.explain("ask for its chain id", &e))?;
        if let Some(expected) = args.chain_id {
            ensure!(
                chain_id == expected,
                "wrong chain: {} is on chain {chain_id}, expected {expected}; check --rpc-url and --chain-id",
                node.shown()
            );
        }
        Ok(Self {
            provider,
            node,
            chain_id,
            sender,
            timeout,
        })
    }

    /// As the node said when it was connected to.
    pub fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// The node, without what may be secret in its URL.
    pub fn node(&self) -> &str {
        self.node.shown()
    }

    /// The signer's address.
    ///
    /// # Errors
    /// If connected without a signer.
    pub fn sender(&self) -> eyre::Result<Address> {
        self.sender.ok_or_else(|| {
            eyre!(
                "no account to send from; give --keystore FILE or set {}",
                super::signer::KEY_VARIABLE
            )
        })
    }

    /// Creates a contract.
    ///
    /// # Errors
    /// As [`RpcChain::send`].
    pub async fn deploy(&self, code: Bytes) -> eyre::Result<Created> {
        let request = TransactionRequest::default()
            .with_kind(TxKind::Create)
            .with_input(code);
        let (receipt, address) = self.transact("create the contract", request).await?;
        let address =
            address.ok_or_else(|| eyre!("{} gave no address for the new contract", self.node()))?;
        Created::new(address, &self.code(address).await?, receipt)
    }

    /// Runs a call on the latest state.
    ///
    /// # Errors
    /// [`Revert`], or a failure of the node.
    pub async fn call(&self, to: Address, data: Bytes) -> eyre::Result<Bytes> {
        let mut request = TransactionRequest::default().with_to(to).with_input(data);
        request.from = self.sender;
        self.provider
            .call(request)
            .await
            .map_err(|e| self.node.explain("call the contract", &e))
    }

    /// Estimates, signs and sends, then waits for the receipt. What the estimate shows to fail is never sent.
    ///
    /// # Errors
    /// [`Revert`], too little ether, no block in time, or a failure of the node.
    pub async fn send(&self, to: Address, data: Bytes, value: U256) -> eyre::Result<Receipt> {
        let request = TransactionRequest::default()
            .with_to(to)
            .with_input(data)
            .with_value(value);
        Ok(self.transact("send the transaction", request).await?.0)
    }

    /// Runtime code at an address.
    ///
    /// # Errors
    /// A failure of the node.
    pub async fn code(&self, address: Address) -> eyre::Result<Bytes> {
        self.provider
            .get_code_at(address)
            .await
            .map_err(|e| self.node.explain("read code", &e))
    }

    /// Wei at an address.
    ///
    /// # Errors
    /// A failure of the node.
    pub async fn balance(&self, address: Address) -> eyre::Result<U256> {
        self.provider
            .get_balance(address)
            .await
            .map_err(|e| self.node.explain("read a balance", &e))
    }

    /// Time of the latest block.
    ///
    /// # Errors
    /// A failure of the node.
    pub async fn timestamp(&self) -> eyre::Result<u64> {
        let block = self
            .provider
            .get_block_by_number(BlockNumberOrTag::Latest)
            .await;
        let block = block.map_err(|e| self.node.explain("read the latest block", &e))?;
        Ok(block
            .ok_or_else(|| eyre!("{} has no block yet", self.node()))?
            .header
            .timestamp)
    }

    /// Events of a contract since a block.
    ///
    /// # Errors
    /// A failure of the node.
    pub async fn logs(
        &self,
        address: Address,
        from_block: u64,
        topics: &[B256],
    ) -> eyre::Result<Vec<(u64, Log)>> {
        let mut filter = Filter::new().address(address).from_block(from_block);
        for (slot, topic) in filter.topics.iter_mut().zip(topics) {
            *slot = (*topic).into();
        }
        let logs = self
            .provider
            .get_logs(&filter)
            .await
            .map_err(|e| self.node.explain("look for events", &e))?;
        Ok(logs
            .into_iter()
            .map(|log| (log.block_number.unwrap_or_default(), log.inner))
            .collect())
    }

    async fn transact(
        &self,
        action: &str,
        request: TransactionRequest,
    ) -> eyre::Result<(Receipt, Option<Address>)> {
        let request = request.with_from(self.sender()?);
        let calldata_bytes = request.input.input().map_or(0, |data| data.len());
        let pending = self
            .provider
            .send_transaction(request.clone())
            .await
            .map_err(|e| self.node.explain(action, &e))?;
        let hash = *pending.tx_hash();
        let receipt = pending.with_timeout(Some(self.timeout)).get_receipt().await;
        let receipt = receipt.map_err(|e| {
            self.node
                .explain_pending(action, &e)
                .wrap_err(format!("transaction {hash}"))
        })?;
        if !receipt.status() {
            return Err(self.reason(request, &receipt).await);
        }
        let address = receipt.contract_address;
        let receipt = Receipt {
            tx_hash: Some(hash),
            block: receipt.block_number.unwrap_or_default(),
            gas_used: receipt.gas_used,
            calldata_bytes,
            logs: receipt.logs().iter().map(|log| log.inner.clone()).collect(),
        };
        Ok((receipt, address))
    }

    /// Why a mined transaction failed: the state changed between the estimate and the block.
    async fn reason(
        &self,
        request: TransactionRequest,
        receipt: &TransactionReceipt,
    ) -> eyre::Report {
        let block = receipt.block_number.unwrap_or_default();
        let context = format!(
            "transaction {} failed in block {block}",
            receipt.transaction_hash
        );
        match self.provider.call(request).block(block.into()).await {
            Err(error) => self
                .node
                .explain("call the contract", &error)
                .wrap_err(context),
            Ok(_) => eyre::Report::from(Revert::decode(&[])).wrap_err(context),
        }
    }
}

fn parse_url(text: &str) -> eyre::Result<reqwest::Url> {
    let hint = "expected an HTTP address such as http://127.0.0.1:8545";
    let url = reqwest::Url::parse(text).map_err(|e| eyre!("--rpc-url: {e}, {hint}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        bail!("--rpc-url: scheme {}, {hint}", url.scheme());
    }
    Ok(url)
}
