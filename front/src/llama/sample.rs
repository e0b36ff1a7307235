//! Texts of a model's own making, many at once.
//!
//! All texts grow by a token in each step, so that a pass over the weights serves all of them; keys and
//! values of earlier positions are kept. The floats are those of [`FloatRun::logits`].

use rayon::prelude::*;

use super::config::LlamaConfig;
use super::error::LlmError;
use super::float::{Block, FloatRun, add, rotate, scale, silu_times};
use super::matmul::matmul;

/// Keys and values of one text in one block, `(positions, kv_dim)`.
#[derive(Clone, Default)]
struct Memory {
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl FloatRun<'_> {
    /// Lets texts of one token each grow to `length` tokens. `choose` is given the index of a text and the
    /// logits after its last token; it is asked text by text within a step.
    ///
    /// # Errors
    /// [`LlmError::Tokens`] if a token is unknown or the texts are too long.
    pub fn grow(
        &self,
        starts: &[u32],
        length: usize,
        mut choose: impl FnMut(usize, &[f32]) -> u32,
    ) -> Result<Vec<Vec<u32>>, LlmError> {
        let config = self.config();
        if length > config.max_tokens {
            return Err(LlmError::Tokens {
                problem: format!("there are {length}, expected 1 to {}", config.max_tokens),
            });
        }
        let mut texts: Vec<Vec<u32>> = starts.iter().map(|token| vec![*token]).collect();
        let mut memories = vec![vec![Memory::default(); starts.len()]; config.layers];
        for position in 0..length.saturating_sub(1) {
            let mut x = vec![];
            for token in texts.iter().filter_map(|text| text.last()) {
                x.extend(self.embed(&[*token])?);
            }
            for (layer, memories) in memories.iter_mut().enumerate() {
                self.step(&self.load(layer)?, memories, position, &mut x);
            }
            let logits = self.head_of(self.normalised(&x))?;
            let rows = logits.chunks_exact(config.vocab);
            for (index, (text, logits)) in texts.iter_mut().zip(rows).enumerate() {
                text.push(choose(index, logits));
            }
        }
        Ok(texts)
    }

    /// A block for the newest token of every text.
    fn step(&self, block: &Block, memories: &mut [Memory], position: usize, x: &mut [f32]) {
        let config = self.config();
        let mut normed = self.normalised(x);
        scale(&mut normed, &block.attention_norm);
        let mut q = matmul(&block.q, &normed, config.dim);
        let mut k = matmul(&block.k, &normed, config.dim);
        let v = matmul(&block.v, &normed, config.dim);
        let turns = self.turns(position);
        rotate(&mut q, &turns);
        rotate(&mut k, &turns);
        let rows = k
            .par_chunks_exact(config.kv_dim())
            .zip(v.par_chunks_exact(config.kv_dim()))
            .zip(q.par_chunks_exact(config.q_dim()));
        let mixed: Vec<Vec<f32>> = memories
            .par_iter_mut()
            .zip(rows)
            .map(|(memory, ((k, v), q))| {
                memory.keys.extend(k);
                memory.values.extend(v);
                memory.mix(config, q)
            })
            .collect();
        add(x, &matmul(&block.o, &mixed.concat(), config.q_dim()));
        let mut normed = self.normalised(x);
        scale(&mut normed, &block.mlp_norm);
        let mut gate = matmul(&block.gate, &normed, config.dim);
        silu_times(&mut gate, &matmul(&block.up, &normed, config.dim));
        add(x, &matmul(&block.down, &gate, config.hidden));
    }
}

impl Memory {
    /// What all heads of the newest token see, `(q_dim)`.
    fn mix(&self, config: &LlamaConfig, q: &[f32]) -> Vec<f32> {
        let factor = 1.0 / (config.head_dim as f32).sqrt();
        let heads = q.chunks_exact(config.head_dim).enumerate();
        let one = |(head, query): (usize, &[f32])| {
            let of = |rows| {
                let rows: std::slice::ChunksExact<'_, f32> = rows;
                rows.filter_map(move |row| {
                    row.chunks_exact(config.head_dim).nth(head / config.rep())
                })
            };
            let scores: Vec<f32> = of(self.keys.chunks_exact(config.kv_dim()))
                .map(|key| factor * query.iter().zip(key).map(|(a, b)| a * b).sum::<f32>())
                .collect();
            let max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let weights: Vec<f32> = scores.iter().map(|s| (s - max).exp()).collect();
            let total: f32 = weights.iter().sum();
            let mut out = vec![0.0; config.head_dim];
            let values = of(self.values.chunks_exact(config.kv_dim()));
            for (weight, value) in weights.iter().zip(values) {
                for (out, value) in out.iter_mut().zip(value) {
                    *out += weight / total * value;
                }
            }
            out
        };
        heads.flat_map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::llama::{FloatLlama, FloatRun, LlamaConfig, Rope, argmax};

    #[test]
    fn texts_grow_as_they_do_alone() {
        let config = LlamaConfig {
            dim: 24,
            hidden: 40,
            layers: 2,
            heads: 4,
            kv_heads: 2,
            head_dim: 6,
            vocab: 50,
            max_tokens: 12,
            rope: Rope {
                theta: 10_000.0,
                scaling: None,
            },
            norm_eps: 1e-5,
            tied: false,
        };
        let model = FloatLlama::random(config, 3).unwrap();
        let run = FloatRun::new(&model).unwrap();
        let texts = run
            .grow(&[4, 9, 4], 12, |_, logits| argmax(logits))
            .unwrap();
        for (text, start) in texts.iter().zip([4, 9, 4]) {
            assert_eq!(text[1..], run.greedy(&[start], 11).unwrap());
            assert_eq!(text.len(), 12);
        }
        assert!(run.grow(&[4], 13, |_, _| 0).is_err());
        assert!(run.grow(&[50], 2, |_, _| 0).is_err());
    }
}
