// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {StatementLib} from "./libraries/StatementLib.sol";

/// @title Values on the chain as a model's input
/// @notice For contracts that read a model's input themselves, such as balances or prices, in the transaction that they act in:
/// they make the integers that the model takes, pack them as the protocol does, and require them to be the input that a proof
/// of a model with public input states. Rounding is that of the command line and the SDK (docs/specs/numerics.md, section 6).
library ChainInput {
    /// @notice Most decimals of a value. With `MAX_SCALE` it keeps every product below 2^256.
    uint8 internal constant MAX_DECIMALS = 60;
    /// @notice Largest scale of a tensor, and smallest, negated.
    int8 internal constant MAX_SCALE = 40;

    /// @notice A value has 0 to 60 decimals.
    error DecimalsOutOfRange(uint8 decimals);
    /// @notice Scales are -40 to 40.
    error ScaleOutOfRange(int8 scale);
    /// @notice The value is no int16 at this scale.
    error ValueOutOfRange(int256 value, uint8 decimals, int8 scale);
    /// @notice The statement's output words do not begin with this input.
    error PublicInputMismatch();

    /// @notice The real number `value · 10^-decimals` as an integer at a scale: that times `2^scale` to the nearest, halves away from
    /// zero.
    /// @param decimals As of a token's amounts: 18 where 10^18 is one.
    /// @param scale Scale of the model's input (`laminate inspect` shows it).
    function quantise(int256 value, uint8 decimals, int8 scale) internal pure returns (int16) {
        if (decimals > MAX_DECIMALS) revert DecimalsOutOfRange(decimals);
        if (scale > MAX_SCALE || scale < -MAX_SCALE) revert ScaleOutOfRange(scale);
        bool negative = value < 0;
        uint256 magnitude = negative ? uint256(-(value + 1)) + 1 : uint256(value);
        uint256 divisor = 10 ** uint256(decimals);
        if (scale < 0) {
            divisor <<= uint8(-scale);
        } else {
            // What does not fit is above 2^56 after division by at most 10^60.
            if (magnitude > type(uint256).max >> uint8(scale)) revert ValueOutOfRange(value, decimals, scale);
            magnitude <<= uint8(scale);
        }
        uint256 nearest = magnitude / divisor;
        uint256 rest = magnitude % divisor;
        if (rest >= divisor - rest) ++nearest;
        if (nearest > (negative ? 2 ** 15 : 2 ** 15 - 1)) revert ValueOutOfRange(value, decimals, scale);
        return negative ? int16(-int256(nearest)) : int16(int256(nearest));
    }

    /// @notice The words that hold `values` in a statement, 32 bytes each (`StatementLib`).
    function pack(int16[] memory values) internal pure returns (bytes memory words) {
        uint256 count = StatementLib.outputWords(values.length);
        words = new bytes(32 * count);
        for (uint256 index = 0; index < count; ++index) {
            uint256 word = 0;
            uint256 start = StatementLib.OUTPUTS_PER_WORD * index;
            for (uint256 i = 0; i < StatementLib.OUTPUTS_PER_WORD && start + i < values.length; ++i) {
                uint256 encoded = uint256(int256(values[start + i]) + StatementLib.OUTPUT_OFFSET);
                word |= encoded << (StatementLib.OUTPUT_BITS * i);
            }
            assembly ("memory-safe") {
                mstore(add(add(words, 32), mul(32, index)), word)
            }
        }
    }

    /// @notice Refuses a statement that is not of this input, which its output words begin with where the input is public.
    /// @param output The statement's output words.
    /// @param input What `pack` made of the input.
    function requirePublicInput(bytes calldata output, bytes memory input) internal pure {
        if (output.length < input.length || keccak256(output[:input.length]) != keccak256(input)) {
            revert PublicInputMismatch();
        }
    }
}
