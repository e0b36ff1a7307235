//! Structural checks of a program read from outside; everything later relies on them.

use thiserror::Error;

use super::{Op, Program, TABLE_LOG, Table};

/// Largest number of nodes.
pub const MAX_NODES: usize = 1 << 12;
/// Largest tensor width.
pub const MAX_WIDTH: u32 = 1 << 20;
/// Largest log2 of the batch.
pub const MAX_BATCH_LOG: u8 = 12;
/// Largest number of activation tables.
pub const MAX_TABLES: usize = 16;
/// Smallest and largest log2 of a commitment row.
const ROW_LOG: std::ops::RangeInclusive<u8> = 4..=24;

/// Why a program is malformed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ProgramError {
    /// A count or size is outside its bounds.
    #[error("program: {what} is {found}, expected {expected}; compile the model again")]
    Bound {
        /// The quantity.
        what: String,
        /// Its value.
        found: u64,
        /// The accepted range.
        expected: String,
    },
    /// A node is inconsistent with the tensors it names.
    #[error("program: node {node} ({op}): {problem}; compile the model again")]
    Node {
        /// Index of the node.
        node: usize,
        /// Op name.
        op: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The program cannot be encoded.
    #[error("program: cannot be encoded: {0}")]
    Encoding(String),
}

fn bound(
    what: &str,
    found: usize,
    ok: bool,
    expected: impl Into<String>,
) -> Result<(), ProgramError> {
    if ok {
        return Ok(());
    }
    Err(ProgramError::Bound {
        what: what.into(),
        found: found as u64,
        expected: expected.into(),
    })
}

impl Program {
    /// Checks counts, widths, that every tensor is defined once before its use, and every op's
    /// parameters and shapes.
    ///
    /// # Errors
    /// The first violation found.
    pub fn check(&self) -> Result<(), ProgramError> {
        self.check_counts()?;
        let mut defined = vec![false; self.tensors.len()];
        let input = self.input;
        match defined.get_mut(input) {
            Some(flag) => *flag = true,
            None => bound("input tensor", input, false, "a tensor of the program")?,
        }
        let mut weight_used = vec![false; self.weights.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            let fail = |problem: String| {
                Err(ProgramError::Node {
                    node: index,
                    op: node.op.name(),
                    problem,
                })
            };
            if node.inputs.len() != node.op.arity() {
                return fail(format!(
                    "has {} operands, expected {}",
                    node.inputs.len(),
                    node.op.arity()
                ));
            }
            if let Some(id) = node
                .inputs
                .iter()
                .find(|id| defined.get(**id) != Some(&true))
            {
                return fail(format!("operand tensor {id} is not defined before it"));
            }
            match defined.get_mut(node.output) {
                Some(flag) if !*flag => *flag = true,
                Some(_) => return fail(format!("tensor {} is defined twice", node.output)),
                None => return fail(format!("output tensor {} does not exist", node.output)),
            }
            if let Err(problem) = self.check_op(index, &mut weight_used) {
                return fail(problem);
            }
        }
        bound(
            "undefined tensors",
            defined.iter().filter(|d| !**d).count(),
            defined.iter().all(|d| *d),
            "0",
        )?;
        bound(
            "output tensor",
            self.output,
            defined.get(self.output) == Some(&true),
            "a tensor of the program",
        )?;
        bound(
            "unused weights",
            weight_used.iter().filter(|u| !**u).count(),
            weight_used.iter().all(|u| *u),
            "0",
        )?;
        self.padding_values().map(|_| ())
    }

    fn check_counts(&self) -> Result<(), ProgramError> {
        bound(
            "number of nodes",
            self.nodes.len(),
            (1..=MAX_NODES).contains(&self.nodes.len()),
            format!("1 to {MAX_NODES}"),
        )?;
        bound(
            "number of tensors",
            self.tensors.len(),
            self.tensors.len() == self.nodes.len() + 1,
            "one more than nodes",
        )?;
        bound(
            "number of tables",
            self.tables.len(),
            self.tables.len() <= MAX_TABLES,
            format!("at most {MAX_TABLES}"),
        )?;
        bound(
            "batch log",
            self.batch_log.into(),
            self.batch_log <= MAX_BATCH_LOG,
            format!("at most {MAX_BATCH_LOG}"),
        )?;
        bound(
            "row log",
            self.row_log.into(),
            ROW_LOG.contains(&self.row_log),
            "4 to 24",
        )?;
        for tensor in &self.tensors {
            bound(
                "tensor width",
                tensor.width as usize,
                (1..=MAX_WIDTH).contains(&tensor.width),
                format!("1 to {MAX_WIDTH}"),
            )?;
        }
        for Table { values, .. } in &self.tables {
            bound(
                "table length",
                values.len(),
                values.len() == 1 << TABLE_LOG,
                format!("{}", 1 << TABLE_LOG),
            )?;
        }
        Ok(())
    }

    fn check_op(&self, index: usize, weight_used: &mut [bool]) -> Result<(), String> {
        let Some(node) = self.nodes.get(index) else {
            return Err("does not exist".into());
        };
        let width = |id: usize| self.tensor_width(id);
        let out = width(node.output);
        let shift_in = |shift: u8, allowed: &[u8]| {
            if allowed.contains(&shift) {
                Ok(())
            } else {
                Err(format!("shift {shift}, expected one of {allowed:?}"))
            }
        };
        let factor = |m: u32| {
            if m < 1 << 24 {
                Ok(())
            } else {
                Err(format!("factor {m}, expected below 2^24"))
            }
        };
        match node.op {
            Op::Dense { weight, shift } => {
                shift_in(shift, &[16, 24, 32])?;
                let shape = self
                    .weights
                    .get(weight)
                    .ok_or_else(|| format!("weights {weight} do not exist"))?;
                match weight_used.get_mut(weight) {
                    Some(flag) if !*flag => *flag = true,
                    _ => return Err(format!("weights {weight} are used twice")),
                }
                let x = node.inputs.first().map_or(0, |id| width(*id));
                if (shape.rows as usize, shape.cols as usize) != (out, x) {
                    return Err(format!(
                        "weights are {}x{}, tensors want {out}x{x}",
                        shape.rows, shape.cols
                    ));
                }
                return Ok(());
            }
            Op::LeakyRelu { slope } if !(1..1 << 16).contains(&slope) => {
                return Err(format!("slope {slope}/2^16, expected between 0 and 1"));
            }
            Op::Activation { table } if table >= self.tables.len() => {
                return Err(format!("table {table} does not exist"));
            }
            Op::Add { left, right, shift } => {
                shift_in(shift, &[8, 16, 24])?;
                factor(left)?;
                factor(right)?;
            }
            Op::Mul { multiplier, shift } => {
                shift_in(shift, &[8, 16, 24, 32])?;
                factor(multiplier)?;
            }
            Op::Relu | Op::LeakyRelu { .. } | Op::Activation { .. } | Op::Reshape => {}
        }
        match node.inputs.iter().find(|id| width(**id) != out) {
            Some(id) => Err(format!("operand width {}, output width {out}", width(*id))),
            None => Ok(()),
        }
    }
}
