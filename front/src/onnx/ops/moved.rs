//! Values whose batch is not their first axis: sequences as recurrent operators have them, steps first.
//!
//! A row's numbers are the same wherever the batch stands; what is kept beside them is its place. Operators that only move numbers
//! take such values and give others, functions of one number keep the place, and all others want the batch first, which a
//! Transpose gives.

use super::super::builder::{Draft, Extent, Shape, Value};
use super::super::error::ImportError;
use super::arrange::part;
use super::shape::{define, target};
use super::{Build, Context};
use crate::ops::{Op, Read};

/// Operators of one operand that compute every number of its own.
const EACH: &[&str] = &[
    "Abs",
    "Cast",
    "Dropout",
    "Elu",
    "Erf",
    "Gelu",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "LeakyRelu",
    "Neg",
    "Relu",
    "Selu",
    "Sigmoid",
    "Softplus",
    "Softsign",
    "Tanh",
];

/// How a node is read whose first operand has its batch elsewhere, or that moves it there; none if it is read like all others.
pub fn reader(context: &Context<'_, '_>, registered: Build) -> Result<Option<Build>, ImportError> {
    let op = context.op();
    let Some(Value::Moved(..)) = context.raw(0).ok().flatten() else {
        let Some(Value::Tensor(x)) = context.raw(0)? else {
            return Ok(None);
        };
        let rank = context.features(*x).len() as i64 + 1;
        return Ok(match op {
            "Transpose" => {
                let order = context.ints("perm")?;
                let moves = rank > 1 && order.is_none_or(|order| order.first() != Some(&0));
                moves.then_some(transpose as Build)
            }
            "Unsqueeze" => {
                let axes = axes(context)?.unwrap_or_default();
                let first = -rank - axes.len() as i64;
                let moves = axes.iter().any(|axis| *axis == 0 || *axis == first);
                moves.then_some(unsqueeze as Build)
            }
            _ => None,
        });
    };
    Ok(match op {
        "Transpose" => Some(transpose),
        "Squeeze" => Some(squeeze),
        "Unsqueeze" => Some(unsqueeze),
        "Reshape" => Some(reshape),
        "Slice" => Some(slice),
        "Gather" => Some(gather),
        "Shape" => Some(shape),
        _ if EACH.contains(&op) => Some(registered),
        _ => None,
    })
}

/// Whether a registered reader is asked for an operator of one number after the other, whose result's batch is where its
/// operand's is.
pub fn keeps(op: &str) -> bool {
    EACH.contains(&op)
}

/// Feature axis of one of all axes, and the axes' number.
fn feature(axis: i64, rank: usize, batch: usize) -> Option<usize> {
    let axis = if axis < 0 {
        axis.checked_add(rank as i64)?
    } else {
        axis
    };
    let axis = usize::try_from(axis)
        .ok()
        .filter(|axis| *axis < rank && *axis != batch)?;
    Some(axis - usize::from(axis > batch))
}

fn no_axis(context: &Context<'_, '_>, axis: i64, batch: usize, features: &[usize]) -> ImportError {
    context.fail(format!(
        "names axis {axis}, expected one of {} that is not the batch, {batch}",
        features.len() + 1
    ))
}

fn result(context: &mut Context<'_, '_>, batch: usize) -> Result<(), ImportError> {
    let name = context.output()?.to_owned();
    context.set_batch(&name, batch);
    Ok(())
}

/// Axes in another order, the batch among them.
fn transpose(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let (x, batch) = context.moved(0)?;
    let features = context.features(x);
    let rank = features.len() + 1;
    let order: Vec<i64> = match context.ints("perm")? {
        Some(order) => order.to_vec(),
        None => (0..rank as i64).rev().collect(),
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    let at = order.iter().position(|axis| *axis == batch as i64);
    let Some(at) = at.filter(|_| sorted.into_iter().eq(0..rank as i64)) else {
        return Err(context.fail(format!(
            "perm is {order:?}, expected an order of {rank} axes"
        )));
    };
    let axes = order.iter().filter_map(|axis| feature(*axis, rank, batch));
    let reads: Vec<Read> = axes.map(Read::all).collect();
    let of = |read: &Read| features.get(read.axis).copied().unwrap_or(0);
    let made: Vec<usize> = reads.iter().map(of).collect();
    // If the batch alone moves, no number of a row does.
    let whole = reads.iter().enumerate().all(|(at, read)| read.axis == at);
    let op = if whole {
        Op::Reshape
    } else {
        Op::Arrange(reads)
    };
    context.push(Draft::Op(op), vec![x], made)?;
    result(context, at)
}

/// An attribute before opset 13, an operand since.
fn axes(context: &Context<'_, '_>) -> Result<Option<Vec<i64>>, ImportError> {
    if let Some(axes) = context.ints("axes")? {
        return Ok(Some(axes.to_vec()));
    }
    match context.raw(1)? {
        None => Ok(None),
        Some(_) => Ok(Some(context.constant(1)?.integers()?.to_vec())),
    }
}

/// Axes of one entry left out.
fn squeeze(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let (x, batch) = context.moved(0)?;
    let features = context.features(x);
    let rank = features.len() + 1;
    let mut gone = vec![];
    match axes(context)? {
        None => gone.extend((0..features.len()).filter(|at| features.get(*at) == Some(&1))),
        Some(axes) => {
            for axis in axes {
                let at = feature(axis, rank, batch).filter(|at| features.get(*at) == Some(&1));
                gone.push(at.ok_or_else(|| no_axis(context, axis, batch, &features))?);
            }
        }
    }
    let kept = features.iter().enumerate();
    let kept: Vec<usize> = kept
        .filter(|(at, _)| !gone.contains(at))
        .map(|(_, len)| *len)
        .collect();
    let before = (0..batch).filter(|at| !gone.contains(at)).count();
    context.push(Draft::Op(Op::Reshape), vec![x], kept)?;
    result(context, before)
}

/// Axes of one entry put in.
fn unsqueeze(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let (x, batch) = context.moved(0)?;
    let features = context.features(x);
    let axes = axes(context)?.unwrap_or_default();
    let rank = features.len() + 1 + axes.len();
    let mut new = vec![];
    for axis in &axes {
        let at = if *axis < 0 {
            axis.saturating_add(rank as i64)
        } else {
            *axis
        };
        let at = usize::try_from(at)
            .ok()
            .filter(|at| *at < rank && !new.contains(at));
        new.push(at.ok_or_else(|| no_axis(context, *axis, batch, &features))?);
    }
    let own: Vec<usize> = (0..rank).filter(|at| !new.contains(at)).collect();
    let at = own.get(batch).copied().unwrap_or(0);
    let mut left = features.iter().copied();
    let others = (0..rank).filter(|axis| *axis != at);
    let size = |axis: usize| {
        if new.contains(&axis) {
            Some(1)
        } else {
            left.next()
        }
    };
    let made: Vec<usize> = others.filter_map(size).collect();
    context.push(Draft::Op(Op::Reshape), vec![x], made)?;
    result(context, at)
}

/// Features behind the batch joined or split; those before it stay.
fn reshape(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let (x, batch) = context.moved(0)?;
    let features = context.features(x);
    let wanted = target(context)?;
    let wrong = |context: &Context<'_, '_>| {
        context.fail(format!(
            "target shape is {wanted:?}, expected the {batch} axes before the batch and it as they are, and {features:?}; \
             transpose the batch to the front first"
        ))
    };
    let (before, rest) = wanted
        .split_at_checked(batch)
        .ok_or_else(|| wrong(context))?;
    let same = before.iter().zip(&features);
    let same = { same }.all(|(wanted, len)| *wanted == 0 || usize::try_from(*wanted) == Ok(*len));
    let Some((own, behind)) = rest.split_first() else {
        return Err(wrong(context));
    };
    let (kept, old) = features
        .split_at_checked(batch)
        .ok_or_else(|| wrong(context))?;
    if !same || !matches!(own, -1..=1) {
        return Err(wrong(context));
    }
    let width: usize = old.iter().product();
    let mut made = vec![];
    let mut open = None;
    for (axis, wanted) in behind.iter().enumerate() {
        made.push(match (*wanted, old.get(axis)) {
            (0, Some(len)) => *len,
            (-1, _) if *own != -1 && open.is_none() => {
                open = Some(axis);
                1
            }
            (1.., _) => usize::try_from(*wanted).unwrap_or(usize::MAX),
            _ => return Err(wrong(context)),
        });
    }
    let product = made
        .iter()
        .try_fold(1usize, |n, d| n.checked_mul(*d))
        .filter(|n| *n > 0);
    let product = product.ok_or_else(|| wrong(context))?;
    match open.and_then(|axis| made.get_mut(axis)) {
        Some(slot) if width.is_multiple_of(product) => *slot = width / product,
        None if product == width => {}
        _ => return Err(wrong(context)),
    }
    let made = [kept, &made].concat();
    context.push(Draft::Op(Op::Reshape), vec![x], made)?;
    result(context, batch)
}

/// Parts of axes.
fn slice(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let (x, batch) = context.moved(0)?;
    let mut features = context.features(x);
    let rank = features.len() + 1;
    let list = |i: usize| -> Result<Option<Vec<i64>>, ImportError> {
        match context.raw(i)? {
            None => Ok(None),
            Some(_) => Ok(Some(context.constant(i)?.integers()?.to_vec())),
        }
    };
    let (Some(starts), Some(ends)) = (list(1)?, list(2)?) else {
        return Err(context.fail("starts or ends are missing"));
    };
    let axes = list(3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = list(4)?.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return Err(context.fail(format!(
            "starts {starts:?}, ends {ends:?}, axes {axes:?} and steps {steps:?} have different lengths"
        )));
    }
    let mut reads: Vec<Read> = (0..features.len()).map(Read::all).collect();
    for ((start, end), (axis, step)) in starts.iter().zip(&ends).zip(axes.iter().zip(&steps)) {
        let at =
            feature(*axis, rank, batch).ok_or_else(|| no_axis(context, *axis, batch, &features))?;
        if let (Some(len), Some(read)) = (features.get_mut(at), reads.get_mut(at)) {
            let found = part(*start, *end, *step, *len);
            let (first, count) = found.ok_or_else(|| {
                context.fail(format!("takes {start} to {end} by {step} of axis {axis}, which has {len} entries: nothing is left"))
            })?;
            *read = Read {
                start: first,
                step: *step,
                ..Read::all(at)
            };
            *len = count;
        }
    }
    context.push(Draft::Op(Op::Arrange(reads)), vec![x], features)?;
    result(context, batch)
}

/// One entry of an axis, as a last step is taken.
fn gather(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let (x, batch) = context.moved(0)?;
    let features = context.features(x);
    let axis = context.int("axis", 0)?;
    let at = feature(axis, features.len() + 1, batch)
        .ok_or_else(|| no_axis(context, axis, batch, &features))?;
    let given = context.constant(1)?;
    let len = features.get(at).copied().unwrap_or(0) as i64;
    let &[index] = given.integers()? else {
        return Err(context.fail(format!(
            "takes entries of shape {:?}, expected one",
            given.dims
        )));
    };
    let index = if index < 0 {
        index.saturating_add(len)
    } else {
        index
    };
    if !(0..len).contains(&index) {
        return Err(context.fail(format!("takes entry {index} of an axis of {len}")));
    }
    let mut reads: Vec<Read> = (0..features.len()).map(Read::all).collect();
    let mut made = features.clone();
    if let (Some(read), Some(size)) = (reads.get_mut(at), made.get_mut(at)) {
        (read.start, *size) = (index, 1);
    }
    let arrange = Draft::Op(Op::Arrange(reads));
    if given.dims.len() == 1 {
        context.push(arrange, vec![x], made)?;
        return result(context, batch);
    }
    let one = context.push_part("entry", arrange, vec![x], made.clone())?;
    made.remove(at);
    context.push(Draft::Op(Op::Reshape), vec![one], made)?;
    result(context, batch - usize::from(at < batch))
}

/// All dimensions, the batch where it is.
fn shape(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let (x, batch) = context.moved(0)?;
    if context.attribute_exists("start") || context.attribute_exists("end") {
        return Err(
            context.fail("gives a part of a shape whose batch is not first; export with all of it")
        );
    }
    let sizes = context.features(x).into_iter();
    let mut extents: Vec<Extent> = sizes.map(|size| Extent::Size(size as i64)).collect();
    extents.insert(batch.min(extents.len()), Extent::Batch);
    let scalar = false;
    define(context, Shape { extents, scalar })
}
