//! Text of scalars.
//!
//! A node that is used once stands where it is used; one used more often gets a word of memory. An expression that would put more than [`MAX_HEIGHT`] words
//! on the stack is cut, as the compiler must reach the modulus under them. Inverses that do not depend on each other share one exponentiation.

use std::fmt::Write;

use super::{CHALLENGES, Hex, Writer};
use crate::evm::universal::graph::{Id, Node};

/// Words of an expression on the stack; 16 can be reached, some are the contract's own.
const MAX_HEIGHT: usize = 11;

impl Writer<'_> {
    /// Computes the nodes that are used more than once, so that nothing later recurses far.
    pub(in crate::evm::universal) fn shared(&mut self) {
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
    pub(super) fn expression(&mut self, id: Id) -> (String, usize) {
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
