// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {FraudScreen} from "../src/FraudScreen.sol";
import {InferenceVerifier} from "../src/InferenceVerifier.sol";
import {ModelRegistry} from "../src/ModelRegistry.sol";
import {IHalo2Caller} from "../src/interfaces/IHalo2Caller.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {CanonicalCalldata} from "../src/libraries/CanonicalCalldata.sol";
import {PublicValues} from "../src/libraries/PublicValues.sol";
import {Fixtures} from "./helpers/Fixtures.sol";
import {PublicValuesHarness} from "./helpers/Harnesses.sol";

/// @dev The generated verifier behind its wrapper and the registry, on real proofs: what is accepted, and the
/// statements that no proof at hand supports.
contract RealProofTest is Fixtures {
    PublicValuesHarness private _lib;
    address private _halo2;
    InferenceVerifier private _verifier;
    ModelRegistry private _registry;
    uint256 private _modelId;
    uint256 private _otherModelId;
    Proven private _fraud;
    Proven private _other;
    Proven private _otherModel;

    function setUp() public {
        _fraud = load(FRAUD);
        _other = load(FRAUD_OTHER);
        _otherModel = load(OTHER_MODEL);
        _lib = new PublicValuesHarness();
        _halo2 = deployHalo2Verifier();
        _verifier = deployVerifier(_halo2, _fraud);
        _registry = new ModelRegistry();
        _modelId = _registry.registerModel(_fraud.programDigest, _fraud.weightCommitment, _verifier, 0);
        _otherModelId = _registry.registerModel(_otherModel.programDigest, _otherModel.weightCommitment, _verifier, 0);
    }

    /// The fixtures are what they are said to be, and their instances are what `PublicValues` makes.
    function test_fixtures() public view {
        vm.assertEq(_fraud.programDigest, _other.programDigest, "one program");
        vm.assertEq(_fraud.programDigest, _otherModel.programDigest, "one program for both models");
        vm.assertEq(_fraud.weightCommitment, _other.weightCommitment, "one model");
        vm.assertNotEq(_fraud.weightCommitment, _otherModel.weightCommitment, "other weights");
        vm.assertNotEq(_fraud.inputCommitment, _other.inputCommitment, "other input");
        _checkLayout(_fraud);
        _checkLayout(_other);
        _checkLayout(_otherModel);
    }

    function test_accepts() public {
        (bytes memory data,) = rawCalldata(_fraud, _verifier.packed());
        (bool accepted,) = _halo2.staticcall{gas: CALL_GAS}(data);
        vm.assertTrue(accepted, "generated verifier");
        _registry.verifyInference(_modelId, _fraud.inputCommitment, _fraud.output, _fraud.proof);
        _registry.submit(_modelId, _fraud.inputCommitment, _fraud.output, _fraud.proof);
        _registry.submit(_modelId, _other.inputCommitment, _other.output, _other.proof);
        _registry.submit(_otherModelId, _otherModel.inputCommitment, _otherModel.output, _otherModel.proof);
    }

    /// The generated verifier refuses second spellings of a valid statement by itself.
    function test_generatedVerifierRefusesSecondSpellings() public view {
        (bytes memory data, uint256 instances) = rawCalldata(_fraud, _verifier.packed());
        for (uint256 i = 0; i < instances; ++i) {
            (bool plusR,) = _halo2.staticcall{gas: CALL_GAS}(withWord(data, i, wordAt(data, i) + R));
            vm.assertTrue(!plusR, "instance + r");
        }
        (bool trailing,) = _halo2.staticcall{gas: CALL_GAS}(bytes.concat(data, hex"00"));
        vm.assertTrue(!trailing, "trailing byte");
    }

    function test_refusesOtherWeights() public view {
        _refuse(_modelId, _otherModel.inputCommitment, _otherModel.output, _otherModel.proof, "other model's proof");
        _refuse(_otherModelId, _fraud.inputCommitment, _fraud.output, _fraud.proof, "proof under the other model");
    }

    function test_refusesOtherInput() public view {
        _refuse(_modelId, _other.inputCommitment, _fraud.output, _fraud.proof, "other input");
        _refuse(_modelId, _fraud.inputCommitment, _fraud.output, _other.proof, "other proof");
    }

    /// Every score but the proven one; the encoded range has 65536.
    function testFuzz_refusesChangedScore(uint256 score) public view {
        int256 changed = int256(bound(score, 0, 65535)) - 32768;
        if (changed == _fraud.outputs[0]) changed = -changed - 1;
        _refuse(_modelId, _fraud.inputCommitment, scoreOutput(changed), _fraud.proof, "changed score");
    }

    /// A pairing that holds, but of another proof.
    function test_refusesOtherValidTerms() public view {
        _refuseTerms(_other.proof, "the other input's terms");
        _refuseTerms(_otherModel.proof, "the other model's terms");
        // Terms of infinities: e(0, a) = e(0, b) for all a, b.
        bytes memory zeros = bytes.concat(
            new bytes(deferredLength(_fraud)), slice(_fraud.proof, deferredLength(_fraud), _fraud.proof.length)
        );
        bytes4 infinity = PublicValues.PointAtInfinity.selector;
        _refuseFor(_modelId, _fraud.inputCommitment, _fraud.output, zeros, infinity, "terms of infinities");
    }

    function test_refusesProofLengths() public view {
        bytes memory proof = _fraud.proof;
        bytes32 input = _fraud.inputCommitment;
        uint256 length = proof.length;
        bytes4 shape = IHalo2Caller.ProofLength.selector;
        bytes4 unaligned = CanonicalCalldata.UnalignedArgument.selector;
        _refuseFor(_modelId, input, _fraud.output, bytes.concat(proof, hex"00"), unaligned, "one byte more");
        _refuseFor(_modelId, input, _fraud.output, slice(proof, 0, length - 1), unaligned, "one byte less");
        _refuseFor(_modelId, input, _fraud.output, bytes.concat(proof, bytes32(0)), shape, "one word more");
        _refuseFor(_modelId, input, _fraud.output, slice(proof, 0, length - 32), shape, "one word less");
        _refuseFor(_modelId, input, _fraud.output, "", shape, "empty");
    }

    /// The registry calls the generated verifier itself, which takes the terms.
    function test_goesToTheGeneratedVerifier() public view {
        vm.assertTrue(_verifier.packed(), "packed");
        vm.assertEq(_registry.routeOf(_modelId).halo2, _halo2, "route");
    }

    /// A real statement, twice, and with another chain, registry or model in place of its own.
    function test_refusesReplay() public {
        bytes32 here = _registry.submit(_modelId, _fraud.inputCommitment, _fraud.output, _fraud.proof);
        bytes memory again =
            abi.encodeCall(IModelRegistry.submit, (_modelId, _fraud.inputCommitment, _fraud.output, _fraud.proof));
        (bool accepted, bytes memory returned) = address(_registry).call(again);
        vm.assertTrue(!accepted, "same statement");
        vm.assertEq(returned, abi.encodeWithSelector(IModelRegistry.StatementReplayed.selector, here), "reason");

        ModelRegistry otherRegistry = new ModelRegistry();
        (accepted, returned) = address(otherRegistry).call(again);
        vm.assertEq(returned, abi.encodeWithSelector(IModelRegistry.ModelNotFound.selector, _modelId), "registry");

        vm.chainId(block.chainid + 1);
        bytes32 there = _registry.hashStatement(_modelId, _fraud.inputCommitment, _fraud.output);
        vm.assertNotEq(there, here, "a statement of another chain");
    }

    /// The example application end to end, in its order: commitments, escrow on nothing but them, proofs, settlement. A
    /// score at the threshold does not settle, one below does, once, and the payee withdraws.
    function test_settlesPaymentsByRealScores() public {
        (Proven memory low, Proven memory high) =
            _fraud.outputs[0] < _other.outputs[0] ? (_fraud, _other) : (_other, _fraud);
        FraudScreen screen = new FraudScreen(_registry);
        vm.deal(address(this), 2 ether);
        int16 threshold = int16(high.outputs[0]);
        uint64 deadline = uint64(block.timestamp + 1 days);
        uint256 refused =
            screen.createPayment{value: 1 ether}(address(0xb0b), _modelId, high.inputCommitment, threshold, deadline);
        uint256 settled =
            screen.createPayment{value: 1 ether}(address(0xb0b), _modelId, low.inputCommitment, threshold, deadline);

        vm.expectRevert(abi.encodeWithSelector(FraudScreen.ScoreNotBelowThreshold.selector, high.outputs[0], threshold));
        screen.settle(refused, high.output, high.proof);
        requireRefusal(
            address(screen),
            abi.encodeCall(FraudScreen.settle, (refused, low.output, low.proof)),
            IHalo2Caller.InvalidProof.selector,
            "a proof of the other payment's input"
        );
        screen.settle(settled, low.output, low.proof);
        vm.assertEq(screen.balanceOf(address(0xb0b)), 1 ether, "one of two paid");
        vm.prank(address(0xb0b));
        screen.withdraw(address(0xcafe));
        vm.assertEq(address(0xcafe).balance, 1 ether, "withdrawn");
        vm.expectRevert(abi.encodeWithSelector(FraudScreen.PaymentNotOpen.selector, settled, FraudScreen.State.Settled));
        screen.settle(settled, low.output, low.proof);
    }

    function _checkLayout(Proven memory proven) private view {
        PublicValues.Statement memory statement =
            PublicValues.Statement(1, proven.programDigest, proven.weightCommitment, proven.inputCommitment);
        bytes memory deferred = slice(proven.proof, 0, deferredLength(proven));
        vm.assertEq(_lib.instances(statement, proven.output, deferred), abi.encodePacked(proven.instances), "instances");
        vm.assertEq(proven.outputs.length, 1, "one output");
        vm.assertEq(proven.output, scoreOutput(proven.outputs[0]), "score");
        vm.assertEq(proven.halo2ProofLength, _verifier.proofLength(), "proof length");
    }

    function _refuseTerms(bytes memory from, string memory what) private view {
        uint256 length = deferredLength(_fraud);
        bytes memory proof = bytes.concat(slice(from, 0, length), slice(_fraud.proof, length, _fraud.proof.length));
        _refuse(_modelId, _fraud.inputCommitment, _fraud.output, proof, what);
    }

    function _refuse(uint256 id, bytes32 input, bytes memory output, bytes memory proof, string memory what)
        private
        view
    {
        _refuseFor(id, input, output, proof, IHalo2Caller.InvalidProof.selector, what);
    }

    function _refuseFor(
        uint256 id,
        bytes32 input,
        bytes memory output,
        bytes memory proof,
        bytes4 reason,
        string memory what
    ) private view {
        bytes memory data = abi.encodeCall(IModelRegistry.verifyInference, (id, input, output, proof));
        requireRefusal(address(_registry), data, reason, what);
    }
}
