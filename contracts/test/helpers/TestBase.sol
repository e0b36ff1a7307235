// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {Vm} from "./Vm.sol";

/// @title What every test contract shares: the cheatcodes, field constants, and builders of statements
abstract contract TestBase {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @dev Orders of BN254's scalar and base field, written out again so that a slip in the library shows.
    uint256 internal constant R = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;
    uint256 internal constant Q = 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;

    /// @dev About five times what a real verification takes.
    uint256 internal constant CALL_GAS = 3_000_000;

    /// @dev Terms of a `shapedProof`, and the bytes of it that precede the halo2 proof.
    uint256 internal constant TERMS = 2;
    uint256 internal constant DEFERRED = 96 + 96 * TERMS;

    event log_named_uint(string key, uint256 value);

    /// @dev `value` brought into [low, high].
    function bound(uint256 value, uint256 low, uint256 high) internal pure returns (uint256) {
        return high - low == type(uint256).max ? value : low + value % (high - low + 1);
    }

    /// @dev The one output word of a statement with one output.
    function scoreOutput(int256 score) internal pure returns (bytes memory) {
        return abi.encode(uint256(score + 2 ** 15));
    }

    /// @dev `TERMS` terms that add up to something, then `halo2Length` bytes that no real verifier would take.
    function shapedProof(uint256 halo2Length) internal pure returns (bytes memory proof) {
        proof = bytes.concat(bytes32(uint256(0xd1)), abi.encode(1, 2, 5), abi.encode(1, 2, 1), abi.encode(7, 0));
        for (uint256 i = 0; i < halo2Length / 32; ++i) {
            proof = bytes.concat(proof, keccak256(abi.encode("proof word", i)));
        }
    }

    /// @dev Copy of `data` with the word at `index` replaced.
    function withWord(bytes memory data, uint256 index, uint256 value) internal pure returns (bytes memory copy) {
        copy = bytes.concat(data);
        assembly ("memory-safe") {
            mstore(add(add(copy, 32), mul(32, index)), value)
        }
    }

    /// @dev The word of `data` at `index`.
    function wordAt(bytes memory data, uint256 index) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(data, 32), mul(32, index)))
        }
    }

    /// @dev Bytes [from, to) of `data`.
    function slice(bytes memory data, uint256 from, uint256 to) internal pure returns (bytes memory part) {
        part = new bytes(to - from);
        for (uint256 i = from; i < to; ++i) {
            part[i - from] = data[i];
        }
    }

    /// @dev Makes a static call with raw calldata and requires it to revert with an error of this selector.
    /// The gas is capped, as a precompile that is given a bad point takes all it gets.
    function requireRefusal(address target, bytes memory data, bytes4 expected, string memory what) internal view {
        (bool accepted, bytes memory returned) = target.staticcall{gas: CALL_GAS}(data);
        vm.assertTrue(!accepted, string.concat(what, ": accepted"));
        vm.assertEq(bytes32(bytes4(returned)), bytes32(expected), string.concat(what, ": refused for another reason"));
    }
}
