// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.19;

/// @title The public statement of an inference proof, as the circuit lays it out
/// @notice Mirrors the layout of the proving side; nothing else on chain knows these numbers.
///
/// A statement is the first of a proof's public values, one big-endian 32-byte word each, all elements of BN254's
/// scalar field. What follows them, and how 15 instances stand for all of them, is in `PublicValues`.
///
/// | index | content                                             |
/// | ----- | --------------------------------------------------- |
/// | 0     | number of public values                             |
/// | 1     | output count                                        |
/// | 2     | program digest (architecture and integer semantics) |
/// | 3     | weight commitment                                   |
/// | 4     | input commitment                                    |
/// | 5..   | output words                                        |
///
/// An output is a 16-bit fixed-point number `v` in [-2^15, 2^15), encoded as `v + 2^15`. Fifteen of them share a word,
/// output `i` at bits `16 * (i % 15)` of word `i / 15`. Outputs are row-major with the batch as the leading axis.
///
/// The outputs of a language model are tokens: `v + 2^15` is the id. Ids of a vocabulary of more than 2^16 tokens take
/// 32 bits each, token `i` at bits `32 * (i % 7)` of word `i / 7`; such a statement's `outputCount` counts their 16-bit
/// halves and the empty fifteenth field of every word but the last (`longTokenFields`).
///
/// Some programs' statements say more, in words before those of the outputs: root, scope and nullifier of a credential, a
/// context (`Context`), and the packed values of a public input. They count as full words, fifteen outputs each, so that
/// whoever expects one output takes no such program; the outputs are the last ones. A binding word is any element of the
/// scalar field.
///
/// Of a program that hides its output, one word stands in the place of all outputs: a salted commitment to them, which is any
/// element of the scalar field and counts as a full word, too. It is a Poseidon hash, which no contract opens.
library StatementLib {
    /// @notice Order of BN254's scalar field: public values are evaluated modulo it, so this side must refuse every
    /// larger word, or one statement would have several encodings.
    uint256 internal constant SCALAR_MODULUS =
        21888242871839275222246405745257275088548364400416034343698204186575808495617;
    /// @notice Order of BN254's base field, which the coordinates of points belong to.
    uint256 internal constant BASE_MODULUS =
        21888242871839275222246405745257275088696311157297823662689037894645226208583;

    /// @notice Public values that precede the output words.
    uint256 internal constant FIXED_VALUES = 5;
    /// @notice Limit on the outputs of one statement; far above what a block's gas lets through.
    uint256 internal constant MAX_OUTPUTS = 2 ** 16;

    uint256 internal constant OUTPUT_BITS = 16;
    uint256 internal constant OUTPUTS_PER_WORD = 15;
    uint256 internal constant LONG_TOKEN_BITS = 32;
    uint256 internal constant LONG_TOKENS_PER_WORD = 7;
    int256 internal constant OUTPUT_OFFSET = 2 ** 15;

    /// @notice Separates statement hashes from every other hash in use.
    bytes32 internal constant STATEMENT_DOMAIN = keccak256("laminate.statement.v1");
    /// @notice Separates model identifiers from every other hash in use.
    bytes32 internal constant MODEL_DOMAIN = keccak256("laminate.model.v1");

    /// @notice A public value is not reduced modulo the scalar field; `index` counts in the layout above.
    error ValueNotCanonical(uint256 index, uint256 value);
    /// @notice The number of outputs is above the limit, or zero where there must be one.
    error OutputCountOutOfRange(uint256 count, uint256 limit);
    /// @notice The output is not the exact number of bytes of the model's output words.
    error OutputLength(uint256 expected, uint256 found);
    /// @notice An output word has bits beyond its last output.
    error OutputWordTooLarge(uint256 word, uint256 value);
    /// @notice There is no such output in the statement.
    error OutputIndex(uint256 index, uint256 count);

    /// @notice Words that hold `outputCount` outputs.
    function outputWords(uint256 outputCount) internal pure returns (uint256) {
        return (outputCount + OUTPUTS_PER_WORD - 1) / OUTPUTS_PER_WORD;
    }

    /// @notice Refuses a digest or commitment that is not a reduced field element.
    /// @param index Its place among the public values, for the error.
    function requireCanonical(uint256 index, bytes32 value) internal pure {
        if (uint256(value) >= SCALAR_MODULUS) revert ValueNotCanonical(index, uint256(value));
    }

    /// @notice Refuses a number of outputs above the limit.
    function requireOutputCount(uint256 outputCount) internal pure {
        if (outputCount > MAX_OUTPUTS) revert OutputCountOutOfRange(outputCount, MAX_OUTPUTS);
    }

    /// @notice Refuses output bytes of another length than `outputCount` outputs take, words that are not reduced, and
    /// bits in slots beyond the last output.
    /// @dev What a full word holds is the circuit's business: packed values, which it makes itself, or a binding word or the
    /// commitment to a hidden output, which may have bits above the fifteenth slot.
    function requireOutput(bytes calldata output, uint256 outputCount) internal pure {
        uint256 words = outputWords(outputCount);
        if (output.length != 32 * words) revert OutputLength(32 * words, output.length);
        // `output` has so many words, and `outputCount` is above the slots before the last.
        unchecked {
            uint256 value;
            for (uint256 i = 0; i < words; ++i) {
                assembly ("memory-safe") {
                    value := calldataload(add(output.offset, mul(32, i)))
                }
                if (value >= SCALAR_MODULUS) revert ValueNotCanonical(FIXED_VALUES + i, value);
            }
            if (words == 0) return;
            uint256 slots = outputCount - (words - 1) * OUTPUTS_PER_WORD;
            if (slots == OUTPUTS_PER_WORD) return;
            if (value >> (OUTPUT_BITS * slots) != 0) revert OutputWordTooLarge(words - 1, value);
        }
    }

    /// @notice Output `index` of a statement, a fixed-point number at the model's output scale.
    /// @dev The caller must have had the output checked (`requireOutput`) with the same `outputCount`.
    function decodeOutput(bytes calldata output, uint256 outputCount, uint256 index) internal pure returns (int256) {
        if (index >= outputCount) revert OutputIndex(index, outputCount);
        uint256 word = outputWord(output, index / OUTPUTS_PER_WORD);
        uint256 encoded = (word >> (OUTPUT_BITS * (index % OUTPUTS_PER_WORD))) & (2 ** OUTPUT_BITS - 1);
        return int256(encoded) - OUTPUT_OFFSET;
    }

    /// @notice Token `index` of a statement of a model with more than 2^16 tokens.
    /// @dev The caller must have had the output checked (`requireOutput`) with the `outputCount` of `tokenCount` tokens.
    function decodeLongToken(bytes calldata output, uint256 tokenCount, uint256 index) internal pure returns (uint256) {
        if (index >= tokenCount) revert OutputIndex(index, tokenCount);
        uint256 word = outputWord(output, index / LONG_TOKENS_PER_WORD);
        return (word >> (LONG_TOKEN_BITS * (index % LONG_TOKENS_PER_WORD))) & (2 ** LONG_TOKEN_BITS - 1);
    }

    /// @notice Fields of 16 bits that `tokenCount` such tokens take: their statement's `outputCount`.
    function longTokenFields(uint256 tokenCount) internal pure returns (uint256) {
        if (tokenCount == 0) return 0;
        // Two fields a token, and the empty one of every word but the last.
        return 2 * tokenCount + (tokenCount - 1) / LONG_TOKENS_PER_WORD;
    }

    /// @notice Replay key of an inference: what is claimed, where. Proof bytes never enter, as they are malleable.
    function statementHash(address registry, uint256 modelId, bytes32 inputCommitment, bytes calldata output)
        internal
        view
        returns (bytes32)
    {
        return keccak256(
            abi.encode(STATEMENT_DOMAIN, block.chainid, registry, modelId, inputCommitment, keccak256(output))
        );
    }

    /// @notice Word `index` of an output, such as a binding word. Reverts if there is none.
    function outputWord(bytes calldata output, uint256 index) internal pure returns (uint256) {
        return uint256(bytes32(output[32 * index:32 * index + 32]));
    }
}
