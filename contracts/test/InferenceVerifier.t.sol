// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {InferenceVerifier} from "../src/InferenceVerifier.sol";
import {IHalo2Caller} from "../src/interfaces/IHalo2Caller.sol";
import {IWeightVerifier} from "../src/interfaces/IWeightVerifier.sol";
import {CodePin} from "../src/libraries/CodePin.sol";
import {PublicValues} from "../src/libraries/PublicValues.sol";
import {StatementLib} from "../src/libraries/StatementLib.sol";
import {AcceptAll, AcceptAllPacked, AcceptExactly, BurnAll, RejectAll} from "./helpers/Doubles.sol";
import {PublicValuesHarness} from "./helpers/Harnesses.sol";
import {TestBase} from "./helpers/TestBase.sol";

/// @dev The wrapper's own checks, around a double that accepts everything, so that nothing but the wrapper can refuse.
contract InferenceVerifierTest is TestBase {
    uint256 private constant PROOF = 320;
    bytes32 private constant PROGRAM = bytes32(uint256(101));
    bytes32 private constant WEIGHTS = bytes32(uint256(102));
    bytes32 private constant INPUT = bytes32(uint256(103));

    address private _halo2;
    InferenceVerifier private _verifier;
    bytes private _output;
    bytes private _proof;

    function setUp() public {
        _halo2 = address(new AcceptAll());
        _verifier = new InferenceVerifier(_halo2, 1, PROOF, TERMS, IWeightVerifier(address(0)));
        _output = scoreOutput(1234);
        _proof = shapedProof(PROOF);
    }

    function test_describesItself() public view {
        vm.assertEq(_verifier.halo2Verifier(), _halo2, "verifier");
        vm.assertEq(_verifier.halo2VerifierCodeHash(), _halo2.codehash, "code hash");
        vm.assertEq(_verifier.outputCount(), 1, "outputs");
        vm.assertEq(_verifier.proofLength(), PROOF, "proof length");
        vm.assertEq(_verifier.termCount(), TERMS, "terms");
    }

    /// The generated verifier gets the instances in their fixed order, then the proof, and nothing else. What they are
    /// is tested in `PublicValues.t.sol`.
    function test_forwardsInstancesThenProof() public {
        PublicValuesHarness lib = new PublicValuesHarness();
        PublicValues.Statement memory statement = PublicValues.Statement(1, PROGRAM, WEIGHTS, INPUT);
        bytes memory instances = lib.instances(statement, _output, slice(_proof, 0, DEFERRED));
        bytes32 expected = keccak256(bytes.concat(instances, slice(_proof, DEFERRED, DEFERRED + PROOF)));
        InferenceVerifier verifier =
            new InferenceVerifier(address(new AcceptExactly(expected)), 1, PROOF, TERMS, IWeightVerifier(address(0)));
        verifier.verify(PROGRAM, WEIGHTS, INPUT, _output, _proof);
        vm.expectRevert(IHalo2Caller.InvalidProof.selector);
        verifier.verify(WEIGHTS, PROGRAM, INPUT, _output, _proof);
    }

    function test_refusesWhatTheGeneratedVerifierRefuses() public {
        InferenceVerifier verifier =
            new InferenceVerifier(address(new RejectAll()), 1, PROOF, TERMS, IWeightVerifier(address(0)));
        vm.expectRevert(IHalo2Caller.InvalidProof.selector);
        verifier.verify(PROGRAM, WEIGHTS, INPUT, _output, _proof);
    }

    function test_constructorRefusesZeroAddress() public {
        vm.expectRevert(CodePin.ZeroVerifier.selector);
        new InferenceVerifier(address(0), 1, PROOF, TERMS, IWeightVerifier(address(0)));
    }

    function testFuzz_constructorRefusesAddressWithoutCode(address verifier) public {
        vm.assume(verifier != address(0) && verifier.code.length == 0);
        vm.expectRevert(abi.encodeWithSelector(CodePin.VerifierWithoutCode.selector, verifier));
        new InferenceVerifier(verifier, 1, PROOF, TERMS, IWeightVerifier(address(0)));
    }

    function test_constructorRefusesOutputCounts() public {
        vm.expectRevert(abi.encodeWithSelector(StatementLib.OutputCountOutOfRange.selector, 0, 2 ** 16));
        new InferenceVerifier(_halo2, 0, PROOF, TERMS, IWeightVerifier(address(0)));
        vm.expectRevert(abi.encodeWithSelector(StatementLib.OutputCountOutOfRange.selector, 65537, 2 ** 16));
        new InferenceVerifier(_halo2, 65537, PROOF, TERMS, IWeightVerifier(address(0)));
        InferenceVerifier most = new InferenceVerifier(_halo2, 65536, PROOF, TERMS, IWeightVerifier(address(0)));
        vm.assertEq(most.outputCount(), 65536, "the limit");
    }

    function test_constructorRefusesProofLengths() public {
        uint256[4] memory lengths = [uint256(0), 31, 321, 2 ** 32];
        for (uint256 i = 0; i < lengths.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IHalo2Caller.ProofLengthOutOfRange.selector, lengths[i]));
            new InferenceVerifier(_halo2, 1, lengths[i], TERMS, IWeightVerifier(address(0)));
        }
        uint256 most = 2 ** 32 - 32;
        InferenceVerifier longest = new InferenceVerifier(_halo2, 1, most, TERMS, IWeightVerifier(address(0)));
        vm.assertEq(longest.proofLength(), most, "the limit");
    }

    function test_constructorRefusesTermCounts() public {
        uint256[3] memory counts = [uint256(0), 4097, type(uint256).max];
        for (uint256 i = 0; i < counts.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(PublicValues.TermCountOutOfRange.selector, counts[i]));
            new InferenceVerifier(_halo2, 1, PROOF, counts[i], IWeightVerifier(address(0)));
        }
        vm.assertEq(
            new InferenceVerifier(_halo2, 1, PROOF, 4096, IWeightVerifier(address(0))).termCount(), 4096, "the limit"
        );
    }

    /// What a generated verifier takes is asked once, with little gas: one that takes limbs is none the wiser.
    function test_asksWhatIsTaken() public {
        vm.assertTrue(!_verifier.packed(), "limbs");
        InferenceVerifier terms =
            new InferenceVerifier(address(new AcceptAllPacked()), 1, PROOF, TERMS, IWeightVerifier(address(0)));
        vm.assertTrue(terms.packed(), "terms");
        vm.assertEq(terms.halo2Route().halo2, terms.halo2Verifier(), "a route");
        vm.assertEq(_verifier.halo2Route().halo2, address(0), "no route");
        address burns = address(new BurnAll());
        uint256 before = gasleft();
        InferenceVerifier asked = new InferenceVerifier(burns, 1, PROOF, TERMS, IWeightVerifier(address(0)));
        vm.assertLe(before - gasleft(), 3_000_000, "gas");
        vm.assertTrue(!asked.packed(), "no answer");
    }

    /// Code that goes away, or changes, after construction.
    function test_refusesVerifierThatLostItsCode() public {
        bytes32 expected = _halo2.codehash;
        vm.etch(_halo2, "");
        vm.expectRevert(abi.encodeWithSelector(CodePin.VerifierCodeChanged.selector, _halo2, expected, _halo2.codehash));
        _verify(PROGRAM, WEIGHTS, INPUT, _output, _proof);
    }

    function test_refusesVerifierWithOtherCode() public {
        bytes32 expected = _halo2.codehash;
        vm.etch(_halo2, hex"00");
        vm.expectRevert(
            abi.encodeWithSelector(CodePin.VerifierCodeChanged.selector, _halo2, expected, keccak256(hex"00"))
        );
        _verify(PROGRAM, WEIGHTS, INPUT, _output, _proof);
    }

    function test_refusesTheModulusAsACommitment() public {
        _refuseCommitments(R);
        bytes32 last = bytes32(R - 1);
        _verify(last, last, last, _output, _proof);
    }

    function testFuzz_refusesUnreducedCommitments(uint256 value) public {
        _refuseCommitments(bound(value, R, type(uint256).max));
    }

    function _refuseCommitments(uint256 value) private {
        bytes32 word = bytes32(value);
        vm.expectRevert(abi.encodeWithSelector(StatementLib.ValueNotCanonical.selector, 2, value));
        _verify(word, WEIGHTS, INPUT, _output, _proof);
        vm.expectRevert(abi.encodeWithSelector(StatementLib.ValueNotCanonical.selector, 3, value));
        _verify(PROGRAM, word, INPUT, _output, _proof);
        vm.expectRevert(abi.encodeWithSelector(StatementLib.ValueNotCanonical.selector, 4, value));
        _verify(PROGRAM, WEIGHTS, word, _output, _proof);
        vm.expectRevert(abi.encodeWithSelector(StatementLib.ValueNotCanonical.selector, 5, value));
        _verify(PROGRAM, WEIGHTS, INPUT, abi.encode(value), _proof);
    }

    /// Whole words: an odd number of bytes is already refused by the canonical encoding (`CanonicalCalldata.t.sol`).
    function testFuzz_refusesProofLength(uint256 words) public {
        words = bound(words, 0, 64);
        uint256 expected = DEFERRED + PROOF;
        vm.assume(32 * words != expected);
        vm.expectRevert(abi.encodeWithSelector(IHalo2Caller.ProofLength.selector, expected, 32 * words));
        _verify(PROGRAM, WEIGHTS, INPUT, _output, new bytes(32 * words));
    }

    function testFuzz_refusesOutputLength(uint256 words) public {
        words = bound(words, 0, 8);
        vm.assume(words != 1);
        vm.expectRevert(abi.encodeWithSelector(StatementLib.OutputLength.selector, 32, 32 * words));
        _verify(PROGRAM, WEIGHTS, INPUT, new bytes(32 * words), _proof);
    }

    function _verify(bytes32 program, bytes32 weights, bytes32 input, bytes memory output, bytes memory proof)
        private
        view
    {
        _verifier.verify(program, weights, input, output, proof);
    }
}
