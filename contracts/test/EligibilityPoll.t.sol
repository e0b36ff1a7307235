// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {Ceremony} from "../script/Ceremony.sol";
import {DeployPoll} from "../script/DeployPoll.s.sol";
import {CredentialRoots} from "../src/CredentialRoots.sol";
import {EligibilityPoll} from "../src/EligibilityPoll.sol";
import {InferenceVerifier} from "../src/InferenceVerifier.sol";
import {ModelRegistry} from "../src/ModelRegistry.sol";
import {IHalo2Caller} from "../src/interfaces/IHalo2Caller.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {IWeightVerifier} from "../src/interfaces/IWeightVerifier.sol";
import {CanonicalCalldata} from "../src/libraries/CanonicalCalldata.sol";
import {StatementLib} from "../src/libraries/StatementLib.sol";
import {CarelessVerifier} from "./helpers/Doubles.sol";
import {Honest} from "./helpers/Honest.sol";

/// @dev Votes with statements whose one proof a double of the generated verifier takes; a real one is the command line's
/// test.
contract EligibilityPollTest is Honest {
    uint256 private constant ROOT = 0xabcdef;
    uint256 private constant NULLIFIER = R - 5;
    uint256 private constant COUNT = 61;
    address private constant VOTER = address(0x7073);
    address private constant OTHER = address(0x6f74);

    ModelRegistry private _registry;
    CredentialRoots private _roots;
    EligibilityPoll private _poll;

    event Voted(uint256 indexed choice, uint256 indexed nullifier);

    function setUp() public {
        vm.warp(1_000_000);
        _registry = new ModelRegistry();
        _roots = new CredentialRoots(address(this), 1 hours);
        _roots.post(ROOT, 100, uint64(block.timestamp + 1 days), "ipfs://leaves");
    }

    /// A statement of these words, and a poll of the model that gave it. A poll's address is not known before: it is made
    /// first, of a model whose circuit comes after.
    function _statement(address sender, uint256 choice, int256 output) private returns (Case memory made) {
        made = honest("poll", 1, 3);
        made.outputCount = COUNT;
        address poll = _nextPoll();
        uint256 scope = uint256(keccak256(abi.encode(keccak256("laminate.scope.v1"), block.chainid, poll, 0))) % R;
        made.output = abi.encode(ROOT, scope, NULLIFIER, _context(poll, sender, choice), uint256(output + 2 ** 15));
        _restate(made);
        _poll = _pollOf(made);
        vm.assertEq(address(_poll), poll, "the poll's address");
    }

    function _context(address poll, address sender, uint256 choice) private view returns (uint256) {
        bytes32 domain = keccak256("laminate.context.v1");
        return uint256(keccak256(abi.encode(domain, block.chainid, poll, sender, choice))) % R;
    }

    /// Terms and D for what the case states.
    function _restate(Case memory made) private view {
        (uint256[] memory logs, uint256[] memory scalars) = (new uint256[](3), new uint256[](3));
        for (uint256 i = 0; i < 3; ++i) {
            (logs[i], scalars[i]) = (i + 2, i + 1);
        }
        setTerms(made, logs, scalars);
    }

    /// The address of the third contract that this one makes from here on: circuit, verifier, poll.
    function _nextPoll() private returns (address) {
        // Nonces of the test are small, and known by what a probe gets.
        address probe = address(new Probe());
        for (uint256 nonce = 1; nonce < 120; ++nonce) {
            if (_created(nonce) == probe) return _created(nonce + 3);
        }
        revert("nonce");
    }

    function _created(uint256 nonce) private view returns (address) {
        return address(uint160(uint256(keccak256(abi.encodePacked(hex"d694", address(this), uint8(nonce))))));
    }

    function _pollOf(Case memory made) private returns (EligibilityPoll) {
        address halo2 = circuitOf(made, made.halo2);
        InferenceVerifier verifier =
            new InferenceVerifier(halo2, COUNT, made.halo2.length, 3, IWeightVerifier(address(0)));
        uint256 model = _registry.registerModel(made.program, made.weights, verifier, 0);
        return new EligibilityPoll(_registry, model, _roots, 3, 1, uint64(block.timestamp + 1 hours));
    }

    function _vote(address caller, uint256 choice, address sender, Case memory made) private {
        vm.prank(caller);
        _poll.vote(choice, sender, made.input, made.output, directProof(made));
    }

    function test_countsAVoteOnce() public {
        Case memory made = _statement(VOTER, 2, 1);
        vm.assertEq(_poll.scope(), wordAt(made.output, 1), "scope");
        vm.assertEq(_poll.contextOf(VOTER, 2), wordAt(made.output, 3), "context");
        vm.expectEmit(true, true, true, true, address(_poll));
        emit Voted(2, NULLIFIER);
        _vote(VOTER, 2, VOTER, made);
        vm.assertEq(_poll.votes(2), 1, "votes");
        vm.assertTrue(_poll.voted(NULLIFIER), "voted");
        vm.expectRevert(abi.encodeWithSelector(EligibilityPoll.VotedBefore.selector, NULLIFIER));
        _vote(VOTER, 2, VOTER, made);
        vm.assertEq(_poll.votes(2), 1, "votes after");
    }

    function test_aRelayerSendsWhatNamesNoSender() public {
        Case memory made = _statement(address(0), 1, 1);
        _vote(OTHER, 1, address(0), made);
        vm.assertEq(_poll.votes(1), 1, "votes");
    }

    /// What somebody does with a transaction from the mempool.
    function test_refusesCopies() public {
        Case memory made = _statement(VOTER, 2, 1);
        uint256 context = wordAt(made.output, 3);
        vm.expectRevert(abi.encodeWithSelector(EligibilityPoll.NotSender.selector, VOTER, OTHER));
        _vote(OTHER, 2, VOTER, made);
        bytes4 other = EligibilityPoll.OtherContext.selector;
        vm.expectRevert(abi.encodeWithSelector(other, _context(address(_poll), OTHER, 2), context));
        _vote(OTHER, 2, OTHER, made);
        vm.expectRevert(abi.encodeWithSelector(other, _context(address(_poll), address(0), 2), context));
        _vote(OTHER, 2, address(0), made);
        vm.expectRevert(abi.encodeWithSelector(other, _context(address(_poll), VOTER, 1), context));
        _vote(VOTER, 1, VOTER, made);
        // With the context that would be right, the proof is of another statement.
        bytes memory output = made.output;
        made.output = withWord(output, 3, _context(address(_poll), OTHER, 2));
        vm.expectRevert(IHalo2Caller.InvalidProof.selector);
        _vote(OTHER, 2, OTHER, made);
        made.output = withWord(output, 3, _context(address(_poll), VOTER, 1));
        vm.expectRevert(IHalo2Caller.InvalidProof.selector);
        _vote(VOTER, 1, VOTER, made);
        vm.assertEq(_poll.votes(0) + _poll.votes(1) + _poll.votes(2), 0, "votes");
        made.output = output;
        _vote(VOTER, 2, VOTER, made);
    }

    /// Any word of the output, to anything else.
    function testFuzz_refusesOtherWords(uint256 index, uint256 value) public {
        Case memory made = _statement(VOTER, 2, 1);
        index = bound(index, 0, 4);
        bytes memory output = made.output;
        vm.assume(value != wordAt(output, index));
        made.output = withWord(output, index, value);
        vm.expectRevert();
        _vote(VOTER, 2, VOTER, made);
        made.output = output;
        _vote(VOTER, 2, VOTER, made);
    }

    function test_refusesWhatIsNotEligible() public {
        Case memory made = _statement(VOTER, 2, 0);
        vm.expectRevert(abi.encodeWithSelector(EligibilityPoll.NotEligible.selector, 0, 1));
        _vote(VOTER, 2, VOTER, made);
        bytes memory proof = directProof(made);
        bytes memory shorter = slice(made.output, 32, made.output.length);
        vm.prank(VOTER);
        vm.expectRevert(abi.encodeWithSelector(StatementLib.OutputLength.selector, 160, 128));
        _poll.vote(2, VOTER, made.input, shorter, proof);
    }

    function test_refusesScopesAndRoots() public {
        Case memory made = _statement(VOTER, 2, 1);
        bytes memory output = made.output;
        (uint256 scope, uint256 root) = (wordAt(output, 1), ROOT + 1);
        made.output = withWord(output, 1, scope ^ 1);
        vm.expectRevert(abi.encodeWithSelector(EligibilityPoll.OtherScope.selector, scope, scope ^ 1));
        _vote(VOTER, 2, VOTER, made);
        made.output = withWord(output, 1, scope + R);
        vm.expectRevert(abi.encodeWithSelector(StatementLib.ValueNotCanonical.selector, 6, scope + R));
        _vote(VOTER, 2, VOTER, made);
        made.output = withWord(output, 0, root);
        vm.expectRevert(abi.encodeWithSelector(EligibilityPoll.RootNotValid.selector, root));
        _vote(VOTER, 2, VOTER, made);
        made.output = output;
        _roots.revoke(ROOT);
        vm.expectRevert(abi.encodeWithSelector(EligibilityPoll.RootNotValid.selector, ROOT));
        _vote(VOTER, 2, VOTER, made);
    }

    /// A sender inside the scope would give every sender a nullifier of his own, and one person as many votes as accounts: a
    /// scope with a sender is another scope, and one nullifier votes once, whoever sends.
    function test_theSenderIsNoPartOfTheScope() public {
        Case memory made = _statement(VOTER, 2, 1);
        bytes memory output = made.output;
        uint256 scope = wordAt(output, 1);
        address[2] memory senders = [VOTER, OTHER];
        for (uint256 i = 0; i < 2; ++i) {
            bytes32 domain = keccak256("laminate.scope.v1");
            uint256 own = uint256(keccak256(abi.encode(domain, block.chainid, address(_poll), senders[i]))) % R;
            made.output = withWord(withWord(output, 1, own), 3, _context(address(_poll), senders[i], 1));
            vm.expectRevert(abi.encodeWithSelector(EligibilityPoll.OtherScope.selector, scope, own));
            _vote(senders[i], 1, senders[i], made);
        }
        made.output = output;
        _vote(VOTER, 2, VOTER, made);
        made.output = withWord(output, 3, _context(address(_poll), OTHER, 1));
        vm.expectRevert(abi.encodeWithSelector(EligibilityPoll.VotedBefore.selector, NULLIFIER));
        _vote(OTHER, 1, OTHER, made);
        vm.assertEq(_poll.votes(0) + _poll.votes(1) + _poll.votes(2), 1, "votes");
    }

    /// A root counts until the second at which it ends, which is the grace after there is a newer one.
    function test_refusesAnExpiredRoot() public {
        uint256 ends = block.timestamp + 1 hours;
        _roots.post(ROOT + 1, 101, uint64(block.timestamp + 1 days), "");
        vm.warp(block.timestamp + 30 minutes);
        Case memory made = _statement(VOTER, 2, 1);
        vm.warp(ends);
        vm.expectRevert(abi.encodeWithSelector(EligibilityPoll.RootNotValid.selector, ROOT));
        _vote(VOTER, 2, VOTER, made);
        vm.warp(ends - 1);
        _vote(VOTER, 2, VOTER, made);
        vm.assertEq(_poll.votes(2), 1, "votes");
    }

    /// The proof of a model with other weights is one of its own, and no vote; neither is one of another row's commitment.
    function test_refusesAModelOfTheSameShapeAndAnotherInput() public {
        Case memory made = _statement(VOTER, 2, 1);
        EligibilityPoll poll = _poll;
        bytes32 weights = made.weights;
        made.weights = bytes32(uint256(weights) - 1);
        _restate(made);
        EligibilityPoll foreign = _pollOf(made);
        _registry.verifyInference(foreign.modelId(), made.input, made.output, directProof(made));
        vm.assertEq(address(_poll), address(poll), "the poll");
        vm.expectRevert(IHalo2Caller.InvalidProof.selector);
        _vote(VOTER, 2, VOTER, made);
        made.weights = weights;
        _restate(made);
        bytes32 input = made.input;
        made.input = bytes32(uint256(input) ^ 1);
        vm.expectRevert(IHalo2Caller.InvalidProof.selector);
        _vote(VOTER, 2, VOTER, made);
        vm.assertEq(_poll.votes(2), 0, "votes");
        made.input = input;
        _vote(VOTER, 2, VOTER, made);
    }

    function test_refusesAfterTheDeadlineAndOtherChoices() public {
        Case memory made = _statement(VOTER, 2, 1);
        for (uint256 choice = 3; choice < 5; ++choice) {
            vm.expectRevert(abi.encodeWithSelector(EligibilityPoll.NoSuchChoice.selector, choice, 3));
            _vote(VOTER, choice, VOTER, made);
        }
        uint64 deadline = _poll.deadline();
        vm.warp(deadline);
        vm.expectRevert(abi.encodeWithSelector(EligibilityPoll.PollClosed.selector, deadline));
        _vote(VOTER, 2, VOTER, made);
    }

    function test_refusesOtherEncodings() public {
        Case memory made = _statement(VOTER, 2, 1);
        bytes memory call = abi.encodeCall(EligibilityPoll.vote, (2, VOTER, made.input, made.output, directProof(made)));
        vm.prank(VOTER);
        requireRefusal(
            address(_poll), bytes.concat(call, bytes32(0)), CanonicalCalldata.NonCanonicalLength.selector, "longer"
        );
    }

    /// The script makes new roots, or takes those that are there.
    function test_deploys() public {
        Case memory made = _statement(VOTER, 2, 1);
        uint256 model = _poll.modelId();
        uint64 end = uint64(block.timestamp + 1);
        DeployPoll script = new DeployPoll();
        vm.chainId(31337);
        DeployPoll.Terms memory terms =
            DeployPoll.Terms(model, CredentialRoots(address(0)), VOTER, 60, 3, int16(1), end);
        (CredentialRoots roots, EligibilityPoll poll) = script.run(_registry, terms);
        vm.assertEq(roots.issuer(), VOTER, "issuer");
        vm.assertEq(roots.grace(), 60, "grace");
        vm.assertEq(address(poll.roots()), address(roots), "roots");
        vm.assertEq(poll.choices() + poll.deadline(), 3 + end, "choices and deadline");
        vm.assertEq(poll.leastOutput(), 1, "least output");
        terms.roots = _roots;
        (roots, poll) = script.run(_registry, terms);
        vm.assertEq(address(roots), address(_roots), "given");
        vm.assertEq(address(poll.roots()), address(_roots), "roots given");
        vm.chainId(10);
        terms.modelId = _registry.registerModel(made.program, made.weights, new CarelessVerifier(), 0);
        vm.expectRevert(abi.encodeWithSelector(Ceremony.VerifierUnknown.selector, terms.modelId));
        script.run(_registry, terms);
    }

    function test_constructorRefusals() public {
        Case memory made = _statement(VOTER, 2, 1);
        uint64 end = uint64(block.timestamp + 1);
        uint256 model = _poll.modelId();
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelNotFound.selector, 9));
        new EligibilityPoll(_registry, 9, _roots, 3, 1, end);
        vm.expectRevert(abi.encodeWithSelector(EligibilityPoll.RootsWithoutCode.selector, OTHER));
        new EligibilityPoll(_registry, model, CredentialRoots(OTHER), 3, 1, end);
        vm.expectRevert(EligibilityPoll.NoChoices.selector);
        new EligibilityPoll(_registry, model, _roots, 0, 1, end);
        bytes4 reason = EligibilityPoll.DeadlineNotInFuture.selector;
        for (uint64 before = 1; before < 3; ++before) {
            vm.expectRevert(abi.encodeWithSelector(reason, end - before, end - 1));
            new EligibilityPoll(_registry, model, _roots, 3, 1, end - before);
        }
        // A word less, two outputs, and a hidden output, whose commitment fills its word.
        uint256[3] memory counts = [uint256(46), 62, 75];
        for (uint256 i = 0; i < 3; ++i) {
            address halo2 = circuitOf(made, made.halo2);
            InferenceVerifier verifier =
                new InferenceVerifier(halo2, counts[i], made.halo2.length, 3, IWeightVerifier(address(0)));
            uint256 other = _registry.registerModel(made.program, made.weights, verifier, 0);
            vm.expectRevert(abi.encodeWithSelector(EligibilityPoll.NotEligibilityModel.selector, other, counts[i]));
            new EligibilityPoll(_registry, other, _roots, 3, 1, end);
        }
        _registry.retireModel(model);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelIsRetired.selector, model));
        new EligibilityPoll(_registry, model, _roots, 3, 1, end);
    }
}

/// @dev Tells by its address how many contracts its maker has made.
contract Probe {}

contract CredentialRootsTest is Honest {
    CredentialRoots private _roots;

    event RootPosted(uint256 indexed root, uint256 leaves, uint64 validUntil, string uri);
    event RootRevoked(uint256 indexed root);

    function setUp() public {
        vm.warp(1_000_000);
        _roots = new CredentialRoots(address(this), 1 hours);
    }

    function test_theRootBeforeExpiresAfterTheGrace() public {
        uint64 end = uint64(block.timestamp + 1 days);
        vm.assertTrue(!_roots.isValid(1), "before");
        _roots.post(1, 10, end, "");
        _roots.post(2, 11, end, "");
        vm.assertTrue(_roots.isValid(1) && _roots.isValid(2), "both");
        vm.assertEq(_roots.latest(), 2, "latest");
        vm.warp(block.timestamp + 1 hours);
        vm.assertTrue(!_roots.isValid(1) && _roots.isValid(2), "the newer one");
        vm.warp(end);
        vm.assertTrue(!_roots.isValid(2), "none");
    }

    /// The grace never makes a root valid for longer than it was posted for.
    function testFuzz_graceShortensOnly(uint64 first, uint64 second) public {
        uint64 now_ = uint64(block.timestamp);
        first = uint64(bound(first, now_ + 1, now_ + 1 days));
        second = uint64(bound(second, now_ + 1, now_ + 1 days));
        _roots.post(1, 1, first, "");
        _roots.post(2, 1, second, "");
        uint64 graced = now_ + 1 hours;
        vm.assertEq(_roots.validUntil(1), first < graced ? first : graced, "first");
        vm.assertEq(_roots.validUntil(2), second, "second");
    }

    function test_revokedRootsStayRevoked() public {
        uint64 end = uint64(block.timestamp + 1 days);
        vm.expectEmit(true, true, true, true, address(_roots));
        emit RootPosted(1, 7, end, "ipfs://leaves");
        _roots.post(1, 7, end, "ipfs://leaves");
        vm.expectEmit(true, true, true, true, address(_roots));
        emit RootRevoked(1);
        _roots.revoke(1);
        vm.assertTrue(!_roots.isValid(1), "revoked");
        vm.expectRevert(abi.encodeWithSelector(CredentialRoots.RootNotValid.selector, 1));
        _roots.revoke(1);
        vm.expectRevert(abi.encodeWithSelector(CredentialRoots.RootPostedBefore.selector, 1));
        _roots.post(1, 1, end, "");
        _roots.post(2, 1, end, "");
        vm.assertTrue(!_roots.isValid(1), "no grace");
    }

    function test_refusals() public {
        uint64 end = uint64(block.timestamp + 1 days);
        vm.expectRevert(CredentialRoots.ZeroIssuer.selector);
        new CredentialRoots(address(0), 0);
        uint256[3] memory outside = [uint256(0), R, type(uint256).max];
        for (uint256 i = 0; i < outside.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(CredentialRoots.RootOutOfRange.selector, outside[i]));
            _roots.post(outside[i], 1, end, "");
        }
        uint64 now_ = uint64(block.timestamp);
        for (uint64 before = 0; before < 2; ++before) {
            vm.expectRevert(abi.encodeWithSelector(CredentialRoots.EndNotInFuture.selector, now_ - before, now_));
            _roots.post(1, 1, now_ - before, "");
        }
        vm.startPrank(address(7));
        vm.expectRevert(abi.encodeWithSelector(CredentialRoots.NotIssuer.selector, address(7)));
        _roots.post(1, 1, end, "");
        vm.expectRevert(abi.encodeWithSelector(CredentialRoots.NotIssuer.selector, address(7)));
        _roots.revoke(1);
        vm.stopPrank();
    }
}
