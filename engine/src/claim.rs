//! Columns as linear views of committed blocks, and evaluation claims on them.

use std::sync::Arc;

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use crate::backend::Backend;
use crate::field::pow2;
use crate::geometry::Block;
use crate::maps::mask::{self, Mask};
use crate::maps::{Wiring, cut};

/// `coefficient · block`, wired.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// Coefficient.
    pub coefficient: Fr,
    /// Block.
    pub block: Block,
    /// How the block stands in the column; it has the column's shape if there is none.
    pub wiring: Option<Arc<Wiring>>,
}

/// A constant on the entries of a column for which masks hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Masked {
    /// The constant.
    pub value: Fr,
    /// log2 of every axis of the column, most significant first.
    pub axes: Vec<usize>,
    /// Masks on them.
    pub masks: Vec<Mask>,
}

impl Masked {
    /// Where the constant stands: the parts of a column, by number, and log2 of a part.
    pub fn parts(&self) -> (usize, Vec<usize>) {
        let read = self.masks.iter().flat_map(Mask::reads).max();
        let (outer, inner) = self
            .axes
            .split_at(read.map_or(0, |axis| axis + 1).min(self.axes.len()));
        let mut places: Vec<Vec<usize>> = vec![vec![]];
        for (axis, log) in outer.iter().enumerate() {
            let mut range = 0..1usize << log;
            for mask in &self.masks {
                match *mask {
                    Mask::Only { axis: a, at } if a == axis => range = at..at + 1,
                    Mask::Below { axis: a, size } if a == axis => range.end = size.min(range.end),
                    _ => {}
                }
            }
            let longer = |at: &Vec<usize>| {
                let at = at.clone();
                range.clone().map(move |x| [at.as_slice(), &[x]].concat())
            };
            places = places.iter().flat_map(longer).collect();
        }
        let holding = places
            .iter()
            .filter(|at| self.masks.iter().all(|m| m.holds(at)));
        let number = |at: &Vec<usize>| {
            let pairs = at.iter().zip(outer);
            pairs.fold(0, |number, (x, log)| (number << log) + x)
        };
        (inner.iter().sum(), holding.map(number).collect())
    }
}

/// A column `constant + Σ masked constants + Σ coefficient · block`; all terms have the column's size.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Constant term.
    pub constant: Fr,
    /// Constants on some of the entries.
    pub masked: Vec<Masked>,
    /// Blocks with their coefficients; never empty.
    pub terms: Vec<Term>,
}

impl View {
    /// The block itself.
    pub fn block(block: Block) -> Self {
        Self::limbs(Fr::ZERO, &[block], 8)
    }

    /// `constant + Σ 2^(bits·i) · block_i`
    pub fn limbs(constant: Fr, blocks: &[Block], bits: usize) -> Self {
        let terms = blocks
            .iter()
            .enumerate()
            .map(|(i, b)| Term {
                coefficient: pow2(bits * i),
                block: *b,
                wiring: None,
            })
            .collect();
        Self {
            constant,
            masked: vec![],
            terms,
        }
    }

    /// `self · factor + other`
    #[must_use]
    pub fn scale_add(&self, factor: Fr, other: &Self) -> Self {
        let scaled = |term: &Term| Term {
            coefficient: term.coefficient * factor,
            ..term.clone()
        };
        let mut terms: Vec<Term> = self.terms.iter().map(scaled).collect();
        terms.extend(other.terms.iter().cloned());
        let mut masked: Vec<Masked> = self.masked.clone();
        masked.iter_mut().for_each(|m| m.value *= factor);
        for more in &other.masked {
            let same = |m: &&mut Masked| m.axes == more.axes && m.masks == more.masks;
            match masked.iter_mut().find(same) {
                Some(known) => known.value += more.value,
                None => masked.push(more.clone()),
            }
        }
        Self {
            constant: self.constant * factor + other.constant,
            masked,
            terms,
        }
    }

    /// log2 of the column's length.
    pub fn log(&self) -> usize {
        self.terms.first().map_or(0, |term| match &term.wiring {
            Some(wiring) => wiring.view_log(),
            None => term.block.log,
        })
    }

    /// The constant part of the column's extension at `point`.
    pub fn constant_at<B: Backend>(&self, backend: &mut B, point: &[B::Scalar]) -> B::Scalar {
        let mut terms = vec![];
        for masked in &self.masked {
            let axes = cut(&masked.axes, point);
            if let Some(mask) = mask::product(backend, &masked.masks, &axes) {
                terms.push((masked.value, mask));
            }
        }
        if terms.is_empty() {
            return backend.constant(self.constant);
        }
        backend.linear(self.constant, &terms)
    }
}

/// `view(point) = value`, still to be shown by an opening. Point length = `view.log()`.
#[must_use = "an evaluation claim proves nothing until it is opened"]
#[derive(Clone, Debug)]
pub struct EvalClaim<S> {
    /// The column.
    pub view: View,
    /// Where.
    pub point: Vec<S>,
    /// What.
    pub value: S,
}
