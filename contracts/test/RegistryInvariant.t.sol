// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {InferenceVerifier} from "../src/InferenceVerifier.sol";
import {ModelRegistry} from "../src/ModelRegistry.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {IWeightVerifier} from "../src/interfaces/IWeightVerifier.sol";
import {AcceptAll} from "./helpers/Doubles.sol";
import {TestBase} from "./helpers/TestBase.sol";

/// @dev Drives a registry with random owners, models and statements, and keeps what it saw at registration.
contract RegistryHandler is TestBase {
    uint256 private constant PROOF = 64;

    ModelRegistry public immutable registry;
    InferenceVerifier[2] private _verifiers;
    bytes private _proof;

    uint256[] public ids;
    mapping(uint256 id => bytes32) public asRegistered;
    mapping(uint256 id => bool) public seenRetired;
    bytes32[] public submitted;
    /// Calls that must never succeed, and did.
    uint256 public wrongs;

    constructor() {
        registry = new ModelRegistry();
        address halo2 = address(new AcceptAll());
        _verifiers = [
            new InferenceVerifier(halo2, 1, PROOF, TERMS, IWeightVerifier(address(0))),
            new InferenceVerifier(halo2, 1, PROOF, TERMS, IWeightVerifier(address(0)))
        ];
        _proof = shapedProof(PROOF);
    }

    function register(uint256 owner, uint256 program, uint256 weights, uint256 verifier) external {
        address sender = _owner(owner);
        bytes32 p = bytes32(bound(program, 1, 3));
        bytes32 w = bytes32(bound(weights, 1, 3));
        InferenceVerifier v = _verifiers[verifier % 2];
        uint256 expected = registry.modelIdOf(sender, p, w, v, 0);
        bool known = asRegistered[expected] != 0;
        vm.prank(sender);
        try registry.registerModel(p, w, v, 0) returns (uint256 id) {
            if (known || id != expected) ++wrongs;
            ids.push(id);
            asRegistered[id] = fixedPart(id);
        } catch {
            if (!known) ++wrongs;
        }
    }

    function retire(uint256 which, uint256 caller) external {
        if (ids.length == 0) return;
        uint256 id = ids[which % ids.length];
        address sender = _owner(caller);
        bool allowed = registry.getModel(id).owner == sender && !seenRetired[id];
        vm.prank(sender);
        try registry.retireModel(id) {
            if (!allowed) ++wrongs;
            seenRetired[id] = true;
        } catch {
            if (allowed) ++wrongs;
        }
    }

    function submit(uint256 which, uint256 input, uint256 score) external {
        if (ids.length == 0) return;
        uint256 id = ids[which % ids.length];
        bytes32 commitment = bytes32(bound(input, 0, 2));
        bytes memory output = scoreOutput(int256(bound(score, 0, 1)));
        bytes32 statement = registry.hashStatement(id, commitment, output);
        bool allowed = !seenRetired[id] && !registry.isSubmitted(statement);
        try registry.submit(id, commitment, output, _proof) {
            if (!allowed) ++wrongs;
            submitted.push(statement);
        } catch {
            if (allowed) ++wrongs;
        }
    }

    function idCount() external view returns (uint256) {
        return ids.length;
    }

    function submittedCount() external view returns (uint256) {
        return submitted.length;
    }

    /// @dev Everything of a model that must never change.
    function fixedPart(uint256 id) public view returns (bytes32) {
        IModelRegistry.Model memory model = registry.getModel(id);
        model.retired = false;
        return keccak256(abi.encode(model));
    }

    function _owner(uint256 seed) private pure returns (address) {
        return address(uint160(0x1000 + seed % 3));
    }
}

contract RegistryInvariantTest is TestBase {
    RegistryHandler private _handler;
    ModelRegistry private _registry;

    function setUp() public {
        _handler = new RegistryHandler();
        _registry = _handler.registry();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    /// Ids stay where they were listed, and mean what they meant at registration.
    function invariant_idsAreImmutableAndAppendOnly() public view {
        uint256 count = _handler.idCount();
        vm.assertEq(_registry.modelCount(), count, "count");
        for (uint256 i = 0; i < count; ++i) {
            uint256 id = _handler.ids(i);
            vm.assertEq(_registry.modelIdAt(i), id, "place");
            vm.assertEq(_handler.fixedPart(id), _handler.asRegistered(id), "content");
        }
    }

    function invariant_retiredStaysRetired() public view {
        for (uint256 i = 0; i < _handler.idCount(); ++i) {
            uint256 id = _handler.ids(i);
            vm.assertEq(_registry.getModel(id).retired, _handler.seenRetired(id), "retired");
        }
    }

    /// A recorded statement stays recorded, and no forbidden call has ever succeeded (nor an allowed one failed).
    function invariant_statementsStayRecorded() public view {
        for (uint256 i = 0; i < _handler.submittedCount(); ++i) {
            vm.assertTrue(_registry.isSubmitted(_handler.submitted(i)), "recorded");
        }
        vm.assertEq(_handler.wrongs(), 0, "wrong outcomes");
    }
}
