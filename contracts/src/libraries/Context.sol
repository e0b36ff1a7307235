// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {StatementLib} from "./StatementLib.sol";

/// @title What a proof is for
/// @notice A proof is a bearer artefact: whoever sees it in the mempool can send it himself, to anyone who takes it. Its
/// context, a word of the statement without meaning to the circuit, ties it to a use. A contract that acts on a proof
/// computes the context that it must have, here, and compares; another chain, contract, sender or choice has another.
///
/// `laminate context` and the client's `contextOf` and `scopeOf` compute the same.
library Context {
    /// @notice Separates contexts from every other hash in use.
    bytes32 internal constant CONTEXT_DOMAIN = keccak256("laminate.context.v1");
    /// @notice Separates scopes from every other hash in use.
    bytes32 internal constant SCOPE_DOMAIN = keccak256("laminate.scope.v1");

    /// @notice The context of a proof for this contract on this chain.
    /// @param sender Who must send it; zero if anyone may, as a relayer.
    /// @param choice What is done with it: a vote, a recipient, or the hash of more.
    function contextOf(address sender, uint256 choice) internal view returns (uint256) {
        bytes32 hash = keccak256(abi.encode(CONTEXT_DOMAIN, block.chainid, address(this), sender, choice));
        return uint256(hash) % StatementLib.SCALAR_MODULUS;
    }

    /// @notice The scope in which a credential leaves one nullifier, for this contract on this chain.
    /// @dev No sender belongs into it: a member with two addresses would have two nullifiers.
    /// @param subject Tells scopes of one contract apart.
    function scopeOf(uint256 subject) internal view returns (uint256) {
        bytes32 hash = keccak256(abi.encode(SCOPE_DOMAIN, block.chainid, address(this), subject));
        return uint256(hash) % StatementLib.SCALAR_MODULUS;
    }
}
