// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {FraudScreen} from "../src/FraudScreen.sol";
import {InferenceVerifier} from "../src/InferenceVerifier.sol";
import {ModelRegistry} from "../src/ModelRegistry.sol";
import {RoutedVerifier} from "../src/RoutedVerifier.sol";
import {UniversalVerifier} from "../src/UniversalVerifier.sol";
import {VerifierRouter} from "../src/VerifierRouter.sol";
import {IWeightVerifier} from "../src/interfaces/IWeightVerifier.sol";
import {CanonicalCalldata} from "../src/libraries/CanonicalCalldata.sol";
import {AcceptAll} from "./helpers/Doubles.sol";
import {TestBase} from "./helpers/TestBase.sol";

/// @dev Every entry that takes an output and a proof, each with every way to spell the same arguments differently. The
/// generated verifier is a double that accepts everything, so that only the encoding can be the reason to refuse.
contract CanonicalCalldataTest is TestBase {
    uint256 private constant PROOF = 320;

    struct Entry {
        string name;
        address target;
        bytes head;
        bytes proof;
    }

    bytes private _output;
    bytes private _proof;
    Entry[] private _entries;

    function setUp() public {
        InferenceVerifier verifier =
            new InferenceVerifier(address(new AcceptAll()), 1, PROOF, TERMS, IWeightVerifier(address(0)));
        ModelRegistry registry = new ModelRegistry();
        FraudScreen screen = new FraudScreen(registry);
        bytes32 program = bytes32(uint256(1));
        bytes32 weights = bytes32(uint256(2));
        bytes32 input = bytes32(uint256(3));
        uint256 modelId = registry.registerModel(program, weights, verifier, 0);
        screen.createPayment{value: 1}(address(0xbeef), modelId, input, 16384, uint64(block.timestamp + 1));
        _output = scoreOutput(100);
        _proof = shapedProof(PROOF);

        bytes memory inference = abi.encode(modelId, input);
        _add("verifyInference", address(registry), registry.verifyInference.selector, inference);
        _add("submit", address(registry), registry.submit.selector, inference);
        _add("verify", address(verifier), verifier.verify.selector, abi.encode(program, weights, input));
        _add("settle", address(screen), screen.settle.selector, abi.encode(1));
        _addRouted(abi.encode(program, weights, input));
    }

    function test_acceptsTheCanonicalEncoding() public {
        for (uint256 i = 0; i < _entries.length; ++i) {
            Entry storage entry = _entries[i];
            uint256 at = _firstTail(entry);
            (bool accepted,) = entry.target.call(_spell(entry, at, at + 64, _tail(_output), _tail(entry.proof)));
            vm.assertTrue(accepted, entry.name);
        }
    }

    /// A gap before the first tail, between the tails, and after them.
    function testFuzz_refusesGaps(uint256 words) public {
        words = bound(words, 1, 16);
        bytes memory gap = new bytes(32 * words);
        for (uint256 i = 0; i < _entries.length; ++i) {
            Entry storage entry = _entries[i];
            uint256 at = _firstTail(entry);
            uint256 size = gap.length;
            bytes memory data =
                _spell(entry, at + size, at + size + 64, bytes.concat(gap, _tail(_output)), _tail(entry.proof));
            _refused(entry, data, CanonicalCalldata.NonCanonicalOffset.selector, "gap before the output");
            data = _spell(entry, at, at + size + 64, bytes.concat(_tail(_output), gap), _tail(entry.proof));
            _refused(entry, data, CanonicalCalldata.NonCanonicalOffset.selector, "gap before the proof");
            data = _spell(entry, at, at + 64, _tail(_output), bytes.concat(_tail(entry.proof), gap));
            _refused(entry, data, CanonicalCalldata.NonCanonicalLength.selector, "words after the proof");
        }
    }

    /// Bytes after the last argument, of any number.
    function testFuzz_refusesTrailingBytes(bytes calldata trailing) public {
        vm.assume(trailing.length > 0);
        for (uint256 i = 0; i < _entries.length; ++i) {
            Entry storage entry = _entries[i];
            uint256 at = _firstTail(entry);
            bytes memory data = _spell(entry, at, at + 64, _tail(_output), bytes.concat(_tail(entry.proof), trailing));
            _refused(entry, data, CanonicalCalldata.NonCanonicalLength.selector, "trailing bytes");
        }
    }

    /// The proof's tail before the output's.
    function test_refusesSwappedTails() public {
        for (uint256 i = 0; i < _entries.length; ++i) {
            Entry storage entry = _entries[i];
            uint256 at = _firstTail(entry);
            bytes memory data = _spell(entry, at + 32 + entry.proof.length, at, _tail(entry.proof), _tail(_output));
            _refused(entry, data, CanonicalCalldata.NonCanonicalOffset.selector, "swapped tails");
        }
    }

    /// The output's offset pointing into the proof, and both offsets at the same bytes.
    function test_refusesOverlappingTails() public {
        for (uint256 i = 0; i < _entries.length; ++i) {
            Entry storage entry = _entries[i];
            uint256 at = _firstTail(entry);
            // A copy of the output's tail as the proof's last words, which the output's offset points at.
            bytes memory proof = bytes.concat(slice(entry.proof, 0, entry.proof.length - 64), _tail(_output));
            bytes memory data = _spell(entry, at + 32 + entry.proof.length - 64, at, _tail(proof), "");
            _refused(entry, data, CanonicalCalldata.NonCanonicalOffset.selector, "output inside the proof");
            data = _spell(entry, at, at, _tail(_output), "");
            _refused(entry, data, CanonicalCalldata.NonCanonicalOffset.selector, "both at one place");
        }
    }

    /// Calldata as long as the canonical encoding of what is read from it, with one offset into the other's tail: only
    /// the comparison of that offset can refuse it.
    function test_refusesOffsetsIntoAnotherTail() public {
        for (uint256 i = 0; i < _entries.length; ++i) {
            Entry storage entry = _entries[i];
            uint256 at = _firstTail(entry);
            // The output's second word is the length of a proof of one word, its third is that proof. Both lengths are
            // right for the calldata, as one word's tail follows.
            bytes memory output = abi.encode(uint256(1), uint256(32), uint256(7));
            bytes memory data = _spell(entry, at, at + 64, _tail(output), _tail(abi.encode(uint256(7))));
            _refused(entry, data, CanonicalCalldata.NonCanonicalOffset.selector, "proof inside the output");
            // The proof's first word is the length of an output of one word. A gap of an output's tail comes first.
            bytes memory proof = bytes.concat(_tail(_output), entry.proof);
            data = _spell(entry, at + 64 + 32, at + 64, _tail(_output), _tail(proof));
            _refused(entry, data, CanonicalCalldata.NonCanonicalOffset.selector, "output inside the proof");
        }
    }

    /// Lengths that are no whole number of words leave padding bytes for anyone to fill.
    function testFuzz_refusesUnalignedLengths(uint256 extra, bool inOutput) public {
        extra = bound(extra, 1, 31);
        for (uint256 i = 0; i < _entries.length; ++i) {
            Entry storage entry = _entries[i];
            uint256 at = _firstTail(entry);
            bytes memory output = inOutput ? bytes.concat(_output, new bytes(extra)) : _output;
            bytes memory proof = inOutput ? entry.proof : bytes.concat(entry.proof, new bytes(extra));
            uint256 second = at + (inOutput ? 96 : 64);
            bytes memory data = _spell(entry, at, second, _padded(output), _padded(proof));
            _refused(entry, data, CanonicalCalldata.UnalignedArgument.selector, "unaligned");
        }
    }

    /// One byte less than declared: the decoder's own refusal, without data.
    function test_refusesTruncatedCalldata() public {
        for (uint256 i = 0; i < _entries.length; ++i) {
            Entry storage entry = _entries[i];
            uint256 at = _firstTail(entry);
            bytes memory data = _spell(entry, at, at + 64, _tail(_output), _tail(entry.proof));
            _refused(entry, slice(data, 0, data.length - 1), bytes4(0), "truncated");
        }
    }

    /// @dev The entries of statements of any program.
    function _addRouted(bytes memory commitments) private {
        UniversalVerifier universal = new UniversalVerifier(address(new AcceptAll()), PROOF - 32, 32);
        bytes32 circuit = bytes32(uint256(4));
        bytes memory proof = _entries[0].proof;
        bytes32 digest = universal.programDigestOf(slice(proof, DEFERRED, DEFERRED + PROOF - 32), circuit);
        bytes memory statement = bytes.concat(digest, slice(commitments, 32, 96), bytes32(uint256(1)));
        VerifierRouter router = new VerifierRouter(address(this));
        router.addRoute(universal.selector(), universal);
        bytes4 selector = universal.verifyStatement.selector;
        _proof = bytes.concat(circuit, proof);
        _add("universal verifyStatement", address(universal), selector, statement);
        RoutedVerifier verifier = new RoutedVerifier(universal, 1, IWeightVerifier(address(0)));
        _add("routed verify", address(verifier), verifier.verify.selector, slice(statement, 0, 96));
        _proof = bytes.concat(bytes32(universal.selector()), circuit, proof);
        _add("router verifyStatement", address(router), selector, statement);
    }

    function _add(string memory name, address target, bytes4 selector, bytes memory arguments) private {
        _entries.push(Entry(name, target, bytes.concat(selector, arguments), _proof));
    }

    /// @dev Offset of the first tail from the end of the selector: the head with its two offsets.
    function _firstTail(Entry storage entry) private view returns (uint256) {
        return entry.head.length - 4 + 64;
    }

    function _spell(Entry storage entry, uint256 outputAt, uint256 proofAt, bytes memory first, bytes memory second)
        private
        view
        returns (bytes memory)
    {
        return bytes.concat(entry.head, bytes32(outputAt), bytes32(proofAt), first, second);
    }

    function _tail(bytes memory data) private pure returns (bytes memory) {
        return bytes.concat(bytes32(data.length), data);
    }

    function _padded(bytes memory data) private pure returns (bytes memory) {
        return bytes.concat(_tail(data), new bytes((32 - data.length % 32) % 32));
    }

    function _refused(Entry storage entry, bytes memory data, bytes4 expected, string memory what) private {
        (bool accepted, bytes memory returned) = entry.target.call(data);
        vm.assertTrue(!accepted, string.concat(entry.name, ", ", what, ": accepted"));
        vm.assertEq(
            bytes32(bytes4(returned)),
            bytes32(expected),
            string.concat(entry.name, ", ", what, ": refused for another reason")
        );
    }
}
