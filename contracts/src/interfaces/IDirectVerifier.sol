// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IHalo2Caller} from "./IHalo2Caller.sol";

/// @title Verifier of one circuit, whose verifying key is code
/// @notice The bytes of a published proof, all numbers big-endian words of 32 bytes, with `T = termCount()`:
///
/// | offset       | length          | content                                                             |
/// | ------------ | --------------- | ------------------------------------------------------------------- |
/// | 0            | 32              | D, the circuit's hash of its public values                          |
/// | 32           | 96 · T          | terms of the deferred sum: x, y of the point, then the scalar       |
/// | 32 + 96 · T  | 32              | scalar of the group's generator                                     |
/// | 64 + 96 · T  | 32              | scalar of the last point but one on the left side                   |
/// | 96 + 96 · T  | `proofLength()` | halo2 proof                                                         |
///
/// Scalars and D are below the scalar modulus, coordinates below the base modulus, no point is (0, 0): every value has
/// one spelling. What the terms mean is in `PublicValues`.
interface IDirectVerifier is IHalo2Caller {
    /// @notice Terms of the deferred sum in a proof, T above.
    function termCount() external view returns (uint256);
}
