// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IInferenceVerifier} from "./interfaces/IInferenceVerifier.sol";
import {IWeightVerifier} from "./interfaces/IWeightVerifier.sol";
import {CanonicalCalldata} from "./libraries/CanonicalCalldata.sol";
import {Halo2Caller} from "./libraries/Halo2Caller.sol";
import {StatementLib} from "./libraries/StatementLib.sol";

/// @title Verifier of one circuit's inferences
/// @notice Encodes the statement into the circuit's instances and refuses every other encoding of it.
/// @dev What the caller still owes: that `weightCommitment` and `programDigest` are the registered ones
/// (`ModelRegistry`), that the weights are in range where `weightVerifier` says so, and that a statement is used once,
/// as a proof can be shown any number of times.
contract InferenceVerifier is IInferenceVerifier, Halo2Caller {
    /// @notice Limit on the outputs of one statement; far above what a block's gas lets through.
    uint256 public constant MAX_OUTPUTS = 2 ** 16;

    /// @dev Head words of `verify`: three commitments and two offsets.
    uint256 private constant VERIFY_HEAD_WORDS = 5;

    /// @inheritdoc IInferenceVerifier
    uint256 public immutable outputCount;
    /// @inheritdoc IInferenceVerifier
    IWeightVerifier public immutable weightVerifier;
    /// @inheritdoc IInferenceVerifier
    bytes32 public immutable weightVerifierCodeHash;

    /// @param verifier The generated verifier, already deployed.
    /// @param outputs Outputs in a statement: batch slots times output width.
    /// @param halo2ProofLength Bytes of the halo2 proof, without the accumulator limbs.
    /// @param weights Verifier of the weights' range, or zero if every proof shows it.
    constructor(address verifier, uint256 outputs, uint256 halo2ProofLength, IWeightVerifier weights)
        Halo2Caller(verifier, halo2ProofLength)
    {
        if (outputs == 0 || outputs > MAX_OUTPUTS) revert OutputCountOutOfRange(outputs, MAX_OUTPUTS);
        if (address(weights) != address(0) && address(weights).code.length == 0) {
            revert VerifierWithoutCode(address(weights));
        }
        outputCount = outputs;
        weightVerifier = weights;
        weightVerifierCodeHash = address(weights) == address(0) ? bytes32(0) : address(weights).codehash;
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
        _verify(programDigest, weightCommitment, inputCommitment, output, proof);
    }
}
