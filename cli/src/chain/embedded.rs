//! An Ethereum in this process: revm with mainnet's rules, no node and no network.
//!
//! Gas is what a receipt on mainnet would show: intrinsic and calldata gas with the EIP-7623 floor, code deposit, the
//! EIP-7825 cap on a transaction, the EIP-170 and EIP-3860 code limits. Each transaction is a block of its own.

use std::time::{SystemTime, UNIX_EPOCH};

use alloy::primitives::{Address, Bytes, Log, TxKind, U256, address};
use eyre::{bail, eyre};
use revm::bytecode::Bytecode;
use revm::context::result::{ExecutionResult, HaltReason};
use revm::context::{BlockEnv, Context, TxEnv};
use revm::database::{CacheDB, EmptyDB};
use revm::handler::{MainnetContext, MainnetEvm};
use revm::primitives::hardfork::SpecId;
use revm::state::AccountInfo;
use revm::{Database, ExecuteCommitEvm, ExecuteEvm, MainBuilder, MainContext};

use super::{CODE_LIMIT, Created, Receipt, Revert};

/// The rules: the fork that mainnet runs.
const FORK: SpecId = SpecId::OSAKA;
/// EIP-7825: most gas of one transaction.
pub const GAS_LIMIT: u64 = 1 << 24;
/// Gas of a block, as on mainnet.
const BLOCK_GAS_LIMIT: u64 = 60_000_000;
/// Seconds between blocks.
const BLOCK_TIME: u64 = 12;
/// The one funded account; nobody has its key, as nothing is signed here.
const SENDER: Address = address!("0x00000000000000000000000000000000004c414d");

/// A chain that lives as long as this value.
pub struct EmbeddedChain {
    evm: MainnetEvm<MainnetContext<CacheDB<EmptyDB>>>,
    sender: Address,
    block: BlockEnv,
    nonce: u64,
    chain_id: u64,
    logs: Vec<(u64, Log)>,
}

impl EmbeddedChain {
    /// A fresh chain with one account of 10,000 ether.
    pub fn new(chain_id: u64) -> Self {
        Self::with_sender(chain_id, SENDER)
    }

    /// As [`EmbeddedChain::new`] with another account, whose contracts get other addresses.
    pub fn with_sender(chain_id: u64, sender: Address) -> Self {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_secs());
        let block = BlockEnv {
            number: U256::from(1),
            timestamp: U256::from(now),
            gas_limit: BLOCK_GAS_LIMIT,
            basefee: 0,
            ..BlockEnv::default()
        };
        let mut db = CacheDB::new(EmptyDB::new());
        let wei = U256::from(10_000) * U256::from(10).pow(U256::from(18));
        db.insert_account_info(
            sender,
            AccountInfo {
                balance: wei,
                ..AccountInfo::default()
            },
        );
        let evm = Context::mainnet()
            .modify_cfg_chained(|cfg| {
                cfg.set_spec_and_mainnet_gas_params(FORK);
                cfg.chain_id = chain_id;
            })
            .modify_block_chained(|b| *b = block.clone())
            .with_db(db)
            .build_mainnet();
        Self {
            evm,
            sender,
            block,
            nonce: 0,
            chain_id,
            logs: Vec::new(),
        }
    }

    /// As given to [`EmbeddedChain::new`].
    pub fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// The funded account.
    pub fn sender(&self) -> Address {
        self.sender
    }

    /// Time of the block the next transaction is in.
    pub fn timestamp(&self) -> u64 {
        self.block.timestamp.saturating_to()
    }

    /// Lets another account send what comes. Nothing is signed here, and gas is free.
    ///
    /// # Errors
    /// None in practice: the state is in memory.
    pub fn set_sender(&mut self, sender: Address) -> eyre::Result<()> {
        self.nonce = self.account(sender)?.map_or(0, |account| account.nonce);
        self.sender = sender;
        Ok(())
    }

    /// Sets the time of the block the next transaction is in.
    pub fn set_timestamp(&mut self, seconds: u64) {
        self.block.timestamp = U256::from(seconds);
        self.evm.set_block(self.block.clone());
    }

    /// Number of the block the next transaction is in.
    pub fn block_number(&self) -> u64 {
        self.block.number.saturating_to()
    }

    /// Puts runtime code at an address, to rebuild what a real chain has there.
    pub fn set_code(&mut self, address: Address, code: Bytes) {
        let info = AccountInfo {
            nonce: 1,
            ..AccountInfo::default()
        }
        .with_code(Bytecode::new_legacy(code));
        self.evm
            .ctx
            .journaled_state
            .database
            .insert_account_info(address, info);
    }

    /// Runtime code at an address, empty where there is none.
    ///
    /// # Errors
    /// None in practice: the state is in memory.
    pub fn code(&mut self, address: Address) -> eyre::Result<Bytes> {
        let info = self.account(address)?;
        Ok(info
            .and_then(|i| i.code)
            .map(|c| c.original_bytes())
            .unwrap_or_default())
    }

    /// Wei at an address.
    ///
    /// # Errors
    /// None in practice: the state is in memory.
    pub fn balance(&mut self, address: Address) -> eyre::Result<U256> {
        Ok(self
            .account(address)?
            .map(|i| i.balance)
            .unwrap_or_default())
    }

    /// Logs of `address` since `from_block`, with their block.
    pub fn logs(&self, address: Address, from_block: u64) -> Vec<(u64, Log)> {
        self.logs
            .iter()
            .filter(|(block, log)| *block >= from_block && log.address == address)
            .cloned()
            .collect()
    }

    /// Creates a contract; `code` is creation code with encoded arguments.
    ///
    /// # Errors
    /// [`Revert`] from the constructor, a code limit, or more gas than a transaction may use.
    pub fn deploy(&mut self, code: Bytes) -> eyre::Result<Created> {
        let (receipt, output) = self.transact(TxKind::Create, code, U256::ZERO)?;
        let address = output
            .1
            .ok_or_else(|| eyre!("the embedded chain gave no address to the new contract"))?;
        Created::new(address, &self.code(address)?, receipt)
    }

    /// Runs a call and forgets its effects.
    ///
    /// # Errors
    /// [`Revert`], or a halt such as out of gas.
    pub fn call(&mut self, to: Address, data: Bytes) -> eyre::Result<Bytes> {
        let tx = self.tx(TxKind::Call(to), data, U256::ZERO)?;
        let result = self
            .evm
            .transact(tx)
            .map_err(|e| eyre!("the embedded chain does not take the call: {e}"))?;
        Ok(outcome(result.result)?.0)
    }

    /// Runs a transaction. A refused one leaves the state, nonce and block as they were.
    ///
    /// # Errors
    /// [`Revert`], or a halt such as out of gas.
    pub fn send(&mut self, to: Address, data: Bytes, value: U256) -> eyre::Result<Receipt> {
        Ok(self.transact(TxKind::Call(to), data, value)?.0)
    }

    fn account(&mut self, address: Address) -> eyre::Result<Option<AccountInfo>> {
        self.evm
            .ctx
            .journaled_state
            .database
            .basic(address)
            .map_err(|e| eyre!("embedded chain: {e}"))
    }

    fn tx(&self, kind: TxKind, data: Bytes, value: U256) -> eyre::Result<TxEnv> {
        TxEnv::builder()
            .caller(self.sender)
            .kind(kind)
            .data(data)
            .value(value)
            .nonce(self.nonce)
            .chain_id(Some(self.chain_id))
            .gas_limit(GAS_LIMIT)
            .gas_price(0)
            .build()
            .map_err(|e| eyre!("the embedded chain does not take the transaction: {e:?}"))
    }

    fn transact(
        &mut self,
        kind: TxKind,
        data: Bytes,
        value: U256,
    ) -> eyre::Result<(Receipt, (Bytes, Option<Address>))> {
        let calldata_bytes = data.len();
        let tx = self.tx(kind, data, value)?;
        // Looked at before it is committed: wallets do not send what the estimate shows to fail.
        let result = self
            .evm
            .transact(tx)
            .map_err(|e| eyre!("the embedded chain does not take the transaction: {e}"))?;
        let gas_used = result.result.tx_gas_used();
        let logs = result.result.logs().to_vec();
        let output = outcome(result.result)?;
        self.evm.commit(result.state);
        let block = self.block_number();
        self.nonce += 1;
        self.block.number += U256::from(1);
        self.block.timestamp += U256::from(BLOCK_TIME);
        self.evm.set_block(self.block.clone());
        self.logs
            .extend(logs.iter().map(|log| (block, log.clone())));
        Ok((
            Receipt {
                tx_hash: None,
                block,
                gas_used,
                calldata_bytes,
                logs,
            },
            output,
        ))
    }
}

fn outcome(result: ExecutionResult) -> eyre::Result<(Bytes, Option<Address>)> {
    match result {
        ExecutionResult::Success { output, .. } => {
            let address = output.address().copied();
            Ok((output.into_data(), address))
        }
        ExecutionResult::Revert { output, .. } => Err(Revert::decode(&output).into()),
        ExecutionResult::Halt {
            reason: HaltReason::CreateContractSizeLimit,
            ..
        } => {
            bail!(
                "the contract has more than the {CODE_LIMIT} bytes of code that Ethereum deploys (EIP-170); make the circuit with fewer advice columns"
            )
        }
        ExecutionResult::Halt { reason, gas, .. } => bail!(
            "the transaction failed after {} gas: {reason:?}",
            gas.tx_gas_used()
        ),
    }
}
