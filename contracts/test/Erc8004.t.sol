// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {Erc8004} from "../src/adapters/Erc8004.sol";
import {IErc8004ValidationRegistry} from "../src/adapters/interfaces/IErc8004.sol";
import {IHalo2Caller} from "../src/interfaces/IHalo2Caller.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {CanonicalCalldata} from "../src/libraries/CanonicalCalldata.sol";
import {Registered} from "./helpers/Registered.sol";
import {ValidationRegistryDouble} from "./helpers/StandardDoubles.sol";

/// @dev Requests in a validation registry, answered with real proofs.
contract Erc8004Test is Registered {
    uint256 private constant AGENT = 22;
    bytes32 private constant SALT = "salt";

    ValidationRegistryDouble private _validations;
    Erc8004 private _validator;

    event ValidationResponse(
        address indexed validatorAddress,
        uint256 indexed agentId,
        bytes32 indexed requestHash,
        uint8 response,
        string responseURI,
        bytes32 responseHash,
        string tag
    );

    function setUp() public {
        setUpModels();
        _validations = new ValidationRegistryDouble();
        _validator = new Erc8004(_validations, registry, modelId);
    }

    function test_answersWithARealProof() public {
        bytes32 statement = registry.hashStatement(modelId, fraud.inputCommitment, fraud.output);
        bytes32 request = _request(AGENT, statement, SALT);
        vm.expectEmit(true, true, true, true, address(_validations));
        emit ValidationResponse(address(_validator), AGENT, request, 100, "", statement, "laminate");
        bytes32 returned = _validator.respond(request, SALT, fraud.inputCommitment, fraud.output, fraud.proof);
        vm.assertEq(returned, statement, "statement");
        (,, uint8 response, bytes32 hash,,) = _validations.getValidationStatus(request);
        vm.assertEq(uint256(response), 100, "response");
        vm.assertEq(hash, statement, "evidence");
        vm.assertTrue(_validator.isAnswered(AGENT, statement), "answered");
    }

    /// What is hashed, by other means than the contract's.
    function test_requestHash() public view {
        bytes memory words = bytes.concat(
            keccak256("laminate.erc8004-request.v1"),
            bytes32(uint256(uint160(address(_validator)))),
            bytes32(AGENT),
            bytes32(uint256(3)),
            SALT
        );
        vm.assertEq(_validator.requestHashOf(AGENT, bytes32(uint256(3)), SALT), keccak256(words), "request");
    }

    function test_refusesForgedStatements() public {
        Forged[] memory made = forgeries();
        for (uint256 i = 0; i < made.length; ++i) {
            bytes32 statement = registry.hashStatement(modelId, made[i].input, made[i].output);
            bytes32 request = _request(AGENT, statement, bytes32(i));
            bytes memory data =
                abi.encodeCall(_validator.respond, (request, bytes32(i), made[i].input, made[i].output, made[i].proof));
            requireRefusal(address(_validator), data, made[i].reason, made[i].what);
            (,, uint8 response,,,) = _validations.getValidationStatus(request);
            vm.assertEq(uint256(response), 0, "unanswered");
        }
    }

    /// A good proof answers the request of its own statement, agent and salt only.
    function test_refusesOtherRequests() public {
        bytes32 statement = registry.hashStatement(modelId, fraud.inputCommitment, fraud.output);
        bytes32 ofOther = registry.hashStatement(modelId, other.inputCommitment, other.output);
        _refuseMismatch(_request(AGENT, ofOther, SALT), AGENT, statement, SALT);
        _refuseMismatch(_request(AGENT, statement, "another"), AGENT, statement, SALT);
        // A hash that was taken for another agent before its owner could ask.
        bytes32 taken = _validator.requestHashOf(AGENT, statement, SALT);
        _validations.validationRequest(address(_validator), 23, "", taken);
        _refuseMismatch(taken, 23, statement, SALT);
        bytes32 request = _request(AGENT, statement, "fresh");
        _validator.respond(request, "fresh", fraud.inputCommitment, fraud.output, fraud.proof);
    }

    function test_refusesOtherValidators() public {
        bytes32 statement = registry.hashStatement(modelId, fraud.inputCommitment, fraud.output);
        bytes32 request = _validator.requestHashOf(AGENT, statement, SALT);
        _validations.validationRequest(address(0xbad), AGENT, "", request);
        vm.expectRevert(abi.encodeWithSelector(Erc8004.NotTheValidator.selector, request, address(0xbad)));
        _validator.respond(request, SALT, fraud.inputCommitment, fraud.output, fraud.proof);
        vm.expectRevert("no such request");
        _validator.respond("unknown", SALT, fraud.inputCommitment, fraud.output, fraud.proof);
    }

    /// Asking again for a statement adds no second answer; another agent may ask for the same.
    function test_answersAStatementOnceForAnAgent() public {
        bytes32 statement = registry.hashStatement(modelId, fraud.inputCommitment, fraud.output);
        bytes32 request = _request(AGENT, statement, SALT);
        _validator.respond(request, SALT, fraud.inputCommitment, fraud.output, fraud.proof);
        bytes memory reason = abi.encodeWithSelector(Erc8004.StatementAnswered.selector, AGENT, statement);
        vm.expectRevert(reason);
        _validator.respond(request, SALT, fraud.inputCommitment, fraud.output, fraud.proof);
        request = _request(AGENT, statement, "again");
        vm.expectRevert(reason);
        _validator.respond(request, "again", fraud.inputCommitment, fraud.output, fraud.proof);
        request = _request(23, statement, SALT);
        _validator.respond(request, SALT, fraud.inputCommitment, fraud.output, fraud.proof);
        statement = registry.hashStatement(modelId, other.inputCommitment, other.output);
        request = _request(AGENT, statement, SALT);
        _validator.respond(request, SALT, other.inputCommitment, other.output, other.proof);
    }

    /// Another model's proof is no answer here, and its own validator's answers are not this one's.
    function test_oneModelAValidator() public {
        bytes32 statement = registry.hashStatement(otherModelId, otherModel.inputCommitment, otherModel.output);
        bytes32 request = _request(AGENT, statement, SALT);
        vm.expectRevert(IHalo2Caller.InvalidProof.selector);
        _validator.respond(request, SALT, otherModel.inputCommitment, otherModel.output, otherModel.proof);
        Erc8004 own = new Erc8004(_validations, registry, otherModelId);
        request = own.requestHashOf(AGENT, statement, SALT);
        _validations.validationRequest(address(own), AGENT, "", request);
        own.respond(request, SALT, otherModel.inputCommitment, otherModel.output, otherModel.proof);
    }

    function test_refusesSecondEncodings() public {
        bytes32 statement = registry.hashStatement(modelId, fraud.inputCommitment, fraud.output);
        bytes32 request = _request(AGENT, statement, SALT);
        bytes memory data =
            abi.encodeCall(_validator.respond, (request, SALT, fraud.inputCommitment, fraud.output, fraud.proof));
        bytes4 reason = CanonicalCalldata.NonCanonicalLength.selector;
        requireRefusal(address(_validator), bytes.concat(data, bytes32(0)), reason, "a word behind");
    }

    function test_constructorRefusals() public {
        address none = address(0xdead);
        vm.expectRevert(abi.encodeWithSelector(Erc8004.ValidationRegistryWithoutCode.selector, none));
        new Erc8004(IErc8004ValidationRegistry(none), registry, modelId);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelNotFound.selector, 7));
        new Erc8004(_validations, registry, 7);
        retire(otherModelId);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelIsRetired.selector, otherModelId));
        new Erc8004(_validations, registry, otherModelId);
        vm.assertEq(address(_validator.validationRegistry()), address(_validations), "validations");
        vm.assertEq(_validator.modelId(), modelId, "model");
    }

    function _request(uint256 agentId, bytes32 statement, bytes32 salt) private returns (bytes32 request) {
        request = _validator.requestHashOf(agentId, statement, salt);
        _validations.validationRequest(address(_validator), agentId, "ipfs://request", request);
    }

    /// @dev The fraud statement's proof under another request.
    function _refuseMismatch(bytes32 request, uint256 agentId, bytes32 statement, bytes32 salt) private {
        bytes32 expected = _validator.requestHashOf(agentId, statement, salt);
        vm.expectRevert(abi.encodeWithSelector(Erc8004.RequestMismatch.selector, expected, request));
        _validator.respond(request, salt, fraud.inputCommitment, fraud.output, fraud.proof);
    }
}

