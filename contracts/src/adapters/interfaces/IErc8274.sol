// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

/// @title ERC-8274 (draft): verifier of one proof system
/// @notice Written after the draft's `IProofVerifier` (https://eips.ethereum.org/EIPS/eip-8274, text of ethereum/ERCs
/// commit 07139e1, not merged then).
interface IErc8274ProofVerifier {
    /// @notice Whether `proof` shows the inference.
    /// @param inputHash Commitment to the model's input.
    /// @param outputHash Commitment to the model's output.
    /// @param metadata What stays the same for all inferences of a deployment; kept by who calls.
    /// @param proof Evidence of this inference.
    function verify(bytes32 inputHash, bytes32 outputHash, bytes calldata metadata, bytes calldata proof)
        external
        returns (bool);

    /// @notice Kind and name of the proof system, "paradigm/variant".
    function proofSystem() external view returns (string memory);

    /// @notice A hash that names this deployment.
    function proofProfile() external view returns (bytes32);
}
