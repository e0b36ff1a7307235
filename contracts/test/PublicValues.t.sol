// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {PublicValues} from "../src/libraries/PublicValues.sol";
import {StatementLib} from "../src/libraries/StatementLib.sol";
import {Curve} from "./helpers/Curve.sol";
import {PublicValuesHarness} from "./helpers/Harnesses.sol";
import {Honest} from "./helpers/Honest.sol";

/// @dev The instances of a statement: against a vector made outside, against another writing of the same layout, and
/// against sums that are known in advance.
contract PublicValuesTest is Honest {
    PublicValuesHarness private _lib;

    function setUp() public {
        _lib = new PublicValuesHarness();
    }

    /// Made by a program of its own curve arithmetic (Python), from hashes of the names given here: 16 outputs in two
    /// words, three terms of which the second has scalar 1.
    function test_knownVector() public view {
        PublicValues.Statement memory statement =
            PublicValues.Statement(16, _named("program"), _named("weights"), _named("input"));
        bytes memory output = abi.encode(uint256(keccak256("output 0")) >> 16, uint256(keccak256("output 1")) & 0xffff);
        bytes memory deferred = bytes.concat(
            _named("D"),
            abi.encode(
                0x1bc47fd4ca3e7597c2bdf9a5c11cdadad62bdd25256cac07dff13f4921781e25,
                0x28c7d53bf4220ec973a75bebad00cf735ea7298b711f860b96bcb828f720e712,
                _named("scalar 0")
            ),
            abi.encode(
                0x160007d73a75e1fec79bba825cb149377a10bdeef71bf3190b3f91eafd51ca54,
                0x26fe39bc4984c1b316f46e4ab992efcfebe836736b25815fbce11983b4d8decd,
                1
            ),
            abi.encode(
                0x11f89b07407649ecc7af163c218eb9292270f9684931fc620b66ed5e85b8aafd,
                0x2e5e0837794de1aec840bc2c646bc612cb9e05b5fb355cc0f2f5cf13917a3aee,
                _named("scalar 2")
            ),
            _named("generator"),
            bytes32(0)
        );
        bytes memory instances = _lib.instances(statement, output, deferred);
        _requirePoint(
            instances,
            0,
            0x2fbb936059bec4845769bb60893ba45f02c44dbc1d6f7a705e7c75a10fd6ae19,
            0xda63f60d231ff549c88186dadab8b84a9bef177dacc9b585ba82aa5bd18a601
        );
        vm.assertEq(bytes32(wordAt(instances, 12)), _named("D"), "D");
        vm.assertEq(wordAt(instances, 13), 0x20870ac080d0543fd2856a0c1a08be495b4f058af880fa3e7076dded9dc04f51, "omega");
        vm.assertEq(wordAt(instances, 14), 0x24d3d66b6ee8a2c5916790b647dadf7b40243eae41d91b1789e5b98620bfe0b0, "E");
        vm.assertEq(
            keccak256(instances), 0x6b56adedc4b572ad354bac5739a1b7e0d4457a5c0d99f4f2d8966c048fa225cb, "all of them"
        );
    }

    /// What a contract of packed proofs takes: D, ω and E as for the others, then what follows the scalars in a proof, the
    /// scalars, and the terms. Whatever a proof's terms are refused for, both refuse.
    function testFuzz_packedCalldata(bytes32 seed, uint256 outputs, uint256 terms) public view {
        Case memory made = honest(seed, bound(outputs, 0, 40), bound(terms, 1, 5));
        PublicValues.Statement memory statement =
            PublicValues.Statement(made.outputCount, made.program, made.weights, made.input);
        bytes memory instances = _instances(made);
        uint256 scalars = made.deferred.length - 64;
        vm.assertEq(
            _lib.packedCalldata(statement, made.output, made.deferred, made.halo2),
            bytes.concat(
                slice(instances, 12 * 32, 15 * 32),
                made.halo2,
                slice(made.deferred, scalars, made.deferred.length),
                slice(made.deferred, 32, scalars)
            ),
            "calldata"
        );
        uint256 term = uint256(seed) % ((scalars - 32) / 96);
        for (uint256 i = 0; i < 3; ++i) {
            uint256 at = 1 + 3 * term + i;
            bytes memory deferred = withWord(made.deferred, at, wordAt(made.deferred, at) + (i == 2 ? R : Q));
            bytes4 reason =
                i == 2 ? StatementLib.ValueNotCanonical.selector : PublicValues.CoordinateNotCanonical.selector;
            bytes memory data = abi.encodeCall(_lib.packedCalldata, (statement, made.output, deferred, made.halo2));
            requireRefusal(address(_lib), data, reason, "plus the modulus");
        }
    }

    /// Against the layout as `Honest` writes it: powers instead of Horner, divisions instead of shifts.
    function testFuzz_instances(bytes32 seed, uint256 outputs, uint256 terms) public view {
        Case memory made = honest(seed, bound(outputs, 0, 40), bound(terms, 1, 5));
        bytes memory instances = _instances(made);
        vm.assertEq(instances.length, 15 * 32, "length");
        bytes memory values = valuesOf(made);
        bytes32 digest = bytes32(wordAt(made.deferred, 0));
        bytes32 domain = keccak256("laminate.public-values.v1");
        uint256 omega = uint256(keccak256(bytes.concat(domain, digest, values))) % R;
        (uint256 power, uint256 value) = (1, 0);
        for (uint256 i = 0; i < values.length / 32; ++i) {
            value = addmod(value, mulmod(wordAt(values, i), power, R), R);
            power = mulmod(power, omega, R);
        }
        vm.assertEq(wordAt(values, 0), values.length / 32, "count");
        vm.assertEq(bytes32(wordAt(instances, 12)), digest, "D");
        vm.assertEq(wordAt(instances, 13), omega, "omega");
        vm.assertEq(wordAt(instances, 14), value, "E");
        // lhs = right = tau * left, rhs = left.
        uint256 last = made.deferred.length / 32 - 5;
        (uint256 x, uint256 y) = (wordAt(made.deferred, last), wordAt(made.deferred, last + 1));
        _requirePoint(instances, 6, x, y);
        (x, y) = Curve.multiple(x, y, TAU);
        _requirePoint(instances, 0, x, y);
    }

    /// aG + bG + gG = (a + b + g) G, the points as multiples, as scalars, and with the multiplication left out.
    function testFuzz_sumsAreLinear(uint256 a, uint256 b, uint256 g) public view {
        a = bound(a, 1, R - 1);
        b = bound(b, 1, R - 1);
        g = bound(g, 0, R - 1);
        uint256 total = addmod(addmod(a, b, R), g, R);
        vm.assume(total != 0);
        (uint256 x, uint256 y) = Curve.generatorMultiple(total);
        bytes memory asScalars = bytes.concat(abi.encode(1, 2, a), abi.encode(1, 2, b));
        _requirePoint(_sum(asScalars, g), 0, x, y);
        bytes memory asPoints = bytes.concat(_term(a, 1), _term(b, 1));
        _requirePoint(_sum(asPoints, g), 0, x, y);
        _requirePoint(_sum(bytes.concat(_term(a, 1), abi.encode(1, 2, b)), g), 0, x, y);
    }

    /// Joins: the left side is the last point and a multiple of that before it.
    function testFuzz_leftSides(bytes32 seed, uint256 left, uint256 scalar) public view {
        Case memory made = honest(seed, 1, 3);
        uint256[] memory logs = new uint256[](3);
        uint256[] memory scalars = new uint256[](3);
        (logs[0], logs[1], logs[2]) = (3, 1 + uint256(seed) % 1000, 7);
        (scalars[0], scalars[1], scalars[2]) = (5, bound(scalar, 0, 1), 9);
        left = bound(left, 1, R - 1);
        vm.assume(addmod(7, mulmod(left, logs[1], R), R) != 0);
        setTerms(made, logs, scalars, left);
        bytes memory instances = _instances(made);
        (uint256 x, uint256 y) = Curve.generatorMultiple(addmod(7, mulmod(left, logs[1], R), R));
        _requirePoint(instances, 6, x, y);
        (x, y) = Curve.multiple(x, y, TAU);
        _requirePoint(instances, 0, x, y);
    }

    function test_refusesLeftSidesThatAreNone() public view {
        Case memory made = _deferred(_term(3, 1), 1);
        made.deferred = withWord(made.deferred, 5, 1);
        _refuse(made, PublicValues.TermCountOutOfRange.selector, "one term");
        made = _deferred(bytes.concat(_term(3, 1), _term(6, 1)), 1);
        made.deferred = withWord(made.deferred, 8, R - 2);
        _refuse(made, PublicValues.SumAtInfinity.selector, "cancelled");
        made.deferred = withWord(made.deferred, 8, R);
        _refuse(made, StatementLib.ValueNotCanonical.selector, "unreduced");
    }

    /// A point twice, a point and its negative, and scalars 0: what additions treat apart.
    function test_sumsOfRelatedPoints() public view {
        (uint256 x, uint256 y) = Curve.generatorMultiple(6);
        _requirePoint(_sum(bytes.concat(_term(3, 1), _term(3, 1)), 0), 0, x, y);
        _requirePoint(_sum(bytes.concat(_term(3, 1), _term(R - 3, 1)), 6), 0, x, y);
        _requirePoint(_sum(bytes.concat(_term(9, 0), _term(3, 2)), 0), 0, x, y);
        _requirePoint(_sum(bytes.concat(_term(1, 3), _term(2, 1)), 1), 0, x, y);
        _requirePoint(_sum(_term(5, R - 1), 11), 0, x, y);
    }

    /// The generator, whose coordinates have no bit in common, on either side.
    function test_sumsThatAreTheGenerator() public view {
        _requirePoint(_sum(_term(1, 1), 0), 0, 1, 2);
        Case memory made = _deferred(bytes.concat(_term(2, 1), _term(3, 1)), 1);
        made.deferred = withWord(made.deferred, made.deferred.length / 32 - 1, R - 1);
        _requirePoint(_instances(made), 6, 1, 2);
    }

    function test_refusesSumsAtInfinity() public view {
        bytes4 reason = PublicValues.SumAtInfinity.selector;
        _refuse(_deferred(_term(3, 0), 0), reason, "nothing");
        _refuse(_deferred(_term(3, 1), R - 3), reason, "cancelled by the generator");
        _refuse(_deferred(bytes.concat(_term(3, 2), _term(6, R - 1)), 0), reason, "cancelled by a term");
    }

    function testFuzz_refusesUnreducedWords(bytes32 seed, uint256 value, uint256 which) public view {
        Case memory made = honest(seed, 1, 3);
        _refuseUnreduced(made, bound(which, 0, made.deferred.length / 32 - 1), value);
    }

    /// The moduli themselves, in every word, and the largest scalars that are reduced.
    function test_refusesTheModuli() public view {
        Case memory made = honest("moduli", 1, 3);
        for (uint256 which = 0; which < made.deferred.length / 32; ++which) {
            bytes memory deferred = made.deferred;
            _refuseUnreduced(made, which, 0);
            made.deferred = deferred;
        }
        bytes memory last = abi.encode(R - 1, R - 1);
        made.deferred = bytes.concat(bytes32(R - 1), _term(3, R - 1), _term(5, 1), last);
        _instances(made);
    }

    /// @dev `value` is brought above the modulus; 0 to it.
    function _refuseUnreduced(Case memory made, uint256 which, uint256 value) private view {
        // Words: D, three terms, the generator's scalar, that of the left side.
        bool coordinate = which > 0 && which < 10 && (which - 1) % 3 != 2;
        value = bound(value, coordinate ? Q : R, type(uint256).max);
        bytes4 reason = coordinate
            ? PublicValues.CoordinateNotCanonical.selector
            : which == 0 ? PublicValues.DigestNotCanonical.selector : StatementLib.ValueNotCanonical.selector;
        made.deferred = withWord(made.deferred, which, value);
        _refuse(made, reason, "unreduced");
    }

    /// The places in the errors: terms count from 0, values as in v.
    function test_errorsNameThePlace() public {
        Case memory made = honest("places", 16, 2);
        bytes memory deferred = made.deferred;
        made.deferred = withWord(deferred, 4, Q);
        vm.expectRevert(abi.encodeWithSelector(PublicValues.CoordinateNotCanonical.selector, 1, Q));
        _instances(made);
        made.deferred = withWord(deferred, 3, R);
        vm.expectRevert(abi.encodeWithSelector(StatementLib.ValueNotCanonical.selector, 7 + 3, R));
        _instances(made);
        made.deferred = withWord(deferred, 7, R);
        vm.expectRevert(abi.encodeWithSelector(StatementLib.ValueNotCanonical.selector, 7 + 8, R));
        _instances(made);
        made.deferred = withWord(deferred, 8, R);
        vm.expectRevert(abi.encodeWithSelector(StatementLib.ValueNotCanonical.selector, 7 + 9, R));
        _instances(made);
        made.deferred = withWord(withWord(deferred, 4, 0), 5, 0);
        vm.expectRevert(abi.encodeWithSelector(PublicValues.PointAtInfinity.selector, 1));
        _instances(made);
        made.deferred = withWord(withWord(deferred, 4, 1), 5, 3);
        vm.expectRevert(abi.encodeWithSelector(PublicValues.PointNotOnCurve.selector, 1));
        _instances(made);
    }

    /// Also where the multiplication that would have found out is left out.
    function testFuzz_refusesPointsOffTheCurve(uint256 x, uint256 y, uint256 scalar) public view {
        x = bound(x, 0, Q - 1);
        y = bound(y, 1, Q - 1);
        scalar = bound(scalar, 0, 2);
        vm.assume(mulmod(y, y, Q) != addmod(mulmod(mulmod(x, x, Q), x, Q), 3, Q));
        _refuse(_deferred(abi.encode(x, y, scalar), 1), PublicValues.PointNotOnCurve.selector, "a point off the curve");
    }

    /// On a chain without the precompiles a call to them succeeds and returns nothing: no answer but a point's 64 bytes is
    /// one, neither to an addition nor to a multiplication, on either side.
    function test_refusesPrecompilesThatReturnNoPoint() public {
        bytes4 reason = PublicValues.PrecompileWithoutPoint.selector;
        Case memory added = _deferred(_term(3, 1), 0);
        Case memory multiplied = _deferred(_term(3, 2), 1);
        Case memory nothing = _deferred(bytes.concat(_term(3, 0), _term(3, 1)), 1);
        Case memory left = _deferred(bytes.concat(_term(9, 1), _term(3, 1)), 1);
        left.deferred = withWord(left.deferred, left.deferred.length / 32 - 1, 5);
        uint256[4] memory lengths = [uint256(0), 32, 63, 96];
        for (uint256 i = 0; i < lengths.length; ++i) {
            bytes memory answer = new bytes(lengths[i]);
            vm.mockCall(address(6), "", answer);
            _refuse(added, reason, "an addition");
            _refuse(nothing, reason, "an addition to infinity");
            vm.clearMockedCalls();
            vm.mockCall(address(7), "", answer);
            _refuse(multiplied, reason, "a multiplication");
            // Only the left side's product, which is the last one.
            vm.clearMockedCalls();
            vm.mockCall(address(7), abi.encodePacked(slice(left.deferred, 32, 96), uint256(5)), answer);
            _refuse(left, reason, "the left side");
            vm.clearMockedCalls();
        }
        _instances(added);
        _instances(multiplied);
        _instances(nothing);
        _instances(left);
    }

    /// What is no whole number of terms is refused, whoever calls the library.
    function testFuzz_refusesLengths(uint256 length) public view {
        Case memory made;
        made.deferred = new bytes(bound(length, 0, 512));
        vm.assume(made.deferred.length < 192 || (made.deferred.length - 96) % 96 != 0);
        _refuse(made, PublicValues.TermCountOutOfRange.selector, "length");
    }

    function testFuzz_termsIn(uint256 terms, uint256 rest, uint256 off) public view {
        terms = bound(terms, 1, 4096);
        rest = bound(rest, 0, 2 ** 40);
        off = bound(off, 1, 95);
        uint256 length = PublicValues.deferredLength(terms) + rest;
        vm.assertEq(_lib.termsIn(length, rest), terms, "terms");
        vm.assertEq(_lib.termsIn(length + off, rest), 0, "in between");
        vm.assertEq(_lib.termsIn(length - 96 * terms, rest), 0, "no terms");
        vm.assertEq(_lib.termsIn(rest, rest), 0, "nothing");
        vm.assertEq(_lib.termsIn(96 + 96 * 4096 + rest, rest), 4096, "at the limit");
        vm.assertEq(_lib.termsIn(96 + 96 * 4097 + rest, rest), 0, "above the limit");
    }

    function _named(string memory name) private pure returns (bytes32) {
        return bytes32(uint256(keccak256(bytes(name))) % R);
    }

    function _term(uint256 log, uint256 scalar) private view returns (bytes memory) {
        (uint256 x, uint256 y) = Curve.generatorMultiple(log);
        return abi.encode(x, y, scalar);
    }

    function _deferred(bytes memory terms, uint256 generator) private pure returns (Case memory made) {
        made.deferred = bytes.concat(bytes32(uint256(1)), terms, abi.encode(generator, 0));
    }

    function _sum(bytes memory terms, uint256 generator) private view returns (bytes memory) {
        return _instances(_deferred(terms, generator));
    }

    function _instances(Case memory made) private view returns (bytes memory) {
        return _lib.instances(_statement(made), made.output, made.deferred);
    }

    function _refuse(Case memory made, bytes4 reason, string memory what) private view {
        bytes memory data =
            abi.encodeCall(PublicValuesHarness.instances, (_statement(made), made.output, made.deferred));
        requireRefusal(address(_lib), data, reason, what);
    }

    function _statement(Case memory made) private pure returns (PublicValues.Statement memory) {
        return PublicValues.Statement(made.outputCount, made.program, made.weights, made.input);
    }

    /// @dev The point that six limbs from word `at` on spell.
    function _requirePoint(bytes memory instances, uint256 at, uint256 x, uint256 y) private pure {
        for (uint256 i = 0; i < 3; ++i) {
            vm.assertEq(wordAt(instances, at + i), (x / 2 ** (88 * i)) % 2 ** 88, "limb of x");
            vm.assertEq(wordAt(instances, at + 3 + i), (y / 2 ** (88 * i)) % 2 ** 88, "limb of y");
        }
    }
}
