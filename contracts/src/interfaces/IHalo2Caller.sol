// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

/// @title Caller of one generated verifier
interface IHalo2Caller {
    /// @notice The generated verifier is the zero address.
    error ZeroVerifier();
    /// @notice There is no code at the generated verifier's address.
    error VerifierWithoutCode(address verifier);
    /// @notice The code at the generated verifier's address is not the code found at construction.
    error VerifierCodeChanged(address verifier, bytes32 expected, bytes32 found);
    /// @notice A halo2 proof is a positive number of 32-byte words.
    error ProofLengthOutOfRange(uint256 length);
    /// @notice The proof is not the accumulator followed by exactly one halo2 proof.
    error ProofLength(uint256 expected, uint256 found);
    /// @notice The generated verifier refuses the proof for this statement.
    error InvalidProof();

    /// @notice The generated verifier.
    function halo2Verifier() external view returns (address);

    /// @notice Code hash of the generated verifier, which every call compares.
    function halo2VerifierCodeHash() external view returns (bytes32);

    /// @notice Exact length in bytes of the halo2 proof, without the accumulator limbs.
    function proofLength() external view returns (uint256);
}
