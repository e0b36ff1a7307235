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
/// `developmentSrs` (true when whoever made the keys knows how to forge proofs; the code is asked, too), and whether there
/// is a `weights`.
contract Deploy {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    string private constant DESCRIPTION = "contracts/src/generated/verifier.json";

    /// @dev x of `[tau]_2` of the development SRS, whose secret is public, as the generated verifier's pairing has it.
    uint256 private constant DEVELOPMENT_X1 = 0x23b416b79924c7813653b0a383214d5c8b66a88d8134d2cb75b6e14922f5e051;
    uint256 private constant DEVELOPMENT_X0 = 0x0155dc4cf583b977614d164daec230e3c246855d231361eec6bdbf96c66a001b;

    struct Deployment {
        address halo2Verifier;
        InferenceVerifier inferenceVerifier;
        ModelRegistry registry;
        FraudScreen fraudScreen;
    }

    /// @notice A verifier of a development SRS may only be deployed on a local chain.
    error DevelopmentSrsOnPublicChain(uint256 chainId);
    /// @notice The description says otherwise about the SRS than the verifier's code.
    error DevelopmentFlagContradictsCode(bool found);
    error DeploymentFailed();
    /// @notice Models of this verifier need a verifier of commitment proofs: deploy with `laminate deploy`.
    error WeightVerifierNotDeployed();

    function run() external returns (Deployment memory deployment) {
        string memory json = vm.readFile(DESCRIPTION);
        bytes memory creationCode = vm.getCode("Halo2Verifier.sol:Halo2Verifier");
        bool development = isDevelopment(creationCode);
        if (development != vm.parseJsonBool(json, ".developmentSrs")) {
            revert DevelopmentFlagContradictsCode(development);
        }
        if (development && !isLocal(block.chainid)) revert DevelopmentSrsOnPublicChain(block.chainid);

        if (vm.keyExistsJson(json, ".weights")) revert WeightVerifierNotDeployed();

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

    /// @notice Whether a verifier's code holds the secret of the development SRS.
    function isDevelopment(bytes memory code) public pure returns (bool) {
        return _holds(code, DEVELOPMENT_X1) || _holds(code, DEVELOPMENT_X0);
    }

    function _holds(bytes memory code, uint256 word) private pure returns (bool found) {
        if (code.length < 32) return false;
        assembly ("memory-safe") {
            let last := add(code, mload(code))
            for { let at := add(code, 32) } iszero(gt(at, last)) { at := add(at, 1) } {
                if eq(mload(at), word) {
                    found := 1
                    break
                }
            }
        }
    }

    /// @notice Chain ids of the usual local nodes: anvil and hardhat, geth --dev.
    function isLocal(uint256 chainId) public pure returns (bool) {
        return chainId == 31337 || chainId == 1337;
    }
}
