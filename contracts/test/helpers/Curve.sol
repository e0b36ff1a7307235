// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

/// @title Points of BN254 for tests, by the precompiles
library Curve {
    error RefusedByPrecompile();

    function multiple(uint256 x, uint256 y, uint256 scalar) internal view returns (uint256, uint256) {
        return _point(7, abi.encode(x, y, scalar));
    }

    function generatorMultiple(uint256 scalar) internal view returns (uint256, uint256) {
        return multiple(1, 2, scalar);
    }

    function sum(uint256 x, uint256 y, uint256 otherX, uint256 otherY) internal view returns (uint256, uint256) {
        return _point(6, abi.encode(x, y, otherX, otherY));
    }

    function _point(uint160 precompile, bytes memory input) private view returns (uint256, uint256) {
        (bool done, bytes memory point) = address(precompile).staticcall(input);
        if (!done) revert RefusedByPrecompile();
        return abi.decode(point, (uint256, uint256));
    }
}
