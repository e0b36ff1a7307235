//! What a node reads and what it says when a value does not fit.

/// Rows of one block of a tensor: slots `first..`, each of `width` padded features.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'t> {
    /// Values, row-major.
    pub values: &'t [i32],
    /// Slot of the first row.
    pub first: usize,
    /// Padded features of a row.
    pub width: usize,
}

impl<'t> Rows<'t> {
    /// The row of a slot.
    pub fn row(&self, slot: usize) -> &'t [i32] {
        self.range(slot, 1)
    }

    /// `count` rows from `slot` on.
    pub fn range(&self, slot: usize, count: usize) -> &'t [i32] {
        &self.values[(slot - self.first) * self.width..][..count * self.width]
    }
}

/// A value that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which value of the node.
    pub what: &'static str,
    /// Its row among the task's slots.
    pub row: usize,
    /// Its feature among the padded ones.
    pub feature: usize,
    /// The value.
    pub value: i128,
    /// Lowest accepted.
    pub lowest: i64,
    /// Highest accepted.
    pub highest: i64,
}
