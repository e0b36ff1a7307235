// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {CredentialRoots} from "../src/CredentialRoots.sol";
import {EligibilityPoll} from "../src/EligibilityPoll.sol";
import {InferenceVerifier} from "../src/InferenceVerifier.sol";
import {ModelRegistry} from "../src/ModelRegistry.sol";
import {IWeightVerifier} from "../src/interfaces/IWeightVerifier.sol";
import {AcceptAll} from "./helpers/Doubles.sol";
import {Eligibility} from "./helpers/Eligibility.sol";

/// @dev With a double of the generated verifier, whose gas `Fraud.json` has.
/// forge-config: default.isolate = true
contract EligibilityPollGasTest is Eligibility {
    CredentialRoots private _roots;
    EligibilityPoll private _poll;

    function setUp() public {
        vm.warp(1000);
        ModelRegistry registry = new ModelRegistry();
        IWeightVerifier none = IWeightVerifier(address(0));
        InferenceVerifier verifier = new InferenceVerifier(address(new AcceptAll()), 61, 64, TERMS, none);
        uint256 id = registry.registerModel(bytes32(uint256(1)), bytes32(uint256(2)), verifier, 0);
        _roots = new CredentialRoots(address(this), 50);
        _poll = new EligibilityPoll(registry, id, _roots, 3, 1, 2000);
    }

    function test_gas() public {
        _roots.post(7, 100, 1500, "ipfs://leaves");
        vm.snapshotGasLastCall("Poll", "post, the first root");
        _roots.post(8, 100, 1500, "ipfs://leaves");
        vm.snapshotGasLastCall("Poll", "post, another root");
        _roots.revoke(7);
        vm.snapshotGasLastCall("Poll", "revoke");
        bytes memory proof = shapedProof(64);
        for (uint256 nullifier = R - 2; nullifier < R; ++nullifier) {
            bytes memory output =
                abi.encode(8, _poll.scope(), nullifier, _poll.contextOf(VOTER, 2), uint256(1 + 2 ** 15));
            vm.prank(VOTER);
            _poll.vote(2, VOTER, bytes32(nullifier), output, proof);
            string memory which = nullifier == R - 2 ? "the first for a choice" : "another for it";
            string memory name = string.concat("vote, ", which, ", without the check of the proof");
            vm.snapshotGasLastCall("Poll", name);
        }
        vm.assertEq(_poll.votes(2), 2, "votes");
    }
}
