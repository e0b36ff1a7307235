//! Text of the contract from what was recorded.
//!
//! # Memory
//! | from | what |
//! | --- | --- |
//! | `SUM` | running sum of points, the next point, its scalar |
//! | `CLAIMS` | `lhs`, `rhs` of the proof, then of the accumulator: what the folding challenge hashes where limbs are instances |
//! | `PAIRING` | input of the pairing |
//! | `POWER` | input of the modular exponentiation |
//! | `CHALLENGES` | one word a challenge |
//! | after | what the transcript hashes; later, words of arithmetic that are used more than once |

mod decide;
mod functions;
mod scalars;

use functions::{Rows, functions};
use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use halo2_base::halo2_proofs::halo2curves::ff::PrimeField;

use super::graph::{Id, Node};
use super::transcript::Piece;
use crate::evm::error::EvmError;

const SUM: usize = 0x80;
const OPERAND: usize = SUM + 0x40;
const SCALAR: usize = OPERAND + 0x40;
const CLAIMS: usize = SCALAR + 0x20;
const PAIRING: usize = CLAIMS + 0x100;
const POWER: usize = PAIRING + 0x180;
const CHALLENGES: usize = POWER + 0xc0;

/// Bytes of a term: a point and its scalar.
const TERM: usize = 0x60;
/// Most terms, as in `PublicValues.sol`.
const MAX_TERMS: usize = 4096;

/// How long the calldata is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Size {
    /// So many bytes.
    Exactly(usize),
    /// Terms from this offset on, one at least.
    Terms(usize),
}

/// Where the calldata shows the group operations that a circuit leaves to its verifier.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// Scalar of the last point but one on the left side.
    pub left: usize,
    /// The terms, up to the calldata's end.
    pub terms: usize,
}

/// Writes the assembly of one contract.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    nodes: &'a [Node],
    uses: Vec<usize>,
    levels: Vec<usize>,
    slots: Vec<Option<usize>>,
    next_slot: usize,
    rows: Rows,
    inverse: Option<usize>,
    text: String,
}

impl<'a> Writer<'a> {
    /// For a graph of which the contract needs `roots`; `rows` is `n`. Where there is a word `inverse` of the calldata, it is the inverse of the
    /// product of all that is inverted: one product instead of an exponentiation checks it, and the power to `n` is squared.
    pub(super) fn new(
        nodes: &'a [Node],
        roots: &[Id],
        challenges: usize,
        rows: Node,
        inverse: Option<usize>,
    ) -> Result<Self, EvmError> {
        let mut uses = vec![0; nodes.len()];
        for root in roots {
            uses[*root] += 1;
        }
        for (id, node) in nodes.iter().enumerate().rev() {
            let factor = match node {
                _ if uses[id] == 0 => 0,
                // A negation is written at every use.
                Node::Negated(_) => uses[id],
                // Forward and backward pass of the batch.
                Node::Inverse(_) => 2,
                _ => 1,
            };
            node.operands().for_each(|operand| uses[operand] += factor);
        }
        let mut levels = vec![0; nodes.len()];
        for (id, node) in nodes.iter().enumerate() {
            let below = node.operands().map(|operand| levels[operand]).max();
            levels[id] = below.unwrap_or(0) + usize::from(matches!(node, Node::Inverse(_)));
        }
        let inverse_levels = (0..nodes.len())
            .filter(|id| uses[*id] > 0 && matches!(nodes[*id], Node::Inverse(_)))
            .map(|id| levels[id]);
        if inverse.is_some() && inverse_levels.max() > Some(1) {
            return Err(EvmError::Generate {
                reason: "what is inverted depends on an inverse, one word does not show both"
                    .to_owned(),
            });
        }
        let rows = Rows::of(rows)?;
        Ok(Self {
            nodes,
            uses,
            levels,
            slots: vec![None; nodes.len()],
            next_slot: CHALLENGES + 32 * challenges,
            rows,
            inverse,
            text: format!("let q := {}\n", Fr::MODULUS) + &functions(inverse.map(|_| rows)),
        })
    }

    /// The assembly.
    pub(super) fn finish(self) -> String {
        self.text
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Ends the call unless the calldata is as long as it must be and each word of `scalars` is below the modulus.
    pub(super) fn check_words(&mut self, size: Size, scalars: &[usize]) {
        self.line("{");
        let holds = match size {
            Size::Exactly(size) => format!("eq(calldatasize(), {size:#x})"),
            // Below `terms` the difference wraps around, to a number that is not in range.
            Size::Terms(terms) => {
                let most = TERM * MAX_TERMS;
                self.line(&format!("let ends := sub(calldatasize(), {terms:#x})"));
                format!("and(iszero(mod(ends, {TERM:#x})), lt(sub(ends, 1), {most:#x}))")
            }
        };
        self.line(&format!("let ok := {holds}"));
        for at in scalars {
            self.line(&format!("ok := and(ok, lt(calldataload({at:#x}), q))"));
        }
        self.line("if iszero(ok) { revert(0, 0) }\n}");
    }

    /// Ends the call unless the product of two words of the calldata is 1; what the generator knows it knows.
    pub(super) fn check_inverse(&mut self, a: Node, b: Node) {
        if let (Node::Calldata(a), Node::Calldata(b)) = (a, b) {
            self.line(&format!(
                "if sub(mulmod(calldataload({a:#x}), calldataload({b:#x}), q), 1) {{ revert(0, 0) }}"
            ));
        }
    }

    /// What is inverted, by node.
    pub(super) fn inverted(&self) -> Vec<Id> {
        let used = (0..self.nodes.len()).filter(|id| self.uses[*id] > 0);
        used.filter_map(|id| match self.nodes[id] {
            Node::Inverse(operand) => Some(operand),
            _ => None,
        })
        .collect()
    }

    /// Tells who asks with four bytes how the contract is called, which is no proof's length.
    pub(super) fn answer(&mut self, layout: &[u8; 32]) {
        let word: String = layout.iter().map(|byte| format!("{byte:02x}")).collect();
        self.line(&format!(
            "if eq(calldatasize(), 4) {{\nmstore(0, 0x{word})\nreturn(0, 0x20)\n}}"
        ));
    }

    /// The challenges, in order.
    pub(super) fn transcript(&mut self, segments: &[Vec<Piece>]) {
        let state = self.next_slot;
        for (number, segment) in segments.iter().enumerate() {
            let mut at = if number == 0 { state } else { state + 0x20 };
            let mut rest = None;
            for piece in segment {
                at += match piece {
                    Piece::Calldata(words) => {
                        let (from, length) = (words.start, words.len());
                        self.line(&format!("calldatacopy({at:#x}, {from:#x}, {length:#x})"));
                        length
                    }
                    Piece::Constant(value) => {
                        let value = Hex(*value);
                        self.line(&format!("mstore({at:#x}, {value:#x})"));
                        0x20
                    }
                    Piece::Rest(from) => {
                        self.line(&format!(
                            "calldatacopy({at:#x}, {from:#x}, sub(calldatasize(), {from:#x}))"
                        ));
                        rest = Some(*from);
                        0
                    }
                };
            }
            let mut length = at - state;
            if length == 0x20 {
                self.line(&format!("mstore8({at:#x}, 1)"));
                length += 1;
            }
            let length = match rest {
                Some(from) => format!("add({length:#x}, sub(calldatasize(), {from:#x}))"),
                None => format!("{length:#x}"),
            };
            let challenge = CHALLENGES + 32 * number;
            self.line(&format!(
                "mstore({state:#x}, keccak256({state:#x}, {length}))\n\
                 mstore({challenge:#x}, mod(mload({state:#x}), q))"
            ));
        }
    }
}

/// A field element as a literal.
struct Hex<F>(F);

impl<F: PrimeField<Repr = [u8; 32]>> std::fmt::LowerHex for Hex<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits: String = self
            .0
            .to_repr()
            .iter()
            .rev()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let digits = digits.trim_start_matches('0');
        write!(f, "0x{}", if digits.is_empty() { "0" } else { digits })
    }
}
