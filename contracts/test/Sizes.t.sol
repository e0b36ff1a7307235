// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {CredentialRoots} from "../src/CredentialRoots.sol";
import {EligibilityPoll} from "../src/EligibilityPoll.sol";
import {FraudScreen} from "../src/FraudScreen.sol";
import {InferenceVerifier} from "../src/InferenceVerifier.sol";
import {ModelRegistry} from "../src/ModelRegistry.sol";
import {RoutedVerifier} from "../src/RoutedVerifier.sol";
import {RoutedWeightVerifier} from "../src/RoutedWeightVerifier.sol";
import {UniversalVerifier} from "../src/UniversalVerifier.sol";
import {VerifierRouter} from "../src/VerifierRouter.sol";
import {WeightVerifier} from "../src/WeightVerifier.sol";
import {AuthorisedModels} from "../src/adapters/AuthorisedModels.sol";
import {Erc7992} from "../src/adapters/Erc7992.sol";
import {Erc8004} from "../src/adapters/Erc8004.sol";
import {Erc8274} from "../src/adapters/Erc8274.sol";
import {AttestedEligibility} from "../src/examples/AttestedEligibility.sol";
import {FeeHook} from "../src/examples/FeeHook.sol";
import {IWeightVerifier} from "../src/interfaces/IWeightVerifier.sol";
import {AcceptAll} from "./helpers/Doubles.sol";
import {Eligibility} from "./helpers/Eligibility.sol";
import {Fixtures} from "./helpers/Fixtures.sol";
import {LensDouble} from "./helpers/Pools.sol";
import {EasDouble, ValidationRegistryDouble} from "./helpers/StandardDoubles.sol";

/// @dev EIP-170 limits deployed code to 24,576 bytes, EIP-3860 initialisation code to 49,152.
contract SizesTest is Fixtures, Eligibility {
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
        address halo2 = address(new AcceptAll());
        address weights = address(new WeightVerifier(halo2, bytes32(uint256(1)), 32, TERMS));
        _check("WeightVerifier", weights, type(WeightVerifier).creationCode);
        UniversalVerifier universal = new UniversalVerifier(halo2, 32, 32);
        _check("UniversalVerifier", address(universal), type(UniversalVerifier).creationCode);
        _check("VerifierRouter", address(new VerifierRouter(address(this))), type(VerifierRouter).creationCode);
        address routed = address(new RoutedVerifier(universal, 1, IWeightVerifier(address(0))));
        _check("RoutedVerifier", routed, type(RoutedVerifier).creationCode);
        address routedWeights = address(new RoutedWeightVerifier(universal, bytes32(uint256(1))));
        _check("RoutedWeightVerifier", routedWeights, type(RoutedWeightVerifier).creationCode);
    }

    function test_adaptersAndExamples() public {
        ModelRegistry registry = new ModelRegistry();
        IWeightVerifier none = IWeightVerifier(address(0));
        InferenceVerifier verifier = new InferenceVerifier(address(new AcceptAll()), 1, 32, TERMS, none);
        uint256 id = registry.registerModel(bytes32(uint256(1)), bytes32(uint256(2)), verifier, 0);
        _check("Erc7992", address(new Erc7992(registry)), type(Erc7992).creationCode);
        _check("Erc8274", address(new Erc8274(registry)), type(Erc8274).creationCode);
        address validator = address(new Erc8004(new ValidationRegistryDouble(), registry, id));
        _check("Erc8004", validator, type(Erc8004).creationCode);
        address[] memory attesters = new address[](1);
        attesters[0] = address(this);
        address gate = address(new AuthorisedModels(new EasDouble(), registry, attesters));
        _check("AuthorisedModels", gate, type(AuthorisedModels).creationCode);
        address vote = address(new AttestedEligibility(registry, rulesOf(id, 1)));
        _check("AttestedEligibility", vote, type(AttestedEligibility).creationCode);
        CredentialRoots roots = new CredentialRoots(address(this), 0);
        _check("CredentialRoots", address(roots), type(CredentialRoots).creationCode);
        id = registry.registerModel(bytes32(uint256(1)), bytes32(uint256(2)), _shape(61), 0);
        address poll = address(new EligibilityPoll(registry, id, roots, 3, 1, uint64(block.timestamp + 1)));
        _check("EligibilityPoll", poll, type(EligibilityPoll).creationCode);
        id = registry.registerModel(bytes32(uint256(1)), bytes32(uint256(2)), _shape(16), 0);
        FeeHook.Rules memory rules = FeeHook.Rules(id, 0, 0, 100, 10_000, 3000, 50);
        address hook = address(new FeeHook(address(this), new LensDouble(), registry, rules));
        _check("FeeHook", hook, type(FeeHook).creationCode);
    }

    function test_generatedVerifier() public {
        _check("Halo2Verifier", deployHalo2Verifier(), vm.getCode("Halo2Verifier.sol:Halo2Verifier"));
    }

    function _shape(uint256 outputs) private returns (InferenceVerifier) {
        return new InferenceVerifier(address(new AcceptAll()), outputs, 32, TERMS, IWeightVerifier(address(0)));
    }

    function _check(string memory name, address deployed, bytes memory creationCode) private {
        vm.assertGt(deployed.code.length, 0, name);
        vm.assertLe(deployed.code.length, RUNTIME_LIMIT, name);
        vm.assertLe(creationCode.length, INIT_LIMIT, name);
        emit log_named_uint(string.concat(name, ", bytes of runtime code"), deployed.code.length);
    }
}
