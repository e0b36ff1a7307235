// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {InferenceVerifier} from "../../src/InferenceVerifier.sol";
import {ModelRegistry} from "../../src/ModelRegistry.sol";
import {RegistryCaller} from "../../src/adapters/RegistryCaller.sol";
import {IHalo2Caller} from "../../src/interfaces/IHalo2Caller.sol";
import {IModelRegistry} from "../../src/interfaces/IModelRegistry.sol";
import {IWeightVerifier} from "../../src/interfaces/IWeightVerifier.sol";
import {AcceptAll} from "./Doubles.sol";
import {Fixtures} from "./Fixtures.sol";

/// @title Two real models in a registry, and real proofs of them, for what stands before the registry
abstract contract Registered is Fixtures {
    /// @dev Whoever registered `modelId`.
    address internal constant OWNER = address(0x0421e4);

    ModelRegistry internal registry;
    InferenceVerifier internal verifier;
    uint256 internal modelId;
    uint256 internal otherModelId;
    Proven internal fraud;
    Proven internal other;
    Proven internal otherModel;

    function setUpModels() internal {
        fraud = load(FRAUD);
        other = load(FRAUD_OTHER);
        otherModel = load(OTHER_MODEL);
        registry = new ModelRegistry();
        verifier = deployVerifier(deployHalo2Verifier(), fraud);
        vm.startPrank(OWNER);
        modelId = registry.registerModel(fraud.programDigest, fraud.weightCommitment, verifier, 0);
        otherModelId = registry.registerModel(otherModel.programDigest, otherModel.weightCommitment, verifier, 0);
        vm.stopPrank();
    }

    /// @dev A statement with its proof that is wrong in one thing.
    struct Forged {
        bytes32 input;
        bytes output;
        bytes proof;
        bytes4 reason;
        string what;
    }

    /// @dev Statements of `modelId` that no proof at hand shows, each with what the registry says to it.
    function forgeries() internal view returns (Forged[] memory made) {
        made = new Forged[](12);
        bytes4 invalid = IHalo2Caller.InvalidProof.selector;
        bytes memory score = scoreOutput(fraud.outputs[0] - 1);
        made[0] = Forged(fraud.inputCommitment, score, fraud.proof, invalid, "another score");
        made[1] = Forged(other.inputCommitment, fraud.output, fraud.proof, invalid, "another input");
        made[2] = Forged(fraud.inputCommitment, fraud.output, other.proof, invalid, "another input's proof");
        made[3] = Forged(fraud.inputCommitment, other.output, other.proof, invalid, "proof and output of another input");
        bytes32 input = otherModel.inputCommitment;
        made[4] = Forged(input, otherModel.output, otherModel.proof, invalid, "another model's statement");
        bytes memory proof = bytes.concat(fraud.proof, bytes32(0));
        made[5] = Forged(fraud.inputCommitment, fraud.output, proof, IHalo2Caller.ProofLength.selector, "one word more");
        // A word of each part: D, a point, a scalar, a commitment, an evaluation, the last.
        uint256 words = fraud.proof.length / 32;
        uint256[6] memory places = [0, 1, 3, (96 + 96 * fraud.terms) / 32, words - 20, words - 1];
        for (uint256 i = 0; i < 6; ++i) {
            bytes memory changed = withWord(fraud.proof, places[i], wordAt(fraud.proof, places[i]) ^ 1);
            made[6 + i] = Forged(fraud.inputCommitment, fraud.output, changed, invalid, "a changed word");
        }
    }

    /// @dev A registered model of two outputs.
    function batchModel() internal returns (uint256) {
        address halo2 = address(new AcceptAll());
        InferenceVerifier two = new InferenceVerifier(halo2, 2, 320, TERMS, IWeightVerifier(address(0)));
        return registry.registerModel(bytes32(uint256(1)), bytes32(uint256(2)), two, 0);
    }

    function retire(uint256 id) internal {
        vm.prank(OWNER);
        registry.retireModel(id);
    }

    function noRegistry() internal pure returns (IModelRegistry) {
        return IModelRegistry(address(0));
    }

    /// @dev What a constructor reverts with for the address of an account.
    function withoutCode(IModelRegistry at) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(RegistryCaller.RegistryWithoutCode.selector, address(at));
    }
}
