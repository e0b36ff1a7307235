//! From a float model to programs: calibration, layers, scales, integers, lowering.

use laminate_model::layout::Layout;
use laminate_model::program::{Op, Program, Shard, padded_log};
use laminate_prover::exec::ExecError;

use super::grid::WeightChoice;
use super::integers::Integers;
use super::layers::Layers;
use super::lower::{Fill, Lowered, Lowering, Parts};
use super::model::Model;
use super::saturate::saturate;
use super::scales::Scales;
use super::stack::Extent;
use super::{Compiled, Fidelity, Options, QuantError, bounds, fidelity, fuse};
use crate::graph::Graph;
use crate::passes::{Plan, balance};

/// How often a compilation makes a scale coarser, at least by half, before it gives up.
const MAX_COARSER: usize = 64;
/// Least scale of the operand of a product that shares a table: below it the norm is too coarse.
const SHARED: i32 = 7;
/// Largest log2 of the weight polynomial at which every proof checks the weights' range.
const SMALL_LOG: usize = 20;
/// log2 of the row length until it is chosen: a program's check wants one.
const ANY_ROW_LOG: u8 = 24;

/// A model with its scales, to be built whole or in shards: both compute the same integers.
pub struct Prepared<'m, M: Model> {
    model: &'m M,
    options: &'m Options<M::Inputs>,
    /// Without tensors.
    program: Program,
    /// Largest absolute value of every value of the graph, as the program has it.
    ranges: Vec<f64>,
    layers: Layers<'m>,
    /// Scale of the input, if it is given.
    input: Option<i8>,
    scales: Scales,
    integers: Integers,
}

impl<'m, M: Model> Prepared<'m, M> {
    /// Chooses scales and, if their errors make up for each other, integers.
    ///
    /// # Errors
    /// As [`super::compile`].
    pub fn new(
        model: &'m M,
        calibration: &[Vec<M::Item>],
        options: &'m Options<M::Inputs>,
    ) -> Result<Self, QuantError> {
        let mut program = model.program(options)?;
        if !(1.0..=1024.0).contains(&options.headroom) {
            return Err(QuantError::Headroom(options.headroom));
        }
        let (rules, graph) = (M::RULES, model.graph());
        if graph.blocks().is_some() && options.weights == WeightChoice::Auto {
            return Err(QuantError::Auto);
        }
        program.limb_bits = rules.limb_bits;
        let slots = program.slots();
        let samples = model.pieces(calibration, slots)?;
        let input = M::input_scale(options, &samples)?;
        let mut plan = match rules.passes {
            true => Plan::new(graph),
            false => Plan::unchanged(graph),
        };
        let mut seen = model.see(&plan, &samples, slots)?;
        if rules.passes {
            balance::choose(&mut plan, &mut seen);
        }
        let mut layers = Layers::new(plan, rules, options.weights)?;
        let ranges = seen.into_largest();
        let mut scales = Scales::choose(&layers, &ranges, options.headroom, input)?;
        if coarsest_shared(graph, &layers, &scales).is_some_and(|scale| scale < SHARED) {
            layers.shared = None;
            scales = Scales::choose(&layers, &ranges, options.headroom, input)?;
        }
        Ok(Self {
            integers: Integers::new(model, (&layers, &scales), &samples)?,
            model,
            options,
            program,
            ranges,
            layers,
            input,
            scales,
        })
    }

    /// The whole model as one program; if its kind is [`checked`](super::Rules::checked), at scales that hold all of
    /// `calibration`.
    ///
    /// # Errors
    /// As [`super::compile`].
    pub fn whole(mut self, calibration: &[Vec<M::Item>]) -> Result<Compiled, QuantError> {
        let mut room = self.ranges.clone();
        let mut tries = 0;
        loop {
            let mut integers = std::mem::take(&mut self.integers).0;
            let mut lowered = self.lower(&room, self.all(), &mut |id| integers.remove(&id))?;
            if !self.layers.rules.checked {
                return self.finish(lowered, None, None, &[]);
            }
            let (program, weights) = (&lowered.program, &lowered.weights);
            let mut measured = fidelity(self.model, program, weights, calibration)?;
            let Some(refusal) = &measured.first_refusal else {
                // Scales are those that hold calibration without it.
                if M::saturates(self.options) {
                    let new = saturate(&mut lowered.program, weights);
                    let sources: Vec<_> = new.iter().map(|id| lowered.source[*id]).collect();
                    lowered.source.extend(sources);
                    lowered.program.check()?;
                    measured = fidelity(self.model, &lowered.program, weights, calibration)?;
                }
                return self.finish(lowered, None, Some(measured), calibration);
            };
            if tries == MAX_COARSER {
                return Err(QuantError::Calibration(refusal.clone()));
            }
            widen(&mut room, &lowered, refusal)?;
            let headroom = self.options.headroom;
            self.scales = Scales::choose(&self.layers, &room, headroom, self.input)?;
            tries += 1;
        }
    }

    /// Number of shards of `layers` blocks, the last one of what is left.
    ///
    /// # Errors
    /// [`QuantError::Shards`] if that is fewer than two.
    pub fn shards(&self, layers: usize) -> Result<usize, QuantError> {
        let all = self.all().blocks.end;
        if (1..all).contains(&layers) {
            return Ok(all.div_ceil(layers));
        }
        Err(QuantError::Shards { found: layers, all })
    }

    /// Shard `index` of `layers` blocks each. All shards of a model have commitment rows of one length, so
    /// that neighbours can commit to what they share alike.
    ///
    /// # Errors
    /// As [`super::compile`] and [`Self::shards`].
    pub fn shard(&self, layers: usize, index: usize) -> Result<Compiled, QuantError> {
        let count = self.shards(layers)?;
        let all = self.all();
        let extent = Extent {
            blocks: index * layers..((index + 1) * layers).min(all.blocks.end),
            shard: Some(Shard {
                index: index as u32,
                count: count as u32,
            }),
            ..all
        };
        let integers = &mut |id| self.integers.0.get(&id).cloned();
        let lowered = self.lower(&self.ranges, extent, integers)?;
        let log = padded_log(self.model.graph().parameters());
        self.finish(lowered, Some(log), None, &[])
    }

    /// The whole graph.
    fn all(&self) -> Extent {
        Extent {
            blocks: 0..self.model.graph().blocks().map_or(0, |blocks| blocks.count),
            fold: self.options.fold,
            shard: None,
        }
    }

    fn lower(
        &self,
        room: &[f64],
        extent: Extent,
        integers: &mut Fill<'_>,
    ) -> Result<Lowered, QuantError> {
        let parts = Parts {
            layers: &self.layers,
            scales: &self.scales,
            integers,
            ranges: room.iter().map(|r| r * self.options.headroom).collect(),
        };
        let mut program = self.program.clone();
        if let Some(sequence) = &mut program.sequence {
            sequence.shard = extent.shard;
        }
        let mut lowered = Lowering::new(program, parts).run(&extent)?;
        let kept = fuse::relus(&mut lowered.program).into_iter();
        lowered.source = kept.map(|kept| lowered.source[kept.rounded]).collect();
        if lowered.weights.dense.is_empty() {
            return Err(QuantError::Weightless);
        }
        let program = &mut lowered.program;
        program.row_log = self.options.row_log.unwrap_or(ANY_ROW_LOG);
        program.check()?;
        Ok(lowered)
    }

    /// Rows of commitments are chosen for polynomials of `2^log`, the program's if it is not given.
    fn finish(
        &self,
        lowered: Lowered,
        log: Option<usize>,
        fidelity: Option<Fidelity>,
        calibration: &[Vec<M::Item>],
    ) -> Result<Compiled, QuantError> {
        let Lowered {
            mut program,
            weights,
            source,
            layers,
        } = lowered;
        let small = || Layout::new(&program).geometry.weight_log <= SMALL_LOG;
        program.check_weights = self.options.check_weights.unwrap_or_else(small);
        let log = log.unwrap_or_else(|| Layout::new(&program).geometry.max_log());
        program.row_log = self
            .options
            .row_log
            .unwrap_or_else(|| (M::RULES.row_log)(log));
        program.check()?;
        let range = |id: &Option<usize>| id.map_or(0.0, |id| self.range(id));
        let calibrated: Vec<f64> = source.iter().map(range).collect();
        Ok(Compiled {
            report: bounds::report(&program, &weights, &calibrated)?,
            columns: M::columns(&program, calibration),
            program,
            weights,
            fidelity,
            layers,
        })
    }

    /// Largest absolute value of a value, in any block.
    fn range(&self, id: usize) -> f64 {
        let graph = self.model.graph();
        let own = self.ranges[id];
        match graph.producer(id).zip(graph.blocks()) {
            Some((node, blocks)) => (0..blocks.count)
                .map(|copy| self.ranges[graph.in_copy(node, copy).output])
                .fold(own, f64::max),
            None => own,
        }
    }
}

/// The scale of what a product that shares a table reads.
fn coarsest_shared(graph: &Graph, layers: &Layers<'_>, scales: &Scales) -> Option<i32> {
    let node = graph.producer(layers.shared?[1])?;
    node.inputs.first().map(|id| scales.of(*id))
}

/// Makes room for an integer that left its range on a calibration sample: where large values cancel, what their
/// rounding leaves is larger than the float result, so that its scale must be coarser.
///
/// # Errors
/// [`QuantError::Calibration`] if the sample was refused for something else.
fn widen(room: &mut [f64], lowered: &Lowered, refusal: &ExecError) -> Result<(), QuantError> {
    let give_up = || QuantError::Calibration(refusal.clone());
    let ExecError::OutOfRange(at) = refusal else {
        return Err(give_up());
    };
    let node = lowered.program.nodes.get(at.node).ok_or_else(give_up)?;
    // A table refuses its index, which is its operand; every other op its own result.
    let tensor = match node.op {
        Op::Activation(_) => *node.inputs.first().ok_or_else(give_up)?,
        _ => node.output,
    };
    let overshoot = at.value.unsigned_abs() as f64 / at.highest.max(1) as f64;
    let held = libm::exp2(-f64::from(lowered.program.tensors[tensor].scale));
    let range = &mut room[lowered.source[tensor].ok_or_else(give_up)?];
    // A tensor whose range was zero gets one unit.
    *range = range.max(held) * overshoot.max(2.0);
    Ok(())
}
