// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IRoutableVerifier} from "./IRoutableVerifier.sol";
import {IStatementVerifier} from "./IStatementVerifier.sol";

/// @title One address for all verifiers of statements
/// @notice `proof` is one word, the route's selector and 28 zero bytes, then the proof as the route's verifier takes
/// it. Routes are added, never changed. A removed route leaves a tombstone: it accepts nothing for ever, and its
/// selector is never used again. After `freeze` no route can be added.
///
/// What the owner is trusted with. Before `freeze`: everything, as who adds a verifier that accepts all proofs makes
/// every statement provable by its route: a `UniversalVerifier` accepts proofs only for programs that are registered for
/// it, but a route may lead to any contract. After `freeze`: only that routes stay, as removing one can make proofs
/// refused but never accepted. Removal outlives the freeze because a flaw found in a verifier must be stoppable. Who
/// wants neither names a `UniversalVerifier` itself instead of a router.
interface IVerifierRouter is IStatementVerifier {
    enum RouteState {
        None,
        Open,
        Removed
    }

    /// @notice A route. A removed one keeps what it was, for the record.
    /// @param codeHash Code hash of `verifier` when the route was added; every call compares it.
    struct Route {
        IRoutableVerifier verifier;
        RouteState state;
        bytes32 codeHash;
    }

    event RouteAdded(bytes4 indexed selector, address indexed verifier, bytes32 codeHash);
    event RouteRemoved(bytes4 indexed selector, address indexed verifier);
    event Frozen();
    event OwnershipTransferStarted(address indexed owner, address indexed pendingOwner);
    event OwnershipTransferred(address indexed previousOwner, address indexed owner);

    /// @notice The zero address cannot be the owner.
    error ZeroOwner();
    /// @notice Only the owner may do this.
    error NotOwner(address caller);
    /// @notice Only who the owner has named may accept the ownership.
    error NotPendingOwner(address caller);
    /// @notice No more routes can be added.
    error RouterFrozen();
    /// @notice A selector of zero is a mistake, not a selector.
    error ZeroSelector();
    /// @notice The verifier says that it has another selector.
    error SelectorMismatch(bytes4 expected, bytes4 found);
    /// @notice There is such a route.
    error RouteExists(bytes4 selector);
    /// @notice There has never been such a route.
    error RouteNotFound(bytes4 selector);
    /// @notice There has been such a route, and there will never be one again.
    error RouteIsRemoved(bytes4 selector);
    /// @notice The proof is too short to hold a selector.
    error SelectorMissing();
    /// @notice The word of the selector has more than the selector.
    error SelectorNotCanonical(bytes32 word);

    /// @notice Adds a route for ever, or until it is removed. Only the owner may, and only before `freeze`.
    /// @param selector As the verifier itself says; given so that the owner's signature says it too.
    function addRoute(bytes4 selector, IRoutableVerifier verifier) external;

    /// @notice Removes a route for ever. Only the owner may, also after `freeze`.
    function removeRoute(bytes4 selector) external;

    /// @notice Makes the routes at hand the last ones. Only the owner may; there is no way back.
    function freeze() external;

    /// @notice Names the next owner, who becomes it by `acceptOwnership`. An owner that names itself takes a name back.
    function transferOwnership(address newOwner) external;

    /// @notice Makes the caller the owner, if the owner has named it.
    function acceptOwnership() external;

    /// @notice The route of a selector; state `None` where there has never been one.
    function getRoute(bytes4 selector) external view returns (Route memory);

    /// @notice Routes ever added, removed ones included. Whoever shows a proof chooses the route, so who relies on the
    /// router must look at every open one, whether or not it is frozen.
    function routeCount() external view returns (uint256);

    /// @notice Selectors in the order in which their routes were added.
    function selectorAt(uint256 index) external view returns (bytes4);

    /// @notice Whether routes can no longer be added.
    function frozen() external view returns (bool);

    /// @notice Who may add and remove routes.
    function owner() external view returns (address);

    /// @notice Whom the owner has named to be the next one, or zero.
    function pendingOwner() external view returns (address);
}
