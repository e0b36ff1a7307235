// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {UniversalVerifier} from "../../src/UniversalVerifier.sol";
import {IRoutableVerifier} from "../../src/interfaces/IRoutableVerifier.sol";
import {IStatementVerifier} from "../../src/interfaces/IStatementVerifier.sol";
import {Honest} from "./Honest.sol";

/// @title Cases as they are shown to a universal verifier
abstract contract Universal is Honest {
    uint256 internal constant KEY_LENGTH = 128;

    /// @dev A universal verifier for which there is one circuit, of `key`, and one proof.
    function universalOf(Case memory made, bytes memory key) internal returns (UniversalVerifier) {
        address halo2 = address(circuitOf(made, bytes.concat(key, made.halo2)));
        return new UniversalVerifier(halo2, key.length, made.halo2.length);
    }

    function keyOf(bytes32 seed) internal pure returns (bytes memory) {
        return abi.encode(keccak256(abi.encode(seed, 0)), keccak256(abi.encode(seed, 1)), seed, uint256(17));
    }

    /// @dev Digest of the program that a circuit stating `circuit` is registered under to be verified by `verifier`.
    function universalDigest(UniversalVerifier verifier, bytes memory key, bytes32 circuit)
        internal
        view
        returns (bytes32)
    {
        bytes32 identity = keccak256(
            abi.encode(
                keccak256("laminate.universal-selector.v1"),
                verifier.halo2Verifier().codehash,
                verifier.verifyingKeyLength(),
                verifier.proofLength()
            )
        );
        bytes32 domain = keccak256("laminate.universal-program.v2");
        return bytes32(uint256(keccak256(bytes.concat(domain, identity, keccak256(key), circuit))) % R);
    }

    function universalProof(Case memory made, bytes memory key) internal pure returns (bytes memory) {
        return bytes.concat(made.program, made.deferred, key, made.halo2);
    }

    function statementCall(Case memory made, bytes32 digest, bytes memory proof) internal pure returns (bytes memory) {
        return abi.encodeCall(
            IStatementVerifier.verifyStatement, (digest, made.weights, made.input, made.outputCount, made.output, proof)
        );
    }
}

/// @dev A verifier to be routed to: of a selector that it is given, and a verdict that follows from the proof.
contract RoutableDouble is IRoutableVerifier {
    bytes4 public selector;

    error Refused();

    constructor(bytes4 selector_) {
        selector = selector_;
    }

    function set(bytes4 selector_) external {
        selector = selector_;
    }

    function halo2Route() external pure returns (Halo2Route memory none) {}

    /// @dev Accepts what holds exactly the statement, hashed.
    function verifyStatement(
        bytes32 programDigest,
        bytes32 weightCommitment,
        bytes32 inputCommitment,
        uint256 outputCount,
        bytes calldata output,
        bytes calldata proof
    ) external pure {
        bytes32 expected = keccak256(abi.encode(programDigest, weightCommitment, inputCommitment, outputCount, output));
        if (keccak256(proof) != keccak256(abi.encode(expected))) revert Refused();
    }
}
