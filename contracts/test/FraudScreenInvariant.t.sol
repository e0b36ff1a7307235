// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {FraudScreen} from "../src/FraudScreen.sol";
import {InferenceVerifier} from "../src/InferenceVerifier.sol";
import {ModelRegistry} from "../src/ModelRegistry.sol";
import {IWeightVerifier} from "../src/interfaces/IWeightVerifier.sol";
import {AcceptAll} from "./helpers/Doubles.sol";
import {TestBase} from "./helpers/TestBase.sol";

/// @dev Drives an escrow with random payments, scores and times, and keeps its own books.
contract FraudScreenHandler is TestBase {
    uint256 private constant PROOF = 64;
    address public constant PAYEE = address(0xb0b);

    FraudScreen public immutable screen;
    uint256 private immutable _modelId;
    bytes private _proof;

    uint256 public escrowed;
    uint256 public paidOut;
    uint256 public refunded;
    mapping(uint256 id => uint256) public timesClosed;
    mapping(bytes32 input => uint256) public timesSettled;
    mapping(bytes32 input => bool) public taken;
    uint256 private _now = 1;
    /// Calls that must never succeed, and did, or the other way round.
    uint256 public wrongs;

    constructor() {
        InferenceVerifier verifier =
            new InferenceVerifier(address(new AcceptAll()), 1, PROOF, TERMS, IWeightVerifier(address(0)));
        ModelRegistry registry = new ModelRegistry();
        screen = new FraudScreen(registry);
        _modelId = registry.registerModel(bytes32(uint256(1)), bytes32(uint256(2)), verifier, 0);
        _proof = shapedProof(PROOF);
    }

    receive() external payable {
        refunded += msg.value;
    }

    function create(uint256 amount, uint256 input, uint256 threshold, uint256 duration) external {
        vm.warp(_now);
        amount = bound(amount, 1, 100 ether);
        bytes32 commitment = bytes32(bound(input, 0, 15));
        int16 t = int16(int256(bound(threshold, 1, 16384)));
        uint64 deadline = uint64(_now + bound(duration, 1, 100));
        vm.deal(address(this), amount);
        try screen.createPayment{value: amount}(PAYEE, _modelId, commitment, t, deadline) {
            if (taken[commitment]) ++wrongs;
            taken[commitment] = true;
            escrowed += amount;
        } catch {
            if (!taken[commitment]) ++wrongs;
        }
    }

    function settle(uint256 which, uint256 score) external {
        if (screen.paymentCount() == 0) return;
        vm.warp(_now);
        uint256 id = 1 + which % screen.paymentCount();
        FraudScreen.Payment memory payment = screen.getPayment(id);
        int256 s = int256(bound(score, 0, 16384));
        bool allowed = timesClosed[id] == 0 && s < payment.threshold && _now < payment.deadline;
        try screen.settle(id, scoreOutput(s), _proof) {
            if (!allowed) ++wrongs;
            ++timesClosed[id];
            ++timesSettled[payment.inputCommitment];
            paidOut += payment.amount;
        } catch {
            if (allowed) ++wrongs;
        }
    }

    function refund(uint256 which) external {
        if (screen.paymentCount() == 0) return;
        vm.warp(_now);
        uint256 id = 1 + which % screen.paymentCount();
        bool allowed = timesClosed[id] == 0 && _now >= screen.getPayment(id).deadline;
        try screen.refund(id) {
            if (!allowed) ++wrongs;
            ++timesClosed[id];
        } catch {
            if (allowed) ++wrongs;
        }
    }

    function pass(uint256 time) external {
        _now += bound(time, 1, 50);
    }
}

contract FraudScreenInvariantTest is TestBase {
    FraudScreenHandler private _handler;
    FraudScreen private _screen;

    function setUp() public {
        _handler = new FraudScreenHandler();
        _screen = _handler.screen();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    /// Every wei is in escrow, with the payee, or back with the payer.
    function invariant_moneyIsConserved() public view {
        vm.assertEq(_handler.PAYEE().balance, _handler.paidOut(), "paid out");
        vm.assertEq(
            address(_screen).balance, _handler.escrowed() - _handler.paidOut() - _handler.refunded(), "in escrow"
        );
    }

    /// A payment closes at most once, an input settles at most one payment.
    function invariant_nothingSettlesTwice() public view {
        for (uint256 id = 1; id <= _screen.paymentCount(); ++id) {
            vm.assertLe(_handler.timesClosed(id), 1, "closed");
        }
        for (uint256 input = 0; input < 16; ++input) {
            vm.assertLe(_handler.timesSettled(bytes32(input)), 1, "settled");
        }
        vm.assertEq(_handler.wrongs(), 0, "wrong outcomes");
    }
}
