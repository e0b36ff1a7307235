//! The tables of values in a range: limbs of the trace, bytes and ternary weights.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use crate::backend::Backend;
use crate::field::pow2;
use crate::switch::on;

/// log2 of the size of the byte table.
pub const BYTE_LOG: usize = 8;
/// log2 of the size of the table of ternary weights, one of which stands there twice.
pub const TERNARY_LOG: usize = 2;
/// What is added to a weight to commit it as a byte.
pub const BYTE_OFFSET: i64 = 1 << (BYTE_LOG - 1);
/// Most tables of a system, whose tags come before those of ranges.
pub const MAX_TABLES: usize = 16;

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

/// The lowest ternary weight as it is committed.
const LOWEST: u64 = BYTE_OFFSET as u64 - 1;

impl Range {
    /// Tells its values from those of other tables; table `i` has tag `i + 1`.
    pub fn tag(self) -> u64 {
        match self {
            Self::Byte if on("tag of bytes") => MAX_TABLES as u64 + 1,
            Self::Ternary if on("tag of ternary weights") => MAX_TABLES as u64 + 2,
            // Only where the switch is off: another table's.
            Self::Ternary => MAX_TABLES as u64 + 1,
            Self::Limb { .. } | Self::Byte => 0,
        }
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
