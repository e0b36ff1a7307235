// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {ChainInput} from "../src/ChainInput.sol";
import {StatementLib} from "../src/libraries/StatementLib.sol";
import {Fixtures} from "./helpers/Fixtures.sol";

/// @dev Gives the internal library an outside.
contract ChainInputHarness {
    function quantise(int256 value, uint8 decimals, int8 scale) external pure returns (int16) {
        return ChainInput.quantise(value, decimals, scale);
    }

    function pack(int16[] calldata values) external pure returns (bytes memory) {
        return ChainInput.pack(values);
    }

    function requirePublicInput(bytes calldata output, bytes calldata input) external pure {
        ChainInput.requirePublicInput(output, input);
    }

    function decode(bytes calldata output, uint256 count, uint256 index) external pure returns (int256) {
        StatementLib.requireOutput(output, count);
        return StatementLib.decodeOutput(output, count, index);
    }
}

/// @dev Values to integers to words.
contract ChainInputTest is Fixtures {
    ChainInputHarness private _lib;

    function setUp() public {
        _lib = new ChainInputHarness();
    }

    /// Halves go away from zero, as in docs/specs/numerics.md.
    function test_rounds() public view {
        int256[6] memory tenths = [int256(5), -5, 15, -15, 4, -4];
        int256[6] memory expected = [int256(1), -1, 2, -2, 0, 0];
        for (uint256 i = 0; i < 6; ++i) {
            vm.assertEq(int256(_lib.quantise(tenths[i], 1, 0)), expected[i], "tenths");
        }
        vm.assertEq(int256(_lib.quantise(0, 18, 14)), 0, "zero");
        vm.assertEq(int256(_lib.quantise(1, 0, 0)), 1, "one");
        vm.assertEq(int256(_lib.quantise(0.25 ether, 18, 8)), 64, "a quarter at scale 8");
        vm.assertEq(int256(_lib.quantise(40_000, 0, -4)), 2500, "above int16 at scale -4");
        vm.assertEq(int256(_lib.quantise(8, 0, -4)), 1, "a half at scale -4");
        vm.assertEq(int256(_lib.quantise(-8, 0, -4)), -1, "minus a half at scale -4");
        vm.assertEq(int256(_lib.quantise(7, 0, -4)), 0, "less than a half");
        vm.assertEq(int256(_lib.quantise(1999.99e6, 6, 3)), 16000, "a price of 6 decimals");
    }

    function test_bounds() public {
        vm.assertEq(int256(_lib.quantise(327_674, 1, 0)), 32_767, "the largest");
        vm.assertEq(int256(_lib.quantise(-327_684, 1, 0)), -32_768, "the least");
        _refuse(327_675, 1, 0);
        _refuse(-327_685, 1, 0);
        _refuse(type(int256).max, 0, 0);
        _refuse(type(int256).min, 0, 0);
        _refuse(type(int256).max, 60, 40);
        _refuse(type(int256).min, 60, 40);
        // The first whose product does not fit a word, and the last that does.
        _refuse(int256(2 ** 216), 60, 40);
        _refuse(int256(2 ** 216 - 1), 60, 40);
        // At the largest divisor most of a word is inside.
        _refuse(type(int256).max, 60, -40);
        _refuse(type(int256).min, 60, -40);
        int256 large = type(int256).max / 2;
        vm.assertEq(int256(_lib.quantise(large, 60, -40)), _reference(large, 60, -40), "positive");
        vm.assertEq(int256(_lib.quantise(-large, 60, -40)), _reference(-large, 60, -40), "negative");
        vm.assertEq(int256(_lib.quantise(int256(10 ** 60), 60, 14)), 2 ** 14, "one of 60 decimals");
        vm.expectRevert(abi.encodeWithSelector(ChainInput.DecimalsOutOfRange.selector, 61));
        _lib.quantise(0, 61, 0);
        vm.expectRevert(abi.encodeWithSelector(ChainInput.ScaleOutOfRange.selector, int8(41)));
        _lib.quantise(0, 0, 41);
        vm.expectRevert(abi.encodeWithSelector(ChainInput.ScaleOutOfRange.selector, int8(-41)));
        _lib.quantise(0, 0, -41);
    }

    /// Every int16 is its own at scale 0, and next to its neighbours half a unit away.
    function testFuzz_everyInteger(int16 value) public view {
        vm.assertEq(int256(_lib.quantise(value, 0, 0)), value, "itself");
        vm.assertEq(int256(_lib.quantise(int256(value) * 10 + (value < 0 ? -4 : int256(4)), 1, 0)), value, "and 0.4");
    }

    /// Against two definitions of the nearest integer that share no step with the library.
    function testFuzz_quantise(int256 value, uint8 decimals, int8 scale, uint8 shift) public {
        decimals = uint8(bound(decimals, 0, 60));
        scale = int8(int256(bound(uint256(int256(scale) + 128), 0, 80)) - 40);
        // Most of all values are far outside; this has some of each size.
        value >>= shift;
        (bool fits, int256 expected) = _nearest(value, decimals, scale);
        if (!fits) return _refuse(value, decimals, scale);
        int16 found = _lib.quantise(value, decimals, scale);
        vm.assertEq(int256(found), expected, "nearest");
    }

    /// Values whose image is in range, at both sides of a half.
    function testFuzz_halves(int16 integer, uint8 decimals, int8 scale, bool above) public view {
        decimals = uint8(bound(decimals, 1, 60));
        scale = int8(int256(bound(uint256(int256(scale) + 128), 0, 40)) - 40);
        if (integer == type(int16).max || integer == type(int16).min) integer = 0;
        // (integer + 1/2) · 2^-scale · 10^decimals, less one or not.
        int256 magnitude = integer < 0 ? -int256(integer) : int256(integer);
        int256 half = ((2 * magnitude + 1) << uint8(-scale)) * int256(10 ** uint256(decimals)) / 2;
        int256 value = above ? half : half - 1;
        int256 expected = above ? magnitude + 1 : magnitude;
        if (integer < 0) (value, expected) = (-value, -expected);
        vm.assertEq(int256(_lib.quantise(value, decimals, scale)), expected, "half");
    }

    function testFuzz_packsAsStatementsDo(uint256 seed, uint256 count) public view {
        count = bound(count, 1, 64);
        int16[] memory values = new int16[](count);
        bytes memory expected;
        uint256 word = 0;
        for (uint256 i = 0; i < count; ++i) {
            values[i] = int16(uint16(uint256(keccak256(abi.encode(seed, i)))));
            word += uint256(int256(values[i]) + 32768) * 65536 ** (i % 15);
            if (i % 15 == 14 || i + 1 == count) {
                expected = bytes.concat(expected, bytes32(word));
                word = 0;
            }
        }
        bytes memory words = _lib.pack(values);
        vm.assertEq(words, expected, "words");
        for (uint256 i = 0; i < count; ++i) {
            vm.assertEq(_lib.decode(words, count, i), values[i], "read back");
        }
    }

    function test_packs() public view {
        vm.assertEq(_lib.pack(new int16[](0)), "", "nothing");
        int16[] memory values = new int16[](16);
        (values[0], values[14], values[15]) = (type(int16).min, type(int16).max, 1);
        bytes memory words = _lib.pack(values);
        bytes memory middle;
        for (uint256 i = 0; i < 13; ++i) {
            middle = bytes.concat(middle, hex"8000");
        }
        vm.assertEq(words, bytes.concat(hex"0000ffff", middle, hex"0000", abi.encode(uint256(32769))), "sixteen");
    }

    /// The packing is that of real statements: the output words of the fixtures.
    function test_packsRealOutputs() public view {
        string[3] memory names = [FRAUD, FRAUD_OTHER, OTHER_MODEL];
        for (uint256 i = 0; i < names.length; ++i) {
            Proven memory proven = load(names[i]);
            int16[] memory values = new int16[](proven.outputs.length);
            for (uint256 j = 0; j < values.length; ++j) {
                values[j] = int16(proven.outputs[j]);
            }
            vm.assertEq(_lib.pack(values), proven.output, names[i]);
        }
    }

    function test_publicInputComesFirst() public {
        bytes memory input = _lib.pack(new int16[](16));
        _lib.requirePublicInput(bytes.concat(input, scoreOutput(5)), input);
        _lib.requirePublicInput(input, input);
        bytes[4] memory wrong = [
            slice(input, 0, 63),
            bytes.concat(scoreOutput(5), input),
            bytes.concat(withWord(input, 1, 32769), scoreOutput(5)),
            bytes("")
        ];
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.expectRevert(ChainInput.PublicInputMismatch.selector);
            _lib.requirePublicInput(wrong[i], input);
        }
    }

    function _refuse(int256 value, uint8 decimals, int8 scale) private {
        vm.expectRevert(abi.encodeWithSelector(ChainInput.ValueOutOfRange.selector, value, decimals, scale));
        _lib.quantise(value, decimals, scale);
    }

    /// @dev Where the result is known to be an int16.
    function _reference(int256 value, uint8 decimals, int8 scale) private pure returns (int256 expected) {
        bool fits;
        (fits, expected) = _nearest(value, decimals, scale);
        vm.assertTrue(fits, "in range");
    }

    /// @dev By bisection: the largest n with (2n - 1) · divisor <= 2 · magnitude · factor, in products of two words.
    function _nearest(int256 value, uint8 decimals, int8 scale) private pure returns (bool fits, int256 expected) {
        uint256 magnitude = value < 0 ? (value == type(int256).min ? 2 ** 255 : uint256(-value)) : uint256(value);
        uint256 factor = scale > 0 ? 2 ** uint256(int256(scale)) : 1;
        uint256 divisor = 10 ** uint256(decimals) * (scale < 0 ? 2 ** uint256(-int256(scale)) : 1);
        (uint256 low, uint256 high) = (0, 2 ** 16);
        while (low < high) {
            uint256 middle = (low + high + 1) / 2;
            if (_atMost(2 * middle - 1, divisor, magnitude, 2 * factor)) low = middle;
            else high = middle - 1;
        }
        fits = low <= (value < 0 ? 32768 : 32767);
        expected = value < 0 ? -int256(low) : int256(low);
    }

    /// @dev a · b <= c · d.
    function _atMost(uint256 a, uint256 b, uint256 c, uint256 d) private pure returns (bool) {
        (uint256 leftHigh, uint256 leftLow) = _product(a, b);
        (uint256 rightHigh, uint256 rightLow) = _product(c, d);
        return leftHigh < rightHigh || (leftHigh == rightHigh && leftLow <= rightLow);
    }

    /// @dev By halves of words.
    function _product(uint256 a, uint256 b) private pure returns (uint256 high, uint256 low) {
        unchecked {
            uint256 mask = 2 ** 128 - 1;
            uint256 lowLow = (a & mask) * (b & mask);
            uint256 lowHigh = (a & mask) * (b >> 128);
            uint256 highLow = (a >> 128) * (b & mask);
            uint256 middle = (lowLow >> 128) + (lowHigh & mask) + (highLow & mask);
            low = (middle << 128) | (lowLow & mask);
            high = (a >> 128) * (b >> 128) + (lowHigh >> 128) + (highLow >> 128) + (middle >> 128);
        }
    }
}
