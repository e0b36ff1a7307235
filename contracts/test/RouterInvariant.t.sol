// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {VerifierRouter} from "../src/VerifierRouter.sol";
import {IVerifierRouter} from "../src/interfaces/IVerifierRouter.sol";
import {CodePin} from "../src/libraries/CodePin.sol";
import {TestBase} from "./helpers/TestBase.sol";
import {RoutableDouble} from "./helpers/Universal.sol";

/// @dev Drives a router with random callers, routes and changes of code, and keeps its own books.
contract RouterHandler is TestBase {
    uint256 public constant SELECTORS = 4;

    VerifierRouter public immutable router;
    /// Two verifiers for each selector, the code of each as it is and as it is exchanged.
    RoutableDouble[2][SELECTORS] private _verifiers;
    bytes private _code;

    address public owner;
    address public pendingOwner;
    bool public frozen;
    /// 0 never added, 1 open, 2 removed.
    uint256[SELECTORS] public states;
    address[SELECTORS] public routes;
    /// Calls that must never succeed and did, or the other way round, or were refused for another reason.
    uint256 public wrongs;

    constructor() {
        owner = _caller(0);
        router = new VerifierRouter(owner);
        for (uint256 i = 0; i < SELECTORS; ++i) {
            _verifiers[i] = [new RoutableDouble(selectorAt(i)), new RoutableDouble(selectorAt(i))];
        }
        _code = address(_verifiers[0][0]).code;
    }

    function add(uint256 caller, uint256 which, uint256 verifier) external {
        (address sender, uint256 i) = (_caller(caller), which % SELECTORS);
        RoutableDouble target = _verifiers[i][verifier % 2];
        bool allowed = sender == owner && !frozen && states[i] == 0;
        vm.prank(sender);
        try router.addRoute(selectorAt(i), target) {
            if (!allowed) ++wrongs;
            (states[i], routes[i]) = (1, address(target));
        } catch {
            if (allowed) ++wrongs;
        }
    }

    /// A verifier under a selector that is not its own.
    function addMismatched(uint256 caller, uint256 which, uint256 other) external {
        uint256 i = which % SELECTORS;
        uint256 j = (i + 1 + other % (SELECTORS - 1)) % SELECTORS;
        vm.prank(_caller(caller));
        try router.addRoute(selectorAt(i), _verifiers[j][0]) {
            ++wrongs;
        } catch {}
    }

    function remove(uint256 caller, uint256 which) external {
        (address sender, uint256 i) = (_caller(caller), which % SELECTORS);
        bool allowed = sender == owner && states[i] == 1;
        vm.prank(sender);
        try router.removeRoute(selectorAt(i)) {
            if (!allowed) ++wrongs;
            states[i] = 2;
        } catch {
            if (allowed) ++wrongs;
        }
    }

    /// Rarely, or nothing would ever be added.
    function freeze(uint256 caller, uint256 chance) external {
        if (chance % 8 != 0) return;
        address sender = _caller(caller);
        bool allowed = sender == owner && !frozen;
        vm.prank(sender);
        try router.freeze() {
            if (!allowed) ++wrongs;
            frozen = true;
        } catch {
            if (allowed) ++wrongs;
        }
    }

    function transfer(uint256 caller, uint256 to) external {
        (address sender, address next) = (_caller(caller), _caller(to));
        vm.prank(sender);
        try router.transferOwnership(next) {
            if (sender != owner) ++wrongs;
            pendingOwner = next;
        } catch {
            if (sender == owner) ++wrongs;
        }
    }

    function accept(uint256 caller) external {
        address sender = _caller(caller);
        vm.prank(sender);
        try router.acceptOwnership() {
            if (sender != pendingOwner) ++wrongs;
            (owner, pendingOwner) = (sender, address(0));
        } catch {
            if (sender == pendingOwner) ++wrongs;
        }
    }

    /// A right proof by any route, with the code of its verifier exchanged for the call or not.
    function verify(uint256 which, bytes32 input, bool exchanged) external {
        uint256 i = which % SELECTORS;
        bytes memory output = scoreOutput(1);
        bytes32 inner = keccak256(abi.encode(bytes32(uint256(1)), bytes32(uint256(2)), input, uint256(1), output));
        // One more byte that is never run.
        if (exchanged && routes[i] != address(0)) vm.etch(routes[i], bytes.concat(_code, hex"00"));
        bool allowed = states[i] == 1 && !exchanged;
        try router.verifyStatement(
            bytes32(uint256(1)), bytes32(uint256(2)), input, 1, output, abi.encode(selectorAt(i), inner)
        ) {
            if (!allowed) ++wrongs;
        } catch (bytes memory reason) {
            bytes4 expected = states[i] == 0
                ? IVerifierRouter.RouteNotFound.selector
                : states[i] == 2 ? IVerifierRouter.RouteIsRemoved.selector : CodePin.VerifierCodeChanged.selector;
            if (allowed || bytes4(reason) != expected) ++wrongs;
        }
        if (exchanged && routes[i] != address(0)) vm.etch(routes[i], _code);
    }

    function selectorAt(uint256 index) public pure returns (bytes4) {
        return bytes4(uint32(0x10000000 + index));
    }

    function _caller(uint256 seed) private pure returns (address) {
        return address(uint160(0x1000 + seed % 3));
    }
}

contract RouterInvariantTest is TestBase {
    RouterHandler private _handler;
    VerifierRouter private _router;

    function setUp() public {
        _handler = new RouterHandler();
        _router = _handler.router();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    /// Routes are what the books say: added once, never changed, removed for ever; none added while frozen.
    function invariant_routesAreAsAdded() public view {
        for (uint256 i = 0; i < _handler.SELECTORS(); ++i) {
            IVerifierRouter.Route memory route = _router.getRoute(_handler.selectorAt(i));
            vm.assertEq(uint256(route.state), _handler.states(i), "state");
            vm.assertEq(address(route.verifier), _handler.routes(i), "verifier");
            vm.assertEq(
                route.codeHash,
                route.state == IVerifierRouter.RouteState.None ? bytes32(0) : _handler.routes(i).codehash,
                "code hash"
            );
        }
        vm.assertEq(_router.frozen(), _handler.frozen(), "frozen");
    }

    /// Nobody but the owner, and who it named, has done anything; no proof went by a route that is not open, or to other
    /// code.
    function invariant_nothingForbiddenHappened() public view {
        vm.assertEq(_router.owner(), _handler.owner(), "owner");
        vm.assertEq(_router.pendingOwner(), _handler.pendingOwner(), "pending owner");
        vm.assertEq(_handler.wrongs(), 0, "wrong outcomes");
    }
}
