// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

import {PublicValues} from "../../src/libraries/PublicValues.sol";

/// @dev Gives the internal library an outside.
contract PublicValuesHarness {
    function instances(PublicValues.Statement calldata statement, bytes calldata output, bytes calldata deferred)
        external
        view
        returns (bytes memory)
    {
        return PublicValues.instances(statement, output, deferred);
    }

    function packedCalldata(
        PublicValues.Statement calldata statement,
        bytes calldata output,
        bytes calldata deferred,
        bytes calldata rest
    ) external pure returns (bytes memory) {
        return PublicValues.packedCalldata(statement, output, deferred, rest);
    }

    function termsIn(uint256 length, uint256 rest) external pure returns (uint256) {
        return PublicValues.termsIn(length, rest);
    }

    /// @dev Gas of making a packed contract's calldata.
    function gasOfPackedCalldata(
        PublicValues.Statement calldata statement,
        bytes calldata output,
        bytes calldata deferred,
        bytes calldata rest
    ) external view returns (uint256) {
        uint256 before = gasleft();
        PublicValues.packedCalldata(statement, output, deferred, rest);
        return before - gasleft();
    }

    /// @dev Gas of making the instances.
    function gasOfInstances(PublicValues.Statement calldata statement, bytes calldata output, bytes calldata deferred)
        external
        view
        returns (uint256)
    {
        uint256 before = gasleft();
        PublicValues.instances(statement, output, deferred);
        return before - gasleft();
    }
}
