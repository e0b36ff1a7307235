//! Structural checks of a program read from outside; everything later relies on them.

use thiserror::Error;

use super::{
    End, Node, Program, Sequence, Shard, TABLE_LOG, Table, Tensor, TensorId, WIDE_TABLE_LOG,
    WeightFormat,
};
use crate::binding::{Column, MAX_COLUMN_NAME, MAX_DEPTH, MIN_DEPTH, PublicInput};
use crate::ops::{Check, Io, Op, Output, Used};
use laminate_engine::switch::{on, on_of};

/// Largest number of nodes.
pub const MAX_NODES: usize = 1 << 12;
/// Largest tensor width.
pub const MAX_WIDTH: u32 = 1 << 20;
/// Most entries of a table of words.
pub const MAX_ENTRIES: u32 = 1 << 23;
/// Largest log2 of the batch.
pub const MAX_BATCH_LOG: u8 = 12;
pub use laminate_engine::lookup::MAX_TABLES;
/// Largest number of copies of a tensor.
pub const MAX_STACK: u32 = 1 << 10;
/// Largest log2 of a column or of one layer's weights.
const MAX_COLUMN_LOG: usize = 34;
/// Largest number of feature axes.
const MAX_AXES: usize = 8;
/// Largest number of terms of all views that nodes read.
const MAX_VIEW_TERMS: usize = 1 << 10;
/// Largest number of non-zeros that these write out.
const MAX_VIEW_PAIRS: usize = 1 << 18;
/// Largest vocabulary.
pub const MAX_VOCAB: u32 = 1 << 18;
/// Largest vocabulary whose ids are packed in 16 bits; those of a larger one take 32.
pub const SHORT_VOCAB: u32 = 1 << 16;
/// Largest absolute scale of an input column.
pub const MAX_INPUT_SCALE: u8 = 64;
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

pub(super) fn bound(
    what: &str,
    found: usize,
    ok: bool,
    expected: impl Into<String>,
) -> Result<(), ProgramError> {
    if ok || !on_of("program", what) {
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
        if self.is_weights_only() {
            return self.check_weights_only();
        }
        let mut defined = vec![false; self.tensors.len()];
        let input = self.input;
        match defined.get_mut(input) {
            Some(flag) => *flag = true,
            None => bound("input tensor", input, false, "a tensor of the program")?,
        }
        self.check_carry()?;
        let mut weight_used = vec![[false; 3]; self.weights.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            let fail = |problem: String| {
                Err(ProgramError::Node {
                    node: index,
                    op: node.op.name(),
                    problem,
                })
            };
            if node.inputs.len() != node.op.arity() && on("operands of a node") {
                return fail(format!(
                    "has {} operands, expected {}",
                    node.inputs.len(),
                    node.op.arity()
                ));
            }
            self.define_carried(&mut defined);
            let later = node.op.delayed();
            let mut read = node.inputs.iter().enumerate();
            if let Some((_, id)) = read.find(|(at, id)| {
                let made = defined.get(**id) == Some(&true) || Some(*at) == later;
                !made && on("operand that is defined")
            }) {
                return fail(format!("operand tensor {id} is not defined before it"));
            }
            match defined.get_mut(node.output) {
                Some(flag) if !*flag || !on("tensor defined once") => *flag = true,
                Some(_) => return fail(format!("tensor {} is defined twice", node.output)),
                None => return fail(format!("output tensor {} does not exist", node.output)),
            }
            let checked = self.check_op(node, &mut weight_used);
            if let Err(problem) = checked.and_then(|()| self.check_padding(node)) {
                return fail(problem);
            }
        }
        self.define_carried(&mut defined);
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
            weight_used.iter().filter(|u| **u == [false; 3]).count(),
            weight_used.iter().all(|u| *u != [false; 3]),
            "0",
        )?;
        let steps = self.recurrences().map(drop);
        steps.map_err(|(node, problem)| self.wrong_node(node, problem))?;
        let views = crate::layout::check_views(self);
        views.map_err(|(node, problem)| self.wrong_node(node, problem))?;
        self.padding_values().map(|_| ())
    }

    fn wrong_node(&self, node: usize, problem: String) -> ProgramError {
        ProgramError::Node {
            node,
            op: self.nodes.get(node).map_or("", |node| node.op.name()),
            problem,
        }
    }

    /// Checks an op's parameters and shapes.
    ///
    /// # Errors
    /// What is wrong.
    fn check_op(&self, node: &Node, used: &mut Used) -> Result<(), String> {
        let io = Io {
            program: self,
            node,
        };
        if self.sequence.is_none() && node.op.over_tokens() && on("op over tokens") {
            return Err("works on tokens, which the program does not have".into());
        }
        node.op.check(&mut Check::new(io, used))
    }

    fn check_counts(&self) -> Result<(), ProgramError> {
        bound(
            "number of nodes",
            self.nodes.len(),
            self.nodes.len() <= MAX_NODES,
            format!("at most {MAX_NODES}"),
        )?;
        bound(
            "number of tensors",
            self.tensors.len(),
            self.is_weights_only()
                || self.tensors.len()
                    == self.nodes.len() + 1 + 2 * usize::from(self.carry.is_some()),
            "one more than nodes, two more again with a carry",
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
        bound(
            "limb width",
            self.limb_bits.into(),
            matches!(self.limb_bits, 8 | 16),
            "8 or 16 bits",
        )?;
        bound(
            "unchecked weights",
            1,
            self.check_weights || self.limb_bits == 16,
            "none with limbs of 8 bits",
        )?;
        self.check_tensors()?;
        self.check_view_counts()?;
        for shape in &self.weights {
            let log = shape.stack_log() + shape.row_log() + shape.col_log();
            let counts = [shape.row_count(), shape.col_count()];
            let entries = match shape.format {
                WeightFormat::Word => MAX_ENTRIES,
                WeightFormat::Int8 | WeightFormat::Ternary => MAX_WIDTH,
            };
            let most = [MAX_WIDTH, entries].map(|most| most as usize);
            let counts = counts.into_iter().zip(most);
            bound(
                "weights of a layer",
                log,
                (log <= MAX_COLUMN_LOG || !on("log of weights"))
                    && ((1..=MAX_STACK).contains(&shape.stack) || !on("copies of weights"))
                    && (counts.into_iter().all(|(c, most)| (1..=most).contains(&c))
                        || !on("axes of weights")),
                format!(
                    "a log2 of at most {MAX_COLUMN_LOG}, no axis of zero or above 2^20, and 2^23 entries of words"
                ),
            )?;
            let plain =
                shape.stack == 1 && !shape.bias && shape.rows.len() == 1 && shape.cols.len() == 1;
            bound(
                "axes of a table of words",
                shape.rows.len() + shape.cols.len(),
                plain || shape.format != WeightFormat::Word,
                "columns and entries of one copy, no biases",
            )?;
        }
        for Table { values, .. } in &self.tables {
            let logs = [TABLE_LOG, WIDE_TABLE_LOG];
            bound(
                "table length",
                values.len(),
                logs.iter().any(|log| values.len() == 1 << log),
                "2^12 or 2^16",
            )?;
        }
        if self.is_weights_only() {
            return Ok(());
        }
        self.check_binding()?;
        self.check_input_scales()?;
        self.check_sequence()
    }

    /// A shard is bound to nothing: only all of them say something. Tokens are public by other means, and a credential
    /// is of one row.
    fn check_binding(&self) -> Result<(), ProgramError> {
        let binding = &self.binding;
        let shard = self.sequence.is_some_and(|s| s.shard.is_some());
        let parts = [
            binding.input.is_public(),
            binding.output_hidden,
            binding.weights_public,
        ];
        let parts = binding.words() + parts.into_iter().filter(|part| *part).count();
        bound(
            "binding of a shard",
            parts,
            !shard || binding.is_none(),
            "none",
        )?;
        let rows = self.sequence.is_none();
        bound(
            "public input",
            binding.input.is_public().into(),
            rows || !binding.input.is_public(),
            "that of rows; the public prompt of a sequence is another",
        )?;
        bound(
            "hidden output",
            binding.output_hidden.into(),
            rows || !binding.output_hidden,
            "that of rows; the tokens of a sequence are public",
        )?;
        if let PublicInput::Columns(columns) = &binding.input {
            self.check_columns(columns)?;
        }
        let Some(depth) = binding.credential else {
            return Ok(());
        };
        bound(
            "levels of a tree of credentials",
            depth.into(),
            (MIN_DEPTH..=MAX_DEPTH).contains(&depth),
            format!("{MIN_DEPTH} to {MAX_DEPTH}"),
        )?;
        bound(
            "rows of a credential",
            self.slots(),
            rows && self.batch_log == 0,
            "one row, no tokens",
        )
    }

    /// Public columns are columns of the input, in its order and each once; so are their names, if they have some.
    fn check_columns(&self, columns: &[Column]) -> Result<(), ProgramError> {
        let width = self.tensor_width(self.input);
        bound(
            "number of public columns",
            columns.len(),
            (1..=width).contains(&columns.len()),
            format!("1 to {width}"),
        )?;
        let mut least = 0;
        for column in columns {
            let index = column.index as usize;
            bound(
                "public column",
                index,
                (least..width).contains(&index),
                format!("{least} to below {width}, in the order of the input"),
            )?;
            least = index + 1;
            bound(
                "bytes of a public column's name",
                column.name.len(),
                column.name.len() <= MAX_COLUMN_NAME,
                format!("0 to {MAX_COLUMN_NAME}"),
            )?;
        }
        let mut names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        names.retain(|name| !name.is_empty());
        let named = names.len();
        names.sort_unstable();
        names.dedup();
        bound(
            "different names of public columns",
            names.len(),
            names.len() == named,
            format!("{named}, one each"),
        )
    }

    fn check_tensors(&self) -> Result<(), ProgramError> {
        for (id, tensor) in self.tensors.iter().enumerate() {
            let axes = tensor.axes.len();
            bound(
                "number of axes of a tensor",
                axes,
                (1..=MAX_AXES).contains(&axes),
                format!("1 to {MAX_AXES}"),
            )?;
            let smallest = tensor.axes.iter().min().copied().unwrap_or(0);
            bound("tensor axis", smallest as usize, smallest > 0, "at least 1")?;
            bound(
                "tensor width",
                tensor.width(),
                (1..=MAX_WIDTH as usize).contains(&tensor.width()),
                format!("1 to {MAX_WIDTH}"),
            )?;
            bound(
                "copies of a tensor",
                tensor.stack as usize,
                (1..=MAX_STACK).contains(&tensor.stack),
                format!("1 to {MAX_STACK}"),
            )?;
            bound(
                "bits of a tensor",
                tensor.bits.into(),
                tensor.bits == 16
                    || (tensor.bits == 32 && (self.limb_bits == 16 || self.sequence.is_none())),
                "16, or 32; of tokens with limbs of 16 bits",
            )?;
            let log = self.column_log(id);
            bound(
                "log2 of a column",
                log,
                log <= MAX_COLUMN_LOG,
                format!("at most {MAX_COLUMN_LOG}"),
            )?;
        }
        Ok(())
    }

    /// Views are bounded in number and size before any map is looked at.
    fn check_view_counts(&self) -> Result<(), ProgramError> {
        let most = MAX_NODES;
        let ok = self.views.len() <= most;
        bound(
            "number of views",
            self.views.len(),
            ok,
            format!("at most {most}"),
        )?;
        let read = self.nodes.iter().filter_map(|node| match &node.op {
            Op::View(view) => view.of(self),
            _ => None,
        });
        let (mut terms, mut pairs) = (0usize, 0usize);
        for view in read {
            terms = terms.saturating_add(view.terms.len());
            pairs = pairs.saturating_add(view.pairs());
        }
        let ok = terms <= MAX_VIEW_TERMS;
        bound(
            "terms of views",
            terms,
            ok,
            format!("at most {MAX_VIEW_TERMS}"),
        )?;
        let ok = pairs <= MAX_VIEW_PAIRS;
        bound(
            "pairs of views",
            pairs,
            ok,
            format!("at most {MAX_VIEW_PAIRS}"),
        )
    }

    fn check_sequence(&self) -> Result<(), ProgramError> {
        let Some(sequence) = self.sequence else {
            return self.check_rows();
        };
        self.check_ends(&sequence)?;
        bound(
            "tokens",
            sequence.tokens as usize,
            (1..=self.slots()).contains(&(sequence.tokens as usize)),
            format!("1 to {}", self.slots()),
        )?;
        bound(
            "prompt tokens",
            sequence.prompt as usize,
            (1..=sequence.tokens).contains(&sequence.prompt),
            format!("1 to {}", sequence.tokens),
        )?;
        bound(
            "vocabulary",
            sequence.vocab as usize,
            (2..=MAX_VOCAB).contains(&sequence.vocab),
            format!("2 to {MAX_VOCAB}"),
        )?;
        for table in &self.rope {
            let both = table.cos.iter().chain(&table.sin);
            let largest = both.map(|v| v.unsigned_abs()).max().unwrap_or(0);
            bound(
                "rotation entry",
                largest as usize,
                largest <= 1 << 16,
                "at most 2^16",
            )?;
        }
        Ok(())
    }

    /// Columns of the input with scales of their own: one for each, of a program over rows that reads int32.
    fn check_input_scales(&self) -> Result<(), ProgramError> {
        let scales = &self.input_scales;
        if scales.is_empty() {
            return Ok(());
        }
        let rows = self.sequence.is_none() && self.carry.is_none() && !self.takes_keys();
        let input = self.tensors.get(self.input);
        let fits = input.is_some_and(|t| t.bits == 32 && t.width() == scales.len());
        bound(
            "scales of input columns",
            scales.len(),
            rows && fits,
            "none, or one for each column of an input of int32",
        )?;
        let most = scales.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0);
        bound(
            "scale of an input column",
            most.into(),
            most <= MAX_INPUT_SCALE,
            format!("-{MAX_INPUT_SCALE} to {MAX_INPUT_SCALE}"),
        )
    }

    /// A program over rows: tensors of one copy, and nothing rotated or carried.
    fn check_rows(&self) -> Result<(), ProgramError> {
        let stacked = |t: &&Tensor| t.stack != 1 && on("one copy of rows");
        let mut other = self.tensors.iter().filter(stacked).count();
        if on("no rotation of rows") {
            other += self.rope.len();
        }
        bound(
            "stacked or rotated tensors",
            other,
            other == 0,
            "0 without a sequence",
        )
    }

    /// The tokens at both ends of a sequence are in no column: only an embedding can read the input,
    /// only an argmax give the output, and nothing can read that.
    fn check_ends(&self, sequence: &Sequence) -> Result<(), ProgramError> {
        if let Some(Shard { index, count }) = sequence.shard {
            bound(
                "shards",
                count as usize,
                (2..=MAX_STACK).contains(&count),
                format!("2 to {MAX_STACK}"),
            )?;
            bound(
                "shard",
                index as usize,
                index < count,
                format!("below {count}"),
            )?;
        }
        let clear = |n: &Node| n.op.output() == Output::Clear && n.output == self.output;
        let [input_end, output_end] = self.ends().map(|(_, end)| end);
        if input_end == End::Tokens {
            let input = self.tensors.get(self.input);
            let one = input.is_some_and(|t| {
                (t.axes == [1] || !on("one token a slot"))
                    && (t.stack == 1 || !on("one copy of tokens"))
                    && (t.bits == 16 || !on("16 bits of a token"))
            });
            bound("token tensor", self.input, one, "one int16 a slot")?;
        } else {
            self.check_residual("input tensor of a shard", self.input)?;
        }
        if output_end == End::Tokens {
            let found = self.nodes.iter().any(clear);
            let expected = "that of an argmax for a sequence";
            bound("output of a sequence", self.output, found, expected)?;
        } else {
            self.check_residual("output tensor of a shard", self.output)?;
            let view = self
                .carry
                .is_some_and(|c| [c.input, c.entry, c.exit].contains(&self.output));
            let given = (!view || !on("output that is no other's view"))
                && (self.output != self.input || !on("output that is not the input"));
            let expected = "what the last of its blocks gives";
            bound("place of a shard's output", self.output, given, expected)?;
        }
        let reads = |node: &&Node| {
            let wrong = |(operand, id): (usize, &TensorId)| {
                let choices = *id == self.output && output_end == End::Tokens;
                let clear = node.op.clear_operand() == Some(operand);
                let tokens = *id == self.input && input_end == End::Tokens && !clear;
                (choices && on("reader of choices")) || (tokens && on("reader of tokens"))
            };
            node.inputs.iter().enumerate().any(wrong)
        };
        let readers = self.nodes.iter().filter(reads).count();
        bound(
            "readers of tokens beside embeddings",
            readers,
            readers == 0,
            "0",
        )
    }

    /// An end of a shard that is no token: one copy of the residual stream.
    fn check_residual(&self, what: &str, id: TensorId) -> Result<(), ProgramError> {
        let tensor = self.tensors.get(id);
        let ok = tensor.is_some_and(|t| {
            (t.bits == 32 || !on("32 bits of a residual"))
                && (t.stack == 1 || !on("one copy of a residual"))
        });
        bound(what, id, ok, "one copy of 32 bits")
    }

    /// Shapes along the residual stream.
    fn check_carry(&self) -> Result<(), ProgramError> {
        let Some(carry) = self.carry else {
            return Ok(());
        };
        let of = |id: usize| {
            self.tensors
                .get(id)
                .map(|t| (&t.axes, t.bits, t.scale, t.stack))
        };
        let (input, entry) = (of(carry.input), of(carry.entry));
        let stack = entry.map_or(0, |e| e.3);
        let alike = |other: Option<(_, _, _, u32)>, copies: u32| {
            other.zip(entry).is_some_and(|(a, b)| {
                (a.0 == b.0 || !on("axes of a carry"))
                    && (a.1 == b.1 || !on("bits of a carry"))
                    && (a.2 == b.2 || !on("scale of a carry"))
                    && (a.3 == copies || !on("copies of a carry"))
            })
        };
        let ids = [carry.input, carry.entry, carry.exit, carry.output];
        let distinct = ids
            .iter()
            .enumerate()
            .all(|(i, a)| ids.iter().skip(i + 1).all(|b| a != b));
        // The residual stream that comes into a shard may enter its blocks at once; tokens have 16 bits.
        let others = [carry.entry, carry.exit, carry.output];
        // Only values of 32 bits are all stored alike, and zero on padding.
        let ok = (distinct || !on("carry of four tensors"))
            && entry.is_some_and(|e| e.1 == 32 || !on("32 bits of a carry"))
            && alike(input, 1)
            && alike(of(carry.exit), stack)
            && alike(of(carry.output), 1)
            && !(others.contains(&self.input) && on("input that is not carried"));
        bound(
            "carried tensors",
            ids.len(),
            ok,
            "four tensors of one shape, scale and 32 bits",
        )
    }

    /// The entry exists once the carry's input does, its output once its exit does.
    fn define_carried(&self, defined: &mut [bool]) {
        let Some(carry) = self.carry else {
            return;
        };
        for (from, to) in [(carry.input, carry.entry), (carry.exit, carry.output)] {
            if defined.get(from) == Some(&true)
                && let Some(flag) = defined.get_mut(to)
            {
                *flag = true;
            }
        }
    }
}
