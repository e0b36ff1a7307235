// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {ModelRegistry} from "../src/ModelRegistry.sol";
import {RoutedVerifier} from "../src/RoutedVerifier.sol";
import {UniversalVerifier} from "../src/UniversalVerifier.sol";
import {VerifierRouter} from "../src/VerifierRouter.sol";
import {IHalo2Caller} from "../src/interfaces/IHalo2Caller.sol";
import {IRoutableVerifier} from "../src/interfaces/IRoutableVerifier.sol";
import {IVerifierRouter} from "../src/interfaces/IVerifierRouter.sol";
import {IWeightVerifier} from "../src/interfaces/IWeightVerifier.sol";
import {CanonicalCalldata} from "../src/libraries/CanonicalCalldata.sol";
import {CodePin} from "../src/libraries/CodePin.sol";
import {UniversalProgram} from "../src/libraries/UniversalProgram.sol";
import {AcceptAll, RejectAll} from "./helpers/Doubles.sol";
import {RoutableDouble, Universal} from "./helpers/Universal.sol";

contract VerifierRouterTest is Universal {
    address private constant OWNER = address(0xa11ce);
    address private constant NEXT = address(0xb0b);
    bytes4 private constant SELECTOR = 0x11223344;

    VerifierRouter private _router;
    RoutableDouble private _verifier;
    Case private _case;

    event RouteAdded(bytes4 indexed selector, address indexed verifier, bytes32 codeHash);
    event RouteRemoved(bytes4 indexed selector, address indexed verifier);
    event Frozen();
    event OwnershipTransferStarted(address indexed owner, address indexed pendingOwner);
    event OwnershipTransferred(address indexed previousOwner, address indexed owner);

    function setUp() public {
        _router = new VerifierRouter(OWNER);
        _verifier = new RoutableDouble(SELECTOR);
        _case = honest("router", 16, 1);
    }

    function test_construction() public {
        vm.assertEq(_router.owner(), OWNER, "owner");
        vm.assertEq(_router.pendingOwner(), address(0), "pending owner");
        vm.assertEq(_router.frozen(), false, "frozen");
        vm.expectRevert(IVerifierRouter.ZeroOwner.selector);
        new VerifierRouter(address(0));
    }

    function test_addsAndRoutes() public {
        vm.expectEmit(true, true, true, true, address(_router));
        emit RouteAdded(SELECTOR, address(_verifier), address(_verifier).codehash);
        _add(SELECTOR, _verifier);
        IVerifierRouter.Route memory route = _router.getRoute(SELECTOR);
        vm.assertEq(address(route.verifier), address(_verifier), "verifier");
        vm.assertEq(route.codeHash, address(_verifier).codehash, "code hash");
        vm.assertTrue(route.state == IVerifierRouter.RouteState.Open, "state");
        vm.assertEq(_router.routeCount(), 1, "routes");
        vm.assertEq(_router.selectorAt(0), SELECTOR, "selector");

        bytes memory inner = _innerProof(_case);
        bytes memory proof = bytes.concat(bytes32(SELECTOR), inner);
        vm.expectCall(address(_verifier), statementCall(_case, _case.program, inner));
        _router.verifyStatement(_case.program, _case.weights, _case.input, 16, _case.output, proof);
        // What the verifier refuses is refused, with its reason; each part of the statement gets there.
        bytes4 reason = RoutableDouble.Refused.selector;
        _refuse(withWord(proof, 1, 0), reason, "another proof");
        bytes32 program = _case.program;
        _case.program = _case.weights;
        _refuse(proof, reason, "another program");
        (_case.program, _case.input) = (program, _case.weights);
        _refuse(proof, reason, "another input");
    }

    /// A universal verifier behind the router, with a case that holds, and words of it changed.
    function test_routesToAUniversalVerifier() public {
        bytes memory key = keyOf("key");
        UniversalVerifier universal = universalOf(_case, key);
        _add(universal.selector(), universal);
        bytes32 digest = universalDigest(universal, key, _case.program);
        bytes memory proof = bytes.concat(bytes32(universal.selector()), universalProof(_case, key));
        _router.verifyStatement(digest, _case.weights, _case.input, 16, _case.output, proof);
        for (uint256 i = 0; i < proof.length / 32; ++i) {
            bytes memory data = statementCall(_case, digest, withWord(proof, i, wordAt(proof, i) ^ 1));
            (bool accepted,) = address(_router).staticcall{gas: CALL_GAS}(data);
            vm.assertTrue(!accepted, "changed word");
        }
    }

    /// Whoever shows a proof names its route. A model is registered for one verifier, so the route to another, of the
    /// same lengths or of others, is no way to have a lenient verifier read its key.
    function test_otherRoutesDoNotJudgeAModel() public {
        bytes memory key = keyOf("key");
        uint256 halo2 = _case.halo2.length;
        UniversalVerifier own = new UniversalVerifier(address(new RejectAll()), key.length, halo2);
        bytes32 digest = universalDigest(own, key, _case.program);
        _add(own.selector(), own);
        ModelRegistry registry = new ModelRegistry();
        IWeightVerifier none = IWeightVerifier(address(0));
        uint256 id = registry.registerModel(digest, _case.weights, new RoutedVerifier(_router, 16, none), 0);
        bytes memory proof = universalProof(_case, key);
        bytes memory honestRoute = bytes.concat(bytes32(own.selector()), proof);
        vm.expectRevert(IHalo2Caller.InvalidProof.selector);
        registry.verifyInference(id, _case.input, _case.output, honestRoute);

        // The same proof before verifiers that accept everything, at other splits of the same bytes, too.
        address lenient = address(new AcceptAll());
        for (uint256 length = key.length - 32; length <= key.length + 32; length += 32) {
            UniversalVerifier other = new UniversalVerifier(lenient, length, halo2 + key.length - length);
            bytes memory routed = bytes.concat(bytes32(other.selector()), proof);
            _add(other.selector(), other);
            requireRefusal(
                address(registry),
                abi.encodeCall(registry.verifyInference, (id, _case.input, _case.output, routed)),
                UniversalProgram.ProgramDigestMismatch.selector,
                "another route"
            );
            _acceptElsewhere(other, slice(bytes.concat(key, _case.halo2), 0, length), routed);
        }
    }

    function test_refusesProofsWithoutRoute() public {
        _add(SELECTOR, _verifier);
        bytes memory inner = _innerProof(_case);
        _refuse("", IVerifierRouter.SelectorMissing.selector, "empty");
        _refuse(inner, IVerifierRouter.SelectorNotCanonical.selector, "no selector");
        bytes4 unknown = IVerifierRouter.RouteNotFound.selector;
        _refuse(bytes.concat(bytes32(bytes4(0x11223345)), inner), unknown, "unknown");
        _refuse(bytes.concat(bytes32(0), inner), unknown, "zero");
        bytes32 dirty = bytes32(SELECTOR) | bytes32(uint256(1));
        _refuse(bytes.concat(dirty, inner), IVerifierRouter.SelectorNotCanonical.selector, "bytes after it");
        bytes32 rightAligned = bytes32(uint256(uint32(SELECTOR)));
        _refuse(bytes.concat(rightAligned, inner), IVerifierRouter.SelectorNotCanonical.selector, "right-aligned");
    }

    function test_refusesOtherEncodings() public {
        _add(SELECTOR, _verifier);
        bytes memory proof = bytes.concat(bytes32(SELECTOR), _innerProof(_case));
        _refuse(bytes.concat(proof, hex"00"), CanonicalCalldata.UnalignedArgument.selector, "a byte more");
        bytes memory data = bytes.concat(statementCall(_case, _case.program, proof), hex"00");
        requireRefusal(address(_router), data, CanonicalCalldata.NonCanonicalLength.selector, "a byte after it");
    }

    function test_addRefusals() public {
        vm.expectRevert(IVerifierRouter.ZeroSelector.selector);
        _add(0, _verifier);
        vm.expectRevert(CodePin.ZeroVerifier.selector);
        _add(SELECTOR, IRoutableVerifier(address(0)));
        vm.expectRevert(abi.encodeWithSelector(CodePin.VerifierWithoutCode.selector, address(7)));
        _add(SELECTOR, IRoutableVerifier(address(7)));
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.SelectorMismatch.selector, bytes4(0x01020304), SELECTOR));
        _add(0x01020304, _verifier);
        // Whoever says no selector cannot be routed to, so no router behind a router either.
        IRoutableVerifier mute = IRoutableVerifier(address(new AcceptAll()));
        vm.expectRevert();
        _add(SELECTOR, mute);
        vm.expectRevert();
        _add(SELECTOR, IRoutableVerifier(address(_router)));
        _add(SELECTOR, _verifier);
        IRoutableVerifier other = new RoutableDouble(SELECTOR);
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.RouteExists.selector, SELECTOR));
        _add(SELECTOR, other);
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.RouteExists.selector, SELECTOR));
        _add(SELECTOR, _verifier);
    }

    function test_removedIsRemovedForEver() public {
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.RouteNotFound.selector, SELECTOR));
        _remove(SELECTOR);
        _add(SELECTOR, _verifier);
        vm.expectEmit(true, true, true, true, address(_router));
        emit RouteRemoved(SELECTOR, address(_verifier));
        _remove(SELECTOR);
        bytes memory removed = abi.encodeWithSelector(IVerifierRouter.RouteIsRemoved.selector, SELECTOR);
        vm.expectRevert(removed);
        _remove(SELECTOR);
        vm.expectRevert(removed);
        _add(SELECTOR, _verifier);
        bytes memory proof = bytes.concat(bytes32(SELECTOR), _innerProof(_case));
        _refuse(proof, IVerifierRouter.RouteIsRemoved.selector, "removed");
        vm.assertEq(address(_router.getRoute(SELECTOR).verifier), address(_verifier), "what it was");
    }

    function test_freezeIsOneWay() public {
        _add(SELECTOR, _verifier);
        vm.expectEmit(true, true, true, true, address(_router));
        emit Frozen();
        vm.prank(OWNER);
        _router.freeze();
        vm.assertEq(_router.frozen(), true, "frozen");
        vm.expectRevert(IVerifierRouter.RouterFrozen.selector);
        vm.prank(OWNER);
        _router.freeze();
        IRoutableVerifier other = new RoutableDouble(0x01020304);
        vm.expectRevert(IVerifierRouter.RouterFrozen.selector);
        _add(0x01020304, other);
        bytes memory proof = bytes.concat(bytes32(SELECTOR), _innerProof(_case));
        _router.verifyStatement(_case.program, _case.weights, _case.input, 16, _case.output, proof);
        // A flaw found later can still be stopped.
        _remove(SELECTOR);
        _refuse(proof, IVerifierRouter.RouteIsRemoved.selector, "removed after the freeze");
    }

    function test_refusesVerifierWithOtherCode() public {
        _add(SELECTOR, _verifier);
        bytes memory proof = bytes.concat(bytes32(SELECTOR), _innerProof(_case));
        vm.etch(address(_verifier), address(new AcceptAll()).code);
        _refuse(proof, CodePin.VerifierCodeChanged.selector, "another verifier");
        vm.etch(address(_verifier), "");
        _refuse(proof, CodePin.VerifierCodeChanged.selector, "no code");
    }

    function testFuzz_onlyTheOwner(address caller) public {
        // Nobody calls from the zero address, which is also who nobody named.
        vm.assume(caller != OWNER && caller != address(0));
        bytes memory refusal = abi.encodeWithSelector(IVerifierRouter.NotOwner.selector, caller);
        vm.expectRevert(refusal);
        vm.prank(caller);
        _router.addRoute(SELECTOR, _verifier);
        vm.expectRevert(refusal);
        vm.prank(caller);
        _router.removeRoute(SELECTOR);
        vm.expectRevert(refusal);
        vm.prank(caller);
        _router.freeze();
        vm.expectRevert(refusal);
        vm.prank(caller);
        _router.transferOwnership(caller);
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.NotPendingOwner.selector, caller));
        vm.prank(caller);
        _router.acceptOwnership();
    }

    function test_ownershipPassesInTwoSteps() public {
        vm.expectEmit(true, true, true, true, address(_router));
        emit OwnershipTransferStarted(OWNER, NEXT);
        vm.prank(OWNER);
        _router.transferOwnership(NEXT);
        vm.assertEq(_router.owner(), OWNER, "not yet");
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.NotPendingOwner.selector, OWNER));
        vm.prank(OWNER);
        _router.acceptOwnership();
        vm.expectEmit(true, true, true, true, address(_router));
        emit OwnershipTransferred(OWNER, NEXT);
        vm.prank(NEXT);
        _router.acceptOwnership();
        vm.assertEq(_router.owner(), NEXT, "the next");
        vm.assertEq(_router.pendingOwner(), address(0), "none pending");
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.NotOwner.selector, OWNER));
        _add(SELECTOR, _verifier);

        vm.expectRevert(IVerifierRouter.ZeroOwner.selector);
        vm.prank(NEXT);
        _router.transferOwnership(address(0));
        // A name taken back is no name.
        vm.prank(NEXT);
        _router.transferOwnership(OWNER);
        vm.prank(NEXT);
        _router.transferOwnership(NEXT);
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.NotPendingOwner.selector, OWNER));
        vm.prank(OWNER);
        _router.acceptOwnership();
    }

    function _add(bytes4 selector, IRoutableVerifier verifier) private {
        vm.prank(OWNER);
        _router.addRoute(selector, verifier);
    }

    function _remove(bytes4 selector) private {
        vm.prank(OWNER);
        _router.removeRoute(selector);
    }

    function _innerProof(Case memory made) private pure returns (bytes memory) {
        return abi.encode(keccak256(abi.encode(made.program, made.weights, made.input, made.outputCount, made.output)));
    }

    /// @dev The proof by its route, for the program that is registered for the verifier there.
    function _acceptElsewhere(UniversalVerifier verifier, bytes memory key, bytes memory routed) private view {
        bytes32 digest = universalDigest(verifier, key, _case.program);
        _router.verifyStatement(digest, _case.weights, _case.input, 16, _case.output, routed);
    }

    function _refuse(bytes memory proof, bytes4 reason, string memory what) private view {
        requireRefusal(address(_router), statementCall(_case, _case.program, proof), reason, what);
    }
}
