// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {FraudScreen} from "../src/FraudScreen.sol";
import {InferenceVerifier} from "../src/InferenceVerifier.sol";
import {ModelRegistry} from "../src/ModelRegistry.sol";
import {IHalo2Caller} from "../src/interfaces/IHalo2Caller.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {IWeightVerifier} from "../src/interfaces/IWeightVerifier.sol";
import {StatementLib} from "../src/libraries/StatementLib.sol";
import {AcceptAll, ReentrantPayee, RefusingPayee, RejectAll} from "./helpers/Doubles.sol";
import {TestBase} from "./helpers/TestBase.sol";

/// @dev The escrow's logic around a double that accepts every proof; real proofs are in `RealProof.t.sol`.
contract FraudScreenTest is TestBase {
    uint256 private constant PROOF = 320;
    bytes32 private constant INPUT = bytes32(uint256(103));
    address private constant PAYER = address(0xa11ce);
    address private constant PAYEE = address(0xb0b);
    int16 private constant HALF = 8192;
    uint256 private constant AMOUNT = 5 ether;

    InferenceVerifier private _verifier;
    ModelRegistry private _registry;
    FraudScreen private _screen;
    uint256 private _modelId;
    uint64 private _deadline;
    bytes private _proof;

    event PaymentCreated(
        uint256 indexed paymentId,
        address indexed payer,
        address indexed payee,
        uint256 modelId,
        bytes32 inputCommitment,
        uint256 amount,
        int16 threshold,
        uint64 deadline
    );
    event PaymentSettled(uint256 indexed paymentId, bytes32 indexed statementHash, int256 score);
    event PaymentRefunded(uint256 indexed paymentId);

    function setUp() public {
        _verifier = new InferenceVerifier(address(new AcceptAll()), 1, PROOF, TERMS, IWeightVerifier(address(0)));
        _registry = new ModelRegistry();
        _screen = new FraudScreen(_registry);
        _modelId = _registry.registerModel(bytes32(uint256(1)), bytes32(uint256(2)), _verifier, 0);
        _deadline = uint64(block.timestamp + 1 days);
        _proof = shapedProof(PROOF);
        vm.deal(PAYER, 100 ether);
    }

    function test_settlesBelowTheThreshold() public {
        vm.expectEmit(true, true, true, true, address(_screen));
        emit PaymentCreated(1, PAYER, PAYEE, _modelId, INPUT, AMOUNT, HALF, _deadline);
        uint256 id = _create(PAYEE, INPUT);
        vm.assertEq(address(_screen).balance, AMOUNT, "escrowed");

        bytes memory output = scoreOutput(HALF - 1);
        bytes32 statement = _registry.hashStatement(_modelId, INPUT, output);
        vm.expectEmit(true, true, true, true, address(_screen));
        emit PaymentSettled(id, statement, HALF - 1);
        _screen.settle(id, output, _proof);

        vm.assertEq(PAYEE.balance, AMOUNT, "paid");
        vm.assertEq(address(_screen).balance, 0, "emptied");
        vm.assertTrue(_screen.getPayment(id).state == FraudScreen.State.Settled, "state");
    }

    function testFuzz_settlesExactlyBelowTheThreshold(uint256 score, uint256 threshold) public {
        int256 s = int256(bound(score, 0, 65535)) - 32768;
        int16 t = int16(int256(bound(threshold, 1, 16384)));
        vm.prank(PAYER);
        uint256 id = _screen.createPayment{value: AMOUNT}(PAYEE, _modelId, INPUT, t, _deadline);
        if (s >= t) vm.expectRevert(abi.encodeWithSelector(FraudScreen.ScoreNotBelowThreshold.selector, s, t));
        _screen.settle(id, scoreOutput(s), _proof);
        vm.assertEq(PAYEE.balance, s < t ? AMOUNT : 0, "paid");
    }

    function test_settlesOnce() public {
        uint256 id = _create(PAYEE, INPUT);
        _create(PAYEE, bytes32(uint256(104)));
        _screen.settle(id, scoreOutput(1), _proof);
        vm.expectRevert(abi.encodeWithSelector(FraudScreen.PaymentNotOpen.selector, id, FraudScreen.State.Settled));
        _screen.settle(id, scoreOutput(1), _proof);
        vm.warp(_deadline);
        vm.expectRevert(abi.encodeWithSelector(FraudScreen.PaymentNotOpen.selector, id, FraudScreen.State.Settled));
        _screen.refund(id);
        vm.assertEq(PAYEE.balance, AMOUNT, "paid once");
    }

    /// A commitment belongs to its first payment for ever, also after a refund.
    function test_commitmentIsTakenOnce() public {
        uint256 id = _create(PAYEE, INPUT);
        bytes memory taken = abi.encodeWithSelector(FraudScreen.CommitmentTaken.selector, _modelId, INPUT);
        vm.expectRevert(taken);
        this.create(PAYEE, INPUT);
        vm.warp(_deadline);
        _screen.refund(id);
        _deadline += 1 days;
        vm.expectRevert(taken);
        this.create(PAYEE, INPUT);
    }

    function test_refundsFromTheDeadline() public {
        uint256 id = _create(PAYEE, INPUT);
        uint256 before = PAYER.balance;
        vm.warp(_deadline - 1);
        vm.expectRevert(abi.encodeWithSelector(FraudScreen.DeadlineNotReached.selector, id, _deadline));
        _screen.refund(id);
        vm.warp(_deadline);
        vm.expectRevert(abi.encodeWithSelector(FraudScreen.DeadlinePassed.selector, id, _deadline));
        _screen.settle(id, scoreOutput(1), _proof);
        vm.expectEmit(true, true, true, true, address(_screen));
        emit PaymentRefunded(id);
        _screen.refund(id);
        vm.assertEq(PAYER.balance, before + AMOUNT, "given back");
        vm.expectRevert(abi.encodeWithSelector(FraudScreen.PaymentNotOpen.selector, id, FraudScreen.State.Refunded));
        _screen.refund(id);
    }

    function test_refusesUnknownPayment() public {
        bytes memory expected = abi.encodeWithSelector(FraudScreen.PaymentNotOpen.selector, 7, FraudScreen.State.None);
        vm.expectRevert(expected);
        _screen.settle(7, scoreOutput(1), _proof);
        vm.expectRevert(expected);
        _screen.refund(7);
    }

    function test_refusedProofPaysNothing() public {
        InferenceVerifier rejecting =
            new InferenceVerifier(address(new RejectAll()), 1, PROOF, TERMS, IWeightVerifier(address(0)));
        _modelId = _registry.registerModel(bytes32(uint256(1)), bytes32(uint256(2)), rejecting, 0);
        uint256 id = _create(PAYEE, INPUT);
        vm.expectRevert(IHalo2Caller.InvalidProof.selector);
        _screen.settle(id, scoreOutput(1), _proof);
        vm.assertEq(PAYEE.balance, 0, "paid");
    }

    /// A retired model settles nothing more; the payer gets the amount back.
    function test_retiredModel() public {
        uint256 id = _create(PAYEE, INPUT);
        _registry.retireModel(_modelId);
        bytes memory expected = abi.encodeWithSelector(IModelRegistry.ModelIsRetired.selector, _modelId);
        vm.expectRevert(expected);
        _screen.settle(id, scoreOutput(1), _proof);
        vm.expectRevert(expected);
        this.create(PAYEE, bytes32(uint256(104)));
        vm.warp(_deadline);
        _screen.refund(id);
        vm.assertEq(PAYER.balance, 100 ether, "given back");
    }

    function test_reentrantPayeeGetsItsAmountOnce() public {
        ReentrantPayee payee = new ReentrantPayee(_screen);
        uint256 id = _create(address(payee), INPUT);
        _create(PAYEE, bytes32(uint256(104)));
        payee.arm(id, scoreOutput(1), _proof);
        _screen.settle(id, scoreOutput(1), _proof);
        vm.assertEq(payee.attempts(), 1, "called once, both attempts refused");
        vm.assertEq(address(payee).balance, AMOUNT, "paid once");
        vm.assertEq(address(_screen).balance, AMOUNT, "the other payment is untouched");
    }

    /// A payee that takes no ether cannot keep the payer from the refund.
    function test_refusingPayee() public {
        address payee = address(new RefusingPayee());
        uint256 id = _create(payee, INPUT);
        vm.expectRevert(abi.encodeWithSelector(FraudScreen.TransferFailed.selector, payee, AMOUNT));
        _screen.settle(id, scoreOutput(1), _proof);
        vm.warp(_deadline);
        _screen.refund(id);
        vm.assertEq(PAYER.balance, 100 ether, "given back");
    }

    function test_creationRefusals() public {
        vm.expectRevert(FraudScreen.ZeroPayee.selector);
        this.create(address(0), INPUT);
        vm.expectRevert(abi.encodeWithSelector(FraudScreen.AmountOutOfRange.selector, 0));
        _screen.createPayment(PAYEE, _modelId, INPUT, HALF, _deadline);
        vm.deal(address(this), 2 ** 96);
        vm.expectRevert(abi.encodeWithSelector(FraudScreen.AmountOutOfRange.selector, 2 ** 96));
        _screen.createPayment{value: 2 ** 96}(PAYEE, _modelId, INPUT, HALF, _deadline);
        int16[3] memory thresholds = [int16(0), -1, 16385];
        for (uint256 i = 0; i < thresholds.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(FraudScreen.ThresholdOutOfRange.selector, thresholds[i]));
            _screen.createPayment{value: 1}(PAYEE, _modelId, INPUT, thresholds[i], _deadline);
        }
        uint64 now_ = uint64(block.timestamp);
        vm.expectRevert(abi.encodeWithSelector(FraudScreen.DeadlineNotInFuture.selector, now_, now_));
        _screen.createPayment{value: 1}(PAYEE, _modelId, INPUT, HALF, now_);
        vm.expectRevert(abi.encodeWithSelector(StatementLib.ValueNotCanonical.selector, 4, R));
        this.create(PAYEE, bytes32(R));
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelNotFound.selector, 5));
        _screen.createPayment{value: 1}(PAYEE, 5, INPUT, HALF, _deadline);
        vm.assertEq(_screen.paymentCount(), 0, "none created");
    }

    /// The last row of a batch fills its unused slots, so one score could stand for several transactions.
    function test_refusesBatchModel() public {
        InferenceVerifier batch =
            new InferenceVerifier(address(new AcceptAll()), 64, PROOF, TERMS, IWeightVerifier(address(0)));
        uint256 id = _registry.registerModel(bytes32(uint256(1)), bytes32(uint256(2)), batch, 0);
        vm.expectRevert(abi.encodeWithSelector(FraudScreen.NotSingleOutput.selector, id, 64));
        _screen.createPayment{value: 1}(PAYEE, id, INPUT, HALF, _deadline);
    }

    function test_constructorRefusals() public {
        vm.expectRevert(FraudScreen.ZeroRegistry.selector);
        new FraudScreen(IModelRegistry(address(0)));
        vm.expectRevert(abi.encodeWithSelector(FraudScreen.RegistryWithoutCode.selector, PAYEE));
        new FraudScreen(IModelRegistry(PAYEE));
    }

    /// @dev External, so that a revert can be expected of it.
    function create(address payee, bytes32 input) external {
        vm.deal(address(this), AMOUNT);
        _screen.createPayment{value: AMOUNT}(payee, _modelId, input, HALF, _deadline);
    }

    function _create(address payee, bytes32 input) private returns (uint256) {
        vm.prank(PAYER);
        return _screen.createPayment{value: AMOUNT}(payee, _modelId, input, HALF, _deadline);
    }
}
