// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IHalo2Route} from "./interfaces/IHalo2Route.sol";
import {IRoutableVerifier} from "./interfaces/IRoutableVerifier.sol";
import {IStatementVerifier} from "./interfaces/IStatementVerifier.sol";
import {CanonicalCalldata} from "./libraries/CanonicalCalldata.sol";
import {Halo2Caller} from "./libraries/Halo2Caller.sol";
import {PublicValues} from "./libraries/PublicValues.sol";
import {StatementLib} from "./libraries/StatementLib.sol";
import {UniversalProgram} from "./libraries/UniversalProgram.sol";

/// @title Verifier of the statements of all circuits
/// @notice The generated verifier behind it takes a circuit's verifying key as calldata, so a model needs no contract
/// of its own: its program digest is a hash of this verifier, of the verifying key and of the digest that the circuit
/// itself states. This verifier, because a key means something only to the code that reads it: of two verifiers behind
/// one router, neither accepts proofs for programs that are registered for the other.
///
/// The bytes of a proof, all numbers big-endian words of 32 bytes, for some T from 1 to 4096:
///
/// | offset       | length                  | content                                                         |
/// | ------------ | ----------------------- | --------------------------------------------------------------- |
/// | 0            | 32                      | program digest that the circuit states                          |
/// | 32           | 32                      | D, the circuit's hash of its public values                      |
/// | 64           | 96 · T                  | terms of the deferred sum: x, y of the point, then the scalar   |
/// | 64 + 96 · T  | 32                      | scalar of the group's generator                                 |
/// | 96 + 96 · T  | 32                      | scalar of the last point but one on the left side               |
/// | 128 + 96 · T | `verifyingKeyLength()`  | verifying key                                                   |
/// | then         | `proofLength()`         | halo2 proof                                                     |
///
/// T is what the length makes it. It is no choice of the prover's: the number of public values is one of them.
/// @dev As for every verifier, what the caller still owes is that the program digest and weight commitment are the
/// registered ones, and that a statement is used once. Verifying keys are believed here, whatever they are: who relies
/// on a program digest must know that the key in it was derived from the program.
contract UniversalVerifier is IRoutableVerifier, Halo2Caller {
    /// @dev Head words of `verifyStatement`: three commitments, a count and two offsets.
    uint256 private constant STATEMENT_HEAD_WORDS = 6;

    /// @notice Exact length in bytes of a verifying key.
    uint256 public immutable verifyingKeyLength;

    /// @param verifier The generated universal verifier, already deployed.
    /// @param keyLength Bytes of a verifying key.
    /// @param halo2ProofLength Bytes of the halo2 proof alone.
    constructor(address verifier, uint256 keyLength, uint256 halo2ProofLength) Halo2Caller(verifier, halo2ProofLength) {
        _requireWords(keyLength);
        verifyingKeyLength = keyLength;
    }

    /// @inheritdoc IStatementVerifier
    function verifyStatement(
        bytes32 programDigest,
        bytes32 weightCommitment,
        bytes32 inputCommitment,
        uint256 outputCount,
        bytes calldata output,
        bytes calldata proof
    ) external view {
        CanonicalCalldata.requireTails(STATEMENT_HEAD_WORDS, output, proof);
        StatementLib.requireOutputCount(outputCount);
        StatementLib.requireOutput(output, outputCount);
        (bytes calldata deferred, bytes calldata keyAndProof) =
            UniversalProgram.split(proof, verifyingKeyLength, proofLength);
        bytes32 circuitDigest = bytes32(proof[:32]);
        UniversalProgram.requireProgram(
            programDigest, _identity(), keccak256(keyAndProof[:verifyingKeyLength]), circuitDigest
        );
        _verify(
            PublicValues.Statement(outputCount, circuitDigest, weightCommitment, inputCommitment),
            output,
            deferred,
            keyAndProof
        );
    }

    /// @notice Digest under which a circuit's program is registered to be verified here, and by no verifier of another
    /// selector.
    /// @param circuitDigest The program digest that the circuit states.
    function programDigestOf(bytes calldata verifyingKey, bytes32 circuitDigest) external view returns (bytes32) {
        return UniversalProgram.digest(_identity(), keccak256(verifyingKey), circuitDigest);
    }

    /// @inheritdoc IRoutableVerifier
    function selector() external view returns (bytes4) {
        return bytes4(_identity());
    }

    /// @inheritdoc IHalo2Route
    function halo2Route() external view returns (Halo2Route memory found) {
        if (packed) found = Halo2Route(halo2Verifier, halo2VerifierCodeHash, verifyingKeyLength, proofLength, 0);
    }

    /// @dev For want of room on the stack in `verifyStatement`.
    function _verify(
        PublicValues.Statement memory statement,
        bytes calldata output,
        bytes calldata deferred,
        bytes calldata keyAndProof
    ) private view {
        _call(statement, output, deferred, keyAndProof);
    }

    function _identity() private view returns (bytes32) {
        return UniversalProgram.identity(halo2VerifierCodeHash, verifyingKeyLength, proofLength);
    }
}
