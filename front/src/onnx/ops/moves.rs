//! Operators that only move numbers, one by one: where each number of the result comes from is worked out for constants and
//! activations alike. Of a batch the same is worked out for batches of two and three rows: it has to be the same for each row.

use super::super::builder::{Draft, First};
use super::super::error::ImportError;
use super::super::tensor::Elements;
use super::context::Operand;
use super::{Context, resize};
use crate::ops::Op;

type Built = Result<(), ImportError>;

/// Most numbers of a result.
const MAX_NUMBERS: usize = 1 << 22;

/// Where a number comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum From {
    /// This place of one of the operands that are moved.
    At(usize, usize),
    /// It is this number.
    Number(f64),
}

/// A result: its shape, and where its numbers come from, row-major.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Moved {
    pub(super) dims: Vec<usize>,
    pub(super) from: Vec<From>,
}

/// What a plan has to go by: the node, and the shapes of the operands that are moved.
type Plan<'p> = &'p dyn Fn(&Context<'_, '_>, &[Vec<usize>]) -> Result<Moved, ImportError>;

/// Number of numbers of a shape, if it is small enough to be worked out.
pub(super) fn size(context: &Context<'_, '_>, dims: &[usize]) -> Result<usize, ImportError> {
    let size = dims.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
    size.filter(|size| *size <= MAX_NUMBERS).ok_or_else(|| {
        context.fail(format!(
            "the result has shape {dims:?}, expected at most {MAX_NUMBERS} numbers"
        ))
    })
}

/// A number's indices.
pub(super) fn indices(mut at: usize, dims: &[usize]) -> Vec<usize> {
    let mut out = vec![0; dims.len()];
    for (slot, len) in out.iter_mut().zip(dims).rev() {
        *slot = at.checked_rem(*len).unwrap_or(0);
        at = at.checked_div(*len).unwrap_or(0);
    }
    out
}

/// A number's place by its indices; none outside.
pub(super) fn place(indices: &[usize], dims: &[usize]) -> Option<usize> {
    let mut at = 0;
    for (index, len) in indices.iter().zip(dims) {
        if index >= len {
            return None;
        }
        at = at * len + index;
    }
    Some(at)
}

/// A plan in which every number is worked out from its indices.
pub(super) fn by_indices(
    context: &Context<'_, '_>,
    dims: Vec<usize>,
    from: impl Fn(&[usize]) -> Option<From>,
) -> Result<Moved, ImportError> {
    let count = size(context, &dims)?;
    let all = (0..count).map(|at| {
        let own = indices(at, &dims);
        from(&own).ok_or_else(|| context.fail(format!("reads outside of its operand at {own:?}")))
    });
    let from = all.collect::<Result<_, _>>()?;
    Ok(Moved { dims, from })
}

/// Adds what a plan says of the operands `data`.
pub(super) fn movement(context: &mut Context<'_, '_>, data: &[usize], plan: Plan<'_>) -> Built {
    let operands = data.iter().map(|i| context.operand(*i));
    let operands = operands.collect::<Result<Vec<_>, _>>()?;
    let numbers: Vec<Option<Vec<f64>>> = operands
        .iter()
        .map(|operand| match operand {
            Operand::Tensor(_) => None,
            Operand::Constant(constant) => Some(constant.numbers()),
        })
        .collect();
    let shapes = |batch: &[usize]| -> Vec<Vec<usize>> {
        let shape = |operand: &Operand| match operand {
            Operand::Tensor(x) => [batch, &context.features(*x)].concat(),
            Operand::Constant(constant) => constant.dims.clone(),
        };
        operands.iter().map(shape).collect()
    };
    let constant = |from: &From| match from {
        From::Number(value) => Some(*value),
        From::At(operand, at) => numbers.get(*operand)?.as_ref()?.get(*at).copied(),
    };
    if numbers.iter().all(Option::is_some) {
        let moved = plan(context, &shapes(&[]))?;
        let whole = operands.iter().all(|operand| match operand {
            Operand::Constant(constant) => constant.integers().is_ok(),
            Operand::Tensor(_) => false,
        });
        let values: Vec<f64> = moved.from.iter().filter_map(constant).collect();
        let elements = match whole {
            true => Elements::Int(values.into_iter().map(|v| v as i64).collect()),
            false => Elements::Float(values.into_iter().map(|v| v as f32).collect()),
        };
        return super::constants::define(context, moved.dims, elements);
    }
    let moved = match context.first() {
        First::Feature => plan(context, &shapes(&[]))?,
        First::Batch => {
            let widths: Vec<usize> = operands
                .iter()
                .map(|operand| match operand {
                    Operand::Tensor(x) => context.width(*x),
                    Operand::Constant(_) => 0,
                })
                .collect();
            let two = one_row(context, plan(context, &shapes(&[2]))?, 2, &widths)?;
            let three = one_row(context, plan(context, &shapes(&[3]))?, 3, &widths)?;
            if two != three {
                return Err(mixes(context));
            }
            two
        }
    };
    let (mut picks, mut shift) = (Vec::with_capacity(moved.from.len()), vec![]);
    for from in &moved.from {
        let own = constant(from);
        picks.push(match (from, own) {
            (From::At(operand, at), None) => Some((*operand as u32, *at as u32)),
            _ => None,
        });
        shift.push(own.unwrap_or(0.0));
    }
    // Operands that are activations, by their numbers among these.
    let mut ids = vec![];
    let renumber: Vec<u32> = operands
        .iter()
        .map(|operand| {
            if let Operand::Tensor(x) = operand {
                ids.push(*x);
            }
            (ids.len() as u32).saturating_sub(1)
        })
        .collect();
    for (operand, _) in picks.iter_mut().flatten() {
        *operand = renumber.get(*operand as usize).copied().unwrap_or(0);
    }
    let same = |(at, pick): (usize, &Option<(u32, u32)>)| *pick == Some((0, at as u32));
    let kind = ids.first().map(|x| context.kind(*x));
    let first = ids.first().copied().unwrap_or(0);
    if picks.len() == context.width(first) && picks.iter().enumerate().all(same) {
        return context.give(first, moved.dims);
    }
    if shift.iter().all(|v| *v == 0.0) {
        let pick = Draft::Op(Op::Pick(picks.into()));
        return context.push(pick, ids, moved.dims);
    }
    let picked = context.part(Op::Pick(picks.into()), ids, moved.dims.clone())?;
    let scale = vec![1.0; shift.len()];
    context.push(Draft::Affine { scale, shift }, vec![picked], moved.dims)?;
    kind.map_or(Ok(()), |kind| context.typed(kind))
}

fn mixes(context: &Context<'_, '_>) -> ImportError {
    context.fail("does not do the same to every row of the batch, which stays the first axis")
}

/// What is done to each row of a batch of so many.
fn one_row(
    context: &Context<'_, '_>,
    moved: Moved,
    rows: usize,
    widths: &[usize],
) -> Result<Moved, ImportError> {
    let (Some((&batch, features)), false) = (moved.dims.split_first(), moved.from.is_empty())
    else {
        return Err(mixes(context));
    };
    let width = moved.from.len() / rows;
    let first = moved.from.get(..width).unwrap_or_default();
    let behind = |from: &From, row: usize| match from {
        From::At(operand, at) => {
            let by = widths.get(*operand).copied().unwrap_or(0);
            From::At(*operand, at + row * by)
        }
        number => *number,
    };
    let inside = first.iter().all(|from| match from {
        From::At(operand, at) => {
            let width = widths.get(*operand).copied().unwrap_or(0);
            width == 0 || *at < width
        }
        From::Number(_) => true,
    });
    let same = moved
        .from
        .chunks(width.max(1))
        .enumerate()
        .all(|(row, own)| {
            own.iter()
                .zip(first)
                .all(|(own, first)| *own == behind(first, row))
        });
    if batch != rows || !inside || !same {
        return Err(mixes(context));
    }
    Ok(Moved {
        dims: features.to_vec(),
        from: first.to_vec(),
    })
}

/// An axis by its number, from the last if it is negative.
pub(super) fn axis_of(
    context: &Context<'_, '_>,
    axis: i64,
    rank: usize,
) -> Result<usize, ImportError> {
    let at = if axis < 0 {
        axis.saturating_add(rank as i64)
    } else {
        axis
    };
    let found = usize::try_from(at).ok().filter(|at| *at < rank);
    found.ok_or_else(|| context.fail(format!("axis is {axis}, expected one of {rank} axes")))
}

/// The integers of a constant operand, or of an attribute.
pub(super) fn list(
    context: &Context<'_, '_>,
    name: &str,
    i: usize,
) -> Result<Option<Vec<i64>>, ImportError> {
    if let Some(list) = context.ints(name)? {
        return Ok(Some(list.to_vec()));
    }
    match context.raw(i)? {
        None => Ok(None),
        Some(_) => Ok(Some(context.constant(i)?.integers()?.to_vec())),
    }
}

fn one<'s>(
    context: &Context<'_, '_>,
    shapes: &'s [Vec<usize>],
) -> Result<&'s [usize], ImportError> {
    let first = shapes.first().map(Vec::as_slice);
    first.ok_or_else(|| context.fail("operand 0 is missing"))
}

/// An index of an axis, from the end if it is negative.
fn index_of(index: i64, len: usize) -> Option<usize> {
    let at = if index < 0 {
        index.checked_add(len as i64)?
    } else {
        index
    };
    usize::try_from(at).ok().filter(|at| *at < len)
}

/// Axes in another order.
pub fn transpose(context: &mut Context<'_, '_>) -> Built {
    movement(context, &[0], &|context, shapes| {
        let dims = one(context, shapes)?;
        let order: Vec<usize> = match context.ints("perm")? {
            None => (0..dims.len()).rev().collect(),
            Some(perm) => perm.iter().map(|axis| *axis as usize).collect(),
        };
        let made: Option<Vec<usize>> = order.iter().map(|axis| dims.get(*axis).copied()).collect();
        let Some(made) = made.filter(|made| made.len() == dims.len()) else {
            return Err(context.fail(format!("perm is {order:?} for {} axes", dims.len())));
        };
        by_indices(context, made, |at| {
            let mut own = vec![0; dims.len()];
            for (axis, index) in order.iter().zip(at) {
                *own.get_mut(*axis)? = *index;
            }
            Some(From::At(0, place(&own, dims)?))
        })
    })
}

/// Parts of axes.
pub fn slice(context: &mut Context<'_, '_>) -> Built {
    movement(context, &[0], &|context, shapes| {
        let dims = one(context, shapes)?;
        let starts = list(context, "starts", 1)?.unwrap_or_default();
        let ends = list(context, "ends", 2)?.unwrap_or_default();
        let axes = list(context, "axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = list(context, "steps", 4)?.unwrap_or_else(|| vec![1; starts.len()]);
        let mut parts: Vec<(i64, i64)> = vec![(0, 1); dims.len()];
        let mut made = dims.to_vec();
        for (i, axis) in axes.iter().enumerate() {
            let axis = axis_of(context, *axis, dims.len())?;
            let of = |list: &[i64]| list.get(i).copied();
            let (Some(start), Some(end), Some(step)) = (of(&starts), of(&ends), of(&steps)) else {
                return Err(context.fail("starts, ends, axes and steps have different lengths"));
            };
            let len = dims.get(axis).copied().unwrap_or(0);
            let part = super::arrange::part(start, end, step, len);
            let (Some(slot), Some(len)) = (parts.get_mut(axis), made.get_mut(axis)) else {
                continue;
            };
            (*slot, *len) = part.map_or(((0, 1), 0), |(first, count)| ((first, step), count));
        }
        by_indices(context, made, |at| {
            let own = at
                .iter()
                .zip(&parts)
                .map(|(x, (first, step))| usize::try_from(first + step * *x as i64).ok());
            Some(From::At(0, place(&own.collect::<Option<Vec<_>>>()?, dims)?))
        })
    })
}

/// Entries of an axis by constant indices of any shape.
pub fn gather(context: &mut Context<'_, '_>) -> Built {
    let given = context.constant(1)?;
    let indices = given.integers()?.to_vec();
    movement(context, &[0], &|context, shapes| {
        let dims = one(context, shapes)?;
        let axis = axis_of(context, context.int("axis", 0)?, dims.len())?;
        let (before, behind) = dims.split_at(axis);
        let (len, behind) = behind
            .split_first()
            .map_or((0, behind), |(len, rest)| (*len, rest));
        let made = [before, &given.dims, behind].concat();
        let count = given.dims.len();
        by_indices(context, made, |at| {
            let (first, rest) = at.split_at_checked(axis)?;
            let (own, last) = rest.split_at_checked(count)?;
            let index = indices.get(place(own, &given.dims)?)?;
            let own = [first, &[index_of(*index, len)?], last].concat();
            Some(From::At(0, place(&own, dims)?))
        })
    })
}

/// Entries along an axis by constant indices of the result's shape.
pub fn gather_elements(context: &mut Context<'_, '_>) -> Built {
    let given = context.constant(1)?;
    let indices = given.integers()?.to_vec();
    movement(context, &[0], &|context, shapes| {
        let dims = one(context, shapes)?;
        let axis = axis_of(context, context.int("axis", 0)?, dims.len())?;
        let len = dims.get(axis).copied().unwrap_or(0);
        by_indices(context, given.dims.clone(), |at| {
            let index = indices.get(place(at, &given.dims)?)?;
            let mut own = at.to_vec();
            *own.get_mut(axis)? = index_of(*index, len)?;
            Some(From::At(0, place(&own, dims)?))
        })
    })
}

/// Parts by constant tuples of indices.
pub fn gather_nd(context: &mut Context<'_, '_>) -> Built {
    let given = context.constant(1)?;
    let indices = given.integers()?.to_vec();
    movement(context, &[0], &|context, shapes| {
        let dims = one(context, shapes)?;
        let shared = usize::try_from(context.int("batch_dims", 0)?).unwrap_or(usize::MAX);
        let Some((&length, places)) = given.dims.split_last() else {
            return Err(context.fail("operand 1 is a scalar, expected tuples of indices"));
        };
        let Some(rest) = dims
            .get(shared.saturating_add(length)..)
            .filter(|_| shared <= places.len())
        else {
            return Err(context.fail(format!(
                "operand 0 has shape {dims:?}, tuples {length} indices behind {shared} axes"
            )));
        };
        let made = [places, rest].concat();
        by_indices(context, made, |at| {
            let (own, last) = at.split_at_checked(places.len())?;
            let first = place(own, places)? * length;
            let tuple = indices.get(first..first + length)?;
            let sizes = dims.get(shared..shared + length)?;
            let tuple = tuple
                .iter()
                .zip(sizes)
                .map(|(index, len)| index_of(*index, *len));
            let tuple: Vec<usize> = tuple.collect::<Option<_>>()?;
            let own = [own.get(..shared)?, &tuple, last].concat();
            Some(From::At(0, place(&own, dims)?))
        })
    })
}

/// A value with entries along an axis replaced, by constant indices.
pub fn scatter_elements(context: &mut Context<'_, '_>) -> Built {
    let reduction = context.text("reduction", "none")?;
    if reduction != "none" {
        return Err(context.fail(format!("reduction is {reduction:?}, expected \"none\"")));
    }
    let given = context.constant(1)?;
    let own = given.integers()?.to_vec();
    movement(context, &[0, 2], &|context, shapes| {
        let dims = one(context, shapes)?;
        let axis = axis_of(context, context.int("axis", 0)?, dims.len())?;
        let len = dims.get(axis).copied().unwrap_or(0);
        let mut moved = by_indices(context, dims.to_vec(), |at| {
            Some(From::At(0, place(at, dims)?))
        })?;
        for (update, index) in own.iter().enumerate() {
            let mut at = indices(update, &given.dims);
            let slot = index_of(*index, len).and_then(|index| {
                *at.get_mut(axis)? = index;
                moved.from.get_mut(place(&at, dims)?)
            });
            let Some(slot) = slot else {
                return Err(context.fail(format!("index {index} is not in an axis of {len}")));
            };
            *slot = From::At(1, update);
        }
        Ok(moved)
    })
}

/// A value with parts replaced, by constant tuples of indices.
pub fn scatter_nd(context: &mut Context<'_, '_>) -> Built {
    let reduction = context.text("reduction", "none")?;
    if reduction != "none" {
        return Err(context.fail(format!("reduction is {reduction:?}, expected \"none\"")));
    }
    let given = context.constant(1)?;
    let own = given.integers()?.to_vec();
    movement(context, &[0, 2], &|context, shapes| {
        let dims = one(context, shapes)?;
        let length = given.dims.last().copied().unwrap_or(0);
        let Some(rest) = dims.get(length..) else {
            return Err(context.fail(format!("tuples of {length} indices into shape {dims:?}")));
        };
        let count: usize = size(context, rest)?;
        let mut moved = by_indices(context, dims.to_vec(), |at| {
            Some(From::At(0, place(at, dims)?))
        })?;
        for (update, tuple) in own.chunks(length.max(1)).enumerate() {
            let tuple = tuple
                .iter()
                .zip(dims)
                .map(|(index, len)| index_of(*index, *len));
            let first = tuple
                .collect::<Option<Vec<_>>>()
                .and_then(|tuple| place(&tuple, dims));
            let Some(first) = first else {
                return Err(context.fail(format!("tuple {update} is not in shape {dims:?}")));
            };
            for at in 0..count {
                if let Some(slot) = moved.from.get_mut(first * count + at) {
                    *slot = From::At(1, update * count + at);
                }
            }
        }
        Ok(moved)
    })
}

/// Entries before and behind axes: a constant, the first and last again, mirrored, or from the other end; negative ones are left
/// out.
pub fn pad(context: &mut Context<'_, '_>) -> Built {
    let mode = context.text("mode", "constant")?;
    let value = match context.opset() < 11 {
        true => context.float("value", 0.0)?.into(),
        false => match context.raw(2)? {
            None => 0.0,
            Some(_) => context
                .constant(2)?
                .numbers()
                .first()
                .copied()
                .unwrap_or(0.0),
        },
    };
    movement(context, &[0], &|context, shapes| {
        let dims = one(context, shapes)?;
        let pads = list(context, "pads", 1)?.unwrap_or_default();
        let axes = list(context, "axes", 3)?.unwrap_or_else(|| (0..dims.len() as i64).collect());
        if pads.len() != 2 * axes.len() || pads.iter().any(|pad| pad.unsigned_abs() > 1 << 20) {
            return Err(context.fail(format!("pads is {pads:?} for axes {axes:?}")));
        }
        let (before, after) = pads.split_at(axes.len());
        let mut starts = vec![0i64; dims.len()];
        let mut made = dims.to_vec();
        for (axis, (before, after)) in axes.iter().zip(before.iter().zip(after)) {
            let axis = axis_of(context, *axis, dims.len())?;
            let (Some(start), Some(len)) = (starts.get_mut(axis), made.get_mut(axis)) else {
                continue;
            };
            *start = *before;
            *len = usize::try_from(*len as i64 + before + after).unwrap_or(0);
        }
        by_indices(context, made, |at| {
            let mut own = vec![];
            for ((x, start), len) in at.iter().zip(&starts).zip(dims) {
                let (x, len) = (*x as i64 - start, *len as i64);
                if len == 0 {
                    return None;
                }
                let read = match mode.as_str() {
                    "edge" => x.clamp(0, len - 1),
                    "wrap" => x.rem_euclid(len),
                    "reflect" if len == 1 => 0,
                    "reflect" => {
                        let around = x.rem_euclid(2 * (len - 1));
                        around.min(2 * (len - 1) - around)
                    }
                    "constant" if !(0..len).contains(&x) => return Some(From::Number(value)),
                    "constant" => x,
                    _ => return None,
                };
                own.push(read as usize);
            }
            Some(From::At(0, place(&own, dims)?))
        })
    })
}

/// Values one behind the other, of which some may be constant.
pub fn concat(context: &mut Context<'_, '_>) -> Built {
    let all: Vec<usize> = (0..context.operands()).collect();
    movement(context, &all, &|context, shapes| {
        let dims = one(context, shapes)?;
        let axis = axis_of(context, context.int("axis", i64::MIN)?, dims.len())?;
        let mut made = dims.to_vec();
        let mut ends = vec![];
        let mut sum = 0usize;
        for own in shapes {
            let alike = |(i, (a, b)): (usize, (&usize, &usize))| i == axis || a == b;
            let same = own.iter().zip(dims).enumerate().all(alike);
            if own.len() != dims.len() || !same {
                return Err(context.fail(format!("operands have shapes {shapes:?}")));
            }
            sum = sum.saturating_add(own.get(axis).copied().unwrap_or(0));
            ends.push(sum);
        }
        if let Some(len) = made.get_mut(axis) {
            *len = sum;
        }
        by_indices(context, made, |at| {
            let x = *at.get(axis)?;
            let operand = ends.iter().position(|end| x < *end)?;
            let own = shapes.get(operand)?;
            let mut at = at.to_vec();
            *at.get_mut(axis)? = x + own.get(axis)? - ends.get(operand)?;
            Some(From::At(operand, place(&at, own)?))
        })
    })
}

/// A value again and again along its axes.
pub fn tile(context: &mut Context<'_, '_>) -> Built {
    let repeats = context.constant(1)?.integers()?.to_vec();
    movement(context, &[0], &|context, shapes| {
        let dims = one(context, shapes)?;
        if repeats.len() != dims.len() {
            return Err(context.fail(format!("repeats {repeats:?} for shape {dims:?}")));
        }
        let times = |(len, by): (&usize, &i64)| len.checked_mul(usize::try_from(*by).ok()?);
        let made: Option<Vec<usize>> = dims.iter().zip(&repeats).map(times).collect();
        let made = made.ok_or_else(|| context.fail(format!("repeats {repeats:?} of {dims:?}")))?;
        by_indices(context, made, |at| {
            let own = at.iter().zip(dims).map(|(x, len)| x.checked_rem(*len));
            Some(From::At(0, place(&own.collect::<Option<Vec<_>>>()?, dims)?))
        })
    })
}

/// Axes of one entry repeated, by a constant shape that the operand broadcasts to or with.
pub fn expand(context: &mut Context<'_, '_>) -> Built {
    let target = context.constant(1)?.integers()?.to_vec();
    movement(context, &[0], &|context, shapes| {
        let dims = one(context, shapes)?;
        let target: Option<Vec<usize>> = target.iter().map(|d| usize::try_from(*d).ok()).collect();
        let target = target.ok_or_else(|| context.fail("the target shape has negative sizes"))?;
        let rank = dims.len().max(target.len());
        let entry = |shape: &[usize], at: usize| {
            let at = at.checked_sub(rank - shape.len());
            at.and_then(|at| shape.get(at)).copied().unwrap_or(1)
        };
        let mut made = vec![];
        for at in 0..rank {
            made.push(match (entry(dims, at), entry(&target, at)) {
                (1, other) => other,
                (own, other) if other == 1 || own == other => own,
                _ => {
                    return Err(
                        context.fail(format!("shape {dims:?} does not broadcast to {target:?}"))
                    );
                }
            });
        }
        by_indices(context, made, |at| {
            let own = at.get(rank - dims.len()..)?.iter().zip(dims);
            let own: Vec<usize> = own.map(|(x, len)| if *len == 1 { 0 } else { *x }).collect();
            Some(From::At(0, place(&own, dims)?))
        })
    })
}

/// Blocks of channels to blocks of places.
pub fn depth_to_space(context: &mut Context<'_, '_>) -> Built {
    let column = match context.text("mode", "DCR")?.as_str() {
        "DCR" => false,
        "CRD" => true,
        other => return Err(context.fail(format!("mode is {other:?}, expected DCR or CRD"))),
    };
    let by = usize::try_from(context.int("blocksize", 0)?).unwrap_or(0);
    movement(context, &[0], &|context, shapes| {
        let dims = one(context, shapes)?;
        let (&[n, c, h, w], true) = (dims, (1..=1 << 10).contains(&by)) else {
            return Err(context.fail(format!("operand 0 has shape {dims:?}, expected four axes")));
        };
        let own = c / (by * by);
        if own * by * by != c {
            return Err(context.fail(format!("{c} channels are no blocks of {by} by {by}")));
        }
        by_indices(context, vec![n, own, h * by, w * by], |at| {
            let &[n, c, y, x] = at else { return None };
            let (dy, dx) = (y % by, x % by);
            let channel = match column {
                false => (dy * by + dx) * own + c,
                true => (c * by + dy) * by + dx,
            };
            Some(From::At(0, place(&[n, channel, y / by, x / by], dims)?))
        })
    })
}

/// Blocks of places to channels.
pub fn space_to_depth(context: &mut Context<'_, '_>) -> Built {
    let by = usize::try_from(context.int("blocksize", 0)?).unwrap_or(0);
    movement(context, &[0], &|context, shapes| {
        let dims = one(context, shapes)?;
        let (&[n, c, h, w], true) = (dims, (1..=1 << 10).contains(&by)) else {
            return Err(context.fail(format!("operand 0 has shape {dims:?}, expected four axes")));
        };
        if h % by != 0 || w % by != 0 {
            return Err(context.fail(format!("{h} by {w} places are no blocks of {by} by {by}")));
        }
        let made = vec![n, c.saturating_mul(by * by), h / by, w / by];
        by_indices(context, made, |at| {
            let &[n, channel, y, x] = at else { return None };
            let (block, channel) = (channel / c, channel % c);
            let own = [n, channel, y * by + block / by, x * by + block % by];
            Some(From::At(0, place(&own, dims)?))
        })
    })
}

/// The first entries of an axis in reverse order, as many as a constant says of each entry of another.
pub fn reverse_sequence(context: &mut Context<'_, '_>) -> Built {
    let lengths = context.constant(1)?.integers()?.to_vec();
    movement(context, &[0], &|context, shapes| {
        let dims = one(context, shapes)?;
        let time = axis_of(context, context.int("time_axis", 0)?, dims.len())?;
        let batch = axis_of(context, context.int("batch_axis", 1)?, dims.len())?;
        by_indices(context, dims.to_vec(), |at| {
            let length = usize::try_from(*lengths.get(*at.get(batch)?)?).ok()?;
            let mut own = at.to_vec();
            let x = own.get_mut(time)?;
            if *x < length {
                *x = length - 1 - *x;
            }
            Some(From::At(0, place(&own, dims)?))
        })
    })
}

/// The upper or lower triangle of matrices.
pub fn trilu(context: &mut Context<'_, '_>) -> Built {
    let upper = context.int("upper", 1)? != 0;
    let by = match context.raw(1)? {
        None => 0,
        Some(_) => context
            .constant(1)?
            .integers()?
            .first()
            .copied()
            .unwrap_or(0),
    };
    movement(context, &[0], &|context, shapes| {
        let dims = one(context, shapes)?;
        by_indices(context, dims.to_vec(), |at| {
            let [.., row, col] = at else { return None };
            let above = (*col as i64).saturating_sub(*row as i64);
            let kept = if upper { above >= by } else { above <= by };
            match kept {
                true => Some(From::At(0, place(at, dims)?)),
                false => Some(From::Number(0.0)),
            }
        })
    })
}

/// Entries of an axis, or of all numbers, that a constant marks.
pub fn compress(context: &mut Context<'_, '_>) -> Built {
    let marks = context.constant(1)?.integers()?.to_vec();
    let axis = context.attribute("axis", super::super::messages::attribute_type::INT)?;
    let axis = axis.map(|axis| axis.i);
    movement(context, &[0], &|context, shapes| {
        let mut dims = one(context, shapes)?.to_vec();
        let axis = match axis {
            Some(axis) => axis_of(context, axis, dims.len())?,
            None => {
                dims = vec![size(context, &dims)?];
                0
            }
        };
        let kept = marks.iter().enumerate().filter(|(_, mark)| **mark != 0);
        let kept: Vec<usize> = kept.map(|(at, _)| at).collect();
        let mut made = dims.clone();
        if let Some(len) = made.get_mut(axis) {
            *len = kept.len();
        }
        by_indices(context, made, |at| {
            let mut own = at.to_vec();
            let x = own.get_mut(axis)?;
            *x = *kept.get(*x)?;
            Some(From::At(0, place(&own, &dims)?))
        })
    })
}

/// The numbers of one operand where a constant is not zero, else those of another; all broadcast to each other.
pub fn select(context: &mut Context<'_, '_>) -> Built {
    let condition = context.constant(0)?;
    let marks = condition.numbers();
    movement(context, &[1, 2], &|context, shapes| {
        let all: Vec<&[usize]> = { shapes.iter().map(Vec::as_slice) }
            .chain([condition.dims.as_slice()])
            .collect();
        let rank = all.iter().map(|shape| shape.len()).max().unwrap_or(0);
        let entry = |shape: &[usize], at: usize| {
            let at = at.checked_sub(rank - shape.len());
            at.and_then(|at| shape.get(at)).copied().unwrap_or(1)
        };
        let made: Vec<usize> = (0..rank)
            .map(|at| {
                all.iter()
                    .map(|shape| entry(shape, at))
                    .find(|len| *len != 1)
                    .unwrap_or(1)
            })
            .collect();
        let of = |at: &[usize], shape: &[usize]| {
            let own = at.get(rank - shape.len()..)?.iter().zip(shape);
            let own: Vec<usize> = own.map(|(x, len)| if *len == 1 { 0 } else { *x }).collect();
            place(&own, shape)
        };
        by_indices(context, made, |at| {
            let which = usize::from(*marks.get(of(at, &condition.dims)?)? == 0.0);
            Some(From::At(which, of(at, shapes.get(which)?)?))
        })
    })
}

/// Axes cut or padded with zeros to a constant shape, equally on both sides.
pub fn center_crop_pad(context: &mut Context<'_, '_>) -> Built {
    let sizes = context.constant(1)?.integers()?.to_vec();
    movement(context, &[0], &|context, shapes| {
        let dims = one(context, shapes)?;
        let axes: Vec<usize> = match context.ints("axes")? {
            None => (0..dims.len()).collect(),
            Some(axes) => axes
                .iter()
                .map(|axis| axis_of(context, *axis, dims.len()))
                .collect::<Result<_, _>>()?,
        };
        let mut made = dims.to_vec();
        let mut starts = vec![0i64; dims.len()];
        for (axis, size) in axes.iter().zip(&sizes) {
            let (Some(len), Some(start)) = (made.get_mut(*axis), starts.get_mut(*axis)) else {
                continue;
            };
            let apart = *len as i64 - size;
            // A cut and a pad both leave the smaller half in front.
            *start = if apart >= 0 { apart / 2 } else { -(-apart / 2) };
            *len = usize::try_from(*size).unwrap_or(0);
        }
        by_indices(context, made, |at| {
            let own = at.iter().zip(&starts).map(|(x, start)| *x as i64 + start);
            let own: Option<Vec<usize>> = own.map(|x| usize::try_from(x).ok()).collect();
            let found = own.and_then(|own| place(&own, dims));
            Some(found.map_or(From::Number(0.0), |at| From::At(0, at)))
        })
    })
}

/// Entries of axes by the nearest places of another size; see [`resize`].
pub(super) fn nearest(context: &mut Context<'_, '_>) -> Built {
    movement(context, &[0], &|context, shapes| {
        let dims = one(context, shapes)?;
        let lines = resize::nearest_lines(context, dims)?;
        let made = lines.iter().map(Vec::len).collect();
        by_indices(context, made, |at| {
            let own = lines.iter().zip(at).map(|(line, x)| line.get(*x).copied());
            let own: Vec<Option<usize>> = own.collect::<Option<_>>()?;
            match own.into_iter().collect::<Option<Vec<usize>>>() {
                Some(own) => Some(From::At(0, place(&own, dims)?)),
                None => Some(From::Number(resize::outside(context))),
            }
        })
    })
}
