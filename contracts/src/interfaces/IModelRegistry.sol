// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IHalo2Route} from "./IHalo2Route.sol";
import {IInferenceVerifier} from "./IInferenceVerifier.sol";

/// @title Models, their published commitments, and the inferences proven of them
/// @notice Shaped after the ERC-7992 draft (verifiable ML model inference): same `verifyInference` selector, `uint256`
/// model ids, revert on every failure. It departs where the draft cannot be implemented or is weaker than needed:
/// - the draft declares `ModelDeprecated` both as an event and as an error, which does not compile; here the event is
///   `ModelRetired` and the error `ModelIsRetired`;
/// - a model is never updated: another commitment is another model;
/// - `verifyInference` is a view and returns the statement hash; `submit` is the call that records and emits,
///   and its event is indexed by that hash.
interface IModelRegistry {
    /// @notice A registered model. Everything but `retired` is fixed at registration.
    /// @param programDigest Digest of architecture and integer semantics.
    /// @param weightCommitment Hiding commitment to the weights.
    /// @param metadataHash Hash of an off-chain description, or zero.
    /// @param verifierCodeHash Code hash of `verifier` at registration: compare it with that of the code it should be. Every
    /// call of `verifier` compares it. Where the registry calls the generated verifier of a route instead (`routeOf`), that
    /// route and `outputCount` are what `verifier` said at registration, and the generated verifier's code hash is compared.
    /// @param verifier Verifier of the program's circuit.
    /// @param retired Set once by the owner, never cleared.
    /// @param owner Who registered the model.
    /// @param registeredAt Time of the registration's block.
    struct Model {
        bytes32 programDigest;
        bytes32 weightCommitment;
        bytes32 metadataHash;
        bytes32 verifierCodeHash;
        IInferenceVerifier verifier;
        bool retired;
        address owner;
        uint64 registeredAt;
    }

    event ModelRegistered(
        uint256 indexed modelId,
        address indexed owner,
        bytes32 programDigest,
        bytes32 weightCommitment,
        address verifier,
        bytes32 metadataHash
    );

    event ModelRetired(uint256 indexed modelId, address indexed owner);

    /// @notice A statement was recorded. `statementHash` is unique among the logs of a registry; `caller` is whoever
    /// published the proof, and no party to it.
    event InferenceVerified(
        uint256 indexed modelId,
        bytes32 indexed inputCommitment,
        bytes32 indexed statementHash,
        address caller,
        bytes output
    );

    /// @notice No model has this id.
    error ModelNotFound(uint256 modelId);
    /// @notice The same owner has registered exactly this model before.
    error ModelExists(uint256 modelId);
    /// @notice The model takes no more inferences.
    error ModelIsRetired(uint256 modelId);
    /// @notice Only the model's owner may do this.
    error NotModelOwner(uint256 modelId, address caller);
    /// @notice A program digest or weight commitment of zero is a mistake, not a commitment.
    error ZeroCommitment();
    /// @notice The model's verifier is the zero address.
    error ZeroModelVerifier();
    /// @notice There is no code at the model's verifier.
    error ModelVerifierWithoutCode(address verifier);
    /// @notice The code at the model's verifier is not the code found at registration.
    error ModelVerifierCodeChanged(address verifier, bytes32 expected, bytes32 found);
    /// @notice Inferences of this model do not show that its weights are in range; a commitment proof must.
    error WeightProofRequired(address weightVerifier);
    /// @notice Every inference of this model shows that its weights are in range.
    error WeightProofNotExpected(address verifier);
    /// @notice The code at the verifier of weights is not the code that the model's verifier was built beside.
    error WeightVerifierCodeChanged(address verifier, bytes32 expected, bytes32 found);
    /// @notice The statement has been recorded before.
    error StatementReplayed(bytes32 statementHash);

    /// @notice Registers a model under an id derived from its content, the caller, this registry and the chain.
    /// Reverts if the verifier names a verifier of weights: `registerModelWithWeightProof` is for those.
    /// @dev The content-derived id means that an id noted in another contract can never come to mean another model, not
    /// even after a reorganisation. Registering vouches for nothing: who relies on a model must know its owner or
    /// check that `verifier` and its generated verifier are the code they were derived to be.
    function registerModel(
        bytes32 programDigest,
        bytes32 weightCommitment,
        IInferenceVerifier verifier,
        bytes32 metadataHash
    ) external returns (uint256 modelId);

    /// @notice Registers a model whose inferences do not show that its weights are in range, with a proof that they are.
    /// @param inputCommitment As the commitment proof states it.
    /// @param weightProof The commitment proof, as the verifier of weights takes it (`IDirectVerifier`).
    function registerModelWithWeightProof(
        bytes32 programDigest,
        bytes32 weightCommitment,
        IInferenceVerifier verifier,
        bytes32 metadataHash,
        bytes32 inputCommitment,
        bytes calldata weightProof
    ) external returns (uint256 modelId);

    /// @notice Retires a model for good. Only its owner may.
    function retireModel(uint256 modelId) external;

    /// @notice Reverts unless `proof` shows that the model gives `output` on an input opening `inputCommitment`.
    /// @dev Records nothing: an application that acts on the statement must make sure that it does so once, by
    /// noting the returned hash.
    /// @param output The output words, 32 bytes each (`StatementLib`).
    /// @param proof As the model's verifier takes it (`IDirectVerifier`, `IStatementVerifier`).
    /// @return statementHash The statement's replay key.
    function verifyInference(uint256 modelId, bytes32 inputCommitment, bytes calldata output, bytes calldata proof)
        external
        view
        returns (bytes32 statementHash);

    /// @notice As `verifyInference`, then records the statement and emits `InferenceVerified`; a statement once.
    /// @dev The record is a public fact that anyone with the proof may publish, so it must not be used as permission:
    /// an application consumes statements in its own storage.
    function submit(uint256 modelId, bytes32 inputCommitment, bytes calldata output, bytes calldata proof)
        external
        returns (bytes32 statementHash);

    /// @notice Whether the statement has been recorded by `submit`.
    function isSubmitted(bytes32 statementHash) external view returns (bool);

    /// @notice Replay key of a statement on this chain and registry.
    function hashStatement(uint256 modelId, bytes32 inputCommitment, bytes calldata output)
        external
        view
        returns (bytes32);

    /// @notice The id `owner` gets, or has, for this model.
    function modelIdOf(
        address owner,
        bytes32 programDigest,
        bytes32 weightCommitment,
        IInferenceVerifier verifier,
        bytes32 metadataHash
    ) external view returns (uint256);

    /// @notice The model, or a revert with `ModelNotFound`.
    function getModel(uint256 modelId) external view returns (Model memory);

    /// @notice The generated verifier that the registry calls for a model, as the model's verifier named it at registration;
    /// all zero where it asks that verifier itself.
    function routeOf(uint256 modelId) external view returns (IHalo2Route.Halo2Route memory);

    /// @notice Models registered so far, retired ones included.
    function modelCount() external view returns (uint256);

    /// @notice Ids in order of registration.
    function modelIdAt(uint256 index) external view returns (uint256);
}
