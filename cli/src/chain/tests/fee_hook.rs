//! The example hook of a pool on the embedded chain with a real proof: its notes are the proof's public input.

use alloy::primitives::{Address, Bytes, U256, address, aliases::I24, aliases::U24, aliases::U160};
use alloy::sol;
use alloy::sol_types::{SolConstructor, SolError, SolValue};
use laminate_aggregator::evm::{SolcCompiler, SourceTree};
use laminate_model::program::{Program, Weights};

use super::super::Chain;
use super::super::poll::answering;
use super::super::refusal;
use super::super::registry::Submission;
use super::forest::Ready;
use super::{wait, workspace};
use crate::bound::BindingArgs;
use crate::cmd::compile::{Compile, InputScale, compile};
use crate::input::first_rows;

sol! {
    #[derive(Debug)]
    struct PoolKey {
        address currency0;
        address currency1;
        uint24 fee;
        int24 tickSpacing;
        address hooks;
    }

    #[derive(Debug)]
    struct SwapParams {
        bool zeroForOne;
        int256 amountSpecified;
        uint160 sqrtPriceLimitX96;
    }

    #[derive(Debug)]
    struct Rules {
        uint256 modelId;
        int8 inputScale;
        int8 outputScale;
        uint24 leastFee;
        uint24 mostFee;
        uint24 baseFee;
        uint32 lifetime;
    }

    contract FeeHook {
        error PublicInputMismatch();
        error InvalidProof();
        error FeeSetBefore(bytes32 poolId, uint64 count);

        constructor(address manager, address lens, address models, Rules rules);
        function afterInitialize(address sender, PoolKey key, uint160 sqrtPriceX96, int24 tick) external returns (bytes4);
        function beforeSwap(address sender, PoolKey key, SwapParams params, bytes hookData) external returns (bytes4, int256, uint24);
        function setFee(bytes32 poolId, bytes32 inputCommitment, bytes output, bytes proof) external returns (uint24);
        function commit(bytes32 poolId) external returns (bytes32);
        function setCommittedFee(bytes32 poolId, bytes32 inputCommitment, bytes output, bytes proof) external returns (uint24);
        function feeOf(bytes32 poolId) external view returns (uint24);
    }
}

const LENS: Address = address!("0x0000000000000000000000000000000000001e05");
const BASE: u32 = 3000;
/// As `models/fee/storm.csv` and `metrics.json` have it.
const STORM: [i32; 8] = [40, -90, 150, 210, -180, 260, -310, 240];
const STORM_FEE: f64 = 9400.6;

fn model() -> (Program, Weights) {
    let models = workspace().join("models/fee");
    let folder = tempfile::tempdir().unwrap();
    let (compiled, _) = compile(&Compile {
        calibration: Some(models.join("calibration.csv")),
        input_scale: Some(InputScale::All(0)),
        binding: BindingArgs {
            input_public: Some(vec![]),
            ..BindingArgs::default()
        },
        ..Compile::of(models.join("fee.onnx"), folder.path().to_path_buf())
    })
    .unwrap();
    (compiled.program, compiled.weights)
}

/// The hook's creation code; none where the compiler may be missing.
fn creation() -> Option<Bytes> {
    let compiler = match SolcCompiler::find(&workspace()) {
        Ok(compiler) => compiler,
        Err(error) => {
            let skip = std::env::var_os("LAMINATE_SKIP_CONTRACT_TESTS");
            assert!(skip.is_some_and(|value| value == "1"), "{error}");
            println!("skipped: {error}");
            return None;
        }
    };
    let sources = SourceTree::contracts(&workspace()).unwrap();
    let mut code = compiler.compile(&sources, &["FeeHook"]).unwrap();
    Some(code.remove("FeeHook").unwrap().creation.into())
}

/// A pool whose manager is the chain's account.
struct Pool {
    hook: Address,
    key: PoolKey,
    tick: i32,
}

impl Pool {
    async fn new(chain: &mut Chain, hook: Address, currency: u8) -> Self {
        let key = PoolKey {
            currency0: Address::ZERO,
            currency1: Address::with_last_byte(currency),
            fee: U24::from(0x80_0000u32),
            tickSpacing: I24::try_from(60).unwrap(),
            hooks: hook,
        };
        let initialize = FeeHook::afterInitializeCall {
            sender: Address::ZERO,
            key: key.clone(),
            sqrtPriceX96: U160::ZERO,
            tick: I24::ZERO,
        };
        chain.write(hook, &initialize, U256::ZERO).await.unwrap();
        Self { hook, key, tick: 0 }
    }

    fn id(&self) -> alloy::primitives::B256 {
        alloy::primitives::keccak256(self.key.abi_encode())
    }

    /// Moves the price, and swaps in a block of its own.
    async fn swap(&mut self, chain: &mut Chain, change: i32) {
        self.tick += change;
        let tick = I24::try_from(self.tick).unwrap();
        let answer = (U160::ZERO, tick, U24::ZERO, U24::ZERO).abi_encode();
        match chain {
            Chain::Embedded(chain) => chain.set_code(LENS, answering(&answer)),
            Chain::Rpc(_) => unreachable!(),
        }
        let swap = FeeHook::beforeSwapCall {
            sender: Address::ZERO,
            key: self.key.clone(),
            params: SwapParams {
                zeroForOne: true,
                amountSpecified: alloy::primitives::I256::ONE,
                sqrtPriceLimitX96: U160::ZERO,
            },
            hookData: Bytes::new(),
        };
        chain.write(self.hook, &swap, U256::ZERO).await.unwrap();
    }

    async fn set(&self, chain: &mut Chain, submission: &Submission) -> Result<u64, Bytes> {
        let call = FeeHook::setFeeCall {
            poolId: self.id(),
            inputCommitment: submission.input_commitment,
            output: submission.output.clone(),
            proof: submission.proof.clone(),
        };
        match chain.write(self.hook, &call, U256::ZERO).await {
            Ok(receipt) => Ok(receipt.gas_used),
            Err(error) => Err(refusal(&error).unwrap().data.clone()),
        }
    }

    async fn fee(&self, chain: &mut Chain) -> u32 {
        let call = FeeHook::feeOfCall { poolId: self.id() };
        chain.read(self.hook, &call).await.unwrap().to()
    }
}

fn with_fee_lowered(submission: &Submission) -> Submission {
    let mut output = submission.output.to_vec();
    *output.last_mut().unwrap() ^= 1;
    Submission {
        output: output.into(),
        ..submission.clone()
    }
}

#[test]
fn a_proof_on_the_pools_own_notes_sets_its_fee() {
    let Some(creation) = creation() else { return };
    let ready = Ready::new(model());
    let path = workspace().join("models/fee");
    let row = |name: &str| first_rows(&path.join(name), &ready.program, 1).unwrap();
    let proof = ready.prove(&row("storm.csv"));
    let calm = ready.prove(&row("calm.csv"));
    wait(async {
        let (mut chain, manifest, _, model) = ready.deployed(false).await;
        assert_eq!(manifest.output_count, 16);
        let chain = &mut chain;
        let rules = Rules {
            modelId: model,
            inputScale: 0,
            outputScale: manifest.output_scale,
            leastFee: U24::from(100),
            mostFee: U24::from(20_000),
            baseFee: U24::from(BASE),
            lifetime: 50,
        };
        let arguments = FeeHook::constructorCall {
            manager: chain.sender().unwrap(),
            lens: LENS,
            models: manifest.model_registry.address,
            rules,
        };
        match chain {
            Chain::Embedded(chain) => chain.set_code(LENS, answering(&[])),
            Chain::Rpc(_) => unreachable!(),
        }
        let hook = chain.deploy(&creation, &arguments.abi_encode()).await;
        let hook = hook.unwrap().address;
        let submission = |proof: &crate::files::ProofFile| {
            Submission::of_inference(&proof.proof, &manifest).unwrap()
        };
        let (storm, calm) = (submission(&proof), submission(&calm));

        let mut pool = Pool::new(chain, hook, 1).await;
        for change in STORM {
            pool.swap(chain, change).await;
        }
        let mismatch = Bytes::from(FeeHook::PublicInputMismatch {}.abi_encode());
        let invalid = Bytes::from(FeeHook::InvalidProof {}.abi_encode());
        assert_eq!(pool.set(chain, &calm).await, Err(mismatch.clone()));
        let forged = with_fee_lowered(&storm);
        assert_eq!(pool.set(chain, &forged).await, Err(invalid.clone()));
        // The notes' input before another's output and proof.
        let mut swapped = calm.clone();
        swapped.output = [&storm.output[..32], &calm.output[32..]].concat().into();
        assert_eq!(pool.set(chain, &swapped).await, Err(invalid));
        assert_eq!(pool.fee(chain).await, BASE);

        let gas = pool.set(chain, &storm).await.unwrap();
        println!("setFee: {gas} gas");
        let expected = f64::from(proof.outputs()[0]) * (-f64::from(manifest.output_scale)).exp2();
        assert!((expected - STORM_FEE).abs() < 150.0, "{expected}");
        assert_eq!(pool.fee(chain).await, expected.floor() as u32);
        let before = FeeHook::FeeSetBefore {
            poolId: pool.id(),
            count: 9,
        };
        let before = Bytes::from(before.abi_encode());
        assert_eq!(pool.set(chain, &storm).await, Err(before));
        pool.swap(chain, 1).await;
        assert_eq!(pool.set(chain, &storm).await, Err(mismatch.clone()));

        // Another pool that did the same: frozen before it moves on.
        let mut other = Pool::new(chain, hook, 2).await;
        for change in STORM {
            other.swap(chain, change).await;
        }
        let id = other.id();
        let commit = FeeHook::commitCall { poolId: id };
        chain.write(hook, &commit, U256::ZERO).await.unwrap();
        other.swap(chain, 5).await;
        assert_eq!(other.set(chain, &storm).await, Err(mismatch));
        let call = FeeHook::setCommittedFeeCall {
            poolId: id,
            inputCommitment: storm.input_commitment,
            output: storm.output.clone(),
            proof: storm.proof.clone(),
        };
        chain.write(hook, &call, U256::ZERO).await.unwrap();
        assert_eq!(other.fee(chain).await, expected.floor() as u32);
    });
}
