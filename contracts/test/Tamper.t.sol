// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {InferenceVerifier} from "../src/InferenceVerifier.sol";
import {ModelRegistry} from "../src/ModelRegistry.sol";
import {IHalo2Caller} from "../src/interfaces/IHalo2Caller.sol";
import {IInferenceVerifier} from "../src/interfaces/IInferenceVerifier.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {IWeightVerifier} from "../src/interfaces/IWeightVerifier.sol";
import {StatementLib} from "../src/libraries/StatementLib.sol";
import {Fixtures} from "./helpers/Fixtures.sol";

/// @dev Every word of a real statement and of its proof, changed in every way at hand. The figures (tried, accepted)
/// are logged.
contract TamperTest is Fixtures {
    InferenceVerifier private _verifier;
    Proven private _fraud;

    function setUp() public {
        _fraud = load(FRAUD);
        _verifier =
            new InferenceVerifier(deployHalo2Verifier(), 1, _fraud.halo2ProofLength, IWeightVerifier(address(0)));
    }

    /// `+ r` on each instance: the same field element, so only the wrapper's range check can refuse it.
    function test_refusesEachInstancePlusR() public {
        for (uint256 i = 0; i < _fraud.instances.length; ++i) {
            bytes memory data = _withInstance(i, uint256(_fraud.instances[i]) + R);
            requireRefusal(
                address(_verifier), data, StatementLib.InstanceNotCanonical.selector, _label("+ r, instance ", i)
            );
        }
        emit log_named_uint("instances + r tried, 0 accepted", _fraud.instances.length);
    }

    /// + 1, - 1, 0 and the neighbour's value, in each instance.
    function test_refusesEachChangedInstance() public {
        uint256 count = _fraud.instances.length;
        uint256 tried = 0;
        for (uint256 i = 0; i < count; ++i) {
            uint256 value = uint256(_fraud.instances[i]);
            uint256[4] memory changed =
                [value + 1, value == 0 ? R - 1 : value - 1, 0, uint256(_fraud.instances[(i + 1) % count])];
            for (uint256 j = 0; j < changed.length; ++j) {
                if (changed[j] == value) continue;
                (bool accepted,) = address(_verifier).staticcall{gas: CALL_GAS}(_withInstance(i, changed[j]));
                vm.assertTrue(!accepted, _label("changed instance ", i));
                ++tried;
            }
        }
        emit log_named_uint("changed instances tried, 0 accepted", tried);
    }

    /// A limb of 89 bits, with one less in the next limb: the recomposed coordinate stays the same.
    function test_refusesCarriedLimbs() public {
        uint256 tried = 0;
        for (uint256 i = 0; i < 12; ++i) {
            if (i % 3 == 2 || uint256(_fraud.instances[i + 1]) == 0) continue;
            bytes memory proof = withWord(_fraud.proof, i, uint256(_fraud.instances[i]) + 2 ** 88);
            proof = withWord(proof, i + 1, uint256(_fraud.instances[i + 1]) - 1);
            requireRefusal(
                address(_verifier), _call(_fraud.output, proof), StatementLib.LimbTooLarge.selector, _label("limb ", i)
            );
            ++tried;
        }
        emit log_named_uint("carried limbs tried, 0 accepted", tried);
    }

    /// + 1, 0 and a flipped low bit in each word of the halo2 proof.
    function test_refusesEachChangedProofWord() public {
        uint256 tried = 0;
        for (uint256 i = 12; i < _fraud.proof.length / 32; ++i) {
            uint256 value = wordAt(_fraud.proof, i);
            uint256[3] memory changed;
            unchecked {
                changed = [value + 1, 0, value ^ 1];
            }
            for (uint256 j = 0; j < changed.length; ++j) {
                if (changed[j] == value) continue;
                requireRefusal(
                    address(_verifier),
                    _call(_fraud.output, withWord(_fraud.proof, i, changed[j])),
                    IHalo2Caller.InvalidProof.selector,
                    _label("changed proof word ", i)
                );
                ++tried;
            }
        }
        emit log_named_uint("changed proof words tried, 0 accepted", tried);
    }

    /// A flipped bit anywhere in the proof, accumulator included.
    function testFuzz_refusesFlippedBit(uint256 bit) public view {
        bit = bound(bit, 0, 8 * _fraud.proof.length - 1);
        bytes memory proof = bytes.concat(_fraud.proof);
        proof[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        (bool accepted,) = address(_verifier).staticcall{gas: CALL_GAS}(_call(_fraud.output, proof));
        vm.assertTrue(!accepted, _label("flipped bit ", bit));
    }

    /// The generated verifier reduces the scalars of a proof, so `+ r` on them gives other proof bytes of the same
    /// statement. That is why proof bytes are never a replay key: each such proof is refused after the first.
    function test_malleableProofIsTheSameStatement() public {
        ModelRegistry registry = new ModelRegistry();
        uint256 id = registry.registerModel(_fraud.programDigest, _fraud.weightCommitment, _verifier, 0);
        registry.submit(id, _fraud.inputCommitment, _fraud.output, _fraud.proof);
        uint256 malleable = 0;
        uint256 words = _fraud.proof.length / 32;
        for (uint256 i = 12; i < words; ++i) {
            bytes memory proof = withWord(_fraud.proof, i, wordAt(_fraud.proof, i) + R);
            (bool accepted,) = address(_verifier).staticcall{gas: CALL_GAS}(_call(_fraud.output, proof));
            if (accepted) ++malleable;
            (bool replayed, bytes memory reason) = address(registry).call{gas: CALL_GAS}(
                abi.encodeCall(IModelRegistry.submit, (id, _fraud.inputCommitment, _fraud.output, proof))
            );
            vm.assertTrue(!replayed, "replayed");
            vm.assertEq(bytes32(bytes4(reason)), bytes32(IModelRegistry.StatementReplayed.selector), "reason");
        }
        emit log_named_uint("proof words tried with + r", words - 12);
        emit log_named_uint("of which the verifier reduces, so accepts", malleable);
        emit log_named_uint("of which the registry accepts as a new statement", 0);
    }

    function _withInstance(uint256 index, uint256 value) private view returns (bytes memory) {
        if (index < 12) return _call(_fraud.output, withWord(_fraud.proof, index, value));
        if (index > 14) return _call(withWord(_fraud.output, index - 15, value), _fraud.proof);
        bytes32[3] memory fixedPart = [_fraud.programDigest, _fraud.weightCommitment, _fraud.inputCommitment];
        fixedPart[index - 12] = bytes32(value);
        return abi.encodeCall(
            IInferenceVerifier.verify, (fixedPart[0], fixedPart[1], fixedPart[2], _fraud.output, _fraud.proof)
        );
    }

    function _call(bytes memory output, bytes memory proof) private view returns (bytes memory) {
        return abi.encodeCall(
            IInferenceVerifier.verify,
            (_fraud.programDigest, _fraud.weightCommitment, _fraud.inputCommitment, output, proof)
        );
    }

    function _label(string memory what, uint256 index) private pure returns (string memory) {
        return string.concat(what, vm.toString(index));
    }
}
