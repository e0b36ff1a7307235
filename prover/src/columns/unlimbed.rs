//! What the polynomials hold beside small integers.

use halo2curves_axiom::bn256::Fr;

/// Entries of a polynomial that are not stored as its small integers, which are zero there.
#[derive(Clone, Copy, Debug)]
pub enum Unlimbed<'a> {
    /// Multiplicities.
    Counts(&'a [u32]),
    /// Blinds and columns of field elements.
    Elements(&'a [Fr]),
}

impl Unlimbed<'_> {
    /// Number of entries.
    pub fn count(&self) -> usize {
        match self {
            Self::Counts(values) => values.len(),
            Self::Elements(values) => values.len(),
        }
    }

    /// Entries `from..to`.
    #[must_use]
    pub fn part(self, from: usize, to: usize) -> Self {
        match self {
            Self::Counts(values) => Self::Counts(&values[from..to]),
            Self::Elements(values) => Self::Elements(&values[from..to]),
        }
    }

    /// All entries in their order.
    pub fn for_each(self, mut take: impl FnMut(usize, Fr)) {
        match self {
            Self::Counts(values) => {
                let values = values.iter().map(|v| Fr::from(u64::from(*v)));
                values.enumerate().for_each(|(i, v)| take(i, v));
            }
            Self::Elements(values) => {
                let values = values.iter().copied();
                values.enumerate().for_each(|(i, v)| take(i, v));
            }
        }
    }
}
