// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {FraudScreen} from "../src/FraudScreen.sol";
import {InferenceVerifier} from "../src/InferenceVerifier.sol";
import {ModelRegistry} from "../src/ModelRegistry.sol";
import {IWeightVerifier} from "../src/interfaces/IWeightVerifier.sol";
import {Vm} from "../test/helpers/Vm.sol";

/// @title Deploys the fraud model's verifier, its wrapper, a registry and the example application
/// @notice `forge script contracts/script/Deploy.s.sol --rpc-url URL --broadcast --account NAME`. The figures come from
/// `contracts/src/generated/verifier.json`, which the `laminate` CLI writes beside the generated verifier:
/// `outputCount`, `proofLength` (bytes of the halo2 proof alone), `terms` (terms of the deferred sum in a proof),
/// `developmentSrs` (true when whoever made the keys knows how to forge proofs), and whether there is a `weights`.
contract Deploy {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    string private constant DESCRIPTION = "contracts/src/generated/verifier.json";

    struct Deployment {
        address halo2Verifier;
        InferenceVerifier inferenceVerifier;
        ModelRegistry registry;
        FraudScreen fraudScreen;
    }

    /// @notice A verifier of a development SRS may only be deployed on a local chain.
    error DevelopmentSrsOnPublicChain(uint256 chainId);
    error DeploymentFailed();
    /// @notice Models of this verifier need a verifier of commitment proofs: deploy with `laminate deploy`.
    error WeightVerifierNotDeployed();

    function run() external returns (Deployment memory deployment) {
        string memory json = vm.readFile(DESCRIPTION);
        bool development = vm.parseJsonBool(json, ".developmentSrs");
        if (development && !isLocal(block.chainid)) revert DevelopmentSrsOnPublicChain(block.chainid);

        if (vm.keyExistsJson(json, ".weights")) revert WeightVerifierNotDeployed();

        bytes memory creationCode = vm.getCode("Halo2Verifier.sol:Halo2Verifier");
        uint256 outputs = vm.parseJsonUint(json, ".outputCount");
        uint256 proofLength = vm.parseJsonUint(json, ".proofLength");
        uint256 terms = vm.parseJsonUint(json, ".terms");

        vm.startBroadcast();
        address halo2;
        assembly ("memory-safe") {
            halo2 := create(0, add(creationCode, 32), mload(creationCode))
        }
        if (halo2 == address(0)) revert DeploymentFailed();
        deployment.halo2Verifier = halo2;
        deployment.inferenceVerifier =
            new InferenceVerifier(halo2, outputs, proofLength, terms, IWeightVerifier(address(0)));
        deployment.registry = new ModelRegistry();
        deployment.fraudScreen = new FraudScreen(deployment.registry);
        vm.stopBroadcast();
    }

    /// @notice Chain ids of the usual local nodes: anvil and hardhat, geth --dev.
    function isLocal(uint256 chainId) public pure returns (bool) {
        return chainId == 31337 || chainId == 1337;
    }
}
