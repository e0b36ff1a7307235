// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {ChainInput} from "../ChainInput.sol";
import {RegistryCaller} from "../adapters/RegistryCaller.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {CanonicalCalldata} from "../libraries/CanonicalCalldata.sol";
import {StatementLib} from "../libraries/StatementLib.sol";
import {IFeeHook, IStateView, PoolKey, SwapParams} from "./interfaces/IUniswapV4.sol";

/// @title Example application: a pool's fee by a proven model on what the pool itself did
/// @notice A hook in the manner of Uniswap v4. Before the first swap of a block it notes the pool's price, a tick, as the block
/// before left it. The model's input are the eight changes between the last nine notes; whoever proves the registered model on
/// them sets the fee that swaps pay, for a while. The model is compiled with `--input-public`, so the contract compares the
/// input that the proof states with its own notes, quantised and packed in the same transaction: nobody can choose it.
///
/// Two ways for a proof to be fresh, as proving takes time: `setFee` takes one on the notes as they are now; `commit` freezes
/// them, and `setCommittedFee` takes one on what was frozen, for `lifetime` blocks. Notes and frozen notes set a fee once.
/// Without a proof for `lifetime` blocks the fee is `baseFee` again.
///
/// The output words are one of the eight inputs, then one output: the program's `outputCount` is 16. Anyone may prove, for any
/// pool; the same notes give the same fee, whoever does. Fees are hundredths of a basis point.
/// @dev What stays trusted: the model and its bounds, chosen at deployment; the pool manager and the lens. A price counts only if
/// it stood at the end of a block, so that to move an input costs holding the price against arbitrage from block to block.
contract FeeHook is RegistryCaller, IFeeHook {
    /// @notice What the hook is held by.
    struct Rules {
        uint256 modelId;
        /// Scale of the model's input and output (`laminate inspect`).
        int8 inputScale;
        int8 outputScale;
        /// What the model's fee is brought into.
        uint24 leastFee;
        uint24 mostFee;
        /// Without a fresh proof.
        uint24 baseFee;
        /// Blocks for which notes, frozen notes and fees are fresh.
        uint32 lifetime;
    }

    /// @dev A note a block; `ticks` is a ring.
    struct Pool {
        uint64 notedAt;
        /// Notes so far.
        uint64 count;
        /// Notes that the newest fee is of; zero of none.
        uint64 feeCount;
        uint64 feeAt;
        uint24 fee;
        int24[9] ticks;
    }

    /// @dev Frozen notes.
    struct Commitment {
        bytes32 input;
        uint64 count;
        uint64 until;
    }

    /// @notice Changes of a price that the model takes.
    uint256 public constant OBSERVATIONS = 8;
    /// @notice A word of inputs, counted as a full one, and an output.
    uint256 public constant OUTPUT_COUNT = StatementLib.OUTPUTS_PER_WORD + 1;
    /// @notice A pool's fee where its hook says it.
    uint24 public constant DYNAMIC_FEE = 1 << 23;
    /// @notice A fee in what `beforeSwap` returns is meant.
    uint24 public constant OVERRIDE_FEE = 1 << 22;
    /// @notice The lowest 14 bits of the hook's address: called after a pool's initialisation and before its swaps.
    uint160 public constant HOOK_FLAGS = 0x1080;
    uint24 private constant FEE_LIMIT = 1_000_000;
    uint256 private constant NOTES = OBSERVATIONS + 1;
    /// @dev Head words of `setFee`: pool, input commitment and two offsets.
    uint256 private constant SET_HEAD_WORDS = 4;

    /// @notice Who calls the hook.
    address public immutable poolManager;
    /// @notice Where prices are read.
    IStateView public immutable stateView;
    uint256 private immutable _modelId;
    int8 private immutable _inputScale;
    int8 private immutable _outputScale;
    uint24 private immutable _leastFee;
    uint24 private immutable _mostFee;
    uint24 private immutable _baseFee;
    uint32 private immutable _lifetime;

    mapping(bytes32 poolId => Pool) private _pools;
    mapping(bytes32 poolId => Commitment) private _commitments;

    event FeeSet(bytes32 indexed poolId, uint24 fee, bytes32 indexed statementHash);
    event Committed(bytes32 indexed poolId, bytes32 input, uint64 until);

    error ZeroPoolManager();
    error StateViewWithoutCode(address stateView);
    /// @notice The model's statements have another shape.
    error NotFeeModel(uint256 modelId, uint256 outputCount);
    /// @notice Expected `leastFee <= baseFee <= mostFee <= 1000000`.
    error FeesOutOfOrder(uint24 leastFee, uint24 baseFee, uint24 mostFee);
    error ScaleOutOfRange(int8 scale);
    error ZeroLifetime();
    error NotPoolManager(address caller);
    /// @notice The pool was made with a fee of its own.
    error NotDynamicFee(uint24 fee);
    /// @notice The pool was made with another hook, or before this one.
    error PoolUnknown(bytes32 poolId);
    error TooFewObservations(bytes32 poolId, uint256 found);
    /// @notice The newest note is too old to say anything.
    error StaleObservations(bytes32 poolId, uint64 notedAt);
    /// @notice These notes have set the fee.
    error FeeSetBefore(bytes32 poolId, uint64 count);
    /// @notice Notes are frozen until then; others wait.
    error CommitmentOpen(bytes32 poolId, uint64 until);
    /// @notice Nothing is frozen, or it was until then.
    error CommitmentExpired(bytes32 poolId, uint64 until);

    /// @param manager The pool manager.
    /// @param lens Where its pools' prices are read.
    /// @param models The model registry.
    /// @param rules_ What the hook is held by; for good.
    constructor(address manager, IStateView lens, IModelRegistry models, Rules memory rules_) RegistryCaller(models) {
        if (manager == address(0)) revert ZeroPoolManager();
        if (address(lens).code.length == 0) revert StateViewWithoutCode(address(lens));
        uint256 count = _usableModel(rules_.modelId).verifier.outputCount();
        if (count != OUTPUT_COUNT) revert NotFeeModel(rules_.modelId, count);
        if (rules_.leastFee > rules_.baseFee || rules_.baseFee > rules_.mostFee || rules_.mostFee > FEE_LIMIT) {
            revert FeesOutOfOrder(rules_.leastFee, rules_.baseFee, rules_.mostFee);
        }
        _requireScale(rules_.inputScale);
        _requireScale(rules_.outputScale);
        if (rules_.lifetime == 0) revert ZeroLifetime();
        (poolManager, stateView) = (manager, lens);
        (_modelId, _inputScale, _outputScale) = (rules_.modelId, rules_.inputScale, rules_.outputScale);
        (_leastFee, _mostFee, _baseFee) = (rules_.leastFee, rules_.mostFee, rules_.baseFee);
        _lifetime = rules_.lifetime;
    }

    modifier onlyPoolManager() {
        if (msg.sender != poolManager) revert NotPoolManager(msg.sender);
        _;
    }

    /// @inheritdoc IFeeHook
    function afterInitialize(address, PoolKey calldata key, uint160, int24 tick)
        external
        onlyPoolManager
        returns (bytes4)
    {
        if (key.fee != DYNAMIC_FEE) revert NotDynamicFee(key.fee);
        _note(_pools[poolIdOf(key)], tick);
        return IFeeHook.afterInitialize.selector;
    }

    /// @inheritdoc IFeeHook
    function beforeSwap(address, PoolKey calldata key, SwapParams calldata, bytes calldata)
        external
        onlyPoolManager
        returns (bytes4, int256, uint24)
    {
        bytes32 poolId = poolIdOf(key);
        Pool storage pool = _known(poolId);
        if (pool.notedAt != block.number) {
            // Nothing has moved it in this block yet: swaps are what moves it, and this is the first.
            // slither-disable-next-line unused-return
            (, int24 tick,,) = stateView.getSlot0(poolId);
            _note(pool, tick);
        }
        return (IFeeHook.beforeSwap.selector, 0, _feeOf(pool) | OVERRIDE_FEE);
    }

    /// @notice Sets a pool's fee by a proof on its notes as they are now.
    /// @param inputCommitment As the proof states it.
    /// @param output The output words: input, output.
    /// @param proof As the model's verifier takes it.
    /// @return fee What swaps pay from now on.
    function setFee(bytes32 poolId, bytes32 inputCommitment, bytes calldata output, bytes calldata proof)
        external
        returns (uint24 fee)
    {
        CanonicalCalldata.requireTails(SET_HEAD_WORDS, output, proof);
        Pool storage pool = _known(poolId);
        ChainInput.requirePublicInput(output, _input(poolId, pool));
        return _set(poolId, pool.count, inputCommitment, output, proof);
    }

    /// @notice Freezes a pool's notes as they are now, for proofs that take longer than the price stands still. While they are
    /// frozen nobody freezes others, so that nobody can make a proof that is under way worthless.
    /// @return input The word that the proof has to state.
    function commit(bytes32 poolId) external returns (bytes32 input) {
        Pool storage pool = _known(poolId);
        Commitment storage commitment = _commitments[poolId];
        if (block.number <= commitment.until) revert CommitmentOpen(poolId, commitment.until);
        if (pool.count == pool.feeCount) revert FeeSetBefore(poolId, pool.count);
        input = bytes32(_input(poolId, pool));
        uint64 until = uint64(block.number) + _lifetime;
        _commitments[poolId] = Commitment(input, pool.count, until);
        emit Committed(poolId, input, until);
    }

    /// @notice Sets a pool's fee by a proof on what `commit` froze.
    /// @return fee As `setFee`.
    function setCommittedFee(bytes32 poolId, bytes32 inputCommitment, bytes calldata output, bytes calldata proof)
        external
        returns (uint24 fee)
    {
        CanonicalCalldata.requireTails(SET_HEAD_WORDS, output, proof);
        Commitment memory commitment = _commitments[poolId];
        if (block.number > commitment.until) revert CommitmentExpired(poolId, commitment.until);
        ChainInput.requirePublicInput(output, abi.encodePacked(commitment.input));
        delete _commitments[poolId];
        return _set(poolId, commitment.count, inputCommitment, output, proof);
    }

    /// @notice What a swap pays now.
    function feeOf(bytes32 poolId) external view returns (uint24) {
        return _feeOf(_known(poolId));
    }

    /// @notice The changes of a pool's price, oldest first.
    function observationsOf(bytes32 poolId) external view returns (int256[] memory) {
        return _changes(poolId, _known(poolId));
    }

    /// @notice What is frozen of a pool's notes: the input's word and the last block for a proof; zeros of none.
    function commitmentOf(bytes32 poolId) external view returns (bytes32 input, uint64 until) {
        Commitment memory commitment = _commitments[poolId];
        return (commitment.input, commitment.until);
    }

    /// @notice What the hook is held by.
    function rules() external view returns (Rules memory) {
        return Rules(_modelId, _inputScale, _outputScale, _leastFee, _mostFee, _baseFee, _lifetime);
    }

    /// @notice How the pool manager names a pool.
    function poolIdOf(PoolKey calldata key) public pure returns (bytes32) {
        return keccak256(abi.encode(key));
    }

    /// @dev The registry and the verifier are entered by staticcall only.
    function _set(bytes32 poolId, uint64 count, bytes32 inputCommitment, bytes calldata output, bytes calldata proof)
        private
        returns (uint24 fee)
    {
        Pool storage pool = _pools[poolId];
        // Neither the same notes again, nor frozen ones that newer ones were faster than.
        if (count <= pool.feeCount) revert FeeSetBefore(poolId, count);
        // What a model's verifier checks is its owner's word, so the output's shape is checked here again.
        StatementLib.requireOutput(output, OUTPUT_COUNT);
        fee = _bounded(StatementLib.decodeOutput(output, OUTPUT_COUNT, OUTPUT_COUNT - 1));
        (pool.feeCount, pool.feeAt, pool.fee) = (count, uint64(block.number), fee);
        bytes32 statementHash = modelRegistry.verifyInference(_modelId, inputCommitment, output, proof);
        emit FeeSet(poolId, fee, statementHash);
    }

    /// @dev The note of a block.
    function _note(Pool storage pool, int24 tick) private {
        uint64 count = pool.count;
        pool.ticks[count % NOTES] = tick;
        (pool.count, pool.notedAt) = (count + 1, uint64(block.number));
    }

    function _known(bytes32 poolId) private view returns (Pool storage pool) {
        pool = _pools[poolId];
        if (pool.count == 0) revert PoolUnknown(poolId);
    }

    function _feeOf(Pool storage pool) private view returns (uint24) {
        bool fresh = pool.feeCount != 0 && block.number <= uint256(pool.feeAt) + _lifetime;
        return fresh ? pool.fee : _baseFee;
    }

    /// @dev The model's input, as statements have it, of notes that are fresh.
    function _input(bytes32 poolId, Pool storage pool) private view returns (bytes memory) {
        if (block.number > uint256(pool.notedAt) + _lifetime) revert StaleObservations(poolId, pool.notedAt);
        int256[] memory changes = _changes(poolId, pool);
        int16[] memory values = new int16[](OBSERVATIONS);
        for (uint256 i = 0; i < OBSERVATIONS; ++i) {
            values[i] = ChainInput.quantise(changes[i], 0, _inputScale);
        }
        return ChainInput.pack(values);
    }

    function _changes(bytes32 poolId, Pool storage pool) private view returns (int256[] memory changes) {
        uint256 count = pool.count;
        if (count < NOTES) revert TooFewObservations(poolId, count);
        changes = new int256[](OBSERVATIONS);
        for (uint256 i = 0; i < OBSERVATIONS; ++i) {
            int256 before = pool.ticks[(count + i) % NOTES];
            changes[i] = int256(pool.ticks[(count + i + 1) % NOTES]) - before;
        }
    }

    /// @dev An output as a fee: the integer times 2^-scale, downwards, within the bounds.
    function _bounded(int256 output) private view returns (uint24) {
        int8 scale = _outputScale;
        int256 fee = scale < 0 ? output << uint8(-scale) : output >> uint8(scale);
        if (fee < int256(uint256(_leastFee))) return _leastFee;
        if (fee > int256(uint256(_mostFee))) return _mostFee;
        return uint24(uint256(fee));
    }

    function _requireScale(int8 scale) private pure {
        if (scale > ChainInput.MAX_SCALE || scale < -ChainInput.MAX_SCALE) revert ScaleOutOfRange(scale);
    }
}
