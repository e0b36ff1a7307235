// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IHalo2Route} from "./IHalo2Route.sol";
import {IWeightVerifier} from "./IWeightVerifier.sol";

/// @title Verifier of one program shape's inferences, with any weights
/// @notice What `ModelRegistry` and applications need of a verifier: `InferenceVerifier` calls one circuit's generated
/// verifier, `RoutedVerifier` one that is shared by all circuits.
interface IInferenceVerifier is IHalo2Route {
    /// @notice Reverts unless `proof` shows that the program, with weights opening `weightCommitment`, on an input
    /// opening `inputCommitment`, gives `output`.
    /// @param output The output words, 32 bytes each (`StatementLib`).
    /// @param proof A multiple of 32 bytes, laid out as `IDirectVerifier` or `IStatementVerifier` says.
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
}
