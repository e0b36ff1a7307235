//! Ethereum as the commands see it: one [`Chain`], in this process or behind a node.
//!
//! | module | what |
//! | --- | --- |
//! | [`contracts`] | our contracts' constructors, functions and events |
//! | [`revert`] | a refusal as one sentence |
//! | [`embedded`] | revm in this process |
//! | [`rpc`], [`node_error`] | a node over HTTP, its transactions, and its failures as one sentence |
//! | [`signer`] | who signs: encrypted keystore or environment variable |
//! | [`bundle`] | the folder `laminate verifier` writes |
//! | [`artifacts`] | the contracts that this build holds |
//! | [`manifest`] | `deployment.json` |
//! | [`journal`] | the same file while a deployment is under way, step by step |
//! | [`deploy`], [`code`], [`expected`] | deployment, and the code that must be at each address |
//! | [`registry`], [`submitting`] | registering and checking; submitting at most once |
//! | [`pool`] | pools with a fee hook, for the example of it |
//! | [`poll`] | credentials' roots, and polls of those who hold one |
//! | [`scan`] | a contract's events, from the oldest to the newest |
//! | [`universal`] | programs that share one verifier |
//!
//! A contract's refusal is a [`Revert`] inside the [`eyre::Report`]; [`refusal`] finds it.

pub mod artifacts;
pub mod bundle;
pub mod code;
pub mod contracts;
pub mod deploy;
pub mod embedded;
pub mod expected;
pub mod folder;
pub mod journal;
pub mod manifest;
pub mod node_error;
pub mod poll;
pub mod pool;
pub mod registry;
pub mod revert;
pub mod rpc;
pub mod scan;
pub mod signer;
pub mod submitting;
#[cfg(test)]
mod tests;
pub mod universal;

use std::time::{SystemTime, UNIX_EPOCH};

use alloy::primitives::{Address, B256, Bytes, Log, U256, keccak256};
use alloy::sol_types::SolCall;
use eyre::{WrapErr, ensure, eyre};
use serde::Serialize;

pub use embedded::{EmbeddedChain, GAS_LIMIT};
pub use revert::Revert;
pub use rpc::RpcChain;

/// Chain id of anvil, hardhat and the embedded chain.
pub const LOCAL_CHAIN_ID: u64 = 31337;
/// Chain ids of the usual local nodes: anvil and hardhat, geth --dev. As in `Deploy.s.sol`.
pub const LOCAL_CHAIN_IDS: [u64; 2] = [LOCAL_CHAIN_ID, 1337];
/// EIP-170: most bytes of a contract's code.
pub const CODE_LIMIT: usize = 24_576;

/// The contract's refusal in an error, if that is what it is.
pub fn refusal(error: &eyre::Report) -> Option<&Revert> {
    error.downcast_ref::<Revert>()
}

/// A transaction that succeeded.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// `None` on the embedded chain, where nothing is signed.
    pub tx_hash: Option<B256>,
    /// Block it is in.
    pub block: u64,
    /// Gas paid for, intrinsic and calldata gas included.
    pub gas_used: u64,
    /// Bytes of calldata or creation code sent.
    pub calldata_bytes: usize,
    /// Events, in order.
    pub logs: Vec<Log>,
}

/// A signed transaction that is about to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Its hash, by which it can be looked for whatever becomes of the answer.
    pub hash: B256,
    /// The sender's nonce.
    pub nonce: u64,
    /// Where the contract it creates will be.
    pub contract: Option<Address>,
}

/// Who keeps account of what is sent.
pub trait Watch {
    /// Told before a transaction is sent. An error here keeps it from being sent.
    ///
    /// # Errors
    /// If account cannot be kept.
    fn sending(&mut self, signed: &Signed) -> eyre::Result<()>;

    /// Told that the node did not take the transaction: nothing of it will happen.
    ///
    /// # Errors
    /// If account cannot be kept.
    fn refused(&mut self) -> eyre::Result<()>;
}

/// Nobody keeps account.
impl Watch for () {
    fn sending(&mut self, _: &Signed) -> eyre::Result<()> {
        Ok(())
    }

    fn refused(&mut self) -> eyre::Result<()> {
        Ok(())
    }
}

/// An event with where it is.
#[derive(Clone, Debug)]
pub struct Event {
    /// Block it is in.
    pub block: u64,
    /// Transaction, where there is one to look up.
    pub transaction: Option<B256>,
    /// Time of the block, seconds since 1970, where the node tells it with the event.
    pub time: Option<u64>,
    /// The event.
    pub log: Log,
}

/// Topics to look for by position; `None` takes any.
pub type Topics = [Option<B256>; 4];

/// A new contract.
#[derive(Clone, Debug)]
pub struct Created {
    /// Where it is.
    pub address: Address,
    /// keccak-256 of its runtime code.
    pub code_hash: B256,
    /// Bytes of its runtime code.
    pub code_bytes: usize,
    /// The transaction.
    pub receipt: Receipt,
}

impl Created {
    fn new(address: Address, code: &[u8], receipt: Receipt) -> eyre::Result<Self> {
        ensure!(
            !code.is_empty(),
            "the contract created at {address} has no code: its creation code is wrong"
        );
        Ok(Self {
            address,
            code_hash: keccak256(code),
            code_bytes: code.len(),
            receipt,
        })
    }
}

/// What deployment and use of one contract cost, for `--json` and tables.
#[derive(Clone, Debug, Serialize)]
pub struct Cost {
    /// Transaction, where there is one to look up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<B256>,
    /// Block.
    pub block: u64,
    /// Gas paid for.
    pub gas: u64,
    /// Calldata bytes.
    pub calldata_bytes: usize,
}

impl From<&Receipt> for Cost {
    fn from(receipt: &Receipt) -> Self {
        Self {
            transaction: receipt.tx_hash,
            block: receipt.block,
            gas: receipt.gas_used,
            calldata_bytes: receipt.calldata_bytes,
        }
    }
}

/// A chain that contracts are deployed on and called.
#[expect(
    clippy::large_enum_variant,
    reason = "a command has one, which lives as long as it"
)]
pub enum Chain {
    /// In this process.
    Embedded(Box<EmbeddedChain>),
    /// Behind a node.
    Rpc(RpcChain),
}

impl Chain {
    /// A fresh chain in this process, with the local chain id.
    pub fn embedded() -> Self {
        Self::Embedded(Box::new(EmbeddedChain::new(LOCAL_CHAIN_ID)))
    }

    /// Its chain id.
    pub fn chain_id(&self) -> u64 {
        match self {
            Self::Embedded(chain) => chain.chain_id(),
            Self::Rpc(chain) => chain.chain_id(),
        }
    }

    /// Whether contracts that anyone may forge proofs for are tolerable there: a local chain id, in this process or as
    /// [`RpcChain::is_local`].
    pub fn is_local(&self) -> bool {
        match self {
            Self::Embedded(chain) => LOCAL_CHAIN_IDS.contains(&chain.chain_id()),
            Self::Rpc(chain) => chain.is_local(),
        }
    }

    /// What it is, for messages; without a URL's path, which may hold an access key.
    pub fn name(&self) -> String {
        match self {
            Self::Embedded(_) => "the embedded chain".into(),
            Self::Rpc(chain) => format!("{} (chain {})", chain.node(), chain.chain_id()),
        }
    }

    /// Who sends transactions.
    ///
    /// # Errors
    /// If the chain was opened for reading only.
    pub fn sender(&self) -> eyre::Result<Address> {
        match self {
            Self::Embedded(chain) => Ok(chain.sender()),
            Self::Rpc(chain) => chain.sender(),
        }
    }

    /// Creates a contract from creation code and ABI-encoded constructor arguments, without a record of it.
    ///
    /// # Errors
    /// [`Revert`] from the constructor, or a failure of the node or the account.
    #[cfg(test)]
    pub async fn deploy(
        &mut self,
        creation_code: &[u8],
        arguments: &[u8],
    ) -> eyre::Result<Created> {
        let code: Bytes = [creation_code, arguments].concat().into();
        self.create(code, None, &mut ()).await
    }

    /// The same from both together, with an earlier attempt's nonce or the next one, under a watch. On the embedded
    /// chain nothing is signed and nobody told.
    ///
    /// # Errors
    /// As [`Chain::deploy`].
    pub async fn create(
        &mut self,
        code: Bytes,
        nonce: Option<u64>,
        watch: &mut dyn Watch,
    ) -> eyre::Result<Created> {
        match self {
            Self::Embedded(chain) => chain.deploy(code),
            Self::Rpc(chain) => chain.deploy(code, nonce, watch).await,
        }
    }

    /// Runs a call and forgets its effects.
    ///
    /// # Errors
    /// [`Revert`], or a failure of the node.
    pub async fn call(&mut self, to: Address, data: Bytes) -> eyre::Result<Bytes> {
        match self {
            Self::Embedded(chain) => chain.call(to, data),
            Self::Rpc(chain) => chain.call(to, data).await,
        }
    }

    /// Sends a transaction and waits for its receipt.
    ///
    /// # Errors
    /// [`Revert`], or a failure of the node or the account.
    pub async fn send(&mut self, to: Address, data: Bytes, value: U256) -> eyre::Result<Receipt> {
        self.send_watched(to, data, value, None, &mut ()).await
    }

    /// The same with an earlier attempt's nonce or the next one, under a watch.
    ///
    /// # Errors
    /// As [`Chain::send`].
    pub async fn send_watched(
        &mut self,
        to: Address,
        data: Bytes,
        value: U256,
        nonce: Option<u64>,
        watch: &mut dyn Watch,
    ) -> eyre::Result<Receipt> {
        match self {
            Self::Embedded(chain) => chain.send(to, data, value),
            Self::Rpc(chain) => chain.send(to, data, value, nonce, watch).await,
        }
    }

    /// What became of a transaction that an earlier run signed.
    ///
    /// # Errors
    /// As [`RpcChain::earlier`].
    pub async fn earlier(
        &mut self,
        signed: &Signed,
        calldata_bytes: usize,
    ) -> eyre::Result<rpc::Earlier> {
        match self {
            // It did not live then.
            Self::Embedded(_) => Ok(rpc::Earlier::Gone),
            Self::Rpc(chain) => chain.earlier(signed, calldata_bytes).await,
        }
    }

    /// Calls a view function.
    ///
    /// # Errors
    /// [`Revert`], no contract at `to`, one of another kind, or a failure of the node.
    pub async fn read<C: SolCall>(&mut self, to: Address, call: &C) -> eyre::Result<C::Return> {
        let returned = self.call(to, call.abi_encode().into()).await?;
        if returned.is_empty() {
            self.require_code(to).await?;
        }
        C::abi_decode_returns_validate(&returned).map_err(|_| {
            eyre!(
                "the contract at {to} on {} does not answer {} as expected; is the address right?",
                self.name(),
                C::SIGNATURE
            )
        })
    }

    /// Sends a function call, with `value` wei, to an address that has code.
    ///
    /// # Errors
    /// As [`Chain::send`], and no contract at `to`: such a transaction would succeed and do nothing.
    pub async fn write<C: SolCall>(
        &mut self,
        to: Address,
        call: &C,
        value: U256,
    ) -> eyre::Result<Receipt> {
        self.require_code(to).await?;
        self.send(to, call.abi_encode().into(), value).await
    }

    /// Runtime code at an address, empty where there is none.
    ///
    /// # Errors
    /// A failure of the node.
    pub async fn code(&mut self, address: Address) -> eyre::Result<Bytes> {
        match self {
            Self::Embedded(chain) => chain.code(address),
            Self::Rpc(chain) => chain.code(address).await,
        }
    }

    /// Bytes of runtime code at an address, 0 where there is none.
    ///
    /// # Errors
    /// A failure of the node.
    pub async fn code_size(&mut self, address: Address) -> eyre::Result<usize> {
        Ok(self.code(address).await?.len())
    }

    /// Wei at an address.
    ///
    /// # Errors
    /// A failure of the node.
    pub async fn balance(&mut self, address: Address) -> eyre::Result<U256> {
        match self {
            Self::Embedded(chain) => chain.balance(address),
            Self::Rpc(chain) => chain.balance(address).await,
        }
    }

    /// Time of the latest block, seconds since 1970.
    ///
    /// # Errors
    /// A failure of the node.
    pub async fn timestamp(&mut self) -> eyre::Result<u64> {
        match self {
            Self::Embedded(chain) => Ok(chain.timestamp()),
            Self::Rpc(chain) => chain.timestamp().await,
        }
    }

    /// The time now: that of the latest block, or of this machine where the chain has stood still since.
    ///
    /// # Errors
    /// A failure of the node.
    pub async fn now(&mut self) -> eyre::Result<u64> {
        let latest = self.timestamp().await?;
        let here = SystemTime::now().duration_since(UNIX_EPOCH);
        Ok(match self {
            Self::Embedded(_) => latest,
            Self::Rpc(_) => latest.max(here.map_or(0, |here| here.as_secs())),
        })
    }

    /// The newest event of a contract since a block with these topics that `accept` takes.
    ///
    /// # Errors
    /// A failure of the node.
    pub async fn find_event(
        &mut self,
        address: Address,
        from_block: u64,
        topics: &Topics,
        accept: impl Fn(&Log) -> bool,
    ) -> eyre::Result<Option<Event>> {
        let matches = |log: &Log| {
            let mut found = log.topics().iter().map(Some).chain(std::iter::repeat(None));
            topics.iter().all(|wanted| {
                let found = found.next().flatten();
                wanted.is_none() || wanted.as_ref() == found
            })
        };
        // What the node answers is looked at again: its filter is not ours.
        let accept = |log: &Log| log.address == address && matches(log) && accept(log);
        match self {
            Self::Embedded(chain) => {
                let logs = chain.logs(address, from_block).into_iter().rev();
                Ok(logs
                    .map(|(block, log)| Event {
                        block,
                        transaction: None,
                        time: None,
                        log,
                    })
                    .find(|event| accept(&event.log)))
            }
            Self::Rpc(chain) => chain.find_event(address, from_block, topics, accept).await,
        }
    }

    async fn require_code(&mut self, address: Address) -> eyre::Result<()> {
        let size = self
            .code_size(address)
            .await
            .wrap_err_with(|| format!("cannot read the code at {address}"))?;
        ensure!(
            size > 0,
            "no contract at {address} on {}; check the address and the chain",
            self.name()
        );
        Ok(())
    }
}
