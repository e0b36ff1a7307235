// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {AttestedEligibility} from "../../src/examples/AttestedEligibility.sol";
import {TestBase} from "./TestBase.sol";

/// @title A vote's rules, and an issuer's signatures
abstract contract Eligibility is TestBase {
    uint256 internal constant ISSUER_KEY = 0x15504;
    bytes32 internal constant SCHEMA = keccak256("resident, of age");
    address internal constant VOTER = address(0xb0b);
    address internal constant THIEF = address(0xbad);

    event Voted(address indexed voter, uint256 indexed choice, bytes32 indexed statementHash, bytes32 inputCommitment);

    /// @dev Three choices, up to time 2000.
    function rulesOf(uint256 modelId, int16 threshold) internal pure returns (AttestedEligibility.Rules memory) {
        return AttestedEligibility.Rules(modelId, vm.addr(ISSUER_KEY), SCHEMA, threshold, 3, 2000);
    }

    function sign(AttestedEligibility vote, uint256 key, address subject, bytes32 input, uint64 expiry)
        internal
        view
        returns (AttestedEligibility.Signed memory signed)
    {
        signed.expiry = expiry;
        (signed.v, signed.r, signed.s) = vm.sign(key, vote.attestationHash(subject, input, expiry));
    }
}
