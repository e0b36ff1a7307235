// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {Context} from "../src/libraries/Context.sol";
import {TestBase} from "./helpers/TestBase.sol";

/// @dev Gives the internal library an outside.
contract ContextHarness {
    function contextOf(address sender, uint256 choice) external view returns (uint256) {
        return Context.contextOf(sender, choice);
    }

    function scopeOf(uint256 subject) external view returns (uint256) {
        return Context.scopeOf(subject);
    }
}

contract ContextTest is TestBase {
    address private constant AT = 0x1111111111111111111111111111111111111111;
    address private constant SENDER = 0x2222222222222222222222222222222222222222;

    ContextHarness private _at;

    function setUp() public {
        vm.etch(AT, address(new ContextHarness()).code);
        _at = ContextHarness(AT);
    }

    /// The values that `cli/src/context.rs` and `client/test/context.test.ts` have, made outside (cast).
    function test_isWhatCommandLineAndClientCompute() public {
        vm.chainId(31337);
        vm.assertEq(
            _at.contextOf(SENDER, 3),
            0x25e3415ff3267a934368a84c484698e3ac8165c1496da6eef007bfdff1c8ddab,
            "context of a sender"
        );
        vm.assertEq(
            _at.contextOf(address(0), 3),
            0x28a2c227e1966cd454be22787f0ce095f394833681958acfb84b6902d0f07426,
            "context of anyone"
        );
        vm.assertEq(_at.scopeOf(7), 0x11e661c392c78ef46f71103ef73793157a2afcca3b199fc1e539dc873d891e7f, "scope");
    }

    /// Written out again, and different for every other part.
    function testFuzz_isOfEveryPart(uint64 chain, address sender, uint256 choice) public {
        uint256 id = bound(chain, 1, type(uint64).max - 1);
        vm.chainId(id);
        bytes32 domain = keccak256("laminate.context.v1");
        uint256 found = _at.contextOf(sender, choice);
        vm.assertEq(found, uint256(keccak256(abi.encode(domain, id, AT, sender, choice))) % R, "context");
        bytes32 scopes = keccak256("laminate.scope.v1");
        uint256 scope = _at.scopeOf(choice);
        vm.assertEq(scope, uint256(keccak256(abi.encode(scopes, id, AT, choice))) % R, "scope");
        unchecked {
            vm.assertNotEq(_at.contextOf(address(uint160(sender) ^ 1), choice), found, "another sender");
            vm.assertNotEq(_at.contextOf(sender, choice + 1), found, "another choice");
            vm.assertNotEq(_at.scopeOf(choice + 1), scope, "another subject");
        }
        ContextHarness elsewhere = new ContextHarness();
        vm.assertNotEq(elsewhere.contextOf(sender, choice), found, "another contract");
        vm.assertNotEq(elsewhere.scopeOf(choice), scope, "another contract's scope");
        vm.chainId(id + 1);
        vm.assertNotEq(_at.contextOf(sender, choice), found, "another chain");
        vm.assertNotEq(_at.scopeOf(choice), scope, "another chain's scope");
    }
}
