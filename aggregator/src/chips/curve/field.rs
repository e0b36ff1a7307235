//! The base field of BN254 on cells of its scalar field.
//!
//! An [`Element`] is an integer in three limbs of radix 2^88 with its residue modulo `r`, the native
//! modulus; it stands for its class modulo `p`. Integers may be negative and unreduced: the bound of
//! every limb is tracked, and each identity asserts, when it is laid out, that nothing wraps
//! ([`super::identity`]).

use halo2_base::gates::{GateInstructions, RangeChip, RangeInstructions};
use halo2_base::halo2_proofs::halo2curves::bn256::{Fq, Fr};
use halo2_base::halo2_proofs::halo2curves::ff::{Field, PrimeField};
use halo2_base::utils::{fe_to_biguint, modulus};
use halo2_base::{Context, QuantumCell};
use num_bigint::{BigInt, BigUint};

use super::element::{Cell, Element, LIMB_BITS, LIMBS, WIDTHS, native, small, split};

/// `start + Σ a·b` in gates `| acc | a | b | acc' |`; with `total`, asserts that the sum is this constant.
pub(super) fn sum_of_products(
    ctx: &mut Context<Fr>,
    start: QuantumCell<Fr>,
    terms: &[(QuantumCell<Fr>, QuantumCell<Fr>)],
    total: Option<Fr>,
) -> Cell {
    let mut sum = *start.value();
    let mut cells = Vec::with_capacity(1 + 3 * terms.len());
    cells.push(start);
    for (i, (a, b)) in terms.iter().enumerate() {
        sum += *a.value() * b.value();
        let last = i + 1 == terms.len();
        let out = total
            .filter(|_| last)
            .map_or(QuantumCell::Witness(sum), QuantumCell::Constant);
        cells.extend([*a, *b, out]);
    }
    ctx.assign_region(cells, (0..terms.len()).map(|i| 3 * i as isize));
    ctx.get(-1)
}

pub(super) fn existing(cell: &Cell) -> QuantumCell<Fr> {
    QuantumCell::Existing(*cell)
}

pub(super) fn constant(value: Fr) -> QuantumCell<Fr> {
    QuantumCell::Constant(value)
}

/// Arithmetic on [`Element`]s.
#[derive(Clone, Debug)]
pub struct FieldChip {
    pub(super) range: RangeChip<Fr>,
    pub(super) modulus: BigUint,
    pub(super) modulus_limbs: [u128; LIMBS],
    pub(super) native_modulus: BigUint,
    /// `2^(88 i)` and `p·2^(88 i)` modulo `r`.
    pub(super) radix: [Fr; LIMBS],
    pub(super) modulus_native: Fr,
}

impl FieldChip {
    /// Arithmetic with the range table of `range`.
    pub fn new(range: RangeChip<Fr>) -> Self {
        let modulus = modulus::<Fq>();
        Self {
            range,
            modulus_limbs: split(&modulus),
            modulus_native: native(&modulus.clone().into()),
            native_modulus: halo2_base::utils::modulus::<Fr>(),
            radix: std::array::from_fn(|i| native(&(BigInt::from(1) << (LIMB_BITS * i)))),
            modulus,
        }
    }

    /// A constant.
    pub fn constant(&self, ctx: &mut Context<Fr>, value: &Fq) -> Element {
        let limbs = split(&fe_to_biguint(value));
        let cells = limbs.map(|limb| ctx.load_constant(Fr::from_u128(limb)));
        let native = ctx.load_constant(native(&fe_to_biguint(value).into()));
        Element {
            limbs: cells,
            native,
            values: limbs.map(|l| l as i128),
            bound: limbs,
        }
    }

    /// A witness below 2^254 with range-checked limbs; not necessarily below `p`.
    pub fn witness(&self, ctx: &mut Context<Fr>, value: &Fq) -> Element {
        let limbs = split(&fe_to_biguint(value));
        let cells = std::array::from_fn(|i| self.limb(ctx, limbs[i], WIDTHS[i]));
        self.element(ctx, cells, value, Element::reduced_bounds())
    }

    /// `p + extra` as a witness: congruent to `extra`, not canonical.
    #[cfg(test)]
    pub fn unreduced(&self, ctx: &mut Context<Fr>, extra: u64) -> Element {
        let limbs = split(&(&self.modulus + extra));
        let cells = std::array::from_fn(|i| self.limb(ctx, limbs[i], WIDTHS[i]));
        let element = self.element(ctx, cells, &Fq::ZERO, Element::reduced_bounds());
        Element {
            values: limbs.map(|limb| limb as i128),
            ..element
        }
    }

    /// Adds the native residue to the limbs of `value`. The caller has shown their `bound`.
    pub fn element(
        &self,
        ctx: &mut Context<Fr>,
        limbs: [Cell; LIMBS],
        value: &Fq,
        bound: [u128; LIMBS],
    ) -> Element {
        let values = split(&fe_to_biguint(value)).map(|limb| limb as i128);
        let [low, rest @ ..] = &limbs;
        let terms: Vec<_> = rest
            .iter()
            .zip(&self.radix[1..])
            .map(|(l, r)| (existing(l), constant(*r)))
            .collect();
        let native = sum_of_products(ctx, existing(low), &terms, None);
        Element {
            limbs,
            native,
            values,
            bound,
        }
    }

    /// A witness below `2^width`: the sum of looked-up digits, the last one checked to its exact size.
    pub(super) fn limb(&self, ctx: &mut Context<Fr>, value: u128, width: usize) -> Cell {
        let bits = self.range.lookup_bits();
        let count = width.div_ceil(bits).max(1);
        let digits = (0..count)
            .map(|i| value.checked_shr((bits * i) as u32).unwrap_or(0) & ((1 << bits) - 1));
        let digits: Vec<Fr> = digits.map(Fr::from_u128).collect();
        let [low, rest @ ..] = digits.as_slice() else {
            return ctx.load_zero();
        };
        let row = ctx.advice.len() as isize;
        let terms: Vec<_> = rest
            .iter()
            .zip(self.range.limb_bases.iter().skip(1))
            .map(|(digit, base)| (QuantumCell::Witness(*digit), *base))
            .collect();
        let limb = sum_of_products(ctx, QuantumCell::Witness(*low), &terms, None);
        self.lookup(ctx, ctx.get(row));
        for i in 0..terms.len() as isize {
            self.lookup(ctx, ctx.get(row + 1 + 3 * i));
        }
        let last = if terms.is_empty() {
            row
        } else {
            row + 3 * terms.len() as isize - 2
        };
        let spare = count * bits - width;
        if spare > 0 {
            let scale = constant(Fr::from(1u64 << spare));
            let digit = ctx.get(last);
            let scaled = self.range.gate().mul(ctx, digit, scale);
            self.lookup(ctx, scaled);
        }
        limb
    }

    fn lookup(&self, ctx: &Context<Fr>, cell: Cell) {
        if let Some(manager) = self.range.lookup_manager().first() {
            manager.add_lookup(ctx.tag(), [cell]);
        }
    }

    /// `a - b`, not reduced.
    pub fn sub(&self, ctx: &mut Context<Fr>, a: &Element, b: &Element) -> Element {
        let mut subtract = |a: &Cell, b: &Cell| {
            sum_of_products(ctx, existing(a), &[(existing(b), constant(-Fr::ONE))], None)
        };
        let limbs = std::array::from_fn(|i| subtract(&a.limbs[i], &b.limbs[i]));
        let native = subtract(&a.native, &b.native);
        Element {
            limbs,
            native,
            values: std::array::from_fn(|i| a.values[i] - b.values[i]),
            bound: std::array::from_fn(|i| a.bound[i] + b.bound[i]),
        }
    }

    /// `factor·a`, not reduced.
    pub fn scale(&self, ctx: &mut Context<Fr>, a: &Element, factor: i64) -> Element {
        let scaled = self.times(ctx, a, constant(small(factor.into())), factor.into());
        Element {
            bound: a.bound.map(|b| b * u128::from(factor.unsigned_abs())),
            ..scaled
        }
    }

    /// `sign·a` for a cell that is 1 or -1, which the caller has shown.
    pub fn signed(&self, ctx: &mut Context<Fr>, a: &Element, sign: &Cell) -> Element {
        let value = if *sign.value() == Fr::ONE { 1 } else { -1 };
        self.times(ctx, a, existing(sign), value)
    }

    fn times(
        &self,
        ctx: &mut Context<Fr>,
        a: &Element,
        factor: QuantumCell<Fr>,
        value: i128,
    ) -> Element {
        let mut product = |cell: &Cell| {
            sum_of_products(ctx, constant(Fr::ZERO), &[(existing(cell), factor)], None)
        };
        Element {
            limbs: std::array::from_fn(|i| product(&a.limbs[i])),
            native: product(&a.native),
            values: a.values.map(|v| v * value),
            bound: a.bound,
        }
    }

    /// Asserts that two elements below 2^254, whose difference is `difference`, are different modulo
    /// `p`. Equal ones differ by 0 or ±p, so by one of three residues modulo `r`; a difference of
    /// another class with such a residue is refused too, which random points meet with probability 2^-251.
    pub fn assert_nonzero_difference(&self, ctx: &mut Context<Fr>, difference: &Element) {
        debug_assert!(difference.bound() < BigUint::from(1u8) << 255);
        let d = existing(&difference.native);
        let square = self.modulus_native.square();
        let t = sum_of_products(ctx, constant(-square), &[(d, d)], None);
        let w = sum_of_products(ctx, constant(Fr::ZERO), &[(d, existing(&t))], None);
        let inverse = Option::<Fr>::from(w.value().invert()).unwrap_or(Fr::ZERO);
        let pair = [(existing(&w), QuantumCell::Witness(inverse))];
        sum_of_products(ctx, constant(Fr::ZERO), &pair, Some(Fr::ONE));
    }

    /// Asserts that a witness is below `p`: there is `d` below 2^254 with `a + d = p - 1` over the
    /// integers.
    pub fn assert_canonical(&self, ctx: &mut Context<Fr>, a: &Element) {
        let top = split(&(&self.modulus - 1u8));
        let difference = BigInt::from(&self.modulus - 1u8) - a.integer();
        let rest = split(&difference.to_biguint().unwrap_or_default());
        let mut carry: Option<(Cell, u128)> = None;
        for i in 0..LIMBS {
            let d = self.limb(ctx, rest[i], WIDTHS[i]);
            let mut sum = a.values[i] as u128 + rest[i];
            let mut terms = vec![
                (existing(&a.limbs[i]), constant(Fr::ONE)),
                (existing(&d), constant(Fr::ONE)),
            ];
            if let Some((cell, value)) = carry.take() {
                sum += value;
                terms.push((existing(&cell), constant(Fr::ONE)));
            }
            if i + 1 < LIMBS {
                let out = u128::from(sum >> LIMB_BITS != 0);
                let cell = ctx.load_witness(Fr::from_u128(out));
                self.range.gate().assert_bit(ctx, cell);
                terms.push((existing(&cell), constant(-self.radix[1])));
                carry = Some((cell, out));
            }
            let start = constant(-Fr::from_u128(top[i]));
            sum_of_products(ctx, start, &terms, Some(Fr::ZERO));
        }
    }
}
