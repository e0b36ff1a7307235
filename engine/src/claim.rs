//! Columns as linear views of committed blocks, and evaluation claims on them.

use std::sync::Arc;

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use crate::backend::Backend;
use crate::field::{fr_from_i64, pow2};
use crate::geometry::Block;
use crate::maps::{Map, MapError, Wiring};

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

/// A constant as it stands in a column by a wiring: `value · Π masks(x) · Σ_y Π_i A_i(x; y_i)`. Without axes of a
/// block, the constant on the entries for which the masks hold.
#[derive(Clone, Debug, PartialEq)]
pub struct WiredConstant {
    /// The constant.
    pub value: Fr,
    /// Where it stands, and how often.
    pub wiring: Arc<Wiring>,
}

/// A column `constant + Σ wired constants + Σ coefficient · block`; all terms have the column's size.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Constant term.
    pub constant: Fr,
    /// Constants on some of the entries.
    pub constants: Vec<WiredConstant>,
    /// Blocks with their coefficients; never empty.
    pub terms: Vec<Term>,
}

impl View {
    /// The block itself.
    pub fn block(block: Block) -> Self {
        Self::limbs(Fr::ZERO, &[block], 8)
    }

    /// The block that the column is, if it is one as it stands.
    pub fn as_block(&self) -> Option<Block> {
        match self.terms.as_slice() {
            [term] if *self == Self::block(term.block) => Some(term.block),
            _ => None,
        }
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
            constants: vec![],
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
        let mut constants: Vec<WiredConstant> = self.constants.clone();
        constants.iter_mut().for_each(|c| c.value *= factor);
        for more in &other.constants {
            let same = |c: &&mut WiredConstant| c.wiring == more.wiring;
            match constants.iter_mut().find(same) {
                Some(known) => known.value += more.value,
                None => constants.push(more.clone()),
            }
        }
        Self {
            constant: self.constant * factor + other.constant,
            constants,
            terms,
        }
    }

    /// The sums over the last `log` variables; none if terms are wired or constants masked.
    pub fn summed(&self, log: usize) -> Option<Self> {
        let plain = self.terms.iter().all(|term| term.wiring.is_none());
        let rows = self.log().checked_sub(log)?;
        if !plain || !self.constants.is_empty() {
            return None;
        }
        let wiring = Arc::new(Wiring {
            view: vec![rows],
            axes: vec![
                (rows, Map::Same { axis: 0 }),
                (log, Map::Sum { below: 1 << log }),
            ],
            masks: vec![],
        });
        let terms = self.terms.iter().map(|term| Term {
            wiring: Some(Arc::clone(&wiring)),
            ..term.clone()
        });
        Some(Self {
            constant: self.constant * pow2(log),
            constants: vec![],
            terms: terms.collect(),
        })
    }

    /// `factor` times this column as it stands in another one by `wiring`, whose block it is; none if maps do not
    /// compose ([`Wiring::compose`]).
    pub fn through(&self, factor: i64, wiring: &Arc<Wiring>) -> Option<Self> {
        let scale = fr_from_i64(factor);
        let mut out = Self {
            constant: Fr::ZERO,
            constants: vec![],
            terms: vec![],
        };
        match wiring.plain_total() {
            Some(total) => out.constant = scale * fr_from_i64(total) * self.constant,
            None if self.constant == Fr::ZERO => {}
            None => out.constants.push(WiredConstant {
                value: scale * self.constant,
                wiring: Arc::clone(wiring),
            }),
        }
        // Limbs of a column stand by one wiring.
        let mut last: Option<(Option<Arc<Wiring>>, Fr, Arc<Wiring>)> = None;
        for term in &self.terms {
            let known = last.as_ref().filter(|(inner, _, _)| *inner == term.wiring);
            let (times, composed) = match (known, &term.wiring) {
                (Some((_, times, composed)), _) => (*times, Arc::clone(composed)),
                (None, None) => (Fr::ONE, Arc::clone(wiring)),
                (None, Some(inner)) => {
                    let (times, composed) = wiring.compose(inner)?;
                    (fr_from_i64(times), Arc::new(composed))
                }
            };
            last = Some((term.wiring.clone(), times, Arc::clone(&composed)));
            out.terms.push(Term {
                coefficient: scale * times * term.coefficient,
                wiring: Some(composed),
                ..*term
            });
        }
        for constant in &self.constants {
            let (times, composed) = wiring.compose(&constant.wiring)?;
            out.constants.push(WiredConstant {
                value: scale * fr_from_i64(times) * constant.value,
                wiring: Arc::new(composed),
            });
        }
        Some(out)
    }

    /// Checks what every wiring asks for ([`Wiring::check`]).
    ///
    /// # Errors
    /// The first violation.
    pub fn check(&self) -> Result<(), MapError> {
        let terms = self.terms.iter().filter_map(|t| t.wiring.as_ref());
        let mut all: Vec<&Arc<Wiring>> = terms.collect();
        all.extend(self.constants.iter().map(|c| &c.wiring));
        all.dedup();
        all.into_iter().try_for_each(|wiring| wiring.check())
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
        let mut constant = self.constant;
        for wired in &self.constants {
            match wired.wiring.total(backend, point) {
                (factor, Some(total)) => terms.push((factor * wired.value, total)),
                (factor, None) => constant += factor * wired.value,
            }
        }
        if terms.is_empty() {
            return backend.constant(constant);
        }
        backend.linear(constant, &terms)
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
