//! BatchNormalization at inference: `y = scale·(x - mean)/sqrt(var + epsilon) + bias` per channel, the
//! first feature axis; always folded.

use super::super::builder::Draft;
use super::super::error::ImportError;
use super::Context;

/// Attributes; the last two are of old operator sets.
pub const ATTRIBUTES: &[&str] = &["epsilon", "momentum", "training_mode", "is_test", "spatial"];

/// Adds an affine node.
pub fn build(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    training(context)?;
    let epsilon = f64::from(context.float("epsilon", 1e-5)?);
    let x = context.tensor(0)?;
    let features = context.features(x);
    let Some((&channels, inner)) = features.split_first() else {
        return Err(context.fail("operand 0 has the batch axis only, expected (batch, channels…)"));
    };
    let per_channel: usize = inner.iter().product();
    let mut parameters = Vec::with_capacity(4);
    for i in 1..=4 {
        let constant = context.constant(i)?;
        if constant.dims != [channels] {
            return Err(context.fail(format!(
                "operand {i} has shape {:?}, expected [{channels}]",
                constant.dims
            )));
        }
        parameters.push(constant.floats()?.to_vec());
    }
    let [gamma, beta, mean, variance] = parameters.as_slice() else {
        return Err(context.fail("expected five operands"));
    };
    let (mut scale, mut shift) = (
        Vec::with_capacity(context.width(x)),
        Vec::with_capacity(context.width(x)),
    );
    for (((gamma, beta), mean), variance) in gamma.iter().zip(beta).zip(mean).zip(variance) {
        let deviation = (f64::from(*variance) + epsilon).sqrt();
        // Also catches NaN from a negative variance.
        if deviation.is_nan() || deviation <= 0.0 {
            return Err(context.fail(format!(
                "variance {variance} + epsilon {epsilon} is not positive"
            )));
        }
        let factor = f64::from(*gamma) / deviation;
        scale.extend(std::iter::repeat_n(factor, per_channel));
        shift.extend(std::iter::repeat_n(
            f64::from(*beta) - factor * f64::from(*mean),
            per_channel,
        ));
    }
    context.push(Draft::Affine { scale, shift }, vec![x], features)
}

/// Refuses training mode, in which the batch's own mean and variance count: an attribute since opset 14, before
/// that more results than one; and statistics of each feature instead of each channel.
fn training(context: &Context<'_, '_>) -> Result<(), ImportError> {
    let inference = "export the model in inference mode (model.eval())";
    if context.int("training_mode", 0)? != 0 {
        return Err(context.fail(format!("training_mode is set; {inference}")));
    }
    if context.int("is_test", 1)? != 1 {
        return Err(context.fail(format!("is_test is not set; {inference}")));
    }
    if context.has_more_outputs() {
        return Err(context.fail(format!(
            "has running statistics among its outputs, which is training mode; {inference}"
        )));
    }
    if context.int("spatial", 1)? != 1 {
        return Err(context.fail("spatial is 0, expected 1: statistics per channel"));
    }
    Ok(())
}
