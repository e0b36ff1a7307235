// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IInferenceVerifier} from "../interfaces/IInferenceVerifier.sol";
import {IWeightVerifier} from "../interfaces/IWeightVerifier.sol";
import {CodePin} from "./CodePin.sol";
import {StatementLib} from "./StatementLib.sol";

/// @title What a program's verifier knows of its statements, whoever checks the proofs
abstract contract ModelShape is IInferenceVerifier {
    /// @dev Head words of `verify`: three commitments and two offsets.
    uint256 internal constant VERIFY_HEAD_WORDS = 5;

    /// @inheritdoc IInferenceVerifier
    uint256 public immutable outputCount;
    /// @inheritdoc IInferenceVerifier
    IWeightVerifier public immutable weightVerifier;
    /// @inheritdoc IInferenceVerifier
    bytes32 public immutable weightVerifierCodeHash;

    /// @param outputs Outputs in a statement: batch slots times output width.
    /// @param weights Verifier of the weights' range, or zero if every proof shows it.
    constructor(uint256 outputs, IWeightVerifier weights) {
        if (outputs == 0) revert StatementLib.OutputCountOutOfRange(outputs, StatementLib.MAX_OUTPUTS);
        StatementLib.requireOutputCount(outputs);
        outputCount = outputs;
        weightVerifier = weights;
        weightVerifierCodeHash = address(weights) == address(0) ? bytes32(0) : CodePin.pin(address(weights));
    }
}
