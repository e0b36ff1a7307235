// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IHalo2Caller} from "./IHalo2Caller.sol";
import {IWeightVerifier} from "./IWeightVerifier.sol";

/// @title Verifier of one circuit: one program shape, any weights
interface IInferenceVerifier is IHalo2Caller {
    /// @notice The number of outputs is zero or above the limit.
    error OutputCountOutOfRange(uint256 count, uint256 limit);

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

    /// @notice Outputs in a statement: batch slots times output width.
    function outputCount() external view returns (uint256);

    /// @notice Who shows that the weights are in range: zero if every proof of an inference does.
    function weightVerifier() external view returns (IWeightVerifier);

    /// @notice Code hash of `weightVerifier` at construction, which the registry compares; zero if there is none.
    function weightVerifierCodeHash() external view returns (bytes32);

    /// @notice Instances of the circuit.
    function instanceCount() external view returns (uint256);
}
