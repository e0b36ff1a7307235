// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IStatementVerifier} from "./IStatementVerifier.sol";

/// @title A verifier that a router can send proofs to
interface IRoutableVerifier is IStatementVerifier {
    /// @notice What proofs for this verifier are marked with. It is a hash of all that a proof must be made for, so it
    /// is the same wherever the same verifier is deployed, and another for every other one.
    function selector() external view returns (bytes4);
}
