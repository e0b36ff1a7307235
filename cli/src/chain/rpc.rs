//! A chain behind a node, over HTTP.
//!
//! | module | what |
//! | --- | --- |
//! | [`bounded`] | HTTP, with answers of bounded size |
//! | [`retry`] | reads asked again where a node was busy |
//! | [`fees`] | what a transaction offers |
//! | [`send`] | transactions: signed here for one chain, sent once, waited for |
//! | [`logs`] | events, in ranges of blocks |

mod bounded;
mod fees;
mod logs;
mod retry;
mod send;

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use alloy::network::TransactionBuilder;
use alloy::primitives::{Address, Bytes, TxKind, U64, U256};
use alloy::providers::{DynProvider, Provider, ProviderBuilder};
use alloy::rpc::client::RpcClient;
use alloy::rpc::types::TransactionRequest;
use alloy::signers::Signer;
use alloy::signers::local::PrivateKeySigner;
use alloy::transports::TransportResult;
use alloy::transports::http::reqwest;
use eyre::{bail, ensure, eyre};
use serde::Deserialize;

use self::bounded::Bounded;
pub use self::bounded::TooLong;
pub use self::send::Earlier;
use super::node_error::NodeName;
use super::{Created, LOCAL_CHAIN_IDS, Receipt, Watch};

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
    loopback: bool,
    /// Signs for [`Self::chain_id`] only.
    signer: Option<PrivateKeySigner>,
    legacy: bool,
    timeout: Duration,
    /// After the nonces of this chain's transactions that are in a block.
    next_nonce: AtomicU64,
}

/// Of a block what is needed here: nodes of other chains leave out or add fields.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    timestamp: U64,
    #[serde(default)]
    base_fee_per_gas: Option<U256>,
}

impl RpcChain {
    /// Connects and checks the chain id; without a signer for reading only. The id is the node's first answer and is
    /// kept: whatever the node says later, calls name this chain and transactions are signed for it.
    ///
    /// # Errors
    /// A malformed URL, no node there, or a node on another chain than `args.chain_id`.
    pub async fn connect(args: &NodeArgs, signer: Option<PrivateKeySigner>) -> eyre::Result<Self> {
        let url = parse_url(&args.rpc_url)?;
        let node = NodeName::new(&url, args.timeout);
        let timeout = Duration::from_secs(args.timeout);
        let loopback = is_loopback(&url);
        let mut client = reqwest::Client::builder()
            .timeout(timeout)
            .connect_timeout(timeout.min(Duration::from_secs(10)))
            .redirect(reqwest::redirect::Policy::none());
        if loopback {
            // Through a proxy of the environment, loopback would be the proxy's own.
            client = client.no_proxy();
        }
        let client = client
            .build()
            .map_err(|e| eyre!("cannot set up HTTP: {}", e.without_url()))?;
        let transport = Bounded::new(client, url);
        let provider = ProviderBuilder::default()
            .connect_client(RpcClient::new(transport, loopback))
            .erased();
        let chain_id = retry::retried(timeout, async || provider.get_chain_id().await)
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
            loopback,
            signer: signer.map(|signer| signer.with_chain_id(Some(chain_id))),
            legacy: false,
            timeout,
            next_nonce: AtomicU64::new(0),
        })
    }

    /// The same, with transactions as before EIP-1559 if `legacy`.
    pub fn with_legacy(self, legacy: bool) -> Self {
        Self { legacy, ..self }
    }

    /// As the node said when it was connected to.
    pub fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// Whether contracts that anyone may forge proofs for are tolerable there: the node is on this machine *and* the
    /// chain has a local chain id. A loopback address alone may be a tunnel to a real chain, and a chain id alone is
    /// what a foreign node says.
    pub fn is_local(&self) -> bool {
        self.loopback && LOCAL_CHAIN_IDS.contains(&self.chain_id)
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
        Ok(self.signer()?.address())
    }

    fn signer(&self) -> eyre::Result<&PrivateKeySigner> {
        self.signer.as_ref().ok_or_else(|| {
            eyre!(
                "no account to send from; give --keystore FILE or set {}",
                super::signer::KEY_VARIABLE
            )
        })
    }

    /// Creates a contract, with a nonce of an earlier attempt or the account's next.
    ///
    /// # Errors
    /// As [`RpcChain::send`].
    pub async fn deploy(
        &self,
        code: Bytes,
        nonce: Option<u64>,
        watch: &mut dyn Watch,
    ) -> eyre::Result<Created> {
        let request = TransactionRequest::default()
            .with_kind(TxKind::Create)
            .with_input(code);
        let (receipt, address) = self
            .transact("create the contract", request, nonce, watch)
            .await?;
        let address = address.ok_or_else(|| eyre!("the transaction creates no contract"))?;
        Created::new(address, &self.code(address).await?, receipt)
    }

    /// Runs a call on the latest state.
    ///
    /// # Errors
    /// [`super::Revert`], or a failure of the node.
    pub async fn call(&self, to: Address, data: Bytes) -> eyre::Result<Bytes> {
        let mut request = TransactionRequest::default()
            .with_to(to)
            .with_input(data)
            .with_chain_id(self.chain_id);
        request.from = self.signer.as_ref().map(PrivateKeySigner::address);
        self.read("call the contract", async || {
            self.provider.call(request.clone()).await
        })
        .await
    }

    /// Sends a transaction and waits for its receipt.
    ///
    /// # Errors
    /// [`super::Revert`], too little ether, no block in time, or a failure of the node.
    pub async fn send(
        &self,
        to: Address,
        data: Bytes,
        value: U256,
        nonce: Option<u64>,
        watch: &mut dyn Watch,
    ) -> eyre::Result<Receipt> {
        let request = TransactionRequest::default()
            .with_to(to)
            .with_input(data)
            .with_value(value);
        let sent = self.transact("send the transaction", request, nonce, watch);
        Ok(sent.await?.0)
    }

    /// Runtime code at an address.
    ///
    /// # Errors
    /// A failure of the node.
    pub async fn code(&self, address: Address) -> eyre::Result<Bytes> {
        self.read("read code", async || {
            self.provider.get_code_at(address).await
        })
        .await
    }

    /// Wei at an address.
    ///
    /// # Errors
    /// A failure of the node.
    pub async fn balance(&self, address: Address) -> eyre::Result<U256> {
        self.read("read a balance", async || {
            self.provider.get_balance(address).await
        })
        .await
    }

    /// Time of the latest block.
    ///
    /// # Errors
    /// A failure of the node.
    pub async fn timestamp(&self) -> eyre::Result<u64> {
        Ok(self.header().await?.timestamp.to())
    }

    /// A question to the node, asked again while it is busy.
    async fn retried<T>(
        &self,
        request: impl AsyncFn() -> TransportResult<T>,
    ) -> TransportResult<T> {
        retry::retried(self.timeout, request).await
    }

    async fn read<T>(
        &self,
        action: &str,
        request: impl AsyncFn() -> TransportResult<T>,
    ) -> eyre::Result<T> {
        let answer = self.retried(request).await;
        answer.map_err(|error| self.node.explain(action, &error))
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

/// Whether the host is this machine: an address of loopback, or `localhost` itself and no name that only looks so.
fn is_loopback(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    match bare.unwrap_or(host).parse::<std::net::IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host == "localhost",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for (url, expected) in [
            ("http://127.0.0.1:8545", true),
            ("http://127.9.9.9", true),
            ("http://0x7f.1/", true),
            ("http://[::1]:8545", true),
            ("http://[::ffff:127.0.0.1]", true),
            ("http://localhost:8545/path", true),
            ("http://LOCALHOST", true),
            ("http://user:pass@localhost:8545", true),
            ("http://localhost@evil.com:8545", false),
            ("http://127.0.0.1@evil.com", false),
            ("http://127.0.0.1.evil.com", false),
            ("http://localhost.evil.com", false),
            ("http://evil.com/localhost?127.0.0.1#[::1]", false),
            ("http://xn--bcher-kva.localhost.example", false),
            ("http://0.0.0.0:8545", false),
            ("http://10.0.0.1:8545", false),
            ("http://[::2]", false),
            ("http://[::ffff:10.0.0.1]", false),
            ("http://128.0.0.1", false),
        ] {
            assert_eq!(is_loopback(&parse_url(url).unwrap()), expected, "{url}");
        }
    }
}
