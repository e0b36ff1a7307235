// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IHalo2Caller} from "../interfaces/IHalo2Caller.sol";
import {CodePin} from "./CodePin.sol";
import {PublicValues} from "./PublicValues.sol";

/// @title How proofs are laid out, and how generated verifiers are called
/// @notice A generated contract has no functions, only a fallback; it returns nothing when the proof is valid and reverts
/// without data otherwise. Like every address without code it "succeeds" when it is not there, so each call compares its
/// code hash. A contract of packed proofs answers four bytes of calldata with `PublicValues.PACKED_LAYOUT`; it takes the
/// terms themselves. Every other one takes the limbs of their sum, reduces instances modulo the field and ignores bytes
/// after the proof.
library Halo2Call {
    /// @dev Enough to answer with, far from what verifying takes: who does not know the question takes it for a proof.
    uint256 private constant ASKING_GAS = 30_000;

    /// @notice Whether a generated verifier takes packed proofs, by its own word.
    function isPacked(address verifier) internal view returns (bool) {
        (bool answered, bytes memory word) = verifier.staticcall{gas: ASKING_GAS}(hex"00000000");
        return answered && word.length == 32 && bytes32(word) == PublicValues.PACKED_LAYOUT;
    }

    /// @notice Reverts unless the generated verifier, with the code that was noted of it, accepts.
    function call(address verifier, bytes32 codeHash, bytes memory instancesAndProof) internal view {
        CodePin.requireUnchanged(verifier, codeHash);
        bool accepted;
        // In assembly, as what a call returns would be copied.
        assembly ("memory-safe") {
            accepted := staticcall(gas(), verifier, add(instancesAndProof, 32), mload(instancesAndProof), 0, 0)
        }
        if (!accepted) revert IHalo2Caller.InvalidProof();
    }

    /// @notice The parts of a proof for the verifier of one circuit: D, terms and scalars, then the halo2 proof.
    function split(bytes calldata proof, uint256 terms, uint256 proofLength)
        internal
        pure
        returns (bytes calldata deferred, bytes calldata halo2)
    {
        uint256 deferredLength = PublicValues.deferredLength(terms);
        uint256 expected = deferredLength + proofLength;
        if (proof.length != expected) revert IHalo2Caller.ProofLength(expected, proof.length);
        return (proof[:deferredLength], proof[deferredLength:]);
    }
}
