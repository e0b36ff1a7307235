// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {Curve} from "./Curve.sol";

/// @title Stands for a generated verifier and the one proof that there is for it
/// @notice Checks of the instances just what a generated verifier and its circuit do, for a circuit that was proven
/// with public values v' and hash D', in all ways but by a proof:
/// - D is D', as D' is the circuit's hash of v';
/// - E is Σ v'_i ω^i, for whatever ω it is given;
/// - the limbs, which the circuit leaves free, are points of the curve with lhs = τ · rhs;
/// - what follows is the proof, byte for byte.
/// So that whatever makes it accept other public values than v' would make a generated verifier accept them.
contract CircuitDouble {
    uint256 private constant R = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;

    uint256[] private _values;
    uint256 private immutable _digest;
    uint256 private immutable _tau;
    bytes32 private immutable _tail;

    constructor(bytes memory values, bytes32 digest, uint256 tau, bytes32 tail) {
        for (uint256 i = 32; i <= values.length; i += 32) {
            uint256 value;
            assembly ("memory-safe") {
                value := mload(add(values, i))
            }
            _values.push(value);
        }
        (_digest, _tau, _tail) = (uint256(digest), tau, tail);
    }

    fallback() external {
        if (!_holds()) {
            assembly ("memory-safe") {
                revert(0, 0)
            }
        }
    }

    function _holds() private view returns (bool) {
        if (msg.data.length < 480 || keccak256(msg.data[480:]) != _tail) return false;
        uint256[15] memory instances = abi.decode(msg.data[:480], (uint256[15]));
        for (uint256 i = 0; i < 12; ++i) {
            if (instances[i] >= 2 ** (i % 3 == 2 ? 80 : 88)) return false;
        }
        if (instances[12] != _digest) return false;
        (uint256 power, uint256 value) = (1, 0);
        for (uint256 i = 0; i < _values.length; ++i) {
            value = addmod(value, mulmod(_values[i], power, R), R);
            power = mulmod(power, instances[13], R);
        }
        if (instances[14] != value) return false;
        (uint256 rightX, uint256 rightY) = (_coordinate(instances, 6), _coordinate(instances, 9));
        if (rightX == 0 && rightY == 0) return false;
        (uint256 x, uint256 y) = Curve.multiple(rightX, rightY, _tau);
        return x == _coordinate(instances, 0) && y == _coordinate(instances, 3);
    }

    function _coordinate(uint256[15] memory instances, uint256 at) private pure returns (uint256) {
        return instances[at] + 2 ** 88 * instances[at + 1] + 2 ** 176 * instances[at + 2];
    }
}

/// @title The same of packed proofs: it takes D, ω and E, key and proof, the scalars g and l, and the terms
/// @notice Checks of the terms what a generated verifier does: canonical scalars, points of the curve that are not
/// infinity, and e(left, [τ]_2) = e(right, [1]_2) with a left side that is not infinity.
contract PackedCircuitDouble {
    uint256 private constant R = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;

    uint256[] private _values;
    uint256 private immutable _digest;
    uint256 private immutable _tau;
    bytes32 private immutable _tail;
    uint256 private immutable _tailLength;

    constructor(bytes memory values, bytes32 digest, uint256 tau, bytes memory tail) {
        for (uint256 i = 32; i <= values.length; i += 32) {
            uint256 value;
            assembly ("memory-safe") {
                value := mload(add(values, i))
            }
            _values.push(value);
        }
        (_digest, _tau, _tail, _tailLength) = (uint256(digest), tau, keccak256(tail), tail.length);
    }

    fallback() external {
        if (msg.data.length == 4) {
            bytes32 layout = keccak256("laminate.packed-calldata.v1");
            assembly ("memory-safe") {
                mstore(0, layout)
                return(0, 32)
            }
        }
        if (!_holds()) {
            assembly ("memory-safe") {
                revert(0, 0)
            }
        }
    }

    function _holds() private view returns (bool) {
        uint256 start = 96 + _tailLength + 64;
        if (msg.data.length < start + 96 || (msg.data.length - start) % 96 != 0) return false;
        if (keccak256(msg.data[96:96 + _tailLength]) != _tail) return false;
        if (_word(0) != _digest) return false;
        (uint256 power, uint256 value) = (1, 0);
        for (uint256 i = 0; i < _values.length; ++i) {
            value = addmod(value, mulmod(_values[i], power, R), R);
            power = mulmod(power, _word(32), R);
        }
        if (_word(64) != value) return false;
        (uint256 generator, uint256 left) = (_word(start - 64), _word(start - 32));
        if (generator >= R || left >= R) return false;
        (uint256 x, uint256 y) = Curve.generatorMultiple(generator);
        for (uint256 at = start; at < msg.data.length; at += 96) {
            if (_word(at + 64) >= R || (_word(at) == 0 && _word(at + 32) == 0)) return false;
            (uint256 termX, uint256 termY) = Curve.multiple(_word(at), _word(at + 32), _word(at + 64));
            (x, y) = Curve.sum(x, y, termX, termY);
        }
        uint256 last = msg.data.length - 96;
        (uint256 leftX, uint256 leftY) = (_word(last), _word(last + 32));
        if (left != 0) {
            if (last < start + 96) return false;
            (uint256 beforeX, uint256 beforeY) = Curve.multiple(_word(last - 96), _word(last - 64), left);
            (leftX, leftY) = Curve.sum(leftX, leftY, beforeX, beforeY);
            if (leftX == 0 && leftY == 0) return false;
        }
        (leftX, leftY) = Curve.multiple(leftX, leftY, _tau);
        return x == leftX && y == leftY;
    }

    function _word(uint256 at) private pure returns (uint256) {
        return uint256(bytes32(msg.data[at:at + 32]));
    }
}
