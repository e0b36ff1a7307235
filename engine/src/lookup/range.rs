//! The tables of values in a range: limbs of the trace, bytes and ternary weights.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use crate::backend::Backend;
use crate::field::pow2;
use crate::switch::on;

/// log2 of the size of the byte table.
const BYTE_LOG: usize = 8;
/// log2 of the size of the table of ternary weights, one of which stands there twice.
const TERNARY_LOG: usize = 2;
/// What is added to a weight to commit it as a byte.
pub const BYTE_OFFSET: i64 = 1 << (BYTE_LOG - 1);
/// Most tables of a system, whose tags come before those of ranges.
pub const MAX_TABLES: usize = 16;
/// log2 of the longest table of tuples: that of limbs of 16 bits.
const TUPLE_TABLE_LOG: usize = 16;

/// log2 of the longest tuple.
pub const MAX_PACK: usize = 3;

/// The values that a column may hold, as they are committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// `[0, 2^bits)`: limbs of the trace.
    Limb {
        /// Width of a limb.
        bits: usize,
    },
    /// `[0, 2^8)`: weights, where limbs are wider.
    Byte,
    /// `{-1, 0, 1}`, offset as bytes are: 127, 128, 129.
    Ternary,
}

/// Whether the places of a tuple have powers of `β` of their own. Without, tuples of one sum are one.
pub fn places_differ() -> bool {
    on("place in a tuple")
}

/// What the values of a tuple are multiplied with: `β, β², …`.
pub fn place_factors(beta: Fr, count: usize) -> Vec<Fr> {
    let next = |power: &Fr| {
        Some(if places_differ() {
            power * beta
        } else {
            *power
        })
    };
    std::iter::successors(Some(beta), next)
        .take(count)
        .collect()
}

/// The lowest ternary weight as it is committed.
const LOWEST: u64 = BYTE_OFFSET as u64 - 1;

impl Range {
    /// Tells tuples of `2^pack` of its values from those of other tables; table `i` has tag `i + 1`, and tables that nodes
    /// make have tags from 32 on.
    pub fn tag(self, pack: usize) -> u64 {
        let tuples = 4 * (pack as u64) * u64::from(on("tag of tuples"));
        match self {
            Self::Byte if on("tag of bytes") => MAX_TABLES as u64 + 1 + tuples,
            Self::Ternary if on("tag of ternary weights") => MAX_TABLES as u64 + 2 + tuples,
            // Only where the switch is off: another table's.
            Self::Ternary => MAX_TABLES as u64 + 1 + tuples,
            Self::Limb { .. } if pack > 0 => MAX_TABLES as u64 + tuples,
            Self::Limb { .. } | Self::Byte => 0,
        }
    }

    /// log2 of the neighbours that a leaf of `2^log` entries has: as many as make a table that is no longer than what is
    /// left of the leaves.
    pub fn pack(self, log: usize) -> usize {
        let fits = |pack: &usize| {
            let table = self.log() << pack;
            table <= TUPLE_TABLE_LOG && table + pack <= log
        };
        (1..=MAX_PACK).rev().find(fits).unwrap_or(0)
    }

    /// Row of the table of tuples for a tuple: the first entry stands in the lowest bits. None if one is not in range.
    pub fn row(self, tuple: impl IntoIterator<Item = u64>) -> Option<usize> {
        let mut row = 0;
        for (k, value) in tuple.into_iter().enumerate() {
            row += self.index(value)? << (k * self.log());
        }
        Some(row)
    }

    /// Entry `k` of row `row` of a table of tuples.
    pub fn entry(self, row: u64, k: usize) -> u64 {
        self.value((row >> (k * self.log())) & ((1 << self.log()) - 1))
    }

    /// The variables of a table of tuples that entry `k` is of.
    fn variables(self, k: usize, point: usize) -> std::ops::Range<usize> {
        let end = point - k * self.log();
        end - self.log()..end
    }

    /// log2 of the number of entries.
    pub fn log(self) -> usize {
        match self {
            Self::Limb { bits } => bits,
            Self::Byte => BYTE_LOG,
            Self::Ternary => TERNARY_LOG,
        }
    }

    /// Entry `index`; the last ternary one repeats the one before.
    pub fn value(self, index: u64) -> u64 {
        match self {
            Self::Limb { .. } | Self::Byte => index,
            Self::Ternary => LOWEST + index.min(2),
        }
    }

    /// The first entry with this value.
    pub fn index(self, value: u64) -> Option<usize> {
        let index = match self {
            Self::Limb { .. } | Self::Byte => Some(value),
            Self::Ternary => value.checked_sub(LOWEST).filter(|index| *index < 3),
        };
        let index = usize::try_from(index?).ok()?;
        (index < 1 << self.log()).then_some(index)
    }

    /// The extensions of the `2^pack` columns of a table of tuples at `point`, most significant variable first.
    pub fn evaluate_tuple<B: Backend>(
        self,
        backend: &mut B,
        pack: usize,
        point: &[B::Scalar],
    ) -> Vec<B::Scalar> {
        let columns = (0..1 << pack).map(|k| self.variables(k, point.len()));
        columns
            .map(|variables| self.evaluate(backend, point.get(variables).unwrap_or(&[])))
            .collect()
    }

    /// The extension of the entries at `point`, most significant variable first.
    pub fn evaluate<B: Backend>(self, backend: &mut B, point: &[B::Scalar]) -> B::Scalar {
        let bits = point.len();
        let terms: Vec<(Fr, B::Scalar)> = point
            .iter()
            .enumerate()
            .map(|(i, bit)| (pow2(bits - 1 - i), bit.clone()))
            .collect();
        match (self, point) {
            // 2·b1 + b0 - b1·b0 is 0, 1, 2, 2.
            (Self::Ternary, [high, low]) => {
                let both = backend.mul(high, low);
                let mut terms = terms;
                terms.push((-Fr::ONE, both));
                backend.linear(Fr::from(LOWEST), &terms)
            }
            _ => backend.linear(Fr::ZERO, &terms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Native;
    use crate::poly;
    use rand::SeedableRng;

    #[test]
    fn extensions_agree_with_the_entries() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
        for range in [Range::Limb { bits: 8 }, Range::Byte, Range::Ternary] {
            let entries: Vec<Fr> = (0..1 << range.log())
                .map(|i| Fr::from(range.value(i)))
                .collect();
            let point: Vec<Fr> = (0..range.log()).map(|_| Fr::random(&mut rng)).collect();
            assert_eq!(
                poly::evaluate(&entries, &point),
                range.evaluate(&mut Native, &point)
            );
        }
    }

    #[test]
    fn tables_of_tuples_hold_every_tuple_and_agree_with_their_extensions() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(4);
        for (range, packs) in [
            (Range::Limb { bits: 3 }, 0..=2),
            (Range::Byte, 0..=1),
            (Range::Ternary, 0..=3),
        ] {
            for pack in packs {
                let log = range.log() << pack;
                let point: Vec<Fr> = (0..log).map(|_| Fr::random(&mut rng)).collect();
                let found = range.evaluate_tuple(&mut Native, pack, &point);
                assert_eq!(found.len(), 1 << pack);
                let rows = 0..1u64 << log;
                for (k, found) in found.iter().enumerate() {
                    let column = rows.clone().map(|row| Fr::from(range.entry(row, k)));
                    let column: Vec<Fr> = column.collect();
                    assert_eq!(
                        poly::evaluate(&column, &point),
                        *found,
                        "{range:?} {pack} {k}"
                    );
                }
                for row in rows {
                    let tuple = || (0..1 << pack).map(|k| range.entry(row, k));
                    let first = range.row(tuple()).expect("a tuple of the range") as u64;
                    assert!(tuple().eq((0..1 << pack).map(|k| range.entry(first, k))));
                }
            }
        }
        assert_eq!(Range::Byte.row([1, 2]), Some(0x0201));
        assert_eq!(Range::Byte.row([1, 256]), None);
        assert_eq!(Range::Ternary.row([127, 129, 130, 127]), None);
    }

    #[test]
    fn tags_of_tuples_are_their_own() {
        let mut tags = std::collections::BTreeSet::new();
        for range in [Range::Limb { bits: 8 }, Range::Byte, Range::Ternary] {
            for pack in 0..=MAX_PACK {
                let tag = range.tag(pack);
                assert!(tags.insert(tag), "{range:?} {pack}");
                assert!(
                    tag == 0 || (MAX_TABLES as u64 + 1..32).contains(&tag),
                    "{tag}"
                );
            }
        }
    }

    #[test]
    fn tuples_are_as_long_as_their_table_is_worth() {
        for (range, log, pack) in [
            (Range::Byte, 0, 0),
            (Range::Byte, 16, 0),
            (Range::Byte, 17, 1),
            (Range::Byte, 27, 1),
            (Range::Ternary, 4, 0),
            (Range::Ternary, 5, 1),
            (Range::Ternary, 9, 1),
            (Range::Ternary, 10, 2),
            (Range::Ternary, 18, 2),
            (Range::Ternary, 19, 3),
            (Range::Ternary, 27, 3),
        ] {
            assert_eq!(range.pack(log), pack, "{range:?} 2^{log}");
        }
    }

    #[test]
    fn three_bytes_are_ternary_weights() {
        let found: Vec<u64> = (0..300)
            .filter(|v| Range::Ternary.index(*v).is_some())
            .collect();
        assert_eq!(found, [127, 128, 129]);
        assert_eq!(Range::Byte.index(256), None);
        for range in [Range::Byte, Range::Ternary] {
            for value in 0..256 {
                if let Some(index) = range.index(value) {
                    assert_eq!(range.value(index as u64), value);
                }
            }
        }
    }
}
