// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {FraudScreen} from "../../src/FraudScreen.sol";
import {IInferenceVerifier} from "../../src/interfaces/IInferenceVerifier.sol";
import {IWeightVerifier} from "../../src/interfaces/IWeightVerifier.sol";

/// @dev Stands for a generated verifier where only the control flow around it is tested.
contract AcceptAll {
    fallback() external {}
}

/// @dev Stands for a generated verifier that takes all of its gas to refuse, as a precompile does that is given a bad point.
contract BurnAll {
    fallback() external {
        assembly ("memory-safe") {
            invalid()
        }
    }
}

/// @dev The same as `AcceptAll` for a generated verifier of packed proofs, by what it answers to four bytes.
contract AcceptAllPacked {
    fallback() external {
        if (msg.data.length == 4) {
            bytes32 layout = keccak256("laminate.packed-calldata.v1");
            assembly ("memory-safe") {
                mstore(0, layout)
                return(0, 32)
            }
        }
    }
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

/// @dev A model's verifier that accepts every statement, of any shape: what its registrant's word is worth.
contract CarelessVerifier is IInferenceVerifier {
    uint256 public constant outputCount = 1;
    IWeightVerifier public constant weightVerifier = IWeightVerifier(address(0));
    bytes32 public constant weightVerifierCodeHash = 0;

    function verify(bytes32, bytes32, bytes32, bytes calldata, bytes calldata) external pure {}

    function halo2Route() external pure returns (Halo2Route memory none) {}
}

/// @dev An account that, while it is paid, tries to settle, refund and withdraw again.
contract ReentrantAccount {
    FraudScreen private immutable _screen;
    uint256 private _paymentId;
    bytes private _output;
    bytes private _proof;
    uint256 public received;

    constructor(FraudScreen screen) {
        _screen = screen;
    }

    function create(address payee, uint256 modelId, bytes32 input, uint64 deadline) external payable returns (uint256) {
        return _screen.createPayment{value: msg.value}(payee, modelId, input, 8192, deadline);
    }

    function arm(uint256 paymentId, bytes calldata output, bytes calldata proof) external {
        (_paymentId, _output, _proof) = (paymentId, output, proof);
    }

    function withdraw() external {
        _screen.withdraw(address(this));
    }

    receive() external payable {
        // Ends the recursion where the calls below succeed, so that what was sent twice can be seen.
        if (++received > 2) return;
        try _screen.withdraw(address(this)) {} catch {}
        try _screen.settle(_paymentId, _output, _proof) {} catch {}
        try _screen.refund(_paymentId) {} catch {}
        try _screen.withdraw(address(this)) {} catch {}
    }
}

/// @dev An account that takes no ether, and acts on the screen as it is told to.
contract RefusingAccount {
    FraudScreen private immutable _screen;

    constructor(FraudScreen screen) {
        _screen = screen;
    }

    function create(address payee, uint256 modelId, bytes32 input, uint64 deadline) external payable returns (uint256) {
        return _screen.createPayment{value: msg.value}(payee, modelId, input, 8192, deadline);
    }

    function withdraw(address to) external {
        _screen.withdraw(to);
    }
}
