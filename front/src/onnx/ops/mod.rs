//! The registry of operators: one file for each family, each with its shape rules and tests.

mod activation;
mod add;
mod arrange;
mod batch_norm;
mod cast;
mod clip;
mod constant;
mod context;
mod div;
mod gemm;
mod identity;
mod matmul;
mod moved;
mod mul;
mod normalise;
mod recurrent;
mod reduce;
mod reshape;
mod shape;
mod transposed;
mod unary;
mod windows;

pub use context::Context;
pub use recurrent::reads_steps_first;

use super::builder::Builder;
use super::error::ImportError;
use super::is_standard;
use super::messages::NodeProto;
use super::recognise::Fused;
use crate::ops::{Function, Op};

/// Adds one node of an operator to the graph.
pub type Build = fn(&mut Context<'_, '_>) -> Result<(), ImportError>;

/// All operators by ONNX name, with the attributes that are read or change nothing at inference. Others are
/// refused: to ignore one may compute another function.
pub const OPS: &[(&str, Build, &[&str])] = &[
    ("Abs", clip::abs, &[]),
    ("Acos", unary::acos, &[]),
    ("Acosh", unary::acosh, &[]),
    ("Add", add::add, &[]),
    ("AveragePool", windows::average_pool, windows::POOL),
    (
        "BatchNormalization",
        batch_norm::build,
        batch_norm::ATTRIBUTES,
    ),
    ("Asin", unary::asin, &[]),
    ("Asinh", unary::asinh, &[]),
    ("Atan", unary::atan, &[]),
    ("Atanh", unary::atanh, &[]),
    ("Cast", cast::build, &["to", "saturate", "round_mode"]),
    ("Ceil", unary::ceil, &[]),
    ("Celu", unary::celu, &["alpha"]),
    ("Clip", clip::clip, &["min", "max"]),
    ("Concat", arrange::concat, &["axis"]),
    ("Constant", constant::build, constant::ATTRIBUTES),
    ("Conv", windows::conv, windows::CONV),
    ("ConvTranspose", transposed::build, transposed::ATTRIBUTES),
    ("Cos", unary::cos, &[]),
    ("Cosh", unary::cosh, &[]),
    ("Div", div::build, &[]),
    ("Dropout", identity::dropout, &["ratio", "seed"]),
    ("Elu", unary::elu, &["alpha"]),
    ("Erf", unary::erf, &[]),
    ("Exp", unary::exp, &[]),
    ("Flatten", reshape::flatten, &["axis"]),
    ("Floor", unary::floor, &[]),
    ("Gather", arrange::gather, &["axis"]),
    ("Gelu", unary::gelu, &["approximate"]),
    ("Gemm", gemm::build, &["alpha", "beta", "transA", "transB"]),
    ("GRU", recurrent::gru, recurrent::ATTRIBUTES),
    ("GlobalAveragePool", windows::global_average_pool, &[]),
    ("GlobalMaxPool", windows::global_max_pool, &[]),
    ("HardSigmoid", unary::hard_sigmoid, &["alpha", "beta"]),
    ("HardSwish", unary::hard_swish, &[]),
    ("Identity", identity::identity, &[]),
    ("InstanceNormalization", normalise::instance, &["epsilon"]),
    ("LSTM", recurrent::lstm, recurrent::ATTRIBUTES),
    ("LayerNormalization", normalise::layer, normalise::NORM),
    ("LeakyRelu", activation::leaky_relu, &["alpha"]),
    ("Log", unary::log, &[]),
    ("MatMul", matmul::build, &[]),
    ("MaxPool", windows::max_pool, windows::POOL),
    ("Mish", unary::mish, &[]),
    ("Mul", mul::build, &[]),
    ("Neg", unary::neg, &[]),
    ("PRelu", unary::prelu, &[]),
    ("Pad", arrange::pad, &["mode", "pads", "value"]),
    ("Pow", unary::pow, &[]),
    ("RNN", recurrent::rnn, recurrent::ATTRIBUTES),
    ("RMSNormalization", normalise::rms, normalise::NORM),
    ("Reciprocal", unary::reciprocal, &[]),
    ("ReduceL1", reduce::l1, reduce::ATTRIBUTES),
    ("ReduceL2", reduce::l2, reduce::ATTRIBUTES),
    ("ReduceLogSum", reduce::log_sum, reduce::ATTRIBUTES),
    ("ReduceMax", reduce::max, reduce::ATTRIBUTES),
    ("ReduceMean", reduce::mean, reduce::ATTRIBUTES),
    ("ReduceMin", reduce::min, reduce::ATTRIBUTES),
    ("ReduceSum", reduce::sum, reduce::ATTRIBUTES),
    ("ReduceSumSquare", reduce::sum_square, reduce::ATTRIBUTES),
    ("Relu", activation::relu, &[]),
    ("Reshape", reshape::reshape, &["allowzero"]),
    ("Round", unary::round, &[]),
    ("Selu", unary::selu, &["alpha", "gamma"]),
    ("Shape", shape::shape, &["start", "end"]),
    ("Shrink", unary::shrink, &["bias", "lambd"]),
    ("Sigmoid", unary::sigmoid, &[]),
    ("Sign", unary::sign, &[]),
    ("Sin", unary::sin, &[]),
    ("Sinh", unary::sinh, &[]),
    ("Slice", arrange::slice, &["axes", "ends", "starts"]),
    ("Softmax", normalise::softmax, &["axis"]),
    ("Softplus", unary::softplus, &[]),
    ("Softsign", unary::softsign, &[]),
    ("Split", arrange::split, &["axis", "num_outputs", "split"]),
    ("Sqrt", unary::sqrt, &[]),
    ("Squeeze", reshape::squeeze, &["axes"]),
    ("Sub", add::sub, &[]),
    ("Sum", add::sum, &[]),
    ("Tan", unary::tan, &[]),
    ("Tanh", unary::tanh, &[]),
    ("ThresholdedRelu", unary::thresholded_relu, &["alpha"]),
    ("Transpose", arrange::transpose, &["perm"]),
    ("Unsqueeze", reshape::unsqueeze, &["axes"]),
];

/// Adds `node`, the `index`-th of the file, or what it is the end of.
///
/// # Errors
/// [`ImportError::UnknownOp`] outside the registry, and the operator's own errors.
pub fn build<'a>(
    builder: &mut Builder<'a>,
    node: &'a NodeProto,
    index: usize,
    opset: i64,
    fused: Option<&Fused<'_>>,
) -> Result<(), ImportError> {
    let mut context = Context::new(builder, node, index, opset);
    let entry = OPS
        .iter()
        .find(|(name, ..)| *name == node.op_type && is_standard(&node.domain));
    let Some((_, build, attributes)) = entry else {
        let op = if is_standard(&node.domain) {
            node.op_type.clone()
        } else {
            format!("{}::{}", node.domain, node.op_type)
        };
        let supported = OPS
            .iter()
            .map(|(name, ..)| *name)
            .collect::<Vec<_>>()
            .join(", ");
        return Err(ImportError::UnknownOp {
            node: context.name(),
            op,
            supported,
        });
    };
    context.only(attributes)?;
    match fused {
        Some(Fused::Normalise { x, eps }) => context.push_of(
            x,
            Op::Normalise {
                eps: *eps,
                centred: true,
            },
        ),
        Some(Fused::Gelu { x }) => context.push_of(x, Op::Unary(Function::Gelu)),
        None => match moved::reader(&context, *build)? {
            Some(reader) if moved::keeps(context.op()) => {
                let batch = context.anywhere();
                reader(&mut context)?;
                let name = context.output()?.to_owned();
                context.set_batch(&name, batch);
                Ok(())
            }
            Some(reader) => reader(&mut context),
            None => build(&mut context),
        },
    }
}
