// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {InferenceVerifier} from "../src/InferenceVerifier.sol";
import {WeightVerifier} from "../src/WeightVerifier.sol";
import {IHalo2Caller} from "../src/interfaces/IHalo2Caller.sol";
import {IWeightVerifier} from "../src/interfaces/IWeightVerifier.sol";
import {CanonicalCalldata} from "../src/libraries/CanonicalCalldata.sol";
import {PublicValues} from "../src/libraries/PublicValues.sol";
import {Honest} from "./helpers/Honest.sol";

/// @dev Statements and terms other than the proven ones, against a double that checks of the instances what a generated
/// verifier and its circuit check (`CircuitDouble`), so that it accepts whatever binding them by D, ω and E lets through.
contract ForgeryTest is Honest {
    uint256 private constant OUTPUTS = 16;
    uint256 private constant CASE_TERMS = 3;

    Case private _case;
    InferenceVerifier private _verifier;

    function setUp() public {
        _case = honest("forgery", OUTPUTS, CASE_TERMS);
        _verifier = _verifierOf(_case);
    }

    /// Every honest case is accepted: any number of outputs and terms.
    function testFuzz_acceptsWhatWasProven(bytes32 seed, uint256 outputs, uint256 terms) public {
        Case memory made = honest(seed, bound(outputs, 1, 40), bound(terms, 1, 5));
        _verify(_verifierOf(made), made);
    }

    function test_acceptsWeightProofs() public {
        Case memory made = honest("weights", 0, 2);
        address halo2 = address(circuitOf(made, made.halo2));
        WeightVerifier verifier = new WeightVerifier(halo2, made.program, made.halo2.length, 2);
        verifier.verifyWeights(made.weights, made.input, directProof(made));
        bytes4 reason = IHalo2Caller.InvalidProof.selector;
        bytes memory proof = directProof(made);
        bytes memory data = abi.encodeCall(IWeightVerifier.verifyWeights, (made.input, made.weights, proof));
        requireRefusal(address(verifier), data, reason, "swapped commitments");
        data = abi.encodeCall(IWeightVerifier.verifyWeights, (made.weights, made.input, withWord(proof, 3, 5)));
        requireRefusal(address(verifier), data, reason, "another scalar");
    }

    /// Any one word of the statement or the proof, to anything else.
    function testFuzz_refusesAnyOtherWord(uint256 index, uint256 value) public view {
        bytes memory proof = directProof(_case);
        index = bound(index, 0, 4 + proof.length / 32);
        Case memory changed = _case;
        uint256 word = _wordOf(changed, index);
        vm.assume(value != word);
        _refuseAny(_withWord(changed, index, value), "another word");
        unchecked {
            _refuseAny(_withWord(_case, index, word + 1), "one more");
            _refuseAny(_withWord(_case, index, word ^ (1 << (value % 256))), "a flipped bit");
        }
        _refuseAny(_withWord(_case, index, word == 0 ? 1 : 0), "zero");
    }

    /// Terms in another order: the same sum, but other public values. Where the last one moves, another left side too.
    function test_refusesSwappedTerms() public view {
        for (uint256 i = 0; i < CASE_TERMS; ++i) {
            for (uint256 j = 0; j < i; ++j) {
                Case memory changed = _case;
                for (uint256 k = 1; k < 4; ++k) {
                    changed.deferred = withWord(changed.deferred, 3 * i + k, wordAt(_case.deferred, 3 * j + k));
                    changed.deferred = withWord(changed.deferred, 3 * j + k, wordAt(_case.deferred, 3 * i + k));
                }
                _refuse(changed, IHalo2Caller.InvalidProof.selector, "swapped terms");
            }
        }
    }

    /// Other terms whose sum holds as well, of which the circuit knows nothing.
    function testFuzz_refusesOtherTermsThatHold(bytes32 seed) public view {
        (uint256[] memory logs, uint256[] memory scalars) = (new uint256[](CASE_TERMS), new uint256[](CASE_TERMS));
        for (uint256 i = 0; i < CASE_TERMS; ++i) {
            logs[i] = 1 + uint256(keccak256(abi.encode(seed, i))) % (R - 1);
            scalars[i] = uint256(keccak256(abi.encode(seed, i, "scalar"))) % R;
        }
        Case memory changed = _case;
        setTerms(changed, logs, scalars);
        _refuse(changed, IHalo2Caller.InvalidProof.selector, "other terms, their own D");
        changed.deferred = withWord(changed.deferred, 0, wordAt(_case.deferred, 0));
        _refuse(changed, IHalo2Caller.InvalidProof.selector, "other terms, the circuit's D");
    }

    /// A share moved from the first term's scalar to the generator's: the sum holds, the public values differ.
    function testFuzz_refusesMovedShares(uint256 share) public {
        share = bound(share, 1, R - 1);
        (uint256[] memory logs, uint256[] memory scalars) = (new uint256[](2), new uint256[](2));
        (logs[0], logs[1], scalars[0], scalars[1]) = (7, 11, 13, 17);
        Case memory made = _case;
        setTerms(made, logs, scalars);
        _verifier = _verifierOf(made);
        _verify(_verifier, made);
        uint256 generator = addmod(wordAt(made.deferred, 7), R - mulmod(7, share, R), R);
        made.deferred = withWord(withWord(made.deferred, 3, addmod(13, share, R)), 7, generator);
        _refuse(made, IHalo2Caller.InvalidProof.selector, "a moved share");
    }

    /// Second spellings: x + p, y + p, s + r, the negated point at infinity.
    function test_refusesSecondSpellings() public view {
        for (uint256 i = 0; i < CASE_TERMS; ++i) {
            for (uint256 k = 1; k < 4; ++k) {
                Case memory changed = _case;
                uint256 word = wordAt(_case.deferred, 3 * i + k);
                changed.deferred = withWord(_case.deferred, 3 * i + k, word + (k == 3 ? R : Q));
                _refuseAny(changed, "plus the modulus");
            }
            Case memory infinity = _case;
            infinity.deferred = withWord(withWord(_case.deferred, 3 * i + 1, 0), 3 * i + 2, 0);
            _refuse(infinity, PublicValues.PointAtInfinity.selector, "(0, 0)");
            infinity.deferred = withWord(infinity.deferred, 3 * i + 2, Q);
            _refuse(infinity, PublicValues.CoordinateNotCanonical.selector, "(0, p)");
        }
    }

    function test_refusesLengths() public view {
        Case memory changed = _case;
        changed.halo2 = "";
        _refuse(changed, IHalo2Caller.ProofLength.selector, "no halo2 proof");
        changed.deferred = "";
        _refuse(changed, IHalo2Caller.ProofLength.selector, "nothing");
        changed = _case;
        changed.halo2 = bytes.concat(_case.halo2, bytes32(0));
        _refuse(changed, IHalo2Caller.ProofLength.selector, "a word more");
        changed.halo2 = bytes.concat(_case.halo2, hex"00");
        _refuse(changed, CanonicalCalldata.UnalignedArgument.selector, "a byte more");
        changed.halo2 = _case.halo2;
        changed.deferred = bytes.concat(_case.deferred, new bytes(96));
        _refuse(changed, IHalo2Caller.ProofLength.selector, "a term more");
    }

    function _verifierOf(Case memory made) internal returns (InferenceVerifier) {
        uint256 terms = (made.deferred.length - 96) / 96;
        address halo2 = address(circuitOf(made, made.halo2));
        return new InferenceVerifier(halo2, made.outputCount, made.halo2.length, terms, IWeightVerifier(address(0)));
    }

    function _verify(InferenceVerifier verifier, Case memory made) internal view {
        verifier.verify(made.program, made.weights, made.input, made.output, directProof(made));
    }

    function _call(Case memory made) private pure returns (bytes memory) {
        return abi.encodeCall(
            InferenceVerifier.verify, (made.program, made.weights, made.input, made.output, directProof(made))
        );
    }

    function _refuse(Case memory made, bytes4 reason, string memory what) private view {
        requireRefusal(address(_verifier), _call(made), reason, what);
    }

    function _refuseAny(Case memory made, string memory what) private view {
        (bool accepted,) = address(_verifier).staticcall{gas: CALL_GAS}(_call(made));
        vm.assertTrue(!accepted, what);
    }

    /// @dev Words 0 to 2 are the commitments, 3 and 4 the output, then the proof's.
    function _wordOf(Case memory made, uint256 index) private pure returns (uint256) {
        if (index > 4) return wordAt(directProof(made), index - 5);
        if (index > 2) return wordAt(made.output, index - 3);
        return uint256([made.program, made.weights, made.input][index]);
    }

    function _withWord(Case memory made, uint256 index, uint256 value) private pure returns (Case memory) {
        if (index > 4) {
            bytes memory proof = withWord(directProof(made), index - 5, value);
            (made.deferred, made.halo2) =
            (slice(proof, 0, made.deferred.length), slice(proof, made.deferred.length, proof.length));
        } else if (index > 2) {
            made.output = withWord(made.output, index - 3, value);
        } else if (index == 2) {
            made.input = bytes32(value);
        } else if (index == 1) {
            made.weights = bytes32(value);
        } else {
            made.program = bytes32(value);
        }
        return made;
    }
}

/// @dev The same for packed proofs, whose generated verifier sums the terms up.
contract PackedForgeryTest is ForgeryTest {
    function packed() internal pure override returns (bool) {
        return true;
    }

    /// With the last point but one on the left side, as proofs of joins have it.
    function testFuzz_acceptsJoins(bytes32 seed, uint256 left) public {
        left = bound(left, 1, R - 1);
        (uint256[] memory logs, uint256[] memory scalars) = (new uint256[](3), new uint256[](3));
        for (uint256 i = 0; i < 3; ++i) {
            logs[i] = 1 + uint256(keccak256(abi.encode(seed, i))) % (R - 1);
            scalars[i] = uint256(keccak256(abi.encode(seed, i, "scalar"))) % R;
        }
        Case memory made = honest(seed, 3, 3);
        setTerms(made, logs, scalars, left);
        InferenceVerifier verifier = _verifierOf(made);
        vm.assertTrue(verifier.packed(), "packed");
        _verify(verifier, made);
    }
}
