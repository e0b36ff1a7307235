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
mod mul;
mod reshape;
mod shape;
mod windows;

pub use context::Context;

use super::builder::Builder;
use super::error::ImportError;
use super::is_standard;
use super::messages::NodeProto;

/// Adds one node of an operator to the graph.
pub type Build = fn(&mut Context<'_, '_>) -> Result<(), ImportError>;

/// All operators by ONNX name, with the attributes that are read or change nothing at inference. Others are
/// refused: to ignore one may compute another function.
pub const OPS: &[(&str, Build, &[&str])] = &[
    ("Abs", clip::abs, &[]),
    ("Add", add::add, &[]),
    ("AveragePool", windows::average_pool, windows::POOL),
    (
        "BatchNormalization",
        batch_norm::build,
        batch_norm::ATTRIBUTES,
    ),
    ("Cast", cast::build, &["to", "saturate", "round_mode"]),
    ("Clip", clip::clip, &["min", "max"]),
    ("Concat", arrange::concat, &["axis"]),
    ("Constant", constant::build, constant::ATTRIBUTES),
    ("Conv", windows::conv, windows::CONV),
    ("Div", div::build, &[]),
    ("Dropout", identity::dropout, &["ratio", "seed"]),
    ("Flatten", reshape::flatten, &["axis"]),
    ("Gather", shape::gather, &["axis"]),
    ("Gemm", gemm::build, &["alpha", "beta", "transA", "transB"]),
    ("GlobalAveragePool", windows::global_average_pool, &[]),
    ("GlobalMaxPool", windows::global_max_pool, &[]),
    ("Identity", identity::identity, &[]),
    ("LeakyRelu", activation::leaky_relu, &["alpha"]),
    ("MatMul", matmul::build, &[]),
    ("MaxPool", windows::max_pool, windows::POOL),
    ("Mul", mul::build, &[]),
    ("Pad", arrange::pad, &["mode", "pads", "value"]),
    ("Relu", activation::relu, &[]),
    ("Reshape", reshape::reshape, &["allowzero"]),
    ("Shape", shape::shape, &["start", "end"]),
    ("Sigmoid", activation::sigmoid, &[]),
    ("Slice", arrange::slice, &["axes", "ends", "starts"]),
    ("Squeeze", reshape::squeeze, &["axes"]),
    ("Sub", add::sub, &[]),
    ("Tanh", activation::tanh, &[]),
    ("Transpose", arrange::transpose, &["perm"]),
    ("Unsqueeze", reshape::unsqueeze, &["axes"]),
];

/// Adds `node`, the `index`-th of the file.
///
/// # Errors
/// [`ImportError::UnknownOp`] outside the registry, and the operator's own errors.
pub fn build<'a>(
    builder: &mut Builder<'a>,
    node: &'a NodeProto,
    index: usize,
    opset: i64,
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
    build(&mut context)
}
