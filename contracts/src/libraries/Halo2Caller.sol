// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IHalo2Caller} from "../interfaces/IHalo2Caller.sol";
import {StatementLib} from "./StatementLib.sol";

/// @title The only kind of caller a generated verifier should have
/// @notice Immutable and without an owner. The generated contract has no functions, only a fallback: its calldata is
/// the instances as 32-byte words, then the proof; it returns nothing when the proof is valid and reverts without
/// data otherwise. It reduces instances modulo the field, ignores bytes after the proof and, like every address
/// without code, "succeeds" when it is not there. This contract refuses all of that: unreduced instances,
/// accumulator limbs or coordinates out of range, another proof length, a verifier that has no code or other code
/// than at construction.
abstract contract Halo2Caller is IHalo2Caller {
    /// @inheritdoc IHalo2Caller
    address public immutable halo2Verifier;
    /// @inheritdoc IHalo2Caller
    bytes32 public immutable halo2VerifierCodeHash;
    /// @inheritdoc IHalo2Caller
    uint256 public immutable proofLength;

    /// @param verifier The generated verifier, already deployed.
    /// @param halo2ProofLength Bytes of the halo2 proof, without the accumulator limbs.
    constructor(address verifier, uint256 halo2ProofLength) {
        if (verifier == address(0)) revert ZeroVerifier();
        if (verifier.code.length == 0) revert VerifierWithoutCode(verifier);
        if (halo2ProofLength == 0 || halo2ProofLength % 32 != 0 || halo2ProofLength > type(uint32).max) {
            revert ProofLengthOutOfRange(halo2ProofLength);
        }
        halo2Verifier = verifier;
        halo2VerifierCodeHash = verifier.codehash;
        proofLength = halo2ProofLength;
    }

    /// @dev Reverts unless the generated verifier accepts. `output` is canonical already.
    function _verify(
        bytes32 programDigest,
        bytes32 weightCommitment,
        bytes32 inputCommitment,
        bytes memory output,
        bytes calldata proof
    ) internal view {
        uint256 expected = StatementLib.ACCUMULATOR_BYTES + proofLength;
        if (proof.length != expected) revert ProofLength(expected, proof.length);
        StatementLib.requireAccumulator(proof);
        StatementLib.requireCanonical(12, programDigest);
        StatementLib.requireCanonical(13, weightCommitment);
        StatementLib.requireCanonical(14, inputCommitment);

        _call(
            bytes.concat(
                proof[:StatementLib.ACCUMULATOR_BYTES],
                programDigest,
                weightCommitment,
                inputCommitment,
                output,
                proof[StatementLib.ACCUMULATOR_BYTES:]
            )
        );
    }

    /// @dev A call to an address without code succeeds, so the code is compared first, at every call.
    function _call(bytes memory instancesAndProof) private view {
        address verifier = halo2Verifier;
        bytes32 found = verifier.codehash;
        if (found != halo2VerifierCodeHash) revert VerifierCodeChanged(verifier, halo2VerifierCodeHash, found);
        (bool accepted,) = verifier.staticcall(instancesAndProof);
        if (!accepted) revert InvalidProof();
    }
}
