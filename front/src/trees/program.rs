//! The program of a forest: one op between rows of keys and rows of sums, and what follows the sums.

use laminate_model::ops::forest::{COLUMNS, MAX_STEPS, Nodes, Row};
use laminate_model::ops::{Forest, RowArgmax, View};
use laminate_model::program::{AxisMap, TensorView, ViewTerm};
use laminate_model::program::{
    MAX_BATCH_LOG, MAX_ENTRIES, Node, Op, Program, Tensor, Weights, padded_log,
};

use super::machine::Machine;
use super::{Head, TreeError, keys, softmax};
use crate::row_length;

/// The program and weights of a machine and what follows it. Input: one key a feature ([`keys::key`]); output: one value a
/// chain, in units of `2^-scale`. Rows of commitments are of `2^row_log`, or as the table is large.
///
/// # Errors
/// [`TreeError::TooLarge`] for a batch, [`TreeError::Program`] for a forest that no program holds.
pub fn program(
    machine: &Machine,
    head: &Head,
    name: impl Into<String>,
    batch: usize,
    row_log: Option<u8>,
) -> Result<(Program, Weights), TreeError> {
    TreeError::bound("batch", batch, 1 << MAX_BATCH_LOG)?;
    TreeError::bound(
        "number of nodes of a program's table",
        machine.rows.len(),
        MAX_ENTRIES as usize,
    )?;
    TreeError::bound(
        "number of steps of a chain",
        machine.steps as usize,
        MAX_STEPS as usize,
    )?;
    let words = padded_log(COLUMNS as usize * machine.rows.len().next_power_of_two());
    let row_log = row_log.unwrap_or_else(|| row_length::trees(words));
    let mut program = Program::empty(name, padded_log(batch.max(1)) as u8, row_log);
    program.limb_bits = 16;
    program.tensors = vec![Tensor {
        bits: 32,
        ..Tensor::new("keys", machine.features as u32, 0)
    }];
    let mut built = Built {
        program,
        weights: Weights { dense: vec![] },
    };
    let missing = machine.variants.iter().any(|v| v.missing_low);
    // `lower` keeps the fraction within an i8.
    let scale = machine.fraction as i8;
    built.forest(
        "margins",
        &nodes(machine),
        (machine.chains, machine.steps),
        missing,
        scale,
    );
    built.head(head, machine.chains);
    built.program.output = built.program.tensors.len() - 1;
    built.program.check()?;
    Ok((built.program, built.weights))
}

/// The machine's table with the op's numbers of variants.
fn nodes(machine: &Machine) -> Nodes {
    let number = |feature: u32| {
        // Variant 0 is the lowest key, whatever the feature.
        let variant = usize::try_from(feature).ok().and_then(|f| f.checked_sub(1));
        let Some(variant) = variant.and_then(|v| machine.variants.get(v)) else {
            return Forest::variant(Forest::BOTTOM, 0, machine.features) as u32;
        };
        let kind = if variant.missing_low {
            Forest::MISSING_LOW
        } else {
            Forest::PLAIN
        };
        Forest::variant(kind, variant.feature as usize, machine.features) as u32
    };
    let rows = machine.rows.iter().map(|row| Row {
        variant: number(row.feature),
        threshold: row.threshold,
        child: row.child,
        value: row.value,
    });
    Nodes(rows.collect())
}

/// A program whose nodes read one another in turn.
struct Built {
    program: Program,
    weights: Weights,
}

impl Built {
    /// Appends a node on the last tensor.
    fn push(&mut self, op: Op, output: Tensor) {
        let tensors = &mut self.program.tensors;
        self.program.nodes.push(Node {
            name: output.name.clone(),
            op,
            inputs: vec![tensors.len() - 1],
            output: tensors.len(),
        });
        tensors.push(output);
    }

    fn forest(
        &mut self,
        name: &str,
        nodes: &Nodes,
        (chains, steps): (u32, u32),
        missing: bool,
        scale: i8,
    ) {
        let weight = self.program.weights.len();
        self.program.weights.push(nodes.shape());
        self.weights.dense.push(nodes.weights());
        let op = Op::Forest(Forest {
            weight,
            chains,
            steps,
            missing,
        });
        let output = Tensor {
            bits: 32,
            ..Tensor::new(name, chains, scale)
        };
        self.push(op, output);
    }

    fn head(&mut self, head: &Head, chains: u32) {
        match head {
            Head::None => {}
            Head::Softmax {
                nodes,
                steps,
                scale,
            } => {
                self.forest("wide logits", nodes, (chains, *steps), false, *scale);
                softmax::append(&mut self.program);
            }
            Head::Argmax => self.push(Op::RowArgmax(RowArgmax), Tensor::new("class", 1, 0)),
            Head::Stairs {
                nodes,
                steps,
                bits,
                scale,
            } => {
                self.forest("steps", nodes, (chains, *steps), false, *scale);
                if *bits == 16 {
                    // The same integers, of which a statement packs twice as many in a word.
                    self.program.views.push(TensorView {
                        constant: 0,
                        terms: vec![ViewTerm {
                            operand: 0,
                            coefficient: 1,
                            maps: vec![AxisMap::Same { axis: 0 }],
                            masks: vec![],
                        }],
                    });
                    let view = View {
                        view: self.program.views.len() - 1,
                        operands: 1,
                    };
                    self.push(Op::View(view), Tensor::new("outputs", chains, *scale));
                }
            }
        }
    }
}

/// Whether a program takes keys of float32 numbers rather than numbers at a scale.
#[must_use]
pub fn takes_keys(program: &Program) -> bool {
    program.takes_keys()
}

/// The keys of a row.
#[must_use]
pub fn keys_of(row: &[f32]) -> Vec<i32> {
    row.iter().map(|&x| keys::key(x)).collect()
}
