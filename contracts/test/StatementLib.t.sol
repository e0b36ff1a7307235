// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {StatementLib} from "../src/libraries/StatementLib.sol";
import {TestBase} from "./helpers/TestBase.sol";

/// @dev Gives the internal library an outside.
contract StatementHarness {
    function requireOutput(bytes calldata output, uint256 outputCount) external pure {
        StatementLib.requireOutput(output, outputCount);
    }

    function decodeOutput(bytes calldata output, uint256 outputCount, uint256 index) external pure returns (int256) {
        return StatementLib.decodeOutput(output, outputCount, index);
    }

    function outputWord(bytes calldata output, uint256 index) external pure returns (uint256) {
        return StatementLib.outputWord(output, index);
    }

    function decodeLongToken(bytes calldata output, uint256 tokenCount, uint256 index) external pure returns (uint256) {
        return StatementLib.decodeLongToken(output, tokenCount, index);
    }

    function statementHash(address registry, uint256 modelId, bytes32 inputCommitment, bytes calldata output)
        external
        view
        returns (bytes32)
    {
        return StatementLib.statementHash(registry, modelId, inputCommitment, output);
    }
}

contract StatementLibTest is TestBase {
    StatementHarness private _lib;

    function setUp() public {
        _lib = new StatementHarness();
    }

    function test_constants() public pure {
        vm.assertEq(StatementLib.SCALAR_MODULUS, R, "r");
        vm.assertEq(StatementLib.BASE_MODULUS, Q, "q");
        vm.assertEq(StatementLib.FIXED_VALUES, 5, "fixed values");
    }

    function test_outputWords() public pure {
        vm.assertEq(StatementLib.outputWords(1), 1, "1");
        vm.assertEq(StatementLib.outputWords(15), 1, "15");
        vm.assertEq(StatementLib.outputWords(16), 2, "16");
        vm.assertEq(StatementLib.outputWords(64), 5, "64");
    }

    /// Every output of a random packing decodes to what was packed.
    function testFuzz_decodesWhatWasPacked(bytes32 seed, uint256 count) public view {
        count = bound(count, 1, 64);
        uint256[] memory words = new uint256[](StatementLib.outputWords(count));
        for (uint256 i = 0; i < count; ++i) {
            words[i / 15] += uint256(uint16(uint256(keccak256(abi.encode(seed, i))))) * 2 ** (16 * (i % 15));
        }
        bytes memory output = abi.encodePacked(words);
        _lib.requireOutput(output, count);
        for (uint256 i = 0; i < count; ++i) {
            int256 value = int256(uint256(uint16(uint256(keccak256(abi.encode(seed, i)))))) - 32768;
            vm.assertEq(_lib.decodeOutput(output, count, i), value, "output");
        }
    }

    /// Long tokens decode to what was packed, in words that pass the check of outputs of 16 bits.
    function testFuzz_decodesLongTokens(bytes32 seed, uint256 count) public view {
        count = bound(count, 1, 30);
        uint256[] memory words = new uint256[]((count + 6) / 7);
        for (uint256 i = 0; i < count; ++i) {
            words[i / 7] += (uint256(keccak256(abi.encode(seed, i))) % 2 ** 18) * 2 ** (32 * (i % 7));
        }
        bytes memory output = abi.encodePacked(words);
        uint256 fields = StatementLib.longTokenFields(count);
        vm.assertEq(StatementLib.outputWords(fields), words.length, "words");
        _lib.requireOutput(output, fields);
        for (uint256 i = 0; i < count; ++i) {
            uint256 token = uint256(keccak256(abi.encode(seed, i))) % 2 ** 18;
            vm.assertEq(_lib.decodeLongToken(output, count, i), token, "token");
        }
    }

    function test_refusesTokensBeyondTheLast() public {
        vm.expectRevert(abi.encodeWithSelector(StatementLib.OutputIndex.selector, 7, 7));
        _lib.decodeLongToken(new bytes(32), 7, 7);
    }

    function test_decodesTheEnds() public view {
        vm.assertEq(_lib.decodeOutput(scoreOutput(-32768), 1, 0), -32768, "least");
        vm.assertEq(_lib.decodeOutput(scoreOutput(0), 1, 0), 0, "zero");
        vm.assertEq(_lib.decodeOutput(scoreOutput(16384), 1, 0), 16384, "one");
        vm.assertEq(_lib.decodeOutput(scoreOutput(32767), 1, 0), 32767, "greatest");
    }

    function test_refusesOutputOutOfRange() public {
        vm.expectRevert(abi.encodeWithSelector(StatementLib.OutputIndex.selector, 1, 1));
        _lib.decodeOutput(scoreOutput(0), 1, 1);
    }

    function testFuzz_refusesOutputLength(uint256 count, uint256 length) public {
        count = bound(count, 1, 64);
        length = bound(length, 0, 256);
        uint256 expected = 32 * StatementLib.outputWords(count);
        vm.assume(length != expected);
        vm.expectRevert(abi.encodeWithSelector(StatementLib.OutputLength.selector, expected, length));
        _lib.requireOutput(new bytes(length), count);
    }

    function testFuzz_refusesUnreducedOutput(uint256 value) public {
        value = bound(value, R, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(StatementLib.ValueNotCanonical.selector, 5, value));
        _lib.requireOutput(abi.encode(value), 1);
    }

    /// Bits in slots beyond the last output of a word that is not full.
    function testFuzz_refusesBitsBeyondTheOutputs(uint256 count, uint256 value) public {
        count = bound(count, 1, 14);
        value = bound(value, 2 ** (16 * count), R - 1);
        vm.expectRevert(abi.encodeWithSelector(StatementLib.OutputWordTooLarge.selector, 0, value));
        _lib.requireOutput(abi.encode(value), count);
    }

    /// The commitment to a hidden output stands in a full word at the end, and is any element of the scalar field.
    function testFuzz_takesHiddenOutputs(uint256 before, uint256 value) public {
        before = bound(before, 0, 6);
        value = bound(value, 0, R - 1);
        bytes memory output = bytes.concat(new bytes(32 * before), bytes32(value));
        uint256 count = 15 * (before + 1);
        _lib.requireOutput(output, count);
        vm.assertEq(_lib.outputWord(output, before), value, "commitment");
        vm.expectRevert(abi.encodeWithSelector(StatementLib.ValueNotCanonical.selector, 5 + before, value + R));
        _lib.requireOutput(withWord(output, before, value + R), count);
    }

    /// Words before the outputs may be any elements of the scalar field, the last word only what its outputs take.
    function testFuzz_takesBindingWords(uint256 before, uint256 count, bytes32 seed) public {
        before = bound(before, 1, 6);
        count = bound(count, 1, 14);
        bytes memory output;
        for (uint256 i = 0; i < before; ++i) {
            output = bytes.concat(output, bytes32(uint256(keccak256(abi.encode(seed, i))) % R));
        }
        uint256 last = uint256(keccak256(abi.encode(seed))) % 2 ** (16 * count);
        output = bytes.concat(output, bytes32(last));
        uint256 fields = 15 * before + count;
        _lib.requireOutput(output, fields);
        for (uint256 i = 0; i < before; ++i) {
            vm.assertEq(_lib.outputWord(output, i), wordAt(output, i), "word");
            vm.expectRevert(
                abi.encodeWithSelector(StatementLib.ValueNotCanonical.selector, 5 + i, wordAt(output, i) + R)
            );
            _lib.requireOutput(withWord(output, i, wordAt(output, i) + R), fields);
        }
        int256 value = int256(last & 0xffff) - 32768;
        vm.assertEq(_lib.decodeOutput(output, fields, 15 * before), value, "first output");
        uint256 more = last + 2 ** (16 * count);
        bytes4 reason = StatementLib.OutputWordTooLarge.selector;
        vm.expectRevert(abi.encodeWithSelector(reason, before, more));
        _lib.requireOutput(withWord(output, before, more), fields);
        vm.expectRevert();
        _lib.outputWord(output, before + 1);
    }

    /// The replay key written out again: under the domain, of chain, registry, model, input and output's hash.
    function testFuzz_statementHash(
        address registry,
        uint256 modelId,
        bytes32 input,
        bytes calldata output,
        uint64 chain
    ) public {
        vm.chainId(bound(chain, 1, type(uint64).max - 1));
        bytes32 expected = keccak256(
            bytes.concat(
                keccak256("laminate.statement.v1"),
                bytes32(block.chainid),
                bytes32(uint256(uint160(registry))),
                bytes32(modelId),
                input,
                keccak256(output)
            )
        );
        vm.assertEq(_lib.statementHash(registry, modelId, input, output), expected, "hash");
    }

    /// The replay key binds chain, registry, model, input and output, each on its own.
    function testFuzz_statementHashBindsEachPart(
        address registry,
        uint256 modelId,
        bytes32 input,
        bytes calldata output
    ) public {
        bytes32 key = _lib.statementHash(registry, modelId, input, output);
        address otherRegistry = address(uint160(registry) ^ 1);
        vm.assertNotEq(key, _lib.statementHash(otherRegistry, modelId, input, output), "registry");
        vm.assertNotEq(key, _lib.statementHash(registry, modelId ^ 1, input, output), "model");
        vm.assertNotEq(key, _lib.statementHash(registry, modelId, input ^ bytes32(uint256(1)), output), "input");
        vm.assertNotEq(key, _lib.statementHash(registry, modelId, input, bytes.concat(output, hex"00")), "output");
        vm.chainId(block.chainid + 1);
        vm.assertNotEq(key, _lib.statementHash(registry, modelId, input, output), "chain");
    }
}
