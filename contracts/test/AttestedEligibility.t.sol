// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {Ceremony} from "../script/Ceremony.sol";
import {Deploy} from "../script/Deploy.s.sol";
import {DeployEligibility} from "../script/DeployEligibility.s.sol";
import {InferenceVerifier} from "../src/InferenceVerifier.sol";
import {ModelRegistry} from "../src/ModelRegistry.sol";
import {AttestedEligibility} from "../src/examples/AttestedEligibility.sol";
import {IHalo2Caller} from "../src/interfaces/IHalo2Caller.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {IWeightVerifier} from "../src/interfaces/IWeightVerifier.sol";
import {CanonicalCalldata} from "../src/libraries/CanonicalCalldata.sol";
import {StatementLib} from "../src/libraries/StatementLib.sol";
import {AcceptAll, CarelessVerifier} from "./helpers/Doubles.sol";
import {Eligibility} from "./helpers/Eligibility.sol";
import {Registered} from "./helpers/Registered.sol";

/// @dev The example end to end, with real proofs and signatures. Whom the fraud model scores at a half or more is eligible.
contract AttestedEligibilityRealTest is Registered, Eligibility {
    AttestedEligibility private _vote;

    function setUp() public {
        setUpModels();
        vm.warp(1000);
        _vote = new AttestedEligibility(registry, rulesOf(modelId, 8192));
    }

    function test_votesWithARealProof() public {
        bytes32 statement = registry.hashStatement(modelId, fraud.inputCommitment, fraud.output);
        AttestedEligibility.Signed memory signed = sign(_vote, ISSUER_KEY, VOTER, fraud.inputCommitment, 1500);
        vm.expectEmit(true, true, true, true, address(_vote));
        emit Voted(VOTER, 1, statement, fraud.inputCommitment);
        vm.prank(VOTER);
        bytes32 returned = _vote.vote(1, fraud.inputCommitment, signed, fraud.output, fraud.proof);
        vm.assertEq(returned, statement, "statement");
        vm.assertEq(_vote.votesFor(1), 1, "counted");
        vm.assertEq(_vote.votesFor(0), 0, "once");
        vm.assertTrue(_vote.hasVoted(VOTER) && _vote.isUsed(fraud.inputCommitment), "noted");
    }

    /// A row that the model scores below the threshold, with a proof that says so.
    function test_refusesTheIneligible() public {
        AttestedEligibility.Signed memory signed = sign(_vote, ISSUER_KEY, VOTER, other.inputCommitment, 1500);
        bytes4 reason = AttestedEligibility.NotEligible.selector;
        vm.expectRevert(abi.encodeWithSelector(reason, other.outputs[0], int16(8192)));
        vm.prank(VOTER);
        _vote.vote(1, other.inputCommitment, signed, other.output, other.proof);
    }

    /// The voter's data are attested, but the proof is of nothing, of other data, or of a model of the same shape.
    function test_refusesForgedStatements() public {
        Forged[] memory made = forgeries();
        for (uint256 i = 0; i < made.length; ++i) {
            AttestedEligibility.Signed memory signed = sign(_vote, ISSUER_KEY, VOTER, made[i].input, 1500);
            bytes memory data = abi.encodeCall(_vote.vote, (1, made[i].input, signed, made[i].output, made[i].proof));
            // The gas is capped, as a bad point takes all of it.
            vm.prank(VOTER);
            (bool done, bytes memory returned) = address(_vote).call{gas: CALL_GAS}(data);
            vm.assertTrue(!done && bytes4(returned) == made[i].reason, made[i].what);
        }
        vm.assertTrue(!_vote.hasVoted(VOTER), "not voted");
    }

    /// A transaction that is copied while it waits to be mined, as it is, or with another choice; and what it leaves behind.
    function test_copiesAreWorthNothing() public {
        AttestedEligibility.Signed memory signed = sign(_vote, ISSUER_KEY, VOTER, fraud.inputCommitment, 1500);
        bytes memory data = abi.encodeCall(_vote.vote, (1, fraud.inputCommitment, signed, fraud.output, fraud.proof));
        vm.prank(THIEF);
        (bool done, bytes memory returned) = address(_vote).call(data);
        vm.assertTrue(!done && bytes4(returned) == AttestedEligibility.NotAttested.selector, "copied");
        vm.prank(VOTER);
        (done,) = address(_vote).call(data);
        vm.assertTrue(done, "the voter's");
        vm.prank(THIEF);
        (done, returned) = address(_vote).call(data);
        vm.assertEq(
            returned,
            abi.encodeWithSelector(AttestedEligibility.CommitmentUsed.selector, fraud.inputCommitment),
            "later"
        );
        vm.prank(VOTER);
        (done, returned) = address(_vote).call(data);
        vm.assertEq(returned, abi.encodeWithSelector(AttestedEligibility.VotedBefore.selector, VOTER), "again");
    }

    /// Attestations for another vote, or for this one on another chain.
    function test_attestationsAreForOneVote() public {
        AttestedEligibility twin = new AttestedEligibility(registry, rulesOf(modelId, 8192));
        AttestedEligibility.Signed memory signed = sign(twin, ISSUER_KEY, VOTER, fraud.inputCommitment, 1500);
        _refuseAttestation(signed);
        signed = sign(_vote, ISSUER_KEY, VOTER, fraud.inputCommitment, 1500);
        vm.chainId(block.chainid + 1);
        _refuseAttestation(signed);
        vm.chainId(block.chainid - 1);
        vm.prank(VOTER);
        _vote.vote(0, fraud.inputCommitment, signed, fraud.output, fraud.proof);
    }

    function test_deploys() public {
        DeployEligibility script = new DeployEligibility();
        AttestedEligibility.Rules memory rules = rulesOf(modelId, 8192);
        vm.chainId(31337);
        AttestedEligibility vote = script.run(registry, rules);
        vm.assertEq(abi.encode(vote.rules()), abi.encode(rules), "rules");
        vm.assertEq(address(vote.modelRegistry()), address(registry), "registry");
        // The fixtures' verifier is of the development reference string, or of a ceremony's.
        bool development = new Deploy().isDevelopment(registry.routeOf(modelId).halo2.code);
        vm.chainId(10);
        if (development) vm.expectRevert(abi.encodeWithSelector(Deploy.DevelopmentSrsOnPublicChain.selector, 10));
        script.run(registry, rules);
        rules.modelId = registry.registerModel(bytes32(uint256(1)), bytes32(uint256(2)), new CarelessVerifier(), 0);
        vm.expectRevert(abi.encodeWithSelector(Ceremony.VerifierUnknown.selector, rules.modelId));
        script.run(registry, rules);
    }

    function _refuseAttestation(AttestedEligibility.Signed memory signed) private {
        bytes memory data = abi.encodeCall(_vote.vote, (0, fraud.inputCommitment, signed, fraud.output, fraud.proof));
        vm.prank(VOTER);
        (bool done, bytes memory returned) = address(_vote).call(data);
        vm.assertTrue(!done && bytes4(returned) == AttestedEligibility.NotAttested.selector, "attestation");
    }
}

/// @dev The rules around a double that accepts every proof.
contract AttestedEligibilityTest is Eligibility {
    uint256 private constant ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
    bytes32 private constant INPUT = bytes32(uint256(103));

    ModelRegistry private _registry;
    InferenceVerifier private _verifier;
    AttestedEligibility private _vote;
    uint256 private _modelId;

    function setUp() public {
        vm.warp(1000);
        _registry = new ModelRegistry();
        _verifier = _shape(1);
        _modelId = _registry.registerModel(bytes32(uint256(1)), bytes32(uint256(2)), _verifier, 0);
        _vote = new AttestedEligibility(_registry, rulesOf(_modelId, 1));
    }

    /// The hash that wallets sign, put together by other means.
    function test_attestationHash() public view {
        bytes32 domain = keccak256(
            bytes.concat(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Laminate AttestedEligibility"),
                keccak256("1"),
                bytes32(block.chainid),
                bytes32(uint256(uint160(address(_vote))))
            )
        );
        bytes32 type_ = keccak256("Attestation(address subject,bytes32 inputCommitment,bytes32 schema,uint64 expiry)");
        bytes32 message =
            keccak256(bytes.concat(type_, bytes32(uint256(uint160(VOTER))), INPUT, SCHEMA, bytes32(uint256(1500))));
        bytes32 expected = keccak256(bytes.concat(hex"1901", domain, message));
        vm.assertEq(_vote.attestationHash(VOTER, INPUT, 1500), expected, "hash");
        vm.assertEq(_vote.ATTESTATION_TYPEHASH(), type_, "type");
    }

    /// Eligible from the threshold on, for every output and threshold.
    function testFuzz_threshold(uint256 output, uint256 threshold) public {
        int256 found = int256(bound(output, 0, 65535)) - 32768;
        int16 least = int16(int256(bound(threshold, 1, 65535)) - 32768);
        _vote = new AttestedEligibility(_registry, rulesOf(_modelId, least));
        AttestedEligibility.Signed memory signed = sign(_vote, ISSUER_KEY, VOTER, INPUT, 1500);
        if (found < least) {
            vm.expectRevert(abi.encodeWithSelector(AttestedEligibility.NotEligible.selector, found, least));
        }
        vm.prank(VOTER);
        _vote.vote(2, INPUT, signed, scoreOutput(found), shapedProof(64));
        vm.assertEq(_vote.votesFor(2), found < least ? 0 : 1, "counted");
    }

    /// A signature holds for exactly what was signed.
    function testFuzz_anythingElseIsNotAttested(address subject, bytes32 input, uint64 expiry, uint256 key) public {
        input = bytes32(uint256(input) % R);
        expiry = uint64(bound(expiry, 1001, type(uint64).max));
        key = bound(key, 1, ORDER - 1);
        AttestedEligibility.Signed memory signed = sign(_vote, ISSUER_KEY, subject, INPUT, 1500);
        if (subject != VOTER) _refuse(INPUT, signed, AttestedEligibility.NotAttested.selector);
        signed = sign(_vote, ISSUER_KEY, VOTER, input, 1500);
        if (input != INPUT) _refuse(INPUT, signed, AttestedEligibility.NotAttested.selector);
        signed = sign(_vote, ISSUER_KEY, VOTER, INPUT, expiry);
        signed.expiry = 1500;
        if (expiry != 1500) _refuse(INPUT, signed, AttestedEligibility.NotAttested.selector);
        signed = sign(_vote, key, VOTER, INPUT, 1500);
        if (key != ISSUER_KEY) {
            bytes4 reason = AttestedEligibility.NotAttested.selector;
            vm.expectRevert(abi.encodeWithSelector(reason, vm.addr(ISSUER_KEY), vm.addr(key)));
            vm.prank(VOTER);
            _vote.vote(0, INPUT, signed, scoreOutput(1), shapedProof(64));
        }
        signed = sign(_vote, ISSUER_KEY, VOTER, INPUT, 1500);
        vm.prank(VOTER);
        _vote.vote(0, INPUT, signed, scoreOutput(1), shapedProof(64));
    }

    /// Another schema is another attestation.
    function test_schema() public {
        AttestedEligibility.Rules memory rules = rulesOf(_modelId, 1);
        rules.schema = "another";
        AttestedEligibility another = new AttestedEligibility(_registry, rules);
        vm.assertNotEq(another.attestationHash(VOTER, INPUT, 1), _vote.attestationHash(VOTER, INPUT, 1), "schema");
    }

    /// The other spelling of a good signature, and what is no signature.
    function test_refusesSecondSpellings() public {
        AttestedEligibility.Signed memory signed = sign(_vote, ISSUER_KEY, VOTER, INPUT, 1500);
        (uint8 v, bytes32 s) = (signed.v, signed.s);
        (signed.v, signed.s) = (v == 27 ? 28 : 27, bytes32(ORDER - uint256(s)));
        bytes32 hash = _vote.attestationHash(VOTER, INPUT, 1500);
        vm.assertEq(ecrecover(hash, signed.v, signed.r, signed.s), vm.addr(ISSUER_KEY), "a signature all the same");
        _refuse(INPUT, signed, AttestedEligibility.MalleableSignature.selector);
        signed.s = s;
        uint8[4] memory others = [uint8(0), 1, 26, 29];
        for (uint256 i = 0; i < others.length; ++i) {
            signed.v = others[i];
            _refuse(INPUT, signed, AttestedEligibility.NotAttested.selector);
        }
        (signed.v, signed.r) = (v, 0);
        _refuse(INPUT, signed, AttestedEligibility.NotAttested.selector);
        // The largest of the smaller half is asked about, the next is not.
        signed.s = bytes32(ORDER / 2);
        _refuse(INPUT, signed, AttestedEligibility.NotAttested.selector);
        signed.s = bytes32(ORDER / 2 + 1);
        _refuse(INPUT, signed, AttestedEligibility.MalleableSignature.selector);
    }

    function test_expiry() public {
        AttestedEligibility.Signed memory signed = sign(_vote, ISSUER_KEY, VOTER, INPUT, 1500);
        for (uint256 now_ = 1500; now_ < 1502; ++now_) {
            vm.warp(now_);
            vm.expectRevert(abi.encodeWithSelector(AttestedEligibility.AttestationExpired.selector, 1500, now_));
            vm.prank(VOTER);
            _vote.vote(0, INPUT, signed, scoreOutput(1), shapedProof(64));
        }
        vm.warp(1499);
        vm.prank(VOTER);
        _vote.vote(0, INPUT, signed, scoreOutput(1), shapedProof(64));
    }

    function test_closes() public {
        AttestedEligibility.Signed memory signed = sign(_vote, ISSUER_KEY, VOTER, INPUT, 5000);
        vm.warp(2000);
        vm.expectRevert(abi.encodeWithSelector(AttestedEligibility.VoteClosed.selector, uint64(2000)));
        vm.prank(VOTER);
        _vote.vote(0, INPUT, signed, scoreOutput(1), shapedProof(64));
        vm.warp(1999);
        vm.prank(VOTER);
        _vote.vote(0, INPUT, signed, scoreOutput(1), shapedProof(64));
    }

    function test_choices() public {
        AttestedEligibility.Signed memory signed = sign(_vote, ISSUER_KEY, VOTER, INPUT, 1500);
        for (uint256 choice = 3; choice < 5; ++choice) {
            vm.expectRevert(abi.encodeWithSelector(AttestedEligibility.ChoiceOutOfRange.selector, choice, 3));
            vm.prank(VOTER);
            _vote.vote(choice, INPUT, signed, scoreOutput(1), shapedProof(64));
        }
    }

    /// One vote an account, though the issuer signed twice for it; one a commitment, though for two accounts.
    function test_onceAnAccountAndACommitment() public {
        _cast(VOTER, INPUT);
        AttestedEligibility.Signed memory signed = sign(_vote, ISSUER_KEY, VOTER, "second", 1500);
        _refuse("second", signed, AttestedEligibility.VotedBefore.selector);
        signed = sign(_vote, ISSUER_KEY, THIEF, INPUT, 1500);
        vm.expectRevert(abi.encodeWithSelector(AttestedEligibility.CommitmentUsed.selector, INPUT));
        vm.prank(THIEF);
        _vote.vote(0, INPUT, signed, scoreOutput(1), shapedProof(64));
        _cast(THIEF, bytes32(uint256(104)));
        vm.assertEq(_vote.votesFor(0), 2, "counted");
    }

    function test_retiredModels() public {
        AttestedEligibility.Signed memory signed = sign(_vote, ISSUER_KEY, VOTER, INPUT, 1500);
        _registry.retireModel(_modelId);
        _refuse(INPUT, signed, IModelRegistry.ModelIsRetired.selector);
    }

    /// What a model's verifier checks is its registrant's word: an output of another shape has no decision in its place.
    function test_refusesOutputsThatTheVerifierLetsThrough() public {
        uint256 careless = _registry.registerModel(bytes32(uint256(1)), bytes32(uint256(2)), new CarelessVerifier(), 0);
        _vote = new AttestedEligibility(_registry, rulesOf(careless, 1));
        AttestedEligibility.Signed memory signed = sign(_vote, ISSUER_KEY, VOTER, INPUT, 1500);
        vm.expectRevert(abi.encodeWithSelector(StatementLib.OutputWordTooLarge.selector, 0, 2 ** 16 + 2 ** 15 + 1));
        vm.prank(VOTER);
        _vote.vote(0, INPUT, signed, abi.encode(uint256(2 ** 16 + 2 ** 15 + 1)), "");
        vm.expectRevert(abi.encodeWithSelector(StatementLib.OutputLength.selector, 32, 0));
        vm.prank(VOTER);
        _vote.vote(0, INPUT, signed, "", "");
    }

    function test_refusesSecondEncodings() public {
        AttestedEligibility.Signed memory signed = sign(_vote, ISSUER_KEY, VOTER, INPUT, 1500);
        bytes memory data = abi.encodeCall(_vote.vote, (0, INPUT, signed, scoreOutput(1), shapedProof(64)));
        vm.prank(VOTER);
        (bool done, bytes memory returned) = address(_vote).call(bytes.concat(data, bytes32(0)));
        vm.assertTrue(!done && bytes4(returned) == CanonicalCalldata.NonCanonicalLength.selector, "a word behind");
    }

    function test_construction() public {
        AttestedEligibility.Rules memory rules = rulesOf(_modelId, 1);
        vm.assertEq(abi.encode(_vote.rules()), abi.encode(rules), "rules");
        rules.issuer = address(0);
        _refuseRules(rules, abi.encodeWithSelector(AttestedEligibility.ZeroIssuer.selector));
        rules = rulesOf(_modelId, type(int16).min);
        _refuseRules(rules, abi.encodeWithSelector(AttestedEligibility.ThresholdOutOfRange.selector, rules.threshold));
        rules = rulesOf(_modelId, 1);
        rules.choices = 1;
        _refuseRules(rules, abi.encodeWithSelector(AttestedEligibility.TooFewChoices.selector, 1));
        rules.choices = 2;
        bytes4 reason = AttestedEligibility.ClosingTimeNotInFuture.selector;
        for (uint64 closes = 999; closes < 1001; ++closes) {
            rules.closes = closes;
            _refuseRules(rules, abi.encodeWithSelector(reason, closes, uint256(1000)));
        }
        rules.closes = 1001;
        new AttestedEligibility(_registry, rules);
        rules.modelId = 7;
        _refuseRules(rules, abi.encodeWithSelector(IModelRegistry.ModelNotFound.selector, 7));
        // Two outputs, and a hidden output, whose commitment fills a word.
        for (uint256 outputs = 2; outputs < 16; outputs += 13) {
            rules.modelId = _registry.registerModel(bytes32(outputs), bytes32(uint256(2)), _shape(outputs), 0);
            bytes4 many = AttestedEligibility.NotSingleOutput.selector;
            _refuseRules(rules, abi.encodeWithSelector(many, rules.modelId, outputs));
        }
        _registry.retireModel(_modelId);
        rules.modelId = _modelId;
        _refuseRules(rules, abi.encodeWithSelector(IModelRegistry.ModelIsRetired.selector, _modelId));
    }

    function _shape(uint256 outputs) private returns (InferenceVerifier) {
        return new InferenceVerifier(address(new AcceptAll()), outputs, 64, TERMS, IWeightVerifier(address(0)));
    }

    function _cast(address voter, bytes32 input) private {
        AttestedEligibility.Signed memory signed = sign(_vote, ISSUER_KEY, voter, input, 1500);
        vm.prank(voter);
        _vote.vote(0, input, signed, scoreOutput(1), shapedProof(64));
    }

    function _refuseRules(AttestedEligibility.Rules memory rules, bytes memory reason) private {
        vm.expectRevert(reason);
        new AttestedEligibility(_registry, rules);
    }

    function _refuse(bytes32 input, AttestedEligibility.Signed memory signed, bytes4 reason) private {
        bytes memory data = abi.encodeCall(_vote.vote, (0, input, signed, scoreOutput(1), shapedProof(64)));
        vm.prank(VOTER);
        (bool done, bytes memory returned) = address(_vote).call(data);
        vm.assertTrue(!done, "accepted");
        vm.assertEq(bytes32(bytes4(returned)), bytes32(reason), "refused for another reason");
    }
}
