// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

/// @title One encoding a call
/// @notice The ABI decoder accepts overlapping, reordered and padded tails, and bytes after them. Calls that carry an
/// output and a proof are accepted in the one encoding `abi.encode` makes, so what a caller or a firewall reads from
/// the calldata is what the verifier reads.
library CanonicalCalldata {
    /// @notice A dynamic argument does not start where the canonical encoding puts it.
    error NonCanonicalOffset(uint256 expected, uint256 found);
    /// @notice The calldata is shorter or longer than the canonical encoding.
    error NonCanonicalLength(uint256 expected, uint256 found);
    /// @notice The length of a dynamic argument is not a multiple of 32, so it would leave padding bytes free.
    error UnalignedArgument(uint256 length);

    /// @notice Requires the current call to be a selector, `headWords` head words, then the tails of exactly two
    /// dynamic arguments in order.
    /// @dev For external functions only, with `first` and `second` being their last two arguments as decoded.
    function requireTails(uint256 headWords, bytes calldata first, bytes calldata second) internal pure {
        if (first.length % 32 != 0) revert UnalignedArgument(first.length);
        if (second.length % 32 != 0) revert UnalignedArgument(second.length);
        uint256 firstAt;
        uint256 secondAt;
        assembly ("memory-safe") {
            firstAt := first.offset
            secondAt := second.offset
        }
        // Both lengths are bounded by the calldata's: the decoder has checked that each tail lies within it.
        uint256 expected = 4 + 32 * headWords + 32;
        if (firstAt != expected) revert NonCanonicalOffset(expected, firstAt);
        expected += first.length + 32;
        if (secondAt != expected) revert NonCanonicalOffset(expected, secondAt);
        expected += second.length;
        if (msg.data.length != expected) revert NonCanonicalLength(expected, msg.data.length);
    }
}
