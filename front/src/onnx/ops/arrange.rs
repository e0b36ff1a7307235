//! Transpose, Slice, Pad and Concat of activations: the batch stays the first axis and whole.

use super::super::builder::{Draft, Value};
use super::super::error::ImportError;
use super::{Context, shape};
use crate::ops::{Op, Read};

/// Axes in another order.
pub fn transpose(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let x = context.tensor(0)?;
    let features = context.features(x);
    let rank = features.len() + 1;
    let order: Vec<i64> = match context.ints("perm")? {
        Some(order) => order.to_vec(),
        None => (0..rank as i64).rev().collect(),
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    let (Some(0), true) = (order.first(), sorted.iter().copied().eq(0..rank as i64)) else {
        return Err(context.fail(format!(
            "perm is {order:?}, expected an order of {rank} axes that begins with the batch, 0"
        )));
    };
    let axes = order.iter().skip(1).map(|axis| *axis as usize - 1);
    let reads: Vec<Read> = axes.map(Read::all).collect();
    let of = |read: &Read| features.get(read.axis).copied().unwrap_or(0);
    let features = reads.iter().map(of).collect();
    context.push(Draft::Op(Op::Arrange(reads)), vec![x], features)
}

/// Parts of axes: attributes before opset 10, operands since.
pub fn slice(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let x = context.tensor(0)?;
    let mut features = context.features(x);
    let list = |i: usize, name: &str| -> Result<Option<Vec<i64>>, ImportError> {
        if context.opset() < 10 {
            return Ok(context.ints(name)?.map(<[i64]>::to_vec));
        }
        match context.raw(i)? {
            None => Ok(None),
            Some(_) => Ok(Some(context.constant(i)?.integers()?.to_vec())),
        }
    };
    let (starts, ends) = (list(1, "starts")?, list(2, "ends")?);
    let (Some(starts), Some(ends)) = (starts, ends) else {
        return Err(context.fail("starts or ends are missing"));
    };
    let axes = list(3, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = list(4, "steps")?.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return Err(context.fail(format!(
            "starts {starts:?}, ends {ends:?}, axes {axes:?} and steps {steps:?} have different lengths"
        )));
    }
    let mut reads: Vec<Read> = (0..features.len()).map(Read::all).collect();
    let parts = starts.iter().zip(&ends).zip(axes.iter().zip(&steps));
    for ((start, end), (axis, step)) in parts {
        let Some(axis) = feature_axis(*axis, features.len()) else {
            return Err(context.fail(format!(
                "cuts axis {axis}, expected one of 1 to {}: the batch is whole",
                features.len()
            )));
        };
        let (Some(len), Some(read)) = (features.get_mut(axis), reads.get_mut(axis)) else {
            continue;
        };
        let Some((first, count)) = part(*start, *end, *step, *len) else {
            return Err(context.fail(format!(
                "takes {start} to {end} by {step} of axis {}, which has {len} entries: nothing is left",
                axis + 1
            )));
        };
        *read = Read {
            start: first,
            step: *step,
            ..Read::all(axis)
        };
        *len = count;
    }
    context.push(Draft::Op(Op::Arrange(reads)), vec![x], features)
}

/// The first entry and the number of entries of a slice; none if it is empty.
pub(super) fn part(start: i64, end: i64, step: i64, len: usize) -> Option<(i64, usize)> {
    let len = i64::try_from(len).ok()?;
    let at = |v: i64| if v < 0 { v.saturating_add(len) } else { v };
    let (first, span) = if step > 0 {
        let first = at(start).clamp(0, len);
        (first, at(end).clamp(0, len) - first)
    } else {
        // Unlike NumPy's, a start before the first entry is the first entry.
        let first = at(start).clamp(0, len - 1);
        (first, first - at(end).clamp(-1, len - 1))
    };
    let by = step.checked_abs().filter(|by| *by > 0)?;
    let count = (span > 0).then(|| (span - 1) / by + 1)?;
    Some((first, usize::try_from(count).ok()?))
}

/// A feature axis by its number among all axes.
fn feature_axis(axis: i64, features: usize) -> Option<usize> {
    let rank = features as i64 + 1;
    let axis = if axis < 0 { axis + rank } else { axis };
    let at = usize::try_from(axis.checked_sub(1)?).ok()?;
    (at < features).then_some(at)
}

/// Zeros before and behind axes: attributes before opset 11, operands since.
pub fn pad(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let x = context.tensor(0)?;
    let mut features = context.features(x);
    let mode = context.text("mode", "constant")?;
    if mode != "constant" {
        return Err(context.fail(format!("mode is {mode:?}, expected \"constant\"")));
    }
    let rank = features.len() + 1;
    let (pads, value, axes) = if context.opset() < 11 {
        let pads = context.ints("pads")?.unwrap_or_default().to_vec();
        (pads, context.float("value", 0.0)?, None)
    } else {
        let value = match context.optional(2)? {
            None => 0.0,
            Some(_) => context
                .constant(2)?
                .floats()?
                .first()
                .copied()
                .unwrap_or(0.0),
        };
        let axes = match context.optional(3)? {
            None => None,
            Some(_) => Some(context.constant(3)?.integers()?.to_vec()),
        };
        (context.constant(1)?.integers()?.to_vec(), value, axes)
    };
    if value != 0.0 {
        return Err(context.fail(format!("pads with {value}, expected 0")));
    }
    let axes = axes.unwrap_or_else(|| (0..rank as i64).collect());
    let wrong = || {
        context.fail(format!(
            "pads is {pads:?} for axes {axes:?}, expected a number from 0 on before and behind each, and 0 for the batch"
        ))
    };
    if pads.len() != 2 * axes.len() {
        return Err(wrong());
    }
    let (before, after) = pads.split_at(axes.len());
    let mut reads: Vec<Read> = (0..features.len()).map(Read::all).collect();
    for (axis, (before, after)) in axes.iter().zip(before.iter().zip(after)) {
        if *before == 0 && *after == 0 {
            continue;
        }
        let at = feature_axis(*axis, features.len());
        let by = |v: i64| usize::try_from(v).ok().filter(|v| *v <= 1 << 20);
        let sizes = by(*before).zip(by(*after));
        let (Some(at), Some((first, last))) = (at, sizes) else {
            return Err(wrong());
        };
        if let (Some(len), Some(read)) = (features.get_mut(at), reads.get_mut(at)) {
            *len += first + last;
            read.start -= first as i64;
        }
    }
    context.push(Draft::Op(Op::Arrange(reads)), vec![x], features)
}

/// Parts of an axis, a result each: their sizes, or as many equal ones as there are results.
pub fn split(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let x = context.tensor(0)?;
    let features = context.features(x);
    let axis = context.int("axis", 0)?;
    let Some(at) = feature_axis(axis, features.len()) else {
        return Err(context.fail(format!(
            "axis is {axis}, expected one of 1 to {}: the batch stays as it is",
            features.len()
        )));
    };
    let outputs = context.outputs();
    let len = features.get(at).copied().unwrap_or(0);
    let given = match context.ints("split")? {
        Some(sizes) => Some(sizes.to_vec()),
        None => match context.raw(1)? {
            None => None,
            Some(_) => Some(context.constant(1)?.integers()?.to_vec()),
        },
    };
    let each = len.div_ceil(outputs.len().max(1));
    let sizes: Option<Vec<usize>> = match &given {
        Some(sizes) => sizes.iter().map(|v| usize::try_from(*v).ok()).collect(),
        None => (0..outputs.len())
            .map(|i| Some(each.min(len.saturating_sub(i * each))))
            .collect(),
    };
    let sum = |sizes: &Vec<usize>| {
        sizes
            .iter()
            .fold(0usize, |all, own| all.saturating_add(*own))
    };
    let sizes = sizes.filter(|sizes| sizes.len() == outputs.len() && sum(sizes) == len);
    let Some(sizes) = sizes else {
        return Err(context.fail(format!(
            "cuts {len} entries into parts of {given:?} for {} results",
            outputs.len()
        )));
    };
    let mut start = 0usize;
    for (name, size) in outputs.iter().zip(sizes) {
        let mut reads: Vec<Read> = (0..features.len()).map(Read::all).collect();
        let mut made = features.clone();
        if let (Some(read), Some(len)) = (reads.get_mut(at), made.get_mut(at)) {
            (read.start, *len) = (start as i64, size);
        }
        start += size;
        if !name.is_empty() {
            context.push_named(name, Draft::Op(Op::Arrange(reads)), vec![x], made)?;
        }
    }
    Ok(())
}

/// Entries of an axis by constant indices that are evenly apart; one index leaves the axis out.
pub fn gather(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    if !matches!(context.raw(0)?, Some(Value::Tensor(_))) {
        return shape::gather(context);
    }
    let x = context.tensor(0)?;
    let features = context.features(x);
    let axis = context.int("axis", 0)?;
    let Some(at) = feature_axis(axis, features.len()) else {
        return Err(context.fail(format!(
            "axis is {axis}, expected one of 1 to {}: the batch stays as it is",
            features.len()
        )));
    };
    let len = features.get(at).copied().unwrap_or(0) as i64;
    let given = context.constant(1)?;
    let indices = given.integers()?.iter();
    let indices: Vec<i64> = indices.map(|i| if *i < 0 { i + len } else { *i }).collect();
    let start = indices.first().copied().unwrap_or(-1);
    let step = indices.get(1).map_or(1, |second| second - start);
    let even = indices
        .iter()
        .enumerate()
        .all(|(i, at)| *at == start + step * i as i64);
    let inside = indices.iter().all(|at| (0..len).contains(at));
    if !even || !inside || step == 0 || indices.is_empty() || given.dims.len() > 1 {
        return Err(context.fail(format!(
            "takes entries {:?} of an axis of {len}, expected one, or a list of evenly spaced ones",
            given.integers()?
        )));
    }
    let mut reads: Vec<Read> = (0..features.len()).map(Read::all).collect();
    let mut made = features.clone();
    if let (Some(read), Some(size)) = (reads.get_mut(at), made.get_mut(at)) {
        *read = Read {
            start,
            step,
            ..Read::all(at)
        };
        *size = indices.len();
    }
    let arrange = Draft::Op(Op::Arrange(reads));
    if !given.dims.is_empty() {
        return context.push(arrange, vec![x], made);
    }
    let one = context.push_part("entry", arrange, vec![x], made.clone())?;
    made.remove(at);
    context.push(Draft::Op(Op::Reshape), vec![one], made)
}

/// Activations one behind the other; shapes likewise.
pub fn concat(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let first = context.raw(0)?;
    if !matches!(first, Some(Value::Tensor(_))) {
        return shape::concat(context);
    }
    let ids = (0..context.operands()).map(|i| context.tensor(i));
    let ids = ids.collect::<Result<Vec<_>, _>>()?;
    let all: Vec<Vec<usize>> = ids.iter().map(|id| context.features(*id)).collect();
    let mut features = all.first().cloned().unwrap_or_default();
    let axis = context.int("axis", i64::MIN)?;
    let Some(at) = feature_axis(axis, features.len()) else {
        return Err(context.fail(format!(
            "axis is {axis}, expected one of 1 to {}: the batch stays as it is",
            features.len()
        )));
    };
    for own in all.iter().skip(1) {
        let len = own.get(at).copied().unwrap_or(0);
        let alike = |(i, (a, b)): (usize, (&usize, &usize))| i == at || a == b;
        let same = own.iter().zip(&features).enumerate().all(alike);
        if own.len() != features.len() || !same {
            return Err(context.fail(format!(
                "operands have feature shapes {all:?}, expected equal ones but along axis {}",
                at + 1
            )));
        }
        if let Some(sum) = features.get_mut(at) {
            *sum = sum.saturating_add(len);
        }
    }
    context.push(Draft::Op(Op::Concat { axis: at }), ids, features)
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn parts_are_those_of_the_specification() {
        assert_eq!(part(1, 4, 1, 10), Some((1, 3)));
        assert_eq!(part(-3, i64::MAX, 1, 10), Some((7, 3)));
        assert_eq!(part(0, 10, 3, 10), Some((0, 4)));
        assert_eq!(part(-1, i64::MIN, -1, 4), Some((3, 4)));
        assert_eq!(part(3, 0, -2, 4), Some((3, 2)));
        assert_eq!(part(-2, i64::MIN, -1, 1), Some((0, 1)));
        assert_eq!(part(2, 2, 1, 4), None);
        assert_eq!(part(0, 4, 0, 4), None);
        assert_eq!(part(9, 12, 1, 4), None);
    }
}
