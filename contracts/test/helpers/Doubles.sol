// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {FraudScreen} from "../../src/FraudScreen.sol";

/// @dev Stands for a generated verifier where only the control flow around it is tested.
contract AcceptAll {
    fallback() external {}
}

/// @dev Stands for a generated verifier that refuses.
contract RejectAll {
    fallback() external {
        assembly ("memory-safe") {
            revert(0, 0)
        }
    }
}

/// @dev Accepts one exact calldata, to the byte, and refuses every other.
contract AcceptExactly {
    bytes32 private immutable _expected;

    constructor(bytes32 calldataHash) {
        _expected = calldataHash;
    }

    fallback() external {
        if (keccak256(msg.data) != _expected) {
            assembly ("memory-safe") {
                revert(0, 0)
            }
        }
    }
}

/// @dev A payee that tries to settle and refund again while it is being paid.
contract ReentrantPayee {
    FraudScreen private immutable _screen;
    uint256 private _paymentId;
    bytes private _output;
    bytes private _proof;
    uint256 public attempts;

    constructor(FraudScreen screen) {
        _screen = screen;
    }

    function arm(uint256 paymentId, bytes calldata output, bytes calldata proof) external {
        (_paymentId, _output, _proof) = (paymentId, output, proof);
    }

    receive() external payable {
        ++attempts;
        try _screen.settle(_paymentId, _output, _proof) {
            attempts = type(uint256).max;
        } catch {}
        try _screen.refund(_paymentId) {
            attempts = type(uint256).max;
        } catch {}
    }
}

/// @dev A payee that takes no ether.
contract RefusingPayee {}
