// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {AuthorisedModels} from "../src/adapters/AuthorisedModels.sol";
import {IEas} from "../src/adapters/interfaces/IEas.sol";
import {IHalo2Caller} from "../src/interfaces/IHalo2Caller.sol";
import {CanonicalCalldata} from "../src/libraries/CanonicalCalldata.sol";
import {Registered} from "./helpers/Registered.sol";
import {ConfusedEas, EasDouble} from "./helpers/StandardDoubles.sol";

/// @dev Attestations before real proofs.
contract AuthorisedModelsTest is Registered {
    address private constant AUDITOR = address(0xa0d1);
    address private constant REGULATOR = address(0x4e9);
    /// As the service computes it of "uint256 modelId", no resolver, revocable.
    bytes32 private constant SCHEMA = keccak256(abi.encodePacked("uint256 modelId", bytes20(0), bytes1(0x01)));

    EasDouble private _eas;
    AuthorisedModels private _gate;

    event AttesterListed(address indexed attester);

    function setUp() public {
        setUpModels();
        vm.warp(1000);
        _eas = new EasDouble();
        _gate = new AuthorisedModels(_eas, registry, _attesters());
    }

    function test_acceptsRealProofsOfAttestedModels() public {
        bytes32 statement = registry.hashStatement(modelId, fraud.inputCommitment, fraud.output);
        bytes32 uid = _attest(AUDITOR, 0, modelId);
        vm.assertEq(_verify(modelId, uid, fraud), statement, "the auditor's");
        uid = _attest(REGULATOR, 1001, modelId);
        vm.assertEq(_verify(modelId, uid, fraud), statement, "the regulator's");
        _verify(modelId, uid, other);
        uid = _attest(REGULATOR, 0, otherModelId);
        _verify(otherModelId, uid, otherModel);
    }

    function test_schema() public view {
        vm.assertEq(_gate.SCHEMA(), SCHEMA, "schema");
        vm.assertEq(address(_gate.eas()), address(_eas), "service");
    }

    /// An attestation makes no forged proof good.
    function test_refusesForgedStatements() public {
        bytes32 uid = _attest(AUDITOR, 0, modelId);
        Forged[] memory made = forgeries();
        for (uint256 i = 0; i < made.length; ++i) {
            bytes memory data =
                abi.encodeCall(_gate.verifyInference, (modelId, uid, made[i].input, made[i].output, made[i].proof));
            requireRefusal(address(_gate), data, made[i].reason, made[i].what);
        }
        uid = _attest(AUDITOR, 0, otherModelId);
        vm.expectRevert(IHalo2Caller.InvalidProof.selector);
        _verify(otherModelId, uid, fraud);
    }

    function test_refusesUnknownAttestations() public {
        _refuse(modelId, 0, abi.encodeWithSelector(AuthorisedModels.AttestationNotFound.selector, bytes32(0)));
        bytes32 uid = bytes32(uint256(_attest(AUDITOR, 0, modelId)) ^ 1);
        _refuse(modelId, uid, abi.encodeWithSelector(AuthorisedModels.AttestationNotFound.selector, uid));
    }

    /// A service that answers with another attestation than it was asked for, or with a good one for no id.
    function test_refusesAnswersToOtherQuestions() public {
        bytes32 uid = _attest(AUDITOR, 0, modelId);
        IEas.Attestation memory good = _eas.getAttestation(uid);
        _gate = new AuthorisedModels(new ConfusedEas(good), registry, _attesters());
        _verify(modelId, uid, fraud);
        _refuse(modelId, "x", abi.encodeWithSelector(AuthorisedModels.AttestationNotFound.selector, bytes32("x")));
        good.uid = 0;
        _gate = new AuthorisedModels(new ConfusedEas(good), registry, _attesters());
        _refuse(modelId, 0, abi.encodeWithSelector(AuthorisedModels.AttestationNotFound.selector, bytes32(0)));
    }

    function test_refusesOtherSchemas() public {
        vm.prank(AUDITOR);
        bytes32 uid = _eas.attest("another", 0, abi.encode(modelId));
        bytes memory reason =
            abi.encodeWithSelector(AuthorisedModels.SchemaMismatch.selector, uid, SCHEMA, bytes32("another"));
        _refuse(modelId, uid, reason);
    }

    function test_refusesOtherAttesters() public {
        bytes32 uid = _attest(OWNER, 0, modelId);
        _refuse(modelId, uid, abi.encodeWithSelector(AuthorisedModels.AttesterNotListed.selector, uid, OWNER));
        vm.assertTrue(_gate.isAttester(AUDITOR) && _gate.isAttester(REGULATOR), "listed");
        vm.assertTrue(!_gate.isAttester(OWNER), "not listed");
    }

    function test_refusesRevokedAttestations() public {
        bytes32 uid = _attest(AUDITOR, 0, modelId);
        _verify(modelId, uid, fraud);
        vm.prank(AUDITOR);
        _eas.revoke(uid);
        bytes memory reason = abi.encodeWithSelector(AuthorisedModels.AttestationRevoked.selector, uid, uint64(1000));
        _refuse(modelId, uid, reason);
    }

    function test_refusesFromTheExpiryOn() public {
        bytes32 uid = _attest(AUDITOR, 2000, modelId);
        vm.warp(1999);
        _verify(modelId, uid, fraud);
        vm.warp(2000);
        bytes memory reason = abi.encodeWithSelector(AuthorisedModels.AttestationExpired.selector, uid, uint64(2000));
        _refuse(modelId, uid, reason);
    }

    function test_refusesAttestationsOfOtherModels() public {
        bytes32 uid = _attest(AUDITOR, 0, otherModelId);
        _refuse(modelId, uid, _ofOther(uid));
        bytes[3] memory data = [bytes(""), abi.encode(modelId, uint256(0)), abi.encodePacked(uint248(modelId))];
        for (uint256 i = 0; i < data.length; ++i) {
            vm.prank(AUDITOR);
            uid = _eas.attest(SCHEMA, 0, data[i]);
            _refuse(modelId, uid, _ofOther(uid));
        }
    }

    function test_refusesSecondEncodings() public {
        bytes32 uid = _attest(AUDITOR, 0, modelId);
        bytes memory data =
            abi.encodeCall(_gate.verifyInference, (modelId, uid, fraud.inputCommitment, fraud.output, fraud.proof));
        bytes4 reason = CanonicalCalldata.NonCanonicalLength.selector;
        requireRefusal(address(_gate), bytes.concat(data, bytes32(0)), reason, "a word behind");
    }

    function test_construction() public {
        vm.expectRevert(abi.encodeWithSelector(AuthorisedModels.EasWithoutCode.selector, OWNER));
        new AuthorisedModels(IEas(OWNER), registry, _attesters());
        vm.expectRevert(AuthorisedModels.NoAttesters.selector);
        new AuthorisedModels(_eas, registry, new address[](0));
        vm.expectRevert(AuthorisedModels.ZeroAttester.selector);
        new AuthorisedModels(_eas, registry, new address[](1));
        vm.expectEmit(true, true, true, true);
        emit AttesterListed(AUDITOR);
        vm.expectEmit(true, true, true, true);
        emit AttesterListed(REGULATOR);
        new AuthorisedModels(_eas, registry, _attesters());
    }

    function _attesters() private pure returns (address[] memory attesters) {
        attesters = new address[](2);
        (attesters[0], attesters[1]) = (AUDITOR, REGULATOR);
    }

    function _ofOther(bytes32 uid) private view returns (bytes memory) {
        return abi.encodeWithSelector(AuthorisedModels.AttestationOfOtherModel.selector, uid, modelId);
    }

    function _attest(address attester, uint64 expirationTime, uint256 id) private returns (bytes32) {
        vm.prank(attester);
        return _eas.attest(SCHEMA, expirationTime, abi.encode(id));
    }

    function _verify(uint256 id, bytes32 uid, Proven memory proven) private view returns (bytes32) {
        return _gate.verifyInference(id, uid, proven.inputCommitment, proven.output, proven.proof);
    }

    /// @dev Refused both alone and before a proof that is good.
    function _refuse(uint256 id, bytes32 uid, bytes memory reason) private {
        vm.expectRevert(reason);
        _gate.requireAuthorised(id, uid);
        vm.expectRevert(reason);
        _gate.verifyInference(id, uid, fraud.inputCommitment, fraud.output, fraud.proof);
    }
}
