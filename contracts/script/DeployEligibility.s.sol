// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {AttestedEligibility} from "../src/examples/AttestedEligibility.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {Vm} from "../test/helpers/Vm.sol";
import {Deploy} from "./Deploy.s.sol";

/// @title Deploys a vote on a registry that is deployed already
/// @notice `forge script contracts/script/DeployEligibility.s.sol --rpc-url URL --broadcast --account NAME
/// --sig "run(address,(uint256,address,bytes32,int16,uint256,uint64))" REGISTRY "(MODEL,ISSUER,SCHEMA,THRESHOLD,CHOICES,CLOSES)"`
contract DeployEligibility {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @notice What checks the model's proofs cannot be told, and so not whether its reference string is a development one.
    error VerifierUnknown(uint256 modelId);

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

    /// @dev Nothing is at stake on a local chain. Elsewhere proofs of a development reference string, which anyone can forge,
    /// would be votes.
    function _requireCeremony(IModelRegistry registry, uint256 modelId) private {
        Deploy deploy = new Deploy();
        if (deploy.isLocal(block.chainid)) return;
        address halo2 = registry.routeOf(modelId).halo2;
        if (halo2 == address(0)) revert VerifierUnknown(modelId);
        if (deploy.isDevelopment(halo2.code)) revert Deploy.DevelopmentSrsOnPublicChain(block.chainid);
    }
}
