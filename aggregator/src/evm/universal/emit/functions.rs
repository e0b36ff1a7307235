//! Functions of the contract.

use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use halo2_base::halo2_proofs::halo2curves::ff::PrimeField;

use super::{Hex, OPERAND, POWER, SCALAR, SUM};
use crate::evm::error::EvmError;
use crate::evm::universal::graph::Node;

/// Functions of the contract; each ends the call where a precompile refuses, or where there is none: a call to an address without code succeeds and
/// returns nothing. (The operand that is named first is computed last.)
///
/// Packed proofs, those with `rows`, show terms instead of limbs: there is no accumulator to read.
pub(super) fn functions(rows: Option<Rows>) -> String {
    let (power, start) = match rows {
        Some(rows) => (rows.squarings(), String::new()),
        None => modular_exponentiation(),
    };
    let limbs = match rows {
        Some(_) => "",
        None => ACCUMULATOR,
    };
    format!(
        "function scale(scalar) {{
mstore({OPERAND:#x}, scalar)
if iszero(and(eq(returndatasize(), 0x40), staticcall(gas(), 7, {SUM:#x}, 0x60, {SUM:#x}, 0x40))) {{ revert(0, 0) }}
}}
function include(scalar) {{
mstore({SCALAR:#x}, scalar)
if iszero(and(eq(returndatasize(), 0x40), staticcall(gas(), 7, {OPERAND:#x}, 0x60, {OPERAND:#x}, 0x40))) {{ revert(0, 0) }}
if iszero(and(eq(returndatasize(), 0x40), staticcall(gas(), 6, {SUM:#x}, 0x80, {SUM:#x}, 0x40))) {{ revert(0, 0) }}
}}
function move(from, to) {{
mstore(to, mload(from))
mstore(add(to, 0x20), mload(add(from, 0x20)))
}}
{power}{limbs}{start}"
    )
}

/// Functions that read an accumulator's points from limbs.
const ACCUMULATOR: &str = "function coordinate(at) -> value {
let low := calldataload(at)
let middle := calldataload(add(at, 0x20))
let high := calldataload(add(at, 0x40))
if or(or(shr(88, low), shr(88, middle)), shr(80, high)) { revert(0, 0) }
value := or(low, or(shl(88, middle), shl(176, high)))
}
function claim(at, to) {
let x := coordinate(at)
let y := coordinate(add(at, 0x60))
if iszero(or(x, y)) { revert(0, 0) }
mstore(to, x)
mstore(add(to, 0x20), y)
}
";

/// Any power by the precompile, and the words of its input that are always the same.
fn modular_exponentiation() -> (String, String) {
    let function = format!(
        "function power(base, exponent, modulus) -> result {{
mstore({base:#x}, base)
mstore({exponent:#x}, exponent)
mstore({modulus:#x}, modulus)
if iszero(and(eq(returndatasize(), 0x20), staticcall(gas(), 5, {POWER:#x}, 0xc0, 0, 0x20))) {{ revert(0, 0) }}
result := mload(0)
}}
",
        base = POWER + 0x60,
        exponent = POWER + 0x80,
        modulus = POWER + 0xa0,
    );
    let start = format!(
        "mstore({POWER:#x}, 0x20)
mstore({length:#x}, 0x20)
mstore({modulus_length:#x}, 0x20)
",
        length = POWER + 0x20,
        modulus_length = POWER + 0x40,
    );
    (function, start)
}

/// Rows of a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rows {
    /// Known to the generator.
    Constant(Fr),
    /// A word of the calldata.
    Calldata(usize),
}

impl Rows {
    pub(super) fn of(node: Node) -> Result<Self, EvmError> {
        match node {
            Node::Constant(value) => Ok(Self::Constant(value)),
            Node::Calldata(at) => Ok(Self::Calldata(at)),
            other => Err(EvmError::Generate {
                reason: format!("{other:?} for the number of rows"),
            }),
        }
    }

    /// The number.
    pub(super) fn text(self) -> String {
        match self {
            Self::Constant(value) => format!("{:#x}", Hex(value)),
            Self::Calldata(at) => format!("calldataload({at:#x})"),
        }
    }

    /// The power to the number, a power of two as the key says: as many squarings as it has halves.
    fn squarings(self) -> String {
        let body = match self {
            Self::Calldata(_) => format!(
                "for {{ let rest := {} }} gt(rest, 1) {{ rest := shr(1, rest) }} {{ result := mulmod(result, result, modulus) }}\n",
                self.text()
            ),
            Self::Constant(value) => {
                let halves = (0..Fr::S).find(|k| Fr::from(1 << k) == value);
                "result := mulmod(result, result, modulus)\n".repeat(halves.unwrap_or(0) as usize)
            }
        };
        format!("function rows_power(base, modulus) -> result {{\nresult := base\n{body}}}\n")
    }
}
