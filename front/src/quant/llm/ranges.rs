//! What calibration sees: the largest absolute value at every site, over all blocks and positions.

use crate::llama::{FloatLlama, FloatRun, LlamaConfig, Site};
use crate::quant::QuantError;

use super::rotation::Rotation;

/// Largest absolute values, as the program has them: queries divided by the root of the head size; values,
/// mixed values, up projection and hidden features after [`super::balance`].
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

/// What calibration sees of single features and blocks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Channels {
    /// Hidden features, `(blocks, hidden)`.
    pub hidden: Vec<Vec<f32>>,
    /// Up projection, `(blocks, hidden)`.
    pub up: Vec<Vec<f32>>,
    /// Values of each block.
    pub values: Vec<f64>,
    /// Mixed values of each block.
    pub mix: Vec<f64>,
}

impl Channels {
    fn new(config: &LlamaConfig) -> Self {
        let features = vec![vec![0.0; config.hidden]; config.layers];
        Self {
            hidden: features.clone(),
            up: features,
            values: vec![0.0; config.layers],
            mix: vec![0.0; config.layers],
        }
    }

    fn observe(&mut self, site: Site, values: &[f32], largest: f32) {
        let (features, block) = match site {
            Site::Hidden(block) => (&mut self.hidden, block),
            Site::Up(block) => (&mut self.up, block),
            Site::V(block) => return raise(&mut self.values, block, largest),
            Site::Out(block) => return raise(&mut self.mix, block, largest),
            _ => return,
        };
        if let Some(features) = features.get_mut(block) {
            for row in values.chunks_exact(features.len().max(1)) {
                for (most, value) in features.iter_mut().zip(row) {
                    *most = most.max(value.abs());
                }
            }
        }
    }
}

fn raise(maxima: &mut [f64], block: usize, value: f32) {
    if let Some(most) = maxima.get_mut(block) {
        *most = most.max(value.into());
    }
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

/// Whether a site has the residual stream, normalised or not.
fn is_of_stream(site: Site) -> bool {
    matches!(
        site,
        Site::Embedding
            | Site::AttentionNorm(_)
            | Site::AttentionResidual(_)
            | Site::MlpNorm(_)
            | Site::MlpResidual(_)
            | Site::FinalNorm
    )
}

impl Ranges {
    /// Runs the float model on the sequences, cut into pieces of at most `slots` tokens. Each piece is
    /// filled up with token 0 as the integer program does with its unused slots.
    ///
    /// # Errors
    /// [`QuantError::NoText`] if there is no token, else what the float run says.
    pub fn observe(
        run: &FloatRun<'_>,
        model: &FloatLlama,
        rotation: &Rotation,
        calibration: &[Vec<u32>],
        slots: usize,
    ) -> Result<(Self, Channels), QuantError> {
        let length = slots.min(model.config.max_tokens);
        let query = 1.0 / (model.config.head_dim as f64).sqrt();
        let mut ranges = Self::default();
        let mut channels = Channels::new(&model.config);
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
        let observer = &mut |site: Site, values: &[f32]| {
            let turned = is_of_stream(site).then(|| {
                let mut values = values.to_vec();
                rotation.rows(&mut values);
                values
            });
            let values = turned.as_deref().unwrap_or(values);
            let largest = values.iter().fold(0.0f32, |m, v| m.max(v.abs()));
            let factor = if matches!(site, Site::Q(_) | Site::QRot(_)) {
                query
            } else {
                1.0
            };
            let range = ranges.of(site);
            *range = range.max(f64::from(largest) * factor);
            channels.observe(site, values, largest);
        };
        run.run(&texts, observer, &mut |_, _| {})?;
        Ok((ranges, channels))
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
