// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IStatementVerifier} from "../interfaces/IStatementVerifier.sol";
import {CodePin} from "./CodePin.sol";

/// @title What leaves its proofs to a verifier of all statements
/// @notice Immutable and without an owner; but behind a `VerifierRouter` it accepts what that router's routes accept,
/// and so it trusts the router's owner with what `IVerifierRouter` says.
abstract contract StatementCaller {
    /// @notice A `UniversalVerifier`, or a `VerifierRouter` before several.
    IStatementVerifier public immutable statementVerifier;
    /// @notice Code hash of `statementVerifier` at construction, which every call compares.
    bytes32 public immutable statementVerifierCodeHash;

    /// @param verifier A `UniversalVerifier`, or a `VerifierRouter` before several; already deployed.
    constructor(IStatementVerifier verifier) {
        statementVerifierCodeHash = CodePin.pin(address(verifier));
        statementVerifier = verifier;
    }

    /// @dev The verifier to call now, with the code that it had at construction.
    function _statementVerifier() internal view returns (IStatementVerifier verifier) {
        verifier = statementVerifier;
        CodePin.requireUnchanged(address(verifier), statementVerifierCodeHash);
    }
}
