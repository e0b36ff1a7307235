// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {FraudScreen} from "../src/FraudScreen.sol";
import {InferenceVerifier} from "../src/InferenceVerifier.sol";
import {ModelRegistry} from "../src/ModelRegistry.sol";
import {RoutedVerifier} from "../src/RoutedVerifier.sol";
import {UniversalVerifier} from "../src/UniversalVerifier.sol";
import {VerifierRouter} from "../src/VerifierRouter.sol";
import {IWeightVerifier} from "../src/interfaces/IWeightVerifier.sol";
import {PublicValues} from "../src/libraries/PublicValues.sol";
import {AcceptAll, AcceptAllPacked} from "./helpers/Doubles.sol";
import {Fixtures} from "./helpers/Fixtures.sol";
import {PublicValuesHarness} from "./helpers/Harnesses.sol";
import {Honest} from "./helpers/Honest.sol";
import {Universal} from "./helpers/Universal.sol";

/// @dev Gas of our own contracts around a double that accepts everything: all of it is overhead to the generated
/// verifier. Each call is a transaction of its own (isolation), so the figures hold base cost and calldata.
/// forge-config: default.isolate = true
contract GasTest is Fixtures {
    uint256 private constant PROOF = 2048;
    bytes32 private constant INPUT = bytes32(uint256(103));

    InferenceVerifier private _verifier;
    ModelRegistry private _registry;
    FraudScreen private _screen;
    uint256 private _modelId;

    function setUp() public {
        _verifier = new InferenceVerifier(address(new AcceptAll()), 1, PROOF, TERMS, IWeightVerifier(address(0)));
        _registry = new ModelRegistry();
        _screen = new FraudScreen(_registry);
        _modelId = _registry.registerModel(bytes32(uint256(1)), bytes32(uint256(2)), _verifier, 0);
        vm.deal(address(this), 10 ether);
    }

    receive() external payable {}

    /// Figures of another hardfork would be none of today's; forge passes over settings that it does not know.
    function test_hardfork() public pure {
        vm.assertEq(bytes(vm.getEvmVersion()), "osaka", "foundry.toml: hardfork");
    }

    function test_registry() public {
        _registry.registerModel(bytes32(uint256(1)), bytes32(uint256(3)), _verifier, 0);
        vm.snapshotGasLastCall("Overhead", "registerModel");
        _registry.submit(_modelId, INPUT, scoreOutput(1), shapedProof(PROOF));
        vm.snapshotGasLastCall("Overhead", "submit, without the generated verifier");
        _registry.retireModel(_modelId);
        vm.snapshotGasLastCall("Overhead", "retireModel");
    }

    function test_fraudScreen() public {
        uint64 deadline = uint64(block.timestamp + 1);
        _screen.createPayment{value: 1}(address(0xb0b), _modelId, INPUT, 8192, deadline);
        vm.snapshotGasLastCall("Overhead", "createPayment");
        _screen.settle(1, scoreOutput(1), shapedProof(PROOF));
        vm.snapshotGasLastCall("Overhead", "settle, without the generated verifier");
        _screen.createPayment{value: 1}(address(0xb0b), _modelId, bytes32(uint256(104)), 8192, deadline);
        vm.warp(deadline);
        _screen.refund(2);
        vm.snapshotGasLastCall("Overhead", "refund");
        _screen.withdraw(address(0xcafe));
        vm.snapshotGasLastCall("Overhead", "withdraw");
    }
}

/// @dev Gas of making the instances, the group operations above all: about 7,400 a term, of which 6,408 are the two
/// calls of precompiles. One output word.
contract PublicValuesGasTest is Honest {
    function test_instances() public {
        PublicValuesHarness lib = new PublicValuesHarness();
        uint256[3] memory terms = [uint256(6), 12, 30];
        for (uint256 i = 0; i < terms.length; ++i) {
            Case memory made = honest("gas", 1, terms[i]);
            PublicValues.Statement memory statement =
                PublicValues.Statement(made.outputCount, made.program, made.weights, made.input);
            uint256 used = lib.gasOfInstances(statement, made.output, made.deferred);
            vm.snapshotValue("PublicValues", string.concat("instances, ", vm.toString(terms[i]), " terms"), used);
        }
    }
}

/// @dev The same where the generated verifier sums the terms up itself: the public values alone.
contract PackedGasTest is Honest {
    function test_calldata() public {
        PublicValuesHarness lib = new PublicValuesHarness();
        uint256[3] memory terms = [uint256(6), 12, 30];
        for (uint256 i = 0; i < terms.length; ++i) {
            Case memory made = honest("gas", 1, terms[i]);
            PublicValues.Statement memory statement =
                PublicValues.Statement(made.outputCount, made.program, made.weights, made.input);
            uint256 used = lib.gasOfPackedCalldata(statement, made.output, made.deferred, new bytes(1984));
            vm.snapshotValue("PublicValues", string.concat("packed calldata, ", vm.toString(terms[i]), " terms"), used);
        }
    }
}

/// @dev What a submission of a packed proof takes beside its transaction, calldata and the generated verifier, as calls: five
/// terms, a key of nine words and a halo2 proof of 53, as of small models. (As transactions they would cost what EIP-7623
/// asks for the calldata at least.) What was touched before is warm: 7,000 less than in a transaction.
contract PackedSubmissionGasTest is Universal {
    function test_submission() public {
        Case memory made = honest("gas", 1, 5);
        made.halo2 = _words(53);
        bytes memory key = _words(9);
        address halo2 = address(new AcceptAllPacked());
        ModelRegistry registry = new ModelRegistry();
        IWeightVerifier none = IWeightVerifier(address(0));
        InferenceVerifier direct = new InferenceVerifier(halo2, 1, made.halo2.length, 5, none);
        uint256 id = registry.registerModel(made.program, made.weights, direct, 0);
        registry.submit(id, made.input, made.output, directProof(made));
        vm.snapshotGasLastCall("Packed", "call of submit, own verifier, without the generated one");
        UniversalVerifier universal = new UniversalVerifier(halo2, key.length, made.halo2.length);
        RoutedVerifier routed = new RoutedVerifier(universal, 1, none);
        id = registry.registerModel(universalDigest(universal, key, made.program), made.weights, routed, 0);
        registry.submit(id, made.input, made.output, universalProof(made, key));
        vm.snapshotGasLastCall("Packed", "call of submit, universal verifier, without the generated one");
    }

    function _words(uint256 count) private pure returns (bytes memory words) {
        for (uint256 i = 0; i < count; ++i) {
            words = bytes.concat(words, keccak256(abi.encode(i)));
        }
    }
}

/// @dev Gas of what a proof passes before it reaches the generated universal verifier, a transaction each, as in
/// `GasTest`: three terms, a verifying key of four words and a halo2 proof of three.
/// forge-config: default.isolate = true
contract UniversalGasTest is Universal {
    function test_submission() public {
        Case memory made = honest("gas", 1, 3);
        bytes memory key = keyOf("gas");
        UniversalVerifier universal = new UniversalVerifier(address(new AcceptAll()), key.length, made.halo2.length);
        VerifierRouter router = new VerifierRouter(address(this));
        router.addRoute(universal.selector(), universal);
        vm.snapshotGasLastCall("Overhead", "addRoute");
        ModelRegistry registry = new ModelRegistry();
        IWeightVerifier none = IWeightVerifier(address(0));
        bytes32 digest = universalDigest(universal, key, made.program);
        bytes memory proof = universalProof(made, key);
        uint256 id = registry.registerModel(digest, made.weights, new RoutedVerifier(universal, 1, none), 0);
        registry.submit(id, made.input, made.output, proof);
        vm.snapshotGasLastCall("Overhead", "submit to a universal verifier, without the generated one");
        id = registry.registerModel(digest, made.weights, new RoutedVerifier(router, 1, none), 0);
        registry.submit(id, made.input, made.output, bytes.concat(bytes32(universal.selector()), proof));
        vm.snapshotGasLastCall("Overhead", "submit to a router, without the generated verifier");
    }
}

/// @dev Gas of the real thing, a transaction each.
/// forge-config: default.isolate = true
contract RealProofGasTest is Fixtures {
    function test_submission() public {
        Proven memory fraud = load(FRAUD);
        InferenceVerifier verifier = deployVerifier(deployHalo2Verifier(), fraud);
        ModelRegistry registry = new ModelRegistry();
        uint256 modelId = registry.registerModel(fraud.programDigest, fraud.weightCommitment, verifier, 0);
        registry.submit(modelId, fraud.inputCommitment, fraud.output, fraud.proof);
        vm.snapshotGasLastCall("Fraud", "submit");
        vm.snapshotValue("Fraud", "calldata bytes of submit", 4 + 4 * 32 + 64 + 32 + fraud.proof.length);
    }

    function test_settlement() public {
        Proven memory fraud = load(FRAUD);
        InferenceVerifier verifier = deployVerifier(deployHalo2Verifier(), fraud);
        ModelRegistry registry = new ModelRegistry();
        FraudScreen screen = new FraudScreen(registry);
        uint256 modelId = registry.registerModel(fraud.programDigest, fraud.weightCommitment, verifier, 0);
        vm.deal(address(this), 1);
        uint64 deadline = uint64(block.timestamp + 1);
        screen.createPayment{value: 1}(address(0xb0b), modelId, fraud.inputCommitment, 16384, deadline);
        screen.settle(1, fraud.output, fraud.proof);
        vm.snapshotGasLastCall("Fraud", "settle");
    }
}
