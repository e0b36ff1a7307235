//! Ethereum as the commands see it: one [`Chain`], in this process or behind a node.
//!
//! | module | what |
//! | --- | --- |
//! | [`contracts`] | our contracts' constructors, functions and events |
//! | [`revert`] | a refusal as one sentence |
//! | [`embedded`] | revm in this process |
//! | [`rpc`], [`node_error`] | a node over HTTP, and its failures as one sentence |
//! | [`signer`] | who signs: encrypted keystore or environment variable |
//! | [`bundle`] | the folder `laminate verifier` writes |
//! | [`artifacts`] | the contracts that this build holds |
//! | [`manifest`] | `deployment.json` |
//! | [`deploy`], [`code`], [`expected`] | deployment, and the code that must be at each address |
//! | [`registry`] | registering, submitting and checking |
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
pub mod manifest;
pub mod node_error;
pub mod registry;
pub mod revert;
pub mod rpc;
pub mod signer;
#[cfg(test)]
mod tests;
pub mod universal;

use alloy::primitives::{Address, B256, Bytes, Log, U256, keccak256};
use alloy::sol_types::SolCall;
use eyre::{WrapErr, ensure, eyre};
use serde::Serialize;

pub use embedded::EmbeddedChain;
pub use revert::Revert;
pub use rpc::RpcChain;

/// Chain id of anvil, hardhat and the embedded chain.
pub const LOCAL_CHAIN_ID: u64 = 31337;
/// Chain ids of the usual local nodes: anvil and hardhat, geth --dev. As in `Deploy.s.sol`.
pub const LOCAL_CHAIN_IDS: [u64; 2] = [LOCAL_CHAIN_ID, 1337];
/// EIP-170: most bytes of a contract's code.
pub const CODE_LIMIT: usize = 24_576;

/// Whether contracts that anyone may forge proofs for are tolerable there.
pub fn is_local(chain_id: u64) -> bool {
    LOCAL_CHAIN_IDS.contains(&chain_id)
}

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

    /// Creates a contract from creation code and ABI-encoded constructor arguments.
    ///
    /// # Errors
    /// [`Revert`] from the constructor, or a failure of the node or the account.
    pub async fn deploy(
        &mut self,
        creation_code: &[u8],
        arguments: &[u8],
    ) -> eyre::Result<Created> {
        let code: Bytes = [creation_code, arguments].concat().into();
        match self {
            Self::Embedded(chain) => chain.deploy(code),
            Self::Rpc(chain) => chain.deploy(code).await,
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
        match self {
            Self::Embedded(chain) => chain.send(to, data, value),
            Self::Rpc(chain) => chain.send(to, data, value).await,
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

    /// Events of a contract since a block, each with its block; `topics` are matched by position.
    ///
    /// # Errors
    /// A failure of the node.
    pub async fn logs(
        &mut self,
        address: Address,
        from_block: u64,
        topics: &[B256],
    ) -> eyre::Result<Vec<(u64, Log)>> {
        let logs = match self {
            Self::Embedded(chain) => chain.logs(address, from_block),
            Self::Rpc(chain) => chain.logs(address, from_block, topics).await?,
        };
        Ok(logs
            .into_iter()
            .filter(|(_, log)| log.topics().starts_with(topics))
            .collect())
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
