// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

/// @title Caller of one generated verifier
interface IHalo2Caller {
    /// @notice A halo2 proof is a positive number of 32-byte words, and so is a verifying key.
    error ProofLengthOutOfRange(uint256 length);
    /// @notice The proof is not as long as its layout makes it.
    error ProofLength(uint256 expected, uint256 found);
    /// @notice The generated verifier refuses the proof for this statement.
    error InvalidProof();

    /// @notice The generated verifier.
    function halo2Verifier() external view returns (address);

    /// @notice Code hash of the generated verifier, which every call compares.
    function halo2VerifierCodeHash() external view returns (bytes32);

    /// @notice Exact length in bytes of the halo2 proof, the last part of a published proof.
    function proofLength() external view returns (uint256);

    /// @notice Whether the generated verifier takes packed proofs, and the terms themselves instead of their sum's limbs.
    function packed() external view returns (bool);
}
