// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IERC165} from "./interfaces/IERC165.sol";
import {IInferenceVerifier} from "./interfaces/IInferenceVerifier.sol";
import {IModelRegistry} from "./interfaces/IModelRegistry.sol";
import {IWeightVerifier} from "./interfaces/IWeightVerifier.sol";
import {CanonicalCalldata} from "./libraries/CanonicalCalldata.sol";
import {StatementLib} from "./libraries/StatementLib.sol";

/// @title Append-only registry of models
/// @notice No administrator, no upgrade. It supplies the registered program digest and weight commitment to the
/// verifier itself, so a caller cannot show a proof of other weights under a model's id.
contract ModelRegistry is IModelRegistry, IERC165 {
    /// @dev Head words of `verifyInference` and `submit`: model, input commitment and two offsets.
    uint256 private constant INFERENCE_HEAD_WORDS = 4;

    mapping(uint256 modelId => Model) private _models;
    mapping(bytes32 statementHash => bool) private _submitted;
    uint256[] private _modelIds;

    /// @inheritdoc IModelRegistry
    function registerModel(
        bytes32 programDigest,
        bytes32 weightCommitment,
        IInferenceVerifier verifier,
        bytes32 metadataHash
    ) external returns (uint256 modelId) {
        IWeightVerifier weights = _weightVerifier(verifier);
        if (address(weights) != address(0)) revert WeightProofRequired(address(weights));
        return _register(programDigest, weightCommitment, verifier, metadataHash);
    }

    /// @inheritdoc IModelRegistry
    function registerModelWithWeightProof(
        bytes32 programDigest,
        bytes32 weightCommitment,
        IInferenceVerifier verifier,
        bytes32 metadataHash,
        bytes32 inputCommitment,
        bytes calldata weightProof
    ) external returns (uint256 modelId) {
        IWeightVerifier weights = _weightVerifier(verifier);
        if (address(weights) == address(0)) revert WeightProofNotExpected(address(verifier));
        bytes32 expected = verifier.weightVerifierCodeHash();
        bytes32 found = address(weights).codehash;
        if (found != expected) revert WeightVerifierCodeChanged(address(weights), expected, found);
        modelId = _register(programDigest, weightCommitment, verifier, metadataHash);
        weights.verifyWeights(weightCommitment, inputCommitment, weightProof);
    }

    /// @inheritdoc IModelRegistry
    function retireModel(uint256 modelId) external {
        Model storage model = _existing(modelId);
        if (model.owner != msg.sender) revert NotModelOwner(modelId, msg.sender);
        if (model.retired) revert ModelIsRetired(modelId);
        model.retired = true;
        emit ModelRetired(modelId, msg.sender);
    }

    /// @inheritdoc IModelRegistry
    function verifyInference(uint256 modelId, bytes32 inputCommitment, bytes calldata output, bytes calldata proof)
        external
        view
        returns (bytes32 statementHash)
    {
        CanonicalCalldata.requireTails(INFERENCE_HEAD_WORDS, output, proof);
        return _verify(modelId, inputCommitment, output, proof);
    }

    /// @inheritdoc IModelRegistry
    function submit(uint256 modelId, bytes32 inputCommitment, bytes calldata output, bytes calldata proof)
        external
        returns (bytes32 statementHash)
    {
        CanonicalCalldata.requireTails(INFERENCE_HEAD_WORDS, output, proof);
        statementHash = hashStatement(modelId, inputCommitment, output);
        if (_submitted[statementHash]) revert StatementReplayed(statementHash);
        _submitted[statementHash] = true;
        _verify(modelId, inputCommitment, output, proof);
        emit InferenceVerified(modelId, inputCommitment, statementHash, msg.sender, output);
    }

    /// @inheritdoc IModelRegistry
    function isSubmitted(bytes32 statementHash) external view returns (bool) {
        return _submitted[statementHash];
    }

    /// @inheritdoc IModelRegistry
    function hashStatement(uint256 modelId, bytes32 inputCommitment, bytes calldata output)
        public
        view
        returns (bytes32)
    {
        return StatementLib.statementHash(address(this), modelId, inputCommitment, output);
    }

    /// @inheritdoc IModelRegistry
    function modelIdOf(
        address owner,
        bytes32 programDigest,
        bytes32 weightCommitment,
        IInferenceVerifier verifier,
        bytes32 metadataHash
    ) public view returns (uint256) {
        return uint256(
            keccak256(
                abi.encode(
                    StatementLib.MODEL_DOMAIN,
                    block.chainid,
                    address(this),
                    owner,
                    programDigest,
                    weightCommitment,
                    verifier,
                    metadataHash
                )
            )
        );
    }

    /// @inheritdoc IModelRegistry
    function getModel(uint256 modelId) external view returns (Model memory) {
        return _existing(modelId);
    }

    /// @inheritdoc IModelRegistry
    function modelCount() external view returns (uint256) {
        return _modelIds.length;
    }

    /// @inheritdoc IModelRegistry
    function modelIdAt(uint256 index) external view returns (uint256) {
        return _modelIds[index];
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERC165).interfaceId || interfaceId == type(IModelRegistry).interfaceId;
    }

    function _weightVerifier(IInferenceVerifier verifier) private view returns (IWeightVerifier) {
        if (address(verifier) == address(0)) revert ZeroModelVerifier();
        if (address(verifier).code.length == 0) revert ModelVerifierWithoutCode(address(verifier));
        return verifier.weightVerifier();
    }

    function _register(
        bytes32 programDigest,
        bytes32 weightCommitment,
        IInferenceVerifier verifier,
        bytes32 metadataHash
    ) private returns (uint256 modelId) {
        if (programDigest == 0 || weightCommitment == 0) revert ZeroCommitment();
        StatementLib.requireCanonical(2, programDigest);
        StatementLib.requireCanonical(3, weightCommitment);

        modelId = modelIdOf(msg.sender, programDigest, weightCommitment, verifier, metadataHash);
        Model storage model = _models[modelId];
        if (model.owner != address(0)) revert ModelExists(modelId);

        model.programDigest = programDigest;
        model.weightCommitment = weightCommitment;
        model.metadataHash = metadataHash;
        model.verifierCodeHash = address(verifier).codehash;
        model.verifier = verifier;
        model.owner = msg.sender;
        model.registeredAt = uint64(block.timestamp);
        _modelIds.push(modelId);
        emit ModelRegistered(modelId, msg.sender, programDigest, weightCommitment, address(verifier), metadataHash);
    }

    function _existing(uint256 modelId) private view returns (Model storage model) {
        model = _models[modelId];
        if (model.owner == address(0)) revert ModelNotFound(modelId);
    }

    function _verify(uint256 modelId, bytes32 inputCommitment, bytes calldata output, bytes calldata proof)
        private
        view
        returns (bytes32)
    {
        Model storage model = _existing(modelId);
        if (model.retired) revert ModelIsRetired(modelId);
        IInferenceVerifier verifier = model.verifier;
        bytes32 found = address(verifier).codehash;
        if (found != model.verifierCodeHash) {
            revert ModelVerifierCodeChanged(address(verifier), model.verifierCodeHash, found);
        }
        verifier.verify(model.programDigest, model.weightCommitment, inputCommitment, output, proof);
        return hashStatement(modelId, inputCommitment, output);
    }
}
