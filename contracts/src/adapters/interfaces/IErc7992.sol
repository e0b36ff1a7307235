// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

/// @title ERC-7992 (draft): registry of models' commitments
/// @notice Written after https://eips.ethereum.org/EIPS/eip-7992 as of ethereum/ERCs commit 4c496a2 (16 January 2026).
/// @dev The draft declares `ModelDeprecated(uint256)` in this interface as an event and as an error. One name for both is
/// an error of the compiler, so the error is left out; `IErc7992Verifier` has one for the same refusal.
interface IErc7992Registry {
    /// @notice A model's commitment.
    /// @param modelHash Hash of weights and architecture.
    /// @param circuitHash Hash of the circuit.
    /// @param vkHash Hash of the verifying key.
    /// @param proofSystemId First four bytes of the hash of the proof system's name.
    /// @param uri Where a description is; may be empty.
    struct ModelCommitment {
        bytes32 modelHash;
        bytes32 circuitHash;
        bytes32 vkHash;
        bytes4 proofSystemId;
        string uri;
    }

    event ModelRegistered(uint256 indexed modelId, address indexed owner, ModelCommitment commitment);
    event ModelUpdated(uint256 indexed modelId, ModelCommitment oldCommitment, ModelCommitment newCommitment);
    event ModelDeprecated(uint256 indexed modelId);

    /// @notice No model has this id here.
    error ModelNotFound(uint256 modelId);
    /// @notice Only the model's owner may do this.
    error NotModelOwner(uint256 modelId, address caller);

    /// @notice Registers a model under an id of its own.
    function registerModel(ModelCommitment calldata commitment) external returns (uint256 modelId);

    /// @notice Replaces a model's commitment. Only the owner may.
    function updateModel(uint256 modelId, ModelCommitment calldata newCommitment) external;

    /// @notice Ends a model. Only the owner may.
    function deprecateModel(uint256 modelId) external;

    /// @notice A model's commitment, whether it is ended, and its owner.
    function getModel(uint256 modelId)
        external
        view
        returns (ModelCommitment memory commitment, bool deprecated, address owner);
}

/// @title ERC-7992 (draft): verifier of inferences
/// @notice Same source.
interface IErc7992Verifier {
    event InferenceVerified(
        uint256 indexed modelId, bytes32 indexed inputCommitment, bytes output, address indexed caller
    );

    /// @notice The proof does not show the statement.
    error InvalidProof();
    /// @notice The proof is of another model.
    error ModelMismatch();
    /// @notice The proof is of another input.
    error InputCommitmentMismatch();
    /// @notice The proof is of another output.
    error OutputMismatch();
    /// @notice Proofs of this system are not checked here.
    error UnsupportedProofSystem(bytes4 proofSystemId);
    /// @notice The model takes no more inferences.
    error VerificationRefused_ModelDeprecated(uint256 modelId);

    /// @notice Reverts unless `proof` shows that the model gives `output` on an input opening `inputCommitment`.
    function verifyInference(uint256 modelId, bytes32 inputCommitment, bytes calldata output, bytes calldata proof)
        external;

    /// @notice The proof system of a model.
    function proofSystemOf(uint256 modelId) external view returns (bytes4);

    /// @notice The registry (`IErc7992Registry`) that the models are in.
    function registry() external view returns (address registryAddress);
}
