//! Where the largest is, and entries by computed indices: ArgMax, ArgMin, Hardmax, OneHot, and losses by class.

use super::super::builder::{Dense, Draft, First};
use super::super::error::ImportError;
use super::super::messages::data_type::{FLOAT, INT64};
use super::Context;
use super::context::Operand;
use super::moves::axis_of;
use super::normalise::log_softmax_of;
use crate::graph::ValueId;
use crate::ops::{Function, Op, Reduction};

type Built = Result<(), ImportError>;

/// Most rows of a table that computed indices read.
const MAX_ROWS: usize = 1 << 12;

/// A number for each entry of an axis, at all numbers of a shape.
fn by_entry(features: &[usize], axis: usize, of: impl Fn(usize) -> f64) -> Vec<f64> {
    let width: usize = features.iter().product();
    let stride: usize = features.iter().skip(axis + 1).product();
    let len = features.get(axis).copied().unwrap_or(1).max(1);
    (0..width).map(|at| of(at / stride.max(1) % len)).collect()
}

/// The first or last entry of an axis that is the largest, times `sign`; the axis has one entry.
fn place(
    context: &mut Context<'_, '_>,
    x: ValueId,
    at: usize,
    (sign, last): (f64, bool),
) -> Result<ValueId, ImportError> {
    let within = if context.is_whole(x) { 0.5 } else { 0.0 };
    let x = match sign {
        1.0 => x,
        _ => context.scaled(x, -1.0, 0.0)?,
    };
    let features = context.features(x);
    let len = features.get(at).copied().unwrap_or(1) as f64;
    let most = context.together(x, Reduction::Max, &[at])?;
    let apart = context.difference(x, most)?;
    let marks = context.mapped(apart, Function::Near { within })?;
    // Entries from the end are larger the earlier they are.
    let number = |entry: usize| {
        if last {
            entry as f64 + 1.0
        } else {
            len - entry as f64
        }
    };
    let scale = by_entry(&features, at, number);
    let zeros = vec![0.0; scale.len()];
    let marked = context.affine(marks, scale, zeros)?;
    let found = context.together(marked, Reduction::Max, &[at])?;
    match last {
        true => context.scaled(found, 1.0, -1.0),
        false => context.scaled(found, -1.0, len),
    }
}

/// Place of the largest along an axis.
pub fn arg_max(context: &mut Context<'_, '_>) -> Built {
    arg(context, 1.0)
}

/// Place of the smallest.
pub fn arg_min(context: &mut Context<'_, '_>) -> Built {
    arg(context, -1.0)
}

fn arg(context: &mut Context<'_, '_>, sign: f64) -> Built {
    let x = context.tensor(0)?;
    let mut features = context.features(x);
    let at = context.axis(context.int("axis", 0)?, features.len())?;
    let last = context.int("select_last_index", 0)? != 0;
    let found = place(context, x, at, (sign, last))?;
    match context.int("keepdims", 1)? {
        0 => drop(features.remove(at)),
        _ => {
            if let Some(len) = features.get_mut(at) {
                *len = 1;
            }
        }
    }
    context.give(found, features)?;
    context.typed(INT64)
}

/// 1 at the first of the largest along an axis, else 0.
pub fn hardmax(context: &mut Context<'_, '_>) -> Built {
    let given = context.features(context.tensor(0)?);
    let (x, at) = super::normalise::along(context)?;
    let features = context.features(x);
    let found = place(context, x, at, (1.0, false))?;
    let found = context.repeated(found, &features, "place")?;
    let marks = marks(context, found, at, 0.0)?;
    context.give(marks, given)
}

/// 1 where a value, the same along an axis, is the number of the entry less `by`.
fn marks(
    context: &mut Context<'_, '_>,
    x: ValueId,
    at: usize,
    by: f64,
) -> Result<ValueId, ImportError> {
    let features = context.features(x);
    let shift = by_entry(&features, at, |entry| by - entry as f64);
    let apart = context.affine(x, vec![1.0; shift.len()], shift)?;
    let within = 0.5;
    context.mapped(apart, Function::Near { within })
}

/// A value repeated along a new axis.
fn along_new(
    context: &mut Context<'_, '_>,
    x: ValueId,
    at: usize,
    len: usize,
) -> Result<ValueId, ImportError> {
    let mut features = context.features(x);
    features.insert(at.min(features.len()), 1);
    let x = context.reshaped(x, features.clone())?;
    if let Some(own) = features.get_mut(at) {
        *own = len;
    }
    context.repeated(x, &features, "along")
}

/// One of two numbers at each place of a new axis: the second where the index is that place.
pub fn one_hot(context: &mut Context<'_, '_>) -> Built {
    let x = context.tensor(0)?;
    let depth = context.constant(1)?.numbers();
    let values = context.constant(2)?;
    let (Some(depth), &[off, on]) = (depth.first(), values.numbers().as_slice()) else {
        return Err(context.fail("expected one depth and two values"));
    };
    if !(1.0..=1e6).contains(depth) {
        return Err(context.fail(format!("depth is {depth}, expected a number from 1 on")));
    }
    let rank = context.features(x).len() + context.lead() + 1;
    let axis = axis_of(context, context.int("axis", -1)?, rank)?;
    let Some(at) = axis.checked_sub(context.lead()) else {
        return Err(context.fail("axis is 0, expected another one: the batch stays the first"));
    };
    let x = along_new(context, x, at, *depth as usize)?;
    let own = marks(context, x, at, 0.0)?;
    let negative = marks(context, x, at, *depth)?;
    let both = context.sum_of(own, negative)?;
    let found = context.scaled(both, on - off, off)?;
    context.give(found, context.features(found))?;
    match values.integers() {
        Ok(_) => context.typed(INT64),
        Err(_) => context.typed(FLOAT),
    }
}

/// Rows of a constant table by computed indices, as `Embedding` is exported: the table times the marks of the indices. An index
/// from the end counts from there; one that is outside, which ONNX forbids, has no mark, and zeros for its row.
pub fn embedding(context: &mut Context<'_, '_>) -> Built {
    let (table, x) = (context.constant(0)?, context.tensor(1)?);
    let axis = context.int("axis", 0)?;
    let Some((&rows, rest)) = table.dims.split_first() else {
        return Err(context.fail("operand 0 is a scalar, expected a table"));
    };
    if axis != 0 && axis != -(table.dims.len() as i64) {
        return Err(context.fail(format!(
            "axis is {axis}, expected 0, the rows of the table, as indices are computed"
        )));
    }
    if !context.is_whole(x) {
        return Err(context.fail("operand 1 holds no integers, expected indices"));
    }
    let (width, places) = (rest.iter().product::<usize>(), context.width(x));
    if rows == 0 || width == 0 || rows > MAX_ROWS {
        return Err(context.fail(format!(
            "a table of {rows} rows of {width} numbers, expected 1 to {MAX_ROWS} rows, which are compared with every index"
        )));
    }
    super::windows::dense_weights(context, &[rows, width])?;
    let made = [context.features(x), rest.to_vec()].concat();
    // 1 where the index is none from the end.
    let ahead = context.mapped(x, Function::Above { threshold: -0.5 })?;
    let behind = context.scaled(ahead, -(rows as f64), rows as f64)?;
    let x = context.sum_of(x, behind)?;
    let at = context.features(x).len();
    let x = along_new(context, x, at, rows)?;
    let marks = marks(context, x, at, 0.0)?;
    let dense = Dense {
        rows: width,
        cols: rows,
        weight: super::gemm::transpose(table.floats()?, rows, width),
        bias: vec![0.0; width],
    };
    let draft = match places {
        1 => Draft::Dense(dense),
        _ => Draft::Linear(dense),
    };
    let mut features = context.features(x);
    if let Some(last) = features.last_mut() {
        *last = width;
    }
    let found = context.push_part("rows", draft, vec![marks], features)?;
    context.give(found, made)?;
    context.typed(FLOAT)
}

/// The largest or smallest numbers along an axis in order, and their places: the rank of each number is how many are before it.
pub fn top(context: &mut Context<'_, '_>) -> Built {
    let x = context.tensor(0)?;
    let features = context.features(x);
    let at = context.axis(context.int("axis", -1)?, features.len())?;
    let len = features.get(at).copied().unwrap_or(1);
    let count = match context.int("k", 0)? {
        0 => context
            .constant(1)?
            .integers()?
            .first()
            .copied()
            .unwrap_or(0),
        count => count,
    };
    let count = usize::try_from(count)
        .ok()
        .filter(|count| (1..=len).contains(count));
    let (Some(count), true) = (count, len <= 64) else {
        return Err(context.fail(format!(
            "expected 1 to {len} entries of an axis of at most 64"
        )));
    };
    let sign = if context.int("largest", 1)? == 0 {
        -1.0
    } else {
        1.0
    };
    let half = if context.is_whole(x) { 0.5 } else { 0.0 };
    // Pairs of entries along a new axis behind the own one: `(…, other, own, …)`.
    let mut pairs = features.clone();
    pairs.insert(at, len);
    let own = along_new(context, x, at, len)?;
    let mut across = features.clone();
    across.insert(at + 1, 1);
    let other = context.reshaped(x, across)?;
    let other = context.repeated(other, &pairs, "other")?;
    let apart = context.difference(other, own)?;
    let apart = context.scaled(apart, sign, 0.0)?;
    let more = context.mapped(apart, Function::Above { threshold: half })?;
    let same = context.mapped(apart, Function::Near { within: half })?;
    let stride: usize = features.iter().skip(at + 1).product();
    let width: usize = pairs.iter().product();
    let earlier = (0..width).map(|i| {
        let (own, other) = (i / stride.max(1) % len, i / stride.max(1) / len % len);
        f64::from(u8::from(other < own))
    });
    let earlier: Vec<f64> = earlier.collect();
    let zeros = vec![0.0; earlier.len()];
    let same = context.affine(same, earlier, zeros)?;
    let before = context.sum_of(more, same)?;
    let rank = context.together(before, Reduction::Sum, &[at])?;
    let rank = context.reshaped(rank, features.clone())?;
    // `(…, rank, own, …)`, of which the first ranks are asked for.
    let rank = along_new(context, rank, at, count)?;
    let marks = marks(context, rank, at, 0.0)?;
    let x = along_new(context, x, at, count)?;
    let values = context.product_of(marks, x)?;
    let values = context.together(values, Reduction::Sum, &[at + 1])?;
    let number = by_entry(&context.features(marks), at + 1, |entry| entry as f64);
    let zeros = vec![0.0; number.len()];
    let places = context.affine(marks, number, zeros)?;
    let places = context.together(places, Reduction::Sum, &[at + 1])?;
    let mut made = features;
    if let Some(own) = made.get_mut(at) {
        *own = count;
    }
    let second = context.outputs().get(1).filter(|name| !name.is_empty());
    if let Some(name) = second {
        context.push_named(name, Draft::Op(Op::Reshape), vec![places], made.clone())?;
    }
    context.give(values, made)
}

/// What classes cost by their logarithms: `-weight·x` of the target's class.
pub fn negative_log(context: &mut Context<'_, '_>) -> Built {
    let x = context.tensor(0)?;
    loss(context, x)
}

/// The same of the logarithm of the softmax of scores; that is a second result.
pub fn cross_entropy(context: &mut Context<'_, '_>) -> Built {
    let x = context.tensor(0)?;
    let at = channel(context, x)?;
    let log = log_softmax_of(context, x, at)?;
    let second = context.outputs().get(1).filter(|name| !name.is_empty());
    if let Some(name) = second {
        let features = context.features(log);
        context.push_named(name, Draft::Op(Op::Reshape), vec![log], features)?;
    }
    loss(context, log)
}

/// The feature axis of classes.
fn channel(context: &Context<'_, '_>, x: ValueId) -> Result<usize, ImportError> {
    let at = 1 - context.lead();
    match context.features(x).get(at) {
        Some(_) => Ok(at),
        None => Err(context.fail("operand 0 has no axis of classes, expected (batch, classes, …)")),
    }
}

fn loss(context: &mut Context<'_, '_>, x: ValueId) -> Built {
    let at = channel(context, x)?;
    let features = context.features(x);
    let classes = features.get(at).copied().unwrap_or(1);
    let mut weights = match context.raw(2)? {
        None => vec![1.0; classes],
        Some(_) => context.constant(2)?.numbers(),
    };
    let ignored = context.attribute("ignore_index", super::super::messages::attribute_type::INT)?;
    let ignored = ignored.map(|attribute| attribute.i);
    if let Some(own) = ignored.and_then(|at| usize::try_from(at).ok())
        && let Some(weight) = weights.get_mut(own)
    {
        *weight = 0.0;
    }
    if weights.len() != classes {
        return Err(context.fail(format!("{} weights for {classes} classes", weights.len())));
    }
    let weight = |entry: usize| weights.get(entry).copied().unwrap_or(0.0);
    let scale = by_entry(&features, at, weight);
    let zeros = vec![0.0; scale.len()];
    // The costs of single places, and what their weights are: computed, or known.
    let (costs, own) = match context.operand(1)? {
        Operand::Tensor(target) => {
            let target = along_new(context, target, at, classes)?;
            if context.features(target) != features {
                return Err(
                    context.fail("the target has other axes than operand 0 without its classes")
                );
            }
            let marks = marks(context, target, at, 0.0)?;
            let own = context.product_of(x, marks)?;
            let costs = context.affine(own, scale.iter().map(|v| -v).collect(), zeros.clone())?;
            let counts = context.affine(marks, scale, zeros)?;
            (costs, Err(counts))
        }
        Operand::Constant(target) => {
            if context.first() == First::Batch {
                return Err(context.fail("the target is a constant, expected one of each row"));
            }
            let numbers = target.numbers();
            let stride: usize = features.iter().skip(at + 1).product();
            let block = stride.max(1) * classes;
            let marked = scale.iter().enumerate().map(|(i, weight)| {
                let place = i / block * stride + i % stride.max(1);
                let entry = i / stride.max(1) % classes;
                match numbers.get(place) == Some(&(entry as f64)) {
                    true => *weight,
                    false => 0.0,
                }
            });
            let marked: Vec<f64> = marked.collect();
            let total: f64 = marked.iter().sum();
            let costs = context.affine(x, marked.iter().map(|v| -v).collect(), zeros)?;
            (costs, Ok(total))
        }
    };
    let each = context.together(costs, Reduction::Sum, &[at])?;
    let mut left = features;
    left.remove(at);
    let reduction = context.text("reduction", "mean")?;
    if reduction == "none" {
        return context.give(each, left);
    }
    if context.first() == First::Batch {
        return Err(context.fail(format!(
            "reduction is {reduction:?}, over the batch; expected \"none\""
        )));
    }
    let all: Vec<usize> = (0..=left.len()).collect();
    let sum = context.together(each, Reduction::Sum, &all)?;
    let found = match (reduction.as_str(), own) {
        ("sum", _) => sum,
        ("mean", Ok(total)) if total != 0.0 => context.scaled(sum, total.recip(), 0.0)?,
        ("mean", Err(counts)) => {
            let plain = ignored.is_none() && weights.iter().all(|weight| *weight == 1.0);
            if plain {
                let count = context.width(counts) / classes;
                context.scaled(sum, (count as f64).recip(), 0.0)?
            } else {
                let all: Vec<usize> = (0..context.features(counts).len()).collect();
                let total = context.together(counts, Reduction::Sum, &all)?;
                let inverse = context.mapped(total, Function::Reciprocal)?;
                let sum = context.reshaped(sum, context.features(inverse))?;
                context.product_of(sum, inverse)?
            }
        }
        (other, _) => return Err(context.fail(format!("reduction is {other:?} of weights of 0"))),
    };
    context.give(found, vec![])
}
