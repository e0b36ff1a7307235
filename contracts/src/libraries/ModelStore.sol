// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IInferenceVerifier} from "../interfaces/IInferenceVerifier.sol";

/// @title Models as code
/// @notice What is fixed at registration is the code of a contract that does nothing, one byte that stops it and the words:
/// it can never change, and reading all of it costs little more than reading one word of storage.
library ModelStore {
    /// @param outputCount Outputs in a statement, and what follows the route (`IHalo2Route`): by the verifier's word at
    /// registration; zero where it has no route.
    /// @param identity What names the generated verifier in program digests, where the verifying key is calldata.
    struct Fixed {
        bytes32 programDigest;
        bytes32 weightCommitment;
        bytes32 metadataHash;
        bytes32 verifierCodeHash;
        IInferenceVerifier verifier;
        address owner;
        uint256 registeredAt;
        uint256 outputCount;
        address halo2;
        bytes32 halo2CodeHash;
        uint256 keyLength;
        uint256 proofLength;
        uint256 termCount;
        bytes32 identity;
    }

    /// @dev Words of `Fixed`, each member in one.
    uint256 private constant BYTES = 14 * 32;
    /// @dev Creation code that returns what follows it, of this size with the byte before the words.
    uint256 private constant CREATION = 0x6101c180600a3d393df300;

    /// @notice The contract of a model could not be made.
    error ModelNotStored();

    /// @notice Makes the code.
    function write(Fixed memory model) internal returns (address at) {
        bytes memory creation = bytes.concat(bytes11(uint88(CREATION)), abi.encode(model));
        assembly ("memory-safe") {
            at := create(0, add(creation, 32), mload(creation))
        }
        if (at == address(0)) revert ModelNotStored();
    }

    /// @notice Reads it.
    /// @param at What `write` returned.
    function read(address at) internal view returns (Fixed memory model) {
        // A struct of words lies in memory as `abi.encode` writes it.
        assembly ("memory-safe") {
            extcodecopy(at, model, 1, BYTES)
        }
    }
}
