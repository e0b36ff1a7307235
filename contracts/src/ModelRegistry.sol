// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IERC165} from "./interfaces/IERC165.sol";
import {IHalo2Route} from "./interfaces/IHalo2Route.sol";
import {IInferenceVerifier} from "./interfaces/IInferenceVerifier.sol";
import {IModelRegistry} from "./interfaces/IModelRegistry.sol";
import {IWeightVerifier} from "./interfaces/IWeightVerifier.sol";
import {CanonicalCalldata} from "./libraries/CanonicalCalldata.sol";
import {CodePin} from "./libraries/CodePin.sol";
import {Halo2Call} from "./libraries/Halo2Call.sol";
import {ModelStore} from "./libraries/ModelStore.sol";
import {PublicValues} from "./libraries/PublicValues.sol";
import {StatementLib} from "./libraries/StatementLib.sol";
import {UniversalProgram} from "./libraries/UniversalProgram.sol";

/// @title Append-only registry of models
/// @notice No administrator, no upgrade. It supplies the registered program digest and weight commitment to the
/// verifier itself, so a caller cannot show a proof of other weights under a model's id.
///
/// Most models' verifiers do no more than call one generated verifier (`IHalo2Route`). For those the registry makes the
/// generated verifier's calldata itself and calls nothing else: a submission reads one word of storage for the model,
/// and one for its statement. Other models' verifiers are asked.
contract ModelRegistry is IModelRegistry, IERC165 {
    /// @dev Head words of `verifyInference` and `submit`: model, input commitment and two offsets.
    uint256 private constant INFERENCE_HEAD_WORDS = 4;

    /// @dev Where the rest of a model is (`ModelStore`), and whether it is retired.
    struct State {
        address at;
        bool retired;
    }

    mapping(uint256 modelId => State) private _models;
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
        State memory state = _existing(modelId);
        if (ModelStore.read(state.at).owner != msg.sender) revert NotModelOwner(modelId, msg.sender);
        if (state.retired) revert ModelIsRetired(modelId);
        _models[modelId].retired = true;
        emit ModelRetired(modelId, msg.sender);
    }

    /// @inheritdoc IModelRegistry
    function verifyInference(uint256 modelId, bytes32 inputCommitment, bytes calldata output, bytes calldata proof)
        external
        view
        returns (bytes32 statementHash)
    {
        CanonicalCalldata.requireTails(INFERENCE_HEAD_WORDS, output, proof);
        _verify(modelId, inputCommitment, output, proof);
        return hashStatement(modelId, inputCommitment, output);
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
        State memory state = _existing(modelId);
        ModelStore.Fixed memory model = ModelStore.read(state.at);
        return Model({
            programDigest: model.programDigest,
            weightCommitment: model.weightCommitment,
            metadataHash: model.metadataHash,
            verifierCodeHash: model.verifierCodeHash,
            verifier: model.verifier,
            retired: state.retired,
            owner: model.owner,
            registeredAt: uint64(model.registeredAt)
        });
    }

    /// @inheritdoc IModelRegistry
    function routeOf(uint256 modelId) external view returns (IHalo2Route.Halo2Route memory) {
        ModelStore.Fixed memory model = ModelStore.read(_existing(modelId).at);
        return
            IHalo2Route.Halo2Route(
                model.halo2, model.halo2CodeHash, model.keyLength, model.proofLength, model.termCount
            );
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
        if (_models[modelId].at != address(0)) revert ModelExists(modelId);
        ModelStore.Fixed memory model = ModelStore.Fixed({
            programDigest: programDigest,
            weightCommitment: weightCommitment,
            metadataHash: metadataHash,
            verifierCodeHash: address(verifier).codehash,
            verifier: verifier,
            owner: msg.sender,
            registeredAt: block.timestamp,
            outputCount: 0,
            halo2: address(0),
            halo2CodeHash: 0,
            keyLength: 0,
            proofLength: 0,
            termCount: 0,
            identity: 0
        });
        _noteRoute(model, verifier);
        // Reads no code of others, which could have registered it by now.
        _models[modelId].at = ModelStore.write(model);
        _modelIds.push(modelId);
        emit ModelRegistered(modelId, msg.sender, programDigest, weightCommitment, address(verifier), metadataHash);
    }

    /// @dev Takes the verifier's word, as whoever relies on the model takes its owner's, or compares `verifierCodeHash` with
    /// the code hash of a verifier that says what is so.
    function _noteRoute(ModelStore.Fixed memory model, IInferenceVerifier verifier) private view {
        IHalo2Route.Halo2Route memory route = verifier.halo2Route();
        if (route.halo2 == address(0)) return;
        CodePin.requireUnchanged(route.halo2, route.codeHash);
        model.outputCount = verifier.outputCount();
        model.halo2 = route.halo2;
        model.halo2CodeHash = route.codeHash;
        model.keyLength = route.keyLength;
        model.proofLength = route.proofLength;
        model.termCount = route.termCount;
        if (route.keyLength != 0) {
            model.identity = UniversalProgram.identity(route.codeHash, route.keyLength, route.proofLength);
        }
    }

    function _existing(uint256 modelId) private view returns (State memory state) {
        state = _models[modelId];
        if (state.at == address(0)) revert ModelNotFound(modelId);
    }

    /// @dev Reverts unless the proof shows the statement. `output` and `proof` are the call's own (`CanonicalCalldata`).
    function _verify(uint256 modelId, bytes32 inputCommitment, bytes calldata output, bytes calldata proof)
        private
        view
    {
        State memory state = _existing(modelId);
        if (state.retired) revert ModelIsRetired(modelId);
        ModelStore.Fixed memory model = ModelStore.read(state.at);
        if (model.halo2 != address(0)) return _verifyHere(model, inputCommitment, output, proof);
        IInferenceVerifier verifier = model.verifier;
        bytes32 found = address(verifier).codehash;
        if (found != model.verifierCodeHash) {
            revert ModelVerifierCodeChanged(address(verifier), model.verifierCodeHash, found);
        }
        verifier.verify(model.programDigest, model.weightCommitment, inputCommitment, output, proof);
    }

    /// @dev What `InferenceVerifier`, or `RoutedVerifier` and `UniversalVerifier`, do with the proof.
    function _verifyHere(
        ModelStore.Fixed memory model,
        bytes32 inputCommitment,
        bytes calldata output,
        bytes calldata proof
    ) private view {
        StatementLib.requireOutput(output, model.outputCount);
        PublicValues.Statement memory statement =
            PublicValues.Statement(model.outputCount, model.programDigest, model.weightCommitment, inputCommitment);
        bytes calldata deferred;
        bytes calldata rest;
        (statement.programDigest, deferred, rest) = _parts(model, proof);
        bytes memory words = PublicValues.packedCalldata(statement, output, deferred, rest);
        Halo2Call.call(model.halo2, model.halo2CodeHash, words);
    }

    /// @dev The digest that the circuit states, the terms, and what follows them in a proof of the model.
    function _parts(ModelStore.Fixed memory model, bytes calldata proof)
        private
        pure
        returns (bytes32 circuitDigest, bytes calldata deferred, bytes calldata rest)
    {
        uint256 keyLength = model.keyLength;
        if (keyLength == 0) {
            (deferred, rest) = Halo2Call.split(proof, model.termCount, model.proofLength);
            return (model.programDigest, deferred, rest);
        }
        (deferred, rest) = UniversalProgram.split(proof, keyLength, model.proofLength);
        circuitDigest = bytes32(proof[:32]);
        UniversalProgram.requireProgram(model.programDigest, model.identity, keccak256(rest[:keyLength]), circuitDigest);
    }
}
