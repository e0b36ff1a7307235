// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {TestBase} from "./TestBase.sol";

/// @title Real proofs of the fraud model, as the `laminate` CLI made them
/// @notice `fraud.json` and `fraud_other.json`: two inputs of one model; `other_model.json`: the same program with
/// other weights. A missing file fails the tests that need it.
///
/// Fields: `instances` (32-byte hex words, all of the circuit's), `proof` (hex, the halo2 proof alone),
/// `programDigest`, `weightCommitment`, `inputCommitment` (32-byte hex), `outputs` (integers at the output scale).
abstract contract Fixtures is TestBase {
    string internal constant FRAUD = "fraud.json";
    string internal constant FRAUD_OTHER = "fraud_other.json";
    string internal constant OTHER_MODEL = "other_model.json";

    struct Proven {
        bytes32[] instances;
        bytes32 programDigest;
        bytes32 weightCommitment;
        bytes32 inputCommitment;
        int256[] outputs;
        /// The output words, as the contracts take them.
        bytes output;
        /// The accumulator limbs, then the halo2 proof, as the contracts take them.
        bytes proof;
        uint256 halo2ProofLength;
    }

    function load(string memory name) internal view returns (Proven memory proven) {
        string memory json = vm.readFile(string.concat("contracts/test/fixtures/", name));
        proven.instances = vm.parseJsonBytes32Array(json, ".instances");
        proven.programDigest = vm.parseJsonBytes32(json, ".programDigest");
        proven.weightCommitment = vm.parseJsonBytes32(json, ".weightCommitment");
        proven.inputCommitment = vm.parseJsonBytes32(json, ".inputCommitment");
        proven.outputs = vm.parseJsonIntArray(json, ".outputs");
        bytes memory halo2Proof = vm.parseJsonBytes(json, ".proof");
        bytes memory words = abi.encodePacked(proven.instances);
        proven.output = slice(words, 15 * 32, words.length);
        proven.proof = bytes.concat(slice(words, 0, 12 * 32), halo2Proof);
        proven.halo2ProofLength = halo2Proof.length;
    }

    /// @dev The generated verifier, by artifact name: its source is generated, and the tests compile without it.
    function deployHalo2Verifier() internal returns (address) {
        return vm.deployCode("Halo2Verifier.sol:Halo2Verifier");
    }

    /// @dev Calldata of the generated verifier.
    function rawCalldata(Proven memory proven) internal pure returns (bytes memory) {
        return bytes.concat(abi.encodePacked(proven.instances), slice(proven.proof, 12 * 32, proven.proof.length));
    }
}
