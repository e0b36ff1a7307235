//! What can be quantised: graphs over rows, and language models.

use std::ops::Range;

use laminate_model::program::{MAX_BATCH_LOG, Program, Sequence, padded_log};
use laminate_prover::exec::{ExecError, Executor, Trace};

use super::calibrate::Seen;
use super::input::{self, Column, nearest};
use super::rules::{ROWS, Rules, TOKENS};
use super::{Options, QuantError, Rows, Tokens};
use crate::graph::{Graph, Observer, ValueId};
use crate::llama::FloatRun;
use crate::passes::{Plan, balance};
use crate::rows;

/// A float model, the baseline that its program is measured against. A sample is what it runs on alone: a row of numbers,
/// or a text of tokens.
pub trait Model: Sync {
    /// A number of a sample.
    type Item: Copy + Sync;
    /// What one proof takes in.
    type Inputs: Clone;
    /// How it is quantised.
    const RULES: Rules;

    /// Its graph.
    fn graph(&self) -> &Graph;

    /// A program without tensors.
    ///
    /// # Errors
    /// [`QuantError`] if the model or a program cannot have such inputs.
    fn program(&self, options: &Options<Self::Inputs>) -> Result<Program, QuantError>;

    /// The samples, checked and cut to what a program of so many slots takes in.
    ///
    /// # Errors
    /// [`QuantError`] if there are none or one cannot be run.
    fn pieces<'s>(
        &self,
        samples: &'s [Vec<Self::Item>],
        slots: usize,
    ) -> Result<Vec<&'s [Self::Item]>, QuantError>;

    /// What calibration sees of the samples.
    ///
    /// # Errors
    /// [`QuantError`] if a sample cannot be run.
    fn see(
        &self,
        plan: &Plan<'_>,
        samples: &[&[Self::Item]],
        slots: usize,
    ) -> Result<Seen, QuantError>;

    /// Shows every value that a matrix reads, sample after sample; if none is shown, matrices are rounded to the nearest.
    ///
    /// # Errors
    /// As [`Self::see`], and what the observer says.
    fn body(
        &self,
        _samples: &[&[Self::Item]],
        _observer: &mut Observer<'_, QuantError>,
    ) -> Result<(), QuantError> {
        Ok(())
    }

    /// Gives the outputs of all samples, some of them at a time.
    ///
    /// # Errors
    /// As [`Self::see`].
    fn outputs(
        &self,
        samples: &[&[Self::Item]],
        sink: &mut dyn FnMut(Range<usize>, &[f32]),
    ) -> Result<(), QuantError>;

    /// Runs the program on a sample.
    ///
    /// # Errors
    /// [`ExecError`] if a value leaves its range.
    fn trace(
        program: &Program,
        executor: &Executor<'_>,
        sample: &[Self::Item],
    ) -> Result<Trace, ExecError>;

    /// The output that a sample says comes true after one of its positions, if it does.
    fn next(_sample: &[Self::Item], _position: usize) -> Option<usize> {
        None
    }

    /// The scale of the input, where it is given and not calibrated.
    ///
    /// # Errors
    /// [`QuantError::InputScale`] if it does not hold the samples.
    fn input_scale(
        _options: &Options<Self::Inputs>,
        _samples: &[&[Self::Item]],
    ) -> Result<Option<i8>, QuantError> {
        Ok(None)
    }

    /// Whether the program is to saturate.
    fn saturates(_options: &Options<Self::Inputs>) -> bool {
        false
    }

    /// How samples use the input's scale.
    fn columns(_program: &Program, _samples: &[Vec<Self::Item>]) -> Vec<Column> {
        vec![]
    }
}

impl Model for Graph {
    type Item = f32;
    type Inputs = Rows;
    const RULES: Rules = ROWS;

    fn graph(&self) -> &Graph {
        self
    }

    fn program(&self, options: &Options<Rows>) -> Result<Program, QuantError> {
        let batch = options.inputs.batch;
        if batch == 0 || padded_log(batch) > usize::from(MAX_BATCH_LOG) {
            return Err(QuantError::Batch {
                found: batch,
                limit: 1 << MAX_BATCH_LOG,
            });
        }
        let mut program = Program::empty(&options.name, padded_log(batch) as u8, 0);
        program.input_scales.clone_from(&options.inputs.raw);
        Ok(program)
    }

    fn pieces<'s>(
        &self,
        samples: &'s [Vec<f32>],
        _slots: usize,
    ) -> Result<Vec<&'s [f32]>, QuantError> {
        rows::check(samples, self.width(self.input()))?;
        Ok(samples.iter().map(Vec::as_slice).collect())
    }

    fn see(&self, _plan: &Plan<'_>, samples: &[&[f32]], _slots: usize) -> Result<Seen, QuantError> {
        Ok(Seen::of(self.max_abs(samples)?))
    }

    fn outputs(
        &self,
        samples: &[&[f32]],
        sink: &mut dyn FnMut(Range<usize>, &[f32]),
    ) -> Result<(), QuantError> {
        let width = self.width(self.output()).max(1);
        self.each_block(samples, &mut |id, first, values| {
            if id == self.output() {
                sink(first..first + values.len() / width, values);
            }
            Ok(())
        })
    }

    fn trace(
        program: &Program,
        executor: &Executor<'_>,
        sample: &[f32],
    ) -> Result<Trace, ExecError> {
        // Not range-checked here: the executor refuses it and names row and feature.
        let numbers = sample.iter().enumerate();
        let input = numbers.map(|(column, x)| nearest(*x, program.input_scale(column)));
        let input = input.collect();
        executor.rows(&[input])
    }

    fn input_scale(options: &Options<Rows>, samples: &[&[f32]]) -> Result<Option<i8>, QuantError> {
        let Some(scale) = options.inputs.input_scale else {
            return Ok(None);
        };
        if !options.inputs.raw.is_empty() {
            // Checked where the columns' scales are chosen.
            return Ok(Some(scale));
        }
        let values = samples.iter().flat_map(|row| row.iter().enumerate());
        match { values }.find(|(_, value)| !input::fits(**value, scale)) {
            None => Ok(Some(scale)),
            Some((column, value)) => {
                let [lowest, highest] = input::range(scale);
                Err(QuantError::InputScale {
                    column: column + 1,
                    value: *value,
                    scale,
                    lowest,
                    highest,
                })
            }
        }
    }

    fn saturates(options: &Options<Rows>) -> bool {
        options.inputs.saturate
    }

    fn columns(program: &Program, samples: &[Vec<f32>]) -> Vec<Column> {
        input::columns(program, samples)
    }
}

impl Model for FloatRun<'_> {
    type Item = u32;
    type Inputs = Tokens;
    const RULES: Rules = TOKENS;

    fn graph(&self) -> &Graph {
        Self::graph(self)
    }

    fn program(&self, options: &Options<Tokens>) -> Result<Program, QuantError> {
        let Tokens {
            count,
            prompt,
            public,
        } = options.inputs;
        let limit = self.config().max_tokens.min(1 << MAX_BATCH_LOG);
        if !(1..=limit).contains(&count) {
            return Err(QuantError::Tokens {
                found: count,
                limit,
            });
        }
        if !(1..=count).contains(&prompt) {
            return Err(QuantError::Prompt {
                found: prompt,
                tokens: count,
            });
        }
        let mut program = Program::empty(&options.name, padded_log(count) as u8, 0);
        program.sequence = Some(Sequence {
            prompt_public: public,
            ..Sequence::new(count as u32, prompt as u32, self.config().vocab as u32)
        });
        Ok(program)
    }

    fn pieces<'s>(
        &self,
        samples: &'s [Vec<u32>],
        slots: usize,
    ) -> Result<Vec<&'s [u32]>, QuantError> {
        let length = slots.min(self.config().max_tokens);
        let pieces: Vec<&[u32]> = samples.iter().flat_map(|s| s.chunks(length)).collect();
        if pieces.is_empty() {
            return Err(QuantError::NoText);
        }
        Ok(pieces)
    }

    /// Each text is filled up with token 0 as the program does with its unused slots.
    fn see(&self, plan: &Plan<'_>, samples: &[&[u32]], slots: usize) -> Result<Seen, QuantError> {
        let length = slots.min(self.config().max_tokens);
        let filled = |piece: &&[u32]| {
            let mut tokens = piece.to_vec();
            tokens.resize(length, 0);
            tokens
        };
        let filled: Vec<Vec<u32>> = samples.iter().map(filled).collect();
        let texts: Vec<&[u32]> = filled.iter().map(Vec::as_slice).collect();
        let mut seen = Seen::new(plan, balance::watched(plan.graph));
        let observer = &mut |id: ValueId, values: &[f32]| seen.see(plan, id, values);
        self.run(&texts, observer, &mut |_, _| {})?;
        Ok(seen)
    }

    fn body(
        &self,
        samples: &[&[u32]],
        observer: &mut Observer<'_, QuantError>,
    ) -> Result<(), QuantError> {
        Self::body(self, samples, observer)
    }

    fn outputs(
        &self,
        samples: &[&[u32]],
        sink: &mut dyn FnMut(Range<usize>, &[f32]),
    ) -> Result<(), QuantError> {
        let each = &mut |text, logits: Vec<f32>| sink(text..text + 1, &logits);
        Ok(self.run(samples, &mut |_, _| {}, each)?)
    }

    fn trace(
        _program: &Program,
        executor: &Executor<'_>,
        sample: &[u32],
    ) -> Result<Trace, ExecError> {
        executor.tokens(sample)
    }

    fn next(sample: &[u32], position: usize) -> Option<usize> {
        sample.get(position + 1).map(|token| *token as usize)
    }
}
