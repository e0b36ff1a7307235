// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

/// @title Where a verifier has its proofs checked
interface IHalo2Route {
    /// @notice The generated verifier of packed proofs that checks all proofs of a verifier, and how they are laid out:
    /// whoever knows it can do without the contracts on the way there. All zero where there is no such one contract, or
    /// where it takes other proofs.
    /// @param halo2 The generated verifier.
    /// @param codeHash Its code hash.
    /// @param keyLength Bytes of the verifying key in a proof (`UniversalVerifier`); zero where the key is in the code
    /// (`IDirectVerifier`).
    /// @param proofLength Bytes of the halo2 proof.
    /// @param termCount Terms in a proof; zero where its length tells.
    struct Halo2Route {
        address halo2;
        bytes32 codeHash;
        uint256 keyLength;
        uint256 proofLength;
        uint256 termCount;
    }

    /// @notice The route. It never changes.
    function halo2Route() external view returns (Halo2Route memory);
}
