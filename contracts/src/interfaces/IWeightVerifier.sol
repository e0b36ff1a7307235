// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

/// @title Verifier of commitment proofs: that committed weights are in the ranges a program claims of them
/// @notice Inferences of large models do not show that each weight is a byte, or ternary. They mean something only of
/// weights for which one proof has shown it.
interface IWeightVerifier {
    /// @notice A program digest of zero is a mistake, not a digest.
    error ZeroProgramDigest();

    /// @notice Reverts unless `proof` shows that what `weightCommitment` opens to is in range.
    /// @param inputCommitment Commitment to the empty input, as the proof states it; it says nothing.
    /// @param proof As for a statement without outputs: laid out as `IDirectVerifier` or `IStatementVerifier` says.
    function verifyWeights(bytes32 weightCommitment, bytes32 inputCommitment, bytes calldata proof) external view;

    /// @notice Digest of the program without nodes whose proofs these are: shapes and formats of the weights.
    function programDigest() external view returns (bytes32);
}
