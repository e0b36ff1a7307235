//! MatMul: with a constant on the right, `(batch, …, k) · (k, n) -> (batch, …, n)`, or on the left, `(m, k) · (batch, …, k, n)`,
//! or of two activations, `(batch, …, m, k) · (batch, …, k, n)`.

use super::super::builder::{Dense, Draft, First};
use super::super::error::ImportError;
use super::Context;
use super::context::Operand::{Constant, Tensor};
use super::gemm::transpose;
use crate::graph::ValueId;
use crate::ops::{Op, Read, product};

/// Adds a dense layer without bias, into which an Add of a constant behind it folds, or a product.
pub fn build(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    match (context.operand(0)?, context.operand(1)?) {
        (Tensor(x), Constant(c)) if is_layer(context, x, &c) => layer(context, x),
        (Constant(c), Tensor(x)) if c.dims.len() == 2 && context.features(x).len() >= 2 => {
            turned(context, x)
        }
        (Tensor(a), Constant(c)) => {
            let b = context.fixed(&c)?;
            whole_product(context, a, b)
        }
        (Constant(c), Tensor(b)) => {
            let a = context.fixed(&c)?;
            whole_product(context, a, b)
        }
        (Tensor(a), Tensor(b)) => whole_product(context, a, b),
        (Constant(_), Constant(_)) => Err(super::add::both_constant(context)),
    }
}

/// Whether a constant on the right is one matrix for all places, or a vector for the only one.
fn is_layer(context: &Context<'_, '_>, x: ValueId, c: &super::super::tensor::Constant) -> bool {
    match (c.dims.len(), context.first()) {
        (2, First::Feature) => !context.features(x).is_empty(),
        (_, First::Feature) => false,
        (_, First::Batch) => true,
    }
}

/// A product of two values, of which one may be a vector if the model is one row.
fn whole_product(context: &mut Context<'_, '_>, a: ValueId, b: ValueId) -> Result<(), ImportError> {
    let (left, right) = (context.features(a), context.features(b));
    let vectors = [left.len() == 1, right.len() == 1];
    if context.first() == First::Batch || vectors == [false; 2] {
        return activations(context, a, b);
    }
    let a = match left.as_slice() {
        &[k] => context.reshaped(a, vec![1, k])?,
        _ => a,
    };
    let b = match right.as_slice() {
        &[k] => context.reshaped(b, vec![k, 1])?,
        _ => b,
    };
    let (own, mut features) = product_part(context, a, b)?;
    // The axis of one entry that a vector got.
    let last = features.len().saturating_sub(1);
    if vectors == [false, true] || vectors == [true, true] {
        features.pop();
    }
    if let [true, _] = vectors {
        features.remove(last.saturating_sub(1).min(features.len().saturating_sub(1)));
    }
    context.give(own, features)
}

fn layer(context: &mut Context<'_, '_>, x: ValueId) -> Result<(), ImportError> {
    let mut features = context.features(x);
    let Some(cols) = features.pop() else {
        return Err(context.fail("operand 0 has the batch axis only, expected (batch, features)"));
    };
    let places = features.iter().any(|d| *d != 1);
    let b = context.constant(1)?;
    let (found, rows) = match *b.dims.as_slice() {
        [k, n] => {
            features.push(n);
            (k, n)
        }
        [k] if !places => (k, 1),
        _ => return Err(context.fail(format!("operand 1 has shape {:?}, expected (k, n)", b.dims))),
    };
    if found != cols {
        return Err(context.fail(format!(
            "operand 1 takes {found} features, operand 0 has {cols}"
        )));
    }
    let weight = transpose(b.floats()?, cols, rows);
    let dense = Dense {
        rows,
        cols,
        weight,
        bias: vec![0.0; rows],
    };
    let draft = match places {
        true => Draft::Linear(dense),
        false => Draft::Dense(dense),
    };
    context.push(draft, vec![x], features)
}

/// A constant times an activation: the activation's second to last axis is contracted.
fn turned(context: &mut Context<'_, '_>, x: ValueId) -> Result<(), ImportError> {
    let features = context.features(x);
    let a = context.constant(0)?;
    let ([first @ .., cols, n], &[rows, found]) = (features.as_slice(), a.dims.as_slice()) else {
        return Err(context.fail(format!(
            "operand 0 has shape {:?}, operand 1 features {features:?}, expected (m, k) and (…, k, n)",
            a.dims
        )));
    };
    if found != *cols {
        return Err(context.fail(format!(
            "operand 0 takes {found} features, operand 1 has {cols}"
        )));
    }
    let dense = Dense {
        rows,
        cols: found,
        weight: a.floats()?.to_vec(),
        bias: vec![0.0; rows],
    };
    let count = first.len();
    let swap: Vec<Read> = (0..count)
        .chain([count + 1, count])
        .map(Read::all)
        .collect();
    let shape = |last: [usize; 2]| [first, &last].concat();
    let swapped = Draft::Op(Op::Arrange(swap.clone()));
    let x = context.push_part("turned", swapped, vec![x], shape([*n, found]))?;
    let made = context.push_part("product", Draft::Linear(dense), vec![x], shape([*n, rows]))?;
    context.push(Draft::Op(Op::Arrange(swap)), vec![made], shape([rows, *n]))
}

fn activations(context: &mut Context<'_, '_>, a: ValueId, b: ValueId) -> Result<(), ImportError> {
    let (found, features) = product_part(context, a, b)?;
    context.give(found, features)
}

pub(super) fn product_part(
    context: &mut Context<'_, '_>,
    a: ValueId,
    b: ValueId,
) -> Result<(ValueId, Vec<usize>), ImportError> {
    let (left, right) = (context.features(a), context.features(b));
    let wrong = |context: &Context<'_, '_>| {
        context.fail(format!(
            "operands have feature shapes {left:?} and {right:?}, expected (…, m, k) and (…, k, n) beside the batch"
        ))
    };
    let ([first @ .., m, k], [second @ .., l, n]) = (left.as_slice(), right.as_slice()) else {
        return Err(wrong(context));
    };
    // The axes before broadcast to each other.
    let places = if first.len() >= second.len() {
        first
    } else {
        second
    };
    let a = context.repeated(a, &[places, &[*m, *k]].concat(), "left")?;
    let b = context.repeated(b, &[places, &[*l, *n]].concat(), "right")?;
    let Some(features) = product(&context.features(a), &context.features(b)) else {
        return Err(wrong(context));
    };
    let op = Op::MatMul { factor: 1.0 };
    let found = context.part(op, vec![a, b], features.clone())?;
    Ok((found, features))
}
