// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {FraudScreen} from "../src/FraudScreen.sol";
import {InferenceVerifier} from "../src/InferenceVerifier.sol";
import {ModelRegistry} from "../src/ModelRegistry.sol";
import {IWeightVerifier} from "../src/interfaces/IWeightVerifier.sol";
import {AcceptAll} from "./helpers/Doubles.sol";
import {TestBase} from "./helpers/TestBase.sol";

/// @dev Drives an escrow with random payments of several payers, scores, times and withdrawals, and keeps its own books.
contract FraudScreenHandler is TestBase {
    uint256 private constant PROOF = 64;
    address public constant PAYEE = address(0xb0b);
    address public constant SINK = address(0x517c);

    FraudScreen public immutable screen;
    uint256 private immutable _modelId;
    bytes private _proof;

    uint256 public constant PAYERS = 3;

    uint256 public escrowed;
    uint256 public withdrawn;
    /// What each account may withdraw: the payers, then the payee.
    mapping(address account => uint256) public credited;
    mapping(uint256 id => uint256) public timesClosed;
    mapping(address payer => mapping(bytes32 input => uint256)) public timesSettled;
    mapping(address payer => mapping(bytes32 input => bool)) public taken;
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

    /// @dev Payer `index`, or after the last one the payee.
    function accountAt(uint256 index) public pure returns (address) {
        return index == PAYERS ? PAYEE : address(uint160(0x1000 + index));
    }

    function create(uint256 who, uint256 amount, uint256 input, uint256 threshold, uint256 duration) external {
        vm.warp(_now);
        address payer = accountAt(who % PAYERS);
        amount = bound(amount, 1, 100 ether);
        bytes32 commitment = bytes32(bound(input, 0, 15));
        int16 t = int16(int256(bound(threshold, 1, 16384)));
        uint64 deadline = uint64(_now + bound(duration, 1, 100));
        vm.deal(payer, amount);
        vm.prank(payer);
        try screen.createPayment{value: amount}(PAYEE, _modelId, commitment, t, deadline) {
            if (taken[payer][commitment]) ++wrongs;
            taken[payer][commitment] = true;
            escrowed += amount;
        } catch {
            if (!taken[payer][commitment]) ++wrongs;
        }
        vm.deal(payer, 0);
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
            ++timesSettled[payment.payer][payment.inputCommitment];
            credited[payment.payee] += payment.amount;
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
            FraudScreen.Payment memory payment = screen.getPayment(id);
            credited[payment.payer] += payment.amount;
        } catch {
            if (allowed) ++wrongs;
        }
    }

    function withdraw(uint256 who) external {
        address account = accountAt(who % (PAYERS + 1));
        uint256 due = credited[account];
        uint256 before = SINK.balance;
        vm.prank(account);
        try screen.withdraw(SINK) {
            if (due == 0 || SINK.balance != before + due) ++wrongs;
            withdrawn += due;
            credited[account] = 0;
        } catch {
            if (due != 0) ++wrongs;
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

    /// Every wei is in escrow, or one account's to withdraw, or where an account has withdrawn it to.
    function invariant_moneyIsConserved() public view {
        vm.assertEq(_handler.SINK().balance, _handler.withdrawn(), "withdrawn");
        vm.assertEq(address(_screen).balance, _handler.escrowed() - _handler.withdrawn(), "in the contract");
        for (uint256 i = 0; i <= _handler.PAYERS(); ++i) {
            address account = _handler.accountAt(i);
            vm.assertEq(_screen.balanceOf(account), _handler.credited(account), "credited");
        }
    }

    /// A payment closes at most once, an input settles at most one payment of a payer.
    function invariant_nothingSettlesTwice() public view {
        for (uint256 id = 1; id <= _screen.paymentCount(); ++id) {
            vm.assertLe(_handler.timesClosed(id), 1, "closed");
        }
        for (uint256 i = 0; i < 16 * _handler.PAYERS(); ++i) {
            vm.assertLe(_handler.timesSettled(_handler.accountAt(i / 16), bytes32(i % 16)), 1, "settled");
        }
        vm.assertEq(_handler.wrongs(), 0, "wrong outcomes");
    }
}
