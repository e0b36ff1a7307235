//! Columns and gates.
//!
//! Every row but that of the output holds two words and their squares `s = (x + k)²`, so that
//! `s²·(x + k)` is the S-box output, of degree 3:
//!
//! | row | a0 | a1 | a2 | a3 | k0 | k1 | tag `t` |
//! | --- | --- | --- | --- | --- | --- | --- | --- |
//! | full round, r | x0 | s0 | x1 | s1 | c0 | c1 | 1; before the partial rounds 2 |
//! | full round, r+1 | x2 | s2 | x3 | s3 | c2 | c3 | 0 |
//! | partial rounds i and i+1 | u_i | u_i² | u_{i+1} | u_{i+1}² | step of u_{i+4} | of u_{i+5} | 1; the last row 0 |
//! | output | y0 | y1 | y2 | y3 | | | 0 |
//!
//! The words of partial rounds include their constants; those rows use `k` for the steps of the
//! recurrence instead, 0 in the last two rows. One tag column selects four gates, by the tags
//! `(t₋, t, t₊, t₊₊)` of the row above, the row, and the two below it:
//!
//! | gate | factor | is not 0 for | states |
//! | --- | --- | --- | --- |
//! | squares | `t·(1 - t₊)` | `t ≠ 0, t₊ = 0` | the squares of two rows, with `k` |
//! | linear layer | `t·(2 - t - t₊)` | `t = 1, t₊ = 0` | `sbox = M⁻¹·next`, or the exit if `t₋·t₊₊ = 1` |
//! | entry | `t·(t - 1)` | `t = 2` | the first four words of partial rounds |
//! | recurrence | `t·t₊` | `t = t₊ = 1` | the squares of the row, without `k`, and the next two words but two |
//!
//! Tags stand in one full round and one run of partial rounds at a time: `t = 1` is followed by 0 in full
//! rounds and by 1 in partial ones, up to the last but one row of them, the only one with `t₊ = 0` that
//! has a 1 above it and, two rows below, the first full round. Everywhere else `t = 0`, which is a factor
//! of all four. `t₊₊` is 0 only two rows above the output, where the next words stand in one row.
//!
//! In the column the tag of a row stands one row below it, so that gates read it at rotations 0 to 3,
//! as the advice columns: openings then group it with them. `k0` is halo2-base's constants column; its
//! constants fill it from the top, the round constants stand in the chip's rows.
//!
//! Degree 5: factor and S-box output.

use halo2_base::gates::circuit::BaseConfig;
use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use halo2_base::halo2_proofs::plonk::{
    Advice, Column, ConstraintSystem, Expression, Fixed, VirtualCells,
};
use halo2_base::halo2_proofs::poly::Rotation;
use laminate_engine::transcript::poseidon::WIDTH;

use super::COLUMNS;
use super::constants::{GateConstants, gate_constants};

/// Columns of the chip.
#[derive(Clone, Debug)]
pub struct PoseidonConfig {
    /// Words and their squares.
    pub advice: [Column<Advice>; COLUMNS],
    /// Round constants; the first is shared with halo2-base.
    pub constants: [Column<Fixed>; 2],
    /// Selects the gates: tag of the row above.
    pub tag: Column<Fixed>,
}

impl PoseidonConfig {
    /// Adds the chip to `base`; `None` if `base` has fewer than [`COLUMNS`] advice columns or no
    /// constants column.
    pub fn configure(meta: &mut ConstraintSystem<Fr>, base: &BaseConfig<Fr>) -> Option<Self> {
        let gates = base.gate().basic_gates.first()?;
        let advice: Vec<Column<Advice>> = gates.iter().take(COLUMNS).map(|g| g.value).collect();
        let config = Self {
            advice: advice.try_into().ok()?,
            constants: [*base.constants().first()?, meta.fixed_column()],
            tag: meta.fixed_column(),
        };
        meta.create_gate("poseidon", |meta| Cells::query(&config, meta).constraints());
        Some(config)
    }
}

/// A word and its square.
#[derive(Clone)]
struct Word {
    word: Expression<Fr>,
    square: Expression<Fr>,
}

impl Word {
    /// `s - (x + k)²`
    fn is_square(&self, constant: Option<&Expression<Fr>>) -> Expression<Fr> {
        let x = self.shifted(constant);
        self.square.clone() - x.clone() * x
    }

    /// `s²·(x + k)`
    fn power(&self, constant: Option<&Expression<Fr>>) -> Expression<Fr> {
        self.square.clone() * self.square.clone() * self.shifted(constant)
    }

    fn shifted(&self, constant: Option<&Expression<Fr>>) -> Expression<Fr> {
        match constant {
            Some(constant) => self.word.clone() + constant.clone(),
            None => self.word.clone(),
        }
    }
}

/// What the gates read from a row and the three below it.
struct Cells {
    /// Two a row.
    words: [Word; 2 * WIDTH],
    /// `k0, k1` of the row and the next.
    constants: [Expression<Fr>; WIDTH],
    /// `t₋, t, t₊, t₊₊`
    tags: [Expression<Fr>; 4],
}

impl Cells {
    fn query(config: &PoseidonConfig, meta: &mut VirtualCells<'_, Fr>) -> Self {
        let mut advice =
            |row: usize, column| meta.query_advice(config.advice[column], Rotation(row as i32));
        let words = std::array::from_fn(|i| Word {
            word: advice(i / 2, 2 * (i % 2)),
            square: advice(i / 2, 2 * (i % 2) + 1),
        });
        Self {
            words,
            constants: std::array::from_fn(|i| {
                meta.query_fixed(config.constants[i % 2], Rotation(i as i32 / 2))
            }),
            tags: std::array::from_fn(|row| meta.query_fixed(config.tag, Rotation(row as i32))),
        }
    }

    fn constraints(&self) -> Vec<Expression<Fr>> {
        let constants = gate_constants();
        let [_, tag, next, _] = self.tags.clone();
        let one = || Expression::Constant(Fr::one());
        let squares = tag.clone() * (one() - next.clone());
        let linear = tag.clone() * (one() + one() - tag.clone() - next.clone());
        let entry = tag.clone() * (tag.clone() - one());
        let recurrence = tag * next;
        let mut out = select(&squares, self.squares());
        out.extend(select(&linear, self.linear_layer(constants)));
        out.extend(select(&entry, self.entry(constants)));
        out.extend(select(&recurrence, self.recurrence(constants)));
        out
    }

    /// The S-box outputs of the row and the next.
    fn outputs(&self) -> [Expression<Fr>; WIDTH] {
        std::array::from_fn(|i| self.words[i].power(Some(&self.constants[i])))
    }

    fn squares(&self) -> Vec<Expression<Fr>> {
        let words = self.words.iter().zip(&self.constants);
        words.map(|(w, k)| w.is_square(Some(k))).collect()
    }

    /// `sbox - M⁻¹·next`, or at the exit `sbox - (after·next + words·u)`.
    fn linear_layer(&self, constants: &GateConstants) -> Vec<Expression<Fr>> {
        let [above, _, _, below] = self.tags.clone();
        let is_exit = above * below.clone();
        let next = self.next(below);
        let exit = &constants.recurrence.exit;
        let output = self.outputs().into_iter().enumerate();
        output
            .map(|(l, output)| {
                let inverse = constants.mds_inverse[l];
                let layer = sum(inverse.into_iter().zip(&next));
                // The exit is not the output: the next words stand in two rows.
                let words = self.words.iter().map(|word| &word.word);
                let after = (0..WIDTH).map(|i| exit.after[l][i] - inverse[i]);
                let after = after.zip(words.clone().skip(WIDTH));
                let difference = sum(after.chain(exit.words[l].into_iter().zip(words)));
                output - layer - is_exit.clone() * difference
            })
            .collect()
    }

    /// The words two rows below and three, or if `t₊₊ = 0` the four cells two rows below.
    fn next(&self, below: Expression<Fr>) -> [Expression<Fr>; WIDTH] {
        let constant = |value: u64| Expression::Constant(Fr::from(value));
        let half = Option::<Fr>::from(Fr::from(2).invert()).unwrap_or_default();
        let is_output = (constant(1) - below.clone()) * (constant(2) - below) * half;
        let [first, second, ..] = &self.words[WIDTH..] else {
            unreachable!("two words a row, four rows")
        };
        let row = [&first.word, &first.square, &second.word, &second.square];
        std::array::from_fn(|i| {
            let word = self.words[WIDTH + i].word.clone();
            match i {
                0 => word,
                i => word.clone() + is_output.clone() * (row[i].clone() - word),
            }
        })
    }

    fn entry(&self, constants: &GateConstants) -> Vec<Expression<Fr>> {
        let entry = &constants.recurrence.entry;
        let outputs = self.outputs();
        let word = |j: usize| &self.words[WIDTH + j];
        // b - u
        let added: Vec<Expression<Fr>> = (0..WIDTH - 1)
            .map(|j| word(j).power(None) - word(j).word.clone())
            .collect();
        (0..WIDTH)
            .map(|j| {
                let before = entry.before[j].into_iter().zip(&outputs);
                let shares = (0..j).map(|l| (entry.shares[j - l - 1], &added[l]));
                word(j).word.clone()
                    - sum(before.chain(shares))
                    - Expression::Constant(entry.constant[j])
            })
            .collect()
    }

    fn recurrence(&self, constants: &GateConstants) -> Vec<Expression<Fr>> {
        let recurrence = &constants.recurrence;
        let powers: Vec<Expression<Fr>> = self.words.iter().map(|w| w.power(None)).collect();
        let mut out: Vec<_> = self
            .words
            .iter()
            .take(2)
            .map(|w| w.is_square(None))
            .collect();
        for i in 0..2 {
            let words = (0..WIDTH).map(|l| (recurrence.words[l], &self.words[i + l].word));
            let powers = (0..WIDTH).map(|l| (recurrence.powers[l], &powers[i + l]));
            out.push(
                self.words[i + WIDTH].word.clone()
                    - sum(words.chain(powers))
                    - self.constants[i].clone(),
            );
        }
        out
    }
}

fn select(factor: &Expression<Fr>, constraints: Vec<Expression<Fr>>) -> Vec<Expression<Fr>> {
    let constraints = constraints.into_iter();
    constraints.map(|c| factor.clone() * c).collect()
}

/// `Σ coefficient·expression`
fn sum<'a>(terms: impl Iterator<Item = (Fr, &'a Expression<Fr>)>) -> Expression<Fr> {
    terms
        .filter(|(coefficient, _)| *coefficient != Fr::zero())
        .map(|(coefficient, expression)| expression.clone() * coefficient)
        .reduce(|a, b| a + b)
        .unwrap_or(Expression::Constant(Fr::zero()))
}
