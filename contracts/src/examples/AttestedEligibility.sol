// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {RegistryCaller} from "../adapters/RegistryCaller.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {CanonicalCalldata} from "../libraries/CanonicalCalldata.sol";
import {StatementLib} from "../libraries/StatementLib.sol";

/// @title Example application: a vote of those whom a model finds eligible, by data that an issuer vouches for
/// @notice An issuer, such as a civil registry, signs that a commitment is to the data of an account's holder. The holder
/// proves that the registered model finds those data eligible, and votes, all in one transaction. Data and weights stay
/// hidden; that this account is eligible, and what it votes for, is public.
///
/// The issuer makes the commitment from the data (`laminate input commit`), signs an EIP-712 `Attestation` for this contract, and
/// hands both and the commitment's opening to the holder. It sees no vote before it is cast, and cannot cast one.
///
/// A proof is a bearer document: whoever copies it from a transaction that waits to be mined can show it, too. It is worth nothing to
/// them, as the attestation names the account that must send the transaction.
/// @dev An account votes once, and so does a commitment. That nobody gets attestations for two accounts is the issuer's duty: here are
/// accounts, not people. An attestation ends at its expiry and cannot be taken back before. Issuers are accounts with a key;
/// signatures of contracts (ERC-1271) are not asked for.
contract AttestedEligibility is RegistryCaller {
    /// @notice What a vote is held by.
    /// @param modelId The model, of one output.
    /// @param issuer Whose signature an attestation needs.
    /// @param schema What the issuer attests, for instance the hash of a text that says so.
    /// @param threshold Least output that is eligible: 1 for a model that decides by itself.
    /// @param choices Number of choices; they are 0 to this number less 1.
    /// @param closes From this time on there are no more votes.
    struct Rules {
        uint256 modelId;
        address issuer;
        bytes32 schema;
        int16 threshold;
        uint256 choices;
        uint64 closes;
    }

    /// @notice An issuer's signature, and until when it holds.
    struct Signed {
        uint64 expiry;
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    /// @notice EIP-712 type of what the issuer signs.
    bytes32 public constant ATTESTATION_TYPEHASH =
        keccak256("Attestation(address subject,bytes32 inputCommitment,bytes32 schema,uint64 expiry)");
    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant NAME_HASH = keccak256("Laminate AttestedEligibility");
    bytes32 private constant VERSION_HASH = keccak256("1");

    /// @dev Half the order of secp256k1's group: of the two spellings of a signature the one with the smaller `s` is taken.
    uint256 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;
    /// @dev Head words of `vote`: choice, input commitment, four of the signature and two offsets.
    uint256 private constant VOTE_HEAD_WORDS = 8;

    uint256 private immutable _modelId;
    address private immutable _issuer;
    bytes32 private immutable _schema;
    int16 private immutable _threshold;
    uint256 private immutable _choices;
    uint64 private immutable _closes;

    /// @notice Votes for a choice.
    mapping(uint256 choice => uint256) public votesFor;
    /// @notice Whether an account has voted.
    mapping(address voter => bool) public hasVoted;
    /// @notice Whether a commitment was voted with.
    mapping(bytes32 inputCommitment => bool) public isUsed;

    event Voted(address indexed voter, uint256 indexed choice, bytes32 indexed statementHash, bytes32 inputCommitment);

    error ZeroIssuer();
    /// @notice The least threshold would find everybody eligible.
    error ThresholdOutOfRange(int16 threshold);
    /// @notice A vote is between two choices or more.
    error TooFewChoices(uint256 choices);
    error ClosingTimeNotInFuture(uint64 closes, uint256 now_);
    /// @notice The model has more outputs than a decision: a batch proof repeats its last row.
    error NotSingleOutput(uint256 modelId, uint256 outputs);
    error VoteClosed(uint64 closes);
    error ChoiceOutOfRange(uint256 choice, uint256 choices);
    error VotedBefore(address voter);
    /// @notice Another account has voted with this commitment.
    error CommitmentUsed(bytes32 inputCommitment);
    error AttestationExpired(uint64 expiry, uint256 now_);
    /// @notice The signature is one that others can make from the issuer's: its `s` is above half the order.
    error MalleableSignature(bytes32 s);
    /// @notice The issuer has not signed this for the sender, here; `found` has, or zero if it is no signature.
    error NotAttested(address expected, address found);
    error NotEligible(int256 output, int16 threshold);

    /// @param models The model registry.
    /// @param rules_ What the vote is held by; for good.
    constructor(IModelRegistry models, Rules memory rules_) RegistryCaller(models) {
        if (rules_.issuer == address(0)) revert ZeroIssuer();
        if (rules_.threshold == type(int16).min) revert ThresholdOutOfRange(rules_.threshold);
        if (rules_.choices < 2) revert TooFewChoices(rules_.choices);
        if (rules_.closes <= block.timestamp) revert ClosingTimeNotInFuture(rules_.closes, block.timestamp);
        uint256 outputs = _usableModel(rules_.modelId).verifier.outputCount();
        if (outputs != 1) revert NotSingleOutput(rules_.modelId, outputs);
        (_modelId, _issuer, _schema) = (rules_.modelId, rules_.issuer, rules_.schema);
        (_threshold, _choices, _closes) = (rules_.threshold, rules_.choices, rules_.closes);
    }

    /// @notice Votes for a choice, given the issuer's signature for the sender and the proof that the model finds what was signed
    /// eligible.
    /// @param inputCommitment The commitment that the issuer signed.
    /// @param signed Expiry and signature of the issuer's attestation.
    /// @param output The one output word of the statement.
    /// @param proof As the model registry takes it.
    /// @return statementHash The statement's replay key.
    function vote(
        uint256 choice,
        bytes32 inputCommitment,
        Signed calldata signed,
        bytes calldata output,
        bytes calldata proof
    ) external returns (bytes32 statementHash) {
        CanonicalCalldata.requireTails(VOTE_HEAD_WORDS, output, proof);
        if (block.timestamp >= _closes) revert VoteClosed(_closes);
        if (choice >= _choices) revert ChoiceOutOfRange(choice, _choices);
        if (hasVoted[msg.sender]) revert VotedBefore(msg.sender);
        if (isUsed[inputCommitment]) revert CommitmentUsed(inputCommitment);
        _requireAttested(inputCommitment, signed);
        statementHash = modelRegistry.verifyInference(_modelId, inputCommitment, output, proof);
        _requireEligible(output);
        hasVoted[msg.sender] = true;
        isUsed[inputCommitment] = true;
        ++votesFor[choice];
        emit Voted(msg.sender, choice, statementHash, inputCommitment);
    }

    /// @notice What the vote is held by.
    function rules() external view returns (Rules memory) {
        return Rules(_modelId, _issuer, _schema, _threshold, _choices, _closes);
    }

    /// @notice The EIP-712 hash that the issuer signs: of name "Laminate AttestedEligibility", version "1", this chain and contract.
    function attestationHash(address subject, bytes32 inputCommitment, uint64 expiry) public view returns (bytes32) {
        bytes32 domain = keccak256(abi.encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, block.chainid, address(this)));
        bytes32 message = keccak256(abi.encode(ATTESTATION_TYPEHASH, subject, inputCommitment, _schema, expiry));
        return keccak256(abi.encodePacked(bytes2(0x1901), domain, message));
    }

    function _requireAttested(bytes32 inputCommitment, Signed calldata signed) private view {
        if (block.timestamp >= signed.expiry) revert AttestationExpired(signed.expiry, block.timestamp);
        if (uint256(signed.s) > HALF_ORDER) revert MalleableSignature(signed.s);
        bytes32 hash = attestationHash(msg.sender, inputCommitment, signed.expiry);
        // Zero where it is no signature, which is no issuer.
        address found = ecrecover(hash, signed.v, signed.r, signed.s);
        if (found != _issuer) revert NotAttested(_issuer, found);
    }

    /// @dev What a model's verifier checks is its owner's word, so the output's shape is checked here again.
    function _requireEligible(bytes calldata output) private view {
        StatementLib.requireOutput(output, 1);
        int256 found = StatementLib.decodeOutput(output, 1, 0);
        if (found < _threshold) revert NotEligible(found, _threshold);
    }
}
