// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

/// @notice What names a pool of Uniswap v4, in the order of its ABI; its id is `keccak256(abi.encode(key))`.
/// @dev Written anew after the published ABI of Uniswap v4 (`PoolKey.sol`, `PoolOperation.sol`, `IHooks.sol`, `IStateView.sol`).
struct PoolKey {
    address currency0;
    address currency1;
    /// Hundredths of a basis point, or `0x800000` of a pool whose hook says the fee.
    uint24 fee;
    int24 tickSpacing;
    address hooks;
}

/// @notice A swap as the pool manager tells it to hooks.
struct SwapParams {
    bool zeroForOne;
    int256 amountSpecified;
    uint160 sqrtPriceLimitX96;
}

/// @notice Of a hook the functions that a pool manager calls where the lowest 14 bits of the hook's address are `0x1080`.
interface IFeeHook {
    function afterInitialize(address sender, PoolKey calldata key, uint160 sqrtPriceX96, int24 tick)
        external
        returns (bytes4);

    /// @return The function's selector, a change of amounts, and a fee for this swap with `0x400000` set.
    function beforeSwap(address sender, PoolKey calldata key, SwapParams calldata params, bytes calldata hookData)
        external
        returns (bytes4, int256, uint24);
}

/// @notice The lens through which other contracts read a pool's state.
interface IStateView {
    function getSlot0(bytes32 poolId)
        external
        view
        returns (uint160 sqrtPriceX96, int24 tick, uint24 protocolFee, uint24 lpFee);
}
