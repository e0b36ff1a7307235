// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {CanonicalCalldata} from "../libraries/CanonicalCalldata.sol";
import {RegistryCaller} from "./RegistryCaller.sol";
import {IErc8004ValidationRegistry} from "./interfaces/IErc8004.sol";

/// @title Validator of ERC-8004 (in review) that answers with proofs of one model
/// @notice An agent's owner asks the validation registry for a validation by this contract, with `requestHashOf` the
/// statement; whoever then shows the statement's proof here has it answered with 100. One model, since those who read the
/// registry choose whom to believe by the validator's address: this one means this model, and nothing else.
///
/// There is no other answer: a proof that is refused shows nothing about the statement, and whoever calls may show any
/// bytes. A statement is answered once for an agent, so that asking again adds nothing to its average.
///
/// What 100 says is that the model gives the output, whose hash is in the statement, on some input that opens the commitment.
/// Proofs are public and name no agent: another agent can have the same statement validated. How many validations an agent
/// has says little, as anyone can prove as many inferences as they like.
/// @dev The validation registry does not tie a request's hash to its content, so anyone can take a hash that is still waiting to be
/// mined. It is of no use to them, as the agent is part of it; who asked chooses another salt. The registry that is deployed
/// can be upgraded by its owner, who is trusted with what it records.
contract Erc8004 is RegistryCaller {
    /// @dev Head words of `respond`: request, salt, input commitment and two offsets.
    uint256 private constant RESPOND_HEAD_WORDS = 5;
    /// @dev The answer for passed.
    uint8 private constant PASSED = 100;

    /// @notice Separates the hashes of requests from every other hash in use.
    bytes32 public constant REQUEST_DOMAIN = keccak256("laminate.erc8004-request.v1");
    /// @notice Tag of all answers.
    string public constant TAG = "laminate";

    /// @notice The validation registry.
    IErc8004ValidationRegistry public immutable validationRegistry;
    /// @notice The model whose proofs are answered with.
    uint256 public immutable modelId;

    /// @notice Whether a statement was answered for an agent.
    mapping(uint256 agentId => mapping(bytes32 statementHash => bool)) public isAnswered;

    /// @notice There is no code at the validation registry's address.
    error ValidationRegistryWithoutCode(address registry);
    /// @notice The request is to another validator.
    error NotTheValidator(bytes32 requestHash, address validator);
    /// @notice The request is of another statement, agent or salt.
    error RequestMismatch(bytes32 expected, bytes32 found);
    /// @notice The statement was answered for this agent.
    error StatementAnswered(uint256 agentId, bytes32 statementHash);

    /// @param validations The validation registry, already deployed.
    /// @param models The model registry.
    /// @param model The model's id; it must be registered, and not retired.
    constructor(IErc8004ValidationRegistry validations, IModelRegistry models, uint256 model) RegistryCaller(models) {
        if (address(validations).code.length == 0) revert ValidationRegistryWithoutCode(address(validations));
        _usableModel(model);
        (validationRegistry, modelId) = (validations, model);
    }

    /// @notice Answers a request with 100, given the proof of its statement. Anyone may.
    /// @param salt As it is in the request's hash.
    /// @param output The output words, 32 bytes each (`StatementLib`).
    /// @param proof As the model registry takes it.
    /// @return statementHash The statement's replay key, which is the answer's `responseHash`.
    function respond(
        bytes32 requestHash,
        bytes32 salt,
        bytes32 inputCommitment,
        bytes calldata output,
        bytes calldata proof
    ) external returns (bytes32 statementHash) {
        CanonicalCalldata.requireTails(RESPOND_HEAD_WORDS, output, proof);
        uint256 agentId = _agentOf(requestHash);
        statementHash = modelRegistry.verifyInference(modelId, inputCommitment, output, proof);
        bytes32 expected = requestHashOf(agentId, statementHash, salt);
        if (requestHash != expected) revert RequestMismatch(expected, requestHash);
        if (isAnswered[agentId][statementHash]) revert StatementAnswered(agentId, statementHash);
        isAnswered[agentId][statementHash] = true;
        validationRegistry.validationResponse(requestHash, PASSED, "", statementHash, TAG);
    }

    /// @notice The `requestHash` to ask with: the hash of the words domain, this validator, agent, statement, salt.
    /// @param statementHash `IModelRegistry.hashStatement` of the model, input commitment and output words.
    /// @param salt Any word.
    function requestHashOf(uint256 agentId, bytes32 statementHash, bytes32 salt) public view returns (bytes32) {
        return keccak256(abi.encode(REQUEST_DOMAIN, address(this), agentId, statementHash, salt));
    }

    function _agentOf(bytes32 requestHash) private view returns (uint256) {
        // slither-disable-next-line unused-return
        (address validator, uint256 agentId,,,,) = validationRegistry.getValidationStatus(requestHash);
        if (validator != address(this)) revert NotTheValidator(requestHash, validator);
        return agentId;
    }
}
