//! ReduceSum, ReduceMean, ReduceMax, ReduceMin and what is made of them: axes behind the batch taken together.

use super::super::builder::{Dense, Draft};
use super::super::error::ImportError;
use super::Context;
use crate::graph::ValueId;
use crate::ops::{Function, Op, Read, Reduction};

/// Attributes.
pub const ATTRIBUTES: &[&str] = &["axes", "keepdims", "noop_with_empty_axes"];

type Built = Result<(), ImportError>;

/// The sum.
pub fn sum(context: &mut Context<'_, '_>) -> Built {
    reduce(context, Reduction::Sum, None, None)
}

/// The mean.
pub fn mean(context: &mut Context<'_, '_>) -> Built {
    reduce(context, Reduction::Mean, None, None)
}

/// The largest.
pub fn max(context: &mut Context<'_, '_>) -> Built {
    reduce(context, Reduction::Max, None, None)
}

/// The smallest: the largest of the negatives, negated.
pub fn min(context: &mut Context<'_, '_>) -> Built {
    let x = context.tensor(0)?;
    let before = negate(context, "turned", x)?;
    let found = axes(context)?.filter(|(axes, ..)| !axes.is_empty());
    let Some((at, features, kept)) = found else {
        return context.push(Draft::Op(Op::Reshape), vec![x], context.features(x));
    };
    let kind = Reduction::Max;
    let op = Draft::Op(Op::Reduce { kind, axes: at });
    let most = context.push_part("most", op, vec![before], features)?;
    let least = negate(context, "least", most)?;
    context.push(Draft::Op(Op::Reshape), vec![least], kept)
}

/// The sum of absolute values.
pub fn l1(context: &mut Context<'_, '_>) -> Built {
    reduce(context, Reduction::Sum, Some(Draft::Op(Op::Abs)), None)
}

/// The sum of squares.
pub fn sum_square(context: &mut Context<'_, '_>) -> Built {
    reduce(context, Reduction::Sum, Some(Draft::Op(Op::Mul)), None)
}

/// The root of the sum of squares.
pub fn l2(context: &mut Context<'_, '_>) -> Built {
    let root = Function::Sqrt;
    reduce(
        context,
        Reduction::Sum,
        Some(Draft::Op(Op::Mul)),
        Some(root),
    )
}

/// The logarithm of the sum of powers of e, each less the largest, which is added again.
pub fn log_sum_exp(context: &mut Context<'_, '_>) -> Built {
    let x = context.tensor(0)?;
    let Some((axes, _, kept)) = axes(context)? else {
        return context.give(x, context.features(x));
    };
    if axes.is_empty() {
        return context.give(x, kept);
    }
    let found = log_sum_exp_of(context, x, &axes)?;
    context.give(found, kept)
}

/// The same of axes, which stay as ones.
pub fn log_sum_exp_of(
    context: &mut Context<'_, '_>,
    x: ValueId,
    axes: &[usize],
) -> Result<ValueId, ImportError> {
    let most = context.together(x, Reduction::Max, axes)?;
    let depth = context.difference(x, most)?;
    let powers = context.mapped(depth, Function::Exp)?;
    let sum = context.together(powers, Reduction::Sum, axes)?;
    let log = context.mapped(sum, Function::Log)?;
    context.sum_of(log, most)
}

/// The product, by halves of an axis.
pub fn product(context: &mut Context<'_, '_>) -> Built {
    let mut x = context.tensor(0)?;
    let Some((axes, _, kept)) = axes(context)? else {
        return context.give(x, context.features(x));
    };
    for axis in axes {
        while let Some(len) = context
            .features(x)
            .get(axis)
            .copied()
            .filter(|len| *len > 1)
        {
            let half = len / 2;
            let first = entries(context, x, axis, 0, half)?;
            let second = entries(context, x, axis, half, half)?;
            let mut both = context.product_of(first, second)?;
            if len % 2 == 1 {
                let last = entries(context, x, axis, len - 1, 1)?;
                let mut features = context.features(both);
                if let Some(own) = features.get_mut(axis) {
                    *own += 1;
                }
                both = context.part(Op::Concat { axis }, vec![both, last], features)?;
            }
            x = both;
        }
    }
    context.give(x, kept)
}

/// Sums of the first entries of an axis, of the last ones if `reverse`; without the entry itself if `exclusive`: a layer along it.
pub fn running(context: &mut Context<'_, '_>) -> Built {
    let x = context.tensor(0)?;
    let features = context.features(x);
    let axis = context
        .constant(1)?
        .integers()?
        .first()
        .copied()
        .unwrap_or(0);
    let at = context.axis(axis, features.len())?;
    let (exclusive, reverse) = (
        context.int("exclusive", 0)? != 0,
        context.int("reverse", 0)? != 0,
    );
    let len = features.get(at).copied().unwrap_or(1);
    super::windows::dense_weights(context, &[len, len])?;
    let reads = |row: usize, col: usize| {
        let (before, own) = (if reverse { col > row } else { col < row }, col == row);
        f32::from(u8::from(before || (own && !exclusive)))
    };
    let weight = (0..len).flat_map(|row| (0..len).map(move |col| reads(row, col)));
    let dense = Dense {
        rows: len,
        cols: len,
        weight: weight.collect(),
        bias: vec![0.0; len],
    };
    let last = features.len() - 1;
    let mut order: Vec<usize> = (0..=last).collect();
    order.swap(at, last);
    let reads: Vec<Read> = order.iter().map(|axis| Read::all(*axis)).collect();
    let turned: Vec<usize> = { order.iter() }
        .filter_map(|axis| features.get(*axis).copied())
        .collect();
    let x = context.part(Op::Arrange(reads.clone()), vec![x], turned.clone())?;
    let sums = context.push_part("sums", Draft::Linear(dense), vec![x], turned)?;
    context.push(Draft::Op(Op::Arrange(reads)), vec![sums], features)
}

/// So many entries of an axis from one on.
fn entries(
    context: &mut Context<'_, '_>,
    x: ValueId,
    axis: usize,
    start: usize,
    count: usize,
) -> Result<ValueId, ImportError> {
    let mut features = context.features(x);
    let mut reads: Vec<Read> = (0..features.len()).map(Read::all).collect();
    if let (Some(read), Some(len)) = (reads.get_mut(axis), features.get_mut(axis)) {
        (read.start, *len) = (start as i64, count);
    }
    context.part(Op::Arrange(reads), vec![x], features)
}

/// The logarithm of the sum.
pub fn log_sum(context: &mut Context<'_, '_>) -> Built {
    reduce(context, Reduction::Sum, None, Some(Function::Log))
}

fn negate(context: &mut Context<'_, '_>, part: &str, x: ValueId) -> Result<ValueId, ImportError> {
    let (width, features) = (context.width(x), context.features(x));
    let negate = Draft::Affine {
        scale: vec![-1.0; width],
        shift: vec![0.0; width],
    };
    context.push_part(part, negate, vec![x], features)
}

/// The axes that are taken together, in order; the features that are left, and with the axes kept as ones.
type Axes = (Vec<usize>, Vec<usize>, Vec<usize>);

/// None if nothing is to be done.
fn axes(context: &Context<'_, '_>) -> Result<Option<Axes>, ImportError> {
    let features = context.features(context.tensor(0)?);
    let given = match context.ints("axes")? {
        Some(axes) => Some(axes.to_vec()),
        None => match context.raw(1)? {
            None => None,
            Some(_) => Some(context.constant(1)?.integers()?.to_vec()),
        },
    };
    let given = given.filter(|axes| !axes.is_empty());
    let Some(given) = given else {
        if context.int("noop_with_empty_axes", 0)? != 0 {
            return Ok(None);
        }
        if context.lead() == 1 {
            return Err(context
                .fail("takes all axes together, the batch among them, expected axes from 1 on"));
        }
        return Ok(Some(taken(
            context,
            &features,
            (0..features.len()).collect(),
        )?));
    };
    let mut found = vec![];
    for axis in &given {
        found.push(context.axis(*axis, features.len())?);
    }
    found.sort_unstable();
    found.dedup();
    Ok(Some(taken(context, &features, found)?))
}

/// The features that are left of some, without these axes, and with them as ones.
fn taken(
    context: &Context<'_, '_>,
    features: &[usize],
    found: Vec<usize>,
) -> Result<Axes, ImportError> {
    let left = features.iter().enumerate();
    let left = left.filter(|(at, _)| !found.contains(at));
    let left: Vec<usize> = left.map(|(_, len)| *len).collect();
    let ones = features.iter().enumerate();
    let ones = ones.map(|(at, len)| if found.contains(&at) { 1 } else { *len });
    let kept = match context.int("keepdims", 1)? {
        0 => left.clone(),
        _ => ones.collect(),
    };
    Ok((found, left, kept))
}

fn reduce(
    context: &mut Context<'_, '_>,
    kind: Reduction,
    before: Option<Draft>,
    after: Option<Function>,
) -> Built {
    let x = context.tensor(0)?;
    let features = context.features(x);
    let read = match before {
        None => x,
        Some(draft) => {
            let inputs = match &draft {
                Draft::Op(Op::Mul) => vec![x, x],
                _ => vec![x],
            };
            context.push_part("each", draft, inputs, features.clone())?
        }
    };
    let found = axes(context)?.filter(|(axes, ..)| !axes.is_empty());
    let Some((axes, left, kept)) = found else {
        return match after {
            Some(function) => context.push(Draft::Op(Op::Unary(function)), vec![read], features),
            None => context.push(Draft::Op(Op::Reshape), vec![read], features),
        };
    };
    let op = Draft::Op(Op::Reduce { kind, axes });
    let mut found = context.push_part("together", op, vec![read], left.clone())?;
    if let Some(function) = after {
        let op = Draft::Op(Op::Unary(function));
        found = context.push_part("of the sum", op, vec![found], left)?;
    }
    context.push(Draft::Op(Op::Reshape), vec![found], kept)
}
