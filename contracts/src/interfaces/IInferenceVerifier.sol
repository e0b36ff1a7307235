// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

/// @title Verifier of one circuit: one program shape, any weights
interface IInferenceVerifier {
    /// @notice The generated verifier is the zero address.
    error ZeroVerifier();
    /// @notice There is no code at the generated verifier's address.
    error VerifierWithoutCode(address verifier);
    /// @notice The code at the generated verifier's address is not the code found at construction.
    error VerifierCodeChanged(address verifier, bytes32 expected, bytes32 found);
    /// @notice The number of outputs is zero or above the limit.
    error OutputCountOutOfRange(uint256 count, uint256 limit);
    /// @notice A halo2 proof is a positive number of 32-byte words.
    error ProofLengthOutOfRange(uint256 length);
    /// @notice The proof is not the accumulator followed by exactly one halo2 proof.
    error ProofLength(uint256 expected, uint256 found);
    /// @notice The generated verifier refuses the proof for this statement.
    error InvalidProof();

    /// @notice Reverts unless `proof` shows that the program, with weights opening `weightCommitment`, on an input
    /// opening `inputCommitment`, gives `output`.
    /// @param output The output words, 32 bytes each (`StatementLib`).
    /// @param proof The 12 accumulator limbs, 32 bytes each, then the halo2 proof.
    function verify(
        bytes32 programDigest,
        bytes32 weightCommitment,
        bytes32 inputCommitment,
        bytes calldata output,
        bytes calldata proof
    ) external view;

    /// @notice The generated verifier.
    function halo2Verifier() external view returns (address);

    /// @notice Code hash of the generated verifier, which every call compares.
    function halo2VerifierCodeHash() external view returns (bytes32);

    /// @notice Outputs in a statement: batch slots times output width.
    function outputCount() external view returns (uint256);

    /// @notice Exact length in bytes of the halo2 proof, without the accumulator limbs.
    function proofLength() external view returns (uint256);

    /// @notice Instances of the circuit.
    function instanceCount() external view returns (uint256);
}
