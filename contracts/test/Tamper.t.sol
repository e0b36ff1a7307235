// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {InferenceVerifier} from "../src/InferenceVerifier.sol";
import {ModelRegistry} from "../src/ModelRegistry.sol";
import {IHalo2Caller} from "../src/interfaces/IHalo2Caller.sol";
import {IInferenceVerifier} from "../src/interfaces/IInferenceVerifier.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {PublicValues} from "../src/libraries/PublicValues.sol";
import {StatementLib} from "../src/libraries/StatementLib.sol";
import {Fixtures} from "./helpers/Fixtures.sol";

/// @dev Every word of a real statement and of its proof, changed in every way at hand. The figures (tried, accepted)
/// are logged.
contract TamperTest is Fixtures {
    InferenceVerifier private _verifier;
    Proven private _fraud;
    /// Words of the proof before the halo2 proof: D, the terms, the generator's scalar.
    uint256 private _deferredWords;

    function setUp() public {
        _fraud = load(FRAUD);
        _verifier = deployVerifier(deployHalo2Verifier(), _fraud);
        _deferredWords = deferredLength(_fraud) / 32;
    }

    /// The modulus added to each commitment, output word, scalar and coordinate: the same element, so only the wrapper's
    /// range check can refuse it.
    function test_refusesEachUnreducedWord() public {
        for (uint256 i = 0; i < 4 + _deferredWords; ++i) {
            bool coordinate = i > 4 && i + 2 < 4 + _deferredWords && (i - 5) % 3 != 2;
            bytes4 reason = coordinate
                ? PublicValues.CoordinateNotCanonical.selector
                : i == 4 ? PublicValues.DigestNotCanonical.selector : StatementLib.ValueNotCanonical.selector;
            bytes memory data = _withWord(i, _wordOf(i) + (coordinate ? Q : R));
            requireRefusal(address(_verifier), data, reason, _label("unreduced word ", i));
        }
        emit log_named_uint("unreduced words tried, 0 accepted", 4 + _deferredWords);
    }

    /// + 1, - 1, 0 and the neighbour's value, in each word of the statement and of what precedes the halo2 proof.
    function test_refusesEachChangedWord() public {
        uint256 count = 4 + _deferredWords;
        uint256 tried = 0;
        for (uint256 i = 0; i < count; ++i) {
            uint256 value = _wordOf(i);
            uint256[4] memory changed = [value + 1, value == 0 ? R - 1 : value - 1, 0, _wordOf((i + 1) % count)];
            for (uint256 j = 0; j < changed.length; ++j) {
                if (changed[j] == value) continue;
                (bool accepted,) = address(_verifier).staticcall{gas: CALL_GAS}(_withWord(i, changed[j]));
                vm.assertTrue(!accepted, _label("changed word ", i));
                ++tried;
            }
        }
        emit log_named_uint("changed words tried, 0 accepted", tried);
    }

    /// Each term negated, and each swapped with the next: other sums of real points.
    function test_refusesOtherTerms() public view {
        for (uint256 i = 0; i < _fraud.terms; ++i) {
            bytes memory proof = withWord(_fraud.proof, 2 + 3 * i, Q - wordAt(_fraud.proof, 2 + 3 * i));
            bytes4 reason = IHalo2Caller.InvalidProof.selector;
            requireRefusal(address(_verifier), _call(_fraud.output, proof), reason, _label("negated term ", i));
            if (i + 1 == _fraud.terms) break;
            proof = bytes.concat(_fraud.proof);
            for (uint256 j = 1 + 3 * i; j < 4 + 3 * i; ++j) {
                proof = withWord(proof, j, wordAt(_fraud.proof, j + 3));
                proof = withWord(proof, j + 3, wordAt(_fraud.proof, j));
            }
            requireRefusal(address(_verifier), _call(_fraud.output, proof), reason, _label("swapped term ", i));
        }
    }

    /// + 1, 0 and a flipped low bit in each word of the halo2 proof.
    function test_refusesEachChangedProofWord() public {
        uint256 tried = 0;
        for (uint256 i = _deferredWords; i < _fraud.proof.length / 32; ++i) {
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

    /// A flipped bit anywhere in the proof, terms included.
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
        for (uint256 i = _deferredWords; i < words; ++i) {
            bytes memory proof = withWord(_fraud.proof, i, wordAt(_fraud.proof, i) + R);
            (bool accepted,) = address(_verifier).staticcall{gas: CALL_GAS}(_call(_fraud.output, proof));
            if (accepted) ++malleable;
            (bool replayed, bytes memory reason) = address(registry).call{gas: CALL_GAS}(
                abi.encodeCall(IModelRegistry.submit, (id, _fraud.inputCommitment, _fraud.output, proof))
            );
            vm.assertTrue(!replayed, "replayed");
            vm.assertEq(bytes32(bytes4(reason)), bytes32(IModelRegistry.StatementReplayed.selector), "reason");
        }
        emit log_named_uint("proof words tried with + r", words - _deferredWords);
        emit log_named_uint("of which the verifier reduces, so accepts", malleable);
        emit log_named_uint("of which the registry accepts as a new statement", 0);
    }

    /// @dev Words of a statement with one output word, then of its proof.
    function _wordOf(uint256 index) private view returns (uint256) {
        if (index > 3) return wordAt(_fraud.proof, index - 4);
        if (index == 3) return wordAt(_fraud.output, 0);
        return uint256([_fraud.programDigest, _fraud.weightCommitment, _fraud.inputCommitment][index]);
    }

    function _withWord(uint256 index, uint256 value) private view returns (bytes memory) {
        if (index > 3) return _call(_fraud.output, withWord(_fraud.proof, index - 4, value));
        if (index == 3) return _call(abi.encode(value), _fraud.proof);
        bytes32[3] memory fixedPart = [_fraud.programDigest, _fraud.weightCommitment, _fraud.inputCommitment];
        fixedPart[index] = bytes32(value);
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
