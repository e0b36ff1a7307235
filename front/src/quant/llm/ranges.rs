//! What calibration sees: the largest absolute value at every site, over all blocks and positions.

use crate::llama::{FloatLlama, FloatRun, Site};
use crate::passes::{Plan, balance};
use crate::quant::QuantError;
use crate::quant::calibrate::Seen;

/// Largest absolute values, as the program has them: queries divided by the root of the head size; values,
/// mixed values, up projection and hidden features after [`balance`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ranges {
    /// The residual stream anywhere.
    pub residual: f64,
    /// Norm before attention, without its scale.
    pub attention_norm: f64,
    /// Queries, before and after rotation.
    pub q: f64,
    /// Keys, before and after rotation.
    pub k: f64,
    /// Values.
    pub v: f64,
    /// Scores.
    pub scores: f64,
    /// Mixed values.
    pub mix: f64,
    /// Norm before the MLP, without its scale.
    pub mlp_norm: f64,
    /// Gate.
    pub gate: f64,
    /// SiLU of the gate.
    pub silu: f64,
    /// Up projection.
    pub up: f64,
    /// Their product.
    pub hidden: f64,
    /// Last norm, without its scale.
    pub final_norm: f64,
    /// Logits.
    pub logits: f64,
}

/// The sequences, cut to what the program and the model can take at once.
pub fn pieces<'a>(
    model: &FloatLlama,
    calibration: &'a [Vec<u32>],
    slots: usize,
) -> impl Iterator<Item = &'a [u32]> {
    let length = slots.min(model.config.max_tokens);
    calibration.iter().flat_map(move |c| c.chunks(length))
}

/// Runs the float model on the sequences, cut into pieces of at most `slots` tokens. Each piece is filled up with
/// token 0 as the integer program does with its unused slots.
///
/// # Errors
/// [`QuantError::NoText`] if there is no token, else what the float run says.
pub fn observe(
    run: &FloatRun<'_>,
    model: &FloatLlama,
    plan: &Plan<'_>,
    calibration: &[Vec<u32>],
    slots: usize,
) -> Result<Seen, QuantError> {
    let length = slots.min(model.config.max_tokens);
    let filled = |piece: &[u32]| {
        let mut tokens = piece.to_vec();
        tokens.resize(length, 0);
        tokens
    };
    let pieces: Vec<Vec<u32>> = pieces(model, calibration, slots).map(filled).collect();
    if pieces.is_empty() {
        return Err(QuantError::NoText);
    }
    let texts: Vec<&[u32]> = pieces.iter().map(Vec::as_slice).collect();
    let mut seen = Seen::new(plan, balance::watched(plan.graph));
    let observer = &mut |id, values: &[f32]| seen.see(plan, id, values);
    run.run(&texts, observer, &mut |_, _| {})?;
    Ok(seen)
}

impl Ranges {
    /// The largest of every site over all blocks.
    pub fn new(run: &FloatRun<'_>, seen: &Seen) -> Self {
        let mut ranges = Self::default();
        for id in 0..run.graph().values().len() {
            if let Some(site) = run.site(id) {
                let range = ranges.of(site);
                *range = range.max(seen.largest(id));
            }
        }
        ranges
    }

    fn of(&mut self, site: Site) -> &mut f64 {
        match site {
            Site::Embedding | Site::AttentionResidual(_) | Site::MlpResidual(_) => {
                &mut self.residual
            }
            Site::AttentionNorm(_) => &mut self.attention_norm,
            Site::Q(_) | Site::QRot(_) => &mut self.q,
            Site::K(_) | Site::KRot(_) => &mut self.k,
            Site::V(_) => &mut self.v,
            Site::Scores(_) => &mut self.scores,
            Site::Out(_) => &mut self.mix,
            Site::MlpNorm(_) => &mut self.mlp_norm,
            Site::Gate(_) => &mut self.gate,
            Site::Silu(_) => &mut self.silu,
            Site::Up(_) => &mut self.up,
            Site::Hidden(_) => &mut self.hidden,
            Site::FinalNorm => &mut self.final_norm,
            Site::Logits => &mut self.logits,
        }
    }
}
