//! BatchNormalization at inference: `y = scale·(x - mean)/sqrt(var + epsilon) + bias` per channel, the
//! first feature axis; always folded.

use super::super::builder::Draft;
use super::super::error::ImportError;
use super::Context;

/// Adds an affine node.
pub fn build(context: &mut Context<'_, '_>) -> Result<(), ImportError> {
    if context.int("training_mode", 0)? != 0 {
        return Err(context.fail("training_mode is set; export the model in inference mode"));
    }
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
