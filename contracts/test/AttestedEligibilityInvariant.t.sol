// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {InferenceVerifier} from "../src/InferenceVerifier.sol";
import {ModelRegistry} from "../src/ModelRegistry.sol";
import {AttestedEligibility} from "../src/examples/AttestedEligibility.sol";
import {IWeightVerifier} from "../src/interfaces/IWeightVerifier.sol";
import {AcceptAll} from "./helpers/Doubles.sol";
import {Eligibility} from "./helpers/Eligibility.sol";

/// @dev Drives a vote with random senders, commitments, signatures, outputs and times, and keeps its own books.
contract AttestedEligibilityHandler is Eligibility {
    uint256 public constant ACCOUNTS = 4;
    uint256 public constant INPUTS = 6;

    AttestedEligibility public immutable vote;
    bytes private _proof;
    uint256 private _now = 1000;

    uint256 public cast;
    mapping(uint256 choice => uint256) public castFor;
    mapping(address voter => uint256) public castBy;
    mapping(bytes32 input => uint256) public castWith;
    /// Votes that must never be counted, and were, or the other way round.
    uint256 public wrongs;

    /// One vote that was tried.
    struct Try {
        address sender;
        address subject;
        bytes32 signedInput;
        bytes32 input;
        uint64 expiry;
        bool byIssuer;
        int256 output;
        uint256 choice;
    }

    constructor() {
        vm.warp(1000);
        address halo2 = address(new AcceptAll());
        ModelRegistry registry = new ModelRegistry();
        InferenceVerifier verifier = new InferenceVerifier(halo2, 1, 64, TERMS, IWeightVerifier(address(0)));
        uint256 id = registry.registerModel(bytes32(uint256(1)), bytes32(uint256(2)), verifier, 0);
        vote = new AttestedEligibility(registry, rulesOf(id, 1));
        _proof = shapedProof(64);
    }

    function accountAt(uint256 index) public pure returns (address) {
        return address(uint160(0x1000 + index % ACCOUNTS));
    }

    function tryVote(uint256 seed, bool honest) external {
        vm.warp(_now);
        Try memory made = _draw(seed, honest);
        uint256 key = made.byIssuer ? ISSUER_KEY : ISSUER_KEY + 1;
        AttestedEligibility.Signed memory signed = sign(vote, key, made.subject, made.signedInput, made.expiry);
        bool allowed = made.byIssuer && made.subject == made.sender && made.signedInput == made.input
            && _now < made.expiry && _now < 2000 && made.output >= 1 && made.choice < 3 && castBy[made.sender] == 0
            && castWith[made.input] == 0;
        vm.prank(made.sender);
        try vote.vote(made.choice, made.input, signed, scoreOutput(made.output), _proof) {
            if (!allowed) ++wrongs;
            ++cast;
            ++castFor[made.choice];
            ++castBy[made.sender];
            ++castWith[made.input];
        } catch {
            if (allowed) ++wrongs;
        }
    }

    function pass(uint256 time) external {
        _now += bound(time, 1, 60);
    }

    /// @dev Right in all, or with each part left to chance.
    function _draw(uint256 seed, bool honest) private view returns (Try memory made) {
        uint256[8] memory random;
        for (uint256 i = 0; i < 8; ++i) {
            random[i] = uint256(keccak256(abi.encode(seed, i)));
        }
        made.sender = accountAt(random[0]);
        made.subject = honest ? made.sender : accountAt(random[1]);
        made.input = bytes32(random[2] % INPUTS);
        made.signedInput = honest ? made.input : bytes32(random[3] % INPUTS);
        made.expiry = uint64(honest ? _now + 1 : _now - 1 + random[4] % 3);
        made.byIssuer = honest || random[5] % 2 == 0;
        made.output = honest ? int256(1) : int256(random[6] % 3);
        made.choice = random[7] % (honest ? 3 : 4);
    }
}

contract AttestedEligibilityInvariantTest is Eligibility {
    AttestedEligibilityHandler private _handler;
    AttestedEligibility private _vote;

    function setUp() public {
        _handler = new AttestedEligibilityHandler();
        _vote = _handler.vote();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    /// Each choice has exactly the votes that were cast for it.
    function invariant_talliesAreTheVotes() public view {
        uint256 total = 0;
        for (uint256 choice = 0; choice < 4; ++choice) {
            vm.assertEq(_vote.votesFor(choice), _handler.castFor(choice), "choice");
            total += _vote.votesFor(choice);
        }
        vm.assertEq(total, _handler.cast(), "all");
    }

    /// One vote an account, one a commitment, and none that was not allowed.
    function invariant_nobodyVotesTwice() public view {
        for (uint256 i = 0; i < _handler.ACCOUNTS(); ++i) {
            address account = _handler.accountAt(i);
            vm.assertLe(_handler.castBy(account), 1, "account");
            vm.assertEq(_vote.hasVoted(account), _handler.castBy(account) == 1, "noted");
        }
        for (uint256 i = 0; i < _handler.INPUTS(); ++i) {
            vm.assertLe(_handler.castWith(bytes32(i)), 1, "commitment");
            vm.assertEq(_vote.isUsed(bytes32(i)), _handler.castWith(bytes32(i)) == 1, "used");
        }
        vm.assertEq(_handler.wrongs(), 0, "wrong outcomes");
    }
}
