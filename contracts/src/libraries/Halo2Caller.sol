// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IHalo2Caller} from "../interfaces/IHalo2Caller.sol";
import {CodePin} from "./CodePin.sol";

/// @title The only kind of caller a generated verifier should have
/// @notice Immutable and without an owner. The generated contract has no functions, only a fallback: its calldata is
/// the instances as 32-byte words, then the proof; it returns nothing when the proof is valid and reverts without
/// data otherwise. It reduces instances modulo the field, ignores bytes after the proof and, like every address
/// without code, "succeeds" when it is not there. What derives from this contract hands it nothing but instances that
/// it made itself (`PublicValues`) and a proof of the exact length, and calls it while its code is the one it was at
/// construction.
abstract contract Halo2Caller is IHalo2Caller {
    /// @inheritdoc IHalo2Caller
    address public immutable halo2Verifier;
    /// @inheritdoc IHalo2Caller
    bytes32 public immutable halo2VerifierCodeHash;
    /// @inheritdoc IHalo2Caller
    uint256 public immutable proofLength;

    /// @param verifier The generated verifier, already deployed.
    /// @param halo2ProofLength Bytes of the halo2 proof alone.
    constructor(address verifier, uint256 halo2ProofLength) {
        halo2VerifierCodeHash = CodePin.pin(verifier);
        _requireWords(halo2ProofLength);
        halo2Verifier = verifier;
        proofLength = halo2ProofLength;
    }

    /// @dev Reverts unless the generated verifier accepts.
    function _call(bytes memory instancesAndProof) internal view {
        address verifier = halo2Verifier;
        CodePin.requireUnchanged(verifier, halo2VerifierCodeHash);
        (bool accepted,) = verifier.staticcall(instancesAndProof);
        if (!accepted) revert InvalidProof();
    }

    /// @dev Refuses a length that is no positive number of words. The bound keeps sums of lengths far from overflow.
    function _requireWords(uint256 length) internal pure {
        if (length == 0 || length % 32 != 0 || length > type(uint32).max) revert ProofLengthOutOfRange(length);
    }
}
