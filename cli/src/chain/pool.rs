//! Pools with a fee hook, for the example of it: the pool manager is the account that sends, and prices are what it says.
//!
//! No exchange is there: what is shown is what the hook makes of notes and proofs. Of a real pool its manager calls the hook, and
//! its state view has the price.

use alloy::primitives::aliases::{I24, U24, U160};
use alloy::primitives::{Address, B256, Bytes, I256, U256, keccak256};
use alloy::sol_types::{SolConstructor, SolValue};

use super::bundle::Contract;
use super::contracts::{FeeHook, FeeRules, PoolKey, SwapParams};
use super::registry::Submission;
use super::{Chain, Created, Receipt, artifacts};

/// A pool's fee where its hook says it.
const DYNAMIC_FEE: u32 = 1 << 23;
/// Code that keeps a word of 32 bytes sent to it, and answers every other call with what a state view says of a pool: that word
/// as the tick, between zeros.
const LENS: [u8; 26] = [
    // CALLDATASIZE == 32: to 18
    0x36, 0x60, 0x20, 0x14, 0x60, 18, 0x57, // the answer, four words
    0x60, 0, 0x54, 0x60, 0x20, 0x52, 0x60, 0x80, 0x60, 0, 0xf3, // 18: the word is kept
    0x5b, 0x60, 0, 0x35, 0x60, 0, 0x55, 0,
];

/// A hook, and where it reads prices.
#[derive(Clone, Copy, Debug)]
pub struct Hook {
    /// The hook.
    pub address: Address,
    lens: Address,
}

impl Hook {
    /// Deploys one whose pool manager is the sender.
    ///
    /// # Errors
    /// [`super::Revert`] from the constructor, or a failure of the chain.
    pub async fn deploy(
        chain: &mut Chain,
        models: Address,
        rules: FeeRules,
    ) -> eyre::Result<(Self, Created)> {
        // PUSH1 length, PUSH1 12, PUSH1 0, CODECOPY, PUSH1 length, PUSH1 0, RETURN
        let length = LENS.len() as u8;
        let copy = [
            0x60, length, 0x60, 12, 0x60, 0, 0x39, 0x60, length, 0x60, 0, 0xf3,
        ];
        let lens = [copy.as_slice(), &LENS].concat().into();
        let lens = chain.create(lens, None, &mut ()).await?.address;
        let arguments = FeeHook::constructorCall {
            manager: chain.sender()?,
            lens,
            models,
            rules,
        };
        let creation = &artifacts::of(Contract::FeeHook)?.creation;
        let creation = [creation.as_ref(), &arguments.abi_encode()].concat().into();
        let created = chain.create(creation, None, &mut ()).await?;
        let address = created.address;
        Ok((Self { address, lens }, created))
    }
}

/// A pool of that hook.
#[derive(Debug)]
pub struct Pool {
    hook: Hook,
    key: PoolKey,
    tick: i32,
}

impl Pool {
    /// Makes one, of a currency that tells it apart, at tick 0.
    ///
    /// # Errors
    /// [`super::Revert`] of the hook, or a failure of the chain.
    pub async fn new(chain: &mut Chain, hook: Hook, currency: u8) -> eyre::Result<Self> {
        let key = PoolKey {
            currency0: Address::ZERO,
            currency1: Address::with_last_byte(currency),
            fee: U24::from(DYNAMIC_FEE),
            tickSpacing: I24::ONE,
            hooks: hook.address,
        };
        let initialize = FeeHook::afterInitializeCall {
            sender: Address::ZERO,
            key: key.clone(),
            sqrtPriceX96: U160::ZERO,
            tick: I24::ZERO,
        };
        chain.write(hook.address, &initialize, U256::ZERO).await?;
        Ok(Self { hook, key, tick: 0 })
    }

    /// Its id.
    pub fn id(&self) -> B256 {
        keccak256(self.key.abi_encode())
    }

    /// Moves the price, and swaps in a block of its own.
    ///
    /// # Errors
    /// A price beyond the ticks that there are, [`super::Revert`] of the hook, or a failure of the chain.
    pub async fn swap(&mut self, chain: &mut Chain, change: i32) -> eyre::Result<Receipt> {
        self.tick += change;
        self.say(chain).await?;
        let swap = FeeHook::beforeSwapCall {
            sender: Address::ZERO,
            key: self.key.clone(),
            params: SwapParams {
                zeroForOne: true,
                amountSpecified: I256::ONE,
                sqrtPriceLimitX96: U160::ZERO,
            },
            hookData: Bytes::new(),
        };
        chain.write(self.hook.address, &swap, U256::ZERO).await
    }

    /// Lets more than so many blocks pass, in which nobody swaps.
    ///
    /// # Errors
    /// A failure of the chain.
    pub async fn wait(&self, chain: &mut Chain, blocks: u32) -> eyre::Result<()> {
        for _ in 0..=blocks {
            self.say(chain).await?;
        }
        Ok(())
    }

    /// The price to where it is read.
    async fn say(&self, chain: &mut Chain) -> eyre::Result<Receipt> {
        let word: [u8; 32] = I256::try_from(self.tick)?.to_be_bytes();
        chain.send(self.hook.lens, word.into(), U256::ZERO).await
    }

    /// The changes of its price that a model takes, oldest first.
    ///
    /// # Errors
    /// [`super::Revert`] of a pool with fewer, or a failure of the chain.
    pub async fn observations(&self, chain: &mut Chain) -> eyre::Result<Vec<I256>> {
        let call = FeeHook::observationsOfCall { poolId: self.id() };
        chain.read(self.hook.address, &call).await
    }

    /// What a swap pays now.
    ///
    /// # Errors
    /// A failure of the chain.
    pub async fn fee(&self, chain: &mut Chain) -> eyre::Result<u32> {
        let call = FeeHook::feeOfCall { poolId: self.id() };
        Ok(chain.read(self.hook.address, &call).await?.to())
    }

    /// Sets the fee by a proof on the notes as they are.
    ///
    /// # Errors
    /// [`super::Revert`] of the hook, or a failure of the chain.
    pub async fn set(&self, chain: &mut Chain, submission: &Submission) -> eyre::Result<Receipt> {
        let call = FeeHook::setFeeCall {
            poolId: self.id(),
            inputCommitment: submission.input_commitment,
            output: submission.output.clone(),
            proof: submission.proof.clone(),
        };
        chain.write(self.hook.address, &call, U256::ZERO).await
    }

    /// Freezes the notes as they are.
    ///
    /// # Errors
    /// [`super::Revert`] of the hook, or a failure of the chain.
    pub async fn freeze(&self, chain: &mut Chain) -> eyre::Result<Receipt> {
        let call = FeeHook::commitCall { poolId: self.id() };
        chain.write(self.hook.address, &call, U256::ZERO).await
    }

    /// Sets the fee by a proof on frozen notes.
    ///
    /// # Errors
    /// [`super::Revert`] of the hook, or a failure of the chain.
    pub async fn set_frozen(
        &self,
        chain: &mut Chain,
        submission: &Submission,
    ) -> eyre::Result<Receipt> {
        let call = FeeHook::setCommittedFeeCall {
            poolId: self.id(),
            inputCommitment: submission.input_commitment,
            output: submission.output.clone(),
            proof: submission.proof.clone(),
        };
        chain.write(self.hook.address, &call, U256::ZERO).await
    }
}
