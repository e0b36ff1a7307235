// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {CredentialRoots} from "../src/CredentialRoots.sol";
import {EligibilityPoll} from "../src/EligibilityPoll.sol";
import {InferenceVerifier} from "../src/InferenceVerifier.sol";
import {ModelRegistry} from "../src/ModelRegistry.sol";
import {IWeightVerifier} from "../src/interfaces/IWeightVerifier.sol";
import {AcceptAll} from "./helpers/Doubles.sol";
import {Eligibility} from "./helpers/Eligibility.sol";

/// @dev Drives a poll and its roots with random credentials, scopes, contexts, senders, outputs, roots and times, and keeps its
/// own books.
contract EligibilityPollHandler is Eligibility {
    uint256 public constant NULLIFIERS = 6;
    uint256 public constant ROOTS = 5;
    uint256 public constant CHOICES = 3;
    uint64 private constant GRACE = 50;
    uint64 private constant DEADLINE = 3000;

    EligibilityPoll public immutable poll;
    CredentialRoots public immutable roots;
    bytes private _proof;
    uint256 private _now = 1000;
    uint256 private _latest;

    uint256 public cast;
    mapping(uint256 choice => uint256) public castFor;
    mapping(uint256 nullifier => uint256) public castWith;
    mapping(uint256 root => uint256) private _ends;
    /// Votes and posts that must never be taken, and were, or the other way round.
    uint256 public wrongs;

    /// One vote that was tried.
    struct Try {
        uint256 root;
        uint256 scope;
        uint256 nullifier;
        uint256 context;
        int256 output;
        uint256 choice;
        address sender;
        address caller;
    }

    constructor() {
        vm.warp(1000);
        address halo2 = address(new AcceptAll());
        ModelRegistry registry = new ModelRegistry();
        InferenceVerifier verifier = new InferenceVerifier(halo2, 61, 64, TERMS, IWeightVerifier(address(0)));
        uint256 id = registry.registerModel(bytes32(uint256(1)), bytes32(uint256(2)), verifier, 0);
        roots = new CredentialRoots(address(this), GRACE);
        poll = new EligibilityPoll(registry, id, roots, CHOICES, 1, DEADLINE);
        _proof = shapedProof(64);
    }

    function tryVote(uint256 seed, bool honest) external {
        vm.warp(_now);
        Try memory made = _draw(seed, honest);
        bool allowed = _now < DEADLINE && isValid(made.root) && made.scope == _scope(0)
            && made.context == _context(made.sender, made.choice) && made.output >= 1 && made.choice < CHOICES
            && (made.sender == address(0) || made.sender == made.caller) && castWith[made.nullifier] == 0;
        bytes memory output =
            abi.encode(made.root, made.scope, made.nullifier, made.context, uint256(made.output + 2 ** 15));
        vm.prank(made.caller);
        try poll.vote(made.choice, made.sender, bytes32(seed % R), output, _proof) {
            if (!allowed) ++wrongs;
            ++cast;
            ++castFor[made.choice];
            ++castWith[made.nullifier];
        } catch {
            if (allowed) ++wrongs;
        }
    }

    function post(uint256 seed, uint256 lifetime) external {
        vm.warp(_now);
        uint256 root = 1 + seed % ROOTS;
        uint256 end = _now - 1 + bound(lifetime, 0, 400);
        bool allowed = _ends[root] == 0 && end > _now;
        try roots.post(root, 1, uint64(end), "") {
            if (!allowed) ++wrongs;
            if (_latest != 0 && _ends[_latest] > _now + GRACE) _ends[_latest] = _now + GRACE;
            (_latest, _ends[root]) = (root, end);
        } catch {
            if (allowed) ++wrongs;
        }
    }

    function revoke(uint256 seed) external {
        // Seldom: a poll without roots has no votes.
        if (seed % 4 != 0) return;
        vm.warp(_now);
        uint256 root = 1 + (seed >> 2) % ROOTS;
        bool allowed = isValid(root);
        try roots.revoke(root) {
            if (!allowed) ++wrongs;
            _ends[root] = 1;
        } catch {
            if (allowed) ++wrongs;
        }
    }

    function pass(uint256 time) external {
        _now += bound(time, 1, 60);
        vm.warp(_now);
    }

    function isValid(uint256 root) public view returns (bool) {
        return _now < _ends[root];
    }

    function accountAt(uint256 index) public pure returns (address) {
        return address(uint160(0x1000 + index % 3));
    }

    /// @dev Right in all, or with each part left to chance; a scope that has the caller in it is among them.
    function _draw(uint256 seed, bool honest) private view returns (Try memory made) {
        uint256[8] memory random;
        for (uint256 i = 0; i < 8; ++i) {
            random[i] = uint256(keccak256(abi.encode(seed, i)));
        }
        made.caller = accountAt(random[0]);
        made.sender = random[1] % 2 == 0 ? address(0) : honest ? made.caller : accountAt(random[1] >> 1);
        made.choice = random[2] % (honest ? CHOICES : CHOICES + 1);
        made.root = honest && _latest != 0 ? _latest : random[3] % (ROOTS + 1);
        made.nullifier = random[4] % NULLIFIERS;
        uint256 subject = honest ? 0 : random[5] % 3;
        made.scope = _scope(subject == 2 ? uint160(made.caller) : subject);
        bool other = !honest && random[6] % 3 == 0;
        made.context = _context(other ? accountAt(random[6]) : made.sender, other ? random[6] % 3 : made.choice);
        made.output = honest ? int256(1) : int256(random[7] % 3);
    }

    function _scope(uint256 subject) private view returns (uint256) {
        bytes32 domain = keccak256("laminate.scope.v1");
        return uint256(keccak256(abi.encode(domain, block.chainid, address(poll), subject))) % R;
    }

    function _context(address sender, uint256 choice) private view returns (uint256) {
        bytes32 domain = keccak256("laminate.context.v1");
        return uint256(keccak256(abi.encode(domain, block.chainid, address(poll), sender, choice))) % R;
    }
}

contract EligibilityPollInvariantTest is Eligibility {
    EligibilityPollHandler private _handler;

    function setUp() public {
        _handler = new EligibilityPollHandler();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    /// Each choice has exactly the votes that were cast for it.
    function invariant_talliesAreTheVotes() public view {
        EligibilityPoll poll = _handler.poll();
        uint256 total = 0;
        for (uint256 choice = 0; choice <= _handler.CHOICES(); ++choice) {
            vm.assertEq(poll.votes(choice), _handler.castFor(choice), "choice");
            total += poll.votes(choice);
        }
        vm.assertEq(total, _handler.cast(), "all");
    }

    /// One vote a nullifier, whoever sends it, and none that was not allowed.
    function invariant_nobodyVotesTwice() public view {
        EligibilityPoll poll = _handler.poll();
        for (uint256 nullifier = 0; nullifier < _handler.NULLIFIERS(); ++nullifier) {
            vm.assertLe(_handler.castWith(nullifier), 1, "nullifier");
            vm.assertEq(poll.voted(nullifier), _handler.castWith(nullifier) == 1, "noted");
        }
        vm.assertEq(_handler.wrongs(), 0, "wrong outcomes");
    }

    /// Roots are valid from their post to their end, to the grace after a newer one, or to their revocation.
    function invariant_rootsAreAsPosted() public view {
        CredentialRoots roots = _handler.roots();
        for (uint256 root = 0; root <= _handler.ROOTS(); ++root) {
            vm.assertEq(roots.isValid(root), _handler.isValid(root), "root");
        }
    }
}
