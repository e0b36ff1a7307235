// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {FeeHook} from "../src/examples/FeeHook.sol";
import {IStateView} from "../src/examples/interfaces/IUniswapV4.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {Vm} from "../test/helpers/Vm.sol";
import {Ceremony} from "./Ceremony.sol";

/// @title Deploys a fee hook at an address that a pool manager calls
/// @notice `forge script contracts/script/DeployFeeHook.s.sol --rpc-url URL --broadcast --account NAME
/// --sig "run(address,address,address,(uint256,int8,int8,uint24,uint24,uint24,uint32))" POOL_MANAGER STATE_VIEW REGISTRY
/// "(MODEL,INPUT_SCALE,OUTPUT_SCALE,LEAST_FEE,MOST_FEE,BASE_FEE,LIFETIME)"`
/// @dev The lowest bits of a hook's address say what it is called for, so that a salt is looked for that gives such an address.
contract DeployFeeHook is Ceremony {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @notice Creates contracts at addresses known beforehand; the same on every chain.
    address public constant FACTORY = 0x4e59b44847b379578588920cA78FbF26c0B4956C;
    uint256 private constant TRIES = 2 ** 18;

    error FactoryMissing();
    error NoSaltFound();
    error DeploymentFailed();

    function run(address manager, IStateView lens, IModelRegistry registry, FeeHook.Rules calldata rules)
        external
        returns (FeeHook hook)
    {
        _requireCeremony(registry, rules.modelId);
        if (FACTORY.code.length == 0) revert FactoryMissing();
        bytes memory creation = bytes.concat(type(FeeHook).creationCode, abi.encode(manager, lens, registry, rules));
        (bytes32 salt, address at) = mine(keccak256(creation));
        if (at.code.length != 0) return FeeHook(at);
        vm.startBroadcast();
        // slither-disable-next-line low-level-calls
        (bool done,) = FACTORY.call(bytes.concat(salt, creation));
        vm.stopBroadcast();
        if (!done || at.code.length == 0) revert DeploymentFailed();
        return FeeHook(at);
    }

    /// @notice The first salt that gives an address with the hook's flags, and the address.
    function mine(bytes32 creationHash) public pure returns (bytes32 salt, address at) {
        for (uint256 i = 0; i < TRIES; ++i) {
            salt = bytes32(i);
            at = address(uint160(uint256(keccak256(abi.encodePacked(hex"ff", FACTORY, salt, creationHash)))));
            // 0x1080, as the hook says.
            if (uint160(at) & 0x3fff == 0x1080) return (salt, at);
        }
        revert NoSaltFound();
    }
}
