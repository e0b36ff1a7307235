// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {Erc8274} from "../src/adapters/Erc8274.sol";
import {IErc8274ProofVerifier} from "../src/adapters/interfaces/IErc8274.sol";
import {IERC165} from "../src/interfaces/IERC165.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {Registered} from "./helpers/Registered.sol";

/// @dev An agent verifier with what the draft asks of one: it keeps the metadata, and a verdict is final.
contract AgentVerifierDouble {
    IErc8274ProofVerifier private immutable _inner;
    bytes private _metadata;
    mapping(bytes32 task => uint256) public verdictOf;

    constructor(IErc8274ProofVerifier inner, bytes memory metadata) {
        (_inner, _metadata) = (inner, metadata);
    }

    function settle(bytes32 task, bytes32 inputHash, bytes32 outputHash, bytes calldata proof) external {
        verdictOf[task] = _inner.verify(inputHash, outputHash, _metadata, proof) ? 1 : 2;
    }
}

/// @dev Real proofs through the draft's inner layer.
contract Erc8274Test is Registered {
    uint256 private constant LIMIT = 1_000_000;

    Erc8274 private _adapter;

    function setUp() public {
        setUpModels();
        _adapter = new Erc8274(registry);
    }

    function test_acceptsRealProofs() public view {
        vm.assertTrue(_verify(modelId, fraud.inputCommitment, fraud.output, fraud.proof), "fraud");
        vm.assertTrue(_verify(modelId, other.inputCommitment, other.output, other.proof), "other input");
        bytes32 statement = _adapter.requireValid(
            modelId, fraud.inputCommitment, keccak256(fraud.output), abi.encode(fraud.output, fraud.proof)
        );
        vm.assertEq(statement, registry.hashStatement(modelId, fraud.inputCommitment, fraud.output), "statement");
    }

    function test_forgedStatementsAreFalse() public view {
        Forged[] memory made = forgeries();
        for (uint256 i = 0; i < made.length; ++i) {
            vm.assertTrue(!_verify(modelId, made[i].input, made[i].output, made[i].proof), made[i].what);
            _refuse(made[i].input, keccak256(made[i].output), abi.encode(made[i].output, made[i].proof), made[i].reason);
        }
        vm.assertTrue(!_verify(otherModelId, fraud.inputCommitment, fraud.output, fraud.proof), "under the other id");
        vm.assertTrue(!_verify(7, fraud.inputCommitment, fraud.output, fraud.proof), "no model");
    }

    /// The output's hash, and the one encoding of the proof's parts.
    function test_proofsAreWhatTheyAreSaidToBe() public {
        bytes32 input = fraud.inputCommitment;
        bytes32 hash = keccak256(fraud.output);
        bytes memory proof = abi.encode(fraud.output, fraud.proof);
        bytes32 another = keccak256(other.output);
        vm.expectRevert(abi.encodeWithSelector(Erc8274.OutputHashMismatch.selector, another, hash));
        _adapter.requireValid(modelId, input, another, proof);
        _refuse(input, 0, proof, Erc8274.OutputHashMismatch.selector);
        _refuse(input, hash, bytes.concat(proof, bytes32(0)), Erc8274.NonCanonicalProof.selector);
        // Tails in the other order.
        bytes memory swapped = bytes.concat(
            abi.encode(uint256(64 + 32 + fraud.proof.length), uint256(64)),
            abi.encode(fraud.proof.length),
            fraud.proof,
            abi.encode(fraud.output.length),
            fraud.output
        );
        _refuse(input, hash, swapped, Erc8274.NonCanonicalProof.selector);
        // What cannot be decoded.
        _refuse(input, hash, "", 0);
        _refuse(input, hash, slice(proof, 0, proof.length - 32), 0);
        bytes memory metadata = abi.encode(modelId, LIMIT);
        vm.assertTrue(!_adapter.verify(input, hash, metadata, ""), "empty");
        vm.assertTrue(!_adapter.verify(input, hash, metadata, swapped), "swapped");
        vm.assertTrue(_adapter.verify(input, hash, metadata, proof), "whole");
    }

    function test_metadata() public {
        bytes memory proof = abi.encode(fraud.output, fraud.proof);
        bytes[3] memory wrong = [bytes(""), abi.encode(modelId), abi.encode(modelId, LIMIT, uint256(0))];
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Erc8274.MetadataLength.selector, 64, wrong[i].length));
            _adapter.verify(fraud.inputCommitment, keccak256(fraud.output), wrong[i], proof);
        }
    }

    /// However little gas a caller gives: a good proof is accepted, or there is no verdict.
    function test_noVerdictForWantOfGas() public {
        AgentVerifierDouble agent = new AgentVerifierDouble(_adapter, abi.encode(modelId, LIMIT));
        bytes memory proof = abi.encode(fraud.output, fraud.proof);
        uint256 accepted = 0;
        for (uint256 gas_ = 50_000; gas_ <= 1_150_000; gas_ += 20_000) {
            bytes32 task = bytes32(gas_);
            bytes memory data =
                abi.encodeCall(agent.settle, (task, fraud.inputCommitment, keccak256(fraud.output), proof));
            (bool done,) = address(agent).call{gas: gas_}(data);
            vm.assertEq(agent.verdictOf(task), done ? 1 : 0, vm.toString(gas_));
            if (done) ++accepted;
        }
        vm.assertGt(accepted, 2, "with enough");
        vm.assertLe(accepted, 6, "without");
    }

    /// Where the limit does not suffice the verdict is false, whatever gas there is.
    function test_tooLowALimitIsFalse() public view {
        bytes memory proof = abi.encode(fraud.output, fraud.proof);
        bytes memory metadata = abi.encode(modelId, 100_000);
        vm.assertTrue(!_adapter.verify(fraud.inputCommitment, keccak256(fraud.output), metadata, proof), "too little");
    }

    /// Whenever there is a verdict, the whole limit was there for the check.
    function test_theLimitIsWhole() public {
        uint256 limit = 30_000_000;
        uint256 least = limit + limit / 63 + 5000;
        Erc8274 metered = new Erc8274(IModelRegistry(address(new GasMeter())));
        bytes memory metadata = abi.encode(limit, limit);
        bytes memory data = abi.encodeCall(metered.verify, (0, keccak256(""), metadata, abi.encode("", "")));
        uint256 verdicts = 0;
        for (uint256 given = limit; given < least + 100_000; given += 10_000) {
            (bool done, bytes memory returned) = address(metered).staticcall{gas: given}(data);
            if (done) {
                vm.assertTrue(abi.decode(returned, (bool)), "less than the limit");
                ++verdicts;
            } else {
                vm.assertEq(bytes32(bytes4(returned)), bytes32(Erc8274.GasBelowLimit.selector), "reason");
                (uint256 expected, uint256 found) = abi.decode(slice(returned, 4, returned.length), (uint256, uint256));
                vm.assertEq(expected, least, "expected");
                vm.assertTrue(found < least && found + 20_000 > given, "found");
            }
        }
        vm.assertGt(verdicts, 7, "with enough");
        vm.assertLe(verdicts, 10, "without");
    }

    function test_namesItself() public {
        vm.assertEq(bytes(_adapter.proofSystem()), "zk/laminate", "system");
        bytes32 salt = keccak256(abi.encode(block.chainid, address(registry)));
        vm.assertEq(_adapter.proofProfile(), keccak256(bytes.concat("zk/laminate", salt)), "profile");
        vm.chainId(block.chainid + 1);
        vm.assertNotEq(_adapter.proofProfile(), keccak256(bytes.concat("zk/laminate", salt)), "of this chain");
        vm.assertTrue(_adapter.supportsInterface(type(IERC165).interfaceId), "ERC-165");
        vm.assertTrue(_adapter.supportsInterface(type(IErc8274ProofVerifier).interfaceId), "proof verifier");
        vm.assertTrue(!_adapter.supportsInterface(0xffffffff), "none");
    }

    function _verify(uint256 id, bytes32 input, bytes memory output, bytes memory proof) private view returns (bool) {
        return _adapter.verify(input, keccak256(output), abi.encode(id, LIMIT), abi.encode(output, proof));
    }

    function _refuse(bytes32 input, bytes32 hash, bytes memory proof, bytes4 reason) private view {
        bytes memory data = abi.encodeCall(_adapter.requireValid, (modelId, input, hash, proof));
        requireRefusal(address(_adapter), data, reason, "requireValid");
    }
}

/// @dev Stands for a registry that accepts if it gets nearly all of the gas that its model's id says.
contract GasMeter {
    function verifyInference(uint256 limit, bytes32, bytes calldata, bytes calldata) external view returns (bytes32) {
        // A 64th stays behind, and what the check takes before this call.
        require(gasleft() > limit - limit / 64 - 20_000, "less than the limit");
        return bytes32(uint256(1));
    }
}
