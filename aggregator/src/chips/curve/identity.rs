//! Identities modulo `p`.
//!
//! `V = Σ a·b + Σ c·d + e ≡ 0 (mod p)` is shown by a quotient `q` with `V = q·p` modulo `r` and modulo
//! 2^264. Both sides are smaller than `r·2^264`, so the equation holds over the integers. The quotient
//! and the carries of the second congruence are range checked.
//!
//! Cells at 16 lookup bits: 103 for the sums of one product and three linear terms, 60 for the
//! quotient, 48 for the carries, and 64 for a witness; about 275 for a reduction.

use halo2_base::gates::RangeInstructions;
use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use halo2_base::halo2_proofs::halo2curves::ff::{Field, PrimeField};
use halo2_base::{Context, QuantumCell};
use num_bigint::{BigInt, BigUint};
use num_integer::Integer;

use super::element::{Cell, Element, LIMB_BITS, LIMBS, native, small, split};
use super::field::{FieldChip, constant, existing, sum_of_products};

/// `Σ a·b + Σ c·d + e`
#[derive(Clone, Copy, Debug)]
struct Form<'a> {
    products: &'a [(&'a Element, &'a Element)],
    linear: &'a [(i64, &'a Element)],
    addend: i64,
}

impl Form<'_> {
    fn value(&self) -> BigInt {
        let products = self.products.iter().map(|(a, b)| a.integer() * b.integer());
        let linear = self.linear.iter().map(|(c, d)| d.integer() * c);
        products
            .chain(linear)
            .fold(self.addend.into(), |sum, term| sum + term)
    }

    fn bound(&self) -> BigUint {
        let products = self.products.iter().map(|(a, b)| a.bound() * b.bound());
        let linear = self
            .linear
            .iter()
            .map(|(c, d)| d.bound() * c.unsigned_abs());
        products
            .chain(linear)
            .fold(self.addend.unsigned_abs().into(), |sum, term| sum + term)
    }

    /// The terms of weight `2^(88·index)`.
    fn column(&self, index: usize) -> Column {
        let mut column = Column::default();
        if index == 0 {
            column.add_constant(self.addend.into(), self.addend.unsigned_abs().into());
        }
        for (a, b) in self.products {
            for (i, j) in (0..=index).rev().enumerate().map(|(j, i)| (i, j)) {
                column.sum += BigInt::from(a.values[i]) * b.values[j];
                column.bound += BigUint::from(a.bound[i]) * b.bound[j];
                column
                    .terms
                    .push((existing(&a.limbs[i]), existing(&b.limbs[j])));
            }
        }
        for (c, d) in self.linear {
            column.sum += BigInt::from(d.values[index]) * c;
            column.bound += BigUint::from(d.bound[index]) * c.unsigned_abs();
            column
                .terms
                .push((existing(&d.limbs[index]), constant(small((*c).into()))));
        }
        column
    }
}

/// A sum of one weight: its value, a bound of its magnitude, and its cells.
#[derive(Default)]
struct Column {
    sum: BigInt,
    bound: BigUint,
    start: Fr,
    terms: Vec<(QuantumCell<Fr>, QuantumCell<Fr>)>,
}

impl Column {
    fn add_constant(&mut self, value: BigInt, bound: BigUint) {
        self.start += native(&value);
        self.sum += value;
        self.bound += bound;
    }
}

/// `q + 2^bits`, which is not negative.
struct Quotient {
    cells: [Cell; LIMBS],
    limbs: [u128; LIMBS],
    widths: [usize; LIMBS],
    /// `p·2^bits`
    shift: BigUint,
}

/// A carry between columns, shifted by `offset` in its cell.
struct Carry {
    cell: Cell,
    value: BigInt,
    offset: BigUint,
}

impl FieldChip {
    /// Asserts `Σ a·b + Σ c·d + e ≡ 0 (mod p)`. No witness satisfies it otherwise.
    ///
    /// # Panics
    /// While the circuit is laid out, if the operands are so large that the equation could wrap; that
    /// depends on the circuit, never on witnesses.
    pub fn assert_zero(
        &self,
        ctx: &mut Context<Fr>,
        products: &[(&Element, &Element)],
        linear: &[(i64, &Element)],
        addend: i64,
    ) {
        let form = Form {
            products,
            linear,
            addend,
        };
        let quotient = self.quotient(ctx, &form);
        let mut carry = None;
        for index in 0..LIMBS {
            let column = form.column(index);
            carry = Some(self.assert_column(ctx, index, column, &quotient, carry));
        }
        self.assert_native(ctx, &form, &quotient);
    }

    fn quotient(&self, ctx: &mut Context<Fr>, form: &Form<'_>) -> Quotient {
        let bound = form.bound();
        let bits = (&bound / &self.modulus + 1u8).bits() as usize;
        let offset = BigUint::from(1u8) << bits;
        // The top limb may be as wide as its looked-up digits, if nothing wraps then.
        let needed = (bits + 1).saturating_sub(2 * LIMB_BITS);
        let widest = &self.native_modulus << (LIMBS * LIMB_BITS);
        let reach = |top: usize| {
            &bound + (&offset + (BigUint::from(1u8) << (2 * LIMB_BITS + top))) * &self.modulus
        };
        let rounded = needed.next_multiple_of(self.range.lookup_bits());
        let top = if reach(rounded) < widest {
            rounded
        } else {
            needed
        };
        assert!(reach(top) < widest, "identity could wrap");

        let shift = &self.modulus * &offset;
        let quotient = form.value().div_floor(&self.modulus.clone().into());
        let shifted = (quotient + BigInt::from(offset))
            .to_biguint()
            .unwrap_or_default();
        let (limbs, widths) = (split(&shifted), [LIMB_BITS, LIMB_BITS, top]);
        let cells = std::array::from_fn(|i| self.limb(ctx, limbs[i], widths[i]));
        Quotient {
            cells,
            limbs,
            widths,
            shift,
        }
    }

    /// `column + carry_in = 2^88·carry_out` over the integers, after the quotient's share is taken off.
    fn assert_column(
        &self,
        ctx: &mut Context<Fr>,
        index: usize,
        mut column: Column,
        quotient: &Quotient,
        carry: Option<Carry>,
    ) -> Carry {
        let modulo = BigUint::from(1u8) << (LIMBS * LIMB_BITS);
        let shift = split(&(&quotient.shift % modulo))[index];
        column.add_constant(shift.into(), shift.into());
        for i in 0..=index {
            let p = self.modulus_limbs[index - i];
            column.sum -= BigInt::from(quotient.limbs[i]) * p;
            column.bound += (BigUint::from(1u8) << quotient.widths[i]) * p;
            column
                .terms
                .push((existing(&quotient.cells[i]), constant(-Fr::from_u128(p))));
        }
        if let Some(carry) = carry {
            column.sum += carry.value;
            column.bound += &carry.offset * 2u8;
            column.start -= native(&carry.offset.into());
            column
                .terms
                .push((existing(&carry.cell), constant(Fr::ONE)));
        }
        let bits = ((&column.bound >> LIMB_BITS) + 1u8).bits() as usize + 1;
        let bits = bits.next_multiple_of(self.range.lookup_bits());
        let offset = BigUint::from(1u8) << (bits - 1);
        let reach = &column.bound + (BigUint::from(1u8) << (LIMB_BITS + bits + 1));
        assert!(reach < self.native_modulus, "carry could wrap");

        let radix = BigInt::from(1) << LIMB_BITS;
        let value = column.sum.div_floor(&radix);
        let shifted = (&value + BigInt::from(offset.clone()))
            .to_biguint()
            .unwrap_or_default();
        let cell = self.limb(ctx, u128::try_from(shifted).unwrap_or(0), bits);
        column.start += native(&(BigInt::from(offset.clone()) * &radix));
        column
            .terms
            .push((existing(&cell), constant(-self.radix[1])));
        sum_of_products(ctx, constant(column.start), &column.terms, Some(Fr::ZERO));
        Carry {
            cell,
            value,
            offset,
        }
    }

    /// The congruence modulo `r`.
    fn assert_native(&self, ctx: &mut Context<Fr>, form: &Form<'_>, quotient: &Quotient) {
        let start = small(form.addend.into()) + native(&quotient.shift.clone().into());
        let products = form.products.iter();
        let mut terms: Vec<_> = products
            .map(|(a, b)| (existing(&a.native), existing(&b.native)))
            .collect();
        for (c, d) in form.linear {
            terms.push((existing(&d.native), constant(small((*c).into()))));
        }
        for (cell, radix) in quotient.cells.iter().zip(self.radix) {
            terms.push((existing(cell), constant(-radix * self.modulus_native)));
        }
        sum_of_products(ctx, constant(start), &terms, Some(Fr::ZERO));
    }
}
