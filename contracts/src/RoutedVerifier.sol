// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IHalo2Route} from "./interfaces/IHalo2Route.sol";
import {IStatementVerifier} from "./interfaces/IStatementVerifier.sol";
import {IWeightVerifier} from "./interfaces/IWeightVerifier.sol";
import {CanonicalCalldata} from "./libraries/CanonicalCalldata.sol";
import {ModelShape} from "./libraries/ModelShape.sol";
import {StatementCaller} from "./libraries/StatementCaller.sol";

/// @title Verifier of the inferences of models that have no generated verifier of their own
/// @notice With it `ModelRegistry`, and what is built on it, takes models of the universal verifier. One serves all
/// programs of the same output count and verifier of weights.
contract RoutedVerifier is ModelShape, StatementCaller {
    /// @param verifier A `UniversalVerifier`, or a `VerifierRouter` before several; already deployed.
    /// @param outputs Outputs in a statement: batch slots times output width.
    /// @param weights Verifier of the weights' range, or zero if every proof shows it.
    constructor(IStatementVerifier verifier, uint256 outputs, IWeightVerifier weights)
        ModelShape(outputs, weights)
        StatementCaller(verifier)
    {}

    /// @notice Reverts unless `proof` shows that the program, with weights opening `weightCommitment`, on an input
    /// opening `inputCommitment`, gives `output`.
    /// @param output The output words, 32 bytes each (`StatementLib`); `statementVerifier` checks their shape.
    /// @param proof As `statementVerifier` takes it.
    function verify(
        bytes32 programDigest,
        bytes32 weightCommitment,
        bytes32 inputCommitment,
        bytes calldata output,
        bytes calldata proof
    ) external view {
        CanonicalCalldata.requireTails(VERIFY_HEAD_WORDS, output, proof);
        _statementVerifier()
            .verifyStatement(programDigest, weightCommitment, inputCommitment, outputCount, output, proof);
    }

    /// @inheritdoc IHalo2Route
    function halo2Route() external view returns (Halo2Route memory) {
        return _statementVerifier().halo2Route();
    }
}
