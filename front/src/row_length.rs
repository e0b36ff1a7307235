//! How long the rows of commitments are, where that is not given.
//!
//! A row is a point of the proof, of some 7,500 gas; the prover's opening takes some 4.4 µs for each value of a row, and the
//! reference string needs a power for it.

use std::ops::RangeInclusive;

/// log2 of the rows of networks and trees.
const LENGTHS: RangeInclusive<usize> = 17..=20;
/// log2 of the most rows of a network, until they are of the greatest length.
const NETWORK: usize = 2;
/// The same of trees: their tables are proven in less time than a longer row is opened.
const TREES: usize = 4;
/// log2 of the largest polynomials of language models with rows of the least length.
const SMALL: usize = 20;
/// log2 of the longest rows of language models.
const LONGEST: usize = 24;

/// log2 of the row length for a network with polynomials of at most `2^log`.
pub fn network(log: usize) -> u8 {
    at_most(NETWORK, log)
}

/// The same for a table of nodes.
pub fn trees(log: usize) -> u8 {
    at_most(TREES, log)
}

/// The same for a language model: half of what is beyond 2^16 goes into the length, half into the number.
pub fn language(log: usize) -> u8 {
    match log {
        ..=SMALL => *LENGTHS.start() as u8,
        _ => log.midpoint(16).min(LONGEST) as u8,
    }
}

fn at_most(rows: usize, log: usize) -> u8 {
    let length = log.saturating_sub(rows);
    length.clamp(*LENGTHS.start(), *LENGTHS.end()) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::rules::{ROWS, TOKENS};

    #[test]
    fn long_polynomials_have_long_rows() {
        let lengths = |of: fn(usize) -> u8| [0, 19, 20, 21, 22, 24, 30].map(of);
        assert_eq!(lengths(network), [17, 17, 18, 19, 20, 20, 20]);
        assert_eq!(lengths(trees), [17, 17, 17, 17, 18, 20, 20]);
        assert_eq!(lengths(language), [17, 17, 17, 18, 19, 20, 23]);
        // Each kind of model by its own rule.
        assert_eq!([ROWS, TOKENS].map(|rules| (rules.row_log)(22)), [20, 19]);
    }
}
