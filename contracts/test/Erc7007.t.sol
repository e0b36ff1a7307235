// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {Erc7007} from "../src/adapters/Erc7007.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {Registered} from "./helpers/Registered.sol";

/// @dev The least that inherits it.
contract Content is Erc7007 {
    constructor(IModelRegistry models, uint256 model) Erc7007(models, model) {}
}

/// @dev What the text declares, for its id.
interface IDeclared {
    function mint(address to, bytes calldata prompt, bytes calldata aigcData, string calldata uri, bytes calldata proof)
        external
        returns (uint256 tokenId);
    function verify(bytes calldata prompt, bytes calldata aigcData, bytes calldata proof)
        external
        view
        returns (bool success);
}

/// @dev Real proofs through `verify` as the text has it.
contract Erc7007Test is Registered {
    Content private _content;

    function setUp() public {
        setUpModels();
        _content = new Content(registry, modelId);
    }

    function test_verifiesRealProofs() public view {
        IDeclared token = IDeclared(address(_content));
        vm.assertTrue(token.verify(abi.encode(fraud.inputCommitment), fraud.output, fraud.proof), "fraud");
        vm.assertTrue(token.verify(abi.encode(other.inputCommitment), other.output, other.proof), "other input");
        vm.assertEq(_content.modelId(), modelId, "model");
    }

    function test_forgedContentIsFalse() public view {
        Forged[] memory made = forgeries();
        for (uint256 i = 0; i < made.length; ++i) {
            bool accepted = _content.verify(abi.encode(made[i].input), made[i].output, made[i].proof);
            vm.assertTrue(!accepted, made[i].what);
        }
    }

    /// Other splits of prompt and data, which the text's reference would take.
    function test_promptsHaveOneLength() public view {
        bytes memory prompt = abi.encode(fraud.inputCommitment);
        bytes memory both = bytes.concat(prompt, fraud.output);
        for (uint256 cut = 0; cut <= both.length; ++cut) {
            bool accepted = _content.verify(slice(both, 0, cut), slice(both, cut, both.length), fraud.proof);
            vm.assertTrue(accepted == (cut == 32), vm.toString(cut));
        }
        vm.assertTrue(!_content.verify(bytes.concat(prompt, bytes32(0)), fraud.output, fraud.proof), "longer");
        vm.assertTrue(!_content.verify(bytes.concat(prompt, hex"00"), fraud.output, fraud.proof), "a byte longer");
        vm.assertTrue(!_content.verify("", fraud.output, fraud.proof), "none");
    }

    function test_retiredModels() public {
        retire(modelId);
        bool accepted = _content.verify(abi.encode(fraud.inputCommitment), fraud.output, fraud.proof);
        vm.assertTrue(!accepted, "retired");
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelIsRetired.selector, modelId));
        new Content(registry, modelId);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelNotFound.selector, 7));
        new Content(registry, 7);
    }

    function test_tokenIds() public view {
        bytes memory prompt = abi.encode(fraud.inputCommitment);
        vm.assertEq(_content.tokenIdOf(prompt), uint256(keccak256(prompt)), "id");
    }

    /// The interface's id is not the one that the text gives: that belongs to a `mint` without a receiver.
    function test_idInTheText() public pure {
        bytes4 verify = IDeclared.verify.selector;
        vm.assertEq(bytes32(type(IDeclared).interfaceId), bytes32(bytes4(0x2a8ab591)), "declared");
        bytes4 older = bytes4(keccak256("mint(bytes,bytes,string,bytes)")) ^ verify;
        vm.assertEq(bytes32(older), bytes32(bytes4(0x7e52e423)), "in the text");
    }
}
