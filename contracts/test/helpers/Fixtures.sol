// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {InferenceVerifier} from "../../src/InferenceVerifier.sol";
import {IWeightVerifier} from "../../src/interfaces/IWeightVerifier.sol";
import {TestBase} from "./TestBase.sol";

/// @title Real proofs of the fraud model, as the `laminate` CLI made them
/// @notice `fraud.json` and `fraud_other.json`: two inputs of one model; `other_model.json`: the same program with
/// other weights. A missing file fails the tests that need it.
///
/// Fields: `instances` (32-byte hex words, 15 with the sum's limbs, which are zero in a packed proof's), `outputWords` (32-byte hex words), `proof` (hex, the
/// published proof as `IDirectVerifier` lays it out), `terms` (integer, the number of terms in it), `programDigest`,
/// `weightCommitment`, `inputCommitment` (32-byte hex), `outputs` (integers at the output scale).
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
        /// D, the terms, the generator's scalar, then the halo2 proof, as the contracts take them.
        bytes proof;
        uint256 terms;
        uint256 halo2ProofLength;
    }

    function load(string memory name) internal view returns (Proven memory proven) {
        string memory json = vm.readFile(string.concat("contracts/test/fixtures/", name));
        proven.instances = vm.parseJsonBytes32Array(json, ".instances");
        proven.programDigest = vm.parseJsonBytes32(json, ".programDigest");
        proven.weightCommitment = vm.parseJsonBytes32(json, ".weightCommitment");
        proven.inputCommitment = vm.parseJsonBytes32(json, ".inputCommitment");
        proven.outputs = vm.parseJsonIntArray(json, ".outputs");
        proven.output = abi.encodePacked(vm.parseJsonBytes32Array(json, ".outputWords"));
        proven.proof = vm.parseJsonBytes(json, ".proof");
        proven.terms = vm.parseJsonUint(json, ".terms");
        proven.halo2ProofLength = proven.proof.length - deferredLength(proven);
    }

    /// @dev The generated verifier, by artifact name: its source is generated, and the tests compile without it.
    function deployHalo2Verifier() internal returns (address) {
        return vm.deployCode("Halo2Verifier.sol:Halo2Verifier");
    }

    /// @dev The wrapper of the generated verifier, for proofs such as this one.
    function deployVerifier(address halo2, Proven memory proven) internal returns (InferenceVerifier) {
        return new InferenceVerifier(
            halo2, proven.outputs.length, proven.halo2ProofLength, proven.terms, IWeightVerifier(address(0))
        );
    }

    /// @dev Bytes of a proof that precede the halo2 proof.
    function deferredLength(Proven memory proven) internal pure returns (uint256) {
        return 96 + 96 * proven.terms;
    }

    /// @dev Calldata of the generated verifier, and how many instances begin it: 15, or of packed proofs the last three,
    /// the scalars and the terms behind the halo2 proof.
    function rawCalldata(Proven memory proven, bool packed) internal pure returns (bytes memory data, uint256 count) {
        uint256 length = deferredLength(proven);
        bytes memory instances = abi.encodePacked(proven.instances);
        bytes memory halo2Proof = slice(proven.proof, length, proven.proof.length);
        if (!packed) return (bytes.concat(instances, halo2Proof), 15);
        data = bytes.concat(
            slice(instances, 12 * 32, 15 * 32),
            halo2Proof,
            slice(proven.proof, length - 64, length),
            slice(proven.proof, 32, length - 64)
        );
        return (data, 3);
    }
}
