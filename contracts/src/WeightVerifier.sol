// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IWeightVerifier} from "./interfaces/IWeightVerifier.sol";
import {DirectVerifier} from "./libraries/DirectVerifier.sol";
import {PublicValues} from "./libraries/PublicValues.sol";

/// @title Verifier of the commitment proofs of one program's weights
contract WeightVerifier is IWeightVerifier, DirectVerifier {
    /// @inheritdoc IWeightVerifier
    bytes32 public immutable programDigest;

    /// @param verifier The generated verifier, already deployed.
    /// @param weightProgramDigest Digest of the program without nodes.
    /// @param halo2ProofLength Bytes of the halo2 proof alone.
    /// @param terms Terms of the deferred sum in a proof.
    constructor(address verifier, bytes32 weightProgramDigest, uint256 halo2ProofLength, uint256 terms)
        DirectVerifier(verifier, halo2ProofLength, terms)
    {
        if (weightProgramDigest == 0) revert ZeroProgramDigest();
        programDigest = weightProgramDigest;
    }

    /// @inheritdoc IWeightVerifier
    function verifyWeights(bytes32 weightCommitment, bytes32 inputCommitment, bytes calldata proof) external view {
        // A statement without outputs has no output words.
        _verify(PublicValues.Statement(0, programDigest, weightCommitment, inputCommitment), proof[:0], proof);
    }
}
