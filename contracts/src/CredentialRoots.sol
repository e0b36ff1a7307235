// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {StatementLib} from "./libraries/StatementLib.sol";

/// @title Roots of an issuer's trees of credentials
/// @notice The issuer posts the root of each new tree. The one before stays valid for a while, so that proofs which were
/// made against it still arrive; a credential is revoked by a tree without it, and at once by `revoke` of the roots with
/// it. The leaves are hashes and are published, where `uri` says: anybody can make the root of them again
/// (`laminate credential tree`).
contract CredentialRoots {
    /// @notice Who posts roots.
    address public immutable issuer;
    /// @notice Seconds for which a root stays valid once there is a newer one.
    uint64 public immutable grace;

    /// @notice The newest root; zero before there is one.
    uint256 public latest;
    /// @notice When a root ceases to be valid; zero of one that never was.
    mapping(uint256 root => uint64) public validUntil;

    event RootPosted(uint256 indexed root, uint256 leaves, uint64 validUntil, string uri);
    event RootRevoked(uint256 indexed root);

    error NotIssuer(address caller);
    error ZeroIssuer();
    /// @notice A root is a reduced element of the scalar field other than zero.
    error RootOutOfRange(uint256 root);
    error RootPostedBefore(uint256 root);
    error EndNotInFuture(uint64 validUntil, uint256 now_);
    error RootNotValid(uint256 root);

    modifier onlyIssuer() {
        if (msg.sender != issuer) revert NotIssuer(msg.sender);
        _;
    }

    constructor(address issuer_, uint64 grace_) {
        if (issuer_ == address(0)) revert ZeroIssuer();
        issuer = issuer_;
        grace = grace_;
    }

    /// @notice Makes `root` the newest root, valid until `end` at most, and lets the one before expire after the grace.
    /// @param leaves Credentials in the tree, for people: few of them hide nobody.
    /// @param uri Where the leaves are.
    function post(uint256 root, uint256 leaves, uint64 end, string calldata uri) external onlyIssuer {
        if (root == 0 || root >= StatementLib.SCALAR_MODULUS) revert RootOutOfRange(root);
        if (validUntil[root] != 0) revert RootPostedBefore(root);
        if (end <= block.timestamp) revert EndNotInFuture(end, block.timestamp);
        uint256 before = latest;
        uint256 graceEnd = block.timestamp + grace;
        if (before != 0 && validUntil[before] > graceEnd) validUntil[before] = uint64(graceEnd);
        latest = root;
        validUntil[root] = end;
        emit RootPosted(root, leaves, end, uri);
    }

    /// @notice Ends a root at once.
    function revoke(uint256 root) external onlyIssuer {
        if (!isValid(root)) revert RootNotValid(root);
        // Not zero: it was posted, and is not posted again.
        validUntil[root] = 1;
        emit RootRevoked(root);
    }

    /// @notice Whether a root was posted and has neither expired nor been revoked.
    function isValid(uint256 root) public view returns (bool) {
        return block.timestamp < validUntil[root];
    }
}
