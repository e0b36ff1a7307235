// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IHalo2Route} from "./IHalo2Route.sol";

/// @title Verifier of statements of any program
interface IStatementVerifier is IHalo2Route {
    /// @notice Reverts unless `proof` shows that the program, with weights opening `weightCommitment`, on an input
    /// opening `inputCommitment`, gives `output`.
    /// @param programDigest Names the circuit (`UniversalVerifier.programDigestOf`), which is the only reason to believe
    /// that the statement is about the program it is said to be about: who relies on a digest must have derived it.
    /// @param outputCount Outputs in the statement; zero for the statements of commitment proofs.
    /// @param output The output words, 32 bytes each (`StatementLib`).
    /// @param proof A multiple of 32 bytes: as `UniversalVerifier` says, after one word of route for a `VerifierRouter`.
    function verifyStatement(
        bytes32 programDigest,
        bytes32 weightCommitment,
        bytes32 inputCommitment,
        uint256 outputCount,
        bytes calldata output,
        bytes calldata proof
    ) external view;
}
