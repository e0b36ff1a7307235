// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {Deploy} from "./Deploy.s.sol";

/// @title What deployments on a registry ask of a model first
abstract contract Ceremony {
    /// @notice What checks the model's proofs cannot be told, and so not whether its reference string is a development one.
    error VerifierUnknown(uint256 modelId);

    /// @dev Nothing is at stake on a local chain. Elsewhere anyone could forge proofs of a development reference string, and so
    /// votes and fees.
    function _requireCeremony(IModelRegistry registry, uint256 modelId) internal {
        Deploy deploy = new Deploy();
        if (deploy.isLocal(block.chainid)) return;
        address halo2 = registry.routeOf(modelId).halo2;
        if (halo2 == address(0)) revert VerifierUnknown(modelId);
        if (deploy.isDevelopment(halo2.code)) revert Deploy.DevelopmentSrsOnPublicChain(block.chainid);
    }
}
