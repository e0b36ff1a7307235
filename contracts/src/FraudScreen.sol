// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {IModelRegistry} from "./interfaces/IModelRegistry.sol";
import {CanonicalCalldata} from "./libraries/CanonicalCalldata.sol";
import {StatementLib} from "./libraries/StatementLib.sol";

/// @title Example application: a payment that settles only with a proven fraud score below its threshold
/// @notice The payer escrows the amount against the commitment to the transaction's features, before anything is proven
/// of it. Whoever shows a proof that the registered model scores that very input below the threshold, before the
/// deadline, settles the payment to the payee; from the deadline on the amount goes back to the payer. Settled and
/// refunded amounts stay here until their owner withdraws them, to any address. The features and the weights stay hidden.
///
/// Scores are fixed point at scale 14: 16384 is a probability of 1.
/// @dev Each (payer, model, input commitment) belongs to at most one payment ever, and a payment closes once: so a
/// statement settles at most one payment of each payer, and a proof made for one transaction cannot release another.
/// The commitment is taken at creation rather than at settlement, as it is then that the payer stakes on it.
///
/// The payer is part of the key, so that nobody can take a commitment from another: otherwise whoever sees a pending
/// creation could bind its commitment first, with a wei. Two payers may therefore hold payments on one commitment, and
/// one proof settles both. That is right: a statement is a public fact, no permission, and each of them has put his own
/// money on that fact, for a payee and below a threshold of his own. Who copies the commitment of another, whose
/// features he does not know, pays only his own money and takes nothing from anyone.
contract FraudScreen {
    enum State {
        None,
        Open,
        Settled,
        Refunded
    }

    struct Payment {
        address payer;
        uint64 deadline;
        int16 threshold;
        State state;
        address payee;
        uint96 amount;
        uint256 modelId;
        bytes32 inputCommitment;
    }

    /// @notice A score of 1.0.
    int256 public constant SCORE_ONE = 2 ** 14;

    /// @dev Head words of `settle`: payment and two offsets.
    uint256 private constant SETTLE_HEAD_WORDS = 3;

    /// @notice Where models and their verifiers are looked up.
    IModelRegistry public immutable registry;
    /// @notice Payments created so far; ids are 1 to this number.
    uint256 public paymentCount;

    /// @notice What an account may withdraw: its settled and refunded payments.
    mapping(address account => uint256) public balanceOf;

    mapping(uint256 paymentId => Payment) private _payments;
    mapping(bytes32 bindingHash => bool) private _bound;

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

    error ZeroRegistry();
    error RegistryWithoutCode(address registry);
    error ZeroPayee();
    /// @notice Amounts are 1 wei to 2^96 - 1.
    error AmountOutOfRange(uint256 amount);
    /// @notice Thresholds are 1 to 16384.
    error ThresholdOutOfRange(int16 threshold);
    error DeadlineNotInFuture(uint64 deadline, uint256 now_);
    /// @notice A payment takes the one output of a model with one output: a batch proof repeats its last row.
    error NotSingleOutput(uint256 modelId, uint256 outputs);
    /// @notice The same payer has a payment, or had one, on the same input of the same model.
    error CommitmentTaken(address payer, uint256 modelId, bytes32 inputCommitment);
    error PaymentNotOpen(uint256 paymentId, State state);
    error DeadlinePassed(uint256 paymentId, uint64 deadline);
    error DeadlineNotReached(uint256 paymentId, uint64 deadline);
    error ScoreNotBelowThreshold(int256 score, int16 threshold);
    error NothingToWithdraw(address account);
    error ZeroRecipient();
    /// @notice The recipient takes no ether; the balance is as before.
    error TransferFailed(address to, uint256 amount);

    constructor(IModelRegistry registry_) {
        if (address(registry_) == address(0)) revert ZeroRegistry();
        if (address(registry_).code.length == 0) revert RegistryWithoutCode(address(registry_));
        registry = registry_;
    }

    /// @notice Escrows the sent amount for `payee`.
    function createPayment(address payee, uint256 modelId, bytes32 inputCommitment, int16 threshold, uint64 deadline)
        external
        payable
        returns (uint256 paymentId)
    {
        if (payee == address(0)) revert ZeroPayee();
        if (msg.value == 0 || msg.value > type(uint96).max) revert AmountOutOfRange(msg.value);
        if (threshold <= 0 || threshold > SCORE_ONE) revert ThresholdOutOfRange(threshold);
        if (deadline <= block.timestamp) revert DeadlineNotInFuture(deadline, block.timestamp);
        StatementLib.requireCanonical(4, inputCommitment);
        _requireUsable(modelId);

        bytes32 binding = keccak256(abi.encode(msg.sender, modelId, inputCommitment));
        if (_bound[binding]) revert CommitmentTaken(msg.sender, modelId, inputCommitment);
        _bound[binding] = true;
        paymentId = ++paymentCount;
        _payments[paymentId] = Payment({
            payer: msg.sender,
            deadline: deadline,
            threshold: threshold,
            state: State.Open,
            payee: payee,
            amount: uint96(msg.value),
            modelId: modelId,
            inputCommitment: inputCommitment
        });
        emit PaymentCreated(paymentId, msg.sender, payee, modelId, inputCommitment, msg.value, threshold, deadline);
    }

    /// @notice Credits the payee, given a proof that the score of the payment's input is below its threshold.
    /// @param output The one output word of the statement.
    /// @param proof As the model's verifier takes it.
    function settle(uint256 paymentId, bytes calldata output, bytes calldata proof) external {
        CanonicalCalldata.requireTails(SETTLE_HEAD_WORDS, output, proof);
        Payment storage payment = _open(paymentId);
        if (block.timestamp >= payment.deadline) revert DeadlinePassed(paymentId, payment.deadline);

        // The registry and the verifier are entered by staticcall only. What a model's verifier checks is its owner's
        // word, so the output's shape is checked here again.
        bytes32 statement = registry.verifyInference(payment.modelId, payment.inputCommitment, output, proof);
        StatementLib.requireOutput(output, 1);
        int256 score = StatementLib.decodeOutput(output, 1, 0);
        if (score >= payment.threshold) revert ScoreNotBelowThreshold(score, payment.threshold);

        payment.state = State.Settled;
        balanceOf[payment.payee] += payment.amount;
        emit PaymentSettled(paymentId, statement, score);
    }

    /// @notice Credits the amount of an unsettled payment to its payer, from the deadline on.
    function refund(uint256 paymentId) external {
        Payment storage payment = _open(paymentId);
        if (block.timestamp < payment.deadline) revert DeadlineNotReached(paymentId, payment.deadline);
        payment.state = State.Refunded;
        balanceOf[payment.payer] += payment.amount;
        emit PaymentRefunded(paymentId);
    }

    /// @notice Sends the caller's whole balance to `to`.
    function withdraw(address to) external returns (uint256 amount) {
        if (to == address(0)) revert ZeroRecipient();
        amount = balanceOf[msg.sender];
        if (amount == 0) revert NothingToWithdraw(msg.sender);
        balanceOf[msg.sender] = 0;
        emit Withdrawn(msg.sender, to, amount);
        (bool sent,) = to.call{value: amount}("");
        if (!sent) revert TransferFailed(to, amount);
    }

    /// @notice A payment; state `None` where there is none.
    function getPayment(uint256 paymentId) external view returns (Payment memory) {
        return _payments[paymentId];
    }

    function _open(uint256 paymentId) private view returns (Payment storage payment) {
        payment = _payments[paymentId];
        if (payment.state != State.Open) revert PaymentNotOpen(paymentId, payment.state);
    }

    function _requireUsable(uint256 modelId) private view {
        IModelRegistry.Model memory model = registry.getModel(modelId);
        if (model.retired) revert IModelRegistry.ModelIsRetired(modelId);
        uint256 outputs = model.verifier.outputCount();
        if (outputs != 1) revert NotSingleOutput(modelId, outputs);
    }
}
