// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {AuthorisedModels} from "../src/adapters/AuthorisedModels.sol";
import {Erc7007} from "../src/adapters/Erc7007.sol";
import {Erc7992} from "../src/adapters/Erc7992.sol";
import {Erc8004} from "../src/adapters/Erc8004.sol";
import {Erc8274} from "../src/adapters/Erc8274.sol";
import {IErc7992Registry} from "../src/adapters/interfaces/IErc7992.sol";
import {AttestedEligibility} from "../src/examples/AttestedEligibility.sol";
import {IModelRegistry} from "../src/interfaces/IModelRegistry.sol";
import {Eligibility} from "./helpers/Eligibility.sol";
import {Registered} from "./helpers/Registered.sol";
import {EasDouble, ValidationRegistryDouble} from "./helpers/StandardDoubles.sol";

contract GasContent is Erc7007 {
    constructor(IModelRegistry models, uint256 model) Erc7007(models, model) {}
}

/// @dev Gas of a real proof through each adapter: of views as calls, of all else as transactions, with base cost and calldata.
/// forge-config: default.isolate = true
contract AdaptersGasTest is Registered, Eligibility {
    function setUp() public {
        setUpModels();
        vm.warp(1000);
    }

    function test_erc7992() public {
        Erc7992 adapter = new Erc7992(registry);
        IErc7992Registry.ModelCommitment memory commitment = adapter.commitmentOf(modelId, "ipfs://fraud");
        vm.prank(OWNER);
        adapter.registerModel(commitment);
        vm.snapshotGasLastCall("Adapters", "ERC-7992, registerModel");
        adapter.verifyInference(modelId, fraud.inputCommitment, fraud.output, fraud.proof);
        vm.snapshotGasLastCall("Adapters", "ERC-7992, verifyInference");
    }

    function test_erc8274() public {
        Erc8274 adapter = new Erc8274(registry);
        bytes memory metadata = abi.encode(modelId, 1_000_000);
        adapter.verify(fraud.inputCommitment, keccak256(fraud.output), metadata, abi.encode(fraud.output, fraud.proof));
        vm.snapshotGasLastCall("Adapters", "ERC-8274, verify");
    }

    function test_erc8004() public {
        ValidationRegistryDouble validations = new ValidationRegistryDouble();
        Erc8004 validator = new Erc8004(validations, registry, modelId);
        bytes32 statement = registry.hashStatement(modelId, fraud.inputCommitment, fraud.output);
        bytes32 request = validator.requestHashOf(22, statement, "salt");
        validations.validationRequest(address(validator), 22, "ipfs://request", request);
        validator.respond(request, "salt", fraud.inputCommitment, fraud.output, fraud.proof);
        vm.snapshotGasLastCall("Adapters", "ERC-8004, respond");
    }

    function test_erc7007() public {
        GasContent content = new GasContent(registry, modelId);
        content.verify(abi.encode(fraud.inputCommitment), fraud.output, fraud.proof);
        vm.snapshotGasLastCall("Adapters", "ERC-7007, verify");
    }

    function test_authorisedModels() public {
        EasDouble eas = new EasDouble();
        address[] memory attesters = new address[](1);
        attesters[0] = address(this);
        AuthorisedModels gate = new AuthorisedModels(eas, registry, attesters);
        bytes32 uid = eas.attest(gate.SCHEMA(), 0, abi.encode(modelId));
        gate.verifyInference(modelId, uid, fraud.inputCommitment, fraud.output, fraud.proof);
        vm.snapshotGasLastCall("Adapters", "AuthorisedModels, verifyInference");
    }

    function test_eligibility() public {
        AttestedEligibility vote = new AttestedEligibility(registry, rulesOf(modelId, 8192));
        AttestedEligibility.Signed memory signed = sign(vote, ISSUER_KEY, VOTER, fraud.inputCommitment, 1500);
        vm.prank(VOTER);
        vote.vote(1, fraud.inputCommitment, signed, fraud.output, fraud.proof);
        vm.snapshotGasLastCall("Adapters", "AttestedEligibility, vote");
    }
}
