//! Ops of language models: rows of tables, norms, streams, attention.

use laminate_model::ops::{Dense, DenseAdd, Embed, Mix, RmsNorm, Rope, Scores, Softmax};
use laminate_model::program::{Node, Op, RopeTable, TableKind};
use laminate_prover::exec::tables::table;

use super::QuantError;
use super::layers::TABLE_SCALE;
use super::layout::Layout;
use super::lower::Lowering;
use crate::graph::{self, ValueId};
use crate::ops;

/// Real value of one of a rope table.
const ONE: f64 = 65_536.0;

impl Lowering<'_> {
    /// Lowers a node if it is one of a language model.
    pub(super) fn attention(&mut self, node: &graph::Node) -> Result<bool, QuantError> {
        let plan = &self.layers.plan;
        let added = node.inputs.iter().position(|id| plan.is_added(*id));
        match (&node.op, added) {
            (ops::Op::Scale, _) if plan.is_folded(node.output) => {
                self.ids[node.output] = self.ids[node.inputs[0]];
            }
            // Where it is added.
            (ops::Op::Contract, _) if plan.is_added(node.output) => {}
            (ops::Op::Contract, _) if self.layers.is_shared(node) => self.shared(node)?,
            (ops::Op::Add, Some(at)) => self.add_to_stream(node, at)?,
            (ops::Op::Gather, _) => self.gather(node)?,
            (ops::Op::Norm { eps }, _) => self.norm(node, *eps)?,
            (ops::Op::Rotate { frequencies }, _) => self.rotate(node, frequencies)?,
            (ops::Op::Scores { .. }, _) => {
                let (multiplier, shift, scale) = self.product_of(node)?;
                let op = Op::Scores(Scores { multiplier, shift });
                self.attend(node, op, scale)?;
            }
            (ops::Op::Softmax, _) => {
                let scale = self.scales.of(node.inputs[0]);
                let table = self.table(table(TableKind::Exp, scale as i8));
                let op = Op::Softmax(Softmax { table });
                self.attend(node, op, self.scales.of(node.output))?;
            }
            (ops::Op::Mix, _) => {
                let layout = Layout::row_major(&self.features(node.output));
                let inputs = node.inputs.iter().map(|id| self.ids[*id]).collect();
                let scale = self.scales.of(node.output);
                self.push(node, Op::Mix(Mix), inputs, scale, &layout)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The axes of a value that a matrix gives: pairs that are rotated stand in two halves.
    pub(super) fn features_of(&self, id: ValueId) -> Layout {
        let (plan, mut features) = (&self.layers.plan, self.features(id));
        if plan.width(id) != self.graph.width(id) {
            return Layout::flat(plan.width(id));
        }
        let rotates = |node: &graph::Node| matches!(node.op, ops::Op::Rotate { .. });
        let mut readers = self.graph.nodes().iter().filter(|n| n.inputs.contains(&id));
        if readers.any(rotates)
            && let Some(last) = features.pop()
        {
            features.extend([2, last / 2]);
        }
        Layout::row_major(&features)
    }

    /// Adds a node over all keys.
    fn attend(&mut self, node: &graph::Node, op: Op, scale: i32) -> Result<(), QuantError> {
        let keys = self.lowered.program.slots();
        let layout = Layout::row_major(&[self.features(node.output), vec![keys]].concat());
        let inputs = node.inputs.iter().map(|id| self.ids[*id]).collect();
        self.push(node, op, inputs, scale, &layout)
    }

    fn gather(&mut self, node: &graph::Node) -> Result<(), QuantError> {
        let (weight, _) = self.rows_of(node)?;
        let layout = self.features_of(node.output);
        let scale = self.scales.of(node.output);
        let inputs = vec![self.ids[node.inputs[0]]];
        self.push(node, Op::Embed(Embed { weight }), inputs, scale, &layout)
    }

    /// A table of rows as weights, and its shift.
    fn rows_of(&mut self, table: &graph::Node) -> Result<(usize, u8), QuantError> {
        if let Some(found) = self.tables.get(&table.output) {
            return Ok(*found);
        }
        let param = self.graph.params_of(table).next();
        let entries = param.map_or(0, |param| param.row_count()) as u32;
        let layout = self.features_of(table.output);
        let (scales, order) = ((TABLE_SCALE, self.scales.of(table.output)), layout.order());
        let (weight, shift, scale) =
            self.layer(table, scales, vec![entries], &order, layout.axes())?;
        if scale != scales.1 {
            return Err(self.scale_error(table, scale));
        }
        self.tables.insert(table.output, (weight, shift));
        Ok((weight, shift))
    }

    /// A product with the matrix of a table; in a program without the table's rows it is the product's own.
    fn shared(&mut self, node: &graph::Node) -> Result<(), QuantError> {
        let table = self.layers.shared.map(|[table, _]| table);
        let table = table.and_then(|table| self.graph.producer(table));
        let (weight, shift) = self.rows_of(table.unwrap_or(node))?;
        let layout = self.features_of(node.output);
        let scale = self.scales.of(node.output);
        let inputs = vec![self.ids[node.inputs[0]]];
        let op = Op::Dense(Dense { weight, shift });
        self.push(node, op, inputs, scale, &layout)
    }

    /// A layer whose output is operand `at` of a sum, and the sum. It has the layer's name.
    fn add_to_stream(&mut self, node: &graph::Node, at: usize) -> Result<(), QuantError> {
        let (product, stream) = (node.inputs[at], node.inputs[1 - at]);
        let Some(layer) = self.graph.producer(product) else {
            return Ok(());
        };
        let (x, stream) = (self.ids[layer.inputs[0]], self.ids[stream]);
        let (own, layout) = (self.layouts[x].clone(), self.layouts[stream].clone());
        let scales = (self.scales.of(layer.inputs[0]), self.scales.of(node.output));
        let (order, rows) = (own.order(), layout.axes());
        let (weight, shift, scale) = self.layer(layer, scales, rows, &order, own.axes())?;
        if scale != scales.1 {
            return Err(self.scale_error(layer, scale));
        }
        let name = self.copies.name(&layer.name);
        let output = self.raw_tensor(node.output, name.clone(), scale, &layer.name, &layout)?;
        self.ids[node.output] = output;
        self.lowered.program.nodes.push(Node {
            name,
            op: Op::DenseAdd(DenseAdd { weight, shift }),
            inputs: vec![x, stream],
            output,
        });
        Ok(())
    }

    /// Of a layer whose scale is not its own to lower.
    fn scale_error(&self, layer: &graph::Node, fitting: i32) -> QuantError {
        QuantError::Scales {
            node: layer.name.clone(),
            op: layer.op.name(),
            inputs: vec![self.layers.input_scale(layer, &self.scales)],
            output: fitting,
        }
    }

    fn norm(&mut self, node: &graph::Node, eps: f32) -> Result<(), QuantError> {
        let (x, width) = (node.inputs[0], self.graph.width(node.output));
        let scale = self.scales.of(node.output);
        let op = Op::RmsNorm(RmsNorm {
            epsilon: epsilon(width, eps, self.scales.of(x)),
            numerator: numerator(width, scale),
        });
        let layout = self.layouts[self.ids[x]].clone();
        self.push(node, op, vec![self.ids[x]], scale, &layout)
    }

    fn rotate(&mut self, node: &graph::Node, frequencies: &[f64]) -> Result<(), QuantError> {
        let program = &mut self.lowered.program;
        let angles = angles(frequencies, program.slots());
        let found = program.rope.iter().position(|table| *table == angles);
        let table = found.unwrap_or_else(|| {
            program.rope.push(angles);
            program.rope.len() - 1
        });
        let x = self.ids[node.inputs[0]];
        let (layout, scale) = (self.layouts[x].clone(), self.scales.of(node.output));
        self.push(node, Op::Rope(Rope { table }), vec![x], scale, &layout)
    }
}

/// `round(cos·2^16)` and `round(sin·2^16)` of every slot and pair.
fn angles(frequencies: &[f64], slots: usize) -> RopeTable {
    let angles = (0..slots).flat_map(|slot| frequencies.iter().map(move |f| slot as f64 * f));
    let round = |v: f64| libm::round(v * ONE) as i32;
    let both = angles.map(libm::sincos);
    let (sin, cos) = both.map(|(s, c)| (round(s), round(c))).unzip();
    RopeTable { cos, sin }
}

/// `K = round(sqrt(width)·2^(32 + scale))`.
pub(super) fn numerator(width: usize, scale: i32) -> u64 {
    libm::round((width as f64).sqrt() * libm::exp2(f64::from(32 + scale))) as u64
}

/// `max(1, round(width·eps·2^(2·scale)))`.
fn epsilon(width: usize, eps: f32, scale: i32) -> u64 {
    let exact = width as f64 * f64::from(eps) * libm::exp2(f64::from(2 * scale));
    libm::round(exact).max(1.0) as u64
}
