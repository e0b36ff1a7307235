//! Every op's parameters and shapes.

use super::{Op, Program, Sequence, Tensor, WIDE_TABLE_LOG};

/// Weights used so far: once by a layer, and once more by an embedding that is tied to it.
pub(super) type Used = Vec<[bool; 2]>;

impl Program {
    /// Checks node `index`.
    ///
    /// # Errors
    /// What is wrong.
    pub(super) fn check_op(&self, index: usize, used: &mut Used) -> Result<(), String> {
        let Some(node) = self.nodes.get(index) else {
            return Err("does not exist".into());
        };
        let tensor = |id: Option<&usize>| {
            id.and_then(|id| self.tensors.get(*id))
                .ok_or_else(|| "tensor does not exist".to_owned())
        };
        let out = tensor(Some(&node.output))?;
        let x = tensor(node.inputs.first())?;
        let second = node.inputs.get(1);
        if self
            .carry
            .is_some_and(|c| c.entry == node.output || c.output == node.output)
        {
            return Err("defines a tensor that the carry defines".into());
        }
        if self.sequence.is_none() && node.op.over_tokens() {
            return Err("works on tokens, which the program does not have".into());
        }
        match node.op {
            Op::Dense { weight, shift } => {
                self.shift(shift, &[16, 24, 32])?;
                bits(out, 16)?;
                self.dense(weight, x, out, used)
            }
            Op::DenseAdd { weight, shift } => {
                self.shift(shift, &[16, 24, 32])?;
                bits(out, 32)?;
                alike("residual", tensor(second)?, out)?;
                self.dense(weight, x, out, used)
            }
            Op::Embed { weight } => self.embed(weight, node.inputs.first(), out, used),
            Op::Argmax => self.argmax(x, node.output),
            Op::RmsNorm { epsilon, numerator } => {
                bits(x, 32)?;
                bits(out, 16)?;
                same_shape("operand", x, out)?;
                positive("eps", epsilon)?;
                positive("numerator", numerator)?;
                if numerator >= 1 << 48 {
                    return Err(format!("numerator {numerator}, expected below 2^48"));
                }
                Ok(())
            }
            Op::Rope { table } => self.rotation(table, x, out),
            Op::Scores { multiplier, shift } => {
                self.shift(shift, &[16, 32])?;
                factor(multiplier)?;
                positive("multiplier", multiplier.into())?;
                self.scores(x, tensor(second)?, out)
            }
            Op::Softmax { table } => {
                alike("scores", x, out)?;
                let ok = self.tables.get(table).is_some_and(|t| {
                    t.log() == WIDE_TABLE_LOG
                        && t.values.iter().all(|v| *v >= 0)
                        && t.values.first().is_some_and(|v| *v > 0)
                        && t.values.last() == Some(&0)
                });
                if !ok || out.axes.last().copied() != Some(self.slots() as u32) {
                    return Err("wants scores of all slots and a table of 2^16 values that starts above and ends at zero".into());
                }
                bits(out, 16)
            }
            Op::Mix => self.mix(x, tensor(second)?, out),
            Op::LeakyRelu { slope } if !(1..1 << 16).contains(&slope) => {
                Err(format!("slope {slope}/2^16, expected between 0 and 1"))
            }
            Op::Activation { table } if table >= self.tables.len() => {
                Err(format!("table {table} does not exist"))
            }
            Op::Add { left, right, shift } => {
                self.shift(shift, &[8, 16, 24])?;
                factor(left)?;
                factor(right)?;
                alike("second operand", tensor(second)?, out)?;
                self.elementwise(x, out)
            }
            Op::Mul { multiplier, shift } => {
                self.shift(shift, &[8, 16, 24, 32])?;
                factor(multiplier)?;
                alike("second operand", tensor(second)?, out)?;
                self.elementwise(x, out)
            }
            Op::Reshape if x.width() != out.width() || x.stack != out.stack => Err(format!(
                "operand width {}, output width {}",
                x.width(),
                out.width()
            )),
            Op::Relu | Op::LeakyRelu { .. } | Op::Activation { .. } | Op::Reshape => {
                self.elementwise(x, out)
            }
        }
    }

    fn elementwise(&self, x: &Tensor, out: &Tensor) -> Result<(), String> {
        bits(out, 16)?;
        alike("operand", x, out)
    }

    /// A shift of the list that is a whole number of limbs.
    fn shift(&self, shift: u8, allowed: &[u8]) -> Result<(), String> {
        if allowed.contains(&shift) && shift.checked_rem(self.limb_bits) == Some(0) {
            Ok(())
        } else {
            Err(format!(
                "shift {shift}, expected one of {allowed:?} and whole limbs of {} bits",
                self.limb_bits
            ))
        }
    }

    fn dense(
        &self,
        weight: usize,
        x: &Tensor,
        out: &Tensor,
        used: &mut Used,
    ) -> Result<(), String> {
        claim_weight(used, weight, 0)?;
        bits(x, 16)?;
        let shape = self
            .weights
            .get(weight)
            .ok_or_else(|| format!("weights {weight} do not exist"))?;
        if (shape.stack, out.stack) != (x.stack, x.stack) {
            return Err(format!(
                "stacks of weights, input and output are {}, {}, {}",
                shape.stack, x.stack, out.stack
            ));
        }
        if (&shape.rows, &shape.cols) != (&out.axes, &x.axes) {
            return Err(format!(
                "weights are {:?}x{:?}, tensors want {:?}x{:?}",
                shape.rows, shape.cols, out.axes, x.axes
            ));
        }
        Ok(())
    }

    fn embed(
        &self,
        weight: usize,
        input: Option<&usize>,
        out: &Tensor,
        used: &mut Used,
    ) -> Result<(), String> {
        claim_weight(used, weight, 1)?;
        bits(out, 32)?;
        let reads = |s: &Sequence| s.reads_tokens() && input == Some(&self.input);
        let Some(sequence) = self.sequence.filter(reads) else {
            return Err("reads something else than the tokens of a sequence".into());
        };
        let shape = self.weights.get(weight);
        if shape.is_some_and(|s| {
            s.stack == 1 && out.stack == 1 && s.rows == [sequence.vocab] && s.cols == out.axes
        }) {
            Ok(())
        } else {
            Err(format!(
                "weights {weight} are not a (vocabulary, width) table"
            ))
        }
    }

    fn argmax(&self, x: &Tensor, output: usize) -> Result<(), String> {
        bits(x, 16)?;
        let out = self
            .tensors
            .get(output)
            .map(|t| (t.axes.as_slice(), t.stack));
        match self.sequence {
            Some(s)
                if s.gives_tokens()
                    && output == self.output
                    && x.axes == [s.vocab]
                    && x.stack == 1
                    && out == Some((&[1], 1)) =>
            {
                Ok(())
            }
            _ => Err("wants the logits of a sequence and gives the program's output".into()),
        }
    }

    fn rotation(&self, table: usize, x: &Tensor, out: &Tensor) -> Result<(), String> {
        bits(out, 16)?;
        alike("operand", x, out)?;
        let [.., 2, half] = out.axes.as_slice() else {
            return Err(format!("axes {:?}, expected heads of two halves", out.axes));
        };
        let entries = self.slots() * *half as usize;
        match self.rope.get(table) {
            Some(t) if t.cos.len() == entries && t.sin.len() == entries => Ok(()),
            _ => Err(format!(
                "rotation table {table} does not have {entries} entries"
            )),
        }
    }

    fn scores(&self, q: &Tensor, k: &Tensor, out: &Tensor) -> Result<(), String> {
        for tensor in [q, k, out] {
            bits(tensor, 16)?;
        }
        let shapes = (q.axes.as_slice(), k.axes.as_slice(), out.axes.as_slice());
        let slots = self.slots() as u32;
        match shapes {
            ([g, r, qd @ ..], [kg, kd @ ..], [og, or, u])
                if (g, r, qd) == (og, or, kd)
                    && g == kg
                    && *u == slots
                    && !qd.is_empty()
                    && (q.stack, k.stack) == (out.stack, out.stack) =>
            {
                Ok(())
            }
            _ => Err(format!(
                "queries {:?} and keys {:?} do not give scores {:?}",
                q.axes, k.axes, out.axes
            )),
        }
    }

    fn mix(&self, e: &Tensor, v: &Tensor, out: &Tensor) -> Result<(), String> {
        for tensor in [e, v, out] {
            bits(tensor, 16)?;
        }
        match (e.axes.as_slice(), v.axes.as_slice(), out.axes.as_slice()) {
            ([g, r, u], [vg, vd], [og, or, od])
                if (g, r) == (og, or)
                    && (g, vd) == (vg, od)
                    && *u == self.slots() as u32
                    && (e.stack, v.stack) == (out.stack, out.stack) =>
            {
                Ok(())
            }
            _ => Err(format!(
                "attention {:?} and values {:?} do not give {:?}",
                e.axes, v.axes, out.axes
            )),
        }
    }
}

fn claim_weight(used: &mut Used, weight: usize, by: usize) -> Result<(), String> {
    match used.get_mut(weight).and_then(|u| u.get_mut(by)) {
        Some(flag) if !*flag => {
            *flag = true;
            Ok(())
        }
        Some(_) => Err(format!("weights {weight} are used twice")),
        None => Err(format!("weights {weight} do not exist")),
    }
}

fn factor(m: u32) -> Result<(), String> {
    if m < 1 << 24 {
        Ok(())
    } else {
        Err(format!("factor {m}, expected below 2^24"))
    }
}

fn positive(what: &str, value: u64) -> Result<(), String> {
    if value > 0 {
        Ok(())
    } else {
        Err(format!("{what} is 0, expected at least 1"))
    }
}

fn bits(tensor: &Tensor, expected: u8) -> Result<(), String> {
    if tensor.bits == expected {
        Ok(())
    } else {
        Err(format!(
            "tensor {} has {} bits, expected {expected}",
            tensor.name, tensor.bits
        ))
    }
}

fn same_shape(what: &str, a: &Tensor, b: &Tensor) -> Result<(), String> {
    if (&a.axes, a.stack) == (&b.axes, b.stack) {
        Ok(())
    } else {
        Err(format!(
            "{what} is {:?} (stack {}), output {:?} (stack {})",
            a.axes, a.stack, b.axes, b.stack
        ))
    }
}

fn alike(what: &str, a: &Tensor, b: &Tensor) -> Result<(), String> {
    bits(a, b.bits)?;
    same_shape(what, a, b)
}
