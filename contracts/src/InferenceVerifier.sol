// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IHalo2Route} from "./interfaces/IHalo2Route.sol";
import {IWeightVerifier} from "./interfaces/IWeightVerifier.sol";
import {CanonicalCalldata} from "./libraries/CanonicalCalldata.sol";
import {DirectVerifier} from "./libraries/DirectVerifier.sol";
import {ModelShape} from "./libraries/ModelShape.sol";
import {PublicValues} from "./libraries/PublicValues.sol";
import {StatementLib} from "./libraries/StatementLib.sol";

/// @title Verifier of one circuit's inferences
/// @notice Makes the circuit's instances from the statement and the proof's terms, and refuses every other encoding of
/// them. The bytes of a proof are laid out as `IDirectVerifier` says.
/// @dev What the caller still owes: that `weightCommitment` and `programDigest` are the registered ones
/// (`ModelRegistry`), that the weights are in range where `weightVerifier` says so, and that a statement is used once,
/// as a proof can be shown any number of times.
contract InferenceVerifier is ModelShape, DirectVerifier {
    /// @param verifier The generated verifier, already deployed.
    /// @param outputs Outputs in a statement: batch slots times output width.
    /// @param halo2ProofLength Bytes of the halo2 proof alone.
    /// @param terms Terms of the deferred sum in a proof.
    /// @param weights Verifier of the weights' range, or zero if every proof shows it.
    constructor(address verifier, uint256 outputs, uint256 halo2ProofLength, uint256 terms, IWeightVerifier weights)
        ModelShape(outputs, weights)
        DirectVerifier(verifier, halo2ProofLength, terms)
    {}

    /// @notice Reverts unless `proof` shows that the program, with weights opening `weightCommitment`, on an input
    /// opening `inputCommitment`, gives `output`.
    /// @param output The output words, 32 bytes each (`StatementLib`).
    /// @param proof The published proof, laid out as `IDirectVerifier` says.
    function verify(
        bytes32 programDigest,
        bytes32 weightCommitment,
        bytes32 inputCommitment,
        bytes calldata output,
        bytes calldata proof
    ) external view {
        CanonicalCalldata.requireTails(VERIFY_HEAD_WORDS, output, proof);
        StatementLib.requireOutput(output, outputCount);
        _verify(PublicValues.Statement(outputCount, programDigest, weightCommitment, inputCommitment), output, proof);
    }

    /// @inheritdoc IHalo2Route
    function halo2Route() external view returns (Halo2Route memory found) {
        if (packed) found = Halo2Route(halo2Verifier, halo2VerifierCodeHash, 0, proofLength, termCount);
    }
}
