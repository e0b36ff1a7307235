//! The registry of operators: one file for each family, each with its shape rules and tests.

mod activation;
mod add;
mod batch_norm;
mod constant;
mod context;
mod gemm;
mod identity;
mod matmul;
mod mul;
mod reshape;

pub use context::Context;

use super::builder::Builder;
use super::error::ImportError;
use super::is_standard;
use super::onnx::NodeProto;

/// Adds one node of an operator to the graph.
pub type Build = fn(&mut Context<'_, '_>) -> Result<(), ImportError>;

/// All operators by ONNX name.
pub const OPS: &[(&str, Build)] = &[
    ("Add", add::add),
    ("BatchNormalization", batch_norm::build),
    ("Constant", constant::build),
    ("Dropout", identity::dropout),
    ("Flatten", reshape::flatten),
    ("Gemm", gemm::build),
    ("Identity", identity::identity),
    ("LeakyRelu", activation::leaky_relu),
    ("MatMul", matmul::build),
    ("Mul", mul::build),
    ("Relu", activation::relu),
    ("Reshape", reshape::reshape),
    ("Sigmoid", activation::sigmoid),
    ("Sub", add::sub),
    ("Tanh", activation::tanh),
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
        .find(|(name, _)| *name == node.op_type && is_standard(&node.domain));
    let Some((_, build)) = entry else {
        let op = if is_standard(&node.domain) {
            node.op_type.clone()
        } else {
            format!("{}::{}", node.domain, node.op_type)
        };
        let supported = OPS
            .iter()
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
            .join(", ");
        return Err(ImportError::UnknownOp {
            node: context.name(),
            op,
            supported,
        });
    };
    build(&mut context)
}
