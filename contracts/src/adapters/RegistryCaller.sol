// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IModelRegistry} from "../interfaces/IModelRegistry.sol";

/// @title What has its proofs checked by a model registry
/// @notice The registry has no administrator and is never upgraded, so its address is enough to pin it.
abstract contract RegistryCaller {
    /// @notice Where models are registered and their proofs checked.
    IModelRegistry public immutable modelRegistry;

    /// @notice The model registry is the zero address.
    error ZeroRegistry();
    /// @notice There is no code at the model registry's address.
    error RegistryWithoutCode(address registry);

    /// @param models The registry, already deployed.
    constructor(IModelRegistry models) {
        if (address(models) == address(0)) revert ZeroRegistry();
        if (address(models).code.length == 0) revert RegistryWithoutCode(address(models));
        modelRegistry = models;
    }

    /// @dev The model, or a revert where there is none or it takes no more inferences.
    function _usableModel(uint256 modelId) internal view returns (IModelRegistry.Model memory model) {
        model = modelRegistry.getModel(modelId);
        if (model.retired) revert IModelRegistry.ModelIsRetired(modelId);
    }
}
