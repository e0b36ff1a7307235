//! What ops ask of their parameters and shapes.

use laminate_engine::switch::on;

use super::Io;
use crate::program::{DenseShape, Program, Tensor, WeightFormat};

/// Weights used so far: once by a layer, and once more by an embedding that is tied to it; tables of words once.
pub(crate) type Used = Vec<[bool; 3]>;

/// How a weight is used; each way once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Multiplied with activations.
    Layer,
    /// Rows taken out of it.
    Rows,
    /// Its entries looked up.
    Entries,
}

/// A node that is checked.
#[derive(Debug)]
pub struct Check<'a, 'u> {
    io: Io<'a>,
    used: &'u mut Used,
}

impl<'a, 'u> Check<'a, 'u> {
    pub(crate) fn new(io: Io<'a>, used: &'u mut Used) -> Self {
        Self { io, used }
    }

    /// The program.
    pub fn program(&self) -> &'a Program {
        self.io.program
    }

    /// The node among its tensors.
    pub fn io(&self) -> Io<'a> {
        self.io
    }

    /// An operand.
    ///
    /// # Errors
    /// That there is none.
    pub fn operand(&self, operand: usize) -> Result<&'a Tensor, String> {
        self.io.operand(operand).ok_or_else(missing)
    }

    /// The output.
    ///
    /// # Errors
    /// That there is none.
    pub fn output(&self) -> Result<&'a Tensor, String> {
        self.io.output().ok_or_else(missing)
    }

    /// The output of a rounding is int16, or of rows int32, which a [`super::saturate`] reads.
    pub(super) fn rounded(&self) -> Result<(), String> {
        let out = self.output()?;
        if out.bits == 32 && (self.program().sequence.is_none() || !on("wide results of rows")) {
            return Ok(());
        }
        bits(out, 16)
    }

    /// Operands are int16 and of the output's shape, which is that of a rounding.
    pub(super) fn rounds_elements(&self, operands: usize) -> Result<(), String> {
        self.rounded()?;
        let out = self.output()?;
        for operand in 0..operands {
            let what = ["operand", "second operand"]
                .get(operand)
                .unwrap_or(&"operand");
            let x = self.operand(operand)?;
            bits(x, 16)?;
            same_shape(what, x, out)?;
        }
        Ok(())
    }

    /// Operand and output are int16 and of one shape.
    pub(super) fn elementwise(&self) -> Result<(), String> {
        let out = self.output()?;
        bits(out, 16)?;
        alike("operand", self.operand(0)?, out)
    }

    /// A shift of the list that is a whole number of limbs.
    pub(super) fn shift(&self, shift: u8, allowed: &[u8]) -> Result<(), String> {
        let limb_bits = self.program().limb_bits;
        if (allowed.contains(&shift) || !on("shift of an op"))
            && (shift.checked_rem(limb_bits) == Some(0) || !on("shift of whole limbs"))
        {
            Ok(())
        } else {
            Err(format!(
                "shift {shift}, expected one of {allowed:?} and whole limbs of {limb_bits} bits"
            ))
        }
    }

    /// The weight exists and nobody else uses it so.
    pub(super) fn claim_weight(&mut self, weight: usize, by: Use) -> Result<(), String> {
        let words = |shape: &DenseShape| shape.format == WeightFormat::Word;
        let shape = self.program().weights.get(weight);
        if shape.is_some_and(|shape| words(shape) != (by == Use::Entries)) && on("format of a use")
        {
            return Err(match by {
                Use::Entries => format!("weights {weight} are no table of words"),
                Use::Layer | Use::Rows => format!("weights {weight} are a table of words"),
            });
        }
        let used = self.used.get_mut(weight);
        match used.and_then(|u| u.get_mut(by as usize)) {
            Some(flag) if !*flag || !on("weights used once") => {
                *flag = true;
                Ok(())
            }
            Some(_) => Err(format!("weights {weight} are used twice")),
            None => Err(format!("weights {weight} do not exist")),
        }
    }
}

fn missing() -> String {
    "tensor does not exist".to_owned()
}

pub(super) fn factor(m: u32) -> Result<(), String> {
    if m < 1 << 24 || !on("factor of 24 bits") {
        Ok(())
    } else {
        Err(format!("factor {m}, expected below 2^24"))
    }
}

pub(super) fn positive(what: &str, value: u64) -> Result<(), String> {
    if value > 0 || !on("factor above zero") {
        Ok(())
    } else {
        Err(format!("{what} is 0, expected at least 1"))
    }
}

pub(super) fn bits(tensor: &Tensor, expected: u8) -> Result<(), String> {
    if tensor.bits == expected || !on("bits of an operand") {
        Ok(())
    } else {
        Err(format!(
            "tensor {} has {} bits, expected {expected}",
            tensor.name, tensor.bits
        ))
    }
}

pub(super) fn same_shape(what: &str, a: &Tensor, b: &Tensor) -> Result<(), String> {
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

pub(super) fn alike(what: &str, a: &Tensor, b: &Tensor) -> Result<(), String> {
    if on("bits of operands alike") {
        bits(a, b.bits)?;
    }
    same_shape(what, a, b)
}
