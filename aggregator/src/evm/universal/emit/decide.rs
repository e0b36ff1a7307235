//! Sums of points, and the pairing that decides.

use halo2_base::halo2_proofs::halo2curves::bn256::{Fq2, Fr, G1Affine, G2Affine};
use halo2_base::halo2_proofs::halo2curves::ff::Field;

use super::{CLAIMS, Hex, OPERAND, PAIRING, SUM, TERM, Terms, Writer};
use crate::evm::universal::graph::{Base, Id, Node};

impl Writer<'_> {
    /// `Σ scalar · point` into `SUM`.
    pub(in crate::evm::universal) fn sum(&mut self, terms: &[(Id, Base)]) {
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
    pub(in crate::evm::universal) fn keep(&mut self, side: usize) {
        let to = CLAIMS + 0x40 * side;
        self.line(&format!("move({SUM:#x}, {to:#x})"));
    }

    /// Folds the proof's pairing with the accumulator's, whose limbs lead the calldata, and ends the call unless the two hold.
    pub(in crate::evm::universal) fn decide(&mut self, g2: &G2Affine, minus_s_g2: &G2Affine) {
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
    pub(in crate::evm::universal) fn decide_with_terms(
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
}
