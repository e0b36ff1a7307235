// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {Deploy} from "../script/Deploy.s.sol";
import {Fixtures} from "./helpers/Fixtures.sol";

/// @dev The script, run as a script, on the generated verifier of the repository.
contract DeployTest is Fixtures {
    function test_deploysAVerifierThatAcceptsTheRealProof() public {
        vm.chainId(31337);
        Proven memory fraud = load(FRAUD);
        Deploy.Deployment memory deployment = new Deploy().run();
        vm.assertEq(deployment.inferenceVerifier.proofLength(), fraud.halo2ProofLength, "proof length");
        vm.assertEq(deployment.inferenceVerifier.termCount(), fraud.terms, "terms");
        vm.assertEq(deployment.inferenceVerifier.halo2Verifier(), deployment.halo2Verifier, "verifier");
        vm.assertEq(address(deployment.fraudScreen.registry()), address(deployment.registry), "registry");
        uint256 id = deployment.registry
            .registerModel(fraud.programDigest, fraud.weightCommitment, deployment.inferenceVerifier, 0);
        deployment.registry.submit(id, fraud.inputCommitment, fraud.output, fraud.proof);
    }

    /// A verifier made from a development SRS stays on local chains; one from a real SRS goes anywhere.
    function test_developmentSrsStaysLocal() public {
        bool development = vm.parseJsonBool(vm.readFile("contracts/src/generated/verifier.json"), ".developmentSrs");
        Deploy script = new Deploy();
        uint64[4] memory chains = [uint64(1), 10, 8453, 11155111];
        for (uint256 i = 0; i < chains.length; ++i) {
            vm.chainId(chains[i]);
            if (development) {
                vm.expectRevert(abi.encodeWithSelector(Deploy.DevelopmentSrsOnPublicChain.selector, chains[i]));
            }
            script.run();
        }
    }

    /// The code decides, not the description beside it.
    function test_developmentSrsIsFoundInTheCode() public {
        Deploy script = new Deploy();
        bytes memory code = vm.getCode("Halo2Verifier.sol:Halo2Verifier");
        bool development = vm.parseJsonBool(vm.readFile("contracts/src/generated/verifier.json"), ".developmentSrs");
        vm.assertTrue(script.isDevelopment(code) == development, "generated verifier");
        bytes32 secret = 0x0155dc4cf583b977614d164daec230e3c246855d231361eec6bdbf96c66a001b;
        vm.assertTrue(script.isDevelopment(abi.encodePacked(secret)), "alone");
        vm.assertTrue(script.isDevelopment(abi.encodePacked(hex"607f", secret)), "at the end");
        vm.assertTrue(script.isDevelopment(abi.encodePacked(secret, hex"5b")), "at the start");
        vm.assertTrue(!script.isDevelopment(abi.encodePacked(bytes31(secret))), "cut");
        vm.assertTrue(!script.isDevelopment(abi.encodePacked(bytes32(uint256(secret) + 1))), "another");
        vm.assertTrue(!script.isDevelopment(""), "empty");
    }

    function test_localChains() public {
        Deploy script = new Deploy();
        vm.assertTrue(script.isLocal(31337) && script.isLocal(1337), "local");
        vm.assertTrue(!script.isLocal(1) && !script.isLocal(0) && !script.isLocal(11155111), "public");
    }
}
