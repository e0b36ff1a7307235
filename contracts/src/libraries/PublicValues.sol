// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {StatementLib} from "./StatementLib.sol";

/// @title The public values of a proof, and the instances that a circuit is shown for them
/// @notice A circuit does no group operations of the proof system it verifies: it states which ones it needs, as terms
/// of a sum, and whoever calls its verifier carries them out. Its public values, all elements of BN254's scalar field:
///
/// | index         | content                                                                                   |
/// | ------------- | ----------------------------------------------------------------------------------------- |
/// | 0             | n, the number of public values                                                            |
/// | 1             | output count                                                                              |
/// | 2, 3, 4       | program digest, weight commitment, input commitment                                       |
/// | 5..           | output words (`StatementLib`)                                                             |
/// | then, 4 each  | terms: x mod 2^176, y mod 2^176, (x >> 176) + 2^88 · (y >> 176) of a point; its scalar s  |
/// | n - 2         | scalar g of the generator G                                                               |
/// | n - 1         | scalar l of the last point but one on the left side                                       |
///
/// The circuit hashes them (Poseidon) to D and evaluates them as a polynomial, E = Σ v_i · ω^i, at a point ω that it is
/// given. Its 15 instances are twelve limbs, D, ω and E: as many for every circuit, and no Poseidon on chain.
/// @dev Why that binds the caller's values v to the circuit's values v': D fixes v' (collisions of Poseidon aside), ω is
/// a hash of D and v, so neither can be chosen after it; and if v and v' differ, E = Σ v_i ω^i = Σ v'_i ω^i holds for
/// less than n of the 2^254 points ω. n among the values keeps apart vectors that differ by zeros at the end.
///
/// The sums `right = Σ s_i · P_i + g · G` and `left = P_last + l · P_(last - 1)` are right iff
/// `e(left, [τ]_2) = e(right, [1]_2)`; l is zero but for proofs that join others. The limbs of that pair are the first
/// twelve instances, which the circuit leaves free, and the generated verifier checks the pairing; or they are zero, and
/// a generated verifier of packed proofs takes the terms and sums them up with its own points (`packedCalldata`).
library PublicValues {
    /// @notice What a proof claims, without the output words.
    struct Statement {
        uint256 outputCount;
        bytes32 programDigest;
        bytes32 weightCommitment;
        bytes32 inputCommitment;
    }

    /// @notice Instances of every circuit: twelve limbs, D, ω, E.
    uint256 internal constant INSTANCES = 15;
    uint256 internal constant MAX_TERMS = 4096;

    /// @notice Separates the hashes that ω comes from from every other hash in use.
    bytes32 internal constant PUBLIC_DOMAIN = keccak256("laminate.public-values.v1");

    /// @notice What a generated verifier answers to four bytes if it takes packed proofs, as `packedCalldata` shows them.
    bytes32 internal constant PACKED_LAYOUT = keccak256("laminate.packed-calldata.v1");

    /// @dev D, g and l.
    uint256 private constant FIXED_BYTES = 96;
    uint256 private constant TERM_BYTES = 96;
    uint256 private constant VALUES_PER_TERM = 4;
    /// @dev Words that precede the public values in what ω is the hash of: the domain and D.
    uint256 private constant PREFIX = 2;
    uint256 private constant LOW_BITS = 176;
    uint256 private constant LIMB_BITS = 88;

    /// @notice A proof has 1 to 4096 terms.
    error TermCountOutOfRange(uint256 terms);
    /// @notice D is not reduced modulo the scalar field.
    error DigestNotCanonical(uint256 value);
    /// @notice A coordinate of a term's point is not reduced modulo the base field.
    error CoordinateNotCanonical(uint256 term, uint256 value);
    /// @notice A term's point is (0, 0), which the precompiles take for the point at infinity.
    error PointAtInfinity(uint256 term);
    /// @notice The precompiles refuse a term's point: it is not on the curve.
    error PointNotOnCurve(uint256 term);
    /// @notice A precompile for points answered with something other than a point: this chain does not have it.
    error PrecompileWithoutPoint();
    /// @notice The sum of the terms is the point at infinity.
    error SumAtInfinity();

    /// @notice Refuses a number of terms out of range.
    function requireTermCount(uint256 terms) internal pure {
        if (terms == 0 || terms > MAX_TERMS) revert TermCountOutOfRange(terms);
    }

    /// @notice Bytes of D, `terms` terms and the scalars g and l.
    function deferredLength(uint256 terms) internal pure returns (uint256) {
        return FIXED_BYTES + TERM_BYTES * terms;
    }

    /// @notice Terms in bytes that hold D, terms, the scalars g and l, and `rest` bytes.
    /// @return terms Zero if there is no such number, or none in range.
    function termsIn(uint256 length, uint256 rest) internal pure returns (uint256 terms) {
        uint256 without = FIXED_BYTES + rest;
        if (length < without || (length - without) % TERM_BYTES != 0) return 0;
        terms = (length - without) / TERM_BYTES;
        if (terms > MAX_TERMS) return 0;
    }

    /// @notice The 15 instances of a circuit that the statement holds for, 32 bytes each.
    /// @param output Output words; canonical already (`StatementLib.requireOutput`).
    /// @param deferred D, the terms and the scalars g and l: of the length of some number of terms in range.
    function instances(Statement memory statement, bytes calldata output, bytes calldata deferred)
        internal
        view
        returns (bytes memory)
    {
        (uint256 omega, uint256 value) = _point(statement, output, deferred);
        (uint256 rightX, uint256 rightY) = _sum(deferred);
        (uint256 leftX, uint256 leftY) = _left(deferred);
        bytes memory words = new bytes(32 * INSTANCES);
        _putLimbs(words, 0, rightX);
        _putLimbs(words, 3, rightY);
        _putLimbs(words, 6, leftX);
        _putLimbs(words, 9, leftY);
        _put(words, 12, _word(deferred, 0));
        _put(words, 13, omega);
        _put(words, 14, value);
        return words;
    }

    /// @notice Calldata of a generated verifier of packed proofs for a statement. Its circuit's limbs are zero; it sums the
    /// terms up itself, together with its own points:
    ///
    /// | length         | content                                                  |
    /// | -------------- | -------------------------------------------------------- |
    /// | 96             | D, ω, E                                                  |
    /// | `rest`         | verifying key, if it is calldata, and halo2 proof        |
    /// | 64             | scalar g of the generator, scalar l on the left side     |
    /// | 96 each        | terms: both coordinates of the point, the scalar         |
    /// @param output Output words; canonical already (`StatementLib.requireOutput`).
    /// @param deferred D, the terms and the scalars g and l: of the length of some number of terms in range.
    /// @param rest What follows them in a proof.
    function packedCalldata(
        Statement memory statement,
        bytes calldata output,
        bytes calldata deferred,
        bytes calldata rest
    ) internal pure returns (bytes memory words) {
        (uint256 omega, uint256 value) = _point(statement, output, deferred);
        assembly ("memory-safe") {
            words := mload(64)
            let at := add(words, 32)
            mstore(at, calldataload(deferred.offset))
            mstore(add(at, 32), omega)
            mstore(add(at, 64), value)
            at := add(at, 96)
            calldatacopy(at, rest.offset, rest.length)
            at := add(at, rest.length)
            // D, the terms, g and l
            let terms := sub(deferred.length, 96)
            calldatacopy(at, add(deferred.offset, add(32, terms)), 64)
            calldatacopy(add(at, 64), add(deferred.offset, 32), terms)
            at := add(at, add(64, terms))
            mstore(words, sub(at, add(words, 32)))
            mstore(64, at)
        }
    }

    /// @dev ω and E.
    function _point(Statement memory statement, bytes calldata output, bytes calldata deferred)
        private
        pure
        returns (uint256 omega, uint256 value)
    {
        uint256[] memory hashed = _publicValues(statement, output, deferred);
        assembly ("memory-safe") {
            omega := keccak256(add(hashed, 32), mul(32, mload(hashed)))
        }
        omega %= StatementLib.SCALAR_MODULUS;
        value = _evaluate(hashed, omega);
    }

    /// @dev The domain, D, then the public values: what ω is the hash of. Refuses all that is not reduced.
    function _publicValues(Statement memory statement, bytes calldata output, bytes calldata deferred)
        private
        pure
        returns (uint256[] memory hashed)
    {
        StatementLib.requireCanonical(2, statement.programDigest);
        StatementLib.requireCanonical(3, statement.weightCommitment);
        StatementLib.requireCanonical(4, statement.inputCommitment);
        uint256 digest = _word(deferred, 0);
        if (digest >= StatementLib.SCALAR_MODULUS) revert DigestNotCanonical(digest);

        uint256 terms = _terms(deferred);
        uint256 at = PREFIX + StatementLib.FIXED_VALUES + output.length / 32;
        hashed = _head(statement, output, digest, at + VALUES_PER_TERM * terms + 2);
        uint256 put = _putTerms(hashed, at, deferred, terms);
        if (put != terms) _refuseTerm(at, deferred, put);
        at += VALUES_PER_TERM * terms;
        bytes32 generator = bytes32(_word(deferred, deferred.length - 64));
        bytes32 left = bytes32(_word(deferred, deferred.length - 32));
        StatementLib.requireCanonical(at - PREFIX, generator);
        StatementLib.requireCanonical(at + 1 - PREFIX, left);
        assembly ("memory-safe") {
            let place := add(hashed, mul(32, add(at, 1)))
            mstore(place, generator)
            mstore(add(place, 32), left)
        }
    }

    /// @dev An array of `count` places that begins with all that precedes the terms; the rest is whatever was in memory.
    function _head(Statement memory statement, bytes calldata output, uint256 digest, uint256 count)
        private
        pure
        returns (uint256[] memory hashed)
    {
        bytes32 domain = PUBLIC_DOMAIN;
        assembly ("memory-safe") {
            hashed := mload(64)
            mstore(64, add(hashed, mul(32, add(count, 1))))
            mstore(hashed, count)
            mstore(add(hashed, 32), domain)
            mstore(add(hashed, 64), digest)
            mstore(add(hashed, 96), sub(count, PREFIX))
            // Output count, program digest, weight commitment, input commitment.
            mstore(add(hashed, 128), mload(statement))
            mstore(add(hashed, 160), mload(add(statement, 32)))
            mstore(add(hashed, 192), mload(add(statement, 64)))
            mstore(add(hashed, 224), mload(add(statement, 96)))
            calldatacopy(add(hashed, 256), output.offset, output.length)
        }
    }

    /// @dev The four values of each term, to the places from `at` on of `hashed`, which has room for them.
    /// @return put Terms before the first that is not canonical; `terms` if all are.
    function _putTerms(uint256[] memory hashed, uint256 at, bytes calldata deferred, uint256 terms)
        private
        pure
        returns (uint256 put)
    {
        uint256 base = StatementLib.BASE_MODULUS;
        uint256 order = StatementLib.SCALAR_MODULUS;
        uint256 low = (1 << LOW_BITS) - 1;
        // In assembly, as the bounds checks cost more than all else here. Coordinates have 254 bits, so what is left of
        // each has 78, and the third value has 166.
        assembly ("memory-safe") {
            let from := add(deferred.offset, 32)
            let place := add(hashed, mul(32, add(at, 1)))
            for {} lt(put, terms) { put := add(put, 1) } {
                let x := calldataload(from)
                let y := calldataload(add(from, 32))
                let scalar := calldataload(add(from, 64))
                if iszero(and(and(lt(x, base), lt(y, base)), and(lt(scalar, order), gt(or(x, y), 0)))) {
                    break
                }
                mstore(place, and(x, low))
                mstore(add(place, 32), and(y, low))
                mstore(add(place, 64), or(shr(LOW_BITS, x), shl(LIMB_BITS, shr(LOW_BITS, y))))
                mstore(add(place, 96), scalar)
                from := add(from, TERM_BYTES)
                place := add(place, 128)
            }
        }
    }

    /// @dev Says what is wrong with term `index`.
    function _refuseTerm(uint256 at, bytes calldata deferred, uint256 index) private pure {
        uint256 offset = 32 + TERM_BYTES * index;
        uint256 x = _word(deferred, offset);
        uint256 y = _word(deferred, offset + 32);
        if (x >= StatementLib.BASE_MODULUS) revert CoordinateNotCanonical(index, x);
        if (y >= StatementLib.BASE_MODULUS) revert CoordinateNotCanonical(index, y);
        if (x | y == 0) revert PointAtInfinity(index);
        uint256 place = at + VALUES_PER_TERM * index + 3 - PREFIX;
        revert StatementLib.ValueNotCanonical(place, _word(deferred, offset + 64));
    }

    /// @dev E: the public values, all that follows the prefix, as a polynomial at `omega`.
    function _evaluate(uint256[] memory hashed, uint256 omega) private pure returns (uint256 value) {
        uint256 modulus = StatementLib.SCALAR_MODULUS;
        // Horner from the last value to the first, four at a time once their number is a multiple of four. In assembly, as
        // the bounds checks cost more than the arithmetic. Reads the elements 2.. of `hashed` only, which has more than two.
        assembly ("memory-safe") {
            let last := add(hashed, mul(32, mload(hashed)))
            let at := last
            let apart := sub(last, mul(32, and(sub(mload(hashed), PREFIX), 3)))
            for {} gt(at, apart) { at := sub(at, 32) } {
                value := addmod(mulmod(value, omega, modulus), mload(at), modulus)
            }
            let first := add(hashed, 96)
            for {} gt(at, first) { at := sub(at, 128) } {
                value := addmod(mulmod(value, omega, modulus), mload(at), modulus)
                value := addmod(mulmod(value, omega, modulus), mload(sub(at, 32)), modulus)
                value := addmod(mulmod(value, omega, modulus), mload(sub(at, 64)), modulus)
                value := addmod(mulmod(value, omega, modulus), mload(sub(at, 96)), modulus)
            }
        }
    }

    /// @dev Σ s_i · P_i + g · G by the precompiles for addition (6) and multiplication (7) of EIP-196.
    function _sum(bytes calldata deferred) private view returns (uint256 x, uint256 y) {
        uint256[6] memory work;
        uint256 terms = _terms(deferred);
        unchecked {
            for (uint256 i = 0; i < terms; ++i) {
                uint256 offset = 32 + TERM_BYTES * i;
                assembly ("memory-safe") {
                    calldatacopy(add(work, 64), add(deferred.offset, offset), 96)
                }
                if (!_addMultiple(work)) revert PointNotOnCurve(i);
            }
        }
        (work[2], work[3], work[4]) = (1, 2, _word(deferred, deferred.length - 64));
        // Of a point on the curve, so only for want of gas.
        if (!_addMultiple(work)) revert PointNotOnCurve(terms);
        (x, y) = (work[0], work[1]);
        if (x | y == 0) revert SumAtInfinity();
    }

    /// @dev P_last + l · P_(last - 1). Whoever takes the accumulator checks that it is on the curve.
    function _left(bytes calldata deferred) private view returns (uint256 x, uint256 y) {
        uint256 terms = _terms(deferred);
        uint256 last = deferred.length - FIXED_BYTES + 32 - TERM_BYTES;
        (x, y) = (_word(deferred, last), _word(deferred, last + 32));
        uint256 scalar = _word(deferred, deferred.length - 32);
        if (scalar == 0) return (x, y);
        if (terms == 1) revert TermCountOutOfRange(terms);
        uint256[6] memory work =
            [x, y, _word(deferred, last - TERM_BYTES), _word(deferred, last + 32 - TERM_BYTES), scalar, 0];
        if (!_addMultiple(work)) revert PointNotOnCurve(terms - 2);
        (x, y) = (work[0], work[1]);
        if (x | y == 0) revert SumAtInfinity();
    }

    /// @dev Adds the multiple to the sum. False if a precompile refuses; a chain without it would let the call succeed and
    /// leave the input for a result, so what is returned must be a point. An addition checks its points as a
    /// multiplication does, so the multiplication by 1 may be left out, and that by 0, as of a point on the left side
    /// of a join, be an addition to infinity.
    ///
    /// Six words, so that no call's input or result has to be moved: 0, 1 the sum so far; 2, 3 a point; 4 its scalar; 5
    /// zero. Multiplication: words 2..4 to 2..3. Addition: 0..3 to 0..1. Addition to infinity: 2..5 to 2..3.
    function _addMultiple(uint256[6] memory work) private view returns (bool done) {
        bool whole;
        assembly ("memory-safe") {
            let scalar := mload(add(work, 128))
            whole := 1
            switch scalar
            case 0 { done := staticcall(gas(), 6, add(work, 64), 128, add(work, 64), 64) }
            default {
                done := 1
                if gt(scalar, 1) {
                    done := staticcall(gas(), 7, add(work, 64), 96, add(work, 64), 64)
                    whole := eq(returndatasize(), 64)
                }
                if and(done, whole) { done := staticcall(gas(), 6, work, 128, work, 64) }
            }
            whole := and(whole, eq(returndatasize(), 64))
        }
        if (done && !whole) revert PrecompileWithoutPoint();
    }

    /// @dev Terms in `deferred`, which must be nothing but D, terms and the scalars g and l.
    function _terms(bytes calldata deferred) private pure returns (uint256 terms) {
        terms = termsIn(deferred.length, 0);
        requireTermCount(terms);
    }

    /// @dev A coordinate as three limbs of 88 bits, least significant first, at words `index` to `index + 2`.
    function _putLimbs(bytes memory words, uint256 index, uint256 coordinate) private pure {
        _put(words, index, coordinate & (2 ** LIMB_BITS - 1));
        _put(words, index + 1, (coordinate >> LIMB_BITS) & (2 ** LIMB_BITS - 1));
        _put(words, index + 2, coordinate >> (2 * LIMB_BITS));
    }

    /// @dev Writes word `index` of `words`; every index used here is a constant below `INSTANCES`.
    function _put(bytes memory words, uint256 index, uint256 value) private pure {
        assembly ("memory-safe") {
            mstore(add(add(words, 32), mul(32, index)), value)
        }
    }

    /// @dev The word at byte `offset` of `data`; every offset used here was derived from the length of `data`.
    function _word(bytes calldata data, uint256 offset) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := calldataload(add(data.offset, offset))
        }
    }
}
