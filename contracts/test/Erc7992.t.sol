// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {Erc7992} from "../src/adapters/Erc7992.sol";
import {RegistryCaller} from "../src/adapters/RegistryCaller.sol";
import {IErc7992Registry, IErc7992Verifier} from "../src/adapters/interfaces/IErc7992.sol";
import {IERC165} from "../src/interfaces/IERC165.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {CanonicalCalldata} from "../src/libraries/CanonicalCalldata.sol";
import {Registered} from "./helpers/Registered.sol";

/// @dev Real models and proofs through the draft's two interfaces.
contract Erc7992Test is Registered {
    Erc7992 private _adapter;

    event ModelRegistered(uint256 indexed modelId, address indexed owner, IErc7992Registry.ModelCommitment commitment);
    event ModelDeprecated(uint256 indexed modelId);
    event InferenceVerified(
        uint256 indexed modelId, bytes32 indexed inputCommitment, bytes output, address indexed caller
    );

    function setUp() public {
        setUpModels();
        _adapter = new Erc7992(registry);
        _list(modelId, "ipfs://fraud");
    }

    /// A caller that knows the draft alone: from the verifier to its registry, to the commitment, to the proof.
    function test_verifiesAsTheDraftSays() public {
        IErc7992Verifier draft = IErc7992Verifier(address(_adapter));
        IErc7992Registry models = IErc7992Registry(draft.registry());
        (IErc7992Registry.ModelCommitment memory found, bool deprecated, address owner) = models.getModel(modelId);
        vm.assertEq(found.modelHash, bytes32(modelId), "model");
        vm.assertEq(found.circuitHash, fraud.programDigest, "circuit");
        vm.assertEq(found.vkHash, address(registry.getModel(modelId).verifier).codehash, "key");
        vm.assertEq(bytes(found.uri), "ipfs://fraud", "uri");
        bytes4 system = bytes4(keccak256("laminate-halo2-kzg-bn254-v1"));
        vm.assertEq(bytes32(found.proofSystemId), bytes32(system), "system");
        vm.assertEq(bytes32(draft.proofSystemOf(modelId)), bytes32(system), "system of the model");
        vm.assertTrue(!deprecated && owner == OWNER, "state");

        vm.expectEmit(true, true, true, true, address(_adapter));
        emit InferenceVerified(modelId, fraud.inputCommitment, fraud.output, address(0xca11));
        vm.prank(address(0xca11));
        draft.verifyInference(modelId, fraud.inputCommitment, fraud.output, fraud.proof);
        draft.verifyInference(modelId, other.inputCommitment, other.output, other.proof);
    }

    function test_refusesForgedStatements() public view {
        Forged[] memory made = forgeries();
        for (uint256 i = 0; i < made.length; ++i) {
            _refuse(modelId, made[i].input, made[i].output, made[i].proof, made[i].reason, made[i].what);
        }
    }

    /// A model's statement under another model's id, both listed.
    function test_refusesOtherModels() public {
        _list(otherModelId, "");
        bytes4 reason = IErc7992Verifier.InvalidProof.selector;
        _refuse(otherModelId, fraud.inputCommitment, fraud.output, fraud.proof, reason, "under the other id");
        _adapter.verifyInference(otherModelId, otherModel.inputCommitment, otherModel.output, otherModel.proof);
    }

    function test_refusesSecondEncodings() public view {
        bytes memory data = _call(modelId, fraud.inputCommitment, fraud.output, fraud.proof);
        bytes4 reason = CanonicalCalldata.NonCanonicalLength.selector;
        requireRefusal(address(_adapter), bytes.concat(data, bytes32(0)), reason, "a word behind");
    }

    function test_listsOnce() public {
        IErc7992Registry.ModelCommitment memory commitment = _adapter.commitmentOf(otherModelId, "https://a");
        vm.expectRevert(abi.encodeWithSelector(IErc7992Registry.NotModelOwner.selector, otherModelId, address(this)));
        _adapter.registerModel(commitment);
        vm.expectEmit(true, true, true, true, address(_adapter));
        emit ModelRegistered(otherModelId, OWNER, commitment);
        vm.prank(OWNER);
        vm.assertEq(_adapter.registerModel(commitment), otherModelId, "id");
        commitment.uri = "https://b";
        vm.expectRevert(abi.encodeWithSelector(Erc7992.ModelIsListed.selector, otherModelId));
        vm.prank(OWNER);
        _adapter.registerModel(commitment);
        (commitment,,) = _adapter.getModel(otherModelId);
        vm.assertEq(bytes(commitment.uri), "https://a", "the first");
        vm.expectRevert(abi.encodeWithSelector(Erc7992.ModelsNeverChange.selector, otherModelId));
        vm.prank(OWNER);
        _adapter.updateModel(otherModelId, commitment);
    }

    function test_refusesOtherCommitments() public {
        IErc7992Registry.ModelCommitment memory made = _adapter.commitmentOf(otherModelId, "");
        bytes4 mismatch = Erc7992.CommitmentMismatch.selector;
        bytes32 right = made.circuitHash;
        made.circuitHash = bytes32(uint256(right) ^ 1);
        _refuseListing(made, abi.encodeWithSelector(mismatch, otherModelId, right, made.circuitHash));
        (made.circuitHash, right) = (right, made.vkHash);
        made.vkHash = 0;
        _refuseListing(made, abi.encodeWithSelector(mismatch, otherModelId, right, bytes32(0)));
        made.vkHash = right;
        made.proofSystemId = 0x01020304;
        bytes4 unsupported = IErc7992Verifier.UnsupportedProofSystem.selector;
        _refuseListing(made, abi.encodeWithSelector(unsupported, made.proofSystemId));
        made.modelHash = bytes32(uint256(7));
        _refuseListing(made, abi.encodeWithSelector(IModelRegistry.ModelNotFound.selector, 7));
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelNotFound.selector, 7));
        _adapter.commitmentOf(7, "");
    }

    /// Nobody sees a model here that its owner has not listed.
    function test_unlistedModelsAreNotFound() public {
        bytes memory reason = abi.encodeWithSelector(IErc7992Registry.ModelNotFound.selector, otherModelId);
        vm.expectRevert(reason);
        _adapter.getModel(otherModelId);
        vm.expectRevert(reason);
        _adapter.proofSystemOf(otherModelId);
        vm.expectRevert(reason);
        vm.prank(OWNER);
        _adapter.deprecateModel(otherModelId);
        vm.expectRevert(reason);
        _adapter.verifyInference(otherModelId, otherModel.inputCommitment, otherModel.output, otherModel.proof);
    }

    function test_deprecatesForGood() public {
        vm.expectRevert(abi.encodeWithSelector(IErc7992Registry.NotModelOwner.selector, modelId, address(this)));
        _adapter.deprecateModel(modelId);
        vm.expectEmit(true, true, true, true, address(_adapter));
        emit ModelDeprecated(modelId);
        vm.prank(OWNER);
        _adapter.deprecateModel(modelId);
        _requireDeprecated();
        vm.expectRevert(_deprecated());
        vm.prank(OWNER);
        _adapter.deprecateModel(modelId);
        // Elsewhere it goes on.
        registry.submit(modelId, fraud.inputCommitment, fraud.output, fraud.proof);
    }

    function test_retiredModelsAreDeprecated() public {
        retire(modelId);
        _requireDeprecated();
        retire(otherModelId);
        IErc7992Registry.ModelCommitment memory made = _adapter.commitmentOf(otherModelId, "");
        _refuseListing(made, abi.encodeWithSelector(IModelRegistry.ModelIsRetired.selector, otherModelId));
    }

    /// The ids that the draft's functions give, written out.
    function test_interfaces() public view {
        vm.assertTrue(_adapter.supportsInterface(type(IERC165).interfaceId), "ERC-165");
        vm.assertTrue(_adapter.supportsInterface(0xd28519b1), "registry");
        vm.assertTrue(_adapter.supportsInterface(0x5df65472), "verifier");
        vm.assertTrue(!_adapter.supportsInterface(0xffffffff), "none");
    }

    function test_constructorRefusals() public {
        vm.expectRevert(RegistryCaller.ZeroRegistry.selector);
        new Erc7992(noRegistry());
        vm.expectRevert(withoutCode(IModelRegistry(OWNER)));
        new Erc7992(IModelRegistry(OWNER));
    }

    function _list(uint256 id, string memory uri) private {
        IErc7992Registry.ModelCommitment memory commitment = _adapter.commitmentOf(id, uri);
        vm.prank(OWNER);
        _adapter.registerModel(commitment);
    }

    function _deprecated() private view returns (bytes memory) {
        return abi.encodeWithSelector(IErc7992Verifier.VerificationRefused_ModelDeprecated.selector, modelId);
    }

    function _requireDeprecated() private {
        (, bool deprecated,) = _adapter.getModel(modelId);
        vm.assertTrue(deprecated, "deprecated");
        vm.expectRevert(_deprecated());
        _adapter.verifyInference(modelId, fraud.inputCommitment, fraud.output, fraud.proof);
    }

    function _refuseListing(IErc7992Registry.ModelCommitment memory made, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(OWNER);
        _adapter.registerModel(made);
    }

    function _refuse(
        uint256 id,
        bytes32 input,
        bytes memory output,
        bytes memory proof,
        bytes4 reason,
        string memory what
    ) private view {
        requireRefusal(address(_adapter), _call(id, input, output, proof), reason, what);
    }

    function _call(uint256 id, bytes32 input, bytes memory output, bytes memory proof)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodeCall(IErc7992Verifier.verifyInference, (id, input, output, proof));
    }
}
