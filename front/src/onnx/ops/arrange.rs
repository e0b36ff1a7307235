//! Transpose, Slice, Pad and Concat of activations: a batch stays the first axis and whole. What is no pattern of whole axes
//! is moved number by number, by [`moves`].

use super::super::builder::{Draft, Value};
use super::super::error::ImportError;
use super::{Context, moves, shape};
use crate::ops::{Op, Read};

/// Axes in another order.
pub fn transpose(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let x = context.tensor(0)?;
    let features = context.features(x);
    let lead = context.lead();
    let rank = features.len() + lead;
    let order: Vec<i64> = match context.ints("perm")? {
        Some(order) => order.to_vec(),
        None => (0..rank as i64).rev().collect(),
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    let whole = sorted.iter().copied().eq(0..rank as i64);
    if !whole || (lead == 1 && order.first() != Some(&0)) {
        return Err(context.fail(format!(
            "perm is {order:?}, expected an order of {rank} axes{}",
            if lead == 1 {
                " that begins with the batch, 0"
            } else {
                ""
            }
        )));
    }
    let axes = order.iter().skip(lead).map(|axis| *axis as usize - lead);
    let reads: Vec<Read> = axes.map(Read::all).collect();
    let of = |read: &Read| features.get(read.axis).copied().unwrap_or(0);
    let features = reads.iter().map(of).collect();
    context.push(Draft::Op(Op::Arrange(reads)), vec![x], features)
}

/// What Slice takes: starts, ends, axes and steps, as many each.
type Bounds = (Vec<i64>, Vec<i64>, Vec<i64>, Vec<i64>);

pub(super) fn bounds(context: &Context<'_, '_>) -> Result<Bounds, ImportError> {
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
    Ok((starts, ends, axes, steps))
}

/// Parts of axes: attributes before opset 10, operands since.
pub fn slice(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    if let Some(Value::Shape(_)) = context.raw(0)? {
        return shape::slice(context);
    }
    let x = context.tensor(0)?;
    let mut features = context.features(x);
    let (starts, ends, axes, steps) = bounds(context)?;
    let mut reads: Vec<Read> = (0..features.len()).map(Read::all).collect();
    let parts = starts.iter().zip(&ends).zip(axes.iter().zip(&steps));
    for ((start, end), (axis, step)) in parts {
        let axis = context.axis(*axis, features.len())?;
        let (Some(len), Some(read)) = (features.get_mut(axis), reads.get_mut(axis)) else {
            continue;
        };
        let Some((first, count)) = part(*start, *end, *step, *len) else {
            return Err(context.fail(format!(
                "takes {start} to {end} by {step} of axis {}, which has {len} entries: nothing is left",
                axis + context.lead()
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

/// Zeros before and behind axes: attributes before opset 11, operands since.
pub fn pad(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let x = context.tensor(0)?;
    let mut features = context.features(x);
    let mode = context.text("mode", "constant")?;
    if mode != "constant" {
        return moves::pad(context);
    }
    let rank = features.len() + context.lead();
    let (pads, value, axes) = if context.opset() < 11 {
        let pads = context.ints("pads")?.unwrap_or_default().to_vec();
        (pads, context.float("value", 0.0)?, None)
    } else {
        let value = match context.optional(2)? {
            None => 0.0,
            Some(_) => {
                let value = context.constant(2)?.numbers();
                value.first().copied().unwrap_or(0.0) as f32
            }
        };
        let axes = match context.optional(3)? {
            None => None,
            Some(_) => Some(context.constant(3)?.integers()?.to_vec()),
        };
        (context.constant(1)?.integers()?.to_vec(), value, axes)
    };
    if value != 0.0 || pads.iter().any(|pad| *pad < 0) {
        return moves::pad(context);
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
        let at = context.axis(*axis, features.len()).ok();
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
    let at = context.axis(axis, features.len())?;
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
    let constant = context.raw(0)?.is_some_and(Value::is_constant);
    if constant && matches!(context.raw(1)?, Some(Value::Tensor(_))) {
        return super::places::embedding(context);
    }
    if !matches!(context.raw(0)?, Some(Value::Tensor(_))) {
        return shape::gather(context);
    }
    let x = context.tensor(0)?;
    let features = context.features(x);
    let axis = context.int("axis", 0)?;
    let at = context.axis(axis, features.len())?;
    let len = features.get(at).copied().unwrap_or(0) as i64;
    if matches!(context.raw(1)?, Some(Value::Tensor(_))) {
        return Err(context.fail("operand 1 is computed, expected constant indices"));
    }
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
        return moves::gather(context);
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
    let (mut tensors, mut shapes) = (0, 0);
    for i in 0..context.operands() {
        match context.raw(i)? {
            Some(Value::Tensor(_)) => tensors += 1,
            Some(Value::Shape(_)) => shapes += 1,
            _ => {}
        }
    }
    if shapes > 0 || tensors == 0 {
        return shape::concat(context);
    }
    if tensors < context.operands() {
        return moves::concat(context);
    }
    let ids = (0..context.operands()).map(|i| context.tensor(i));
    let ids = ids.collect::<Result<Vec<_>, _>>()?;
    let all: Vec<Vec<usize>> = ids.iter().map(|id| context.features(*id)).collect();
    let mut features = all.first().cloned().unwrap_or_default();
    let axis = context.int("axis", i64::MIN)?;
    let at = context.axis(axis, features.len())?;
    for own in all.iter().skip(1) {
        let len = own.get(at).copied().unwrap_or(0);
        let alike = |(i, (a, b)): (usize, (&usize, &usize))| i == at || a == b;
        let same = own.iter().zip(&features).enumerate().all(alike);
        if own.len() != features.len() || !same {
            return Err(context.fail(format!(
                "operands have feature shapes {all:?}, expected equal ones but along axis {}",
                at + context.lead()
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
