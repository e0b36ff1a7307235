// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IERC165} from "../interfaces/IERC165.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {CanonicalCalldata} from "../libraries/CanonicalCalldata.sol";
import {RegistryCaller} from "./RegistryCaller.sol";
import {IErc7992Registry, IErc7992Verifier} from "./interfaces/IErc7992.sol";

/// @title Models of a model registry as ERC-7992 (draft) has them
/// @notice Both of the draft's interfaces at one address, for who was written against them. A model is registered with
/// the model registry first; its owner then lists it here with a URI, under the same id. The draft's fields are:
///
/// | field           | content                                                                               |
/// | --------------- | ------------------------------------------------------------------------------------- |
/// | `modelHash`     | the model's id, a hash of program, weights, verifier, description, owner and registry |
/// | `circuitHash`   | program digest                                                                        |
/// | `vkHash`        | code hash of the model's verifier, which pins the verifying key                       |
/// | `proofSystemId` | `PROOF_SYSTEM`                                                                        |
/// | `uri`           | what the owner says                                                                   |
///
/// Where the draft contradicts itself, or leaves a choice:
/// - its registry does not compile, as `ModelDeprecated` is an event and an error (`IErc7992Registry`);
/// - its reference verifier does not compile either: a public variable of the registry's type cannot implement `registry()`,
///   which returns an address, and `ModelDeprecated`, which it reverts with, is not declared for it;
/// - it tells refusals for another model, input or output from those for a bad proof. A proof that commits to the whole
///   statement cannot tell: such refusals are `InvalidProof()`, or what the model registry reverts with for its shape;
/// - of the two policies that it leaves to choose, each change of a commitment is a model of its own here;
/// - its optional storage of inferences is left out: `IModelRegistry.submit` records a statement for a word of storage, and
///   the draft's `inferenceId` names neither chain nor registry.
/// @dev Verifies, and records nothing: who acts on a statement must see to it that it does so once. `InferenceVerified` may be
/// emitted any number of times for one statement, by anyone who has its proof.
contract Erc7992 is IErc7992Registry, IErc7992Verifier, RegistryCaller, IERC165 {
    /// @dev What is kept of a model beside the model registry.
    struct Listing {
        bool listed;
        bool deprecated;
        string uri;
    }

    /// @dev Head words of `verifyInference`: model, input commitment and two offsets.
    uint256 private constant INFERENCE_HEAD_WORDS = 4;

    /// @notice The proof system of all models here.
    bytes4 public constant PROOF_SYSTEM = bytes4(keccak256("laminate-halo2-kzg-bn254-v1"));

    mapping(uint256 modelId => Listing) private _listings;

    /// @notice The model is listed; its URI does not change.
    error ModelIsListed(uint256 modelId);
    /// @notice The commitment is not that of the model whose id is its `modelHash`; `commitmentOf` tells it.
    error CommitmentMismatch(uint256 modelId, bytes32 expected, bytes32 found);
    /// @notice A model's commitment never changes: register another model.
    error ModelsNeverChange(uint256 modelId);

    /// @param models The model registry.
    constructor(IModelRegistry models) RegistryCaller(models) {}

    /// @inheritdoc IErc7992Registry
    /// @dev Takes a model of the model registry by its owner, once, with exactly its commitment (`commitmentOf`).
    function registerModel(ModelCommitment calldata commitment) external returns (uint256 modelId) {
        modelId = uint256(commitment.modelHash);
        IModelRegistry.Model memory model = _usableModel(modelId);
        if (msg.sender != model.owner) revert NotModelOwner(modelId, msg.sender);
        Listing storage listing = _listings[modelId];
        if (listing.listed) revert ModelIsListed(modelId);
        if (commitment.proofSystemId != PROOF_SYSTEM) revert UnsupportedProofSystem(commitment.proofSystemId);
        _requireSame(modelId, model.programDigest, commitment.circuitHash);
        _requireSame(modelId, model.verifierCodeHash, commitment.vkHash);
        listing.listed = true;
        listing.uri = commitment.uri;
        emit ModelRegistered(modelId, msg.sender, commitment);
    }

    /// @inheritdoc IErc7992Registry
    /// @dev Never: a commitment that could change is none to rely on.
    function updateModel(uint256 modelId, ModelCommitment calldata) external pure {
        revert ModelsNeverChange(modelId);
    }

    /// @inheritdoc IErc7992Registry
    /// @dev For good, and here only; `IModelRegistry.retireModel` ends a model everywhere.
    function deprecateModel(uint256 modelId) external {
        (IModelRegistry.Model memory model, bool deprecated) = _listed(modelId);
        if (msg.sender != model.owner) revert NotModelOwner(modelId, msg.sender);
        if (deprecated) revert VerificationRefused_ModelDeprecated(modelId);
        _listings[modelId].deprecated = true;
        emit ModelDeprecated(modelId);
    }

    /// @inheritdoc IErc7992Verifier
    /// @dev `output` and `proof` as `IModelRegistry.verifyInference` takes them. What that reverts with is passed on.
    function verifyInference(uint256 modelId, bytes32 inputCommitment, bytes calldata output, bytes calldata proof)
        external
    {
        CanonicalCalldata.requireTails(INFERENCE_HEAD_WORDS, output, proof);
        (, bool deprecated) = _listed(modelId);
        if (deprecated) revert VerificationRefused_ModelDeprecated(modelId);
        // The statement's hash, which it returns, has no place in the draft.
        // slither-disable-next-line unused-return
        modelRegistry.verifyInference(modelId, inputCommitment, output, proof);
        emit InferenceVerified(modelId, inputCommitment, output, msg.sender);
    }

    /// @inheritdoc IErc7992Registry
    function getModel(uint256 modelId)
        external
        view
        returns (ModelCommitment memory commitment, bool deprecated, address owner)
    {
        IModelRegistry.Model memory model;
        (model, deprecated) = _listed(modelId);
        return (_commitment(modelId, model, _listings[modelId].uri), deprecated, model.owner);
    }

    /// @notice What `registerModel` takes for a model of the model registry.
    function commitmentOf(uint256 modelId, string calldata uri) external view returns (ModelCommitment memory) {
        return _commitment(modelId, modelRegistry.getModel(modelId), uri);
    }

    /// @inheritdoc IErc7992Verifier
    function proofSystemOf(uint256 modelId) external view returns (bytes4) {
        if (!_listings[modelId].listed) revert ModelNotFound(modelId);
        return PROOF_SYSTEM;
    }

    /// @inheritdoc IErc7992Verifier
    function registry() external view returns (address registryAddress) {
        return address(this);
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERC165).interfaceId || interfaceId == type(IErc7992Registry).interfaceId
            || interfaceId == type(IErc7992Verifier).interfaceId;
    }

    /// @dev The model, and whether it is ended here or in the model registry; a revert where it is not listed.
    function _listed(uint256 modelId) private view returns (IModelRegistry.Model memory model, bool deprecated) {
        Listing storage listing = _listings[modelId];
        if (!listing.listed) revert ModelNotFound(modelId);
        model = modelRegistry.getModel(modelId);
        deprecated = listing.deprecated || model.retired;
    }

    function _commitment(uint256 modelId, IModelRegistry.Model memory model, string memory uri)
        private
        pure
        returns (ModelCommitment memory)
    {
        return ModelCommitment(bytes32(modelId), model.programDigest, model.verifierCodeHash, PROOF_SYSTEM, uri);
    }

    function _requireSame(uint256 modelId, bytes32 expected, bytes32 found) private pure {
        if (found != expected) revert CommitmentMismatch(modelId, expected, found);
    }
}
