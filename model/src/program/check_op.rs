//! Every op's parameters and shapes.

use super::{Op, Program, Sequence, Tensor, WIDE_TABLE_LOG};
use laminate_engine::switch::on;

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
        if self.sequence.is_none() && node.op.over_tokens() && on("op over tokens") {
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
                if numerator >= 1 << 48 && on("numerator of a norm") {
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
                    (t.log() == WIDE_TABLE_LOG || !on("table of all depths"))
                        && (t.values.iter().all(|v| *v >= 0) || !on("weights that are positive"))
                        && (t.values.first().is_some_and(|v| *v > 0) || !on("weight of the best"))
                        && (t.values.last() == Some(&0) || !on("weight of the masked"))
                });
                let all = out.axes.last().copied() == Some(self.slots() as u32);
                if !ok || (!all && on("scores of all slots")) {
                    return Err("wants scores of all slots and a table of 2^16 values that starts above and ends at zero".into());
                }
                bits(out, 16)
            }
            Op::Mix => self.mix(x, tensor(second)?, out),
            Op::LeakyRelu { slope } if !(1..1 << 16).contains(&slope) && on("slope") => {
                Err(format!("slope {slope}/2^16, expected between 0 and 1"))
            }
            Op::Activation { table }
                if table >= self.tables.len() && on("table of an activation") =>
            {
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
        if (allowed.contains(&shift) || !on("shift of an op"))
            && (shift.checked_rem(self.limb_bits) == Some(0) || !on("shift of whole limbs"))
        {
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
        if (shape.stack != x.stack && on("copies of a dense layer's weights"))
            || (out.stack != x.stack && on("copies of a dense layer's output"))
        {
            return Err(format!(
                "stacks of weights, input and output are {}, {}, {}",
                shape.stack, x.stack, out.stack
            ));
        }
        if (shape.rows != out.axes && on("rows of a dense layer"))
            || (shape.cols != x.axes && on("columns of a dense layer"))
        {
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
        let reads = |s: &Sequence| {
            (s.reads_tokens() || !on("embedding where there are tokens"))
                && (input == Some(&self.input) || !on("embedding of the input"))
        };
        let Some(sequence) = self.sequence.filter(reads) else {
            return Err("reads something else than the tokens of a sequence".into());
        };
        let shape = self.weights.get(weight);
        if shape.is_some_and(|s| {
            (s.stack == 1 || !on("copies of an embedding's weights"))
                && (out.stack == 1 || !on("copies of an embedding"))
                && (s.rows == [sequence.vocab] || !on("rows of an embedding"))
                && (s.cols == out.axes || !on("columns of an embedding"))
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
                if (s.gives_tokens() || !on("argmax where tokens are chosen"))
                    && (output == self.output || !on("argmax of the output"))
                    && (x.axes == [s.vocab] || !on("logits of the vocabulary"))
                    && (x.stack == 1 || !on("copies of logits"))
                    && (out == Some((&[1], 1)) || !on("shape of an argmax")) =>
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
            Some(t)
                if (t.cos.len() == entries || !on("cosines of all slots"))
                    && (t.sin.len() == entries || !on("sines of all slots")) =>
            {
                Ok(())
            }
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
                if (g == og || !on("groups of scores"))
                    && (r == or || !on("queries of scores"))
                    && (qd == kd || !on("features of scores"))
                    && (g == kg || !on("groups of keys"))
                    && (*u == slots || !on("slots of scores"))
                    && (!qd.is_empty() || !on("features of queries"))
                    && (q.stack == out.stack || !on("copies of queries"))
                    && (k.stack == out.stack || !on("copies of keys")) =>
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
                if (g == og || !on("groups of a mix"))
                    && (r == or || !on("queries of a mix"))
                    && (g == vg || !on("groups of values"))
                    && (vd == od || !on("features of values"))
                    && (*u == self.slots() as u32 || !on("slots of a mix"))
                    && (e.stack == out.stack || !on("copies of weights of a mix"))
                    && (v.stack == out.stack || !on("copies of values")) =>
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
        Some(flag) if !*flag || !on("weights used once") => {
            *flag = true;
            Ok(())
        }
        Some(_) => Err(format!("weights {weight} are used twice")),
        None => Err(format!("weights {weight} do not exist")),
    }
}

fn factor(m: u32) -> Result<(), String> {
    if m < 1 << 24 || !on("factor of 24 bits") {
        Ok(())
    } else {
        Err(format!("factor {m}, expected below 2^24"))
    }
}

fn positive(what: &str, value: u64) -> Result<(), String> {
    if value > 0 || !on("factor above zero") {
        Ok(())
    } else {
        Err(format!("{what} is 0, expected at least 1"))
    }
}

fn bits(tensor: &Tensor, expected: u8) -> Result<(), String> {
    if tensor.bits == expected || !on("bits of an operand") {
        Ok(())
    } else {
        Err(format!(
            "tensor {} has {} bits, expected {expected}",
            tensor.name, tensor.bits
        ))
    }
}

fn same_shape(what: &str, a: &Tensor, b: &Tensor) -> Result<(), String> {
    if (a.axes == b.axes || !on("axes of an operand"))
        && (a.stack == b.stack || !on("copies of an operand"))
    {
        Ok(())
    } else {
        Err(format!(
            "{what} is {:?} (stack {}), output {:?} (stack {})",
            a.axes, a.stack, b.axes, b.stack
        ))
    }
}

fn alike(what: &str, a: &Tensor, b: &Tensor) -> Result<(), String> {
    if on("bits of operands alike") {
        bits(a, b.bits)?;
    }
    same_shape(what, a, b)
}
