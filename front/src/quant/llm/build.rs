//! The program: tensors, nodes and weights.

use std::ops::Range;

use laminate_model::ops::{
    Activation, Argmax, Dense, DenseAdd, Embed, Mix, Mul, RmsNorm, Rope, Scores, Softmax,
};
use laminate_model::program::{
    Carry, DenseShape, DenseWeights, Node, Op, Program, RopeTable, Sequence, Shard, TableKind,
    Tensor, TensorId, WeightFormat, Weights, padded_log,
};
use laminate_prover::exec::tables::table;

use super::LlmOptions;
use super::grid::{Grid, Units};
use super::integers;
use super::ranges::Ranges;
use super::scales::{Scales, epsilon, numerator};
use crate::llama::{BlockPart, FloatLlama, LlamaConfig, Part};
use crate::quant::QuantError;

/// A program, its weights, and the calibrated range of each of its tensors.
pub(super) struct Built {
    pub program: Program,
    pub weights: Weights,
    pub calibrated: Vec<f64>,
}

/// Places of the tables in the program.
const EXP: usize = 0;
const SILU: usize = 1;

/// What of a model is built.
pub(super) struct Extent {
    /// Its blocks.
    pub blocks: Range<usize>,
    /// Its place, if it is not the whole.
    pub shard: Option<Shard>,
}

pub(super) fn build(
    (model, hidden): (&FloatLlama, usize),
    options: &LlmOptions,
    ranges: &Ranges,
    units: &Units,
    integers: &mut Fill<'_>,
    scales: &Scales,
    extent: Extent,
) -> Result<Built, QuantError> {
    let mut builder = Builder {
        model,
        hidden,
        ranges,
        units,
        integers,
        scales,
        built: Built {
            program: empty(model, options, scales, extent.shard)?,
            weights: Weights { dense: vec![] },
            calibrated: vec![],
        },
        prefix: String::new(),
        stack: 1,
    };
    builder.part(options.fold, extent)?;
    Ok(builder.built)
}

fn empty(
    model: &FloatLlama,
    options: &LlmOptions,
    scales: &Scales,
    shard: Option<Shard>,
) -> Result<Program, QuantError> {
    let slots = 1usize << padded_log(options.tokens);
    Ok(Program {
        name: options.name.clone(),
        batch_log: padded_log(options.tokens) as u8,
        tensors: vec![],
        nodes: vec![],
        input: 0,
        output: 0,
        weights: vec![],
        tables: vec![
            table(TableKind::Exp, narrow("scores", scales.scores)?),
            table(TableKind::Silu, narrow("gate", scales.gate)?),
        ],
        row_log: options.row_log.unwrap_or(super::MAX_ROW_LOG),
        limb_bits: 16,
        check_weights: false,
        sequence: Some(Sequence {
            prompt_public: options.prompt_public,
            shard,
            ..Sequence::new(
                options.tokens as u32,
                options.prompt as u32,
                model.config.vocab as u32,
            )
        }),
        carry: None,
        rope: vec![rotation(&model.config, slots)],
        views: vec![],
    })
}

/// `round(cos·2^16)` and `round(sin·2^16)` of every slot and pair.
fn rotation(config: &LlamaConfig, slots: usize) -> RopeTable {
    let frequencies = config.rope.frequencies(config.head_dim);
    let angles = (0..slots).flat_map(|slot| frequencies.iter().map(move |f| slot as f64 * f));
    let one = 65_536.0;
    let (sin, cos) = angles
        .map(libm::sincos)
        .map(|(s, c)| (libm::round(s * one) as i32, libm::round(c * one) as i32))
        .unzip();
    RopeTable { cos, sin }
}

fn narrow(site: &str, scale: i32) -> Result<i8, QuantError> {
    i8::try_from(scale).map_err(|_| QuantError::Scale {
        node: site.into(),
        tensor: site.into(),
        scale,
    })
}

/// Appends the integers of a matrix to a list; asked once for each matrix of a program.
pub(super) type Fill<'a> = dyn FnMut(Part, &mut Vec<i8>) + 'a;

struct Builder<'m> {
    model: &'m FloatLlama,
    /// Hidden features of every block.
    hidden: usize,
    ranges: &'m Ranges,
    units: &'m Units,
    integers: &'m mut Fill<'m>,
    scales: &'m Scales,
    built: Built,
    /// Of names.
    prefix: String,
    /// Copies of the tensors that are added.
    stack: u32,
}

/// Axes of the tensors of a block.
struct Axes {
    residual: Vec<u32>,
    q: Vec<u32>,
    k: Vec<u32>,
    v: Vec<u32>,
    scores: Vec<u32>,
    mix: Vec<u32>,
    hidden: Vec<u32>,
}

impl Axes {
    fn new(config: &LlamaConfig, hidden: usize, slots: usize) -> Self {
        let [dim, hidden, kv, rep, head] = [
            config.dim,
            hidden,
            config.kv_heads,
            config.rep(),
            config.head_dim,
        ]
        .map(|v| v as u32);
        Self {
            residual: vec![dim],
            q: vec![kv, rep, 2, head / 2],
            k: vec![kv, 2, head / 2],
            v: vec![kv, head],
            scores: vec![kv, rep, slots as u32],
            mix: vec![kv, rep, head],
            hidden: vec![hidden],
        }
    }
}

impl Builder<'_> {
    fn part(&mut self, fold: bool, Extent { blocks, shard }: Extent) -> Result<(), QuantError> {
        let config = &self.model.config;
        let slots = self.built.program.slots();
        let axes = Axes::new(config, self.hidden, slots);
        let residual = (32, self.scales.residual);
        let mut embedding = None;
        let mut x = if shard.is_none_or(|s| s.index == 0) {
            let (x, table) = self.embed(&axes)?;
            embedding = Some(table);
            x
        } else {
            let x = self.tensor("residual", &axes.residual, residual, self.ranges.residual)?;
            self.built.program.input = x;
            x
        };
        if fold && blocks.len() > 1 {
            x = self.stacked(blocks, shard.is_some(), x, &axes)?;
        } else {
            for block in blocks {
                self.prefix = format!("blocks.{block}.");
                x = self.block(block..block + 1, x, &axes)?;
            }
            self.prefix.clear();
        }
        self.built.program.output = match shard {
            Some(s) if s.index + 1 < s.count => x,
            _ => self.choice(x, embedding)?,
        };
        Ok(())
    }

    /// The tokens and their embedding; the table's weights.
    fn embed(&mut self, axes: &Axes) -> Result<(TensorId, usize), QuantError> {
        let (s, r) = (*self.scales, *self.ranges);
        let tokens = self.tensor("tokens", &[1], (16, 0), 0.0)?;
        self.built.program.input = tokens;
        let weight = self.table_weights(Part::Embedding)?.0;
        let (op, kind) = (Op::Embed(Embed { weight }), (32, s.residual));
        let x = self.node("embed", op, &[tokens], &axes.residual, kind, r.residual)?;
        Ok((x, weight))
    }

    /// Equal blocks as one.
    fn stacked(
        &mut self,
        blocks: Range<usize>,
        shard: bool,
        x: TensorId,
        axes: &Axes,
    ) -> Result<TensorId, QuantError> {
        let (kind, range) = ((32, self.scales.residual), self.ranges.residual);
        let prefix = match shard {
            true => format!("blocks.{}-{}.", blocks.start, blocks.end - 1),
            false => "blocks.".into(),
        };
        (self.stack, self.prefix) = (blocks.len() as u32, prefix.clone());
        let entry = self.tensor("entry", &axes.residual, kind, range)?;
        let exit = self.block(blocks, entry, axes)?;
        (self.stack, self.prefix) = (1, String::new());
        let output = self.tensor(&format!("{prefix}output"), &axes.residual, kind, range)?;
        self.built.program.carry = Some(Carry {
            input: x,
            entry,
            exit,
            output,
        });
        Ok(output)
    }

    /// The last norm, the head and the choice of a token.
    fn choice(&mut self, x: TensorId, embedding: Option<usize>) -> Result<TensorId, QuantError> {
        let (s, r) = (*self.scales, *self.ranges);
        let x = self.norm("final_norm", x, s.final_norm, r.final_norm)?;
        let (weight, shift) = self.head(embedding)?;
        let op = Op::Dense(Dense { weight, shift });
        let vocab = [self.model.config.vocab as u32];
        let logits = self.node("head", op, &[x], &vocab, (16, s.logits), r.logits)?;
        self.node("argmax", Op::Argmax(Argmax), &[logits], &[1], (16, 0), 0.0)
    }

    /// Adds a tensor of `(bits, scale)`.
    fn tensor(
        &mut self,
        name: &str,
        axes: &[u32],
        (bits, scale): (u8, i32),
        calibrated: f64,
    ) -> Result<TensorId, QuantError> {
        let name = format!("{}{name}", self.prefix);
        let scale = narrow(&name, scale)?;
        self.built.program.tensors.push(Tensor {
            name,
            axes: axes.to_vec(),
            stack: self.stack,
            bits,
            scale,
        });
        self.built.calibrated.push(calibrated);
        Ok(self.built.program.tensors.len() - 1)
    }

    /// Adds a node with its output.
    fn node(
        &mut self,
        name: &str,
        op: Op,
        inputs: &[TensorId],
        axes: &[u32],
        kind: (u8, i32),
        calibrated: f64,
    ) -> Result<TensorId, QuantError> {
        let output = self.tensor(name, axes, kind, calibrated)?;
        self.built.program.nodes.push(Node {
            name: format!("{}{name}", self.prefix),
            op,
            inputs: inputs.to_vec(),
            output,
        });
        Ok(output)
    }

    fn norm(
        &mut self,
        name: &str,
        x: TensorId,
        scale: i32,
        range: f64,
    ) -> Result<TensorId, QuantError> {
        let config = &self.model.config;
        let op = Op::RmsNorm(RmsNorm {
            epsilon: epsilon(config.dim, config.norm_eps, self.scales.residual),
            numerator: numerator(config.dim, scale),
        });
        self.node(name, op, &[x], &[config.dim as u32], (16, scale), range)
    }

    /// The nodes of one block, or of all stacked blocks.
    fn block(
        &mut self,
        blocks: Range<usize>,
        x: TensorId,
        axes: &Axes,
    ) -> Result<TensorId, QuantError> {
        let (s, r) = (*self.scales, *self.ranges);
        let normed = self.norm("attention_norm", x, s.attention_norm, r.attention_norm)?;
        let of = |part| (part, blocks.clone());
        let q = self.dense(of(BlockPart::Q), normed, [&axes.residual, &axes.q], r.q)?;
        let k = self.dense(of(BlockPart::K), normed, [&axes.residual, &axes.k], r.k)?;
        let v = self.dense(of(BlockPart::V), normed, [&axes.residual, &axes.v], r.v)?;
        let rope = Op::Rope(Rope { table: 0 });
        let q = self.node("q_rotated", rope, &[q], &axes.q, (16, s.q), r.q)?;
        let k = self.node("k_rotated", rope, &[k], &axes.k, (16, s.k), r.k)?;
        let (multiplier, shift) = power(s.scores - s.q - s.k);
        let op = Op::Scores(Scores { multiplier, shift });
        let scores = self.node(
            "scores",
            op,
            &[q, k],
            &axes.scores,
            (16, s.scores),
            r.scores,
        )?;
        let op = Op::Softmax(Softmax { table: EXP });
        let weights = self.node("softmax", op, &[scores], &axes.scores, (16, 14), 1.0)?;
        let mixed = self.node(
            "mix",
            Op::Mix(Mix),
            &[weights, v],
            &axes.mix,
            (16, s.v),
            r.mix,
        )?;
        let x = self.dense_add(of(BlockPart::O), [mixed, x], [&axes.mix, &axes.residual])?;
        let normed = self.norm("mlp_norm", x, s.mlp_norm, r.mlp_norm)?;
        let gate = self.dense(
            of(BlockPart::Gate),
            normed,
            [&axes.residual, &axes.hidden],
            r.gate,
        )?;
        let up = self.dense(
            of(BlockPart::Up),
            normed,
            [&axes.residual, &axes.hidden],
            r.up,
        )?;
        let op = Op::Activation(Activation { table: SILU });
        let silu = self.node("silu", op, &[gate], &axes.hidden, (16, s.gate), r.silu)?;
        let (multiplier, shift) = power(s.hidden - s.gate - s.up);
        let op = Op::Mul(Mul { multiplier, shift });
        let hidden = self.node(
            "hidden",
            op,
            &[silu, up],
            &axes.hidden,
            (16, s.hidden),
            r.hidden,
        )?;
        self.dense_add(
            of(BlockPart::Down),
            [hidden, x],
            [&axes.hidden, &axes.residual],
        )
    }

    fn dense(
        &mut self,
        of: (BlockPart, Range<usize>),
        x: TensorId,
        [cols, rows]: [&[u32]; 2],
        range: f64,
    ) -> Result<TensorId, QuantError> {
        let (part, (_, scale)) = (of.0, self.scales.around(of.0));
        let (weight, shift) = self.block_weights(of, [cols, rows])?;
        let op = Op::Dense(Dense { weight, shift });
        self.node(name(part), op, &[x], rows, (16, scale), range)
    }

    fn dense_add(
        &mut self,
        of: (BlockPart, Range<usize>),
        inputs: [TensorId; 2],
        [cols, rows]: [&[u32]; 2],
    ) -> Result<TensorId, QuantError> {
        let (part, (_, scale)) = (of.0, self.scales.around(of.0));
        let (weight, shift) = self.block_weights(of, [cols, rows])?;
        let op = Op::DenseAdd(DenseAdd { weight, shift });
        self.node(
            name(part),
            op,
            &inputs,
            rows,
            (32, scale),
            self.ranges.residual,
        )
    }

    /// Weights of some blocks, and their shift.
    fn block_weights(
        &mut self,
        (part, blocks): (BlockPart, Range<usize>),
        [cols, rows]: [&[u32]; 2],
    ) -> Result<(usize, u8), QuantError> {
        let mut out = no_weights();
        let mut shift = 16;
        let size: u32 = rows.iter().chain(cols).product();
        out.weight.reserve_exact(blocks.len() * size as usize);
        for block in blocks {
            shift = self.append(&mut out, Part::Block(block, part))?;
        }
        let shape = DenseShape {
            stack: self.stack,
            rows: rows.to_vec(),
            cols: cols.to_vec(),
            bias: false,
            format: self.units.format,
        };
        Ok((self.push(shape, out), shift))
    }

    /// The head's weights and shift. A table that is the embedding's, too, is the last shard's own.
    fn head(&mut self, embedding: Option<usize>) -> Result<(usize, u8), QuantError> {
        match (&self.units.head, embedding) {
            (Some(_), _) => self.table_weights(Part::Head),
            (None, Some(embedding)) => Ok((embedding, 16)),
            (None, None) => self.table_weights(Part::Embedding),
        }
    }

    /// A `(vocabulary, width)` table, and its shift.
    fn table_weights(&mut self, part: Part) -> Result<(usize, u8), QuantError> {
        let mut out = no_weights();
        let shift = self.append(&mut out, part)?;
        let config = &self.model.config;
        let shape = DenseShape {
            stack: 1,
            rows: vec![config.vocab as u32],
            cols: vec![config.dim as u32],
            bias: false,
            format: WeightFormat::Int8,
        };
        Ok((self.push(shape, out), shift))
    }

    /// Appends the integers of a matrix to `out`; its shift.
    fn append(&mut self, out: &mut DenseWeights, part: Part) -> Result<u8, QuantError> {
        let Grid {
            multipliers, shift, ..
        } = integers::grid(self.units, self.scales, part)?;
        (self.integers)(part, &mut out.weight);
        out.multiplier.extend(multipliers);
        Ok(shift)
    }

    fn push(&mut self, shape: DenseShape, weights: DenseWeights) -> usize {
        self.built.program.weights.push(shape);
        self.built.weights.dense.push(weights);
        self.built.weights.dense.len() - 1
    }
}

fn no_weights() -> DenseWeights {
    DenseWeights {
        weight: vec![],
        bias: vec![],
        multiplier: vec![],
    }
}

/// `2^exponent` as a multiplier over a shift of 16, or 32 if it would not be an integer. The scales
/// keep it below 2^24.
fn power(exponent: i32) -> (u32, u8) {
    let shift = if exponent + 16 >= 0 { 16u8 } else { 32 };
    let exponent = u32::try_from(exponent + i32::from(shift)).unwrap_or(0);
    (1 << exponent.min(23), shift)
}

fn name(part: BlockPart) -> &'static str {
    match part {
        BlockPart::AttentionNorm => "attention_norm",
        BlockPart::Q => "q",
        BlockPart::K => "k",
        BlockPart::V => "v",
        BlockPart::O => "o",
        BlockPart::MlpNorm => "mlp_norm",
        BlockPart::Gate => "gate",
        BlockPart::Up => "up",
        BlockPart::Down => "down",
    }
}
