// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {FeeHook} from "../../src/examples/FeeHook.sol";
import {IStateView, PoolKey, SwapParams} from "../../src/examples/interfaces/IUniswapV4.sol";
import {TestBase} from "./TestBase.sol";

/// @dev Stands for the lens of a pool manager: one price for all pools.
contract LensDouble is IStateView {
    int24 public tick;

    function setTick(int24 tick_) external {
        tick = tick_;
    }

    function getSlot0(bytes32) external view returns (uint160, int24, uint24, uint24) {
        return (0, tick, 0, 0);
    }
}

/// @title A pool that moves, and what its hook must make of it, by other means than the hook's
abstract contract Pools is TestBase {
    address internal constant MANAGER = address(0x90014a);
    uint24 internal constant OVERRIDE = 0x400000;
    uint24 internal constant BASE = 3000;
    uint24 internal constant LEAST = 100;
    uint24 internal constant MOST = 10_000;
    uint32 internal constant LIFETIME = 50;

    /// @dev Of a model whose integers are ticks and hundredths of a basis point.
    function rulesOf(uint256 modelId) internal pure returns (FeeHook.Rules memory) {
        return FeeHook.Rules(modelId, 0, 0, LEAST, MOST, BASE, LIFETIME);
    }

    function keyOf(FeeHook hook) internal pure returns (PoolKey memory) {
        return PoolKey(address(1), address(2), 0x800000, 60, address(hook));
    }

    function idOf(FeeHook hook) internal pure returns (bytes32) {
        return keccak256(abi.encode(keyOf(hook)));
    }

    function initialize(FeeHook hook, int24 tick) internal {
        vm.prank(MANAGER);
        bytes4 answer = hook.afterInitialize(address(0), keyOf(hook), 0, tick);
        vm.assertEq(bytes32(answer), bytes32(bytes4(0x6fe7e6eb)), "afterInitialize");
    }

    /// @dev A swap before which the pool's price is `tick`; the fee that it pays.
    function swap(FeeHook hook, LensDouble lens, int24 tick) internal returns (uint24) {
        lens.setTick(tick);
        vm.prank(MANAGER);
        (bytes4 answer, int256 delta, uint24 fee) = hook.beforeSwap(address(0), keyOf(hook), SwapParams(true, 1, 0), "");
        vm.assertEq(bytes32(answer), bytes32(bytes4(0x575e24b4)), "beforeSwap");
        vm.assertEq(delta, 0, "delta");
        vm.assertEq(uint256(fee & OVERRIDE), OVERRIDE, "the fee is meant");
        return fee ^ OVERRIDE;
    }

    /// @dev Initialises a pool and swaps in blocks of their own, so that these are its notes.
    function play(FeeHook hook, LensDouble lens, int24[9] memory ticks) internal {
        initialize(hook, ticks[0]);
        for (uint256 i = 1; i < 9; ++i) {
            vm.roll(block.number + 1);
            swap(hook, lens, ticks[i]);
        }
    }

    /// @dev The input word of these notes at a scale of 0.
    function inputOf(int24[9] memory ticks) internal pure returns (bytes memory) {
        uint256 word = 0;
        for (uint256 i = 8; i > 0; --i) {
            word = word * 2 ** 16 + uint256(int256(ticks[i]) - int256(ticks[i - 1]) + 2 ** 15);
        }
        return abi.encode(word);
    }
}
