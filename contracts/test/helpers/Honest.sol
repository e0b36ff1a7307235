// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {CircuitDouble, PackedCircuitDouble} from "./CircuitDouble.sol";
import {Curve} from "./Curve.sol";
import {TestBase} from "./TestBase.sol";

/// @title Statements with terms whose sum holds, for a τ that is known
/// @notice The public values are laid out here once more, by other means than the library's, so that a slip shows.
abstract contract Honest is TestBase {
    uint256 internal constant TAU = 0x746175;

    struct Case {
        uint256 outputCount;
        bytes32 program;
        bytes32 weights;
        bytes32 input;
        bytes output;
        /// D, terms, generator's scalar, that of the last point but one on the left.
        bytes deferred;
        /// What comes after `deferred` in a direct proof.
        bytes halo2;
    }

    /// @dev A case with `terms` terms of which the first has scalar 1, drawn from `seed`.
    function honest(bytes32 seed, uint256 outputCount, uint256 terms) internal view returns (Case memory made) {
        made.outputCount = outputCount;
        made.program = _draw(seed, "program", 0);
        made.weights = _draw(seed, "weights", 0);
        made.input = _draw(seed, "input", 0);
        for (uint256 left = outputCount; left > 0;) {
            uint256 slots = left < 15 ? left : 15;
            made.output = bytes.concat(made.output, bytes32(uint256(_draw(seed, "output", left)) % 2 ** (16 * slots)));
            left -= slots;
        }
        made.halo2 = abi.encode(_draw(seed, "halo2", 0), _draw(seed, "halo2", 1), _draw(seed, "halo2", 2));
        (uint256[] memory logs, uint256[] memory scalars) = (new uint256[](terms), new uint256[](terms));
        for (uint256 i = 0; i < terms; ++i) {
            logs[i] = uint256(_draw(seed, "log", i));
            scalars[i] = i == 0 ? 1 : uint256(_draw(seed, "scalar", i));
        }
        setTerms(made, logs, scalars);
    }

    /// @dev Gives a case terms of these discrete logarithms and scalars, the generator's scalar that makes their sum
    /// τ times the last point, and the D of it all.
    function setTerms(Case memory made, uint256[] memory logs, uint256[] memory scalars) internal view {
        setTerms(made, logs, scalars, 0);
    }

    /// @dev As above, with `left` times the last point but one on the left side.
    function setTerms(Case memory made, uint256[] memory logs, uint256[] memory scalars, uint256 left) internal view {
        bytes memory terms;
        uint256 sum = logs[logs.length - 1];
        if (left != 0) sum = addmod(sum, mulmod(left, logs[logs.length - 2], R), R);
        uint256 generator = mulmod(TAU, sum, R);
        for (uint256 i = 0; i < logs.length; ++i) {
            (uint256 x, uint256 y) = Curve.generatorMultiple(logs[i]);
            terms = bytes.concat(terms, abi.encode(x, y, scalars[i]));
            generator = addmod(generator, R - mulmod(scalars[i], logs[i], R), R);
        }
        bytes memory rest = abi.encode(generator, left);
        made.deferred = bytes.concat(bytes32(0), terms, rest);
        made.deferred = bytes.concat(digestOf(valuesOf(made)), terms, rest);
    }

    /// @dev v of a case, whatever is in it.
    function valuesOf(Case memory made) internal pure returns (bytes memory values) {
        uint256 terms = (made.deferred.length - 96) / 96;
        uint256 count = 5 + made.output.length / 32 + 4 * terms + 2;
        values = bytes.concat(abi.encode(count, made.outputCount, made.program, made.weights, made.input), made.output);
        for (uint256 i = 0; i < terms; ++i) {
            uint256 x = wordAt(made.deferred, 1 + 3 * i);
            uint256 y = wordAt(made.deferred, 2 + 3 * i);
            uint256 high = x / 2 ** 176 + 2 ** 88 * (y / 2 ** 176);
            uint256 scalar = wordAt(made.deferred, 3 + 3 * i);
            values = bytes.concat(values, abi.encode(x % 2 ** 176, y % 2 ** 176, high, scalar));
        }
        uint256 rest = 1 + 3 * terms;
        values = bytes.concat(values, abi.encode(wordAt(made.deferred, rest), wordAt(made.deferred, rest + 1)));
    }

    /// @dev Stands for the circuit's Poseidon hash: nobody finds two vectors of one hash.
    function digestOf(bytes memory values) internal pure returns (bytes32) {
        return bytes32(uint256(keccak256(values)) % R);
    }

    /// @dev The circuit whose only proof is `tail`, a halo2 proof or a verifying key and one.
    function circuitOf(Case memory made, bytes memory tail) internal returns (address) {
        bytes32 digest = bytes32(wordAt(made.deferred, 0));
        if (packed()) return address(new PackedCircuitDouble(valuesOf(made), digest, TAU, tail));
        return address(new CircuitDouble(valuesOf(made), digest, TAU, keccak256(tail)));
    }

    /// @dev Whether proofs are packed, so that what stands for a generated verifier takes the terms.
    function packed() internal pure virtual returns (bool) {
        return false;
    }

    function directProof(Case memory made) internal pure returns (bytes memory) {
        return bytes.concat(made.deferred, made.halo2);
    }

    function _draw(bytes32 seed, string memory what, uint256 index) private pure returns (bytes32) {
        return bytes32(1 + uint256(keccak256(abi.encode(seed, what, index))) % (R - 1));
    }
}
