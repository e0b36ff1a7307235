// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {InferenceVerifier} from "../src/InferenceVerifier.sol";
import {ModelRegistry} from "../src/ModelRegistry.sol";
import {FeeHook} from "../src/examples/FeeHook.sol";
import {IWeightVerifier} from "../src/interfaces/IWeightVerifier.sol";
import {AcceptAll} from "./helpers/Doubles.sol";
import {LensDouble, Pools} from "./helpers/Pools.sol";

/// @dev Moves a pool, freezes its notes and sets its fee at random, with the right input or another one, and keeps its own books.
contract FeeHookHandler is Pools {
    FeeHook public immutable hook;
    LensDouble private immutable _lens;
    bytes32 private immutable _id;
    bytes private _proof;

    uint256 private _block = 1000;
    int24[] private _notes;
    uint256 private _notedAt;
    /// Notes that the newest fee is of, when it was set, and to what.
    uint256 private _feeNotes;
    uint256 private _feeAt;
    uint24 private _fee;
    bytes private _frozen;
    uint256 private _frozenNotes;
    uint256 private _frozenUntil;
    /// Outcomes that must never be, and were.
    uint256 public wrongs;

    constructor() {
        vm.roll(1000);
        ModelRegistry registry = new ModelRegistry();
        IWeightVerifier none = IWeightVerifier(address(0));
        InferenceVerifier verifier = new InferenceVerifier(address(new AcceptAll()), 16, 64, TERMS, none);
        uint256 id = registry.registerModel(bytes32(uint256(1)), bytes32(uint256(2)), verifier, 0);
        _lens = new LensDouble();
        hook = new FeeHook(MANAGER, _lens, registry, rulesOf(id));
        _id = idOf(hook);
        _proof = shapedProof(64);
        int24[9] memory ticks;
        play(hook, _lens, ticks);
        _block = block.number;
        for (uint256 i = 0; i < 9; ++i) {
            _noted(0);
        }
    }

    function _noted(int24 tick) private {
        _notes.push(tick);
        _notedAt = _block;
    }

    function trySwap(int16 tick, uint256 blocks) external {
        // The same block, one of the next, or one in which what was fresh is no more.
        blocks = bound(blocks, 0, 9);
        _block += blocks == 9 ? uint256(LIFETIME) : blocks / 3;
        vm.roll(_block);
        uint24 paid = swap(hook, _lens, tick / 2);
        if (_notedAt != _block) _noted(tick / 2);
        if (paid != _expectedFee()) ++wrongs;
    }

    function tryCommit() external {
        vm.roll(_block);
        bool allowed = _fresh() && (_frozenUntil == 0 || _block > _frozenUntil) && _feeNotes != _notes.length;
        try hook.commit(_id) {
            if (!allowed) ++wrongs;
            (_frozen, _frozenNotes, _frozenUntil) = (_input(), _notes.length, _block + LIFETIME);
        } catch {
            if (allowed) ++wrongs;
        }
    }

    function trySet(int16 output, bool right, uint256 other) external {
        vm.roll(_block);
        bytes memory input = right && _notes.length >= 9 ? _input() : abi.encode(other);
        bool allowed = _fresh() && keccak256(input) == keccak256(_input()) && _notes.length > _feeNotes;
        bytes memory words = bytes.concat(input, scoreOutput(output));
        try hook.setFee(_id, bytes32(uint256(3)), words, _proof) returns (uint24 fee) {
            if (!allowed) ++wrongs;
            _took(fee, output, _notes.length);
        } catch {
            if (allowed) ++wrongs;
        }
    }

    function trySetCommitted(int16 output, bool right, uint256 other) external {
        vm.roll(_block);
        bytes memory input = right ? _frozen : abi.encode(other);
        bool allowed = _frozenUntil != 0 && _block <= _frozenUntil && keccak256(input) == keccak256(_frozen)
            && _frozenNotes > _feeNotes;
        bytes memory words = bytes.concat(input, scoreOutput(output));
        try hook.setCommittedFee(_id, bytes32(uint256(3)), words, _proof) returns (uint24 fee) {
            if (!allowed) ++wrongs;
            _took(fee, output, _frozenNotes);
            _frozenUntil = 0;
        } catch {
            if (allowed) ++wrongs;
        }
    }

    function _took(uint24 fee, int16 output, uint256 notes) private {
        int256 expected = output < int256(uint256(LEAST)) ? int256(uint256(LEAST)) : int256(output);
        if (expected > int256(uint256(MOST))) expected = int256(uint256(MOST));
        if (int256(uint256(fee)) != expected) ++wrongs;
        (_fee, _feeAt, _feeNotes) = (fee, _block, notes);
    }

    function _fresh() private view returns (bool) {
        return _notes.length >= 9 && _block <= _notedAt + LIFETIME;
    }

    function _input() private view returns (bytes memory) {
        if (_notes.length < 9) return "";
        int24[9] memory ticks;
        for (uint256 i = 0; i < 9; ++i) {
            ticks[i] = _notes[_notes.length - 9 + i];
        }
        return inputOf(ticks);
    }

    function _expectedFee() private view returns (uint24) {
        return _feeNotes != 0 && _block <= _feeAt + LIFETIME ? _fee : BASE;
    }

    function expectedFee() external view returns (uint24) {
        return _expectedFee();
    }

    function now_() external view returns (uint256) {
        return _block;
    }

    function poolId() external view returns (bytes32) {
        return _id;
    }
}

contract FeeHookInvariantTest is Pools {
    FeeHookHandler private _handler;

    function setUp() public {
        _handler = new FeeHookHandler();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    /// No fee but by fresh notes that set none before, each what the books say, and within the bounds.
    function invariant_feesAreOfFreshNotes() public {
        vm.assertEq(_handler.wrongs(), 0, "wrong outcomes");
        vm.roll(_handler.now_());
        uint24 fee = _handler.hook().feeOf(_handler.poolId());
        vm.assertEq(fee, _handler.expectedFee(), "fee");
        vm.assertTrue(fee == BASE || (fee >= LEAST && fee <= MOST), "bounds");
    }
}
