//! Operators of constants alone: nothing of them is proven, the importer computes them. How exporters and functions write shapes.

use super::super::builder::Value;
use super::super::error::ImportError;
use super::super::messages::attribute_type::{INT, TENSOR};
use super::super::messages::data_type::{FLOAT, INT64, is_float};
use super::super::tensor::{Constant, Elements};
use super::moves::{indices, place, size};
use super::{Context, unary};

type Built = Result<(), ImportError>;

/// Gives the node's first result this constant.
pub(super) fn define(context: &mut Context<'_, '_>, dims: Vec<usize>, elements: Elements) -> Built {
    let count = match &elements {
        Elements::Float(values) => values.len(),
        Elements::Int(values) => values.len(),
    };
    context.compute(count)?;
    let constant = Constant::new(&context.output()?, dims, elements)?;
    context.alias(Value::Constant(constant))
}

/// What two numbers make.
type Pair = fn(f64, f64) -> f64;

fn pair(operator: &str) -> Option<(Pair, bool)> {
    Some(match operator {
        "Add" | "Sum" => (|a, b| a + b, false),
        "Sub" => (|a, b| a - b, false),
        "Mul" => (|a, b| a * b, false),
        "Div" => (|a, b| a / b, false),
        "Pow" => (|a, b| libm::pow(a, b), false),
        "Max" => (f64::max, false),
        "Min" => (f64::min, false),
        "Mod" => (|a, b| a - b * libm::floor(a / b), false),
        "Equal" => (|a, b| f64::from(u8::from(a == b)), true),
        "Less" => (|a, b| f64::from(u8::from(a < b)), true),
        "LessOrEqual" => (|a, b| f64::from(u8::from(a <= b)), true),
        "Greater" => (|a, b| f64::from(u8::from(a > b)), true),
        "GreaterOrEqual" => (|a, b| f64::from(u8::from(a >= b)), true),
        "And" => (|a, b| f64::from(u8::from(a != 0.0 && b != 0.0)), true),
        "Or" => (|a, b| f64::from(u8::from(a != 0.0 || b != 0.0)), true),
        "Xor" => (|a, b| f64::from(u8::from((a != 0.0) != (b != 0.0))), true),
        _ => return None,
    })
}

/// Computes the node if it is of constants alone and of an operator that is computed here; else nothing happens.
pub(super) fn evaluate(context: &mut Context<'_, '_>) -> Result<bool, ImportError> {
    let operator = context.operator();
    if matches!(operator, "Shape" | "Size") {
        return shape(context, operator);
    }
    let mut operands = vec![];
    for i in 0..context.operands() {
        match context.raw(i)? {
            None => operands.push(None),
            Some(Value::Stored(_) | Value::Constant(_)) => {
                operands.push(Some(context.constant(i)?))
            }
            Some(_) => return Ok(false),
        }
    }
    if operator == "EyeLike" || operator == "ConstantOfShape" || operator == "Range" {
        made(context, operator, &operands)?;
        return Ok(true);
    }
    let constants: Option<Vec<&Constant>> = operands.iter().map(Option::as_ref).collect();
    let Some([first, rest @ ..]) = constants.as_deref() else {
        return Ok(false);
    };
    if let Some((op, truth)) = pair(operator) {
        let mut found = (*first).clone();
        for own in rest {
            found = both(context, &found, own, op, truth)?;
        }
        define(context, found.dims, found.elements)?;
        return Ok(true);
    }
    if operator.starts_with("Reduce")
        && !rest.is_empty() | context.ints("axes")?.is_some() | (operands.len() == 1)
    {
        return reduced(context, operator, first);
    }
    let function = match operator {
        "Not" => |v: f64| f64::from(u8::from(v == 0.0)),
        "Neg" => |v: f64| -v,
        "Abs" => f64::abs,
        _ => match unary::of_constants(operator) {
            Some(function) => {
                let elements = each(first, |v| function.of(v));
                define(context, first.dims.clone(), elements)?;
                return Ok(true);
            }
            None => return moved(context, operator, first),
        },
    };
    let elements = each(first, function);
    define(context, first.dims.clone(), elements)?;
    Ok(true)
}

/// A function of every number, of the same type.
fn each(of: &Constant, function: impl Fn(f64) -> f64) -> Elements {
    let values = of.numbers().into_iter().map(function);
    match of.elements {
        Elements::Int(_) => Elements::Int(values.map(|v| v as i64).collect()),
        Elements::Float(_) => Elements::Float(values.map(|v| v as f32).collect()),
    }
}

/// What operators that move or relabel numbers make of a constant.
fn moved(
    context: &mut Context<'_, '_>,
    operator: &str,
    first: &Constant,
) -> Result<bool, ImportError> {
    let relabelled = match operator {
        "Reshape" => {
            let target = context.constant(1)?.integers()?.to_vec();
            let mut dims = vec![];
            for (at, dim) in target.iter().enumerate() {
                dims.push(match dim {
                    0 if context.int("allowzero", 0)? == 0 => {
                        first.dims.get(at).copied().unwrap_or(0)
                    }
                    -1 => usize::MAX,
                    dim => usize::try_from(*dim).unwrap_or(0),
                });
            }
            let known = dims.iter().filter(|d| **d != usize::MAX);
            let known = known.fold(1usize, |n, d| n.saturating_mul(*d));
            let all = first.dims.iter().product::<usize>();
            for dim in dims.iter_mut().filter(|d| **d == usize::MAX) {
                *dim = all.checked_div(known).unwrap_or(0);
            }
            dims
        }
        "Flatten" => {
            let axis = context.int("axis", 1)?;
            let rank = first.dims.len() as i64;
            let at = if axis < 0 {
                axis.saturating_add(rank)
            } else {
                axis
            };
            let at = usize::try_from(at).unwrap_or(0).min(first.dims.len());
            let (before, behind) = first.dims.split_at(at);
            [before, behind].map(|part| part.iter().product()).to_vec()
        }
        "Squeeze" | "Unsqueeze" => {
            let axes = super::moves::list(context, "axes", 1)?;
            let made = first.dims.len() + axes.as_ref().map_or(0, Vec::len);
            let rank = if operator == "Squeeze" {
                first.dims.len()
            } else {
                made
            };
            let places: Option<Vec<usize>> = match axes {
                Some(axes) => {
                    let places = axes
                        .iter()
                        .map(|axis| super::moves::axis_of(context, *axis, rank));
                    Some(places.collect::<Result<_, _>>()?)
                }
                None => None,
            };
            let all = first.dims.iter();
            match (operator, places) {
                ("Squeeze", Some(places)) => all
                    .enumerate()
                    .filter(|(at, _)| !places.contains(at))
                    .map(|(_, n)| *n)
                    .collect(),
                ("Squeeze", None) => all.copied().filter(|n| *n != 1).collect(),
                (_, places) => {
                    let mut left = first.dims.iter().copied();
                    let places = places.unwrap_or_default();
                    let own = |at| {
                        if places.contains(&at) {
                            Some(1)
                        } else {
                            left.next()
                        }
                    };
                    (0..made).filter_map(own).collect()
                }
            }
        }
        _ => {
            let build: super::Build = match operator {
                "Transpose" => super::moves::transpose,
                "Slice" => super::moves::slice,
                "Gather" => super::moves::gather,
                "GatherElements" => super::moves::gather_elements,
                "GatherND" => super::moves::gather_nd,
                "ScatterElements" | "Scatter" => super::moves::scatter_elements,
                "ScatterND" => super::moves::scatter_nd,
                "Pad" => super::moves::pad,
                "Concat" => super::moves::concat,
                "Tile" => super::moves::tile,
                "Expand" => super::moves::expand,
                "Trilu" => super::moves::trilu,
                "Compress" => super::moves::compress,
                "Where" => super::moves::select,
                "ReverseSequence" => super::moves::reverse_sequence,
                _ => return Ok(false),
            };
            build(context)?;
            return Ok(true);
        }
    };
    let count = relabelled.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
    if count != Some(first.dims.iter().product()) {
        return Err(context.fail(format!(
            "shape {:?} does not become {relabelled:?}",
            first.dims
        )));
    }
    define(context, relabelled, first.elements.clone())?;
    Ok(true)
}

/// Two constants that broadcast to each other.
fn both(
    context: &Context<'_, '_>,
    a: &Constant,
    b: &Constant,
    op: Pair,
    truth: bool,
) -> Result<Constant, ImportError> {
    let rank = a.dims.len().max(b.dims.len());
    let entry = |shape: &[usize], at: usize| {
        let at = at.checked_sub(rank - shape.len());
        at.and_then(|at| shape.get(at)).copied().unwrap_or(1)
    };
    let dims: Vec<usize> = (0..rank)
        .map(|at| match (entry(&a.dims, at), entry(&b.dims, at)) {
            (1, other) => other,
            (own, _) => own,
        })
        .collect();
    let (left, right) = (a.numbers(), b.numbers());
    let whole = a.integers().is_ok() && b.integers().is_ok();
    let mut values = vec![];
    for at in 0..size(context, &dims)? {
        let own = indices(at, &dims);
        let of = |numbers: &[f64], shape: &[usize]| {
            let own = own.get(rank - shape.len()..)?.iter().zip(shape);
            let own: Vec<usize> = own.map(|(x, len)| if *len == 1 { 0 } else { *x }).collect();
            numbers.get(place(&own, shape)?).copied()
        };
        let (Some(x), Some(y)) = (of(&left, &a.dims), of(&right, &b.dims)) else {
            return Err(context.fail(format!(
                "shapes {:?} and {:?} do not broadcast to each other",
                a.dims, b.dims
            )));
        };
        values.push(op(x, y));
    }
    let elements = match whole || truth {
        true => Elements::Int(values.into_iter().map(|v| v as i64).collect()),
        false => Elements::Float(values.into_iter().map(|v| v as f32).collect()),
    };
    Constant::new(&a.name, dims, elements)
}

/// Axes of a constant taken together.
fn reduced(
    context: &mut Context<'_, '_>,
    operator: &str,
    of: &Constant,
) -> Result<bool, ImportError> {
    let (start, op, mean): (f64, Pair, bool) = match operator {
        "ReduceSum" => (0.0, |a, b| a + b, false),
        "ReduceProd" => (1.0, |a, b| a * b, false),
        "ReduceMean" => (0.0, |a, b| a + b, true),
        "ReduceMax" => (f64::NEG_INFINITY, f64::max, false),
        "ReduceMin" => (f64::INFINITY, f64::min, false),
        _ => return Ok(false),
    };
    let rank = of.dims.len();
    let axes = super::moves::list(context, "axes", 1)?.filter(|axes| !axes.is_empty());
    let axes: Vec<usize> = match axes {
        Some(axes) => {
            let axes = axes
                .iter()
                .map(|axis| super::moves::axis_of(context, *axis, rank));
            axes.collect::<Result<_, _>>()?
        }
        None if context.int("noop_with_empty_axes", 0)? != 0 => vec![],
        None => (0..rank).collect(),
    };
    let each = of.dims.iter().enumerate();
    let kept = each
        .clone()
        .map(|(at, len)| if axes.contains(&at) { 1 } else { *len });
    let kept: Vec<usize> = kept.collect();
    let count: usize = axes.iter().filter_map(|axis| of.dims.get(*axis)).product();
    let mut sums = vec![start; size(context, &kept)?];
    for (at, value) in of.numbers().into_iter().enumerate() {
        let own = indices(at, &of.dims);
        let own = own
            .iter()
            .zip(&kept)
            .map(|(x, len)| if *len == 1 { 0 } else { *x });
        let own: Vec<usize> = own.collect();
        if let Some(sum) = place(&own, &kept).and_then(|at| sums.get_mut(at)) {
            *sum = op(*sum, value);
        }
    }
    if mean {
        sums.iter_mut().for_each(|sum| *sum /= count.max(1) as f64);
    }
    let dims = match context.int("keepdims", 1)? {
        0 => each
            .filter(|(at, _)| !axes.contains(at))
            .map(|(_, len)| *len)
            .collect(),
        _ => kept,
    };
    let elements = match of.elements {
        Elements::Int(_) => Elements::Int(sums.into_iter().map(|v| v as i64).collect()),
        Elements::Float(_) => Elements::Float(sums.into_iter().map(|v| v as f32).collect()),
    };
    define(context, dims, elements)?;
    Ok(true)
}

/// Dimensions, or their product, where no batch is among them.
fn shape(context: &mut Context<'_, '_>, operator: &str) -> Result<bool, ImportError> {
    let dims = match context.raw(0)? {
        Some(Value::Tensor(x)) if context.lead() == 0 => context.features(*x),
        Some(Value::Stored(_) | Value::Constant(_)) => context.constant(0)?.dims,
        _ => return Ok(false),
    };
    let sizes: Vec<i64> = dims.iter().map(|d| *d as i64).collect();
    if operator == "Size" {
        define(context, vec![], Elements::Int(vec![sizes.iter().product()]))?;
        return Ok(true);
    }
    let part = super::shape::part(context, &sizes)?.to_vec();
    define(context, vec![part.len()], Elements::Int(part))?;
    Ok(true)
}

/// Constants that are made of a few numbers.
fn made(context: &mut Context<'_, '_>, operator: &str, operands: &[Option<Constant>]) -> Built {
    let numbers = |i: usize| {
        operands
            .get(i)
            .and_then(Option::as_ref)
            .map(Constant::numbers)
    };
    match operator {
        "Range" => {
            let one = |i: usize| numbers(i).and_then(|numbers| numbers.first().copied());
            let (Some(start), Some(end), Some(step)) = (one(0), one(1), one(2)) else {
                return Err(context.fail("expected three numbers"));
            };
            let count = libm::ceil((end - start) / step).max(0.0);
            if !(0.0..=(1 << 22) as f64).contains(&count) {
                return Err(
                    context.fail(format!("{count} numbers from {start} to {end} by {step}"))
                );
            }
            let values = (0..count as u64).map(|i| start + i as f64 * step);
            let whole = operands.iter().flatten().all(|own| own.integers().is_ok());
            let elements = match whole {
                true => Elements::Int(values.map(|v| v as i64).collect()),
                false => Elements::Float(values.map(|v| v as f32).collect()),
            };
            define(context, vec![count as usize], elements)
        }
        "ConstantOfShape" => {
            let dims = numbers(0).unwrap_or_default();
            let dims: Vec<usize> = dims.iter().map(|d| d.max(0.0) as usize).collect();
            let count = size(context, &dims)?;
            let value = match context.attribute("value", TENSOR)? {
                None => Elements::Float(vec![0.0]),
                Some(value) => {
                    let tensor = value
                        .t
                        .as_ref()
                        .ok_or_else(|| context.fail("holds no tensor"))?;
                    Constant::from_proto(tensor, &tensor.name)?.elements
                }
            };
            let elements = match value {
                Elements::Int(v) => Elements::Int(vec![v.first().copied().unwrap_or(0); count]),
                Elements::Float(v) => {
                    Elements::Float(vec![v.first().copied().unwrap_or(0.0); count])
                }
            };
            define(context, dims, elements)
        }
        _ => {
            let dims = operands
                .first()
                .and_then(Option::as_ref)
                .map(|own| own.dims.clone());
            let Some(dims) = dims.filter(|dims| dims.len() == 2) else {
                return Err(context.fail("expected an operand of two axes"));
            };
            let by = context.int("k", 0)?;
            let kind = context
                .attribute("dtype", INT)?
                .map_or(FLOAT.into(), |a| a.i);
            let count = size(context, &dims)?;
            let one = |at: usize| {
                let at = indices(at, &dims);
                let apart = |a: &usize, b: &usize| (*b as i64).saturating_sub(*a as i64) == by;
                matches!(at.as_slice(), [row, col] if apart(row, col))
            };
            let values = (0..count).map(|at| i64::from(one(at)));
            let elements = match is_float(i32::try_from(kind).unwrap_or(INT64)) {
                true => Elements::Float(values.map(|v| v as f32).collect()),
                false => Elements::Int(values.collect()),
            };
            define(context, dims, elements)
        }
    }
}
