// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {RegistryCaller} from "./RegistryCaller.sol";

/// @title The part of ERC-7007 (in review) that inference proofs fit: `verify`
/// @notice To be inherited beside an ERC-721, for tokens of content that one model made. Written after
/// https://eips.ethereum.org/EIPS/eip-7007 as of ethereum/ERCs commit 3cd06e8 (1 October 2024). Its arguments are:
///
/// | argument   | content                                                     |
/// | ---------- | ----------------------------------------------------------- |
/// | `prompt`   | the 32 bytes of the input commitment                        |
/// | `aigcData` | the output words, 32 bytes each (`StatementLib`)            |
/// | `proof`    | as the model registry takes it                              |
///
/// The rest does not fit, and is left to who writes the token:
/// - A token's id is the hash of a prompt that everybody can read. Inputs are hidden here: a token is of a commitment to a prompt,
///   and one prompt has as many commitments as there are salts, so ids do not keep content from being minted twice.
/// - `mint` takes the receiver, but a proof names none: who sees a mint that waits to be mined can mint first. The text asks
///   for a way to claim a prompt before, such as commit and reveal, and has none.
///
/// Where the text contradicts itself:
/// - The id that it gives the interface, 0x7e52e423, is that of an older `mint` without a receiver. What is declared has the id
///   0x2a8ab591, and the interface among its assets, of `addAigcData` instead of `mint`, a third. None is announced here, as
///   which one is meant cannot be known, and a part is not the whole.
/// - Its reference verifies a proof of prompt and data without a boundary between them, so a proof for one prompt is one for
///   each other split of the same bytes, and mints another token. Here both have their length.
abstract contract Erc7007 is RegistryCaller {
    /// @notice The model whose content this is.
    uint256 public immutable modelId;

    /// @param models The model registry.
    /// @param model The model's id; it must be registered, and not retired.
    constructor(IModelRegistry models, uint256 model) RegistryCaller(models) {
        _usableModel(model);
        modelId = model;
    }

    /// @notice Whether `proof` shows that the model makes `aigcData` of an input opening the commitment `prompt`.
    /// @dev False as well where the gas does not suffice: who decides something by a false must ask the model registry.
    function verify(bytes calldata prompt, bytes calldata aigcData, bytes calldata proof)
        public
        view
        virtual
        returns (bool success)
    {
        if (prompt.length != 32) return false;
        // That there is a hash of the statement is the answer.
        // slither-disable-next-line unused-return
        try modelRegistry.verifyInference(modelId, bytes32(prompt), aigcData, proof) returns (bytes32) {
            return true;
        } catch {
            return false;
        }
    }

    /// @notice The id of a prompt's token, as the text has it.
    function tokenIdOf(bytes calldata prompt) public pure returns (uint256) {
        return uint256(keccak256(prompt));
    }
}
