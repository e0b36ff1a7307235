// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {FraudScreen} from "../src/FraudScreen.sol";
import {InferenceVerifier} from "../src/InferenceVerifier.sol";
import {ModelRegistry} from "../src/ModelRegistry.sol";
import {IHalo2Caller} from "../src/interfaces/IHalo2Caller.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {IWeightVerifier} from "../src/interfaces/IWeightVerifier.sol";
import {StatementLib} from "../src/libraries/StatementLib.sol";
import {AcceptAll, CarelessVerifier, ReentrantAccount, RefusingAccount, RejectAll} from "./helpers/Doubles.sol";
import {TestBase} from "./helpers/TestBase.sol";

/// @dev The escrow's logic around a double that accepts every proof; real proofs are in `RealProof.t.sol`.
contract FraudScreenTest is TestBase {
    uint256 private constant PROOF = 320;
    bytes32 private constant INPUT = bytes32(uint256(103));
    address private constant PAYER = address(0xa11ce);
    address private constant PAYEE = address(0xb0b);
    address private constant WATCHER = address(0xbad);
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
    event Withdrawn(address indexed account, address indexed to, uint256 amount);

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

        vm.assertEq(_screen.balanceOf(PAYEE), AMOUNT, "the payee's");
        vm.assertEq(address(_screen).balance, AMOUNT, "until it is withdrawn");
        vm.assertTrue(_screen.getPayment(id).state == FraudScreen.State.Settled, "state");
    }

    function testFuzz_settlesExactlyBelowTheThreshold(uint256 score, uint256 threshold) public {
        int256 s = int256(bound(score, 0, 65535)) - 32768;
        int16 t = int16(int256(bound(threshold, 1, 16384)));
        vm.prank(PAYER);
        uint256 id = _screen.createPayment{value: AMOUNT}(PAYEE, _modelId, INPUT, t, _deadline);
        if (s >= t) vm.expectRevert(abi.encodeWithSelector(FraudScreen.ScoreNotBelowThreshold.selector, s, t));
        _screen.settle(id, scoreOutput(s), _proof);
        vm.assertEq(_screen.balanceOf(PAYEE), s < t ? AMOUNT : 0, "paid");
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
        vm.assertEq(_screen.balanceOf(PAYEE), AMOUNT, "paid once");
        vm.assertEq(_screen.balanceOf(PAYER), 0, "nothing given back");
    }

    /// A commitment belongs to a payer's first payment on it for ever, also after it is settled or refunded: a proof that
    /// is public by then would settle the second at once.
    function test_commitmentIsTakenOnceByItsPayer() public {
        uint256 id = _create(PAYEE, INPUT);
        _create(PAYEE, bytes32(uint256(104)));
        bytes memory taken = abi.encodeWithSelector(FraudScreen.CommitmentTaken.selector, PAYER, _modelId, INPUT);
        _refuseCreation(INPUT, taken);
        _screen.settle(2, scoreOutput(1), _proof);
        vm.warp(_deadline);
        _screen.refund(id);
        _deadline += 1 days;
        _refuseCreation(INPUT, taken);
        taken = abi.encodeWithSelector(FraudScreen.CommitmentTaken.selector, PAYER, _modelId, bytes32(uint256(104)));
        _refuseCreation(bytes32(uint256(104)), taken);
        // Another model scores the same input anew.
        _modelId = _registry.registerModel(bytes32(uint256(1)), bytes32(uint256(3)), _verifier, 0);
        _create(PAYEE, INPUT);
    }

    /// Who copies a pending commitment, with a wei and a deadline of its own, keeps nobody from the first one's payment:
    /// neither from creating it, nor from settling it, nor from the refund.
    function test_watcherCannotTakeACommitment() public {
        vm.deal(WATCHER, 1);
        vm.prank(WATCHER);
        uint256 copy = _screen.createPayment{value: 1}(WATCHER, _modelId, INPUT, 1, uint64(block.timestamp + 1));
        uint256 id = _create(PAYEE, INPUT);
        _screen.settle(id, scoreOutput(1), _proof);
        vm.assertEq(_screen.balanceOf(PAYEE), AMOUNT, "paid");
        vm.assertTrue(_screen.getPayment(copy).state == FraudScreen.State.Open, "the copy is a payment of its own");
        vm.warp(block.timestamp + 1);
        _screen.refund(copy);
        vm.assertEq(_screen.balanceOf(WATCHER), 1, "and its payer's money comes back");
    }

    /// Two payers on one input: one statement settles each payment, out of its payer's money, to its payee, and only
    /// below its threshold.
    function test_oneStatementSettlesOnePaymentOfEachPayer() public {
        uint256 first = _create(PAYEE, INPUT);
        vm.deal(WATCHER, 3 ether);
        vm.prank(WATCHER);
        uint256 second = _screen.createPayment{value: 3 ether}(address(0xcafe), _modelId, INPUT, 100, _deadline);
        bytes memory output = scoreOutput(100);
        vm.expectRevert(abi.encodeWithSelector(FraudScreen.ScoreNotBelowThreshold.selector, int256(100), int16(100)));
        _screen.settle(second, output, _proof);
        _screen.settle(first, output, _proof);
        vm.assertEq(_screen.balanceOf(PAYEE), AMOUNT, "the first payer's");
        _screen.settle(second, scoreOutput(99), _proof);
        vm.assertEq(_screen.balanceOf(address(0xcafe)), 3 ether, "the second payer's");
        vm.assertEq(_screen.balanceOf(PAYEE), AMOUNT, "nothing of it to the other payee");
        vm.assertEq(address(_screen).balance, AMOUNT + 3 ether, "all of it there");
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
        vm.assertEq(_screen.balanceOf(PAYER), AMOUNT, "given back");
        vm.prank(PAYER);
        vm.assertEq(_screen.withdraw(PAYER), AMOUNT, "withdrawn");
        vm.assertEq(PAYER.balance, before + AMOUNT, "there");
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
        vm.assertEq(_screen.balanceOf(PAYEE), 0, "paid");
    }

    /// What a model's verifier checks is its registrant's word: an output of another shape has no score in its place.
    function test_refusesOutputsThatTheVerifierLetsThrough() public {
        _modelId = _registry.registerModel(bytes32(uint256(1)), bytes32(uint256(2)), new CarelessVerifier(), 0);
        uint256 id = _create(PAYEE, INPUT);
        // Bits beyond the score; it alone would settle.
        bytes memory output = abi.encode(uint256(2 ** 15 + 2 ** 16));
        vm.expectRevert(abi.encodeWithSelector(StatementLib.OutputWordTooLarge.selector, 0, 2 ** 15 + 2 ** 16));
        _screen.settle(id, output, _proof);
        vm.expectRevert(abi.encodeWithSelector(StatementLib.OutputLength.selector, 32, 64));
        _screen.settle(id, bytes.concat(scoreOutput(1), bytes32(0)), _proof);
        vm.expectRevert(abi.encodeWithSelector(StatementLib.OutputLength.selector, 32, 0));
        _screen.settle(id, "", _proof);
        _screen.settle(id, scoreOutput(1), _proof);
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
        vm.assertEq(_screen.balanceOf(PAYER), AMOUNT, "given back");
    }

    /// What is credited is its owner's alone, whole, once, and goes where the owner says.
    function test_withdrawsToAnyAddressOnce() public {
        uint256 id = _create(PAYEE, INPUT);
        _create(PAYEE, bytes32(uint256(104)));
        _create(WATCHER, bytes32(uint256(105)));
        for (uint256 i = id; i < id + 3; ++i) {
            _screen.settle(i, scoreOutput(1), _proof);
        }
        vm.expectRevert(abi.encodeWithSelector(FraudScreen.NothingToWithdraw.selector, address(this)));
        _screen.withdraw(address(this));
        vm.expectRevert(FraudScreen.ZeroRecipient.selector);
        vm.prank(PAYEE);
        _screen.withdraw(address(0));
        vm.expectEmit(true, true, true, true, address(_screen));
        emit Withdrawn(PAYEE, address(0xcafe), 2 * AMOUNT);
        vm.prank(PAYEE);
        vm.assertEq(_screen.withdraw(address(0xcafe)), 2 * AMOUNT, "both payments");
        vm.assertEq(address(0xcafe).balance, 2 * AMOUNT, "there");
        vm.assertEq(_screen.balanceOf(PAYEE), 0, "balance");
        vm.expectRevert(abi.encodeWithSelector(FraudScreen.NothingToWithdraw.selector, PAYEE));
        vm.prank(PAYEE);
        _screen.withdraw(PAYEE);
        vm.assertEq(_screen.balanceOf(WATCHER), AMOUNT, "another's is untouched");
    }

    /// Settled and refunded amounts of one account add up.
    function test_payerAndPayeeInOne() public {
        uint256 id = _create(PAYER, INPUT);
        uint256 refunded = _create(PAYEE, bytes32(uint256(104)));
        _screen.settle(id, scoreOutput(1), _proof);
        vm.warp(_deadline);
        _screen.refund(refunded);
        vm.assertEq(_screen.balanceOf(PAYER), 2 * AMOUNT, "both");
        vm.prank(PAYER);
        _screen.withdraw(PAYER);
        vm.assertEq(PAYER.balance, 100 ether, "as before");
    }

    /// A payee that withdraws again while it is paid, and one that is a payer, too: each gets what is its own once, and
    /// the money of others stays.
    function test_reentrantAccountsGetTheirOwnOnce() public {
        ReentrantAccount account = new ReentrantAccount(_screen);
        uint256 settled = _create(address(account), INPUT);
        _create(PAYEE, bytes32(uint256(104)));
        _screen.settle(settled, scoreOutput(1), _proof);
        account.arm(settled, scoreOutput(1), _proof);
        account.withdraw();
        vm.assertEq(account.received(), 1, "paid once");
        vm.assertEq(address(account).balance, AMOUNT, "its own");

        vm.deal(address(this), AMOUNT);
        uint256 refunded = account.create{value: AMOUNT}(PAYEE, _modelId, INPUT, _deadline);
        account.arm(refunded, scoreOutput(1), _proof);
        vm.warp(_deadline);
        _screen.refund(refunded);
        account.withdraw();
        vm.assertEq(account.received(), 2, "paid once more");
        vm.assertEq(address(account).balance, 2 * AMOUNT, "its own");
        vm.assertEq(address(_screen).balance, AMOUNT, "the other payment is untouched");
    }

    /// Accounts that take no ether lose nothing: neither does such a payee keep a payment from settling, nor does such a
    /// payer lose its refund.
    function test_accountsThatTakeNoEther() public {
        RefusingAccount account = new RefusingAccount(_screen);
        uint256 id = _create(address(account), INPUT);
        vm.deal(address(this), AMOUNT);
        uint256 own = account.create{value: AMOUNT}(PAYEE, _modelId, INPUT, _deadline);
        _screen.settle(id, scoreOutput(1), _proof);
        vm.warp(_deadline);
        _screen.refund(own);
        vm.expectRevert(abi.encodeWithSelector(FraudScreen.TransferFailed.selector, address(account), 2 * AMOUNT));
        account.withdraw(address(account));
        vm.assertEq(_screen.balanceOf(address(account)), 2 * AMOUNT, "still its own");
        account.withdraw(address(0xcafe));
        vm.assertEq(address(0xcafe).balance, 2 * AMOUNT, "elsewhere");
    }

    function test_creationRefusals() public {
        vm.expectRevert(FraudScreen.ZeroPayee.selector);
        this.create(address(0), INPUT);
        vm.expectRevert(abi.encodeWithSelector(FraudScreen.AmountOutOfRange.selector, 0));
        _screen.createPayment(PAYEE, _modelId, INPUT, HALF, _deadline);
        vm.deal(address(this), 2 ** 96);
        vm.expectRevert(abi.encodeWithSelector(FraudScreen.AmountOutOfRange.selector, 2 ** 96));
        _screen.createPayment{value: 2 ** 96}(PAYEE, _modelId, INPUT, HALF, _deadline);
        uint256 most = _screen.createPayment{value: 2 ** 96 - 1}(PAYEE, _modelId, INPUT, 16384, _deadline);
        vm.assertEq(_screen.getPayment(most).amount, 2 ** 96 - 1, "the largest amount, at the largest threshold");
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
        vm.assertEq(_screen.paymentCount(), most, "none created");
    }

    /// The last row of a batch fills its unused slots, so one score could stand for several transactions. A hidden output's
    /// commitment fills a word, as fifteen scores do.
    function test_refusesBatchModelAndHiddenOutput() public {
        uint256[2] memory counts = [uint256(64), 15];
        for (uint256 i = 0; i < 2; ++i) {
            InferenceVerifier batch =
                new InferenceVerifier(address(new AcceptAll()), counts[i], PROOF, TERMS, IWeightVerifier(address(0)));
            uint256 id = _registry.registerModel(bytes32(uint256(1)), bytes32(uint256(2)), batch, 0);
            vm.expectRevert(abi.encodeWithSelector(FraudScreen.NotSingleOutput.selector, id, counts[i]));
            _screen.createPayment{value: 1}(PAYEE, id, INPUT, HALF, _deadline);
        }
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

    function _refuseCreation(bytes32 input, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(PAYER);
        _screen.createPayment{value: AMOUNT}(PAYEE, _modelId, input, HALF, _deadline);
    }

    function _create(address payee, bytes32 input) private returns (uint256) {
        vm.prank(PAYER);
        return _screen.createPayment{value: AMOUNT}(payee, _modelId, input, HALF, _deadline);
    }
}
