// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {CredentialRoots} from "./CredentialRoots.sol";
import {IModelRegistry} from "./interfaces/IModelRegistry.sol";
import {CanonicalCalldata} from "./libraries/CanonicalCalldata.sol";
import {Context} from "./libraries/Context.sol";
import {StatementLib} from "./libraries/StatementLib.sol";

/// @title Example application: a poll for everybody whom a model finds eligible, without telling who votes
/// @notice A vote is a proof that the registered model, on the values that an issuer attested to the voter, gives an
/// output of at least `leastOutput`. Neither the values nor whose they are is shown. Each credential has one nullifier
/// in this poll's scope, so one vote. The context holds the choice and, if the voter wanted it, the sender: a proof that
/// is copied from the mempool votes for nothing else, and with a sender it is sent by nobody else.
///
/// The output words are root, scope, nullifier, context, then one output: the program is compiled with `--credential`
/// and `--context`, and its `outputCount` is 61.
/// @dev What stays trusted: the issuer, for the attributes and for one credential a person, and who chose the model.
contract EligibilityPoll {
    /// @notice Four binding words, counted as full ones, and an output.
    uint256 public constant OUTPUT_COUNT = 4 * StatementLib.OUTPUTS_PER_WORD + 1;
    /// @notice What the scope is of: a poll has one.
    uint256 public constant SUBJECT = 0;

    /// @dev Head words of `vote`: choice, sender, input commitment and two offsets.
    uint256 private constant VOTE_HEAD_WORDS = 5;
    /// @dev Places of the words in an output.
    uint256 private constant ROOT = 0;
    uint256 private constant SCOPE = 1;
    uint256 private constant NULLIFIER = 2;
    uint256 private constant CONTEXT = 3;

    IModelRegistry public immutable registry;
    uint256 public immutable modelId;
    CredentialRoots public immutable roots;
    /// @notice Choices are 0 to one less.
    uint256 public immutable choices;
    /// @notice The least output that is eligible, a fixed-point number at the model's output scale.
    int256 public immutable leastOutput;
    /// @notice No vote is taken from here on.
    uint64 public immutable deadline;

    mapping(uint256 choice => uint256) public votes;
    mapping(uint256 nullifier => bool) public voted;

    event Voted(uint256 indexed choice, uint256 indexed nullifier);

    /// @notice The model's statements have another shape.
    error NotEligibilityModel(uint256 modelId, uint256 outputCount);
    error RootsWithoutCode(address roots);
    error NoChoices();
    error DeadlineNotInFuture(uint64 deadline, uint256 now_);
    error PollClosed(uint64 deadline);
    error NoSuchChoice(uint256 choice, uint256 choices);
    /// @notice The proof is to be sent by another.
    error NotSender(address sender, address caller);
    error RootNotValid(uint256 root);
    error OtherScope(uint256 expected, uint256 found);
    /// @notice The proof is for another choice, sender, contract or chain.
    error OtherContext(uint256 expected, uint256 found);
    error VotedBefore(uint256 nullifier);
    error NotEligible(int256 output, int256 leastOutput);

    constructor(
        IModelRegistry registry_,
        uint256 modelId_,
        CredentialRoots roots_,
        uint256 choices_,
        int16 leastOutput_,
        uint64 deadline_
    ) {
        IModelRegistry.Model memory model = registry_.getModel(modelId_);
        if (model.retired) revert IModelRegistry.ModelIsRetired(modelId_);
        uint256 count = model.verifier.outputCount();
        if (count != OUTPUT_COUNT) revert NotEligibilityModel(modelId_, count);
        if (address(roots_).code.length == 0) revert RootsWithoutCode(address(roots_));
        if (choices_ == 0) revert NoChoices();
        if (deadline_ <= block.timestamp) revert DeadlineNotInFuture(deadline_, block.timestamp);
        registry = registry_;
        modelId = modelId_;
        roots = roots_;
        choices = choices_;
        leastOutput = leastOutput_;
        deadline = deadline_;
    }

    /// @notice Votes.
    /// @param sender Whom the proof names in its context as who sends it; zero if anyone may.
    /// @param inputCommitment As the proof states it; it says nothing to who does not know its salt.
    /// @param output The output words: root, scope, nullifier, context, output.
    /// @param proof As the model's verifier takes it.
    function vote(uint256 choice, address sender, bytes32 inputCommitment, bytes calldata output, bytes calldata proof)
        external
    {
        CanonicalCalldata.requireTails(VOTE_HEAD_WORDS, output, proof);
        if (block.timestamp >= deadline) revert PollClosed(deadline);
        if (choice >= choices) revert NoSuchChoice(choice, choices);
        if (sender != address(0) && sender != msg.sender) revert NotSender(sender, msg.sender);
        // What a model's verifier checks is its owner's word, so the output's shape is checked here again.
        StatementLib.requireOutput(output, OUTPUT_COUNT);
        uint256 nullifier = _requireBinding(choice, sender, output);
        int256 result = StatementLib.decodeOutput(output, OUTPUT_COUNT, OUTPUT_COUNT - 1);
        if (result < leastOutput) revert NotEligible(result, leastOutput);

        voted[nullifier] = true;
        ++votes[choice];
        emit Voted(choice, nullifier);
        // The registry and the verifier are entered by staticcall only. The statement's hash, which it returns, is of no use here.
        // slither-disable-next-line unused-return
        registry.verifyInference(modelId, inputCommitment, output, proof);
    }

    /// @notice The scope that proofs for this poll state.
    function scope() public view returns (uint256) {
        return Context.scopeOf(SUBJECT);
    }

    /// @notice The context that a proof for a choice states.
    /// @param sender Who must send it; zero if anyone may.
    function contextOf(address sender, uint256 choice) public view returns (uint256) {
        return Context.contextOf(sender, choice);
    }

    /// @dev Returns the nullifier, which is of no vote yet.
    function _requireBinding(uint256 choice, address sender, bytes calldata output)
        private
        view
        returns (uint256 nullifier)
    {
        uint256 root = StatementLib.outputWord(output, ROOT);
        if (!roots.isValid(root)) revert RootNotValid(root);
        (uint256 expected, uint256 found) = (scope(), StatementLib.outputWord(output, SCOPE));
        if (found != expected) revert OtherScope(expected, found);
        (expected, found) = (contextOf(sender, choice), StatementLib.outputWord(output, CONTEXT));
        if (found != expected) revert OtherContext(expected, found);
        nullifier = StatementLib.outputWord(output, NULLIFIER);
        if (voted[nullifier]) revert VotedBefore(nullifier);
    }
}
