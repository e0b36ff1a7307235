// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IHalo2Route} from "./interfaces/IHalo2Route.sol";
import {IRoutableVerifier} from "./interfaces/IRoutableVerifier.sol";
import {IStatementVerifier} from "./interfaces/IStatementVerifier.sol";
import {IVerifierRouter} from "./interfaces/IVerifierRouter.sol";
import {CanonicalCalldata} from "./libraries/CanonicalCalldata.sol";
import {CodePin} from "./libraries/CodePin.sol";

/// @title Sends proofs to the verifier that their first word names
/// @notice Shaped after RISC Zero's router: routes by a selector in the proof, tombstones for removed ones. What it adds
/// are the comparison of code hashes, selectors that the verifier confirms, and `freeze`.
contract VerifierRouter is IVerifierRouter {
    /// @dev Head words of `verifyStatement`: three commitments, a count and two offsets.
    uint256 private constant STATEMENT_HEAD_WORDS = 6;

    /// @inheritdoc IVerifierRouter
    address public owner;
    /// @inheritdoc IVerifierRouter
    address public pendingOwner;
    /// @inheritdoc IVerifierRouter
    bool public frozen;

    mapping(bytes4 selector => Route) private _routes;
    bytes4[] private _selectors;

    modifier onlyOwner() {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        _;
    }

    constructor(address firstOwner) {
        if (firstOwner == address(0)) revert ZeroOwner();
        owner = firstOwner;
        emit OwnershipTransferred(address(0), firstOwner);
    }

    /// @inheritdoc IVerifierRouter
    function addRoute(bytes4 selector, IRoutableVerifier verifier) external onlyOwner {
        if (frozen) revert RouterFrozen();
        if (selector == 0) revert ZeroSelector();
        Route storage route = _routes[selector];
        if (route.state == RouteState.Removed) revert RouteIsRemoved(selector);
        if (route.state != RouteState.None) revert RouteExists(selector);
        bytes32 codeHash = CodePin.pin(address(verifier));
        bytes4 found = verifier.selector();
        if (found != selector) revert SelectorMismatch(selector, found);
        (route.verifier, route.state, route.codeHash) = (verifier, RouteState.Open, codeHash);
        _selectors.push(selector);
        emit RouteAdded(selector, address(verifier), codeHash);
    }

    /// @inheritdoc IVerifierRouter
    function removeRoute(bytes4 selector) external onlyOwner {
        Route storage route = _open(selector);
        route.state = RouteState.Removed;
        emit RouteRemoved(selector, address(route.verifier));
    }

    /// @inheritdoc IVerifierRouter
    function freeze() external onlyOwner {
        if (frozen) revert RouterFrozen();
        frozen = true;
        emit Frozen();
    }

    /// @inheritdoc IVerifierRouter
    function transferOwnership(address newOwner) external onlyOwner {
        if (newOwner == address(0)) revert ZeroOwner();
        pendingOwner = newOwner;
        emit OwnershipTransferStarted(msg.sender, newOwner);
    }

    /// @inheritdoc IVerifierRouter
    function acceptOwnership() external {
        if (msg.sender != pendingOwner) revert NotPendingOwner(msg.sender);
        emit OwnershipTransferred(owner, msg.sender);
        (owner, pendingOwner) = (msg.sender, address(0));
    }

    /// @inheritdoc IStatementVerifier
    function verifyStatement(
        bytes32 programDigest,
        bytes32 weightCommitment,
        bytes32 inputCommitment,
        uint256 outputCount,
        bytes calldata output,
        bytes calldata proof
    ) external view {
        CanonicalCalldata.requireTails(STATEMENT_HEAD_WORDS, output, proof);
        _verifierOf(proof)
            .verifyStatement(programDigest, weightCommitment, inputCommitment, outputCount, output, proof[32:]);
    }

    /// @inheritdoc IHalo2Route
    /// @dev None: which verifier checks a proof is for the owner to end, so each call asks.
    function halo2Route() external pure returns (IHalo2Route.Halo2Route memory none) {}

    /// @inheritdoc IVerifierRouter
    function getRoute(bytes4 selector) external view returns (Route memory) {
        return _routes[selector];
    }

    /// @inheritdoc IVerifierRouter
    function routeCount() external view returns (uint256) {
        return _selectors.length;
    }

    /// @inheritdoc IVerifierRouter
    function selectorAt(uint256 index) external view returns (bytes4) {
        return _selectors[index];
    }

    /// @dev The verifier that the first word of `proof` names, with the code that it was added with.
    function _verifierOf(bytes calldata proof) private view returns (IRoutableVerifier verifier) {
        if (proof.length < 32) revert SelectorMissing();
        bytes32 word = bytes32(proof[:32]);
        bytes4 selector = bytes4(word);
        if (word != selector) revert SelectorNotCanonical(word);
        Route storage route = _open(selector);
        verifier = route.verifier;
        CodePin.requireUnchanged(address(verifier), route.codeHash);
    }

    function _open(bytes4 selector) private view returns (Route storage route) {
        route = _routes[selector];
        if (route.state == RouteState.Removed) revert RouteIsRemoved(selector);
        if (route.state == RouteState.None) revert RouteNotFound(selector);
    }
}
