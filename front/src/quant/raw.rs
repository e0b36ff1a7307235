//! Raw inputs: int32 columns, each at a scale of its own, brought by a layer of one offset and one factor a column to the one
//! int16 scale that the network reads.
//!
//! | column | chosen |
//! | --- | --- |
//! | scale `e` | the largest at which the calibrated values are below `2^27`, or `2^20` where a column's is given; public, in the program |
//! | offset and factor | a scaler's that the model begins with; else, before layers, mean and deviation, which the layers' weights undo; else one |
//!
//! The quantiser sees a graph whose input is `x·2^e`, at scale zero, and whose first op is that layer. A column whose scale is
//! given and is low is multiplied by a public power of two in the program, so that columns are about as large: their factors
//! share a shift.

use laminate_model::ops::{Grouped, View};
use laminate_model::program::{
    AxisMap, AxisPair, DenseShape, DenseWeights, MULTIPLIER_BOUND, Node as ProgramNode,
    Op as ProgramOp, TensorView, WORD_BOUND,
};

use super::input::columns;
use super::lower::Lowering;
use super::{Compiled, LayerRounding, Options, QuantError, Rounding, Rows, compile, fidelity};
use crate::graph::{Graph, GraphError, Node, Param, Value, ValueId};
use crate::ops::Op;
use crate::rows;

/// Bits of the largest calibrated value of a column: int32 has room for sixteen times as much.
const BITS: i32 = 27;
/// The same beside columns whose scales are given, which may be whole numbers of few bits.
const BITS_BESIDE: i32 = 20;
/// What the program multiplies a column by is at most `2^9`, so that no view is above 2^40.
const MOST_SHIFT: i32 = 9;
/// Largest absolute scale of a column.
const MOST: i32 = 40;
/// No value is farther than this from a column's mean, in units of what its factor makes one.
const FARTHEST: f64 = 64.0;
/// Largest weight of a column: it is a factor of its multiplier, too.
const WEIGHT_LIMIT: u32 = 127;
/// Offsets stay below this, half of what an int32 holds.
const OFFSET_LIMIT: f64 = (1u32 << 30) as f64;
/// Shifts, the most precise first.
const SHIFTS: [u8; 3] = [32, 24, 16];

/// Offset and factor of each number of the input: `(x + offset)·factor`.
#[derive(Clone, Debug, PartialEq)]
struct Scaler {
    factors: Vec<f64>,
    /// `x·factor + shift`.
    shifts: Vec<f64>,
}

/// Quantises `model` with raw inputs, whose scales are calibrated but for those that are given (one entry a column, or none
/// at all).
///
/// # Errors
/// As [`super::compile`], [`QuantError::RawScale`] if a scale does not hold a calibration row.
pub fn compile_raw(
    model: &Graph,
    calibration: &[Vec<f32>],
    options: &Options<Rows>,
    given: &[Option<i8>],
) -> Result<Compiled, QuantError> {
    let width = model.width(model.input());
    rows::check(calibration, width)?;
    let bits = match given.iter().any(Option::is_some) {
        true => BITS_BESIDE,
        false => BITS,
    };
    let of = |c: usize| given.get(c).copied().flatten();
    let own = |c: usize| {
        let fitted = fitting(largest(calibration, c), bits);
        let given = of(c).map(i32::from);
        given.map_or(fitted, |given| fitted.clamp(given, given + MOST_SHIFT))
    };
    let effective: Vec<i32> = (0..width).map(own).collect();
    let scales = effective.iter().enumerate();
    let scales: Vec<i8> = scales.map(|(c, e)| of(c).unwrap_or(*e as i8)).collect();
    holds(calibration, &scales, &effective)?;
    let scaled = |row: &Vec<f32>| -> Vec<f32> {
        let both = row.iter().zip(&effective);
        both.map(|(x, e)| (f64::from(*x) * libm::exp2((*e).into())) as f32)
            .collect()
    };
    let scaled: Vec<Vec<f32>> = calibration.iter().map(scaled).collect();
    let graph = scaled_graph(model, calibration, &effective)?;
    let mut options = options.clone();
    options.inputs.input_scale = Some(0);
    // To the quantiser a given scale is how far it is below the fitted one.
    let below = scales.iter().zip(&effective);
    options.inputs.raw = below.map(|(own, e)| (i32::from(*own) - e) as i8).collect();
    let mut compiled = compile(&graph, &scaled, &options)?;
    compiled.program.input_scales = scales;
    compiled.program.check()?;
    let (program, weights) = (&compiled.program, &compiled.weights);
    compiled.fidelity = Some(fidelity(model, program, weights, calibration)?);
    compiled.columns = columns(program, calibration);
    Ok(compiled)
}

fn largest(rows: &[Vec<f32>], column: usize) -> f64 {
    let values = rows.iter().filter_map(|row| row.get(column));
    values.fold(0.0, |m: f64, x| m.max(f64::from(x.abs())))
}

/// The largest scale at which a value has so many bits.
fn fitting(largest: f64, bits: i32) -> i32 {
    if largest == 0.0 {
        return 0;
    }
    (bits - 1 - libm::floor(libm::log2(largest)) as i32).clamp(-MOST, MOST)
}

/// Every value is an int32 at its column's scale, and behind the program's power of two.
fn holds(rows: &[Vec<f32>], scales: &[i8], effective: &[i32]) -> Result<(), QuantError> {
    for (column, (scale, effective)) in scales.iter().zip(effective).enumerate() {
        let far = |x: f64| libm::round(x * libm::exp2((*effective).into())) >= WORD_BOUND as f64;
        if far(largest(rows, column)) {
            return Err(QuantError::RawScale {
                column,
                largest: largest(rows, column),
                scale: *scale,
                highest: (WORD_BOUND - 1) as f64 * libm::exp2(-f64::from(*scale)),
            });
        }
    }
    Ok(())
}

/// The graph of `x·2^e`, with an offset and a factor for each number first.
fn scaled_graph(model: &Graph, rows: &[Vec<f32>], effective: &[i32]) -> Result<Graph, QuantError> {
    let input = model.input();
    let mut values = model.values().to_vec();
    let mut params = model.params().to_vec();
    let mut nodes = model.nodes().to_vec();
    let readers: Vec<usize> = (0..nodes.len())
        .filter(|at| nodes[*at].inputs.contains(&input))
        .collect();
    let first = match readers.as_slice() {
        [one] if model.output() != input => Some(*one),
        _ => None,
    };
    let scaler = first.filter(|at| matches!(nodes[*at].op, Op::Affine { .. }));
    // Who gives what the network reads.
    let (mut found, name, output) = match scaler {
        Some(at) => {
            let node = nodes.remove(at);
            let found = Scaler::of(model, &node)?;
            (found, node.name, node.output)
        }
        None => {
            let reading = layers(model);
            let found = match &reading {
                Some(_) => Scaler::calibrated(rows, effective.len()),
                None => Scaler::one(effective.len()),
            };
            for at in reading.unwrap_or_default() {
                undo(&mut nodes[at], &mut params, &found)?;
            }
            let raw = values[input].clone();
            let value = Value {
                name: format!("{}/raw", raw.name),
                ..raw
            };
            values.push(value);
            (found, "input".to_owned(), input)
        }
    };
    let raw = match scaler {
        Some(_) => input,
        None => values.len() - 1,
    };
    for (factor, e) in found.factors.iter_mut().zip(effective) {
        *factor *= libm::exp2(-f64::from(*e));
    }
    let features: Vec<usize> = values[raw].features().collect();
    let shape = if features.is_empty() {
        vec![1]
    } else {
        features
    };
    for (part, of) in [("factors", &found.factors), ("offsets", &found.shifts)] {
        let of = of.iter().map(|v| *v as f32).collect();
        params.push(Param::owned(format!("{name}/{part}"), shape.clone(), of));
    }
    let node = Node {
        name,
        op: Op::Affine { axis: None },
        inputs: vec![raw],
        params: vec![params.len() - 2, params.len() - 1],
        output,
    };
    nodes.insert(0, node);
    let graph = Graph::new(values, params, nodes, raw, model.output());
    graph.map_err(QuantError::Graph)
}

/// The layers that read all of the input as it is, if nothing else reads it.
fn layers(model: &Graph) -> Option<Vec<usize>> {
    let width = model.width(model.input());
    let mut ids = vec![model.input()];
    let mut found = vec![];
    for (at, node) in model.nodes().iter().enumerate() {
        if !node.inputs.iter().any(|id| ids.contains(id)) {
            continue;
        }
        match node.op {
            Op::Reshape => ids.push(node.output),
            Op::Contract | Op::Linear => {
                let own = model.params_of(node).next()?;
                if own.count() != own.row_count() * width {
                    return None;
                }
                found.push(at);
            }
            _ => return None,
        }
    }
    (!ids.contains(&model.output()) && !found.is_empty()).then_some(found)
}

/// Gives a layer the weights and biases with which it computes from scaled values what it did from values.
fn undo(node: &mut Node, params: &mut Vec<Param>, scaler: &Scaler) -> Result<(), QuantError> {
    let read = |params: &[Param], id: usize| -> Result<Vec<f32>, QuantError> {
        let values = params[id].read().map_err(GraphError::from)?;
        Ok(values.to_vec())
    };
    let matrix = read(params, node.params[0])?;
    let shape = params[node.params[0]].shape.clone();
    let rows = matrix.chunks_exact(scaler.factors.len());
    let mut bias = match node.params.get(1) {
        Some(id) => read(params, *id)?,
        None => vec![0.0; rows.len()],
    };
    let mut scaled = Vec::with_capacity(matrix.len());
    for (row, bias) in rows.zip(&mut bias) {
        let mut sum = f64::from(*bias);
        for ((w, factor), shift) in row.iter().zip(&scaler.factors).zip(&scaler.shifts) {
            let w = f64::from(*w) / factor;
            sum -= w * shift;
            scaled.push(w as f32);
        }
        *bias = sum as f32;
    }
    let name = format!("{}/scaled", node.name);
    let count = bias.len();
    params.push(Param::owned(format!("{name} weights"), shape, scaled));
    params.push(Param::owned(format!("{name} biases"), vec![count], bias));
    node.params = vec![params.len() - 2, params.len() - 1];
    Ok(())
}

impl Scaler {
    /// Nothing is moved or scaled.
    fn one(width: usize) -> Self {
        Self {
            factors: vec![1.0; width],
            shifts: vec![0.0; width],
        }
    }

    /// Mean and deviation of each column; of a constant one its size.
    fn calibrated(rows: &[Vec<f32>], width: usize) -> Self {
        let mut out = Self::one(width);
        for column in 0..width {
            let values = || rows.iter().map(|row| f64::from(row[column]));
            let count = rows.len().max(1) as f64;
            let mean = values().sum::<f64>() / count;
            let variance = values().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
            let far = values().fold(0.0, |m: f64, x| m.max((x - mean).abs()));
            let size = largest(rows, column);
            // Rounding leaves a deviation of next to nothing.
            if far > size * 1e-9 {
                out.factors[column] = 1.0 / libm::sqrt(variance).max(far / FARTHEST);
                out.shifts[column] = -mean * out.factors[column];
            } else if size > 0.0 {
                out.factors[column] = 1.0 / size;
            }
        }
        out
    }

    /// What an op of factors and offsets does to each number.
    fn of(model: &Graph, node: &Node) -> Result<Self, QuantError> {
        let Op::Affine { axis } = node.op else {
            return Ok(Self::one(model.width(model.input())));
        };
        let value = &model.values()[model.input()];
        let features: Vec<usize> = value.features().collect();
        let width = value.width();
        let mut both = vec![];
        for param in model.params_of(node) {
            let own = param.read().map_err(GraphError::from)?;
            let at = |flat: usize| match axis {
                None => flat,
                Some(axis) => {
                    let stride: usize = features.iter().skip(axis + 1).product();
                    flat / stride.max(1) % features[axis]
                }
            };
            both.push((0..width).map(|flat| f64::from(own[at(flat)])).collect());
        }
        let shifts = both.pop().unwrap_or_default();
        let factors = both.pop().unwrap_or_default();
        Ok(Self { factors, shifts })
    }
}

/// Weight, bias and multiplier of a column of factor `a` and offset `b` at the output's scale `y`: `m·w ≈ a·2^(y + s)`,
/// `bias = b/a·w`. None if the product is too large, or its offset.
fn column((a, b): (f64, f64), y: i32, shift: u8) -> Option<(i8, i32, u32)> {
    let wanted = a.abs() * libm::exp2(f64::from(y + i32::from(shift)));
    let offset = if a == 0.0 { 0.0 } else { b / a };
    let mut best: Option<(f64, (i8, i32, u32))> = None;
    for w in 1..=WEIGHT_LIMIT {
        let m = libm::round(wanted / f64::from(w));
        let bias = libm::round(offset * f64::from(w));
        if m >= MULTIPLIER_BOUND as f64 || bias.abs() > OFFSET_LIMIT {
            continue;
        }
        let error = (m * f64::from(w) - wanted).abs();
        if best.is_none_or(|(least, _)| error < least) {
            let sign = if a < 0.0 { -1 } else { 1 };
            best = Some((error, (sign * w as i8, sign as i32 * bias as i32, m as u32)));
        }
    }
    best.map(|(_, found)| found)
}

impl Lowering<'_> {
    /// Whether a value is the input, and that is raw.
    pub(super) fn is_raw(&self, id: ValueId) -> bool {
        id == self.graph.input() && !self.lowered.program.input_scales.is_empty()
    }

    /// Makes the input 32 bits wide, and brings columns to scales that are about as large.
    pub(super) fn raw_input(&mut self) -> Result<(), QuantError> {
        let (id, input) = (self.graph.input(), self.lowered.program.input);
        let scales = self.lowered.program.input_scales.clone();
        self.lowered.program.tensors[input].bits = 32;
        if scales.iter().all(|scale| *scale == 0) {
            return Ok(());
        }
        let layout = self.layouts[input].clone();
        let (axes, order) = (layout.axes(), layout.order());
        let at = axes.iter().position(|len| *len as usize == scales.len());
        let at = at.ok_or_else(|| QuantError::RawAxes { axes: axes.clone() })?;
        let pair = |(flat, from): (usize, &usize)| AxisPair {
            view: vec![flat as u32],
            at: flat as u32,
            coefficient: 1 << -i32::from(scales[*from]),
        };
        let mut maps: Vec<AxisMap> = (0..axes.len() as u32)
            .map(|axis| AxisMap::Same { axis })
            .collect();
        maps[at] = AxisMap::Pairs {
            axes: vec![at as u32],
            entries: order.iter().enumerate().map(pair).collect(),
        };
        let output = self.raw_tensor(id, "input/scaled".into(), 0, "input", &layout)?;
        let program = &mut self.lowered.program;
        program.tensors[output].bits = 32;
        program.views.push(TensorView::of(maps));
        let op = ProgramOp::View(View {
            view: program.views.len() - 1,
            operands: 1,
        });
        program.nodes.push(ProgramNode {
            name: "input/scaled".into(),
            op,
            inputs: vec![input],
            output,
        });
        self.ids[id] = output;
        Ok(())
    }

    /// The first op of a raw input: an offset and a factor for each of its numbers.
    pub(super) fn raw_columns(&mut self, node: &Node) -> Result<(), QuantError> {
        let tensor = self.ids[node.inputs[0]];
        let layout = self.layouts[tensor].clone();
        let mut params = vec![];
        for param in self.graph.params_of(node) {
            params.push(param.read().map_err(GraphError::from)?.to_vec());
        }
        let numbers: Vec<(f64, f64)> = match params.as_slice() {
            [factors, offsets] => {
                let both = factors.iter().zip(offsets);
                both.map(|(a, b)| ((*a).into(), (*b).into())).collect()
            }
            _ => vec![],
        };
        let wanted = self.scales.of(node.output);
        let limbs = self.lowered.program.limb_bits;
        // The wanted scale, or a lower one at which all factors fit.
        let scales = (wanted - MOST..=wanted).rev();
        let mut tries = scales.flat_map(|scale| SHIFTS.map(|shift| (scale, shift)));
        let found = tries.find_map(|(scale, shift)| {
            let whole = shift.is_multiple_of(limbs);
            let of = |number: &(f64, f64)| column(*number, scale, shift);
            let found: Option<Vec<_>> = numbers.iter().map(of).collect();
            found.filter(|_| whole).map(|found| (found, scale, shift))
        });
        let (found, scale, shift) = found.ok_or_else(|| QuantError::Scales {
            node: node.name.clone(),
            op: node.op.name(),
            inputs: vec![0],
            output: wanted,
        })?;
        let rows = layout.axes();
        let groups = rows.len();
        let weight = self.lowered.weights.dense.len();
        self.lowered.program.weights.push(DenseShape {
            rows,
            cols: vec![],
            ..DenseShape::new(1, 1)
        });
        self.lowered.weights.dense.push(DenseWeights {
            weight: found.iter().map(|c| c.0).collect(),
            bias: found.iter().map(|c| c.1).collect(),
            multiplier: found.iter().map(|c| c.2).collect(),
        });
        self.lowered.layers.push(LayerRounding {
            node: node.name.clone(),
            rounding: Rounding::Int8,
        });
        self.order_rows(weight, &layout.order());
        let op = ProgramOp::Grouped(Grouped {
            weight,
            groups,
            shift,
        });
        self.push(node, op, vec![tensor], scale, &layout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_products_that_fit() {
        // 0.031·2^(8 + 32 - 16) and an offset of -1000.
        for (a, b, y, shift) in [
            (0.031, -31.0, -8, 32),
            (-0.5, 0.25, -2, 32),
            (1.0 / 16_777_216.0, 0.0, 11, 32),
            (3.0, 12.0, 10, 16),
            (0.0, 0.0, 4, 32),
        ] {
            let (w, bias, m) = column((a, b), y, shift).expect("it fits");
            let factor = f64::from(w) * f64::from(m);
            let wanted = a * libm::exp2(f64::from(y + i32::from(shift)));
            assert!((factor - wanted).abs() <= 1.0 + wanted.abs() * 1e-5, "{a}");
            let offset =
                f64::from(bias) * f64::from(m) - b / if a == 0.0 { 1.0 } else { a } * wanted;
            assert!(
                offset.abs() <= f64::from(m).max(1.0) * 0.6 + wanted.abs() * 1e-3,
                "{b}"
            );
        }
        assert_eq!(column((1.0, 0.0), 0, 32), None, "2^32");
        assert_eq!(column((1e-9, 10.0), 0, 32), None, "an offset of 10^10");
    }

    #[test]
    fn scales_leave_room() {
        assert_eq!(fitting(25_000.0, BITS), 12);
        assert_eq!(fitting(1.0, BITS), 26);
        assert_eq!(fitting(0.0, BITS), 0);
        assert_eq!(fitting(1e-30, BITS), MOST);
        let size = 25_000.0 * libm::exp2(12.0);
        assert!((libm::exp2(26.0)..libm::exp2(27.0)).contains(&size));
    }
}
