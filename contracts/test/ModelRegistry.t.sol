// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {InferenceVerifier} from "../src/InferenceVerifier.sol";
import {ModelRegistry} from "../src/ModelRegistry.sol";
import {IERC165} from "../src/interfaces/IERC165.sol";
import {IHalo2Caller} from "../src/interfaces/IHalo2Caller.sol";
import {IInferenceVerifier} from "../src/interfaces/IInferenceVerifier.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {IWeightVerifier} from "../src/interfaces/IWeightVerifier.sol";
import {StatementLib} from "../src/libraries/StatementLib.sol";
import {AcceptAll, RejectAll} from "./helpers/Doubles.sol";
import {TestBase} from "./helpers/TestBase.sol";

/// @dev The registry's logic around a double that accepts every proof; real proofs are in `RealProof.t.sol`.
contract ModelRegistryTest is TestBase {
    uint256 private constant PROOF = 320;
    bytes32 private constant PROGRAM = bytes32(uint256(101));
    bytes32 private constant WEIGHTS = bytes32(uint256(102));
    bytes32 private constant INPUT = bytes32(uint256(103));
    bytes32 private constant METADATA = keccak256("https://example.invalid/model.json");
    address private constant OWNER = address(0xa11ce);
    address private constant STRANGER = address(0xb0b);

    address private _halo2;
    InferenceVerifier private _verifier;
    ModelRegistry private _registry;
    uint256 private _modelId;
    bytes private _output;
    bytes private _proof;

    event ModelRegistered(
        uint256 indexed modelId,
        address indexed owner,
        bytes32 programDigest,
        bytes32 weightCommitment,
        address verifier,
        bytes32 metadataHash
    );
    event ModelRetired(uint256 indexed modelId, address indexed owner);
    event InferenceVerified(
        uint256 indexed modelId,
        bytes32 indexed inputCommitment,
        bytes32 indexed statementHash,
        address caller,
        bytes output
    );

    function setUp() public {
        _halo2 = address(new AcceptAll());
        _verifier = new InferenceVerifier(_halo2, 1, PROOF, TERMS, IWeightVerifier(address(0)));
        _registry = new ModelRegistry();
        vm.prank(OWNER);
        _modelId = _registry.registerModel(PROGRAM, WEIGHTS, _verifier, METADATA);
        _output = scoreOutput(1234);
        _proof = shapedProof(PROOF);
    }

    function test_registers() public {
        bytes32 weights = bytes32(uint256(7));
        uint256 expected = _registry.modelIdOf(STRANGER, PROGRAM, weights, _verifier, METADATA);
        vm.warp(1000);
        vm.expectEmit(true, true, true, true, address(_registry));
        emit ModelRegistered(expected, STRANGER, PROGRAM, weights, address(_verifier), METADATA);
        vm.prank(STRANGER);
        uint256 modelId = _registry.registerModel(PROGRAM, weights, _verifier, METADATA);

        IModelRegistry.Model memory model = _registry.getModel(modelId);
        vm.assertEq(modelId, expected, "id");
        vm.assertEq(model.programDigest, PROGRAM, "program");
        vm.assertEq(model.weightCommitment, weights, "weights");
        vm.assertEq(model.metadataHash, METADATA, "metadata");
        vm.assertEq(model.verifierCodeHash, address(_verifier).codehash, "code hash");
        vm.assertEq(address(model.verifier), address(_verifier), "verifier");
        vm.assertEq(model.owner, STRANGER, "owner");
        vm.assertEq(model.registeredAt, 1000, "time");
        vm.assertEq(model.retired, false, "retired");
        vm.assertEq(_registry.modelCount(), 2, "count");
        vm.assertEq(_registry.modelIdAt(0), _modelId, "first");
        vm.assertEq(_registry.modelIdAt(1), modelId, "second");
    }

    function test_registrationRefusals() public {
        vm.expectRevert(IModelRegistry.ZeroCommitment.selector);
        _registry.registerModel(0, WEIGHTS, _verifier, METADATA);
        vm.expectRevert(IModelRegistry.ZeroCommitment.selector);
        _registry.registerModel(PROGRAM, 0, _verifier, METADATA);
        vm.expectRevert(IModelRegistry.ZeroModelVerifier.selector);
        _registry.registerModel(PROGRAM, WEIGHTS, IInferenceVerifier(address(0)), METADATA);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelVerifierWithoutCode.selector, STRANGER));
        _registry.registerModel(PROGRAM, WEIGHTS, IInferenceVerifier(STRANGER), METADATA);
        vm.expectRevert(abi.encodeWithSelector(StatementLib.ValueNotCanonical.selector, 2, R));
        _registry.registerModel(bytes32(R), WEIGHTS, _verifier, METADATA);
        vm.expectRevert(abi.encodeWithSelector(StatementLib.ValueNotCanonical.selector, 3, R + 1));
        _registry.registerModel(PROGRAM, bytes32(R + 1), _verifier, METADATA);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelExists.selector, _modelId));
        vm.prank(OWNER);
        _registry.registerModel(PROGRAM, WEIGHTS, _verifier, METADATA);
        vm.assertEq(_registry.modelCount(), 1, "none added");
    }

    /// Nobody can take another's id, or stop its registration, by registering the same commitments first.
    function testFuzz_idsBelongToTheirOwners(address other) public {
        vm.assume(other != OWNER && other != address(0));
        vm.prank(other);
        vm.assertNotEq(_registry.registerModel(PROGRAM, WEIGHTS, _verifier, METADATA), _modelId, "id");
        vm.assertEq(_registry.getModel(_modelId).owner, OWNER, "owner");
    }

    /// The id written out again: under the domain, of chain, registry, owner and all that is registered.
    function testFuzz_idsAreHashesOfWhatTheyName(
        address owner,
        bytes32 program,
        bytes32 weights,
        address verifier,
        bytes32 metadata,
        uint64 chain
    ) public {
        vm.chainId(bound(chain, 1, type(uint64).max - 1));
        bytes memory named = bytes.concat(
            keccak256("laminate.model.v1"),
            bytes32(block.chainid),
            bytes32(uint256(uint160(address(_registry)))),
            bytes32(uint256(uint160(owner)))
        );
        named = bytes.concat(named, program, weights, bytes32(uint256(uint160(verifier))), metadata);
        uint256 id = _registry.modelIdOf(owner, program, weights, IInferenceVerifier(verifier), metadata);
        vm.assertEq(id, uint256(keccak256(named)), "id");
    }

    /// Each part of what is registered makes another id, and a registration of its own.
    function test_idsDifferByEachPart() public {
        uint256 chain = block.chainid;
        vm.chainId(chain + 1);
        vm.startPrank(OWNER);
        vm.assertNotEq(_registry.registerModel(PROGRAM, WEIGHTS, _verifier, METADATA), _modelId, "chain");
        vm.chainId(chain);
        vm.assertNotEq(_registry.registerModel(PROGRAM, WEIGHTS, _verifier, 0), _modelId, "metadata");
        vm.assertNotEq(_registry.registerModel(WEIGHTS, WEIGHTS, _verifier, METADATA), _modelId, "program");
        vm.assertNotEq(_registry.registerModel(PROGRAM, PROGRAM, _verifier, METADATA), _modelId, "weights");
        InferenceVerifier again = new InferenceVerifier(_halo2, 1, PROOF, TERMS, IWeightVerifier(address(0)));
        vm.assertNotEq(_registry.registerModel(PROGRAM, WEIGHTS, again, METADATA), _modelId, "verifier");
        vm.stopPrank();
        vm.assertEq(_registry.modelCount(), 6, "all of them");
    }

    function test_retireIsOneWay() public {
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.NotModelOwner.selector, _modelId, STRANGER));
        vm.prank(STRANGER);
        _registry.retireModel(_modelId);

        vm.expectEmit(true, true, true, true, address(_registry));
        emit ModelRetired(_modelId, OWNER);
        vm.prank(OWNER);
        _registry.retireModel(_modelId);
        vm.assertEq(_registry.getModel(_modelId).retired, true, "retired");

        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelIsRetired.selector, _modelId));
        vm.prank(OWNER);
        _registry.retireModel(_modelId);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelExists.selector, _modelId));
        vm.prank(OWNER);
        _registry.registerModel(PROGRAM, WEIGHTS, _verifier, METADATA);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelIsRetired.selector, _modelId));
        _registry.verifyInference(_modelId, INPUT, _output, _proof);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelIsRetired.selector, _modelId));
        _registry.submit(_modelId, INPUT, _output, _proof);
    }

    function testFuzz_unknownModel(uint256 modelId) public {
        vm.assume(modelId != _modelId);
        bytes memory expected = abi.encodeWithSelector(IModelRegistry.ModelNotFound.selector, modelId);
        vm.expectRevert(expected);
        _registry.getModel(modelId);
        vm.expectRevert(expected);
        _registry.retireModel(modelId);
        vm.expectRevert(expected);
        _registry.verifyInference(modelId, INPUT, _output, _proof);
        vm.expectRevert(expected);
        _registry.submit(modelId, INPUT, _output, _proof);
    }

    /// The verifier is shown the registered commitments; the caller has no argument for them.
    function test_suppliesTheCommitments() public {
        vm.expectCall(
            address(_verifier), abi.encodeCall(IInferenceVerifier.verify, (PROGRAM, WEIGHTS, INPUT, _output, _proof))
        );
        _registry.verifyInference(_modelId, INPUT, _output, _proof);
    }

    function test_submitRecordsAndEmits() public {
        bytes32 expected = _registry.hashStatement(_modelId, INPUT, _output);
        vm.assertEq(_registry.isSubmitted(expected), false, "before");
        vm.assertEq(_registry.verifyInference(_modelId, INPUT, _output, _proof), expected, "view");
        vm.assertEq(_registry.isSubmitted(expected), false, "a view records nothing");
        vm.expectEmit(true, true, true, true, address(_registry));
        emit InferenceVerified(_modelId, INPUT, expected, STRANGER, _output);
        vm.prank(STRANGER);
        vm.assertEq(_registry.submit(_modelId, INPUT, _output, _proof), expected, "hash");
        vm.assertEq(_registry.isSubmitted(expected), true, "after");
    }

    /// The same statement with other proof bytes, which the double accepts, is still the same statement.
    function testFuzz_refusesReplayWithOtherProofBytes(uint256 index, bytes32 word) public {
        index = bound(index, DEFERRED / 32, (DEFERRED + PROOF) / 32 - 1);
        bytes32 statement = _registry.submit(_modelId, INPUT, _output, _proof);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.StatementReplayed.selector, statement));
        _registry.submit(_modelId, INPUT, _output, withWord(_proof, index, uint256(word)));
    }

    function test_refusedProofRecordsNothing() public {
        InferenceVerifier rejecting =
            new InferenceVerifier(address(new RejectAll()), 1, PROOF, TERMS, IWeightVerifier(address(0)));
        uint256 modelId = _registry.registerModel(PROGRAM, WEIGHTS, rejecting, METADATA);
        vm.expectRevert(IHalo2Caller.InvalidProof.selector);
        _registry.submit(modelId, INPUT, _output, _proof);
        vm.assertEq(_registry.isSubmitted(_registry.hashStatement(modelId, INPUT, _output)), false, "recorded");
    }

    /// A statement of one chain, registry or model is no statement of another.
    function test_statementsDifferByChainRegistryAndModel() public {
        bytes32 here = _registry.submit(_modelId, INPUT, _output, _proof);

        ModelRegistry otherRegistry = new ModelRegistry();
        vm.prank(OWNER);
        uint256 otherId = otherRegistry.registerModel(PROGRAM, WEIGHTS, _verifier, METADATA);
        vm.assertNotEq(otherId, _modelId, "ids of two registries");
        vm.assertNotEq(otherRegistry.submit(otherId, INPUT, _output, _proof), here, "registry");
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelNotFound.selector, _modelId));
        otherRegistry.verifyInference(_modelId, INPUT, _output, _proof);

        uint256 secondId = _registry.registerModel(PROGRAM, bytes32(uint256(9)), _verifier, METADATA);
        vm.assertNotEq(_registry.submit(secondId, INPUT, _output, _proof), here, "model");

        vm.chainId(block.chainid + 1);
        bytes32 there = _registry.hashStatement(_modelId, INPUT, _output);
        vm.assertNotEq(there, here, "chain");
        vm.assertEq(_registry.isSubmitted(there), false, "not recorded on the other chain");
    }

    function test_refusesModelVerifierWithOtherCode() public {
        bytes32 expected = address(_verifier).codehash;
        vm.etch(address(_verifier), address(new AcceptAll()).code);
        bytes memory refusal = abi.encodeWithSelector(
            IModelRegistry.ModelVerifierCodeChanged.selector, _verifier, expected, address(_verifier).codehash
        );
        vm.expectRevert(refusal);
        _registry.verifyInference(_modelId, INPUT, _output, _proof);
        vm.expectRevert(refusal);
        _registry.submit(_modelId, INPUT, _output, _proof);
    }

    function test_refusesModelVerifierThatLostItsCode() public {
        bytes32 expected = address(_verifier).codehash;
        vm.etch(address(_verifier), "");
        vm.expectRevert(
            abi.encodeWithSelector(
                IModelRegistry.ModelVerifierCodeChanged.selector, _verifier, expected, address(_verifier).codehash
            )
        );
        _registry.submit(_modelId, INPUT, _output, _proof);
    }

    function test_interfaces() public view {
        vm.assertTrue(_registry.supportsInterface(type(IERC165).interfaceId), "ERC-165");
        vm.assertTrue(_registry.supportsInterface(type(IModelRegistry).interfaceId), "registry");
        vm.assertTrue(!_registry.supportsInterface(0xffffffff), "ERC-165 forbids this one");
        // The draft's function, so that its callers find it here.
        vm.assertEq(
            bytes32(_registry.verifyInference.selector),
            bytes32(bytes4(keccak256("verifyInference(uint256,bytes32,bytes,bytes)"))),
            "ERC-7992 selector"
        );
    }
}
