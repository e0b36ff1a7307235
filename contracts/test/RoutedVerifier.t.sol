// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {FraudScreen} from "../src/FraudScreen.sol";
import {ModelRegistry} from "../src/ModelRegistry.sol";
import {RoutedVerifier} from "../src/RoutedVerifier.sol";
import {RoutedWeightVerifier} from "../src/RoutedWeightVerifier.sol";
import {UniversalVerifier} from "../src/UniversalVerifier.sol";
import {VerifierRouter} from "../src/VerifierRouter.sol";
import {IHalo2Caller} from "../src/interfaces/IHalo2Caller.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {IStatementVerifier} from "../src/interfaces/IStatementVerifier.sol";
import {IVerifierRouter} from "../src/interfaces/IVerifierRouter.sol";
import {IWeightVerifier} from "../src/interfaces/IWeightVerifier.sol";
import {CodePin} from "../src/libraries/CodePin.sol";
import {StatementLib} from "../src/libraries/StatementLib.sol";
import {UniversalProgram} from "../src/libraries/UniversalProgram.sol";
import {AcceptAll} from "./helpers/Doubles.sol";
import {Universal} from "./helpers/Universal.sol";

/// @dev The registry and the example application on models that have no generated verifier of their own.
contract RoutedVerifierTest is Universal {
    Case private _case;
    bytes private _key;
    bytes32 private _digest;
    bytes private _proof;
    UniversalVerifier private _universal;
    ModelRegistry private _registry;

    function setUp() public {
        _case = honest("routed", 1, 3);
        _case.output = scoreOutput(100);
        _case.deferred = withWord(_case.deferred, 0, uint256(digestOf(valuesOf(_case))));
        _key = keyOf("key");
        _universal = universalOf(_case, _key);
        _digest = universalDigest(_universal, _key, _case.program);
        _proof = universalProof(_case, _key);
        _registry = new ModelRegistry();
    }

    function test_registryAndApplication() public {
        RoutedVerifier verifier = new RoutedVerifier(_universal, 1, IWeightVerifier(address(0)));
        vm.assertEq(address(verifier.statementVerifier()), address(_universal), "statement verifier");
        vm.assertEq(verifier.statementVerifierCodeHash(), address(_universal).codehash, "its code hash");
        vm.assertEq(verifier.outputCount(), 1, "outputs");
        uint256 id = _registry.registerModel(_digest, _case.weights, verifier, 0);
        FraudScreen screen = new FraudScreen(_registry);
        vm.deal(address(this), 1);
        uint64 deadline = uint64(block.timestamp + 1);
        uint256 payment = screen.createPayment{value: 1}(address(0xbeef), id, _case.input, 101, deadline);
        bytes memory changed = withWord(_proof, 4, wordAt(_proof, 4) ^ 1);
        requireRefusal(
            address(screen),
            abi.encodeCall(FraudScreen.settle, (payment, _case.output, changed)),
            IHalo2Caller.InvalidProof.selector,
            "changed proof"
        );
        screen.settle(payment, _case.output, _proof);
        vm.assertEq(screen.balanceOf(address(0xbeef)), 1, "paid");
        bytes32 statement = _registry.submit(id, _case.input, _case.output, _proof);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.StatementReplayed.selector, statement));
        _registry.submit(id, _case.input, _case.output, _proof);
        // The circuit's own digest, registered as if it were a program's here.
        uint256 wrong = _registry.registerModel(_case.program, _case.weights, verifier, 0);
        vm.expectRevert(abi.encodeWithSelector(UniversalProgram.ProgramDigestMismatch.selector, _case.program, _digest));
        _registry.submit(wrong, _case.input, _case.output, _proof);
    }

    function test_behindARouter() public {
        VerifierRouter router = new VerifierRouter(address(this));
        router.addRoute(_universal.selector(), _universal);
        RoutedVerifier verifier = new RoutedVerifier(router, 1, IWeightVerifier(address(0)));
        uint256 id = _registry.registerModel(_digest, _case.weights, verifier, 0);
        bytes memory proof = bytes.concat(bytes32(_universal.selector()), _proof);
        _registry.submit(id, _case.input, _case.output, proof);
        router.removeRoute(_universal.selector());
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.RouteIsRemoved.selector, _universal.selector()));
        _registry.verifyInference(id, _case.input, _case.output, proof);
    }

    /// Proofs of another number of outputs are of another model's shape.
    function test_suppliesTheOutputCount() public {
        RoutedVerifier verifier = new RoutedVerifier(_universal, 2, IWeightVerifier(address(0)));
        vm.expectRevert(IHalo2Caller.InvalidProof.selector);
        verifier.verify(_digest, _case.weights, _case.input, _case.output, _proof);
        verifier = new RoutedVerifier(_universal, 16, IWeightVerifier(address(0)));
        vm.expectRevert(abi.encodeWithSelector(StatementLib.OutputLength.selector, 64, 32));
        verifier.verify(_digest, _case.weights, _case.input, _case.output, _proof);
    }

    function test_refusesOtherCode() public {
        RoutedVerifier verifier = new RoutedVerifier(_universal, 1, IWeightVerifier(address(0)));
        bytes32 expected = address(_universal).codehash;
        vm.etch(address(_universal), address(new AcceptAll()).code);
        bytes32 found = address(_universal).codehash;
        vm.expectRevert(
            abi.encodeWithSelector(CodePin.VerifierCodeChanged.selector, address(_universal), expected, found)
        );
        verifier.verify(_digest, _case.weights, _case.input, _case.output, _proof);
    }

    function test_constructionRefusals() public {
        IWeightVerifier none = IWeightVerifier(address(0));
        vm.expectRevert(CodePin.ZeroVerifier.selector);
        new RoutedVerifier(IStatementVerifier(address(0)), 1, none);
        vm.expectRevert(abi.encodeWithSelector(CodePin.VerifierWithoutCode.selector, address(7)));
        new RoutedVerifier(IStatementVerifier(address(7)), 1, none);
        vm.expectRevert(abi.encodeWithSelector(CodePin.VerifierWithoutCode.selector, address(7)));
        new RoutedVerifier(_universal, 1, IWeightVerifier(address(7)));
        vm.expectRevert(abi.encodeWithSelector(StatementLib.OutputCountOutOfRange.selector, 0, 2 ** 16));
        new RoutedVerifier(_universal, 0, none);
        vm.expectRevert(IWeightVerifier.ZeroProgramDigest.selector);
        new RoutedWeightVerifier(_universal, 0);
        vm.expectRevert(CodePin.ZeroVerifier.selector);
        new RoutedWeightVerifier(IStatementVerifier(address(0)), _digest);
    }

    /// A model whose weights are shown to be in range by a proof that goes to a universal verifier, too.
    function test_weightProofs() public {
        Case memory made = honest("weights", 0, 2);
        made.weights = _case.weights;
        made.deferred = withWord(made.deferred, 0, uint256(digestOf(valuesOf(made))));
        UniversalVerifier universal = universalOf(made, _key);
        RoutedWeightVerifier weights =
            new RoutedWeightVerifier(universal, universalDigest(universal, _key, made.program));
        RoutedVerifier verifier = new RoutedVerifier(_universal, 1, weights);
        vm.assertEq(address(verifier.weightVerifier()), address(weights), "verifier of weights");
        vm.assertEq(verifier.weightVerifierCodeHash(), address(weights).codehash, "its code hash");
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.WeightProofRequired.selector, address(weights)));
        _registry.registerModel(_digest, _case.weights, verifier, 0);
        bytes memory proof = universalProof(made, _key);
        bytes32 other = bytes32(uint256(1));
        vm.expectRevert(IHalo2Caller.InvalidProof.selector);
        _registry.registerModelWithWeightProof(_digest, other, verifier, 0, made.input, proof);
        uint256 id = _registry.registerModelWithWeightProof(_digest, _case.weights, verifier, 0, made.input, proof);
        _registry.submit(id, _case.input, _case.output, _proof);
    }
}
