// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {FraudScreen} from "../src/FraudScreen.sol";
import {InferenceVerifier} from "../src/InferenceVerifier.sol";
import {ModelRegistry} from "../src/ModelRegistry.sol";
import {IWeightVerifier} from "../src/interfaces/IWeightVerifier.sol";
import {AcceptAll} from "./helpers/Doubles.sol";
import {Fixtures} from "./helpers/Fixtures.sol";

/// @dev EIP-170 limits deployed code to 24,576 bytes, EIP-3860 initialisation code to 49,152.
contract SizesTest is Fixtures {
    uint256 private constant RUNTIME_LIMIT = 24_576;
    uint256 private constant INIT_LIMIT = 49_152;

    function test_ownContracts() public {
        ModelRegistry registry = new ModelRegistry();
        _check("ModelRegistry", address(registry), type(ModelRegistry).creationCode);
        address screen = address(new FraudScreen(registry));
        _check("FraudScreen", screen, type(FraudScreen).creationCode);
        address verifier =
            address(new InferenceVerifier(address(new AcceptAll()), 1, 32, TERMS, IWeightVerifier(address(0))));
        _check("InferenceVerifier", verifier, type(InferenceVerifier).creationCode);
    }

    function test_generatedVerifier() public {
        _check("Halo2Verifier", deployHalo2Verifier(), vm.getCode("Halo2Verifier.sol:Halo2Verifier"));
    }

    function _check(string memory name, address deployed, bytes memory creationCode) private {
        vm.assertGt(deployed.code.length, 0, name);
        vm.assertLe(deployed.code.length, RUNTIME_LIMIT, name);
        vm.assertLe(creationCode.length, INIT_LIMIT, name);
        emit log_named_uint(string.concat(name, ", bytes of runtime code"), deployed.code.length);
    }
}
