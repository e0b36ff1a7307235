// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

/// @title ERC-8004 (in review): what a validator calls of the validation registry
/// @notice Written after https://eips.ethereum.org/EIPS/eip-8004 as of ethereum/ERCs commit 503591a (25 January 2026), and
/// version 2.0.0 of the registry that is deployed (erc-8004/erc-8004-contracts, commit b9e466c). Earlier texts have a tag of
/// `bytes32`, and so another selector.
/// @dev The text does not say what the status of an unknown request is; the deployed registry reverts. Nor can a status tell
/// a request that waits from one that was answered with 0.
interface IErc8004ValidationRegistry {
    /// @notice A validator's answer, from 0 for failed to 100 for passed. Only the validator that was asked may give it.
    /// @param requestHash Names the request.
    /// @param responseURI Where evidence is; may be empty.
    /// @param responseHash Hash of the evidence; may be zero.
    /// @param tag What kind of answer it is; may be empty.
    function validationResponse(
        bytes32 requestHash,
        uint8 response,
        string calldata responseURI,
        bytes32 responseHash,
        string calldata tag
    ) external;

    /// @notice Who was asked about which agent, and the last answer.
    function getValidationStatus(bytes32 requestHash)
        external
        view
        returns (
            address validatorAddress,
            uint256 agentId,
            uint8 response,
            bytes32 responseHash,
            string memory tag,
            uint256 lastUpdate
        );
}
