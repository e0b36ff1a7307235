// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {InferenceVerifier} from "../src/InferenceVerifier.sol";
import {ModelRegistry} from "../src/ModelRegistry.sol";
import {WeightVerifier} from "../src/WeightVerifier.sol";
import {IHalo2Caller} from "../src/interfaces/IHalo2Caller.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {IWeightVerifier} from "../src/interfaces/IWeightVerifier.sol";
import {CodePin} from "../src/libraries/CodePin.sol";
import {PublicValues} from "../src/libraries/PublicValues.sol";
import {StatementLib} from "../src/libraries/StatementLib.sol";
import {AcceptAll, AcceptExactly} from "./helpers/Doubles.sol";
import {PublicValuesHarness} from "./helpers/Harnesses.sol";
import {TestBase} from "./helpers/TestBase.sol";

/// @dev Registration of models whose weights are shown to be in range once, around a double that accepts one exact
/// calldata: another commitment, program or proof is refused by it.
contract WeightVerifierTest is TestBase {
    uint256 private constant PROOF = 320;
    bytes32 private constant PROGRAM = bytes32(uint256(101));
    bytes32 private constant WEIGHTS = bytes32(uint256(102));
    bytes32 private constant INPUT = bytes32(uint256(103));
    bytes32 private constant WEIGHT_PROGRAM = bytes32(uint256(104));

    WeightVerifier private _weights;
    InferenceVerifier private _verifier;
    ModelRegistry private _registry;
    bytes private _proof;

    function setUp() public {
        _proof = shapedProof(PROOF);
        PublicValues.Statement memory statement = PublicValues.Statement(0, WEIGHT_PROGRAM, WEIGHTS, INPUT);
        bytes memory instances = new PublicValuesHarness().instances(statement, "", slice(_proof, 0, DEFERRED));
        bytes32 expected = keccak256(bytes.concat(instances, slice(_proof, DEFERRED, DEFERRED + PROOF)));
        _weights = new WeightVerifier(address(new AcceptExactly(expected)), WEIGHT_PROGRAM, PROOF, TERMS);
        _verifier = new InferenceVerifier(address(new AcceptAll()), 1, PROOF, TERMS, _weights);
        _registry = new ModelRegistry();
    }

    function test_describesItself() public view {
        vm.assertEq(_weights.programDigest(), WEIGHT_PROGRAM, "program");
        vm.assertEq(_weights.proofLength(), PROOF, "proof length");
        vm.assertEq(_weights.termCount(), TERMS, "terms");
        vm.assertEq(address(_verifier.weightVerifier()), address(_weights), "of the model's verifier");
    }

    function test_constructionRefusals() public {
        address halo2 = address(new AcceptAll());
        vm.expectRevert(IWeightVerifier.ZeroProgramDigest.selector);
        new WeightVerifier(halo2, 0, PROOF, TERMS);
        vm.expectRevert(CodePin.ZeroVerifier.selector);
        new WeightVerifier(address(0), WEIGHT_PROGRAM, PROOF, TERMS);
        vm.expectRevert(abi.encodeWithSelector(CodePin.VerifierWithoutCode.selector, address(7)));
        new InferenceVerifier(halo2, 1, PROOF, TERMS, IWeightVerifier(address(7)));
    }

    function test_registersWithAWeightProof() public {
        uint256 id = _registry.registerModelWithWeightProof(PROGRAM, WEIGHTS, _verifier, 0, INPUT, _proof);
        vm.assertEq(_registry.getModel(id).weightCommitment, WEIGHTS, "weights");
        vm.assertEq(id, _registry.modelIdOf(address(this), PROGRAM, WEIGHTS, _verifier, 0), "id");
    }

    function test_refusesWithoutAWeightProof() public {
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.WeightProofRequired.selector, address(_weights)));
        _registry.registerModel(PROGRAM, WEIGHTS, _verifier, 0);
    }

    /// Another contract that came to stand at the address of the verifier of weights is not believed.
    function test_refusesAnotherVerifierOfWeights() public {
        bytes32 expected = address(_weights).codehash;
        vm.assertEq(_verifier.weightVerifierCodeHash(), expected, "noted at construction");
        vm.etch(address(_weights), address(new AcceptAll()).code);
        bytes32 found = address(_weights).codehash;
        vm.expectRevert(
            abi.encodeWithSelector(
                IModelRegistry.WeightVerifierCodeChanged.selector, address(_weights), expected, found
            )
        );
        _registry.registerModelWithWeightProof(PROGRAM, WEIGHTS, _verifier, 0, INPUT, _proof);
    }

    function test_refusesAWeightProofThatNobodyChecks() public {
        InferenceVerifier plain =
            new InferenceVerifier(address(new AcceptAll()), 1, PROOF, TERMS, IWeightVerifier(address(0)));
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.WeightProofNotExpected.selector, address(plain)));
        _registry.registerModelWithWeightProof(PROGRAM, WEIGHTS, plain, 0, INPUT, _proof);
    }

    /// The proof is of these weights and no others, and nothing is registered when it is refused.
    function test_refusesProofsOfOtherWeights() public {
        vm.expectRevert(IHalo2Caller.InvalidProof.selector);
        _registry.registerModelWithWeightProof(PROGRAM, bytes32(uint256(7)), _verifier, 0, INPUT, _proof);
        vm.expectRevert(IHalo2Caller.InvalidProof.selector);
        _registry.registerModelWithWeightProof(PROGRAM, WEIGHTS, _verifier, 0, bytes32(uint256(7)), _proof);
        vm.expectRevert(IHalo2Caller.InvalidProof.selector);
        _registry.registerModelWithWeightProof(
            PROGRAM, WEIGHTS, _verifier, 0, INPUT, withWord(_proof, DEFERRED / 32, 1)
        );
        vm.expectRevert(abi.encodeWithSelector(IHalo2Caller.ProofLength.selector, DEFERRED + PROOF, DEFERRED));
        _registry.registerModelWithWeightProof(PROGRAM, WEIGHTS, _verifier, 0, INPUT, slice(_proof, 0, DEFERRED));
        vm.expectRevert(abi.encodeWithSelector(StatementLib.ValueNotCanonical.selector, 4, R));
        _registry.registerModelWithWeightProof(PROGRAM, WEIGHTS, _verifier, 0, bytes32(R), _proof);
        vm.assertEq(_registry.modelCount(), 0, "none registered");
    }
}
