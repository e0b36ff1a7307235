//! Where a model's weights come from: files, or a seed.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::config::{BlockPart, LlamaConfig, Part};
use super::encoding::Encoding;
use super::error::LlmError;
use super::mapped::FileBytes;
use super::rope::half_split;

/// A tensor's place in a file.
pub(super) struct Stored {
    /// Which file.
    pub file: usize,
    /// Its name there, for messages.
    pub tensor: String,
    /// Offset of its first byte.
    pub offset: u64,
    /// Its element type.
    pub encoding: Encoding,
}

/// The weights of a model.
pub(super) enum Weights {
    /// In files.
    Files(FileWeights),
    /// Drawn from a seed when asked for.
    Random(u64),
}

impl Weights {
    /// Some rows of a part, of queries and keys whole heads in half-split order; `None` if there are none such.
    pub fn rows(&self, config: &LlamaConfig, part: Part, rows: Range<usize>) -> Option<Vec<f32>> {
        match self {
            Self::Files(files) => files.turned(config, part, rows),
            Self::Random(seed) => random(config, *seed, part, rows),
        }
    }

    /// All of a part; `None` if there is none.
    pub fn part(&self, config: &LlamaConfig, part: Part) -> Option<Vec<f32>> {
        self.rows(config, part, 0..config.shape(part).0)
    }
}

impl std::fmt::Debug for Weights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Files(_) => f.write_str("files"),
            Self::Random(seed) => write!(f, "random {seed}"),
        }
    }
}

/// The weights of a model in files. Every part's range was checked against its file and against the others.
pub(super) struct FileWeights {
    files: Vec<Arc<FileBytes>>,
    parts: HashMap<Part, (Stored, std::ops::Range<usize>)>,
    /// Whether queries and keys are stored in interleaved order.
    interleaved: bool,
}

impl FileWeights {
    /// Checks that every part lies inside its file and that no two overlap.
    pub fn new(
        config: &LlamaConfig,
        files: Vec<Arc<FileBytes>>,
        parts: Vec<(Part, Stored)>,
        interleaved: bool,
    ) -> Result<Self, LlmError> {
        let mut placed = HashMap::new();
        let mut ranges = Vec::new();
        for (part, stored) in parts {
            let (rows, cols) = config.shape(part);
            let range = range(&files, &stored, rows as u64, cols as u64)?;
            ranges.push((stored.file, range.start, range.end, stored.tensor.clone()));
            placed.insert(part, (stored, range));
        }
        ranges.sort_unstable();
        for pair in ranges.windows(2) {
            if let [(file, _, end, first), (next, start, _, second)] = pair
                && file == next
                && start < end
            {
                return Err(LlmError::Format {
                    place: place(&files, *file),
                    problem: format!(
                        "tensors {first:?} and {second:?} overlap: the first ends at byte {end}, the second starts at {start}; the file is damaged"
                    ),
                });
            }
        }
        Ok(Self {
            files,
            parts: placed,
            interleaved,
        })
    }

    /// The floats of some rows of a part, in the order of the file; `None` if there are none.
    fn rows(&self, config: &LlamaConfig, part: Part, rows: Range<usize>) -> Option<Vec<f32>> {
        let (stored, range) = self.parts.get(&part)?;
        let bytes = self.files.get(stored.file)?.bytes().get(range.clone())?;
        let (all, cols) = config.shape(part);
        // The size was checked against the file, so that it fits.
        let row = bytes.len() / all;
        let bytes = bytes.get(rows.start.checked_mul(row)?..rows.end.checked_mul(row)?)?;
        let mut values = vec![0.0; rows.len() * cols];
        values
            .par_chunks_mut(64 * cols)
            .zip(bytes.par_chunks(64 * row))
            .for_each(|(out, bytes)| out.copy_from_slice(&stored.encoding.decode(bytes)));
        Some(values)
    }

    /// The floats of some rows of a part, of queries and keys whole heads in half-split order.
    fn turned(&self, config: &LlamaConfig, part: Part, rows: Range<usize>) -> Option<Vec<f32>> {
        let values = self.rows(config, part, rows)?;
        let turned = matches!(part, Part::Block(_, BlockPart::Q | BlockPart::K));
        let (_, cols) = config.shape(part);
        Some(if turned && self.interleaved {
            half_split(&values, cols, config.head_dim)
        } else {
            values
        })
    }
}

fn place(files: &[Arc<FileBytes>], file: usize) -> String {
    files
        .get(file)
        .map_or_else(|| "model".into(), |file| file.place().into())
}

/// The bytes of a tensor, inside its file.
fn range(
    files: &[Arc<FileBytes>],
    stored: &Stored,
    rows: u64,
    cols: u64,
) -> Result<std::ops::Range<usize>, LlmError> {
    let length = files.get(stored.file).map_or(0, |f| f.bytes().len());
    let Some(row) = stored.encoding.row_bytes(cols) else {
        return Err(LlmError::Format {
            place: place(files, stored.file),
            problem: format!(
                "tensor {:?} has rows of {cols} elements, expected a multiple of the {} of a block of {:?}",
                stored.tensor,
                stored.encoding.block().0,
                stored.encoding
            ),
        });
    };
    let size = rows.checked_mul(row);
    size.and_then(|size| stored.offset.checked_add(size))
        .filter(|&end| end <= length as u64)
        .map(|end| stored.offset as usize..end as usize)
        .ok_or_else(|| LlmError::Truncated {
            place: place(files, stored.file),
            what: format!("tensor {:?}", stored.tensor),
            offset: stored.offset,
            needed: size.unwrap_or(u64::MAX),
            length: length as u64,
        })
}

/// Weights drawn uniformly: independent of the order in which parts and rows are asked for.
///
/// Standard deviations keep activations near one: `1/sqrt(inputs)` for matrices and the embedding, less
/// by `1/sqrt(2 layers)` for the two projections that add to the residual stream; norms are in [0.75, 1.25).
fn random(config: &LlamaConfig, seed: u64, part: Part, rows: Range<usize>) -> Option<Vec<f32>> {
    const CHUNK: usize = 1 << 16;
    let (all, cols) = config.shape(part);
    if rows.start > rows.end || rows.end > all {
        return None;
    }
    let (stream, residual) = match part {
        Part::Embedding => (0, false),
        Part::Head => (1, false),
        Part::FinalNorm => (2, false),
        Part::Block(layer, kind) => (
            3 + layer as u64 * BlockPart::ALL.len() as u64 + kind as u64,
            matches!(kind, BlockPart::O | BlockPart::Down),
        ),
    };
    let (centre, half_width) = if part.is_norm() {
        (1.0, 0.25)
    } else {
        let depth = if residual { 2 * config.layers } else { 1 };
        (0.0, (3.0 / (cols * depth) as f32).sqrt())
    };
    // Whole chunks are drawn, of which the first and the last may begin before the rows and end behind them.
    let (start, end) = (rows.start * cols, rows.end * cols);
    let first = start / CHUNK;
    let mut values = vec![0.0f32; end - first * CHUNK];
    values
        .par_chunks_mut(CHUNK)
        .enumerate()
        .for_each(|(chunk, values)| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(stream << 32 | (first + chunk) as u64);
            for value in values {
                *value = centre + half_width * rng.gen_range(-1.0f32..1.0);
            }
        });
    Some(values.split_off(start - first * CHUNK))
}
