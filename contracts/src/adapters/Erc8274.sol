// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IERC165} from "../interfaces/IERC165.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {RegistryCaller} from "./RegistryCaller.sol";
import {IErc8274ProofVerifier} from "./interfaces/IErc8274.sol";

/// @title Inference proofs for the agent verifiers of ERC-8274 (draft)
/// @notice The inner, stateless layer of the draft. Its arguments are:
///
/// | argument     | content                                                                                       |
/// | ------------ | --------------------------------------------------------------------------------------------- |
/// | `inputHash`  | input commitment                                                                              |
/// | `outputHash` | keccak-256 of the output words                                                                |
/// | `metadata`   | `abi.encode(uint256 modelId, uint256 gasLimit)`                                               |
/// | `proof`      | `abi.encode(bytes output, bytes proof)`, as `IModelRegistry.verifyInference` takes the two    |
///
/// A verdict must not depend on how much gas a caller gives: in the draft's own example an agent verifier's "no" rejects a
/// job, so anyone could have a good proof refused by letting the check run out of gas. Proofs are checked with exactly
/// `gasLimit`, and a call that cannot give so much reverts. Choose two to three times what a good proof of the model takes:
/// a bad point takes all of it.
///
/// True says that the model gives the output on an input opening the commitment. False says nothing but that these bytes
/// do not show it: who can call may show any bytes, so nothing should be lost by a false (as jobs are in the draft's
/// `ProofEvaluator`, which whoever calls can make reject). `requireValid` tells the reason.
/// @dev Nothing here is used up. Replays are the agent verifier's to refuse, by task and never by the proof's bytes, of which
/// one statement has many. The draft calls this layer stateless, but its `verify` is no view; here it is.
contract Erc8274 is IErc8274ProofVerifier, RegistryCaller, IERC165 {
    string private constant SYSTEM = "zk/laminate";

    /// @dev Gas for the call itself, beside what it forwards.
    uint256 private constant CALL_GAS = 5000;

    /// @notice Metadata is two words.
    error MetadataLength(uint256 expected, uint256 found);
    /// @notice There is less gas than a verdict may take.
    error GasBelowLimit(uint256 expected, uint256 found);
    /// @notice The proof is another encoding of its two parts than `abi.encode` makes.
    error NonCanonicalProof();
    /// @notice The output words in the proof have another hash.
    error OutputHashMismatch(bytes32 expected, bytes32 found);

    /// @param models The model registry.
    constructor(IModelRegistry models) RegistryCaller(models) {}

    /// @inheritdoc IErc8274ProofVerifier
    function verify(bytes32 inputHash, bytes32 outputHash, bytes calldata metadata, bytes calldata proof)
        external
        view
        returns (bool valid)
    {
        if (metadata.length != 64) revert MetadataLength(64, metadata.length);
        (uint256 modelId, uint256 gasLimit) = abi.decode(metadata, (uint256, uint256));
        bytes memory check = abi.encodeCall(this.requireValid, (modelId, inputHash, outputHash, proof));
        // A call gets at most 63 parts in 64 of what there is.
        uint256 needed = gasLimit + gasLimit / 63 + CALL_GAS;
        if (gasleft() < needed) revert GasBelowLimit(needed, gasleft());
        (valid,) = address(this).staticcall{gas: gasLimit}(check);
    }

    /// @notice Reverts, with the reason, unless `proof` shows the inference.
    /// @return statementHash The statement's replay key (`IModelRegistry.hashStatement`).
    function requireValid(uint256 modelId, bytes32 inputHash, bytes32 outputHash, bytes calldata proof)
        external
        view
        returns (bytes32 statementHash)
    {
        (bytes memory output, bytes memory inner) = abi.decode(proof, (bytes, bytes));
        if (keccak256(abi.encode(output, inner)) != keccak256(proof)) revert NonCanonicalProof();
        bytes32 found = keccak256(output);
        if (found != outputHash) revert OutputHashMismatch(outputHash, found);
        return modelRegistry.verifyInference(modelId, inputHash, output, inner);
    }

    /// @inheritdoc IErc8274ProofVerifier
    function proofSystem() external pure returns (string memory) {
        return SYSTEM;
    }

    /// @inheritdoc IErc8274ProofVerifier
    /// @dev The draft's form; the salt is chain and model registry, which are all that a verdict depends on beside the metadata.
    function proofProfile() external view returns (bytes32) {
        return keccak256(abi.encodePacked(SYSTEM, keccak256(abi.encode(block.chainid, modelRegistry))));
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERC165).interfaceId || interfaceId == type(IErc8274ProofVerifier).interfaceId;
    }
}
