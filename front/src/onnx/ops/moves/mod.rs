//! Operators that only move numbers, one by one: where each number of the result comes from is worked out for constants and
//! activations alike. Of a batch the same is worked out for batches of two and three rows: it has to be the same for each row.

mod arrange;
mod select;

pub use arrange::*;
pub use select::*;

use super::Context;
use super::context::Operand;
use crate::onnx::builder::{Draft, First};
use crate::onnx::error::ImportError;
use crate::onnx::tensor::Elements;
use crate::ops::Op;

type Built = Result<(), ImportError>;

/// Most numbers of a result.
const MAX_NUMBERS: usize = 1 << 22;

/// Where a number comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::onnx::ops) enum From {
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
