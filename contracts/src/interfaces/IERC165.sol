// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

/// @title ERC-165 interface detection
interface IERC165 {
    /// @notice Whether the contract implements `interfaceId`.
    function supportsInterface(bytes4 interfaceId) external view returns (bool);
}
