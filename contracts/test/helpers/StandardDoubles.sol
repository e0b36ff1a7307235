// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IEas} from "../../src/adapters/interfaces/IEas.sol";
import {IErc8004ValidationRegistry} from "../../src/adapters/interfaces/IErc8004.sol";

/// @title A validation registry as the text of ERC-8004 has it, without identities: everybody owns every agent
contract ValidationRegistryDouble is IErc8004ValidationRegistry {
    struct Status {
        address validator;
        uint256 agentId;
        uint8 response;
        bytes32 responseHash;
        string tag;
        uint256 lastUpdate;
    }

    mapping(bytes32 requestHash => Status) private _statuses;

    event ValidationResponse(
        address indexed validatorAddress,
        uint256 indexed agentId,
        bytes32 indexed requestHash,
        uint8 response,
        string responseURI,
        bytes32 responseHash,
        string tag
    );

    function validationRequest(address validator, uint256 agentId, string calldata, bytes32 requestHash) external {
        require(validator != address(0), "no validator");
        require(_statuses[requestHash].validator == address(0), "requested before");
        _statuses[requestHash] = Status(validator, agentId, 0, 0, "", block.timestamp);
    }

    function validationResponse(
        bytes32 requestHash,
        uint8 response,
        string calldata responseURI,
        bytes32 responseHash,
        string calldata tag
    ) external {
        Status storage status = _statuses[requestHash];
        require(msg.sender == status.validator, "another validator");
        require(response <= 100, "above 100");
        (status.response, status.responseHash, status.tag) = (response, responseHash, tag);
        status.lastUpdate = block.timestamp;
        emit ValidationResponse(msg.sender, status.agentId, requestHash, response, responseURI, responseHash, tag);
    }

    function getValidationStatus(bytes32 requestHash)
        external
        view
        returns (address, uint256, uint8, bytes32, string memory, uint256)
    {
        Status memory found = _statuses[requestHash];
        require(found.validator != address(0), "no such request");
        return (found.validator, found.agentId, found.response, found.responseHash, found.tag, found.lastUpdate);
    }
}

/// @title The attestation service's records: attesting, revoking by the attester, reading
contract EasDouble is IEas {
    mapping(bytes32 uid => Attestation) private _attestations;
    uint256 private _count;

    function attest(bytes32 schema, uint64 expirationTime, bytes calldata data) external returns (bytes32 uid) {
        require(expirationTime == 0 || expirationTime > block.timestamp, "expired");
        uid = keccak256(abi.encode(schema, msg.sender, data, ++_count));
        _attestations[uid] = Attestation({
            uid: uid,
            schema: schema,
            time: uint64(block.timestamp),
            expirationTime: expirationTime,
            revocationTime: 0,
            refUID: 0,
            recipient: address(0),
            attester: msg.sender,
            revocable: true,
            data: data
        });
    }

    function revoke(bytes32 uid) external {
        require(_attestations[uid].attester == msg.sender, "another attester");
        _attestations[uid].revocationTime = uint64(block.timestamp);
    }

    function getAttestation(bytes32 uid) external view returns (Attestation memory) {
        return _attestations[uid];
    }
}

/// @title A service that answers each question with one attestation
contract ConfusedEas is IEas {
    Attestation private _attestation;

    constructor(Attestation memory attestation) {
        _attestation = attestation;
    }

    function getAttestation(bytes32) external view returns (Attestation memory) {
        return _attestation;
    }
}
