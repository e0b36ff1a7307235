//! ReduceSum, ReduceMean, ReduceMax, ReduceMin and what is made of them: axes behind the batch taken together.

use super::super::builder::Draft;
use super::super::error::ImportError;
use super::Context;
use super::normalise::feature_axis;
use crate::graph::ValueId;
use crate::ops::{Function, Op, Reduction};

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
    let Some((at, features, kept)) = axes(context)? else {
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

/// The axes that are taken together, in order; the features that are left, and with the axes kept as ones. None if nothing is to
/// be done.
type Axes = Option<(Vec<usize>, Vec<usize>, Vec<usize>)>;

fn axes(context: &Context<'_, '_>) -> Result<Axes, ImportError> {
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
        return Err(
            context.fail("takes all axes together, the batch among them, expected axes from 1 on")
        );
    };
    let mut found = vec![];
    for axis in &given {
        found.push(feature_axis(context, *axis, features.len())?);
    }
    found.sort_unstable();
    found.dedup();
    let left = features.iter().enumerate();
    let left = left.filter(|(at, _)| !found.contains(at));
    let left: Vec<usize> = left.map(|(_, len)| *len).collect();
    let ones = features.iter().enumerate();
    let ones = ones.map(|(at, len)| if found.contains(&at) { 1 } else { *len });
    let kept = match context.int("keepdims", 1)? {
        0 => left.clone(),
        _ => ones.collect(),
    };
    Ok(Some((found, left, kept)))
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
    let Some((axes, left, kept)) = axes(context)? else {
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
