// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {InferenceVerifier} from "../src/InferenceVerifier.sol";
import {ModelRegistry} from "../src/ModelRegistry.sol";
import {RoutedVerifier} from "../src/RoutedVerifier.sol";
import {UniversalVerifier} from "../src/UniversalVerifier.sol";
import {VerifierRouter} from "../src/VerifierRouter.sol";
import {IHalo2Caller} from "../src/interfaces/IHalo2Caller.sol";
import {IHalo2Route} from "../src/interfaces/IHalo2Route.sol";
import {IInferenceVerifier} from "../src/interfaces/IInferenceVerifier.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {IWeightVerifier} from "../src/interfaces/IWeightVerifier.sol";
import {CanonicalCalldata} from "../src/libraries/CanonicalCalldata.sol";
import {CodePin} from "../src/libraries/CodePin.sol";
import {StatementLib} from "../src/libraries/StatementLib.sol";
import {UniversalProgram} from "../src/libraries/UniversalProgram.sol";
import {Universal} from "./helpers/Universal.sol";

/// @dev Names any route, and refuses when it is called.
contract RouteDouble is IInferenceVerifier {
    uint256 public constant outputCount = 16;
    IWeightVerifier public constant weightVerifier = IWeightVerifier(address(0));
    bytes32 public constant weightVerifierCodeHash = 0;

    Halo2Route private _route;

    error Called();

    constructor(Halo2Route memory named) {
        _route = named;
    }

    function halo2Route() external view returns (Halo2Route memory) {
        return _route;
    }

    function verify(bytes32, bytes32, bytes32, bytes calldata, bytes calldata) external pure {
        revert Called();
    }
}

/// @dev Models whose verifier names one generated verifier of packed proofs, which the registry then calls itself: in both
/// modes, against a double that holds of one circuit and one proof what a generated verifier would.
contract RegistryRouteTest is Universal {
    ModelRegistry private _registry;
    Case private _case;
    bytes private _key;
    InferenceVerifier private _direct;
    UniversalVerifier private _universal;
    RoutedVerifier private _routed;
    /// Models of a mode each, and the proofs for them.
    uint256[2] private _models;
    bytes[2] private _proofs;

    function packed() internal pure override returns (bool) {
        return true;
    }

    function setUp() public {
        _registry = new ModelRegistry();
        _case = honest("route", 16, 3);
        _key = keyOf("key");
        IWeightVerifier none = IWeightVerifier(address(0));
        _direct = new InferenceVerifier(circuitOf(_case, _case.halo2), 16, _case.halo2.length, 3, none);
        _universal = universalOf(_case, _key);
        _routed = new RoutedVerifier(_universal, 16, none);
        _models[0] = _registry.registerModel(_case.program, _case.weights, _direct, 0);
        bytes32 digest = universalDigest(_universal, _key, _case.program);
        _models[1] = _registry.registerModel(digest, _case.weights, _routed, 0);
        _proofs = [directProof(_case), universalProof(_case, _key)];
    }

    function test_namesItsRoutes() public view {
        IHalo2Route.Halo2Route memory route = _registry.routeOf(_models[0]);
        vm.assertEq(route.halo2, _direct.halo2Verifier(), "direct");
        vm.assertEq(route.codeHash, _direct.halo2VerifierCodeHash(), "its code");
        vm.assertEq(route.keyLength, 0, "no key");
        vm.assertEq(route.proofLength, _case.halo2.length, "proof length");
        vm.assertEq(route.termCount, 3, "terms");
        route = _registry.routeOf(_models[1]);
        vm.assertEq(route.halo2, _universal.halo2Verifier(), "universal");
        vm.assertEq(route.keyLength, KEY_LENGTH, "key length");
        vm.assertEq(route.termCount, 0, "any terms");
        // Of both the rest is what was registered.
        vm.assertEq(address(_registry.getModel(_models[0]).verifier), address(_direct), "verifier");
        vm.assertEq(_registry.getModel(_models[1]).verifierCodeHash, address(_routed).codehash, "its code");
    }

    /// With no code left where the models' verifiers were: the registry calls the generated ones.
    function test_callsNothingElse() public {
        vm.etch(address(_direct), "");
        vm.etch(address(_routed), "");
        vm.etch(address(_universal), "");
        for (uint256 i = 0; i < 2; ++i) {
            bytes32 hash = _registry.submit(_models[i], _case.input, _case.output, _proofs[i]);
            vm.assertTrue(_registry.isSubmitted(hash), "recorded");
            vm.expectRevert(abi.encodeWithSelector(IModelRegistry.StatementReplayed.selector, hash));
            _registry.submit(_models[i], _case.input, _case.output, _proofs[i]);
        }
    }

    function testFuzz_acceptsWhatWasProven(bytes32 seed, uint256 outputs, uint256 terms) public {
        Case memory made = honest(seed, bound(outputs, 1, 40), bound(terms, 1, 5));
        bytes memory key = keyOf(seed);
        IWeightVerifier none = IWeightVerifier(address(0));
        address halo2 = circuitOf(made, made.halo2);
        uint256 count = (made.deferred.length - 96) / 96;
        InferenceVerifier direct = new InferenceVerifier(halo2, made.outputCount, made.halo2.length, count, none);
        UniversalVerifier universal = universalOf(made, key);
        RoutedVerifier routed = new RoutedVerifier(universal, made.outputCount, none);
        uint256 id = _registry.registerModel(made.program, made.weights, direct, 0);
        _registry.submit(id, made.input, made.output, directProof(made));
        id = _registry.registerModel(universalDigest(universal, key, made.program), made.weights, routed, 0);
        _registry.submit(id, made.input, made.output, universalProof(made, key));
    }

    /// Any one word of the proof, to anything else.
    function testFuzz_refusesAnyOtherWord(uint256 index, uint256 value) public view {
        for (uint256 mode = 0; mode < 2; ++mode) {
            bytes memory proof = _proofs[mode];
            uint256 at = bound(index, 0, proof.length / 32 - 1);
            uint256 word = wordAt(proof, at);
            if (value == word) continue;
            unchecked {
                uint256[4] memory changed = [value, word + 1, word ^ (1 << (value % 256)), word == 0 ? 1 : 0];
                for (uint256 i = 0; i < changed.length; ++i) {
                    bytes memory other = withWord(proof, at, changed[i]);
                    (bool accepted,) = address(_registry).staticcall{gas: CALL_GAS}(_call(_models[mode], _case, other));
                    vm.assertTrue(!accepted, "another word");
                }
            }
        }
    }

    /// Every word with a modulus added, and every two neighbours swapped.
    function test_refusesSecondSpellingsAndSwaps() public view {
        for (uint256 mode = 0; mode < 2; ++mode) {
            bytes memory proof = _proofs[mode];
            for (uint256 i = 0; i < proof.length / 32; ++i) {
                uint256 word = wordAt(proof, i);
                _refuseAny(mode, withWord(proof, i, addOver(word, R)), "plus r");
                _refuseAny(mode, withWord(proof, i, addOver(word, Q)), "plus p");
                if (i == 0 || wordAt(proof, i - 1) == word) continue;
                bytes memory swapped = withWord(withWord(proof, i, wordAt(proof, i - 1)), i - 1, word);
                _refuseAny(mode, swapped, "swapped words");
            }
        }
    }

    /// Other statements, for the proof of this one.
    function test_refusesOtherStatements() public {
        bytes32[2] memory digests = [_case.program, universalDigest(_universal, _key, _case.program)];
        for (uint256 mode = 0; mode < 2; ++mode) {
            Case memory other = _case;
            bytes4 invalid = IHalo2Caller.InvalidProof.selector;
            other.input = bytes32(uint256(7));
            _refuse(_models[mode], other, _proofs[mode], invalid, "input");
            other.input = bytes32(R);
            _refuse(_models[mode], other, _proofs[mode], StatementLib.ValueNotCanonical.selector, "input of r");
            other.input = _case.input;
            other.output = withWord(_case.output, 0, wordAt(_case.output, 0) ^ 1);
            _refuse(_models[mode], other, _proofs[mode], invalid, "output");
            other.output = withWord(_case.output, 1, 2 ** 16);
            _refuse(_models[mode], other, _proofs[mode], StatementLib.OutputWordTooLarge.selector, "an output more");
            other.output = bytes.concat(_case.output, bytes32(0));
            _refuse(_models[mode], other, _proofs[mode], StatementLib.OutputLength.selector, "an output word more");
            // Models of other weights, of another program, of another number of outputs in as many words.
            IInferenceVerifier verifier = mode == 0 ? IInferenceVerifier(_direct) : _routed;
            uint256 id = _registry.registerModel(digests[mode], bytes32(uint256(7)), verifier, 0);
            _refuse(id, _case, _proofs[mode], invalid, "weights");
            id = _registry.registerModel(bytes32(uint256(7)), _case.weights, verifier, 0);
            bytes4 reason = mode == 0 ? invalid : UniversalProgram.ProgramDigestMismatch.selector;
            _refuse(id, _case, _proofs[mode], reason, "program");
        }
        uint256 more = _registry.registerModel(
            digests[1], _case.weights, new RoutedVerifier(_universal, 17, IWeightVerifier(address(0))), 0
        );
        _refuse(more, _case, _proofs[1], IHalo2Caller.InvalidProof.selector, "output count");
    }

    function test_refusesLengths() public view {
        bytes4[2] memory reasons =
            [IHalo2Caller.ProofLength.selector, UniversalProgram.ProofLengthWithoutTerms.selector];
        for (uint256 mode = 0; mode < 2; ++mode) {
            bytes memory proof = _proofs[mode];
            _refuse(_models[mode], _case, "", reasons[mode], "nothing");
            _refuse(_models[mode], _case, bytes.concat(proof, bytes32(0)), reasons[mode], "a word more");
            _refuse(_models[mode], _case, slice(proof, 0, proof.length - 32), reasons[mode], "a word less");
            bytes4 unaligned = CanonicalCalldata.UnalignedArgument.selector;
            _refuse(_models[mode], _case, bytes.concat(proof, hex"00"), unaligned, "a byte more");
        }
        // The direct layout is no universal one, nor the other way around.
        _refuse(_models[0], _case, _proofs[1], reasons[0], "a universal proof");
        _refuse(_models[1], _case, _proofs[0], reasons[1], "a direct proof");
    }

    /// The number of terms is the circuit's: a zero term more, whose sum is the same.
    function test_refusesAnotherNumberOfTerms() public view {
        Case memory other = _case;
        bytes memory terms = slice(_case.deferred, 32, _case.deferred.length - 64);
        bytes memory rest = slice(_case.deferred, _case.deferred.length - 64, _case.deferred.length);
        other.deferred = bytes.concat(bytes32(wordAt(_case.deferred, 0)), abi.encode(1, 2, 0), terms, rest);
        bytes memory proof = universalProof(other, _key);
        _refuse(_models[1], _case, proof, IHalo2Caller.InvalidProof.selector, "a term more");
    }

    function test_refusesGeneratedVerifiersWithOtherCode() public {
        for (uint256 mode = 0; mode < 2; ++mode) {
            address halo2 = _registry.routeOf(_models[mode]).halo2;
            bytes32 expected = halo2.codehash;
            bytes memory code = halo2.code;
            bytes[2] memory others = [bytes(""), hex"00"];
            for (uint256 i = 0; i < 2; ++i) {
                vm.etch(halo2, others[i]);
                vm.expectRevert(
                    abi.encodeWithSelector(CodePin.VerifierCodeChanged.selector, halo2, expected, halo2.codehash)
                );
                _registry.submit(_models[mode], _case.input, _case.output, _proofs[mode]);
            }
            vm.etch(halo2, code);
            _registry.submit(_models[mode], _case.input, _case.output, _proofs[mode]);
        }
    }

    function test_refusesRetiredModels() public {
        for (uint256 mode = 0; mode < 2; ++mode) {
            _registry.retireModel(_models[mode]);
            bytes4 reason = IModelRegistry.ModelIsRetired.selector;
            _refuse(_models[mode], _case, _proofs[mode], reason, "retired");
            vm.assertTrue(_registry.getModel(_models[mode]).retired, "retired");
        }
    }

    /// A route is noted only with code that is there, and never looked up again.
    function test_notesRoutesOnce() public {
        IHalo2Route.Halo2Route memory route = _registry.routeOf(_models[0]);
        RouteDouble named = new RouteDouble(route);
        uint256 id = _registry.registerModel(_case.program, _case.weights, named, 0);
        _registry.submit(id, _case.input, _case.output, _proofs[0]);
        bytes32 codeHash = route.codeHash;
        route.codeHash = keccak256("other code");
        named = new RouteDouble(route);
        vm.expectRevert(
            abi.encodeWithSelector(CodePin.VerifierCodeChanged.selector, route.halo2, route.codeHash, codeHash)
        );
        _registry.registerModel(_case.program, _case.weights, named, 0);
    }

    /// Without a route the verifier is asked: behind a router, whose routes end.
    function test_asksVerifiersWithoutRoute() public {
        VerifierRouter router = new VerifierRouter(address(this));
        router.addRoute(_universal.selector(), _universal);
        RoutedVerifier routed = new RoutedVerifier(router, 16, IWeightVerifier(address(0)));
        bytes32 digest = universalDigest(_universal, _key, _case.program);
        uint256 id = _registry.registerModel(digest, _case.weights, routed, 0);
        vm.assertEq(_registry.routeOf(id).halo2, address(0), "no route");
        bytes memory proof = bytes.concat(bytes32(_universal.selector()), _proofs[1]);
        _registry.submit(id, _case.input, _case.output, proof);
        router.removeRoute(_universal.selector());
        (bool accepted,) = address(_registry).staticcall{gas: CALL_GAS}(_call(id, _case, proof));
        vm.assertTrue(!accepted, "a removed route");
        IHalo2Route.Halo2Route memory none;
        RouteDouble asked = new RouteDouble(none);
        id = _registry.registerModel(_case.program, _case.weights, asked, 0);
        _refuse(id, _case, _proofs[0], RouteDouble.Called.selector, "asked");
    }

    function addOver(uint256 word, uint256 modulus) internal pure returns (uint256) {
        unchecked {
            return word + modulus;
        }
    }

    function _call(uint256 model, Case memory made, bytes memory proof) private pure returns (bytes memory) {
        return abi.encodeCall(IModelRegistry.verifyInference, (model, made.input, made.output, proof));
    }

    function _refuse(uint256 model, Case memory made, bytes memory proof, bytes4 reason, string memory what)
        private
        view
    {
        requireRefusal(address(_registry), _call(model, made, proof), reason, what);
    }

    function _refuseAny(uint256 mode, bytes memory proof, string memory what) private view {
        (bool accepted,) = address(_registry).staticcall{gas: CALL_GAS}(_call(_models[mode], _case, proof));
        vm.assertTrue(!accepted, what);
    }
}
