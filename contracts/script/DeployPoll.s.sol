// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {CredentialRoots} from "../src/CredentialRoots.sol";
import {EligibilityPoll} from "../src/EligibilityPoll.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {Vm} from "../test/helpers/Vm.sol";
import {Ceremony} from "./Ceremony.sol";

/// @title Deploys an anonymous poll on a registry that is deployed already, and an issuer's roots of credentials for it
/// @notice `forge script contracts/script/DeployPoll.s.sol --rpc-url URL --broadcast --account NAME
/// --sig "run(address,(uint256,address,address,uint64,uint256,int16,uint64))" REGISTRY
/// "(MODEL,ROOTS,ISSUER,GRACE,CHOICES,LEAST_OUTPUT,DEADLINE)"`. With roots that are there already, `ISSUER` and `GRACE` are not
/// looked at; zero makes new ones. `laminate poll deploy` does the same and records it.
contract DeployPoll is Ceremony {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    struct Terms {
        uint256 modelId;
        CredentialRoots roots;
        address issuer;
        uint64 grace;
        uint256 choices;
        int16 leastOutput;
        uint64 deadline;
    }

    /// @param registry The model registry.
    /// @param terms What the poll is held by.
    function run(IModelRegistry registry, Terms calldata terms)
        external
        returns (CredentialRoots roots, EligibilityPoll poll)
    {
        _requireCeremony(registry, terms.modelId);
        vm.startBroadcast();
        roots = address(terms.roots) == address(0) ? new CredentialRoots(terms.issuer, terms.grace) : terms.roots;
        poll = new EligibilityPoll(registry, terms.modelId, roots, terms.choices, terms.leastOutput, terms.deadline);
        vm.stopBroadcast();
    }
}
