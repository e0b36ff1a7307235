//! The two committed polynomials, blocks of them, and the rows that are committed.

use crate::poly::padded_log;

/// Which committed polynomial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Poly {
    /// Hidden parameters, committed once per model.
    Weight,
    /// Everything that depends on the input.
    Trace,
}

/// An aligned block of a polynomial: entries `[offset, offset + 2^log)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Block {
    /// The polynomial.
    pub poly: Poly,
    /// First entry, a multiple of the size.
    pub offset: usize,
    /// log2 of the size.
    pub log: usize,
}

impl Block {
    /// Whether all of `other` is in this block.
    pub fn contains(&self, other: &Self) -> bool {
        self.poly == other.poly
            && other.log <= self.log
            && other.offset >> self.log == self.offset >> self.log
    }
}

/// log2 of the number of blinds: four uniformly random entries.
pub const BLINDS_LOG: usize = 2;

/// Sizes of both polynomials and of their commitment rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// log2 of the weight polynomial.
    pub weight_log: usize,
    /// Entries of the weight polynomial that blocks cover.
    pub weight_used: usize,
    /// log2 of the trace polynomial.
    pub trace_log: usize,
    /// Entries of the trace polynomial that blocks cover.
    pub trace_used: usize,
    /// log2 of the length of a commitment row: the whole polynomial if that is shorter than rows may be.
    pub row_log: usize,
}

impl Geometry {
    /// Polynomials of so many entries, in rows of at most `2^row_log`.
    pub fn new(weight_used: usize, trace_used: usize, row_log: usize) -> Self {
        let [weight_log, trace_log] = [weight_used, trace_used].map(padded_log);
        Self {
            weight_log,
            weight_used,
            trace_log,
            trace_used,
            row_log: row_log.min(weight_log.max(trace_log)),
        }
    }

    /// log2 of the larger of the two polynomials.
    pub fn max_log(&self) -> usize {
        self.weight_log.max(self.trace_log)
    }

    /// Number of commitment rows of a polynomial: those that blocks reach into.
    pub fn rows(&self, poly: Poly) -> usize {
        let used = match poly {
            Poly::Weight => self.weight_used,
            Poly::Trace => self.trace_used,
        };
        used.div_ceil(1 << self.row_log).max(1)
    }
}
