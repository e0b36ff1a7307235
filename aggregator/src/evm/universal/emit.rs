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
//!
//! # Text of a scalar
//! A node that is used once stands where it is used; one used more often gets a word of memory. An expression that would put more than [`MAX_HEIGHT`] words
//! on the stack is cut, as the compiler must reach the modulus under them. Inverses that do not depend on each other share one exponentiation.

use std::fmt::Write;

use halo2_base::halo2_proofs::halo2curves::{
    bn256::{Fq2, Fr, G1Affine, G2Affine},
    ff::{Field, PrimeField},
};

use super::graph::{Base, Id, Node};
use super::transcript::Piece;
use crate::evm::error::EvmError;

const SUM: usize = 0x80;
const OPERAND: usize = SUM + 0x40;
const SCALAR: usize = OPERAND + 0x40;
const CLAIMS: usize = SCALAR + 0x20;
const PAIRING: usize = CLAIMS + 0x100;
const POWER: usize = PAIRING + 0x180;
const CHALLENGES: usize = POWER + 0xc0;
/// Words of an expression on the stack; 16 can be reached, some are the contract's own.
const MAX_HEIGHT: usize = 11;

/// Functions of the contract; each ends the call where a precompile refuses, or where there is none: a call to an address without code succeeds and
/// returns nothing. (The operand that is named first is computed last.)
///
/// Packed proofs, those with `rows`, show terms instead of limbs: there is no accumulator to read.
fn functions(rows: Option<Rows>) -> String {
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

/// Rows of a key.
#[derive(Clone, Copy, Debug)]
enum Rows {
    /// Known to the generator.
    Constant(Fr),
    /// A word of the calldata.
    Calldata(usize),
}

impl Rows {
    fn of(node: Node) -> Result<Self, EvmError> {
        match node {
            Node::Constant(value) => Ok(Self::Constant(value)),
            Node::Calldata(at) => Ok(Self::Calldata(at)),
            other => Err(EvmError::Generate {
                reason: format!("{other:?} for the number of rows"),
            }),
        }
    }

    /// The number.
    fn text(self) -> String {
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

    /// Computes the nodes that are used more than once, so that nothing later recurses far.
    pub(super) fn shared(&mut self) {
        for id in 0..self.nodes.len() {
            let node = self.nodes[id];
            let shared = match node {
                Node::Sum(..) | Node::Product(..) => self.uses[id] > 1,
                Node::RowsPower(_) | Node::Inverse(_) => self.uses[id] > 0,
                _ => false,
            };
            if shared {
                self.word(id);
            }
        }
    }

    /// `Σ scalar · point` into `SUM`.
    pub(super) fn sum(&mut self, terms: &[(Id, Base)]) {
        let unit = |(scalar, _): &(Id, Base)| self.nodes[*scalar] == Node::Constant(Fr::ONE);
        let (units, scaled): (Vec<_>, Vec<_>) = terms.iter().copied().partition(unit);
        let unscaled = units.len();
        for (place, (scalar, point)) in units.into_iter().chain(scaled).enumerate() {
            let scalar = self.expression(scalar).0;
            self.place(point, if place == 0 { SUM } else { OPERAND });
            match (place, unscaled) {
                (0, 0) => self.line(&format!("scale({scalar})")),
                (0, _) => {}
                _ => self.line(&format!("include({scalar})")),
            }
        }
    }

    fn place(&mut self, point: Base, to: usize) {
        match point {
            Base::Calldata(at) => self.line(&format!("calldatacopy({to:#x}, {at:#x}, 0x40)")),
            Base::Constant(G1Affine { x, y }) => {
                let y_at = to + 0x20;
                let (x, y) = (Hex(x), Hex(y));
                self.line(&format!(
                    "mstore({to:#x}, {x:#x})\nmstore({y_at:#x}, {y:#x})"
                ));
            }
        }
    }

    /// Keeps the sum as the proof's `lhs` (0) or `rhs` (1).
    pub(super) fn keep(&mut self, side: usize) {
        let to = CLAIMS + 0x40 * side;
        self.line(&format!("move({SUM:#x}, {to:#x})"));
    }

    /// Folds the proof's pairing with the accumulator's, whose limbs lead the calldata, and ends the call unless the two hold.
    pub(super) fn decide(&mut self, g2: &G2Affine, minus_s_g2: &G2Affine) {
        let (lhs, rhs) = (CLAIMS, CLAIMS + 0x40);
        let (other_lhs, other_rhs) = (CLAIMS + 0x80, CLAIMS + 0xc0);
        self.line(&format!(
            "claim(0, {other_lhs:#x})\nclaim(0xc0, {other_rhs:#x})"
        ));
        self.line(&format!(
            "let fold := mod(keccak256({CLAIMS:#x}, 0x100), q)"
        ));
        let sides = [
            (lhs, other_lhs, PAIRING, g2),
            (rhs, other_rhs, PAIRING + 0xc0, minus_s_g2),
        ];
        for (own, other, to, factor) in sides {
            self.line(&format!(
                "move({own:#x}, {SUM:#x})\nmove({other:#x}, {OPERAND:#x})\ninclude(fold)\nmove({SUM:#x}, {to:#x})"
            ));
            self.factor(to, factor);
        }
        self.pairing();
    }

    /// Folds the proof's pairing, whose left side is the sum, with that of the terms, which end the calldata behind the scalar `left` of the last point but
    /// one on the left side, and ends the call unless the two hold. The sum has the generator's scalar of both.
    pub(super) fn decide_with_terms(
        &mut self,
        fold: Id,
        last: Base,
        places: Terms,
        g2: &G2Affine,
        minus_s_g2: &G2Affine,
    ) {
        let fold = self.expression(fold).0;
        let Terms { left, terms } = places;
        let (right, two) = (PAIRING + 0xc0, terms + 2 * TERM);
        self.line(&format!(
            "for {{ let at := {terms:#x} }} lt(at, calldatasize()) {{ at := add(at, {TERM:#x}) }} {{
calldatacopy({OPERAND:#x}, at, 0x40)
if iszero(or(mload({OPERAND:#x}), mload({y:#x}))) {{ revert(0, 0) }}
let scalar := calldataload(add(at, 0x40))
if iszero(lt(scalar, q)) {{ revert(0, 0) }}
include(mulmod({fold}, scalar, q))
}}
move({SUM:#x}, {PAIRING:#x})
calldatacopy({OPERAND:#x}, sub(calldatasize(), {TERM:#x}), 0x40)
if calldataload({left:#x}) {{
if lt(calldatasize(), {two:#x}) {{ revert(0, 0) }}
move({OPERAND:#x}, {SUM:#x})
calldatacopy({OPERAND:#x}, sub(calldatasize(), {before:#x}), 0x40)
include(calldataload({left:#x}))
if iszero(or(mload({SUM:#x}), mload({sum_y:#x}))) {{ revert(0, 0) }}
move({SUM:#x}, {OPERAND:#x})
}}",
            y = OPERAND + 0x20,
            sum_y = SUM + 0x20,
            before = 2 * TERM,
        ));
        self.place(last, SUM);
        self.line(&format!("include({fold})\nmove({SUM:#x}, {right:#x})"));
        self.factor(PAIRING, g2);
        self.factor(right, minus_s_g2);
        self.pairing();
    }

    /// The factor behind a side's point in the pairing's input.
    fn factor(&mut self, to: usize, factor: &G2Affine) {
        // The order of [`crate::evm::secret_words`].
        let [Fq2 { c0: x0, c1: x1 }, Fq2 { c0: y0, c1: y1 }] = [factor.x, factor.y];
        for (place, word) in [x1, x0, y1, y0].into_iter().enumerate() {
            let (at, word) = (to + 0x40 + 0x20 * place, Hex(word));
            self.line(&format!("mstore({at:#x}, {word:#x})"));
        }
    }

    /// Ends the call, without success unless the pairing holds.
    fn pairing(&mut self) {
        self.line(&format!(
            "mstore(0, 0)\n\
             if iszero(and(eq(returndatasize(), 0x20), staticcall(gas(), 8, {PAIRING:#x}, 0x180, 0, 0x20))) {{ revert(0, 0) }}\n\
             if sub(mload(0), 1) {{ revert(0, 0) }}\n\
             return(0, 0)"
        ));
    }

    fn allocate(&mut self) -> usize {
        let slot = self.next_slot;
        self.next_slot += 0x20;
        slot
    }

    /// A node that costs one load: no computation, or done.
    fn loaded(&self, id: Id) -> Option<String> {
        let memory = |at: usize| format!("mload({at:#x})");
        match (self.slots[id], self.nodes[id]) {
            (Some(slot), _) => Some(memory(slot)),
            (None, Node::Constant(value)) => Some(format!("{:#x}", Hex(value))),
            (None, Node::Calldata(at)) => Some(format!("calldataload({at:#x})")),
            (None, Node::Challenge(number)) => Some(memory(CHALLENGES + 32 * number)),
            _ => None,
        }
    }

    /// Computes a node into a word of memory unless it is loaded already; the text that loads it.
    fn word(&mut self, id: Id) -> String {
        if let Some(text) = self.loaded(id) {
            return text;
        }
        if let Node::Inverse(_) = self.nodes[id] {
            self.invert(self.levels[id]);
        } else {
            let (text, _) = self.operation(id);
            let slot = self.allocate();
            self.line(&format!("mstore({slot:#x}, {text})"));
            self.slots[id] = Some(slot);
        }
        self.loaded(id).unwrap_or_default()
    }

    /// Text of a node and the words of stack that it takes.
    fn expression(&mut self, id: Id) -> (String, usize) {
        if let Some(text) = self.loaded(id) {
            return (text, 1);
        }
        match self.nodes[id] {
            Node::Negated(_) => self.operation(id),
            Node::Sum(..) | Node::Product(..) if self.uses[id] < 2 => self.operation(id),
            _ => (self.word(id), 1),
        }
    }

    fn operation(&mut self, id: Id) -> (String, usize) {
        let (name, a, b) = match self.nodes[id] {
            Node::Sum(a, b) => ("addmod", a, b),
            Node::Product(a, b) => ("mulmod", a, b),
            Node::Negated(a) => {
                let (text, height) = self.expression(a);
                return (format!("sub(q, {text})"), height.max(2));
            }
            Node::RowsPower(a) => {
                let (text, _) = self.expression(a);
                let power = match self.inverse {
                    Some(_) => format!("rows_power({text}, q)"),
                    None => format!("power({text}, {}, q)", self.rows.text()),
                };
                return (power, 4);
            }
            _ => return (self.word(id), 1),
        };
        let mut operands = [a, b].map(|operand| {
            let (text, height) = self.expression(operand);
            (height, operand, text)
        });
        // The second operand is computed first, with less below it: the higher goes there.
        operands.sort_by_key(|operand| operand.0);
        let total =
            |operands: &[(usize, Id, String); 2]| (operands[0].0 + 2).max(operands[1].0 + 1);
        while total(&operands) > MAX_HEIGHT {
            let [_, (height, operand, text)] = &mut operands;
            *text = self.spill(*operand, text);
            *height = 1;
            operands.sort_by_key(|operand| operand.0);
        }
        let height = total(&operands);
        let [(_, _, first), (_, _, second)] = operands;
        (format!("{name}({first}, {second}, q)"), height)
    }

    /// Puts a text into memory.
    fn spill(&mut self, id: Id, text: &str) -> String {
        let slot = self.allocate();
        self.line(&format!("mstore({slot:#x}, {text})"));
        self.slots[id] = Some(slot);
        format!("mload({slot:#x})")
    }

    /// Inverts every node to invert of a level: one exponentiation and three products each. While the product grows, the word of an inverse keeps the
    /// product of those before it.
    fn invert(&mut self, level: usize) {
        let batch: Vec<(Id, Id)> = (0..self.nodes.len())
            .filter(|id| self.uses[*id] > 0 && self.levels[*id] == level)
            .filter_map(|id| match self.nodes[id] {
                Node::Inverse(operand) => Some((id, operand)),
                _ => None,
            })
            .collect();
        let mut words = vec![];
        for (id, operand) in batch {
            let text = self.word(operand);
            words.push((id, self.allocate(), text));
        }
        let Some(((first, first_slot, first_text), rest)) = words.split_first() else {
            return;
        };
        let mut text = format!("{{\nlet product := {first_text}\n");
        for (_, slot, value) in rest {
            let _ = write!(
                text,
                "mstore({slot:#x}, product)\nproduct := mulmod({value}, product, q)\n"
            );
        }
        let inverse = match self.inverse {
            Some(at) => format!("calldataload({at:#x})"),
            None => "power(product, sub(q, 2), q)".to_owned(),
        };
        let _ = write!(
            text,
            "let inverse := {inverse}\n\
             if sub(mulmod(product, inverse, q), 1) {{ revert(0, 0) }}\n",
        );
        for (_, slot, value) in rest.iter().rev() {
            let _ = write!(
                text,
                "mstore({slot:#x}, mulmod(mload({slot:#x}), inverse, q))\ninverse := mulmod({value}, inverse, q)\n"
            );
        }
        let _ = write!(text, "mstore({first_slot:#x}, inverse)\n}}");
        self.line(&text);
        self.slots[*first] = Some(*first_slot);
        for (id, slot, _) in rest {
            self.slots[*id] = Some(*slot);
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
