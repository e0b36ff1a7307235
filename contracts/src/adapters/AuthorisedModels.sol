// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {CanonicalCalldata} from "../libraries/CanonicalCalldata.sol";
import {RegistryCaller} from "./RegistryCaller.sol";
import {IEas} from "./interfaces/IEas.sol";

/// @title Models that somebody answers for, by an attestation of the Ethereum Attestation Service
/// @notice Registering a model vouches for nothing. Here a proof counts only while one of the listed attesters, say an
/// auditor or a regulator, has attested the model by its id: the attestation exists, is of this schema and of this model, has not
/// expired and is not revoked. Attesters are fixed at construction, and there is no owner.
///
/// The schema is `uint256 modelId`, without a resolver, revocable; its id is `SCHEMA`, the same on every chain, and anyone may
/// register it (`SchemaRegistry.register("uint256 modelId", 0, true)`). A model's id is a hash of its content, its registry and the
/// chain, so an attestation of it is of nothing else. The recipient, which may be the model's owner, and `refUID` are not read.
contract AuthorisedModels is RegistryCaller {
    /// @dev Head words of `verifyInference`: model, attestation, input commitment and two offsets.
    uint256 private constant INFERENCE_HEAD_WORDS = 5;

    /// @notice Id of the schema: hash of its text, its resolver and whether its attestations can be revoked.
    bytes32 public constant SCHEMA = keccak256(abi.encodePacked("uint256 modelId", address(0), true));

    /// @notice The attestation service.
    IEas public immutable eas;

    /// @notice Whether an account's attestations count.
    mapping(address account => bool) public isAttester;

    event AttesterListed(address indexed attester);

    /// @notice There is no code at the attestation service's address.
    error EasWithoutCode(address eas);
    /// @notice Without attesters nothing would ever be accepted.
    error NoAttesters();
    /// @notice The zero address attests nothing.
    error ZeroAttester();
    /// @notice There is no such attestation.
    error AttestationNotFound(bytes32 uid);
    /// @notice The attestation is of another schema.
    error SchemaMismatch(bytes32 uid, bytes32 expected, bytes32 found);
    /// @notice The attestation's maker is not listed.
    error AttesterNotListed(bytes32 uid, address attester);
    /// @notice The attestation has ended.
    error AttestationExpired(bytes32 uid, uint64 expirationTime);
    /// @notice The attestation was revoked.
    error AttestationRevoked(bytes32 uid, uint64 revocationTime);
    /// @notice The attestation is of another model.
    error AttestationOfOtherModel(bytes32 uid, uint256 modelId);

    /// @param service The attestation service, already deployed.
    /// @param models The model registry.
    /// @param attesters Whose attestations count.
    constructor(IEas service, IModelRegistry models, address[] memory attesters) RegistryCaller(models) {
        if (address(service).code.length == 0) revert EasWithoutCode(address(service));
        if (attesters.length == 0) revert NoAttesters();
        eas = service;
        for (uint256 i = 0; i < attesters.length; ++i) {
            if (attesters[i] == address(0)) revert ZeroAttester();
            isAttester[attesters[i]] = true;
            emit AttesterListed(attesters[i]);
        }
    }

    /// @notice Reverts unless the attestation `uid` authorises the model now.
    function requireAuthorised(uint256 modelId, bytes32 uid) public view {
        IEas.Attestation memory found = eas.getAttestation(uid);
        if (uid == 0 || found.uid != uid) revert AttestationNotFound(uid);
        if (found.schema != SCHEMA) revert SchemaMismatch(uid, SCHEMA, found.schema);
        if (!isAttester[found.attester]) revert AttesterNotListed(uid, found.attester);
        if (found.revocationTime != 0) revert AttestationRevoked(uid, found.revocationTime);
        if (found.expirationTime != 0 && block.timestamp >= found.expirationTime) {
            revert AttestationExpired(uid, found.expirationTime);
        }
        if (keccak256(found.data) != keccak256(abi.encode(modelId))) revert AttestationOfOtherModel(uid, modelId);
    }

    /// @notice As `IModelRegistry.verifyInference`, for a model that the attestation `uid` authorises.
    /// @dev Records nothing, as that.
    /// @return statementHash The statement's replay key.
    function verifyInference(
        uint256 modelId,
        bytes32 uid,
        bytes32 inputCommitment,
        bytes calldata output,
        bytes calldata proof
    ) external view returns (bytes32 statementHash) {
        CanonicalCalldata.requireTails(INFERENCE_HEAD_WORDS, output, proof);
        requireAuthorised(modelId, uid);
        return modelRegistry.verifyInference(modelId, inputCommitment, output, proof);
    }
}
