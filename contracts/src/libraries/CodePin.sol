// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

/// @title Contracts that are called only while they are the code they were
/// @notice Who relies on another contract notes its code hash once and compares it at every call: a call to an address
/// that lost its code would otherwise succeed, and one to an address that got other code would answer anything.
library CodePin {
    /// @notice The verifier is the zero address.
    error ZeroVerifier();
    /// @notice There is no code at the verifier's address.
    error VerifierWithoutCode(address verifier);
    /// @notice The code at the verifier's address is not the code that was noted.
    error VerifierCodeChanged(address verifier, bytes32 expected, bytes32 found);

    /// @notice Code hash of a contract that must be there.
    function pin(address verifier) internal view returns (bytes32) {
        if (verifier == address(0)) revert ZeroVerifier();
        if (verifier.code.length == 0) revert VerifierWithoutCode(verifier);
        return verifier.codehash;
    }

    /// @notice Refuses a verifier whose code is not the one noted by `pin`.
    function requireUnchanged(address verifier, bytes32 expected) internal view {
        bytes32 found = verifier.codehash;
        if (found != expected) revert VerifierCodeChanged(verifier, expected, found);
    }
}
