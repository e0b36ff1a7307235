// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IDirectVerifier} from "../interfaces/IDirectVerifier.sol";
import {Halo2Call} from "./Halo2Call.sol";
import {Halo2Caller} from "./Halo2Caller.sol";
import {PublicValues} from "./PublicValues.sol";

/// @title What the verifiers of one circuit share: the layout of a published proof
abstract contract DirectVerifier is IDirectVerifier, Halo2Caller {
    /// @inheritdoc IDirectVerifier
    uint256 public immutable termCount;

    /// @param verifier The generated verifier, already deployed.
    /// @param halo2ProofLength Bytes of the halo2 proof alone.
    /// @param terms Terms of the deferred sum in a proof.
    constructor(address verifier, uint256 halo2ProofLength, uint256 terms) Halo2Caller(verifier, halo2ProofLength) {
        PublicValues.requireTermCount(terms);
        termCount = terms;
    }

    /// @dev Reverts unless the generated verifier accepts. `output` is canonical already.
    function _verify(PublicValues.Statement memory statement, bytes calldata output, bytes calldata proof)
        internal
        view
    {
        (bytes calldata deferred, bytes calldata halo2) = Halo2Call.split(proof, termCount, proofLength);
        _call(statement, output, deferred, halo2);
    }
}
