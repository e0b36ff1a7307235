// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IWeightVerifier} from "./interfaces/IWeightVerifier.sol";
import {Halo2Caller} from "./libraries/Halo2Caller.sol";

/// @title Verifier of the commitment proofs of one program's weights
contract WeightVerifier is IWeightVerifier, Halo2Caller {
    /// @inheritdoc IWeightVerifier
    bytes32 public immutable programDigest;

    /// @param verifier The generated verifier, already deployed.
    /// @param weightProgramDigest Digest of the program without nodes.
    /// @param halo2ProofLength Bytes of the halo2 proof, without the accumulator limbs.
    constructor(address verifier, bytes32 weightProgramDigest, uint256 halo2ProofLength)
        Halo2Caller(verifier, halo2ProofLength)
    {
        if (weightProgramDigest == 0) revert ZeroProgramDigest();
        programDigest = weightProgramDigest;
    }

    /// @inheritdoc IWeightVerifier
    function verifyWeights(bytes32 weightCommitment, bytes32 inputCommitment, bytes calldata proof) external view {
        _verify(programDigest, weightCommitment, inputCommitment, "", proof);
    }
}
