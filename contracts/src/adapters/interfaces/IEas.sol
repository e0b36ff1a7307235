// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

/// @title Ethereum Attestation Service: how an attestation is read
/// @notice Written after ethereum-attestation-service/eas-contracts, commit 0004f19 (version 1.1 and later have this layout).
interface IEas {
    /// @notice An attestation.
    /// @param uid Its id; zero where there is none.
    /// @param schema Id of what its data are.
    /// @param time When it was made.
    /// @param expirationTime When it ends, or zero.
    /// @param revocationTime When it was revoked, or zero.
    /// @param refUID Another attestation that it is about, or zero.
    /// @param recipient Whom it is about, or zero.
    /// @param attester Who made it.
    /// @param revocable Whether it can be revoked.
    /// @param data As the schema says.
    struct Attestation {
        bytes32 uid;
        bytes32 schema;
        uint64 time;
        uint64 expirationTime;
        uint64 revocationTime;
        bytes32 refUID;
        address recipient;
        address attester;
        bool revocable;
        bytes data;
    }

    /// @notice An attestation; all zero where there is none.
    function getAttestation(bytes32 uid) external view returns (Attestation memory);
}
