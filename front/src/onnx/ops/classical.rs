//! Classical models as scikit-learn's converters write them, operators of the domain `ai.onnx.ml`: scalers, imputers, linear
//! and logistic models, labels. Trees of that domain are read by [`crate::trees`].
//!
//! A classifier's label is a function of its scores, and may be a text: the model gives the scores, `--argmax` the index of the
//! class. The label's name stands for [`Value::Label`], and an output that is one is left out.

use super::super::builder::{Dense, Draft, Value};
use super::super::error::ImportError;
use super::super::messages::attribute_type::FLOATS;
use super::super::messages::data_type::FLOAT;
use super::normalise::lp_of;
use super::{Build, Context};
use crate::graph::ValueId;
use crate::ops::{Function, Op};

type Built = Result<(), ImportError>;

/// The domain of these operators.
pub const DOMAIN: &str = "ai.onnx.ml";

/// Operators by name, with the attributes that are read or change nothing.
pub const OPS: &[(&str, Build, &[&str])] = &[
    ("ArrayFeatureExtractor", extract, &[]),
    ("Binarizer", binarizer, &["threshold"]),
    ("FeatureVectorizer", vectorizer, &["inputdimensions"]),
    (
        "Imputer",
        imputer,
        &["imputed_value_floats", "replaced_value_float"],
    ),
    (
        "LinearClassifier",
        classifier,
        &[
            "classlabels_ints",
            "classlabels_strings",
            "coefficients",
            "intercepts",
            "multi_class",
            "post_transform",
        ],
    ),
    (
        "LinearRegressor",
        regressor,
        &["coefficients", "intercepts", "post_transform", "targets"],
    ),
    ("Normalizer", normalizer, &["norm"]),
    (
        "SVMRegressor",
        support_vectors,
        &[
            "coefficients",
            "kernel_params",
            "kernel_type",
            "n_supports",
            "one_class",
            "post_transform",
            "rho",
            "support_vectors",
        ],
    ),
    ("Scaler", scaler, &["offset", "scale"]),
    (
        "ZipMap",
        zip_map,
        &["classlabels_int64s", "classlabels_strings"],
    ),
];

/// Whether the node is of a label, or makes one: then its result is the label still.
///
/// # Errors
/// [`ImportError::Node`] if the label is computed with.
pub(super) fn label(context: &mut Context<'_, '_>) -> Result<bool, ImportError> {
    // What names nothing is refused where it is read.
    let operand = |i| context.raw(i).ok().flatten();
    let of_label = matches!(operand(0), Some(Value::Label));
    let of_classes = context.op() == "ArrayFeatureExtractor"
        && operand(0).is_some_and(Value::is_constant)
        && matches!(operand(1), Some(Value::Tensor(_)));
    if of_label {
        let same = [
            "Cast",
            "Flatten",
            "Identity",
            "Reshape",
            "Squeeze",
            "Unsqueeze",
        ];
        if !same.contains(&context.op()) {
            return Err(context.fail(
                "computes with a class's label; the model gives scores, of which --argmax makes the index of the class",
            ));
        }
    }
    if of_label || of_classes {
        context.alias(Value::Label)?;
    }
    Ok(of_label || of_classes)
}

/// Floats of an attribute.
fn floats<'a>(context: &Context<'_, 'a>, name: &str) -> Result<&'a [f32], ImportError> {
    let found = context.attribute(name, FLOATS)?;
    let found = found.map_or(&[][..], |a| a.floats.as_slice());
    match found.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(context.fail(format!(
            "attribute {name:?} holds {value}, expected finite numbers"
        ))),
        None => Ok(found),
    }
}

/// A table's row: an activation whose last axis are the columns, the only ones, and that axis.
fn table(context: &Context<'_, '_>) -> Result<(ValueId, usize, usize), ImportError> {
    let x = context.tensor(0)?;
    let features = context.features(x);
    match features.split_last() {
        Some((columns, rows)) if rows.iter().all(|n| *n == 1) => Ok((x, rows.len(), *columns)),
        _ => Err(context.fail(format!(
            "operand 0 has feature shape {features:?}, expected a row of columns"
        ))),
    }
}

/// The shape of a table's row with other columns.
fn shaped(context: &Context<'_, '_>, x: ValueId, columns: usize) -> Vec<usize> {
    let mut features = context.features(x);
    if let Some(last) = features.last_mut() {
        *last = columns;
    }
    features
}

/// `(x - offset)·scale`, of each column or of all.
fn scaler(context: &mut Context<'_, '_>) -> Built {
    let (x, _, columns) = table(context)?;
    let all = |name| -> Result<Vec<f64>, ImportError> {
        match floats(context, name)? {
            [one] => Ok(vec![f64::from(*one); columns]),
            several if several.len() == columns => {
                Ok(several.iter().copied().map(f64::from).collect())
            }
            found => Err(context.fail(format!(
                "attribute {name:?} has {} numbers for {columns} columns",
                found.len()
            ))),
        }
    };
    let (offset, scale) = (all("offset")?, all("scale")?);
    let shift = offset.iter().zip(&scale).map(|(o, s)| -o * s).collect();
    let found = context.affine(x, scale, shift)?;
    context.give(found, context.features(found))?;
    context.typed(FLOAT)
}

/// Rows of networks have no missing values, so nothing is imputed.
fn imputer(context: &mut Context<'_, '_>) -> Built {
    let (x, ..) = table(context)?;
    let replaced = context.attribute(
        "replaced_value_float",
        super::super::messages::attribute_type::FLOAT,
    )?;
    match replaced.map(|a| a.f) {
        Some(value) if value.is_nan() => context.alias(Value::Tensor(x)),
        value => Err(context.fail(format!(
            "replaces {} instead of missing values; leave the imputer out and impute before",
            value.unwrap_or(0.0)
        ))),
    }
}

/// 1 above the threshold, else 0.
fn binarizer(context: &mut Context<'_, '_>) -> Built {
    let threshold = context.float("threshold", 0.0)?;
    context.push_unary(Op::Unary(Function::Above { threshold }))
}

/// Columns of all operands, one behind the other.
fn vectorizer(context: &mut Context<'_, '_>) -> Built {
    let ids = (0..context.operands()).map(|i| context.tensor(i));
    let ids = ids.collect::<Result<Vec<_>, _>>()?;
    let (x, axis, _) = table(context)?;
    let mut columns = 0;
    for id in &ids {
        let own = context.features(*id);
        if own.len() != axis + 1 || own.iter().take(axis).any(|n| *n != 1) {
            return Err(context.fail("operands have other axes than a row of columns"));
        }
        columns += own.last().copied().unwrap_or(0);
    }
    let features = shaped(context, x, columns);
    match ids.as_slice() {
        [one] => context.alias(Value::Tensor(*one)),
        _ => context.push(Draft::Op(Op::Concat { axis }), ids, features),
    }
}

/// Some of the columns.
fn extract(context: &mut Context<'_, '_>) -> Built {
    let (x, _, columns) = table(context)?;
    let chosen = context.constant(1)?;
    let place = |at: &i64| {
        let inside = u32::try_from(*at)
            .ok()
            .filter(|at| (*at as usize) < columns);
        inside.map(|at| Some((0, at))).ok_or_else(|| {
            context.fail(format!(
                "column {at} is extracted, expected 0 to {}",
                columns.saturating_sub(1)
            ))
        })
    };
    let picks = chosen.integers()?.iter().map(place);
    let picks = picks.collect::<Result<Vec<_>, _>>()?;
    let features = shaped(context, x, picks.len());
    context.push(Draft::Op(Op::Pick(picks.into())), vec![x], features)
}

/// Divides a row by the sum of its magnitudes or by its length.
fn normalizer(context: &mut Context<'_, '_>) -> Built {
    let (x, axis, _) = table(context)?;
    let p = match context.text("norm", "MAX")?.as_str() {
        "L1" => 1,
        "L2" => 2,
        other => {
            return Err(context.fail(format!("norm is {other:?}, expected \"L1\" or \"L2\"")));
        }
    };
    // A softmax has the sum 1 already.
    if let (1, Some((Op::Share { .. }, _))) = (p, context.maker(x)) {
        return context.alias(Value::Tensor(x));
    }
    let found = lp_of(context, x, axis, p)?;
    context.give(found, context.features(found))
}

/// A layer of the node's coefficients.
fn layer(
    context: &Context<'_, '_>,
    rows: usize,
    cols: usize,
    intercepts: &[f32],
) -> Result<Dense, ImportError> {
    let weight = floats(context, "coefficients")?;
    if Some(weight.len()) != rows.checked_mul(cols) || rows == 0 {
        let found = weight.len();
        return Err(context.fail(format!(
            "{found} coefficients, expected {rows} times {cols} columns"
        )));
    }
    let bias = match intercepts.len() {
        0 => vec![0.0; rows],
        found if found == rows => intercepts.to_vec(),
        found => return Err(context.fail(format!("{found} intercepts, expected {rows}"))),
    };
    Ok(Dense {
        rows,
        cols,
        weight: weight.to_vec(),
        bias,
    })
}

/// Refuses what a regressor does with its sums.
fn plain(context: &Context<'_, '_>) -> Built {
    match context.text("post_transform", "NONE")?.as_str() {
        "NONE" => Ok(()),
        other => Err(context.fail(format!("post_transform is {other:?}, expected \"NONE\""))),
    }
}

fn regressor(context: &mut Context<'_, '_>) -> Built {
    let (x, _, columns) = table(context)?;
    plain(context)?;
    let targets = usize::try_from(context.int("targets", 1)?).unwrap_or(0);
    let dense = layer(context, targets, columns, floats(context, "intercepts")?)?;
    let features = shaped(context, x, targets);
    context.push(Draft::Dense(dense), vec![x], features)
}

/// A regressor with a linear kernel: its support vectors are summed up to one.
fn support_vectors(context: &mut Context<'_, '_>) -> Built {
    let (x, _, columns) = table(context)?;
    plain(context)?;
    let kernel = context.text("kernel_type", "LINEAR")?;
    if kernel != "LINEAR" || context.int("one_class", 0)? != 0 {
        return Err(context.fail(format!(
            "kernel_type is {kernel:?}, expected \"LINEAR\" of a regressor that is of more than one class"
        )));
    }
    let rho = floats(context, "rho")?;
    let mut dense = match context.int("n_supports", 0)? {
        0 => layer(context, 1, columns, rho)?,
        count => {
            let count = usize::try_from(count).unwrap_or(0);
            let (own, vectors) = (
                layer(context, 1, count, rho)?,
                floats(context, "support_vectors")?,
            );
            if Some(vectors.len()) != count.checked_mul(columns) {
                let found = vectors.len();
                return Err(context.fail(format!(
                    "{found} numbers of support vectors, expected {count} times {columns} columns"
                )));
            }
            let mut sums = vec![0f64; columns];
            for (factor, vector) in own.weight.iter().zip(vectors.chunks(columns.max(1))) {
                for (sum, value) in sums.iter_mut().zip(vector) {
                    *sum += f64::from(*factor) * f64::from(*value);
                }
            }
            Dense {
                cols: columns,
                weight: sums.iter().map(|sum| *sum as f32).collect(),
                ..own
            }
        }
    };
    dense.bias.truncate(1);
    let features = shaped(context, x, 1);
    context.push(Draft::Dense(dense), vec![x], features)
}

/// Scores of classes, as the second result; the first is the label.
fn classifier(context: &mut Context<'_, '_>) -> Built {
    let (x, axis, columns) = table(context)?;
    let texts = context.texts("classlabels_strings")?.map_or(0, |t| t.len());
    let classes = texts.max(context.ints("classlabels_ints")?.map_or(0, <[i64]>::len));
    let [_, scores, ..] = context.outputs() else {
        return Err(context.fail("gives a label alone, expected its scores, too"));
    };
    let mut dense = layer(context, classes, columns, floats(context, "intercepts")?)?;
    let features = shaped(context, x, classes);
    let end = match context.text("post_transform", "NONE")?.as_str() {
        "NONE" => None,
        "SOFTMAX" => Some(Op::Share { axis }),
        // The sigmoids of a number and its negative are the softmax of their halves.
        "LOGISTIC" if opposite(&dense) => {
            let parameters = dense.weight.iter_mut().chain(&mut dense.bias);
            parameters.for_each(|p| *p *= 0.5);
            Some(Op::Share { axis })
        }
        "LOGISTIC" => Some(Op::Unary(Function::Sigmoid)),
        other => {
            return Err(context.fail(format!(
                "post_transform is {other:?}, expected \"NONE\", \"LOGISTIC\" or \"SOFTMAX\""
            )));
        }
    };
    context.alias_output(0, Value::Label)?;
    match end {
        None => context.push_named(scores, Draft::Dense(dense), vec![x], features),
        Some(end) => {
            let logits =
                context.push_part("logits", Draft::Dense(dense), vec![x], features.clone())?;
            context.push_named(scores, Draft::Op(end), vec![logits], features)
        }
    }
}

/// Whether a layer gives a number and its negative.
fn opposite(dense: &Dense) -> bool {
    let (first, second) = dense.weight.split_at(dense.cols.min(dense.weight.len()));
    let negative = |(a, b): (&f32, &f32)| *a == -*b;
    dense.rows == 2
        && first.len() == second.len()
        && first.iter().zip(second).all(negative)
        && matches!(*dense.bias.as_slice(), [a, b] if a == -b)
}

/// A dictionary for each row, by class: the scores as they are.
fn zip_map(context: &mut Context<'_, '_>) -> Built {
    let x = context.tensor(0)?;
    context.alias(Value::Tensor(x))
}
