//! Ops that move numbers: axes in another order, parts of axes, padding with zeros, values one behind the other, and any
//! numbers in any order.

use std::sync::Arc;

use rayon::prelude::*;

use crate::graph::Value;

/// What an axis of a result reads of an operand: entry `(start + step·x) / every` of `axis`, or zero where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// The operand's axis.
    pub axis: usize,
    /// What entry 0 reads.
    pub start: i64,
    /// From one entry to the next, not zero.
    pub step: i64,
    /// At least 1; beyond it entries stand that far apart, zeros between them.
    pub every: i64,
}

impl Read {
    /// An axis as it is.
    pub fn all(axis: usize) -> Self {
        Self {
            axis,
            start: 0,
            step: 1,
            every: 1,
        }
    }

    /// What an entry reads of an axis of `len`.
    pub fn at(&self, entry: usize, len: usize) -> Option<usize> {
        let by = self.step.checked_mul(i64::try_from(entry).ok()?)?;
        let place = usize::try_from(self.start.checked_add(by)?).ok()?;
        let every = usize::try_from(self.every).ok()?;
        let at = place.checked_div(every)?;
        (place.is_multiple_of(every) && at < len).then_some(at)
    }
}

/// Where each number of a result is, row-major: of which operand, and its place there; none for zero.
pub type Picks = Arc<[Option<(u32, u32)>]>;

/// Every number is one of an operand's.
pub(super) fn check_pick(picks: &Picks, operands: &[&Value], output: &Value) -> Result<(), String> {
    let inside = |(operand, at): &(u32, u32)| {
        let operand = operands.get(*operand as usize);
        operand.is_some_and(|x| (*at as usize) < x.width())
    };
    let found = picks.iter().flatten().find(|pick| !inside(pick));
    if let Some((operand, at)) = found {
        return Err(format!(
            "picks number {at} of operand {operand}, there are {} operands of widths {:?}",
            operands.len(),
            operands.iter().map(|x| x.width()).collect::<Vec<_>>()
        ));
    }
    match picks.len() == output.width() {
        true => Ok(()),
        false => Err(format!(
            "picks {} numbers, the result has shape {}",
            picks.len(),
            output.shape()
        )),
    }
}

/// The picked numbers of every row; with each operand its features.
pub(super) fn pick(picks: &Picks, operands: &[(&[f32], &[usize])]) -> Vec<f32> {
    let width = |features: &[usize]| features.iter().product::<usize>().max(1);
    let rows = operands
        .first()
        .map_or(0, |(x, features)| x.len() / width(features));
    let of = |row: usize, operand: u32, at: u32| {
        let (x, features) = operands.get(operand as usize)?;
        x.get(row * width(features) + at as usize).copied()
    };
    (0..rows)
        .flat_map(|row| {
            let picked = move |pick: &Option<(u32, u32)>| {
                pick.and_then(|(operand, at)| of(row, operand, at))
                    .unwrap_or(0.0)
            };
            picks.iter().map(picked)
        })
        .collect()
}

/// Every axis of the operand is read once.
pub(super) fn check_arrange(reads: &[Read], x: &Value, output: &Value) -> Result<(), String> {
    let mut axes: Vec<usize> = reads.iter().map(|read| read.axis).collect();
    axes.sort_unstable();
    let (own, made) = (x.features().count(), output.features().count());
    let moves = reads.iter().all(|read| read.step != 0 && read.every > 0);
    if moves && made == reads.len() && axes.iter().copied().eq(0..own) {
        return Ok(());
    }
    Err(format!(
        "operand {:?} has shape {}, the result {}, which reads {reads:?}",
        x.name,
        x.shape(),
        output.shape()
    ))
}

/// All operands are as the result but along the axis.
pub(super) fn check_concat(axis: usize, operands: &[&Value], output: &Value) -> Result<(), String> {
    let mut expected: Vec<usize> = output.features().collect();
    let mut sum = 0;
    for x in operands {
        let own: Vec<usize> = x.features().collect();
        let len = own.get(axis).copied().unwrap_or(0);
        sum += len;
        if let Some(slot) = expected.get_mut(axis) {
            *slot = len;
        }
        if own != expected {
            return Err(format!(
                "operand {:?} has shape {}, the result {}, joined along feature axis {axis}",
                x.name,
                x.shape(),
                output.shape()
            ));
        }
    }
    if output.features().nth(axis) == Some(sum) {
        return Ok(());
    }
    Err(format!(
        "operands have {sum} entries along feature axis {axis}, the result has shape {}",
        output.shape()
    ))
}

/// The result's numbers, of rows of `from` features to rows of `to` features.
pub(super) fn arrange(x: &[f32], reads: &[Read], from: &[usize], to: &[usize]) -> Vec<f32> {
    let mut sources = vec![Some(0usize)];
    for (read, len) in reads.iter().zip(to) {
        let stride: usize = from.iter().skip(read.axis + 1).product();
        let own = from.get(read.axis).copied().unwrap_or(0);
        let offsets: Vec<Option<usize>> =
            (0..*len).map(|x| Some(read.at(x, own)? * stride)).collect();
        let longer = |before: &Option<usize>| {
            let before = *before;
            offsets.iter().map(move |own| Some(before? + (*own)?))
        };
        sources = sources.iter().flat_map(longer).collect();
    }
    let width: usize = from.iter().product();
    x.par_chunks_exact(width.max(1))
        .flat_map_iter(|row| {
            let read = |at: &Option<usize>| at.and_then(|at| row.get(at)).copied();
            sources.iter().map(move |at| read(at).unwrap_or(0.0))
        })
        .collect()
}

/// Rows of all operands joined along an axis; with each operand its features.
pub(super) fn concat(axis: usize, operands: &[(&[f32], &[usize])]) -> Vec<f32> {
    let part = |features: &[usize]| features.iter().skip(axis).product::<usize>().max(1);
    let mut parts: Vec<_> = operands
        .iter()
        .map(|(x, features)| x.chunks_exact(part(features)))
        .collect();
    let mut out = vec![];
    loop {
        for part in &mut parts {
            match part.next() {
                Some(part) => out.extend_from_slice(part),
                None => return out,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_move_numbers() {
        let x: Vec<f32> = (0..6).map(|v| v as f32).collect();
        let transposed = arrange(&x, &[Read::all(1), Read::all(0)], &[2, 3], &[3, 2]);
        assert_eq!(transposed, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        let reversed = Read {
            start: 2,
            step: -2,
            ..Read::all(1)
        };
        let got = arrange(&x, &[Read::all(0), reversed], &[2, 3], &[2, 2]);
        assert_eq!(got, [2.0, 0.0, 5.0, 3.0]);
        let padded = Read {
            start: -1,
            ..Read::all(0)
        };
        let got = arrange(&[1.0, 2.0], &[padded], &[2], &[4]);
        assert_eq!(got, [0.0, 1.0, 2.0, 0.0]);
        let spread = Read { every: 2, ..padded };
        let got = arrange(&[1.0, 2.0], &[spread], &[2], &[6]);
        assert_eq!(got, [0.0, 1.0, 0.0, 2.0, 0.0, 0.0]);
    }

    #[test]
    fn numbers_are_picked_of_each_row() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0], [5.0, 6.0]);
        let picks: Picks = [Some((0, 1)), None, Some((1, 0)), Some((0, 1))].into();
        assert_eq!(
            pick(&picks, &[(&a, &[2]), (&b, &[1])]),
            [2.0, 0.0, 5.0, 2.0, 4.0, 0.0, 6.0, 4.0]
        );
    }

    #[test]
    fn parts_are_joined_row_by_row() {
        let a = [1.0, 2.0, 3.0, 4.0];
        let b = [5.0, 6.0];
        assert_eq!(
            concat(1, &[(&a, &[2, 2]), (&b, &[2, 1])]),
            [1.0, 2.0, 5.0, 3.0, 4.0, 6.0]
        );
        assert_eq!(
            concat(0, &[(&a, &[2]), (&b, &[1])]),
            [1.0, 2.0, 5.0, 3.0, 4.0, 6.0]
        );
    }
}
