//! The registry of operators: one file for each family, each with its shape rules and tests.

mod activation;
mod add;
mod arrange;
mod batch_norm;
mod cast;
mod clip;
mod constant;
mod constants;
mod context;
mod div;
mod gemm;
mod identity;
mod logic;
mod matmul;
mod moves;
mod mul;
mod normalise;
mod parts;
mod places;
mod quantized;
mod reduce;
mod reshape;
mod resize;
mod shape;
mod transposed;
mod unary;
mod windows;

pub use context::Context;

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
    ("AveragePool", |c| c.each_entry(windows::average_pool), windows::POOL),
    (
        "BatchNormalization",
        |c| c.each_entry(batch_norm::build),
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
    ("Conv", |c| c.each_entry(windows::conv), windows::CONV),
    ("ConvTranspose", |c| c.each_entry(transposed::build), transposed::ATTRIBUTES),
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
    ("GlobalAveragePool", |c| c.each_entry(windows::global_average_pool), &[]),
    ("GlobalMaxPool", |c| c.each_entry(windows::global_max_pool), &[]),
    ("HardSigmoid", unary::hard_sigmoid, &["alpha", "beta"]),
    ("HardSwish", unary::hard_swish, &[]),
    ("Identity", identity::identity, &[]),
    ("InstanceNormalization", |c| c.each_entry(normalise::instance), &["epsilon"]),
    ("LayerNormalization", normalise::layer, normalise::NORM),
    ("LeakyRelu", activation::leaky_relu, &["alpha"]),
    ("Log", unary::log, &[]),
    ("MatMul", matmul::build, &[]),
    ("MaxPool", |c| c.each_entry(windows::max_pool), windows::POOL),
    ("Mish", unary::mish, &[]),
    ("Mul", mul::build, &[]),
    ("Neg", unary::neg, &[]),
    ("PRelu", unary::prelu, &[]),
    ("Pad", arrange::pad, &["mode", "pads", "value"]),
    ("Pow", unary::pow, &[]),
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
    ("And", logic::and, &[]),
    ("Or", logic::or, &[]),
    ("Xor", logic::xor, &[]),
    ("Not", logic::not, &[]),
    ("ArgMax", places::arg_max, &["axis", "keepdims", "select_last_index"]),
    ("ArgMin", places::arg_min, &["axis", "keepdims", "select_last_index"]),
    ("BitShift", logic::shift, &["direction"]),
    ("CastLike", cast::like, &["saturate", "round_mode"]),
    ("Compress", moves::compress, &["axis"]),
    ("ConstantOfShape", constant::computed, &["value"]),
    ("CumSum", reduce::running, &["exclusive", "reverse"]),
    ("DepthToSpace", moves::depth_to_space, &["blocksize", "mode"]),
    ("SpaceToDepth", moves::space_to_depth, &["blocksize"]),
    ("DequantizeLinear", quantized::dequantise, quantized::ATTRIBUTES),
    ("QuantizeLinear", quantized::quantise, quantized::ATTRIBUTES),
    ("QLinearMatMul", quantized::matmul, &[]),
    ("MatMulInteger", quantized::matmul_integer, &[]),
    ("Equal", logic::equal, &[]),
    ("Greater", logic::greater, &[]),
    ("GreaterOrEqual", logic::greater_or_equal, &[]),
    ("Less", logic::less, &[]),
    ("LessOrEqual", logic::less_or_equal, &[]),
    ("Expand", moves::expand, &[]),
    ("EyeLike", constant::eye, &["dtype", "k"]),
    ("GatherElements", moves::gather_elements, &["axis"]),
    ("GatherND", moves::gather_nd, &["batch_dims"]),
    ("GroupNormalization", |c| c.each_entry(normalise::group), &["epsilon", "num_groups", "stash_type"]),
    ("Hardmax", places::hardmax, &["axis"]),
    ("LogSoftmax", normalise::log_softmax, &["axis"]),
    ("LpNormalization", normalise::lp, &["axis", "p"]),
    ("Max", logic::max, &[]),
    ("Min", logic::min, &[]),
    ("Mean", add::mean, &[]),
    ("MeanVarianceNormalization", normalise::mean_variance, &["axes"]),
    ("Mod", logic::modulo, &["fmod"]),
    ("NegativeLogLikelihoodLoss", places::negative_log, &["ignore_index", "reduction"]),
    ("SoftmaxCrossEntropyLoss", places::cross_entropy, &["ignore_index", "reduction"]),
    ("OneHot", places::one_hot, &["axis"]),
    ("Range", constant::computed, &[]),
    ("ReduceLogSumExp", reduce::log_sum_exp, reduce::ATTRIBUTES),
    ("ReduceProd", reduce::product, reduce::ATTRIBUTES),
    ("Resize", resize::build, resize::ATTRIBUTES),
    ("Upsample", resize::build, resize::ATTRIBUTES),
    ("ReverseSequence", moves::reverse_sequence, &["batch_axis", "time_axis"]),
    ("Scatter", moves::scatter_elements, &["axis"]),
    ("ScatterElements", moves::scatter_elements, &["axis", "reduction"]),
    ("ScatterND", moves::scatter_nd, &["reduction"]),
    ("Size", constant::computed, &[]),
    ("Swish", unary::swish, &["alpha"]),
    ("Tile", moves::tile, &[]),
    ("Trilu", moves::trilu, &["upper"]),
    ("Where", logic::select, &[]),
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
        None if constants::evaluate(&mut context)? => Ok(()),
        None => build(&mut context),
    }
}
