// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IInferenceVerifier} from "./interfaces/IInferenceVerifier.sol";
import {CanonicalCalldata} from "./libraries/CanonicalCalldata.sol";
import {StatementLib} from "./libraries/StatementLib.sol";

/// @title The only caller a generated verifier should have
/// @notice Immutable and without an owner. The generated contract has no functions, only a fallback: its calldata is
/// the instances as 32-byte words, then the proof; it returns nothing when the proof is valid and reverts without
/// data otherwise. It reduces instances modulo the field, ignores bytes after the proof and, like every address
/// without code, "succeeds" when it is not there. This contract encodes the statement into the circuit's instances
/// and refuses all of that: unreduced instances, accumulator limbs or coordinates out of range, another proof length,
/// a verifier that has no code or other code than at construction.
/// @dev What the caller still owes: that `weightCommitment` and `programDigest` are the registered ones
/// (`ModelRegistry`), and that a statement is used once, as a proof can be shown any number of times.
contract InferenceVerifier is IInferenceVerifier {
    /// @notice Limit on the outputs of one statement; far above what a block's gas lets through.
    uint256 public constant MAX_OUTPUTS = 2 ** 16;

    /// @dev Head words of `verify`: three commitments and two offsets.
    uint256 private constant VERIFY_HEAD_WORDS = 5;

    /// @inheritdoc IInferenceVerifier
    address public immutable halo2Verifier;
    /// @inheritdoc IInferenceVerifier
    bytes32 public immutable halo2VerifierCodeHash;
    /// @inheritdoc IInferenceVerifier
    uint256 public immutable outputCount;
    /// @inheritdoc IInferenceVerifier
    uint256 public immutable proofLength;

    /// @param verifier The generated verifier, already deployed.
    /// @param outputs Outputs in a statement: batch slots times output width.
    /// @param halo2ProofLength Bytes of the halo2 proof, without the accumulator limbs.
    constructor(address verifier, uint256 outputs, uint256 halo2ProofLength) {
        if (verifier == address(0)) revert ZeroVerifier();
        if (verifier.code.length == 0) revert VerifierWithoutCode(verifier);
        if (outputs == 0 || outputs > MAX_OUTPUTS) revert OutputCountOutOfRange(outputs, MAX_OUTPUTS);
        if (halo2ProofLength == 0 || halo2ProofLength % 32 != 0 || halo2ProofLength > type(uint32).max) {
            revert ProofLengthOutOfRange(halo2ProofLength);
        }
        halo2Verifier = verifier;
        halo2VerifierCodeHash = verifier.codehash;
        outputCount = outputs;
        proofLength = halo2ProofLength;
    }

    /// @inheritdoc IInferenceVerifier
    function instanceCount() external view returns (uint256) {
        return StatementLib.FIXED_INSTANCES + StatementLib.outputWords(outputCount);
    }

    /// @inheritdoc IInferenceVerifier
    function verify(
        bytes32 programDigest,
        bytes32 weightCommitment,
        bytes32 inputCommitment,
        bytes calldata output,
        bytes calldata proof
    ) external view {
        CanonicalCalldata.requireTails(VERIFY_HEAD_WORDS, output, proof);
        StatementLib.requireOutput(output, outputCount);
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
