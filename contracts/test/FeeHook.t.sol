// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {Ceremony} from "../script/Ceremony.sol";
import {DeployFeeHook} from "../script/DeployFeeHook.s.sol";
import {ChainInput} from "../src/ChainInput.sol";
import {InferenceVerifier} from "../src/InferenceVerifier.sol";
import {ModelRegistry} from "../src/ModelRegistry.sol";
import {FeeHook} from "../src/examples/FeeHook.sol";
import {IStateView} from "../src/examples/interfaces/IUniswapV4.sol";
import {PoolKey, SwapParams} from "../src/examples/interfaces/IUniswapV4.sol";
import {IHalo2Caller} from "../src/interfaces/IHalo2Caller.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {IWeightVerifier} from "../src/interfaces/IWeightVerifier.sol";
import {CanonicalCalldata} from "../src/libraries/CanonicalCalldata.sol";
import {StatementLib} from "../src/libraries/StatementLib.sol";
import {AcceptAll, CarelessVerifier} from "./helpers/Doubles.sol";
import {Honest} from "./helpers/Honest.sol";
import {LensDouble, Pools} from "./helpers/Pools.sol";

/// @dev Statements whose one proof a double of the generated verifier takes; a real one is the command line's test.
contract FeeHookTest is Honest, Pools {
    event FeeSet(bytes32 indexed poolId, uint24 fee, bytes32 indexed statementHash);

    ModelRegistry private _registry;
    LensDouble private _lens;
    FeeHook private _hook;
    bytes32 private _poolId;
    uint256 private _modelId;

    function setUp() public {
        vm.roll(1000);
        _registry = new ModelRegistry();
        _lens = new LensDouble();
    }

    function _ticks() private pure returns (int24[9] memory) {
        return [int24(0), 10, -20, 300, 299, 298, 5, 5, 32772];
    }

    /// A statement of these notes' input and an output, and a hook of the model that gave it.
    function _statement(int24[9] memory ticks, int256 output) private returns (Case memory made) {
        made = _stated(inputOf(ticks), output);
        _modelId = _register(made, 16);
        _hook = new FeeHook(MANAGER, _lens, _registry, rulesOf(_modelId));
        _poolId = idOf(_hook);
    }

    function _stated(bytes memory input, int256 output) private view returns (Case memory made) {
        made = honest("fee", 1, 3);
        made.outputCount = 16;
        made.output = bytes.concat(input, scoreOutput(output));
        (uint256[] memory logs, uint256[] memory scalars) = (new uint256[](3), new uint256[](3));
        for (uint256 i = 0; i < 3; ++i) {
            (logs[i], scalars[i]) = (i + 2, i + 1);
        }
        setTerms(made, logs, scalars);
    }

    function _register(Case memory made, uint256 outputs) private returns (uint256) {
        address halo2 = circuitOf(made, made.halo2);
        IWeightVerifier none = IWeightVerifier(address(0));
        InferenceVerifier verifier = new InferenceVerifier(halo2, outputs, made.halo2.length, 3, none);
        return _registry.registerModel(made.program, made.weights, verifier, 0);
    }

    function _set(Case memory made) private returns (uint24) {
        return _hook.setFee(_poolId, made.input, made.output, directProof(made));
    }

    function _setCommitted(Case memory made) private returns (uint24) {
        return _hook.setCommittedFee(_poolId, made.input, made.output, directProof(made));
    }

    function _refuse(bytes memory reason) private {
        vm.expectRevert(reason);
    }

    function test_setsTheFeeOnce() public {
        Case memory made = _statement(_ticks(), 450);
        play(_hook, _lens, _ticks());
        vm.assertEq(_hook.feeOf(_poolId), BASE, "before");
        bytes32 hash = _registry.hashStatement(_modelId, made.input, made.output);
        vm.expectEmit(true, true, true, true, address(_hook));
        emit FeeSet(_poolId, 450, hash);
        vm.assertEq(_set(made), 450, "returned");
        vm.assertEq(swap(_hook, _lens, 32772), 450, "what a swap pays");
        _refuse(abi.encodeWithSelector(FeeHook.FeeSetBefore.selector, _poolId, 9));
        _set(made);
        _refuse(abi.encodeWithSelector(FeeHook.FeeSetBefore.selector, _poolId, 9));
        _hook.commit(_poolId);
        vm.roll(block.number + LIFETIME);
        vm.assertEq(_hook.feeOf(_poolId), 450, "while fresh");
        vm.roll(block.number + 1);
        vm.assertEq(_hook.feeOf(_poolId), BASE, "after");
        vm.assertEq(swap(_hook, _lens, 0), BASE, "what a swap pays then");
    }

    /// A swap in another block makes other notes; later ones in a block do not.
    function test_notesAreOfTheFirstSwapOfABlock() public {
        Case memory made = _statement(_ticks(), 450);
        play(_hook, _lens, _ticks());
        swap(_hook, _lens, -500_000);
        _set(made);
        vm.roll(block.number + 1);
        swap(_hook, _lens, 32773);
        int256[] memory found = _hook.observationsOf(_poolId);
        int24[9] memory ticks = _ticks();
        for (uint256 i = 0; i < 8; ++i) {
            int256 next = i == 7 ? int256(32773) : int256(ticks[i + 2]);
            vm.assertEq(found[i], next - ticks[i + 1], "change");
        }
        _refuse(abi.encodeWithSelector(ChainInput.PublicInputMismatch.selector));
        _set(made);
    }

    function test_refusesStaleNotes() public {
        Case memory made = _statement(_ticks(), 450);
        play(_hook, _lens, _ticks());
        uint64 noted = uint64(block.number);
        vm.roll(block.number + LIFETIME + 1);
        _refuse(abi.encodeWithSelector(FeeHook.StaleObservations.selector, _poolId, noted));
        _set(made);
        _refuse(abi.encodeWithSelector(FeeHook.StaleObservations.selector, _poolId, noted));
        _hook.commit(_poolId);
        vm.roll(noted + LIFETIME);
        _set(made);
    }

    /// Frozen notes outlive the swaps that come after them, for a while, and set the fee once.
    function test_setsTheFeeByFrozenNotes() public {
        Case memory made = _statement(_ticks(), 450);
        play(_hook, _lens, _ticks());
        _refuse(abi.encodeWithSelector(FeeHook.CommitmentExpired.selector, _poolId, 0));
        _setCommitted(made);
        bytes32 input = _hook.commit(_poolId);
        vm.assertEq(abi.encode(input), inputOf(_ticks()), "input");
        uint64 until = uint64(block.number) + LIFETIME;
        _refuse(abi.encodeWithSelector(FeeHook.CommitmentOpen.selector, _poolId, until));
        _hook.commit(_poolId);
        vm.roll(block.number + 1);
        swap(_hook, _lens, 7);
        _refuse(abi.encodeWithSelector(ChainInput.PublicInputMismatch.selector));
        _set(made);
        vm.roll(until);
        vm.assertEq(_setCommitted(made), 450, "returned");
        vm.assertEq(_hook.feeOf(_poolId), 450, "fee");
        (bytes32 left, uint64 end) = _hook.commitmentOf(_poolId);
        vm.assertEq(uint256(left) + end, 0, "used up");
        _refuse(abi.encodeWithSelector(FeeHook.CommitmentExpired.selector, _poolId, 0));
        _setCommitted(made);
    }

    function test_refusesFrozenNotesThatHaveExpired() public {
        Case memory made = _statement(_ticks(), 450);
        play(_hook, _lens, _ticks());
        _hook.commit(_poolId);
        uint64 until = uint64(block.number) + LIFETIME;
        vm.roll(until + 1);
        _refuse(abi.encodeWithSelector(FeeHook.CommitmentExpired.selector, _poolId, until));
        _setCommitted(made);
        // Others may be frozen then.
        swap(_hook, _lens, 32700);
        bytes32 input = _hook.commit(_poolId);
        vm.assertNotEq(input, bytes32(wordAt(made.output, 0)), "others");
        _refuse(abi.encodeWithSelector(ChainInput.PublicInputMismatch.selector));
        _setCommitted(made);
    }

    /// Notes that were frozen and have set the fee already are of no use frozen.
    function test_frozenNotesAreNoSecondUse() public {
        Case memory made = _statement(_ticks(), 450);
        play(_hook, _lens, _ticks());
        _hook.commit(_poolId);
        _set(made);
        _refuse(abi.encodeWithSelector(FeeHook.FeeSetBefore.selector, _poolId, 9));
        _setCommitted(made);
    }

    /// A model of the same shape with other weights, another fee, another input commitment, another proof.
    function test_refusesForeignModelsAndForgedStatements() public {
        Case memory made = _statement(_ticks(), 450);
        play(_hook, _lens, _ticks());
        bytes memory output = made.output;
        made.output = withWord(output, 1, 2 ** 15 + 100);
        _refuse(abi.encodeWithSelector(IHalo2Caller.InvalidProof.selector));
        _set(made);
        made.output = output;
        made.input = bytes32(uint256(made.input) ^ 1);
        _refuse(abi.encodeWithSelector(IHalo2Caller.InvalidProof.selector));
        _set(made);
        made.input = bytes32(uint256(made.input) ^ 1);
        Case memory foreign = _stated(inputOf(_ticks()), 100);
        foreign.weights = bytes32(uint256(foreign.weights) - 1);
        _restated(foreign);
        uint256 id = _register(foreign, 16);
        _registry.verifyInference(id, foreign.input, foreign.output, directProof(foreign));
        _refuse(abi.encodeWithSelector(IHalo2Caller.InvalidProof.selector));
        _set(foreign);
        vm.assertEq(_hook.feeOf(_poolId), BASE, "fee");
        _set(made);
    }

    function _restated(Case memory made) private view {
        (uint256[] memory logs, uint256[] memory scalars) = (new uint256[](3), new uint256[](3));
        for (uint256 i = 0; i < 3; ++i) {
            (logs[i], scalars[i]) = (i + 2, i + 1);
        }
        setTerms(made, logs, scalars);
    }

    function test_refusesARetiredModel() public {
        Case memory made = _statement(_ticks(), 450);
        play(_hook, _lens, _ticks());
        _registry.retireModel(_modelId);
        _refuse(abi.encodeWithSelector(IModelRegistry.ModelIsRetired.selector, _modelId));
        _set(made);
    }

    /// Either word, to anything else.
    function testFuzz_refusesOtherWords(uint256 index, uint256 value) public {
        Case memory made = _statement(_ticks(), 450);
        play(_hook, _lens, _ticks());
        index = bound(index, 0, 1);
        bytes memory output = made.output;
        vm.assume(value != wordAt(output, index));
        made.output = withWord(output, index, value);
        vm.expectRevert();
        _set(made);
        _hook.commit(_poolId);
        vm.expectRevert();
        _setCommitted(made);
        made.output = output;
        _setCommitted(made);
    }

    /// Whatever the price does, the input is its changes, packed as the protocol does; a change that is no int16 is refused.
    function testFuzz_theInputIsTheChanges(int24[9] memory ticks, bool small) public {
        if (small) {
            for (uint256 i = 0; i < 9; ++i) {
                ticks[i] = ticks[i] % 16_000;
            }
        }
        bool fits = true;
        for (uint256 i = 1; i < 9; ++i) {
            int256 change = int256(ticks[i]) - ticks[i - 1];
            fits = fits && change >= -32768 && change < 32768;
        }
        _statement(_ticks(), 450);
        play(_hook, _lens, ticks);
        if (!fits) vm.expectRevert();
        bytes32 input = _hook.commit(_poolId);
        if (fits) vm.assertEq(abi.encode(input), inputOf(ticks), "input");
    }

    /// Whatever the model says, the fee is within its bounds.
    function testFuzz_theFeeIsBounded(int16 output, int8 scale) public {
        scale = int8(int256(bound(uint256(uint8(scale)), 0, 80)) - 40);
        Case memory made = _stated(inputOf(_ticks()), output);
        FeeHook.Rules memory rules = rulesOf(_register(made, 16));
        rules.outputScale = scale;
        _hook = new FeeHook(MANAGER, _lens, _registry, rules);
        _poolId = idOf(_hook);
        play(_hook, _lens, _ticks());
        // As a product or quotient of powers of two, downwards.
        int256 expected = int256(output) * (scale < 0 ? int256(2 ** uint256(-int256(scale))) : int256(1));
        if (scale > 0) {
            int256 unit = int256(2 ** uint256(int256(scale)));
            expected = expected / unit - (expected % unit < 0 ? int256(1) : int256(0));
        }
        if (expected < int256(uint256(LEAST))) expected = int256(uint256(LEAST));
        if (expected > int256(uint256(MOST))) expected = int256(uint256(MOST));
        vm.assertEq(int256(uint256(_set(made))), expected, "fee");
    }

    function test_onlyThePoolManagerTellsOfSwaps() public {
        _statement(_ticks(), 450);
        PoolKey memory key = keyOf(_hook);
        _refuse(abi.encodeWithSelector(FeeHook.NotPoolManager.selector, address(this)));
        _hook.afterInitialize(address(0), key, 0, 0);
        _refuse(abi.encodeWithSelector(FeeHook.NotPoolManager.selector, address(this)));
        _hook.beforeSwap(address(0), key, SwapParams(true, 1, 0), "");
        vm.prank(MANAGER);
        _refuse(abi.encodeWithSelector(FeeHook.PoolUnknown.selector, _poolId));
        _hook.beforeSwap(address(0), key, SwapParams(true, 1, 0), "");
        key.fee = 3000;
        vm.prank(MANAGER);
        _refuse(abi.encodeWithSelector(FeeHook.NotDynamicFee.selector, 3000));
        _hook.afterInitialize(address(0), key, 0, 0);
    }

    function test_refusesWithoutNotesAndOtherEncodings() public {
        Case memory made = _statement(_ticks(), 450);
        _refuse(abi.encodeWithSelector(FeeHook.PoolUnknown.selector, _poolId));
        _set(made);
        _refuse(abi.encodeWithSelector(FeeHook.PoolUnknown.selector, _poolId));
        _hook.feeOf(_poolId);
        initialize(_hook, 0);
        for (uint256 count = 1; count < 9; ++count) {
            _refuse(abi.encodeWithSelector(FeeHook.TooFewObservations.selector, _poolId, count));
            _set(made);
            vm.roll(block.number + 1);
            swap(_hook, _lens, _ticks()[count]);
        }
        bytes memory proof = directProof(made);
        bytes memory call = abi.encodeCall(_hook.setFee, (_poolId, made.input, made.output, proof));
        bytes4 length = CanonicalCalldata.NonCanonicalLength.selector;
        requireRefusal(address(_hook), bytes.concat(call, bytes32(0)), length, "setFee");
        call = abi.encodeCall(_hook.setCommittedFee, (_poolId, made.input, made.output, proof));
        requireRefusal(address(_hook), bytes.concat(call, bytes32(0)), length, "setCommittedFee");
        bytes memory longer = bytes.concat(made.output, bytes32(0));
        _refuse(abi.encodeWithSelector(StatementLib.OutputLength.selector, 64, 96));
        _hook.setFee(_poolId, made.input, longer, proof);
        _set(made);
    }

    function test_constructorRefusals() public {
        Case memory made = _statement(_ticks(), 450);
        FeeHook.Rules memory rules = rulesOf(_modelId);
        vm.assertEq(abi.encode(_hook.rules()), abi.encode(rules), "rules");
        _refuse(abi.encodeWithSelector(FeeHook.ZeroPoolManager.selector));
        new FeeHook(address(0), _lens, _registry, rules);
        _refuse(abi.encodeWithSelector(FeeHook.StateViewWithoutCode.selector, MANAGER));
        new FeeHook(MANAGER, IStateView(MANAGER), _registry, rules);
        // Two outputs, and a hidden output, whose commitment fills a word.
        for (uint256 outputs = 17; outputs < 31; outputs += 13) {
            rules.modelId = _register(made, outputs);
            _refuse(abi.encodeWithSelector(FeeHook.NotFeeModel.selector, rules.modelId, outputs));
            new FeeHook(MANAGER, _lens, _registry, rules);
        }
        rules = rulesOf(_modelId);
        uint24[3][3] memory wrong = [[uint24(2), 1, 3], [uint24(1), 3, 2], [uint24(1), 2, 1_000_001]];
        for (uint256 i = 0; i < 3; ++i) {
            (rules.leastFee, rules.baseFee, rules.mostFee) = (wrong[i][0], wrong[i][1], wrong[i][2]);
            bytes4 order = FeeHook.FeesOutOfOrder.selector;
            _refuse(abi.encodeWithSelector(order, wrong[i][0], wrong[i][1], wrong[i][2]));
            new FeeHook(MANAGER, _lens, _registry, rules);
        }
        rules = rulesOf(_modelId);
        rules.lifetime = 0;
        _refuse(abi.encodeWithSelector(FeeHook.ZeroLifetime.selector));
        new FeeHook(MANAGER, _lens, _registry, rules);
        for (uint256 i = 0; i < 4; ++i) {
            rules = rulesOf(_modelId);
            int8 scale = i % 2 == 0 ? int8(41) : int8(-41);
            if (i < 2) rules.inputScale = scale;
            else rules.outputScale = scale;
            _refuse(abi.encodeWithSelector(FeeHook.ScaleOutOfRange.selector, scale));
            new FeeHook(MANAGER, _lens, _registry, rules);
        }
        _registry.retireModel(_modelId);
        _refuse(abi.encodeWithSelector(IModelRegistry.ModelIsRetired.selector, _modelId));
        new FeeHook(MANAGER, _lens, _registry, rulesOf(_modelId));
    }

    /// The script finds an address that a pool manager calls for these two functions and for no other.
    function test_deploysWhereAPoolManagerCallsIt() public {
        _statement(_ticks(), 450);
        DeployFeeHook script = new DeployFeeHook();
        vm.chainId(31337);
        FeeHook hook = script.run(MANAGER, _lens, _registry, rulesOf(_modelId));
        vm.assertEq(uint256(uint160(address(hook)) & 0x3fff), 0x1080, "flags");
        vm.assertEq(uint256(hook.HOOK_FLAGS()), 0x1080, "the hook's");
        vm.assertEq(abi.encode(hook.rules()), abi.encode(rulesOf(_modelId)), "rules");
        vm.assertEq(address(hook.stateView()), address(_lens), "lens");
        vm.assertEq(hook.poolManager(), MANAGER, "manager");
        FeeHook again = script.run(MANAGER, _lens, _registry, rulesOf(_modelId));
        vm.assertEq(address(again), address(hook), "once");
        vm.chainId(10);
        FeeHook.Rules memory rules =
            rulesOf(_registry.registerModel(bytes32(uint256(1)), bytes32(uint256(2)), new CarelessVerifier(), 0));
        _refuse(abi.encodeWithSelector(Ceremony.VerifierUnknown.selector, rules.modelId));
        script.run(MANAGER, _lens, _registry, rules);
    }
}

/// @dev Gas of what the hook adds: to a swap, and to the check of a proof, which a double does.
/// forge-config: default.isolate = true
contract FeeHookGasTest is Pools {
    FeeHook private _hook;
    LensDouble private _lens;
    bytes private _output;

    function setUp() public {
        vm.roll(1000);
        ModelRegistry registry = new ModelRegistry();
        _lens = new LensDouble();
        IWeightVerifier none = IWeightVerifier(address(0));
        InferenceVerifier verifier = new InferenceVerifier(address(new AcceptAll()), 16, 64, TERMS, none);
        uint256 id = registry.registerModel(bytes32(uint256(1)), bytes32(uint256(2)), verifier, 0);
        _hook = new FeeHook(MANAGER, _lens, registry, rulesOf(id));
        int24[9] memory ticks = [int24(0), 10, -20, 300, 299, 298, 5, 5, 32772];
        play(_hook, _lens, ticks);
        _output = bytes.concat(inputOf(ticks), scoreOutput(450));
    }

    function test_gas() public {
        PoolKey memory key = keyOf(_hook);
        SwapParams memory params = SwapParams(true, 1, 0);
        bytes32 id = idOf(_hook);
        bytes memory proof = shapedProof(64);
        _hook.commit(id);
        vm.snapshotGasLastCall("FeeHook", "commit");
        _hook.setCommittedFee(id, bytes32(uint256(3)), _output, proof);
        vm.snapshotGasLastCall("FeeHook", "setCommittedFee, without the check of the proof");
        vm.roll(block.number + 1);
        vm.prank(MANAGER);
        _hook.beforeSwap(address(0), key, params, "");
        vm.snapshotGasLastCall("FeeHook", "beforeSwap, first of a block");
        vm.prank(MANAGER);
        _hook.beforeSwap(address(0), key, params, "");
        vm.snapshotGasLastCall("FeeHook", "beforeSwap, another of the block");
        int24[9] memory ticks = [int24(10), -20, 300, 299, 298, 5, 5, 32772, 32772];
        bytes memory output = bytes.concat(inputOf(ticks), scoreOutput(450));
        _hook.setFee(id, bytes32(uint256(3)), output, proof);
        vm.snapshotGasLastCall("FeeHook", "setFee, without the check of the proof");
    }
}
