// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IStatementVerifier} from "./interfaces/IStatementVerifier.sol";
import {IWeightVerifier} from "./interfaces/IWeightVerifier.sol";
import {StatementCaller} from "./libraries/StatementCaller.sol";

/// @title Verifier of commitment proofs of one program's weights that has no generated verifier of its own
contract RoutedWeightVerifier is IWeightVerifier, StatementCaller {
    /// @inheritdoc IWeightVerifier
    bytes32 public immutable programDigest;

    /// @param verifier A `UniversalVerifier`, or a `VerifierRouter` before several; already deployed.
    /// @param weightProgramDigest Digest of the program without nodes, as `UniversalVerifier.programDigestOf` makes it.
    constructor(IStatementVerifier verifier, bytes32 weightProgramDigest) StatementCaller(verifier) {
        if (weightProgramDigest == 0) revert ZeroProgramDigest();
        programDigest = weightProgramDigest;
    }

    /// @inheritdoc IWeightVerifier
    function verifyWeights(bytes32 weightCommitment, bytes32 inputCommitment, bytes calldata proof) external view {
        _statementVerifier().verifyStatement(programDigest, weightCommitment, inputCommitment, 0, "", proof);
    }
}
