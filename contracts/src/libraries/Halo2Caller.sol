// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IHalo2Caller} from "../interfaces/IHalo2Caller.sol";
import {CodePin} from "./CodePin.sol";
import {Halo2Call} from "./Halo2Call.sol";
import {PublicValues} from "./PublicValues.sol";

/// @title The only kind of caller a generated verifier should have
/// @notice Immutable and without an owner. What derives from this contract hands the generated one (`Halo2Call`) nothing
/// but instances that it made itself (`PublicValues`) and a proof of the exact length, and calls it while its code is the
/// one it was at construction.
abstract contract Halo2Caller is IHalo2Caller {
    /// @inheritdoc IHalo2Caller
    address public immutable halo2Verifier;
    /// @inheritdoc IHalo2Caller
    bytes32 public immutable halo2VerifierCodeHash;
    /// @inheritdoc IHalo2Caller
    uint256 public immutable proofLength;
    /// @inheritdoc IHalo2Caller
    bool public immutable packed;

    /// @param verifier The generated verifier, already deployed.
    /// @param halo2ProofLength Bytes of the halo2 proof alone.
    constructor(address verifier, uint256 halo2ProofLength) {
        halo2VerifierCodeHash = CodePin.pin(verifier);
        _requireWords(halo2ProofLength);
        halo2Verifier = verifier;
        proofLength = halo2ProofLength;
        packed = Halo2Call.isPacked(verifier);
    }

    /// @dev Reverts unless the generated verifier accepts. `output` is canonical already; `rest` is what follows the
    /// scalars in a proof: the verifying key, if it takes one, and the halo2 proof.
    function _call(
        PublicValues.Statement memory statement,
        bytes calldata output,
        bytes calldata deferred,
        bytes calldata rest
    ) internal view {
        bytes memory words = packed
            ? PublicValues.packedCalldata(statement, output, deferred, rest)
            : bytes.concat(PublicValues.instances(statement, output, deferred), rest);
        Halo2Call.call(halo2Verifier, halo2VerifierCodeHash, words);
    }

    /// @dev Refuses a length that is no positive number of words. The bound keeps sums of lengths far from overflow.
    function _requireWords(uint256 length) internal pure {
        if (length == 0 || length % 32 != 0 || length > type(uint32).max) revert ProofLengthOutOfRange(length);
    }
}
