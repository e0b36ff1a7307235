// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {UniversalVerifier} from "../src/UniversalVerifier.sol";
import {IHalo2Caller} from "../src/interfaces/IHalo2Caller.sol";
import {CanonicalCalldata} from "../src/libraries/CanonicalCalldata.sol";
import {CodePin} from "../src/libraries/CodePin.sol";
import {PublicValues} from "../src/libraries/PublicValues.sol";
import {StatementLib} from "../src/libraries/StatementLib.sol";
import {UniversalProgram} from "../src/libraries/UniversalProgram.sol";
import {AcceptAll, AcceptExactly} from "./helpers/Doubles.sol";
import {PublicValuesHarness} from "./helpers/Harnesses.sol";
import {Universal} from "./helpers/Universal.sol";

/// @dev Statements of all circuits, against a double that holds of one circuit and one proof what a generated universal
/// verifier would (`CircuitDouble`).
contract UniversalVerifierTest is Universal {
    Case private _case;
    bytes private _key;
    bytes32 private _digest;
    UniversalVerifier private _verifier;

    function setUp() public {
        _case = honest("universal", 16, 3);
        _key = keyOf("key");
        _verifier = universalOf(_case, _key);
        _digest = universalDigest(_verifier, _key, _case.program);
    }

    function test_describesItself() public {
        vm.assertEq(_verifier.verifyingKeyLength(), KEY_LENGTH, "key length");
        vm.assertEq(_verifier.proofLength(), _case.halo2.length, "proof length");
        vm.assertEq(_verifier.halo2VerifierCodeHash(), _verifier.halo2Verifier().codehash, "code hash");
        vm.assertEq(_verifier.programDigestOf(_key, _case.program), _digest, "digest");
        bytes memory key = bytes.concat(keccak256("key 0"), keccak256("key 1"), keccak256("key 2"), keccak256("key 3"));
        vm.assertEq(
            _ofKnownCode(KEY_LENGTH, 96).programDigestOf(key, bytes32(uint256(keccak256("program")) % R)),
            bytes32(0x031b912a146549732be071ae03d39add6ea5569299212d2238ad92a52149ddd8),
            "digest made outside (cast)"
        );
        vm.assertEq(_ofKnownCode(KEY_LENGTH, 96).selector(), bytes4(0xbf32b3bf), "selector made outside (cast)");
        // A selector is of the generated verifier's code and both lengths, not of an address.
        address halo2 = _verifier.halo2Verifier();
        bytes32 selector = _verifier.selector();
        vm.assertEq(new UniversalVerifier(halo2, KEY_LENGTH, 96).selector(), selector, "another deployment");
        vm.assertNotEq(new UniversalVerifier(halo2, KEY_LENGTH + 32, 96).selector(), selector, "key length");
        vm.assertNotEq(new UniversalVerifier(halo2, KEY_LENGTH, 128).selector(), selector, "proof length");
        vm.assertNotEq(
            new UniversalVerifier(address(new AcceptAll()), KEY_LENGTH, 96).selector(), selector, "generated verifier"
        );
    }

    /// A digest binds what its verifier's selector is a hash of, each part on its own: the generated verifier's code
    /// and both lengths. The same verifier elsewhere has the same digests.
    function test_digestsAreOfOneVerifier() public {
        address halo2 = _verifier.halo2Verifier();
        UniversalVerifier again = new UniversalVerifier(halo2, KEY_LENGTH, 96);
        vm.assertEq(again.programDigestOf(_key, _case.program), _digest, "another deployment");
        UniversalVerifier[3] memory others = [
            new UniversalVerifier(halo2, KEY_LENGTH + 32, 96),
            new UniversalVerifier(halo2, KEY_LENGTH, 128),
            new UniversalVerifier(address(new AcceptAll()), KEY_LENGTH, 96)
        ];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.assertNotEq(others[i].programDigestOf(_key, _case.program), _digest, "another verifier");
        }
        // The one that accepts everything has the lengths that the proof is split at, and is not asked.
        bytes memory proof = universalProof(_case, _key);
        bytes4 reason = UniversalProgram.ProgramDigestMismatch.selector;
        requireRefusal(address(others[2]), statementCall(_case, _digest, proof), reason, "other code");
    }

    function test_constructorRefusals() public {
        address halo2 = address(new AcceptAll());
        vm.expectRevert(CodePin.ZeroVerifier.selector);
        new UniversalVerifier(address(0), 32, 32);
        vm.expectRevert(abi.encodeWithSelector(CodePin.VerifierWithoutCode.selector, address(7)));
        new UniversalVerifier(address(7), 32, 32);
        uint256[4] memory lengths = [uint256(0), 33, 2 ** 32, type(uint256).max];
        for (uint256 i = 0; i < lengths.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IHalo2Caller.ProofLengthOutOfRange.selector, lengths[i]));
            new UniversalVerifier(halo2, lengths[i], 32);
            vm.expectRevert(abi.encodeWithSelector(IHalo2Caller.ProofLengthOutOfRange.selector, lengths[i]));
            new UniversalVerifier(halo2, 32, lengths[i]);
        }
    }

    /// The generated verifier gets the 15 instances, the verifying key and the halo2 proof, and nothing else.
    function test_forwardsInstancesKeyAndProof() public {
        PublicValues.Statement memory statement = PublicValues.Statement(16, _case.program, _case.weights, _case.input);
        bytes memory instances = new PublicValuesHarness().instances(statement, _case.output, _case.deferred);
        bytes32 expected = keccak256(bytes.concat(instances, _key, _case.halo2));
        _verifier = new UniversalVerifier(address(new AcceptExactly(expected)), KEY_LENGTH, 96);
        _digest = universalDigest(_verifier, _key, _case.program);
        _accept(_case);
    }

    function testFuzz_acceptsWhatWasProven(bytes32 seed, uint256 outputs, uint256 terms) public {
        Case memory made = honest(seed, bound(outputs, 0, 40), bound(terms, 1, 5));
        _key = keyOf(seed);
        _verifier = universalOf(made, _key);
        _digest = universalDigest(_verifier, _key, made.program);
        _accept(made);
    }

    /// Any one word of the proof, to anything else.
    function testFuzz_refusesAnyOtherWord(uint256 index, uint256 value) public view {
        bytes memory proof = universalProof(_case, _key);
        index = bound(index, 0, proof.length / 32 - 1);
        uint256 word = wordAt(proof, index);
        vm.assume(value != word);
        unchecked {
            uint256[4] memory changed = [value, word + 1, word ^ (1 << (value % 256)), word == 0 ? 1 : 0];
            for (uint256 i = 0; i < changed.length; ++i) {
                (bool accepted,) = address(_verifier).staticcall{gas: CALL_GAS}(
                    statementCall(_case, _digest, withWord(proof, index, changed[i]))
                );
                vm.assertTrue(!accepted, "another word");
            }
        }
    }

    /// Any other statement.
    function testFuzz_refusesOtherStatements(bytes32 value, uint256 count) public view {
        value = bytes32(uint256(value) % R);
        vm.assume(value != _case.weights && value != _case.input && value != _digest);
        bytes memory proof = universalProof(_case, _key);
        Case memory changed = _case;
        changed.weights = value;
        _refuseStatement(changed, proof, IHalo2Caller.InvalidProof.selector, "other weights");
        changed.weights = _case.weights;
        changed.input = value;
        _refuseStatement(changed, proof, IHalo2Caller.InvalidProof.selector, "other input");
        changed.input = _case.input;
        changed.output = withWord(_case.output, 0, uint256(value) >> 14);
        _refuseStatement(changed, proof, IHalo2Caller.InvalidProof.selector, "other output");
        // As many words for 17 to 30 outputs.
        changed.output = _case.output;
        changed.outputCount = bound(count, 17, 30);
        _refuseStatement(changed, proof, IHalo2Caller.InvalidProof.selector, "other output count");
        bytes memory data = statementCall(_case, value, proof);
        requireRefusal(address(_verifier), data, UniversalProgram.ProgramDigestMismatch.selector, "other program");
    }

    /// The digest that the circuit states is no program digest here, nor is another circuit's key the model's.
    function test_refusesOtherPrograms() public view {
        bytes4 reason = UniversalProgram.ProgramDigestMismatch.selector;
        bytes memory proof = universalProof(_case, _key);
        requireRefusal(address(_verifier), statementCall(_case, _case.program, proof), reason, "the circuit's digest");
        bytes memory otherKey = keyOf("other");
        Case memory changed = _case;
        requireRefusal(
            address(_verifier), statementCall(_case, _digest, universalProof(_case, otherKey)), reason, "other key"
        );
        changed.program = bytes32(uint256(1));
        requireRefusal(
            address(_verifier), statementCall(_case, _digest, universalProof(changed, _key)), reason, "other circuit"
        );
        // A model registered with another key, or another circuit's digest: its proofs are not this one.
        bytes32 other = universalDigest(_verifier, otherKey, _case.program);
        requireRefusal(
            address(_verifier),
            statementCall(_case, other, universalProof(_case, otherKey)),
            IHalo2Caller.InvalidProof.selector,
            "other key, its own digest"
        );
        other = universalDigest(_verifier, _key, changed.program);
        requireRefusal(
            address(_verifier),
            statementCall(_case, other, universalProof(changed, _key)),
            IHalo2Caller.InvalidProof.selector,
            "other circuit, its own digest"
        );
        other = universalDigest(_verifier, _key, bytes32(uint256(_case.program) + R));
        changed.program = bytes32(uint256(_case.program) + R);
        requireRefusal(
            address(_verifier),
            statementCall(_case, other, universalProof(changed, _key)),
            StatementLib.ValueNotCanonical.selector,
            "unreduced circuit digest"
        );
    }

    /// Public values that are word for word the circuit's, but for the count of outputs: a term read as output words.
    function test_refusesTermsReadAsOutputs() public {
        (uint256[] memory logs, uint256[] memory scalars) = (new uint256[](3), new uint256[](3));
        (logs[0], logs[1], logs[2]) = (21, 22, 23);
        // A term with scalar 0, so that the sum holds without it as with it.
        (scalars[0], scalars[1], scalars[2]) = (0, 6, 7);
        Case memory made = honest("reread", 15, 3);
        setTerms(made, logs, scalars);
        _verifier = universalOf(made, _key);
        _digest = universalDigest(_verifier, _key, made.program);
        _accept(made);

        bytes memory values = valuesOf(made);
        Case memory forged = honest("reread", 15, 3);
        forged.outputCount = 75;
        forged.output = slice(values, 5 * 32, 10 * 32);
        forged.deferred = bytes.concat(slice(made.deferred, 0, 32), slice(made.deferred, 32 + 96, made.deferred.length));
        bytes memory forgedValues = valuesOf(forged);
        vm.assertEq(withWord(forgedValues, 1, 15), values, "the same words but for the count of outputs, which is v_1");
        _refuseStatement(forged, universalProof(forged, _key), IHalo2Caller.InvalidProof.selector, "term as outputs");
        forged.outputCount = 15;
        _refuseStatement(forged, universalProof(forged, _key), StatementLib.OutputLength.selector, "and its old count");
    }

    /// The other way round: output words that spell a point and a scalar, read as a term.
    function test_refusesOutputsReadAsTerms() public {
        Case memory term = honest("term", 0, 1);
        (uint256[] memory logs, uint256[] memory scalars) = (new uint256[](1), new uint256[](1));
        (logs[0], scalars[0]) = (31, 0);
        setTerms(term, logs, scalars);
        Case memory made = honest("reread", 75, 2);
        // A term with scalar 0, so that the sum holds with it as without it.
        made.output = bytes.concat(slice(made.output, 0, 32), slice(valuesOf(term), 5 * 32, 9 * 32));
        made.deferred = withWord(made.deferred, 0, uint256(digestOf(valuesOf(made))));
        _verifier = universalOf(made, _key);
        _digest = universalDigest(_verifier, _key, made.program);
        _accept(made);

        Case memory forged = made;
        bytes memory values = valuesOf(made);
        forged.deferred = bytes.concat(
            slice(made.deferred, 0, 32), slice(term.deferred, 32, 128), slice(made.deferred, 32, made.deferred.length)
        );
        (forged.outputCount, forged.output) = (15, slice(made.output, 0, 32));
        vm.assertEq(withWord(valuesOf(forged), 1, 75), values, "the same words but for the count of outputs");
        _refuseStatement(forged, universalProof(forged, _key), IHalo2Caller.InvalidProof.selector, "outputs as a term");
    }

    function testFuzz_refusesLengths(uint256 words) public view {
        words = bound(words, 0, 64);
        bytes memory proof = new bytes(32 * words);
        uint256 fixedPart = 32 + 96 + KEY_LENGTH + 96;
        if (proof.length > fixedPart && (proof.length - fixedPart) % 96 == 0) proof = bytes.concat(proof, bytes32(0));
        _refuseStatement(_case, proof, UniversalProgram.ProofLengthWithoutTerms.selector, "length");
    }

    function test_refusesShapes() public {
        bytes memory proof = universalProof(_case, _key);
        bytes4 reason = CanonicalCalldata.UnalignedArgument.selector;
        _refuseStatement(_case, bytes.concat(proof, hex"00"), reason, "a byte more");
        bytes memory data = bytes.concat(statementCall(_case, _digest, proof), bytes32(0));
        requireRefusal(address(_verifier), data, CanonicalCalldata.NonCanonicalLength.selector, "a word after it");
        Case memory changed = _case;
        changed.outputCount = 2 ** 16 + 1;
        _refuseStatement(changed, proof, StatementLib.OutputCountOutOfRange.selector, "too many outputs");
        changed.outputCount = type(uint256).max;
        _refuseStatement(changed, proof, StatementLib.OutputCountOutOfRange.selector, "far too many outputs");
        changed.outputCount = 0;
        _refuseStatement(changed, proof, StatementLib.OutputLength.selector, "words for no outputs");

        vm.etch(_verifier.halo2Verifier(), address(new AcceptAll()).code);
        _refuseStatement(_case, proof, CodePin.VerifierCodeChanged.selector, "another generated verifier");
    }

    /// @dev A universal verifier before code of one byte, STOP.
    function _ofKnownCode(uint256 keyLength, uint256 halo2Length) private returns (UniversalVerifier) {
        vm.etch(address(0xc0de), hex"00");
        return new UniversalVerifier(address(0xc0de), keyLength, halo2Length);
    }

    function _accept(Case memory made) private view {
        _verifier.verifyStatement(
            _digest, made.weights, made.input, made.outputCount, made.output, universalProof(made, _key)
        );
    }

    function _refuseStatement(Case memory made, bytes memory proof, bytes4 reason, string memory what) private view {
        requireRefusal(address(_verifier), statementCall(made, _digest, proof), reason, what);
    }
}

/// @dev The same of packed proofs.
contract PackedUniversalVerifierTest is UniversalVerifierTest {
    function packed() internal pure override returns (bool) {
        return true;
    }
}
