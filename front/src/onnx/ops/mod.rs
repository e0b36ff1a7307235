//! The registry of operators: one file for each family, each with its shape rules and tests.

mod activation;
mod add;
mod arrange;
mod batch_norm;
mod cast;
pub mod classical;
mod clip;
mod constant;
mod constants;
mod context;
mod div;
mod gemm;
mod identity;
mod logic;
mod matmul;
mod moved;
mod moves;
mod mul;
mod normalise;
mod parts;
mod places;
mod quantized;
mod recurrent;
mod reduce;
mod reshape;
mod resize;
mod sample;
mod shape;
mod transposed;
mod unary;
mod windows;

pub use context::Context;
pub use recurrent::reads_steps_first;

use super::builder::{Builder, First};
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
    ("And", logic::and, &[]),
    (
        "ArgMax",
        places::arg_max,
        &["axis", "keepdims", "select_last_index"],
    ),
    (
        "ArgMin",
        places::arg_min,
        &["axis", "keepdims", "select_last_index"],
    ),
    ("Asin", unary::asin, &[]),
    ("Asinh", unary::asinh, &[]),
    ("Atan", unary::atan, &[]),
    ("Atanh", unary::atanh, &[]),
    (
        "AveragePool",
        |c| c.each_entry(windows::average_pool),
        windows::POOL,
    ),
    (
        "BatchNormalization",
        |c| c.each_entry(batch_norm::build),
        batch_norm::ATTRIBUTES,
    ),
    ("BitShift", logic::shift, &["direction"]),
    ("BitwiseNot", logic::bitwise_not, &[]),
    ("Cast", cast::build, &["to", "saturate", "round_mode"]),
    ("CastLike", cast::like, &["saturate", "round_mode"]),
    ("Ceil", unary::ceil, &[]),
    ("Celu", unary::celu, &["alpha"]),
    ("CenterCropPad", moves::center_crop_pad, &["axes"]),
    ("Clip", clip::clip, &["min", "max"]),
    ("Compress", moves::compress, &["axis"]),
    ("Concat", arrange::concat, &["axis"]),
    ("Constant", constant::build, constant::ATTRIBUTES),
    ("ConstantOfShape", constant::computed, &["value"]),
    ("Conv", |c| c.each_entry(windows::conv), windows::CONV),
    (
        "ConvTranspose",
        |c| c.each_entry(transposed::build),
        transposed::ATTRIBUTES,
    ),
    ("Cos", unary::cos, &[]),
    ("Cosh", unary::cosh, &[]),
    ("CumSum", reduce::running, &["exclusive", "reverse"]),
    (
        "DepthToSpace",
        moves::depth_to_space,
        &["blocksize", "mode"],
    ),
    (
        "DequantizeLinear",
        quantized::dequantise,
        quantized::ATTRIBUTES,
    ),
    ("Div", div::build, &[]),
    ("Dropout", identity::dropout, &["ratio", "seed"]),
    ("Elu", unary::elu, &["alpha"]),
    ("Equal", logic::equal, &[]),
    ("Erf", unary::erf, &[]),
    ("Exp", unary::exp, &[]),
    ("Expand", moves::expand, &[]),
    ("EyeLike", constant::eye, &["dtype", "k"]),
    ("Flatten", reshape::flatten, &["axis"]),
    ("Floor", unary::floor, &[]),
    ("GRU", recurrent::gru, recurrent::ATTRIBUTES),
    ("Gather", arrange::gather, &["axis"]),
    ("GatherElements", moves::gather_elements, &["axis"]),
    ("GatherND", moves::gather_nd, &["batch_dims"]),
    ("Gelu", unary::gelu, &["approximate"]),
    ("Gemm", gemm::build, &["alpha", "beta", "transA", "transB"]),
    (
        "GlobalAveragePool",
        |c| c.each_entry(windows::global_average_pool),
        &[],
    ),
    (
        "GlobalMaxPool",
        |c| c.each_entry(windows::global_max_pool),
        &[],
    ),
    ("Greater", logic::greater, &[]),
    ("GreaterOrEqual", logic::greater_or_equal, &[]),
    ("GridSample", sample::build, sample::ATTRIBUTES),
    (
        "GroupNormalization",
        |c| c.each_entry(normalise::group),
        &["epsilon", "num_groups", "stash_type"],
    ),
    ("HardSigmoid", unary::hard_sigmoid, &["alpha", "beta"]),
    ("HardSwish", unary::hard_swish, &[]),
    ("Hardmax", places::hardmax, &["axis"]),
    ("Identity", identity::identity, &[]),
    (
        "InstanceNormalization",
        |c| c.each_entry(normalise::instance),
        &["epsilon"],
    ),
    (
        "LRN",
        |c| c.each_entry(normalise::local),
        &["alpha", "beta", "bias", "size"],
    ),
    ("LSTM", recurrent::lstm, recurrent::ATTRIBUTES),
    ("LayerNormalization", normalise::layer, normalise::NORM),
    ("LeakyRelu", activation::leaky_relu, &["alpha"]),
    ("Less", logic::less, &[]),
    ("LessOrEqual", logic::less_or_equal, &[]),
    ("Log", unary::log, &[]),
    ("LogSoftmax", normalise::log_softmax, &["axis"]),
    ("LpNormalization", normalise::lp, &["axis", "p"]),
    (
        "LpPool",
        |c| c.each_entry(windows::lp_pool),
        windows::LP_POOL,
    ),
    ("MatMul", matmul::build, &[]),
    ("MatMulInteger", quantized::matmul_integer, &[]),
    ("Max", logic::max, &[]),
    (
        "MaxPool",
        |c| c.each_entry(windows::max_pool),
        windows::POOL,
    ),
    ("Mean", add::mean, &[]),
    (
        "MeanVarianceNormalization",
        normalise::mean_variance,
        &["axes"],
    ),
    ("Min", logic::min, &[]),
    ("Mish", unary::mish, &[]),
    ("Mod", logic::modulo, &["fmod"]),
    ("Mul", mul::build, &[]),
    ("Neg", unary::neg, &[]),
    (
        "NegativeLogLikelihoodLoss",
        places::negative_log,
        &["ignore_index", "reduction"],
    ),
    ("Not", logic::not, &[]),
    ("OneHot", places::one_hot, &["axis"]),
    ("Or", logic::or, &[]),
    ("PRelu", unary::prelu, &[]),
    ("Pad", arrange::pad, &["mode", "pads", "value"]),
    ("Pow", unary::pow, &[]),
    ("QLinearMatMul", quantized::matmul, &[]),
    ("QuantizeLinear", quantized::quantise, quantized::ATTRIBUTES),
    ("RMSNormalization", normalise::rms, normalise::NORM),
    ("RNN", recurrent::rnn, recurrent::ATTRIBUTES),
    ("Range", constant::computed, &[]),
    ("Reciprocal", unary::reciprocal, &[]),
    ("ReduceL1", reduce::l1, reduce::ATTRIBUTES),
    ("ReduceL2", reduce::l2, reduce::ATTRIBUTES),
    ("ReduceLogSum", reduce::log_sum, reduce::ATTRIBUTES),
    ("ReduceLogSumExp", reduce::log_sum_exp, reduce::ATTRIBUTES),
    ("ReduceMax", reduce::max, reduce::ATTRIBUTES),
    ("ReduceMean", reduce::mean, reduce::ATTRIBUTES),
    ("ReduceMin", reduce::min, reduce::ATTRIBUTES),
    ("ReduceProd", reduce::product, reduce::ATTRIBUTES),
    ("ReduceSum", reduce::sum, reduce::ATTRIBUTES),
    ("ReduceSumSquare", reduce::sum_square, reduce::ATTRIBUTES),
    ("Relu", activation::relu, &[]),
    ("Reshape", reshape::reshape, &["allowzero"]),
    ("Resize", resize::build, resize::ATTRIBUTES),
    (
        "ReverseSequence",
        moves::reverse_sequence,
        &["batch_axis", "time_axis"],
    ),
    ("Round", unary::round, &[]),
    ("Scatter", moves::scatter_elements, &["axis"]),
    (
        "ScatterElements",
        moves::scatter_elements,
        &["axis", "reduction"],
    ),
    ("ScatterND", moves::scatter_nd, &["reduction"]),
    ("Selu", unary::selu, &["alpha", "gamma"]),
    ("Shape", shape::shape, &["start", "end"]),
    ("Shrink", unary::shrink, &["bias", "lambd"]),
    ("Sigmoid", unary::sigmoid, &[]),
    ("Sign", unary::sign, &[]),
    ("Sin", unary::sin, &[]),
    ("Sinh", unary::sinh, &[]),
    ("Size", constant::computed, &[]),
    ("Slice", arrange::slice, &["axes", "ends", "starts"]),
    ("Softmax", normalise::softmax, &["axis"]),
    (
        "SoftmaxCrossEntropyLoss",
        places::cross_entropy,
        &["ignore_index", "reduction"],
    ),
    ("Softplus", unary::softplus, &[]),
    ("Softsign", unary::softsign, &[]),
    ("SpaceToDepth", moves::space_to_depth, &["blocksize"]),
    ("Split", arrange::split, &["axis", "num_outputs", "split"]),
    ("Sqrt", unary::sqrt, &[]),
    ("Squeeze", reshape::squeeze, &["axes"]),
    ("Sub", add::sub, &[]),
    ("Sum", add::sum, &[]),
    ("Swish", unary::swish, &["alpha"]),
    ("Tan", unary::tan, &[]),
    ("Tanh", unary::tanh, &[]),
    ("ThresholdedRelu", unary::thresholded_relu, &["alpha"]),
    ("Tile", moves::tile, &[]),
    ("TopK", places::top, &["axis", "k", "largest", "sorted"]),
    ("Transpose", arrange::transpose, &["perm"]),
    ("Trilu", moves::trilu, &["upper"]),
    ("Unsqueeze", reshape::unsqueeze, &["axes"]),
    ("Upsample", resize::build, resize::ATTRIBUTES),
    ("Where", logic::select, &[]),
    ("Xor", logic::xor, &[]),
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
    let known = match node.domain.as_str() {
        classical::DOMAIN => classical::OPS,
        domain if is_standard(domain) => OPS,
        _ => &[],
    };
    let entry = known.iter().find(|(name, ..)| *name == node.op_type);
    let Some((_, build, attributes)) = entry else {
        let op = if is_standard(&node.domain) {
            node.op_type.clone()
        } else {
            format!("{}::{}", node.domain, node.op_type)
        };
        let supported = OPS.iter().chain(classical::OPS);
        let supported = supported
            .map(|(name, ..)| *name)
            .collect::<Vec<_>>()
            .join(", ");
        return Err(ImportError::UnknownOp {
            node: context.name(),
            op,
            supported,
        });
    };
    if classical::label(&mut context)? {
        return Ok(());
    }
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
        None if context.first() == First::Feature => build(&mut context),
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
