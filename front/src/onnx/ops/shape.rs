//! Shape, and Gather, Slice, Squeeze, Unsqueeze and Concat of what it gives: how exporters write `x.view(x.size(0), -1)`.
//!
//! Nothing is computed by the model: dimensions are numbers, but the batch's, which stays a symbol that Reshape
//! takes. Of activations these operators are not supported.

use super::super::builder::{Extent, Shape, Value};
use super::super::error::ImportError;
use super::super::tensor::{Constant, Elements};
use super::Context;

/// Most dimensions, so that repeated Concat does not grow without bound.
const MAX_EXTENTS: usize = 64;

/// The dimensions of an activation from `start` to `end`.
pub fn shape(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let x = context.tensor(0)?;
    let features = context.features(x);
    let sizes = features.iter().map(|d| Extent::Size(*d as i64));
    let batch = std::iter::repeat_n(Extent::Batch, context.lead());
    let all: Vec<Extent> = batch.chain(sizes).collect();
    let extents = part(context, &all)?.to_vec();
    define(
        context,
        Shape {
            extents,
            scalar: false,
        },
    )
}

/// What Shape takes of all dimensions: from `start` to `end`, negative ones from the end.
pub(super) fn part<'d, D>(context: &Context<'_, '_>, all: &'d [D]) -> Result<&'d [D], ImportError> {
    let rank = all.len() as i64;
    let at = |axis: i64| {
        let axis = if axis < 0 {
            axis.saturating_add(rank)
        } else {
            axis
        };
        axis.clamp(0, rank) as usize
    };
    let (start, end) = (
        at(context.int("start", 0)?),
        at(context.int("end", i64::MAX)?),
    );
    Ok(all.get(start..end).unwrap_or_default())
}

/// One or some dimensions of a shape.
pub fn gather(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let data = vector(context, 0)?;
    first_axis(context, context.int("axis", 0)?)?;
    let indices = context.constant(1)?;
    let scalar = indices.dims.is_empty();
    let integers = indices.integers()?;
    if indices.dims.len() > 1 || integers.len() > MAX_EXTENTS {
        return Err(context.fail(format!(
            "operand 1 has shape {:?}, expected one index or a list of up to {MAX_EXTENTS}",
            indices.dims
        )));
    }
    let pick = |index: &i64| {
        let at = match index {
            ..0 => index.saturating_add(data.len() as i64),
            _ => *index,
        };
        let found = usize::try_from(at)
            .ok()
            .and_then(|at| data.get(at))
            .copied();
        found.ok_or_else(|| {
            context.fail(format!("index {index} is not in a shape of {}", data.len()))
        })
    };
    let extents = integers.iter().map(pick).collect::<Result<_, _>>()?;
    define(context, Shape { extents, scalar })
}

/// A part of a shape.
pub fn slice(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let data = vector(context, 0)?;
    let (starts, ends, axes, steps) = super::arrange::bounds(context)?;
    let ([start], [end], [axis], [step]) = (
        starts.as_slice(),
        ends.as_slice(),
        axes.as_slice(),
        steps.as_slice(),
    ) else {
        return Err(context.fail(format!(
            "takes parts of axes {axes:?} of a shape, which has one axis"
        )));
    };
    first_axis(context, *axis)?;
    let (first, count) = super::arrange::part(*start, *end, *step, data.len()).unwrap_or_default();
    let places = (0..count as i64).map(|i| usize::try_from(first + step * i).ok());
    let extents = places.map(|at| at.and_then(|at| data.get(at)).copied());
    let extents = extents.collect::<Option<Vec<_>>>();
    let extents = extents.ok_or_else(|| context.fail("reads outside of a shape"))?;
    define(
        context,
        Shape {
            extents,
            scalar: false,
        },
    )
}

/// A list of one as a dimension.
pub fn squeeze(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let extents = vector(context, 0)?;
    if extents.len() != 1 {
        return Err(context.fail(format!(
            "{} dimensions, expected a list of one",
            extents.len()
        )));
    }
    define(
        context,
        Shape {
            extents,
            scalar: true,
        },
    )
}

/// One dimension as a list of one.
pub fn unsqueeze(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    let shape = operand(context, 0)?;
    let axes = match context.ints("axes")? {
        Some(axes) => axes.to_vec(),
        None => context.constant(1)?.integers()?.to_vec(),
    };
    if !shape.scalar || !matches!(axes.as_slice(), [0 | -1]) {
        return Err(context.fail(format!(
            "axes {axes:?} of {} dimensions, expected axis 0 of one dimension of a shape",
            shape.extents.len()
        )));
    }
    define(
        context,
        Shape {
            scalar: false,
            ..shape
        },
    )
}

/// Several lists of dimensions as one.
pub fn concat(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    first_axis(context, context.int("axis", 0)?)?;
    let mut extents = vec![];
    for i in 0..context.operands() {
        extents.extend(vector(context, i)?);
        if extents.len() > MAX_EXTENTS {
            return Err(too_many(context, extents.len()));
        }
    }
    define(
        context,
        Shape {
            extents,
            scalar: false,
        },
    )
}

/// The target of a Reshape, with 1 for the batch's own size in the first place, where alone it may stand.
pub(super) fn target(context: &Context<'_, '_>) -> Result<Vec<i64>, ImportError> {
    let extents = vector(context, 1)?;
    let number = |(axis, extent): (usize, &Extent)| match extent {
        Extent::Size(size) => Ok(*size),
        Extent::Batch if axis == 0 => Ok(1),
        Extent::Batch => Err(context.fail(format!(
            "the batch's size is dimension {axis} of the target shape, expected it first"
        ))),
    };
    extents.iter().enumerate().map(number).collect()
}

/// Operand `i` as dimensions with an axis.
fn vector(context: &Context<'_, '_>, i: usize) -> Result<Vec<Extent>, ImportError> {
    let shape = operand(context, i)?;
    if shape.scalar {
        return Err(context.fail(format!("operand {i} is a scalar, expected a list")));
    }
    Ok(shape.extents)
}

/// Operand `i` as dimensions: of a shape, or a constant.
fn operand(context: &Context<'_, '_>, i: usize) -> Result<Shape, ImportError> {
    match context.raw(i)? {
        Some(Value::Shape(shape)) => return Ok(shape.clone()),
        Some(Value::Tensor(_)) => {
            return Err(context.fail(format!(
                "operand {i} is an activation, expected a constant or the shape of one"
            )));
        }
        _ => {}
    }
    let constant = context.constant(i)?;
    let integers = constant.integers()?;
    if constant.dims.len() > 1 || integers.len() > MAX_EXTENTS {
        return Err(too_many(context, integers.len()));
    }
    Ok(Shape {
        extents: integers.iter().map(|v| Extent::Size(*v)).collect(),
        scalar: constant.dims.is_empty(),
    })
}

fn too_many(context: &Context<'_, '_>, found: usize) -> ImportError {
    context.fail(format!(
        "{found} dimensions, expected a list of at most {MAX_EXTENTS}"
    ))
}

fn first_axis(context: &Context<'_, '_>, axis: i64) -> Result<(), ImportError> {
    match axis {
        0 | -1 => Ok(()),
        _ => Err(context.fail(format!("axis is {axis}, expected 0: shapes have one axis"))),
    }
}

/// Gives the node's output its dimensions: a constant unless the batch is among them.
pub(super) fn define(context: &mut Context<'_, '_>, shape: Shape) -> Result<(), ImportError> {
    let sizes: Option<Vec<i64>> = shape
        .extents
        .iter()
        .map(|extent| match extent {
            Extent::Size(size) => Some(*size),
            Extent::Batch => None,
        })
        .collect();
    let value = match sizes {
        None => Value::Shape(shape),
        Some(sizes) => {
            let dims = if shape.scalar {
                vec![]
            } else {
                vec![sizes.len()]
            };
            Value::Constant(Constant::new(
                &context.output()?,
                dims,
                Elements::Int(sizes),
            )?)
        }
    };
    context.alias(value)
}
