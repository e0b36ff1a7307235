// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {PublicValues} from "./PublicValues.sol";
import {StatementLib} from "./StatementLib.sol";

/// @title Programs whose verifying key is calldata
/// @notice A program digest is a hash of the verifier that reads the key, of the key and of the digest that the circuit
/// itself states. The bytes of a proof are laid out as `UniversalVerifier` says.
library UniversalProgram {
    /// @notice Separates the digests of such programs from every other hash in use.
    bytes32 internal constant UNIVERSAL_DOMAIN = keccak256("laminate.universal-program.v2");
    /// @notice Separates the hashes that name verifiers, and so selectors, from every other hash in use.
    bytes32 internal constant SELECTOR_DOMAIN = keccak256("laminate.universal-selector.v1");

    /// @notice No number of terms makes a proof this long.
    error ProofLengthWithoutTerms(uint256 length);
    /// @notice The verifying key and the circuit's digest in the proof are those of another program.
    error ProgramDigestMismatch(bytes32 expected, bytes32 found);

    /// @notice What pins how a key is read: the code that reads it, and where it ends. The same wherever it is deployed.
    function identity(bytes32 halo2CodeHash, uint256 keyLength, uint256 proofLength) internal pure returns (bytes32) {
        return keccak256(abi.encode(SELECTOR_DOMAIN, halo2CodeHash, keyLength, proofLength));
    }

    /// @notice Digest under which a circuit's program is registered for the verifier of an identity.
    function digest(bytes32 verifier, bytes32 keyHash, bytes32 circuitDigest) internal pure returns (bytes32) {
        uint256 hash = uint256(keccak256(abi.encode(UNIVERSAL_DOMAIN, verifier, keyHash, circuitDigest)));
        return bytes32(hash % StatementLib.SCALAR_MODULUS);
    }

    /// @notice The parts of a proof behind the digest that its circuit states: the terms, and exactly a verifying key and
    /// a halo2 proof.
    function split(bytes calldata proof, uint256 keyLength, uint256 proofLength)
        internal
        pure
        returns (bytes calldata deferred, bytes calldata keyAndProof)
    {
        uint256 terms = PublicValues.termsIn(proof.length, 32 + keyLength + proofLength);
        if (terms == 0) revert ProofLengthWithoutTerms(proof.length);
        uint256 keyAt = 32 + PublicValues.deferredLength(terms);
        return (proof[32:keyAt], proof[keyAt:]);
    }

    /// @notice Refuses a circuit and a key that are not the program's.
    /// @param verifier The identity of the verifier that the program is registered for.
    function requireProgram(bytes32 programDigest, bytes32 verifier, bytes32 keyHash, bytes32 circuitDigest)
        internal
        pure
    {
        bytes32 found = digest(verifier, keyHash, circuitDigest);
        if (found != programDigest) revert ProgramDigestMismatch(programDigest, found);
    }
}
