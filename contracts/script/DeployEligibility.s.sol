// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {AttestedEligibility} from "../src/examples/AttestedEligibility.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {Vm} from "../test/helpers/Vm.sol";
import {Ceremony} from "./Ceremony.sol";

/// @title Deploys a vote on a registry that is deployed already
/// @notice `forge script contracts/script/DeployEligibility.s.sol --rpc-url URL --broadcast --account NAME
/// --sig "run(address,(uint256,address,bytes32,int16,uint256,uint64))" REGISTRY "(MODEL,ISSUER,SCHEMA,THRESHOLD,CHOICES,CLOSES)"`
contract DeployEligibility is Ceremony {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @param registry The model registry.
    /// @param rules What the vote is held by.
    function run(IModelRegistry registry, AttestedEligibility.Rules calldata rules)
        external
        returns (AttestedEligibility vote)
    {
        _requireCeremony(registry, rules.modelId);
        vm.startBroadcast();
        vote = new AttestedEligibility(registry, rules);
        vm.stopBroadcast();
    }
}
